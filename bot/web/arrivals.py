"""Patients' texts on their way into the database, or onto the disk while it is away."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.database import is_away, name_trouble
from bot.inbox import Arrival, take_in_all
from bot.provider import Inbound
from bot.spool import Spool
from bot.web.together import Together
from messages.facts import ClinicFacts

log = logging.getLogger(__name__)


class Arrivals:
    """Takes texts in, in the order in which they came."""

    def __init__(self, engine: Engine, clinic: ClinicFacts, spool: Spool, now: Callable[[], datetime]) -> None:
        self._engine, self._clinic, self._spool, self._now = engine, clinic, spool, now
        self._together = Together(self._take_in)

    async def take_in(self, text: Inbound) -> bool:
        """Return once it is kept; False when it waits on disk, or was known already.

        Raises:
            OSError: it could be kept nowhere.
        """
        return await self._together.add((text, self._now()))

    def _take_in(self, arrivals: Sequence[Arrival]) -> list[bool]:
        # None may overtake those that wait on disk.
        if not self._spool.count():
            try:
                return take_in_all(self._engine, self._clinic, arrivals)
            except SQLAlchemyError as error:
                if len(arrivals) > 1 and not is_away(error):
                    raise
                log.error("a text could not be stored and waits on disk: %s", name_trouble(error))
        for text, received_at in arrivals:
            self._spool.add(text, received_at)
        return [False] * len(arrivals)
