"""The phrases we look for in texts: how they are written, and where one occurs.

A phrase is words in a row. ``word*`` may have any ending, ``~`` lets up to four other words stand
between, and ``(a|b c)`` is any one of these. Chinese, Japanese and Korean phrases are found anywhere,
without borders of words.

In its plain form a phrase is its slots, ``/`` between them, ``~`` before one that a gap may precede; a slot is its
choices, ``|`` between them, with every word as ``normalise`` has it: ``(stop|don't) ~ text* me`` is
``stop|dont/~text*/me``.
"""

import re
import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, product
from typing import NamedTuple

from messages.matching import UNSPACED, Places, normalise
from messages.sieve import Step

_GAP, _NEXT = "~", "/"
_GAP_WORDS, _GAP_SIGNS = 4, 8
_CHOICE = re.compile(r"\(([^()]*)\)")
# What stands between spaces, where a choice with its own spaces is one piece; and a gap.
_PIECE = re.compile(r"~|(?:\([^()]*\)|[^\s~()])+")
_UNSPACED_PIECE = re.compile(r"~|\([^()]*\)|[^~()]+")
_LETTER, _STRAY = re.compile(r"\w"), re.compile(r"[()|]")
_PLAIN_WORD = re.compile("[^/|~ ]+")
# So many pieces are kept while lists are read: those of one language, and then of the next.
_KEPT = 8192
# What is written without spaces is looked up by so many signs at most.
_PIECE_SIGNS = 3


class PhraseError(ValueError):
    """A phrase cannot be read."""


def check_form(source: str) -> None:
    """See at a glance whether one entry of a word list can be read: a small part of the time that reading it takes.

    Raises:
        PhraseError: it has no letters, or brackets that do not pair.
    """
    if not _LETTER.search(source) or _STRAY.search(_CHOICE.sub("", source) if "(" in source else source):
        raise PhraseError(source)


def simplify(source: str) -> str:
    """The plain form of one entry of a word list.

    Raises:
        PhraseError: it has nothing to look for, or brackets that do not pair.
    """
    check_form(source)
    unspaced = bool(UNSPACED.search(source))
    slots: list[str] = []
    after_gap = has_words = False
    for piece in (_UNSPACED_PIECE if unspaced else _PIECE).findall(source):
        if piece == _GAP:
            after_gap = bool(slots)
            continue
        choices = _simplify_choices(piece, unspaced)
        if choices != ("",):
            slots.append(_GAP * after_gap + "|".join(choices))
            has_words |= "" not in choices
            after_gap = False
    if not has_words:
        raise PhraseError(source)
    return _NEXT.join(slots)


@lru_cache(_KEPT)
def _simplify_choices(piece: str, unspaced: bool) -> tuple[str, ...]:
    if "(" not in piece:
        return (_simplify_words(piece, unspaced=unspaced),)
    texts = ("".join(texts) for texts in product(*_split_choices(piece)))
    return tuple(dict.fromkeys(_simplify_words(text, unspaced=unspaced) for text in texts))


def _split_choices(piece: str) -> Iterator[list[str]]:
    for at, text in enumerate(_CHOICE.split(piece)):
        yield text.split("|") if at % 2 else [text]


def _simplify_words(text: str, *, unspaced: bool) -> str:
    parts: list[str] = []
    after_gap = False
    for piece in text.split(_GAP) if unspaced else text.replace(_GAP, f" {_GAP} ").split():
        if piece == _GAP:
            after_gap = bool(parts)
            continue
        plain = _normalise(piece)
        if unspaced:
            plain, after_gap = plain.replace(" ", ""), bool(parts)
        if plain:
            ending = "*" if piece.endswith("*") and not unspaced else ""
            parts.append(_GAP * after_gap + plain + ending)
        after_gap = False
    return " ".join(parts)


@lru_cache(_KEPT)
def _normalise(piece: str) -> str:
    return normalise(piece)


def forget_pieces() -> None:
    """Let go of what was kept while lists were read."""
    _simplify_choices.cache_clear()
    _normalise.cache_clear()


def list_words(plain: str) -> Iterator[tuple[str, bool]]:
    """The words of a phrase in its plain form, and whether each is open-ended."""
    for word in _PLAIN_WORD.findall(plain):
        yield sys.intern(word.removesuffix("*")), word.endswith("*")


# Where something is in a message: its start and its end, in words or in signs.
Span = tuple[int, int]


# At each position that a choice begins at where its first word ends, and what must follow that of the choice.
Found = dict[int, list[tuple[int, str]]]


class Slot(NamedTuple):
    """One place of a phrase in a message; it may be empty if it is optional."""

    found: Found
    optional: bool
    after_gap: bool


class Phrase:
    """Slots that must follow one another; ``source`` is its plain form.

    That is read anew whenever it is looked for: of many choices few are in a text, and the others are passed over.
    """

    __slots__ = ("source", "unspaced")

    def __init__(self, plain: str) -> None:
        self.source = plain
        self.unspaced = not plain.isascii() and bool(UNSPACED.search(plain))

    @property
    def has_gap(self) -> bool:
        return any(slot.startswith(_GAP) for slot in self.source.split(_NEXT))

    def list_rarest(self, many: Mapping[str, int]) -> Iterable[str]:
        """The words, or signs, one of which a text must have and that the fewest texts have; else the longest ones.

        Args:
            many: how many of some texts have each.
        """
        signs = _PIECE_SIGNS if self.unspaced else None
        slots = [{first[:signs] for first, _ in _list_choices(slot)} for slot in self.source.split(_NEXT)]
        required = [slot for slot in slots if "" not in slot]
        return min(required, key=lambda slot: (sum(many.get(first, 0) for first in slot), -min(map(len, slot))))

    def list_steps(self) -> Iterator[Step]:
        """What must stand in a text that it is in, one behind the other."""
        reach = 1
        for slot in self.source.split(_NEXT):
            choices = [*_list_choices(slot)]
            if slot.startswith(_GAP):
                reach += _GAP_SIGNS if self.unspaced else _GAP_WORDS
            if all(first for first, _ in choices):
                yield Step(_list_piece_beginnings(choices) if self.unspaced else _list_beginnings(choices), reach)
                reach = 0
            reach += max(_measure(first, rest, unspaced=self.unspaced) for first, rest in choices)

    def find(self, places: Places) -> Iterable[Span]:
        """Where it starts and ends in a message, in words: at each start the shortest and the longest."""
        if alone := places.get(self.source):
            # Most phrases are one word.
            return [(at, at + 1) for at in alone]
        slots = self._find_slots(lambda first: places.get(first, ()))
        return _find_spans(slots, _GAP_WORDS, lambda rest, position: _match_words(rest, places, position))

    def find_unspaced(self, text: str, pieces: Places) -> Iterable[Span]:
        """The same in signs, in a message without its spaces; ``pieces`` are those of ``list_pieces``."""

        def locate(first: str) -> Iterable[int]:
            return [here for here in pieces.get(first[:_PIECE_SIGNS], ()) if text.startswith(first, here)]

        return _find_spans(
            self._find_slots(locate), _GAP_SIGNS, lambda rest, position: _match_signs(rest, text, position)
        )

    def _find_slots(self, locate: Callable[[str], Iterable[int]]) -> list[Slot]:
        """Its slots in a message; none if one of them is not there that must be.

        Args:
            locate: gives where a choice may begin, by its first word or signs.
        """
        slots = []
        for slot in self.source.split(_NEXT):
            found: Found = {}
            optional = False
            for first, rest in _list_choices(slot):
                optional |= not first
                length = len(first) if self.unspaced else 1
                for here in locate(first):
                    found.setdefault(here, []).append((here + length, rest))
            if not (found or optional):
                return []
            slots.append(Slot(found, optional, slot.startswith(_GAP)))
        return slots


def _find_spans(slots: Sequence[Slot], gap: int, match: Callable[[str, int], Iterable[int]]) -> Iterable[Span]:
    """Where some slots follow one another: at each start the shortest and the longest.

    Args:
        gap: how long a gap is at most.
        match: gives the ends of the rest of a choice that follows a position.
    """
    # Each start, and where the next slot may begin: just there, or after a gap.
    near, far = {(here, here) for slot in _list_leading(slots) for here in slot.found}, set[Span]()
    for found, optional, after_gap in slots:
        if after_gap:
            near, far = set(), near | far
        spread = ((start, here) for start, position in far for here in range(position, position + gap + 1))
        reached = set[Span]()
        for start, position in chain(near, spread) if far else near:
            for end, rest in found.get(position, ()):
                if rest:
                    reached.update((start, there) for there in match(rest, end))
                else:
                    reached.add((start, end))
        near, far = (near | reached, far) if optional else (reached, set())
        if not (near or far):
            return ()
    return _list_outermost(near | far)


def _list_leading(slots: Iterable[Slot]) -> Iterator[Slot]:
    """The slots that a phrase may begin with: the first, and the next where that may be left out."""
    for slot in slots:
        yield slot
        if not slot.optional:
            return


def list_pieces(signs: str) -> Places:
    """Where in a message without its spaces each piece is that a step may begin with."""
    pieces: Places = {}
    if UNSPACED.search(signs):
        for at, size in product(range(len(signs)), range(1, _PIECE_SIGNS + 1)):
            pieces.setdefault(signs[at : at + size], []).append(at)
    return pieces


def _list_choices(slot: str) -> Iterator[tuple[str, str]]:
    """The first word of each choice, and the rest of it; both are empty where the slot may be."""
    for choice in slot.removeprefix(_GAP).split("|"):
        first, _, rest = choice.partition(" ")
        yield first, rest


def _list_beginnings(choices: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, int]]:
    """Of each choice the first word, the second, and how far behind it that may be."""
    for first, rest in choices:
        second = rest.partition(" ")[0]
        yield first, second.removeprefix(_GAP), 1 + _GAP_WORDS * second.startswith(_GAP)


def _list_piece_beginnings(choices: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, int]]:
    """Of each choice the first signs."""
    return ((piece, "", 1) for piece in {first[:_PIECE_SIGNS] for first, _ in choices})


def _measure(first: str, rest: str, *, unspaced: bool) -> int:
    """How many places a choice takes at most."""
    if unspaced:
        return len(first) + sum(_GAP_SIGNS + len(part) for part in rest.split())
    return bool(first) + sum(1 + _GAP_WORDS * part.startswith(_GAP) for part in rest.split())


def _list_outermost(spans: set[Span]) -> Iterable[Span]:
    """At each start the shortest and the longest."""
    if len(spans) == 1:
        return spans
    ends: dict[int, list[int]] = defaultdict(list)
    for start, end in spans:
        ends[start].append(end)
    return ((start, end) for start, of_start in ends.items() for end in {min(of_start), max(of_start)})


def _match_words(rest: str, places: Places, position: int) -> Iterator[int]:
    """Where the words of a choice after its first may end."""
    word, _, others = rest.partition(" ")
    last = position + (_GAP_WORDS if word.startswith(_GAP) else 0)
    found = places.get(word.removeprefix(_GAP), ())
    for here in found[bisect_left(found, position) : bisect_right(found, last)]:
        if others:
            yield from _match_words(others, places, here + 1)
        else:
            yield here + 1


def _match_signs(rest: str, text: str, position: int) -> Iterator[int]:
    """Where the pieces of a choice after its first end, a gap before each."""
    for part in rest.split():
        sign = part.removeprefix(_GAP)
        found = text.find(sign, position, position + _GAP_SIGNS + len(sign))
        if found < 0:
            return
        position = found + len(sign)
    yield position
