"""All that a clinic holds is due at the start: few rows in memory, what is of no more use soonest first, at its pace.

``make rig`` does it with a million; how much memory that takes, and when the first text leaves, is in the log.
"""

import asyncio
import logging
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert
from sqlmodel import col, select

from bot import sending
from bot.database import get_clinic, reading
from bot.models import Appointment, Contact, OutgoingText, Patient
from bot.provider import Accepted, SandboxSender
from bot.sending import SLOTS, SendingLoop
from bot.settings import Settings
from tests.conftest import NOW, MakeSettings

log = logging.getLogger(__name__)

MANY = int(os.environ.get("DUE_TEXTS", "600"))
RATE, AT_ONCE = 100, 5_000
# To put a million in order takes a while, and longer on a busy machine.
SECONDS = 3.0 if MANY < AT_ONCE else 15.0
# Of so many ids the order is known at once. With few texts it is few, so that the list runs out and is made anew.
LISTED = 120 if MANY < AT_ONCE else sending._SOONEST_MOST


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    return make_settings(QUIET_HOURS_START="00:00", QUIET_HOURS_END="00:00", BRAKE_TIMES="0")


@pytest.fixture
def backlog(engine: Engine) -> Engine:
    """So many texts that have been due for an hour; those that were due last are of no more use soonest."""
    with reading(engine) as session:
        clinic_id = get_clinic(session).id
    for start in range(1, MANY + 1, AT_ONCE):
        with engine.execution_options(writes=True).begin() as connection:
            for table, rows in make_rows(range(start, min(start + AT_ONCE, MANY + 1)), clinic_id or 0):
                connection.execute(insert(table), rows)
    if engine.dialect.name == "postgresql":
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return engine


def make_rows(numbers: range, clinic_id: int) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    same = {"created_at": NOW, "language": "en"}
    yield Contact, [{"id": one, "phone": f"+1202{one:07}", "consented_at": NOW, **same} for one in numbers]
    yield Patient, [{"id": one, "given_name": "Ana", "contact_id": one} for one in numbers]
    starts = {one: NOW + timedelta(days=60) - timedelta(seconds=one) for one in numbers}
    yield (
        Appointment,
        [
            {
                "id": one,
                "patient_id": one,
                "clinic_id": clinic_id,
                "exam": "mri-brain",
                "starts_at": starts[one],
                **same,
            }
            for one in numbers
        ],
    )
    yield (
        OutgoingText,
        [
            {
                "id": one,
                "contact_id": one,
                "appointment_id": one,
                "kind": "reminder",
                "step": "welcome",
                "body": "",
                "due_at": NOW - timedelta(hours=1) + timedelta(milliseconds=one),
                "useful_until": starts[one],
                **same,
            }
            for one in numbers
        ],
    )


class Listing(SandboxSender):
    """Notes whom it sent to and when it began, and takes its time."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.began = 0.0

    async def send(self, to: str, body: str, token: str, useful_for: timedelta) -> Accepted:
        self.began = self.began or time.monotonic()
        self.sent.append(to)
        await asyncio.sleep(0.02)
        return await super().send(to, body, token, useful_for)


def test_what_is_all_due_at_the_start_leaves_in_order_at_its_pace_and_few_rows_at_a_time(
    backlog: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_SOONEST_MOST", LISTED)
    sender, most_held, most_listed = Listing(), 0, 0
    memory, began = read_memory_mb(), time.monotonic()

    async def work() -> float:
        nonlocal most_held, most_listed
        loop = SendingLoop(backlog, sender, settings.clinic_facts, settings.plan, RATE, lambda: NOW)
        running = asyncio.create_task(loop.run())
        while not sender.sent or time.monotonic() - sender.began < SECONDS:
            held = loop._ready, loop._in_flight, loop._outcomes, loop._unsent
            most_held, most_listed = max(most_held, sum(map(len, held))), max(most_listed, len(loop._soonest))
            await asyncio.sleep(0.005)
        loop.stop()
        await running
        return time.monotonic() - sender.began

    lasted = asyncio.run(work())

    log.info(
        f"{MANY:,} due on {backlog.dialect.name}: the first leaves after {sender.began - began:.1f} s, "
        f"{len(sender.sent)} in {lasted:.1f} s; {memory:.0f} MB before, {read_memory_mb():.0f} MB after; "
        f"at most {most_held} rows held"
    )
    assert len(sender.sent) > min(LISTED, 2 * RATE), "the order of those behind the list was not seen"
    with reading(backlog) as session:
        phones = select(Contact.phone).join(OutgoingText, col(OutgoingText.contact_id) == col(Contact.id))
        soonest = session.exec(phones.order_by(col(OutgoingText.useful_until)).limit(len(sender.sent))).all()
    assert sender.sent == list(soonest)
    # What a second allows may go out at once, and then no more than the rate.
    assert len(sender.sent) <= RATE * (lasted + 1) + 1
    # On their way or ready to be, and those whose outcomes are being written.
    assert most_held <= 3 * SLOTS
    assert most_listed <= LISTED


def read_memory_mb() -> float:
    """Resident memory; 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else ()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)
