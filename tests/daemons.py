"""The daemon as a process of its own, and what tests ask of it."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from tests.commands import RunningCommand
from tests.conftest import CLINIC
from tests.fake_twilio import SERVICE, SID, TOKEN

ROOT = Path(__file__).resolve().parent.parent


def find_free_port() -> int:
    """A port that nobody has, below those that the system gives to whoever connects meanwhile."""
    while True:
        with suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", random.randrange(15_000, 32_000)))
            return int(listener.getsockname()[1])


class Reachable(Protocol):
    """A stand-in for the provider."""

    @property
    def url(self) -> str: ...


def make_environment(database_url: str, provider: Reachable, port: int, **changes: str) -> dict[str, str]:
    """What a clinic with an account at the fake provider has in its environment. No quiet hours."""
    return {
        **CLINIC,
        "DATABASE_URL": database_url,
        "SENDER": "twilio",
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_MESSAGING_SERVICE_SID": SERVICE,
        "TWILIO_API_BASE_URL": provider.url,
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "QUIET_HOURS_START": "00:00",
        "QUIET_HOURS_END": "00:00",
        "SEND_RATE_PER_SECOND": "1000",
        **changes,
    }


def start_bot(
    words: list[str], folder: Path, environment: dict[str, str], log: Path
) -> subprocess.Popen[bytes] | RunningCommand:
    """``bot`` with these words, that goes on in the background; see ``Daemon``."""
    environment = {"PATH": os.environ["PATH"], **environment}
    if "PYTHONPATH" not in environment:
        return RunningCommand(words, folder, environment, log)
    with log.open("ab") as out:
        command = [sys.executable, "-m", "bot", *words]
        return subprocess.Popen(command, env=environment, cwd=folder, stdout=out, stderr=out)


def is_answering(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


class Daemon:
    """A running ``bot run``; its log goes to a file.

    With a ``PYTHONPATH`` it is the program there, started as an operator starts it; without one it is a fork of a
    process that has imported ours already, which spares it half of its work.
    """

    def __init__(self, environment: dict[str, str], port: int, folder: Path, *options: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "daemon.log"
        words = ["run", "--port", str(port), *options]
        self.process = start_bot(words, folder, environment, self.log)

    def is_healthy(self) -> bool:
        return is_answering(f"{self.url}/healthz")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """Ask it to end as an operator would; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)


@contextmanager
def run_daemon(environment: dict[str, str], port: int, folder: Path) -> Iterator[Daemon]:
    daemon = Daemon(environment, port, folder)
    try:
        wait_for(daemon.is_healthy, 120)
        yield daemon
    finally:
        if daemon.process.poll() is None:
            daemon.kill()


def wait_for(condition: Callable[[], bool], seconds: float, every: float = 0.05) -> None:
    """Wait until it holds, at most so long; all in seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not hold within {seconds} s")
        time.sleep(every)
