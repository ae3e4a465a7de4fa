"""Service: tell everybody of a morning, in each one's language, that the clinic runs late or can see them earlier."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from bot.database import add_event, find_companion_id
from bot.models import Appointment, AppointmentStatus, OutgoingText, Patient, TextKind
from bot.planning import fit_plan
from bot.schedule import Plan

MOST = timedelta(hours=8)


class VisitsError(ValueError):
    """The notice cannot be given; the message says why and what would be right."""


@dataclass(frozen=True, slots=True)
class Told:
    """How many patients and companions get the notice."""

    patients: int
    companions: int


def notify_day(
    session: Session, plan: Plan, start: datetime, end: datetime, moved: timedelta, now: datetime, actor: str
) -> Told:
    """Say to everybody whose exam starts from ``start`` until before ``end`` to come so much later, or earlier.

    The appointments themselves stay as they are. The same notice again goes to nobody twice.

    Raises:
        VisitsError: the shift is nothing or too much.
    """
    minutes = round(moved.total_seconds() / 60)
    if minutes == 0 or abs(moved) > MOST:
        raise VisitsError(f"give the minutes: 1 to {MOST.seconds // 60} for later, or less than 0 for earlier")
    step = f"late:{minutes}" if minutes > 0 else f"early:{minutes}"
    found = session.exec(
        select(Appointment, Patient)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .where(
            Appointment.starts_at >= max(start, now),
            Appointment.starts_at < end,
            Appointment.status != AppointmentStatus.CANCELLED,
        )
        .order_by(col(Appointment.starts_at))
    ).all()
    patients = companions = 0
    for appointment, patient in found:
        # Too late to be of use once they are there.
        useful_until = appointment.starts_at - fit_plan(plan, appointment).arrive_early + min(moved, timedelta())
        if useful_until <= now:
            continue
        told = _add(session, appointment, patient.contact_id, step, useful_until, now)
        patients += told
        companion_id = find_companion_id(patient)
        if companion_id is not None:
            companions += _add(session, appointment, companion_id, step, useful_until, now, for_companion=True)
        if told:
            add_event(session, actor, "told of another time", appointment, now, f"{minutes} minutes")
    return Told(patients, companions)


def _add(
    session: Session,
    appointment: Appointment,
    contact_id: int,
    step: str,
    useful_until: datetime,
    now: datetime,
    *,
    for_companion: bool = False,
) -> bool:
    known = select(OutgoingText.id).where(
        OutgoingText.appointment_id == appointment.id,
        OutgoingText.contact_id == contact_id,
        OutgoingText.step == step,
        OutgoingText.revision == appointment.revision,
    )
    if session.exec(known).first() is not None:
        return False
    session.add(
        OutgoingText(
            contact_id=contact_id,
            appointment_id=appointment.id,
            for_companion=for_companion,
            kind=TextKind.NOTICE,
            step=step,
            revision=appointment.revision,
            due_at=now,
            useful_until=useful_until,
            created_at=now,
        )
    )
    return True
