"""A disk that is really full: a small file system in memory, in a mount namespace of its own.

Run as ``unshare -rm python -m tests.test_full_disk FOLDER`` it mounts one there and plays the day; Linux alone can.
"""

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from bot.daemon import prepare_database
from bot.database import reading
from bot.models import IncomingText, OutgoingText
from bot.settings import load_settings
from tests.daemons import ROOT, find_free_port, make_environment, run_daemon, wait_for
from tests.fake_twilio import FakeTwilio, serve_twilio, sign
from tests.test_twilio import count_states, enrol_many, make_inbound, post

SIZE_MB, REMINDERS = 16, 40
DUE_AFTER = timedelta(seconds=15)


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    return tried.returncode == 0


@pytest.mark.skipif(not can_mount(), reason="this machine lets nobody mount a file system of their own")
def test_on_a_full_disk_nothing_leaves_unclaimed_and_nothing_is_lost(tmp_path: Path) -> None:
    command = ["unshare", "-rm", sys.executable, "-m", "tests.test_full_disk", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def play(folder: Path) -> None:
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "none", str(disk)], check=True)
    port = find_free_port()
    with serve_twilio(delay_s=0.02) as fake:
        # With where the program is: started as an operator starts it.
        changes = {"SPOOL_FOLDER": str(disk / "spool"), "PYTHONPATH": str(ROOT)}
        environment = make_environment(f"sqlite:///{disk / 'bot.db'}", fake, port, **changes)
        settings = load_settings(None, environment)
        engine = prepare_database(settings)
        with run_daemon(environment, port, folder) as daemon:
            due_at = datetime.now(UTC) + DUE_AFTER
            enrol_many(engine, settings, REMINDERS, due_at)
            fill(disk)
            kept = write_until_refused(f"{daemon.url}/twilio/inbound")
            time.sleep(max(0.0, (due_at - datetime.now(UTC)).total_seconds()) + 5)
            check_claimed(engine, fake)
            assert count_states(engine).get("planned", 0), "all of it fitted"
            # Whatever room there was, is used: still nothing is answered that is not kept.
            kept += write_until_refused(f"{daemon.url}/twilio/inbound", 1000)
            assert "waits on disk: its disk is full" in daemon.log.read_text()
            assert "the disk that the database is on is full: make room" in read_problems(f"{daemon.url}/readyz")
            assert not list((disk / "spool").glob("*.part")), "half a text is in the spool"

            (disk / "filler").unlink()
            wait_for(lambda: count_states(engine) == {"sent": REMINDERS}, 90)
            wait_for(lambda: list_kept(engine) >= set(kept), 30)
            form = make_inbound("METAL", "IN-later", "+12025559999")
            inbound = f"{daemon.url}/twilio/inbound"
            assert post(inbound, form, sign(inbound, form)) == 200
            assert read_problems(f"{daemon.url}/readyz") == []
            # Of strangers each gets one answer.
            wait_for(lambda: len(fake.texts) >= REMINDERS + len(kept) + 1, 60)
            assert daemon.stop() == 0
        assert set(fake.texts.values()) == {1}
        check_claimed(engine, fake)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
        # What a page or a small file could still go into.
        try:
            while True:
                file.write(b"\0" * 512)
        except OSError:
            return


def write_until_refused(inbound: str, first: int = 0) -> list[str]:
    """Text after text, each from another phone; returns the ids of those that the bot says it has kept."""
    kept = []
    for number in range(first, first + 1000):
        form = make_inbound("METAL " * 100, f"IN{number}", f"+1202556{number:04}")
        code = post(inbound, form, sign(inbound, form))
        if code == 503:
            return kept
        assert code == 200, code
        kept.append(form["MessageSid"])
    raise AssertionError("the disk does not get full")


def read_problems(ready: str) -> list[str]:
    try:
        with urllib.request.urlopen(ready, timeout=10) as answer:
            problems: list[str] = json.load(answer)["problems"]
    except urllib.error.HTTPError as error:
        problems = json.load(error)["problems"]
    return problems


def list_kept(engine: Engine) -> set[str]:
    with reading(engine) as session:
        return set(session.exec(select(IncomingText.provider_id)))


def check_claimed(engine: Engine, fake: FakeTwilio) -> None:
    """Every text at the provider is one that the database knows to have been claimed."""
    with reading(engine) as session:
        claimed = set(session.exec(select(OutgoingText.body).where(col(OutgoingText.attempts) > 0)))
    assert {body for _, body in fake.texts} <= claimed


if __name__ == "__main__":
    play(Path(sys.argv[1]))
