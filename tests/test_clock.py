"""Whose time counts: the database's where several machines share one, the machine's own where there is one."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from bot import clock as clocks
from bot.clock import Clock

WRONG = datetime(2031, 1, 1, tzinfo=UTC)


class WrongClock(datetime):
    @classmethod
    def now(cls, tz=None):  # type: ignore[no-untyped-def, override]
        return WRONG


def test_a_machine_with_a_wrong_clock_goes_by_the_databases(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clocks, "datetime", WrongClock)
    clock = Clock(engine)
    assert clock.now() == WRONG

    clock.listen()

    if engine.dialect.name == "sqlite":
        assert clock.now() == WRONG
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
    asleep = timedelta(hours=8) if engine.dialect.name == "postgresql" else timedelta()
    assert timedelta() <= clock.now() - before - asleep < timedelta(minutes=1)


def test_a_transaction_that_hangs_on_postgresql_is_ended(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "1min"
            assert connection.execute(text("SHOW transaction_isolation")).scalar_one() == "read committed"
