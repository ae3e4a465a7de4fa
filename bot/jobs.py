"""Periodic jobs that one node does for all of them: whose turn it is."""

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from bot.models import PeriodicJob

# Every node asks at the same intervals. Due a little sooner than that, a job stays with the node that has it, and is
# not left out when its clock ticks a little early.
_SOONER = 0.9


def take_turn(session: Session, job: str, every: timedelta, now: datetime) -> bool:
    """Whether the job is due and this node's to do. It is due again after ``every``, to whoever asks first then.

    A node that dies while it does the job delays it by one turn.
    """
    due_at = now + every * _SOONER
    taken = session.connection().execute(
        update(PeriodicJob).where(col(PeriodicJob.name) == job, col(PeriodicJob.due_at) <= now).values(due_at=due_at)
    )
    if taken.rowcount:
        return True
    if session.get(PeriodicJob, job) is not None:
        return False
    try:
        with session.begin_nested():
            session.add(PeriodicJob(name=job, due_at=due_at))
    except IntegrityError:
        return False
    return True
