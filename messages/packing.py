"""Hundreds of thousands of short strings in little memory."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


class Packing:
    """Strings one behind the other, each known by its number.

    By itself each would take fifty bytes and more beside its letters.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._letters: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self._ends: NDArray[np.uint32] = np.zeros(1, np.uint32)
        self.extend(texts)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> str:
        return self.list_some([number])[0]

    def list_some(self, numbers: Sequence[int]) -> list[str]:
        """The strings of these numbers."""
        at = np.array(numbers, np.intp)
        letters = self._letters.data
        return [
            str(letters[begin:end], "utf-8")
            for begin, end in zip(self._ends[at].tolist(), self._ends[at + 1].tolist(), strict=True)
        ]

    def extend(self, texts: Iterable[str]) -> None:
        """Take in more strings."""
        encoded = [text.encode() for text in texts]
        ends = np.cumsum([len(self._letters), *map(len, encoded)])[1:]
        self._letters = np.append(self._letters, np.frombuffer(b"".join(encoded), np.uint8))
        self._ends = np.append(self._ends, ends.astype(np.uint32))
