"""Many callbacks at once: each is stored, and one that cannot be takes no other with it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from bot.attempts import Ready
from bot.database import writing
from bot.outbox import claim_due
from bot.outcomes import record_outcomes, record_statuses
from bot.provider import Accepted, SendError, StatusReport
from bot.settings import Settings
from bot.web import callbacks
from bot.web.callbacks import Callbacks
from tests.clinics import find_rows
from tests.conftest import NOW
from tests.test_twilio import enrol_many

MANY, FEW, BROKEN = 120, 20, 7


@pytest.fixture
def tokens(engine: Engine, settings: Settings) -> list[str]:
    """Of so many texts that are being sent."""
    enrol_many(engine, settings, MANY, NOW)
    with writing(engine) as session:
        ready, _ = claim_due(session, settings.clinic_facts, settings.plan, NOW, MANY)
    assert len(ready) == MANY
    return [text.attempt for text in ready]


def store_all(engine: Engine, settings: Settings, tokens: list[str]) -> list[BaseException | None]:
    """All at once; what each of the webhooks would meet."""

    async def work() -> list[BaseException | None]:
        stored = Callbacks(engine, settings.plan, lambda: NOW)
        told = [stored.store(token, StatusReport(f"SM{token}", "delivered")) for token in tokens]
        return await asyncio.gather(*told, return_exceptions=True)

    return asyncio.run(work())


def test_those_that_come_together_are_stored_together(
    engine: Engine, settings: Settings, tokens: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = []

    def count(engine: Engine) -> AbstractContextManager[Session]:
        transactions.append(1)
        return writing(engine)

    monkeypatch.setattr(callbacks, "writing", count)

    assert set(store_all(engine, settings, [*tokens, "unknown"])) == {None}

    states = Counter((row.state, row.provider_id) for row in find_rows(engine, step="welcome"))
    assert states == {("delivered", f"SM{token}"): 1 for token in tokens}
    assert len(transactions) < 10


def test_one_that_cannot_be_stored_keeps_no_other_out(
    engine: Engine, settings: Settings, tokens: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def record(session: Session, plan: Any, told: Sequence[tuple[str, StatusReport]], now: datetime) -> list[bool]:
        done = record_statuses(session, plan, told, now)
        if tokens[BROKEN] in dict(told):
            raise ZeroDivisionError
        return done

    monkeypatch.setattr(callbacks, "record_statuses", record)

    met = store_all(engine, settings, tokens)

    assert [number for number, error in enumerate(met) if error] == [BROKEN]
    assert Counter(row.state for row in find_rows(engine, step="welcome")) == {"delivered": MANY - 1, "sending": 1}


def test_while_the_database_is_away_each_is_told_and_none_is_tried_alone(
    engine: Engine, settings: Settings, tokens: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def fail(_engine: Engine) -> AbstractContextManager[Session]:
        tried.append(1)
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(callbacks, "writing", fail)

    assert {type(error) for error in store_all(engine, settings, tokens)} == {OperationalError}
    assert len(tried) < 10


def test_what_two_callbacks_say_of_one_text_ends_with_the_further_of_them(
    engine: Engine, settings: Settings, tokens: list[str]
) -> None:
    told = [
        (tokens[at], StatusReport(f"SM{at}", status)) for status in ("sent", "delivered", "queued") for at in (1, 0)
    ]
    with writing(engine) as session:
        assert record_statuses(session, settings.plan, told, NOW) == [True] * 6

    assert Counter(row.state for row in find_rows(engine, step="welcome")) == {"delivered": 2, "sending": MANY - 2}


def test_callbacks_and_answers_of_the_provider_do_not_wait_for_each_other_crosswise(
    engine: Engine, settings: Settings
) -> None:
    enrol_many(engine, settings, FEW, NOW)
    with writing(engine) as session:
        ready, _ = claim_due(session, settings.clinic_facts, settings.plan, NOW, FEW)
    accepted: list[tuple[Ready, Accepted | SendError]] = [(one, Accepted(f"SM{one.id}", "queued")) for one in ready]
    backwards = [(one.attempt, StatusReport(f"SM{one.id}", "delivered")) for one in reversed(ready)]

    def write_outcomes() -> None:
        with writing(engine) as session:
            record_outcomes(session, settings.plan, accepted, NOW)

    def write_callbacks() -> None:
        with writing(engine) as session:
            record_statuses(session, settings.plan, backwards, NOW)

    with ThreadPoolExecutor(2) as threads:
        for _ in range(10):
            for done in [threads.submit(write_outcomes), threads.submit(write_callbacks)]:
                done.result()

    assert Counter(row.state for row in find_rows(engine, step="welcome")) == {"delivered": FEW}
