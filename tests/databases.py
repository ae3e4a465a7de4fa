"""Real PostgreSQL databases of the tests: new ones, and one that is handed from test to test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

# Whatever changes a definition, or gathers what the planner goes by, writes to one of these.
_CATALOGS = (
    *("attrdef", "attribute", "class", "constraint", "db_role_setting", "depend", "index", "namespace", "proc"),
    *("rewrite", "statistic", "trigger", "type"),
)
_OURS = "FROM pg_class WHERE relnamespace = 'public'::regnamespace"
# As fast as a database with the dead rows of many tests is one without.
_MOST_BYTES = 4_000_000
# TRUNCATE makes all files anew, which takes as long as another database does.
_EMPTY = f"""
DO $$
DECLARE one regclass;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT oid {_OURS} AND relkind = 'r' LOOP
        EXECUTE format('DELETE FROM %s', one);
    END LOOP;
    PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence;
END $$
"""


@contextmanager
def make_postgres_database(server: str, template: str = "template1") -> Iterator[str]:
    """An empty database on that server, or a copy of another one; gone afterwards."""
    name = _create(server, template)
    yield _find_url(server, name)
    _drop(server, name)


class LentDatabase:
    """A copy of a template that one test after the other gets, each time as it was when it was new.

    To take out what a test has left takes a tenth of the time that another copy does. Before the next test has it, it
    gets another name, which nothing knows that the one before may have left running; it is looked through, and where
    anything but its rows has changed there is another copy for the next one.
    """

    def __init__(self, server: str, template: str) -> None:
        self._server, self._template = server, template
        self._name = ""
        self._rows: dict[str, str] = {}
        self._look: list[Any] = []

    @contextmanager
    def lend(self) -> Iterator[str]:
        if not self._name:
            self._name = _create(self._server, self._template)
            with self._connect() as connection:
                self._rows, self._look = _read_rows(connection), _look_at(connection)
        yield _find_url(self._server, self._name)
        if not self._renew():
            self.drop()

    def drop(self) -> None:
        if self._name:
            _drop(self._server, self._name)
        self._name = ""

    def _renew(self) -> bool:
        """Make it as it was; returns whether it is."""
        try:
            self._rename()
            with self._connect() as connection:
                connection.execute(_EMPTY)
                for table, rows in self._rows.items():
                    statement = f'INSERT INTO "{table}" SELECT * FROM json_populate_recordset(NULL::"{table}", %s)'
                    connection.execute(statement, [rows])
                (size,) = connection.execute(f"SELECT sum(pg_relation_size(oid)) {_OURS}").fetchone() or (0,)
                is_same = _read_rows(connection) == self._rows and _look_at(connection) == self._look
        except psycopg.Error:
            # Somebody is back already, or a test left tables that nothing can be taken out of.
            return False
        return is_same and size < _MOST_BYTES

    def _rename(self) -> None:
        name = f"bot_{uuid4().hex}"
        with psycopg.connect(self._server, autocommit=True) as connection:
            end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(end, [self._name])
            connection.execute(f'ALTER DATABASE "{self._name}" RENAME TO "{name}"')
        self._name = name

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(make_url(self._server).set(database=self._name).render_as_string(hide_password=False))


def _read_rows(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """The rows, in JSON, of each table that has some."""
    tables = [name for (name,) in connection.execute(f"SELECT relname {_OURS} AND relkind = 'r'").fetchall()]
    each = [f"SELECT '{name}', json_agg(one)::text FROM \"{name}\" AS one" for name in tables]
    return {name: rows for name, rows in connection.execute(" UNION ALL ".join(each)).fetchall() if rows}


def _look_at(connection: psycopg.Connection[Any]) -> list[Any]:
    """What there is besides rows: definitions, the numbers that come next, what the planner was told."""
    each = [f"SELECT count(*), max(xmin::text::bigint) FROM pg_{name}" for name in _CATALOGS]
    look = connection.execute(" UNION ALL ".join(each)).fetchall()
    look += connection.execute(f"SELECT relname, reltuples {_OURS} ORDER BY relname").fetchall()
    return look + connection.execute("SELECT * FROM pg_sequences ORDER BY sequencename").fetchall()


def _create(server: str, template: str) -> str:
    name = f"bot_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    return name


def _drop(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _find_url(server: str, name: str) -> str:
    url = make_url(server).set(drivername="postgresql+psycopg", database=name)
    return url.render_as_string(hide_password=False)
