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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from messages.matching import PIECE_SIGNS, UNSPACED, Places, normalise
from messages.sieve import Step

_GAP, _NEXT = "~", "/"
_GAP_WORDS, _GAP_SIGNS = 4, 8
_CHOICE = re.compile(r"\(([^()]*)\)")
# What stands between spaces, where a choice with its own spaces is one piece; and a gap.
_PIECE = re.compile(r"~|(?:\([^()]*\)|[^\s~()])+")
_UNSPACED_PIECE = re.compile(r"~|\([^()]*\)|[^~()]+")
_LETTER, _STRAY = re.compile(r"\w"), re.compile(r"[()|]")
_PLAIN_WORD, _PARTED = re.compile("[^/|~ ]+"), re.compile("[/|~ ]")
# So many pieces are kept while lists are read: those of one language, and then of the next.
_KEPT = 8192


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


# One step of a choice in a message: whether there may be a gap before it, where it is, and how many places it takes.
Part = tuple[bool, int, int]


class Slot(NamedTuple):
    """One place of a phrase in a message: its choices that may be there. It may be empty if it is optional."""

    choices: list[list[Part]]
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
        signs = PIECE_SIGNS if self.unspaced else None
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

    def find(self, places: Places) -> list[Span]:
        """Where it starts and ends in a message, in words or in signs: at each start the shortest and the longest.

        Args:
            places: those of the message's words, or of its pieces where no spaces are written.
        """
        if not _PARTED.search(self.source):
            # Most phrases are one word, or signs in a row.
            if self.unspaced:
                return [(at, at + len(self.source)) for at in _list_bits(_locate(self.source, places))]
            return [(at, at + 1) for at in _list_bits(places.get(self.source, 0))]
        slots = []
        for slot in self.source.split(_NEXT):
            choices = slot.removeprefix(_GAP).split("|")
            found = _find_signs(choices, places) if self.unspaced else _find_words(choices, places)
            optional = "" in choices
            if not (found or optional):
                return []
            slots.append(Slot(found, optional, slot.startswith(_GAP)))
        gap = _GAP_SIGNS if self.unspaced else _GAP_WORDS
        starts = _find_starts(slots)
        if starts & (starts - 1) and not _find_ends(slots, starts, gap):
            # In a long text most may begin in many places and end nowhere.
            return []
        ends = ((start, _find_ends(slots, 1 << start, gap)) for start in _list_bits(starts))
        return [(start, end) for start, found in ends if found for end in _list_outermost(found)]


def _find_words(choices: Sequence[str], places: Places) -> list[list[Part]]:
    """The choices of words that may be in a message; those of one word are one."""
    alone, found = 0, []
    for choice in choices:
        if choice in places:
            alone |= places[choice]
        elif " " in choice and choice.partition(" ")[0] in places:
            words = choice.split(" ")
            parts = [(word[0] == _GAP, places.get(word.removeprefix(_GAP), 0), 1) for word in words]
            if all(here for _, here, _ in parts):
                found.append(parts)
    return [[(False, alone, 1)], *found] if alone else found


def _find_signs(choices: Sequence[str], places: Places) -> list[list[Part]]:
    """The same of signs; those of one length are one."""
    alone, found = dict[int, int](), []
    for choice in choices:
        if choice[:PIECE_SIGNS] not in places:
            continue
        if " " not in choice:
            if here := _locate(choice, places):
                alone[len(choice)] = alone.get(len(choice), 0) | here
            continue
        pieces = [(piece[0] == _GAP, piece.removeprefix(_GAP)) for piece in choice.split(" ")]
        parts = [(after_gap, _locate(signs, places), len(signs)) for after_gap, signs in pieces]
        if all(here for _, here, _ in parts):
            found.append(parts)
    return [*([(False, here, length)] for length, here in alone.items()), *found]


def _locate(signs: str, places: Places) -> int:
    """Where some signs are, by the pieces of them."""
    found = places.get(signs[:PIECE_SIGNS], 0)
    for at in range(PIECE_SIGNS, len(signs), PIECE_SIGNS):
        found &= places.get(signs[at : at + PIECE_SIGNS], 0) >> at
    return found


def _find_starts(slots: Iterable[Slot]) -> int:
    """Where a phrase may begin: with its first slot, or the next where that may be left out."""
    starts = 0
    for slot in slots:
        for (_, places, _), *_ in slot.choices:
            starts |= places
        if not slot.optional:
            break
    return starts


def _find_ends(slots: Iterable[Slot], starts: int, gap: int) -> int:
    """Where some slots that follow one another from some starts may end.

    Args:
        gap: how long a gap is at most.
    """
    # Where the next slot may begin: just there, or after a gap.
    near, far = starts, 0
    for choices, optional, after_gap in slots:
        if after_gap:
            near, far = 0, near | far
        here, reached = near | _spread(far, gap) if far else near, 0
        for parts in choices:
            there = here
            for after_gap_within, places, length in parts:
                there = (_spread(there, gap) if after_gap_within else there) & places
                there <<= length
            reached |= there
        near, far = (near | reached, far) if optional else (reached, 0)
        if not near | far:
            return 0
    return near | far


def _spread(places: int, gap: int) -> int:
    """Some places, and those up to a gap behind each; it is a power of two."""
    spread, width = places, 1
    while width < gap:
        spread |= spread << width
        width *= 2
    return spread | places << gap


def _list_outermost(places: int) -> set[int]:
    """The nearest and the farthest of some places."""
    return {(places & -places).bit_length() - 1, places.bit_length() - 1}


def _list_bits(places: int) -> Iterator[int]:
    while places:
        lowest = places & -places
        yield lowest.bit_length() - 1
        places ^= lowest


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
    return ((piece, "", 1) for piece in {first[:PIECE_SIGNS] for first, _ in choices})


def _measure(first: str, rest: str, *, unspaced: bool) -> int:
    """How many places a choice takes at most."""
    if unspaced:
        return len(first) + sum(_GAP_SIGNS + len(part) for part in rest.split())
    return bool(first) + sum(1 + _GAP_WORDS * part.startswith(_GAP) for part in rest.split())
