"""Service: all that has happened and will happen around one appointment."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from bot.composing import compose_row
from bot.database import find_companion_id, is_shared, list_texts
from bot.models import (
    REPLACED,
    Appointment,
    AuditEvent,
    Contact,
    IncomingText,
    OutgoingText,
    Patient,
    Task,
    TextKind,
    TextState,
)
from messages.facts import ClinicFacts
from messages.fitting import Text
from messages.languages import SOURCE

# What is written so long after an appointment is hardly about it.
_AFTER = timedelta(days=7)
_MOST = 200
# Looking is on record too, but is nothing that happened.
_LOOKS = ("viewed", "searched", "viewed record")

Happening = OutgoingText | IncomingText | Task | AuditEvent


@dataclass(frozen=True, slots=True)
class Next:
    """A text still to come: as it will read, and in English where that is another language."""

    row: OutgoingText
    text: Text | None
    english: Text | None


def list_happenings(session: Session, appointment: Appointment, patient: Patient) -> list[Happening]:
    """What was sent, received, asked of staff and changed, oldest first.

    Not what is only planned, nor what was planned and then replaced.
    """
    texts = [
        text
        for text in list_texts(session, appointment.id or 0)
        if text.state != TextState.PLANNED and text.reason not in REPLACED
    ]
    contact_ids = [patient.contact_id, *filter(None, [find_companion_id(patient)])]
    start, end = appointment.created_at, appointment.starts_at + _AFTER
    replies = session.exec(
        select(OutgoingText)
        .where(
            col(OutgoingText.contact_id).in_(contact_ids),
            OutgoingText.kind == TextKind.REPLY,
            col(OutgoingText.appointment_id).is_(None),
            OutgoingText.created_at >= start,
            OutgoingText.created_at < end,
        )
        .order_by(col(OutgoingText.id).desc())
        .limit(_MOST)
    ).all()
    received = session.exec(
        select(IncomingText)
        .where(
            col(IncomingText.contact_id).in_(contact_ids),
            IncomingText.received_at >= start,
            IncomingText.received_at < end,
        )
        .order_by(col(IncomingText.id).desc())
        .limit(_MOST)
    ).all()
    tasks = session.exec(select(Task).where(Task.appointment_id == appointment.id)).all()
    events = session.exec(
        select(AuditEvent).where(
            AuditEvent.table == "appointment",
            AuditEvent.row_id == appointment.id,
            col(AuditEvent.action).not_in(_LOOKS),
        )
    ).all()
    return sorted([*texts, *replies, *received, *tasks, *events], key=_find_moment)


def _find_moment(happening: Happening) -> tuple[datetime, int]:
    """When it was; of what happened at once, a patient's text comes first, then the task and the answer to it."""
    match happening:
        case OutgoingText():
            return happening.sent_at or happening.sending_since or happening.due_at, 3
        case IncomingText():
            return happening.received_at, 1
        case Task():
            return happening.created_at, 2
    return happening.at, 0


def list_next(
    session: Session, clinic: ClinicFacts, appointment: Appointment, patient: Patient, contact: Contact
) -> list[Next]:
    """The texts still to come, soonest first, as they would read if they were sent now."""
    coming = []
    companion_id = find_companion_id(patient)
    companion = session.get(Contact, companion_id) if companion_id else None
    for row in list_texts(session, appointment.id or 0):
        if row.state != TextState.PLANNED or row.revision != appointment.revision:
            continue
        reader = companion if row.for_companion else contact
        if reader is None or row.contact_id != reader.id:
            continue
        coming.append(
            Next(
                row,
                _compose(session, row, reader.language, appointment, patient, clinic),
                _compose(session, row, SOURCE, appointment, patient, clinic) if reader.language != SOURCE else None,
            )
        )
    return coming


def write_english(
    session: Session, row: OutgoingText, appointment: Appointment, patient: Patient, clinic: ClinicFacts
) -> str:
    """What a text of ours that went out says in English; empty where it may have said something else then."""
    if row.kind == TextKind.REPLY or row.language in ("", SOURCE) or row.revision != appointment.revision:
        return ""
    text = _compose(session, row, SOURCE, appointment, patient, clinic)
    return text.body if text else ""


def _compose(
    session: Session, row: OutgoingText, language: str, appointment: Appointment, patient: Patient, clinic: ClinicFacts
) -> Text | None:
    """None for a text that cannot be written; the outbox will make a task of it."""
    if row.body and row.kind == TextKind.REPLY:
        return None
    try:
        shared = is_shared(session, row.contact_id)
        return compose_row(row, language, appointment, patient, clinic, name_needed=shared)[0]
    except KeyError:
        return None
