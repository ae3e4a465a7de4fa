"""Random lives of a service: sends, faults, crashes, reschedules, cancellations, STOPs, in any order.

Whatever happens: at most one copy of a text reaches a phone; nothing after STOP but its confirmation; nothing
about an old time after a reschedule; and in the end every text has arrived, or is void for a reason that
staff can see, or has become a task.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Engine
from sqlmodel import select

from bot.appointments import cancel, enrol, reschedule
from bot.daemon import prepare_database
from bot.database import open_database, reading, writing
from bot.error_codes import explain
from bot.inbox import receive
from bot.models import Appointment, AppointmentStatus, Contact, OutgoingText, Task, TextKind, TextState
from bot.outcomes import record_status
from bot.people import Enrolment
from bot.provider import BUSY, Accepted, Inbound, Record, SendError, StatusReport
from bot.sending import SendingLoop
from bot.settings import load_settings
from tests.conftest import CLINIC, NOW

PHONES = [f"+1202555010{number}" for number in range(3)]
OUTCOMES = st.lists(
    st.sampled_from(["taken", "taken", "taken", "busy", "lost before", "lost after", "bad number", "locked out"]),
    min_size=1,
    max_size=4,
)
WORDS = ["STOP", "START", "METAL", "please don't text me any more"]
_FOLDER = Path(tempfile.mkdtemp(prefix="sending-machine-"))
_SETTINGS = load_settings(None, {**CLINIC, "BRAKE_TIMES": "0", "MOST_IDENTICAL": "100", "TEXTS_PER_DAY": "100"})


def make_empty_database() -> Path:
    path = _FOLDER / "empty.db"
    if not path.exists():
        settings_ = load_settings(None, {**CLINIC, "DATABASE_URL": f"sqlite:///{path}"})
        prepare_database(settings_).dispose()
    return path


class Provider:
    """Takes texts as the script says; knows all that it has taken, as Twilio does."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, str, str]] = []  # id, phone, body, token
        self.script: list[str] = ["taken"]
        self.can_be_asked = True

    async def send(self, to: str, body: str, token: str, useful_for: timedelta) -> Accepted:
        await asyncio.sleep(0)
        outcome = self.script[len(self.taken) % len(self.script)]
        if outcome == "busy":
            raise SendError(BUSY, code=20429)
        if outcome == "lost before":
            raise SendError(BUSY, unknown=True)
        if outcome == "bad number":
            raise SendError(explain(21211), code=21211)
        if outcome == "locked out":
            raise SendError(explain(20003), code=20003)
        provider_id = f"SM{len(self.taken)}"
        self.taken.append((provider_id, to, body, token))
        if outcome == "lost after":
            raise SendError(BUSY, unknown=True)
        return Accepted(provider_id, "queued")

    async def find(self, to: str, body: str, since: datetime) -> list[Accepted]:
        if not self.can_be_asked:
            raise SendError(BUSY, unknown=True)
        return [Accepted(one[0], "sent") for one in self.taken if one[1:3] == (to, body)]

    async def ask(self, provider_id: str) -> StatusReport | None:
        return None

    async def list_since(self, since: datetime) -> list[Record]:
        return []

    async def tell_time(self) -> datetime | None:
        return None

    async def close(self) -> None:
        return None


class Service(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.path = _FOLDER / f"{id(self)}.db"
        shutil.copy(make_empty_database(), self.path)
        self.engine: Engine = open_database(f"sqlite:///{self.path}")
        self.provider, self.now, self.inbound, self.days = Provider(), NOW, 0, 10
        self.seen = 0
        self.not_delivered: Counter[tuple[str, str]] = Counter()

    def teardown(self) -> None:
        try:
            self.finish()
        finally:
            self.engine.dispose()
            for file in _FOLDER.glob(f"{self.path.name}*"):
                file.unlink()

    async def _make_loop(self) -> SendingLoop:
        return SendingLoop(self.engine, self.provider, _SETTINGS.clinic_facts, _SETTINGS.plan, 1000, lambda: self.now)

    def _list_appointments(self) -> list[int]:
        with reading(self.engine) as session:
            booked = Appointment.status != AppointmentStatus.CANCELLED
            return [row_id for row_id in session.exec(select(Appointment.id).where(booked)) if row_id]

    def _find_last(self) -> datetime:
        """When the last appointment is, or now."""
        with reading(self.engine) as session:
            return max([self.now, *session.exec(select(Appointment.starts_at))])

    @rule(phone=st.sampled_from(PHONES), days=st.integers(0, 9))
    def enrol(self, phone: str, days: int) -> None:
        self.days += 1
        moment = NOW + timedelta(days=days + self.days, minutes=self.days)
        with writing(self.engine) as session:
            enrol(session, _SETTINGS.plan, [Enrolment(phone, "Ana", "en", "mri-brain", moment)], self.now, "test")

    @rule(script=OUTCOMES)
    def send(self, script: list[str]) -> None:
        self.provider.script = script

        async def work() -> None:
            loop = await self._make_loop()
            await loop._turn()
            while loop._in_flight:
                await asyncio.sleep(0)
            await loop._turn()

        asyncio.run(work())

    @rule(script=OUTCOMES, steps=st.integers(0, 6))
    def crash_while_sending(self, script: list[str], steps: int) -> None:
        self.provider.script = script

        async def work() -> None:
            await (await self._make_loop())._turn()
            for _ in range(steps):
                await asyncio.sleep(0)

        asyncio.run(work())

    @rule(can_be_asked=st.booleans())
    def reconcile(self, can_be_asked: bool) -> None:
        self.provider.can_be_asked = can_be_asked

        async def work() -> None:
            await (await self._make_loop()).reconcile()

        asyncio.run(work())

    @rule(minutes=st.sampled_from([1, 10, 60, 600, 1440, 4320]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @precondition(lambda self: self.provider.taken)
    @rule(data=st.data())
    def call_back(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.provider.taken))
        status = data.draw(st.sampled_from(["queued", "sent", "delivered", "undelivered"]))
        code = data.draw(st.sampled_from([30003, 30005, 30007])) if status == "undelivered" else None
        self.not_delivered[one[1:3]] += status == "undelivered"
        with writing(self.engine) as session:
            record_status(session, _SETTINGS.plan, one[3], StatusReport(one[0], status, code), self.now)

    @precondition(lambda self: self._list_appointments())
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        appointment = data.draw(st.sampled_from(self._list_appointments()))
        self.days += 1
        moment = self.now + timedelta(days=self.days, minutes=self.days)
        with writing(self.engine) as session:
            reschedule(session, _SETTINGS.plan, appointment, moment, self.now, "test")

    @precondition(lambda self: self._list_appointments())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        appointment = data.draw(st.sampled_from(self._list_appointments()))
        with writing(self.engine) as session:
            cancel(session, _SETTINGS.plan, appointment, self.now, "test")

    @rule(
        phone=st.sampled_from(PHONES),
        words=st.sampled_from(["STOP", "START", "METAL", "please don't text me any more"]),
    )
    def write(self, phone: str, words: str) -> None:
        self.inbound += 1
        with writing(self.engine) as session:
            receive(session, _SETTINGS.clinic_facts, Inbound(f"IN{self.inbound}", phone, words), self.now)

    @invariant()
    def nobody_gets_two(self) -> None:
        """A text that was sent again is one whose first copy the carrier has reported as not delivered."""
        with reading(self.engine) as session:
            kinds = dict(session.exec(select(OutgoingText.body, OutgoingText.kind)).all())
        copies = Counter(one[1:3] for one in self.provider.taken if kinds.get(one[2]) != TextKind.REPLY)
        for text, many in copies.items():
            assert many <= 1 + self.not_delivered[text], text

    @invariant()
    def stop_means_stop_and_old_times_are_not_told(self) -> None:
        with reading(self.engine) as session:
            for _, phone, _, token in self.provider.taken[self.seen :]:
                row = session.exec(select(OutgoingText).where(OutgoingText.attempt == token)).first()
                contact = session.exec(select(Contact).where(Contact.phone == phone)).one()
                if row is None:
                    continue
                assert contact.opted_out_at is None or row.step == "stopped"
                appointment = session.get(Appointment, row.appointment_id or 0)
                if appointment is not None and row.kind != TextKind.REPLY:
                    assert row.revision == appointment.revision
        self.seen = len(self.provider.taken)

    def finish(self) -> None:
        """Nothing goes wrong any more: in the end nothing waits and nobody is forgotten."""
        self.provider.can_be_asked, self.provider.script = True, ["taken"]

        async def work() -> None:
            loop = await self._make_loop()
            end = self._find_last() + timedelta(days=3)
            while self.now < end:
                self.now += timedelta(hours=12, minutes=7)
                await loop.reconcile()
                for _ in range(3):
                    await loop._turn()
                    while loop._in_flight:
                        await asyncio.sleep(0)
                await loop._turn()

        asyncio.run(work())
        self.nobody_gets_two()
        self.stop_means_stop_and_old_times_are_not_told()
        with reading(self.engine) as session:
            asked = {(task.contact_id, task.appointment_id) for task in session.exec(select(Task))}
            for row in session.exec(select(OutgoingText)):
                done = row.state in (TextState.SENT, TextState.DELIVERED, TextState.SKIPPED, TextState.FAILED)
                assert done, (row.state, row.reason, row.step)
                if row.state == TextState.SKIPPED:
                    assert row.reason
                if row.state == TextState.FAILED:
                    assert (row.contact_id, row.appointment_id) in asked


TestService = pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")(Service.TestCase)
TestService.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
