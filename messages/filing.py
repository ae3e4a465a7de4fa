"""Numbers filed under words, of which there are hundreds of thousands."""

from array import array
from collections.abc import Iterable
from operator import methodcaller
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint32]
Numbers = NDArray[np.integer[Any]]
Places = NDArray[np.integer[Any]]
_encode = methodcaller("encode", "utf-8", "surrogatepass")


class Filing:
    """For each word the numbers that were filed under it.

    Of a word only its hash is kept: four bytes and four for each number, where a dictionary of words would need a
    hundred. Of ten thousand words that are not filed one is taken for one that is.
    """

    def __init__(self) -> None:
        # Each hash once, in order, and where the numbers of each begin; then the end of all.
        self._hashes: Hashes = np.zeros(0, np.uint32)
        self._begins: NDArray[np.uint32] = np.zeros(1, np.uint32)
        self._numbers: Numbers = np.zeros(0, np.int32)
        self._new_hashes, self._new_numbers = array("I"), array("i")

    def add(self, number: int, words: Iterable[str]) -> None:
        """File a number; it is found once all is sorted in."""
        for word in words:
            self._new_hashes.append(crc32(_encode(word)))
            self._new_numbers.append(number)

    def find(self, hashes: Hashes) -> Numbers:
        """What is filed under any of the words that have these hashes, in order and each once."""
        _, places = self._search(hashes)
        numbers = np.sort(self._numbers[list_ranges(self._begins, places)[0]])
        return np.concatenate([numbers[:1], numbers[1:][numbers[1:] != numbers[:-1]]])

    def look_up(self, words: Iterable[str]) -> dict[int, list[int]]:
        """What is filed under these words, by the place of each among them; nothing where nothing is."""
        known, places = self._search(hash_words(words))
        begins, ends = self._begins[places].tolist(), self._begins[places + 1].tolist()
        return {
            at: self._numbers[begin:end].tolist() for at, begin, end in zip(known.tolist(), begins, ends, strict=True)
        }

    def _search(self, hashes: Hashes) -> tuple[Places, Places]:
        """Which of some hashes are known, and the place of each."""
        places = self._hashes.searchsorted(hashes)
        # What is beyond the last one is not there, nor is it anywhere else.
        places[places == len(self._hashes)] = 0
        known = (self._hashes[places] == hashes).nonzero()[0] if len(self._hashes) else np.zeros(0, np.intp)
        return known, places[known]

    def sort_in(self) -> None:
        """Put what was added to the rest."""
        old = np.repeat(self._hashes, np.diff(self._begins))
        hashes = np.concatenate([old, np.frombuffer(self._new_hashes, np.uint32)])
        numbers = np.concatenate([self._numbers, np.frombuffer(self._new_numbers, np.int32)])
        order = np.argsort(hashes, kind="stable")
        self._hashes, begins = np.unique(hashes[order], return_index=True)
        self._begins = np.append(begins, len(hashes)).astype(np.uint32)
        # No wider than they need be.
        self._numbers = numbers[order].astype(np.min_scalar_type(numbers.max(initial=0)))
        self._new_hashes, self._new_numbers = array("I"), array("i")


def hash_words(words: Iterable[str]) -> Hashes:
    """Numbers of words, the same in every process, which Python's own are not."""
    return np.fromiter(map(crc32, map(_encode, words)), np.uint32)


def list_ranges(begins: NDArray[np.uint32], of: Places) -> tuple[Places, Places]:
    """The places from each of some begins to the next, one behind the other, and where among them each begins."""
    of = of.astype(np.intp)
    first = begins[of].astype(np.intp)
    many = begins[of + 1] - first
    behind = np.cumsum(many)
    return np.arange(behind[-1] if len(of) else 0) + np.repeat(first - behind + many, many), behind - many
