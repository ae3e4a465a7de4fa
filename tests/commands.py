"""Commands as an operator types them: each a process of its own, with its own folder and environment.

To import all that a command needs takes most of its time. One process does it once and is forked for each command.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
from multiprocessing.context import ForkServerContext
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from tempfile import TemporaryDirectory

from bot.cli import main

# What commands import as they go.
_IMPORTED = (
    *("bot.cli", "bot.checks", "bot.daemon", "bot.evaluating", "bot.importing", "bot.samples", "bot.serving"),
    *("bot.web.app", "tests.commands"),
)
_SECONDS = 60


def run_command(words: list[str], folder: Path, environment: dict[str, str], stdin: str) -> CompletedProcess[str]:
    """Run ``bot`` in a folder, with nothing but this environment.

    Raises:
        TimeoutError: it has not ended after a minute, and was killed.
    """
    with TemporaryDirectory() as name:
        streams = [Path(name, stream) for stream in ("stdin", "stdout", "stderr")]
        streams[0].write_text(stdin, encoding="utf-8")
        process = make_context().Process(target=_become, args=(words, folder, environment, streams))
        process.start()
        process.join(_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"bot {' '.join(words)}")
        stdout, stderr = (stream.read_text(encoding="utf-8") for stream in streams[1:])
        code = process.exitcode
        process.close()
    return CompletedProcess(words, code, stdout, stderr)


class RunningCommand:
    """A command that goes on, with its output in a log; it is asked and told the same as a ``subprocess.Popen``."""

    def __init__(self, words: list[str], folder: Path, environment: dict[str, str], log: Path) -> None:
        self._name = f"bot {' '.join(words)}"
        streams = [Path(os.devnull), log, log]
        self._process = make_context().Process(target=_become, args=(words, folder, environment, streams), daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        """Its exit code once it has ended; -9 and so on where a signal ended it."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise TimeoutExpired(self._name, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def make_context() -> ForkServerContext:
    """What starts processes that have imported the program already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_IMPORTED])
    return context


def _become(words: list[str], folder: Path, environment: dict[str, str], streams: list[Path]) -> None:
    """Be the process that a shell would have started."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    for number, stream in enumerate(streams):
        os.dup2(os.open(stream, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, encoding="utf-8") for number, mode in enumerate("rww"))
    sys.stderr.reconfigure(line_buffering=True)
    sys.argv = ["bot", *words]
    sys.orig_argv = [sys.executable, "-m", *sys.argv]
    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
