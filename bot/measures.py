"""How well texts reach people, counted in the database: by language, by carrier error, how late, how slow."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, case, cast, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from bot.holds import NODE_LOST, get_hold
from bot.models import GONE_OUT, Node, OutgoingText, Task, TaskState, TextKind, TextState

# What is counted are the texts of the last week: enough to see a trend, little enough to count at every look.
WINDOW = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Reached:
    """The texts of one language: how many left, arrived, failed, and how long they took, in seconds in all."""

    language: str
    kind: str
    gone_out: int
    delivered: int
    failed: int
    late_s: float
    delivery_s: float


@dataclass(frozen=True, slots=True)
class Measures:
    """All figures at one moment. ``failures`` are by language and error code."""

    reached: list[Reached]
    failures: dict[tuple[str, int], int]
    states: dict[str, int]
    due_now: int
    resent_in_doubt: int
    open_tasks: dict[str, int]
    nodes: int
    is_paused: bool
    is_circuit_open: bool


def measure(session: Session, now: datetime) -> Measures:
    """Count what left in the last week, and what waits now."""
    recent = col(OutgoingText.created_at) > now - WINDOW
    failures = session.exec(
        select(OutgoingText.language, OutgoingText.error_code, func.count())
        .where(recent, col(OutgoingText.error_code).is_not(None))
        .group_by(col(OutgoingText.language), col(OutgoingText.error_code))
    )
    states = session.exec(select(OutgoingText.state, func.count()).group_by(col(OutgoingText.state)))
    tasks = session.exec(select(Task.kind, func.count()).where(Task.state != TaskState.DONE).group_by(col(Task.kind)))
    hold = get_hold(session)
    return Measures(
        reached=_count_reached(session, recent),
        failures={(language, code or 0): count for language, code, count in failures},
        states={str(state): count for state, count in states},
        due_now=_count(session, OutgoingText.state == TextState.PLANNED, OutgoingText.due_at <= now),
        resent_in_doubt=_count(session, recent, col(OutgoingText.resent_in_doubt).is_(True)),
        open_tasks={str(kind): count for kind, count in tasks},
        nodes=session.exec(select(func.count()).select_from(Node).where(Node.seen_at > now - NODE_LOST)).one(),
        is_paused=hold.paused_at is not None,
        is_circuit_open=hold.circuit_at is not None,
    )


def _count_reached(session: Session, recent: ColumnElement[bool]) -> list[Reached]:
    text = OutgoingText
    is_delivered = col(text.state) == TextState.DELIVERED
    to_sent = _seconds(session, text.sent_at, text.due_at)
    to_delivered = _seconds(session, text.delivered_at, text.sent_at)
    rows = session.connection().execute(
        select_columns(
            col(text.language),
            col(text.kind),
            func.sum(case((col(text.state).in_(GONE_OUT), 1), else_=0)),
            func.sum(case((is_delivered, 1), else_=0)),
            func.sum(case((col(text.state) == TextState.FAILED, 1), else_=0)),
            func.coalesce(func.sum(case((col(text.sent_at).is_not(None), to_sent), else_=0.0)), 0.0),
            func.coalesce(func.sum(case((is_delivered, to_delivered), else_=0.0)), 0.0),
        )
        .where(recent, col(text.language) != "")
        .group_by(col(text.language), col(text.kind))
    )
    return [Reached(language, str(TextKind(kind)), *figures) for language, kind, *figures in rows]


def _seconds(session: Session, late: Any, early: Any) -> ColumnElement[float]:
    """How many seconds lie between two columns; each database has its own way to say it."""
    if session.get_bind().dialect.name == "sqlite":
        return cast((func.julianday(late) - func.julianday(early)) * 86400, Float)
    return cast(func.extract("epoch", late) - func.extract("epoch", early), Float)


def _count(session: Session, *conditions: ColumnElement[bool] | bool) -> int:
    return session.exec(select(func.count()).select_from(OutgoingText).where(*conditions)).one()
