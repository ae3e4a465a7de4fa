"""Numbers filed under words, of which there are hundreds of thousands."""

from array import array
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray


class Filing:
    """For each word the numbers that were filed under it.

    Of a word only its hash is kept: eight bytes and four for each number, where a dictionary of words would need a
    hundred. That two words of so many have the same hash of 61 bits is as good as impossible.
    """

    def __init__(self) -> None:
        self._hashes: NDArray[np.int64] = np.zeros(0, np.int64)
        self._numbers: NDArray[np.int32] = np.zeros(0, np.int32)
        self._new_hashes, self._new_numbers = array("q"), array("i")

    def add(self, number: int, words: Iterable[str]) -> None:
        """File a number; it is found once all is sorted in."""
        for word in words:
            self._new_hashes.append(_hash(word))
            self._new_numbers.append(number)

    def find(self, words: Iterable[str]) -> list[int]:
        """What is filed under any of these words, as often as it is."""
        first, end = self._search(words)
        known = first < end
        return [
            number
            for here, there in zip(first[known].tolist(), end[known].tolist(), strict=True)
            for number in self._numbers[here:there].tolist()
        ]

    def look_up(self, words: Iterable[str]) -> Iterator[list[int]]:
        """For each of these words in turn what is filed under it."""
        first, end = self._search(words)
        return (
            self._numbers[here:there].tolist() if here < there else []
            for here, there in zip(first.tolist(), end.tolist(), strict=True)
        )

    def _search(self, words: Iterable[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Where the numbers of each word begin and end."""
        wanted = np.fromiter(map(_hash, words), np.int64)
        return self._hashes.searchsorted(wanted), self._hashes.searchsorted(wanted, "right")

    def sort_in(self) -> None:
        """Put what was added to the rest."""
        hashes = np.concatenate([self._hashes, np.frombuffer(self._new_hashes, np.int64)])
        numbers = np.concatenate([self._numbers, np.frombuffer(self._new_numbers, np.int32)])
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._numbers = hashes[order], numbers[order]
        self._new_hashes, self._new_numbers = array("q"), array("i")


def _hash(word: str) -> int:
    """A number of 61 bits, the same in every process, which Python's own of a word is not."""
    # A byte in front, for else nulls at the beginning of a word would not count.
    return hash(int.from_bytes(b"\1" + word.encode("utf-8", "surrogatepass"), "big"))
