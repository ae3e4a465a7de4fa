"""The daemon's process, really killed at random moments, while the provider misbehaves: counted at the provider."""

import logging
import random
import signal
import sqlite3
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bot.daemon import prepare_database
from bot.settings import load_settings
from tests.clinics import list_tasks
from tests.commands import RunningCommand
from tests.daemons import Daemon, find_free_port, make_environment, run_daemon, wait_for
from tests.fake_twilio import serve_twilio
from tests.faults import FAULTS, now_and_then
from tests.rig import FULL, MANY
from tests.test_twilio import check_log, count_states, enrol_many

log = logging.getLogger(__name__)

TEXTS, KILLS = (MANY, 20) if FULL else (200, 2)
DATABASES = ["sqlite", "postgresql"] if FULL else ["postgresql"]


def test_killed_again_and_again_each_text_arrives_once(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(20)
    port = find_free_port()
    fault = now_and_then(list(FAULTS.values()), every=5)
    with serve_twilio(delay_s=0.05, callbacks=True, fault=fault) as fake:
        environment = make_environment(database_url, fake, port, BRAKE_TIMES="0", SPOOL_FOLDER=str(tmp_path))
        settings = load_settings(None, environment)
        engine = prepare_database(settings)
        enrol_many(engine, settings, TEXTS, datetime.now(UTC))
        doubtful, life_s = 0, 0.0
        for number in range(KILLS):
            daemon, began = Daemon(environment, port, tmp_path), time.monotonic()
            try:
                if number == 0:
                    wait_for(lambda: fake.requests >= len(fake.messages) + 20, 120, every=0.001)
                    life_s = time.monotonic() - began
                    # So slow that the last one killed still has something to send.
                    environment["SEND_RATE_PER_SECOND"] = f"{TEXTS / KILLS / (life_s / 4 + 1):.1f}"
                else:
                    # While it starts, or sends, or looks for what the last one left in doubt.
                    time.sleep(life_s * chance.uniform(0.5, 1.5))
            finally:
                daemon.kill()
            states = count_states(engine)
            doubtful += states.get("sending", 0)
            assert states.get("planned", 0) + states.get("sending", 0) + states.get("unknown", 0) > 0
        log.info("%s kills, %s sent so far, %s on the wire at a kill", KILLS, len(fake.messages), doubtful)
        assert doubtful > 0
        if not FULL:  # each fault costs a lease of half a minute
            fake.fault = None
        with run_daemon(environment, port, tmp_path) as daemon:
            wait_for(lambda: set(count_states(engine)) <= {"sent", "delivered"}, 900, every=0.5)
            assert daemon.stop() == 0
        assert sum(copies - 1 for copies in fake.texts.values()) == 0, "doubled"
        assert len(fake.texts) == TEXTS, "lost"
        assert sum(count_states(engine).values()) == TEXTS
        assert list_tasks(engine) == []
        check_log(daemon.log, fake)
        engine.dispose()


@pytest.mark.parametrize("database_url", DATABASES, indirect=True)
def test_an_old_and_a_new_version_share_a_burst_while_one_leaves(database_url: str, tmp_path: Path) -> None:
    ports = [find_free_port() for _ in range(2)]
    with serve_twilio(delay_s=0.1) as fake:
        old, new = (
            make_environment(database_url, fake, port, SEND_RATE_PER_SECOND="100", SPOOL_FOLDER=str(tmp_path))
            for port in ports
        )
        settings = load_settings(None, old)
        engine = prepare_database(settings)
        with run_daemon(old, ports[0], tmp_path) as leaving, run_daemon(new, ports[1], tmp_path) as staying:
            enrol_many(engine, settings, 300, datetime.now(UTC))
            wait_for(lambda: len(fake.messages) > 50, 60)
            assert leaving.stop() == 0
            wait_for(lambda: count_states(engine) == {"sent": 300}, 120)
            assert staying.stop() == 0
        assert set(fake.texts.values()) == {1}
        assert fake.requests == len(fake.texts) == 300, "handed back, not in doubt"
        engine.dispose()


def stop_between_transactions(process: subprocess.Popen[bytes] | RunningCommand, engine: Engine) -> None:
    """Stop a process where it holds no lock: in the middle of a write SQLite would wait for it as long as it stands."""
    while True:
        process.send_signal(signal.SIGSTOP)
        if engine.dialect.name != "sqlite":
            return
        other = sqlite3.connect(engine.url.database or "", timeout=0.2, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE").execute("ROLLBACK")
            return
        except sqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            time.sleep(0.01)
        finally:
            other.close()


@pytest.mark.skipif(not FULL, reason="a lease is half a minute: make rig")
def test_a_process_stopped_past_its_lease_and_resumed_sends_nothing_twice(database_url: str, tmp_path: Path) -> None:
    ports = [find_free_port() for _ in range(2)]
    with serve_twilio(delay_s=0.5) as fake:
        environments = [
            make_environment(database_url, fake, port, SEND_RATE_PER_SECOND="100", SPOOL_FOLDER=str(tmp_path))
            for port in ports
        ]
        settings = load_settings(None, environments[0])
        engine = prepare_database(settings)
        with run_daemon(environments[0], ports[0], tmp_path) as paused:
            enrol_many(engine, settings, 200, datetime.now(UTC))
            wait_for(lambda: len(fake.messages) > 20, 60)
            stop_between_transactions(paused.process, engine)
            with run_daemon(environments[1], ports[1], tmp_path) as other:
                wait_for(lambda: count_states(engine) == {"sent": 200}, 200)
                paused.process.send_signal(signal.SIGCONT)
                time.sleep(10)
                assert other.stop() == 0
            assert paused.stop() == 0
        assert set(fake.texts.values()) == {1}
        assert count_states(engine) == {"sent": 200}
        engine.dispose()
