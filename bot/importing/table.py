"""What every file format comes down to: a header, and rows read one at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bot.importing.values import Cell
from bot.sentences import NOTHING, Sentence, SentenceError

# Stands in a cell for the result of a formula that no spreadsheet program has calculated yet.
UNCALCULATED = "#UNCALCULATED!"


def is_blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


class FileTrouble(SentenceError):  # noqa: N818 - a file of the clinic's, no fault of ours
    """The file as a whole cannot be read; one sentence says why and what would be right."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, numbered as a spreadsheet shows it. ``trouble`` says why its cells cannot be told apart."""

    number: int
    cells: Sequence[Cell]
    trouble: Sentence = NOTHING

    @property
    def is_blank(self) -> bool:
        return not self.trouble and all(map(is_blank, self.cells))

    def trim(self) -> "Row":
        """The row without the blank cells at its end."""
        width = max((place for place, cell in enumerate(self.cells, 1) if not is_blank(cell)), default=0)
        return Row(self.number, self.cells[:width], self.trouble)


@dataclass(frozen=True, slots=True)
class Table:
    """An open file: ``rows`` are those below the header, blank ones left out.

    ``position`` is how far reading has come at a row, of ``total``: bytes or rows. ``ignored`` names
    parts of the file that are not read.
    """

    header: Row
    rows: Iterator[Row]
    position: Callable[[Row], int]
    total: int
    ignored: tuple[str, ...] = ()
