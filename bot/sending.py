"""The sending loop: carries texts from the outbox to the provider, a bounded number at a time.

The only async part that sends. It holds no database session while it waits for the provider.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.database import reading, writing
from bot.outbox import (
    Doubtful,
    Ready,
    claim_due,
    find_doubtful,
    hand_back,
    has_doubtful,
    has_due,
    record_outcomes,
    settle,
)
from bot.schedule import Plan
from bot.sms import SEND_TIMEOUT_S, Accepted, Action, Sender, SendError
from messages.facts import ClinicFacts

log = logging.getLogger(__name__)

SLOTS = 50
POLL_S = 1.0
# Outcomes are gathered this long, so that one transaction writes many.
_GATHER_S = 0.01
_DATABASE_PAUSE_S = 1.0
_LEASE_RESERVE = timedelta(seconds=SEND_TIMEOUT_S + 5)


class SendingLoop:
    """Sends what is due until it is stopped; ``wake`` makes it look at once, from any thread."""

    def __init__(
        self,
        engine: Engine,
        sender: Sender,
        clinic: ClinicFacts,
        plan: Plan,
        rate_per_second: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._sender = sender
        self._clinic = clinic
        self._plan = plan
        self._rate = rate_per_second
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._stopping = False
        self._in_flight: set[asyncio.Task[None]] = set()
        self._outcomes: list[tuple[Ready, Accepted | SendError]] = []
        self._unsent: list[Ready] = []
        self._tokens = max(1.0, rate_per_second)
        self._tokens_at = self._loop.time()
        self._accepted = 0
        self.account_problem: str | None = None

    def wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nothing to wake
            self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self) -> None:
        """Claim no more; ``run`` returns when what is in flight has come back."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        while True:
            self._woken.clear()
            try:
                claimed = await self._turn()
            except SQLAlchemyError as error:
                log.error("the database does not answer: %s", type(error).__name__)
                await asyncio.sleep(_DATABASE_PAUSE_S)
                continue
            if self._stopping and not self._in_flight and not self._outcomes and not self._unsent:
                return
            if not claimed:
                await self._wait()

    async def send_due(self) -> int:
        """Send all that is due now and return how many texts the provider took."""
        before = self._accepted
        while await self._turn() or self._in_flight or self._outcomes or self._find_allowance() < 1:
            await self._wait()
            self._woken.clear()
        return self._accepted - before

    async def reconcile(self) -> int:
        """Find out about texts in doubt; returns how many were looked at."""
        doubtful = await asyncio.to_thread(self._find_doubtful)
        await asyncio.gather(*map(self._settle, doubtful))
        if doubtful:
            self.wake()
        return len(doubtful)

    async def _turn(self) -> int:
        """Write outcomes back, then claim and start what may go now; returns how many were looked at."""
        await self._write_back()
        limit = min(SLOTS - len(self._in_flight), int(self._find_allowance()))
        if self._stopping or limit < 1:
            return 0
        ready, looked_at = await asyncio.to_thread(self._claim, limit)
        self._tokens -= len(ready)
        for text in ready:
            task = asyncio.create_task(self._send(text))
            self._in_flight.add(task)
            task.add_done_callback(self._finish)
        return looked_at

    async def _wait(self) -> None:
        """Until something happens; shorter when only the rate holds us up."""
        timeout = POLL_S if self._find_allowance() >= 1 else max(_GATHER_S, 1 / self._rate)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), timeout)
        if self._in_flight:
            await asyncio.sleep(_GATHER_S)

    def _find_allowance(self) -> float:
        """How many texts the rate allows now; what was not used is kept for a second."""
        now = self._loop.time()
        most = max(1.0, self._rate)
        self._tokens = min(most, self._tokens + (now - self._tokens_at) * self._rate)
        self._tokens_at = now
        return self._tokens

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._woken.set()

    async def _send(self, ready: Ready) -> None:
        if self._clock() > ready.lease_until - _LEASE_RESERVE:
            # We slept between claim and wire: another process may take this text at any moment.
            self._unsent.append(ready)
            return
        outcome: Accepted | SendError
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S + 1):
                outcome = await self._sender.send(ready.phone, ready.body, ready.attempt)
        except SendError as error:
            outcome = error
        except Exception as error:  # whatever it was, the text may have left
            outcome = SendError(Action.RETRY, unknown=True, cause=f"no usable answer ({type(error).__name__})")
        if isinstance(outcome, Accepted):
            self.account_problem = None
            self._accepted += 1
        elif outcome.action == Action.ACCOUNT:
            self.account_problem = f"{outcome.advice} ({outcome})"
        self._outcomes.append((ready, outcome))

    async def _write_back(self) -> None:
        outcomes, unsent = self._outcomes, self._unsent
        if not outcomes and not unsent:
            return
        self._outcomes, self._unsent = [], []
        try:
            await asyncio.to_thread(self._record, outcomes, unsent)
        except SQLAlchemyError:
            self._outcomes[:0], self._unsent[:0] = outcomes, unsent
            raise

    async def _settle(self, doubtful: Doubtful) -> None:
        try:
            found = await self._sender.find(doubtful.phone, doubtful.body, doubtful.since)
        except SendError as error:
            log.warning("text %s is in doubt and cannot be looked up: %s", doubtful.id, error)
            return
        result = await asyncio.to_thread(self._record_settled, doubtful, found)
        log.info("text %s was in doubt: %s", doubtful.id, result)

    # In threads, each with a session of its own

    def _claim(self, limit: int) -> tuple[list[Ready], int]:
        with reading(self._engine) as session:
            # An idle tick shall not take SQLite's write lock.
            if not has_due(session, self._clock()):
                return [], 0
        with writing(self._engine) as session:
            return claim_due(session, self._clinic, self._plan, self._clock(), limit)

    def _record(self, outcomes: list[tuple[Ready, Accepted | SendError]], unsent: list[Ready]) -> None:
        with writing(self._engine) as session:
            record_outcomes(session, outcomes, self._clock())
            hand_back(session, unsent, self._clock())

    def _find_doubtful(self) -> list[Doubtful]:
        with reading(self._engine) as session:
            if not has_doubtful(session, self._clock()):
                return []
        with writing(self._engine) as session:
            return find_doubtful(session, self._clock(), SLOTS)

    def _record_settled(self, doubtful: Doubtful, found: list[Accepted]) -> str:
        with writing(self._engine) as session:
            return settle(session, doubtful, found, self._clock())
