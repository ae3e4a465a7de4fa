"""What patients write is understood: dangerous things first, then everything on a labelled set.

``tests/data/texts/<code>.csv`` was written, by machine, without sight of the word lists. Its rows with an even number
are for tuning; the others are held out, and what is reported is measured on them.
"""

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messages.lexicon import read_lexicon
from messages.matching import Message, normalise
from messages.understand import INTENTS, LONGEST, Understanding, understand
from messages.words import TOPIC_CODES, read_examples
from tests.texts import CODES

SETS = sorted(Path(__file__).parent.joinpath("data", "texts").glob("*.csv"))
# The share of the held-out half that must be understood, a little below what was measured; never lowered. The goal
# is 0.95 for English and Spanish and 0.9 for the others.
# fmt: off
LEAST = {
    "en": 0.87, "es": 0.82, "zh_Hans": 0.91, "zh_Hant": 0.75, "vi": 0.91, "ko": 0.94, "fil": 0.85, "ru": 0.9,
    "ar": 0.85, "ht": 0.92, "fr": 0.92, "pt_BR": 0.87, "pl": 0.92, "it": 0.8, "de": 0.92, "ja": 0.94,
    "fa": 0.92, "hi": 0.9, "uk": 0.9, "ur": 0.95, "bn": 0.92, "pa": 0.87, "so": 0.92, "hy": 0.87,
}
# fmt: on
# And of what is dangerous to miss, over all languages and both halves.
LEAST_DANGEROUS = {"stop": 0.97, "emergency": 0.95, "report": 0.88}


# ``tests/data/everyday`` is what most patients send, written without sight of the word lists. What is misread of it was
# looked at on 27 November 2026, while lists were widened: it is unseen no more. A question may be labelled in more than
# one way, what is dangerous not.
EVERYDAY = sorted(Path(__file__).parent.joinpath("data", "everyday").glob("*.csv"))
LEAST_EVERYDAY, LEAST_EVERYDAY_OF_ALL = 0.9, 0.96

# ``tests/data/fresh`` was written, by machine, after all lists and examples and without sight of them: 95.5 % of it was
# understood when it was first read. Which language is asked for it does not say.
FRESH = sorted(Path(__file__).parent.joinpath("data", "fresh").glob("*.csv"))
LEAST_FRESH, LEAST_FRESH_OF_ALL = 0.88, 0.95

# ``tests/data/inventive`` is harder: people who ramble, in dialect, in ways that one would not think of first. It was
# written, by machine, once all else was there, and 83 % of it was understood when it was first read.
INVENTIVE = sorted(Path(__file__).parent.joinpath("data", "inventive").glob("*.csv"))
LEAST_INVENTIVE, LEAST_INVENTIVE_OF_ALL = 0.68, 0.79


def read_rows(path: Path, *, held_out: bool) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row for number, row in enumerate(csv.DictReader(file)) if (number % 2 == 1) is held_out]


def understand_row(row: dict[str, str], code: str) -> Understanding:
    return understand(row["text"], code, row["awaiting"] or None)


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_a_labelled_set_is_well_formed(path: Path) -> None:
    rows = [*read_rows(path, held_out=False), *read_rows(path, held_out=True)]
    assert path.stem in CODES
    assert len({row["text"] for row in rows}) == len(rows) >= 60
    for row in rows:
        assert row["intent"] in INTENTS
        assert row["intent"] != "question" or row["detail"] in TOPIC_CODES
    assert {row["detail"] for row in rows if row["intent"] == "question"} == set(TOPIC_CODES)


@pytest.mark.parametrize("code", LEAST)
def test_enough_of_the_held_out_half_is_understood(code: str) -> None:
    path = next(path for path in SETS if path.stem == code)
    rows = read_rows(path, held_out=True)
    right = sum(
        (found.intent, found.detail) == (row["intent"], row["detail"] or None)
        for row in rows
        for found in [understand_row(row, code)]
    )
    assert right / len(rows) >= LEAST[code]


@pytest.fixture(scope="module")
def everyday() -> list[tuple[str, dict[str, str], Understanding]]:
    """Each text of the everyday sets with its language and what is made of it."""
    rows = []
    for path in EVERYDAY:
        with path.open(encoding="utf-8", newline="") as file:
            rows += [(path.stem, row, understand_row(row, path.stem)) for row in csv.DictReader(file)]
    assert {code for code, _, _ in rows} == set(CODES)
    return rows


def test_what_patients_send_every_day_is_understood(everyday: list[tuple[str, dict[str, str], Understanding]]) -> None:
    right = Counter(
        code for code, row, found in everyday if (found.intent, found.detail) == (row["intent"], row["detail"] or None)
    )
    rows = Counter(code for code, _, _ in everyday)
    assert {code: right[code] / many for code, many in rows.items() if right[code] / many < LEAST_EVERYDAY} == {}
    assert right.total() / rows.total() >= LEAST_EVERYDAY_OF_ALL


@pytest.mark.parametrize(
    ("paths", "least", "least_of_all"),
    [
        (FRESH, LEAST_FRESH, LEAST_FRESH_OF_ALL),
        (INVENTIVE, LEAST_INVENTIVE, LEAST_INVENTIVE_OF_ALL),
    ],
    ids=["fresh", "inventive"],
)
def test_what_nobody_had_seen_is_understood(paths: list[Path], least: float, least_of_all: float) -> None:
    right, rows = Counter[str](), Counter[str]()
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found = understand_row(row, path.stem)
                is_detail_right = found.detail == (row["detail"] or None) or found.intent == "language"
                right[path.stem] += found.intent == row["intent"] and is_detail_right
                rows[path.stem] += 1
    assert set(rows) == set(CODES)
    assert {code: right[code] / many for code, many in rows.items() if right[code] / many < least} == {}
    assert right.total() / rows.total() >= least_of_all


@pytest.mark.parametrize("intent", ["stop", "emergency"])
def test_nothing_dangerous_is_missed_of_what_patients_send_every_day(
    everyday: list[tuple[str, dict[str, str], Understanding]], intent: str
) -> None:
    assert [row["text"] for _, row, found in everyday if (row["intent"] == intent) != (found.intent == intent)] == []


def read_all() -> list[tuple[dict[str, str], str]]:
    return [(row, path.stem) for path in SETS for half in (False, True) for row in read_rows(path, held_out=half)]


def test_nobody_is_stopped_who_did_not_ask_for_it() -> None:
    wrong = [row for row, code in read_all() if row["intent"] != "stop" and understand_row(row, code).intent == "stop"]
    assert len(wrong) <= 2, wrong


@pytest.mark.parametrize("intent", LEAST_DANGEROUS)
def test_what_is_dangerous_to_miss_is_hardly_ever_missed(intent: str) -> None:
    rows = [(row, code) for row, code in read_all() if row["intent"] == intent]
    caught = sum(understand_row(row, code).intent == intent for row, code in rows)
    assert caught / len(rows) >= LEAST_DANGEROUS[intent]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "STOP",
            "stop",
            "Stop.",
            "  sTOP  ",
            "STOPALL",
            "stop all",
            "UNSUBSCRIBE",
            "cancel",
            "END",
            "Quit",
            "optout",
            "REVOKE",
        ),
        *(
            "please stop",
            "pls stop thanks",
            "stop stop stop",
            "Stoppp!!!",
            "stop texting me",
            "please don't text me any more",
        ),
        *(
            "do not send me these messages",
            "I dont want your texts",
            "no more msgs pls",
            "take me off this list",
            "remove my number",
        ),
        *("how do i unsubscribe from these", "leave me alone", "quit messaging me!!", "stop sending this to my phone"),
        *("i do not wish to receive any more reminders", "lose my number"),
    ],
)
@pytest.mark.parametrize("language", ["en", "es", None])
def test_whoever_wants_no_more_texts_is_heard(text: str, language: str | None) -> None:
    assert understand(text, language).intent == "stop"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "I can't stop shaking",
            "stop by the desk?",
            "where is the bus stop",
            "no metal in me",
            "does the noise stop",
            "1",
            "ok",
        ),
        *(
            "can I cancel my appointment",
            "I want to cancel the scan",
            "do i stop my pills",
            "non-stop headaches",
            "when does it end",
        ),
        *(
            "should I quit smoking before it",
            "stop! is there parking?",
            "can i stop the scan if i panic",
            "no",
            "No thanks",
        ),
    ],
)
def test_whoever_only_uses_such_a_word_is_not_stopped(text: str) -> None:
    assert understand(text, "en").intent != "stop"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "I can't breathe",
            "cant breath",
            "he is not breathing",
            "my chest hurts so bad",
            "bad pain in my chest right now",
        ),
        *(
            "chest pian",
            "i think im having a heart attack",
            "she fell and is bleeding",
            "mom fell down the stairs",
            "i want to die",
        ),
        *(
            "gonna kill myself",
            "he is unconscious",
            "she passed out and wont wake up",
            "my wife is having a stroke",
            "please send an ambulance",
        ),
        *("STOP i cant breathe", "his face is drooping", "took too many pills", "bleeding a lot", "im choking"),
    ],
)
@pytest.mark.parametrize("awaiting", [None, "safety", "confirm"])
def test_an_emergency_comes_before_everything(text: str, awaiting: str | None) -> None:
    assert understand(text, "en", awaiting).intent == "emergency"


@pytest.mark.parametrize(
    "text",
    [
        "who is my emergency contact",
        "does it hurt",
        "pain when i lie down",
        "is it an emergency scan",
        "I breathe badly through my nose",
    ],
)
def test_not_every_pain_is_an_emergency(text: str) -> None:
    assert understand(text, "en").intent != "emergency"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("má tôi bị méo miệng", True),
        ("ma toi bi meo mieng", True),
        # Half of the marks are there.
        ("tôi không thơ được", True),
        # A cat; a little; a welder who has died.
        ("móng úp mắt mèo có hút nam châm không ta", False),
        ("chờ em xíu nha còn 2 cây số nữa thôi", False),
        ("khuyên môi dưới tháo hổng nổi, thợ hàn chết rồi", False),
    ],
)
def test_marks_that_are_written_make_another_word_in_vietnamese(text: str, is_one: bool) -> None:
    assert (understand(text, "vi").intent == "emergency") is is_one


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("last time I could not breathe in there", "en"),
        ("years ago I had a stroke", "en"),
        ("had a stroke 2012", "en"),
        ("last scan with dye i couldnt breathe after and they gave me adrenaline", "en"),
        ("me puse mal cuando me inyectaron eso, se me hincho la cara el año pasado", "es"),
        ("bin als kind vom baum gefallen", "de"),
        ("ペニシリンを打って意識を失ったことがあります", "ja"),
        ("작년에 그 약 맞고 숨 막혀서 중환자실", "ko"),
        ("دفعه قبل رنگ زدن گلوم بسته شد", "fa"),
        # It is asked whether it may come to that.
        ("est-ce qu'on peut faire un malaise cardiaque dedans", "fr"),
        ("机器窄不窄，会不会憋得慌", "zh_Hans"),
        ("много крови берут на анализ?", "ru"),
    ],
)
def test_what_was_long_ago_or_is_asked_about_is_no_emergency(text: str, own: str) -> None:
    assert understand(text, own).intent in ("report", "question", "unknown")


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("I had a stroke years ago and I cannot breathe", "en"),
        ("my mum had a stroke last year she is unconscious on the floor", "en"),
        ("chest pain like last time i had a heart attack", "en"),
        ("same pain as last year when i had my heart attack", "en"),
        ("last year i wanted to die and i still do", "en"),
        ("el año pasado tuve un derrame y ahora no puede hablar", "es"),
        ("can someone help he is not breathing?", "en"),
        ("he is not breathing what do i do?", "en"),
        ("am i having a heart attack?", "en"),
        ("chest pain?", "en"),
        ("je peux plus respirer qu'est ce que je fais?", "fr"),
        ("我喘不过气怎么办", "zh_Hans"),
        ("ما اقدر اتنفس وش اسوي", "ar"),
        ("tôi không thở được phải làm sao", "vi"),
    ],
)
def test_neither_the_past_nor_a_question_hides_what_is_now(text: str, own: str) -> None:
    assert understand(text, own).intent == "emergency"


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


def test_a_letter_is_no_prefix_in_other_languages_of_the_arabic_script() -> None:
    found, prefixed = (
        {hit.tag.code for hit in read_lexicon().index.find(Message(normalise(text)))} for text in ("نتیجہ", "بنتیجہ")
    )
    assert {"ar", "fa", "ur"} <= found
    assert prefixed == {"ar"}


@pytest.mark.parametrize(
    ("text", "own", "wanted"),
    [
        ("l'anglais", "fr", "en"),
        ("pas d'espagnol, l'anglais c'est mieux", "fr", "en"),
        ("je préfère l’espagnol", "fr", "es"),
        ("vorrei i messaggi nell'inglese", "it", "en"),
        ("po angielsku", "pl", "en"),
        ("tem em crioulo?", "pt_BR", "ht"),
        ("criollo haitiano", "es", "ht"),
        ("in creolo per favore", "it", "ht"),
    ],
)
def test_a_language_is_found_by_what_people_call_it(text: str, own: str, wanted: str) -> None:
    found = understand(text, own)
    assert (found.intent, found.detail) == ("language", wanted)


def test_a_carriers_word_stops_but_not_a_word_like_it_that_means_another_thing_in_their_language() -> None:
    assert understand("CANCEL", "pt_BR").intent == "stop"
    assert understand("cancelar", "pt_BR").intent == "change"
    assert understand("cancelar mensagens", "pt_BR").intent == "stop"
    assert understand("cancelar", "es").intent == "stop"


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


def test_a_long_text_is_heard_in_another_language_where_that_matters() -> None:
    story = "I took the bus with my son and it rained all day so we were late and had no tea before we came home. " * 5
    assert understand(f"{story} no puedo respirar", "en").intent == "emergency"
    assert understand(f"{story} no me manden más mensajes", "en").intent == "stop"


def test_labels_are_spread_over_intents() -> None:
    counted = Counter(row["intent"] for path in SETS for row in read_rows(path, held_out=True))
    assert {"stop", "emergency", "report", "question", "change"} <= set(counted)


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


def test_an_ambulances_number_is_a_cry_for_one_and_no_answer_to_a_question() -> None:
    assert understand("911!!", "en").intent == "emergency"
    assert understand("119", "ko").intent == "emergency"
    assert understand("112", "en", "safety").intent == "unknown"


@pytest.mark.parametrize(
    ("text", "own"), [("HELP", "en"), ("HELP ME!!!", "en"), ("AYUDA!!!", "es"), ("AIUTATEMI", "it"), ("HILFE!", "de")]
)
def test_a_bare_cry_for_help_gets_the_number_to_call(text: str, own: str) -> None:
    assert understand(text, own).intent in ("help", "emergency")


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


def test_texts_are_not_begun_again_on_a_guess() -> None:
    lexicon = read_lexicon()
    starts = [(code, text) for code in CODES for label, text in read_examples(code) if label == "start"]
    for code, text in starts:
        found = understand(text, code)
        if found.intent == "start":
            keys = {hit.tag.key for hit in lexicon.index.find(Message(normalise(text)))}
            assert keys & {"start", "start_phrases"}, text
