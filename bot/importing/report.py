"""What an import did, and what was wrong."""

from dataclasses import asdict, dataclass
from typing import Any

from bot.sentences import Sentence


@dataclass(frozen=True, slots=True)
class RowError:
    """One thing wrong: the row's number in the file, our name of the column (empty: the whole row), why."""

    row: int
    column: str
    message: Sentence


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How many appointments had which outcome, every error in the order of rows, and what was not read."""

    enrolled: int
    updated: int
    unchanged: int
    cancelled: int
    errors: list[RowError]
    ignored: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The value that ``bot import --json`` prints."""
        values = asdict(self)
        del values["ignored"]
        return values
