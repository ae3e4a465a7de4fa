"""Service: what staff must do, the conversations they have open, and what they say a text meant."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, literal, tuple_, update
from sqlmodel import Session, col, func, select
from sqlmodel.sql.sqltypes import UTCDateTime

from bot.database import note_event
from bot.models import Appointment, Contact, IncomingText, Patient, Staff, Task, TaskNote, TaskState
from bot.sentences import SentenceError
from messages.segments import tidy
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


# The tasks on their page

DONE_SHOWN = timedelta(days=3)
LONGEST_NOTE = 1000
_MOST_DONE = 50
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
# Where a page of tasks ends: urgent or not, to come or past, the rank (the highest is the least), when, and the id.
Place = tuple[int, int, int, datetime, int]


class TaskError(SentenceError):
    """The task cannot be changed so; the message says why. ``status`` is the HTTP status that fits."""

    def __init__(self, template: str, status: int = 400, **values: str) -> None:
        super().__init__(template, **values)
        self.status = status


def list_waiting(
    session: Session, now: datetime, limit: int, after: Place | None = None
) -> tuple[Sequence[OpenTask], Place | None]:
    """Open tasks, urgent first, then by rank and time left, ``limit`` at most; and where the next page begins."""
    starts_at = col(Appointment.starts_at)
    place = (
        case((col(Task.urgent), 0), else_=1),
        # What is past comes last: there is no time left.
        case((starts_at <= now, 1), else_=0),
        -col(Task.rank),
        func.coalesce(starts_at, literal(_NEVER, UTCDateTime())),
        col(Task.id),
    )
    query = (
        select(Task, Contact, Appointment, Patient)
        .join(Contact, col(Task.contact_id) == col(Contact.id), isouter=True)
        .join(Appointment, col(Task.appointment_id) == col(Appointment.id), isouter=True)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id), isouter=True)
        .where(col(Task.state).in_((TaskState.OPEN, TaskState.TAKEN)))
    )
    if after is not None:
        query = query.where(tuple_(*place) > after)
    rows = session.exec(query.order_by(*place).limit(limit + 1)).all()
    if len(rows) <= limit:
        return rows, None
    task, _, appointment, _ = rows[limit - 1]
    starts = appointment.starts_at if appointment else _NEVER
    return rows[:limit], (int(not task.urgent), int(starts <= now), -task.rank, starts, task.id or 0)


def list_done(session: Session, now: datetime) -> Sequence[OpenTask]:
    """What was finished in the last days, the latest first."""
    return session.exec(
        select(Task, Contact, Appointment, Patient)
        .join(Contact, col(Task.contact_id) == col(Contact.id), isouter=True)
        .join(Appointment, col(Task.appointment_id) == col(Appointment.id), isouter=True)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id), isouter=True)
        .where(Task.state == TaskState.DONE, col(Task.done_at) > now - DONE_SHOWN)
        .order_by(col(Task.done_at).desc())
        .limit(_MOST_DONE)
    ).all()


def list_task_notes(session: Session, task_ids: Sequence[int | None]) -> dict[int, list[TaskNote]]:
    """What staff wrote beside these tasks, oldest first."""
    notes: dict[int, list[TaskNote]] = {}
    for note in session.exec(select(TaskNote).where(col(TaskNote.task_id).in_(task_ids)).order_by(col(TaskNote.id))):
        notes.setdefault(note.task_id, []).append(note)
    return notes


def note_look(session: Session, staff: Staff, now: datetime) -> None:
    """Somebody who can act has the worklist before them."""
    session.connection().execute(update(Staff).where(col(Staff.id) == staff.id).values(worklist_seen_at=now))


def take_task(session: Session, task_id: int, by: str, now: datetime) -> None:
    """Say that somebody sees to it.

    Raises:
        TaskError: there is no such task, or somebody else has it.
    """
    task = _get_task(session, task_id)
    if task.state == TaskState.DONE:
        raise TaskError("%(who)s has done this already.", 409, who=task.done_by)
    if task.state == TaskState.TAKEN and task.taken_by != by:
        raise TaskError("%(who)s has taken this meanwhile.", 409, who=task.taken_by)
    task.state, task.taken_by, task.taken_at = TaskState.TAKEN, by, now
    _keep(session, task, "took", by, now)


def put_back_task(session: Session, task_id: int, by: str, now: datetime) -> None:
    """Leave a taken task to others, whoever has taken it.

    Raises:
        TaskError: there is no such task, or it is done.
    """
    task = _get_task(session, task_id)
    if task.state == TaskState.DONE:
        raise TaskError("%(who)s has done this already.", 409, who=task.done_by)
    task.state, task.taken_by, task.taken_at = TaskState.OPEN, "", None
    _keep(session, task, "put back", by, now)


def finish_task(session: Session, task_id: int, by: str, now: datetime) -> None:
    """Say that it is done.

    Raises:
        TaskError: there is no such task, or it is done already.
    """
    task = _get_task(session, task_id)
    if task.state == TaskState.DONE:
        raise TaskError("%(who)s has done this already.", 409, who=task.done_by)
    task.state, task.done_by, task.done_at = TaskState.DONE, by, now
    _keep(session, task, "finished", by, now)


def reopen_task(session: Session, task_id: int, by: str, now: datetime) -> None:
    """Take back that it is done; whoever had taken it has it again.

    Raises:
        TaskError: there is no such task, or it is open.
    """
    task = _get_task(session, task_id)
    if task.state != TaskState.DONE:
        raise TaskError("This task is open already.", 409)
    task.state = TaskState.TAKEN if task.taken_by else TaskState.OPEN
    task.done_by, task.done_at = "", None
    _keep(session, task, "reopened", by, now)


def add_note(session: Session, task_id: int, words: str, by: str, now: datetime) -> None:
    """Write something beside a task.

    Raises:
        TaskError: there is no such task, or nothing or too much is written.
    """
    task = _get_task(session, task_id)
    words = tidy(words.strip())
    if not words:
        raise TaskError("Write something first.")
    if len(words) > LONGEST_NOTE:
        raise TaskError("Use at most %(most)s characters.", most=str(LONGEST_NOTE))
    session.add(TaskNote(task_id=task_id, words=words, by=by, at=now))
    _keep(session, task, "noted", by, now)


def _get_task(session: Session, task_id: int) -> Task:
    task = session.get(Task, task_id, with_for_update={"key_share": True})
    if task is None:
        raise TaskError("There is no such task.", 404)
    return task


def _keep(session: Session, task: Task, action: str, by: str, now: datetime) -> None:
    session.add(task)
    note_event(session, by, action, "task", task.id or 0, now)
