"""Lines of CSV for a spreadsheet, which shall take nothing in them for a formula."""

import csv
import io
from collections.abc import Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_line(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([defuse(str(cell)) for cell in cells])
    return line.getvalue()


def defuse(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def restore(cell: str) -> str:
    """What a cell was before ``defuse``."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
