"""How one appointment is shown: what happened, what comes next, and the text that a cancelling sends."""

from datetime import datetime
from typing import Any

from fastapi import HTTPException
from sqlmodel import Session

from bot import appointments, changes
from bot.changes import Opened
from bot.clinic_topics import apply_choices
from bot.database import is_shared, make_visit, reading
from bot.forms import describe_screening
from bot.models import AppointmentStatus, AuditEvent, IncomingText, Outcome, OutgoingText, Task, TextKind
from bot.overview import find_line
from bot.schedule import kind_of
from bot.sentences import read_sentence
from bot.timeline import Happening, Next, list_happenings, list_next, write_english
from bot.web.inbox import MEANINGS
from bot.web.service import Service
from bot.web.today import describe_line
from bot.web.wording import word
from bot.worklist import list_task_notes
from messages.compose import compose_reminder
from messages.facts import ClinicFacts
from messages.fitting import Text
from messages.languages import LANGUAGES, SOURCE, get_language

STEPS = {
    "welcome": word("welcome"),
    "safety": word("safety questions"),
    "prepare": word("how to prepare"),
    "arrive": word("when to arrive"),
    "moved": word("new time"),
    "cancelled": word("cancelled"),
}
STATES = {
    "planned": (word("planned"), ""),
    "sending": (word("on its way"), ""),
    "unknown": (word("being checked"), "warn"),
    "sent": (word("sent"), ""),
    "delivered": (word("delivered"), "good"),
    "failed": (word("did not arrive"), "bad"),
    "skipped": (word("not sent"), "bad"),
}
REASONS = {
    "opted out": word("this number wants no texts"),
    "no consent": word("not agreed to texts"),
    "too late": word("too late to be of use"),
    "no allowed time": word("no time left outside the quiet hours"),
    "wrong number": word("wrong number"),
    "unreachable": word("the number cannot be reached"),
    "enough texts for a day": word("enough texts for one day"),
}
EVENTS = {
    "enrolled": word("Enrolled"),
    "updated": word("Changed by a new import"),
    "rescheduled": word("Moved to another time"),
    "cancelled": word("Cancelled"),
    "confirmed": word("Noted: they will come"),
    "phoned": word("Noted: phoned"),
    "read the screening": word("Answers to the safety questions read"),
    "changed language": word("Language changed"),
    "changed number": word("Number changed"),
    "kept number": word("Number checked: it is right"),
    "sent now": word("A planned text sent at once"),
    "sent again": word("The last text sent again"),
    Outcome.CAME: word("Noted: they came"),
    Outcome.NO_SHOW: word("Noted: they did not come"),
    "not known": word("Note taken back"),
    "kept clock time": word("The rules for clocks changed; the clock time stays"),
}


def describe_appointment(service: Service, appointment_id: int) -> dict[str, Any]:
    now = service.now()
    with reading(service.engine) as session:
        clinic = apply_choices(session, service.settings.clinic_facts)
        line = find_line(session, clinic.exams, clinic.zone, appointment_id, now, service.settings.calendar)
        if line is None:
            raise HTTPException(404, "There is no such appointment.")
        appointment, patient, contact = line.appointment, line.patient, line.contact
        happenings = list_happenings(session, appointment, patient)
        notes = list_task_notes(session, [one.id for one in happenings if isinstance(one, Task)])
        coming = list_next(session, clinic, appointment, patient, contact)
        past = [_describe_happening(session, clinic, one, line) for one in happenings]
        last = changes.find_last(session, appointment)
        companion = appointments.find_companion(session, patient)
        screening = describe_screening(session, appointment_id, service.settings.screening, clinic.exams, clinic.zone)
    for one in past:
        if one["kind"] == "task":
            one["notes"] = notes.get(one["id"], [])
    return {
        "line": describe_line(service, line, now),
        "appointment": appointment,
        "patient": patient,
        "contact": contact,
        "companion": companion,
        "screening": screening,
        "version": Opened(appointment, patient, contact).version,
        "happenings": past,
        "coming": [_describe_next(service, one) for one in coming],
        "may_send_again": last is not None and appointment.starts_at > now,
        "is_off": appointment.status == AppointmentStatus.CANCELLED,
        "is_past": appointment.starts_at <= now,
        "may_note_outcome": changes.may_note_outcome(appointment, now),
        "languages": [language.code for language in LANGUAGES],
        "place": ", ".join(filter(None, (appointment.place, clinic.address))),
    }


def describe_cancelling(service: Service, appointment_id: int) -> dict[str, Any]:
    now = service.now()
    with reading(service.engine) as session:
        clinic = apply_choices(session, service.settings.clinic_facts)
        line = find_line(session, clinic.exams, clinic.zone, appointment_id, now, service.settings.calendar)
        if line is None:
            raise HTTPException(404, "There is no such appointment.")
        text = english = None
        if line.appointment.starts_at > now and line.appointment.exam in clinic.exams.by_code:
            shared = is_shared(session, line.contact.id or 0)
            visit = make_visit(line.appointment, line.patient, clinic.exams, name_needed=shared)
            text = compose_reminder(["cancelled"], line.contact.language, clinic, visit)
            english = compose_reminder(["cancelled"], SOURCE, clinic, visit) if text.language != SOURCE else None
    return {
        "line": describe_line(service, line, now),
        "version": Opened(line.appointment, line.patient, line.contact).version,
        "text": _describe_text(text),
        "english": _describe_text(english),
        "is_off": line.appointment.status == AppointmentStatus.CANCELLED,
    }


def _describe_text(text: Text | None) -> dict[str, Any] | None:
    if text is None:
        return None
    return {"body": text.body, "language": get_language(text.language), "segments": text.measure.segments}


def _describe_next(service: Service, coming: Next) -> dict[str, Any]:
    row = coming.row
    return {
        "id": row.id,
        "due_at": row.due_at.astimezone(service.settings.clinic_facts.zone),
        "steps": _name_steps(row),
        "for_companion": row.for_companion,
        "text": _describe_text(coming.text),
        "english": _describe_text(coming.english),
    }


def _describe_happening(session: Session, clinic: ClinicFacts, one: Happening, line: Any) -> dict[str, Any]:
    zone = clinic.zone

    def at(moment: datetime) -> datetime:
        return moment.astimezone(zone)

    match one:
        case OutgoingText():
            state, tone = STATES[one.state]
            english = write_english(session, one, line.appointment, line.patient, clinic)
            return {
                "kind": "out",
                "id": one.id,
                "at": at(one.sent_at or one.sending_since or one.due_at),
                "steps": _name_steps(one),
                "by": _find_author(one),
                "for_companion": one.for_companion,
                "state": state,
                "tone": tone,
                "reason": REASONS.get(one.reason, one.reason) if one.state in ("failed", "skipped") else "",
                "delivered_at": at(one.delivered_at) if one.delivered_at else None,
                "body": one.body,
                "language": get_language(one.language) if one.language else None,
                "english": english,
            }
        case IncomingText():
            return {
                "kind": "in",
                "id": one.id,
                "at": at(one.received_at),
                "for_companion": one.contact_id != line.contact.id,
                "body": one.body,
                "media": one.media,
                "meaning": MEANINGS.get(one.label_intent or one.intent, ""),
            }
        case Task():
            return {
                "kind": "task",
                "id": one.id,
                "at": at(one.created_at),
                "what": read_sentence(one.what, one.template),
                "urgent": one.urgent,
                "state": one.state,
                "taken_by": one.taken_by,
                "done_by": one.done_by,
                "done_at": at(one.done_at) if one.done_at else None,
            }
    return {"kind": "event", "id": one.id, "at": at(one.at), "by": one.actor, "did": _say_event(one)}


def _say_event(event: AuditEvent) -> str:
    """What was changed; to what, the rest of the page shows."""
    if event.action.startswith("noted: "):
        return EVENTS[event.action.removeprefix("noted: ")]
    return EVENTS.get(event.action, event.action)


def _name_steps(row: OutgoingText) -> list[str]:
    if row.kind == TextKind.REPLY:
        return [word("answer")]
    return [STEPS.get(kind_of(step), step) for step in (row.step or "").split("+")]


def _find_author(row: OutgoingText) -> str:
    return (row.step or "").partition("by hand: ")[2]
