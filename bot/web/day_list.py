"""The day-before list as a page, to look at and to print: who needs a look before they come, and why."""

from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from bot.database import note_event, writing
from bot.digest import Row, describe_digest
from bot.escalating import find_digest_span
from bot.troubles import LISTS, Trouble
from bot.web.guard import Looks
from bot.web.pages import render
from bot.web.service import Service, Used

router = APIRouter()

# How bad it is to be on a list of the digest, the worst first.
TONES = {"urgent": "bad", "unreached": "bad", "unscreened": "bad", "unread": "warn", "unconfirmed": "warn"}


def find_tone(trouble: Trouble) -> str:
    """How bad a trouble is, as the style sheets name it."""
    return next(TONES[name] for name, troubles in LISTS.items() if trouble in troubles)


@router.get("/digest")
def show_digest(
    request: Request, service: Used, visitor: Looks, day: Annotated[str, Query(max_length=10)] = ""
) -> Response:
    start, end = _find_span(service, day)
    with writing(service.engine) as session:
        digest = describe_digest(session, service.settings.exams, service.settings.plan.zone, start, end)
        note_event(session, visitor.staff.email, "viewed", "appointment", 0, service.now())
    rows = [_describe(service, row) for row in digest["patients"]]
    days = [
        (day, [row for row in group if row["reasons"]])
        for day, group in groupby(rows, lambda row: row["starts_at"].date())
    ]
    values = {
        "first": start.astimezone(service.settings.plan.zone).date(),
        "last": (end - timedelta(minutes=1)).astimezone(service.settings.plan.zone).date(),
        "expected": digest["expected"],
        "unready": digest["unready"],
        "days": [(day, wanting) for day, wanting in days if wanting],
        "ready": [row for row in rows if not row["reasons"]],
        "printed_at": service.now().astimezone(service.settings.plan.zone),
    }
    return render(request, service, visitor, "digest.html", values)


def _find_span(service: Service, day: str) -> tuple[datetime, datetime]:
    """That day in the clinic's zone, or until the next working day; a day that is none is left out."""
    plan = service.settings.plan
    try:
        wanted = date.fromisoformat(day)
        following = wanted + timedelta(days=1)
    except (ValueError, OverflowError):
        return find_digest_span(plan, service.settings.watch, service.now())
    return datetime.combine(wanted, time.min, plan.zone), datetime.combine(following, time.min, plan.zone)


def _describe(service: Service, row: Row) -> dict[str, Any]:
    exam = service.settings.exams.by_code.get(row["exam"])
    return {
        "id": row["id"],
        "starts_at": datetime.fromisoformat(row["starts_at"]),
        "name": row["name"],
        "record": row["patient_id"] or "",
        "phone": row["phone"],
        "language": row["language"],
        "exam": exam.title if exam else row["exam"],
        "reasons": [(tone, row[name]) for name, tone in TONES.items() if row[name]],
    }
