"""What time it is for all nodes: on PostgreSQL the database's time, so that a node with a wrong clock does no harm."""

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select

# A moment that took longer to come than this is not exact enough to replace the one before.
_SLOW_S = 1.0
# Goes on while the machine sleeps, unlike the monotonic clock: a node that wakes up must know that its leases are over.
_TICKS = getattr(time, "CLOCK_BOOTTIME", None) or time.CLOCK_MONOTONIC


class Clock:
    """Asked for the time it counts on from when it last heard it from the database (``listen``).

    On SQLite, and until it has first heard, it is the machine's own time.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._heard: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        if self._heard is None:
            return datetime.now(UTC)
        moment, tick = self._heard
        return moment + timedelta(seconds=time.clock_gettime(_TICKS) - tick)

    def listen(self) -> None:
        """Ask the database for the time. Raises SQLAlchemy's error when it does not answer."""
        if self._engine.dialect.name != "postgresql":
            return
        with self._engine.connect() as connection:
            before = time.clock_gettime(_TICKS)
            moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            after = time.clock_gettime(_TICKS)
        if self._heard is None or after - before < _SLOW_S:
            self._heard = moment.astimezone(UTC), (before + after) / 2
