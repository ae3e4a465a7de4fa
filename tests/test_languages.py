"""The languages we write: how people name them, their tags and directions."""

import tomllib
from pathlib import Path

import pytest

from messages import languages, naming
from messages.languages import LANGUAGES, find_language, get_language, is_written_like


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *[(language.code, language.code) for language in LANGUAGES],
        *[(language.bcp47, language.code) for language in LANGUAGES],
        *[(language.name, language.code) for language in LANGUAGES],
        *[(alias, language.code) for language in LANGUAGES for alias in language.aliases],
        ("EN", "en"),
        ("en-US", "en"),
        ("en_GB", "en"),
        ("eng-US", "en"),
        ("  English ", "en"),
        ("ENGLISH", "en"),
        ("es-MX", "es"),
        ("es_US", "es"),
        ("es-419", "es"),
        ("ESPAÑOL", "es"),
        ("espanol", "es"),
        ("Spanish", "es"),
        ("zh-CN", "zh_Hans"),
        ("zh_cn", "zh_Hans"),
        ("zh-SG", "zh_Hans"),
        ("zh-Hans", "zh_Hans"),
        ("zh_hans", "zh_Hans"),
        ("zh-Hans-CN", "zh_Hans"),
        ("zh_Hans_US", "zh_Hans"),
        *((name, "zh_Hant") for name in ("zh-TW", "zh_HK", "zh-MO", "zh_hant", "zh-Hant-TW", "zh-Hant-HK", "繁體中文")),
        *((name, "fil") for name in ("tl", "tl-PH", "fil-PH", "Tagalog", "TAGALOG")),
        *((name, "pt_BR") for name in ("pt", "pt-BR", "pt_PT", "Português", "portugues")),
        *((name, "fa") for name in ("fa-IR", "prs", "fa_AF", "Farsi")),
        *((name, "pa") for name in ("pa-IN", "pa_Guru_IN", "Punjabi")),
        ("中文", "zh_Hans"),
        ("Chinese", "zh_Hans"),
        ("Mandarin", "zh_Hans"),
        ("ar-EG", "ar"),
        ("ar_SA", "ar"),
        ("العربية", "ar"),
        ("العَرَبيّة", "ar"),
        ("Arabic", "ar"),
        ("ht-HT", "ht"),
        ("hat", "ht"),
        ("kreyol ayisyen", "ht"),
        ("KREYÒL", "ht"),
        ("Haitian Creole", "ht"),
        ("créole", "ht"),
    ],
)
def test_a_language_is_found_by_its_code_and_by_the_names_people_use(name: str, code: str) -> None:
    found = find_language(name)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "\t\n", "-", "_", "--"),
        *("nl", "Dutch", "sv", "svenska", "tr", "el", "he", "pt_", "zh-XX", "zh_Latn"),
        *("pa-PK", "pa_Arab_PK"),  # Punjabi in a script that we do not write
        *("eng lish", "xx", "e", "e-US", "nonsense-US", "english-klingon", "en us", "12", "1", "😀", "yes", "en/es"),
    ],
)
def test_what_is_no_language_of_ours_is_none(name: str) -> None:
    assert find_language(name) is None


def test_no_name_stands_for_two_languages() -> None:
    names = [languages._fold(name) for one in LANGUAGES for name in {one.code, one.name, *one.aliases}]
    of_two = {name for name in names if names.count(name) > 1}
    for name in of_two:
        found = {one.code for one in LANGUAGES if name in map(languages._fold, (one.code, one.name, *one.aliases))}
        assert len(found) == 1, name


def test_an_unknown_code_of_our_own_is_an_error() -> None:
    with pytest.raises(KeyError):
        get_language("pt")


@pytest.mark.parametrize(
    ("code", "bcp47", "direction"),
    [
        ("en", "en", "ltr"),
        ("es", "es", "ltr"),
        ("zh_Hans", "zh-Hans", "ltr"),
        ("ar", "ar", "rtl"),
        ("ht", "ht", "ltr"),
        ("zh_Hant", "zh-Hant", "ltr"),
        ("pt_BR", "pt-BR", "ltr"),
        ("fa", "fa", "rtl"),
        ("ur", "ur", "rtl"),
        ("pa", "pa", "ltr"),
    ],
)
def test_a_language_knows_its_tag_and_its_direction(code: str, bcp47: str, direction: str) -> None:
    assert (get_language(code).bcp47, get_language(code).direction) == (bcp47, direction)


def test_we_write_twenty_four_languages() -> None:
    codes = "en es zh_Hans zh_Hant vi ko fil ru ar ht fr pt_BR pl it de ja fa hi uk ur bn pa so hy"
    assert [language.code for language in LANGUAGES] == codes.split()


@pytest.mark.parametrize(
    ("words", "code", "fits"),
    [
        ("Please phone us", "es", True),
        ("Please phone us", "ar", False),
        ("اتصل بنا من فضلك MRI", "ar", True),
        ("お電話ください", "ja", True),
        ("请给我们打电话", "zh_Hant", True),
        ("Позвоните нам", "ko", False),
        ("+1 202-555-0100", "hi", True),
        ("", "hi", True),
    ],
)
def test_words_in_a_script_that_the_reader_may_not_know_are_noticed(words: str, code: str, fits: bool) -> None:
    assert is_written_like(words, get_language(code)) is fits


def test_languages_are_called_what_cldr_calls_them() -> None:
    called = tomllib.loads(Path(naming.__file__).with_name("language_names.toml").read_text(encoding="utf-8"))
    names = {
        reader.code: {
            language.code: name
            for language in LANGUAGES
            if (name := reader.locale().languages.get(language.code.removesuffix("_Hans").removesuffix("_BR")))
        }
        for reader in LANGUAGES
    }
    assert called == names
