"""The screening dialogue: what is asked, what is kept, who hears of it, and how each interruption ends."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bot.appointments import cancel, reschedule
from bot.database import reading, writing
from bot.escalating import escalate
from bot.models import Screening, ScreeningState, TaskKind
from bot.settings import Settings
from messages.languages import LANGUAGES
from messages.reply_words import get_reply_words
from tests.clinics import deliver, enrol_one, list_tasks, text_in
from tests.conftest import NOW
from tests.screened import ASKED_AT, enrol_asked, find_open, get_screening, list_replies, say, start_clock, tick


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: the statements are those of the other tests."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def patient(engine: Engine, settings: Settings) -> int:
    """A patient who has had the safety question."""
    return enrol_asked(engine, settings)


@pytest.fixture(autouse=True)
def _start_clock() -> None:
    start_clock()


def test_none_ends_the_screening_with_one_answer_and_no_task(engine: Engine, settings: Settings, patient: int) -> None:
    [answer] = say(engine, settings, "1")

    assert "ask again" in answer
    assert list_replies(engine) == [("safety", "no", "1")]
    assert get_screening(engine).state == ScreeningState.ANSWERED
    assert list_tasks(engine) == []


def test_yes_leads_through_the_questions_one_at_a_time_and_keeps_every_word(
    engine: Engine, settings: Settings, patient: int
) -> None:
    [first] = say(engine, settings, "2")
    assert first.startswith("Thank you. A few short questions follow")
    assert "1/6 Do you have a device" in first
    assert "text CALL ME" in first

    [detail] = say(engine, settings, "2")
    assert "What is it" in detail
    [second] = say(engine, settings, "pacemaker 2019 st jude")
    assert "2/6" in second
    [last] = say(engine, settings, "1", "maybe a splinter, i was a welder", "no", "no")
    assert "6/6" in last
    [thanks] = say(engine, settings, "small tattoo on the arm")
    assert "Our staff will see it and contact you" in thanks

    assert list_replies(engine) == [
        ("safety", "yes or not sure", "2"),
        ("device", "yes or not sure", "2"),
        ("device", "words", "pacemaker 2019 st jude"),
        ("surgery", "no", "1"),
        ("metal", "words", "maybe a splinter, i was a welder"),
        ("contrast", "no", "no"),
        ("pregnancy", "no", "no"),
        ("other", "words", "small tattoo on the arm"),
    ]
    assert get_screening(engine).state == ScreeningState.ANSWERED
    [task] = find_open(engine)
    assert "pacemaker 2019 st jude" in task.words
    assert "First: implanted electronic device or pump. The exam is on Thu, Mar 12: look at it this week." in task.what


def test_a_tattoo_tomorrow_ranks_below_a_pacemaker_next_week(engine: Engine, settings: Settings) -> None:
    enrol_asked(engine, settings)
    say(engine, settings, "2", "i have a pacemaker")
    later = tick()
    other = "+12025550188"
    enrol_one(engine, settings, now=later, phone=other, given_name="Bo", starts_at=later + timedelta(hours=20))
    deliver(engine, settings, later)
    say(engine, settings, "2", "1", "1", "1", "1", "1", "a tattoo", phone=other)

    first, second = sorted(find_open(engine), key=lambda task: -task.rank)
    assert (first.appointment_id, first.urgency) == (1, 90)
    assert (second.appointment_id, second.urgency, second.rank) == (2, 20, 60)


def test_the_task_says_how_soon_to_look_as_the_exam_comes_nearer(
    engine: Engine, settings: Settings, patient: int
) -> None:
    say(engine, settings, "2", "2", "pacemaker")
    said = []
    for left in (timedelta(days=7), timedelta(days=2), timedelta(hours=20)):
        with writing(engine) as session:
            now = NOW + timedelta(days=10) - left
            escalate(session, settings.clinic_facts, settings.plan, settings.watch, now)
        [task] = [task for task in find_open(engine) if "read the answers" in task.what]
        said.append((task.what.rpartition("The exam is on Thu, Mar 12: ")[2], task.rank))

    assert said == [("look at it this week.", 100), ("look at it today.", 110), ("look at it now.", 130)]


def test_a_report_at_any_time_is_kept_as_an_answer(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, language="es")
    deliver(engine, settings, NOW)
    text_in(engine, settings, "tengo marcapasos", NOW + timedelta(hours=1))

    assert list_replies(engine) == [("report", "words", "tengo marcapasos")]
    assert [task.kind for task in list_tasks(engine)] == [TaskKind.IMPLANT]


@pytest.mark.parametrize("code", [language.code for language in LANGUAGES])
def test_the_word_for_a_call_ends_the_questions_in_every_language(
    engine: Engine, settings: Settings, code: str
) -> None:
    enrol_asked(engine, settings, language=code)
    [question] = say(engine, settings, "2")
    word = get_reply_words(code).call
    assert word in question

    [answer] = say(engine, settings, word)

    assert "+1 202-555-0100" in answer
    assert get_screening(engine).state == ScreeningState.PHONE
    assert any("phoned" in task.what for task in find_open(engine))


def test_stop_ends_the_questions_and_staff_go_on_by_phone(engine: Engine, settings: Settings, patient: int) -> None:
    say(engine, settings, "2", "1")
    say(engine, settings, "STOP")

    assert say(engine, settings, "1") == []
    assert get_screening(engine).state == ScreeningState.PHONE
    assert find_open(engine, TaskKind.OPTED_OUT)
    assert any("by phone" in task.what for task in find_open(engine))


def test_an_emergency_ends_the_questions(engine: Engine, settings: Settings, patient: int) -> None:
    say(engine, settings, "2")
    [answer] = say(engine, settings, "I cant breathe")

    assert "911" in answer
    assert get_screening(engine).state == ScreeningState.PHONE
    assert find_open(engine, TaskKind.EMERGENCY)


def test_another_language_asks_the_open_question_again_in_it(engine: Engine, settings: Settings, patient: int) -> None:
    say(engine, settings, "2", "1")
    _, question = say(engine, settings, "español")
    assert "2/6" in question
    assert "prótesis" in question

    [third] = say(engine, settings, "1")
    assert "3/6" in third
    assert list_replies(engine)[-1] == ("surgery", "no", "1")


def test_a_moved_appointment_keeps_the_answers_and_goes_on(engine: Engine, settings: Settings, patient: int) -> None:
    say(engine, settings, "2", "1")
    now = tick()
    with writing(engine) as session:
        reschedule(session, settings.plan, patient, NOW + timedelta(days=17), now, "test")
    [moved] = deliver(engine, settings, now)
    assert "has changed" in moved
    assert "Will you come" in moved

    # "1" may be "yes, I come" as well as "no" to the question before.
    [question] = say(engine, settings, "1")
    assert "one at a time" in question
    assert "2/6" in question
    [third] = say(engine, settings, "1")
    assert "3/6" in third
    assert list_replies(engine)[-1] == ("surgery", "no", "1")
    noted, coming = say(engine, settings, "1", "1", "1", "1")
    assert "Our staff will see it" in noted
    assert "Will you come" in coming
    [confirmed] = say(engine, settings, "1")
    assert "We expect you" in confirmed


def test_a_cancelled_appointment_asks_no_more(engine: Engine, settings: Settings, patient: int) -> None:
    say(engine, settings, "2", "1")
    now = tick()
    with writing(engine) as session:
        cancel(session, settings.plan, patient, now, "test")
    deliver(engine, settings, now)

    assert not any("2/6" in text for text in say(engine, settings, "1"))


def test_two_patients_on_one_phone_are_asked_one_after_the_other_by_name(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, given_name="Luis", starts_at=NOW + timedelta(days=10, hours=4))
    enrol_asked(engine, settings)
    [question] = say(engine, settings, "2")
    assert "one at a time" in question
    assert question.startswith("This is about Ana. We asked you more than one thing.")
    assert list_replies(engine) == []

    [question] = say(engine, settings, "2")
    assert "This is about Ana" in question
    with reading(engine) as session:
        assert session.exec(select(Screening.appointment_id)).all() == [2]


def test_the_other_patients_question_in_between_does_not_lose_the_first(engine: Engine, settings: Settings) -> None:
    enrol_asked(engine, settings)
    say(engine, settings, "2", "1")
    now = tick()
    luis = enrol_one(engine, settings, now, given_name="Luis", starts_at=now + timedelta(days=3))
    [asked] = deliver(engine, settings, now)
    assert "Luis" in asked
    assert "2 = yes or not sure" in asked

    [question] = say(engine, settings, "1")
    assert "one at a time" in question
    assert "Ana" in question
    assert "2/6" in question
    *_, asked = say(engine, settings, "1", "1", "1", "1", "1")
    assert "Luis" in asked
    assert "2 = yes or not sure" in asked
    [noted] = say(engine, settings, "1")
    assert "This is about Luis" in noted
    assert "none of these" in noted
    assert get_screening(engine, luis).state == ScreeningState.ANSWERED


def test_a_question_in_between_is_answered_and_ours_asked_again(
    engine: Engine, settings: Settings, patient: int
) -> None:
    say(engine, settings, "2")
    answer, question = say(engine, settings, "where do I park?")

    assert "come to" in answer
    assert "1/6" in question


def test_a_word_that_we_offer_is_answered_in_the_middle_of_ours_and_kept_for_staff(
    engine: Engine, settings: Settings, patient: int
) -> None:
    """DYE may be said of an allergy to it, or be the question that our list of topics offers."""
    answer, question = say(engine, settings, "2", "DYE")
    assert "dye" in answer
    assert "2/6" in question
    assert list_replies(engine)[-1][1:] == ("words", "DYE")


def test_after_a_week_of_silence_the_answer_still_counts(engine: Engine, settings: Settings, patient: int) -> None:
    say(engine, settings, "2", "1")
    [third] = text_in(engine, settings, "1", ASKED_AT + timedelta(days=6, hours=20))
    assert "3/6" in third


def test_another_exam_is_asked_about_anew(engine: Engine, settings: Settings) -> None:
    enrol_asked(engine, settings, external_id="A-1", exam="emg")
    say(engine, settings, "1")
    enrol_one(engine, settings, tick(), external_id="A-1", starts_at=NOW + timedelta(days=10), exam="mri-brain")

    assert get_screening(engine).state == ScreeningState.OPEN
    assert list_replies(engine) == [("safety", "no", "1")]
