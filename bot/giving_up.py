"""A text that will not arrive: its row is closed, and staff hear of it while there is time."""

from datetime import datetime, timedelta

from sqlmodel import Session

from bot.database import add_task, find_coming
from bot.models import OutgoingText, TaskKind, TextState
from bot.sentences import Sentence

# A patient who is not reached is urgent when the appointment is this near.
SOON = timedelta(days=2)


def say_whom(row: OutgoingText) -> Sentence:
    return Sentence("Phone this patient's companion") if row.for_companion else Sentence("Phone this patient")


def give_up(session: Session, row: OutgoingText, what: str, now: datetime) -> None:
    """Close the row as failed and ask staff to reach the person another way."""
    row.state, row.lease_until = TextState.FAILED, None
    row.reason = row.reason or what
    session.add(row)
    coming = find_coming(session, row.contact_id, now)
    add_task(
        session,
        TaskKind.UNREACHED,
        what,
        now,
        contact_id=row.contact_id,
        appointment_id=row.appointment_id,
        urgent=any(appointment.starts_at - now < SOON for appointment, _ in coming),
    )
