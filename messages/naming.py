"""The languages that a text names: "in English", "l'anglais", "po angielsku"."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from babel import Locale

from messages.languages import LANGUAGES, Language
from messages.matching import UNSPACED, Message, normalise

# A shorter word may be the name of a language by chance.
SHORTEST_NAME = 3
# A name with another ending than in our list: what is left is this long, and the list's own ending no longer than that.
_SHORTEST_STEM, _LONGEST_ENDING = 5, 3
# What runs into a name: "l'anglais", "dall'inglese". The apostrophe is gone by then.
_ARTICLE = re.compile("^(?:l|d|qu|(?:a|da|de|ne|su)ll)(?=[aeiouh])")


@dataclass(frozen=True)
class LanguageNames:
    """What languages are called, and the beginnings of longer names, which may have another ending."""

    whole: dict[str, Language]
    stems: dict[str, Language]

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
        for cut in range(_LONGEST_ENDING + 1):
            if len(name) - cut >= _SHORTEST_STEM:
                stems.setdefault(name[: len(name) - cut], language)
    return LanguageNames(whole, stems)


def _list_language_names() -> Iterator[tuple[str, Language]]:
    for reader in LANGUAGES:
        called = Locale.parse(reader.code).languages
        for language in LANGUAGES:
            # "Chinese" alone is the simplified script; the other has a name of its own.
            code = language.code if language.code == "zh_Hant" else language.code.split("_")[0]
            if name := called.get(code):
                yield normalise(name), language
                if reader.code == "ar":
                    # "the English (one)", as CLDR has it, and what people say: "English", of a language or of a text.
                    yield from ((plain, language) for plain in _list_plain(normalise(name)))
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


def list_languages(message: Message, names: LanguageNames) -> Iterable[str]:
    """The codes of the languages named in a message, in order."""
    at, words = 0, message.words
    while at < len(words):
        for length in (3, 2, 1):
            forms = list_forms(Message(" ".join(words[at : at + length])))
            meant = (names.find(form) for form in forms if len(form) > SHORTEST_NAME)
            if language := next((one for one in meant if one), None):
                yield language.code
                at += length - 1
                break
        at += 1
    squeezed = message.squeezed
    if UNSPACED.search(squeezed):
        found = [name for name in names.whole if UNSPACED.search(name) and name in squeezed]
        longest = [name for name in found if not any(name != other and name in other for other in found)]
        yield from (names.whole[name].code for name in sorted(longest, key=squeezed.find))
