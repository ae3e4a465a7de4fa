"""What is denied, over, or about something else is not done; what only sounds so is."""

import pytest

from messages.understand import understand
from messages.words import EXAMPLE_INTENTS, MEANING, read_examples
from tests.texts import CODES


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Please don't stop the reminders", "en"),
        ("DO NOT STOP TEXTING ME", "en"),
        ("no dejen de mandarme los avisos", "es"),
        ("n'arrêtez pas les messages svp", "fr"),
        ("bitte nicht abmelden, die sms helfen mir", "de"),
        ("не надо отключать смс, они мне помогают", "ru"),
        ("别停短信，请继续发", "zh_Hans"),
        ("リマインダーを止めないでください", "ja"),
        ("लीजिए, मैसेज बंद मत करना", "hi"),
    ],
)
def test_whoever_wants_our_texts_to_go_on_gets_them(text: str, own: str) -> None:
    assert understand(text, own).intent in ("start", "unknown")


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("don't you ever stop, take me off", "en"),
        ("not interested any more, no more texts", "en"),
        ("no quiero más mensajes, quítenme", "es"),
        ("je ne veux plus de vos sms", "fr"),
        ("keine nachrichten mehr bitte", "de"),
        ("больше не присылайте", "ru"),
        ("不要再发了", "zh_Hans"),
        ("もう送らないで", "ja"),
    ],
)
def test_whoever_wants_none_with_a_not_in_it_gets_none(text: str, own: str) -> None:
    assert understand(text, own).intent == "stop"


@pytest.mark.parametrize("text", ["the pain won't STOP", "she wont STOP crying", "Can't find the bus STOP near you"])
def test_a_shouted_stop_that_is_of_something_else_is_none(text: str) -> None:
    assert understand(text, "en").intent != "stop"


@pytest.mark.parametrize(
    "text",
    [
        "please STOP I already had the scan elsewhere",
        "STOP, when was my appointment?",
        "what does it cost, no wait, STOP",
    ],
)
def test_a_shouted_stop_counts_where_the_text_begins_too(text: str) -> None:
    assert understand(text, "en").intent == "stop"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("i can breathe fine again", "en"),
        ("no chest pain today thank god", "en"),
        ("nadie se cayó, solo se rompió el vaso", "es"),
        ("mir ist gar nicht mehr schwindlig", "de"),
        ("дышит уже нормально, всё прошло", "ru"),
    ],
)
def test_an_emergency_that_is_over_or_denied_is_none(text: str, own: str) -> None:
    assert understand(text, own).intent != "emergency"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("she is not breathing", "en"),
        ("not sure if he is breathing what do i do", "en"),
        ("no puede respirar", "es"),
        ("er wacht nicht auf", "de"),
        ("она не дышит", "ru"),
        ("他不省人事了", "zh_Hans"),
    ],
)
def test_a_not_makes_an_emergency_as_well(text: str, own: str) -> None:
    assert understand(text, own).intent == "emergency"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("yes this is the right number", "en"),
        ("you have the right person", "en"),
        ("sí, este es el número correcto", "es"),
        ("die nummer stimmt", "de"),
        ("да, номер правильный", "ru"),
    ],
)
def test_the_right_number_is_no_wrong_one(text: str, own: str) -> None:
    assert understand(text, own).intent != "wrong_number"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("need a refill on my blood pressure pills", "en"),
        ("could the doctor sign a sick note for my boss", "en"),
        ("are you hiring cleaners", "en"),
        ("necesito que me renueven la receta de la metformina", "es"),
        ("il me faudrait une nouvelle ordonnance pour mes lunettes", "fr"),
        ("die rechnung vom letzten jahr hab ich doppelt bekommen", "de"),
        ("мне бы рецепт на таблетки от давления продлить", "ru"),
        ("去年住院的发票还能补开吗", "zh_Hans"),
        ("작년 진료비 영수증 다시 뗄 수 있나요", "ko"),
        ("पिछले साल वाले बिल की कॉपी चाहिए थी", "hi"),
    ],
)
def test_other_business_of_the_clinic_is_left_to_a_person(text: str, own: str) -> None:
    assert understand(text, own).intent == "unknown"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("don't cancel my appointment, I will be there", "en"),
        ("bitte termin nicht absagen, ich komme", "de"),
        ("n'annulez pas mon rendez-vous", "fr"),
        ("не отменяйте мою запись", "ru"),
        ("不要取消我的预约", "zh_Hans"),
        ("मेरी अपॉइंटमेंट कैंसल मत करना", "hi"),
    ],
)
def test_an_appointment_that_is_not_to_be_cancelled_is_kept(text: str, own: str) -> None:
    assert understand(text, own).intent in ("confirm", "unknown")


@pytest.mark.parametrize("code", CODES)
def test_each_language_teaches_what_is_learned_apart(code: str) -> None:
    labels = {label for label, _ in read_examples(code)}
    assert set(MEANING) <= labels
    assert set(MEANING.values()) <= labels
    assert set(MEANING) <= set(EXAMPLE_INTENTS)


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("cancel the appointment we are not coming", "en"),
        ("cancele la cita, no vamos a ir", "es"),
        ("annulez le rendez-vous, on ne vient pas", "fr"),
        ("отмените запись, мы не придем", "ru"),
        ("取消预约，我们不来了", "zh_Hans"),
        ("اپائنٹمنٹ کینسل کر دیں ہم نہیں آ رہے", "ur"),
        ("अपॉइंटमेंट कैंसल कर दो हम नहीं आ रहे", "hi"),
    ],
)
def test_an_appointment_that_is_to_be_cancelled_is_not_kept(text: str, own: str) -> None:
    assert understand(text, own).intent == "change"
