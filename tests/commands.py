"""Commands as an operator types them: each a process of its own, with its own folder and environment.

To import all that a command needs takes most of its time. One process does it once and is forked for each command.
"""

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerContext
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

from bot.cli import main

# What commands import as they go.
_IMPORTED = ("bot.cli", "bot.checks", "bot.daemon", "bot.evaluating", "bot.importing", "bot.web.app", "tests.commands")
_SECONDS = 60


def run_command(words: list[str], folder: Path, environment: dict[str, str], stdin: str) -> CompletedProcess[str]:
    """Run ``bot`` in a folder, with nothing but this environment.

    Raises:
        TimeoutError: it has not ended after a minute, and was killed.
    """
    with TemporaryDirectory() as name:
        streams = [Path(name, stream) for stream in ("stdin", "stdout", "stderr")]
        streams[0].write_text(stdin, encoding="utf-8")
        process = _make_context().Process(target=_become, args=(words, folder, environment, streams))
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


def _make_context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_IMPORTED])
    return context


def _become(words: list[str], folder: Path, environment: dict[str, str], streams: list[Path]) -> None:
    """Be the process that a shell would have started."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate(streams):
        os.dup2(os.open(stream, os.O_RDWR | os.O_CREAT), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, encoding="utf-8") for number, mode in enumerate("rww"))
    sys.argv = ["bot", *words]
    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
