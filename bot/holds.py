"""What holds sending up, for all nodes together: a pause, an open circuit, the brake. And who is alive."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, func, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from bot.database import add_task
from bot.models import METADATA, Node, SendingHold, StartedHour, Task, TaskKind, TaskState
from bot.schedule import Limits
from bot.sentences import Sentence

# An open circuit tries one text after this long, then at twice the time, up to the second.
_PROBE_AFTER, _PROBE_MOST = timedelta(seconds=30), timedelta(minutes=10)
# A node that has not been heard of for this long does not count any more.
NODE_LOST = timedelta(seconds=30)
_NODE_FORGOTTEN = timedelta(days=30)
# What is usual is the busiest hour of this time.
_USUAL = timedelta(days=28)
# After a person has let sending go on, the brake leaves it alone for this long.
_BRAKE_OFF = timedelta(hours=1)
_CIRCUIT_TASK = "No texts are going out: "
_BRAKE = "brake"


_HOLD = METADATA.tables["sending_hold"]
_HELD = select_columns(_HOLD.c.paused_at, _HOLD.c.circuit_until, _HOLD.c.circuit_tries).where(_HOLD.c.id == 1)
_CIRCUIT = select_columns(_HOLD.c.circuit_at).where(_HOLD.c.id == 1)


class Gate(StrEnum):
    """What may go out now."""

    OPEN = "open"
    REPLIES = "replies"
    PROBE = "probe"
    SHUT = "shut"


def get_hold(session: Session) -> SendingHold:
    """The one row; the migration makes it."""
    return session.exec(select(SendingHold).where(SendingHold.id == 1)).one()


def find_gate(session: Session, now: datetime) -> Gate:
    """What may go out. ``PROBE`` is given to one caller at a time: it may try a single text."""
    # Before every claim, so it does without an object of the session.
    paused_at, circuit_until, tries = session.connection().execute(_HELD).one()
    if circuit_until is not None:
        if now < circuit_until:
            return Gate.SHUT
        taken = session.connection().execute(
            update(SendingHold)
            .where(col(SendingHold.id) == 1, col(SendingHold.circuit_until) == circuit_until)
            .values(circuit_until=now + _find_wait(tries + 1), circuit_tries=tries + 1)
        )
        return Gate.PROBE if taken.rowcount else Gate.SHUT
    return Gate.REPLIES if paused_at else Gate.OPEN


def open_circuit(session: Session, reason: str, now: datetime, *, by_callback: bool) -> None:
    """Stop sending, because the account cannot: nothing is wrong with the texts. Staff hear of it once."""
    hold = get_hold(session)
    if hold.circuit_at is None:
        hold.circuit_at, hold.circuit_tries = now, 0
        hold.circuit_until = now + _find_wait(0)
        what = Sentence("No texts are going out: %(why)s", why=Sentence(reason))
        add_task(session, TaskKind.OPERATOR, what, now, urgent=True)
    hold.circuit_reason = reason
    hold.circuit_by_callback = hold.circuit_by_callback or by_callback
    session.add(hold)


def close_circuit(session: Session, now: datetime, *, by_callback: bool) -> None:
    """Go on, because a text went out. One that was only accepted does not prove that texts arrive again."""
    session.flush()
    if session.connection().execute(_CIRCUIT).scalar() is None:
        return
    hold = get_hold(session)
    if hold.circuit_by_callback and not by_callback:
        return
    hold.circuit_at = hold.circuit_until = None
    hold.circuit_reason, hold.circuit_tries, hold.circuit_by_callback = "", 0, False
    session.add(hold)
    session.connection().execute(
        update(Task)
        .where(
            col(Task.kind) == TaskKind.OPERATOR,
            col(Task.what).startswith(_CIRCUIT_TASK),
            col(Task.state) != TaskState.DONE,
        )
        .values(state=TaskState.DONE, done_by="the bot", done_at=now)
    )


def _find_wait(tries: int) -> timedelta:
    return min(_PROBE_MOST, _PROBE_AFTER * (1 << min(tries, 8)))


def pause(session: Session, by: str, reason: str, now: datetime) -> bool:
    """Hold back every text that we start; answers go on. False when it was paused before."""
    hold = get_hold(session)
    if hold.paused_at is not None:
        return False
    hold.paused_at, hold.paused_by, hold.pause_reason = now, by, reason
    session.add(hold)
    return True


def resume(session: Session, now: datetime) -> bool:
    """Let texts go out again, also more than usual for the next hour; False when nothing was paused."""
    hold = get_hold(session)
    if hold.paused_at is None:
        return False
    hold.paused_at, hold.paused_by, hold.pause_reason = None, "", ""
    hold.brake_off_until = now + _BRAKE_OFF
    session.add(hold)
    return True


def brake(session: Session, reason: str, now: datetime) -> None:
    """Pause and call for a person, because what goes out looks like a fault of ours."""
    hold = get_hold(session)
    if hold.brake_off_until is not None and now < hold.brake_off_until:
        return
    if pause(session, _BRAKE, reason, now):
        what = Sentence(
            "Reminders are paused: %(why)s. Look at what went out, then let them go on (bot resume)",
            why=reason if isinstance(reason, Sentence) else Sentence(reason),
        )
        add_task(session, TaskKind.OPERATOR, what, now, urgent=True)


def list_problems(session: Session) -> list[Sentence]:
    """Why texts do not go out, as sentences for staff; empty when they do."""
    hold = get_hold(session)
    problems = []
    if hold.circuit_at is not None:
        problems.append(Sentence("no texts are going out: %(why)s", why=Sentence(hold.circuit_reason)))
    if hold.paused_at is not None:
        why = Sentence(hold.pause_reason or "no reason given")
        problems.append(Sentence("reminders are paused by %(who)s: %(why)s", who=hold.paused_by, why=why))
    return problems


# Who is alive, and how much goes out


def beat(session: Session, node_id: str, started: int, limits: Limits, now: datetime) -> int:
    """Say that a node is alive and how many texts it has started since it last said so.

    Returns how many nodes are alive, this one among them: each may use that share of the account.
    """
    session.merge(Node(id=node_id, seen_at=now))
    hour = now.replace(minute=0, second=0, microsecond=0)
    if started:
        counted = session.get(StartedHour, (hour, node_id)) or StartedHour(hour=hour, node_id=node_id)
        counted.texts += started
        session.add(counted)
    session.flush()
    session.connection().execute(delete(Node).where(col(Node.seen_at) < now - _NODE_FORGOTTEN))
    session.connection().execute(delete(StartedHour).where(col(StartedHour.hour) < now - _USUAL))
    if started and limits.brake_times:
        _check_volume(session, hour, limits, now)
    alive = select(func.count()).select_from(Node).where(col(Node.seen_at) > now - NODE_LOST)
    return max(1, session.exec(alive).one())


def say_goodbye(session: Session, node_id: str) -> None:
    """Leave the others this node's share at once. Its row stays the trace of when we last were alive."""
    if node := session.get(Node, node_id):
        node.seen_at -= NODE_LOST
        session.add(node)


def find_last_beat(session: Session) -> datetime | None:
    """When any node was last alive; None on a new database."""
    return session.exec(select(func.max(Node.seen_at))).one()


def _check_volume(session: Session, hour: datetime, limits: Limits, now: datetime) -> None:
    by_hour = session.exec(select(StartedHour.hour, func.sum(StartedHour.texts)).group_by(col(StartedHour.hour))).all()
    now_started = sum(texts for at, texts in by_hour if at == hour)
    usual = max((texts for at, texts in by_hour if at != hour), default=0)
    if now_started > max(limits.brake_least, limits.brake_times * usual):
        why = Sentence(
            "%(now)s texts in this hour, where %(usual)s were the most in any other", now=now_started, usual=usual
        )
        brake(session, why, now)
