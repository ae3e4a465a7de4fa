"""Patients' texts that come at once: taken in together, each once, those of one phone in their order."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, OperationalError
from sqlmodel import Session, col, select

from bot import inbox
from bot.chores import take_in_spooled_texts
from bot.database import reading, writing
from bot.inbox import take_in_all
from bot.models import IncomingText, Task
from bot.provider import Inbound
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


def take_all(engine: Engine, settings: Settings, spool: Spool, *, is_ready: bool = True) -> list[bool | BaseException]:
    """All at once; what each of the webhooks would meet."""

    async def work() -> list[bool | BaseException]:
        taking = Arrivals(engine, settings.clinic_facts, spool, lambda: NOW, lambda: is_ready)
        return await asyncio.gather(*map(taking.take_in, TEXTS), return_exceptions=True)

    return asyncio.run(work())


def list_bodies(engine: Engine, phone: str) -> list[str]:
    with reading(engine) as session:
        rows = session.exec(
            select(IncomingText).where(col(IncomingText.provider_id).endswith(phone)).order_by(col(IncomingText.id))
        )
        return [row.body for row in rows]


def test_those_that_come_together_are_taken_in_together_and_in_order(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol_one(engine, settings, phone=PHONES[0])
    transactions = []

    def count(engine: Engine) -> AbstractContextManager[Session]:
        transactions.append(1)
        return writing(engine)

    monkeypatch.setattr(inbox, "writing", count)

    assert take_all(engine, settings, Spool(tmp_path / "spool")) == [True] * (len(TEXTS) - 1) + [False]

    assert all(list_bodies(engine, phone) == ["METAL 0", "METAL 1", "METAL 2"] for phone in PHONES)
    assert len(transactions) < len(TEXTS) / 2
    # The patient got each answer; of strangers each got one.
    assert len(find_rows(engine, kind="reply")) == 3 + len(PHONES) - 1


def test_one_that_cannot_be_answered_keeps_no_other_out_and_waits_for_staff(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = inbox.answer_stranger

    def stumble(turn: Any) -> None:
        if turn.inbound is TEXTS[7]:
            raise ZeroDivisionError
        real(turn)

    monkeypatch.setattr(inbox, "answer_stranger", stumble)

    met = take_all(engine, settings, Spool(tmp_path / "spool"))

    assert met == [True] * (len(TEXTS) - 1) + [False]
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
    take_all(engine, settings, spool)
    take_in_spooled_texts(settings, engine, spool)

    assert spool.count() == 0
    assert list((tmp_path / "spool").glob("*.bad"))
    assert list_bodies(engine, PHONES[0]) == ["METAL 1", "METAL 2"]
    assert all(list_bodies(engine, phone) == ["METAL 0", "METAL 1", "METAL 2"] for phone in PHONES[1:])


def test_while_the_database_is_away_all_wait_on_disk_in_order(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def fail(*_arguments: object) -> list[bool]:
        tried.append(1)
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(arrivals, "take_in_all", fail)
    spool, waiting = Spool(tmp_path / "spool"), list[Inbound]()

    assert take_all(engine, settings, spool) == [False] * len(TEXTS)
    assert len(tried) <= 4, "each was tried alone"

    def receive(text: Inbound, _at: object) -> bool:
        waiting.append(text)
        return True

    spool.take_in(receive)
    for phone in PHONES:
        assert [text for text in waiting if text.phone == phone] == [text for text in TEXTS if text.phone == phone]


def test_until_they_can_be_understood_all_wait_on_disk_in_order(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool")

    assert take_all(engine, settings, spool, is_ready=False) == [False] * len(TEXTS)
    assert all(list_bodies(engine, phone) == [] for phone in PHONES)
    take_in_spooled_texts(settings, engine, spool)

    assert spool.count() == 0
    assert all(list_bodies(engine, phone) == ["METAL 0", "METAL 1", "METAL 2"] for phone in PHONES)


def test_those_that_cannot_wait_on_disk_are_taken_in_at_once(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")

    assert take_all(engine, settings, Spool(tmp_path / "spool"), is_ready=False).count(True) == len(TEXTS) - 1


def test_two_processes_that_take_in_the_same_phones_do_not_wait_for_each_other_crosswise(
    engine: Engine, settings: Settings
) -> None:
    def take(number: int) -> list[bool]:
        phones = PHONES if number % 2 else PHONES[::-1]
        return take_in_all(
            engine, settings.clinic_facts, [(Inbound(f"SM{number}-{phone}", phone, "METAL"), NOW) for phone in phones]
        )

    with ThreadPoolExecutor(4) as threads:
        assert all(all(taken) for taken in threads.map(take, range(12)))

    assert all(len(list_bodies(engine, phone)) == 12 for phone in PHONES)
