"""From an SQLite file to PostgreSQL: every row arrives, or nothing does."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select, text

from bot.copying import CopyError, copy_database
from bot.daemon import prepare_database
from bot.database import migrate, open_database, writing
from bot.holds import beat, pause
from bot.models import METADATA, Contact, Patient
from bot.settings import Settings, load_settings
from tests.clinics import PHONE, deliver, enrol_one, text_in
from tests.conftest import CLINIC, NOW
from tests.databases import make_postgres_database

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def source(tmp_path: Path) -> Settings:
    """A clinic's SQLite database with something in most tables, closed."""
    settings = load_settings(None, {**CLINIC, "DATABASE_URL": f"sqlite:///{tmp_path / 'bot.db'}"})
    engine = prepare_database(settings)
    enrol_one(engine, settings, given_name="Zoë 王", language="zh_Hans", contrast=True)
    deliver(engine, settings, NOW)
    text_in(engine, settings, "I have a pacemaker ☂")
    with writing(engine) as session:
        beat(session, "node", 3, settings.plan.limits, NOW)
        pause(session, "Ana", "test", NOW)
    engine.dispose()
    return settings


@pytest.fixture
def target(postgres: str) -> Iterator[Engine]:
    with make_postgres_database(postgres) as url:
        engine = open_database(url)
        migrate(engine)
        yield engine
        engine.dispose()


def find_url(settings: Settings) -> str:
    return settings.database_url.get_secret_value()


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(METADATA.tables[table])).scalar_one()


def test_every_table_arrives_whole_and_the_bot_goes_on_there(source: Settings, target: Engine, tmp_path: Path) -> None:
    copied = {one.table: one.rows for one in copy_database(find_url(source), target, LATER)}

    file = sqlite3.connect(tmp_path / "bot.db")
    tables = [name for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    counted = {name: file.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}
    file.close()
    assert copied == {name: rows for name, rows in counted.items() if name != "alembic_version"}
    assert min(copied[name] for name in ("contact", "outgoing_text", "incoming_text", "task", "node")) > 0
    moved = source.model_copy(update={"database_url": target.url.render_as_string(hide_password=False)})
    with target.connect() as connection:
        assert connection.execute(select(Patient.given_name)).scalar_one() == "Zoë 王"  # type: ignore[call-overload]
    assert enrol_one(target, moved, LATER, phone="+12025550102") == 2, "the numbers go on after those copied"


def test_a_database_that_is_open_elsewhere_is_not_copied(source: Settings, target: Engine) -> None:
    daemon = open_database(find_url(source))
    with daemon.connect() as connection:
        connection.execute(select(func.count()).select_from(METADATA.tables["contact"]))
        connection.rollback()
        with pytest.raises(CopyError, match="in use"):
            copy_database(find_url(source), target, LATER)
    daemon.dispose()
    assert count(target, "contact") == 0


def test_a_database_whose_bot_was_alive_a_moment_ago_is_not_copied(source: Settings, target: Engine) -> None:
    with pytest.raises(CopyError, match="stop it"):
        copy_database(find_url(source), target, NOW + timedelta(seconds=20))


def test_a_target_with_rows_is_left_as_it_is(source: Settings, target: Engine) -> None:
    with target.begin() as connection:
        connection.execute(insert(Contact).values(phone=PHONE, language="en", created_at=NOW))
    with pytest.raises(CopyError, match="contact has rows"):
        copy_database(find_url(source), target, LATER)
    assert count(target, "contact") == 1
    assert count(target, "patient") == 0


def test_a_copy_that_differs_is_taken_back(source: Settings, target: Engine) -> None:
    with target.begin() as connection:
        connection.execute(text("CREATE RULE lose AS ON INSERT TO patient DO INSTEAD NOTHING"))
        connection.execute(text("ALTER TABLE appointment DISABLE TRIGGER ALL"))
    with pytest.raises(CopyError, match="patient differs"):
        copy_database(find_url(source), target, LATER)
    assert count(target, "contact") == 0


def test_what_is_no_database_of_this_version_is_refused(tmp_path: Path, source: Settings, target: Engine) -> None:
    for url in ("postgresql+psycopg://nobody@127.0.0.1/none", "sqlite://", f"sqlite:///{tmp_path / 'none.db'}"):
        with pytest.raises(CopyError, match=r"--from takes|no file"):
            copy_database(url, target, LATER)
    file = sqlite3.connect(tmp_path / "bot.db")
    file.execute("UPDATE alembic_version SET version_num = '0001'")
    file.commit()
    file.close()
    with pytest.raises(CopyError, match="another version"):
        copy_database(find_url(source), target, LATER)
