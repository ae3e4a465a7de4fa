"""Service: what staff must do, the conversations they have open, and what they say a text meant."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from bot.models import Appointment, Contact, IncomingText, Patient, Task, TaskState
from messages.topics import get_topic
from messages.understand import INTENTS
from messages.words import REPORTED

# A conversation that nobody hands back is the bot's again after this long.
HELD = timedelta(hours=4)
# What can tell who somebody is: an e-mail or web address, and every number of three digits or more.
_ADDRESS = re.compile(r"\S+@\S+|https?://\S+|www\.\S+")
_NUMBER = re.compile(r"\d(?:[\s().+/-]{0,2}\d){2,}")

OpenTask = tuple[Task, Contact | None, Appointment | None, Patient | None]


def list_open(session: Session) -> Sequence[OpenTask]:
    """The tasks that nobody has finished: urgent first, then by rank, the soonest appointment, the oldest."""
    return session.exec(
        select(Task, Contact, Appointment, Patient)
        .join(Contact, col(Task.contact_id) == col(Contact.id), isouter=True)
        .join(Appointment, col(Task.appointment_id) == col(Appointment.id), isouter=True)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id), isouter=True)
        .where(Task.state != TaskState.DONE)
        .order_by(
            col(Task.urgent).desc(),
            col(Task.rank).desc(),
            col(Appointment.starts_at).is_(None),
            col(Appointment.starts_at),
            col(Task.id),
        )
    ).all()


def list_of_appointment(session: Session, appointment_id: int) -> Sequence[Task]:
    """All tasks about one appointment, oldest first."""
    return session.exec(select(Task).where(Task.appointment_id == appointment_id).order_by(col(Task.id))).all()


def take_conversation(contact: Contact, by: str, now: datetime) -> None:
    """Let somebody of the staff talk with a contact: the bot is quiet, and reminders that can wait do."""
    contact.held_by, contact.held_until = by, now + HELD


def hand_back_conversation(contact: Contact) -> None:
    """Let the bot answer this contact again."""
    contact.held_by, contact.held_until = "", None


def label_text(text: IncomingText, intent: str, detail: str | None, by: str, now: datetime) -> None:
    """Note what a text really meant. It changes nothing else: the bot does not learn by itself.

    Raises:
        ValueError: there is no such intent, or no such detail of it.
    """
    if intent not in INTENTS:
        raise ValueError(f"{intent!r} is no intent: use one of {', '.join(INTENTS)}")
    if (detail is None) == (intent == "question") or (detail is not None and not _is_detail(intent, detail)):
        raise ValueError(
            f"{detail!r} is no detail of {intent}: a topic for a question, implant or allergy for a report"
        )
    text.label_intent, text.label_detail, text.labelled_by, text.labelled_at = intent, detail, by, now


def _is_detail(intent: str, detail: str) -> bool:
    if intent == "question":
        try:
            get_topic(detail)
        except KeyError:
            return False
        return True
    return intent == "language" or (intent == "report" and detail in REPORTED)


def list_labelled(session: Session) -> list[dict[str, str]]:
    """The texts that staff have labelled, without numbers and addresses, as rows that ``bot evaluate`` reads."""
    rows = session.exec(
        select(IncomingText, Contact.language)
        .join(Contact, col(IncomingText.contact_id) == col(Contact.id))
        .where(IncomingText.label_intent != "")
        .order_by(col(IncomingText.id))
    )
    return [
        {
            "text": remove_numbers(text.body),
            "intent": text.label_intent,
            "detail": text.label_detail or "",
            "language": language,
        }
        for text, language in rows
    ]


def remove_numbers(words: str) -> str:
    """A patient's words without phone numbers, record numbers, dates and addresses."""
    return _NUMBER.sub("#", _ADDRESS.sub("#", words))
