"""Status callbacks on their way into the database: on SQLite, those that come while others are written go in together.

A burst of reminders brings thousands. With a transaction for each, patients' texts and the next reminders would wait
for the disk. Each is answered once it is stored, all the same.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as QueueTimeoutError

from bot.database import writing
from bot.outcomes import record_status
from bot.provider import StatusReport
from bot.schedule import Plan

_TOGETHER = 50


@dataclass(eq=False, slots=True)
class _Waiting:
    """One callback, and who waits for it to be stored."""

    token: str
    report: StatusReport
    stored: asyncio.Future[None]


class Callbacks:
    """Stores callbacks in few threads, so that they do not stand in the way of patients' texts."""

    def __init__(self, engine: Engine, plan: Plan, now: Callable[[], datetime]) -> None:
        self._engine, self._plan, self._now = engine, plan, now
        # PostgreSQL has many writers, who must not wait for one another's rows crosswise.
        self._together, threads = (_TOGETHER, 1) if engine.dialect.name == "sqlite" else (1, 4)
        self._turns, self._threads = asyncio.Semaphore(threads), CapacityLimiter(threads)
        self._waiting: list[_Waiting] = []

    async def store(self, token: str, report: StatusReport) -> None:
        """Return once it is stored; an unknown token changes nothing.

        Raises:
            SQLAlchemyError: it could not be stored.
        """
        mine = _Waiting(token, report, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        async with self._turns:
            if mine in self._waiting:
                batch, self._waiting = self._waiting[: self._together], self._waiting[self._together :]
                await self._store_all(batch)
        await mine.stored

    async def _store_all(self, batch: list[_Waiting]) -> None:
        try:
            await to_thread.run_sync(self._write, batch, limiter=self._threads)
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, OperationalError | QueueTimeoutError):
                # One that cannot be stored does not keep the others out.
                for waiting in batch:
                    await self._store_all([waiting])
                return
            for waiting in batch:
                if not waiting.stored.done():
                    waiting.stored.set_exception(error)
        else:
            for waiting in batch:
                if not waiting.stored.done():
                    waiting.stored.set_result(None)

    def _write(self, batch: Sequence[_Waiting]) -> None:
        with writing(self._engine) as session:
            for waiting in batch:
                record_status(session, self._plan, waiting.token, waiting.report, self._now())
