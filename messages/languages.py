"""The languages we speak, from ``languages.toml``: their codes, names, direction and habits."""

import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import babel

SOURCE = "en"


@dataclass(frozen=True, slots=True)
class Language:
    """A language we write; ``languages.toml`` explains each field."""

    code: str
    name: str
    day: str
    aliases: tuple[str, ...] = ()
    joiner: str = " "
    separator: str = ", "
    digits: str = ""
    clock_12: str = ""
    clock_24: str = ""

    @property
    def bcp47(self) -> str:
        return self.code.replace("_", "-")

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return "rtl" if self.locale().character_order == "right-to-left" else "ltr"

    def locale(self, region: str | None = None) -> babel.Locale:
        """The CLDR locale, of the region where CLDR knows one (``es`` in ``US`` has a 12-hour clock)."""
        return _find_locale(self.code, region)


def _read_languages() -> tuple[Language, ...]:
    data = tomllib.loads(Path(__file__).with_name("languages.toml").read_text(encoding="utf-8"))
    return tuple(Language(**{**entry, "aliases": tuple(entry["aliases"])}) for entry in data["languages"])


LANGUAGES = _read_languages()
_BY_CODE = {language.code: language for language in LANGUAGES}
# Punjabi in Pakistan is written in a script of its own, which we do not write.
_OTHER_SCRIPT = frozenset({"pa_pk", "pa_arab_pk"})


@cache
def find_language(name: str) -> Language | None:
    """Find a language by code in either form, by legacy code, with a region, or by a name people use."""
    wanted = _fold(name)
    if wanted in _OTHER_SCRIPT:
        return None
    if found := _find_names().get(wanted):
        return found
    base, _, region = wanted.rpartition("_")
    # A region may follow: es_MX, zh_Hans_US. But zh_TW is another language than zh.
    is_region = region.isalnum() and len(region) in (2, 3)
    return find_language(base) if base and base != "zh" and is_region else None


@cache
def _find_names() -> dict[str, Language]:
    return {
        _fold(name): language for language in LANGUAGES for name in (language.code, language.name, *language.aliases)
    }


def get_language(code: str) -> Language:
    """The language of a code this project wrote itself.

    Raises:
        KeyError: there is no such language.
    """
    return _BY_CODE[code]


def _fold(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.strip().casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return plain.replace("-", "_")


@cache
def _find_locale(code: str, region: str | None) -> babel.Locale:
    if region:
        try:
            return babel.Locale.parse(f"{code}_{region}")
        except (babel.UnknownLocaleError, ValueError):
            pass
    return babel.Locale.parse(code)


def is_written_like(words: str, language: Language) -> bool:
    """Whether most letters are of a script that the language is written in; words without letters are."""
    own = set(_list_scripts(language.name)) | ({"HIRAGANA", "KATAKANA"} if language.code == "ja" else set())
    scripts = _list_scripts(words)
    return sum(script in own for script in scripts) * 2 >= len(scripts)


def _list_scripts(words: str) -> list[str]:
    """The script of each letter, by the first word of its Unicode name."""
    return [unicodedata.name(letter, "").partition(" ")[0] for letter in words if letter.isalpha()]
