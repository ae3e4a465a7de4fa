"""The days ahead: what is wrong with whom, in which order, and how somebody is found."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import update

from bot.daemon import prepare_database
from bot.database import reading, writing
from bot.models import Appointment, Contact, Task, TaskState
from bot.overview import Reached, Trouble, Wanted, count_troubled, find_lines, list_lines
from bot.settings import Settings
from tests.clinics import deliver, enrol_one, text_in
from tests.conftest import NOW, MakeSettings

TOMORROW = NOW + timedelta(days=1)


def list_all(engine: Engine, settings: Settings, now: datetime = NOW, limit: int = 50, **changes: Any) -> Any:
    values: dict[str, Any] = {"start": NOW, "end": NOW + timedelta(days=30)} | changes
    with reading(engine) as session:
        return list_lines(session, settings.exams, settings.plan.zone, Wanted(**values), now, limit, settings.calendar)


def find(engine: Engine, settings: Settings, words: str) -> list[str]:
    with reading(engine) as session:
        lines = find_lines(session, settings.exams, settings.plan.zone, words, NOW)
    return [line.patient.given_name for line in lines]


def test_a_patient_who_heard_and_answered_is_no_trouble(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, starts_at=TOMORROW)
    deliver(engine, settings, NOW)
    text_in(engine, settings, "1")
    with writing(engine) as session:
        session.connection().execute(update(Appointment).values(status="confirmed"))

    [line], more = list_all(engine, settings, NOW + timedelta(hours=4))

    assert (line.troubles, line.reached, more) == ((), Reached.DELIVERED, False)


@pytest.mark.parametrize(("closed", "named"), [("", False), ("2026-03-03", True)])
def test_a_day_on_which_the_clinic_is_closed_leaves_no_time_to_phone(
    make_settings: MakeSettings, closed: str, named: bool
) -> None:
    settings = make_settings(CLOSED_DAYS=closed)
    engine = prepare_database(settings)
    enrol_one(engine, settings, starts_at=NOW + timedelta(days=2))

    [line], _ = list_all(engine, settings, NOW + timedelta(hours=4))

    assert (Trouble.UNCONFIRMED in line.troubles) is named
    engine.dispose()


def test_each_trouble_is_named_and_the_worst_comes_first(engine: Engine, settings: Settings) -> None:
    appointment_id = enrol_one(engine, settings, starts_at=TOMORROW)
    later = NOW + timedelta(hours=4)
    assert list_all(engine, settings)[0][0].troubles == (), "enrolled just now: there was no time to answer"
    with writing(engine) as session:
        contact = session.get_one(Contact, 1)
        contact.opted_out_at = contact.refused_at = contact.unreachable_since = NOW
        session.add(Task(kind="unreached", appointment_id=appointment_id, what="x", urgent=True, created_at=NOW))

    [line], _ = list_all(engine, settings, later, trouble=True)

    assert line.troubles == tuple(Trouble)
    with writing(engine) as session:
        session.connection().execute(update(Task).values(state=TaskState.DONE, done_at=NOW))
    assert list_all(engine, settings, later)[0][0].troubles == (Trouble.UNANSWERED, Trouble.UNCONFIRMED), "phoned"
    with writing(engine) as session:
        session.connection().execute(update(Appointment).values(status="cancelled"))
    assert list_all(engine, settings, later)[0][0].troubles == ()


@pytest.mark.parametrize(
    ("starts_at", "troubles"),
    [
        (datetime(2026, 3, 10, 3, 30, tzinfo=UTC), (Trouble.UNANSWERED, Trouble.UNCONFIRMED)),  # Monday, 23:30
        (datetime(2026, 3, 10, 14, 0, tzinfo=UTC), (Trouble.UNANSWERED,)),  # Tuesday
        (datetime(2026, 3, 12, 3, 30, tzinfo=UTC), (Trouble.UNANSWERED,)),  # Wednesday, 23:30
        (datetime(2026, 3, 12, 14, 0, tzinfo=UTC), ()),  # Thursday
    ],
)
def test_on_a_friday_the_next_working_day_is_monday(
    engine: Engine, settings: Settings, starts_at: datetime, troubles: tuple[Trouble, ...]
) -> None:
    enrol_one(engine, settings, starts_at=starts_at)

    assert list_all(engine, settings, datetime(2026, 3, 6, 15, 0, tzinfo=UTC))[0][0].troubles == troubles


def test_pages_follow_one_another_without_a_gap_also_where_times_are_the_same(
    engine: Engine, settings: Settings
) -> None:
    for number in range(5):
        enrol_one(engine, settings, phone=f"+1202555011{number}", given_name=f"P{number}", starts_at=TOMORROW)
    seen, after = [], None
    while True:
        lines, more = list_all(engine, settings, limit=2, after=after)
        seen += [line.appointment.id for line in lines]
        if not more:
            break
        after = (lines[-1].appointment.starts_at, lines[-1].appointment.id)

    assert seen == [1, 2, 3, 4, 5]
    with reading(engine) as session:
        wanted = Wanted(NOW, NOW + timedelta(days=3))
        now = NOW + timedelta(hours=4)
        assert count_troubled(session, settings.exams, settings.plan.zone, wanted, now) == 5


def test_somebody_is_found_by_name_without_accents_by_digits_and_by_record_number(
    engine: Engine, settings: Settings
) -> None:
    enrol_one(engine, settings, phone="+12025550111", given_name="Héctor", record_number="MR-77")
    enrol_one(engine, settings, phone="+12025550112", given_name="美玲")
    enrol_one(engine, settings, phone="+12025550113", given_name="100%_Ana\\")

    assert find(engine, settings, " hector ") == ["Héctor"]
    assert find(engine, settings, "HÉC") == ["Héctor"]
    assert find(engine, settings, "美") == ["美玲"]
    assert find(engine, settings, "(202) 555-0112") == ["美玲"]
    assert find(engine, settings, "mr-7") == ["Héctor"]
    assert find(engine, settings, "%_a") == ["100%_Ana\\"]
    assert find(engine, settings, "a\\") == ["100%_Ana\\"]
    assert find(engine, settings, "' OR 1=1 --") == []
    assert find(engine, settings, "   ") == []
