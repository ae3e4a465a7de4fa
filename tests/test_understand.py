"""What patients write is understood: answers, reports, questions, in whatever language and spelling."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messages.lexicon import read_lexicon
from messages.matching import Message, normalise
from messages.understand import INTENTS, LONGEST, understand
from messages.words import TOPIC_CODES, read_examples
from tests.texts import CODES


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("I have a pacemaker", "implant"),
        ("tengo marcapasos", "implant"),
        ("tengo marcapaso es peligroso", "implant"),
        ("my mother has an aneurysm clip", "implant"),
        ("I have no allergies but I have a stent", "implant"),
        ("pacmaker since 2019, i have one", "implant"),
        ("there's shrapnel in my leg", "implant"),
        ("I'm allergic to gadolinium", "allergy"),
        ("had a bad reaction to contrast", "allergy"),
        ("I'm pregnant", None),
        ("i have kidney disease", None),
        ("on warfarin", None),
        ("I have a pacemaker can I have the scan", "implant"),
    ],
)
def test_what_staff_must_know_is_a_report(text: str, detail: str | None) -> None:
    found = understand(text, "es" if "marcapaso" in text else "en")
    assert (found.intent, found.detail) == ("report", detail)


@pytest.mark.parametrize(
    "text",
    [
        "can I have the scan with a pacemaker?",
        "is a stent a problem",
        "I don't have a pacemaker",
        "no implants",
        "what if I am allergic?",
    ],
)
def test_a_question_or_a_denial_is_no_report(text: str) -> None:
    assert understand(text, "en").intent != "report"


@pytest.mark.parametrize(
    ("text", "awaiting", "intent", "detail"),
    [
        ("1", "confirm", "yes", None),
        ("2", "confirm", "no", None),
        ("1", "safety", "no", None),
        ("2", "safety", "yes", None),
        ("٢", "safety", "yes", None),
        ("none of these", "safety", "no", None),
        ("no", "safety", "no", None),
        ("no pacemaker, nothing", "safety", "no", None),
        ("I have no metal, none of that", "safety", "no", None),
        ("no pacemaker but a stent, nothing else", "safety", "report", "implant"),
        ("no metal", "safety", "unknown", None),
        ("pacemaker 2019", "safety", "report", "implant"),
        ("3", "language", "language", "zh-Hans"),
        ("2", "which-change", "change", None),
        ("what should i wear", "confirm", "question", "metal"),
        ("👍", "confirm", "yes", None),
        ("👍", "safety", "unknown", None),
        ("ok thanks 🙏", None, "thanks", None),
        ("yes ok thank you", "confirm", "yes", None),
    ],
)
def test_an_answer_is_read_by_what_was_asked(text: str, awaiting: str | None, intent: str, detail: str | None) -> None:
    found = understand(text, "en", awaiting)
    assert (found.intent, found.detail) == (intent, detail)


@pytest.mark.parametrize(
    ("text", "own", "intent", "detail"),
    [
        ("quiero cambiar la cita", "en", "change", None),
        ("no puedo respirar", "en", "emergency", None),
        ("không nhắn tin cho tôi nữa", "en", "stop", None),
        ("in English please", "es", "language", "en"),
        ("بالانجليزي", "ar", "language", "en"),
        ("للعربي", "en", "language", "ar"),
        ("ابعتولي بالفرنسية لو سمحتم", "ar", "language", "fr"),
        ("español", "ko", "language", "es"),
        ("I fell and cannot get up", "vi", "emergency", None),
        ("how much does it cost", "zh_Hans", "question", "cost"),
        ("请不要再给我发短信", "en", "stop", None),
    ],
)
def test_another_language_than_the_one_on_record_is_understood(
    text: str, own: str, intent: str, detail: str | None
) -> None:
    found = understand(text, own)
    assert (found.intent, found.detail) == (intent, detail)


@pytest.mark.parametrize(
    ("text", "own", "intent"),
    [("parar", "bn", "stop"), ("my mother has a marcapasos in her chest since 2019", "en", "report")],
)
def test_what_somebody_must_act_on_is_heard_in_a_language_nobody_seems_to_speak(
    text: str, own: str, intent: str
) -> None:
    assert understand(text, own).intent == intent


def test_a_letter_is_no_prefix_in_other_languages_of_the_arabic_script() -> None:
    found, prefixed = (
        {hit.tag.code for hit in read_lexicon().index.find(Message(normalise(text)))} for text in ("نتیجہ", "بنتیجہ")
    )
    assert {"ar", "fa", "ur"} <= found
    assert prefixed == {"ar"}


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("hey babe can u grab milk on the way home", "en"),
        ("whats for dinner tonight", "en"),
        ("that movie was so loud", "en"),
        ("amor compras tortillas de regreso", "es"),
        ("amore prendi il pane quando torni", "it"),
        ("cheri pote pen lè w ap vini", "ht"),
    ],
)
def test_small_talk_to_somebody_else_is_no_question(text: str, own: str) -> None:
    assert understand(text, own).intent == "unknown"


@pytest.mark.parametrize(("text", "own"), [("un cafecito negro", "es"), ("mi trema la mano e non smette", "it")])
def test_an_ordinary_word_is_no_misspelt_word_of_ours(text: str, own: str) -> None:
    found = understand(text, own)
    assert (found.intent, found.detail) in [("question", "food"), ("unknown", None)]


def test_a_longer_phrase_outdoes_a_shorter_one_within_it() -> None:
    assert understand("con cuanto tiempo de anticipacion llego", "es").detail == "when"


def test_what_is_unclear_offers_what_it_may_be() -> None:
    found = understand("the thing for the arm", "en")
    assert found.intent == "unknown" or found.confidence < 1
    assert set(found.alternatives) <= set(TOPIC_CODES)


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(), max_size=LONGEST),
    st.sampled_from([None, *CODES]),
    st.sampled_from([None, "safety", "confirm", "language", "which-confirm"]),
)
def test_any_string_is_understood_somehow(text: str, language: str | None, awaiting: str | None) -> None:
    found = understand(text, language, awaiting)
    assert found.intent in INTENTS
    assert 0 <= found.confidence <= 1
    assert found.detail is None or found.intent in ("question", "report", "language")


@st.composite
def write_prose(draw: st.DrawFn) -> str:
    """A long text of real sentences: of one language or two, with typing errors or without."""
    codes = draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=2))
    sentences = [text for code in codes for _, text in read_examples(code)]
    chosen = draw(st.lists(st.sampled_from(sentences), min_size=20, max_size=60))
    text = draw(st.sampled_from([" ", ". ", "\n", ", "])).join(chosen)[:LONGEST]
    swapped = draw(st.lists(st.integers(0, len(text) - 2), max_size=40))
    for at in swapped:
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


@settings(max_examples=50, deadline=None)
@given(write_prose(), st.sampled_from([None, *CODES]), st.sampled_from([None, "safety", "confirm"]))
def test_any_long_prose_is_understood_somehow(text: str, language: str | None, awaiting: str | None) -> None:
    found = understand(text, language, awaiting)
    assert found.intent in INTENTS
    # A second reading is no other: nothing is kept of the first.
    assert understand(text, language, awaiting) == found


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("dạ mai tôi không đến được", "vi"),
        ("cannot come", "en"),
        ("cant make it", "en"),
        ("no puedo ir", "es"),
        ("je viens pas", "fr"),
        ("schaffe es nicht", "de"),
        ("non posso venire", "it"),
        ("não vou poder ir", "pt_BR"),
        ("nie dam rady", "pl"),
        ("не получится", "ru"),
        ("не зможу прийти", "uk"),
        ("չեմ կարող գալ", "hy"),
        ("ما اقدر اجي", "ar"),
        ("نمیتونم بیام", "fa"),
        ("میں نہیں آ سکتا", "ur"),
        ("nahi aa paunga", "hi"),
        ("আসতে পারব না", "bn"),
        ("ਨਹੀਂ ਆ ਸਕਦਾ", "pa"),
        ("来不了", "zh_Hans"),
        ("我唔嚟得", "zh_Hant"),
        ("行けません", "ja"),
        ("갈 수 없어요", "ko"),
        ("hindi ako makakapunta", "fil"),
        ("mwen pa ka vini", "ht"),
        ("ma iman karo", "so"),
        # No phrase says it, but we have asked.
        ("my carer isnt on that day so i need a different one", "en"),
        ("am nachmittag was frei?", "de"),
    ],
)
def test_a_cannot_within_an_answer_is_no_promise_to_come(text: str, own: str) -> None:
    assert understand(text, own, "confirm").intent in ("no", "change")


@pytest.mark.parametrize("text", ["2", "12345", "10:30", "?!", "5 7"])
def test_a_number_that_answers_nothing_is_no_question(text: str) -> None:
    found = understand(text, "en")
    assert (found.intent, found.alternatives) == ("unknown", ())


@pytest.mark.parametrize(
    ("text", "own", "intent", "detail"),
    [
        # To stop and to start again, in a clause each; a phrase with a gap would bridge them.
        ("em lỡ bấm dừng, nhắn tiếp cho em", "vi", "start", None),
        # "How long before must I be there" has the words of "bring forward ... to".
        ("提前多久到", "zh_Hans", "question", "when"),
        ("好嘞 谢谢", "zh_Hans", "thanks", None),
        ("我老闆看不懂中文 請用英文", "zh_Hant", "language", "en"),
        # A harmless phrase of the language spoken is longer than the emergency of another language within it.
        ("里面憋得慌怎么办", "zh_Hans", "question", "claustrophobia"),
        # "One kidney" without its first letter is "why"; going to school without its accent is choking.
        ("كلية واحدة عندي بس", "ar", "report", None),
        ("mai tụi nhỏ có đi học không", "vi", "unknown", None),
        ("mai tôi không đến được", "vi", "change", None),
        # A nail without its accent is "certainly", kidneys are kin.
        ("nhất định có mặt đúng giờ", "vi", "confirm", None),
    ],
)
def test_what_a_sentence_says_outdoes_the_words_it_has(text: str, own: str, intent: str, detail: str | None) -> None:
    found = understand(text, own)
    assert (found.intent, found.detail) == (intent, detail)


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("i deleted your text by mistake, when is it", "en"),
        ("borré el mensaje sin querer, ¿qué día era?", "es"),
        ("hab eure nachricht gelöscht, wann war das", "de"),
        ("em lỡ xoá tin nhắn, hẹn mấy giờ vậy", "vi"),
        ("不小心删了短信，是哪一天", "zh_Hans"),
    ],
)
def test_whoever_deleted_a_text_of_ours_wants_it_again(text: str, own: str) -> None:
    assert understand(text, own).intent not in ("stop", "wrong_number")


@pytest.mark.parametrize(
    ("text", "automatic"),
    [
        ("yes she's coming, I'm driving her in", False),
        ("I'm driving right now and will reply later", True),
        ("I am driving with Do Not Disturb turned on", True),
    ],
)
def test_whoever_drives_a_patient_is_no_machine(text: str, automatic: bool) -> None:
    assert understand(text, "en").automatic is automatic


def test_texts_are_not_begun_again_on_a_guess() -> None:
    lexicon = read_lexicon()
    starts = [(code, text) for code in CODES for label, text in read_examples(code) if label == "start"]
    for code, text in starts:
        found = understand(text, code)
        if found.intent == "start":
            keys = {hit.tag.key for hit in lexicon.index.find(Message(normalise(text)))}
            assert keys & {"start", "start_phrases"}, text
