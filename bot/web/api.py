"""``/api/v1``: appointments, threads and tasks as JSON, for the clinic's other programs.

A program shows its key as ``Authorization: Bearer …``. Errors are ``application/problem+json`` (RFC 9457). A request
that changes something may carry an ``Idempotency-Key``: repeated within a day it is answered as before.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session
from starlette.exceptions import HTTPException as StarletteHTTPException

from bot import models, worklist
from bot.api_keys import (
    SCOPES,
    KeyReusedError,
    find_answer,
    find_key,
    hash_request,
    keep_answer,
    must_note_use,
)
from bot.appointments import AppointmentError, cancel, enrol, reschedule
from bot.database import list_thread, note_event, reading, writing
from bot.importing.values import (
    ValueTrouble,
    read_exam,
    read_language,
    read_name,
    read_phone,
    read_starts_at,
    read_text,
)
from bot.models import ApiKey, Contact
from bot.people import Companion, Enrolment
from bot.reports import describe_appointment, describe_page, describe_task, describe_text, list_task_page
from bot.web.service import Service, Used

Row = dict[str, Any]
_MOST = 200
# A row id is a 32-bit number on PostgreSQL.
_LAST_ID = 2**31 - 1


class Problem(BaseModel):
    """RFC 9457: what was wrong, for a program in ``status`` and ``title``, for a person in ``detail``."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class NewCompanion(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=100)] = ""
    phone: Annotated[str, Field(max_length=40)]
    language: Annotated[str, Field(max_length=40)] = ""


class NewAppointment(BaseModel):
    """One appointment, in the words of the appointments file."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100, description="The patient's given name")]
    phone: Annotated[str, Field(min_length=3, max_length=40, description="Mobile number, national or international")]
    language: Annotated[str, Field(min_length=2, max_length=40, description="A code or a name")]
    exam: Annotated[str, Field(min_length=1, max_length=60, description="Exam code, such as mri-brain")]
    starts_at: Annotated[str, Field(max_length=40, description="In the clinic's zone, or with an offset")]
    contrast: bool = False
    sedation: bool = False
    place: Annotated[str, Field(max_length=80)] = ""
    appointment_id: Annotated[str, Field(max_length=100, description="The clinic's own id: the same one updates")] = ""
    patient_id: Annotated[str, Field(max_length=100, description="Record number")] = ""
    companion: NewCompanion | None = None
    consent: Annotated[
        bool | None, Field(description="Whether they agree to texts; left out: your clinic has their consent")
    ] = None


class Move(BaseModel):
    model_config = ConfigDict(extra="forbid")

    starts_at: Annotated[str, Field(max_length=40, description="In the clinic's zone, or with an offset")]


class Appointment(BaseModel):
    """An appointment as ``bot show --json`` prints it; ``texts`` and ``tasks`` only where one is asked for."""

    model_config = ConfigDict(extra="allow")

    id: int
    name: str
    phone: str
    language: str
    exam: str
    starts_at: datetime
    status: str


class Page(BaseModel):
    """Some of the appointments, in order of time; ``next`` is the cursor of those after them."""

    appointments: list[Appointment]
    next: str | None


class Thread(BaseModel):
    """What one phone got and sent, oldest first."""

    texts: list[Row]


class Task(BaseModel):
    """Something that staff must do; ``done_by`` and ``done_at`` are empty until it is done."""

    model_config = ConfigDict(extra="allow")

    id: int
    kind: str
    urgent: bool
    what: str
    state: str
    done_by: str
    done_at: datetime | None


class Tasks(BaseModel):
    """Open tasks by number; ``next`` is the cursor of those after them."""

    tasks: list[Task]
    next: str | None


_PROBLEM_TYPE = "application/problem+json"
_bearer = HTTPBearer(auto_error=False, description="A key from the staff's page of keys")


def _refuse_unknown(request: Request) -> None:
    """A parameter that we do not know is a mistake of the program's, which must not pass for an answer."""
    described = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    known = {parameter["name"] for parameter in described.get("parameters", ()) if parameter["in"] == "query"}
    if unknown := sorted(set(request.query_params) - known):
        raise HTTPException(422, f"{unknown[0]}: there is no such parameter")


def _require(scope: str) -> Callable[..., ApiKey]:
    def check(service: Used, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> ApiKey:
        with reading(service.engine) as session:
            key = find_key(session, shown.credentials) if shown else None
        if key is None:
            raise HTTPException(401, "show a key that is good", {"WWW-Authenticate": "Bearer"})
        if scope not in key.scopes.split():
            raise HTTPException(403, f"this key may not {scope}")
        if must_note_use(key, service.now()):
            with writing(service.engine) as session:
                used = session.get_one(ApiKey, key.id)
                used.used_at = service.now()
        return key

    return check


Reads = Annotated[ApiKey, Depends(_require(SCOPES[0]))]
Writes = Annotated[ApiKey, Depends(_require(SCOPES[1]))]
Id = Annotated[int, Path(ge=1, le=_LAST_ID)]
Cursor = Annotated[str, Query(max_length=60, description="The next of the page before")]
Limit = Annotated[int, Query(ge=1, le=_MOST)]
Idempotency = Annotated[str, Header(max_length=200, description="Repeated within a day: answered as before")]
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: {"description": what, "content": {_PROBLEM_TYPE: {"schema": Problem.model_json_schema()}}}
    for code, what in {
        400: "The body is no JSON",
        401: "No key that is good",
        403: "The key may not do this",
        404: "There is no such row",
        409: "It cannot be changed so, or the idempotency key was used for another request",
        422: "A value is wrong; detail says which and what would be right",
        503: "The database is away; try again",
    }.items()
}


def create_api(service: Service) -> FastAPI:
    """The API as an application of its own: mounted under ``/api``, with its own way to say what is wrong."""
    api = FastAPI(
        title="Scan reminders",
        version="1",
        description=(__doc__ or "").partition("\n")[2].strip(),
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        responses=_PROBLEMS,
        dependencies=[Depends(_refuse_unknown)],
        root_path_in_servers=False,
        servers=[{"url": "/api"}],
    )
    api.state.service = service
    api.add_exception_handler(StarletteHTTPException, _explain)
    api.add_exception_handler(RequestValidationError, _explain_value)
    api.add_exception_handler(SQLAlchemyError, _explain_away)

    @api.post("/v1/appointments", status_code=201, response_model=Appointment, responses={200: {"model": Appointment}})
    def add_appointment(
        request: Request, service: Used, key: Writes, new: NewAppointment, idempotency_key: Idempotency = ""
    ) -> Response:
        """Enrol an appointment: 201 when it is new, 200 when it was known."""

        def work(session: Session) -> tuple[int, Row]:
            enrolment = _read_enrolment(service, new)
            [done] = enrol(session, service.settings.plan, [enrolment], service.now(), _name(key))
            if done.outcome == "past" or done.appointment_id is None:
                raise HTTPException(422, "starts_at: give a time that is still to come")
            return 201 if done.outcome == "enrolled" else 200, _describe(service, session, done.appointment_id)

        return _answer_once(request, service, key, idempotency_key, new.model_dump_json(), work)

    @api.get("/v1/appointments")
    def list_appointments(
        service: Used,
        key: Reads,
        start: Annotated[str, Query(alias="from", max_length=40)] = "",
        end: Annotated[str, Query(alias="to", max_length=40)] = "",
        cursor: Cursor = "",
        limit: Limit = 50,
    ) -> Page:
        """Appointments from a time until before another, in order of time."""
        zone = service.settings.clinic_facts.zone
        bounds = [_read("from", read_starts_at, start, zone, service.now()) if start else None]
        bounds += [_read("to", read_starts_at, end, zone, service.now()) if end else None]
        with writing(service.engine) as session:
            try:
                rows, following = describe_page(session, zone, bounds[0], bounds[1], cursor, limit)
            except ValueError as error:
                raise HTTPException(422, "cursor: use the next of the page before") from error
            note_event(session, _name(key), "listed", "appointment", 0, service.now())
        return Page(appointments=[Appointment(**row) for row in rows], next=following)

    @api.get("/v1/appointments/{appointment_id}")
    def show_appointment(service: Used, key: Reads, appointment_id: Id) -> Appointment:
        """One appointment with its texts, both ways, and its tasks."""
        with writing(service.engine) as session:
            described = _describe(service, session, appointment_id)
            note_event(session, _name(key), "viewed", "appointment", appointment_id, service.now())
        return Appointment(**described)

    @api.patch("/v1/appointments/{appointment_id}", response_model=Appointment)
    def move_appointment(
        request: Request, service: Used, key: Writes, appointment_id: Id, move: Move, idempotency_key: Idempotency = ""
    ) -> Response:
        """Reschedule an appointment; the patient is told."""

        def work(session: Session) -> tuple[int, Row]:
            plan = service.settings.plan
            starts_at = _read("starts_at", read_starts_at, move.starts_at, plan.zone, service.now())
            reschedule(session, plan, appointment_id, starts_at, service.now(), _name(key))
            return 200, _describe(service, session, appointment_id)

        _check_known(service, appointment_id)
        return _answer_once(request, service, key, idempotency_key, move.model_dump_json(), work)

    @api.post("/v1/appointments/{appointment_id}/cancel", response_model=Appointment)
    def cancel_appointment(
        request: Request, service: Used, key: Writes, appointment_id: Id, idempotency_key: Idempotency = ""
    ) -> Response:
        """Cancel an appointment; the patient is told once. Cancelling again changes nothing."""

        def work(session: Session) -> tuple[int, Row]:
            cancel(session, service.settings.plan, appointment_id, service.now(), _name(key))
            return 200, _describe(service, session, appointment_id)

        _check_known(service, appointment_id)
        return _answer_once(request, service, key, idempotency_key, "", work)

    @api.get("/v1/contacts/{contact_id}/thread")
    def show_thread(service: Used, key: Reads, contact_id: Id) -> Thread:
        """The conversation with one phone."""
        with writing(service.engine) as session:
            if session.get(Contact, contact_id) is None:
                raise HTTPException(404, f"there is no contact {contact_id}")
            zone = service.settings.clinic_facts.zone
            texts = [describe_text(text, zone) for text in list_thread(session, contact_id)]
            note_event(session, _name(key), "viewed", "contact", contact_id, service.now())
        return Thread(texts=texts)

    @api.get("/v1/tasks")
    def list_tasks(service: Used, key: Reads, cursor: Cursor = "", limit: Limit = 50) -> Tasks:
        """What staff must do."""
        if cursor and not (cursor.isascii() and cursor.isdecimal() and int(cursor) <= _LAST_ID):
            raise HTTPException(422, "cursor: use the next of the page before")
        with writing(service.engine) as session:
            rows, following = list_task_page(session, service.settings.clinic_facts.zone, int(cursor or 0), limit)
            note_event(session, _name(key), "listed", "task", 0, service.now())
        return Tasks(tasks=[Task(**row) for row in rows], next=following)

    @api.post("/v1/tasks/{task_id}/done", response_model=Task)
    def finish_task(
        request: Request, service: Used, key: Writes, task_id: Id, idempotency_key: Idempotency = ""
    ) -> Response:
        """Say that a task is done; 409 when it was done already."""

        def work(session: Session) -> tuple[int, Row]:
            worklist.finish_task(session, task_id, _name(key), service.now())
            session.flush()
            return 200, describe_task(session.get_one(models.Task, task_id), service.settings.clinic_facts.zone)

        return _answer_once(request, service, key, idempotency_key, "", work)

    return api


def _read_enrolment(service: Service, new: NewAppointment) -> Enrolment:
    settings, companion = service.settings, None
    language = _read("language", read_language, new.language)
    if new.companion:
        companion = Companion(
            _read("companion.name", read_text, new.companion.name),
            _read("companion.phone", read_phone, new.companion.phone, settings.default_region),
            _read("companion.language", read_language, new.companion.language or language),
        )
    return Enrolment(
        phone=_read("phone", read_phone, new.phone, settings.default_region),
        given_name=_read("name", read_name, new.name),
        language=language,
        exam=_read("exam", read_exam, new.exam, settings.exams),
        starts_at=_read("starts_at", read_starts_at, new.starts_at, settings.plan.zone, service.now()),
        external_id=_read("appointment_id", read_text, new.appointment_id) or None,
        record_number=_read("patient_id", read_text, new.patient_id) or None,
        contrast=new.contrast,
        sedation=new.sedation,
        place=_read("place", read_text, new.place),
        companion=companion,
        consent=new.consent,
    )


def _read(name: str, read: Callable[..., Any], *values: Any) -> Any:
    try:
        return read(*values)
    except ValueTrouble as error:
        raise HTTPException(422, f"{name}: {error}") from error


def _check_known(service: Service, appointment_id: int) -> None:
    with reading(service.engine) as session:
        _describe(service, session, appointment_id)


def _describe(service: Service, session: Session, appointment_id: int) -> Row:
    session.flush()
    described = describe_appointment(session, appointment_id, service.settings.clinic_facts.zone)
    if described is None:
        raise HTTPException(404, f"there is no appointment {appointment_id}")
    return described


def _answer_once(
    request: Request,
    service: Service,
    key: ApiKey,
    idempotency_key: str,
    body: str,
    work: Callable[[Session], tuple[int, Row]],
) -> Response:
    """Do the work and keep the answer in one transaction; the same request again gets that answer."""
    request_hash = hash_request(request.method, request.url.path, body.encode("utf-8", "surrogatepass"))
    try:
        with writing(service.engine) as session:
            known = find_answer(session, key, idempotency_key, request_hash) if idempotency_key else None
            if known is not None:
                return Response(known.body, known.status, media_type="application/json")
            status, row = work(session)
            answer = json.dumps(row, ensure_ascii=False)
            if idempotency_key:
                keep_answer(session, key, idempotency_key, request_hash, status, answer, service.now())
    except (AppointmentError, KeyReusedError) as error:
        raise HTTPException(409, str(error)) from error
    except worklist.TaskError as error:
        raise HTTPException(error.status, str(error)) from error
    service.sending.wake()
    return Response(answer, status, media_type="application/json")


def _name(key: ApiKey) -> str:
    return f"API key {key.name}"


# What is wrong


def _explain(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, StarletteHTTPException) else 500
    detail = str(error.detail) if isinstance(error, StarletteHTTPException) else ""
    headers = getattr(error, "headers", None)
    return _write_problem(status, detail, headers)


def _explain_value(_request: Request, error: Exception) -> Response:
    """The first wrong value by its place and what is expected; what was sent is not said."""
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": ""}
    place = ".".join(str(part) for part in first["loc"][1:])
    status = 400 if first.get("type") == "json_invalid" else 422
    return _write_problem(status, f"{place}: {first['msg']}".lstrip(": "))


def _explain_away(_request: Request, _error: Exception) -> Response:
    return _write_problem(503, "the database does not answer; try again")


def _write_problem(status: int, detail: str, headers: Any = None) -> JSONResponse:
    titles = {400: "Bad request", 401: "Unauthorized", 403: "Forbidden", 404: "Not found", 405: "Method not allowed"}
    titles |= {409: "Conflict", 422: "Unprocessable content", 503: "Service unavailable"}
    problem = Problem(title=titles.get(status, "Error"), status=status, detail=detail)
    return JSONResponse(problem.model_dump(), status, headers, media_type=_PROBLEM_TYPE)
