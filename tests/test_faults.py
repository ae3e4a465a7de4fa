"""Every fault of the provider, and a killed process, with the promise: nobody gets two, nobody gets none.

The official client sends over real HTTP to the fake server; the clock of the service is ours, so that
leases and waits pass at once.
"""

import random
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bot import sending, sms
from bot.database import reading
from bot.models import OutgoingText, TextState
from bot.sending import SendingLoop
from bot.settings import Settings
from tests.conftest import MakeSettings
from tests.fake_twilio import Fault, serve_twilio
from tests.faults import FAULTS, now_and_then
from tests.rig import MANY, Rig, make_sending_settings


@pytest.fixture
def settings(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(sms, "SEND_TIMEOUT_S", 0.5)
    monkeypatch.setattr(sending, "SEND_TIMEOUT_S", 0.5)
    return make_sending_settings(make_settings)


def serve_and_run(engine: Engine, settings: Settings, fault: Fault | None, deaths: int = 0) -> Rig:
    with serve_twilio(fault=fault) as fake:
        rig = Rig(engine, settings.model_copy(update={"twilio_api_base_url": fake.url}), fake)
        rig.enrol(MANY)
        chance = random.Random(7)
        for _ in range(deaths):
            rig.die_while_sending(chance.uniform(0.05, 0.4))
            rig.passed += timedelta(seconds=31)
            rig.reconcile()
        rig.finish()
        rig.check_once_each(MANY)
    return rig


@pytest.mark.parametrize("name", FAULTS)
def test_each_text_arrives_once_whatever_the_provider_does(engine: Engine, settings: Settings, name: str) -> None:
    serve_and_run(engine, settings, now_and_then([FAULTS[name]]))


def test_each_text_arrives_once_when_everything_goes_wrong_and_the_process_dies_again_and_again(
    engine: Engine, settings: Settings
) -> None:
    serve_and_run(engine, settings, now_and_then(list(FAULTS.values()), every=2), deaths=20)


def test_while_the_provider_is_busy_no_attempt_is_used_up_and_fewer_are_in_flight(
    engine: Engine, settings: Settings
) -> None:
    in_flight: list[int] = []

    with serve_twilio(fault=FAULTS["429"]) as fake:
        rig = Rig(engine, settings.model_copy(update={"twilio_api_base_url": fake.url}), fake)
        rig.enrol(40)

        async def work(loop: SendingLoop) -> None:
            before = loop._slots
            await loop.send_due()
            in_flight.extend([int(before), int(loop._slots)])
            with reading(engine) as session:
                # On a slow machine the answer to one may come too late: that one is in doubt.
                refused = select(OutgoingText.attempts).where(OutgoingText.state == TextState.PLANNED)
                assert set(session.exec(refused)) == {0}
            fake.fault = None
            rig.passed += timedelta(hours=1)
            await loop.send_due()
            in_flight.append(int(loop._slots))

        rig.run(work)
        assert in_flight[1] <= in_flight[0] / 2
        assert in_flight[2] > in_flight[1], "it grows again"
        rig.finish()
        rig.check_once_each(40)
