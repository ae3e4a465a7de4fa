"""The phrases we look for in texts, and all of their occurrences found in one pass.

A phrase is words in a row. ``word*`` may have any ending, ``~`` lets up to four other words stand
between, and ``(a|b c)`` is any one of these. Chinese, Japanese and Korean phrases are found anywhere,
without borders of words.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Generic, TypeVar

from messages.matching import UNSPACED, Message, normalise

Tag = TypeVar("Tag")

_GAP = "~"
_GAP_WORDS, _GAP_SIGNS = 4, 8
_CHOICE = re.compile(r"\(([^()]*)\)")
_LONGEST_STEM = 24


@dataclass(frozen=True, slots=True)
class Part:
    """A word of a phrase, or an unbroken piece of one that is written without spaces."""

    text: str
    open_ended: bool = False
    after_gap: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """Parts that must follow one another."""

    parts: tuple[Part, ...]
    unspaced: bool

    @property
    def weight(self) -> int:
        """How much it says when it is found: long phrases are more certain than short ones."""
        length = sum(len(part.text) for part in self.parts)
        return length * 3 if self.unspaced else length


@dataclass(frozen=True, slots=True)
class Hit(Generic[Tag]):
    """A phrase found: where, in words or in signs, and whether it is all there is."""

    tag: Tag
    phrase: Phrase
    start: int
    end: int
    whole: bool


class PhraseError(ValueError):
    """A phrase cannot be read."""


def make_phrases(source: str) -> list[Phrase]:
    """The phrases that one entry of a word list stands for.

    Raises:
        PhraseError: it has nothing to look for, or unpaired brackets.
    """
    texts = ["".join(pieces) for pieces in product(*_split_choices(source))]
    phrases = [Phrase(*parsed) for text in texts if (parsed := _parse(text))[0]]
    if not phrases or any(sign in text for text in texts for sign in "()|"):
        raise PhraseError(source)
    return list(dict.fromkeys(phrases))


def _split_choices(source: str) -> Iterator[list[str]]:
    for at, piece in enumerate(_CHOICE.split(source)):
        yield piece.split("|") if at % 2 else [piece]


def _parse(text: str) -> tuple[tuple[Part, ...], bool]:
    unspaced = bool(UNSPACED.search(text))
    parts: list[Part] = []
    after_gap = False
    for piece in _split_unspaced(text) if unspaced else text.replace(_GAP, f" {_GAP} ").split():
        if piece == _GAP:
            after_gap = bool(parts)
            continue
        words = _plain(piece).split()
        if unspaced:
            words = ["".join(words)] if words else []
        for at, word in enumerate(words):
            open_ended = piece.endswith("*") and at == len(words) - 1
            parts.append(Part(word, open_ended and not unspaced, after_gap and at == 0))
        after_gap = False
    return tuple(parts), unspaced


def _split_unspaced(text: str) -> Iterator[str]:
    for at, piece in enumerate(text.split(_GAP)):
        if at:
            yield _GAP
        yield piece


@cache
def _plain(piece: str) -> str:
    return normalise(piece)


class PhraseIndex(Generic[Tag]):
    """Many phrases, each with a tag, looked for all at once."""

    def __init__(self, phrases: Iterable[tuple[Phrase, Tag]]) -> None:
        self._by_word: dict[str, list[tuple[Phrase, Tag]]] = defaultdict(list)
        self._by_stem: dict[str, list[tuple[Phrase, Tag]]] = defaultdict(list)
        self._by_signs: dict[str, list[tuple[Phrase, Tag]]] = defaultdict(list)
        for phrase, tag in phrases:
            first = phrase.parts[0]
            if phrase.unspaced:
                self._by_signs[first.text[:2]].append((phrase, tag))
            elif first.open_ended:
                self._by_stem[first.text].append((phrase, tag))
            else:
                self._by_word[first.text].append((phrase, tag))

    def find(self, message: Message) -> list[Hit[Tag]]:
        """All occurrences, in no certain order."""
        return [*self._find_spaced(message.forms), *self._find_unspaced(message.squeezed)]

    def _find_spaced(self, forms: tuple[tuple[str, ...], ...]) -> Iterator[Hit[Tag]]:
        for start, choices in enumerate(forms):
            for form in choices:
                found = list(self._by_word.get(form, ()))
                for length in range(1, min(len(form), _LONGEST_STEM) + 1):
                    found += self._by_stem.get(form[:length], ())
                for phrase, tag in found:
                    end = _match_words(phrase.parts, 1, forms, start + 1)
                    if end:
                        yield Hit(tag, phrase, start, end, start == 0 and end == len(forms))

    def _find_unspaced(self, text: str) -> Iterator[Hit[Tag]]:
        if not UNSPACED.search(text):
            return
        for start in range(len(text)):
            for key in (text[start : start + 2], text[start]):
                for phrase, tag in self._by_signs.get(key, ()):
                    end = _match_signs(phrase.parts, text, start)
                    if end:
                        yield Hit(tag, phrase, start, end, start == 0 and end == len(text))


def _match_words(parts: tuple[Part, ...], at: int, forms: tuple[tuple[str, ...], ...], position: int) -> int:
    """Where the phrase ends if its parts from ``at`` on follow from a position on; 0 if they do not."""
    if at == len(parts):
        return position
    part = parts[at]
    for here in range(position, min(position + (_GAP_WORDS if part.after_gap else 0), len(forms) - 1) + 1):
        if any(form.startswith(part.text) if part.open_ended else form == part.text for form in forms[here]):
            end = _match_words(parts, at + 1, forms, here + 1)
            if end:
                return end
    return 0


def _match_signs(parts: tuple[Part, ...], text: str, start: int) -> int:
    position = start
    for at, part in enumerate(parts):
        room = _GAP_SIGNS if at and part.after_gap else 0
        found = text.find(part.text, position, position + room + len(part.text))
        if found < 0:
            return 0
        position = found + len(part.text)
    return position
