"""Where a phrase, in its plain form, occurs in a message."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from messages.matching import PIECE_MARK, PIECE_SIGNS, UNSPACED, Places
from messages.plain_form import GAP, NEXT
from messages.sieve import Step

_GAP_WORDS, _GAP_SIGNS = 4, 8
_PARTED = re.compile("[/|~ ]")

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
        return any(slot.startswith(GAP) for slot in self.source.split(NEXT))

    def list_rarest(self, many: Mapping[str, int]) -> Iterable[str]:
        """The words, or signs, one of which a text must have and that the fewest texts have; else the longest ones.

        Args:
            many: how many of some texts have each.
        """
        slots = [{*self._list_keys(_list_choices(slot))} for slot in self.source.split(NEXT)]
        required = [slot for slot in slots if "" not in slot]
        return min(required, key=lambda slot: (sum(many.get(first, 0) for first in slot), -min(map(len, slot))))

    def _list_keys(self, choices: Iterable[tuple[str, str]]) -> Iterator[str]:
        """What the beginnings of choices may be filed under; nothing where they are empty."""
        for first, _ in choices:
            yield _mark_piece(first[:PIECE_SIGNS]) if self.unspaced else first

    def list_steps(self) -> Iterator[Step]:
        """What must stand in a text that it is in, one behind the other."""
        reach = 1
        for slot in self.source.split(NEXT):
            choices = [*_list_choices(slot)]
            if slot.startswith(GAP):
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
            return [(at, at + 1) for at in _list_bits(places.find(self.source))]
        gap = _GAP_SIGNS if self.unspaced else _GAP_WORDS
        find, find_rows = (_find_signs, _find_rows_of_signs) if self.unspaced else (_find_words, _find_rows)
        slots: list[Slot] = []
        # It may begin anywhere; most that are in no text fall through before their last slot.
        near, far = -1, 0
        for source in self.source.split(NEXT):
            choices = source.removeprefix(GAP).split("|")
            found = find(choices, places)
            if " " in source:
                found += find_rows(choices, places)
            slot = Slot(found, "" in choices, source.startswith(GAP))
            near, far = _pass(slot, near, far, gap)
            if not near | far:
                return []
            slots.append(slot)
        starts = _find_starts(slots)
        if not starts & (starts - 1):
            return [(starts.bit_length() - 1, end) for end in _list_outermost(near | far)]
        ends = ((start, _find_ends(slots, 1 << start, gap)) for start in _list_bits(starts))
        return [(start, end) for start, found in ends if found for end in _list_outermost(found)]


def _find_words(choices: Sequence[str], places: Places) -> list[list[Part]]:
    """The choices of one word that are in a message, as one."""
    here = 0
    for choice in filter(places.__contains__, choices):
        here |= places.find(choice)
    return [[(False, here, 1)]] if here else []


def _find_rows(choices: Sequence[str], places: Places) -> Iterator[list[Part]]:
    """Those of several words in a row, all of which are in it."""
    for choice in choices:
        if " " in choice and choice.partition(" ")[0] in places:
            words = choice.split(" ")
            parts = [(word[0] == GAP, places.find(word.removeprefix(GAP)), 1) for word in words]
            if all(here for _, here, _ in parts):
                yield parts


def _find_signs(choices: Sequence[str], places: Places) -> list[list[Part]]:
    """The choices of signs without a gap that are in a message; those of one length are one."""
    found = dict[int, int]()
    for choice in choices:
        if choice[:PIECE_SIGNS] in places and (here := _locate(choice, places)):
            found[len(choice)] = found.get(len(choice), 0) | here
    return [[(False, here, length)] for length, here in found.items()]


def _find_rows_of_signs(choices: Sequence[str], places: Places) -> Iterator[list[Part]]:
    """Those of several that have gaps between them, all of which are in it."""
    for choice in choices:
        if " " in choice:
            pieces = [(piece[0] == GAP, piece.removeprefix(GAP)) for piece in choice.split(" ")]
            parts = [(after_gap, _locate(signs, places), len(signs)) for after_gap, signs in pieces]
            if all(here for _, here, _ in parts):
                yield parts


def _locate(signs: str, places: Places) -> int:
    """Where some signs are, by the pieces of them."""
    found = places.find(signs[:PIECE_SIGNS])
    for at in range(PIECE_SIGNS, len(signs), PIECE_SIGNS):
        found &= places.find(signs[at : at + PIECE_SIGNS]) >> at
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
    near, far = starts, 0
    for slot in slots:
        near, far = _pass(slot, near, far, gap)
        if not near | far:
            break
    return near | far


def _pass(slot: Slot, near: int, far: int, gap: int) -> tuple[int, int]:
    """Where the next slot may begin, just there or after a gap, by where one may."""
    choices, optional, after_gap = slot
    if after_gap:
        near, far = 0, near | far
    here, reached = near | _spread(far, gap) if far else near, 0
    for parts in choices:
        there = here
        for after_gap_within, places, length in parts:
            there = (_spread(there, gap) if after_gap_within else there) & places
            there <<= length
        reached |= there
    return (near | reached, far) if optional else (reached, 0)


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
    for choice in slot.removeprefix(GAP).split("|"):
        first, _, rest = choice.partition(" ")
        yield first, rest


def _list_beginnings(choices: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, int]]:
    """Of each choice the first word, the second, and how far behind it that may be."""
    for first, rest in choices:
        second = rest.partition(" ")[0]
        yield first, second.removeprefix(GAP), 1 + _GAP_WORDS * second.startswith(GAP)


def _list_piece_beginnings(choices: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, int]]:
    """Of each choice the first signs, and those that begin one behind: of a long one they tell more."""
    for piece in {first[: PIECE_SIGNS + 1] for first, _ in choices}:
        following = piece[1:] if len(piece) > PIECE_SIGNS else ""
        yield _mark_piece(piece[:PIECE_SIGNS]), _mark_piece(following), 1


def _mark_piece(signs: str) -> str:
    return PIECE_MARK + signs if signs else ""


def _measure(first: str, rest: str, *, unspaced: bool) -> int:
    """How many places a choice takes at most."""
    if unspaced:
        return len(first) + sum(_GAP_SIGNS + len(part) for part in rest.split())
    return bool(first) + sum(1 + _GAP_WORDS * part.startswith(GAP) for part in rest.split())
