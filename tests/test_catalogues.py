"""The catalogues: complete, with the placeholders, the numbers and the terms of the English."""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from messages import catalogues
from messages.carriers import list_offered
from messages.catalogues import LOCALES, find_catalogue_path, list_forms, read_catalogue, read_sources
from messages.languages import SOURCE, get_language
from messages.replies import REPLIES
from messages.reviews import Signature, hash_text, write_signature_file
from messages.speaker import Speaker, UntranslatedError
from messages.topics import TOPICS
from tests.texts import TRANSLATED

HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
SYMBOLS_ONLY = {"{clinic}: {text}"}


def list_translations(language: str) -> list[tuple[str, str]]:
    """Each English sentence with its translation; a plural one with each of its forms."""
    return [(sentence, form) for sentence, forms in read_catalogue(language).translations.items() for form in forms]


def find_placeholders(sentence: str) -> set[str]:
    """The placeholders of a sentence, with any conversion or format they have, which none should."""
    return {
        f"{name}!{conversion or ''}:{form}"
        for _, name, form, conversion in Formatter().parse(sentence)
        if name is not None
    }


# The real ones


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_translation_has_the_placeholders_and_the_numbers_of_the_english(language: str) -> None:
    for sentence, said in list_translations(language):
        assert find_placeholders(said) == find_placeholders(sentence), sentence
        numbers = [int(number) for number in re.findall(r"\d+", said)]
        assert sorted(numbers) == sorted(int(number) for number in re.findall(r"\d+", sentence)), sentence


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_answers_keep_their_order(language: str) -> None:
    for sentence, said in list_translations(language):
        if "1 = " in sentence:
            assert said.index("1") < said.index("2")


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_catalogue_is_complete_and_has_nothing_more(language: str) -> None:
    assert set(read_catalogue(language).translations) == set(read_sources())


@pytest.mark.parametrize("language", TRANSLATED)
def test_stop_and_start_are_offered_exactly_where_the_english_offers_them(language: str) -> None:
    for sentence, said in list_translations(language):
        assert list_offered(said) == list_offered(sentence), sentence


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_catalogue_says_who_translated_and_who_reviewed_it_or_that_nobody_did(language: str) -> None:
    header = find_catalogue_path(language).read_text(encoding="utf-8").split("msgid", 1)[0]
    assert re.search(r"^# Translated by: \w+", header, re.MULTILINE)
    [reviewer] = re.findall(r"^# Reviewed by: (\w.*)$", header, re.MULTILINE)
    assert bool(read_catalogue(language).reviewed) is not reviewer.startswith("nobody")


def test_every_catalogue_in_the_folder_is_a_language_we_write() -> None:
    assert sorted(path.name for path in LOCALES.iterdir() if path.is_dir()) == sorted(TRANSLATED)


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_translation_is_the_english_sentence(language: str) -> None:
    assert {sentence for sentence, said in list_translations(language) if said == sentence} <= SYMBOLS_ONLY


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_term_is_always_said_with_the_word_of_the_glossary(language: str) -> None:
    with (LOCALES / language / "glossary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["english"] for row in rows] == ["MRI", "contrast dye", "implant", "companion", "appointment"]
    for row in rows:
        stems = [stem.strip().casefold() for stem in row["stems"].split("|")]
        assert all(stems)
        assert any(stem in row["translation"].casefold() for stem in stems)
        for sentence, said in list_translations(language):
            if re.search(rf"\b{row['english']}s?\b", sentence):
                assert any(stem in said.casefold() for stem in stems), (row["english"], said)


def test_the_template_is_what_the_code_says_now() -> None:
    folder = LOCALES.parent / "messages"
    keywords = {"say": None, "plural": (1, 2)}
    extracted = {list_forms(message)[0] for _, _, message, _, _ in extract_from_dir(folder, keywords=keywords)}
    assert extracted == set(read_sources())


def test_every_sentence_of_a_topic_and_of_a_reply_is_in_the_template() -> None:
    said = {*REPLIES.values()}
    for topic in TOPICS:
        said |= {topic.question, topic.answer, *topic.others.values()}
        said |= {sentence for sentence in (topic.named, topic.more) if sentence}
    assert said <= set(read_sources())


# Plural forms

NUMBERS = [0, 1, 2, 3, 4, 5, 10, 11, 12, 14, 20, 21, 22, 25, 45, 60, 75, 100, 101, 102, 105, 120, 165]


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_number_has_a_form_and_each_form_its_number(language: str) -> None:
    with find_catalogue_path(language).open("rb") as file:
        po = read_po(file, locale=language)
    catalogue = read_catalogue(language)
    plurals = [message for message in po if message.pluralizable and message.id]
    assert len(plurals) == 2
    for message in plurals:
        forms = catalogue.translations[message.id[0]]
        assert len(forms) == po.num_plurals
        assert {catalogue.find_form(number) for number in NUMBERS} == set(range(po.num_plurals))


@pytest.fixture
def locales(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder that stands in for ``locales`` until the test ends."""
    monkeypatch.setattr(catalogues, "LOCALES", tmp_path)
    read_catalogue.cache_clear()
    read_sources.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    read_catalogue.cache_clear()
    read_sources.cache_clear()


WriteCatalogue = Callable[[str, str], None]


@pytest.fixture
def write_catalogue(locales: Path) -> WriteCatalogue:
    """Writes a catalogue into that folder."""

    def write(code: str, entries: str) -> None:
        folder = locales / code / "LC_MESSAGES"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "messages.po").write_text(HEADER + entries, encoding="utf-8")
        read_catalogue.cache_clear()

    return write


# What is in one


@pytest.mark.parametrize(
    "entries",
    [
        "",
        'msgid "Thanks."\nmsgstr ""\n',
        '#, fuzzy\nmsgid "Thanks."\nmsgstr "Gracias."\n',
        '#, fuzzy, python-brace-format\nmsgid "Thanks."\nmsgstr "Gracias."\n',
        '#~ msgid "Thanks."\n#~ msgstr "Gracias."\n',
        'msgid "Thank you."\nmsgstr "Gracias."\n',
        'msgctxt "other"\nmsgid "Thanks!"\nmsgstr "Gracias."\n',
        'msgid "Thanks."\nmsgid_plural "Many thanks."\nmsgstr[0] "Gracias."\nmsgstr[1] ""\n',
    ],
    ids=["missing", "empty", "fuzzy", "fuzzy-and-more", "obsolete", "changed-english", "another", "half-plural"],
)
def test_a_sentence_without_a_usable_translation_is_an_error(write_catalogue: WriteCatalogue, entries: str) -> None:
    write_catalogue("es", entries)
    with pytest.raises(UntranslatedError):
        Speaker(get_language("es")).say("Thanks.")


def test_a_usable_translation_is_said(write_catalogue: WriteCatalogue) -> None:
    write_catalogue("es", '#, python-brace-format\nmsgid "Thanks {name}."\nmsgstr "Gracias {name}."\n')
    assert Speaker(get_language("es")).say("Thanks {name}.", name="Ana") == "Gracias Ana."


def test_english_needs_no_catalogue(locales: Path) -> None:
    assert Speaker(get_language("en")).say("Thanks {name}.", name="Ana") == "Thanks Ana."
    assert read_catalogue("en").is_source


# Who has signed what

THANKS = 'msgid "Thanks."\nmsgstr "Gracias."\n\nmsgid "Hello."\nmsgstr "Hola."\n'


def sign(source: str, translation: str) -> Signature:
    hashes = (hash_text((source,)), hash_text((translation,)))
    return Signature(*hashes, "A. Reviewer", "certified medical translator", "2026-03-02")


def test_a_signed_translation_is_reviewed_and_no_other(write_catalogue: WriteCatalogue, locales: Path) -> None:
    write_catalogue("es", THANKS)
    assert read_catalogue("es").reviewed == frozenset()
    write_signature_file(locales / "es" / "reviews.csv", [sign("Thanks.", "Gracias.")])
    read_catalogue.cache_clear()
    assert read_catalogue("es").reviewed == {"Thanks."}


@pytest.mark.parametrize(
    ("source", "translation"),
    [("Thanks!", "Gracias."), ("Thanks.", "Muchas gracias."), ("Hello.", "Gracias.")],
    ids=["other-english", "other-translation", "another-sentence"],
)
def test_a_signature_holds_for_one_english_sentence_and_one_translation_of_it(
    write_catalogue: WriteCatalogue, locales: Path, source: str, translation: str
) -> None:
    write_catalogue("es", THANKS)
    write_signature_file(locales / "es" / "reviews.csv", [sign(source, translation)])
    read_catalogue.cache_clear()
    assert read_catalogue("es").reviewed == frozenset()


def test_a_changed_english_sentence_turns_exactly_its_translation_unreviewed(
    write_catalogue: WriteCatalogue, locales: Path
) -> None:
    write_catalogue("es", THANKS)
    write_signature_file(locales / "es" / "reviews.csv", [sign("Thanks.", "Gracias."), sign("Hello.", "Hola.")])
    write_catalogue("es", THANKS.replace("Thanks.", "Thank you."))
    assert read_catalogue("es").reviewed == {"Hello."}


def test_the_real_catalogues_are_back_after_a_test_that_replaced_them() -> None:
    assert LOCALES == catalogues.LOCALES
    assert read_catalogue("es").translations
    assert not read_catalogue(SOURCE).translations
