"""The demo's pages: the appointments with their texts, and the simulated phone. They have no sign-in."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from babel.dates import format_datetime
from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from sqlmodel import Session, col, select

from bot.database import list_thread, reading, writing
from bot.inbox import receive
from bot.models import Contact, IncomingText, OutgoingText, Patient
from bot.provider import Inbound
from bot.reports import describe_appointment, describe_appointments, describe_tasks
from bot.web.service import Service, Used
from messages.languages import get_language
from messages.segments import tidy
from messages.words import read_words

_TEMPLATES = Jinja2Templates(directory=Path(__file__).with_name("templates"))
_MOST_CHARACTERS = 1600


def _write_moment(moment: datetime | str) -> str:
    """A local time for staff: ``Wed Nov 25, 10:30 AM``."""
    local = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return tidy(format_datetime(local, "EEE MMM d, h:mm a", locale="en"))


_TEMPLATES.env.filters["moment"] = _write_moment
_LOCAL_NAMES = {"127.0.0.1", "localhost", "::1", "testserver"}
_OFFERED_TOPICS = ("metal", "implants", "contrast", "where")
# Where we understand whole questions; elsewhere a patient uses the keywords.
_QUESTIONS = {
    "en": ["What do I do with my ring?"],
    "es": ["¿Qué hago con mi anillo?"],
    "zh_Hans": ["我的戒指怎么办？"],
    "ar": ["ماذا أفعل بخاتمي؟"],
    "ht": ["Kisa pou m fè ak bag mwen?"],
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def _stay_local(request: Request) -> None:
    """Answer this machine's own browser alone: no other site may post here, nor pose as this one."""
    if (request.url.hostname or "") not in _LOCAL_NAMES:
        raise HTTPException(400, "the demo answers on this machine only")
    origin = request.headers.get("Origin")
    if origin and urlsplit(origin).netloc != request.headers.get("Host"):
        raise HTTPException(403, "another site sent this")


router = APIRouter(dependencies=[Depends(_stay_local)], default_response_class=HTMLResponse)


@router.get("/")
def show_desk(request: Request, service: Used) -> Response:
    return _render(request, service, "desk.html", _describe_desk(service))


@router.get("/desk")
def show_desk_part(request: Request, service: Used) -> Response:
    """The part of the front desk that changes."""
    return _render(request, service, "desk_part.html", _describe_desk(service))


@router.get("/phone")
def show_phones(request: Request, service: Used) -> Response:
    with reading(service.engine) as session:
        return _render(request, service, "phone.html", {"phones": _list_phones(session), "chosen": None})


@router.get("/phone/{contact_id}")
def show_phone(request: Request, service: Used, contact_id: int) -> Response:
    with reading(service.engine) as session:
        contact = _get_contact(session, contact_id)
        values = {
            "phones": _list_phones(session),
            "chosen": contact,
            "language": get_language(contact.language),
            "name": _name(session, contact_id),
            "thread": _describe_thread(service, list_thread(session, contact_id)),
            "offers": _list_offers(contact.language),
        }
    return _render(request, service, "phone.html", values)


@router.get("/phone/{contact_id}/thread")
def show_thread(request: Request, service: Used, contact_id: int) -> Response:
    with reading(service.engine) as session:
        _get_contact(session, contact_id)
        thread = _describe_thread(service, list_thread(session, contact_id))
    return _render(request, service, "thread.html", {"thread": thread})


@router.post("/phone/{contact_id}")
def send(service: Used, contact_id: int, text: Annotated[str, Form()] = "") -> Response:
    """The patient presses Send: taken in exactly as a text that came through the provider."""
    body = text.strip()[:_MOST_CHARACTERS]
    with writing(service.engine) as session:
        contact = _get_contact(session, contact_id)
        if body:
            inbound = Inbound(f"SB{secrets.token_hex(16)}", contact.phone, body)
            receive(session, service.settings.clinic_facts, inbound, service.now())
    service.sending.wake()
    return RedirectResponse(f"/phone/{contact_id}", status_code=303)


def _render(request: Request, service: Service, template: str, values: dict[str, Any]) -> Response:
    clinic = service.settings.clinic_facts
    return _TEMPLATES.TemplateResponse(request, template, {"clinic": clinic, **values}, headers=_HEADERS)


def _describe_desk(service: Service) -> dict[str, Any]:
    zone = service.settings.clinic_facts.zone
    with reading(service.engine) as session:
        rows = describe_appointments(session, zone, None, None)
        appointments = [describe_appointment(session, row["id"], zone) or row for row in rows]
        tasks = describe_tasks(session, zone)
    for appointment in appointments:
        appointment["exam_name"] = service.settings.exams.get(appointment["exam"]).title
        appointment["language_name"] = get_language(appointment["language"]).name
        appointment["open_tasks"] = [task for task in appointment["tasks"] if task["state"] != "done"]
        for text in appointment["texts"]:
            text["dir"] = get_language(text.get("language") or appointment["language"]).direction
    return {"appointments": appointments, "tasks": tasks}


def _get_contact(session: Session, contact_id: int) -> Contact:
    contact = session.get(Contact, contact_id)
    if contact is None or not session.exec(select(Patient.id).where(Patient.contact_id == contact_id).limit(1)).first():
        raise HTTPException(404, "no patient has this phone")
    return contact


def _list_phones(session: Session) -> list[dict[str, Any]]:
    rows = session.exec(
        select(Contact).where(col(Contact.id).in_(select(Patient.contact_id))).order_by(col(Contact.id))
    )
    phones = []
    for contact in rows:
        thread = list_thread(session, contact.id or 0)
        language = get_language(contact.language)
        phones.append(
            {
                "id": contact.id,
                "name": _name(session, contact.id or 0),
                "language": language,
                "last": thread[-1].body if thread else "",
            }
        )
    return phones


def _name(session: Session, contact_id: int) -> str:
    names = session.exec(select(Patient.given_name).where(Patient.contact_id == contact_id).order_by(col(Patient.id)))
    return ", ".join(names)


def _describe_thread(service: Service, thread: Sequence[OutgoingText | IncomingText]) -> list[dict[str, Any]]:
    zone = service.settings.clinic_facts.zone
    bubbles = []
    for row in thread:
        ours = isinstance(row, OutgoingText)
        moment = (row.sent_at or row.due_at) if isinstance(row, OutgoingText) else row.received_at
        language = get_language(row.language) if isinstance(row, OutgoingText) and row.language else None
        bubbles.append({"ours": ours, "body": row.body, "at": moment.astimezone(zone), "language": language})
    return bubbles


def _list_offers(language: str) -> list[str]:
    """What a patient might text: a few of the keywords and, where we know how people ask, a question."""
    shown = read_words(language).shown_topics
    return [*(shown[topic] for topic in _OFFERED_TOPICS), *_QUESTIONS.get(language, ())]
