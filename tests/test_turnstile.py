"""Writers of one process: one at a time, first come first served, and nobody waits for ever."""

import threading
import time
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import TimeoutError as QueueTimeoutError
from sqlmodel import select

from bot import database
from bot.database import open_database, writing
from bot.turnstile import Turnstile
from tests.daemons import wait_for


def test_those_who_wait_go_through_one_at_a_time_in_the_order_they_came() -> None:
    turnstile, went, inside = Turnstile(), list[int](), list[int]()

    def go(number: int) -> None:
        turnstile.enter(30)
        inside.append(number)
        assert inside == [number]
        time.sleep(0.001)
        went.append(number)
        inside.remove(number)
        turnstile.leave()

    def count_waiting(many: int) -> bool:
        return len(turnstile._waiting) == many

    turnstile.enter(30)
    threads = [threading.Thread(target=go, args=(number,)) for number in range(30)]
    for number, thread in enumerate(threads, 1):
        thread.start()
        wait_for(partial(count_waiting, number), 30, 0.001)
    turnstile.leave()
    for thread in threads:
        thread.join(30)

    assert went == list(range(30))
    turnstile.enter(0)


def test_who_gives_up_leaves_the_queue_and_the_next_goes_through() -> None:
    turnstile = Turnstile()
    turnstile.enter(0)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            turnstile.enter(0.01)
    turnstile.leave()
    turnstile.enter(0)


def test_a_writer_that_takes_too_long_is_a_database_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.01)
    engine = open_database(f"sqlite:///{tmp_path / 'bot.db'}")
    with writing(engine) as session:
        session.exec(select(1))
        with pytest.raises(QueueTimeoutError), writing(engine):
            raise AssertionError("two writers at once")
    with pytest.raises(ZeroDivisionError), writing(engine) as session:
        session.exec(select(1 // 0))
    with writing(engine) as session:
        assert session.exec(select(1)).one() == 1
    engine.dispose()
