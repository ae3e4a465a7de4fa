"""The record of one patient: consent, and everything sent, delivered, answered and done, by whom; for print."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from bot.database import order_in_thread
from bot.forms import describe_screening
from bot.models import Appointment, AuditEvent, Contact, IncomingText, OutgoingText, Patient, Task
from bot.reports import describe_text
from messages.exams import Exams
from messages.screening import Form

Row = dict[str, Any]


def describe_record(session: Session, patient: Patient, form: Form, exams: Exams, zone: ZoneInfo) -> Row:
    """All that is stored about a patient; of a companion's number only what is about this patient's appointments."""
    appointments = session.exec(
        select(Appointment).where(Appointment.patient_id == patient.id).order_by(col(Appointment.starts_at))
    ).all()
    ids = [appointment.id or 0 for appointment in appointments]
    about = col(OutgoingText.appointment_id).in_(ids)
    outgoing = session.exec(select(OutgoingText).where(about | (col(OutgoingText.contact_id) == patient.contact_id)))
    contact_ids = [patient.contact_id, *([patient.companion_id] if patient.companion_id else [])]
    incoming = session.exec(select(IncomingText).where(col(IncomingText.contact_id).in_(contact_ids)))
    texts = sorted([*outgoing, *incoming], key=order_in_thread)
    tasks = session.exec(select(Task).where(col(Task.appointment_id).in_(ids)).order_by(col(Task.id)))
    events = session.exec(
        select(AuditEvent)
        .where(
            ((col(AuditEvent.table) == str(Appointment.__tablename__)) & col(AuditEvent.row_id).in_(ids))
            | (
                (col(AuditEvent.table) == str(Contact.__tablename__))
                & col(AuditEvent.row_id).in_(contact_ids)
                & (col(AuditEvent.action) == "changed consent")
            )
        )
        .order_by(col(AuditEvent.at), col(AuditEvent.id))
    )
    return {
        "patient": patient.id,
        "patient_id": patient.record_number,
        "name": patient.given_name,
        "numbers": [
            _describe_number(session.get(Contact, contact_id), patient, zone)
            for contact_id in dict.fromkeys(contact_ids)
        ],
        "appointments": [
            {
                "id": appointment.id,
                "exam": appointment.exam,
                "starts_at": _local(appointment.starts_at, zone),
                "status": str(appointment.status),
                "screening": describe_screening(session, appointment.id or 0, form, exams, zone),
            }
            for appointment in appointments
        ],
        "texts": [
            {**describe_text(text, zone), "to_companion": text.contact_id != patient.contact_id} for text in texts
        ],
        "tasks": [
            {
                "id": task.id,
                "kind": str(task.kind),
                "what": task.what,
                "words": task.words,
                "made_at": _local(task.created_at, zone),
                "taken_by": task.taken_by,
                "done_by": task.done_by,
                "done_at": _local(task.done_at, zone),
            }
            for task in tasks
        ],
        "events": [
            {"at": _local(event.at, zone), "by": event.actor, "did": event.action, "detail": event.detail}
            for event in events
        ],
    }


def list_record_lines(record: Row) -> list[str]:
    """The same as plain text."""
    lines = [", ".join(filter(None, (record["name"], record["patient_id"], f"patient #{record['patient']}")))]
    lines += [
        f"  {number['whose']} {number['phone']} ({number['language']}): {number['consent']}"
        for number in record["numbers"]
    ]
    for appointment in record["appointments"]:
        lines += ["", f"Appointment {appointment['id']}: {appointment['exam']}, {_short(appointment['starts_at'])}"]
        lines.append(f"  {appointment['status']}; screening: {appointment['screening']['state']}")
        lines += [
            f'  {_short(answer["at"])}  {answer["asked"]}  {answer["reply"]}: "{answer["words"]}" ({answer["by"]})'
            for answer in appointment["screening"]["answers"]
        ]
    lines += ["", "Texts"]
    for text in record["texts"]:
        mark = "<" if text["direction"] == "in" else ">"
        state = "" if text["direction"] == "in" else f"{text['step'] or text['kind']} ({text['state']}) "
        lines.append(
            f"  {_short(text['at'])} {mark} {'companion ' if text['to_companion'] else ''}{state}{text['text']}"
        )
    lines += ["", "Done"]
    lines += [
        f"  {_short(task['made_at'])}  task: {task['what']}"
        + (f", done by {task['done_by']} {_short(task['done_at'])}" if task["done_by"] else "")
        for task in record["tasks"]
    ]
    lines += [
        f"  {_short(event['at'])}  {event['by']}: {event['did']} {event['detail']}".rstrip()
        for event in record["events"]
    ]
    return lines


def _describe_number(contact: Contact | None, patient: Patient, zone: ZoneInfo) -> Row:
    if contact is None:
        return {"whose": "unknown", "phone": "", "language": "", "consent": ""}
    consent = "no consent recorded"
    if contact.consented_at is not None:
        consent = f"agreed to texts {_local(contact.consented_at, zone)} ({contact.consent_source})"
    if contact.refused_at is not None:
        consent = f"no texts since {_local(contact.refused_at, zone)} ({contact.consent_source})"
    if contact.opted_out_at is not None:
        source = contact.opted_out_source or "text"
        consent += f'; stopped {_local(contact.opted_out_at, zone)} ({source}): "{contact.opted_out_words}"'
    return {
        "whose": "patient" if contact.id == patient.contact_id else f"companion {patient.companion_name}".rstrip(),
        "phone": contact.phone,
        "language": contact.language,
        "consent": consent,
    }


def _short(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"


def _local(moment: datetime | None, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(timespec="seconds") if moment else ""
