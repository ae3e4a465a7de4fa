"""``/import``: a file of appointments is dropped, its columns named, its bad rows mended, and then it is enrolled."""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, HTTPException, Request, Response, UploadFile
from fastapi.responses import RedirectResponse, StreamingResponse
from sqlmodel import Session

from bot.database import note_event, note_look, reading, writing
from bot.importing.columns import NO_TEXTS, REFUSAL, Columns
from bot.importing.progress import BadRow, Progress, read_progress
from bot.importing.table import FileTrouble
from bot.importing.upload_work import MOST_MENDED, list_bad_rows, work
from bot.importing.uploads import (
    WHY,
    UploadError,
    check_again,
    choose_columns,
    find_earlier,
    find_upload,
    fix_cells,
    list_uploads,
    look_into,
    read_columns,
    read_meanings,
    start_import,
    take_upload,
)
from bot.models import Role, Upload
from bot.sentences import Sentence
from bot.signing_in import Visitor
from bot.web.csv_lines import write_line
from bot.web.guard import Works, may
from bot.web.pages import render
from bot.web.service import Service, Used
from bot.web.wording import list_wordings, read_wording, word
from messages.languages import LANGUAGES

router = APIRouter()

# A small file is read before the page is shown, so that nobody sees a page of waiting for a blink.
_WAIT_S = 1.5
# So many bad rows on a page; each may have twenty cells, and a form has a most of fields.
_ROWS_ON_A_PAGE = 20
_FIX = re.compile(r"cell-(\d{1,7})-(\d{1,4})")
# Lists that the page offers for a column's cells.
_OFFERS = {"exam": "exams", "language": "languages", "companion_language": "languages"}
_TITLES = {
    "name": word("Given name"),
    "phone": word("Mobile number"),
    "language": word("Language"),
    "exam": word("Exam"),
    "starts_at": word("Date and time together"),
    "date": word("Date"),
    "time": word("Time"),
    "contrast": word("With contrast dye"),
    "sedation": word("With sedation"),
    "place": word("Place"),
    "appointment_id": word("Appointment number"),
    "patient_id": word("Record number"),
    "consent": word("Agrees to texts"),
    NO_TEXTS: word("Wants no texts"),
    "status": word("Booked or cancelled"),
    "companion_name": word("Companion's name"),
    "companion_phone": word("Companion's number"),
    "companion_language": word("Companion's language"),
    "companion_consent": word("Companion may be texted"),
    "companion_first": word("Companion answers for the patient"),
}


async def _read_fields(request: Request) -> dict[str, str]:
    """A form whose fields depend on the file."""
    return {name: value for name, value in (await request.form()).items() if isinstance(value, str)}


Fields = Annotated[dict[str, str], Depends(_read_fields)]


@router.get("/import")
def show_import(request: Request, service: Used, visitor: Works) -> Response:
    return _show_start(request, service, visitor)


@router.post("/import")
def take_file(
    request: Request, service: Used, visitor: Works, file: Annotated[UploadFile | None, File()] = None
) -> Response:
    content = file.file.read() if file else b""
    if file is None or not content:
        return _show_start(request, service, visitor, Sentence("Choose a file first; this one is empty."))
    try:
        progress = look_into(content)
    except FileTrouble as trouble:
        return _show_start(request, service, visitor, trouble.sentence)
    with writing(service.engine) as session:
        name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
        upload = take_upload(
            session, visitor.staff.id or 0, visitor.staff.email, name, content, progress, service.now(), _list_whys()
        )
    return _go_on(service, upload)


def _list_whys() -> list[str]:
    """What the column of reasons is called in each language of the pages."""
    return [read_wording(code).translate(WHY) for code in list_wordings()]


def _show_start(request: Request, service: Service, visitor: Visitor, trouble: str = "") -> Response:
    with reading(service.engine) as session:
        uploads = [(upload, read_progress(upload)) for upload in list_uploads(session, visitor.staff.id or 0)]
    zone = service.settings.clinic_facts.zone
    values = {"trouble": trouble, "uploads": uploads, "zone": zone}
    return render(request, service, visitor, "import.html", values, 422 if trouble else 200)


@router.get("/import/{token}")
def show_upload(
    request: Request, service: Used, visitor: Works, token: str, part: bool = False, after: int = 0
) -> Response:
    """Where an upload stands. ``after``: the bad rows below this row of the file."""
    return _show_upload(request, service, visitor, token, after=after, part=part)


@router.post("/import/{token}/columns")
def take_columns(request: Request, service: Used, visitor: Works, token: str, fields: Fields) -> Response:
    def choose(session: Session, upload: Upload) -> None:
        width = len(read_progress(upload).header)
        meanings = [fields.get(f"column-{place}", "") for place in range(width)]
        choose_columns(session, upload, meanings, visitor.staff.email, service.now())

    return _change(request, service, visitor, token, choose)


@router.post("/import/{token}/fixes")
def take_fixes(request: Request, service: Used, visitor: Works, token: str, fields: Fields) -> Response:
    fixes: dict[int, dict[int, str]] = {}
    for name, text in fields.items():
        if match := _FIX.fullmatch(name):
            fixes.setdefault(int(match[1]), {})[int(match[2])] = text
    return _change(request, service, visitor, token, lambda session, upload: fix_cells(session, upload, fixes))


@router.post("/import/{token}/start")
def take_start(request: Request, service: Used, visitor: Works, token: str) -> Response:
    def start(session: Session, upload: Upload) -> None:
        start_import(session, upload, visitor.staff.email)

    return _change(request, service, visitor, token, start)


@router.post("/import/{token}/again")
def take_again(request: Request, service: Used, visitor: Works, token: str) -> Response:
    return _change(request, service, visitor, token, check_again)


@router.post("/import/{token}/remove")
def remove(service: Used, visitor: Works, token: str) -> Response:
    with writing(service.engine) as session:
        upload = _get(session, visitor, token)
        note_event(session, visitor.staff.email, "removed", "upload", upload.id or 0, service.now())
        session.delete(upload)
    return RedirectResponse("/import", 303)


@router.get("/import/{token}/bad.csv")
def download_bad_rows(service: Used, visitor: Works, token: str) -> Response:
    """The rows that cannot be enrolled, with why, to be mended in a spreadsheet and dropped again."""
    with writing(service.engine) as session:
        upload = _get(session, visitor, token)
        content = upload.content
        note_event(session, visitor.staff.email, "exported", "upload", upload.id or 0, service.now())
    progress, columns = read_progress(upload), read_columns(upload)
    wording = read_wording(visitor.staff.language)

    def write() -> Iterator[str]:
        yield "\ufeff" + write_line([*progress.header, wording.translate(WHY)])
        for row in list_bad_rows(service.engine, service.settings, upload, content, service.now()):
            cells = [row.cells[place] if place < len(row.cells) else "" for place in range(len(progress.header))]
            why = [
                f"{_name_column(progress, columns, column)} {wording.say(message)}" for column, message in row.errors
            ]
            yield write_line([*cells, "; ".join(why).strip()])

    headers = {"Content-Disposition": 'attachment; filename="bad-rows.csv"'}
    return StreamingResponse(write(), media_type="text/csv; charset=utf-8", headers=headers)


def _change(
    request: Request, service: Service, visitor: Visitor, token: str, change: Callable[[Session, Upload], None]
) -> Response:
    try:
        with writing(service.engine) as session:
            upload = _get(session, visitor, token)
            change(session, upload)
    except UploadError as error:
        return _show_upload(request, service, visitor, token, trouble=error)
    return _go_on(service, upload)


def _get(session: Session, visitor: Visitor, token: str) -> Upload:
    """One's own upload, or for an admin anybody's."""
    upload = find_upload(session, token, None if may(visitor, Role.ADMIN) else visitor.staff.id)
    if upload is None:
        raise HTTPException(404, word("There is no such file. A file is kept for a day; drop it again."))
    return upload


def _go_on(service: Service, upload: Upload) -> Response:
    """Let what is to be done begin, and show how far it is."""
    if read_progress(upload).is_at_work:
        arguments = (service.engine, service.settings, upload.id or 0, service.now, service.stopped)
        thread = threading.Thread(target=work, args=arguments, name=f"upload {upload.id}", daemon=True)
        thread.start()
        thread.join(_WAIT_S)
    return RedirectResponse(f"/import/{upload.token}", 303)


def _show_upload(
    request: Request,
    service: Service,
    visitor: Visitor,
    token: str,
    *,
    after: int = 0,
    part: bool = False,
    trouble: UploadError | None = None,
) -> Response:
    with reading(service.engine) as session:
        upload = _get(session, visitor, token)
        progress = read_progress(upload)
        earlier = find_earlier(session, progress.digest) if progress.state == "checked" else None
    values: dict[str, Any]
    if part:
        values = {"upload": upload, "progress": progress}
        return render(request, service, visitor, "upload_progress.html", values, block="part")
    with writing(service.engine) as session:
        note_look(session, visitor.staff.email, "upload", upload.id or 0, service.now())
    columns = read_columns(upload)
    bad = [row for row in progress.bad_rows if row.row > after]
    values = {
        "upload": upload,
        "progress": progress,
        "trouble": trouble,
        "earlier": earlier,
        "zone": service.settings.clinic_facts.zone,
        "titles": _TITLES,
        "exams": service.settings.exams.by_code.values(),
        "languages": LANGUAGES,
        "meanings": [NO_TEXTS if meaning == REFUSAL else meaning for meaning in read_meanings(upload)],
        "column_errors": columns.errors,
        "has": set(columns.places),
        "ignored": [*columns.ignored, *progress.ignored],
        "default_language": service.settings.default_language,
        "rows": [_describe_row(progress, columns, row) for row in bad[:_ROWS_ON_A_PAGE]],
        "after": after,
        "more": bad[_ROWS_ON_A_PAGE - 1].row if len(bad) > _ROWS_ON_A_PAGE else 0,
        "unlisted": max(0, progress.bad - MOST_MENDED),
    }
    return render(request, service, visitor, "upload.html", values, 422 if trouble else 200)


def _describe_row(progress: Progress, columns: Columns, row: BadRow) -> dict[str, Any]:
    """A bad row for the page: its cells with what is wrong, those that are wrong first, and what is wrong with all."""
    troubles: dict[int, list[Sentence]] = {}
    general = []
    for column, message in row.errors:
        places = _find_places(columns, column)
        for place in places[:1]:
            troubles.setdefault(place, []).append(message)
        if not places:
            general.append((_TITLES.get(column, column), message))
    cells = [
        {
            "place": place,
            "name": progress.header[place],
            "value": row.cells[place] if place < len(row.cells) else "",
            "troubles": troubles.get(place, []),
            "offers": _OFFERS.get(column, ""),
        }
        for column, place in sorted(columns.places.items(), key=lambda item: item[1])
    ]
    named = {column: row.cells[place] for column, place in columns.places.items() if place < len(row.cells)}
    who = " · ".join(filter(None, (named.get(column, "") for column in ("name", "exam", "starts_at", "date", "time"))))
    return {
        "row": row.row,
        "who": who,
        "general": general,
        "wrong": [cell for cell in cells if cell["troubles"]],
        "others": [cell for cell in cells if not cell["troubles"]] if row.cells else [],
    }


def _find_places(columns: Columns, column: str) -> list[int]:
    names = ("starts_at", "date") if column == "starts_at" else (column,)
    return [columns.places[name] for name in names if name in columns.places]


def _name_column(progress: Progress, columns: Columns, column: str) -> str:
    places = _find_places(columns, column)
    return progress.header[places[0]] if places else column
