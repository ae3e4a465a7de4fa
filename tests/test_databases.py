"""The database that tests hand on: nothing that one leaves reaches the next."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, func, insert, select, text
from sqlmodel import col

from bot.models import Contact
from tests.conftest import NOW
from tests.databases import LentDatabase

ADD = insert(Contact).values(phone="+12025550101", language="en", created_at=NOW).returning(col(Contact.id))


def use(lent: LentDatabase, *statements: str) -> None:
    """What a test does: a row, and what these do."""
    with lent.lend() as url, open_engine(url) as engine, engine.begin() as connection:
        connection.execute(ADD)
        for statement in statements:
            connection.execute(text(statement))


@contextmanager
def open_engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sending_hold SET paused_by = 'Ana'",
        "DELETE FROM sending_hold",
        "DELETE FROM alembic_version",
        "SELECT setval('contact_id_seq', 90)",
    ],
)
def test_rows_and_numbers_are_those_of_a_new_one(lent_postgres: LentDatabase, statement: str) -> None:
    use(lent_postgres, statement)

    with lent_postgres.lend() as url, open_engine(url) as engine, engine.begin() as connection:
        assert connection.execute(select(func.count()).select_from(Contact)).scalar_one() == 0
        assert connection.execute(text("SELECT id, paused_by FROM sending_hold")).all() == [(1, "")]
        assert len(connection.execute(text("SELECT * FROM alembic_version")).all()) == 1
        assert connection.execute(ADD).scalar_one() == 1


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE contact ADD COLUMN more integer",
        "ALTER TABLE contact DISABLE TRIGGER ALL",
        "CREATE RULE lose AS ON INSERT TO patient DO INSTEAD NOTHING",
        "CREATE TABLE more (id integer)",
        "DROP TABLE alembic_version",
        "ANALYZE",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 64', current_database()); END $$",
    ],
)
def test_one_whose_definitions_changed_is_not_handed_on(lent_postgres: LentDatabase, statement: str) -> None:
    use(lent_postgres)
    kept = lent_postgres._name
    use(lent_postgres)
    assert kept
    assert lent_postgres._name not in ("", kept), "the same one under another name"

    use(lent_postgres, statement)

    assert lent_postgres._name == ""


def test_who_still_has_it_open_is_cut_off(lent_postgres: LentDatabase) -> None:
    with lent_postgres.lend() as url:
        before = url.replace("+psycopg", "")
        left = psycopg.connect(before)
        left.execute("LOCK TABLE contact")
    assert lent_postgres._name, "it is handed on all the same"
    with left, pytest.raises(psycopg.OperationalError, match="terminating connection"):
        left.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(before)
