"""The days ahead: what is wrong with whom, in which order, and how somebody is found."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select, update

from bot.daemon import prepare_database
from bot.database import reading, writing
from bot.models import Appointment, Contact, OutgoingText, Screening, ScreeningState, Task, TaskState, TextState
from bot.overview import Reached, Wanted, count_troubled, find_lines, list_lines
from bot.screenings import mark_seen
from bot.settings import Settings
from bot.troubles import Trouble, find_unreached, list_expected, say
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
    later = NOW + timedelta(hours=4)
    assert list_all(engine, settings, later)[0][0].troubles == (Trouble.UNREAD,), "nobody has read it"
    with writing(engine) as session:
        mark_seen(session, session.get_one(Appointment, 1), "staff@clinic.example", NOW)

    [line], more = list_all(engine, settings, later)

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


@pytest.mark.parametrize(
    ("changes", "trouble", "said"),
    [
        ({"opted_out_at": NOW, "refused_at": NOW, "unreachable_since": NOW}, Trouble.OPTED_OUT, "wants no texts"),
        ({"refused_at": NOW, "consented_at": None}, Trouble.REFUSED, "has not agreed to texts"),
        ({"consented_at": None, "unreachable_since": NOW}, Trouble.NO_CONSENT, "has no consent recorded"),
        (
            {"unreachable_since": NOW, "unreachable_reason": "wrong number"},
            Trouble.UNREACHABLE,
            "is not reached by text (wrong number)",
        ),
        ({}, None, None),
    ],
)
def test_whoever_gets_no_texts_is_named_until_somebody_has_phoned(
    engine: Engine, settings: Settings, changes: dict[str, Any], trouble: Trouble | None, said: str | None
) -> None:
    appointment_id = enrol_one(engine, settings, starts_at=TOMORROW)
    deliver(engine, settings, NOW)
    later = NOW + timedelta(hours=4)
    assert list_all(engine, settings)[0][0].troubles == (), "enrolled just now: there was no time to answer"
    with writing(engine) as session:
        contact = session.get_one(Contact, 1)
        for name, value in changes.items():
            setattr(contact, name, value)
        session.add(Task(kind="unreached", appointment_id=appointment_id, what="x", urgent=True, created_at=NOW))

    [line], _ = list_all(engine, settings, later, trouble=True)

    rest = (Trouble.NOT_DELIVERED, Trouble.UNANSWERED, Trouble.UNCONFIRMED)
    assert line.troubles == (Trouble.URGENT, *([trouble] if trouble else []), *rest)
    # What the list says of one number is what the texts' own rule says of it.
    assert find_unreached(line.contact) == said == (say(trouble, line.contact) if trouble else None)
    with reading(engine) as session:
        [expected] = list_expected(session, settings.exams, NOW, NOW + timedelta(days=30))
    assert expected.troubles == line.troubles, "one rule for both"
    with writing(engine) as session:
        session.connection().execute(update(Task).values(state=TaskState.DONE, done_at=NOW))
    assert list_all(engine, settings, later)[0][0].troubles == (Trouble.UNANSWERED, Trouble.UNCONFIRMED), "phoned"
    with writing(engine) as session:
        session.connection().execute(update(Appointment).values(status="cancelled"))
    assert list_all(engine, settings, later)[0][0].troubles == ()


def test_the_day_before_list_names_also_what_is_not_late_yet(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    with reading(engine) as session:
        [expected] = list_expected(session, settings.exams, NOW, NOW + timedelta(days=30))
    assert expected.troubles == (Trouble.NOT_SENT, Trouble.UNANSWERED, Trouble.UNCONFIRMED)
    assert list_all(engine, settings, NOW + timedelta(hours=4))[0][0].troubles == ()


def test_only_the_last_text_that_left_counts(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, starts_at=TOMORROW)
    deliver(engine, settings, NOW)

    def find_troubles() -> tuple[Trouble, ...]:
        return tuple(list_all(engine, settings, NOW + timedelta(hours=4))[0][0].troubles)

    with writing(engine) as session:
        [sent] = session.exec(select(OutgoingText).where(OutgoingText.state == TextState.DELIVERED)).all()
        sent.state = TextState.FAILED
        session.add(sent)
    assert Trouble.NOT_DELIVERED in find_troubles()
    with writing(engine) as session:
        row = {name: getattr(sent, name) for name in ("contact_id", "appointment_id", "due_at", "useful_until")}
        session.add(OutgoingText(**row, kind="notice", step="again", state="delivered", created_at=NOW))
    assert Trouble.NOT_DELIVERED not in find_troubles()


def test_a_safety_question_answered_anew_with_yes_is_no_longer_answered_to_the_end(
    engine: Engine, settings: Settings
) -> None:
    enrol_one(engine, settings, starts_at=TOMORROW)
    deliver(engine, settings, NOW)
    text_in(engine, settings, "1", NOW + timedelta(minutes=1))
    text_in(engine, settings, "I have a pacemaker", NOW + timedelta(minutes=5))
    text_in(engine, settings, "2", NOW + timedelta(minutes=9))
    with reading(engine) as session:
        [screening] = session.exec(select(Screening)).all()
    troubles = list_all(engine, settings, NOW + timedelta(hours=4))[0][0].troubles
    assert (screening.state == ScreeningState.ASKING) is (Trouble.UNFINISHED in troubles)
    assert Trouble.URGENT in troubles


@pytest.mark.parametrize(
    ("starts_at", "troubles"),
    [
        (
            datetime(2026, 3, 10, 3, 30, tzinfo=UTC),  # Monday, 23:30
            (Trouble.NOT_SENT, Trouble.UNANSWERED, Trouble.UNCONFIRMED),
        ),
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
