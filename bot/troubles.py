"""Who will hear nothing, or arrive unprepared: the one rule, for the first page and for the day-before list.

What is wrong with an appointment is a condition on its row, so that the same words pick the rows that staff must see
and say what is wrong with each. The first page names what is late by now; the day-before list all that is wrong.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from bot.models import (
    GONE_OUT,
    PHONE_TASKS,
    Appointment,
    AppointmentStatus,
    Contact,
    OutgoingText,
    Patient,
    Screening,
    ScreeningState,
    Task,
    TaskKind,
    TextState,
)
from bot.sentences import Sentence
from bot.working_days import WorkingDays
from messages.exams import Exams

# By the end of so many working days ahead the safety questions must be answered, and all the rest be done.
SCREEN_WITHIN, READY_WITHIN = 3, 1
# Whoever has only just been enrolled has had no time to answer.
_TIME_TO_ANSWER = timedelta(hours=3)


class Trouble(StrEnum):
    """What is wrong with an appointment, worst first."""

    URGENT = "urgent task"
    OPTED_OUT = "opted out"
    REFUSED = "refused"
    NO_CONSENT = "no consent"
    UNREACHABLE = "unreachable"
    NOT_DELIVERED = "not delivered"
    NOT_SENT = "not sent"
    UNANSWERED = "unanswered"
    UNFINISHED = "unfinished"
    ASK_BY_PHONE = "ask by phone"
    UNREAD = "unread"
    UNCONFIRMED = "unconfirmed"


Conditions = dict[Trouble, ColumnElement[bool]]

WORDS = {
    Trouble.URGENT: Sentence("an urgent task is open"),
    Trouble.OPTED_OUT: Sentence("wants no texts"),
    Trouble.REFUSED: Sentence("has not agreed to texts"),
    Trouble.NO_CONSENT: Sentence("has no consent recorded"),
    Trouble.UNREACHABLE: Sentence("is not reached by text"),
    Trouble.NOT_DELIVERED: Sentence("the last text did not arrive"),
    Trouble.NOT_SENT: Sentence("no text has gone out yet"),
    Trouble.UNANSWERED: Sentence("no answer to the safety questions"),
    Trouble.UNFINISHED: Sentence("the safety questions are not answered to the end"),
    Trouble.ASK_BY_PHONE: Sentence("the safety questions must be asked by phone"),
    Trouble.UNREAD: Sentence("nobody has read the answers yet"),
    Trouble.UNCONFIRMED: Sentence("has not confirmed"),
}
HEARS_NOTHING = (Trouble.OPTED_OUT, Trouble.REFUSED, Trouble.NO_CONSENT, Trouble.UNREACHABLE)
# The lists of the day before, and what puts somebody on each.
LISTS = {
    "urgent": (Trouble.URGENT,),
    "unreached": (*HEARS_NOTHING, Trouble.NOT_DELIVERED, Trouble.NOT_SENT),
    "unscreened": (Trouble.UNANSWERED, Trouble.UNFINISHED, Trouble.ASK_BY_PHONE),
    "unread": (Trouble.UNREAD,),
    "unconfirmed": (Trouble.UNCONFIRMED,),
}
_BY_STATE = {
    ScreeningState.OPEN: Trouble.UNANSWERED,
    ScreeningState.ASKING: Trouble.UNFINISHED,
    ScreeningState.PHONE: Trouble.ASK_BY_PHONE,
}


@dataclass(frozen=True, slots=True)
class Expected:
    """One patient who is expected, and what is not as it should be, the worst first; empty where all is."""

    appointment: Appointment
    patient: Patient
    contact: Contact
    screening: Screening | None
    troubles: tuple[Trouble, ...]


def list_expected(session: Session, exams: Exams, start: datetime, end: datetime) -> list[Expected]:
    """Everybody whose exam starts from ``start`` until before ``end``, in order of time."""
    conditions = find_wrong(exams)
    query: Any = (
        select(Appointment, Patient, Contact, Screening)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .join(Contact, col(Patient.contact_id) == col(Contact.id))
        .join(Screening, col(Screening.appointment_id) == col(Appointment.id), isouter=True)
        .where(
            col(Appointment.starts_at) >= start,
            col(Appointment.starts_at) < end,
            col(Appointment.status) != AppointmentStatus.CANCELLED,
        )
        .order_by(col(Appointment.starts_at), col(Appointment.id))
        .add_columns(*label(conditions))
    )
    return [
        Expected(appointment, patient, contact, screening, read_troubles(conditions, is_so))
        for appointment, patient, contact, screening, *is_so in session.exec(query)
    ]


def label(conditions: Conditions) -> list[ColumnElement[bool]]:
    """The conditions as columns of a query; ``read_troubles`` reads them."""
    return [condition.label(trouble.name) for trouble, condition in conditions.items()]


def read_troubles(conditions: Conditions, found: Any) -> tuple[Trouble, ...]:
    return tuple(trouble for trouble, is_so in zip(conditions, found, strict=True) if is_so)


def find_unreached(contact: Contact) -> Sentence | None:
    """Why a number gets no texts from us, as staff read it; None if it does. The same as ``_hears_nothing``."""
    if contact.opted_out_at is not None:
        return WORDS[Trouble.OPTED_OUT]
    if contact.refused_at is not None:
        return WORDS[Trouble.REFUSED]
    if contact.consented_at is None:
        return WORDS[Trouble.NO_CONSENT]
    return say(Trouble.UNREACHABLE, contact) if contact.unreachable_since is not None else None


def _hears_nothing() -> Conditions:
    opted_out, refused = col(Contact.opted_out_at).is_not(None), col(Contact.refused_at).is_not(None)
    has_none = col(Contact.consented_at).is_(None)
    return {
        Trouble.OPTED_OUT: opted_out,
        Trouble.REFUSED: ~opted_out & refused,
        Trouble.NO_CONSENT: ~opted_out & ~refused & has_none,
        Trouble.UNREACHABLE: ~opted_out & ~refused & ~has_none & col(Contact.unreachable_since).is_not(None),
    }


def say(trouble: Trouble, contact: Contact) -> Sentence:
    """What is wrong, in words for staff that begin with a small letter."""
    if trouble == Trouble.UNREACHABLE and contact.unreachable_reason:
        return Sentence("is not reached by text (%(why)s)", why=Sentence(contact.unreachable_reason))
    return WORDS[trouble]


def find_wrong(exams: Exams) -> Conditions:
    """What is wrong with an appointment, however far ahead it is, with its patient and contact."""
    return _find_wrong(tuple(exam.code for exam in exams.by_code.values() if not exam.asks))


@cache
def _find_wrong(asking_nothing: tuple[str, ...]) -> Conditions:
    """Put together once: that takes longer than to ask the database."""
    about = col(Task.appointment_id) == col(Appointment.id)
    # By the time and not by the state, whose index would lead SQLite through all open tasks for each appointment.
    is_open, is_done = and_(about, col(Task.done_at).is_(None)), and_(about, col(Task.done_at).is_not(None))
    not_phoned = ~_has(select(Task.id).where(is_done, col(Task.kind).in_(PHONE_TASKS)))
    silent = {trouble: condition & not_phoned for trouble, condition in _hears_nothing().items()}
    hears = ~or_(*_hears_nothing().values())
    unreached = _has(select(Task.id).where(is_open, col(Task.kind) == TaskKind.UNREACHED))
    return {
        Trouble.URGENT: _has(select(Task.id).where(is_open, col(Task.urgent))),
        **silent,
        Trouble.NOT_DELIVERED: unreached | (hears & not_phoned & _has_failed_last()),
        Trouble.NOT_SENT: hears & not_phoned & ~unreached & ~_find_text((*GONE_OUT, TextState.FAILED)),
        **_find_unscreened(asking_nothing),
        Trouble.UNREAD: col(Appointment.screened_at).is_not(None)
        & _has(select(Screening.id).where(_is_of_it(), col(Screening.seen_at).is_(None))),
        Trouble.UNCONFIRMED: col(Appointment.status) == AppointmentStatus.BOOKED,
    }


def find_late(exams: Exams, zone: ZoneInfo, now: datetime, calendar: WorkingDays) -> Conditions:
    """What is wrong with an appointment still to come, and should not be any more by now."""
    today, starts_at = now.astimezone(zone).date(), col(Appointment.starts_at)
    coming = and_(col(Appointment.status) != AppointmentStatus.CANCELLED, starts_at > now)
    had_time = col(Appointment.created_at) <= now - _TIME_TO_ANSWER
    to_screen = and_(had_time, starts_at < _find_end(calendar.go_on(today, SCREEN_WITHIN), zone))
    to_be_ready = and_(had_time, starts_at < _find_end(calendar.go_on(today, READY_WITHIN), zone))
    late = dict.fromkeys(LISTS["unscreened"], to_screen)
    late |= dict.fromkeys((Trouble.NOT_SENT, Trouble.UNREAD, Trouble.UNCONFIRMED), to_be_ready)
    # What is quick to find out stands first.
    return {trouble: and_(coming, late.get(trouble, coming), wrong) for trouble, wrong in find_wrong(exams).items()}


def _find_end(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)


def _is_of_it() -> ColumnElement[bool]:
    return col(Screening.appointment_id) == col(Appointment.id)


def _find_unscreened(asking_nothing: tuple[str, ...]) -> Conditions:
    known = select(Screening.state).where(_is_of_it()).correlate(Appointment).scalar_subquery()
    state = func.coalesce(known, ScreeningState.OPEN.value)
    wanted = and_(col(Appointment.screened_at).is_(None), col(Appointment.exam).not_in(asking_nothing))
    return {trouble: and_(wanted, state == at.value) for at, trouble in _BY_STATE.items()}


def _find_text(states: tuple[TextState, ...]) -> ColumnElement[bool]:
    about = col(OutgoingText.appointment_id) == col(Appointment.id)
    found = select(OutgoingText.id).where(
        about, col(OutgoingText.for_companion).is_(False), col(OutgoingText.state).in_(states)
    )
    return _has(found)


def _has_failed_last() -> ColumnElement[bool]:
    """Whether the last text to the patient that left, or could not, is one that did not arrive."""
    failed, later = aliased(OutgoingText), aliased(OutgoingText)
    is_later = (col(later.due_at) > col(failed.due_at)) | (
        (col(later.due_at) == col(failed.due_at)) & (col(later.id) > col(failed.id))
    )
    followed = select(later.id).where(
        col(later.appointment_id) == col(failed.appointment_id),
        col(later.for_companion).is_(False),
        col(later.state).in_(GONE_OUT),
        is_later,
    )
    return _has(
        select(failed.id).where(
            col(failed.appointment_id) == col(Appointment.id),
            col(failed.for_companion).is_(False),
            col(failed.state) == TextState.FAILED,
            ~followed.exists(),
        )
    )


def _has(query: Any) -> ColumnElement[bool]:
    """Whether there is such a row about the appointment.

    Not as EXISTS, for which PostgreSQL reads a whole table once instead of the rows of a few appointments.
    """
    return cast(ColumnElement[bool], query.limit(1).correlate(Appointment).scalar_subquery().is_not(None))
