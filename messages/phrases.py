"""The phrases we look for in texts, and all of their occurrences found in one pass.

A phrase is words in a row. ``word*`` may have any ending, ``~`` lets up to four other words stand
between, and ``(a|b c)`` is any one of these. Chinese, Japanese and Korean phrases are found anywhere,
without borders of words.
"""

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Generic, TypeVar

from messages.matching import UNSPACED, Message, normalise

Tag = TypeVar("Tag")

_GAP = "~"
_MANY = 4000
_GAP_WORDS, _GAP_SIGNS = 4, 8
_CHOICE = re.compile(r"\(([^()]*)\)")
# What stands between spaces, where a choice with its own spaces is one piece; and a gap.
_PIECE = re.compile(r"~|(?:\([^()]*\)|[^\s~()])+")
_BETWEEN = re.compile(r"[\s()|~]+")
_UNSPACED_PIECE = re.compile(r"~|\([^()]*\)|[^~()]+")


@dataclass(frozen=True, slots=True)
class Part:
    """A word of a phrase, or an unbroken piece of one that is written without spaces."""

    text: str
    open_ended: bool = False
    after_gap: bool = False


Words = tuple[Part, ...]


class Slot:
    """One place of a phrase: what may stand there, each the words in a row."""

    __slots__ = ("_exact", "_stems", "after_gap", "choices", "may_be_empty")

    def __init__(self, choices: tuple[Words, ...], *, after_gap: bool) -> None:
        self.choices = choices
        self.after_gap = after_gap
        self.may_be_empty = () in choices
        # Most slots have one choice: two tables for each of them would be most of our memory.
        self._exact: dict[str, list[Words]] | None = None
        self._stems: dict[str, list[Words]] | None = None
        if len(choices) > 1:
            self._exact, self._stems = {}, {}
            for words in choices:
                if words:
                    table = self._stems if words[0].open_ended else self._exact
                    table.setdefault(words[0].text, []).append(words[1:])

    def begin(self, form: str) -> Iterable[Words]:
        """What must still follow, for each choice that a word begins."""
        if self._exact is None or self._stems is None:
            [words] = self.choices
            first = words[0]
            fits = form.startswith(first.text) if first.open_ended else form == first.text
            return (words[1:],) if fits else ()
        found = self._exact.get(form, [])
        if self._stems:
            found = [*found]
            for length in range(1, len(form) + 1):
                found += self._stems.get(form[:length], ())
        return found

    def may_occur(self, present: set[str]) -> bool:
        """Whether any choice can begin with one of these words; with open endings this is not looked into."""
        if self.may_be_empty or self._stems:
            return True
        if self._exact is not None:
            return not present.isdisjoint(self._exact)
        first = self.choices[0][0]
        return first.open_ended or first.text in present


class Phrase:
    """Slots that must follow one another; ``source`` is how it is written in the list."""

    __slots__ = ("has_gap", "slots", "source", "unspaced")

    def __init__(self, source: str, slots: tuple[Slot, ...], *, unspaced: bool) -> None:
        self.source = source
        self.slots = slots
        self.unspaced = unspaced
        self.has_gap = any(slot.after_gap for slot in slots)


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


def make_phrase(source: str) -> Phrase:
    """Read one entry of a word list.

    Raises:
        PhraseError: it has nothing to look for, or brackets that do not pair.
    """
    unspaced = bool(UNSPACED.search(source))
    if any(sign in _CHOICE.sub("", source) for sign in "()|"):
        raise PhraseError(source)
    slots: list[Slot] = []
    after_gap = False
    for piece in (_UNSPACED_PIECE if unspaced else _PIECE).findall(source):
        if piece == _GAP:
            after_gap = bool(slots)
            continue
        choices = _read_choices(piece, unspaced)
        if choices != ((),):
            slots.append(_make_slot(choices, after_gap))
            after_gap = False
    if not slots or all(slot.may_be_empty for slot in slots):
        raise PhraseError(source)
    return Phrase(source, tuple(slots), unspaced=unspaced)


@cache
def _make_slot(choices: tuple[Words, ...], after_gap: bool) -> Slot:
    """Slots are shared by all phrases that have the same one."""
    return Slot(choices, after_gap=after_gap)


@cache
def _read_choices(piece: str, unspaced: bool) -> tuple[Words, ...]:
    if "(" not in piece:
        return (_read_words(piece, unspaced=unspaced),)
    texts = ("".join(texts) for texts in product(*_split_choices(piece)))
    return tuple(dict.fromkeys(_read_words(text, unspaced=unspaced) for text in texts))


def _split_choices(piece: str) -> Iterator[list[str]]:
    for at, text in enumerate(_CHOICE.split(piece)):
        yield text.split("|") if at % 2 else [text]


def _read_words(text: str, *, unspaced: bool) -> Words:
    parts: list[Part] = []
    after_gap = False
    for piece in text.split(_GAP) if unspaced else text.replace(_GAP, f" {_GAP} ").split():
        if piece == _GAP:
            after_gap = bool(parts)
            continue
        words = _plain(piece).split()
        if unspaced:
            words = ["".join(words)] if words else []
            after_gap = bool(parts)
        for at, word in enumerate(words):
            open_ended = piece.endswith("*") and at == len(words) - 1
            parts.append(_make_part(word, open_ended and not unspaced, after_gap and at == 0))
        after_gap = False
    return tuple(parts)


@cache
def _make_part(text: str, open_ended: bool, after_gap: bool) -> Part:
    return Part(text, open_ended, after_gap)


@cache
def _plain(piece: str) -> str:
    return normalise(piece)


def list_words(source: str) -> Iterator[tuple[str, bool]]:
    """The words an entry of a word list is written with, in their plainest form, and whether each is open-ended."""
    for word in _BETWEEN.split(source):
        if word:
            plain = _plain(word).split()
            yield from ((text, word.endswith("*") and text is plain[-1]) for text in plain)


def forget_sources() -> None:
    """Drop what was kept to read many phrases quickly; those that were read stay as they are."""
    for cached in (_make_slot, _read_choices, _make_part, _plain):
        cached.cache_clear()


class PhraseIndex(Generic[Tag]):
    """Many phrases, each with a tag, looked for all at once. A phrase is read when its first word first comes up."""

    def __init__(self, entries: Iterable[tuple[str, Tag]]) -> None:
        self._entries = list(entries)
        self._read: dict[int, Phrase] = {}
        by_word: dict[str, list[int]] = defaultdict(list)
        by_stem: dict[str, list[int]] = defaultdict(list)
        by_signs: dict[str, list[int]] = defaultdict(list)
        for number, (source, _) in enumerate(self._entries):
            if number % _MANY == 0:
                # What is kept to read phrases quickly is large when it is of all languages.
                forget_sources()
            unspaced = bool(UNSPACED.search(source))
            for first in set(_list_beginnings(source, unspaced=unspaced)):
                if unspaced:
                    by_signs[first.text[:2]].append(number)
                else:
                    (by_stem if first.open_ended else by_word)[first.text].append(number)
        self._by_word, self._by_stem, self._by_signs = (
            {key: array("i", numbers) for key, numbers in table.items()} for table in (by_word, by_stem, by_signs)
        )

        self._longest_stem = max(map(len, self._by_stem), default=0)

    def find(self, message: Message, *, prefixed: bool = False) -> list[Hit[Tag]]:
        """All occurrences, in no certain order: of one phrase at one place the shortest and the longest.

        Args:
            prefixed: a word counts without its Arabic prefixes too.
        """
        forms = message.forms if prefixed else tuple((word,) for word in message.words)
        return [*self._find_spaced(forms), *self._find_unspaced(message.squeezed)]

    def _find_spaced(self, forms: tuple[tuple[str, ...], ...]) -> Iterator[Hit[Tag]]:
        present = {form for choices in forms for form in choices}
        for start, choices in enumerate(forms):
            begun: set[int] = set()
            for form in choices:
                begun.update(self._by_word.get(form, ()))
                for length in range(1, min(len(form), self._longest_stem) + 1):
                    begun.update(self._by_stem.get(form[:length], ()))
            for number in begun:
                phrase = self._get(number)
                # Most phrases that a word begins lack another word: seen at once, and not by going through them.
                if not all(slot.may_occur(present) for slot in phrase.slots[1:]):
                    continue
                ends = set(_match_words(phrase.slots, 0, forms, start, gap=False))
                for end in {min(ends), max(ends)} if ends else ():
                    yield Hit(self._entries[number][1], phrase, start, end, start == 0 and end == len(forms))

    def _find_unspaced(self, text: str) -> Iterator[Hit[Tag]]:
        if not UNSPACED.search(text):
            return
        for start in range(len(text)):
            for key in (text[start : start + 2], text[start]):
                for number in self._by_signs.get(key, ()):
                    phrase = self._get(number)
                    ends = set(_match_signs(phrase.slots, 0, text, start, gap=False))
                    for end in {min(ends), max(ends)} if ends else ():
                        yield Hit(self._entries[number][1], phrase, start, end, start == 0 and end == len(text))

    def _get(self, number: int) -> Phrase:
        phrase = self._read.get(number)
        if phrase is None:
            phrase = self._read[number] = make_phrase(self._entries[number][0])
        return phrase


def _list_beginnings(source: str, *, unspaced: bool) -> Iterator[Part]:
    for piece in (_UNSPACED_PIECE if unspaced else _PIECE).findall(source):
        if piece == _GAP:
            continue
        choices = _read_choices(piece, unspaced)
        yield from (words[0] for words in choices if words)
        if () not in choices:
            return


def _match_words(
    slots: tuple[Slot, ...], at: int, forms: tuple[tuple[str, ...], ...], position: int, *, gap: bool
) -> Iterator[int]:
    """Where the phrase may end if its slots from ``at`` on follow from a position on."""
    if at == len(slots):
        yield position
        return
    slot = slots[at]
    gap = gap or slot.after_gap
    for here in range(position, min(position + (_GAP_WORDS if gap else 0), len(forms) - 1) + 1):
        for form in forms[here]:
            for rest in slot.begin(form):
                for end in _match_rest(rest, forms, here + 1):
                    yield from _match_words(slots, at + 1, forms, end, gap=False)
    if slot.may_be_empty:
        yield from _match_words(slots, at + 1, forms, position, gap=gap)


def _match_rest(rest: Words, forms: tuple[tuple[str, ...], ...], position: int) -> Iterator[int]:
    """Where the words of a choice after its first may end."""
    if not rest:
        yield position
        return
    part = rest[0]
    for here in range(position, min(position + (_GAP_WORDS if part.after_gap else 0), len(forms) - 1) + 1):
        if any(form.startswith(part.text) if part.open_ended else form == part.text for form in forms[here]):
            yield from _match_rest(rest[1:], forms, here + 1)


def _match_signs(slots: tuple[Slot, ...], at: int, text: str, position: int, *, gap: bool) -> Iterator[int]:
    if at == len(slots):
        yield position
        return
    slot = slots[at]
    gap = gap or slot.after_gap
    for words in slot.choices:
        if not words:
            yield from _match_signs(slots, at + 1, text, position, gap=gap)
            continue
        end = position
        for number, part in enumerate(words):
            room = _GAP_SIGNS if (gap if number == 0 else part.after_gap) else 0
            found = text.find(part.text, end, end + room + len(part.text))
            if found < 0:
                break
            end = found + len(part.text)
        else:
            yield from _match_signs(slots, at + 1, text, end, gap=False)
