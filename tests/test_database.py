"""Migrations, SQLite's settings, backups, and who may write when."""

import logging
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import func, select

from bot import due
from bot.daemon import prepare_database
from bot.database import back_up, open_database, reading, writing
from bot.jobs import take_turn
from bot.logs import set_up_logging
from bot.models import METADATA, Clinic, Contact, OutgoingText, Patient
from bot.settings import Settings, load_settings
from tests.clinics import PHONE, enrol_one
from tests.commands import make_context
from tests.conftest import CLINIC, NOW, MakeSettings


def test_the_migrations_make_the_tables_of_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_migrating_again_changes_nothing(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    prepare_database(settings).dispose()

    with reading(engine) as session:
        assert session.exec(select(func.count()).select_from(OutgoingText)).one() == 4


def start(values: dict[str, str]) -> None:
    prepare_database(load_settings(None, values)).dispose()
    os._exit(0)


def test_several_processes_may_start_at_once(database_url: str) -> None:
    values = {"DATABASE_URL": database_url, **CLINIC}
    processes = [make_context().Process(target=start, args=(values,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    engine = open_database(database_url)
    with reading(engine) as session:
        assert session.exec(select(func.count()).select_from(Clinic)).one() == 1
    engine.dispose()


def test_the_clinic_follows_the_settings(engine: Engine, make_settings: MakeSettings) -> None:
    prepare_database(make_settings(CLINIC_NAME="Lakeside Imaging")).dispose()

    with reading(engine) as session:
        assert [clinic.name for clinic in session.exec(select(Clinic))] == ["Lakeside Imaging"]


def test_a_row_without_its_parent_is_refused(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.add(Patient(given_name="Ana", contact_id=999))


def test_an_error_in_the_log_names_no_value(
    engine: Engine, settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    set_up_logging("text")
    try:
        with writing(engine) as session:
            session.connection().execute(
                text("INSERT INTO contact (phone, language) VALUES (:phone, :words)"),
                {"phone": "+12025550101", "words": "my words"},
            )
    except IntegrityError:
        logging.getLogger("test").exception("it failed")

    log = capsys.readouterr().err
    assert "IntegrityError" in log
    assert "2025550101" not in log
    assert "my words" not in log


def test_the_same_step_of_the_same_revision_cannot_be_planned_twice(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    names = ", ".join(column.name for column in METADATA.tables["outgoing_text"].columns if column.name != "id")
    copy = text(f"INSERT INTO outgoing_text ({names}) SELECT {names} FROM outgoing_text")

    with pytest.raises(IntegrityError), writing(engine) as session:
        session.connection().execute(copy)


def test_what_is_due_is_found_through_the_partial_index(tmp_path: Path) -> None:
    settings = load_settings(None, {"DATABASE_URL": f"sqlite:///{tmp_path / 'bot.db'}", **CLINIC})
    engine = prepare_database(settings)
    query = "SELECT id FROM outgoing_text WHERE outgoing_text.state = 'planned' AND due_at <= '2026-03-02' LIMIT 1"
    with engine.connect() as connection:
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
    assert "ix_outgoing_text_due" in str(plan)
    engine.dispose()


def test_sqlite_waits_for_a_lock_and_keeps_what_it_committed(tmp_path: Path) -> None:
    settings = load_settings(None, {"DATABASE_URL": f"sqlite:///{tmp_path / 'bot.db'}", **CLINIC})
    engine = prepare_database(settings)
    with engine.connect() as connection:
        settled = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settled == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    engine.dispose()


def test_a_backup_is_a_whole_database(tmp_path: Path) -> None:
    settings = load_settings(None, {"DATABASE_URL": f"sqlite:///{tmp_path / 'bot.db'}", **CLINIC})
    engine = prepare_database(settings)
    enrol_one(engine, settings, NOW)

    back_up(engine, tmp_path / "copy.db")

    copy = sqlite3.connect(tmp_path / "copy.db")
    assert copy.execute("SELECT count(*) FROM outgoing_text").fetchone() == (4,)
    copy.close()
    with pytest.raises(ValueError, match="exists"):
        back_up(engine, tmp_path / "copy.db")
    engine.dispose()


def test_a_periodic_job_is_done_by_one_node_at_a_time(engine: Engine) -> None:
    minute, barrier = timedelta(minutes=1), threading.Barrier(4)

    def ask(after: timedelta) -> bool:
        with writing(engine) as session:
            return take_turn(session, "job", minute, NOW + after)

    def ask_with_others(after: timedelta) -> bool:
        barrier.wait(10)
        return ask(after)

    for after in (timedelta(), minute):
        with ThreadPoolExecutor(4) as nodes:
            assert sum(nodes.map(ask_with_others, [after] * 4)) == 1
        assert not ask(after + minute / 2)


def test_a_claim_reads_along_its_indexes_also_in_a_large_backlog(engine: Engine, settings: Settings) -> None:
    """A look at what is due must not read all of it, nor what is long sent."""
    with engine.begin() as connection:
        connection.execute(insert(Contact).values(phone=PHONE, language="en", created_at=NOW))
        row = {"contact_id": 1, "due_at": NOW, "useful_until": NOW, "body": "", "created_at": NOW}
        kinds = [("reminder", "planned"), ("reminder", "sent"), ("reply", "sent")] * 2000
        connection.execute(insert(OutgoingText), [{**row, "kind": kind, "state": state} for kind, state in kinds])
        connection.exec_driver_sql("ANALYZE")
    values = {"since": NOW - timedelta(minutes=10), "now": NOW, "day": NOW, "limit": 50}
    for statement, index in (
        (due._FRESH_REPLIES, "ix_outgoing_text_due_reply"),
        (due._OTHERS, "ix_outgoing_text_due"),
    ):
        explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
        compiled = statement.params(values).compile(engine, compile_kwargs={"literal_binds": True})
        with engine.connect() as connection:
            plan = "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {compiled}"))
        assert f"{index} " in plan
        assert "B-TREE" not in plan, "sorted along the index"
