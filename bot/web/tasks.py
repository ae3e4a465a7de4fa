"""The worklist: what waits for a person, most urgent first, and who sees to it."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from bot.database import note_event, reading, writing
from bot.models import Role, TaskState
from bot.sentences import read_sentence
from bot.signing_in import Visitor
from bot.web.guard import Looks, Works, may
from bot.web.pages import render
from bot.web.service import Service, Used
from bot.worklist import (
    LONGEST_NOTE,
    OpenTask,
    Place,
    TaskError,
    add_note,
    finish_task,
    list_done,
    list_task_notes,
    list_waiting,
    note_look,
    put_back_task,
    reopen_task,
    take_task,
)

router = APIRouter(prefix="/tasks")

_PAGE = 50
_CHANGES = {"take": take_task, "put-back": put_back_task, "done": finish_task, "undo": reopen_task}


@router.get("")
def show_tasks(request: Request, service: Used, visitor: Looks, after: str = "", part: bool = False) -> Response:
    if not part:
        with writing(service.engine) as session:
            if may(visitor, Role.STAFF):
                note_look(session, visitor.staff, service.now())
            note_event(session, visitor.staff.email, "viewed", "task", 0, service.now())
    return _show(request, service, visitor, after=after, part=part)


@router.post("/seen")
def note_seen(service: Used, visitor: Works) -> Response:
    """Somebody is still before the page."""
    with writing(service.engine) as session:
        note_look(session, visitor.staff, service.now())
    return Response(status_code=204)


@router.post("/{task_id}")
def change_task(
    request: Request,
    service: Used,
    visitor: Works,
    task_id: int,
    do: Annotated[str, Form(max_length=20)] = "",
    words: Annotated[str, Form(max_length=5 * LONGEST_NOTE)] = "",
) -> Response:
    """``do``: take, put-back, done, undo, or note, which writes ``words`` beside it."""
    actor, now = visitor.staff.email, service.now()
    try:
        with writing(service.engine) as session:
            if do == "note":
                add_note(session, task_id, words, actor, now)
            elif change := _CHANGES.get(do):
                change(session, task_id, actor, now)
            else:
                raise TaskError("That cannot be done here.")
    except TaskError as error:
        return _show(request, service, visitor, trouble=error)
    return RedirectResponse("/tasks" if do == "done" else f"/tasks#task-{task_id}", 303)


def _show(
    request: Request,
    service: Service,
    visitor: Visitor,
    *,
    after: str = "",
    part: bool = False,
    trouble: TaskError | None = None,
) -> Response:
    now = service.now()
    with reading(service.engine) as session:
        waiting, place = list_waiting(session, now, _PAGE, _read_place(after))
        done = list_done(session, now)
        notes = list_task_notes(session, [task.id for task, *_ in (*waiting, *done)])
    values = {
        "tasks": [_describe(service, one, notes, now) for one in waiting],
        "done": [_describe(service, one, notes, now) for one in done],
        "after": after,
        "later": _write_place(place) if place else "",
        "trouble": trouble,
        "longest": LONGEST_NOTE,
    }
    status = trouble.status if trouble else 200
    return render(request, service, visitor, "tasks.html", values, status, block="live" if part else "")


def _describe(service: Service, one: OpenTask, notes: dict[int, list[Any]], now: datetime) -> dict[str, Any]:
    task, contact, appointment, patient = one
    zone, exams = service.settings.clinic_facts.zone, service.settings.exams.by_code
    exam = exams.get(appointment.exam) if appointment else None
    return {
        "id": task.id,
        "what": read_sentence(task.what, task.template),
        "words": task.words,
        "urgent": task.urgent,
        "taken": task.state == TaskState.TAKEN,
        "taken_by": task.taken_by,
        "done_by": task.done_by,
        "done_at": task.done_at.astimezone(zone) if task.done_at else None,
        "created_at": task.created_at.astimezone(zone),
        "notes": notes.get(task.id or 0, []),
        "name": patient.given_name if patient else "",
        "contact": contact,
        "appointment": task.appointment_id,
        "starts_at": appointment.starts_at.astimezone(zone) if appointment else None,
        "left": appointment.starts_at - now if appointment else None,
        "is_past": appointment is not None and appointment.starts_at <= now,
        "exam": exam.title if exam else "",
    }


def _write_place(place: Place) -> str:
    *numbers, starts_at, task_id = place
    return "_".join(map(str, [*numbers, f"{starts_at.timestamp():.6f}", task_id]))


def _read_place(after: str) -> Place | None:
    """What was mistyped shows the first page."""
    try:
        urgent, over, rank, starts_at, task_id = after.split("_")
        return int(urgent), int(over), int(rank), datetime.fromtimestamp(float(starts_at), UTC), int(task_id)
    except (ValueError, OverflowError, OSError):
        return None
