"""``/healthz``: the process lives. ``/readyz``: it can do its work, or why not. ``/metrics``: how well it does."""

from datetime import timedelta

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from bot.arriving import count_kept
from bot.database import check_database, has_room, reading
from bot.holds import list_problems
from bot.web.metrics import make_registry
from bot.web.service import Used

router = APIRouter()

# After a start the words are read for some seconds; a text that waits longer than this waits for somebody to look.
_LONG_KEPT = timedelta(minutes=1)


@router.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz")
def readyz(service: Used) -> JSONResponse:
    problems = service.list_problems()
    try:
        check_database(service.engine)
        with reading(service.engine) as session:
            problems += list_problems(session)
            kept = count_kept(session.connection(), service.now() - _LONG_KEPT)
        if kept:
            problems.append(f"{kept} texts from patients wait to be understood")
    except SQLAlchemyError:
        problems.append("the database does not answer")
    if not has_room(service.engine):
        problems.append("the disk that the database is on is full: make room")
    if waiting := service.spool.count():
        problems.append(f"{waiting} texts from patients wait on disk to be taken in")
    return JSONResponse({"ready": not problems, "problems": problems}, status_code=503 if problems else 200)


@router.get("/metrics")
def metrics(service: Used) -> Response:
    """Figures for Prometheus. They name languages and error codes, never a person."""
    try:
        with reading(service.engine) as session:
            registry = make_registry(session, service.spool.count(), service.now())
            return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
    except SQLAlchemyError:
        return Response("the database does not answer\n", status_code=503, media_type="text/plain")
