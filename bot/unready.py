"""Who of a day's patients needs a look before they come, and why: unreached, unscreened, unread, unconfirmed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from bot.models import (
    GONE_OUT,
    Appointment,
    AppointmentStatus,
    Contact,
    OutgoingText,
    Patient,
    Screening,
    ScreeningState,
    TextState,
)
from bot.screenings import is_screened
from messages.exams import Exams

_UNSCREENED = {
    ScreeningState.OPEN: "no answer to the safety questions",
    ScreeningState.ASKING: "the safety questions are not answered to the end",
    ScreeningState.PHONE: "the safety questions must be asked by phone",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """One patient who is expected, and what is not as it should be; empty where all is."""

    appointment: Appointment
    patient: Patient
    contact: Contact
    screening: Screening | None
    unreached: str = ""
    unscreened: str = ""
    unread: str = ""
    unconfirmed: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(filter(None, (self.unreached, self.unscreened, self.unread, self.unconfirmed)))


def list_expected(session: Session, exams: Exams, start: datetime, end: datetime) -> list[Expected]:
    """Everybody whose exam starts from ``start`` until before ``end``, in order of time."""
    found = session.exec(
        select(Appointment, Patient, Contact, Screening)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .join(Contact, col(Patient.contact_id) == col(Contact.id))
        .join(Screening, col(Screening.appointment_id) == col(Appointment.id), isouter=True)
        .where(
            Appointment.starts_at >= start,
            Appointment.starts_at < end,
            Appointment.status != AppointmentStatus.CANCELLED,
        )
        .order_by(col(Appointment.starts_at), col(Appointment.id))
    ).all()
    states = _find_states(session, [appointment.id or 0 for appointment, *_ in found])
    return [
        Expected(
            appointment,
            patient,
            contact,
            screening,
            unreached=find_unreached(contact) or _say_states(states.get(appointment.id or 0, [])),
            unscreened=_say_unscreened(exams, appointment, screening),
            unread=_say_unread(screening),
            unconfirmed="" if appointment.status == AppointmentStatus.CONFIRMED else "has not confirmed",
        )
        for appointment, patient, contact, screening in found
    ]


def find_unreached(contact: Contact) -> str:
    """Why a number gets no texts from us, empty if it does."""
    if contact.opted_out_at is not None:
        return "wants no texts"
    if contact.refused_at is not None:
        return "has not agreed to texts"
    if contact.consented_at is None:
        return "has no consent recorded"
    if contact.unreachable_since is not None:
        return f"is not reached by text ({contact.unreachable_reason or 'unreachable'})"
    return ""


def _find_states(session: Session, ids: Iterable[int]) -> Mapping[int, list[str]]:
    """The states of each appointment's texts to the patient, the first due first."""
    states: dict[int, list[str]] = {}
    rows = session.exec(
        select(OutgoingText.appointment_id, OutgoingText.state)
        .where(col(OutgoingText.appointment_id).in_(list(ids)), ~col(OutgoingText.for_companion))
        .order_by(col(OutgoingText.due_at), col(OutgoingText.id))
    )
    for appointment_id, state in rows:
        states.setdefault(appointment_id or 0, []).append(state)
    return states


def _say_states(states: list[str]) -> str:
    settled = [state for state in states if state in (*GONE_OUT, TextState.FAILED)]
    if not settled:
        return "no text has gone out yet"
    return "the last text did not arrive" if settled[-1] == TextState.FAILED else ""


def _say_unscreened(exams: Exams, appointment: Appointment, screening: Screening | None) -> str:
    if not is_screened(exams, appointment) or (screening and screening.state == ScreeningState.ANSWERED):
        return ""
    return _UNSCREENED[screening.state if screening else ScreeningState.OPEN]


def _say_unread(screening: Screening | None) -> str:
    if screening is None or screening.state != ScreeningState.ANSWERED or screening.seen_at is not None:
        return ""
    return "nobody has read the answers yet"
