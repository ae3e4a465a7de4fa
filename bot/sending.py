"""The sending loop: carries texts from the outbox to the provider, a bounded number at a time.

The only async part that sends. It holds no database session while it waits for the provider.
"""

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from bot.attempts import Ready
from bot.database import looking, name_trouble, reading, writing
from bot.due import find_oldest_due, has_due, list_soonest
from bot.holds import beat, find_last_beat, say_goodbye
from bot.jobs import take_turn
from bot.outbox import claim_due, hand_back, suspect
from bot.outcomes import (
    Doubtful,
    Silent,
    find_doubtful,
    find_silent,
    has_doubtful,
    list_unknown_ids,
    record_not_found_out,
    record_outcomes,
    record_status,
    settle,
)
from bot.provider import BUSY, MAY_LEAVE, Accepted, LateError, Record, Sender, SendError, StatusReport
from bot.schedule import Plan
from bot.sms import SEND_TIMEOUT_S
from messages.facts import ClinicFacts

log = logging.getLogger(__name__)

# The most that one node has on its way at one moment.
SLOTS = 50
POLL_S = 1.0
ASK_EVERY_S = 60
# Outcomes are gathered this long, so that one transaction writes many.
_GATHER_S = 0.02
_DATABASE_PAUSE_S = 1.0
# How often what became due long ago is looked for, and how long ago that is.
_LOOK_BACK_EVERY_S, _LOOK_BACK_MARGIN = 60.0, timedelta(minutes=10)
# What has waited this long is a backlog; of one, so many ids are put in order at once.
_BACKLOG, _SOONEST_MOST = timedelta(minutes=10), 20_000
_LEASE_RESERVE = timedelta(seconds=SEND_TIMEOUT_S + 5)
# After a 429 the number of texts in flight is halved, at most once in this time.
_EASE_EVERY_S = 1.0
_TOO_MANY = 20429
# How many texts are asked about at once, and in one go.
_ASK_AT_ONCE, _ASK_MOST = 5, 100
# Down for longer than this, and what the provider did meanwhile is read.
_DOWN = timedelta(minutes=2)
_READ_BACK = timedelta(minutes=5)


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
        is_time_sure: Callable[[], bool] = lambda: True,
    ) -> None:
        self._engine = engine
        self._sender = sender
        self._clinic = clinic
        self._plan = plan
        self._rate = rate_per_second
        self._clock = clock
        self._is_time_sure = is_time_sure
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._stopping = False
        # Claimed, and waiting for a slot; each slot carries one text after the other.
        self._ready = deque[Ready]()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._outcomes: list[tuple[Ready, Accepted | SendError]] = []
        self._unsent: list[Ready] = []
        self._tokens = max(1.0, rate_per_second)
        self._tokens_at = self._loop.time()
        self._accepted = 0
        self._node_id = secrets.token_hex(8)
        self._nodes = 1
        self._started = 0
        self._slots = float(SLOTS)
        self._eased_at = float("-inf")
        self._since = clock()
        self._look_back_at = float("-inf")
        # Of a backlog, the ids that go first.
        self._soonest = deque[int]()
        self._was_due = False

    def wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nothing to wake
            self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self) -> None:
        """Claim no more; ``run`` returns when what is in flight has come back."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        while True:
            try:
                await self._turn()
            except SQLAlchemyError as error:
                log.error("the database does not answer: %s", name_trouble(error))
                await asyncio.sleep(_DATABASE_PAUSE_S)
                continue
            if self._stopping and not self._has_texts():
                return
            await self._wait()

    async def send_due(self) -> int:
        """Send all that is due now and return how many texts the provider took."""
        before = self._accepted
        while True:
            # Asked before the turn: it may be one just after a turn that could claim nothing.
            may_claim = self._find_allowance() >= 1
            looked_at = await self._turn()
            if may_claim and not looked_at and not self._has_texts():
                return self._accepted - before
            await self._wait()

    async def reconcile(self) -> int:
        """Find out about texts in doubt; returns how many were looked at."""
        doubtful = await asyncio.to_thread(self._find_doubtful)
        slots = asyncio.Semaphore(_ASK_AT_ONCE)

        async def settle_one(text: Doubtful) -> None:
            async with slots:
                await self._settle(text)

        await asyncio.gather(*map(settle_one, doubtful))
        if doubtful:
            self.wake()
        return len(doubtful)

    async def _turn(self) -> int:
        """Write outcomes back, claim and start what may go now; returns how many were looked at."""
        self._woken.clear()
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if self._stopping:
            self._unsent += self._ready
            self._ready.clear()
        limit = min(self._find_room(), int(self._find_allowance()))
        outcomes, unsent = self._outcomes, self._unsent
        if limit < 1 and not outcomes and not unsent:
            return 0
        self._outcomes, self._unsent = [], []
        try:
            ready, looked_at = await asyncio.to_thread(self._record_and_claim, outcomes, unsent, limit)
        except SQLAlchemyError:
            self._outcomes[:0], self._unsent[:0] = outcomes, unsent
            raise
        # What was saved up while the claim was made counts as it stands when they leave.
        self._find_allowance()
        self._tokens -= len(ready)
        self._started += sum(text.ours for text in ready)
        # What answers somebody goes before what was claimed ahead.
        self._ready.extendleft(text for text in reversed(ready) if not text.ours)
        self._ready.extend(text for text in ready if text.ours)
        for _ in range(min(len(self._ready), self._find_slots() - len(self._in_flight))):
            task = asyncio.create_task(self._carry())
            self._in_flight.add(task)
            task.add_done_callback(self._finish)
        return looked_at

    def _has_texts(self) -> bool:
        """Whether any text is in our hands, between its claim and the writing back of its outcome."""
        return bool(self._ready or self._in_flight or self._outcomes or self._unsent)

    def _find_slots(self) -> int:
        """How many texts may be on their way at once."""
        return max(1, min(int(self._slots), self._plan.limits.at_once // self._nodes))

    def _find_room(self) -> int:
        """How many more texts may be claimed.

        Half as many as may be on their way are claimed ahead, so that no slot is empty while a claim is committed. At a
        crash these few are doubtful like those in flight: they are looked up before they are sent, after their lease.
        """
        if self._stopping or not self._is_time_sure():
            return 0
        slots = self._find_slots()
        return slots + slots // 2 - len(self._in_flight) - len(self._ready)

    async def _wait(self) -> None:
        """Until something happens; shorter when only the rate holds us up."""
        if self._is_short():
            return
        timeout = POLL_S if self._find_allowance() >= 1 else max(_GATHER_S, self._nodes / self._rate)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), timeout)

    def _is_short(self) -> bool:
        """Whether slots may soon be empty although more is due and may go."""
        is_low = self._was_due and self._find_room() >= max(1, self._find_slots() // 4)
        return is_low and self._find_allowance() >= 1

    def _find_allowance(self) -> float:
        """How many texts the rate allows now; what was not used is kept for a second."""
        now = self._loop.time()
        rate = self._rate / self._nodes
        self._tokens = min(max(1.0, rate), self._tokens + (now - self._tokens_at) * rate)
        self._tokens_at = now
        return self._tokens

    async def _carry(self) -> None:
        """Send one text after the other while any is ready."""
        while self._ready and not self._stopping and len(self._in_flight) <= self._find_slots():
            await self._send(self._ready.popleft())
            if self._is_short():
                self._woken.set()
            elif self._gathering is None:
                self._gathering = self._loop.call_later(_GATHER_S, self._woken.set)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not self._in_flight:
            self._woken.set()

    async def _send(self, ready: Ready) -> None:
        def may_leave() -> bool:
            # Once we have slept between claim and wire, another process may take this text at any moment.
            return self._clock() <= ready.lease_until - _LEASE_RESERVE

        if not may_leave():
            self._unsent.append(ready)
            return
        MAY_LEAVE.set(may_leave)
        outcome: Accepted | SendError
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S + 1):
                useful_for = ready.useful_until - self._clock()
                outcome = await self._sender.send(ready.phone, ready.body, ready.attempt, useful_for)
        except LateError:
            self._unsent.append(ready)
            return
        except SendError as error:
            outcome = error
        except Exception as error:  # whatever it was, the text may have left
            outcome = SendError(BUSY, unknown=True, cause=f"no usable answer ({type(error).__name__})")
        if isinstance(outcome, Accepted):
            self._accepted += 1
            self._slots = min(float(SLOTS), self._slots + 1 / self._slots)
        elif outcome.code == _TOO_MANY:
            self._ease()
        self._outcomes.append((ready, outcome))

    def _ease(self) -> None:
        """Keep fewer texts in flight: the account takes no more at once. It grows again with each accepted one."""
        if self._loop.time() - self._eased_at >= _EASE_EVERY_S:
            self._slots, self._eased_at = max(1.0, self._slots / 2), self._loop.time()

    async def _settle(self, doubtful: Doubtful) -> None:
        try:
            found = await self._sender.find(doubtful.phone, doubtful.body, doubtful.since)
        except SendError as error:
            result = await asyncio.to_thread(self._record_not_found_out, doubtful, error)
            log.warning("text %s is in doubt and cannot be looked up (%s): %s", doubtful.id, error, result)
            return
        result = await asyncio.to_thread(self._record_settled, doubtful, found)
        log.info("text %s was in doubt: %s", doubtful.id, result)

    async def ask_silent(self) -> int:
        """Ask about accepted texts that have been silent for long; returns how many."""
        silent = await asyncio.to_thread(self._find_silent)
        slots = asyncio.Semaphore(_ASK_AT_ONCE)

        async def ask(text: Silent) -> None:
            async with slots:
                try:
                    report = await self._sender.ask(text.provider_id)
                except SendError as error:
                    log.warning("a silent text cannot be asked about: %s", error)
                    return
            if report is not None:
                await asyncio.to_thread(self._record_report, text, report)

        await asyncio.gather(*map(ask, silent))
        return len(silent)

    async def beat(self) -> None:
        """Tell the other nodes that this one lives, and learn how many share the account."""
        started, self._started = self._started, 0
        try:
            self._nodes = await asyncio.to_thread(self._beat, started)
        except SQLAlchemyError:
            self._started += started
            raise

    async def leave(self) -> None:
        """Leave this node's share to the others."""
        await asyncio.to_thread(self._leave)

    async def catch_up(self) -> list[Record]:
        """Read what the provider did while nobody of us was alive; returns the texts that came in meanwhile.

        If it sent texts that we know nothing of, an older copy of the database has been restored: what is
        due to those numbers is looked up before it is sent.
        """
        last = await asyncio.to_thread(self._find_last_beat)
        if last is None or self._clock() - last < _DOWN:
            return []
        try:
            # What is read twice changes nothing; what is not read is lost.
            records = await self._sender.list_since(last - _READ_BACK)
        except SendError as error:
            log.warning("what happened since the last stop cannot be read: %s", error)
            return []
        outbound = {record.provider_id: record.phone for record in records if not record.inbound}
        suspected = await asyncio.to_thread(self._suspect, outbound)
        if suspected:
            log.warning("%s texts may have been sent before: they are looked up first", suspected)
        return [record for record in records if record.inbound]

    # In threads, each with a session of its own

    def _record_and_claim(
        self, outcomes: list[tuple[Ready, Accepted | SendError]], unsent: list[Ready], limit: int
    ) -> tuple[list[Ready], int]:
        """Both in one transaction: a burst then waits half as often for the disk."""
        is_due = limit > 0 and self._is_any_due()
        # An idle tick shall not take SQLite's write lock.
        if not is_due and not outcomes and not unsent:
            return [], 0
        was_backlog = bool(self._soonest)
        ready, looked_at = list[Ready](), 0
        with writing(self._engine) as session:
            record_outcomes(session, self._plan, outcomes, self._clock())
            hand_back(session, unsent, self._clock())
            if is_due:
                session.flush()
                ready, looked_at = claim_due(
                    session, self._clinic, self._plan, self._clock(), limit, self._since, self._soonest
                )
        if was_backlog and not self._soonest:
            self._look_back_at = float("-inf")  # there may be more than the list held
        self._was_due = looked_at > 0
        return ready, looked_at

    def _is_any_due(self) -> bool:
        now = self._clock()
        if self._loop.time() >= self._look_back_at or now < self._since:
            self._look_back(now)
        if self._was_due:
            return True
        with looking(self._engine) as connection:
            return has_due(connection, now, self._since)

    def _look_back(self, now: datetime) -> None:
        """Find where what is due begins.

        While any old transaction is open, PostgreSQL's index keeps what has been sent since; not every look shall
        walk through all of it. In a backlog, say after a downtime, what will be of no more use soonest goes first.
        """
        with looking(self._engine) as connection:
            oldest = find_oldest_due(connection, now) or now
            self._since = oldest - _LOOK_BACK_MARGIN
            late = now - oldest > _BACKLOG
            self._soonest = deque(list_soonest(connection, now, _SOONEST_MOST) if late else ())
        self._look_back_at = self._loop.time() + _LOOK_BACK_EVERY_S

    def _find_doubtful(self) -> list[Doubtful]:
        with reading(self._engine) as session:
            if not has_doubtful(session, self._clock()):
                return []
        with writing(self._engine) as session:
            return find_doubtful(session, self._clock(), SLOTS)

    def _record_settled(self, doubtful: Doubtful, found: list[Accepted]) -> str:
        with writing(self._engine) as session:
            return settle(session, doubtful, found, self._clock())

    def _record_not_found_out(self, doubtful: Doubtful, error: SendError) -> str:
        with writing(self._engine) as session:
            return record_not_found_out(session, self._plan, doubtful, error, self._clock())

    def _find_silent(self) -> list[Silent]:
        with writing(self._engine) as session:
            # Once over all nodes, so that more of them do not ask the provider more.
            if not take_turn(session, "ask about silent texts", timedelta(seconds=ASK_EVERY_S), self._clock()):
                return []
            return find_silent(session, self._clock(), _ASK_MOST)

    def _record_report(self, silent: Silent, report: StatusReport) -> bool:
        with writing(self._engine) as session:
            return record_status(session, self._plan, silent.attempt, report, self._clock())

    def _beat(self, started: int) -> int:
        with writing(self._engine) as session:
            return beat(session, self._node_id, started, self._plan.limits, self._clock())

    def _leave(self) -> None:
        with writing(self._engine) as session:
            say_goodbye(session, self._node_id)

    def _find_last_beat(self) -> datetime | None:
        with reading(self._engine) as session:
            return find_last_beat(session)

    def _suspect(self, outbound: dict[str, str]) -> int:
        with writing(self._engine) as session:
            unknown = list_unknown_ids(session, list(outbound))
            return suspect(session, {outbound[provider_id] for provider_id in unknown}, self._clock())
