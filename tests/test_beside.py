"""What somebody must act on is heard though it is said beside something else."""

import re

import pytest

from messages.understand import understand

ASKED = {
    "en": "How long does the scan take?",
    "es": "¿Cuánto dura la resonancia?",
    "de": "Wie lange dauert das MRT?",
    "fr": "L'IRM dure combien de temps ?",
    "ru": "Сколько длится МРТ?",
    "zh_Hans": "核磁共振要做多久？",
    "ar": "كم مدة الفحص؟",
    "hi": "एमआरआई में कितना समय लगता है?",
}
LONGER = {
    "en": "How long does the scan take and where can I leave my car?",
    "es": "¿Cuánto dura la resonancia y dónde puedo dejar el coche?",
    "de": "Wie lange dauert das MRT und wo kann ich parken?",
    "fr": "L'IRM dure combien de temps et où puis-je garer ma voiture ?",
    "ru": "Сколько длится МРТ и где можно оставить машину?",
    "zh_Hans": "请问附近哪里可以停车？",
    "ar": "كم مدة الفحص وأين يمكنني أن أوقف سيارتي؟",
    "hi": "एमआरआई में कितना समय लगता है और गाड़ी कहाँ खड़ी करें?",
}
SAID = {
    "emergency": {
        "en": "I took all my tablets, I don't want to be here any more.",
        "es": "Mi papá se desmayó y no despierta.",
        "de": "Ich bekomme keine Luft mehr.",
        "fr": "J'arrive plus à respirer.",
        "ru": "Муж упал и не дышит.",
        "zh_Hans": "我喘不过气来。",
        "ar": "ما اقدر اتنفس.",
        "hi": "मुझे सांस नहीं आ रही है।",
    },
    "stop": {
        "en": "Please stop texting me.",
        "es": "No me manden más mensajes.",
        "de": "Bitte keine SMS mehr schicken.",
        "fr": "Arrêtez de m'envoyer des messages.",
        "ru": "Не пишите мне больше.",
        "zh_Hans": "不要再给我发短信了。",
        "ar": "لا ترسلوا لي رسائل بعد اليوم.",
        "hi": "मुझे और मैसेज मत भेजिए।",
    },
    "wrong_number": {
        "en": "You have the wrong number.",
        "es": "Se equivocó de número.",
        "de": "Sie haben die falsche Nummer.",
        "fr": "Vous vous trompez de numéro.",
        "ru": "Вы ошиблись номером.",
        "zh_Hans": "你们打错号码了。",
        "ar": "الرقم غلط.",
        "hi": "आपने गलत नंबर पर भेजा है।",
    },
    "report": {
        "en": "I have a pacemaker.",
        "es": "Tengo marcapasos.",
        "de": "Ich habe einen Herzschrittmacher.",
        "fr": "J'ai un pacemaker.",
        "ru": "У меня кардиостимулятор.",
        "zh_Hans": "我装了心脏起搏器。",
        "ar": "عندي جهاز تنظيم ضربات القلب.",
        "hi": "मुझे पेसमेकर लगा है।",
    },
}


def write_plainly(text: str, code: str) -> str:
    """Without punctuation, and without spaces where the script has none."""
    return re.sub(r"[^\w\s'\u0900-\u097f]+", "" if code == "zh_Hans" else " ", text).strip().lower()


@pytest.mark.parametrize("code", ASKED)
@pytest.mark.parametrize("intent", SAID)
def test_what_is_vital_is_heard_before_and_behind_a_question(intent: str, code: str) -> None:
    said = SAID[intent][code]
    assert understand(f"{ASKED[code]} {said}", code).intent == intent
    assert understand(f"{said} {ASKED[code]}", code).intent == intent


@pytest.mark.parametrize("code", ASKED)
@pytest.mark.parametrize("intent", SAID)
def test_what_is_vital_is_heard_where_nobody_set_a_full_stop(intent: str, code: str) -> None:
    """They text "how long does it take i have a pacemaker"."""
    asked, said = (write_plainly(text, code) for text in (LONGER[code], SAID[intent][code]))
    space = "" if code == "zh_Hans" else " "
    assert understand(f"{asked}{space}{said}", code).intent == intent
    assert understand(f"{said}{space}{asked}", code).intent == intent
    assert understand(asked, code).intent == "question"


BEFORE = {
    "en": "will it show if the nerve is pinched and can we do friday instead and how much is it with my insurance",
    "es": "para qué es este estudio y cuánto cuesta y puedo tomar agua antes y dónde dejo el carro",
}
BEHIND = {
    "en": "do i have to take my wedding ring off and is it loud in there",
    "es": "me van a inyectar algo y hace mucho ruido la máquina",
}


@pytest.mark.parametrize(
    ("intent", "said", "code"),
    [
        ("emergency", "mi papá se cayó y no se mueve", "es"),
        ("emergency", "me duele el pecho y se me duerme el brazo izquierdo", "es"),
        ("emergency", "his lips have gone blue and i cant wake him", "en"),
        ("report", "grandpa has a bit of shrapnel in his leg", "en"),
        ("report", "a mi hijo le pusieron una válvula en la cabeza", "es"),
        ("wrong_number", "there is no margaret at this number", "en"),
        ("stop", "please take my number off your list", "en"),
    ],
)
def test_what_is_vital_is_heard_among_many_things_without_a_full_stop(intent: str, said: str, code: str) -> None:
    assert understand(f"{BEFORE[code]} {said} {BEHIND[code]}", code).intent == intent
    assert understand(f"{BEFORE[code]} {BEHIND[code]}", code).intent == "question"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("i have no pacemaker and no other metal in me and i have never had an allergy", "en"),
        ("is it true that people who have a pacemaker cannot have the scan", "en"),
        ("no llevo marcapasos ni prótesis ni ningún otro metal y tampoco tengo alergias", "es"),
        ("ich habe keinen herzschrittmacher und kein metall im körper und auch keine allergien", "de"),
    ],
)
def test_a_part_of_one_thing_does_not_outweigh_the_whole(text: str, own: str) -> None:
    assert understand(text, own).intent != "report"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("How long does the scan take? Never mind. STOP", "en"),
        ("Ya fui al otro hospital. Alto", "es"),
        ("Mein Mann ist gestorben. Stopp", "de"),
        # In capitals also where nobody set a full stop.
        ("what does it cost on tuesday for my mother STOP", "en"),
        ("Buenas tardes ¿puedo tomarme la pastilla de la presión? STOP por favor", "es"),
        ("сколько стоит и где вы находитесь СТОП", "ru"),
    ],
)
def test_a_text_that_ends_on_a_word_for_it_is_a_stop(text: str, own: str) -> None:
    assert understand(text, own).intent == "stop"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        # It may be meant for anybody.
        ("Stop! Is there parking?", "en"),
        # The appointment, not the texts.
        ("I can't come on Tuesday. Cancel.", "en"),
        ("Something came up. End of story. Can I come on Friday?", "en"),
        # They want them again.
        ("I wrote stop by mistake. Start.", "en"),
        ("No puedo ir el martes. Cancelar.", "es"),
        ("no puedo ir el martes con mi madre CANCELAR", "es"),
        # The tremor, the bus, the noise.
        ("my hands are shaking and it won't STOP", "en"),
        ("WHERE IS THE BUS STOP", "en"),
        ("where do i get off is it the last stop", "en"),
        ("is it true that the noise does not stop for the whole of the scan", "en"),
    ],
)
def test_what_is_no_wish_for_no_more_texts_is_none_beside_something_else(text: str, own: str) -> None:
    assert understand(text, own).intent != "stop"


def test_a_question_about_somebody_elses_implant_stays_a_question() -> None:
    found = understand("My neighbour asked me. Can people with a pacemaker have an MRI?", "en")
    assert found.intent == "question"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("I am out of the office until Monday. If this is an emergency call 911.", "en"),
        ("This number is not monitored. For emergencies dial 112. Thank you.", "en"),
        ("I'm driving right now. I'll get back to you later.", "en"),
        ("Ich bin bis Montag nicht im Büro. In Notfällen wenden Sie sich an 112.", "de"),
    ],
)
def test_what_a_machine_answers_is_no_emergency(text: str, own: str) -> None:
    found = understand(text, own)
    assert (found.intent, found.automatic) == ("unknown", True)


@pytest.mark.parametrize(
    ("text", "own", "intent"),
    [
        ("I'm driving and my chest hurts so bad I can't breathe", "en", "emergency"),
        ("I'm in a meeting and my husband just collapsed at home, he has chest pain", "en", "emergency"),
        ("Estoy manejando y no puedo respirar", "es", "emergency"),
        ("I'm in a meeting. Stop texting me", "en", "stop"),
    ],
)
def test_somebody_may_use_the_words_of_a_machine(text: str, own: str, intent: str) -> None:
    assert understand(text, own).intent == intent
