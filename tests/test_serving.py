"""The web server of a process: its end, and the lists that it cannot do without."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY, create_connection, create_server

import pytest
from sqlalchemy import Engine

from bot import serving, warming
from bot.daemon import listen
from bot.provider import SandboxSender
from bot.sending import SendingLoop
from bot.serving import Site
from bot.settings import Settings
from bot.warming import prepare_understanding
from messages import lexicon
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


def test_what_goes_wrong_while_the_lists_are_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise WordsError(Path("ar.toml"), "[topics] may have food; check foood")

    monkeypatch.setattr(warming, "read_lexicon", fail)
    with pytest.raises(WordsError, match="foood"):
        asyncio.run(prepare_understanding())


def test_a_process_that_ends_does_not_wait_for_the_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, over = threading.Event(), threading.Event()

    def read() -> None:
        reading.set()
        over.wait(60)

    async def begin_and_end() -> None:
        learning = asyncio.create_task(prepare_understanding())
        await asyncio.to_thread(reading.wait, 30)
        learning.cancel()

    monkeypatch.setattr(warming, "read_lexicon", read)
    asyncio.run(begin_and_end())
    [thread] = [one for one in threading.enumerate() if one.name == "learning"]
    assert thread.is_alive()
    assert thread.daemon
    over.set()
    thread.join(30)


def test_a_text_that_comes_while_the_lists_are_read_does_not_read_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    @cache
    def read() -> list[int]:
        reads.append(1)
        time.sleep(0.2)
        return reads

    reads: list[int] = []
    monkeypatch.setattr(lexicon, "_read", read)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: lexicon.read_lexicon(), range(4)))
    assert len(reads) == 1
    with lexicon._ONCE:  # as while a language is being learned
        assert lexicon.read_lexicon() == reads


def test_no_part_of_an_answer_waits_until_another_is_acknowledged() -> None:
    with listen("127.0.0.1", 0) as listening, create_connection(listening.getsockname()):
        taken, _ = listening.accept()
        with taken:
            assert taken.getsockopt(IPPROTO_TCP, TCP_NODELAY)
