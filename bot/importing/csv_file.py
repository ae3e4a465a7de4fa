"""A CSV file -> its rows, one at a time, whatever its encoding and delimiter."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from bot.importing.table import FileTrouble, Row, Table
from bot.sentences import Sentence

_DELIMITERS = ",;\t"
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Excel's own way to name the delimiter, a line before the header that it does not show.
_DELIMITER_LINE = re.compile(r"sep=([,;\t])\s*?(?:\r\n|\r|\n)", re.I)
_CHUNK = 1 << 16
_PICTURE = Sentence("a picture")
_OTHER_FILES = {
    b"%PDF": Sentence("a PDF"),
    b"\x89PNG": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"{\\rtf": Sentence("a text document"),
}


@contextmanager
def open_csv(path: Path) -> Iterator[Table]:
    """Open the file for reading once from its header to its end; the position is in bytes.

    Raises:
        FileTrouble: it is empty or not text.
        OSError: it cannot be read.
    """
    with path.open("rb") as raw:
        start_bytes = raw.read(8)
    for mark, what in _OTHER_FILES.items():
        if start_bytes.startswith(mark):
            raise FileTrouble("the file is %(what)s; save the appointments as CSV or .xlsx", what=what)
    encoding = _find_encoding(path)
    with path.open("rb") as raw, io.TextIOWrapper(raw, encoding, newline="") as file:
        start = file.read(_CHUNK)
        if "\0" in start.partition("\n")[0]:
            raise FileTrouble("the file is not a text file; save it as CSV or .xlsx")
        file.seek(0)
        if named := _DELIMITER_LINE.match(start):
            file.readline()
        records = _read_records(file, named[1] if named else _find_delimiter(start))
        header = next((record for record in records if not record.is_blank), None)
        if header is None:
            raise FileTrouble("the file is empty; its first row must name the columns")
        if header.trouble:
            raise FileTrouble("the row that names the columns cannot be read: it %(trouble)s", trouble=header.trouble)
        rows = _fit_rows(records, len(header.cells))
        yield Table(header, rows, lambda _: raw.tell(), path.stat().st_size)


def _find_encoding(path: Path) -> str:
    """The first encoding that the whole file is right in, so that reading never stops halfway."""
    with path.open("rb") as file:
        start = file.read(4)
        marked = [encoding for mark, encoding in _BYTE_ORDER_MARKS if start.startswith(mark)]
        for encoding in marked or ["utf-8", "cp1252"]:
            file.seek(0)
            decoder = codecs.getincrementaldecoder(encoding)()
            try:
                while chunk := file.read(_CHUNK):
                    decoder.decode(chunk)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                continue
            return encoding
    raise FileTrouble("the file is not text in an encoding that we know; save it as CSV UTF-8 or .xlsx")


def _find_delimiter(start: str) -> str:
    """The delimiter that the header line has most of, outside quotes."""
    counts = dict.fromkeys(_DELIMITERS, 0)
    quoted = False
    for char in start.lstrip():
        if char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char in "\r\n":
            break
        elif char in counts:
            counts[char] += 1
    return max(counts, key=lambda delimiter: counts[delimiter])


def _read_records(file: TextIO, delimiter: str) -> Iterator[Row]:
    # Not strict, a quotation mark that nobody closes would put the next patients' rows into one cell.
    reader = csv.reader(file, delimiter=delimiter, strict=True, skipinitialspace=True)
    number = 0
    while True:
        number += 1
        first = reader.line_num + 1
        try:
            yield Row(number, next(reader))
        except StopIteration:
            return
        except csv.Error:
            yield Row(number, (), _explain_quotation(first, reader.line_num))


def _explain_quotation(first: int, last: int) -> Sentence:
    if last > first:
        return Sentence(
            "has a quotation mark that is not closed or out of place; lines %(first)s to %(last)s of the file "
            "could not be read",
            first=first,
            last=last,
        )
    return Sentence(
        "has a quotation mark that is not closed or out of place; line %(first)s of the file could not be read",
        first=first,
    )


def _fit_rows(records: Iterator[Row], width: int) -> Iterator[Row]:
    for record in records:
        if record.is_blank:
            continue
        extra = Row(record.number, record.cells[width:])
        if not extra.is_blank:
            trouble = Sentence(
                "has more cells than the header; put quotation marks around a cell that has the delimiter in it"
            )
            yield Row(record.number, (), trouble)
        elif any("\0" in str(cell) for cell in record.cells):
            yield Row(record.number, (), Sentence("has characters that cannot be read; type it again"))
        else:
            yield record
