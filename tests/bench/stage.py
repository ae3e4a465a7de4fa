"""Databases prepared once and copied for each run, and nodes of the bot on them."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import Engine, make_url, text

from bot.appointments import enrol
from bot.daemon import prepare_database
from bot.database import open_database, writing
from bot.holds import pause
from bot.people import Enrolment
from bot.settings import Settings, load_settings
from tests.bench.provider import Provider
from tests.daemons import ROOT, Daemon, find_free_port, make_environment, wait_for
from tests.fake_twilio import FakeTwilio

KINDS = ("sqlite", "postgresql")
LANGUAGES = ("en", "es", "zh_Hans", "zh_Hant", "vi", "ko", "fil", "ru", "ar", "ht", "fr", "hi")
_NOWHERE = FakeTwilio(url="http://127.0.0.1:9")
# Nothing holds up a burst that is meant.
_UNLIMITED = {"SEND_RATE_PER_SECOND": "10000", "BRAKE_TIMES": "0", "TEXTS_PER_DAY": "100", "MOST_IDENTICAL": "100"}


def make_phone(number: int) -> str:
    return f"+1202{5550000 + number:07}"


class Stage:
    """Where the benchmark keeps its databases; ``postgres`` is the address of its server."""

    def __init__(self, folder: Path, postgres: str) -> None:
        self.folder, self.postgres = folder, postgres
        self._templates: dict[tuple[str, str], str] = {}

    def make_environment(
        self, url: str, provider: Provider | None = None, port: int = 9, **changes: str
    ) -> dict[str, str]:
        # With where the program is: what is measured is started as an operator starts it.
        changes = {**_UNLIMITED, "PYTHONPATH": str(ROOT), **changes}
        return make_environment(url, provider or _NOWHERE, port, **changes)

    def load_settings(self, url: str) -> Settings:
        return load_settings(None, self.make_environment(url))

    def _make_url(self, kind: str, name: str) -> str:
        if kind == "sqlite":
            return f"sqlite:///{self.folder / name}.db"
        url = make_url(self.postgres).set(drivername="postgresql+psycopg", database=name)
        return url.render_as_string(hide_password=False)

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def prepare(self, kind: str, name: str, fill: Callable[[Engine, Settings], object]) -> None:
        """Make a template, once."""
        if (kind, name) in self._templates:
            return
        url = self._make_url(kind, f"template_{name}")
        if kind == "postgresql":
            self._execute(f'CREATE DATABASE "template_{name}"')
        settings = self.load_settings(url)
        engine = prepare_database(settings)
        fill(engine, settings)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE" if kind == "postgresql" else "PRAGMA wal_checkpoint(TRUNCATE)"))
        engine.dispose()
        self._templates[kind, name] = url

    @contextmanager
    def copy(self, kind: str, name: str) -> Iterator[str]:
        """The address of a copy of a template, gone afterwards."""
        copied = f"run_{uuid4().hex[:12]}"
        if kind == "postgresql":
            self._execute(f'CREATE DATABASE "{copied}" TEMPLATE "template_{name}"')
            yield self._make_url(kind, copied)
            self._execute(f'DROP DATABASE "{copied}" WITH (FORCE)')
            return
        shutil.copy(self.folder / f"template_{name}.db", self.folder / f"{copied}.db")
        yield self._make_url(kind, copied)
        for file in self.folder.glob(f"{copied}.db*"):
            file.unlink()

    @contextmanager
    def run_nodes(
        self, url: str, provider: Provider, many: int = 1, options: tuple[str, ...] = (), **changes: str
    ) -> Iterator[list[Daemon]]:
        """Nodes that have come up, have read their word lists, and know of each other."""
        nodes = []
        for number in range(many):
            port = find_free_port()
            folder = self.folder / f"node{number}"
            folder.mkdir(exist_ok=True)
            environment = self.make_environment(url, provider, port, **changes)
            nodes.append(Daemon(environment, port, folder, *options))
        try:
            if "--no-web" not in options:
                wait_for(lambda: all(node.is_healthy() for node in nodes), 120)
            wait_until_idle([node.process.pid for node in nodes])
            if many > 1:
                time.sleep(6)  # the next beat: each node has heard of all others
            yield nodes
        finally:
            for node in nodes:
                if node.process.poll() is None:
                    node.stop()


def enrol_due(engine: Engine, settings: Settings, many: int, before: timedelta = timedelta(), first: int = 0) -> None:
    """So many patients in twelve languages, each with a welcome that is due, and sending paused.

    Args:
        before: how long they have been due.
        first: the number of the first patient, where there are some already.
    """
    now = datetime.now(UTC) - before
    with writing(engine) as session:
        pause(session, "bench", "until all is ready", now)
    for start in range(first, first + many, 500):
        batch = [
            Enrolment(
                phone=make_phone(number),
                given_name=f"Patient {number}",
                language=LANGUAGES[number % len(LANGUAGES)],
                exam="mri-brain",
                starts_at=now + timedelta(days=20, minutes=number % 480),
            )
            for number in range(start, min(start + 500, first + many))
        ]
        with writing(engine) as session:
            enrol(session, settings.plan, batch, now, "bench")


def let_go(url: str) -> None:
    """End the pause, as ``bot resume`` does."""
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE sending_hold SET paused_at = NULL"))
    engine.dispose()


def read_cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_memory_mb(pid: int, which: str = "VmRSS") -> float:
    """Resident memory in MB: now, or the most ever (``VmHWM``)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"{which}:")]
    return int(line.split()[1]) / 1024


def wait_until_idle(pids: list[int]) -> None:
    """Until the processes use less than a twentieth of a processor for two seconds."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        before = sum(map(read_cpu_s, pids))
        time.sleep(2)
        if sum(map(read_cpu_s, pids)) - before < 0.1 * len(pids):
            return


def run_python(*words: str) -> list[str]:
    return [sys.executable, *words]
