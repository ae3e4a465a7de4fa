"""Every fault of the provider, and a killed process, with the promise: nobody gets two, nobody gets none.

The official client sends over real HTTP to the fake server; the clock of the service is ours, so that
leases and waits pass at once. ``FAULT_TEXTS`` sets how many texts go through each fault (``make rig``: 2,000).
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import func, select

from bot import sending, sms
from bot.appointments import enrol
from bot.database import reading, writing
from bot.models import OutgoingText, Task
from bot.people import Enrolment
from bot.sending import SendingLoop
from bot.settings import Settings
from bot.sms import TwilioSender
from tests.conftest import MakeSettings
from tests.fake_twilio import SERVICE, SID, TOKEN, FakeTwilio, Fault, serve_twilio
from tests.faults import FAULTS, now_and_then

MANY = int(os.environ.get("FAULT_TEXTS", "40"))
_ROUNDS = 200


class Rig:
    """A service with a clock of ours that sends to the fake server, round by round, until all is done."""

    def __init__(self, engine: Engine, settings: Settings, fake: FakeTwilio) -> None:
        self.engine, self.settings, self.fake = engine, settings, fake
        self.started_at = datetime.now(UTC)
        self.passed = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.passed

    def enrol(self, many: int) -> None:
        batch = [
            Enrolment(
                phone=f"+1202{5550000 + number:07}",
                given_name=f"Patient {number}",
                language=("en", "es", "ar", "zh_Hans")[number % 4],
                exam="mri-brain",
                starts_at=self.started_at + timedelta(days=20),
            )
            for number in range(many)
        ]
        with writing(self.engine) as session:
            enrol(session, self.settings.plan, batch, self.now(), "test")

    def run(self, work: Callable[[SendingLoop], Awaitable[object]]) -> None:
        """Do something with a sending loop of a process of its own; what is left of it then is gone."""

        async def within() -> None:
            sender = TwilioSender(self.settings)
            try:
                facts, plan = self.settings.clinic_facts, self.settings.plan
                await work(SendingLoop(self.engine, sender, facts, plan, 5000, self.now))
            finally:
                await sender.close()

        asyncio.run(within())

    def send(self) -> None:
        self.run(lambda loop: loop.send_due())

    def reconcile(self) -> None:
        self.run(lambda loop: loop.reconcile())

    def die_while_sending(self, seconds: float) -> None:
        """Send, and be gone in the middle: nothing that is known only in memory is written."""

        async def work(loop: SendingLoop) -> None:
            sender = asyncio.create_task(loop.run())
            await asyncio.sleep(seconds)
            sender.cancel()

        self.run(work)

    def finish(self) -> int:
        """Go on until no text waits or is in doubt; returns how many rounds it took."""
        for number in range(_ROUNDS):
            if not self.count("planned", "sending", "unknown"):
                return number
            self.send()
            self.passed += timedelta(seconds=31)
            self.reconcile()
        raise AssertionError(f"still waiting: {self.count('planned', 'sending', 'unknown')}")

    def count(self, *states: str) -> int:
        with reading(self.engine) as session:
            query = select(func.count()).select_from(OutgoingText).where(OutgoingText.step == "welcome")
            return session.exec(query.where(OutgoingText.state.in_(states))).one()  # type: ignore[attr-defined]

    def check_once_each(self, many: int) -> None:
        """Counted at the fake: each text once, none twice, none lost."""
        assert sum(copies - 1 for copies in self.fake.texts.values()) == 0, "doubled"
        assert len(self.fake.texts) == many, "lost"
        assert self.count("sent", "delivered") == many
        with reading(self.engine) as session:
            assert session.exec(select(Task.what)).all() == []


@pytest.fixture
def settings(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(sms, "SEND_TIMEOUT_S", 0.5)
    monkeypatch.setattr(sending, "SEND_TIMEOUT_S", 0.5)
    return make_settings(
        SENDER="twilio",
        TWILIO_ACCOUNT_SID=SID,
        TWILIO_AUTH_TOKEN=TOKEN,
        TWILIO_MESSAGING_SERVICE_SID=SERVICE,
        PUBLIC_BASE_URL="http://127.0.0.1:9",
        QUIET_HOURS_START="00:00",
        QUIET_HOURS_END="00:00",
    )


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

    async def busy(_fake: FakeTwilio, _request: object, _form: dict[str, str]) -> object:
        return await FAULTS["429"](_fake, _request, _form)  # type: ignore[arg-type]

    with serve_twilio(fault=busy) as fake:  # type: ignore[arg-type]
        rig = Rig(engine, settings.model_copy(update={"twilio_api_base_url": fake.url}), fake)
        rig.enrol(MANY)

        async def work(loop: SendingLoop) -> None:
            before = loop._slots
            await loop.send_due()
            in_flight.extend([int(before), int(loop._slots)])

        rig.run(work)
        assert in_flight[1] <= in_flight[0] / 2
        with reading(engine) as session:
            assert set(session.exec(select(OutgoingText.attempts))) == {0}
        fake.fault = None
        rig.finish()
        rig.check_once_each(MANY)
