"""A service with a clock of ours that sends over real HTTP to the fake server, and is checked there."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import col, func, select

from bot.appointments import enrol
from bot.database import reading, writing
from bot.models import OutgoingText, Task
from bot.people import Enrolment
from bot.sending import SendingLoop
from bot.settings import Settings
from bot.sms import TwilioSender
from tests.conftest import MakeSettings
from tests.fake_twilio import SERVICE, SID, TOKEN, FakeTwilio

# ``make rig`` sets it: how many texts go through each fault. Without it the same tests run with few.
FULL = "FAULT_TEXTS" in os.environ
MANY = int(os.environ.get("FAULT_TEXTS", "40"))

_ROUNDS = 200


def make_sending_settings(make_settings: MakeSettings) -> Settings:
    """What a clinic with an account at the fake provider has set. No quiet hours."""
    return make_settings(
        SENDER="twilio",
        TWILIO_ACCOUNT_SID=SID,
        TWILIO_AUTH_TOKEN=TOKEN,
        TWILIO_MESSAGING_SERVICE_SID=SERVICE,
        PUBLIC_BASE_URL="http://127.0.0.1:9",
        QUIET_HOURS_START="00:00",
        QUIET_HOURS_END="00:00",
    )


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
            return session.exec(query.where(col(OutgoingText.state).in_(states))).one()

    def check_once_each(self, many: int) -> None:
        """Counted at the fake: each text once, none twice, none lost."""
        assert sum(copies - 1 for copies in self.fake.texts.values()) == 0, "doubled"
        assert len(self.fake.texts) == many, "lost"
        assert self.count("sent", "delivered") == many
        with reading(self.engine) as session:
            assert session.exec(select(Task.what)).all() == []
