"""What a text falls back to when a sentence of it is missing, or has not been reviewed."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from babel.messages.pofile import read_po, write_po

from messages import catalogues, facts
from messages.catalogues import (
    LOCALES,
    find_catalogue_path,
    find_signatures_path,
    list_forms,
    read_catalogue,
    read_sources,
)
from messages.compose import (
    REMINDERS,
    compose_answer,
    compose_companion,
    compose_reminder,
    compose_reply,
)
from messages.fitting import find_budget
from messages.languages import SOURCE, get_language
from messages.replies import REPLIES
from messages.reviews import Signature, hash_text, write_signature_file
from messages.speaker import Speaker, UntranslatedError
from messages.topics import TOPICS, get_topic
from tests.texts import CODES, LONG_NAME, LONGEST, MOVED_FROM, ORDINARY, STEPS, TRANSLATED, VISIT

CREOLE_CLINIC = replace(ORDINARY, default_language="ht")
FAULTS = ["missing", "empty", "fuzzy"]


def find_source(beginning: str) -> str:
    """The English sentence that begins so."""
    [sentence] = [sentence for sentence in read_sources() if sentence.startswith(beginning)]
    return sentence


SENTENCES = [
    find_source("{clinic}: {text}"),
    find_source("Hello "),
    find_source("Your MRI is on"),
    find_source("Reply now: 1"),
    find_source("kidney"),
    find_source("Someone may come"),
    find_source("Address:"),
    find_source("Plan about"),
    find_source("Phone: "),
]


def forget() -> None:
    """Let the catalogues be read again, also by those who have spoken from them already."""
    read_catalogue.cache_clear()
    facts._find_speaker.cache_clear()


class Locales:
    """A copy of the catalogues, to spoil and to sign."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def spoil(self, language: str, sentence: str, fault: str) -> None:
        with find_catalogue_path(language).open("rb") as file:
            po = read_po(file, locale=language)
        message = po.get(sentence)
        assert message is not None, sentence
        if fault == "missing":
            po.delete(sentence)
        elif fault == "empty":
            message.string = ("", *message.string[1:]) if message.pluralizable else ""
        else:
            message.flags.add("fuzzy")
        with find_catalogue_path(language).open("wb") as file:
            write_po(file, po)
        forget()

    def sign(self, language: str, wanted: Callable[[str], bool] = lambda sentence: True) -> None:
        """Sign the translations of the English sentences wanted."""
        with find_catalogue_path(language).open("rb") as file:
            po = read_po(file, locale=language)
        signatures = [
            Signature(
                hash_text(list_forms(message.id)),
                hash_text(list_forms(message.string)),
                "A. Translator",
                "certified medical translator",
                date(2026, 3, 2).isoformat(),
            )
            for message in po
            if message.id and wanted(list_forms(message.id)[0])
        ]
        write_signature_file(find_signatures_path(language), signatures)
        forget()


@pytest.fixture
def locales(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Locales]:
    """A copy of the catalogues that stands in for them until the test ends."""
    copy = tmp_path / "locales"
    shutil.copytree(LOCALES, copy)
    monkeypatch.setattr(catalogues, "LOCALES", copy)
    forget()
    yield Locales(copy)
    monkeypatch.undo()
    forget()


# A sentence that cannot be used


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_text_with_one_unusable_sentence_is_wholly_in_the_language_of_the_clinic(
    locales: Locales, sentence: str, fault: str
) -> None:
    expected = compose_reminder(REMINDERS, "ht", CREOLE_CLINIC, VISIT)
    assert compose_reminder(REMINDERS, "es", CREOLE_CLINIC, VISIT).language == "es"
    locales.spoil("es", sentence, fault)
    assert compose_reminder(REMINDERS, "es", CREOLE_CLINIC, VISIT) == expected
    assert expected.language == "ht"


@pytest.mark.parametrize("fault", FAULTS)
def test_without_the_sentence_in_the_language_of_the_clinic_the_text_is_english(locales: Locales, fault: str) -> None:
    expected = compose_reminder(REMINDERS, "en", CREOLE_CLINIC, VISIT)
    locales.spoil("es", find_source("Someone may come"), fault)
    locales.spoil("ht", find_source("Hello "), fault)
    assert compose_reminder(REMINDERS, "es", CREOLE_CLINIC, VISIT) == expected
    assert expected.language == "en"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_text_that_does_not_use_the_unusable_sentence_stays_in_its_language(locales: Locales, fault: str) -> None:
    before = compose_reminder(["safety"], "es", CREOLE_CLINIC, VISIT)
    locales.spoil("es", find_source("Someone may come"), fault)
    assert compose_reminder(["safety"], "es", CREOLE_CLINIC, VISIT) == before
    assert before.language == "es"


@pytest.mark.parametrize("fault", FAULTS)
def test_replies_and_answers_fall_back_too(locales: Locales, fault: str) -> None:
    locales.spoil("ar", REPLIES["help"], fault)
    locales.spoil("ar", get_topic("noise").answer, fault)
    assert compose_reply("help", "ar", CREOLE_CLINIC) == compose_reply("help", "ht", CREOLE_CLINIC)
    assert compose_answer(get_topic("noise"), "ar", CREOLE_CLINIC, None).language == "ht"
    assert compose_answer(get_topic("cost"), "ar", CREOLE_CLINIC, None).language == "ar"


def test_english_never_falls_back(locales: Locales) -> None:
    shutil.rmtree(locales.folder)
    forget()
    assert compose_reminder(REMINDERS, "en", ORDINARY, VISIT).language == "en"


# A clinic that sends only what has been reviewed

CAREFUL = replace(ORDINARY, reviewed_only=True)


def ask_for_interpreter(language: str, phone: str = ORDINARY.phone) -> str:
    return Speaker(get_language(language)).say("Call {phone} and ask for an interpreter.", phone=phone)


@pytest.mark.parametrize("language", TRANSLATED)
def test_an_unreviewed_text_comes_in_english_with_one_line_in_the_language_of_the_patient(
    locales: Locales, language: str
) -> None:
    plain = replace(CAREFUL, reviewed_only=False)
    for text, english in (
        (
            compose_reminder(["arrive"], language, CAREFUL, VISIT),
            compose_reminder(["arrive"], SOURCE, plain, VISIT),
        ),
        (compose_reply("help", language, CAREFUL), compose_reply("help", SOURCE, plain)),
        (
            compose_answer(get_topic("noise"), language, CAREFUL, VISIT),
            compose_answer(get_topic("noise"), SOURCE, plain, VISIT),
        ),
    ):
        assert text.body == f"{english.body}\n{ask_for_interpreter(language)}"
        assert (text.language, text.reviewed) == ("en", True)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_text_with_the_line_for_an_interpreter_is_within_the_budget_of_the_language(
    locales: Locales, language: str
) -> None:
    careful = replace(LONGEST, reviewed_only=True)
    visit = replace(VISIT, given_name=LONG_NAME, contrast=True, sedation=True, companion_name=LONG_NAME)
    line = ask_for_interpreter(language, LONGEST.phone)
    for steps in STEPS:
        for compose in (compose_reminder, compose_companion):
            text = compose(steps, language, careful, visit, MOVED_FROM)
            assert text.body.endswith(line)
            assert text.measure.segments <= find_budget(language, merged=len(steps) > 1), text.body
    texts = [compose_reply(reply, language, careful, visit) for reply in REPLIES]
    texts += [compose_answer(topic, language, careful, visit) for topic in TOPICS]
    assert [text for text in texts if text.measure.segments > find_budget(language)] == []


def test_the_language_of_the_clinic_comes_before_english_if_it_is_reviewed(locales: Locales) -> None:
    careful = replace(CAREFUL, default_language="ht")
    locales.sign("ht")
    text = compose_reminder(REMINDERS, "es", careful, VISIT)
    assert text.body.endswith(ask_for_interpreter("es"))
    assert (text.language, text.reviewed) == ("ht", True)


def test_a_reviewed_text_is_sent_as_it_is(locales: Locales) -> None:
    before = compose_reminder(REMINDERS, "es", ORDINARY, VISIT)
    locales.sign("es")
    text = compose_reminder(REMINDERS, "es", CAREFUL, VISIT)
    assert text.body == before.body
    assert (text.language, text.reviewed, before.reviewed) == ("es", True, False)


def test_one_unsigned_sentence_makes_the_text_unreviewed(locales: Locales) -> None:
    unsigned = find_source("Someone may come")
    locales.sign("es", lambda sentence: sentence != unsigned)
    assert compose_reminder(["safety"], "es", CAREFUL, VISIT).language == "es"
    assert compose_reminder(["prepare"], "es", CAREFUL, VISIT).language == "en"
    assert not compose_reminder(["prepare"], "es", ORDINARY, VISIT).reviewed


@pytest.mark.parametrize("language", CODES)
def test_a_text_says_whether_it_was_reviewed(locales: Locales, language: str) -> None:
    assert compose_reply("help", language, ORDINARY).reviewed == (language == SOURCE)
    if language != SOURCE:
        locales.sign(language)
    assert compose_reply("help", language, ORDINARY).reviewed


def test_a_text_in_a_language_that_lacks_even_the_line_comes_without_it(locales: Locales) -> None:
    locales.spoil("es", find_source("Call {phone} and ask"), "missing")
    english = compose_reply("help", SOURCE, ORDINARY)
    assert compose_reply("help", "es", CAREFUL).body == english.body


def test_the_real_catalogues_are_back_after_a_test_that_spoiled_a_copy() -> None:
    assert catalogues.LOCALES == LOCALES
    with pytest.raises(UntranslatedError):
        Speaker(get_language("es")).say("A sentence that nobody has written.")
    assert compose_reminder(REMINDERS, "es", CREOLE_CLINIC, VISIT).language == "es"
