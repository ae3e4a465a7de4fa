"""The simulated phone, where nothing is really sent: staff see and write what a patient would."""

import secrets
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session, col, func, select

from bot.conversations import name_contacts
from bot.database import list_thread, reading
from bot.inbox import take_in
from bot.models import Contact, IncomingText, OutgoingText, Patient, TextState
from bot.provider import Inbound
from bot.web.guard import Works
from bot.web.pages import render
from bot.web.service import Service, Used
from messages.languages import get_language
from messages.reply_words import get_reply_words

_MOST_CHARACTERS = 1600
# The newest: a sandbox may hold a whole clinic.
_MOST_PHONES = 50
_OFFERED_TOPICS = ("metal", "implants", "contrast", "where")
# Where we understand whole questions; elsewhere a patient uses the keywords.
_QUESTIONS = {
    "en": ["What do I do with my ring?"],
    "es": ["¿Qué hago con mi anillo?"],
    "zh_Hans": ["我的戒指怎么办？"],
    "ar": ["ماذا أفعل بخاتمي؟"],
    "ht": ["Kisa pou m fè ak bag mwen?"],
}
router = APIRouter()


@router.get("/phone")
def show_phones(request: Request, service: Used, visitor: Works) -> Response:
    with reading(service.engine) as session:
        return render(request, service, visitor, "phone.html", {"phones": _list_phones(session), "chosen": None})


@router.get("/phone/{contact_id}")
def show_phone(request: Request, service: Used, visitor: Works, contact_id: int) -> Response:
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
    return render(request, service, visitor, "phone.html", values)


@router.get("/phone/{contact_id}/thread")
def show_thread(request: Request, service: Used, visitor: Works, contact_id: int) -> Response:
    with reading(service.engine) as session:
        _get_contact(session, contact_id)
        thread = _describe_thread(service, list_thread(session, contact_id))
    return render(request, service, visitor, "thread.html", {"thread": thread})


@router.post("/phone/{contact_id}")
def send(service: Used, _visitor: Works, contact_id: int, text: Annotated[str, Form()] = "") -> Response:
    """The patient presses Send: taken in exactly as a text that came through the provider."""
    body = text.strip()[:_MOST_CHARACTERS]
    with reading(service.engine) as session:
        phone = _get_contact(session, contact_id).phone
    if body:
        inbound = Inbound(f"SB{secrets.token_hex(16)}", phone, body)
        take_in(service.engine, service.settings.clinic_facts, inbound, service.now())
        service.sending.wake()
    return RedirectResponse(f"/phone/{contact_id}", status_code=303)


def _get_contact(session: Session, contact_id: int) -> Contact:
    contact = session.get(Contact, contact_id)
    if contact is None or not session.exec(select(Patient.id).where(Patient.contact_id == contact_id).limit(1)).first():
        raise HTTPException(404, "no patient has this phone")
    return contact


def _list_phones(session: Session) -> list[dict[str, Any]]:
    query = select(Contact).where(col(Contact.id).in_(select(Patient.contact_id))).order_by(col(Contact.id).desc())
    contacts = session.exec(query.limit(_MOST_PHONES)).all()
    ids = [contact.id for contact in contacts]
    names, last = name_contacts(session, ids), _find_last(session, ids)
    return [
        {
            "id": contact.id,
            "name": ", ".join(names.get(contact.id or 0, ())),
            "language": get_language(contact.language),
            "last": last.get(contact.id, ""),
        }
        for contact in reversed(contacts)
    ]


def _find_last(session: Session, ids: Sequence[int | None]) -> dict[int | None, str]:
    """The words on each phone that came last."""
    left_at = func.coalesce(OutgoingText.sent_at, OutgoingText.due_at)
    ours = select(OutgoingText.contact_id, left_at, OutgoingText.body).where(
        col(OutgoingText.contact_id).in_(ids), col(OutgoingText.state).in_((TextState.SENT, TextState.DELIVERED))
    )
    theirs = select(IncomingText.contact_id, IncomingText.received_at, IncomingText.body).where(
        col(IncomingText.contact_id).in_(ids)
    )
    # Sorted by time alone, an answer stays after its question within one moment.
    texts = sorted([*session.exec(theirs), *session.exec(ours)], key=lambda text: text[1])
    return {contact_id: body for contact_id, _, body in texts}


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
    words = get_reply_words(language).topics
    return [*(words[topic] for topic in _OFFERED_TOPICS), *_QUESTIONS.get(language, ())]
