"""Tells at a glance which of many phrases may be in a text.

Each word of a text has a mask of the places where it is, a bit for each; of a long text a bit stands for every 64th
place. What may stand in the next place of a phrase is where the place before it may be, shifted as far as the phrase
allows, and where one of its own words is. All phrases take that step at once, as arrays. A phrase that falls through is
not in the text; of those that stay, most are.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from messages.filing import Hashes, Places, hash_words, list_ranges

# So many bits has a mask.
_BITS = 64
# Shifts that, one after another, reach 1, 2, 4, 8, 16 and 32 places.
_SHIFTS = (1, 2, 4, 8, 16)
_EVERYWHERE = np.uint64((1 << _BITS) - 1)
# A beginning is joined to the word after it and to the step before its own by so many of these shifts; one bit says
# that it is the first of its step.
_SHIFT_BITS, _SHIFT_MASK, _BEGINS_STEP = 3, 0b111, 0b1000000
# So few phrases are sooner read than sifted further.
_FEW = 48
# So many keys there are.
_KEYS = 2**16

Masks = NDArray[np.uint64]
Numbers = NDArray[np.uint32]
Keys = NDArray[np.uint16]
Joints = NDArray[np.uint8]


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
        # Where the beginnings of each phrase begin; then the end of all.
        self._begins: Numbers = np.zeros(1, np.uint32)
        # The key of each beginning, that of the word after it or 0, and how it is joined to others.
        self._keys: Keys = np.zeros(0, np.uint16)
        self._next_keys: Keys = np.zeros(0, np.uint16)
        self._joints: Joints = np.zeros(0, np.uint8)

    def add(self, phrases: Iterable[Iterable[Step]]) -> None:
        """Take in more phrases."""
        words: list[str] = []
        next_words: list[str] = []
        begins, joints = array("I"), bytearray()
        for phrase in phrases:
            for step in phrase:
                joint = _BEGINS_STEP
                for word, following, reach in step.beginnings:
                    words.append(word)
                    next_words.append(following)
                    joints.append(joint | _count_shifts(step.reach) << _SHIFT_BITS | _count_shifts(reach))
                    joint = 0
            begins.append(len(self._keys) + len(words))
        next_keys = _make_keys(next_words) * (np.array(next_words) != "")
        self._begins = np.append(self._begins, np.array(begins, np.uint32))
        self._keys = np.append(self._keys, _make_keys(words))
        self._next_keys = np.append(self._next_keys, next_keys)
        self._joints = np.append(self._joints, np.frombuffer(joints, np.uint8))

    def sift(self, phrases: Places, hashes: Hashes, places: Iterable[Sequence[int]]) -> list[int]:
        """Those of some phrases that may be in a text, in their order.

        Args:
            phrases: the numbers of those to look for.
            hashes: of the words of the text.
            places: where in the text each of these is.
        """
        if not len(phrases):
            return []
        beginnings, begins = list_ranges(self._begins, phrases)
        here, there = self._find(beginnings, _Words(hashes, places))
        joints = self._joints[beginnings]
        steps = (joints >= _BEGINS_STEP).nonzero()[0]
        first, second = np.bitwise_or.reduceat(here, steps), np.bitwise_or.reduceat(there, steps)
        # Most phrases lack a step; of many that have all it is seen whether these follow one another.
        begins = steps.searchsorted(begins)
        complete = np.logical_and.reduceat(first, begins).nonzero()[0]
        if len(complete) > _FEW:
            ends = np.append(begins, len(steps))[complete + 1]
            complete = complete[_follow(first, second, joints[steps], begins[complete], ends)]
        found: list[int] = phrases[complete].tolist()
        return found

    def _find(self, beginnings: Places, words: "_Words") -> tuple[Masks, Masks]:
        """Where each of these is in the text; of those of more than one word where the second is, too."""
        here = words.find(self._keys[beginnings])
        there = np.zeros_like(here)
        known = here.nonzero()[0]
        longer = known[self._next_keys[beginnings[known]] != 0]
        shifts = self._joints[beginnings[longer]] & np.uint8(_SHIFT_MASK)
        for reach in {*shifts.tolist()}:
            these = longer[shifts == reach]
            there[these] = _reach(here[these], reach) & words.find(self._next_keys[beginnings[these]])
            here[these] *= there[these] != 0
        return here, there


class _Words:
    """The words of a text by their keys, and where each is."""

    def __init__(self, hashes: Hashes, places: Iterable[Sequence[int]]) -> None:
        places = [*places]
        keys = np.repeat(hashes % _KEYS, np.fromiter(map(len, places), np.intp, len(places)))
        bits = np.fromiter(chain.from_iterable(places), np.uint64, len(keys)) % np.uint64(_BITS)
        # For each key that there can be; of those that the text has not it is empty.
        self._masks = np.zeros(_KEYS, np.uint64)
        np.bitwise_or.at(self._masks, keys, np.uint64(1) << bits)

    def find(self, keys: Keys) -> Masks:
        """Where the words of these keys are."""
        return self._masks[keys]


def _make_keys(words: Iterable[str]) -> Keys:
    """A number for each word; words that have the same one are taken for one another."""
    return (hash_words(words) % _KEYS).astype(np.uint16)


def _count_shifts(reach: int) -> int:
    return min((reach - 1).bit_length(), len(_SHIFTS) + 1)


def _follow(first: Masks, second: Masks, joints: Joints, begins: Places, ends: Places) -> NDArray[np.bool_]:
    """Of each phrase whether each of its steps may begin where the one before it reaches.

    Args:
        first: where the first words of each step are; ``second``: where their second words are.
        joints: how each step is joined to the one before it.
        begins: the first step of each phrase; ``ends``: what is behind its last one.
    """
    shifts = joints >> _SHIFT_BITS & np.uint8(_SHIFT_MASK)
    here = first[begins] | second[begins]
    follows = np.ones(len(begins), bool)
    left, at = np.arange(len(begins)), begins
    while True:
        at = at + 1
        more = (at < ends[left]).nonzero()[0]
        if not len(more):
            return follows
        left, at = left[more], at[more]
        allowed = here[left]
        of_steps = shifts[at]
        for reach in {*of_steps.tolist()}:
            these = of_steps == reach
            allowed[these] = _reach(allowed[these], reach)
        allowed &= first[at]
        # Of the second words it is not known which first one each is of.
        here[left] = allowed | second[at]
        alive = allowed != 0
        follows[left[~alive]] = False
        left, at = left[alive], at[alive]


def _reach(masks: Masks, shifts: int) -> Masks:
    """The next places behind those of each mask."""
    if shifts > len(_SHIFTS):
        return masks | _EVERYWHERE
    masks = _turn(masks, 1)
    for places in _SHIFTS[:shifts]:
        masks = masks | _turn(masks, places)
    return masks


def _turn(masks: Masks, places: int) -> Masks:
    return masks << np.uint64(places) | masks >> np.uint64(_BITS - places)
