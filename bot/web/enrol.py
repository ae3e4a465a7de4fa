"""``/enrol``: one appointment, checked while it is typed, with the first text as it will read."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from babel.dates import get_timezone_name
from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from bot.appointments import Enrolled, enrol
from bot.clinic_topics import apply_choices
from bot.database import find_contact, list_texts, note_event, note_look, reading, writing
from bot.known_people import list_used_languages, list_used_places
from bot.models import Appointment, Contact, Patient, TextKind, TextState
from bot.people import Enrolment
from bot.settings import Settings
from bot.signing_in import Visitor
from bot.web.enrol_form import FIELDS, Checked, EnrolForm, check_form, find_first_field, make_example
from bot.web.guard import Works
from bot.web.pages import render
from bot.web.service import Service, Used
from bot.web.wording import read_wording
from messages.languages import LANGUAGES

router = APIRouter()

_MOST_USED = 5
# A text that is due no later than this is said to come in a minute.
_SOON = timedelta(minutes=1)
_JUST_NOW = timedelta(minutes=10)


@router.get("/enrol")
def show_form(request: Request, service: Used, visitor: Works, done: int = 0) -> Response:
    """An empty form; after an enrolment (``done`` is its id) with what became of it, exam and language kept."""
    form, made = EnrolForm(), None
    if done:
        made = _describe_made(service, visitor, done)
        form = EnrolForm(language=made["appointment"].language, exam=made["appointment"].exam)
    return _show(request, service, visitor, form, made=made)


@router.post("/enrol/check")
def check(request: Request, service: Used, visitor: Works, form: Annotated[EnrolForm, Form()]) -> Response:
    """What is to be said of a form that somebody is still filling in."""
    with reading(service.engine) as session:
        checked = _check(session, service, form, finished=False)
    _note_look(service, visitor, checked)
    values = {"form": form, "checked": checked, "seen": checked.warnings, "fields": FIELDS}
    return render(request, service, visitor, "enrol_checks.html", values, block="checks")


@router.post("/enrol")
def take_form(request: Request, service: Used, visitor: Works, form: Annotated[EnrolForm, Form()]) -> Response:
    with reading(service.engine) as session:
        checked = _check(session, service, form, finished=True)
    _note_look(service, visitor, checked)
    if not checked.is_good or checked.warnings - set(form.seen.split()):
        return _show(request, service, visitor, form, checked, status=422)
    enrolled = _save(service.engine, service.settings, checked.draft, service.now(), visitor.staff.email)
    if enrolled.appointment_id is None:
        raise HTTPException(409, "The time of this appointment has just passed.")
    service.sending.wake()
    return RedirectResponse(f"/enrol?done={enrolled.appointment_id}", 303)


def _check(session: Session, service: Service, form: EnrolForm, *, finished: bool) -> Checked:
    settings = service.settings
    clinic = apply_choices(session, settings.clinic_facts)
    return check_form(session, form, clinic, settings.plan, service.now(), finished=finished)


def _note_look(service: Service, visitor: Visitor, checked: Checked) -> None:
    people = [*checked.known.others, *([checked.known.patient] if checked.known.patient else [])]
    if people:
        with writing(service.engine) as session:
            for contact_id in {patient.contact_id for patient in people}:
                note_look(session, visitor.staff.email, "contact", contact_id, service.now())


def _save(engine: Engine, settings: Settings, enrolment: Enrolment, now: datetime, actor: str) -> Enrolled:
    """Enrol, and let the number read the language that staff have just chosen for it."""
    with writing(engine) as session:
        [enrolled] = enrol(session, settings.plan, [enrolment], now, actor)
        contact = find_contact(session, enrolment.phone) if enrolled.appointment_id else None
        if contact is not None and contact.language != enrolment.language:
            detail = f"{contact.language} to {enrolment.language}"
            contact.language = enrolment.language
            session.add(contact)
            note_event(session, actor, "changed language", "contact", contact.id or 0, now, detail)
    return enrolled


def _describe_made(service: Service, visitor: Visitor, appointment_id: int) -> dict[str, Any]:
    """What the page says of an appointment that was just enrolled."""
    now = service.now()
    with writing(service.engine) as session:
        query = (
            select(Appointment, Patient, Contact)
            .join(Patient, col(Appointment.patient_id) == col(Patient.id))
            .join(Contact, col(Patient.contact_id) == col(Contact.id))
            .where(Appointment.id == appointment_id)
        )
        found = session.exec(query).first()
        if found is None:
            raise HTTPException(404, "There is no such appointment.")
        appointment, patient, contact = found
        note_event(session, visitor.staff.email, "viewed", "appointment", appointment_id, now)
        mine = [text for text in list_texts(session, appointment_id) if not text.for_companion]
    going = [text for text in mine if text.kind != TextKind.REPLY and text.state != TextState.SKIPPED]
    is_new = appointment.created_at > now - _JUST_NOW
    # By the time of this page the first one may be out already.
    first_at = min((text.due_at for text in going if is_new or text.state == TextState.PLANNED), default=None)
    return {
        "appointment": appointment,
        "patient": patient,
        "contact": contact,
        "silent": contact.refused_at is not None or contact.opted_out_at is not None,
        "first_at": first_at.astimezone(service.settings.clinic_facts.zone) if first_at else None,
        "soon": first_at is not None and first_at <= now + _SOON,
    }


def _show(
    request: Request,
    service: Service,
    visitor: Visitor,
    form: EnrolForm,
    checked: Checked | None = None,
    made: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    clinic = service.settings.clinic_facts
    with reading(service.engine) as session:
        checked = checked or _check(session, service, form, finished=False)
        most_used = list_used_languages(session)[:_MOST_USED]
        places = list_used_places(session)
    locale = read_wording(visitor.staff.language).locale
    names = {language.code: language.locale().get_display_name(locale) or language.name for language in LANGUAGES}
    others = sorted((code for code in names if code not in most_used), key=lambda code: names[code].casefold())
    values = {
        "form": form,
        "checked": checked,
        "sent": status != 200,
        "made": made,
        "seen": checked.warnings,
        "exams": clinic.exams.by_code.values(),
        "most_used": most_used,
        "other_languages": others,
        "places": places,
        "example": make_example(clinic.region),
        "zone": get_timezone_name(clinic.zone, locale=locale),
        "go_to": find_first_field(checked.notes) if status != 200 else "",
    }
    return render(request, service, visitor, "enrol.html", values, status)
