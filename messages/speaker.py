"""Says sentences, days, times and numbers in a language, as one region and one clinic write them."""

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import lru_cache
from typing import NamedTuple

from babel import Locale
from babel.dates import format_date, format_time

from messages.catalogues import read_catalogue
from messages.languages import SOURCE, Language
from messages.segments import tidy

_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_AMERICAN_DAY = "EEE, MMM d"

# Babel has French month and day names for Haitian Creole. These are the Creole ones.
_CREOLE_DAYS = ("lendi", "madi", "mèkredi", "jedi", "vandredi", "samdi", "dimanch")
_CREOLE_MONTHS = (
    *("janvye", "fevriye", "mas", "avril", "me", "jen"),
    *("jiyè", "out", "septanm", "oktòb", "novanm", "desanm"),
)


class Plural(NamedTuple):
    """An English sentence with a ``{number}`` in it: for one, and for any other number."""

    one: str
    other: str


def say(sentence: str) -> str:
    """Mark a sentence for extraction; ``Speaker.say`` translates it when it is sent."""
    return sentence


def plural(one: str, other: str) -> Plural:
    """Mark a sentence with a number in it; ``Speaker.say_number`` translates it when it is sent."""
    return Plural(one, other)


class UntranslatedError(LookupError):
    """A sentence has no usable translation, so the whole text must be said in another language."""


class Speaker:
    """Says sentences, days and times in one language, as one region and one clinic write them.

    Args:
        region: ISO 3166 alpha-2; decides the clock where CLDR knows the language there.
        clock: ``locale``, ``12`` or ``24``.
        native_digits: days and times in the language's own digits, if it has some.
        reviewed_only: sentences that nobody has signed count as untranslated.
    """

    def __init__(
        self,
        language: Language,
        region: str | None = None,
        *,
        clock: str = "locale",
        native_digits: bool = False,
        reviewed_only: bool = False,
    ) -> None:
        self.language = language
        # Whether all that has been said so far is reviewed.
        self.all_reviewed = True
        self._catalogue = read_catalogue(language.code)
        locale = language.locale(region)
        # To look up what has been formatted by the locale itself takes longer.
        self._locale = str(locale)
        self._is_ltr = language.direction == "ltr"
        self._region = region
        self._clock = clock
        self._time_pattern = self._find_time_pattern(locale)
        self._digits = language.digits if native_digits else ""
        self._reviewed_only = reviewed_only

    def begin_anew(self) -> "Speaker":
        """The same speaker who has said nothing yet."""
        # As copy.copy does, which takes longer than a sentence.
        anew = object.__new__(Speaker)
        anew.__dict__.update(self.__dict__, all_reviewed=True)
        return anew

    def say(self, sentence: str, **values: str) -> str:
        """Translate the sentence and fill its placeholders, isolating values of the other direction.

        Raises:
            UntranslatedError: the catalogue has no usable translation of it.
        """
        return self._fill(self._translate(sentence)[0], values)

    def say_number(self, forms: Plural, number: int, **values: str) -> str:
        """Say the sentence in the form that the language has for this number; it fills ``{number}``.

        Raises:
            UntranslatedError: the catalogue has no usable translation of it.
        """
        translated = forms if self._catalogue.is_source else self._translate(forms.one)
        return self._fill(translated[self._catalogue.find_form(number)], {**values, "number": self._show(str(number))})

    def join(self, *sentences: str) -> str:
        """Put sentences one after another, as the language does."""
        return self.language.joiner.join(filter(None, sentences))

    def day(self, day: date) -> str:
        """A day without its year: ``Wed, Sep 30``."""
        if self.language.code == "ht":
            return f"{_CREOLE_DAYS[day.weekday()]} {day.day} {_CREOLE_MONTHS[day.month - 1]}"
        is_american = self.language.code == SOURCE and self._region in (None, "US")
        pattern = _AMERICAN_DAY if is_american else self.language.day
        return self._show(_format_day(day.year, day.month, day.day, pattern, self._locale))

    def time(self, moment: time | datetime) -> str:
        """A clock time, no seconds: ``2:05 PM``, ``14:05``."""
        return self._show(_format_time(moment.hour, moment.minute, self._time_pattern, self._locale))

    def isolate(self, value: str) -> str:
        """Keep a piece together in a right-to-left text, so that what is beside it cannot mix with it."""
        return value if self._is_ltr else f"{_FIRST_STRONG_ISOLATE}{value}{_POP_ISOLATE}"

    def _translate(self, sentence: str) -> tuple[str, ...]:
        if self._catalogue.is_source:
            return (sentence,)
        is_reviewed = sentence in self._catalogue.reviewed
        translated = self._catalogue.translations.get(sentence)
        if translated is None or (self._reviewed_only and not is_reviewed):
            raise UntranslatedError(sentence)
        self.all_reviewed &= is_reviewed
        return translated

    def _fill(self, sentence: str, values: Mapping[str, str]) -> str:
        if self._is_ltr:
            return tidy(sentence.format(**values))
        return tidy(sentence.format(**{name: self._isolate_foreign(value) for name, value in values.items()}))

    def _find_time_pattern(self, locale: Locale) -> str:
        """The CLDR time pattern: the locale's, or that of the clock the clinic has chosen."""
        # Haitian Creole in the United States uses the American clock, which CLDR does not know of.
        locale_clock = "12" if self.language.code == "ht" and self._region in (None, "US") else self._clock
        clock = locale_clock if self._clock == "locale" else self._clock
        skeletons = locale.datetime_skeletons
        patterns = {"12": str(skeletons["hm"]), "24": str(skeletons["Hm"])}
        pattern = patterns.get(clock, str(locale.time_formats["short"]))
        own = self.language.clock_12 if "a" in pattern else self.language.clock_24
        return own or pattern

    def _show(self, text: str) -> str:
        return text.translate(dict(zip(map(ord, "0123456789"), self._digits, strict=True))) if self._digits else text

    def _isolate_foreign(self, value: str) -> str:
        if self._is_ltr or value.isdecimal() or _FIRST_STRONG_ISOLATE in value:
            return value
        return value if _is_right_to_left(value) else self.isolate(value)


# In a burst the same few days and times are said again and again, and CLDR takes most of the time of a text.


@lru_cache(4096)
def _is_right_to_left(value: str) -> bool:
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in value)


@lru_cache(4096)
def _format_day(year: int, month: int, day: int, pattern: str, locale: str) -> str:
    return str(format_date(date(year, month, day), pattern, locale=locale))


@lru_cache(4096)
def _format_time(hour: int, minute: int, pattern: str, locale: str) -> str:
    return tidy(format_time(time(hour, minute), pattern, locale=locale))
