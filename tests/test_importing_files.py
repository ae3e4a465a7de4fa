"""CSV and Excel files of every kind -> rows, and what is said of a file that cannot be read."""

import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bot.importing.columns import match_columns
from bot.importing.csv_file import open_csv
from bot.importing.excel_file import open_excel
from bot.importing.table import UNCALCULATED, FileTrouble, Row
from bot.importing.values import Cell

HEADER = ["name", "phone", "exam", "starts_at"]


def write(path: Path, text: str | bytes, encoding: str = "utf-8") -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def read_csv(path: Path) -> list[tuple[int, list[Cell], str]]:
    with open_csv(path) as table:
        return [(row.number, list(row.cells), row.trouble) for row in (table.header, *table.rows)]


def read_excel(path: Path) -> list[tuple[int, list[Cell]]]:
    with open_excel(path) as table:
        return [(row.number, list(row.cells)) for row in (table.header, *table.rows)]


def save_workbook(path: Path, *sheets: list[list[Any]]) -> Path:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for rows in sheets:
        sheet = workbook.create_sheet()
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def change_member(path: Path, name: str, before: bytes, after: bytes) -> None:
    """Replace bytes in one part of a workbook, as another program might have written them."""
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    assert before in members[name]
    members[name] = members[name].replace(before, after)
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "appointments"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_csv_file_may_have_any_usual_encoding_and_delimiter(
    path: Path, encoding: str, delimiter: str, newline: str
) -> None:
    lines = [["name", "phone, mobile; or \t other"], ["José", "1"], ["Zoë", "2"]]
    text = newline.join(f'{first}{delimiter}"{second}"' for first, second in lines)

    rows = read_csv(write(path, text, encoding))

    assert [cells for _, cells, _ in rows] == lines


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_both_byte_orders_of_utf16_are_read(path: Path, order: str) -> None:
    assert read_csv(write(path, "\ufeffname;phone\r\nأمينة;1\r\n", order))[1] == (2, ["أمينة", "1"], "")


def test_the_line_with_which_excel_names_the_delimiter_is_no_row(path: Path) -> None:
    assert read_csv(write(path, 'sep=;\r\n"a,b,c";phone\r\nAna;1\r\n')) == [
        (1, ["a,b,c", "phone"], ""),
        (2, ["Ana", "1"], ""),
    ]


def test_rows_have_the_numbers_that_a_spreadsheet_shows(path: Path) -> None:
    text = 'name,place\nAna,"Building A,\nfloor 2"\n\n , \nLi,\nEve,"She said ""hi"""\n'
    assert read_csv(write(path, text)) == [
        (1, ["name", "place"], ""),
        (2, ["Ana", "Building A,\nfloor 2"], ""),
        (5, ["Li", ""], ""),
        (6, ["Eve", 'She said "hi"'], ""),
    ]


def test_a_row_with_too_many_cells_cannot_be_told_apart(path: Path) -> None:
    rows = read_csv(write(path, "name,place\nAna,Building A, floor 2\nLi,B,,\nEve\n"))
    assert "more cells than the header" in rows[1][2]
    assert [trouble for _, _, trouble in rows[2:]] == ["", ""]


def test_a_quotation_mark_that_nobody_closes_costs_no_row_silently(path: Path) -> None:
    rows = read_csv(write(path, 'name,place\nAna,"Building A\nLi,B\nEve,"C"\nZoe,D\n'))
    assert [(number, bool(trouble)) for number, _, trouble in rows] == [(1, False), (2, True), (3, False)]
    assert "quotation mark that is not closed or out of place; lines 2 to 4 of the file" in rows[1][2]
    assert rows[2][1] == ["Zoe", "D"]

    unclosed = read_csv(write(path, 'name,place\nAna,"Building A\nLi,B\n'))
    assert [bool(trouble) for _, _, trouble in unclosed] == [False, True]


def test_nul_characters_are_the_rows_trouble(path: Path) -> None:
    rows = read_csv(write(path, "name,phone\nA\0na,1\nLi,2\n"))
    assert [bool(trouble) for _, _, trouble in rows] == [False, True, False]


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\n , ,\n\n", "is empty"),
        (b"n\0a\0m\0e\0", "not a text file"),
        (b"\xff\xfen\0a", "encoding"),
        (b"name,\x81phone\n", "encoding"),
        (b'name,"phone\n', "names the columns cannot be read"),
    ],
)
def test_a_csv_file_that_cannot_be_read_says_why(path: Path, content: bytes, trouble: str) -> None:
    with pytest.raises(FileTrouble, match=trouble):
        read_csv(write(path, content))


@given(st.one_of(st.binary(), st.text(alphabet='name,phone;\t"\r\n\0é \ufeff').map(lambda text: text.encode("utf-16"))))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_bytes_break_the_csv_reader(path: Path, content: bytes) -> None:
    write(path, content)
    try:
        rows = read_csv(path)
    except FileTrouble:
        return
    assert all(isinstance(cell, str) for _, cells, _ in rows for cell in cells)


def test_excel_cells_keep_their_kind(path: Path) -> None:
    start = datetime(2027, 3, 9, 14, 5, tzinfo=UTC).replace(tzinfo=None)
    cells = ["Ana", 2025550101, 0.5, True, start, date(2027, 3, 9), time(14, 5), None, "=1+1 as text"]
    save_workbook(path, [[f"column {number}" for number in range(9)], cells])
    change_member(path, "xl/worksheets/sheet1.xml", b"<f>1+1 as text</f><v />", b"<v>7</v>")

    assert read_excel(path)[1] == (2, [*cells[:8], 7])


def test_a_midnight_with_a_clock_in_its_format_is_a_time(path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    midnight = datetime(2027, 3, 9, tzinfo=UTC).replace(tzinfo=None)
    sheet.append(["starts_at", "date"])
    sheet.append([midnight, midnight])
    sheet["A2"].number_format = "[$-409]YYYY-MM-DD HH:MM"
    sheet["B2"].number_format = '[$-x-sysdate]dddd, d mmmm yyyy "hours"'
    workbook.save(path)

    assert read_excel(path)[1] == (2, [midnight, date(2027, 3, 9)])


def test_excel_rows_keep_their_numbers_across_blank_ones(path: Path) -> None:
    save_workbook(path, [[], HEADER, ["Ana"], [], [None, " "], ["Li"]])
    assert [number for number, _ in read_excel(path)] == [2, 3, 6]


def test_the_size_that_a_sheet_says_it_has_is_not_believed(path: Path) -> None:
    save_workbook(path, [HEADER, ["Ana"], ["Li"]])
    change_member(path, "xl/worksheets/sheet1.xml", b'ref="A1:D3"', b'ref="A1"')
    assert [cells[0] for _, cells in read_excel(path)] == ["name", "Ana", "Li"]


def test_a_sheet_that_stores_a_row_beyond_the_last_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.importing.excel_file._MAX_ROW", 1000)
    save_workbook(path, [HEADER, ["Ana"]])
    change_member(path, "xl/worksheets/sheet1.xml", b'<row r="2"', b'<row r="9999999999"')
    with pytest.raises(FileTrouble, match="too many rows"):
        read_excel(path)


def test_merged_cells_have_their_value_in_the_first(path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    for row in (HEADER, ["Ana", "1"], [None, "2"]):
        sheet.append(row)
    sheet.merge_cells("A2:A3")
    workbook.save(path)
    assert [cells[:2] for _, cells in read_excel(path)[1:]] == [["Ana", "1"], [None, "2"]]


def test_the_first_sheet_with_a_header_is_read_and_the_others_are_named(path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.worksheets[0].append(["How to fill in this workbook"])
    for title, name in (("Old", "Hidden"), ("March", "Ana"), ("April", "Li")):
        sheet = workbook.create_sheet(title)
        sheet.append(HEADER)
        sheet.append([name])
    workbook["Old"].sheet_state = "hidden"
    workbook.save(path)

    with open_excel(path) as table:
        assert [row.cells[0] for row in table.rows] == ["Ana"]
        assert table.ignored == ("sheet April",)


def test_a_formula_without_a_result_does_not_pass_for_a_blank(path: Path) -> None:
    save_workbook(path, [HEADER, ["Ana", '=IF(TRUE,"1","2")', "=A2", "=A2"]])
    sheet = "xl/worksheets/sheet1.xml"
    change_member(path, sheet, b'<c r="C2"><f>A2</f><v /></c>', b'<c r="C2" t="str"><f>A2</f><v>mri-brain</v></c>')
    change_member(path, sheet, b'<c r="D2"><f>A2</f><v /></c>', b'<c r="D2" t="str"><f>A2</f><v></v></c>')
    assert read_excel(path)[1] == (2, ["Ana", UNCALCULATED, "mri-brain", None])


def _zip(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return path


def test_other_programs_files_are_named(path: Path) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    with pytest.raises(FileTrouble, match=r"old Excel \(\.xls\)"):
        read_excel(write(path, ole + "Workbook".encode("utf-16-le")))
    with pytest.raises(FileTrouble, match="password"):
        read_excel(write(path, ole + "EncryptedPackage".encode("utf-16-le")))
    with pytest.raises(FileTrouble, match="OpenDocument"):
        read_excel(_zip(path, "mimetype", "content.xml"))
    with pytest.raises(FileTrouble, match=r"binary workbook \(\.xlsb\)"):
        read_excel(_zip(path, "xl/workbook.bin"))
    with pytest.raises(FileTrouble, match="a Word document"):
        read_excel(_zip(path, "word/document.xml"))
    with pytest.raises(FileTrouble, match="not an Excel workbook"):
        read_excel(_zip(path, "notes.txt"))


def test_an_empty_workbook_is_named(path: Path) -> None:
    with pytest.raises(FileTrouble, match="is empty"):
        read_excel(save_workbook(path, [], [[None, " "]]))


def test_a_damaged_workbook_is_refused_before_its_first_row(path: Path) -> None:
    content = save_workbook(path, [HEADER, *(["Ana", str(number)] for number in range(500))]).read_bytes()
    for place in range(0, len(content), max(1, len(content) // 60)):
        broken = bytearray(content)
        broken[place] ^= 0xFF
        write(path, bytes(broken))
        try:
            rows = read_excel(path)
        except FileTrouble:
            continue
        # A byte that says nothing of the rows, such as a date in the archive.
        assert len(rows) == 501
    for length in range(4, len(content), len(content) // 20):
        with pytest.raises(FileTrouble):
            read_excel(write(path, content[:length]))


def test_a_workbook_that_would_fill_the_memory_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.importing.excel_file._MAX_UNPACKED", 1000)
    with pytest.raises(FileTrouble, match="too large"):
        read_excel(save_workbook(path, [HEADER]))


def match(*header: str) -> dict[str, int]:
    columns = match_columns(Row(1, header))
    assert not columns.errors
    return dict(columns.places)


@pytest.mark.parametrize(
    ("column", "spellings"),
    [
        ("appointment_id", ["Appointment ID", "AppointmentID", "appointment-id", "Booking Number", "Accession #"]),
        ("patient_id", ["MRN", "Record number", "Patient_ID"]),
        ("name", ["Patient", "Patient name", "First name", "GivenName", "Prénom", "Prenom"]),
        ("phone", ["Mobile", "Cell", "Phone number", "Tel", "Tel.", "Teléfono", "Phone (mobile)"]),
        ("language", ["Preferred language", "Lang"]),
        ("exam", ["Exam type", "Procedure", "Modality"]),
        ("starts_at", ["Start", "Appointment time", "Date/time", "Starts at (local)"]),
        ("contrast", ["Contrast?", "With contrast (Y/N)"]),
        ("place", ["Location", "ROOM"]),
        ("companion_name", ["Escort", "Companion"]),
        ("companion_phone", ["Companion mobile"]),
        ("consent", ["Opt in", "opt-in", "SMS consent"]),
        ("status", ["Booking status", " STATUS "]),
    ],
)
def test_columns_are_known_by_other_spellings(column: str, spellings: list[str]) -> None:
    others = [name for name in HEADER if name != column]
    for spelling in spellings:
        assert match(*others, spelling)[column] == len(others)


def test_a_time_beside_a_date_is_the_time_of_day() -> None:
    places = match("name", "phone", "exam", "Appointment date", "Appointment time")
    assert places == {"name": 0, "phone": 1, "exam": 2, "date": 3, "time": 4}


def test_of_two_ways_to_give_the_start_one_is_read() -> None:
    columns = match_columns(Row(1, [*HEADER, "date", "time", "Referring doctor", ""]))
    assert "date" not in columns.places
    assert columns.ignored == ("Referring doctor", "date", "time")


def test_two_headers_for_one_column_are_an_error() -> None:
    [error] = match_columns(Row(1, [*HEADER, "Mobile"])).errors
    assert (error.row, error.column) == (1, "phone")
    assert '"phone" and "Mobile" both mean phone' in error.message


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        (["phone", "exam", "starts_at"], ["name"]),
        (["name", "exam", "starts_at"], ["phone"]),
        (["name", "phone", "starts_at"], ["exam"]),
        (["name", "phone", "exam"], ["starts_at"]),
        (["name", "phone", "exam", "date"], ["starts_at"]),
        (["Ana", "2025550101"], ["name", "phone", "exam", "starts_at"]),
    ],
)
def test_a_missing_column_is_an_error_that_repeats_no_cell(header: list[str], missing: list[str]) -> None:
    columns = match_columns(Row(1, header))
    assert [error.column for error in columns.errors] == missing
    assert columns.ignored == ()


def test_a_column_of_refusals_is_not_passed_over() -> None:
    [error] = match_columns(Row(1, [*HEADER, "Opted out"])).errors
    assert (error.column, "opposite of consent" in error.message) == ("consent", True)
