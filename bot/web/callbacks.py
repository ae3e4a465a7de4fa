"""Status callbacks on their way into the database: a burst of reminders brings thousands."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Engine

from bot.database import writing
from bot.outcomes import record_statuses
from bot.provider import StatusReport
from bot.schedule import Plan
from bot.web.together import Together

# The token of the attempt, and what is said of it.
_Callback = tuple[str, StatusReport]


class Callbacks:
    """Stores callbacks, many in one transaction; each is answered once it is stored."""

    def __init__(self, engine: Engine, plan: Plan, now: Callable[[], datetime]) -> None:
        self._engine, self._plan, self._now = engine, plan, now
        self._together = Together(self._store)

    async def store(self, token: str, report: StatusReport) -> None:
        """Return once it is stored; an unknown token changes nothing.

        Raises:
            SQLAlchemyError: it could not be stored.
        """
        await self._together.add((token, report))

    def _store(self, callbacks: Sequence[_Callback]) -> list[bool]:
        with writing(self._engine) as session:
            return record_statuses(session, self._plan, callbacks, self._now())
