"""The work on dropped files: checking them, and enrolling their good rows in batches.

The row in the database is all there is to it. Whoever dies in the middle of the work leaves a lease that runs out, and
somebody else goes on: a batch and the note of how far it got are one transaction.
"""

import logging
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, select

from bot.appointments import find_past
from bot.database import note_event, reading, writing
from bot.importing.appointments_file import enrol_batch
from bot.importing.checking import PAST, CheckedRow, Fixes, check_rows
from bot.importing.columns import Columns
from bot.importing.files import open_content
from bot.importing.progress import WITHOUT_CONTENT, BadRow, Progress, State, describe_bad, put, read_progress, restart
from bot.importing.report import RowError
from bot.importing.table import FileTrouble, Table
from bot.importing.uploads import read_columns, read_fixes, remove_old
from bot.models import Upload
from bot.sentences import Sentence
from bot.settings import Settings

log = logging.getLogger(__name__)

MOST_ROWS = 100_000
# So many bad rows can be mended on the page; of more, the file itself is to be mended.
MOST_MENDED = 500
_LEASE = timedelta(seconds=60)
# Small, and with a pause after each: on SQLite nobody else writes meanwhile, and a patient may be texting.
_BATCH, _PAUSE_S = 100, 0.05
_CHECKED_AT_ONCE = 500


class _LostError(Exception):
    """Somebody else works on it, or it is gone."""


def carry_on(
    engine: Engine, settings: Settings, now: Callable[[], datetime], stopped: threading.Event | None = None
) -> None:
    """Go on with every upload that nobody works on, and remove the old ones."""
    with writing(engine) as session:
        remove_old(session, now())
    with reading(engine) as session:
        uploads = session.exec(select(Upload).options(WITHOUT_CONTENT))
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
            put(session, upload, progress)
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
            restart(session, upload, progress, "failed")


def _find(session: Session, upload_id: int) -> tuple[Upload, Progress]:
    query = select(Upload).options(WITHOUT_CONTENT).where(Upload.id == upload_id).with_for_update()
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
            upload = session.exec(select(Upload).options(WITHOUT_CONTENT).where(Upload.id == self._upload_id)).one()
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
                restart(session, upload, progress, "failed")

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
                put(session, upload, progress)
            self._pause()
        with writing(self._engine) as session:
            upload, progress = self._take(session)
            progress.good, progress.bad, progress.bad_rows = good, bad, bad_rows
            upload.rows = done
            restart(session, upload, progress, "checked")

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
                put(session, upload, now_at)
            self._pause()
        with writing(self._engine) as session:
            upload, progress = self._take(session)
            restart(session, upload, progress, "done")
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
                put(session, upload, progress)
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
