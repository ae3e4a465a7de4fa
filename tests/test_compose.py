"""Every text we send, in every language: its length, its words, and what it falls back to."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import combinations, product
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po
from hypothesis import given, settings
from hypothesis import strategies as st

from messages import languages
from messages.compose import (
    MAX_ADDRESS,
    MAX_CLINIC_NAME,
    MAX_NAME,
    MAX_PHONE,
    REMINDERS,
    REPLIES,
    ClinicFacts,
    Text,
    Visit,
    compose_answer,
    compose_reminder,
    compose_reply,
    find_budget,
    find_question,
    list_language_choices,
    name_visit,
)
from messages.exams import EXAMS, Exam, get_exam
from messages.languages import (
    LANGUAGES,
    LOCALES,
    SOURCE,
    Speaker,
    UntranslatedError,
    get_language,
    read_catalogue,
    read_sources,
)
from messages.segments import measure, tidy
from messages.topics import TOPICS, get_topic
from messages.words import CARRIER_STARTS, CARRIER_STOPS, read_words

NEW_YORK = ZoneInfo("America/New_York")
CODES = [language.code for language in LANGUAGES]
TRANSLATED = [code for code in CODES if code != SOURCE]
# 12:45 PM in New York, on the longest day that a language can say. A Saturday (sábado) takes Spanish out of GSM-7.
DAYS = {
    code: [datetime(2026, month, day, 12, 45, tzinfo=NEW_YORK) for month, day in days]
    for code, days in {
        "en": [(9, 30)],
        "es": [(9, 30), (9, 26)],
        "zh_Hans": [(12, 30)],
        "ar": [(9, 29)],
        "ht": [(2, 27)],
    }.items()
}
DAY = DAYS[SOURCE][0]
MOVED_FROM = DAYS["es"][1]

ORDINARY = ClinicFacts(
    name="Riverside Imaging",
    phone="+1 202-555-0100",
    address="12 Harbor Street, Springfield",
    zone=NEW_YORK,
    region="US",
    default_language="en",
    emergency_number="911",
    arrive_early=timedelta(minutes=15),
)
LONGEST = replace(
    ORDINARY,
    name="Riverside Imaging and Radiology Institute"[:MAX_CLINIC_NAME],
    phone="+1 (202) 555-0100 x7"[:MAX_PHONE],
    emergency_number="202-555-0199 ext. 11"[:MAX_PHONE],
    address=("Radiology, Building C, Second Floor, 1234 North Harbor Street, Springfield 01234 MA")[:MAX_ADDRESS],
)
LONG_NAME = "Maria Alejandra Sosa"
MRI = get_exam("mri-brain")


def find_source(beginning: str) -> str:
    """The English sentence that begins so."""
    [sentence] = [sentence for sentence in read_sources() if sentence.startswith(beginning)]
    return sentence


# Everything that bot.schedule can put into one text: any steps of a plan, or a move with what was missed.
STEPS: list[tuple[str, ...]] = [
    *(steps for count in range(1, 5) for steps in combinations(REMINDERS, count)),
    *(("moved", *steps) for count in range(4) for steps in combinations(REMINDERS[1:], count)),
    ("cancelled",),
]


def join_steps(steps: object) -> str:
    return "+".join(steps) if isinstance(steps, tuple) else str(steps)


@cache
def compose_all(steps: tuple[str, ...], language: str, clinic: ClinicFacts, name: str) -> list[tuple[Visit, Text]]:
    """The text for a visit of each kind: exam, contrast, sedation, a shared phone or not, on the longest days."""
    no_and_yes = (False, True)
    visits = [
        Visit(exam, day, name, contrast, sedation, name_needed=shared)
        for exam, contrast, sedation, shared, day in product(EXAMS, no_and_yes, no_and_yes, no_and_yes, DAYS[language])
    ]
    return [(visit, compose_reminder(steps, language, clinic, visit, MOVED_FROM)) for visit in visits]


@cache
def compose_answers(language: str, clinic: ClinicFacts, name: str) -> list[tuple[str, Text]]:
    """Every reply and every plain answer, by its name; the numbered questions offer three visits."""
    visits = [Visit(MRI, day, name) for day in DAYS[language]]
    chosen = [name_visit(language, clinic, visit) for visit in visits * 3][:3]
    choices = {
        "ask_which": chosen,
        "ask_language": list_language_choices(),
        "language_missing": list_language_choices(),
    }
    answers = []
    for visit in visits:
        answers += [(reply, compose_reply(reply, language, clinic, visit, choices.get(reply, ()))) for reply in REPLIES]
        answers += [(topic.code, compose_answer(topic, language, clinic, visit)) for topic in TOPICS]
    return answers


@cache
def list_all_texts(language: str) -> list[str]:
    """Every text there can be in a language, as patients read it, named answers too."""
    texts = [text for steps in STEPS for _, text in compose_all(steps, language, LONGEST, LONG_NAME)]
    texts += [text for steps in STEPS for _, text in compose_all(steps, language, ORDINARY, "Ana")]
    texts += [text for _, text in compose_answers(language, LONGEST, LONG_NAME)]
    texts += [compose_answer(topic, language, LONGEST, Visit(MRI, DAY), named=True) for topic in TOPICS]
    return sorted({text.body for text in texts})


# Length


@pytest.mark.parametrize("steps", STEPS, ids=join_steps)
@pytest.mark.parametrize("language", CODES)
def test_a_reminder_with_the_longest_values_is_within_its_budget(language: str, steps: tuple[str, ...]) -> None:
    budget = find_budget(steps, language)
    over = {
        (visit.exam.code, visit.contrast, visit.sedation, visit.name_needed, text.measure.units)
        for visit, text in compose_all(steps, language, LONGEST, LONG_NAME)
        if text.measure.segments > budget
    }
    assert not over


@pytest.mark.parametrize("steps", STEPS, ids=join_steps)
@pytest.mark.parametrize("language", CODES)
def test_a_reminder_comes_out_in_the_language_asked(language: str, steps: tuple[str, ...]) -> None:
    for _, text in compose_all(steps, language, LONGEST, LONG_NAME):
        assert text.language == language
        assert text.measure == measure(text.body)
        assert text.reviewed == read_catalogue(language).reviewed


@pytest.mark.parametrize("steps", STEPS, ids=join_steps)
@pytest.mark.parametrize("language", CODES)
def test_the_phone_is_left_out_only_when_there_is_no_room_for_it(language: str, steps: tuple[str, ...]) -> None:
    speaker = Speaker(get_language(language), "US")
    sentence = speaker.say("Phone: {phone}", phone=LONGEST.phone)
    for visit, text in compose_all(steps, language, LONGEST, LONG_NAME):
        if LONGEST.phone not in text.body:
            assert "cancelled" not in steps
            assert LONGEST.address not in text.body
            assert visit.name_needed or LONG_NAME not in text.body
            with_phone = measure(speaker.join(text.body, sentence))
            assert with_phone.segments > find_budget(steps, language)


@pytest.mark.parametrize("steps", STEPS, ids=join_steps)
@pytest.mark.parametrize("language", CODES)
def test_with_ordinary_values_the_phone_the_day_and_the_time_to_arrive_are_always_there(
    language: str, steps: tuple[str, ...]
) -> None:
    speaker = Speaker(get_language(language), "US")
    for visit, text in compose_all(steps, language, ORDINARY, "Ana"):
        assert text.measure.segments <= find_budget(steps, language)
        assert text.body.startswith(("Riverside Imaging", "\u2068Riverside Imaging\u2069"))
        assert ORDINARY.phone in text.body
        assert speaker.day(visit.starts_at) in text.body
        wanted = visit.starts_at if "cancelled" in steps else visit.starts_at - ORDINARY.arrive_early
        assert speaker.time(wanted) in text.body
        assert not visit.name_needed or "Ana" in text.body


@pytest.mark.parametrize("language", CODES)
def test_every_reply_and_every_answer_is_short(language: str) -> None:
    multilingual = {"ask_language", "language_missing"}  # they name every language in its own script
    for name, text in compose_answers(language, LONGEST, LONG_NAME):
        most = 2 if language == SOURCE and name not in multilingual else 5
        assert text.measure.segments <= most, (name, text.measure, text.body)
        assert text.language == language


@pytest.mark.parametrize("language", CODES)
def test_an_answer_that_names_the_condition_is_short_too(language: str) -> None:
    for topic in TOPICS:
        text = compose_answer(topic, language, LONGEST, Visit(MRI, DAY, LONG_NAME), named=True)
        assert text.measure.segments <= (2 if language == SOURCE else 5), topic.code
        assert text.language == language


@pytest.mark.parametrize("language", CODES)
def test_every_reply_and_answer_can_be_given_to_a_number_without_an_appointment(language: str) -> None:
    need_a_visit = {"confirmed", "ask_coming"}
    for reply in REPLIES.keys() - need_a_visit:
        assert compose_reply(reply, language, ORDINARY, choices=["Ana"]).language == language
    for topic in TOPICS:
        assert compose_answer(topic, language, ORDINARY, None).language == language
    no_appointment = compose_reply("no_appointment", language, ORDINARY)
    assert compose_answer(get_topic("when"), language, ORDINARY, None) == no_appointment


@pytest.mark.parametrize(
    ("steps", "language", "budget"),
    [
        (("safety",), "en", 2),
        (("safety",), "es", 5),
        (("cancelled",), "ar", 5),
        (("welcome", "safety"), "en", 4),
        (REMINDERS, "zh_Hans", 8),
    ],
)
def test_the_budget_is_larger_for_a_merged_text_and_for_another_language(
    steps: tuple[str, ...], language: str, budget: int
) -> None:
    assert find_budget(steps, language) == budget


# Privacy. A word of ours for the condition, which patients are examined for, in each language; the
# answer to someone who named it first shows that the list is right.
CONDITION = {
    "en": (
        "motor neuron",
        "amyotrophic",
        "lateral sclerosis",
        "sclerosis",
        "gehrig",
        "neurodegenerat",
        "corticospinal",
    ),
    "es": ("neurona motora", "neuronas motoras", "motoneurona", "esclerosis", "amiotrófica", "neurodegenerat"),
    "zh_Hans": ("运动神经元", "渐冻", "肌萎缩", "侧索硬化", "硬化症", "神经退行"),
    "ar": ("العصبون الحركي", "العصبونات الحركية", "العصبية الحركية", "التصلب", "الضموري", "تصلب جانبي"),
    "ht": ("newòn motè", "newon mote", "newòn motris", "eskleroz", "amyotwofik", "gehrig"),
}
CONDITION_SHORT = re.compile(r"(?<![A-Za-z])(ALS|MND|ELA|SLA|EMN|MNM)(?![A-Za-z])")


def names_condition(body: str, language: str) -> bool:
    words = {*CONDITION[language], *CONDITION["en"]}
    return any(word in body.casefold() for word in words) or CONDITION_SHORT.search(body) is not None


@pytest.mark.parametrize("language", CODES)
def test_only_an_answer_to_somebody_who_named_the_condition_names_it(language: str) -> None:
    named = {
        topic.code
        for topic in TOPICS
        if names_condition(compose_answer(topic, language, ORDINARY, Visit(MRI, DAY), named=True).body, language)
    }
    assert named == {topic.code for topic in TOPICS if topic.named} == {"diagnosis"}


@pytest.mark.parametrize("language", CODES)
def test_no_text_we_start_and_no_plain_answer_names_a_condition(language: str) -> None:
    bodies = {text.body for steps in STEPS for _, text in compose_all(steps, language, LONGEST, LONG_NAME)}
    bodies |= {text.body for _, text in compose_answers(language, LONGEST, LONG_NAME)}
    assert [body for body in bodies if names_condition(body, language)] == []


@pytest.mark.parametrize("steps", STEPS, ids=join_steps)
@pytest.mark.parametrize("language", CODES)
def test_a_reminder_names_neither_the_exam_nor_any_number_of_the_patient(language: str, steps: tuple[str, ...]) -> None:
    codes = re.compile("|".join(rf"(?<!\w){exam.code}(?!\w)" for exam in EXAMS), re.IGNORECASE)
    parts = re.compile(
        r"\b(brain|spine|lumbar|cerebro|cerebral|columna|大脑|脑部|脊柱|腰椎|الدماغ|العمود|sèvo|zo rèldo)\b"
    )
    speaker = Speaker(get_language(language), "US")
    for visit, text in compose_all(steps, language, ORDINARY, "Ana"):
        assert not codes.search(text.body)
        assert not parts.search(text.body.casefold())
        rest = text.body
        for day in (visit.starts_at, visit.starts_at - ORDINARY.arrive_early, MOVED_FROM):
            rest = rest.replace(speaker.day(day), "").replace(speaker.time(day), "")
        for said in (ORDINARY.phone, ORDINARY.address):
            rest = rest.replace(said, "")
        # What is left: the numbers of the answers, and the hours to eat nothing.
        assert set(re.findall(r"\d+", rest)) <= {"1", "2", "4", "6"}


def test_what_texts_know_of_a_visit_has_no_record_number_in_it() -> None:
    assert set(Visit.__slots__) == {
        *("exam", "starts_at", "given_name", "contrast", "sedation", "place", "name_needed"),
    }


@pytest.mark.parametrize("steps", STEPS, ids=join_steps)
@pytest.mark.parametrize("language", CODES)
def test_a_name_is_said_only_if_the_clinic_wants_it_or_the_phone_is_shared(
    language: str, steps: tuple[str, ...]
) -> None:
    discreet = replace(ORDINARY, name_in_texts=False)
    visit = Visit(MRI, DAY, "Ana")
    shared = replace(visit, name_needed=True)
    assert "Ana" not in compose_reminder(steps, language, discreet, visit, MOVED_FROM).body
    assert "Ana" in compose_reminder(steps, language, discreet, shared, MOVED_FROM).body
    nameless = compose_reminder(steps, language, ORDINARY, replace(visit, given_name=None), MOVED_FROM)
    assert nameless == compose_reminder(steps, language, discreet, visit, MOVED_FROM)


# Words of the carriers

OFFERED_BY_NOBODY = re.compile(
    rf"(?<![A-Za-z])({'|'.join(sorted((CARRIER_STOPS | CARRIER_STARTS) - {'STOP', 'START'}))})(?![A-Za-z])"
)


@pytest.mark.parametrize("language", CODES)
def test_no_text_offers_a_word_that_carriers_act_on(language: str) -> None:
    assert {"YES", "CANCEL", "END", "QUIT"} <= CARRIER_STOPS | CARRIER_STARTS
    assert [body for body in list_all_texts(language) if OFFERED_BY_NOBODY.search(body)] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_offers_a_word_that_carriers_act_on(language: str) -> None:
    assert [said for said in read_catalogue(language).translations.values() if OFFERED_BY_NOBODY.search(said)] == []


@pytest.mark.parametrize("language", CODES)
def test_no_keyword_that_texts_show_is_a_word_that_carriers_act_on(language: str) -> None:
    words = read_words(language)
    shown = {word.upper() for word in (*words.shown.values(), *words.shown_topics.values())}
    assert not shown & (CARRIER_STOPS | CARRIER_STARTS)
    assert len(shown) == len(words.shown) + len(words.shown_topics)


@pytest.mark.parametrize("language", TRANSLATED)
def test_stop_and_start_are_offered_exactly_where_the_english_offers_them(language: str) -> None:
    for sentence, said in read_catalogue(language).translations.items():
        for word in ("STOP", "START"):
            pattern = rf"(?<![A-Za-z]){word}(?![A-Za-z])"
            assert bool(re.search(pattern, said)) == bool(re.search(pattern, sentence)), sentence


@pytest.mark.parametrize("language", CODES)
def test_the_welcome_says_how_to_stop_and_how_to_get_topics_and_another_language(language: str) -> None:
    shown = read_words(language).shown
    for steps in (steps for steps in STEPS if "welcome" in steps):
        for _, text in compose_all(steps, language, LONGEST, LONG_NAME):
            for word in ("STOP", shown["menu"], shown["language"]):
                assert word in text.body


# Catalogues


def find_placeholders(sentence: str) -> set[str]:
    """The placeholders of a sentence, with any conversion or format they have, which none should."""
    return {
        f"{name}!{conversion or ''}:{form}"
        for _, name, form, conversion in Formatter().parse(sentence)
        if name is not None
    }


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_translation_has_the_placeholders_of_the_english(language: str) -> None:
    for sentence, said in read_catalogue(language).translations.items():
        assert find_placeholders(said) == find_placeholders(sentence), sentence


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_translation_has_the_numbers_of_the_english(language: str) -> None:
    for sentence, said in read_catalogue(language).translations.items():
        numbers = [int(number) for number in re.findall(r"\d+", said)]
        assert sorted(numbers) == sorted(int(number) for number in re.findall(r"\d+", sentence)), sentence


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_answers_keep_their_order(language: str) -> None:
    translations = read_catalogue(language).translations
    for sentence in translations:
        if "1 = " in sentence:
            assert translations[sentence].index("1") < translations[sentence].index("2")


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_catalogue_is_complete_and_has_nothing_more(language: str) -> None:
    assert set(read_catalogue(language).translations) == set(read_sources())


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_catalogue_says_who_translated_and_who_reviewed_it_or_that_nobody_did(language: str) -> None:
    first_lines = (LOCALES / language / "LC_MESSAGES" / "messages.po").read_text(encoding="utf-8").split("msgid", 1)[0]
    assert re.search(r"^# Translated by: \w+", first_lines, re.MULTILINE)
    [reviewer] = re.findall(r"^# Reviewed by: (\w.*)$", first_lines, re.MULTILINE)
    assert read_catalogue(language).reviewed is not reviewer.startswith("nobody")


def test_every_catalogue_in_the_folder_is_a_language_we_write() -> None:
    assert sorted(path.name for path in LOCALES.iterdir() if path.is_dir()) == sorted(TRANSLATED)


SYMBOLS_ONLY = {"{clinic}: {text}"}


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_is_the_english_sentence(language: str) -> None:
    same = {sentence for sentence, said in read_catalogue(language).translations.items() if said == sentence}
    assert same <= SYMBOLS_ONLY


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_english_is_left_in_another_language(language: str) -> None:
    fragments = {
        fragment.strip(" .,:")
        for sentence in set(read_sources()) - SYMBOLS_ONLY
        for fragment in re.split(r"\{\w+\}|[.?!:]", sentence)
        if len(fragment.strip(" .,:")) > 6
    }
    english = re.compile(r"\b(the|your|you|please|phone|appointment|with|reply|and|our)\b", re.IGNORECASE)
    for body in list_all_texts(language):
        ours = body.replace(LONGEST.name, "").replace(LONGEST.address, "").replace(ORDINARY.address, "")
        assert not english.search(ours), body
        assert not [fragment for fragment in fragments if fragment in ours], body


def test_the_template_is_what_the_code_says_now() -> None:
    folder = LOCALES.parent / "messages"
    extracted = {message for _, _, message, _, _ in extract_from_dir(folder, keywords={"say": None})}
    assert extracted == set(read_sources())


def test_every_sentence_of_a_topic_and_of_a_reply_is_in_the_template() -> None:
    said = {*REPLIES.values(), *(topic.question for topic in TOPICS), *(topic.answer for topic in TOPICS)}
    said |= {topic.named for topic in TOPICS if topic.named}
    assert said <= set(read_sources())


# What a text falls back to

EditCatalogue = Callable[..., None]


@pytest.fixture
def edit_catalogue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EditCatalogue]:
    """Spoils a sentence of a copy of the catalogues, which stands in for them until the test ends."""
    copy = tmp_path / "locales"
    shutil.copytree(LOCALES, copy)

    def clear() -> None:
        read_catalogue.cache_clear()
        read_sources.cache_clear()

    def edit(language: str, sentence: str, fault: str, reviewer: str = "nobody") -> None:
        path = copy / language / "LC_MESSAGES" / "messages.po"
        with path.open("rb") as file:
            po = read_po(file, locale=language)
        po.header_comment = f"# Reviewed by: {reviewer}"
        if sentence:
            message = po.get(sentence)
            assert message is not None, sentence
            if fault == "missing":
                po.delete(sentence)
            elif fault == "empty":
                message.string = ""
            else:
                message.flags.add("fuzzy")
        with path.open("wb") as file:
            write_po(file, po)
        clear()

    monkeypatch.setattr(languages, "LOCALES", copy)
    clear()
    yield edit
    monkeypatch.undo()
    clear()


FAULTS = ["missing", "empty", "fuzzy"]
SENTENCES = [
    find_source("{clinic}: {text}"),
    find_source("Hello "),
    find_source("Your MRI is on"),
    find_source("Reply now: 1"),
    find_source("Someone may come"),
    find_source("Address:"),
    find_source("Phone: "),
]
CREOLE_CLINIC = replace(ORDINARY, default_language="ht")
VISIT = Visit(MRI, DAY, "Ana")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_text_with_one_unusable_sentence_is_wholly_in_the_language_of_the_clinic(
    edit_catalogue: EditCatalogue, sentence: str, fault: str
) -> None:
    expected = compose_reminder(REMINDERS, "ht", CREOLE_CLINIC, VISIT)
    assert compose_reminder(REMINDERS, "es", CREOLE_CLINIC, VISIT).language == "es"
    edit_catalogue("es", sentence, fault)
    assert compose_reminder(REMINDERS, "es", CREOLE_CLINIC, VISIT) == expected
    assert expected.language == "ht"


@pytest.mark.parametrize("fault", FAULTS)
def test_without_the_sentence_in_the_language_of_the_clinic_the_text_is_english(
    edit_catalogue: EditCatalogue, fault: str
) -> None:
    expected = compose_reminder(REMINDERS, "en", CREOLE_CLINIC, VISIT)
    edit_catalogue("es", find_source("Someone may come"), fault)
    edit_catalogue("ht", find_source("Hello "), fault)
    assert compose_reminder(REMINDERS, "es", CREOLE_CLINIC, VISIT) == expected
    assert expected.language == "en"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_text_that_does_not_use_the_unusable_sentence_stays_in_its_language(
    edit_catalogue: EditCatalogue, fault: str
) -> None:
    before = compose_reminder(["safety"], "es", CREOLE_CLINIC, VISIT)
    edit_catalogue("es", find_source("Someone may come"), fault)
    assert compose_reminder(["safety"], "es", CREOLE_CLINIC, VISIT) == before
    assert before.language == "es"


@pytest.mark.parametrize("fault", FAULTS)
def test_replies_and_answers_fall_back_too(edit_catalogue: EditCatalogue, fault: str) -> None:
    edit_catalogue("ar", REPLIES["help"], fault)
    edit_catalogue("ar", get_topic("noise").answer, fault)
    assert compose_reply("help", "ar", CREOLE_CLINIC) == compose_reply("help", "ht", CREOLE_CLINIC)
    assert compose_answer(get_topic("noise"), "ar", CREOLE_CLINIC, None).language == "ht"
    assert compose_answer(get_topic("cost"), "ar", CREOLE_CLINIC, None).language == "ar"


def test_a_clinic_may_refuse_languages_that_nobody_reviewed(edit_catalogue: EditCatalogue) -> None:
    careful = replace(ORDINARY, default_language="ht", reviewed_only=True)
    for language in TRANSLATED:
        edit_catalogue(language, "", "", reviewer="nobody (no qualified translator yet)")
    for language in CODES:
        assert compose_reminder(REMINDERS, language, careful, VISIT).language == "en"
        assert compose_reply("help", language, careful).language == "en"
        assert compose_answer(get_topic("noise"), language, careful, VISIT).language == "en"
    edit_catalogue("ht", "", "", reviewer="A. Translator, 2026-03-02")
    text = compose_reminder(REMINDERS, "es", careful, VISIT)
    assert (text.language, text.reviewed) == ("ht", True)
    edit_catalogue("es", "", "", reviewer="B. Translator, 2026-03-02")
    text = compose_reminder(REMINDERS, "es", careful, VISIT)
    assert (text.language, text.reviewed) == ("es", True)


def test_a_text_says_whether_its_language_was_reviewed(edit_catalogue: EditCatalogue) -> None:
    edit_catalogue("es", "", "")
    assert not compose_reply("help", "es", ORDINARY).reviewed
    edit_catalogue("es", "", "", reviewer="A. Translator, 2026-03-02")
    assert compose_reply("help", "es", ORDINARY).reviewed
    assert compose_reply("help", "en", ORDINARY).reviewed


def test_english_never_falls_back(edit_catalogue: EditCatalogue) -> None:
    shutil.rmtree(languages.LOCALES)
    read_catalogue.cache_clear()
    assert compose_reminder(REMINDERS, "en", ORDINARY, VISIT).language == "en"


def test_the_real_catalogues_are_back_after_a_test_that_spoiled_a_copy() -> None:
    assert languages.LOCALES == LOCALES
    with pytest.raises(UntranslatedError):
        Speaker(get_language("es")).say("A sentence that nobody has written.")
    assert compose_reminder(REMINDERS, "es", CREOLE_CLINIC, VISIT).language == "es"


# Safety


def translate(language: str, beginning: str) -> str:
    sentence = find_source(beginning)
    return sentence if language == SOURCE else read_catalogue(language).translations[sentence]


def find_asked(exam: Exam, language: str) -> list[str]:
    """The sentences that ask what staff must know before this exam."""
    if not exam.screening:
        return []
    question = "Do you have a pacemaker, implant" if exam.magnet else "Do you have a pacemaker or implant"
    return [translate(language, question), translate(language, "Reply now: 1")]


@pytest.mark.parametrize("steps", [steps for steps in STEPS if "safety" in steps], ids=join_steps)
@pytest.mark.parametrize("language", CODES)
def test_the_safety_questions_are_never_shortened(language: str, steps: tuple[str, ...]) -> None:
    for visit, text in compose_all(steps, language, LONGEST, LONG_NAME):
        for sentence in find_asked(visit.exam, language):
            assert sentence in text.body


@pytest.mark.parametrize("steps", [steps for steps in STEPS if {"safety", "prepare"} <= set(steps)], ids=join_steps)
@pytest.mark.parametrize("language", CODES)
def test_a_merged_text_asks_about_safety_before_it_says_how_to_prepare(language: str, steps: tuple[str, ...]) -> None:
    preparation = [
        translate(language, beginning).partition("{")[0]
        for beginning in ("Wear ", "Come with clean skin", "Eat nothing", "Someone must take", "Someone may come")
    ]
    for visit, text in compose_all(steps, language, LONGEST, LONG_NAME):
        found = [text.body.index(sentence) for sentence in preparation if sentence and sentence in text.body]
        assert found
        for sentence in find_asked(visit.exam, language):
            assert text.body.index(sentence) < min(found)


@pytest.mark.parametrize("order", [("prepare", "safety"), ("arrive", "prepare", "safety", "welcome")])
@pytest.mark.parametrize("language", CODES)
def test_the_order_in_which_a_plan_has_the_steps_does_not_matter(language: str, order: tuple[str, ...]) -> None:
    in_order = tuple(step for step in REMINDERS if step in order)
    assert compose_reminder(order, language, ORDINARY, VISIT) == compose_reminder(in_order, language, ORDINARY, VISIT)


@pytest.mark.parametrize("exam", [exam for exam in EXAMS if exam.magnet], ids=lambda exam: exam.code)
def test_before_a_magnet_we_ask_about_everything_that_matters(exam: Exam) -> None:
    body = compose_reminder(["safety"], "en", ORDINARY, Visit(exam, DAY)).body
    for word in ("pacemaker", "implant", "metal", "allergy", "kidney", "pregnant"):
        assert word in body


@pytest.mark.parametrize("code", ["emg", "lumbar-puncture"])
def test_before_a_needle_we_ask_about_bleeding(code: str) -> None:
    body = compose_reminder(["safety"], "en", ORDINARY, Visit(get_exam(code), DAY)).body
    for word in ("pacemaker", "implant", "allergy", "bleeding", "blood thinners", "pregnant"):
        assert word in body
    assert "MRI" not in body


@pytest.mark.parametrize(
    ("steps", "code", "question"),
    [
        (("welcome",), "mri-brain", None),
        (("safety",), "mri-brain", "safety"),
        (("safety",), "blood-urine", None),
        (("prepare",), "mri-brain", "confirm"),
        (("moved",), "mri-brain", "confirm"),
        (("arrive",), "mri-brain", None),
        (("cancelled",), "mri-brain", None),
        (("safety", "prepare"), "mri-brain", "safety"),
        (("safety", "prepare"), "blood-urine", "confirm"),
        (("moved", "safety", "prepare", "arrive"), "mri-brain", "safety"),
    ],
)
def test_a_text_asks_one_question_at_most_and_safety_goes_first(
    steps: tuple[str, ...], code: str, question: str | None
) -> None:
    exam = get_exam(code)
    assert find_question(steps, exam) == question
    body = compose_reminder(steps, "en", ORDINARY, Visit(exam, DAY, "Ana"), MOVED_FROM).body
    assert ("Reply now: 1 = no" in body) == (question == "safety")
    assert ("Will you come?" in body) == (question == "confirm")
    assert body.count("1 = ") == (question is not None)


@pytest.mark.parametrize(
    ("code", "sedation", "said", "unsaid"),
    [
        ("mri-brain", False, ["Someone may come with you."], ["Eat nothing"]),
        ("mri-brain", True, ["Eat nothing for 6 hours before.", "Someone must take you home."], ["may come"]),
        ("mri-body", False, ["Eat nothing for 4 hours before."], ["must take"]),
        ("mri-body", True, ["Eat nothing for 6 hours before."], ["for 4 hours"]),
        ("emg", False, ["without cream or lotion"], ["metal", "MRI"]),
        ("lumbar-puncture", False, ["Someone must take you home."], ["metal", "MRI"]),
        ("blood-urine", False, ["Ask us if you may eat before it."], ["metal", "MRI"]),
    ],
)
def test_how_to_prepare_depends_on_the_exam_and_on_sedation(
    code: str, sedation: bool, said: Sequence[str], unsaid: Sequence[str]
) -> None:
    body = compose_reminder(["prepare"], "en", ORDINARY, Visit(get_exam(code), DAY, sedation=sedation)).body
    for sentence in said:
        assert sentence in body
    for sentence in unsaid:
        assert sentence not in body


def test_a_cancellation_says_nothing_else() -> None:
    body = compose_reminder(["cancelled"], "en", ORDINARY, VISIT).body
    assert body == (
        "Riverside Imaging: Hello Ana. Your appointment on Wed, Sep 30 at 12:45 PM is cancelled. Please do not come. "
        "Questions or a new date: +1 202-555-0100"
    )


def test_a_move_says_the_old_and_the_new_time() -> None:
    body = compose_reminder(["moved"], "en", ORDINARY, VISIT, datetime(2026, 9, 26, 13, 0, tzinfo=UTC)).body
    assert "has changed from Sat, Sep 26, 9:00 AM to Wed, Sep 30, 12:45 PM. Please arrive by 12:30 PM." in body


def test_a_text_is_on_the_clock_of_the_clinic() -> None:
    visit = Visit(MRI, datetime(2026, 10, 1, 1, 30, tzinfo=UTC))
    assert "Wed, Sep 30, arrive by 9:15 PM." in compose_reminder(["arrive"], "en", ORDINARY, visit).body
    # Just after the clocks went back: a quarter of an hour before 01:10 EST is 01:55 EDT.
    visit = Visit(MRI, datetime(2026, 11, 1, 6, 10, tzinfo=UTC))
    assert "Sun, Nov 1, arrive by 1:55 AM." in compose_reminder(["arrive"], "en", ORDINARY, visit).body


def test_the_place_is_part_of_the_address() -> None:
    visit = replace(VISIT, place="Building C")
    assert (
        "Address: Building C, 12 Harbor Street, Springfield."
        in compose_reminder(["arrive"], "en", ORDINARY, visit).body
    )
    assert "Building C, 12 Harbor" in compose_answer(get_topic("where"), "en", ORDINARY, visit).body
    assert "Address" not in compose_reminder(["arrive"], "en", replace(ORDINARY, address=""), VISIT).body


# What is left out when room is short


@pytest.mark.parametrize("steps", [("arrive",), ("safety", "arrive"), REMINDERS], ids=join_steps)
@pytest.mark.parametrize("language", CODES)
def test_when_room_is_short_the_address_goes_first_then_the_greeting_then_the_phone(
    language: str, steps: tuple[str, ...]
) -> None:
    seen = []
    for length in range(5, 1300, 5):
        clinic = replace(ORDINARY, name="R" * length)
        body = compose_reminder(steps, language, clinic, VISIT).body
        for sentence in find_asked(MRI, language) if "safety" in steps else []:
            assert sentence in body
        there = (ORDINARY.address in body, "Ana" in body, ORDINARY.phone in body)
        if not seen or seen[-1] != there:
            seen.append(there)
    in_turn = [(True, True, True), (False, True, True), (False, False, True), (False, False, False)]
    assert seen == in_turn[in_turn.index(seen[0]) :]


@pytest.mark.parametrize("language", CODES)
def test_a_name_that_is_needed_and_what_keeps_the_patient_safe_always_stay(language: str) -> None:
    crowded = replace(ORDINARY, name="R" * 1000)
    visit = replace(VISIT, name_needed=True, contrast=True, sedation=True)
    body = compose_reminder(REMINDERS, language, crowded, visit).body
    assert "Ana" in body
    assert ORDINARY.phone not in body
    for sentence in (
        *find_asked(MRI, language),
        translate(language, "Wear "),
        translate(language, "Someone must take"),
    ):
        assert sentence in body


def test_the_word_about_contrast_goes_last_and_only_where_allergies_are_asked_about() -> None:
    crowded = replace(ORDINARY, name="R" * 1000)
    visit = replace(VISIT, contrast=True)
    assert "contrast dye" in compose_reminder(REMINDERS, "en", ORDINARY, visit).body
    assert "contrast dye" not in compose_reminder(REMINDERS, "en", crowded, visit).body
    assert "contrast dye" in compose_reminder(["prepare"], "en", crowded, visit).body


@settings(max_examples=60, deadline=None)
@given(
    language=st.sampled_from(CODES),
    steps=st.sampled_from(STEPS),
    exam=st.sampled_from(EXAMS),
    name=st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=MAX_NAME),
    place=st.text(st.characters(exclude_categories=("C",)), max_size=120),
    shared=st.booleans(),
)
def test_whatever_a_patient_and_a_place_are_called_the_text_is_written_and_asks_what_it_must(
    language: str, steps: tuple[str, ...], exam: Exam, name: str, place: str, shared: bool
) -> None:
    visit = Visit(exam, DAY, name, True, True, place, shared)
    text = compose_reminder(steps, language, ORDINARY, visit, MOVED_FROM)
    assert text.language == language
    assert not shared or tidy(name) in text.body
    assert Speaker(get_language(language), "US").day(DAY) in text.body
    for sentence in find_asked(exam, language) if "safety" in steps else []:
        assert sentence in text.body


# Right to left


@pytest.mark.parametrize("language", CODES)
def test_isolates_are_closed_where_they_are_opened_and_only_right_to_left_texts_have_them(language: str) -> None:
    right_to_left = get_language(language).direction == "rtl"
    for body in list_all_texts(language):
        depth = 0
        for char in body:
            depth += {"\u2068": 1, "\u2069": -1}.get(char, 0)
            assert depth in (0, 1), body
        assert depth == 0
        assert right_to_left or "\u2068" not in body
        assert not right_to_left or LONGEST.phone not in body or f"\u2068{LONGEST.phone}\u2069" in body


# Numbered questions


@pytest.mark.parametrize("language", CODES)
def test_a_numbered_question_numbers_its_choices_in_order(language: str) -> None:
    for reply in ("ask_language", "language_missing"):
        body = compose_reply(reply, language, ORDINARY, choices=list_language_choices()).body
        places = [body.index(f"{number} {name}") for number, name in enumerate(list_language_choices(), 1)]
        assert places == sorted(places)


def test_the_languages_are_offered_in_their_own_words_and_in_the_order_of_their_numbers() -> None:
    assert list_language_choices() == ["English", "Español", "简体中文", "العربية", "Kreyòl ayisyen"]


@pytest.mark.parametrize("language", CODES)
def test_the_menu_shows_the_word_of_every_topic(language: str) -> None:
    body = compose_reply("menu", language, ORDINARY).body
    for word in read_words(language).shown_topics.values():
        assert word in body


@pytest.mark.parametrize(
    ("language", "named"),
    [
        ("en", "Ana Wed, Sep 30 12:45 PM"),
        ("es", "Ana miércoles 30 de septiembre 12:45 p.m."),
        ("ht", "Ana mèkredi 30 septanm 12:45 PM"),
    ],
)
def test_a_visit_is_named_by_who_and_when(language: str, named: str) -> None:
    assert name_visit(language, ORDINARY, VISIT) == named
    assert name_visit(language, ORDINARY, replace(VISIT, given_name=None)) == named.removeprefix("Ana ")


@pytest.mark.parametrize("language", CODES)
def test_a_reply_that_changes_the_language_is_in_that_language_and_names_it(language: str) -> None:
    body = compose_reply("language_changed", language, ORDINARY).body
    assert language == SOURCE or "English" not in body
    words = {"en": "English", "es": "español", "zh_Hans": "中文", "ar": "العربية", "ht": "kreyòl"}
    assert words[language].casefold() in body.casefold()
