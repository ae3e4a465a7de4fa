"""Whose time counts. And clocks that are set, machines that sleep, two nights a year: nothing early, nothing twice."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text

from bot import clock as clocks
from bot import daemon
from bot.appointments import enrol
from bot.clock import LEAP, Clock
from bot.daemon import Roles
from bot.database import writing
from bot.holds import find_last_beat
from bot.models import OutgoingText
from bot.people import Enrolment
from bot.provider import Accepted, SandboxSender
from bot.sending import SendingLoop
from bot.settings import Settings
from tests.clinics import find_rows, list_tasks
from tests.conftest import NOW, MakeSettings
from tests.rig import FULL

HOUR = timedelta(hours=1)
APPOINTMENTS, STEP = (300, timedelta(minutes=1)) if FULL else (24, timedelta(minutes=10))


WRONG = datetime(2031, 1, 1, tzinfo=UTC)


class WrongClock(datetime):
    @classmethod
    def now(cls, tz=None):  # type: ignore[no-untyped-def, override]
        return WRONG


def test_a_machine_with_a_wrong_clock_goes_by_the_databases(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "datetime", WrongClock)
    clock = Clock(engine)
    assert clock.now() - WRONG < HOUR

    clock.listen()

    if engine.dialect.name == "sqlite":
        assert clock.now() - WRONG < HOUR
        return
    with engine.connect() as connection:
        there = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    assert abs(clock.now() - there) < timedelta(seconds=1)


def test_time_that_a_machine_sleeps_counts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(engine)
    clock.listen()
    before = clock.now()
    ticks = clocks.time.clock_gettime
    monkeypatch.setattr(clocks.time, "clock_gettime", lambda which: ticks(which) + 28_800)
    assert timedelta() <= clock.now() - before - 8 * HOUR < timedelta(minutes=1)


def test_a_transaction_that_hangs_on_postgresql_is_ended(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "1min"
            assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"


def test_a_databases_clock_that_leaps_is_not_followed_either(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(engine)
    clock.listen()
    clock.settle(None)
    moment = clock.now()
    if engine.dialect.name == "postgresql":
        monkeypatch.setattr(clock, "_ask", lambda _engine: WRONG)
        clock.listen()
        assert not clock.is_settled()
        clock.settle(moment)
        assert clock.list_problems()[0].startswith("the clock of the database server is wrong")
    assert moment <= clock.now() < moment + HOUR
    assert clock.is_settled()


class Machine:
    """A machine whose clock somebody sets, and which somebody puts to sleep. ``true`` is what it should show."""

    def __init__(self, true: datetime = NOW) -> None:
        self.began, self.true = true, true
        self.ahead, self.not_counted = timedelta(), timedelta()

    def wall(self) -> datetime:
        return self.true + self.ahead

    def steady(self) -> float:
        return (self.true - self.began - self.not_counted).total_seconds()

    def make_clock(self) -> Clock:
        return Clock(None, self.wall, self.steady)


class Carrier(SandboxSender):
    """Delivers everything, knows the time, and notes when each text came."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.sent: dict[str, datetime] = {}
        self.phones: dict[str, str] = {}
        self.texts: Counter[tuple[str, str]] = Counter()

    async def send(self, to: str, body: str, token: str, useful_for: timedelta) -> Accepted:
        self.sent[token] = self._machine.true
        self.phones[token] = to
        self.texts[to, body] += 1
        return await super().send(to, body, token, useful_for)

    async def tell_time(self) -> datetime | None:
        return self._machine.true.replace(microsecond=0)


class Life:
    """A sending loop that runs while the time passes in steps."""

    def __init__(self, engine: Engine, settings: Settings, machine: Machine) -> None:
        self.engine, self.settings, self.machine = engine, settings, machine
        self.clock, self.carrier = machine.make_clock(), Carrier(machine)

    def enrol(self, starts: list[datetime], now: datetime) -> None:
        batch = [
            Enrolment(
                phone=f"+1202555{number:04}",
                given_name=f"Patient {number}",
                language=("en", "es")[number % 2],
                exam="mri-brain",
                starts_at=start,
            )
            for number, start in enumerate(starts)
        ]
        with writing(self.engine) as session:
            enrol(session, self.settings.plan, batch, now, "test")

    def run(self, until: datetime, step: timedelta, happens: Callable[[], None] = lambda: None) -> None:
        async def live() -> None:
            settings = self.settings
            loop = SendingLoop(
                self.engine,
                self.carrier,
                settings.clinic_facts,
                settings.plan,
                1000,
                self.clock.now,
                self.clock.is_settled,
            )
            while self.machine.true < until:
                self.machine.true += step
                happens()
                # What a leap would let out must not leave before somebody has told the time.
                await turn(loop)
                if not self.clock.is_settled():
                    self.clock.settle(await self.carrier.tell_time())
                await loop.reconcile()
                await turn(loop)

        asyncio.run(live())

    def list_sent(self) -> list[tuple[OutgoingText, datetime]]:
        """Every text with a step that left, and when it truly did."""
        rows = [row for row in find_rows(self.engine) if row.attempt in self.carrier.sent]
        assert len(rows) == len(self.carrier.sent)
        assert set(self.carrier.texts.values()) == {1}, "twice"
        return [(row, self.carrier.sent[row.attempt or ""]) for row in rows]


async def turn(loop: SendingLoop) -> None:
    while await loop._turn():
        while loop._in_flight:
            await asyncio.wait(loop._in_flight)
            await asyncio.sleep(0)
    await loop._turn()


@pytest.mark.parametrize(
    ("ahead", "slept"),
    [(HOUR, 0), (-HOUR, 0), (24 * HOUR, 0), (-24 * HOUR, 0), (timedelta(), 8), (8 * HOUR, 8)],
    ids=["an hour ahead", "an hour back", "a day ahead", "a day back", "asleep", "paused by its host"],
)
def test_nothing_leaves_early_or_twice_when_the_clock_is_set_or_the_machine_sleeps(
    engine: Engine, make_settings: MakeSettings, ahead: timedelta, slept: int
) -> None:
    settings = make_settings(QUIET_HOURS_START="00:00", QUIET_HOURS_END="00:00")
    machine = Machine()
    life = Life(engine, settings, machine)
    first = NOW + timedelta(hours=8)
    life.enrol([first + 20 * HOUR * place / APPOINTMENTS for place in range(APPOINTMENTS)], NOW)

    def happens() -> None:
        passed = machine.true - NOW
        if passed == 9 * HOUR:
            machine.ahead += ahead if not slept else timedelta()
            machine.true += slept * HOUR
            machine.not_counted += ahead if slept else timedelta()
        if passed == 12 * HOUR and not slept:
            machine.ahead -= ahead

    life.run(NOW + 30 * HOUR, STEP, happens)

    sent = life.list_sent()
    assert all(at >= row.due_at for row, at in sent), "early"
    asleep_until = NOW + (9 + slept) * HOUR
    assert all(at <= max(row.due_at, asleep_until if slept else NOW) + STEP for row, at in sent), "late"
    assert all(at <= row.useful_until for row, at in sent), "useless"
    skipped = [row for row in find_rows(engine) if row.attempt not in life.carrier.sent]
    assert {(row.state, row.reason) for row in skipped} <= ({("skipped", "too late")} if slept else set())
    assert len(sent) + len(skipped) >= 2 * APPOINTMENTS


def test_a_clock_that_is_wrong_at_the_start_is_not_followed() -> None:
    machine = Machine()
    machine.ahead = timedelta(days=1)
    clock = machine.make_clock()
    assert not clock.is_settled()
    assert clock.list_problems()

    clock.settle(NOW)

    assert (clock.is_settled(), clock.now()) == (True, NOW)
    assert clock.list_problems() == ["the clock of this machine is wrong by 1 day, 0:00:00: set it"]
    machine.ahead = timedelta()
    assert not clock.is_settled()
    clock.settle(NOW)
    assert clock.list_problems() == []


def test_a_clock_that_is_slewed_is_followed_and_without_another_clock_a_leap_is_believed() -> None:
    machine = Machine()
    clock = machine.make_clock()
    clock.settle(None)
    for _ in range(100):
        machine.true += HOUR
        machine.ahead += LEAP / 2
        assert (clock.is_settled(), clock.now()) == (True, machine.wall())
    machine.ahead += HOUR
    assert (clock.is_settled(), clock.now()) == (False, machine.wall() - HOUR)
    clock.settle(None)
    assert (clock.is_settled(), clock.now()) == (True, machine.wall())


def test_the_daemons_jobs_go_on_when_the_clock_is_set_back(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = timedelta()

    class Wall(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + ahead

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Wall)
    monkeypatch.setattr("bot.timetable.datetime", Wall)
    monkeypatch.setattr(daemon, "now", Wall.now)
    monkeypatch.setattr(daemon, "Clock", partial(Clock, wall=Wall.now))
    monkeypatch.setattr(daemon, "BEAT_EVERY_S", 0.1)
    monkeypatch.setattr(daemon, "CLOCK_EVERY_S", 0.1)

    async def wait_for_beats(many: int) -> datetime:
        seen = set()
        async with asyncio.timeout(120):
            while len(seen) < many:
                with writing(engine) as session:
                    seen.add(find_last_beat(session))
                await asyncio.sleep(0.02)
        return max(moment for moment in seen if moment)

    async def work() -> None:
        nonlocal ahead
        running = asyncio.create_task(daemon.run(settings, engine, Roles(web=False), "127.0.0.1", 0))
        before = await wait_for_beats(4)
        ahead = -HOUR
        after = await wait_for_beats(8)
        assert before - HOUR < after, "without another clock, the machine's is believed"
        os.kill(os.getpid(), signal.SIGTERM)
        await running

    asyncio.run(work())


NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize("night", [datetime(2026, 3, 8), datetime(2026, 11, 1)], ids=["spring", "autumn"])  # noqa: DTZ001
def test_on_the_nights_of_the_clock_change_each_text_leaves_once_at_its_wall_time(
    engine: Engine, settings: Settings, night: datetime
) -> None:
    now = (night - timedelta(days=9, hours=-14)).replace(tzinfo=NEW_YORK).astimezone(UTC)
    machine = Machine(now)
    life = Life(engine, settings, machine)
    # 2:30 is missing in spring, 1:30 is there twice in autumn; then all day long.
    odd = [night + timedelta(hours=hours) for hours in (1.5, 2.5)]
    starts = [start.replace(tzinfo=NEW_YORK, fold=fold) for start in odd for fold in (0, 1)]
    count = 96 if FULL else 12
    starts += [(night + timedelta(hours=9 + 14 * place / count)).replace(tzinfo=NEW_YORK) for place in range(count)]
    life.enrol([start.astimezone(UTC) for start in starts], now)

    life.run(now + timedelta(days=10), STEP if FULL else timedelta(minutes=30))

    sent = life.list_sent()
    by_phone: Counter[str] = Counter()
    for row, at in sent:
        phone = life.carrier.phones[row.attempt or ""]
        local, start = at.astimezone(NEW_YORK), starts[int(phone[-4:])]
        by_phone[phone] += 1
        assert 9 <= local.hour < 20, "quiet hours"
        assert at >= row.due_at, "early"
        steps = (row.step or "").split("+")
        days = (start.date() - local.date()).days
        if steps[0] in ("safety", "prepare"):
            assert (days, local.strftime("%H:%M")) == ({"safety": 7, "prepare": 2}[steps[0]], "10:00")
        if steps == ["arrive"] and start.hour >= 12:
            # Real hours, also where the day has 23 or 25.
            assert timedelta() <= start.astimezone(UTC) - at - (3 * HOUR - (STEP if FULL else HOUR / 2)) <= HOUR / 2
    assert set(by_phone.values()) == {4}
    assert list_tasks(engine) == []
