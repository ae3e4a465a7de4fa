"""Parts of the screening tests: a patient who was asked, what they say, what was kept."""

from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import col, select

from bot.database import reading
from bot.models import Screening, ScreeningAnswer, Task, TaskKind, TaskState
from bot.people import Companion
from bot.settings import Settings
from tests.clinics import PHONE, deliver, enrol_one, list_tasks, text_in
from tests.conftest import NOW

ASKED_AT = NOW + timedelta(days=3)
LUZ = Companion("Luz", "+12025550177", "es")


def enrol_asked(engine: Engine, settings: Settings, **changes: object) -> int:
    appointment = enrol_one(engine, settings, **changes)
    deliver(engine, settings, NOW)
    deliver(engine, settings, ASKED_AT)
    return appointment


def say(engine: Engine, settings: Settings, *words: str, phone: str = PHONE) -> list[str]:
    """Several texts, a minute apart; returns what we answer to the last."""
    said: list[str] = []
    for minute, body in enumerate(words):
        said = text_in(engine, settings, body, tick() + timedelta(minutes=minute), phone=phone)
    return said


_clock = [ASKED_AT]


def tick() -> datetime:
    _clock[0] += timedelta(minutes=30)
    return _clock[0]


def start_clock() -> None:
    _clock[0] = ASKED_AT


def get_screening(engine: Engine, appointment: int = 1) -> Screening:
    with reading(engine) as session:
        return session.exec(select(Screening).where(Screening.appointment_id == appointment)).one()


def list_replies(engine: Engine) -> list[tuple[str, str, str]]:
    with reading(engine) as session:
        answers = session.exec(select(ScreeningAnswer).order_by(col(ScreeningAnswer.id)))
        return [(answer.question, str(answer.reply), answer.words) for answer in answers]


def find_open(engine: Engine, kind: TaskKind = TaskKind.SCREENING) -> list[Task]:
    return [task for task in list_tasks(engine) if task.kind == kind and task.state != TaskState.DONE]
