"""Rows of one file that contradict an earlier one.

A row that says the same again is fine. Rows that differ would undo each other, at this import and
again at every next one.
"""

from typing import NamedTuple

from bot.importing.report import RowError
from bot.people import Enrolment
from bot.sentences import Sentence


class _Patient(NamedTuple):
    row: int
    name: int
    phone: int
    companion: int | None


class Repeats:
    """Remembers each row by short hashes, some hundred bytes a row."""

    def __init__(self) -> None:
        self._appointments: dict[int, tuple[int, int]] = {}
        self._patients: dict[int, _Patient] = {}
        self._refusals: dict[int, int] = {}

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
        known = self._appointments.get(_find_key(enrolment))
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
        known = self._patients.get(hash(enrolment.record_number)) if enrolment.record_number else None
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
        refused = self._refusals.get(hash(enrolment.phone))
        if refused is None or enrolment.consent is False:
            return []
        message = Sentence("row %(row)s says no for the same phone number; correct one of them", row=refused)
        return [RowError(row, "consent", message)]

    def _remember(self, row: int, enrolment: Enrolment) -> None:
        self._appointments.setdefault(_find_key(enrolment), (row, hash(enrolment)))
        if enrolment.consent is False:
            self._refusals.setdefault(hash(enrolment.phone), row)
        if enrolment.record_number:
            key, given = hash(enrolment.record_number), _describe_patient(row, enrolment)
            known = self._patients.setdefault(key, given)
            if known.companion is None:
                self._patients[key] = known._replace(companion=given.companion)


def _describe_patient(row: int, enrolment: Enrolment) -> _Patient:
    companion = hash(enrolment.companion) if enrolment.companion else None
    return _Patient(row, hash(enrolment.given_name), hash(enrolment.phone), companion)


def _find_key(enrolment: Enrolment) -> int:
    """What the enrolment service recognises an appointment by, within one file."""
    if enrolment.external_id:
        return hash(enrolment.external_id)
    patient = enrolment.record_number or (enrolment.phone, enrolment.given_name)
    return hash((patient, enrolment.exam, enrolment.starts_at))
