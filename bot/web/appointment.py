"""One appointment: what happened, what comes next, and all that staff change at it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from bot import appointments, changes
from bot.changes import ChangeError, MissingError, Opened, OutdatedError, open_appointment
from bot.clinic_topics import apply_choices
from bot.database import is_shared, make_visit, note_event, reading, writing
from bot.forms import describe_screening
from bot.importing.values import ValueTrouble, read_phone, read_starts_at_parts
from bot.models import Appointment, AppointmentStatus, AuditEvent, IncomingText, Outcome, OutgoingText, Task, TextKind
from bot.overview import find_line
from bot.schedule import find_allowed, kind_of
from bot.screenings import mark_seen, take_down
from bot.signing_in import Visitor
from bot.timeline import Happening, Next, list_happenings, list_next, write_english
from bot.web.guard import Looks, Works
from bot.web.inbox import MEANINGS
from bot.web.pages import render
from bot.web.service import Service, Used
from bot.web.today import describe_line
from bot.web.wording import word
from bot.worklist import LONGEST_NOTE, list_task_notes
from messages.compose import compose_reminder
from messages.facts import ClinicFacts
from messages.fitting import Text
from messages.languages import LANGUAGES, SOURCE, find_language, get_language
from messages.segments import tidy

router = APIRouter(prefix="/appointments/{appointment_id}")

Part = Literal["", "facts", "story"]

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
DONE = {
    "moved": word("Moved. The patient is told the old and the new time."),
    "cancelled": word("Cancelled. The patient is told."),
    "confirmed": word("Noted: they will come."),
    "phoned": word("Noted: you have phoned them."),
    "screening": word("Noted: you have read the answers."),
    "language": word("From now on texts go out in this language."),
    "number": word("Texts go to this number now."),
    "outcome": word("Noted."),
    "now": word("It goes out now."),
    "again": word("It goes out once more."),
    "waits": word("It goes out as soon as the quiet hours are over."),
}


@router.get("")
def show_appointment(
    request: Request, service: Used, visitor: Looks, appointment_id: int, part: Part = "", done: str = ""
) -> Response:
    if not part:
        _note_view(service, visitor, appointment_id, "viewed")
    return _show(request, service, visitor, appointment_id, done=done, part=part)


@router.get("/record")
def show_record(request: Request, service: Used, visitor: Looks, appointment_id: int) -> Response:
    """Everything that was sent, answered and done, to be printed."""
    _note_view(service, visitor, appointment_id, "viewed record")
    printed_at = service.now().astimezone(service.settings.clinic_facts.zone)
    values = _describe(service, appointment_id) | {"printed_at": printed_at}
    return render(request, service, visitor, "appointment_record.html", values)


@router.post("/move")
def move(
    request: Request,
    service: Used,
    visitor: Works,
    appointment_id: int,
    day: Annotated[str, Form(max_length=20)] = "",
    clock: Annotated[str, Form(max_length=20)] = "",
    seen: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    settings, now, actor = service.settings, service.now(), visitor.staff.email

    def change(session: Session, _opened: Opened) -> str:
        try:
            starts_at = read_starts_at_parts(day, clock, settings.clinic_facts.zone, now)
        except ValueTrouble as error:
            raise ChangeError("The new time: %(trouble)s", trouble=error.sentence) from error
        appointments.reschedule(session, settings.plan, appointment_id, starts_at, now, actor)
        return "moved"

    return _change(request, service, visitor, appointment_id, seen, change)


@router.get("/cancel")
def ask_to_cancel(request: Request, service: Used, visitor: Works, appointment_id: int) -> Response:
    """What the patient will read, before it is done."""
    _note_view(service, visitor, appointment_id, "viewed")
    return render(request, service, visitor, "appointment_cancel.html", _describe_cancelling(service, appointment_id))


@router.post("/cancel")
def cancel(
    request: Request,
    service: Used,
    visitor: Works,
    appointment_id: int,
    seen: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    def change(session: Session, _opened: Opened) -> str:
        appointments.cancel(session, service.settings.plan, appointment_id, service.now(), visitor.staff.email)
        return "cancelled"

    return _change(request, service, visitor, appointment_id, seen, change)


@router.post("/confirm")
def confirm(
    request: Request,
    service: Used,
    visitor: Works,
    appointment_id: int,
    seen: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """The patient has told a person that they will come."""

    def change(session: Session, opened: Opened) -> str:
        changes.confirm(session, opened, service.now(), visitor.staff.email)
        return "confirmed"

    return _change(request, service, visitor, appointment_id, seen, change)


@router.post("/phoned")
def note_phoned(request: Request, service: Used, visitor: Works, appointment_id: int) -> Response:
    """Somebody has told the patient by phone what the texts would have."""

    def change(session: Session, opened: Opened) -> str:
        changes.mark_phoned(session, opened, service.now(), visitor.staff.email)
        return "phoned"

    return _change(request, service, visitor, appointment_id, None, change)


@router.post("/screening")
def take_screening(
    request: Request,
    service: Used,
    visitor: Works,
    appointment_id: int,
    words: Annotated[str, Form(max_length=5000)] = "",
) -> Response:
    """Somebody has read the answers to the safety questions; ``words``: has asked by phone and writes them down."""

    def change(session: Session, opened: Opened) -> str:
        actor, now, said = visitor.staff.email, service.now(), tidy(words.strip())
        if len(said) > LONGEST_NOTE:
            raise ChangeError("That is too long to be kept here.")
        if said:
            take_down(session, opened.appointment, said, actor, now)
        else:
            mark_seen(session, opened.appointment, actor, now)
        return "screening"

    return _change(request, service, visitor, appointment_id, None, change)


@router.post("/language")
def take_language(
    request: Request,
    service: Used,
    visitor: Works,
    appointment_id: int,
    language: Annotated[str, Form(max_length=20)] = "",
    seen: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    def change(session: Session, opened: Opened) -> str:
        found = find_language(language)
        if found is None:
            raise ChangeError("Choose one of the languages.")
        changes.change_language(session, opened, found.code, service.now(), visitor.staff.email)
        return "language"

    return _change(request, service, visitor, appointment_id, seen, change)


@router.post("/number")
def take_number(
    request: Request,
    service: Used,
    visitor: Works,
    appointment_id: int,
    phone: Annotated[str, Form(max_length=60)] = "",
    agreed: Annotated[bool, Form()] = False,
    seen: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    settings, now, actor = service.settings, service.now(), visitor.staff.email

    def change(session: Session, _opened: Opened) -> str:
        try:
            number = read_phone(phone, settings.default_region)
        except ValueTrouble as error:
            raise ChangeError("The phone number: %(trouble)s", trouble=error.sentence) from error
        appointments.change_number(session, settings.plan, appointment_id, number, now, actor, agreed=agreed)
        return "number"

    return _change(request, service, visitor, appointment_id, seen, change)


@router.post("/outcome")
def take_outcome(
    request: Request,
    service: Used,
    visitor: Works,
    appointment_id: int,
    outcome: Annotated[Outcome, Form()] = Outcome.UNKNOWN,
    seen: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Whether they came; an empty outcome takes it back."""

    def change(session: Session, opened: Opened) -> str:
        changes.note_outcome(session, opened, outcome, service.now(), visitor.staff.email)
        return "outcome"

    return _change(request, service, visitor, appointment_id, seen, change)


@router.post("/again")
def send_again(request: Request, service: Used, visitor: Works, appointment_id: int) -> Response:
    """The last text once more."""

    def change(session: Session, opened: Opened) -> str:
        limits = service.settings.plan.limits
        changes.send_again(session, opened, limits, service.now(), visitor.staff.email)
        return "waits" if _is_quiet(service) else "again"

    return _change(request, service, visitor, appointment_id, None, change)


@router.post("/texts/{text_id}/now")
def send_now(request: Request, service: Used, visitor: Works, appointment_id: int, text_id: int) -> Response:
    """A planned text at once."""

    def change(session: Session, opened: Opened) -> str:
        changes.send_now(session, opened, text_id, service.now(), visitor.staff.email)
        return "waits" if _is_quiet(service) else "now"

    return _change(request, service, visitor, appointment_id, None, change)


def _is_quiet(service: Service) -> bool:
    plan, now = service.settings.plan, service.now()
    return find_allowed(now, plan.zone, plan.quiet) > now


def _change(
    request: Request,
    service: Service,
    visitor: Visitor,
    appointment_id: int,
    seen: str | None,
    change: Callable[[Session, Opened], str],
) -> Response:
    """Make one change, if the appointment is still the version that was ``seen``; else say what is wrong."""
    try:
        with writing(service.engine) as session:
            done = change(session, open_appointment(session, appointment_id, seen))
    except MissingError as error:
        raise HTTPException(404, str(error)) from error
    except (ChangeError, appointments.AppointmentError) as error:
        status = 409 if isinstance(error, OutdatedError) else 400
        return _show(request, service, visitor, appointment_id, trouble=error.sentence, status=status)
    service.sending.wake()
    return RedirectResponse(f"/appointments/{appointment_id}?done={done}", 303)


def _note_view(service: Service, visitor: Visitor, appointment_id: int, action: str) -> None:
    with writing(service.engine) as session:
        if session.get(Appointment, appointment_id) is None:
            raise HTTPException(404, "There is no such appointment.")
        note_event(session, visitor.staff.email, action, "appointment", appointment_id, service.now())


def _show(
    request: Request,
    service: Service,
    visitor: Visitor,
    appointment_id: int,
    *,
    done: str = "",
    trouble: str = "",
    status: int = 200,
    part: Part = "",
) -> Response:
    values = _describe(service, appointment_id) | {"done": DONE.get(done, ""), "trouble": trouble}
    return render(request, service, visitor, "appointment.html", values, status, block=part)


def _describe(service: Service, appointment_id: int) -> dict[str, Any]:
    now = service.now()
    with reading(service.engine) as session:
        clinic = apply_choices(session, service.settings.clinic_facts)
        line = find_line(session, clinic.exams, clinic.zone, appointment_id, now)
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


def _describe_cancelling(service: Service, appointment_id: int) -> dict[str, Any]:
    now = service.now()
    with reading(service.engine) as session:
        clinic = apply_choices(session, service.settings.clinic_facts)
        line = find_line(session, clinic.exams, clinic.zone, appointment_id, now)
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
                "what": one.what,
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
