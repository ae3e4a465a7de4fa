"""A file that staff dropped, and what they do with it: kept for a day, checked, mended, imported."""

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from bot.database import note_event
from bot.importing.checking import Fixes
from bot.importing.columns import COLUMNS, Columns, arrange_columns, fold_header, suggest_columns
from bot.importing.files import open_content
from bot.importing.progress import (
    CELL_LENGTH,
    WITHOUT_CONTENT,
    Progress,
    put,
    read_progress,
    restart,
    write_cell,
)
from bot.importing.report import RowError
from bot.importing.table import FileTrouble, Row
from bot.models import AuditEvent, ColumnChoice, Upload
from bot.sentences import Sentence, SentenceError

KEPT = timedelta(days=1)
MOST_COLUMNS = 200
# The column that the download of bad rows adds.
WHY = Sentence("what is wrong")
_SAMPLES, _SAMPLE_LENGTH, _NAME_LENGTH = 3, 40, 120
_DIGEST_LENGTH = 16


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
    put(session, upload, progress)
    session.flush()
    note_event(session, actor, "uploaded", "upload", upload.id or 0, now)
    return upload


def find_upload(session: Session, token: str, staff_id: int | None) -> Upload | None:
    """The upload of a token, without its content; ``staff_id`` None: whosever it is."""
    query = select(Upload).options(WITHOUT_CONTENT).where(Upload.token == token)
    upload = session.exec(query).first()
    return upload if upload is not None and staff_id in (None, upload.staff_id) else None


def list_uploads(session: Session, staff_id: int) -> list[Upload]:
    """Somebody's uploads that are still kept, newest first."""
    query = select(Upload).options(WITHOUT_CONTENT).where(Upload.staff_id == staff_id)
    return list(session.exec(query.order_by(col(Upload.id).desc()).limit(20)))


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
    restart(session, upload, progress, "checking")


def fix_cells(session: Session, upload: Upload, fixes: Fixes) -> None:
    """Put other text into cells of bad rows, and check all rows anew."""
    progress = read_progress(upload)
    _refuse_at_work(progress)
    all_fixes = {row: dict(cells) for row, cells in read_fixes(upload).items()}
    bad = {row.row: row for row in progress.bad_rows}
    for number, cells in fixes.items():
        for place, text in cells.items():
            if number in bad and 0 <= place < len(progress.header) and text != _get(bad[number].cells, place):
                all_fixes.setdefault(number, {})[place] = text[:CELL_LENGTH]
    upload.fixes = json.dumps(all_fixes)
    restart(session, upload, progress, "checking")


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
    restart(session, upload, progress, "importing")


def check_again(session: Session, upload: Upload) -> None:
    """After an import: look at the rows that were left out."""
    progress = read_progress(upload)
    _refuse_at_work(progress)
    restart(session, upload, progress, "checking")


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


def _find_text(row: Row, place: int) -> str:
    return write_cell(row.cells[place]) if place < len(row.cells) else ""


def _get(cells: Sequence[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""
