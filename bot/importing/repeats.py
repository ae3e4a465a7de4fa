"""Rows of one file that contradict an earlier one.

A row that says the same again is fine. Rows that differ would undo each other, at this import and
again at every next one.
"""

import sqlite3
from types import TracebackType
from typing import NamedTuple

from bot.importing.report import RowError
from bot.people import Enrolment
from bot.sentences import Sentence

_TABLES = """
    PRAGMA journal_mode = OFF;
    PRAGMA cache_size = -2000;
    CREATE TABLE appointment (key INTEGER PRIMARY KEY, row INTEGER, details INTEGER);
    CREATE TABLE patient (key INTEGER PRIMARY KEY, row INTEGER, name INTEGER, phone INTEGER, companion INTEGER);
    CREATE TABLE refusal (key INTEGER PRIMARY KEY, row INTEGER);
    BEGIN;
"""


class _Patient(NamedTuple):
    row: int
    name: int
    phone: int
    companion: int | None


class Repeats:
    """Remembers each row by short hashes, in a file without a name that goes with it: a million rows take no memory."""

    def __init__(self) -> None:
        self._seen = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._seen.executescript(_TABLES)

    def __enter__(self) -> "Repeats":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._seen.close()

    def check(self, row: int, enrolment: Enrolment) -> list[RowError]:
        """What the row contradicts; it is remembered if that is nothing."""
        errors = [
            *self._check_appointment(row, enrolment),
            *self._check_patient(row, enrolment),
            *self._check_consent(row, enrolment),
        ]
        if not errors:
            self._remember(row, enrolment)
        return errors

    def _check_appointment(self, row: int, enrolment: Enrolment) -> list[RowError]:
        known = self._find("SELECT row, details FROM appointment WHERE key = ?", _find_key(enrolment))
        if known is None or known[1] == hash(enrolment):
            return []
        if enrolment.external_id:
            message = Sentence("is also in row %(row)s, with other details; keep one row", row=known[0])
            return [RowError(row, "appointment_id", message)]
        message = Sentence(
            "is the appointment of row %(row)s again, with other details; keep one row, or give an id", row=known[0]
        )
        return [RowError(row, "starts_at", message)]

    def _check_patient(self, row: int, enrolment: Enrolment) -> list[RowError]:
        known = self._find_patient(enrolment)
        if known is None:
            return []
        given = _describe_patient(row, enrolment)
        differences = {
            "name": known.name != given.name,
            "phone": known.phone != given.phone,
            "companion_phone": None not in (known.companion, given.companion) and known.companion != given.companion,
        }
        message = Sentence(
            "differs from row %(row)s, which has the same patient_id; correct one of them", row=known.row
        )
        return [RowError(row, column, message) for column, differs in differences.items() if differs]

    def _check_consent(self, row: int, enrolment: Enrolment) -> list[RowError]:
        refused = self._find("SELECT row FROM refusal WHERE key = ?", hash(enrolment.phone))
        if refused is None or enrolment.consent is False:
            return []
        message = Sentence("row %(row)s says no for the same phone number; correct one of them", row=refused[0])
        return [RowError(row, "consent", message)]

    def _find_patient(self, enrolment: Enrolment) -> _Patient | None:
        if not enrolment.record_number:
            return None
        query = "SELECT row, name, phone, companion FROM patient WHERE key = ?"
        found = self._find(query, hash(enrolment.record_number))
        return _Patient(*found) if found else None

    def _remember(self, row: int, enrolment: Enrolment) -> None:
        seen = self._seen
        seen.execute("INSERT OR IGNORE INTO appointment VALUES (?, ?, ?)", (_find_key(enrolment), row, hash(enrolment)))
        if enrolment.consent is False:
            seen.execute("INSERT OR IGNORE INTO refusal VALUES (?, ?)", (hash(enrolment.phone), row))
        if enrolment.record_number:
            patient = (hash(enrolment.record_number), *_describe_patient(row, enrolment))
            seen.execute(
                "INSERT INTO patient VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET companion = coalesce(companion, excluded.companion)",
                patient,
            )

    def _find(self, query: str, key: int) -> tuple[int, ...] | None:
        found: tuple[int, ...] | None = self._seen.execute(query, (key,)).fetchone()
        return found


def _describe_patient(row: int, enrolment: Enrolment) -> _Patient:
    companion = hash(enrolment.companion) if enrolment.companion else None
    return _Patient(row, hash(enrolment.given_name), hash(enrolment.phone), companion)


def _find_key(enrolment: Enrolment) -> int:
    """What the enrolment service recognises an appointment by, within one file."""
    if enrolment.external_id:
        return hash(enrolment.external_id)
    patient = enrolment.record_number or (enrolment.phone, enrolment.given_name)
    return hash((patient, enrolment.exam, enrolment.starts_at))
