"""A row -> an enrolment, or everything that is wrong with the row."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from bot.importing.columns import NO_TEXTS, Columns
from bot.importing.report import RowError
from bot.importing.table import UNCALCULATED, Row, is_blank
from bot.importing.values import (
    Cell,
    ValueTrouble,
    read_cancelled,
    read_date,
    read_exam,
    read_flag,
    read_language,
    read_name,
    read_phone,
    read_starts_at,
    read_starts_at_parts,
    read_text,
    read_time,
)
from bot.people import Companion, Enrolment
from messages.facts import ClinicFacts

MAX_CELL = 200
_SPREADSHEET_ERRORS = {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"}

Value = TypeVar("Value")


def read_enrolment(row: Row, columns: Columns, clinic: ClinicFacts, now: datetime) -> Enrolment | list[RowError]:
    """Check every cell of a row that has one of our columns; ``now`` serves to notice a wrong year."""
    if row.trouble:
        return [RowError(row.number, "", row.trouble)]
    enrolment, errors = read_draft(row, columns, clinic, now)
    return errors or enrolment


def read_draft(row: Row, columns: Columns, clinic: ClinicFacts, now: datetime) -> tuple[Enrolment, list[RowError]]:
    """What a row says, and what is wrong with it; phone, name or exam that is wrong is empty, such a start ``now``."""
    reading = _Reading(row, columns)
    language = reading.take("language", read_language, clinic.default_language)
    enrolment = Enrolment(
        phone=reading.take("phone", lambda cell: read_phone(cell, clinic.region), ""),
        given_name=reading.take("name", read_name, ""),
        language=language,
        exam=reading.take("exam", lambda cell: read_exam(cell, clinic.exams), ""),
        starts_at=_take_start(reading, clinic, now),
        external_id=reading.take("appointment_id", read_text, "") or None,
        record_number=reading.take("patient_id", read_text, "") or None,
        contrast=reading.take("contrast", read_flag, False),
        sedation=reading.take("sedation", read_flag, False),
        place=reading.take("place", read_text, ""),
        companion=_take_companion(reading, clinic, language),
        consent=_take_consent(reading),
        cancelled=reading.take("status", read_cancelled, False),
    )
    return enrolment, reading.errors


def _take_consent(reading: "_Reading") -> bool | None:
    """Whether the patient agrees to texts; None where the file does not say."""
    consent = reading.take_filled("consent", read_flag, None)
    return False if reading.take(NO_TEXTS, read_flag, False) else consent


def _take_start(reading: "_Reading", clinic: ClinicFacts, now: datetime) -> datetime:
    if reading.has("starts_at"):
        return reading.take("starts_at", lambda cell: read_starts_at(cell, clinic.zone, now), now)
    # Each alone first, so that both are reported when both are wrong.
    before = len(reading.errors)
    day = reading.take("date", lambda cell: read_date(cell, now), now.date())
    clock = reading.take("time", read_time, now.time())
    if len(reading.errors) > before:
        return now
    return reading.take("time", lambda _: read_starts_at_parts(day, clock, clinic.zone, now), now)


def _take_companion(reading: "_Reading", clinic: ClinicFacts, language: str) -> Companion | None:
    """The companion, if the row names one."""
    name = reading.take_filled("companion_name", read_name, "")
    phone = reading.take_filled("companion_phone", lambda cell: read_phone(cell, clinic.region), "")
    language = reading.take_filled("companion_language", read_language, language)
    agreed = reading.take_filled("companion_consent", read_flag, None)
    first = reading.take_filled("companion_first", read_flag, None)
    return Companion(name, phone, language, agreed, first) if name or phone else None


class _Reading:
    """Takes the values of one row and gathers what is wrong."""

    def __init__(self, row: Row, columns: Columns) -> None:
        self.errors: list[RowError] = []
        self._row = row
        self._columns = columns

    def has(self, column: str) -> bool:
        return column in self._columns.places

    def take(self, column: str, read: Callable[[Cell], Value], default: Value) -> Value:
        """The column's value; the default when the file has no such column or the cell is wrong."""
        if not self.has(column):
            return default
        try:
            return read(_check(self._find_cell(column)))
        except ValueTrouble as trouble:
            self.errors.append(RowError(self._row.number, column, trouble.sentence))
            return default

    def take_filled(self, column: str, read: Callable[[Cell], Value], default: Value) -> Value:
        """The same for a cell that may be blank: then too it is the default."""
        if self.has(column) and is_blank(self._find_cell(column)):
            return default
        return self.take(column, read, default)

    def _find_cell(self, column: str) -> Cell:
        place = self._columns.places[column]
        return self._row.cells[place] if place < len(self._row.cells) else None


def _check(cell: Cell) -> Cell:
    if isinstance(cell, str):
        if len(cell) > MAX_CELL:
            raise ValueTrouble(
                "is too long: %(length)s characters; at most %(most)s fit", length=len(cell), most=MAX_CELL
            )
        if cell == UNCALCULATED:
            raise ValueTrouble("has a formula without a result; open the file in Excel, save it and import it again")
        if cell.strip().upper() in _SPREADSHEET_ERRORS:
            raise ValueTrouble("shows the spreadsheet's error %(error)s; correct the cell", error=cell.strip())
    return cell
