"""The languages we speak: catalogues, direction, dates and times in words.

A catalogue is ``locales/<code>/LC_MESSAGES/messages.po``, read as it is; nothing is compiled. The
first lines of each say who translated and who reviewed it, and ``reviewed`` is taken from there.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path

import babel
from babel.dates import format_date, format_time
from babel.messages.pofile import read_po

from messages.segments import tidy

LOCALES = Path(__file__).resolve().parent.parent / "locales"
SOURCE = "en"
# A catalogue counts as reviewed only when its first lines name who did it.
_REVIEWED = re.compile(r"Reviewed by: (?!nobody)\S")
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"


class UntranslatedError(LookupError):
    """A sentence has no usable translation, so the whole text must be said in another language."""


@dataclass(frozen=True, slots=True)
class Language:
    """A language we write.

    ``code`` is Babel's form (``zh_Hans``), ``name`` the language's own name, ``day_pattern`` a CLDR
    date pattern for a day without its year, ``aliases`` other names and legacy codes people use,
    ``joiner`` what stands between two sentences, ``separator`` between the items of a list.
    """

    code: str
    name: str
    day_pattern: str
    aliases: tuple[str, ...] = ()
    joiner: str = " "
    separator: str = ", "

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


LANGUAGES = (
    Language(
        "en",
        "English",
        "EEE d MMM",
        ("eng", "inglés", "anglais", "angle", "英语", "英文", "英語", "الإنجليزية", "انجليزي", "yingyu"),
    ),
    Language(
        "es",
        "Español",
        "EEEE d 'de' MMMM",
        ("spa", "spanish", "castellano", "espagnol", "panyòl", "西班牙语", "西班牙文", "الإسبانية", "اسباني"),
    ),
    Language(
        "zh_Hans",
        "简体中文",
        "M月d日EEEE",
        (
            *("zh", "zh_CN", "zh_SG", "cmn", "chinese", "mandarin", "simplified chinese", "chino", "chinois", "chinwa"),
            *(
                "中文",
                "汉语",
                "漢語",
                "普通话",
                "普通話",
                "国语",
                "國語",
                "简体",
                "الصينية",
                "صيني",
                "zhongwen",
                "hanyu",
                "putonghua",
            ),
        ),
        joiner="",
        separator="、",
    ),
    Language(
        "ar",
        "العربية",
        "EEEE، d MMMM",
        ("ara", "arabic", "árabe", "arabe", "عربي", "عربية", "arab", "阿拉伯语", "阿拉伯文", "arabi"),
        separator="، ",
    ),
    Language(
        "ht",
        "Kreyòl ayisyen",
        "EEEE d MMMM",
        ("hat", "haitian", "creole", "haitian creole", "kreyòl", "criollo", "créole", "海地语", "الكريولية"),
    ),
)
_BY_CODE = {language.code: language for language in LANGUAGES}
_AMERICAN_DAY_PATTERN = "EEE, MMM d"

# Babel has French month and day names for Haitian Creole. These are the Creole ones.
_CREOLE_DAYS = ("lendi", "madi", "mèkredi", "jedi", "vandredi", "samdi", "dimanch")
_CREOLE_MONTHS = (
    *("janvye", "fevriye", "mas", "avril", "me", "jen"),
    *("jiyè", "out", "septanm", "oktòb", "novanm", "desanm"),
)


def find_language(name: str) -> Language | None:
    """Find a language by code in either form, by legacy code, with a region, or by a name people use."""
    wanted = _fold(name)
    if not wanted:
        return None
    for language in LANGUAGES:
        if wanted in map(_fold, (language.code, language.name, *language.aliases)):
            return language
    base, _, region = wanted.rpartition("_")
    # A region may follow: es_MX, zh_Hans_US. But zh_TW is another language than zh.
    is_region = region.isalnum() and len(region) in (2, 3)
    return find_language(base) if base and base != "zh" and is_region else None


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


@dataclass(frozen=True)
class Catalogue:
    """The translations of one language: source sentence to translated sentence, usable ones only."""

    translations: dict[str, str]
    reviewed: bool
    is_source: bool = False


@cache
def read_catalogue(code: str) -> Catalogue:
    """Read one language's ``.po`` file, leaving out what is empty or marked fuzzy.

    Raises:
        OSError: the file is missing or unreadable.
    """
    if code == SOURCE:
        return Catalogue({}, reviewed=True, is_source=True)
    path = LOCALES / code / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        po = read_po(file, locale=code)
    messages = [message for message in po if message.id]
    usable = {
        str(message.id): str(message.string)
        for message in messages
        if message.string and not message.fuzzy and not isinstance(message.id, tuple)
    }
    return Catalogue(usable, reviewed=_REVIEWED.search(po.header_comment) is not None)


@cache
def read_sources() -> tuple[str, ...]:
    """Every English sentence, from ``locales/messages.pot``, in the order of the code."""
    with (LOCALES / "messages.pot").open("rb") as file:
        return tuple(str(message.id) for message in read_po(file) if message.id)


class Speaker:
    """Says sentences, days and times in one language and for one region's clock."""

    def __init__(self, language: Language, region: str | None = None) -> None:
        self.language = language
        self._catalogue = read_catalogue(language.code)
        self._locale = language.locale(region)
        self._region = region
        self._american = language.code == SOURCE and region in (None, "US")

    def say(self, sentence: str, **values: str) -> str:
        """Translate the sentence and fill its placeholders, isolating values of the other direction.

        Raises:
            UntranslatedError: the catalogue has no usable translation of it.
        """
        if not self._catalogue.is_source:
            translated = self._catalogue.translations.get(sentence)
            if translated is None:
                raise UntranslatedError(sentence)
            sentence = translated
        return tidy(sentence.format(**{name: self._isolate_foreign(value) for name, value in values.items()}))

    def join(self, *sentences: str) -> str:
        """Put sentences one after another, as the language does."""
        return self.language.joiner.join(filter(None, sentences))

    def day(self, day: date) -> str:
        """A day without its year: ``Wed, Sep 30``."""
        if self.language.code == "ht":
            return f"{_CREOLE_DAYS[day.weekday()]} {day.day} {_CREOLE_MONTHS[day.month - 1]}"
        pattern = _AMERICAN_DAY_PATTERN if self._american else self.language.day_pattern
        return format_date(day, pattern, locale=self._locale)

    def time(self, moment: time | datetime) -> str:
        """A clock time, no seconds: ``2:05 PM``, ``14:05``."""
        plain = moment.replace(tzinfo=None)
        if self.language.code == "ht" and self._region in (None, "US"):
            return tidy(format_time(plain, "h:mm a", locale="en"))
        return tidy(format_time(plain, "short", locale=self._locale))

    def isolate(self, value: str) -> str:
        """Keep a piece together in a right-to-left text, so that what is beside it cannot mix with it."""
        return value if self.language.direction == "ltr" else f"{_FIRST_STRONG_ISOLATE}{value}{_POP_ISOLATE}"

    def _isolate_foreign(self, value: str) -> str:
        own_direction = any(unicodedata.bidirectional(char) in ("R", "AL") for char in value)
        return value if own_direction or value.isdecimal() else self.isolate(value)
