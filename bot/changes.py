"""Service: what staff change at one appointment, besides its time.

A page that offers a change says which version it showed; whoever comes second is told.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from bot.database import add_event
from bot.models import (
    GONE_OUT,
    PHONE_TASKS,
    Appointment,
    AppointmentStatus,
    Contact,
    Outcome,
    OutgoingText,
    Patient,
    Task,
    TaskKind,
    TaskState,
    TextKind,
    TextState,
)
from bot.schedule import Limits, kind_of
from bot.sentences import SentenceError

# Patients are early; before this, nobody has come or stayed away.
_EARLIEST = timedelta(hours=4)
_DAY = timedelta(days=1)
_AGAIN = ":again"


class ChangeError(SentenceError):
    """The change cannot be made; the message says why, as a sentence for staff."""


class MissingError(ChangeError):
    """There is no such appointment."""


class OutdatedError(ChangeError):
    """Somebody else has changed it meanwhile."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An appointment that nobody else changes until the session ends, with whose it is."""

    appointment: Appointment
    patient: Patient
    contact: Contact

    @property
    def version(self) -> str:
        """What a form of staff may change, as it is now."""
        appointment, contact = self.appointment, self.contact
        is_off = appointment.status == AppointmentStatus.CANCELLED
        return f"{appointment.revision}.{contact.id}.{contact.language}.{appointment.outcome}.{int(is_off)}"


def open_appointment(session: Session, appointment_id: int, seen: str | None = None) -> Opened:
    """Take an appointment to change it; on PostgreSQL it is locked.

    Args:
        seen: the version that the form was made for; None changes nothing that others could have changed.

    Raises:
        MissingError: there is no such appointment.
        OutdatedError: it is another version by now.
    """
    # Not its key: a claim that makes a task about it shall not wait for us while we wait for the claim.
    appointment = session.get(Appointment, appointment_id, with_for_update={"key_share": True})
    if appointment is None:
        raise MissingError("There is no such appointment.")
    patient = session.get_one(Patient, appointment.patient_id)
    opened = Opened(appointment, patient, session.get_one(Contact, patient.contact_id))
    if seen is not None and seen != opened.version:
        raise OutdatedError(
            "Somebody has changed this appointment since you opened it. This is how it is now: look, then change it."
        )
    return opened


def change_language(session: Session, opened: Opened, language: str, now: datetime, actor: str) -> None:
    """Write to this number in another language from now on; ``language`` is a code of ours."""
    contact = opened.contact
    if language != contact.language:
        add_event(session, actor, "changed language", opened.appointment, now, f"{contact.language} to {language}")
        contact.language = language
        session.add(contact)


def note_outcome(session: Session, opened: Opened, outcome: Outcome, now: datetime, actor: str) -> None:
    """Note whether the patient came; unknown takes it back.

    Raises:
        ChangeError: it is too early to know, or the appointment is cancelled.
    """
    appointment = opened.appointment
    if appointment.status == AppointmentStatus.CANCELLED:
        raise ChangeError("This appointment is cancelled.")
    if appointment.starts_at - now > _EARLIEST:
        raise ChangeError("It is too early to say whether they came.")
    appointment.outcome = outcome
    session.add(appointment)
    add_event(session, actor, f"noted: {outcome or 'not known'}", appointment, now)


def may_note_outcome(appointment: Appointment, now: datetime) -> bool:
    return appointment.status != AppointmentStatus.CANCELLED and appointment.starts_at - now <= _EARLIEST


def confirm(session: Session, opened: Opened, now: datetime, actor: str) -> None:
    """Note that the patient has said to a person that they will come.

    Raises:
        ChangeError: the appointment is cancelled.
    """
    if opened.appointment.status == AppointmentStatus.CANCELLED:
        raise ChangeError("This appointment is cancelled.")
    if opened.appointment.status != AppointmentStatus.CONFIRMED:
        opened.appointment.status = AppointmentStatus.CONFIRMED
        session.add(opened.appointment)
        add_event(session, actor, "confirmed", opened.appointment, now)


def mark_phoned(session: Session, opened: Opened, now: datetime, actor: str) -> None:
    """Note that somebody has told the patient all of it by phone: what waited for that is done."""
    appointment_id = opened.appointment.id
    waiting = session.exec(
        select(Task).where(
            Task.appointment_id == appointment_id, col(Task.done_at).is_(None), col(Task.kind).in_(PHONE_TASKS)
        )
    ).all()
    if not waiting:
        waiting = [
            Task(
                kind=TaskKind.UNREACHED,
                contact_id=opened.contact.id,
                appointment_id=appointment_id,
                what="Phoned, and told what the texts say",
                created_at=now,
            )
        ]
    for task in waiting:
        task.state, task.done_by, task.done_at = TaskState.DONE, actor, now
    session.add_all(waiting)
    add_event(session, actor, "phoned", opened.appointment, now)


def send_now(session: Session, opened: Opened, text_id: int, now: datetime, actor: str) -> None:
    """Let a planned text go out at the next allowed moment.

    Raises:
        ChangeError: it has gone out, is not wanted, or not of this appointment.
    """
    row = session.get(OutgoingText, text_id, with_for_update=True)
    if row is None or row.appointment_id != opened.appointment.id or row.state != TextState.PLANNED:
        raise ChangeError("This text is not waiting any more.")
    _check_wanted(session.get_one(Contact, row.contact_id))
    if now > row.useful_until:
        raise ChangeError("It is too late for this text to be of use. Phone them instead.")
    row.due_at = min(row.due_at, now)
    session.add(row)
    add_event(session, actor, "sent now", opened.appointment, now, row.step or "")


def find_last(session: Session, appointment: Appointment) -> OutgoingText | None:
    """The text that the patient last got, or was to get, about the appointment as it is now."""
    return session.exec(
        select(OutgoingText)
        .where(
            OutgoingText.appointment_id == appointment.id,
            col(OutgoingText.for_companion).is_(False),
            OutgoingText.kind != TextKind.REPLY,
            col(OutgoingText.state).in_((*GONE_OUT, TextState.FAILED)),
            OutgoingText.revision == appointment.revision,
        )
        .order_by(col(OutgoingText.sending_since).desc(), col(OutgoingText.id).desc())
    ).first()


def send_again(session: Session, opened: Opened, limits: Limits, now: datetime, actor: str) -> None:
    """Send the last text once more, as it reads now.

    Raises:
        ChangeError: there is none, it is not wanted, of no use, or was sent often enough today.
    """
    appointment = opened.appointment
    last = find_last(session, appointment)
    if last is None:
        raise ChangeError("No text has gone out yet.")
    _check_wanted(opened.contact)
    if appointment.starts_at <= now:
        raise ChangeError("The time of the appointment has come. Phone them instead.")
    mine = (OutgoingText.appointment_id == appointment.id, col(OutgoingText.step).contains(_AGAIN))
    number = session.exec(select(func.count()).where(*mine)).one()
    today = session.exec(select(func.count()).where(*mine, col(OutgoingText.created_at) > now - _DAY)).one()
    # Once more than this, and the brake on identical texts would stop all sending.
    if today >= min(2, limits.most_identical - 1):
        raise ChangeError("It was sent again often enough for one day. Phone them instead.")
    session.add(
        OutgoingText(
            contact_id=opened.patient.contact_id,
            appointment_id=appointment.id,
            kind=TextKind.NOTICE,
            step="+".join(f"{kind_of(step)}{_AGAIN}{number + 1}" for step in (last.step or "").split("+")),
            revision=appointment.revision,
            moved_from=last.moved_from,
            due_at=now,
            useful_until=appointment.starts_at,
            created_at=now,
        )
    )
    add_event(session, actor, "sent again", appointment, now, last.step or "")


def _check_wanted(contact: Contact) -> None:
    if contact.opted_out_at is not None:
        raise ChangeError("This number has asked for no more texts. Phone them instead.")
    if contact.refused_at is not None:
        raise ChangeError("This patient has not agreed to texts. Phone them instead.")
    if contact.consented_at is None:
        raise ChangeError("No consent to texts is recorded for this number. Phone them instead.")
    if contact.unreachable_since is not None:
        raise ChangeError("Texts do not reach this number. Phone them, or change the number.")
