"""Runs the other designs, each from a virtual environment that is made for this alone."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

from tests.bench.provider import Provider
from tests.daemons import find_free_port

SCRIPTS = Path(__file__).with_name("peers")
HOME = Path(__file__).with_name(".venv")
PACKAGES = (
    "apscheduler>=3.11,<4",
    "sqlalchemy>=2",
    "twilio>=9,<10",
    "celery[redis]>=5.5",
    "procrastinate>=3",
    "psycopg[binary,pool]",
)
# A peer that sends nothing for this long is done.
_SILENT_S = 15


def install_peers() -> str:
    """Make the environment if there is none; returns what is in it."""
    python = HOME / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", *PACKAGES], check=True)
    code = "from importlib.metadata import version as v; print(*(f'{n} {v(n)}' for n in %r), sep=', ')"
    names = ("APScheduler", "SQLAlchemy", "twilio", "celery", "redis", "procrastinate")
    done = subprocess.run([str(python), "-c", code % (names,)], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _start(script: str, *words: str, **environment: str) -> subprocess.Popen[bytes]:
    command = [str(HOME / "bin" / "python"), script, *words]
    # Celery draws a banner, APScheduler says of each job that it was missed.
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=SCRIPTS, env=os.environ | environment, stdout=quiet, stderr=quiet)


def _finish(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run_bare(provider: Provider, forms: Path, texts: int, delay_s: float) -> tuple[float, float]:
    """Texts per second of the bare loop, and the microseconds of a processor that it used for each."""
    provider.reset(delay_s)
    command = [sys.executable, str(SCRIPTS / "bare.py"), provider.url, str(forms)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    counted = provider.count()
    assert counted["texts"] == texts
    return texts / float(counted["seconds"]), float(done.stdout)


def run_apscheduler(
    provider: Provider, forms: Path, texts: int, delay_s: float, *, defaults: bool = False
) -> tuple[float, float]:
    """Texts per second, and the share of the texts that never came."""
    words = ["defaults"] if defaults else []
    with tempfile.TemporaryDirectory() as folder:
        ahead = 3 + texts / 100
        planning = _start("with_apscheduler.py", "plan", provider.url, str(forms), folder, str(ahead), *words)
        assert planning.wait() == 0
        provider.reset(delay_s)
        sender = _start("with_apscheduler.py", "run", provider.url, str(forms), folder, "0", *words)
        counted = provider.wait_for(texts, _SILENT_S + ahead)
        _finish(sender)
    lost = 1 - provider.count_copies()[0] / texts
    return counted["texts"] / max(0.001, float(counted["seconds"])), lost


def measure_apscheduler(texts: int, folder: Path) -> dict[str, Any]:
    """What it costs to hold so many jobs: seconds to plan and to start, ms of a tick and of a move, MB."""
    forms = folder / "held.jsonl"
    forms.write_text("".join(json.dumps([f"+1202{number:07}", "x" * 300]) + "\n" for number in range(texts)))
    python, words = str(HOME / "bin" / "python"), ["http://127.0.0.1:9", str(forms), str(folder), "4000000"]
    results: dict[str, Any] = {}
    for what in ("plan", "measure"):
        command = [python, "with_apscheduler.py", what, *words]
        done = subprocess.run(command, cwd=SCRIPTS, check=True, capture_output=True, text=True)
        results |= json.loads(done.stdout.splitlines()[-1])
    (folder / "jobs.db").unlink()
    return results


@contextmanager
def serve_redis() -> Iterator[str | None]:
    """A Redis of our own; None where the machine has none."""
    if shutil.which("redis-server") is None:
        yield None
        return
    port = find_free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            _finish(process)


def run_celery(provider: Provider, redis: str, forms: Path, texts: int, delay_s: float) -> float:
    environment = {"REDIS_URL": redis, "PROVIDER_URL": provider.url}
    provider.reset(delay_s)
    options = ["-A", "with_celery", "worker", "--pool", "prefork", "--concurrency", "10", "--loglevel", "error"]
    worker = _start(
        "-m", "celery", *options, "--prefetch-multiplier", "10", "--without-gossip", "--without-mingle", **environment
    )
    time.sleep(8)
    ahead = 3 + texts / 400
    assert _start("with_celery.py", str(forms), str(ahead), **environment).wait() == 0
    counted = provider.wait_for(texts, _SILENT_S + ahead)
    _finish(worker)
    return counted["texts"] / max(0.001, float(counted["seconds"]))


def run_procrastinate(provider: Provider, postgres: str, forms: Path, texts: int, delay_s: float) -> float:
    name = f"peer_{uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
    url = make_url(postgres).set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    environment = {"PG_URL": url, "PROVIDER_URL": provider.url}
    ahead = 5.0
    assert _start("with_procrastinate.py", "plan", str(forms), str(ahead), **environment).wait() == 0
    provider.reset(delay_s)
    worker = _start("with_procrastinate.py", "run", **environment)
    counted = provider.wait_for(texts, _SILENT_S + ahead)
    _finish(worker)
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]
    return counted["texts"] / max(0.001, float(counted["seconds"]))
