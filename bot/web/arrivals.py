"""Patients' texts on their way into the database, or onto the disk while it is away."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from zlib import crc32

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.database import is_away, name_trouble
from bot.inbox import Arrival, take_in, take_in_all
from bot.provider import Inbound
from bot.spool import Spool
from bot.web.together import Together
from messages.facts import ClinicFacts

log = logging.getLogger(__name__)


class Arrivals:
    """Takes texts in, those of each phone in the order in which they came.

    Args:
        is_ready: whether texts can be understood yet. Until then they wait on disk: whoever brings one waits for an
            answer, and the provider not for long.
    """

    def __init__(
        self,
        engine: Engine,
        clinic: ClinicFacts,
        spool: Spool,
        now: Callable[[], datetime],
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._engine, self._clinic, self._spool, self._now, self._is_ready = engine, clinic, spool, now, is_ready
        # SQLite lets one write at a time. A PostgreSQL server may be far away: while one batch waits for it, others go
        # on. All texts of a phone go the same way.
        ways = 1 if engine.dialect.name == "sqlite" else 4
        self._ways = [Together(self._take_in) for _ in range(ways)]

    async def take_in(self, text: Inbound) -> bool:
        """Return once it is kept; False when it waits on disk, or was known already.

        Raises:
            OSError: it could be kept nowhere.
        """
        way = self._ways[crc32(text.phone.encode()) % len(self._ways)]
        return await way.add((text, self._now()))

    def _take_in(self, arrivals: Sequence[Arrival]) -> list[bool]:
        if not self._is_ready():
            try:
                return self._keep(arrivals)
            except OSError as error:
                log.error("texts cannot wait on disk, and are answered late: %s", error.strerror)
        # None may overtake those that wait on disk.
        if not self._spool.count():
            try:
                if len(arrivals) == 1:
                    return [take_in(self._engine, self._clinic, *arrivals[0])]
                return take_in_all(self._engine, self._clinic, arrivals)
            except SQLAlchemyError as error:
                if len(arrivals) > 1 and not is_away(error):
                    raise
                log.error("a text could not be stored and waits on disk: %s", name_trouble(error))
        return self._keep(arrivals)

    def _keep(self, arrivals: Sequence[Arrival]) -> list[bool]:
        for text, received_at in arrivals:
            self._spool.add(text, received_at)
        return [False] * len(arrivals)
