"""Service: the days ahead at a glance, and who will hear nothing or arrive unprepared.

What is wrong with whom is the rule of ``troubles.py``. Lists go along the index on (starts_at, id).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from anyascii import anyascii
from sqlalchemy import ColumnElement, func, or_, tuple_
from sqlmodel import Session, col, select

from bot.models import (
    REPLACED,
    Appointment,
    Contact,
    OutgoingText,
    Patient,
    Task,
    TextKind,
    TextState,
)
from bot.troubles import Conditions, Trouble, find_late, label, read_troubles
from bot.working_days import WorkingDays
from messages.exams import Exams

_MOST_COUNTED = 500
_MOST_FOUND = 50
_READ_AT_ONCE = 2000
_FEWEST_DIGITS = 4
# The working days of a clinic that has said nothing of them.
_WEEK = WorkingDays()
# A letter that names write with an accent may stand for any; what was found is then compared without accents.
_MAY_HAVE_ACCENT = frozenset("aceegilnorsuyz")


class Reached(StrEnum):
    """Whether the patient has got a text of ours about an appointment."""

    DELIVERED = "delivered"
    SENT = "sent"
    FAILED = "failed"
    PLANNED = "planned"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which appointments: from ``start`` until before ``end``; ``after``: only those behind this place in the list."""

    start: datetime
    end: datetime
    language: str = ""
    exam: str = ""
    trouble: bool = False
    after: tuple[datetime, int] | None = None


@dataclass(slots=True)
class Line:
    """One appointment as the list shows it. ``reached_at``: when it was delivered, sent, or will be."""

    appointment: Appointment
    patient: Patient
    contact: Contact
    troubles: tuple[Trouble, ...]
    reached: Reached = Reached.NOTHING
    reached_at: datetime | None = None
    tasks: list[Task] = field(default_factory=list)


def list_lines(
    session: Session,
    exams: Exams,
    zone: ZoneInfo,
    wanted: Wanted,
    now: datetime,
    limit: int,
    calendar: WorkingDays = _WEEK,
) -> tuple[list[Line], bool]:
    """The appointments wanted, soonest first, ``limit`` at most; and whether there are more."""
    troubles = find_late(exams, zone, now, calendar)
    query = _select_lines(troubles).where(*_choose(wanted, troubles))
    rows = session.exec(query.order_by(col(Appointment.starts_at), col(Appointment.id)).limit(limit + 1)).all()
    return _make_lines(session, troubles, rows[:limit]), len(rows) > limit


def count_troubled(
    session: Session, exams: Exams, zone: ZoneInfo, wanted: Wanted, now: datetime, calendar: WorkingDays = _WEEK
) -> int:
    """How many of those wanted have a trouble; counting ends at 500."""
    troubles = find_late(exams, zone, now, calendar)
    query = (
        select(Appointment.id)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .join(Contact, col(Patient.contact_id) == col(Contact.id))
        .where(*_choose(wanted, troubles), or_(*troubles.values()))
    )
    return session.exec(select(func.count()).select_from(query.limit(_MOST_COUNTED).subquery())).one()


def find_lines(
    session: Session, exams: Exams, zone: ZoneInfo, words: str, now: datetime, calendar: WorkingDays = _WEEK
) -> list[Line]:
    """The appointments of whoever has this name, phone or record number: those to come first, then the latest."""
    patient_ids = _find_patients(session, words)
    troubles = find_late(exams, zone, now, calendar)
    past = col(Appointment.starts_at) < now
    query = _select_lines(troubles).where(col(Appointment.patient_id).in_(patient_ids))
    coming = session.exec(query.where(~past).order_by(col(Appointment.starts_at)).limit(_MOST_FOUND)).all()
    before = session.exec(query.where(past).order_by(col(Appointment.starts_at).desc()).limit(_MOST_FOUND)).all()
    return _make_lines(session, troubles, [*coming, *before][:_MOST_FOUND])


def find_line(
    session: Session, exams: Exams, zone: ZoneInfo, appointment_id: int, now: datetime, calendar: WorkingDays = _WEEK
) -> Line | None:
    """One appointment; None where there is no such."""
    troubles = find_late(exams, zone, now, calendar)
    rows = session.exec(_select_lines(troubles).where(col(Appointment.id) == appointment_id)).all()
    return next(iter(_make_lines(session, troubles, rows)), None)


def _select_lines(troubles: Conditions) -> Any:
    return (
        select(Appointment, Patient, Contact)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .join(Contact, col(Patient.contact_id) == col(Contact.id))
        .add_columns(*label(troubles))
    )


def _choose(wanted: Wanted, troubles: Conditions) -> list[ColumnElement[bool]]:
    chosen = [col(Appointment.starts_at) >= wanted.start, col(Appointment.starts_at) < wanted.end]
    if wanted.after:
        place = tuple_(col(Appointment.starts_at), col(Appointment.id))
        # The first condition lets the index be entered where the page before ended.
        chosen += [col(Appointment.starts_at) >= wanted.after[0], place > wanted.after]
    if wanted.language:
        chosen.append(col(Contact.language) == wanted.language)
    if wanted.exam:
        chosen.append(col(Appointment.exam) == wanted.exam)
    if wanted.trouble:
        chosen.append(or_(*troubles.values()))
    return chosen


def _make_lines(session: Session, troubles: Conditions, rows: Sequence[Any]) -> list[Line]:
    lines = [
        Line(appointment, patient, contact, read_troubles(troubles, is_so))
        for appointment, patient, contact, *is_so in rows
    ]
    by_id = {line.appointment.id: line for line in lines}
    for row in session.exec(
        select(Task)
        .where(col(Task.appointment_id).in_(by_id), col(Task.done_at).is_(None))
        .order_by(col(Task.urgent).desc(), col(Task.id))
    ):
        by_id[row.appointment_id].tasks.append(row)
    for appointment_id, moments in _find_moments(session, list(by_id)).items():
        line = by_id[appointment_id]
        for reached in Reached:
            if reached in moments:
                line.reached, line.reached_at = reached, moments[reached]
                break
    return lines


def _find_moments(session: Session, ids: list[int | None]) -> dict[int | None, dict[Reached, datetime | None]]:
    """When the patients of these appointments were or will be reached: the last time, or else the first to come."""
    moments: dict[int | None, dict[Reached, datetime | None]] = defaultdict(dict)
    found = session.exec(
        select(
            OutgoingText.appointment_id,
            OutgoingText.state,
            func.max(func.coalesce(OutgoingText.delivered_at, OutgoingText.sent_at)),
            func.min(OutgoingText.due_at),
        )
        .where(
            col(OutgoingText.appointment_id).in_(ids),
            col(OutgoingText.for_companion).is_(False),
            OutgoingText.kind != TextKind.REPLY,
            or_(col(OutgoingText.state) != TextState.SKIPPED, col(OutgoingText.reason).not_in(REPLACED)),
        )
        .group_by(col(OutgoingText.appointment_id), col(OutgoingText.state))
    )
    for appointment_id, state, last, due_at in found:
        match state:
            case TextState.DELIVERED:
                moments[appointment_id][Reached.DELIVERED] = last
            case TextState.PLANNED:
                moments[appointment_id][Reached.PLANNED] = due_at
            case TextState.FAILED | TextState.SKIPPED:
                moments[appointment_id].setdefault(Reached.FAILED, None)
            case _:
                moments[appointment_id][Reached.SENT] = last or due_at
    return moments


def _find_patients(session: Session, words: str) -> list[int | None]:
    """The ids of the patients with this name, or part of a phone number, or start of a record number."""
    words = " ".join(words.split())
    if not words:
        return []
    digits = "".join(filter(str.isdecimal, words)).lstrip("0")
    is_number = len(digits) >= _FEWEST_DIGITS and not any(map(str.isalpha, words))
    starting = col(Patient.record_number).istartswith(words, autoescape=True)
    found = list(session.exec(select(Patient.id).where(starting).limit(_MOST_FOUND)))
    if is_number:
        contacts = select(Contact.id).where(col(Contact.phone).contains(digits, autoescape=True)).limit(_MOST_FOUND)
        contact_ids = session.exec(contacts).all()
        theirs = col(Patient.contact_id).in_(contact_ids) | col(Patient.companion_id).in_(contact_ids)
        found += session.exec(select(Patient.id).where(theirs).limit(_MOST_FOUND)).all()
    else:
        named = select(Patient.id, Patient.given_name).where(col(Patient.given_name).ilike(_make_pattern(words), "\\"))
        wanted = _fold(words)
        # A name of such letters alone fits a pattern that most names fit: as plain rows, and no more than are needed.
        rows = session.connection().execute(named, execution_options={"yield_per": _READ_AT_ONCE})
        found += islice((row_id for row_id, name in rows if wanted in _fold(name)), _MOST_FOUND)
        rows.close()
    return found


def _make_pattern(words: str) -> str:
    """For LIKE: the words anywhere in a name, with any letter where an accent may be."""
    letters = []
    for letter in words.lower():
        if _fold(letter) in _MAY_HAVE_ACCENT:
            letters.append("_")
        else:
            letters.append(f"\\{letter}" if letter in "%_\\" else letter)
    return f"%{''.join(letters)}%"


def _fold(name: str) -> str:
    return (name if name.isascii() else anyascii(name)).casefold()
