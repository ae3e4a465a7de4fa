"""A patient's text made comparable, and phrases found in it.

Case, accents, punctuation, emoji, tashkeel and tatweel do not count; digits of every script read
as ASCII. Chinese phrases match anywhere in the text, others as whole words in a row.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

_APOSTROPHES = re.compile("['\u2019\u2018\u02bc`\u00b4]")
_ARABIC_FORMS = str.maketrans(
    {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ؤ": "و", "ئ": "ي"}
)
_TATWEEL = "\u0640"
# What Arabic writes in front of a word without a space: and, so, by, for, like, the.
_ARABIC_PREFIXES = ("وال", "بال", "فال", "كال", "ال", "لل", "و", "ف", "ب", "ل", "ك")
_CLAUSES = re.compile(r"[.!?,;:\n\u060c\u061b\u061f\u3002\uff0c\uff1b\uff1f\uff01\u3001]+")
_HAN = re.compile("[\u3400-\u9fff]")
_HAN_SPACE = re.compile("(?<=[\u3400-\u9fff])[ \t]+(?=[\u3400-\u9fff])")
_HAN_EDGE = re.compile("(?<=[\u3400-\u9fff])(?=[a-z0-9])|(?<=[a-z0-9])(?=[\u3400-\u9fff])")


# The combining classes of vowel signs and of the virama, without which Indian scripts lose their words;
# accents, tashkeel and the nukta have others.
_SPELLING = (0, 9)


def normalise(text: str) -> str:
    """The text's words in their plainest form, one space between them."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("ß", "ss").replace("ı", "i")
    text = _APOSTROPHES.sub("", text).replace(_TATWEEL, "").translate(_ARABIC_FORMS)
    kept = []
    for char in unicodedata.normalize("NFD", text):
        category = unicodedata.category(char)
        if category == "Nd":
            kept.append(str(unicodedata.digit(char)))
        elif category[0] in "LN" or (category[0] == "M" and unicodedata.combining(char) in _SPELLING):
            kept.append(char)
        elif category[0] != "M":
            kept.append(" ")
    plain = unicodedata.normalize("NFC", "".join(kept))
    return " ".join(_HAN_EDGE.sub(" ", plain).split())


@dataclass(frozen=True)
class Message:
    """A normalised text, or one clause of it."""

    text: str

    @cached_property
    def words(self) -> tuple[frozenset[str], ...]:
        """The forms each word may be matched by: itself and, in Arabic, without its prefixes."""
        return tuple(frozenset(_list_forms(word)) for word in self.text.split())

    @cached_property
    def squeezed(self) -> str:
        return self.text.replace(" ", "")


def split_clauses(text: str) -> list[Message]:
    """The clauses of a raw text, each normalised. Between Chinese words a space is a comma."""
    parts = (normalise(part) for part in _CLAUSES.split(_HAN_SPACE.sub(",", text)))
    return [Message(part) for part in parts if part]


@dataclass(frozen=True)
class Phrase:
    """A phrase to look for; a trailing ``*`` in its source lets the last word have any ending."""

    words: tuple[str, ...]
    open_ended: bool
    han: bool

    @property
    def weight(self) -> int:
        """How much it says when it is found: long phrases are more certain than short ones."""
        length = sum(map(len, self.words))
        return length * 3 if self.han else length

    def occurs_in(self, message: Message) -> bool:
        if self.han:
            return "".join(self.words) in message.squeezed
        size = len(self.words)
        return any(self._matches(message.words[at : at + size]) for at in range(len(message.words) - size + 1))

    def equals(self, message: Message) -> bool:
        if self.han:
            return "".join(self.words) == message.squeezed
        return len(message.words) == len(self.words) and self._matches(message.words)

    def _matches(self, words: tuple[frozenset[str], ...]) -> bool:
        *first, last = self.words
        if any(wanted not in forms for wanted, forms in zip(first, words, strict=False)):
            return False
        if self.open_ended:
            return any(form.startswith(last) for form in words[-1])
        return last in words[-1]


def make_phrases(sources: Iterable[str]) -> tuple[Phrase, ...]:
    """Prepare phrases once, so that matching them is cheap."""
    split = ((source, tuple(normalise(source).split())) for source in sources)
    return tuple(
        Phrase(words, source.rstrip().endswith("*"), bool(_HAN.search(source))) for source, words in split if words
    )


def find_any(phrases: Iterable[Phrase], message: Message) -> bool:
    return any(phrase.occurs_in(message) for phrase in phrases)


def _list_forms(word: str) -> Iterable[str]:
    yield word
    for prefix in _ARABIC_PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= 2:
            yield word.removeprefix(prefix)
