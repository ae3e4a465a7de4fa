"""The web server of a process: its end, and the lists that it cannot do without."""

import asyncio
from pathlib import Path
from socket import create_server

import pytest
from sqlalchemy import Engine

from bot import serving
from bot.provider import SandboxSender
from bot.sending import SendingLoop
from bot.serving import Site
from bot.settings import Settings
from messages.words import WordsError
from tests.conftest import NOW


async def open_site(engine: Engine, settings: Settings) -> Site:
    loop = SendingLoop(engine, SandboxSender(), settings.clinic_facts, settings.plan, 10, lambda: NOW)
    return Site(settings, engine, loop, lambda: NOW, demo=True, list_problems=list)


def test_a_word_list_that_cannot_be_read_ends_it_and_says_which(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise WordsError(Path("ar.toml"), "[topics] may have food; check foood")

    async def serve() -> None:
        site = await open_site(engine, settings)
        await asyncio.wait_for(site.serve(create_server(("127.0.0.1", 0))), 30)

    monkeypatch.setattr(serving, "prepare_understanding", fail)
    with pytest.raises(WordsError, match=r"ar\.toml: .*foood"):
        asyncio.run(serve())


def test_it_ends_at_once_when_told_to_whatever_is_still_being_learned(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning = asyncio.Event()

    async def learn() -> None:
        learning.set()
        await asyncio.sleep(600)

    async def serve() -> None:
        site = await open_site(engine, settings)
        task = asyncio.create_task(site.serve(create_server(("127.0.0.1", 0))))
        await learning.wait()
        site.stop()
        await asyncio.wait_for(task, 30)

    monkeypatch.setattr(serving, "prepare_understanding", learn)
    asyncio.run(serve())
    assert learning.is_set()
