"""The inbox: the conversations, unread ones first, and one of them as a phone shows it."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from bot.clinic_topics import apply_choices
from bot.conversations import (
    BY_HAND,
    LONGEST,
    ReplyError,
    find_appointments,
    list_latest,
    list_read,
    list_unread,
    mark_read,
    name_contacts,
    send_by_hand,
)
from bot.database import make_visit, note_event, reading, writing
from bot.models import Contact, IncomingText, OutgoingText, Role, TextState
from bot.signing_in import Visitor
from bot.web.guard import Looks, Works, may
from bot.web.pages import render
from bot.web.saved_replies import SAVED, write_saved
from bot.web.service import Service, Used
from bot.web.wording import word
from bot.worklist import hand_back_conversation, label_text, take_conversation
from messages.facts import Visit
from messages.languages import get_language, is_written_like
from messages.segments import measure
from messages.topics import TOPICS
from messages.understand import INTENTS

router = APIRouter(prefix="/inbox")

_PAGE, _THREAD = 40, 100

# What a text was taken for, as staff say it.
MEANINGS = {
    "stop": word("no more texts"),
    "start": word("texts again"),
    "help": word("wants a person"),
    "confirm": word("will come"),
    "change": word("change or cancel"),
    "menu": word("asked for the topics"),
    "language": word("another language"),
    "more": word("asked for more"),
    "question": word("question"),
    "report": word("reports an implant, allergy or risk"),
    "yes": word("yes"),
    "no": word("no"),
    "thanks": word("thanks"),
    "wrong_number": word("wrong number"),
    "emergency": word("emergency"),
    "unknown": word("not understood"),
}
_STATES = {
    TextState.PLANNED: (word("on its way"), ""),
    TextState.SENDING: (word("on its way"), ""),
    TextState.UNKNOWN: (word("being checked"), "warn"),
    TextState.SENT: (word("sent"), ""),
    TextState.DELIVERED: (word("delivered"), "good"),
    TextState.FAILED: (word("did not arrive"), "bad"),
    TextState.SKIPPED: (word("not sent"), "bad"),
}


@router.get("")
def show_inbox(request: Request, service: Used, visitor: Looks, behind: str = "", part: bool = False) -> Response:
    values = {"chosen": None, **_list(service, behind)}
    return render(request, service, visitor, "inbox_list.html" if part else "inbox.html", values)


@router.get("/{contact_id}")
def show_conversation(
    request: Request, service: Used, visitor: Looks, contact_id: int, part: bool = False, saved: str = ""
) -> Response:
    """One conversation. Whoever may answer has read it then; ``saved`` puts a saved reply into the form."""
    if not part:
        with writing(service.engine) as session:
            contact = _get(session, contact_id)
            if may(visitor, Role.STAFF):
                mark_read(contact)
                session.add(contact)
            note_event(session, visitor.staff.email, "viewed", "contact", contact_id, service.now())
    return _show(request, service, visitor, contact_id, saved=saved, part=part)


@router.post("/{contact_id}/reply")
def take_reply(
    request: Request,
    service: Used,
    visitor: Works,
    contact_id: int,
    words: Annotated[str, Form(max_length=5000)] = "",
    saved: Annotated[str, Form(max_length=60)] = "",
    do: Annotated[str, Form(max_length=20)] = "send",
) -> Response:
    """``do``: ``check`` counts and warns, ``send`` sends. A saved reply left as it was is in their language."""
    if do == "check":
        with reading(service.engine) as session:
            cost = _weigh(words, _get(session, contact_id).language)
        return render(request, service, visitor, "cost.html", {"cost": cost})
    try:
        with writing(service.engine) as session:
            contact = _get(session, contact_id)
            offered = _write_saved(session, service, contact, saved)
            language = contact.language if offered and offered == words.strip().replace("\r\n", "\n") else ""
            send_by_hand(session, contact, words.replace("\r\n", "\n"), language, visitor.staff.email, service.now())
    except ReplyError as error:
        return _show(request, service, visitor, contact_id, draft=words, trouble=error.sentence, status=400)
    service.sending.wake()
    return RedirectResponse(f"/inbox/{contact_id}", 303)


@router.post("/{contact_id}/take")
def take_over(service: Used, visitor: Works, contact_id: int) -> Response:
    """The bot is quiet in this conversation until it is handed back."""
    with writing(service.engine) as session:
        contact = _get(session, contact_id)
        take_conversation(contact, visitor.staff.email, service.now())
        session.add(contact)
        note_event(session, visitor.staff.email, "took over", "contact", contact_id, service.now())
    return RedirectResponse(f"/inbox/{contact_id}", 303)


@router.post("/{contact_id}/hand-back")
def hand_back(service: Used, visitor: Works, contact_id: int) -> Response:
    with writing(service.engine) as session:
        contact = _get(session, contact_id)
        hand_back_conversation(contact)
        session.add(contact)
        note_event(session, visitor.staff.email, "handed back", "contact", contact_id, service.now())
    return RedirectResponse(f"/inbox/{contact_id}", 303)


@router.post("/{contact_id}/unread")
def leave_unread(service: Used, visitor: Works, contact_id: int) -> Response:
    """Keep it for later, or for somebody else."""
    with writing(service.engine) as session:
        contact = _get(session, contact_id)
        contact.unread_since = contact.unread_since or contact.heard_at or service.now()
        session.add(contact)
        note_event(session, visitor.staff.email, "left unread", "contact", contact_id, service.now())
    return RedirectResponse("/inbox", 303)


@router.post("/{contact_id}/texts/{text_id}/label")
def take_label(
    service: Used,
    visitor: Works,
    contact_id: int,
    text_id: int,
    meaning: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Note what a text really meant: an intent, or an intent with its detail after a colon."""
    intent, _, detail = meaning.partition(":")
    with writing(service.engine) as session:
        text = session.get(IncomingText, text_id)
        if text is None or text.contact_id != contact_id:
            raise HTTPException(404, "There is no such text.")
        try:
            label_text(text, intent, detail or None, visitor.staff.email, service.now())
        except ValueError as error:
            raise HTTPException(400, "Choose what the text meant.") from error
        session.add(text)
        note_event(session, visitor.staff.email, "labelled", "incoming_text", text_id, service.now(), meaning)
    return RedirectResponse(f"/inbox/{contact_id}#text-{text_id}", 303)


def _get(session: Session, contact_id: int) -> Contact:
    contact = session.get(Contact, contact_id)
    if contact is None:
        raise HTTPException(404, "There is no such conversation.")
    return contact


def _list(service: Service, behind: str) -> dict[str, Any]:
    heard_before, id_below = _read_place(behind)
    with reading(service.engine) as session:
        unread = [] if behind else list_unread(session, _PAGE)
        read = list_read(session, _PAGE + 1, heard_before, id_below)
    zone = service.settings.clinic_facts.zone
    shown = [{"it": one, "at": one.contact.heard_at.astimezone(zone)} for one in read[:_PAGE] if one.contact.heard_at]
    waiting = [
        {"it": one, "at": one.contact.unread_since.astimezone(zone)} for one in unread if one.contact.unread_since
    ]
    return {
        "waiting": waiting,
        "read": shown,
        "older": read[_PAGE - 1].key if len(read) > _PAGE else "",
        "meanings": MEANINGS,
        "behind": behind,
    }


def _read_place(behind: str) -> tuple[datetime | None, int]:
    stamp, _, contact_id = behind.partition("-")
    try:
        return datetime.fromtimestamp(float(stamp), UTC), int(contact_id)
    except (ValueError, OverflowError, OSError):
        return None, 0


def _show(
    request: Request,
    service: Service,
    visitor: Visitor,
    contact_id: int,
    *,
    saved: str = "",
    draft: str = "",
    trouble: str = "",
    status: int = 200,
    part: bool = False,
) -> Response:
    clinic, now = service.settings.clinic_facts, service.now()
    with reading(service.engine) as session:
        contact = _get(session, contact_id)
        thread = [_describe(service, row) for row in list_latest(session, contact_id, _THREAD)]
        appointments = [
            {
                "id": appointment.id,
                "name": patient.given_name,
                "at": appointment.starts_at.astimezone(clinic.zone),
                "exam": service.settings.exams.get(appointment.exam).title
                if appointment.exam in service.settings.exams.list_codes()
                else appointment.exam,
                "companion": patient.companion_id == contact_id and patient.contact_id != contact_id,
            }
            for appointment, patient in find_appointments(session, contact_id, now)
        ]
        names = name_contacts(session, [contact_id]).get(contact_id, ())
        draft = draft or _write_saved(session, service, contact, saved)
    language = get_language(contact.language)
    held = contact.held_until is not None and contact.held_until > now
    values = {
        "chosen": contact,
        "names": names,
        "language": language,
        "thread": thread,
        "appointments": appointments,
        "held_by": contact.held_by if held else "",
        "held_until": contact.held_until.astimezone(clinic.zone) if held and contact.held_until else None,
        "saved_replies": SAVED,
        "saved": saved if draft else "",
        "draft": draft,
        "cost": _weigh(draft, contact.language),
        "longest": LONGEST,
        "trouble": trouble,
        "meanings": MEANINGS,
        "labels": _list_labels(),
        **({} if part else _list(service, "")),
    }
    return render(request, service, visitor, "inbox_thread.html" if part else "inbox.html", values, status)


def _describe(service: Service, row: OutgoingText | IncomingText) -> dict[str, Any]:
    zone = service.settings.clinic_facts.zone
    if isinstance(row, IncomingText):
        return {
            "id": row.id,
            "ours": False,
            "body": row.body,
            "media": row.media,
            "at": row.received_at.astimezone(zone),
            "meaning": row.intent,
            "detail": _name_detail(row.intent, row.detail),
            "label": row.label_intent,
            "label_detail": _name_detail(row.label_intent, row.label_detail),
        }
    state, tone = _STATES[row.state]
    return {
        "id": row.id,
        "ours": True,
        "body": row.body,
        "at": (row.sent_at or row.due_at).astimezone(zone),
        "language": get_language(row.language) if row.language else None,
        "state": state,
        "tone": tone,
        "by": (row.step or "").removeprefix(BY_HAND) if (row.step or "").startswith(BY_HAND) else "",
    }


def _name_detail(meaning: str, detail: str | None) -> str:
    if meaning == "question":
        return next((topic.question for topic in TOPICS if topic.code == detail), "")
    return detail or ""


def _list_labels() -> list[tuple[str, str, str]]:
    """What a text may be said to mean: its code, its name, and for a question what about."""
    labels = [(intent, MEANINGS[intent], "") for intent in INTENTS if intent not in ("question", "report", "language")]
    labels += [(f"question:{topic.code}", MEANINGS["question"], topic.question) for topic in TOPICS]
    labels += [("report:implant", word("reports an implant"), ""), ("report:allergy", word("reports an allergy"), "")]
    labels += [("report", word("reports another risk"), ""), ("language", MEANINGS["language"], "")]
    return labels


def _write_saved(session: Session, service: Service, contact: Contact, name: str) -> str:
    """A saved reply in the contact's language; empty if there is no such one."""
    if name not in SAVED:
        return ""
    clinic = apply_choices(session, service.settings.clinic_facts)
    visit: Visit | None = None
    for appointment, patient in find_appointments(session, contact.id or 0, service.now()):
        if appointment.starts_at > service.now() and appointment.exam in service.settings.exams.list_codes():
            visit = make_visit(appointment, patient, service.settings.exams, name_needed=False)
            break
    return write_saved(name, contact.language, clinic, visit)


def _weigh(words: str, language: str) -> dict[str, Any]:
    """What a text costs, and whether its script is one that this patient's language is not written in."""
    measured = measure(words.strip()) if words.strip() else None
    return {
        "segments": measured.segments if measured else 0,
        "small": measured is None or measured.encoding == "GSM-7",
        "characters": len(words.strip()),
        "foreign": not is_written_like(words, get_language(language)),
    }
