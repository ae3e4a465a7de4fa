"""Service: a whole SQLite database copied into another one, row by row, and compared."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Integer, Table, create_engine, delete, event, func, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from bot.database import find_revision, lock_start
from bot.models import METADATA, Clinic, Node, SendingHold, ZoneRules

_BATCH = 1000
# A daemon that has said so this recently still runs.
_ALIVE = timedelta(seconds=30)
# What a new database holds before anybody uses it.
_SET_UP = {str(table.__tablename__) for table in (Clinic, SendingHold, ZoneRules)}

# Told the table, and how many of its rows are written.
Progress = Callable[[str, int], None]


class CopyError(ValueError):
    """Nothing was copied; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Copied:
    """One table that is the same in both databases. ``digest`` is a hexadecimal sum over its rows."""

    table: str
    rows: int
    digest: str


def copy_database(source_url: str, target: Engine, now: datetime, progress: Progress | None = None) -> list[Copied]:
    """Copy every row of an SQLite database into the tables of an empty one, or nothing at all.

    Both must have this version's tables. Nobody else can open the source meanwhile.

    Raises:
        CopyError: the source is no SQLite database of this version, or is in use; the target is not empty, or
            differs from the source after the copy.
    """
    with _open_alone(source_url) as source, target.execution_options(writes=True).begin() as connection:
        lock_start(connection)
        _check_source(source, connection, now)
        _empty(connection)
        copied = [_copy_table(table, source, connection, progress) for table in METADATA.sorted_tables]
        for table, there in zip(METADATA.sorted_tables, copied, strict=True):
            here = _measure(table, _list_rows(connection, table))
            if here != there:
                raise CopyError(
                    f"{table.name} differs after the copy ({here.rows} of {there.rows} rows); nothing is kept"
                )
            _set_sequence(connection, table)
    if target.dialect.name == "postgresql":
        with target.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))
    return copied


@contextmanager
def _open_alone(url: str) -> Iterator[Connection]:
    """A connection that shuts everybody else out of the file."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        raise CopyError("--from takes an SQLite file, such as sqlite:///reminders.db")
    if not Path(address.database).is_file():
        raise CopyError(f"there is no file {address.database}")
    engine = create_engine(url, poolclass=StaticPool, hide_parameters=True, connect_args={"timeout": 1})
    event.listen(engine, "connect", _shut_others_out)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN EXCLUSIVE"))
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        if not isinstance(error.orig, sqlite3.OperationalError) or "locked" not in str(error.orig):
            raise
        raise CopyError(f"{address.database} is in use; stop every bot and program that has it open") from error
    finally:
        engine.dispose()


def _shut_others_out(connection: Any, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    # Leaving WAL is refused while anybody else has the file open, even if they are doing nothing.
    cursor.execute("PRAGMA journal_mode = DELETE")
    cursor.close()


def _check_source(source: Connection, target: Connection, now: datetime) -> None:
    if find_revision(source) != find_revision(target):
        raise CopyError("the database to copy is of another version; run this version's bot migrate on it first")
    seen_at = source.execute(select(func.max(Node.seen_at))).scalar()
    if seen_at is not None and seen_at > now - _ALIVE:
        raise CopyError("a bot is sending from the database to copy, or was a moment ago; stop it and wait a minute")


def _empty(target: Connection) -> None:
    """Take out what the set-up put in; whatever else is there is somebody's."""
    for table in METADATA.sorted_tables:
        if table.name not in _SET_UP and target.execute(select(table).limit(1)).first() is not None:
            raise CopyError(f"the database to copy to is not empty: {table.name} has rows; name a new one")
    for name in _SET_UP:
        target.execute(delete(METADATA.tables[name]))


def _copy_table(table: Table, source: Connection, target: Connection, progress: Progress | None) -> Copied:
    def write_through() -> Iterator[list[tuple[Any, ...]]]:
        written = 0
        names = [column.name for column in table.columns]
        for batch in _list_rows(source, table):
            target.execute(insert(table), [dict(zip(names, row, strict=True)) for row in batch])
            written += len(batch)
            if progress is not None:
                progress(table.name, written)
            yield batch

    return _measure(table, write_through())


def _list_rows(connection: Connection, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    rows = connection.execute(select(table), execution_options={"yield_per": _BATCH})
    return ([tuple(row) for row in batch] for batch in rows.partitions())


def _measure(table: Table, batches: Iterator[list[tuple[Any, ...]]]) -> Copied:
    """Count and digest. The digest is a sum, so that the order, which differs between databases, is no matter."""
    count, total = 0, 0
    for batch in batches:
        count += len(batch)
        for row in batch:
            total += int.from_bytes(hashlib.sha256(repr(tuple(map(_plain, row))).encode()).digest())
    return Copied(table.name, count, f"{total % (1 << 256):064x}")


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _set_sequence(target: Connection, table: Table) -> None:
    """Let the next row that the database numbers come after those it has been given."""
    keys = list(table.primary_key.columns)
    if target.dialect.name == "postgresql" and len(keys) == 1 and isinstance(keys[0].type, Integer):
        highest = target.execute(select(func.max(keys[0]))).scalar()
        target.execute(
            text("SELECT setval(pg_get_serial_sequence(:table, :column), :next, false)"),
            {"table": f'"{table.name}"', "column": keys[0].name, "next": (highest or 0) + 1},
        )
