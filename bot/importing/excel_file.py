"""An Excel workbook (.xlsx) -> the rows of its first sheet with a header, one at a time."""

import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl

from bot.importing.columns import match_columns
from bot.importing.table import UNCALCULATED, FileTrouble, Row, Table
from bot.importing.values import Cell
from bot.sentences import Sentence

_OLE_START = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
EXCEL_STARTS = (b"PK\x03\x04", _OLE_START[:4])

_MAX_ROW = 1_048_576
_MAX_COLUMN = 500
# Unpacked; a sheet of 100,000 appointments takes about 80 MB. Against archives made to fill the memory.
_MAX_UNPACKED = 1 << 28
_MAX_MEMBERS = 1000
# No workbook has one; against entities that unpack to far more than they are, or name a file of ours.
_DOCTYPE = re.compile("|".join(f"<!{kind}" for kind in ("DOCTYPE", "ENTITY")).encode())
_OTHER_DOCUMENTS = {
    "word/document.xml": Sentence("a Word document"),
    "ppt/presentation.xml": Sentence("a presentation"),
}
_CHUNK, _OVERLAP = 1 << 20, 32
# So many columns with a name that we know make a row a header.
_ENOUGH_COLUMNS = 2
_NOT_A_CLOCK = re.compile(r'\[[^\]]*\]|"[^"]*"|\\.')
_DAMAGED = Sentence("the file is damaged or not an Excel workbook; open it in Excel and save it again as .xlsx")


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A sheet that has something in it. ``size`` is the number of rows that it says it has."""

    title: str
    source: Any
    size: int
    header: Row

    @property
    def is_table(self) -> bool:
        return len(match_columns(self.header).places) >= _ENOUGH_COLUMNS


@contextmanager
def open_excel(path: Path) -> Iterator[Table]:
    """Open the workbook for reading once from its header to its end; the position is in rows.

    Raises:
        FileTrouble: it is empty, damaged, protected by a password, or of another program.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        has_formulas = _check(file)
        with _load(file, results=True) as workbook:
            found = _find_sheets(workbook)
            if not found:
                raise FileTrouble("the workbook is empty; the first row of a sheet must name the columns")
            sheet, *others = [sheet for sheet in found if sheet.is_table] or found[:1]
            ignored = tuple(f"sheet {other.title}" for other in others)
            if has_formulas:
                with _load(file, results=False) as formulas:
                    rows = _read_table(sheet, formulas[sheet.title])
                    yield Table(sheet.header, rows, lambda row: row.number, sheet.size, ignored)
            else:
                yield Table(sheet.header, _read_table(sheet), lambda row: row.number, sheet.size, ignored)


def _check(file: BinaryIO) -> bool:
    """Refuse what is no sound workbook, before any row of it is used; returns whether it has formulas."""
    start = file.read(len(_OLE_START))
    if start == _OLE_START:
        if "EncryptedPackage".encode("utf-16-le") in file.read():
            raise FileTrouble("the file is protected by a password; save it without one")
        raise FileTrouble("the file is of an old Excel (.xls); open it in Excel and save it as .xlsx")
    with _guard(), zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = {member.filename for member in members}
        if "mimetype" in names:
            raise FileTrouble("the file is an OpenDocument file (.ods); save it as .xlsx or CSV")
        if "xl/workbook.bin" in names:
            raise FileTrouble("the file is a binary workbook (.xlsb); save it as .xlsx")
        for name, what in _OTHER_DOCUMENTS.items():
            if name in names:
                raise FileTrouble(
                    "the file is %(what)s; put the appointments into a table and save it as .xlsx or CSV", what=what
                )
        if len(members) > _MAX_MEMBERS:
            raise FileTrouble(_DAMAGED)
        if sum(member.file_size for member in members) > _MAX_UNPACKED:
            raise FileTrouble("the workbook is too large; divide it into several")
        have_formulas = [_read_through(archive, member) for member in members]
    return any(have_formulas)


def _read_through(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    """Read one member to its end, which checks its sum; returns whether it is a sheet with formulas."""
    found, overlap = False, b""
    with archive.open(info) as member:
        while chunk := member.read(_CHUNK):
            part = overlap + chunk
            found = found or re.search(rb"<f[\s>]", part) is not None
            if info.filename.endswith((".xml", ".rels")) and _DOCTYPE.search(part.replace(b"\0", b"")):
                raise FileTrouble(_DAMAGED)
            overlap = chunk[-_OVERLAP:]
    return found and info.filename.startswith("xl/worksheets/")


@contextmanager
def _load(file: BinaryIO, *, results: bool) -> Iterator[Any]:
    """The workbook with the stored results of formulas, or with the formulas themselves."""
    with _guard():
        workbook = openpyxl.load_workbook(file, read_only=True, data_only=results, keep_links=False)
    try:
        yield workbook
    finally:
        workbook.close()


@contextmanager
def _guard() -> Iterator[None]:
    """Make one sentence of every way in which a broken workbook fails. openpyxl's warnings show values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except FileTrouble:
            raise
        except Exception as error:
            raise FileTrouble(_DAMAGED) from error


def _find_sheets(workbook: Any) -> list[_Sheet]:
    """The visible sheets with something in them, in order."""
    sheets = []
    for source in workbook.worksheets:
        if source.sheet_state == "visible":
            size = source.max_row or 0
            for number, cells in _read_cells(source, 1, _MAX_COLUMN):
                row = Row(number, tuple(map(_read_value, cells)))
                if not row.is_blank:
                    sheets.append(_Sheet(source.title, source, size, row.trim()))
                    break
    return sheets


def _read_table(sheet: _Sheet, formulas: Any = None) -> Iterator[Row]:
    first, width = sheet.header.number + 1, len(sheet.header.cells)
    twins = _read_cells(formulas, first, width) if formulas else None
    for number, cells in _read_cells(sheet.source, first, width):
        values = tuple(map(_read_value, cells))
        if twins:
            _, twin = next(twins)
            values = tuple(map(_mark_uncalculated, values, cells, twin))
        row = Row(number, values)
        if not row.is_blank:
            yield row


def _read_cells(source: Any, first: int, width: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The numbered rows of a sheet, each with ``width`` cells or, of rows that are not stored, none."""
    # What the file says of its own size is often wrong, and openpyxl would stop there.
    source.reset_dimensions()
    with _guard():
        rows = source.iter_rows(min_row=first, max_col=width)
    for number in count(first):
        with _guard():
            cells = next(rows, None)
        if cells is None:
            return
        if number > _MAX_ROW:
            raise FileTrouble("the sheet has too many rows; divide it into several files")
        yield number, tuple(cells)


def _read_value(cell: Any) -> Cell:
    value: Cell = cell.value
    if isinstance(value, datetime) and value.time() == time() and not _shows_clock(cell.number_format):
        return value.date()
    return value


def _shows_clock(number_format: str) -> bool:
    return any(letter in _NOT_A_CLOCK.sub("", number_format.lower()) for letter in "hs")


def _mark_uncalculated(value: Cell, cell: Any, twin: Any) -> Cell:
    """A formula without a stored result must not pass for a blank; one whose result is no text may."""
    is_missing = value is None and twin.data_type == "f" and cell.data_type != "str"
    return UNCALCULATED if is_missing else value
