"""What we know already of somebody about to be enrolled, and what the clinic enrols most."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, select

from bot.database import find_contact
from bot.models import Appointment, AppointmentStatus, Contact, Patient
from bot.people import Enrolment

# What is used most is counted over so many of the newest rows.
_NEWEST = 2000
_MOST_PLACES = 30


@dataclass(frozen=True, slots=True)
class Known:
    """What touches an enrolment: the number, the patient it would be added to, others who share the number.

    ``that_day`` are that patient's other appointments on the same day, ``same`` is this very appointment.
    ``other_number``: the patient is known under another one, which would change.
    """

    contact: Contact | None = None
    patient: Patient | None = None
    others: tuple[Patient, ...] = ()
    that_day: tuple[Appointment, ...] = ()
    same: Appointment | None = None
    other_number: bool = False


def find_known(session: Session, enrolment: Enrolment, zone: ZoneInfo) -> Known:
    """Look up whom and what an enrolment would meet. Its ``starts_at`` may be any time of the day in question."""
    contact = find_contact(session, enrolment.phone) if enrolment.phone else None
    sharing = []
    if contact is not None:
        sharing = list(session.exec(select(Patient).where(Patient.contact_id == contact.id).order_by(col(Patient.id))))
    patient = _find_patient(session, enrolment, sharing)
    if patient is None:
        return Known(contact, others=tuple(sharing))
    others = tuple(other for other in sharing if other.id != patient.id)
    booked = _list_day(session, patient, enrolment.starts_at, zone)
    same = next((one for one in booked if (one.exam, one.starts_at) == (enrolment.exam, enrolment.starts_at)), None)
    moved = bool(enrolment.phone) and (contact is None or patient.contact_id != contact.id)
    return Known(contact, patient, others, tuple(one for one in booked if one is not same), same, moved)


def _find_patient(session: Session, enrolment: Enrolment, sharing: list[Patient]) -> Patient | None:
    """As the enrolment itself finds its patient: by record number or, without one, by phone and name."""
    if enrolment.record_number:
        query = select(Patient).where(Patient.record_number == enrolment.record_number).limit(1)
        return session.exec(query).first()
    return next((one for one in sharing if one.given_name == enrolment.given_name), None)


def _list_day(session: Session, patient: Patient, starts_at: datetime, zone: ZoneInfo) -> list[Appointment]:
    day = starts_at.astimezone(zone).date()
    query = select(Appointment).where(
        Appointment.patient_id == patient.id,
        Appointment.starts_at >= datetime.combine(day, time.min, zone),
        Appointment.starts_at < datetime.combine(day + timedelta(days=1), time.min, zone),
        Appointment.status != AppointmentStatus.CANCELLED,
    )
    return list(session.exec(query.order_by(col(Appointment.starts_at), col(Appointment.id))))


def list_used_languages(session: Session) -> list[str]:
    """The codes of the languages that patients have, most used first."""
    newest = select(Appointment.language).order_by(col(Appointment.id).desc()).limit(_NEWEST).subquery()
    query = select(newest.c.language).group_by(newest.c.language).order_by(func.count().desc(), newest.c.language)
    return list(session.exec(query))


def list_used_places(session: Session) -> list[str]:
    """Rooms and floors that were given lately, most used first."""
    newest = select(Appointment.place).order_by(col(Appointment.id).desc()).limit(_NEWEST).subquery()
    query = select(newest.c.place).where(newest.c.place != "").group_by(newest.c.place)
    return list(session.exec(query.order_by(func.count().desc(), newest.c.place).limit(_MOST_PLACES)))
