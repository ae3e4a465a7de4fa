"""The first page: the days ahead, and who will hear nothing or arrive unprepared."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from bot.database import note_event, reading, writing
from bot.models import AppointmentStatus, Outcome
from bot.overview import Line, Reached, Wanted, count_troubled, find_lines, list_lines
from bot.signing_in import Visitor
from bot.troubles import HEARS_NOTHING, Trouble, say
from bot.web.day_list import find_tone
from bot.web.guard import Looks
from bot.web.pages import render
from bot.web.service import Service, Used
from bot.web.wording import word
from messages.languages import LANGUAGES

router = APIRouter()

DAYS = (1, 3, 7, 14, 30)
_PAGE = 60
_TROUBLED = 6

REACHED = {
    Reached.DELIVERED: word("delivered"),
    Reached.SENT: word("sent"),
    Reached.FAILED: word("not reached"),
    Reached.PLANNED: word("planned"),
    Reached.NOTHING: word("no text planned"),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address of the page says: from which day, how many, and which appointments of them."""

    start: date | None
    days: int
    language: str
    exam: str
    trouble: bool
    after: str

    def write(self, **changes: Any) -> str:
        """The address with these filters, and what is different."""
        wanted = replace(self, **changes)
        said = {
            "start": wanted.start.isoformat() if wanted.start else "",
            "days": "" if wanted.days == DAYS[3] else str(wanted.days),
            "language": wanted.language,
            "exam": wanted.exam,
            "trouble": "1" if wanted.trouble else "",
            "after": wanted.after,
        }
        return "/?" + urlencode({name: value for name, value in said.items() if value})


def _read_filters(
    start: Annotated[str, Query(max_length=10)] = "",
    days: int = DAYS[3],
    language: Annotated[str, Query(max_length=20)] = "",
    exam: Annotated[str, Query(max_length=60)] = "",
    trouble: bool = False,
    after: Annotated[str, Query(max_length=60)] = "",
) -> Filters:
    """What cannot be meant is left out: an old or mistyped address shows the page all the same."""
    try:
        day = date.fromisoformat(start) if start else None
    except ValueError:
        day = None
    return Filters(day, days if days in DAYS else DAYS[3], language, exam, trouble, after)


Filtered = Annotated[Filters, Depends(_read_filters)]


@router.get("/")
def show_today(request: Request, service: Used, visitor: Looks, filters: Filtered, part: bool = False) -> Response:
    if not part:
        _note_view(service, visitor)
    return render(request, service, visitor, "today.html", _describe(service, filters), block="live" if part else "")


@router.post("/")
def search(
    request: Request, service: Used, visitor: Looks, words: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """Find appointments by name, phone or record number. None of these gets into an address."""
    if not words.strip():
        return RedirectResponse("/", 303)
    _note_view(service, visitor, "searched")
    now, zone = service.now(), service.settings.clinic_facts.zone
    with reading(service.engine) as session:
        lines = find_lines(session, service.settings.exams, zone, words, now, service.settings.calendar)
    values = _describe_choices(service, _read_filters()) | {
        "words": words.strip(),
        "found": len(lines),
        "days": _group(service, lines, now),
    }
    return render(request, service, visitor, "today.html", values)


def _note_view(service: Service, visitor: Visitor, action: str = "viewed") -> None:
    with writing(service.engine) as session:
        note_event(session, visitor.staff.email, action, "appointment", 0, service.now())


def _describe(service: Service, filters: Filters) -> dict[str, Any]:
    now, zone, exams = service.now(), service.settings.clinic_facts.zone, service.settings.exams
    first = filters.start or now.astimezone(zone).date()
    start, end = (
        datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
        for day in (first, first + timedelta(days=filters.days))
    )
    wanted = Wanted(start, end, filters.language, filters.exam, filters.trouble, _read_place(filters.after))
    calendar, troubled = service.settings.calendar, list[Line]()
    with reading(service.engine) as session:
        lines, more = list_lines(session, exams, zone, wanted, now, _PAGE, calendar)
        count = count_troubled(session, exams, zone, replace(wanted, after=None), now, calendar)
        if count and not (wanted.trouble or wanted.after):
            troubled, _ = list_lines(session, exams, zone, replace(wanted, trouble=True), now, _TROUBLED, calendar)
    last = lines[-1].appointment if lines else None
    return _describe_choices(service, filters) | {
        "words": "",
        "part": filters.write() + ("&" if len(filters.write()) > 2 else "") + "part=1",
        "troubled": [describe_line(service, line, now) for line in troubled],
        "troubled_count": count,
        "days": _group(service, lines, now),
        "later": filters.write(after=f"{last.starts_at.isoformat()}_{last.id}") if more and last else "",
    }


def _describe_choices(service: Service, filters: Filters) -> dict[str, Any]:
    return {
        "filters": filters,
        "today": service.now().astimezone(service.settings.clinic_facts.zone).date(),
        "choices": DAYS,
        "languages": [language.code for language in LANGUAGES],
        "exams": list(service.settings.exams.by_code.values()),
    }


def _read_place(after: str) -> tuple[datetime, int] | None:
    moment, _, row_id = after.rpartition("_")
    try:
        # A plus in an address is a space unless it is written otherwise.
        at = datetime.fromisoformat(moment.replace(" ", "+"))
        return (at, int(row_id)) if at.tzinfo else None
    except ValueError:
        return None


def _group(service: Service, lines: Iterable[Line], now: datetime) -> list[tuple[date, list[dict[str, Any]]]]:
    described = [describe_line(service, line, now) for line in lines]
    return [(day, list(group)) for day, group in groupby(described, lambda line: line["starts_at"].date())]


def describe_line(service: Service, line: Line, now: datetime) -> dict[str, Any]:
    """One appointment as the pages show it, with words for what is wrong."""
    zone, appointment = service.settings.clinic_facts.zone, line.appointment
    exam = service.settings.exams.by_code.get(appointment.exam)
    return {
        "id": appointment.id,
        "name": line.patient.given_name,
        "phone": line.contact.phone,
        "starts_at": appointment.starts_at.astimezone(zone),
        "left": appointment.starts_at - now,
        "exam": exam.title if exam else appointment.exam,
        "extras": [name for name, has in _EXTRAS.items() if getattr(appointment, has)],
        "language": line.contact.language,
        "reached": REACHED[line.reached],
        "reached_bad": line.reached in (Reached.FAILED, Reached.NOTHING),
        "reached_at": line.reached_at.astimezone(zone) if line.reached_at else None,
        "cancelled": appointment.status == AppointmentStatus.CANCELLED,
        "coming": _say_coming(line),
        "confirmed": appointment.status == AppointmentStatus.CONFIRMED,
        "screened": _say_screened(service, line),
        "troubles": [(find_tone(trouble), say(trouble, line.contact)) for trouble in line.troubles],
        # Whoever gets no texts must be phoned; else an urgent task says what is to do.
        "opens_task": Trouble.URGENT in line.troubles and not {*line.troubles} & {*HEARS_NOTHING},
        "task": line.tasks[0].id if line.tasks else None,
        "task_count": len(line.tasks),
    }


_EXTRAS = {word("contrast"): "contrast", word("sedation"): "sedation"}


def _say_coming(line: Line) -> str:
    appointment = line.appointment
    if appointment.outcome != Outcome.UNKNOWN:
        return word("came") if appointment.outcome == Outcome.CAME else word("did not come")
    match appointment.status:
        case AppointmentStatus.CANCELLED:
            return word("cancelled")
        case AppointmentStatus.CONFIRMED:
            return word("confirmed")
    return word("not yet")


def _say_screened(service: Service, line: Line) -> str:
    exam = service.settings.exams.by_code.get(line.appointment.exam)
    if line.appointment.screened_at is not None:
        return word("answered")
    return word("not yet") if exam is None or exam.asks else word("none needed")
