"""Patients' texts on disk while they cannot be taken in, one small file each, taken in later in order.

A file is complete and on the disk before the webhook is answered. Its name is the time it came, so that
the files' order is the texts' order, also when several processes share the folder.
"""

import itertools
import json
import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bot.provider import Inbound

log = logging.getLogger(__name__)


class Spool:
    """A folder of waiting texts; it is made when the first one comes, for this user's eyes only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = itertools.count()

    def count(self) -> int:
        """How many texts wait."""
        return len(self._list())

    def add(self, text: Inbound, received_at: datetime) -> None:
        """Keep a text until it is taken in.

        Raises:
            OSError: it cannot be kept; the disk may be full.
        """
        self._write(text, received_at, ".json")

    def set_aside(self, text: Inbound, received_at: datetime) -> None:
        """Keep a text that cannot be taken in, for whoever finds out why.

        Raises:
            OSError: it cannot be kept.
        """
        self._write(text, received_at, ".bad")

    def _write(self, text: Inbound, received_at: datetime, suffix: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        moment = received_at.astimezone(UTC)
        name = f"{moment:%Y%m%dT%H%M%S.%f}-{next(self._number):08}-{secrets.token_hex(4)}"
        part = self._folder / f"{name}.part"
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                json.dump({**asdict(text), "received_at": received_at.isoformat()}, file)
                file.flush()
                os.fsync(file.fileno())
            part.rename(part.with_suffix(suffix))
        except OSError:
            part.unlink(missing_ok=True)
            raise
        self._sync_folder()

    def take_in(self, receive: Callable[[Inbound, datetime], bool]) -> int:
        """Hand every waiting text to ``receive``, oldest first, those too that come meanwhile.

        What ``receive`` raises leaves the rest for later.

        A file that cannot be read, or whose text ``receive`` refuses, is set aside under another name, and the log
        says so.
        """
        taken = 0
        while waiting := self._list():
            taken += sum(self._hand(path, receive) for path in waiting)
        return taken

    def _hand(self, path: Path, receive: Callable[[Inbound, datetime], bool]) -> bool:
        """Hand over one waiting text; whether it was taken."""
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
            received_at = datetime.fromisoformat(entry.pop("received_at"))
            text = Inbound(**entry)
        except FileNotFoundError:
            return False  # another process was faster
        except (ValueError, TypeError, KeyError):
            self._put_aside(path)
            return False
        is_taken = receive(text, received_at)
        if is_taken:
            path.unlink(missing_ok=True)
        else:
            self._put_aside(path)
        return is_taken

    def _put_aside(self, path: Path) -> None:
        log.error("a spooled text cannot be taken in: %s", path.name)
        path.rename(path.with_suffix(".bad"))

    def _list(self) -> list[Path]:
        return sorted(self._folder.glob("*.json"))

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
