"""The provider is away for hours: what is useless by then is skipped and staff phone, the rest goes out at its pace."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from bot.models import TaskKind
from bot.sending import SendingLoop
from bot.sms import TwilioSender
from tests.clinics import enrol_one, find_rows, list_tasks
from tests.conftest import MakeSettings
from tests.daemons import find_free_port
from tests.fake_twilio import serve_twilio
from tests.rig import Rig, make_sending_settings

MANY, RATE = 20, 8


@pytest.fixture
def rig(engine: Engine, make_settings: MakeSettings) -> Iterator[Rig]:
    with serve_twilio() as fake:
        yield Rig(engine, make_sending_settings(make_settings), fake)


def connect(rig: Rig, url: str) -> None:
    rig.settings = rig.settings.model_copy(update={"twilio_api_base_url": url})


def test_after_six_hours_without_the_provider_the_useless_is_skipped_and_the_rest_is_paced(rig: Rig) -> None:
    gone = f"http://127.0.0.1:{find_free_port()}"
    soon = [
        enrol_one(
            rig.engine,
            rig.settings,
            rig.started_at,
            phone=f"+1202556{number:04}",
            external_id=f"soon-{number}",
            starts_at=rig.started_at + timedelta(hours=5),
        )
        for number in range(3)
    ]
    rig.enrol(MANY)
    connect(rig, gone)
    while rig.passed < timedelta(hours=6):
        rig.send()
        rig.reconcile()
        rig.passed += timedelta(minutes=10)
    assert rig.fake.requests == 0
    assert not [row for row in find_rows(rig.engine) if row.state == "failed"]

    connect(rig, rig.fake.url)

    async def send_slowly() -> float:
        sender = TwilioSender(rig.settings)
        try:
            loop = SendingLoop(rig.engine, sender, rig.settings.clinic_facts, rig.settings.plan, RATE, rig.now)
            began = time.monotonic()
            await loop.send_due()
            return time.monotonic() - began
        finally:
            await sender.close()

    # What a second allows may go out at once, and then no more than the rate.
    assert asyncio.run(send_slowly()) >= (MANY - RATE) / RATE
    assert len(rig.fake.texts) == MANY
    assert set(rig.fake.texts.values()) == {1}
    useless = [row for row in find_rows(rig.engine) if row.appointment_id in soon]
    assert {(row.state, row.reason) for row in useless} == {("skipped", "too late")}
    phone_them = [task.appointment_id for task in list_tasks(rig.engine) if task.kind == TaskKind.UNREACHED]
    assert sorted(phone_them) == soon
