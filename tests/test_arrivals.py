"""Patients' texts that come at once: kept together, and taken in each once, those of one phone in their order."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, OperationalError
from sqlmodel import Session, col, select

from bot import arriving, inbox
from bot.arriving import count_kept, has_kept, keep, keep_spooled_texts, take_in_kept
from bot.chores import take_in_missed
from bot.database import find_contact, reading, writing
from bot.inbox import take_in_all
from bot.models import IncomingText, Task
from bot.provider import Inbound, Record
from bot.settings import Settings
from bot.spool import Spool
from bot.web import arrivals
from bot.web.arrivals import Arrivals
from tests.clinics import enrol_one, find_rows
from tests.conftest import NOW

PHONES = [f"+1202555{number:04}" for number in range(100, 112)]
# Of each phone three, those of different phones in turn, and the first of them once more.
TEXTS = [Inbound(f"SM{at}-{phone}", phone, f"METAL {at}") for at in range(3) for phone in PHONES]
TEXTS.append(TEXTS[0])


def bring_all(engine: Engine, settings: Settings, spool: Spool, *, is_ready: bool = True) -> None:
    """All at once; returns when what can be taken in has been."""

    async def work() -> None:
        arrivals = Arrivals(engine, settings.clinic_facts, spool, lambda: NOW, is_ready=lambda: is_ready)
        await asyncio.gather(*map(arrivals.keep, TEXTS))
        while arrivals.is_taking_in():
            await asyncio.sleep(0.01)

    asyncio.run(work())


def take_in_rest(engine: Engine, settings: Settings, spool: Spool) -> None:
    keep_spooled_texts(engine, spool)
    while take_in_kept(engine, settings.clinic_facts, spool):
        pass


def list_bodies(engine: Engine, phone: str) -> list[str]:
    with reading(engine) as session:
        rows = session.exec(
            select(IncomingText).where(col(IncomingText.provider_id).endswith(phone)).order_by(col(IncomingText.id))
        )
        return [row.body for row in rows]


def test_those_that_come_together_are_kept_together_and_taken_in_in_order(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol_one(engine, settings, phone=PHONES[0])
    transactions = []

    def count(engine: Engine) -> AbstractContextManager[Session]:
        transactions.append(1)
        return writing(engine)

    monkeypatch.setattr(arriving, "writing", count)

    bring_all(engine, settings, Spool(tmp_path / "spool"))

    assert all(list_bodies(engine, phone) == ["METAL 0", "METAL 1", "METAL 2"] for phone in PHONES)
    assert len(transactions) < len(TEXTS) / 2
    assert not has_kept(engine)
    # The patient got each answer; of strangers each got one.
    assert len(find_rows(engine, kind="reply")) == 3 + len(PHONES) - 1


def test_what_comes_again_while_it_is_kept_or_after_changes_nothing(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool")
    for _ in range(2):
        keep(engine, [(text, NOW) for text in TEXTS])
        keep(engine, [(text, NOW) for text in TEXTS])
        take_in_rest(engine, settings, spool)

    assert all(list_bodies(engine, phone) == ["METAL 0", "METAL 1", "METAL 2"] for phone in PHONES)


def test_nodes_that_take_in_side_by_side_take_each_once_and_keep_the_order(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    many = [(Inbound(f"SM{at:03}-{phone}", phone, f"METAL {at}"), NOW) for at in range(20) for phone in PHONES[:4]]
    keep(engine, many)
    spool = Spool(tmp_path / "spool")

    def take(_number: int) -> None:
        while has_kept(engine):
            take_in_kept(engine, settings.clinic_facts, spool)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(take, range(4)))

    assert all(list_bodies(engine, phone) == [f"METAL {at}" for at in range(20)] for phone in PHONES[:4])
    assert not list((tmp_path / "spool").glob("*"))


def test_while_many_come_at_once_they_are_kept_first_but_not_for_long(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "_RUSH_PAUSE_S", 10.0)
    moments = []

    def look(*arguments: Any) -> int:
        moments.append(time.monotonic())
        return take_in_kept(*arguments)

    monkeypatch.setattr(arrivals, "take_in_kept", look)
    began = time.monotonic()
    bring_all(engine, settings, Spool(tmp_path / "spool"))

    # The first of all came alone. The others came at once, and had to wait.
    assert not [moment for moment in moments[2:] if moment - began < arrivals._RUSH_MOST_S]
    assert all(len(list_bodies(engine, phone)) == 3 for phone in PHONES)


def test_one_that_cannot_be_answered_keeps_no_other_out_and_waits_for_staff(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = inbox.answer_stranger

    def stumble(turn: Any) -> None:
        if turn.inbound == TEXTS[7]:
            raise ZeroDivisionError
        real(turn)

    monkeypatch.setattr(inbox, "answer_stranger", stumble)

    bring_all(engine, settings, Spool(tmp_path / "spool"))

    assert all(list_bodies(engine, phone) == ["METAL 0", "METAL 1", "METAL 2"] for phone in PHONES)
    with reading(engine) as session:
        (task,) = session.exec(select(Task).where(col(Task.what).contains("failed to answer")))
        assert (task.words, task.urgent) == (TEXTS[7].body, True)


def test_one_that_the_database_refuses_is_set_aside_and_the_next_comes_in(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = inbox._store

    def refuse(session: Session, contact: Any, inbound: Inbound, *rest: Any) -> None:
        if inbound.provider_id == TEXTS[0].provider_id:
            raise DataError("INSERT", {}, Exception("cannot be written"))
        real(session, contact, inbound, *rest)

    monkeypatch.setattr(inbox, "_store", refuse)
    spool = Spool(tmp_path / "spool")
    bring_all(engine, settings, spool)

    assert spool.count() == 0
    assert not has_kept(engine)
    assert list((tmp_path / "spool").glob("*.bad"))
    assert list_bodies(engine, PHONES[0]) == ["METAL 1", "METAL 2"]
    assert all(list_bodies(engine, phone) == ["METAL 0", "METAL 1", "METAL 2"] for phone in PHONES[1:])


def test_one_that_cannot_even_be_set_aside_keeps_no_other_out(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> bool:
        raise ZeroDivisionError

    real = inbox._take
    monkeypatch.setattr(
        inbox,
        "_take",
        lambda *given: refuse() if given[2].phone == PHONES[0] else real(*given),
    )
    monkeypatch.setattr(arriving, "take_in", lambda *given: refuse() if given[2].phone == PHONES[0] else None)
    (tmp_path / "spool").write_text("a file where the folder should be")
    spool = Spool(tmp_path / "spool")
    keep(engine, [(text, NOW) for text in TEXTS[: len(PHONES)]])
    while take_in_kept(engine, settings.clinic_facts, spool):
        pass

    with reading(engine) as session:
        assert count_kept(session.connection(), NOW) == 1


def test_what_came_while_nobody_was_there_is_taken_in_before_anything_is_sent(
    engine: Engine, settings: Settings
) -> None:
    made_at = NOW - timedelta(minutes=3)
    missed = [Record("SM-missed", PHONES[0], "please leave me alone and stop texting me", True, made_at)]
    keep(engine, [(TEXTS[1], NOW - timedelta(minutes=4)), (TEXTS[2], NOW)])

    take_in_missed(settings, engine, missed, NOW)

    assert not has_kept(engine)
    with reading(engine) as session:
        contact = find_contact(session, PHONES[0])
        assert contact is not None
        assert contact.opted_out_at


def test_while_the_database_is_away_all_wait_on_disk_in_order(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def fail(*_arguments: object) -> None:
        tried.append(1)
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(arrivals, "keep", fail)
    spool, waiting = Spool(tmp_path / "spool"), list[Inbound]()

    bring_all(engine, settings, spool)
    assert len(tried) <= 4, "each was tried alone"

    def receive(text: Inbound, _at: object) -> bool:
        waiting.append(text)
        return True

    spool.take_in(receive)
    for phone in PHONES:
        assert [text for text in waiting if text.phone == phone] == [text for text in TEXTS if text.phone == phone]


def test_until_they_can_be_understood_all_are_kept_in_order(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")

    bring_all(engine, settings, spool, is_ready=False)
    assert all(list_bodies(engine, phone) == [] for phone in PHONES)
    assert has_kept(engine)
    take_in_rest(engine, settings, spool)

    assert all(list_bodies(engine, phone) == ["METAL 0", "METAL 1", "METAL 2"] for phone in PHONES)


def test_what_is_kept_stays_when_the_database_goes_away_before_it_is_taken_in(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> list[bool]:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    spool = Spool(tmp_path / "spool")
    with monkeypatch.context() as broken:
        broken.setattr(arriving, "take_in_all", fail)
        bring_all(engine, settings, spool)
    assert has_kept(engine)
    take_in_rest(engine, settings, spool)

    assert all(list_bodies(engine, phone) == ["METAL 0", "METAL 1", "METAL 2"] for phone in PHONES)


def test_two_processes_that_take_in_the_same_phones_do_not_wait_for_each_other_crosswise(
    engine: Engine, settings: Settings
) -> None:
    def take(number: int) -> list[bool]:
        phones = PHONES if number % 2 else PHONES[::-1]
        texts = [(Inbound(f"SM{number}-{phone}", phone, "METAL"), NOW) for phone in phones]
        with writing(engine) as session:
            return take_in_all(session, settings.clinic_facts, texts)

    with ThreadPoolExecutor(4) as threads:
        assert all(all(taken) for taken in threads.map(take, range(12)))

    assert all(len(list_bodies(engine, phone)) == 12 for phone in PHONES)
