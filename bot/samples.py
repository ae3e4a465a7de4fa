"""Ten believable appointments in five languages for the demo, one text of each due within seconds."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from bot.appointments import enrol
from bot.database import reading, writing
from bot.inbox import receive
from bot.models import Appointment, OutgoingText, TextState
from bot.people import Enrolment
from bot.provider import Inbound
from bot.sandbox import deliver_due
from bot.schedule import Plan, at_wall
from bot.settings import Settings, load_settings
from messages.facts import ClinicFacts
from messages.understand import Understanding

# The first text leaves this long after the start, the next ones at this pace.
_FIRST, _PACE = timedelta(seconds=2), timedelta(seconds=3)
# Some have written this long ago.
_WROTE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """One patient: who, what and when, how long ago enrolled, which text comes next, and what they wrote
    lately with what it means.
    """

    name: str
    phone: str
    language: str
    exam: str
    days_ahead: int
    hour: int
    enrolled_days_ago: int
    comes_next: str
    contrast: bool = False
    sedation: bool = False
    says: tuple[str, str] | None = None


SAMPLES = (
    Sample("Lucía", "+12025550101", "es", "mri-brain", 2, 10, 12, "prepare"),
    Sample("Jean-Robert", "+12025550102", "ht", "mri-brain-spine", 7, 9, 3, "safety", contrast=True),
    Sample("美玲", "+12025550103", "zh_Hans", "mri-spine", 2, 14, 10, "prepare", contrast=True, says=("1", "no")),
    Sample("أمينة", "+12025550104", "ar", "mri-brain", 7, 11, 5, "safety"),
    Sample("Margaret", "+12025550105", "en", "mri-brain-spine", 2, 13, 14, "prepare", sedation=True, says=("2", "yes")),
    Sample("Héctor", "+12025550106", "es", "emg", 13, 15, 0, "welcome"),
    Sample("Walter", "+12025550107", "en", "mri-body", 5, 9, 0, "welcome+safety", contrast=True),
    Sample("Nadège", "+12025550108", "ht", "lumbar-puncture", 2, 10, 9, "prepare", says=("STOP", "stop")),
    Sample("建国", "+12025550109", "zh_Hans", "blood-urine", 12, 8, 0, "welcome"),
    Sample("يوسف", "+12025550110", "ar", "mri-brain", 1, 16, 0, "welcome+safety+prepare"),
)


def load_demo_settings(database: Path, port: int = 8000) -> Settings:
    """A clinic of its own, whatever the environment says: sandbox sending, no quiet hours."""
    return load_settings(
        None,
        {
            "DATABASE_URL": f"sqlite:///{database}",
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
            "CLINIC_ADDRESS": "12 Harbor Street, Springfield",
            "QUIET_HOURS_START": "00:00",
            "QUIET_HOURS_END": "00:00",
        },
    )


def enrol_samples(engine: Engine, clinic: ClinicFacts, plan: Plan, now: datetime) -> None:
    """Enrol the samples at their times in the past, and let what was due since then be sent."""
    today = now.astimezone(plan.zone).date()
    with writing(engine) as session:
        for number, sample in enumerate(SAMPLES):
            enrolment = Enrolment(
                phone=sample.phone,
                given_name=sample.name,
                language=sample.language,
                exam=sample.exam,
                starts_at=at_wall(today + timedelta(days=sample.days_ahead), time(sample.hour, 30), plan.zone),
                external_id=f"DEMO-{number + 1}",
                contrast=sample.contrast,
                sedation=sample.sedation,
            )
            enrolled_at = now - timedelta(days=sample.enrolled_days_ago)
            [enrolled] = enrol(session, plan, [enrolment], enrolled_at, "demo")
            _put_next(session, enrolled.appointment_id or 0, sample.comes_next, now + _FIRST + number * _PACE)
    for moment in _list_due(engine, now):
        deliver_due(engine, clinic, plan, moment)
    for number, sample in enumerate(SAMPLES):
        if sample.says:
            body, intent = sample.says
            wrote_at = now - _WROTE + number * _PACE
            with writing(engine) as session:
                inbound = Inbound(f"SB-demo-{number}", sample.phone, body)
                # What it means is said here: to find out would hold up the start by seconds.
                receive(session, clinic, inbound, wrote_at, Understanding(intent))
            deliver_due(engine, clinic, plan, wrote_at)


def _put_next(session: Session, appointment_id: int, step: str, due_at: datetime) -> None:
    """Make that step due now, whatever the hour of the day."""
    rows = session.exec(select(OutgoingText).where(OutgoingText.appointment_id == appointment_id)).all()
    for row in rows:
        if row.step == step:
            row.due_at, row.useful_until = due_at, max(row.useful_until, due_at)
            session.add(row)


def _list_due(engine: Engine, now: datetime) -> list[datetime]:
    """The moments before now at which something was due, oldest first."""
    with reading(engine) as session:
        due = select(OutgoingText.due_at).where(OutgoingText.state == TextState.PLANNED, OutgoingText.due_at <= now)
        return sorted(set(session.exec(due.join(Appointment).order_by(col(OutgoingText.due_at)))))
