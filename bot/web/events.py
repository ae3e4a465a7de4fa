"""``/events``: tells open pages that something changed, so that they fetch themselves anew."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, func, select

from bot.database import reading
from bot.models import AuditEvent, Contact, IncomingText, OutgoingText, StartedHour, Task, TaskState
from bot.web.guard import Looks
from bot.web.service import Service, Used

router = APIRouter()

_LOOK_EVERY_S = 1.0
# What leaves no quick trace, such as a delivery, is seen this late at most.
_ANYWAY_AFTER_S = 15


@router.get("/events")
def stream_events(service: Used, _visitor: Looks) -> StreamingResponse:
    """Server-sent events: ``changed`` at a change, and now and then also without one."""
    return StreamingResponse(_watch(service), media_type="text/event-stream")


async def _watch(service: Service) -> AsyncIterator[str]:
    known, waited = await run_in_threadpool(_look, service), 0
    yield "retry: 3000\n\n"
    while not service.stopped.is_set():
        await asyncio.sleep(_LOOK_EVERY_S)
        found, waited = await run_in_threadpool(_look, service), waited + 1
        if found != known or waited * _LOOK_EVERY_S >= _ANYWAY_AFTER_S:
            known, waited = found, 0
            # Nothing of what changed: the page asks, and is asked who it is.
            yield "event: changed\ndata:\n\n"


def _look(service: Service) -> tuple[object, ...]:
    """What is different after any change that staff should see soon; each part is one look into an index."""
    try:
        with reading(service.engine) as session:
            return (
                session.exec(select(func.max(IncomingText.id))).one(),
                session.exec(select(func.max(OutgoingText.id))).one(),
                session.exec(select(func.max(AuditEvent.id))).one(),
                session.exec(select(func.max(Task.id))).one(),
                session.exec(select(func.count()).where(col(Task.state) != TaskState.DONE)).one(),
                session.exec(select(func.count()).where(col(Contact.unread_since).is_not(None))).one(),
                session.exec(select(func.sum(StartedHour.texts))).one(),
            )
    except SQLAlchemyError:
        return ()
