"""What time it is for all nodes: the database's time on PostgreSQL, the machine's own on SQLite.

Between two looks at that clock we count on by ourselves. A clock that somebody sets leaps, and so does one on a
machine that slept; which of the two it was, only somebody else's clock can tell. Until then nothing is sent.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select

log = logging.getLogger(__name__)

# More than a clock is slewed, and than another clock is behind that says whole seconds after a slow answer.
LEAP = timedelta(seconds=30)
# A moment that took longer to come from the database than this is not exact enough to replace the one before.
_SLOW_S = 1.0


def read_wall() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


def read_ticks() -> float:
    """Seconds that nobody can set. They go on while the machine sleeps: a node that wakes knows its leases are over."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Clock:
    """Tells one process the time, from any thread; ``settle`` ends a doubt, as there is at the start.

    Until it has first heard the database (``listen``), it goes by the machine's clock there too.
    """

    def __init__(
        self,
        engine: Engine | None,
        wall: Callable[[], datetime] = read_wall,
        ticks: Callable[[], float] = read_ticks,
    ) -> None:
        self._engine = engine if engine is not None and engine.dialect.name == "postgresql" else None
        self._wall, self._ticks = wall, ticks
        self._lock = threading.Lock()
        # What the clock shows when the ticks begin: by its last look, and as we believe it.
        self._seen = self._believed = wall() - timedelta(seconds=ticks())
        self._settled = self._heard = False

    def now(self) -> datetime:
        """The time as we believe it, aware, in UTC: a clock that has leapt is not followed before ``settle``."""
        with self._lock:
            self._look_at_machine()
            return self._believed + timedelta(seconds=self._ticks())

    def listen(self) -> None:
        """Ask the database for the time. Raises SQLAlchemy's error when it does not answer."""
        if self._engine is None:
            return
        before = self._ticks()
        moment = self._ask(self._engine)
        after = self._ticks()
        with self._lock:
            if not self._heard:
                self._seen = self._believed = moment - timedelta(seconds=(before + after) / 2)
                self._heard = True
            elif after - before < _SLOW_S:
                self._look(moment, (before + after) / 2)

    def is_settled(self) -> bool:
        """Whether this time is good enough to send by."""
        with self._lock:
            self._look_at_machine()
            return self._settled

    def settle(self, told: datetime | None) -> None:
        """End the doubt with what somebody else's clock says; None where nobody tells: then ours is believed."""
        with self._lock:
            self._look_at_machine()
            origin = self._seen if told is None else told - timedelta(seconds=self._ticks())
            if abs(self._seen - origin) <= LEAP:
                origin = self._seen
            elif not self._settled:
                log.error("%s is wrong by %s: set it", self._name(), self._seen - origin)
            self._believed, self._settled = origin, True

    def list_problems(self) -> list[str]:
        """What is wrong with the clock, as a sentence for the operator."""
        with self._lock:
            self._look_at_machine()
            if not self._settled:
                return [f"{self._name()} may be wrong, and the provider does not tell the time"]
            error = self._seen - self._believed
            return [f"{self._name()} is wrong by {error}: set it"] if abs(error) > LEAP else []

    def _name(self) -> str:
        return "the clock of the database server" if self._engine else "the clock of this machine"

    def _ask(self, engine: Engine) -> datetime:
        with engine.connect() as connection:
            moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return moment.astimezone(UTC)

    def _look_at_machine(self) -> None:
        if not self._heard:
            self._look(self._wall(), self._ticks())

    def _look(self, moment: datetime, ticks: float) -> None:
        origin = moment - timedelta(seconds=ticks)
        if abs(origin - self._seen) > LEAP:
            self._settled = False
        elif self._seen == self._believed:
            self._believed = origin
        self._seen = origin
