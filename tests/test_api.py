"""The JSON API: keys and scopes, enrolling and changing, repeated requests, pages, problems, its own description."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from sqlalchemy import Engine
from sqlmodel import select

from bot.api_keys import add_key
from bot.database import reading, writing
from bot.models import ApiKey, Appointment, AuditEvent, OutgoingText
from bot.settings import Settings
from tests.clinics import deliver, enrol_one, text_in
from tests.conftest import NOW
from tests.desk import Desk

NEW = {
    "name": "Lucía",
    "phone": "+1 202-555-0102",
    "language": "es",
    "exam": "mri-brain",
    "starts_at": "2026-03-12T10:30",
    "appointment_id": "A-1",
}


class Program(TestClient):
    """A program of the clinic's, with a key."""

    __test__ = False

    def __init__(self, desk: Desk, *scopes: str) -> None:
        super().__init__(desk.app, base_url=f"{desk.base_url}/api/v1")
        with writing(desk.engine) as session:
            self.key = add_key(session, "booking", scopes, "test", NOW)
        self.headers["Authorization"] = f"Bearer {self.key}"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: the statements are those of the other tests."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def desk(engine: Engine, settings: Settings, tmp_path: Path) -> Iterator[Desk]:
    with Desk(engine, settings, tmp_path) as desk:
        yield desk


@pytest.fixture
def program(desk: Desk) -> Program:
    return Program(desk, "read", "write")


def count(engine: Engine, table: Any) -> int:
    with reading(engine) as session:
        return len(session.exec(select(table)).all())


def test_an_appointment_is_enrolled_once_and_then_updated(program: Program, engine: Engine) -> None:
    first = program.post("appointments", json=NEW)
    again = program.post("appointments", json={**NEW, "place": "Room 2"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert (first.json()["phone"], again.json()["place"]) == ("+12025550102", "Room 2")
    assert [text["step"] for text in first.json()["texts"]] == ["welcome", "safety", "prepare", "arrive"]
    assert count(engine, Appointment) == 1


def test_the_same_request_again_changes_nothing_and_another_one_is_refused(program: Program, engine: Engine) -> None:
    headers = {"Idempotency-Key": "k-1"}
    new = {**NEW, "appointment_id": ""}

    answers = [program.post("appointments", json=new, headers=headers) for _ in range(2)]
    other = program.post("appointments", json={**new, "name": "Ana"}, headers=headers)

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert (other.status_code, other.json()["title"]) == (409, "Conflict")
    assert count(engine, Appointment) == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"phone": "12"}, "phone: "),
        ({"language": "klingon"}, "language: "),
        ({"exam": "x-ray"}, "exam: "),
        ({"starts_at": "soon"}, "starts_at: "),
        ({"starts_at": "2026-03-01T10:00"}, "starts_at: "),
        ({"name": ""}, "name: "),
        ({"surname": "x"}, "surname: "),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_stored(
    program: Program, engine: Engine, change: dict[str, str], named: str
) -> None:
    answer = program.post("appointments", json={**NEW, **change})

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(named)
    assert count(engine, Appointment) == 0


def test_an_appointment_is_moved_and_cancelled_and_the_patient_hears_of_it(program: Program, engine: Engine) -> None:
    number = program.post("appointments", json=NEW).json()["id"]

    moved = program.patch(f"appointments/{number}", json={"starts_at": "2026-03-13T09:00"})
    cancelled = [program.post(f"appointments/{number}/cancel") for _ in range(2)]
    late = program.patch(f"appointments/{number}", json={"starts_at": "2026-03-14T09:00"})

    assert moved.json()["starts_at"] == "2026-03-13T09:00:00-04:00"
    assert [answer.json()["status"] for answer in cancelled] == ["cancelled", "cancelled"]
    assert late.status_code == 409
    with reading(engine) as session:
        actors = {event.actor for event in session.exec(select(AuditEvent)) if event.table == "appointment"}
    assert actors == {"API key booking"}
    assert program.post("appointments/999/cancel").status_code == 404


def test_appointments_come_page_after_page(program: Program, engine: Engine, settings: Settings) -> None:
    for number in range(7):
        enrol_one(engine, settings, phone=f"+1202555011{number}", given_name=f"P{number}")
    seen: list[int] = []
    cursor = ""
    while True:
        page = program.get("appointments", params={"limit": 3, "cursor": cursor}).json()
        seen += [row["id"] for row in page["appointments"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert program.get("appointments", params={"to": "2026-03-05T00:00"}).json()["appointments"] == []
    assert program.get("appointments", params={"cursor": "nonsense"}).status_code == 422


def test_threads_and_tasks_are_read(program: Program, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    deliver(engine, settings, NOW)
    text_in(engine, settings, "I have a pacemaker", NOW + timedelta(minutes=1))

    thread = program.get("contacts/1/thread").json()["texts"]
    [task] = program.get("tasks").json()["tasks"]

    assert [text["direction"] for text in thread] == ["out", "in", "out"]
    assert (task["kind"], task["words"], task["urgent"]) == ("implant", "I have a pacemaker", True)
    assert program.get("contacts/9/thread").status_code == 404


def test_a_task_is_done_once_and_said_to_be_whose(program: Program, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    text_in(engine, settings, "I have a pacemaker")
    [task] = program.get("tasks").json()["tasks"]
    headers = {"Idempotency-Key": "k-2"}

    done = [program.post(f"tasks/{task['id']}/done", headers=headers).json() for _ in range(2)]
    again = program.post(f"tasks/{task['id']}/done")

    assert [(row["state"], row["done_by"]) for row in done] == [("done", "API key booking")] * 2
    assert (again.status_code, again.json()["detail"]) == (409, "API key booking has done this already.")
    assert program.get("tasks").json()["tasks"] == []
    assert program.post("tasks/999/done").status_code == 404
    with reading(engine) as session:
        assert [event.actor for event in session.exec(select(AuditEvent)) if event.action == "finished"] == [
            "API key booking"
        ]


def test_a_key_gets_no_further_than_its_scope_and_not_after_it_is_revoked(desk: Desk, engine: Engine) -> None:
    reader, nobody = Program(desk, "read"), Program(desk)
    calls = [("GET", path) for path in ("appointments", "appointments/1", "contacts/1/thread", "tasks")]
    calls += [
        ("POST", "appointments"),
        ("PATCH", "appointments/1"),
        ("POST", "appointments/1/cancel"),
        ("POST", "tasks/1/done"),
    ]
    body = {"POST": NEW, "PATCH": {"starts_at": "2026-03-13T09:00"}}
    for method, path in calls:
        assert reader.request(method, path, json=body.get(method)).status_code in (
            (403,) if method != "GET" else (200, 404)
        ), path
        assert nobody.request(method, path, json=body.get(method)).status_code == 403, path
        bare = reader.request(method, path, json=body.get(method), headers={"Authorization": "Bearer rk_guessed"})
        assert (bare.status_code, bare.headers["WWW-Authenticate"]) == (401, "Bearer"), path
    desk.sign_in().post("/keys/1/revoke")
    assert reader.get("appointments").status_code == 401
    assert count(engine, OutgoingText) == 0


def test_an_admin_makes_a_key_that_is_shown_once(desk: Desk, engine: Engine) -> None:
    desk.sign_in()
    page = desk.post("/keys", data={"name": "booking", "scopes": ["read"]}).text
    key = page.partition("<code>")[2].partition("</code>")[0]

    assert key.startswith("rk_")
    assert key not in desk.get("/keys").text
    with reading(engine) as session:
        assert key not in session.exec(select(ApiKey)).one().key_hash
    assert desk.post("/keys", data={"name": "nothing"}).status_code == 400
    assert "POST /api/v1/appointments" in desk.get("/api/docs").text


def test_its_description_and_its_answers_agree_for_any_request(program: Program, desk: Desk) -> None:
    """Schemathesis makes requests of every kind from the description, and finds no answer that it does not allow.

    It is not asked whether every value of the right shape is accepted: no shape says which phone numbers there are.
    """
    enrolled = program.post("appointments", json=NEW)
    assert enrolled.status_code == 201
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", desk.app)
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
        negative_data_rejection,
        ignored_auth,
        unsupported_method,
    ]
    operations = [result.ok() for result in schema.get_all_operations()]
    headers = {"Authorization": f"Bearer {program.key}"}
    tried = []
    for operation, mode in product(operations, GenerationMode):

        @hypothesis_settings(
            max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            # What has a wrong header shall not get ours.
            wrong = [place for place, part in case.meta.components.items() if part.mode is GenerationMode.NEGATIVE]
            case.call_and_validate(headers=None if "header" in wrong else headers, checks=checks)
            tried.append(case.operation.label)

        with suppress(Unsatisfiable):  # where nothing can be wrong with a request
            check()
    assert set(tried) == {operation.label for operation in operations}
    assert len(operations) == 8
