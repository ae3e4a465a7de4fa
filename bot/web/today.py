"""The first page: the appointments with their texts, and what is to do."""

from typing import Any

from fastapi import APIRouter, Request, Response

from bot.database import reading
from bot.reports import describe_appointment, describe_appointments, describe_tasks
from bot.web.guard import Looks
from bot.web.pages import render
from bot.web.service import Service, Used
from messages.languages import get_language

router = APIRouter()


@router.get("/")
def show_today(request: Request, service: Used, visitor: Looks, part: bool = False) -> Response:
    return render(request, service, visitor, "today.html", _describe(service), block="live" if part else "")


def _describe(service: Service) -> dict[str, Any]:
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
