"""The clinic's settings and its health: what holds sending up, what waits, how well texts arrive."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session, col, select

from bot.clinic_details import DETAILS, DetailError, read_details, set_details
from bot.database import note_event, reading, writing
from bot.history import list_days, list_kept
from bot.holds import get_hold, list_problems, pause, resume
from bot.measures import count_queue
from bot.models import OutgoingText
from bot.settings import Settings
from bot.signing_in import Visitor
from bot.web.guard import Looks, Rules, Works
from bot.web.pages import render
from bot.web.service import Service, Used
from bot.web.wording import word
from messages.languages import get_language

router = APIRouter(prefix="/clinic")

# The figures of two weeks are counted anew this often at most.
_FRESH_S = 60
_LAST = 8
_LABELS = {"name": word("Name"), "phone": word("Phone"), "address": word("Address")}


@router.get("")
def show_clinic(
    request: Request, service: Used, visitor: Looks, part: bool = False, done: Literal["", "details"] = ""
) -> Response:
    return _show(request, service, visitor, part=part, done=bool(done))


def _show(
    request: Request,
    service: Service,
    visitor: Visitor,
    *,
    part: bool = False,
    done: bool = False,
    wanted: dict[str, str] | None = None,
    trouble: str = "",
) -> Response:
    settings, zone = service.settings, service.settings.clinic_facts.zone
    with reading(service.engine) as session:
        hold = get_hold(session)
        values: dict[str, Any] = {
            "problems": list_problems(session),
            "paused_at": hold.paused_at.astimezone(zone) if hold.paused_at else None,
            "hold": hold,
            "figures": _count(service, session),
            "queue": count_queue(session, service.now()),
            "last": [
                {"id": row.id, "at": row.sent_at.astimezone(zone), "state": row.state, "language": row.language}
                for row in _list_last(session)
                if row.sent_at
            ],
            "details": _describe_details(settings, wanted or read_details(session)),
        }
    values |= {
        "settings": settings,
        "sender": _name_sender(service),
        "waiting_on_disk": service.spool.count(),
        "done": done,
        "trouble": trouble,
    }
    page = "clinic_health.html" if part else "clinic.html"
    return render(request, service, visitor, page, values, 400 if trouble else 200)


def _describe_details(settings: Settings, given: dict[str, str]) -> list[dict[str, Any]]:
    """The fields of the form: what was set here, and what ``.env`` says."""
    return [
        {
            "name": detail.name,
            "label": _LABELS[detail.name],
            "words": given.get(detail.name, ""),
            "standing": getattr(settings, detail.setting.lower()),
            "most": detail.most,
        }
        for detail in DETAILS
    ]


@router.post("/details")
def take_details(
    request: Request,
    service: Used,
    visitor: Rules,
    name: Annotated[str, Form(max_length=500)] = "",
    phone: Annotated[str, Form(max_length=500)] = "",
    address: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """What texts say of the clinic; an empty field is as in ``.env``."""
    wanted = {"name": name, "phone": phone, "address": address}
    try:
        with writing(service.engine) as session:
            set_details(session, wanted, visitor.staff.email, service.now())
    except DetailError as error:
        return _show(request, service, visitor, wanted=wanted, trouble=error.sentence)
    return RedirectResponse("/clinic?done=details", 303)


@router.post("/pause")
def take_pause(service: Used, visitor: Works, reason: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Whoever sees that something goes wrong may stop it; answers to patients still go out."""
    with writing(service.engine) as session:
        pause(session, visitor.staff.email, reason.strip() or word("no reason given"), service.now())
        note_event(session, visitor.staff.email, "paused reminders", "sending_hold", 1, service.now(), reason.strip())
    return RedirectResponse("/clinic", 303)


@router.post("/resume")
def take_resume(service: Used, visitor: Rules) -> Response:
    with writing(service.engine) as session:
        resume(session, service.now())
        note_event(session, visitor.staff.email, "resumed reminders", "sending_hold", 1, service.now())
    service.sending.wake()
    return RedirectResponse("/clinic", 303)


def _count(service: Service, session: Session) -> dict[str, Any]:
    """What takes long to count, as it was up to a minute ago."""
    known = service.figures.get("clinic")
    if known is None or (service.now() - known[0]).total_seconds() >= _FRESH_S:
        days, languages = list_days(session, service.settings.clinic_facts.zone, service.now())
        known = (
            service.now(),
            {
                "days": days,
                "most": max([1, *(max(day.sent, day.answered) for day in days)]),
                "languages": [{"it": one, "language": get_language(one.language)} for one in languages],
                "kept": [
                    {"it": kept, "language": get_language(kept.language)} for kept in list_kept(session, service.now())
                ],
            },
        )
        service.figures["clinic"] = known
    return known[1]


def _list_last(session: Session) -> list[OutgoingText]:
    """The texts that left last. Ids grow with planning, not with sending, so the newest replies may come first."""
    query = select(OutgoingText).where(col(OutgoingText.sent_at).is_not(None)).order_by(col(OutgoingText.id).desc())
    return list(session.exec(query.limit(_LAST)))


def _name_sender(service: Service) -> str:
    settings = service.settings
    if settings.sender == "sandbox":
        return word("Nothing is really sent: the simulated phone gets the texts")
    return settings.twilio_messaging_service_sid or settings.twilio_from_number
