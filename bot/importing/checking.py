"""The rows of a file, one after another, each with what is wrong with it: nothing is written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.importing.columns import Columns
from bot.importing.enrolments import read_enrolment
from bot.importing.repeats import Repeats
from bot.importing.report import RowError
from bot.importing.table import FileTrouble, Row, Table
from bot.people import Enrolment
from bot.sentences import Sentence
from messages.facts import ClinicFacts

PAST = Sentence("is in the past; give a time that is still to come")

# What staff corrected: the row's number, the cell's place in it, what it shall be.
Fixes = Mapping[int, Mapping[int, str]]


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row with its enrolment, or with everything that is wrong."""

    row: Row
    enrolment: Enrolment | None
    errors: list[RowError]


def check_rows(
    table: Table, columns: Columns, clinic: ClinicFacts, now: datetime, fixes: Fixes | None = None
) -> Iterator[CheckedRow]:
    """Check every row of a table by itself, and against those before it."""
    row = table.header
    try:
        with Repeats() as repeats:
            for read in table.rows:
                row = _fix(read, (fixes or {}).get(read.number, {}))
                found = read_enrolment(row, columns, clinic, now)
                errors = repeats.check(row.number, found) if isinstance(found, Enrolment) else found
                yield CheckedRow(row, found if isinstance(found, Enrolment) and not errors else None, errors)
    except FileTrouble as trouble:
        # What came before it stands, so this is no longer the whole file's trouble.
        message = Sentence("from here on nothing was read: %(trouble)s", trouble=trouble.sentence)
        yield CheckedRow(Row(row.number + 1, ()), None, [RowError(row.number + 1, "", message)])


def _fix(row: Row, fixes: Mapping[int, str]) -> Row:
    if not fixes or row.trouble:
        return row
    cells = [*row.cells, *[None] * (max(fixes) + 1 - len(row.cells))]
    for place, text in fixes.items():
        cells[place] = text
    return Row(row.number, cells)
