"""The worklist: its order, taking and finishing and taking that back, notes, and the alert when nobody looks."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from bot.chores import alert_about_tasks
from bot.database import reading, writing
from bot.models import AuditEvent, OutgoingText, Role, Staff, Task
from bot.settings import Settings
from bot.worklist import TaskError, add_note, finish_task, list_waiting, put_back_task, reopen_task, take_task
from tests.clinics import deliver, enrol_one
from tests.conftest import NOW, MakeSettings
from tests.desk import Desk

XSS = "<img src=x onerror=alert(1)>"
ANA, BEN = "ana@clinic.example", "ben@clinic.example"
ALERT = {"CLINIC_ALERT_PHONE": "+12025550177", "ALERT_AFTER_MINUTES": "20"}


def add(engine: Engine, **changes: Any) -> int:
    values = {"kind": "question", "what": "Contact them", "created_at": NOW} | changes
    with writing(engine) as session:
        task = Task(**values)
        session.add(task)
        session.flush()
        return task.id or 0


@pytest.fixture
def desk(engine: Engine, settings: Settings, tmp_path: Path) -> Iterator[Desk]:
    with Desk(engine, settings, tmp_path) as desk:
        yield desk.sign_in(Role.STAFF)


def test_urgent_tasks_come_first_then_those_with_little_time_and_pages_leave_none_out(
    engine: Engine, settings: Settings
) -> None:
    soon = enrol_one(engine, settings, starts_at=NOW + timedelta(days=1))
    later = enrol_one(engine, settings, phone="+12025550102", given_name="Ben")
    over = enrol_one(engine, settings, phone="+12025550103", now=NOW - timedelta(days=20))
    ids = [
        add(engine, appointment_id=one, urgent=urgent)
        for one, urgent in ((later, False), (None, False), (over, False), (soon, False), (later, True), (over, True))
    ]
    seen, after = [], None
    while True:
        with reading(engine) as session:
            rows, after = list_waiting(session, NOW, 2, after)
        seen += [task.id for task, *_ in rows]
        if after is None:
            break

    assert seen == [ids[4], ids[5], ids[3], ids[0], ids[1], ids[2]]


def test_a_task_is_taken_done_and_taken_back_and_each_is_on_record(engine: Engine) -> None:
    task_id = add(engine)

    def change(work: Any, by: str = ANA, *words: str) -> Task:
        with writing(engine) as session:
            work(session, task_id, *words, by, NOW)
        with reading(engine) as session:
            return session.get_one(Task, task_id)

    assert change(take_task).taken_by == ANA
    with pytest.raises(TaskError, match="taken this meanwhile"):
        change(take_task, BEN)
    assert change(put_back_task, BEN).taken_by == ""
    assert change(take_task, BEN).taken_by == BEN
    change(add_note, ANA, "no answer")
    assert change(finish_task).done_by == ANA
    for work in (take_task, put_back_task, finish_task):
        with pytest.raises(TaskError, match="done this already"):
            change(work, BEN)
    again = change(reopen_task)
    assert (again.state, again.taken_by, again.done_by, again.done_at) == ("taken", BEN, "", None)
    with pytest.raises(TaskError):
        change(reopen_task)
    with pytest.raises(TaskError):
        change(add_note, ANA, "  ")
    with reading(engine) as session:
        events = [event.action for event in session.exec(select(AuditEvent).order_by(col(AuditEvent.id)))]
    assert events == ["took", "put back", "took", "noted", "finished", "reopened"]


def test_the_clinic_is_texted_once_about_urgent_tasks_that_nobody_sees(
    engine: Engine, make_settings: MakeSettings, settings: Settings
) -> None:
    settings = make_settings(**ALERT)
    add(engine, words="I have a pacemaker", urgent=True)
    add(engine)

    def wait(minutes: int) -> list[str]:
        now = NOW + timedelta(minutes=minutes)
        alert_about_tasks(settings, engine, now)
        return deliver(engine, settings, now)

    assert wait(19) == []
    assert wait(21) == [
        "Riverside Imaging: 1 urgent task waits, and nobody has looked for 20 minutes. http://127.0.0.1:8000/tasks"
    ]
    assert wait(60) == [], "not again for the same"
    add(engine, urgent=True, created_at=NOW + timedelta(minutes=70))
    with writing(engine) as session:
        session.add(Staff(email=ANA, role=Role.STAFF, worklist_seen_at=NOW + timedelta(minutes=80), created_at=NOW))
    assert wait(95) == [], "somebody looked"
    [second] = wait(101)
    assert "2 urgent tasks wait" in second
    with writing(engine) as session:
        for task in session.exec(select(Task)):
            finish_task(session, task.id or 0, ANA, NOW)
    assert wait(300) == []
    with reading(engine) as session:
        assert {text.kind for text in session.exec(select(OutgoingText))} == {"reply"}


def test_two_nodes_alert_once_and_nobody_at_night(
    engine: Engine, make_settings: MakeSettings, settings: Settings
) -> None:
    settings = make_settings(**ALERT)
    add(engine, urgent=True)

    night, morning = NOW + timedelta(hours=12), NOW + timedelta(hours=24)
    assert alert_about_tasks(settings, engine, night) is False
    assert [alert_about_tasks(settings, engine, morning) for _ in range(2)] == [True, False]


def test_the_page_shows_words_safely_changes_tasks_and_notes_who_looked(
    desk: Desk, engine: Engine, settings: Settings
) -> None:
    appointment_id = enrol_one(engine, settings)
    task_id = add(engine, appointment_id=appointment_id, contact_id=1, words=XSS, what=f"50% {XSS}", urgent=True)

    page = desk.get("/tasks").text
    assert "<title>(1) Tasks" in page
    assert 'href="/inbox/1"' in page
    assert f'href="/appointments/{appointment_id}"' in page
    with reading(engine) as session:
        assert session.exec(select(Staff.worklist_seen_at)).one() == NOW
    for do, shown in (("take", "taken by staff"), ("note", "no answer"), ("done", "Undo"), ("undo", "Put back")):
        assert desk.post(f"/tasks/{task_id}", data={"do": do, "words": f"no answer {XSS}"}).status_code == 303
        page = desk.get("/tasks").text
        assert shown in page
        assert XSS not in page + desk.get("/tasks?part=1").text
    assert desk.post(f"/tasks/{task_id}", data={"do": "undo"}).status_code == 409
    assert desk.post(f"/tasks/{task_id}", data={"do": "fly"}).status_code == 400
    assert desk.post("/tasks/999", data={"do": "done"}).status_code == 404
    assert desk.post("/tasks/seen").status_code == 204
    desk.sign_in(Role.STAFF, BEN)
    refused = desk.post(f"/tasks/{task_id}", data={"do": "take"})
    assert (refused.status_code, "staff@clinic.example has taken this" in refused.text) == (409, True)
    desk.sign_in(Role.VIEWER)
    assert "<form" not in desk.get("/tasks").text.partition("<main")[2]


def test_a_long_worklist_goes_on_where_it_ended(desk: Desk, engine: Engine) -> None:
    for _ in range(51):
        add(engine)
    first = desk.get("/tasks").text
    [later] = re.findall(r'href="([^"]+)" rel="next"', first)

    assert first.count('class="card task"') == 50
    assert desk.get(later).text.count('class="card task"') == 1
    assert desk.get("/tasks?after=nonsense").text.count('class="card task"') == 50
