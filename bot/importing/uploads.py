"""A file that staff dropped: kept for a day, checked, mended, and then enrolled in batches.

The row in the database is all there is to it. Whoever dies in the middle of the work leaves a lease that runs out, and
somebody else goes on: a batch and the note of how far it got are one transaction.
"""

import hashlib
import json
import logging
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, PlainSerializer, PlainValidator
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import defer
from sqlmodel import Session, col, delete, select

from bot.appointments import find_past
from bot.database import note_event, reading, writing
from bot.importing.appointments_file import enrol_batch
from bot.importing.checking import PAST, CheckedRow, Fixes, check_rows
from bot.importing.columns import COLUMNS, Columns, arrange_columns, fold_header, suggest_columns
from bot.importing.files import open_content
from bot.importing.report import RowError
from bot.importing.table import UNCALCULATED, FileTrouble, Row, Table
from bot.importing.values import Cell
from bot.models import AuditEvent, ColumnChoice, Upload
from bot.sentences import NOTHING, Sentence, SentenceError
from bot.settings import Settings

log = logging.getLogger(__name__)

KEPT = timedelta(days=1)
MOST_ROWS = 100_000
MOST_COLUMNS = 200
# So many bad rows can be mended on the page; of more, the file itself is to be mended.
MOST_MENDED = 500
# The column that the download of bad rows adds.
WHY = Sentence("what is wrong")

_LEASE = timedelta(seconds=60)
# Small, and with a pause after each: on SQLite nobody else writes meanwhile, and a patient may be texting.
_BATCH, _PAUSE_S = 100, 0.05
_CHECKED_AT_ONCE = 500
_SAMPLES, _SAMPLE_LENGTH, _CELL_LENGTH, _NAME_LENGTH = 3, 40, 300, 120
_DIGEST_LENGTH = 16

# Up to 25 MB, which no page needs.
_WITHOUT_CONTENT = defer(Upload.content)  # type: ignore[arg-type]

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


class UploadError(SentenceError):
    """What was asked for cannot be done with this file now; the message says why, as do ``errors`` of its columns."""

    def __init__(self, template: str, errors: Sequence[RowError] = ()) -> None:
        super().__init__(template)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Earlier:
    """The same file has been imported before: when, and by whom."""

    at: datetime
    actor: str


class _LostError(Exception):
    """Somebody else works on it, or it is gone."""


# What staff do


def look_into(content: bytes) -> Progress:
    """The first rows of a file, before anything is kept.

    Raises:
        FileTrouble: it cannot be read at all.
    """
    with open_content(content) as table:
        if len(table.header.cells) > MOST_COLUMNS:
            raise FileTrouble(
                "the file has more than %(most)s columns; leave out those that no text needs", most=MOST_COLUMNS
            )
        samples = [row for row, _ in zip(table.rows, range(_SAMPLES), strict=False)]
        header, ignored = table.header, list(table.ignored)
    return Progress(
        digest=hashlib.sha256(content).hexdigest()[:_DIGEST_LENGTH],
        header=[write_cell(cell)[:_NAME_LENGTH] for cell in header.cells],
        header_row=header.number,
        samples=[[_find_text(row, place)[:_SAMPLE_LENGTH] for row in samples] for place in range(len(header.cells))],
        ignored=ignored,
    )


def take_upload(
    session: Session,
    staff_id: int,
    actor: str,
    name: str,
    content: bytes,
    progress: Progress,
    now: datetime,
    added: Collection[str] = (WHY,),
) -> Upload:
    """Keep a file that was looked into; where all its columns are known, it is checked next.

    Args:
        added: what we call the column that a download of bad rows has more than the file.
    """
    header = Row(progress.header_row, progress.header)
    meanings = suggest_columns(header, read_choices(session, progress.header))
    upload = Upload(
        token=secrets.token_urlsafe(18),
        staff_id=staff_id,
        name=name[-_NAME_LENGTH:] or "file",
        content=content,
        columns=json.dumps(meanings),
        created_at=now,
    )
    ours = {"", *map(fold_header, added)}
    settled = (
        meaning is not None or fold_header(cell) in ours
        for cell, meaning in zip(progress.header, meanings, strict=True)
    )
    if all(settled) and not arrange_columns(header, meanings).errors:
        progress.state = "checking"
    _put(session, upload, progress)
    session.flush()
    note_event(session, actor, "uploaded", "upload", upload.id or 0, now)
    return upload


def find_upload(session: Session, token: str, staff_id: int | None) -> Upload | None:
    """The upload of a token, without its content; ``staff_id`` None: whosever it is."""
    query = select(Upload).options(_WITHOUT_CONTENT).where(Upload.token == token)
    upload = session.exec(query).first()
    return upload if upload is not None and staff_id in (None, upload.staff_id) else None


def list_uploads(session: Session, staff_id: int) -> list[Upload]:
    """Somebody's uploads that are still kept, newest first."""
    query = select(Upload).options(_WITHOUT_CONTENT).where(Upload.staff_id == staff_id)
    return list(session.exec(query.order_by(col(Upload.id).desc()).limit(20)))


def read_progress(upload: Upload) -> Progress:
    return Progress.model_validate_json(upload.result)


def read_meanings(upload: Upload) -> list[str | None]:
    meanings: list[str | None] = json.loads(upload.columns)
    return meanings


def read_columns(upload: Upload) -> Columns:
    progress = read_progress(upload)
    return arrange_columns(Row(progress.header_row, progress.header), read_meanings(upload))


def read_choices(session: Session, header: Sequence[str]) -> dict[str, str]:
    """What was said before of columns with these names."""
    names = {fold_header(name) for name in header}
    found = session.exec(select(ColumnChoice).where(col(ColumnChoice.header).in_(names)))
    return {choice.header: choice.column for choice in found}


def choose_columns(session: Session, upload: Upload, meanings: Sequence[str], actor: str, now: datetime) -> None:
    """Say what each column of the file is, remember it for the next file, and check the rows anew.

    Raises:
        UploadError: a column is missing or there twice; nothing is changed.
    """
    progress = read_progress(upload)
    _refuse_at_work(progress)
    if len(meanings) != len(progress.header) or not set(meanings) <= {"", *COLUMNS}:
        raise UploadError("The file has other columns. Load the page again.")
    columns = arrange_columns(Row(progress.header_row, progress.header), meanings)
    if columns.errors:
        raise UploadError("The columns are not right yet.", columns.errors)
    usual = suggest_columns(Row(progress.header_row, progress.header), {})
    names = Counter(map(fold_header, progress.header))
    known = read_choices(session, progress.header)
    for name, meaning, own in zip(progress.header, meanings, usual, strict=True):
        key = fold_header(name)
        if key and names[key] == 1 and known.get(key, own) != meaning:
            session.merge(ColumnChoice(header=key, column=meaning, changed_by=actor, changed_at=now))
    upload.columns = json.dumps(list(meanings))
    _restart(session, upload, progress, "checking")


def fix_cells(session: Session, upload: Upload, fixes: Fixes) -> None:
    """Put other text into cells of bad rows, and check all rows anew."""
    progress = read_progress(upload)
    _refuse_at_work(progress)
    all_fixes = {row: dict(cells) for row, cells in read_fixes(upload).items()}
    bad = {row.row: row for row in progress.bad_rows}
    for number, cells in fixes.items():
        for place, text in cells.items():
            if number in bad and 0 <= place < len(progress.header) and text != _get(bad[number].cells, place):
                all_fixes.setdefault(number, {})[place] = text[:_CELL_LENGTH]
    upload.fixes = json.dumps(all_fixes)
    _restart(session, upload, progress, "checking")


def read_fixes(upload: Upload) -> Fixes:
    return {
        int(row): {int(place): text for place, text in cells.items()} for row, cells in json.loads(upload.fixes).items()
    }


def start_import(session: Session, upload: Upload, actor: str) -> None:
    """Enrol the good rows from now on.

    Raises:
        UploadError: it is not checked yet, or has no good row.
    """
    progress = read_progress(upload)
    if progress.state != "checked" or not progress.good:
        raise UploadError("This file is not ready to be imported. Load the page again.")
    progress.actor, progress.outcomes, progress.last_row = actor, {}, 0
    _restart(session, upload, progress, "importing")


def check_again(session: Session, upload: Upload) -> None:
    """After an import: look at the rows that were left out."""
    progress = read_progress(upload)
    _refuse_at_work(progress)
    _restart(session, upload, progress, "checking")


def find_earlier(session: Session, digest: str) -> Earlier | None:
    """Whether the very same file was imported before."""
    query = select(AuditEvent).where(
        AuditEvent.table == "upload", AuditEvent.action == "imported", col(AuditEvent.detail).startswith(digest)
    )
    event = session.exec(query.order_by(col(AuditEvent.id).desc()).limit(1)).first()
    return Earlier(event.at, event.actor) if event else None


def remove_old(session: Session, now: datetime) -> int:
    """Remove the uploads of more than a day ago; returns how many."""
    removed = session.exec(delete(Upload).where(col(Upload.created_at) < now - KEPT))
    return int(removed.rowcount)


def _refuse_at_work(progress: Progress) -> None:
    if progress.is_at_work:
        raise UploadError("The file is being read just now. Wait a moment.")


def _restart(session: Session, upload: Upload, progress: Progress, state: State) -> None:
    progress.state, progress.worker, progress.working_until = state, "", None
    if progress.is_at_work:
        # Written anew with each batch: only what is still of use.
        progress.bad_rows, upload.done = [], 0
    _put(session, upload, progress)


def _put(session: Session, upload: Upload, progress: Progress) -> None:
    upload.result = progress.model_dump_json()
    session.add(upload)


# The work


def carry_on(
    engine: Engine, settings: Settings, now: Callable[[], datetime], stopped: threading.Event | None = None
) -> None:
    """Go on with every upload that nobody works on, and remove the old ones."""
    with writing(engine) as session:
        remove_old(session, now())
    with reading(engine) as session:
        uploads = session.exec(select(Upload).options(_WITHOUT_CONTENT))
        waiting = [upload.id for upload in uploads if read_progress(upload).is_at_work]
    for upload_id in waiting:
        work(engine, settings, upload_id or 0, now, stopped)


def work(
    engine: Engine,
    settings: Settings,
    upload_id: int,
    now: Callable[[], datetime],
    stopped: threading.Event | None = None,
) -> None:
    """Check or enrol what is to be checked or enrolled; at once nothing, if somebody else is at it."""
    worker = secrets.token_hex(8)
    try:
        with writing(engine) as session:
            upload, progress = _find(session, upload_id)
            if not progress.is_at_work or (progress.working_until and progress.working_until > now()):
                return
            progress.worker, progress.working_until = worker, now() + _LEASE
            _put(session, upload, progress)
            content = upload.content
        _Work(engine, settings, upload_id, worker, now, stopped or threading.Event()).run(content, progress.state)
    except _LostError:
        return
    except SQLAlchemyError as error:
        # The lease runs out, and it goes on.
        log.error("upload %s: the database failed: %s", upload_id, type(error).__name__)
    except Exception as error:
        log.error("upload %s cannot be worked on: %s", upload_id, type(error).__name__)
        with writing(engine) as session:
            upload, progress = _find(session, upload_id)
            progress.trouble = Sentence(
                "something is wrong with this file; save it anew as CSV, or ask who runs this program"
            )
            _restart(session, upload, progress, "failed")


def _find(session: Session, upload_id: int) -> tuple[Upload, Progress]:
    query = select(Upload).options(_WITHOUT_CONTENT).where(Upload.id == upload_id).with_for_update()
    upload = session.exec(query).first()
    if upload is None:
        raise _LostError
    return upload, read_progress(upload)


class _Work:
    """One worker on one upload."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        upload_id: int,
        worker: str,
        now: Callable[[], datetime],
        stopped: threading.Event,
    ) -> None:
        self._engine, self._settings, self._upload_id = engine, settings, upload_id
        self._worker, self._now, self._stopped = worker, now, stopped

    def run(self, content: bytes, state: State) -> None:
        with reading(self._engine) as session:
            upload = session.exec(select(Upload).options(_WITHOUT_CONTENT).where(Upload.id == self._upload_id)).one()
        try:
            with open_content(content) as table:
                rows = self._check(table, read_columns(upload), read_fixes(upload))
                if state == "checking":
                    self._gather(rows)
                else:
                    self._enrol(rows, read_progress(upload))
        except FileTrouble as trouble:
            with writing(self._engine) as session:
                upload, progress = self._take(session)
                progress.trouble = trouble.sentence
                _restart(session, upload, progress, "failed")

    def _check(self, table: Table, columns: Columns, fixes: Fixes) -> Iterator[CheckedRow]:
        clinic = self._settings.clinic_facts
        for count, checked in enumerate(check_rows(table, columns, clinic, self._now(), fixes), 1):
            if count > MOST_ROWS:
                raise FileTrouble("the file has more than %(most)s rows; divide it into several", most=f"{MOST_ROWS:,}")
            yield checked

    def _gather(self, rows: Iterator[CheckedRow]) -> None:
        """Count good and bad rows, and keep the bad ones for the page."""
        bad_rows: list[BadRow] = []
        good, bad, done = 0, 0, 0
        for batch in _divide(rows, _CHECKED_AT_ONCE):
            for checked in self._mark_past(batch):
                if checked.enrolment is not None:
                    good += 1
                    continue
                bad += 1
                if len(bad_rows) < MOST_MENDED:
                    bad_rows.append(describe_bad(checked))
            done += len(batch)
            with writing(self._engine) as session:
                upload, progress = self._take(session)
                upload.done = done
                _put(session, upload, progress)
            self._pause()
        with writing(self._engine) as session:
            upload, progress = self._take(session)
            progress.good, progress.bad, progress.bad_rows = good, bad, bad_rows
            upload.rows = done
            _restart(session, upload, progress, "checked")

    def _mark_past(self, batch: list[CheckedRow]) -> list[CheckedRow]:
        with reading(self._engine) as session:
            return mark_past(session, batch, self._now())

    def _enrol(self, rows: Iterator[CheckedRow], progress: Progress) -> None:
        """Enrol the good rows; those that a worker before has enrolled are only read, to know what contradicts them."""
        for batch in _divide(rows, _BATCH):
            if batch[-1].row.number <= progress.last_row:
                continue
            wanted = [
                checked.enrolment for checked in batch if checked.enrolment and checked.row.number > progress.last_row
            ]
            with writing(self._engine) as session:
                upload, now_at = self._take(session)
                enrolled = enrol_batch(session, self._settings.plan, wanted, self._now(), now_at.actor)
                outcomes = Counter(now_at.outcomes) + Counter(result.outcome for result in enrolled)
                now_at.outcomes, now_at.last_row = dict(outcomes), batch[-1].row.number
                upload.done += sum(checked.row.number > progress.last_row for checked in batch)
                _put(session, upload, now_at)
            self._pause()
        with writing(self._engine) as session:
            upload, progress = self._take(session)
            _restart(session, upload, progress, "done")
            counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(progress.outcomes.items()))
            detail = f"{progress.digest}: {counts}"
            note_event(session, progress.actor, "imported", "upload", self._upload_id, self._now(), detail)

    def _take(self, session: Session) -> tuple[Upload, Progress]:
        """The upload, while it is ours; the lease begins anew."""
        upload, progress = _find(session, self._upload_id)
        if progress.worker != self._worker:
            raise _LostError
        progress.working_until = self._now() + _LEASE
        return upload, progress

    def _pause(self) -> None:
        """Let others write; when the process stops, hand the work back."""
        if self._stopped.wait(_PAUSE_S):
            with writing(self._engine) as session:
                upload, progress = self._take(session)
                progress.worker, progress.working_until = "", None
                _put(session, upload, progress)
            raise _LostError


def _divide(rows: Iterator[CheckedRow], size: int) -> Iterator[list[CheckedRow]]:
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def mark_past(session: Session, batch: Sequence[CheckedRow], now: datetime) -> list[CheckedRow]:
    """The rows, those that would be refused because their time is past among the bad ones."""
    good = [checked for checked in batch if checked.enrolment]
    places = find_past(session, [checked.enrolment for checked in good if checked.enrolment], now)
    past = {good[place].row.number for place in places}
    return [
        CheckedRow(checked.row, None, [RowError(checked.row.number, "starts_at", PAST)])
        if checked.row.number in past
        else checked
        for checked in batch
    ]


# Rows as text


def list_bad_rows(
    engine: Engine, settings: Settings, upload: Upload, content: bytes, now: datetime
) -> Iterator[BadRow]:
    """Every row that cannot be enrolled, read from the file again, a few at a time."""
    with open_content(content) as table:
        rows = check_rows(table, read_columns(upload), settings.clinic_facts, now, read_fixes(upload))
        for batch in _divide(rows, _CHECKED_AT_ONCE):
            with reading(engine) as session:
                marked = mark_past(session, batch, now)
            yield from (describe_bad(checked) for checked in marked if checked.enrolment is None)


def describe_bad(checked: CheckedRow) -> BadRow:
    return BadRow(
        row=checked.row.number,
        cells=[write_cell(cell)[:_CELL_LENGTH] for cell in checked.row.cells],
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


def _find_text(row: Row, place: int) -> str:
    return write_cell(row.cells[place]) if place < len(row.cells) else ""


def _get(cells: Sequence[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""
