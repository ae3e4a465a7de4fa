"""Hundreds of thousands of short strings in little memory."""

from array import array


class Packing:
    """Strings one behind the other, each known by its number.

    By itself each would take fifty bytes and more beside its letters.
    """

    def __init__(self) -> None:
        self._letters = bytearray()
        self._ends = array("L", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> str:
        return self._letters[self._ends[number] : self._ends[number + 1]].decode()

    def append(self, text: str) -> None:
        self._letters += text.encode()
        self._ends.append(len(self._letters))
