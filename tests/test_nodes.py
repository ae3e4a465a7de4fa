"""Several nodes on one PostgreSQL: killed, frozen, restarted, replaced by a newer version. Each text arrives once.

``NODE_TEXTS`` sets how many texts go through (``make rig``: 20,000).
"""

import csv
import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, func, select

from bot.daemon import prepare_database
from bot.database import open_database, reading, writing
from bot.holds import NODE_LOST, pause, resume
from bot.models import Node, OutgoingText, TextState
from bot.settings import load_settings
from tests.daemons import ROOT, Daemon, find_free_port, make_environment, run_daemon, wait_for
from tests.databases import make_postgres_database
from tests.fake_twilio import FakeTwilio, serve_twilio
from tests.test_twilio import enrol_many

MANY = int(os.environ.get("NODE_TEXTS", "240"))
_PATIENCE_S = 300 + MANY / 20


def count(engine: Engine, *states: str) -> int:
    """How many texts are in these states; -1 while the database is away."""
    try:
        with reading(engine) as session:
            query = select(func.count()).select_from(OutgoingText).where(OutgoingText.step == "welcome")
            return session.exec(query.where(col(OutgoingText.state).in_(states))).one()
    except SQLAlchemyError:
        return -1


def count_nodes(engine: Engine) -> int:
    with reading(engine) as session:
        alive = select(func.count()).select_from(Node).where(col(Node.seen_at) > datetime.now(UTC) - NODE_LOST)
        return session.exec(alive).one()


def check_once_each(fake: FakeTwilio) -> None:
    assert sum(copies - 1 for copies in fake.texts.values()) == 0, "doubled"
    assert len(fake.texts) == MANY, "lost"


def test_each_text_arrives_once_though_nodes_die_and_freeze_and_the_database_restarts(
    own_postgres: Any, tmp_path: Path
) -> None:
    with serve_twilio(delay_s=0.2) as fake, make_postgres_database(own_postgres.get_uri()) as url:
        environment = make_environment(url, fake, 9, SEND_AT_ONCE="48", BRAKE_TIMES="0")
        settings = load_settings(None, environment)
        engine = prepare_database(settings)
        enrol_many(engine, settings, MANY, datetime.now(UTC))
        with writing(engine) as session:
            pause(session, "test", "until all are there", datetime.now(UTC))
        nodes = []
        for number in range(4):
            (tmp_path / f"node{number}").mkdir()
            nodes.append(Daemon(environment, find_free_port(), tmp_path / f"node{number}", "--no-web"))
        try:
            wait_for(lambda: count_nodes(engine) == 4, _PATIENCE_S)
            time.sleep(6)  # the next beat: each knows that it may use a quarter
            with writing(engine) as session:
                resume(session, datetime.now(UTC))

            wait_for(lambda: fake.requests >= MANY // 6, _PATIENCE_S, every=0.01)
            nodes[0].kill()
            nodes[1].kill()
            nodes[2].process.send_signal(signal.SIGSTOP)
            own_postgres.stop()
            own_postgres.start()
            wait_for(lambda: count(engine, "sent") == MANY, _PATIENCE_S)
            check_once_each(fake)

            # What it was sending has been looked up and adopted by now: what it thinks it knows is of no use.
            nodes[2].process.send_signal(signal.SIGCONT)
            time.sleep(7)
            check_once_each(fake)
            assert count(engine, "sent") == MANY
            assert [node.stop() for node in nodes[2:]] == [0, 0]
        finally:
            for node in nodes:
                if node.process.poll() is None:
                    node.process.send_signal(signal.SIGCONT)
                    node.kill()
            engine.dispose()


def test_a_newer_version_takes_over_while_texts_are_on_their_way(postgres: str, tmp_path: Path) -> None:
    old = tmp_path / "old"
    _check_out_the_version_before(old)
    with serve_twilio(delay_s=0.2) as fake, make_postgres_database(postgres) as url:
        port, newer_port = find_free_port(), find_free_port()
        environment = make_environment(url, fake, port, SEND_RATE_PER_SECOND=str(max(20, MANY / 20)), BRAKE_TIMES="0")
        # The older one is so slow that it is not done before the newer one has come up.
        before = environment | {"PYTHONPATH": str(old), "SEND_RATE_PER_SECOND": str(max(1, MANY / 240))}
        _import_with(before, tmp_path / "patients.csv")
        engine = open_database(url)
        with run_daemon(before, port, tmp_path) as older:
            wait_for(lambda: fake.requests > 0, _PATIENCE_S)
            (tmp_path / "newer").mkdir()
            with run_daemon(environment, newer_port, tmp_path / "newer") as newer:
                assert older.stop() == 0
                wait_for(lambda: count(engine, "sent") == MANY, _PATIENCE_S)
                assert newer.stop() == 0
        check_once_each(fake)
        assert count(engine, *(state for state in TextState if state != TextState.SENT)) == 0
        engine.dispose()


def _check_out_the_version_before(folder: Path) -> None:
    """The program as it was before its newest migration."""
    [*_, newest] = sorted((ROOT / "bot" / "migrations" / "versions").glob("0*.py"))

    def git(*words: str) -> bytes:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout

    try:
        added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", str(newest.relative_to(ROOT))).decode().strip()
        archive = git("archive", f"{added}^", "bot", "messages", "locales")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the history of the project: the version before its newest migration")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    assert not (folder / newest.relative_to(ROOT)).exists()


def _import_with(environment: dict[str, str], file: Path) -> None:
    starts_at = datetime.now(UTC) + timedelta(days=20)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["name", "phone", "language", "exam", "starts_at"])
        for number in range(MANY):
            language = ("en", "es", "zh-Hans", "ar", "ht")[number % 5]
            writer.writerow(
                [f"Patient {number}", f"+1202{5550000 + number}", language, "mri-brain", f"{starts_at:%Y-%m-%dT%H:%M}"]
            )
    subprocess.run(
        [sys.executable, "-m", "bot", "import", str(file)],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=file.parent,
        check=True,
        capture_output=True,
    )
