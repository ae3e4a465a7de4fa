"""How far a dropped file is: what is kept of it beside its content, and its bad rows as text."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, PlainSerializer, PlainValidator
from sqlalchemy.orm import defer
from sqlmodel import Session

from bot.importing.checking import CheckedRow
from bot.importing.table import UNCALCULATED
from bot.importing.values import Cell
from bot.models import Upload
from bot.sentences import NOTHING, Sentence

CELL_LENGTH = 300
# Up to 25 MB, which no page needs. SQLModel types a column by its values, so a check takes it for bytes.
WITHOUT_CONTENT = defer(Upload.content)  # type: ignore[arg-type]
State = Literal["columns", "checking", "checked", "importing", "done", "failed"]
_AT_WORK = ("checking", "importing")
# A sentence that is kept as what it was made from.
Said = Annotated[Sentence, PlainValidator(Sentence.unpack), PlainSerializer(Sentence.pack)]


class BadRow(BaseModel):
    """A row that cannot be enrolled: its cells as text, and per error our column and what would be right."""

    row: int
    cells: list[str]
    errors: list[tuple[str, Said]]


class Progress(BaseModel):
    """How far an upload is.

    ``columns``: staff must say what the columns are. ``header`` and ``samples`` are the file's first row, and some
    below. ``last_row`` is the number of the last row that is enrolled. ``worker`` and ``working_until`` are the lease.
    """

    state: State = "columns"
    digest: str = ""
    header: list[str] = []
    header_row: int = 1
    samples: list[list[str]] = []
    ignored: list[str] = []
    good: int = 0
    bad: int = 0
    bad_rows: list[BadRow] = []
    outcomes: dict[str, int] = {}
    last_row: int = 0
    actor: str = ""
    trouble: Said = NOTHING
    worker: str = ""
    working_until: datetime | None = None

    @property
    def is_at_work(self) -> bool:
        return self.state in _AT_WORK


def read_progress(upload: Upload) -> Progress:
    return Progress.model_validate_json(upload.result)


def restart(session: Session, upload: Upload, progress: Progress, state: State) -> None:
    """Let the next part of the way begin, or end: nobody works on it yet, or any more."""
    progress.state, progress.worker, progress.working_until = state, "", None
    if progress.is_at_work:
        # Written anew with each batch: only what is still of use.
        progress.bad_rows, upload.done = [], 0
    put(session, upload, progress)


def put(session: Session, upload: Upload, progress: Progress) -> None:
    """Keep how far it is."""
    upload.result = progress.model_dump_json()
    session.add(upload)


def describe_bad(checked: CheckedRow) -> BadRow:
    return BadRow(
        row=checked.row.number,
        cells=[write_cell(cell)[:CELL_LENGTH] for cell in checked.row.cells],
        errors=[(error.column, error.message) for error in checked.errors],
    )


def write_cell(cell: Cell) -> str:
    """A cell as somebody would type it."""
    if cell is None or cell == UNCALCULATED:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return cell.isoformat(" ", "minutes")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
