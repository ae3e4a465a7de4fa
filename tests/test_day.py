"""A clinic's day at high speed in one process: what it holds on to is the same after four hours as after a day."""

import asyncio
import gc
import logging
import os
import random
import resource
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, QueuePool

from bot.appointments import cancel, enrol, reschedule
from bot.database import writing
from bot.inbox import take_in
from bot.outcomes import record_status
from bot.people import Enrolment
from bot.provider import BUSY, Accepted, Inbound, SandboxSender, SendError, StatusReport
from bot.sending import SendingLoop
from bot.settings import Settings
from bot.spool import Spool
from messages.understand import understand
from tests.conftest import NOW, MakeSettings
from tests.rig import FULL

log = logging.getLogger(__name__)

# Full: a day of 1,440 minutes with 40 patients an hour. Otherwise a few hours of three minutes each.
HOURS, MINUTES, AN_HOUR = (24, 60, 40) if FULL else (8, 3, 6)
LANGUAGES = ("en", "es")
WORDS = ["METAL", "MENU", "can i eat before", "1", "STOP", "START", "gracias", "puedo comer antes", "[]{}", "MORE"]


@dataclass(frozen=True)
class Held:
    """What the process holds: objects, database connections, open files, bytes of the write-ahead log, memory."""

    objects: int
    connections: int
    files: int
    wal: int
    memory_kb: int


class Carrier(SandboxSender):
    """Takes most texts, says of some that it is busy or nothing at all; holds on to none."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.reports: list[tuple[str, StatusReport]] = []

    async def send(self, to: str, body: str, token: str, useful_for: timedelta) -> Accepted:
        dice = self._chance.random()
        if dice < 0.1:
            raise SendError(BUSY, code=20429)
        if dice < 0.2:
            raise SendError(BUSY, unknown=True)
        accepted = Accepted(f"SM{token}", "queued")
        self.reports.append((token, StatusReport(accepted.provider_id, "delivered")))
        return accepted


class Day:
    def __init__(self, engine: Engine, settings: Settings, folder: Path) -> None:
        self.engine, self.settings, self.now = engine, settings, NOW
        self.chance = random.Random(3)
        self.carrier = Carrier(self.chance)
        self.spool, self.folder = Spool(folder / "spool"), folder
        self.phones: list[str] = []
        self.appointments: list[int] = []
        self.texts = 0

    async def pass_hour(self, loop: SendingLoop) -> None:
        for minute in range(MINUTES):
            self.now += timedelta(hours=1) / MINUTES
            if minute % 5 == 0:
                self.enrol(AN_HOUR * 5 // MINUTES)
                self.change_minds()
            for _ in range(2):
                self.write()
            await loop.send_due()
            await loop.beat()
            await loop.reconcile()
            await loop.ask_silent()
            self.call_back()

    def enrol(self, many: int) -> None:
        batch = []
        for _ in range(many):
            number = len(self.phones)
            self.phones.append(f"+1202555{number % 10_000:04}")
            batch.append(
                Enrolment(
                    phone=self.phones[-1],
                    given_name="Ana",
                    language=LANGUAGES[number % 2],
                    exam="mri-brain",
                    starts_at=self.now + timedelta(hours=self.chance.choice((5, 40, 200)), seconds=number),
                    external_id=str(number),
                )
            )
        with writing(self.engine) as session:
            enrolled = enrol(session, self.settings.plan, batch, self.now, "test")
        self.appointments = [*self.appointments, *(one.appointment_id or 0 for one in enrolled)][-AN_HOUR:]

    def change_minds(self) -> None:
        cancelled, moved = self.appointments.pop(0), self.appointments[-1]
        with writing(self.engine) as session:
            cancel(session, self.settings.plan, cancelled, self.now, "test")
        with writing(self.engine) as session:
            reschedule(session, self.settings.plan, moved, self.now + timedelta(days=9), self.now, "test")

    def write(self) -> None:
        self.texts += 1
        text = Inbound(f"IN{self.texts}", self.chance.choice(self.phones[-200:]), self.chance.choice(WORDS))
        if self.texts % 10:
            self.take_in(text, self.now)
        else:
            self.spool.add(text, self.now)
            self.spool.take_in(self.take_in)

    def take_in(self, text: Inbound, received_at: datetime) -> bool:
        return take_in(self.engine, self.settings.clinic_facts, text, received_at)

    def call_back(self) -> None:
        reports, self.carrier.reports = self.carrier.reports, []
        for token, report in reports:
            with writing(self.engine) as session:
                record_status(session, self.settings.plan, token, report, self.now)

    def look(self) -> Held:
        # Statements are kept up to a number; how many kinds there were so far says nothing.
        self.engine.clear_compiled_cache()
        gc.collect()
        assert isinstance(self.engine.pool, QueuePool)
        wal = self.folder / "bot.db-wal"
        return Held(
            objects=len(gc.get_objects()),
            connections=self.engine.pool.checkedin(),
            files=len(os.listdir("/proc/self/fd")),
            wal=wal.stat().st_size if wal.exists() else 0,
            memory_kb=int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024,
        )


def test_a_day_leaves_nothing_behind_in_the_process(
    engine: Engine, make_settings: MakeSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # A test keeps every line of the log, which the process itself does not.
    caplog.set_level(logging.ERROR, "bot")
    settings = make_settings(QUIET_HOURS_START="00:00", QUIET_HOURS_END="00:00", BRAKE_TIMES="0")
    day = Day(engine, settings, tmp_path)
    for word in WORDS:
        for language in LANGUAGES:
            understand(word, language)  # a language is learned once in the life of a process

    async def live() -> list[Held]:
        loop = SendingLoop(engine, day.carrier, settings.clinic_facts, settings.plan, 1000, lambda: day.now)
        held = []
        for _ in range(HOURS):
            await day.pass_hour(loop)
            held.append(day.look())
        return held

    held = asyncio.run(live())
    early, late = held[3], held[-1]
    log.info("after 4 hours %s, after %s hours %s, %s texts came in", early, HOURS, late, day.texts)
    assert late.objects < early.objects * 1.01, "memory"
    assert late.connections <= 10
    # SQLite has two open files for each connection: itself and its log.
    assert late.files - early.files <= 2 * (late.connections - early.connections), "descriptors"
    assert late.wal <= max(early.wal, 8_000_000), "write-ahead log"
