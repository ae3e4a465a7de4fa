"""Patients' texts on their way into the database, or onto the disk while it is away, and from there to an answer."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.arriving import AT_ONCE, keep, take_in_kept
from bot.database import is_away, name_trouble
from bot.inbox import Arrival
from bot.provider import Inbound
from bot.spool import Spool
from bot.web.together import Together
from messages.facts import ClinicFacts

log = logging.getLogger(__name__)

# While so many are kept in one go, and so long after, the others that come are kept first and understood after: whoever
# brings them waits for that alone. But no answer waits longer than this because of it.
_RUSH, _RUSH_PAUSE_S, _RUSH_MOST_S = 5, 0.1, 1.0


class Arrivals:
    """Keeps texts, many in one transaction, and takes them in, those of each phone in the order in which they came.

    Args:
        wake: called when there may be answers to send.
        is_ready: whether texts can be understood yet. Until then they are kept, and wait.
    """

    def __init__(
        self,
        engine: Engine,
        clinic: ClinicFacts,
        spool: Spool,
        now: Callable[[], datetime],
        wake: Callable[[], None] = lambda: None,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._engine, self._clinic, self._spool, self._now = engine, clinic, spool, now
        self._wake, self._is_ready = wake, is_ready
        self._keeping = Together(self._keep)
        # SQLite lets one write at a time. A PostgreSQL server may be far away: while one waits for it, others go on.
        self._most_takers = 1 if engine.dialect.name == "sqlite" else 4
        self._takers = set[asyncio.Task[None]]()
        self._has_more = False
        self._stopping = False
        self._rush_began = self._rush_at = float("-inf")

    async def keep(self, text: Inbound) -> None:
        """Return once it is kept.

        Raises:
            OSError: it could be kept nowhere.
        """
        await self._keeping.add((text, self._now()))
        self.take_in_soon()

    def take_in_soon(self) -> None:
        """Take in what is kept, unless that is being done already."""
        self._has_more = True
        if not self.is_taking_in():
            self._add_taker()

    def is_taking_in(self) -> bool:
        return not all(taker.done() for taker in self._takers)

    async def stop(self) -> None:
        """Return when what is being taken in has been; the rest stays kept."""
        self._stopping = True
        await asyncio.gather(*self._takers, return_exceptions=True)

    def _keep(self, arrivals: Sequence[Arrival]) -> list[None]:
        self._store(arrivals)
        moment = time.monotonic()
        if len(arrivals) >= _RUSH:
            if not self._is_rush(moment):
                self._rush_began = moment
            self._rush_at = moment
        return [None] * len(arrivals)

    def _store(self, arrivals: Sequence[Arrival]) -> None:
        # None may overtake those that wait on disk.
        if not self._spool.count():
            try:
                keep(self._engine, arrivals)
                return
            except SQLAlchemyError as error:
                if len(arrivals) > 1 and not is_away(error):
                    raise
                log.error("a text could not be stored and waits on disk: %s", name_trouble(error))
        for text, received_at in arrivals:
            self._spool.add(text, received_at)

    def _add_taker(self) -> None:
        taker = asyncio.create_task(self._take_in())
        self._takers.add(taker)
        taker.add_done_callback(self._takers.discard)

    async def _take_in(self) -> None:
        """Take in what is kept until nothing is left."""
        while self._is_ready() and not self._stopping:
            await self._stand_back()
            self._has_more = False
            try:
                taken = await asyncio.to_thread(take_in_kept, self._engine, self._clinic, self._spool)
            except Exception as error:  # they stay kept, and are looked at again soon
                log.error("texts wait to be taken in: %s", name_trouble(error))
                return
            if taken:
                self._wake()
                if taken == AT_ONCE and len(self._takers) < self._most_takers:
                    self._add_taker()
            elif not self._has_more:
                return

    async def _stand_back(self) -> None:
        """Wait while many come at once."""
        while self._is_rush(moment := time.monotonic()) and moment - self._rush_began < _RUSH_MOST_S:
            await asyncio.sleep(_RUSH_PAUSE_S / 5)

    def _is_rush(self, moment: float) -> bool:
        return moment - self._rush_at < _RUSH_PAUSE_S
