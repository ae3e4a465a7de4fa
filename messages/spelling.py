"""The word that was meant by one with typing errors."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from messages.packing import Packing

# A word's letters are bits of a mask; of a larger alphabet some share one.
_BITS = 32

Masks = NDArray[np.uint32]


class Spelling:
    """Some words, to be found by what is spelled nearly like them."""

    def __init__(self, words: Iterable[str]) -> None:
        ordered = sorted(words, key=lambda word: (len(word), word))
        self._words = Packing(ordered)
        # Where the words of each length begin.
        lengths = [*map(len, ordered)]
        self._begins: list[int] = np.searchsorted(lengths, np.arange(max(lengths, default=0) + 2)).tolist()
        self._letters: Masks = np.fromiter(map(_mask_letters, ordered), np.uint32)

    def find(self, word: str, most: int) -> tuple[str, int]:
        """The word that has the fewest letters wrong, and how many; the word itself and none if there is no such word.

        Args:
            most: so many letters may be wrong, be missing, be too many, or have changed places with the next.
        """
        begin, end = self._find_begin(len(word) - most), self._find_begin(len(word) + most + 1)
        # Each wrong letter is one letter less in a word and one more, at most.
        others = np.bitwise_count(self._letters[begin:end] ^ np.uint32(_mask_letters(word)))
        alike = self._words.list_some((begin + np.flatnonzero(others <= 2 * most)).tolist())
        found = process.extractOne(word, alike, scorer=OSA.distance, score_cutoff=most)
        return (found[0], int(found[1])) if found else (word, 0)

    def _find_begin(self, length: int) -> int:
        """Where the words begin that have so many letters."""
        return self._begins[min(max(length, 0), len(self._begins) - 1)]


def _mask_letters(word: str) -> int:
    mask = 0
    for letter in word:
        mask |= 1 << ord(letter) % _BITS
    return mask
