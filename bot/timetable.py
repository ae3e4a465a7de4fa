"""What a process does again and again, or once beside its work, on APScheduler's clock."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.database import name_trouble

log = logging.getLogger(__name__)


class Timetable:
    """The jobs of this process on APScheduler's clock. One that fails is logged, and tried again at its next time."""

    def __init__(self) -> None:
        self.scheduler = AsyncIOScheduler(
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}, timezone=UTC
        )

    def every(self, seconds: float, what: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do this now and then after so many seconds; ``what`` says what is wrong when it fails."""
        self.scheduler.add_job(try_to, "interval", [what, work], seconds=seconds, next_run_time=datetime.now(UTC))

    def once(self, what: str, work: Callable[[], Awaitable[object]]) -> None:
        self.scheduler.add_job(try_to, args=[what, work])

    async def stop(self) -> None:
        """Begin no job any more, and cut short those that run."""
        self.scheduler.pause()
        # One that was about to begin does: cut short before that, it would be logged as an error.
        await asyncio.sleep(0)
        self.scheduler.shutdown(wait=False)

    def forget_times(self) -> None:
        """Let no job wait for an hour that the machine's clock repeats."""
        for job in self.scheduler.get_jobs():
            job.modify(next_run_time=datetime.now(UTC))


async def try_to(what: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do this; ``what`` says in the log what is wrong when it fails. Errors go no further."""
    try:
        await work()
    except asyncio.CancelledError:
        log.debug("stopped: %s", what)  # the process ends; the scheduler would log it as an error
    except Exception as error:  # the next tick tries again
        log.error("%s: %s", what, name_trouble(error))
