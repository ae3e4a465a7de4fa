"""The sending loop: what is on its way at once, and what is claimed ahead of it."""

import asyncio
from collections import Counter
from datetime import timedelta

from sqlalchemy import Engine

from bot.database import writing
from bot.inbox import receive
from bot.models import TextState
from bot.provider import Accepted, Inbound, SandboxSender
from bot.sending import SendingLoop
from bot.settings import Settings
from tests.clinics import enrol_one, find_rows
from tests.conftest import NOW, MakeSettings

TEXTS = 10
LATER = NOW + timedelta(hours=2)


class Slow(SandboxSender):
    """Takes a text when it is let through."""

    def __init__(self) -> None:
        self.came = list[str]()
        self.may_go = asyncio.Semaphore(0)

    async def send(self, to: str, body: str, token: str, useful_for: timedelta) -> Accepted:
        self.came.append(to)
        await self.may_go.acquire()
        return await super().send(to, body, token, useful_for)


def enrol_all(engine: Engine, settings: Settings) -> None:
    for number in range(TEXTS):
        enrol_one(engine, settings, phone=f"+12025550{number:03}", starts_at=NOW + timedelta(days=20))


def count_states(engine: Engine) -> Counter[str]:
    return Counter(str(row.state) for row in find_rows(engine, step="welcome"))


async def wait_for_texts(sender: Slow, many: int) -> None:
    async with asyncio.timeout(20):
        while len(sender.came) < many:
            await asyncio.sleep(0.01)


def make_loop(engine: Engine, settings: Settings, sender: Slow) -> SendingLoop:
    return SendingLoop(engine, sender, settings.clinic_facts, settings.plan, 100, lambda: LATER)


def test_half_as_many_as_are_on_their_way_are_claimed_ahead_and_handed_back_at_the_end(
    engine: Engine, make_settings: MakeSettings
) -> None:
    settings = make_settings(SEND_AT_ONCE="4")
    enrol_all(engine, settings)

    async def work() -> None:
        sender = Slow()
        loop = make_loop(engine, settings, sender)
        running = asyncio.create_task(loop.run())
        await wait_for_texts(sender, 4)
        assert count_states(engine) == {TextState.SENDING: 6, TextState.PLANNED: 4}
        sender.may_go.release()
        await wait_for_texts(sender, 5)
        loop.stop()
        for _ in range(TEXTS):
            sender.may_go.release()
        await asyncio.wait_for(running, 20)
        assert len(sender.came) == 5

    asyncio.run(work())

    assert count_states(engine) == {TextState.DELIVERED: 5, TextState.PLANNED: 5}
    assert {row.attempts for row in find_rows(engine, step="welcome") if row.state == TextState.PLANNED} == {0}


def test_one_at_a_time_means_that_none_is_claimed_ahead(engine: Engine, make_settings: MakeSettings) -> None:
    settings = make_settings(SEND_AT_ONCE="1")
    enrol_all(engine, settings)

    async def work() -> None:
        sender = Slow()
        running = asyncio.create_task(make_loop(engine, settings, sender).send_due())
        for sent in range(TEXTS):
            await wait_for_texts(sender, sent + 1)
            assert count_states(engine)[TextState.SENDING] == 1
            sender.may_go.release()
        assert await asyncio.wait_for(running, 20) == TEXTS

    asyncio.run(work())

    assert count_states(engine) == {TextState.DELIVERED: TEXTS}


def test_an_answer_goes_before_what_was_claimed_ahead(engine: Engine, make_settings: MakeSettings) -> None:
    settings = make_settings(SEND_AT_ONCE="4")
    enrol_all(engine, settings)

    async def work() -> None:
        sender = Slow()
        loop = make_loop(engine, settings, sender)
        running = asyncio.create_task(loop.send_due())
        await wait_for_texts(sender, 4)
        asker = sender.came[0]
        with writing(engine) as session:
            receive(session, settings.clinic_facts, Inbound("SM1", asker, "METAL"), LATER)
        sender.may_go.release()
        async with asyncio.timeout(20):
            while all(text.ours for text in loop._ready):
                await asyncio.sleep(0.01)
        sender.may_go.release()
        await wait_for_texts(sender, 6)
        assert sender.came[5] == asker
        for _ in range(TEXTS):
            sender.may_go.release()
        await asyncio.wait_for(running, 20)

    asyncio.run(work())
