"""Service: the conversations with patients and companions, and what staff write in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from bot.database import note_event, order_in_thread
from bot.models import Appointment, AppointmentStatus, Contact, IncomingText, OutgoingText, Patient, TextKind, TextState
from bot.sentences import SentenceError
from messages.segments import measure, tidy

# A text that staff write is of use this long; if it cannot leave until then, they should hear of it.
_USEFUL = timedelta(hours=24)
LONGEST = 1000
# What staff wrote themselves, with who it was behind it.
BY_HAND = "by hand: "


class ReplyError(SentenceError):
    """The text cannot be sent; the message says why."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One phone in the list: whose it is, and the last that came from it."""

    contact: Contact
    names: tuple[str, ...]
    last: IncomingText | None

    @property
    def key(self) -> str:
        """Where the next page goes on: behind this one."""
        heard = self.contact.heard_at
        return f"{heard.timestamp():.6f}-{self.contact.id}" if heard else ""


def list_unread(session: Session, limit: int) -> list[Conversation]:
    """What nobody has read, the longest waiting first."""
    query = select(Contact).where(col(Contact.unread_since).is_not(None)).order_by(col(Contact.unread_since))
    return _describe(session, session.exec(query.limit(limit)).all())


def list_read(
    session: Session, limit: int, heard_before: datetime | None = None, id_below: int = 0
) -> list[Conversation]:
    """The other conversations, the latest first, going on behind a moment and a contact's id."""
    query = select(Contact).where(col(Contact.heard_at).is_not(None), col(Contact.unread_since).is_(None))
    if heard_before is not None:
        query = query.where(
            (col(Contact.heard_at) < heard_before)
            | ((col(Contact.heard_at) == heard_before) & (col(Contact.id) < id_below))
        )
    query = query.order_by(col(Contact.heard_at).desc(), col(Contact.id).desc())
    return _describe(session, session.exec(query.limit(limit)).all())


def _describe(session: Session, contacts: Sequence[Contact]) -> list[Conversation]:
    ids = [contact.id for contact in contacts]
    latest = select(func.max(IncomingText.id)).where(col(IncomingText.contact_id).in_(ids))
    last = {
        text.contact_id: text
        for text in session.exec(
            select(IncomingText).where(col(IncomingText.id).in_(latest.group_by(col(IncomingText.contact_id))))
        )
    }
    names = name_contacts(session, ids)
    return [Conversation(one, names.get(one.id or 0, ()), last.get(one.id or 0)) for one in contacts]


def name_contacts(session: Session, ids: Sequence[int | None]) -> dict[int, tuple[str, ...]]:
    """Who has each phone: its patients, or the companion of theirs."""
    names: dict[int, list[str]] = {}
    patients = session.exec(
        select(Patient.contact_id, Patient.given_name).where(col(Patient.contact_id).in_(ids)).order_by(col(Patient.id))
    )
    for contact_id, name in patients:
        names.setdefault(contact_id, []).append(name)
    companions = session.exec(
        select(Patient.companion_id, Patient.companion_name)
        .where(col(Patient.companion_id).in_(ids))
        .order_by(col(Patient.id))
    )
    for companion_id, name in companions:
        if companion_id is not None and companion_id not in names and name:
            names[companion_id] = [name]
    return {contact_id: tuple(dict.fromkeys(found)) for contact_id, found in names.items()}


def list_latest(session: Session, contact_id: int, limit: int) -> list[OutgoingText | IncomingText]:
    """The end of a conversation, oldest first; with what is on its way, or could not be sent."""
    outgoing = session.exec(
        select(OutgoingText)
        .where(
            OutgoingText.contact_id == contact_id,
            (col(OutgoingText.state) != TextState.SKIPPED) & (col(OutgoingText.body) != ""),
        )
        .order_by(col(OutgoingText.id).desc())
        .limit(limit)
    ).all()
    incoming = session.exec(
        select(IncomingText)
        .where(IncomingText.contact_id == contact_id)
        .order_by(col(IncomingText.id).desc())
        .limit(limit)
    ).all()
    texts: list[OutgoingText | IncomingText] = [*outgoing, *incoming]
    return sorted(texts, key=order_in_thread)[-limit:]


def find_appointments(session: Session, contact_id: int, now: datetime) -> Sequence[tuple[Appointment, Patient]]:
    """What this phone may be writing about: the appointments ahead, and those of the last days."""
    return session.exec(
        select(Appointment, Patient)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .where(
            (col(Patient.contact_id) == contact_id) | (col(Patient.companion_id) == contact_id),
            Appointment.starts_at > now - timedelta(days=7),
            Appointment.status != AppointmentStatus.CANCELLED,
        )
        .order_by(col(Appointment.starts_at))
        .limit(5)
    ).all()


def mark_read(contact: Contact) -> None:
    """Somebody of the staff has the conversation before them."""
    contact.unread_since = None


def send_by_hand(session: Session, contact: Contact, words: str, language: str, by: str, now: datetime) -> OutgoingText:
    """Send what somebody of the staff wrote or chose; it leaves like any answer, at once.

    Args:
        language: of the words, where it is known; empty otherwise.

    Raises:
        ReplyError: there is nothing to send, it is too long, or this number must get no texts.
    """
    body = tidy(words.strip())
    if not body:
        raise ReplyError("Write something first.")
    if len(body) > LONGEST:
        raise ReplyError("Use at most %(most)s characters.", most=LONGEST)
    if contact.opted_out_at is not None:
        raise ReplyError("This number has asked for no more texts. Phone them instead.")
    if contact.unreachable_since is not None:
        raise ReplyError("Texts do not reach this number. Phone them instead.")
    text = OutgoingText(
        contact_id=contact.id or 0,
        kind=TextKind.REPLY,
        step=BY_HAND + by,
        due_at=now,
        useful_until=now + _USEFUL,
        body=body,
        language=language,
        segments=measure(body).segments,
        created_at=now,
    )
    session.add(text)
    mark_read(contact)
    session.add(contact)
    note_event(session, by, "replied", "contact", contact.id or 0, now)
    return text
