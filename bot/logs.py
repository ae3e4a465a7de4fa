"""Logging set up once: to stderr, as text or JSON lines, never with a phone number in it."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Literal

# A last line of defence: our own messages name rows, not numbers.
_NUMBER = re.compile(r"\+?\d[\d\s()-]{6,}\d|\d{3}\.\d{3}\.\d{4}")
_MASK = "[number]"
# PostgreSQL adds the failing row, with whatever stands in it.
_FAILING_ROW = re.compile(r"^DETAIL:.*?(?=^\[SQL|^\(Background|^Traceback|\Z)", re.MULTILINE | re.DOTALL)


class _Masking(logging.Formatter):
    """Adds the time in UTC and masks what looks like a phone number, also in a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        message = _NUMBER.sub(_MASK, _FAILING_ROW.sub("DETAIL: [left out]\n", super().format(record)))
        return self.write(moment, record, message)

    def write(self, moment: str, record: logging.LogRecord, message: str) -> str:
        return f"{moment} {record.levelname.lower():7} {record.name}: {message}"


class _JsonLines(_Masking):
    def write(self, moment: str, record: logging.LogRecord, message: str) -> str:
        line = {"time": moment, "level": record.levelname.lower(), "logger": record.name, "message": message}
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(form: Literal["text", "json"], level: int = logging.INFO) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if form == "json" else _Masking())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # One line a tick or a request says nothing, and a request's line may say too much.
    for name in ("apscheduler", "uvicorn.access", "alembic", "twilio", "aiohttp"):
        logging.getLogger(name).setLevel(logging.WARNING)
