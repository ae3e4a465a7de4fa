"""The pages that import a file: its columns, its bad rows, its way into the database, and files that mean harm."""

import csv
import io
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlmodel import col, func, select

from bot.appointments import Enrolled
from bot.database import reading, writing
from bot.importing import upload_work, uploads
from bot.importing.progress import read_progress
from bot.importing.upload_work import carry_on
from bot.models import Appointment, AuditEvent, ColumnChoice, Contact, Role, Upload
from bot.settings import Settings
from bot.web import import_pages
from tests.conftest import NOW
from tests.desk import Desk

HEADER = ["appointment_id", "name", "phone", "language", "exam", "starts_at"]


def make_row(number: int, **changes: str) -> list[str]:
    row = dict(
        zip(HEADER, [f"A-{number}", f"Ana {number}", f"+1 202 555 {number:04}", "es", "mri-brain", ""], strict=True)
    )
    return list({**row, "starts_at": "2026-04-09 14:05", **changes}.values())


def make_csv(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> bytes:
    file = io.StringIO()
    csv.writer(file).writerows([header, *rows])
    return file.getvalue().encode()


GOOD_AND_BAD = make_csv([make_row(2), make_row(3, phone="202-555"), make_row(4, exam="mri-brian"), make_row(5)])


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def desk(engine: Engine, settings: Settings, tmp_path: Path) -> Iterator[Desk]:
    with Desk(engine, settings, tmp_path) as desk:
        yield desk.sign_in(Role.STAFF)


def drop(desk: Desk, content: bytes, name: str = "rows.csv") -> str:
    """Drop a file; returns the path of its page."""
    answer = desk.post("/import", files={"file": (name, content)})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def show(desk: Desk, path: str) -> str:
    """The page of a file once the work on it is done."""
    for _ in range(100):
        page = desk.get(path).text
        if "data-working" not in page:
            return page
        time.sleep(0.1)
    raise AssertionError("the work on the file does not end")


def send(desk: Desk, path: str, do: str, **fields: str) -> str:
    answer = desk.post(f"{path}/{do}", data=fields)
    assert answer.status_code == 303, answer.text
    return show(desk, path)


def count(engine: Engine) -> int:
    with reading(engine) as session:
        return session.exec(select(func.count()).select_from(Appointment)).one()


def list_details(engine: Engine, action: str) -> list[tuple[str, str]]:
    with reading(engine) as session:
        events = session.exec(select(AuditEvent).where(AuditEvent.action == action).order_by(col(AuditEvent.id)))
        return [(event.actor, event.detail) for event in events]


def test_good_rows_are_enrolled_and_bad_ones_mended_in_place(desk: Desk, engine: Engine) -> None:
    path = drop(desk, GOOD_AND_BAD)
    page = show(desk, path)

    assert "2 rows are good." in page
    assert "2 rows need a look." in page
    assert 'id="cell-3-2" name="cell-3-2" value="202-555"' in page
    assert "Has too few digits" in page
    assert "did you mean mri-brain?" in page
    assert count(engine) == 0

    page = send(desk, path, "fixes", **{"cell-3-2": "202-555-0103", "cell-4-4": "mri-toe", "cell-999-1": "x"})
    assert "3 rows are good." in page
    page = send(desk, path, "start")
    assert "Imported." in page
    assert "<dd>3</dd><dt>enrolled</dt>" in page
    assert count(engine) == 3
    page = send(desk, path, "again")
    assert 'value="mri-toe"' in page, "what was mended stays"
    page = send(desk, path, "fixes", **{"cell-4-4": "mri-brain"})
    page = send(desk, path, "start")
    assert "<dd>1</dd><dt>enrolled</dt>" in page
    assert "<dd>3</dd><dt>known already, unchanged</dt>" in page
    assert [actor for actor, _ in list_details(engine, "enrolled")] == ["staff@clinic.example"] * 4
    assert len(list_details(engine, "imported")) == 2


def test_the_same_file_twice_changes_nothing_and_is_said_to_be_the_same(desk: Desk, engine: Engine) -> None:
    content = make_csv([make_row(2), make_row(3)])
    send(desk, drop(desk, content), "start")
    path = drop(desk, content)

    assert "This very file was imported Mon Mar 2, 10:00 AM by staff@clinic.example." in show(desk, path)
    page = send(desk, path, "start")

    assert "<dd>2</dd><dt>known already, unchanged</dt>" in page
    assert count(engine) == 2


def test_columns_are_named_once(desk: Desk, engine: Engine) -> None:
    header = ["Nr", "Who", "Mobile", "Lang", "Procedure", "When"]
    content = make_csv([make_row(2), make_row(3, name="Bo")], header)
    path = drop(desk, content)
    page = show(desk, path)

    assert "Say once what the columns of this file are." in page
    assert '<bdi class="sample">Ana 2</bdi><bdi class="sample">Bo</bdi>' in page
    wanted = ["appointment_id", "name", "phone", "language", "exam", "starts_at"]
    fields = {f"column-{place}": column for place, column in enumerate(wanted)}
    missing = desk.post(f"{path}/columns", data={**fields, "column-1": ""})
    assert (missing.status_code, "there is no such column" in missing.text) == (422, True)
    assert "2 rows are good." in send(desk, path, "columns", **fields)

    assert "2 rows are good." in show(desk, drop(desk, content))
    with reading(engine) as session:
        choices = {choice.header: choice.column for choice in session.exec(select(ColumnChoice))}
    assert choices == {"nr": "appointment_id", "who": "name"}, "what was known anyway need not be remembered"


def test_a_column_of_people_who_want_no_texts_is_heeded(desk: Desk, engine: Engine) -> None:
    content = make_csv([[*make_row(2), "yes"], [*make_row(3), ""]], [*HEADER, "Opted out"])
    path = drop(desk, content)
    page = show(desk, path)

    assert "says the opposite of consent" in page
    assert '<option value="no_texts" selected>' in page
    fields = {f"column-{place}": column for place, column in enumerate([*HEADER, "no_texts"])}
    send(desk, path, "columns", **fields)
    send(desk, path, "start")
    with reading(engine) as session:
        refused = session.exec(select(Contact.phone).where(col(Contact.refused_at).is_not(None))).all()
    assert refused == ["+12025550002"]


def test_the_bad_rows_can_be_downloaded_mended_and_dropped_again(desk: Desk, engine: Engine) -> None:
    content = make_csv(
        [make_row(2), make_row(3, exam='=HYPERLINK("http://x")'), make_row(4, starts_at="2026-03-01 9:00")]
    )
    path = drop(desk, content)
    show(desk, path)

    answer = desk.get(f"{path}/bad.csv")
    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))

    assert rows[0] == [*HEADER, "what is wrong"]
    assert rows[1][4] == '\'=HYPERLINK("http://x")'
    assert rows[1][2] == "'+1 202 555 0003"
    assert "exam" in rows[1][6]
    assert "is in the past" in rows[2][6]
    rows[1][4], rows[2][5] = "emg", "2026-04-01 09:00"
    mended = show(desk, drop(desk, make_csv(rows[1:], rows[0])))
    assert "2 rows are good." in mended
    assert "need a look" not in mended
    assert [actor for actor, _ in list_details(engine, "exported")] == ["staff@clinic.example"]


def test_a_clerk_reads_in_spanish_what_is_wrong_with_a_row(desk: Desk, engine: Engine) -> None:
    desk.post("/account/language", data={"language": "es"})
    rows = [make_row(2), make_row(3, phone="202-555"), make_row(4, exam="202 555 0199"), make_row(5, name="Bo")]
    path = drop(desk, make_csv([*rows, make_row(2, name="Eva"), make_row(6, starts_at="3/9/2026 14:05")]))
    page = show(desk, path)

    assert "Tiene muy pocos dígitos; póngalos todos con el código de área, por ejemplo +1 202 555 0123" in page
    assert "Este valor no es un examen que conozcamos; ponga uno de estos: mri-brain," in page
    assert "Está también en la fila 2, con otros datos; deje una sola fila" in page
    assert "2026-03-09 o 2026-09-03" in page
    bad = list(csv.reader(io.StringIO(desk.get(f"{path}/bad.csv").text.lstrip("\ufeff"))))
    assert bad[0] == [*HEADER, "qué está mal"]
    assert bad[1][6].startswith("phone tiene muy pocos dígitos")
    assert "2 filas necesitan" in show(desk, drop(desk, make_csv(bad[1:3], bad[0]))), "our own column needs no name"
    missing = desk.post(f"{path}/columns", data={f"column-{place}": name for place, name in enumerate(HEADER[:2])})
    assert "falta esta columna; la primera fila tiene que nombrar" in missing.text
    assert "archivo es un PDF" in desk.post("/import", files={"file": ("rows.pdf", b"%PDF-1.7 ")}).text


def test_nobody_else_sees_a_file_but_an_admin(desk: Desk, engine: Engine) -> None:
    path = drop(desk, GOOD_AND_BAD)
    show(desk, path)
    desk.sign_in(Role.STAFF, "other@clinic.example")

    assert desk.get(path).status_code == 404
    assert desk.get(f"{path}/bad.csv").status_code == 404
    for do in ("columns", "fixes", "start", "again", "remove"):
        assert desk.post(f"{path}/{do}").status_code == 404, do
    assert "rows.csv" not in desk.get("/import").text
    desk.sign_in(Role.ADMIN)
    assert "2 rows are good." in show(desk, path)


def test_a_file_is_removed_when_somebody_says_so_and_after_a_day(
    desk: Desk, engine: Engine, settings: Settings
) -> None:
    first, second = drop(desk, GOOD_AND_BAD), drop(desk, GOOD_AND_BAD)

    assert desk.post(f"{first}/remove").headers["Location"] == "/import"
    assert desk.get(first).status_code == 404
    carry_on(engine, settings, lambda: NOW + timedelta(hours=23))
    assert desk.get(second).status_code == 200
    carry_on(engine, settings, lambda: NOW + timedelta(hours=25))
    assert desk.get(second).status_code == 404


def test_an_import_that_dies_in_the_middle_goes_on_where_it_was(
    desk: Desk, engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(desk, make_csv([make_row(number) for number in range(2, 352)]))
    show(desk, path)
    enrol_batch, batches = upload_work.enrol_batch, []

    def die_once(*arguments: Any) -> list[Enrolled]:
        batches.append(len(arguments[2]))
        if len(batches) == 3:
            raise OperationalError("", {}, Exception())
        return enrol_batch(*arguments)

    monkeypatch.setattr(upload_work, "enrol_batch", die_once)
    # However slow the machine is, it has died by then.
    monkeypatch.setattr(import_pages, "_WAIT_S", 60.0)
    desk.post(f"{path}/start")
    assert "200 of 350 rows" in desk.get(f"{path}?part=1").text
    assert count(engine) == 200

    carry_on(engine, settings, lambda: NOW + timedelta(seconds=30))
    assert count(engine) == 200, "somebody may still be at it"
    carry_on(engine, settings, lambda: NOW + timedelta(seconds=61))

    assert batches == [100, 100, 100, 100, 50]
    assert "<dd>350</dd><dt>enrolled</dt>" in show(desk, path)


def test_a_process_that_stops_hands_its_work_back_at_once(desk: Desk, engine: Engine, settings: Settings) -> None:
    path = drop(desk, make_csv([make_row(number) for number in range(2, 252)]))
    show(desk, path)
    stopped = threading.Event()
    stopped.set()
    with writing(engine) as session:
        upload = session.exec(select(Upload)).one()
        uploads.start_import(session, upload, "ana@clinic.example")

    carry_on(engine, settings, lambda: NOW, stopped)
    assert count(engine) == 100
    carry_on(engine, settings, lambda: NOW)

    assert count(engine) == 250
    with reading(engine) as session:
        assert read_progress(session.exec(select(Upload)).one()).outcomes == {"enrolled": 250}


def make_workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.worksheets[0].append(row)
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def change_workbook(**members: bytes) -> bytes:
    """A workbook with some of its parts replaced or added, ``__`` for a slash."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(make_workbook([HEADER, make_row(2)]))) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        parts = {name: old.read(name) for name in old.namelist()}
        for name, content in {**parts, **{key.replace("__", "/"): value for key, value in members.items()}}.items():
            new.writestr(name, content)
    return file.getvalue()


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><sst><si><t>&a;</t></si></sst>'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Choose a file first"),
        (b"%PDF-1.7 \x00\x01", "The file is a PDF"),
        (b"\x89PNG\r\n\x1a\n\x00", "The file is a picture"),
        (b"PK\x03\x04 broken", "damaged"),
        (change_workbook(**{"xl__sharedStrings.xml": ENTITIES}), "damaged"),
        (change_workbook(**{"xl__sharedStrings.xml": ENTITIES.decode().encode("utf-16")}), "damaged"),
        (change_workbook(**{"xl__media__image.bin": bytes(300 << 20)}), "too large"),
        (change_workbook(**{f"xl__{number}": b"" for number in range(1001)}), "damaged"),
        (change_workbook(**{"word__document.xml": b""}), "a Word document"),
        (make_csv([], [f"column {number}" for number in range(201)]), "more than 200 columns"),
    ],
    ids=["empty", "pdf", "picture", "zip", "entities", "entities-16", "bomb", "many", "word", "wide"],
)
def test_a_file_that_is_none_of_ours_or_means_harm_is_refused_kindly(desk: Desk, content: bytes, words: str) -> None:
    answer = desk.post("/import", files={"file": ("rows.xlsx", content)})

    assert answer.status_code == 422
    assert words in answer.text
    assert "/etc/passwd" not in answer.text


def test_formulas_are_not_worked_out(desk: Desk) -> None:
    path = drop(desk, make_workbook([HEADER, make_row(2, name="=1+1"), make_row(3)]), "rows.xlsx")

    page = show(desk, path)

    assert "1 row is good." in page
    assert "Has a formula without a result" in page


def test_too_many_rows_and_too_long_cells_are_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_work, "MOST_ROWS", 3)

    assert "The file has more than 3 rows" in show(desk, drop(desk, make_csv([make_row(n) for n in range(2, 6)])))
    assert "Is too long: 201 characters" in show(desk, drop(desk, make_csv([make_row(2, exam="x" * 201)])))


def test_what_is_in_a_file_never_becomes_markup(desk: Desk) -> None:
    bad = "<img src=x onerror=1> %(x)s"
    unnamed = drop(desk, make_csv([[*make_row(2), bad]], [*HEADER, bad]), f"{bad}.csv")
    rows = drop(desk, make_csv([make_row(2, name=bad, exam=bad)]), f"{bad}.csv")

    for page in (show(desk, unnamed), show(desk, rows), desk.get("/import").text):
        assert "<img" not in page
        assert "&lt;img" in page


def test_a_file_is_viewed_on_record(desk: Desk, engine: Engine) -> None:
    path = drop(desk, GOOD_AND_BAD)
    show(desk, path)
    show(desk, path)

    assert [actor for actor, _ in list_details(engine, "viewed")] == ["staff@clinic.example"]
    assert len(list_details(engine, "uploaded")) == 1
