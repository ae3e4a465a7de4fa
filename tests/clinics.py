"""What tests enrol and look up again."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, select

from bot.appointments import enrol
from bot.database import reading, writing
from bot.inbox import receive
from bot.models import OutgoingText, Task
from bot.people import Enrolment
from bot.provider import Inbound
from bot.sandbox import deliver_due
from bot.settings import Settings
from tests.conftest import NOW

PHONE = "+12025550101"


def enrol_one(engine: Engine, settings: Settings, now: datetime = NOW, **changes: Any) -> int:
    """Enrol one patient, by default an MRI in ten days in English; returns the appointment's id."""
    values: dict[str, Any] = {
        "phone": PHONE,
        "given_name": "Ana",
        "language": "en",
        "exam": "mri-brain",
        "starts_at": now + timedelta(days=10),
    }
    with writing(engine) as session:
        [enrolled] = enrol(session, settings.plan, [Enrolment(**values | changes)], now, "test")
    assert enrolled.appointment_id is not None
    return enrolled.appointment_id


def find_rows(engine: Engine, **wanted: Any) -> list[OutgoingText]:
    """The rows of the outbox with these values, soonest due first."""
    with reading(engine) as session:
        query = select(OutgoingText).order_by(col(OutgoingText.due_at), col(OutgoingText.id))
        for name, value in wanted.items():
            query = query.where(getattr(OutgoingText, name) == value)
        return list(session.exec(query))


def list_tasks(engine: Engine) -> list[Task]:
    with reading(engine) as session:
        return list(session.exec(select(Task).order_by(col(Task.id))))


def deliver(engine: Engine, settings: Settings, now: datetime) -> list[str]:
    """Let what is due be sent to the simulated phone; returns the texts."""
    return [ready.body for ready in deliver_due(engine, settings.clinic_facts, settings.plan, now)]


def text_in(engine: Engine, settings: Settings, body: str, now: datetime = NOW, **changes: Any) -> list[str]:
    """The patient writes; returns what we answer."""
    values: dict[str, Any] = {"provider_id": f"SM{body}{now.isoformat()}", "phone": PHONE, "body": body}
    with writing(engine) as session:
        receive(session, settings.clinic_facts, Inbound(**values | changes), now)
    return deliver(engine, settings, now)
