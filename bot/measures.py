"""How well texts reach people, counted in the database: by language, by carrier error, how late, how slow."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Float, case, cast, func, literal_column
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from bot.holds import NODE_LOST, get_hold
from bot.models import GONE_OUT, Node, OutgoingText, Task, TaskState, TextKind, TextState

# Literals, because SQLite uses a partial index only when the query repeats its condition word for word.
_IS_PLANNED = col(OutgoingText.state) == literal_column("'planned'")
_IS_IN_DOUBT = col(OutgoingText.state).in_([literal_column("'sending'"), literal_column("'unknown'")])
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


class Queue(NamedTuple):
    """Texts that should be on their way, and those on their way or in doubt."""

    due: int
    doubtful: int


@dataclass(frozen=True, slots=True)
class Measures:
    """All figures at one moment. ``failures`` are by language and error code.

    ``states`` are of the texts of the last week, and of all that still wait or are in doubt.
    """

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
    """Count the texts made in the last week, and what waits now."""
    recent = (col(OutgoingText.id) >= _find_first_since(session, now - WINDOW)) & (
        col(OutgoingText.created_at) > now - WINDOW
    )
    failures = session.exec(
        select(OutgoingText.language, OutgoingText.error_code, func.count())
        .where(recent, col(OutgoingText.error_code).is_not(None))
        .group_by(col(OutgoingText.language), col(OutgoingText.error_code))
    )
    states = session.exec(
        select(OutgoingText.state, func.count(), func.count().filter(col(OutgoingText.resent_in_doubt)))
        .where(recent)
        .group_by(col(OutgoingText.state))
    ).all()
    tasks = session.exec(select(Task.kind, func.count()).where(Task.state != TaskState.DONE).group_by(col(Task.kind)))
    hold = get_hold(session)
    return Measures(
        reached=_count_reached(session, recent),
        failures={(language, code or 0): count for language, code, count in failures},
        states={str(state): count for state, count, _ in states} | _count_unfinished(session),
        due_now=count_queue(session, now).due,
        resent_in_doubt=sum(resent for *_, resent in states),
        open_tasks={str(kind): count for kind, count in tasks},
        nodes=session.exec(select(func.count()).select_from(Node).where(Node.seen_at > now - NODE_LOST)).one(),
        is_paused=hold.paused_at is not None,
        is_circuit_open=hold.circuit_at is not None,
    )


def count_queue(session: Session, now: datetime) -> Queue:
    """What is due now and has not left, and what is on its way or being found out."""
    due = _count(session, _IS_PLANNED, col(OutgoingText.due_at) <= now)
    return Queue(due, _count(session, _IS_IN_DOUBT))


def _count_unfinished(session: Session) -> dict[str, int]:
    rows = session.exec(select(OutgoingText.state, func.count()).where(_IS_IN_DOUBT).group_by(col(OutgoingText.state)))
    counts = {str(state): count for state, count in rows}
    return {TextState.PLANNED.value: _count(session, _IS_PLANNED), **counts}


def _find_first_since(session: Session, moment: datetime) -> int:
    """The id with which the texts made since then begin.

    Ids grow as texts are made, so it is found by halving: an index would have to be kept up with every text.
    """
    # In two statements: SQLite goes along the index for each, but not for both at once.
    low = session.exec(select(func.min(OutgoingText.id))).one()
    high = session.exec(select(func.max(OutgoingText.id))).one()
    if low is None or high is None:
        return 0
    while low <= high:
        middle = (low + high) // 2
        query = select(OutgoingText.id, OutgoingText.created_at).where(col(OutgoingText.id) >= middle)
        found, made_at = session.exec(query.order_by(col(OutgoingText.id)).limit(1)).one()
        if made_at > moment:
            high = middle - 1
        else:
            low = (found or 0) + 1
    return low


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
