"""Service: take a person out of the database: words, names and numbers go, what was done and when stays.

What stays is counts, states, times and who of the staff did what. A stop stays a stop: the number itself
goes, its hash is kept. The hash hides the number; it cannot keep somebody who has the database from trying numbers.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, cast, delete, literal, update
from sqlmodel import Session, col, func, select

from bot.database import hash_phone, note_event
from bot.models import (
    Appointment,
    AppointmentStatus,
    AuditEvent,
    Contact,
    IncomingText,
    OutgoingText,
    Patient,
    Reply,
    Screening,
    ScreeningAnswer,
    StoppedNumber,
    Task,
    TaskNote,
    TextState,
)

ERASED = "(erased)"
# Who erases what is old.
RETENTION = "retention"
# What the number of an erased contact begins with.
_GONE = "x"


class ErasingError(ValueError):
    """The person cannot be erased now; the message says why and what to do first."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased; ``kept_numbers`` are phones that other patients have too, so that they stay."""

    appointments: int
    texts: int
    numbers: int
    kept_numbers: int


def find_patient(session: Session, wanted: str) -> Patient:
    """The patient with that record number or, written ``#12``, that id.

    Raises:
        ErasingError: there is none.
    """
    query = select(Patient)
    if wanted.startswith("#") and wanted[1:].isdecimal():
        query = query.where(Patient.id == int(wanted[1:]))
    else:
        query = query.where(Patient.record_number == wanted)
    patient = session.exec(query).first()
    if patient is None:
        raise ErasingError(f"there is no patient {wanted}; give a record number, or # and the patient's id")
    return patient


def erase(session: Session, patient: Patient, now: datetime, actor: str) -> Erased:
    """Erase all that says who a patient is, or what they wrote.

    Raises:
        ErasingError: an appointment of theirs is still to come.
    """
    appointments = session.exec(select(Appointment).where(Appointment.patient_id == patient.id)).all()
    if any(one.starts_at > now and one.status != AppointmentStatus.CANCELLED for one in appointments):
        raise ErasingError("an appointment is still to come; cancel it first, then erase")
    ids = [appointment.id or 0 for appointment in appointments]
    contact_ids = {patient.contact_id, *([patient.companion_id] if patient.companion_id else [])}
    alone = [contact_id for contact_id in contact_ids if _is_alone(session, contact_id, patient.id or 0)]
    texts = _erase_texts(session, ids, alone)
    _erase_answers_and_tasks(session, ids, alone)
    for appointment in appointments:
        appointment.external_id, appointment.place = None, ""
        session.add(appointment)
    events = (col(AuditEvent.table) == str(Appointment.__tablename__)) & col(AuditEvent.row_id).in_(ids)
    events |= (col(AuditEvent.table) == str(Patient.__tablename__)) & (col(AuditEvent.row_id) == patient.id)
    events |= (col(AuditEvent.table) == str(Contact.__tablename__)) & col(AuditEvent.row_id).in_(alone)
    session.connection().execute(update(AuditEvent).where(events).values(detail=""))
    for contact_id in alone:
        _erase_number(session, contact_id, now)
    patient.given_name, patient.record_number, patient.companion_name = ERASED, None, ""
    patient.companion_id, patient.companion_agreed, patient.companion_first = None, False, False
    session.add(patient)
    note_event(session, actor, "erased", str(Patient.__tablename__), patient.id or 0, now)
    return Erased(len(ids), texts, len(alone), len(contact_ids) - len(alone))


def list_expired(session: Session, before: datetime, limit: int | None = None) -> list[Patient]:
    """The patients whose last appointment was before a moment, and who are not erased yet; ``limit`` at most."""
    later = select(Appointment.id).where(Appointment.patient_id == Patient.id, Appointment.starts_at >= before)
    some = select(Appointment.id).where(Appointment.patient_id == Patient.id)
    return list(
        session.exec(
            select(Patient)
            .where(Patient.given_name != ERASED, some.exists(), ~later.exists())
            .order_by(col(Patient.id))
            .limit(limit)
        )
    )


def purge(session: Session, before: datetime, now: datetime, limit: int | None = None) -> int:
    """Erase everybody whose last appointment was before a moment, then the strangers who last wrote before it.

    Args:
        limit: so many patients at most, and strangers once there are no more of those, for a short transaction.

    Returns:
        How many patients and strangers were erased.
    """
    expired = list_expired(session, before, limit)
    for patient in expired:
        erase(session, patient, now, RETENTION)
    strangers = _list_strangers(session, before, limit) if limit is None or len(expired) < limit else []
    if strangers:
        _erase_texts(session, [], strangers)
        _erase_answers_and_tasks(session, [], strangers)
        for contact_id in strangers:
            _erase_number(session, contact_id, now)
            note_event(session, RETENTION, "erased", str(Contact.__tablename__), contact_id, now)
    return len(expired) + len(strangers)


def _list_strangers(session: Session, before: datetime, limit: int | None) -> list[int]:
    """The numbers of no patient that have neither written nor been written to since a moment."""
    known = select(Patient.id).where(
        (col(Patient.contact_id) == col(Contact.id)) | (col(Patient.companion_id) == col(Contact.id))
    )
    told = select(OutgoingText.id).where(
        col(OutgoingText.contact_id) == col(Contact.id), col(OutgoingText.created_at) >= before
    )
    wrote = select(IncomingText.id).where(
        col(IncomingText.contact_id) == col(Contact.id), col(IncomingText.received_at) >= before
    )
    found = session.exec(
        select(Contact.id)
        .where(
            col(Contact.created_at) < before,
            ~col(Contact.phone).startswith(_GONE),
            ~known.exists(),
            ~told.exists(),
            ~wrote.exists(),
        )
        .order_by(col(Contact.id))
        .limit(limit)
    )
    return [contact_id for contact_id in found if contact_id is not None]


def _is_alone(session: Session, contact_id: int, patient_id: int) -> bool:
    """Whether a number is this patient's only."""
    others = select(func.count()).where(
        (col(Patient.contact_id) == contact_id) | (col(Patient.companion_id) == contact_id),
        col(Patient.id) != patient_id,
    )
    return session.exec(others).one() == 0


def _erase_texts(session: Session, ids: list[int], alone: list[int]) -> int:
    session.flush()
    ours = col(OutgoingText.appointment_id).in_(ids) | col(OutgoingText.contact_id).in_(alone)
    connection = session.connection()
    connection.execute(
        update(OutgoingText)
        .where(ours, col(OutgoingText.state) == TextState.PLANNED)
        .values(state=TextState.SKIPPED, reason="erased")
    )
    out = connection.execute(update(OutgoingText).where(ours).values(body="", provider_id=None))
    erased_id = literal("erased-") + cast(col(IncomingText.id), String)
    incoming = connection.execute(
        update(IncomingText)
        .where(col(IncomingText.contact_id).in_(alone))
        .values(body="", provider_id=erased_id, intent="", detail=None, label_intent="", label_detail=None)
    )
    return out.rowcount + incoming.rowcount


def _erase_answers_and_tasks(session: Session, ids: list[int], alone: list[int]) -> None:
    connection = session.connection()
    screenings = select(Screening.id).where(col(Screening.appointment_id).in_(ids))
    connection.execute(
        update(ScreeningAnswer)
        .where(col(ScreeningAnswer.screening_id).in_(screenings))
        .values(words="", question="", asked="", reply=Reply.WORDS)
    )
    ours = col(Task.appointment_id).in_(ids) | col(Task.contact_id).in_(alone)
    connection.execute(delete(TaskNote).where(col(TaskNote.task_id).in_(select(Task.id).where(ours))))
    connection.execute(update(Task).where(ours).values(words="", what=ERASED, template=""))


def _erase_number(session: Session, contact_id: int, now: datetime) -> None:
    contact = session.get(Contact, contact_id)
    if contact is None:
        return
    if contact.opted_out_at is not None:
        session.merge(StoppedNumber(phone_hash=hash_phone(contact.phone), stopped_at=contact.opted_out_at))
    # As long as it must be to stay one of a kind, and no number that anybody has.
    contact.phone = f"{_GONE}{contact_id}"
    contact.opted_out_words = contact.held_by = ""
    contact.refused_at = contact.refused_at or now
    session.add(contact)
