"""Tells at a glance which of many phrases may be in a text.

Each word of a text has a mask of the places where it is, a bit for each; of a long text a bit stands for several
places. What may stand in the next place of a phrase is where the place before it may be, shifted as far as the phrase
allows, and where one of its own words is. All phrases take that step at once, as arrays. A phrase that falls through is
not in the text; of those that stay, most are.
"""

from array import array
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

# So many bits has a mask.
_BITS = 64
# Shifts that, one after another, reach 1, 2, 4, 8, 16 and 32 places.
_SHIFTS = (1, 2, 4, 8, 16)
_EVERYWHERE = np.uint64(2**_BITS - 1)
# So many keys there are.
_KEYS = 2**16

Masks = NDArray[np.uint64]
Numbers = NDArray[np.uint32]
Keys = NDArray[np.uint16]
Shifts = NDArray[np.uint8]


class Step(NamedTuple):
    """A place of a phrase: what may begin there, and how far behind the step before it is at most.

    With each beginning comes the word after it, and how far behind it that is at most; the word is empty if there is
    none.
    """

    beginnings: Iterable[tuple[str, str, int]]
    reach: int


class Sieve:
    """The steps of phrases, which are numbered as they come."""

    def __init__(self) -> None:
        # Where the steps of each phrase begin, and where the beginnings of each step do; then the end of all.
        self._steps: Numbers = np.zeros(1, np.uint32)
        self._beginnings: Numbers = np.zeros(1, np.uint32)
        # How many of the shifts each step needs.
        self._shifts: Shifts = np.zeros(0, np.uint8)
        # The key of each beginning, that of the word after it or 0, and how many of the shifts that needs.
        self._keys: Keys = np.zeros(0, np.uint16)
        self._next_keys: Keys = np.zeros(0, np.uint16)
        self._next_shifts: Shifts = np.zeros(0, np.uint8)

    def add(self, phrases: Iterable[Iterable[Step]]) -> None:
        """Take in more phrases."""
        steps, beginnings, keys, next_keys = array("I"), array("I"), array("H"), array("H")
        shifts, next_shifts = bytearray(), bytearray()
        for phrase in phrases:
            for step in phrase:
                for word, following, reach in step.beginnings:
                    keys.append(_make_key(word))
                    next_keys.append(_make_key(following) if following else 0)
                    next_shifts.append(_count_shifts(reach))
                beginnings.append(len(self._keys) + len(keys))
                shifts.append(_count_shifts(step.reach))
            steps.append(len(self._shifts) + len(shifts))
        for name, new in (
            ("_steps", steps),
            ("_beginnings", beginnings),
            ("_shifts", shifts),
            ("_keys", keys),
            ("_next_keys", next_keys),
            ("_next_shifts", next_shifts),
        ):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.frombuffer(new, old.dtype)]))

    def sift(self, numbers: Iterable[int], places: Mapping[str, Iterable[int]]) -> list[int]:
        """Those of some phrases that may be in a text, in no certain order.

        Args:
            numbers: the phrases to look for.
            places: where in the text each of its words is.
        """
        words = _Words(places)
        phrase = np.fromiter(numbers, np.intp)
        found: list[int] = []
        step, end = self._steps[phrase], self._steps[phrase + 1]
        here = np.full(len(phrase), _EVERYWHERE)
        while len(phrase):
            here = self._take(step, here, words)
            step = step + 1
            stays, ends = here != 0, step == end
            found += phrase[stays & ends].tolist()
            goes_on = stays & ~ends
            phrase, step, end, here = phrase[goes_on], step[goes_on], end[goes_on], here[goes_on]
            here = _shift(here, self._shifts[step])
        return found

    def _take(self, steps: Numbers, allowed: Masks, words: "_Words") -> Masks:
        """Where each of these steps is, of the places where it may be."""
        first = self._beginnings[steps].astype(np.intp)
        many = self._beginnings[steps + 1] - first
        behind = np.cumsum(many)
        begins = behind - many
        one = np.arange(behind[-1]) + np.repeat(first - begins, many)
        here = words.find(self._keys[one]) & np.repeat(allowed, many)
        goes_on = np.flatnonzero((here != 0) & (self._next_keys[one] != 0))
        next_one = one[goes_on]
        there = _shift(here[goes_on], self._next_shifts[next_one])
        here[goes_on] = there & words.find(self._next_keys[next_one])
        return np.bitwise_or.reduceat(here, begins)


class _Words:
    """The words of a text by their keys, and where each is."""

    def __init__(self, places: Mapping[str, Iterable[int]]) -> None:
        masks: dict[int, int] = {}
        for word, found in places.items():
            key = _make_key(word)
            for place in found:
                masks[key] = masks.get(key, 0) | 1 << place % _BITS
        # For each key that there can be the number of its mask; the first is of all that the text has not.
        self._numbers = np.zeros(_KEYS, np.uint16)
        self._numbers[list(masks)] = np.arange(1, len(masks) + 1)
        self._masks = np.array([0, *masks.values()], np.uint64)

    def find(self, keys: Keys) -> Masks:
        """Where the words of these keys are."""
        return self._masks[self._numbers[keys]]


def _make_key(word: str) -> int:
    """A number; words that have the same one are taken for one another."""
    return crc32(word.encode("utf-8", "surrogatepass")) % _KEYS


def _count_shifts(reach: int) -> int:
    return (reach - 1).bit_length()


def _shift(masks: Masks, shifts: Shifts) -> Masks:
    """The next places behind these, so many as the shifts reach."""
    shifted = _turn(masks, 1)
    most = int(shifts.max(initial=0))
    for at, places in enumerate(_SHIFTS[:most]):
        shifted = np.where(shifts > at, shifted | _turn(shifted, places), shifted)
    return np.where(shifts > len(_SHIFTS), _EVERYWHERE, shifted) if most > len(_SHIFTS) else shifted


def _turn(masks: Masks, places: int) -> Masks:
    return masks << np.uint64(places) | masks >> np.uint64(_BITS - places)
