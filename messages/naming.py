"""The languages that a text names: "in English", "l'anglais", "po angielsku"."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from messages.languages import LANGUAGES, Language, get_language
from messages.matching import UNSPACED, Message, normalise

# A shorter word may be the name of a language by chance.
SHORTEST_NAME = 3
# A name with another ending than in our list: what is left is this long, and the list's own ending no longer than that.
_SHORTEST_STEM, _LONGEST_ENDING = 5, 3
# What begins some name and words for something else: "mandar" is "send" in Spanish and Portuguese, and no Mandarin.
_NO_STEMS = frozenset({"manda", "mandar"})
# So many words are remembered with what they name.
_KEPT = 10_000
# What runs into a name: "l'anglais", "dall'inglese". The apostrophe is gone by then.
_ARTICLE = re.compile("^(?:l|d|qu|(?:a|da|de|ne|su)ll)(?=[aeiouh])")


@dataclass(frozen=True)
class LanguageNames:
    """What languages are called, and the beginnings of longer names, which may have another ending.

    ``second`` are the second words of names that have some, ``unspaced`` the names written without spaces.
    """

    whole: dict[str, Language]
    stems: dict[str, Language]
    second: frozenset[str]
    unspaced: tuple[str, ...]
    # What the words of texts name that were looked up already, if anything.
    _met: dict[str, list[Language]] = field(default_factory=dict)

    def find_within(self, text: str) -> Language | None:
        """The language of a name as it stands in a text, with what runs into it."""
        found = self._met.get(text)
        if found is None:
            forms = list_forms(Message(text)) if len(text) > SHORTEST_NAME else ()
            found = [*filter(None, (self.find(form) for form in forms if len(form) > SHORTEST_NAME))]
            if len(self._met) >= _KEPT:
                self._met.clear()
            self._met[text] = found
        return found[0] if found else None

    def find(self, name: str) -> Language | None:
        """The language of a name as it is, or with another ending: "angielsku", "украинском"."""
        if found := self.whole.get(name):
            return found
        cuts = (name[:-cut] for cut in (1, 2, 3) if len(name) - cut >= _SHORTEST_STEM and " " not in name)
        return next((self.stems[stem] for stem in cuts if stem in self.stems), None)


def read_language_names() -> LanguageNames:
    """Each language's names: its own, our aliases, and what every other language calls it (CLDR)."""
    whole = dict(_list_language_names())
    stems: dict[str, Language] = {}
    for name, language in whole.items():
        beginnings = {name[: len(name) - cut] for cut in range(_LONGEST_ENDING + 1)} - _NO_STEMS
        for stem in beginnings:
            if len(stem) >= _SHORTEST_STEM:
                stems.setdefault(stem, language)
    second = frozenset(name.split()[1] for name in whole if " " in name)
    return LanguageNames(whole, stems, second, tuple(filter(UNSPACED.search, whole)))


def _list_language_names() -> Iterator[tuple[str, Language]]:
    # Babel has these too, but would keep all that it knows of 24 languages: a third of our memory.
    called = tomllib.loads(Path(__file__).with_name("language_names.toml").read_text(encoding="utf-8"))
    for reader, names in called.items():
        for code, name in names.items():
            yield normalise(name), get_language(code)
            if reader == "ar":
                # "the English (one)", as CLDR has it, and what people say: "English", of a language or of a text.
                yield from ((plain, get_language(code)) for plain in _list_plain(normalise(name)))
    for language in LANGUAGES:
        for name in (language.code, language.name, *language.aliases):
            yield normalise(name), language


def _list_plain(name: str) -> Iterator[str]:
    """An Arabic name of a language without its article, and of the other gender."""
    plain = name.removeprefix("ال")
    yield plain
    if " " not in plain:
        yield plain.removesuffix("ه")


def list_forms(message: Message) -> Iterator[str]:
    """The words as they are, and without what runs into the first: "l'anglais"; in Arabic "in English" is one word."""
    for form in message.forms[0] if message.forms else ():
        yield " ".join((form, *message.words[1:]))
    plain = _ARTICLE.sub("", message.text, count=1)
    if plain != message.text:
        yield plain


class Mention(NamedTuple):
    """A language named in a message, and where: in words, or in signs where no spaces are written."""

    code: str
    start: int
    unspaced: bool


def list_mentions(message: Message, names: LanguageNames) -> Iterator[Mention]:
    """The languages named in a message, in order: those named with spaces around them first."""
    at, words = 0, message.words
    while at < len(words):
        for length in (3, 2, 1) if names.second.intersection(words[at + 1 : at + 2]) else (1,):
            if language := names.find_within(" ".join(words[at : at + length])):
                yield Mention(language.code, at, unspaced=False)
                at += length - 1
                break
        at += 1
    squeezed = message.squeezed
    if UNSPACED.search(squeezed):
        found = [name for name in names.unspaced if name in squeezed]
        longest = [name for name in found if not any(name != other and name in other for other in found)]
        places = sorted((squeezed.find(name), name) for name in longest)
        yield from (Mention(names.whole[name].code, start, unspaced=True) for start, name in places)
