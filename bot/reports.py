"""What commands print and pages show, as plain values that turn into JSON as they are."""

from datetime import UTC, datetime
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from bot.database import list_texts, order_in_thread
from bot.models import Appointment, Contact, IncomingText, OutgoingText, Patient, Task, TaskState, TextKind
from bot.worklist import list_of_appointment, list_open
from messages.catalogues import read_catalogue, read_sources
from messages.languages import LANGUAGES, SOURCE, find_language
from messages.segments import measure

Row = dict[str, Any]
_CURSOR = "%Y%m%dT%H%M%S%f"
# A row id is a 32-bit number on PostgreSQL.
_LAST_ID = 2**31 - 1


def describe_appointments(session: Session, zone: ZoneInfo, start: datetime | None, end: datetime | None) -> list[Row]:
    """Appointments from ``start`` until before ``end``, in order of time."""
    query = select(Appointment, Patient, Contact).join(Patient, col(Appointment.patient_id) == col(Patient.id))
    query = query.join(Contact, col(Patient.contact_id) == col(Contact.id))
    if start:
        query = query.where(Appointment.starts_at >= start)
    if end:
        query = query.where(Appointment.starts_at < end)
    rows = session.exec(query.order_by(col(Appointment.starts_at), col(Appointment.id)))
    return [_describe_appointment(appointment, patient, contact, zone) for appointment, patient, contact in rows]


def describe_page(
    session: Session, zone: ZoneInfo, start: datetime | None, end: datetime | None, cursor: str, limit: int
) -> tuple[list[Row], str | None]:
    """So many appointments from ``start`` until before ``end``, and the cursor of those after them, if there are any.

    Raises:
        ValueError: that is no cursor of ours.
    """
    query = select(Appointment, Patient, Contact).join(Patient, col(Appointment.patient_id) == col(Patient.id))
    query = query.join(Contact, col(Patient.contact_id) == col(Contact.id))
    if start:
        query = query.where(Appointment.starts_at >= start)
    if end:
        query = query.where(Appointment.starts_at < end)
    if cursor:
        stamp, _, last_id = cursor.rpartition("_")
        after = datetime.strptime(stamp, _CURSOR).replace(tzinfo=UTC)
        if not last_id.isascii() or int(last_id) > _LAST_ID:
            raise ValueError("no row has this id")
        query = query.where(
            (col(Appointment.starts_at) > after)
            | ((col(Appointment.starts_at) == after) & (col(Appointment.id) > int(last_id)))
        )
    found = session.exec(query.order_by(col(Appointment.starts_at), col(Appointment.id)).limit(limit + 1)).all()
    rows = [_describe_appointment(appointment, patient, contact, zone) for appointment, patient, contact in found]
    if len(found) <= limit:
        return rows, None
    last = found[limit - 1][0]
    return rows[:limit], f"{last.starts_at.astimezone(UTC).strftime(_CURSOR)}_{last.id}"


def _describe_appointment(appointment: Appointment, patient: Patient, contact: Contact, zone: ZoneInfo) -> Row:
    return {
        "id": appointment.id,
        "appointment_id": appointment.external_id,
        "patient_id": patient.record_number,
        "name": patient.given_name,
        "contact": contact.id,
        "phone": contact.phone,
        "language": contact.language,
        "exam": appointment.exam,
        "starts_at": _local(appointment.starts_at, zone),
        "contrast": appointment.contrast,
        "sedation": appointment.sedation,
        "place": appointment.place,
        "status": str(appointment.status),
        "opted_out": contact.opted_out_at is not None,
    }


def describe_appointment(session: Session, appointment_id: int, zone: ZoneInfo) -> Row | None:
    """One appointment with its texts, both ways, and its tasks, each in order of time; None if unknown."""
    found = session.exec(
        select(Appointment, Patient, Contact)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .join(Contact, col(Patient.contact_id) == col(Contact.id))
        .where(Appointment.id == appointment_id)
    ).first()
    if found is None:
        return None
    appointment, patient, contact = found
    planned = [text for text in list_texts(session, appointment_id) if text.kind != TextKind.REPLY]
    replies = session.exec(
        select(OutgoingText).where(OutgoingText.contact_id == contact.id, OutgoingText.kind == TextKind.REPLY)
    )
    incoming = session.exec(select(IncomingText).where(IncomingText.contact_id == contact.id))
    texts = sorted([*planned, *replies, *incoming], key=order_in_thread)
    tasks = list_of_appointment(session, appointment_id)
    return {
        **_describe_appointment(appointment, patient, contact, zone),
        "texts": [describe_text(text, zone) for text in texts],
        "tasks": [
            {
                "id": task.id,
                "kind": str(task.kind),
                "what": task.what,
                "words": task.words,
                "urgent": task.urgent,
                "state": str(task.state),
                "created_at": _local(task.created_at, zone),
            }
            for task in tasks
        ],
    }


def describe_text(text: OutgoingText | IncomingText, zone: ZoneInfo) -> Row:
    """One text; ``at`` is when it came or was sent or, until then, when it is due."""
    if isinstance(text, IncomingText):
        return {
            "id": text.id,
            "direction": "in",
            "kind": "incoming",
            "intent": text.intent,
            "detail": text.detail,
            "at": _local(text.received_at, zone),
            "text": text.body,
        }
    return {
        "direction": "out",
        "kind": str(text.kind),
        "step": text.step,
        "state": str(text.state),
        "reason": text.reason,
        "at": _local(text.sent_at or text.due_at, zone),
        "language": text.language,
        "segments": text.segments,
        "text": text.body,
    }


def describe_tasks(session: Session, zone: ZoneInfo) -> list[Row]:
    """The worklist, most urgent first."""
    return [
        {
            "id": task.id,
            "kind": str(task.kind),
            "urgent": task.urgent,
            "what": task.what,
            "words": task.words,
            "name": patient.given_name if patient else None,
            "phone": contact.phone if contact else None,
            "appointment": task.appointment_id,
            "starts_at": _local(appointment.starts_at, zone) if appointment else None,
            "state": str(task.state),
            "created_at": _local(task.created_at, zone),
        }
        for task, contact, appointment, patient in list_open(session)
    ]


def describe_task(task: Task, zone: ZoneInfo) -> Row:
    """One task; ``done_by`` and ``done_at`` are empty until it is done."""
    return {
        "id": task.id,
        "kind": str(task.kind),
        "urgent": task.urgent,
        "what": task.what,
        "words": task.words,
        "contact": task.contact_id,
        "appointment": task.appointment_id,
        "state": str(task.state),
        "created_at": _local(task.created_at, zone),
        "done_by": task.done_by,
        "done_at": _local(task.done_at, zone) if task.done_at else None,
    }


def list_task_page(session: Session, zone: ZoneInfo, after_id: int, limit: int) -> tuple[list[Row], str | None]:
    """So many open tasks behind a number, in the order they came, and the cursor of those after them."""
    found = session.exec(
        select(Task)
        .where(Task.state != TaskState.DONE, col(Task.id) > after_id)
        .order_by(col(Task.id))
        .limit(limit + 1)
    ).all()
    rows = [describe_task(task, zone) for task in found[:limit]]
    return rows, str(found[limit - 1].id) if len(found) > limit else None


def describe_languages() -> list[Row]:
    """Coverage and review of each language; ``reviewed`` counts sentences a qualified human has signed."""
    sources = set(read_sources())
    rows = []
    for language in LANGUAGES:
        catalogue = read_catalogue(language.code)
        translated = sources if catalogue.is_source else sources & catalogue.translations.keys()
        reviewed = sources if catalogue.is_source else sources & catalogue.reviewed
        rows.append(
            {
                "code": language.bcp47,
                "name": language.name,
                "direction": language.direction,
                "translated": len(translated),
                "reviewed": len(reviewed),
                "messages": len(sources),
            }
        )
    return rows


def find_encoding(code: str) -> str:
    """The encoding that most of a language's sentences need."""
    language = find_language(code)
    catalogue = read_catalogue(language.code if language else SOURCE)
    sentences = list(chain.from_iterable(catalogue.translations.values()))
    small = sum(measure(sentence).encoding == "GSM-7" for sentence in sentences)
    return "GSM-7" if small * 2 >= len(sentences) else "UCS-2"


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(timespec="seconds")
