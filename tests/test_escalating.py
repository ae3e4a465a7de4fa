"""Silence before a scan: one more text, then the companion, then a person; and the list of the day before."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bot.appointments import reschedule
from bot.database import reading, writing
from bot.digest import describe_digest, list_digest_lines
from bot.escalating import escalate, find_digest_span, find_last_day
from bot.models import Appointment, Contact, Outcome, OutgoingText, Screening, Task, TaskKind, TaskState
from bot.people import Companion
from bot.settings import Settings, SettingsError
from bot.visits import VisitsError, notify_day
from bot.watch import Watch
from bot.working_days import WorkingDays, read_days, read_weekdays
from tests.clinics import PHONE, deliver, enrol_one, list_tasks, text_in
from tests.conftest import NOW, MakeSettings

LUZ = Companion("Luz", "+12025550177", "es")
# A Thursday, 14:00 in New York: the question goes out on Thursday 5, three working days before is Monday 9.
STARTS_AT = datetime(2026, 3, 12, 18, 0, tzinfo=UTC)
MONDAY, TUESDAY, WEDNESDAY = (datetime(2026, 3, day, 14, 30, tzinfo=UTC) for day in (9, 10, 11))


def enrol_asked(engine: Engine, settings: Settings, **changes: object) -> int:
    appointment = enrol_one(engine, settings, **{"starts_at": STARTS_AT, **changes})
    deliver(engine, settings, NOW)
    deliver(engine, settings, datetime(2026, 3, 5, 15, 0, tzinfo=UTC))
    return appointment


def watch(engine: Engine, settings: Settings, now: datetime) -> list[str]:
    """What the job does at that moment; returns the texts that leave then."""
    with writing(engine) as session:
        escalate(session, settings.clinic_facts, settings.plan, settings.watch, now)
    return deliver(engine, settings, now)


def find_calls(engine: Engine) -> list[Task]:
    return [task for task in list_tasks(engine) if task.kind == TaskKind.SCREENING and "no answer" in task.what]


def test_silence_is_reminded_once_then_the_companion_then_a_person(engine: Engine, settings: Settings) -> None:
    enrol_asked(engine, settings, companion=LUZ)
    assert watch(engine, settings, datetime(2026, 3, 6, 15, 0, tzinfo=UTC)) == []
    assert watch(engine, settings, datetime(2026, 3, 8, 15, 0, tzinfo=UTC)) == []  # a Sunday

    [reminder] = watch(engine, settings, MONDAY)
    assert "We do not have your answer yet" in reminder
    assert "2 = yes or not sure" in reminder
    assert watch(engine, settings, MONDAY + timedelta(minutes=5)) == []

    texts = watch(engine, settings, TUESDAY)
    [to_companion] = [text for text in texts if "tal vez" in text]
    assert "Este mensaje es sobre Ana" in to_companion
    assert find_calls(engine) == []

    watch(engine, settings, WEDNESDAY)
    [call] = find_calls(engine)
    assert "Phone this patient" in call.what
    assert call.urgent
    watch(engine, settings, WEDNESDAY + timedelta(hours=1))
    assert len(find_calls(engine)) == 1


def test_an_answer_takes_the_call_off_the_list(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, now=WEDNESDAY, starts_at=STARTS_AT)
    deliver(engine, settings, WEDNESDAY)
    watch(engine, settings, WEDNESDAY + timedelta(hours=3))
    assert find_calls(engine)[0].state == TaskState.OPEN

    text_in(engine, settings, "1", WEDNESDAY + timedelta(hours=4))
    [call] = find_calls(engine)
    assert (call.state, call.done_by) == (TaskState.DONE, "answered by text")


def test_a_companion_may_answer_for_the_patient(engine: Engine, settings: Settings) -> None:
    enrol_asked(engine, settings, companion=LUZ)
    watch(engine, settings, MONDAY)
    watch(engine, settings, TUESDAY)

    text_in(engine, settings, "1", TUESDAY + timedelta(hours=1), phone=LUZ.phone)

    with reading(engine) as session:
        assert session.exec(select(Screening)).one().answered_at == TUESDAY + timedelta(hours=1)
    watch(engine, settings, WEDNESDAY)
    assert find_calls(engine) == []


def test_a_dialogue_that_broke_off_is_taken_up_at_its_own_question(engine: Engine, settings: Settings) -> None:
    enrol_asked(engine, settings)
    for minute, body in enumerate(("2", "1")):
        text_in(engine, settings, body, datetime(2026, 3, 5, 16, minute, tzinfo=UTC))

    [reminder] = watch(engine, settings, MONDAY)
    assert reminder.startswith("Riverside Imaging: We do not have your answer yet.")
    assert "2/6" in reminder
    [third] = text_in(engine, settings, "1", MONDAY + timedelta(minutes=5))
    assert "3/6" in third


@pytest.mark.parametrize("hour", [4, 13])
def test_nothing_leaves_at_night_and_early_in_the_morning(engine: Engine, settings: Settings, hour: int) -> None:
    enrol_asked(engine, settings)
    assert watch(engine, settings, datetime(2026, 3, 9, hour, 30, tzinfo=UTC)) == []


def test_on_a_closed_day_nothing_leaves_and_deadlines_come_earlier(engine: Engine, make_settings: MakeSettings) -> None:
    settings = make_settings(CLOSED_DAYS="2026-03-10, 2026-03-09")
    enrol_asked(engine, settings)

    assert watch(engine, settings, MONDAY) == []
    [reminder] = watch(engine, settings, datetime(2026, 3, 6, 15, 30, tzinfo=UTC))
    assert "your answer yet" in reminder


def test_a_late_booking_is_phoned_when_no_answer_comes_in_time(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, now=WEDNESDAY, starts_at=STARTS_AT)
    deliver(engine, settings, WEDNESDAY)
    watch(engine, settings, WEDNESDAY + timedelta(minutes=5))
    assert find_calls(engine) == []
    watch(engine, settings, WEDNESDAY + timedelta(hours=3))
    assert len(find_calls(engine)) == 1


def test_an_answer_after_the_days_list_is_put_before_somebody(engine: Engine, settings: Settings) -> None:
    evening = datetime(2026, 3, 11, 22, 0, tzinfo=UTC)
    enrol_one(engine, settings, now=evening, starts_at=STARTS_AT)
    deliver(engine, settings, evening)
    text_in(engine, settings, "1", evening + timedelta(minutes=5))
    for minute in (10, 20):
        watch(engine, settings, evening + timedelta(minutes=minute))

    assert [task.what for task in list_tasks(engine)] == [
        "Read the answers before the exam: they came after the day's list was ready"
    ]


def test_who_wants_no_texts_is_phoned_at_once_and_a_companion_asked(engine: Engine, settings: Settings) -> None:
    enrol_asked(engine, settings)
    text_in(engine, settings, "STOP", datetime(2026, 3, 5, 16, 0, tzinfo=UTC))
    watch(engine, settings, MONDAY)

    assert "ask the rest by phone" in str([task.what for task in list_tasks(engine)])


def test_a_moved_appointment_is_watched_anew(engine: Engine, settings: Settings) -> None:
    appointment = enrol_asked(engine, settings)
    watch(engine, settings, MONDAY)
    with writing(engine) as session:
        reschedule(session, settings.plan, appointment, STARTS_AT + timedelta(days=14), MONDAY, "test")
    deliver(engine, settings, MONDAY)
    assert watch(engine, settings, WEDNESDAY) == []

    texts = watch(engine, settings, MONDAY + timedelta(days=14))
    assert any("your answer yet" in text for text in texts)


def test_a_companion_who_stands_in_is_asked_what_patients_are_asked(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, starts_at=STARTS_AT, companion=Companion("Luz", LUZ.phone, "en", first=True))
    deliver(engine, settings, NOW)
    asked = deliver(engine, settings, datetime(2026, 3, 5, 15, 0, tzinfo=UTC))
    [to_companion] = [text for text in asked if "This is about Ana" in text]
    assert "2 = yes or not sure" in to_companion

    [question] = text_in(engine, settings, "2", datetime(2026, 3, 5, 16, 0, tzinfo=UTC), phone=LUZ.phone)
    assert "This is about Ana. Thank you." in question


# The list of the day before


def describe(engine: Engine, settings: Settings, now: datetime) -> dict[str, object]:
    start, end = find_digest_span(settings.plan, settings.watch, now)
    with reading(engine) as session:
        return describe_digest(session, settings.exams, settings.plan.zone, start, end)


def test_the_digest_has_everybody_of_the_next_day_in_order_and_why(engine: Engine, settings: Settings) -> None:
    enrol_asked(engine, settings, given_name="Late")
    early = enrol_asked(
        engine, settings, phone="+12025550102", starts_at=STARTS_AT - timedelta(hours=5), given_name="Early"
    )
    text_in(engine, settings, "1", datetime(2026, 3, 5, 17, 0, tzinfo=UTC), phone="+12025550102")

    digest = describe(engine, settings, WEDNESDAY)
    assert (digest["expected"], digest["unready"]) == (2, 2)
    assert digest["lists"] == {
        "urgent": [],
        "unreached": [],
        "unscreened": [1],
        "unread": [early],
        "unconfirmed": [early, 1],
    }
    assert list_digest_lines(digest) == [
        "2 of 2 patients on Thursday, Mar 12 need a look before they come.",
        "",
        "Thursday, Mar 12",
        "  09:00  Early, +12025550102, appointment 2",
        "         Nobody has read the answers yet",
        "         Has not confirmed",
        "  14:00  Late, +12025550101, appointment 1",
        "         No answer to the safety questions",
        "         Has not confirmed",
    ]


def test_on_a_friday_the_digest_reaches_until_monday(settings: Settings) -> None:
    start, end = find_digest_span(settings.plan, settings.watch, datetime(2026, 3, 13, 18, 0, tzinfo=UTC))
    assert (start, end) == (datetime(2026, 3, 14, 4, 0, tzinfo=UTC), datetime(2026, 3, 17, 4, 0, tzinfo=UTC))


def test_the_clinics_own_phone_gets_one_text_a_day_that_names_nobody(
    engine: Engine, make_settings: MakeSettings
) -> None:
    settings = make_settings(CLINIC_ALERT_PHONE="+12025550190", PUBLIC_BASE_URL="https://reminders.example.org")
    enrol_asked(engine, settings)
    at_three = datetime(2026, 3, 11, 19, 0, tzinfo=UTC)
    watch(engine, settings, WEDNESDAY)

    [alert] = [text for text in watch(engine, settings, at_three) if "need a look" in text]
    assert alert == (
        "Riverside Imaging: 1 of 1 patients until Thu, Mar 12 need a look before they come. "
        "https://reminders.example.org/digest"
    )
    assert watch(engine, settings, at_three + timedelta(minutes=5)) == []


# Around a visit


@pytest.mark.parametrize(
    ("outcome", "says"), [(Outcome.CAME, "Thank you for coming"), (Outcome.NO_SHOW, "We did not see you")]
)
def test_after_the_visit_there_is_one_text(
    engine: Engine, make_settings: MakeSettings, outcome: Outcome, says: str
) -> None:
    settings = make_settings()
    enrol_asked(engine, settings)
    later = STARTS_AT + timedelta(hours=2)
    deliver(engine, settings, STARTS_AT - timedelta(hours=3))
    with writing(engine) as session:
        appointment = session.exec(select(Appointment)).one()
        appointment.outcome = outcome
        session.add(appointment)

    off = make_settings(TEXT_AFTER_VISIT="false", TEXT_NO_SHOW="false")
    assert watch(engine, off, later) == []
    [text] = watch(engine, settings, later)
    assert says in text
    assert watch(engine, settings, later + timedelta(hours=1)) == []


def test_a_whole_morning_is_told_of_a_delay_each_in_their_language(engine: Engine, settings: Settings) -> None:
    enrol_asked(engine, settings, companion=LUZ)
    enrol_asked(engine, settings, phone="+12025550102", language="de", starts_at=STARTS_AT + timedelta(hours=1))
    enrol_asked(engine, settings, phone="+12025550103", starts_at=STARTS_AT + timedelta(hours=5))
    moment = STARTS_AT - timedelta(hours=2)
    deliver(engine, settings, moment)

    def notify(minutes: int) -> tuple[int, int]:
        with writing(engine) as session:
            span = (STARTS_AT, STARTS_AT + timedelta(hours=3))
            told = notify_day(session, settings.plan, *span, timedelta(minutes=minutes), moment, "desk")
        return told.patients, told.companions

    assert notify(30) == (2, 1)
    assert notify(30) == (0, 0)
    texts = deliver(engine, settings, moment)
    assert any("running late today. Please arrive by 2:15 PM instead" in text for text in texts)
    assert any("bis 15:15" in text for text in texts)
    assert any("sobre Ana" in text and "2:15" in text for text in texts)
    with pytest.raises(VisitsError):
        notify(0)


# The clinic's calendar


def test_working_days_leave_out_weekends_holidays_and_the_clinics_own_days() -> None:
    days = WorkingDays(closed=read_days("2026-12-24"), country="US")
    assert days.go_back(date(2026, 12, 28), 1) == date(2026, 12, 23)
    assert days.find_next(date(2026, 7, 2)) == date(2026, 7, 6)  # Independence Day is observed on Friday 3
    assert read_weekdays("mon-wed, sat") == {0, 1, 2, 5}
    assert read_weekdays("fri-mon") == {4, 5, 6, 0}


def test_holidays_of_a_region_are_its_own() -> None:
    day = date(2026, 11, 1)  # All Saints' is a Sunday in 2026; the state keeps it, the country does not
    assert WorkingDays(frozenset(range(7)), country="DE").is_open(day)
    assert not WorkingDays(frozenset(range(7)), country="DE", region="BY").is_open(day)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKING_DAYS", "monday to friday"),
        ("CLOSED_DAYS", "24.12.2026"),
        ("HOLIDAYS_COUNTRY", "XX"),
        ("HOLIDAYS_REGION", "Nowhere"),
        ("CLINIC_ALERT_PHONE", "555-0100"),
        ("SCREENING_FILE", "missing.toml"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(make_settings: MakeSettings, name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        make_settings(**{name: value})
    assert [problem.setting for problem in caught.value.problems] == [name]


def test_two_nodes_at_once_remind_once(engine: Engine, settings: Settings) -> None:
    enrol_asked(engine, settings)
    with writing(engine) as session:
        escalate(session, settings.clinic_facts, settings.plan, settings.watch, MONDAY)
        if engine.dialect.name == "postgresql":
            with writing(engine) as other:
                assert not escalate(other, settings.clinic_facts, settings.plan, settings.watch, MONDAY)
    with writing(engine) as session:
        assert not escalate(session, settings.clinic_facts, settings.plan, settings.watch, MONDAY)
    with reading(engine) as session:
        steps = session.exec(select(OutgoingText.step).join(Contact).where(Contact.phone == PHONE)).all()  # type: ignore[arg-type]
    assert steps.count("again:") == 1


def test_the_exams_looked_at_are_those_near_enough_for_something_to_be_due() -> None:
    today = date(2026, 12, 21)
    closed = frozenset(date(2026, 12, day) for day in range(24, 32))
    calendars = [WorkingDays(), WorkingDays(closed=closed), WorkingDays(closed=closed, country="US")]
    for calendar, reminder_days, phone_days in itertools.product(calendars, (0, 1, 3), (0, 1, 5)):
        watch = Watch(calendar, reminder_days, phone_days)
        near = [
            day
            for day in (today + timedelta(days=ahead) for ahead in range(60))
            if today >= calendar.go_back(day, reminder_days) or today >= calendar.go_back(day, phone_days)
        ]
        assert find_last_day(watch, today) == near[-1]
