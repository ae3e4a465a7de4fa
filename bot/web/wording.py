"""The languages that the staff's pages speak: English, and ``locales/<code>/LC_MESSAGES/desk.po``."""

import gettext
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from babel import Locale, negotiate_locale
from babel.dates import format_skeleton
from babel.messages.pofile import read_po

from bot.sentences import Day, Sentence
from messages.catalogues import LOCALES, list_forms, read_catalogue
from messages.languages import SOURCE
from messages.segments import tidy


@dataclass(frozen=True)
class Wording:
    """What one language's pages say. ``translate`` leaves English what is not translated."""

    code: str
    translate: Callable[[str], str]
    translate_plural: Callable[[str, str, int], str]

    def say(self, sentence: str, write: Callable[[datetime], str] = str) -> str:
        """A sentence of ours, filled in where it is a ``Sentence``; ``write`` makes words of a time in it."""
        if not isinstance(sentence, Sentence) or not sentence.values:
            return self.translate(sentence)
        values = {name: self._say_value(value, write) for name, value in sentence.values.items()}
        return self.translate(sentence.template) % values

    def _say_value(self, value: Any, write: Callable[[datetime], str]) -> Any:
        match value:
            case list():
                return ", ".join(str(self._say_value(one, write)) for one in value)
            case Sentence():
                return self.say(value, write)
            case Day():
                return tidy(format_skeleton("MMMEd", value.day, locale=self.locale))
            case datetime():
                return write(value)
        return value

    @property
    def locale(self) -> Locale:
        return Locale.parse(self.code)


def word(english: str) -> str:
    """Mark a word of ours for translation; the page that shows it translates it."""
    return english


@cache
def list_wordings() -> tuple[str, ...]:
    """The codes of the languages that the pages speak, English first."""
    translated = (path.parent.parent.name for path in LOCALES.glob("*/LC_MESSAGES/desk.po"))
    return (SOURCE, *sorted(translated))


def choose_wording(wanted: str) -> str:
    """The language to speak with a browser that sends this ``Accept-Language``."""
    tags = [part.partition(";")[0].strip().replace("-", "_") for part in wanted.split(",")[:20]]
    return negotiate_locale([tag for tag in tags if tag], list_wordings()) or SOURCE


@cache
def read_wording(code: str) -> Wording:
    """The wording of a language; English where there is no such one.

    What patients read, such as a question of the FAQ, is worded as they read it.
    """
    if code == SOURCE or code not in list_wordings():
        return Wording(SOURCE, word, lambda one, many, number: one if number == 1 else many)
    with (LOCALES / code / "LC_MESSAGES" / "desk.po").open("rb") as file:
        po = read_po(file, locale=code)
    known = {list_forms(entry.id)[0]: list_forms(entry.string) for entry in po if entry.id and not entry.fuzzy}
    usable = {english: forms for english, forms in known.items() if all(forms)}
    patients = read_catalogue(code).translations
    find_form = gettext.c2py(po.plural_expr)

    def translate(english: str) -> str:
        return (usable.get(english) or patients.get(english) or (english,))[0]

    def translate_plural(one: str, many: str, number: int) -> str:
        forms = usable.get(one)
        return forms[find_form(number)] if forms else (one if number == 1 else many)

    return Wording(code, translate, translate_plural)
