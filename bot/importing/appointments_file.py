"""A file of appointments -> enrolled, batch by batch, and a report of every row that is wrong."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from bot.appointments import Enrolled, enrol
from bot.database import writing
from bot.importing.checking import PAST, check_rows
from bot.importing.columns import Columns, match_columns
from bot.importing.files import open_table
from bot.importing.report import ImportReport, RowError
from bot.importing.table import Table
from bot.people import Enrolment
from bot.schedule import Plan
from bot.settings import Settings

BATCH = 500
_PROGRESS_EVERY = 100

# Told how far reading has come, and of how much: bytes or rows.
Progress = Callable[[int, int], None]


def import_file(
    engine: Engine,
    settings: Settings,
    path: Path,
    now: datetime,
    *,
    dry_run: bool = False,
    all_or_nothing: bool = False,
    actor: str = "import",
    progress: Progress | None = None,
) -> ImportReport:
    """Enrol the good rows of a CSV or Excel file and report the others; the same file again changes nothing.

    Rows go into the database in batches, each its own transaction.

    Args:
        dry_run: write nothing; the report is what it would have been.
        all_or_nothing: write nothing if any row is wrong. This and a dry run are one transaction, in
            which SQLite lets nobody else write.

    Raises:
        FileTrouble: the file as a whole cannot be read.
    """
    with open_table(path) as table:
        columns = match_columns(table.header)
        run = _Import(settings, table, columns, now, actor, progress)
        if not columns.errors:
            if dry_run or all_or_nothing:
                run.enrol_at_once(engine, keep=not dry_run, strict=all_or_nothing)
            else:
                run.enrol_in_batches(engine)
        return run.make_report()


def enrol_batch(session: Session, plan: Plan, batch: Sequence[Enrolment], now: datetime, actor: str) -> list[Enrolled]:
    """Enrol a batch; once more, if a patient's text has just made a row that it was about to make."""
    try:
        with session.begin_nested():
            return enrol(session, plan, batch, now, actor)
    except IntegrityError:
        with session.begin_nested():
            return enrol(session, plan, batch, now, actor)


class _Import:
    """One file on its way into the database: what is read so far, and what became of it."""

    def __init__(
        self,
        settings: Settings,
        table: Table,
        columns: Columns,
        now: datetime,
        actor: str,
        progress: Progress | None,
    ) -> None:
        self._settings = settings
        self._table = table
        self._columns = columns
        self._now = now
        self._actor = actor
        self._progress = progress
        self._outcomes: Counter[str] = Counter()
        self._errors = list(columns.errors)

    def enrol_in_batches(self, engine: Engine) -> None:
        for batch in self._read_batches():
            with writing(engine) as session:
                results = self._enrol(session, [enrolment for _, enrolment in batch])
            self._count(batch, results)

    def enrol_at_once(self, engine: Engine, *, keep: bool, strict: bool) -> None:
        """Enrol in one transaction; take it back unless it is to be kept and nothing forbids that."""
        with writing(engine) as session:
            for batch in self._read_batches():
                self._count(batch, self._enrol(session, [enrolment for _, enrolment in batch]))
                session.expunge_all()
            is_refused = strict and bool(self._errors)
            if is_refused:
                self._outcomes.clear()
            if is_refused or not keep:
                session.rollback()

    def make_report(self) -> ImportReport:
        return ImportReport(
            enrolled=self._outcomes["enrolled"],
            updated=self._outcomes["updated"],
            unchanged=self._outcomes["unchanged"],
            cancelled=self._outcomes["cancelled"],
            errors=sorted(self._errors, key=lambda error: error.row),
            ignored=(*self._columns.ignored, *self._table.ignored),
        )

    def _read_batches(self) -> Iterator[list[tuple[int, Enrolment]]]:
        """The good rows with their numbers, ``BATCH`` at a time."""
        batch = []
        for number, enrolment in self._read_rows():
            batch.append((number, enrolment))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _read_rows(self) -> Iterator[tuple[int, Enrolment]]:
        clinic = self._settings.clinic_facts
        for count, checked in enumerate(check_rows(self._table, self._columns, clinic, self._now), 1):
            if count % _PROGRESS_EVERY == 0:
                self._tell(self._table.position(checked.row))
            self._errors += checked.errors
            if checked.enrolment is not None:
                yield checked.row.number, checked.enrolment
        self._tell(self._table.total)

    def _enrol(self, session: Session, batch: Sequence[Enrolment]) -> list[Enrolled]:
        return enrol_batch(session, self._settings.plan, batch, self._now, self._actor)

    def _count(self, batch: Sequence[tuple[int, Enrolment]], results: Sequence[Enrolled]) -> None:
        column = "starts_at" if "starts_at" in self._columns.places else "date"
        for (number, _), result in zip(batch, results, strict=True):
            if result.outcome == "past":
                self._errors.append(RowError(number, column, PAST))
            else:
                self._outcomes[result.outcome] += 1

    def _tell(self, position: int) -> None:
        if self._progress is not None:
            self._progress(position, max(position, self._table.total))
