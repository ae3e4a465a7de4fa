"""The screening dialogue interrupted by each thing that may come in between, in each state that it may be in."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from bot.appointments import reschedule
from bot.database import reading, writing
from bot.escalating import escalate
from bot.models import (
    Appointment,
    AppointmentStatus,
    Contact,
    OutgoingText,
    Screening,
    ScreeningAnswer,
    ScreeningState,
    TaskKind,
    TaskState,
    TextState,
)
from bot.screenings import UNANSWERED
from bot.settings import Settings
from tests.clinics import PHONE, deliver, enrol_one, list_tasks, text_in
from tests.conftest import NOW

ASKED_AT = NOW + timedelta(days=3)
MINUTE = timedelta(minutes=1)
# What the patient has said before it, how far the dialogue then is, and how many answers are kept.
SAID = {
    "first question": ((), ScreeningState.OPEN),
    "follow-up 1": (("2",), ScreeningState.ASKING),
    "follow-up 3": (("2", "1", "1"), ScreeningState.ASKING),
    "own words awaited": (("2", "2"), ScreeningState.ASKING),
    "finished with none": (("1",), ScreeningState.ANSWERED),
    "finished with words": (("2", "1", "1", "1", "1", "1", "a tattoo"), ScreeningState.ANSWERED),
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: the statements are those of the other tests."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


class Seen(NamedTuple):
    """How it stands: the screening's state, its answers, the open question of the last text that asks, the tasks."""

    state: ScreeningState
    answers: int
    asked: str
    tasks: set[str]


class Talk:
    """Ana's phone, minute by minute."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine, self.settings, self.now = engine, settings, ASKED_AT
        self.ana = enrol_one(engine, settings)
        deliver(engine, settings, NOW)
        deliver(engine, settings, ASKED_AT)

    def say(self, words: str) -> list[str]:
        self.now += MINUTE
        return text_in(self.engine, self.settings, words, self.now)

    def say_none_to_all(self) -> int:
        """Answer "1" for as long as we ask; returns how often."""
        for number in range(20):
            if not self.see().asked:
                return number
            if not any("1 = " in said for said in self.say("1")):
                return number + 1
        raise AssertionError("it asks without end")

    def see(self, appointment: int | None = None) -> Seen:
        wanted = appointment or self.ana
        with reading(self.engine) as session:
            screening = session.exec(select(Screening).where(Screening.appointment_id == wanted)).first()
            answers = session.exec(
                select(ScreeningAnswer.id)
                .join(Screening, col(Screening.id) == col(ScreeningAnswer.screening_id))
                .where(Screening.appointment_id == wanted)
            ).all()
            asked = session.exec(
                select(OutgoingText.asks)
                .where(col(OutgoingText.asks).is_not(None), OutgoingText.state == TextState.DELIVERED)
                .order_by(col(OutgoingText.id).desc())
            ).first()
        tasks = {str(task.kind) for task in list_tasks(self.engine) if task.state != TaskState.DONE}
        return Seen(screening.state if screening else ScreeningState.OPEN, len(answers), asked or "", tasks)

    def get_language(self) -> str:
        with reading(self.engine) as session:
            return session.exec(select(Contact.language).where(Contact.phone == PHONE)).one()


def stop(talk: Talk, before: Seen) -> None:
    talk.say("please stop texting me")
    after = talk.see()
    is_finished = before.state == ScreeningState.ANSWERED
    assert after.state == (ScreeningState.ANSWERED if is_finished else ScreeningState.PHONE)
    assert TaskKind.OPTED_OUT in after.tasks
    assert is_finished or TaskKind.SCREENING in after.tasks
    assert talk.say("1") == []
    assert talk.see().answers == before.answers


def have_an_emergency(talk: Talk, before: Seen) -> None:
    said = talk.say("I cant breathe")
    after = talk.see()
    assert len(said) == 1
    assert "911" in said[0]
    is_finished = before.state == ScreeningState.ANSWERED
    assert after.state == (ScreeningState.ANSWERED if is_finished else ScreeningState.PHONE)
    assert {TaskKind.EMERGENCY} | (set() if is_finished else {TaskKind.SCREENING}) <= after.tasks
    assert after.answers == before.answers


def move(talk: Talk, before: Seen) -> None:
    with writing(talk.engine) as session:
        reschedule(session, talk.settings.plan, talk.ana, NOW + timedelta(days=17), talk.now, "test")
    [moved] = deliver(talk.engine, talk.settings, talk.now)
    assert "Will you come" in moved
    assert talk.see()[:2] == before[:2]
    assert talk.say_none_to_all() >= 1
    after = talk.see()
    assert after.state == ScreeningState.ANSWERED
    with reading(talk.engine) as session:
        assert session.get_one(Appointment, talk.ana).status == AppointmentStatus.CONFIRMED


def switch_language(talk: Talk, before: Seen) -> None:
    said = talk.say("español")
    assert talk.get_language() == "es"
    assert talk.see()[:2] == before[:2]
    # What waits is asked again, now that they can read it.
    assert len(said) == (1 if before.state == ScreeningState.ANSWERED else 2)
    assert all("1 = no" in question for question in said[1:])
    talk.say_none_to_all()
    assert talk.see().state == ScreeningState.ANSWERED


def bring_another_patient(talk: Talk, before: Seen) -> None:
    luis = enrol_one(talk.engine, talk.settings, talk.now, given_name="Luis", starts_at=talk.now + timedelta(days=3))
    [asked] = deliver(talk.engine, talk.settings, talk.now)
    assert "Luis" in asked
    is_finished = before.state == ScreeningState.ANSWERED
    said = talk.say("1")
    # Whose "1" it is, is plain only where nothing of Ana waits.
    assert (talk.see(luis).state == ScreeningState.ANSWERED) == is_finished
    if not is_finished:
        assert "one at a time" in said[0]
        assert talk.see()[:2] == before[:2]
        talk.say_none_to_all()
    assert (talk.see(luis).state, talk.see(luis).answers) == (ScreeningState.ANSWERED, 1)
    assert talk.see().state == ScreeningState.ANSWERED


def say_nothing_for_a_week(talk: Talk, before: Seen) -> None:
    for _ in range(6 * 8):
        talk.now += timedelta(hours=3)
        with writing(talk.engine) as session:
            escalate(session, talk.settings.clinic_facts, talk.settings.plan, talk.settings.watch, talk.now)
        deliver(talk.engine, talk.settings, talk.now)
    is_finished = before.state == ScreeningState.ANSWERED
    assert talk.see()[:2] == before[:2]
    waiting = [task for task in list_tasks(talk.engine) if task.what.startswith(UNANSWERED)]
    assert len(waiting) == (0 if is_finished else 1)
    # Late is better than not at all: then nobody needs to phone.
    talk.say_none_to_all()
    assert talk.see().state == ScreeningState.ANSWERED
    assert [task for task in list_tasks(talk.engine) if task.what.startswith(UNANSWERED) and task.done_by == ""] == []


@pytest.mark.parametrize("state", SAID)
@pytest.mark.parametrize(
    "interrupt",
    [stop, have_an_emergency, move, switch_language, bring_another_patient, say_nothing_for_a_week],
    ids=lambda interrupt: interrupt.__name__,
)
def test_an_interrupted_dialogue_ends_in_the_right_state(
    engine: Engine, settings: Settings, interrupt: Callable[[Talk, Seen], None], state: str
) -> None:
    talk = Talk(engine, settings)
    words, expected = SAID[state]
    for one in words:
        talk.say(one)
    before = talk.see()
    assert before[:2] == (expected, len(words))

    interrupt(talk, before)

    with reading(engine) as session:
        kept = session.exec(select(ScreeningAnswer.words).order_by(col(ScreeningAnswer.id))).all()
    assert tuple(kept[: len(words)]) == words
