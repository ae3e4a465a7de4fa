"""Service: claim due texts and make them ready to be sent.

``planned -> sending -> sent -> delivered``, or ``skipped``, ``failed``, or ``unknown`` while the
outcome is being found out (``outcomes.py``). A claim is committed before anything goes over the wire;
each attempt has a token of its own, and only that attempt may write its outcome.
"""

import logging
import secrets
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, update
from sqlalchemy import select as select_columns
from sqlalchemy.orm import Mapped, load_only
from sqlmodel import Session, col, select

from bot.attempts import LEASE, Ready, find_attempt
from bot.composing import compose_row
from bot.database import add_task, find_companion_id, find_shared
from bot.giving_up import give_up, say_whom
from bot.holds import Gate, brake, find_gate
from bot.models import (
    GONE_OUT,
    METADATA,
    Appointment,
    AppointmentStatus,
    Contact,
    OutgoingText,
    Patient,
    TaskKind,
    TextKind,
    TextState,
)
from bot.questions import QUESTION_INVITE
from bot.schedule import Plan, at_wall, find_allowed, kind_of
from messages.facts import ClinicFacts

log = logging.getLogger(__name__)

SET_ASIDE = timedelta(hours=1)
MAX_SET_ASIDE = 3
_DAY = timedelta(days=1)
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

# Literals, because SQLite uses a partial index only when the query repeats its condition word for word.
_IS_PLANNED = col(OutgoingText.state) == literal_column("'planned'")
_IS_REPLY = col(OutgoingText.kind) == literal_column("'reply'")

_TEXTS = METADATA.tables["outgoing_text"]
_ONE_DUE = (
    select_columns(_TEXTS.c.id)
    .where(
        _TEXTS.c.state == literal_column("'planned'"),
        _TEXTS.c.due_at >= bindparam("since"),
        _TEXTS.c.due_at <= bindparam("now"),
    )
    .limit(1)
)
_CLAIM = (
    update(OutgoingText)
    .where(col(OutgoingText.id) == bindparam("row"))
    .values(
        provider_id=None,
        provider_status="",
        error_code=None,
        asked_at=None,
        **{
            name: bindparam(name)
            for name in (
                *("attempt", "state", "sending_since", "lease_until", "attempts", "suspect", "reason"),
                *("body", "language", "segments", "asks"),
            )
        },
    )
)

# What a claim looks at; the rest is read when it is needed.
_LOOKED_AT = load_only(
    *(
        getattr(OutgoingText, name)
        for name in (
            *("contact_id", "appointment_id", "for_companion", "kind", "step", "revision", "moved_from", "due_at"),
            *("useful_until", "state", "reason", "attempts", "suspect", "body", "language", "segments", "asks"),
        )
    )
)

_Row = TypeVar("_Row", Contact, Appointment, Patient)
_Conditions = tuple[ColumnElement[bool], ...]


@dataclass
class _Started:
    """What we have started to a number today: how many texts, and how often each body within a day."""

    today: int = 0
    bodies: Counter[str] | None = None

    def count(self, body: str) -> int:
        return self.bodies[body] if self.bodies else 0


def has_due(connection: Connection, now: datetime, since: datetime = _EVER) -> bool:
    """Whether anything waits to be sent that has become due since then.

    It is asked every second and before every claim, so it does without the objects of a session.
    """
    return connection.execute(_ONE_DUE, {"now": now, "since": since}).first() is not None


def find_oldest_due(session: Session, now: datetime) -> datetime | None:
    """When what has waited longest became due; None if nothing waits."""
    due = select(OutgoingText.due_at).where(*_is_due(now, _EVER)).order_by(col(OutgoingText.due_at)).limit(1)
    return session.exec(due).first()


def claim_due(
    session: Session, clinic: ClinicFacts, plan: Plan, now: datetime, limit: int, since: datetime = _EVER
) -> tuple[list[Ready], int]:
    """Take up to ``limit`` due texts and make them ready; returns them, and how many rows were looked at.

    Replies come first, those to the oldest questions foremost, then the soonest due. Each row is looked at
    again: still booked, not opted out, inside the hours, still useful. A row that cannot be
    composed is set aside; the others go on.

    Args:
        since: rows that became due before are not looked for, and replies that were made before are not put first.
    """
    gate = find_gate(session, now)
    if gate == Gate.SHUT:
        return [], 0
    rows = _take_rows(session, now, since, 1 if gate == Gate.PROBE else limit, replies_only=gate == Gate.REPLIES)
    if not rows:
        return [], 0
    contacts = _get_all(session, Contact, {row.contact_id for row in rows})
    appointments = _get_all(session, Appointment, {row.appointment_id for row in rows if row.appointment_id})
    patients = _get_all(session, Patient, {appointment.patient_id for appointment in appointments.values()})
    started = _count_started(session, {row.contact_id for row in rows if row.kind != TextKind.REPLY}, plan, now)
    shared = find_shared(session, {row.contact_id for row in rows if row.kind != TextKind.REPLY})
    ready, claims = [], []
    for row in rows:
        contact = contacts[row.contact_id]
        appointment = appointments.get(row.appointment_id or 0)
        patient = patients.get(appointment.patient_id) if appointment else None
        if patient is not None and row.kind != TextKind.REPLY and contact.id != _find_addressee(row, patient):
            # The patient has another number or companion now; a planned text must not go to the old one.
            row.state, row.reason = TextState.SKIPPED, "superseded"
            continue
        if not _look_again(session, row, contact, appointment, plan, now):
            continue
        words = {"body": row.body, "language": row.language, "segments": row.segments, "asks": row.asks}
        try:
            if row.kind != TextKind.REPLY and appointment and patient:
                words = _compose(row, contact, appointment, patient, clinic, name_needed=contact.id in shared)
        except Exception as error:  # whatever is wrong with one row, the others must go out
            _set_aside(session, row, error, now)
            continue
        body = str(words["body"])
        if row.kind != TextKind.REPLY and not _is_within_limits(session, row, body, started[row.contact_id], plan, now):
            continue
        token = secrets.token_urlsafe(18)
        claim = {"row": row.id, "attempt": token, "suspect": False, **words}
        if row.suspect:
            # A database that was lost may have sent it: it is looked for before it is sent.
            due_at = min(row.due_at, now)
            claim |= {"state": TextState.UNKNOWN, "sending_since": due_at, "lease_until": now}
            claims.append(claim | {"attempts": row.attempts, "reason": row.reason})
            continue
        claim |= {"state": TextState.SENDING, "sending_since": now, "lease_until": now + LEASE}
        claims.append(claim | {"attempts": row.attempts + 1, "reason": ""})
        is_ours = row.kind != TextKind.REPLY
        ready.append(Ready(row.id or 0, token, contact.phone, body, now + LEASE, row.useful_until, is_ours))
    if claims:
        # In one statement: through the objects, one by one, it would take most of the time of a burst. The session's
        # objects do not know of it, and end with the session.
        session.flush()
        session.connection().execute(_CLAIM, claims)
    return ready, len(rows)


def _take_rows(
    session: Session, now: datetime, since: datetime, limit: int, *, replies_only: bool
) -> list[OutgoingText]:
    # Two queries, each along an index: one that sorts replies to the front would read a whole backlog each time.
    ids = _lock_ids(session, _is_fresh_reply(now, since), col(OutgoingText.created_at), limit)
    if len(ids) < limit and not replies_only:
        others = (*_is_due(now, since), col(OutgoingText.id).not_in(ids))
        ids += _lock_ids(session, others, col(OutgoingText.due_at), limit - len(ids))
    if not ids:
        return []
    place = {row_id: at for at, row_id in enumerate(ids)}
    rows = session.exec(select(OutgoingText).where(col(OutgoingText.id).in_(ids)).options(_LOOKED_AT)).all()
    return sorted(rows, key=lambda row: place[row.id or 0])


def _is_due(now: datetime, since: datetime) -> _Conditions:
    return _IS_PLANNED, col(OutgoingText.due_at) >= since, col(OutgoingText.due_at) <= now


def _is_fresh_reply(now: datetime, since: datetime) -> _Conditions:
    return _IS_PLANNED, _IS_REPLY, col(OutgoingText.created_at) >= since, col(OutgoingText.due_at) <= now


def _lock_ids(session: Session, conditions: _Conditions, order: Mapped[datetime], limit: int) -> list[int]:
    """The ids of the first rows, locked; those that another process has just locked are left to it."""
    query = select(OutgoingText.id).where(*conditions).order_by(order, col(OutgoingText.id)).limit(limit)
    return [row_id for row_id in session.exec(query.with_for_update(skip_locked=True)) if row_id is not None]


def _find_addressee(row: OutgoingText, patient: Patient) -> int | None:
    return find_companion_id(patient) if row.for_companion else patient.contact_id


def _get_all(session: Session, table: type[_Row], ids: set[int]) -> dict[int, _Row]:
    """The rows with these ids, to be read only: they are plain rows with the columns as attributes, for speed."""
    found = session.connection().execute(select_columns(table.__table__).where(col(table.id).in_(ids)))  # type: ignore[attr-defined]
    return {row.id: cast("_Row", row) for row in found}


# Whether it shall still go out


def _look_again(
    session: Session, row: OutgoingText, contact: Contact, appointment: Appointment | None, plan: Plan, now: datetime
) -> bool:
    """Whether the text shall still go out; if not, the row says why and staff hear of what matters."""
    reason = _find_objection(row, contact, appointment, now)
    if reason is None and _can_wait(row, contact, plan, now):
        row.due_at = contact.held_until or now
        return False
    if reason is None and row.kind != TextKind.REPLY:
        allowed = find_allowed(now, plan.zone, plan.quiet)
        if allowed > now and allowed <= row.useful_until:
            row.due_at = allowed
            return False
        if allowed > now:
            reason = "no allowed time"
    if reason is None:
        return True
    _skip(session, row, reason, now, appointment)
    return False


def _skip(session: Session, row: OutgoingText, reason: str, now: datetime, appointment: Appointment | None) -> None:
    row.state, row.reason = TextState.SKIPPED, reason
    matters = appointment is None or (appointment.starts_at > now and reason not in ("cancelled", "superseded"))
    if row.kind != TextKind.REPLY and matters:
        add_task(
            session,
            TaskKind.UNREACHED,
            f"{say_whom(row)}: a text was not sent ({reason})",
            now,
            contact_id=row.contact_id,
            appointment_id=row.appointment_id,
        )


def _can_wait(row: OutgoingText, contact: Contact, plan: Plan, now: datetime) -> bool:
    """Whether a reminder waits until the conversation that somebody of the staff has open is over."""
    held_until = contact.held_until
    if row.kind != TextKind.REMINDER or held_until is None or held_until <= now:
        return False
    return find_allowed(held_until, plan.zone, plan.quiet) <= row.useful_until


def _find_objection(row: OutgoingText, contact: Contact, appointment: Appointment | None, now: datetime) -> str | None:
    """Why this text must not go out, None if it may."""
    confirms_stop = row.kind == TextKind.REPLY and row.step == "stopped"
    if contact.opted_out_at is not None and not confirms_stop:
        return "opted out"
    if row.kind == TextKind.REPLY:
        return "too late" if now > row.useful_until else None
    # To be asked for it needs none.
    is_invitation = (row.step or "").startswith(QUESTION_INVITE)
    if contact.refused_at is not None or (contact.consented_at is None and not is_invitation):
        return "no consent"
    if contact.unreachable_since is not None:
        return contact.unreachable_reason or "unreachable"
    if appointment is not None:
        is_news = "cancelled" in map(kind_of, (row.step or "").split("+"))
        if appointment.status == AppointmentStatus.CANCELLED and not is_news:
            return "cancelled"
        if appointment.revision != row.revision:
            return "superseded"
    return "too late" if now > row.useful_until else None


def _count_started(session: Session, contact_ids: set[int], plan: Plan, now: datetime) -> dict[int, _Started]:
    """What each number has got from us, unasked, in the last day."""
    started: dict[int, _Started] = defaultdict(_Started)
    if not contact_ids:
        return started
    midnight = at_wall(now.astimezone(plan.zone).date(), plan.quiet.end.min, plan.zone)
    sent = session.exec(
        select(OutgoingText.contact_id, OutgoingText.sending_since, OutgoingText.body).where(
            col(OutgoingText.contact_id).in_(contact_ids),
            OutgoingText.kind != TextKind.REPLY,
            col(OutgoingText.state).in_(GONE_OUT),
            col(OutgoingText.sending_since) > min(midnight, now - _DAY),
        )
    )
    for contact_id, sending_since, body in sent:
        count = started[contact_id]
        count.today += sending_since is not None and sending_since >= midnight
        count.bodies = count.bodies or Counter()
        count.bodies[body] += 1
    return started


def _is_within_limits(
    session: Session, row: OutgoingText, body: str, started: _Started, plan: Plan, now: datetime
) -> bool:
    """Whether a text we start is one too many for its number today; then it waits, or staff phone instead."""
    if started.count(body) >= plan.limits.most_identical:
        brake(session, f"one number was about to get the same text {started.count(body) + 1} times in a day", now)
        _skip(session, row, "the same text again and again", now, None)
        return False
    if row.kind == TextKind.REMINDER and started.today >= plan.limits.texts_per_day:
        tomorrow = at_wall(now.astimezone(plan.zone).date() + _DAY, plan.quiet.end, plan.zone)
        if tomorrow <= row.useful_until:
            row.due_at = tomorrow
        else:
            _skip(session, row, "enough texts for a day", now, None)
        return False
    started.today += 1
    return True


def _compose(
    row: OutgoingText,
    contact: Contact,
    appointment: Appointment,
    patient: Patient,
    clinic: ClinicFacts,
    *,
    name_needed: bool,
) -> dict[str, Any]:
    """What the row shall say, as the values of its columns."""
    text, asks = compose_row(row, contact.language, appointment, patient, clinic, name_needed=name_needed)
    return {"body": text.body, "language": text.language, "segments": text.measure.segments, "asks": asks}


def _set_aside(session: Session, row: OutgoingText, error: Exception, now: datetime) -> None:
    """Put a row that cannot be composed back for an hour; after a few times it is for staff."""
    log.error("text %s cannot be composed: %s", row.id, type(error).__name__)
    row.retries += 1
    row.due_at = now + SET_ASIDE
    row.reason = f"cannot be composed ({type(error).__name__})"
    if row.retries >= MAX_SET_ASIDE:
        give_up(session, row, f"{say_whom(row)}: a text could not be written", now)


def hand_back(session: Session, ready: Sequence[Ready], now: datetime) -> None:
    """Return claimed texts that were not put on the wire, at shutdown."""
    for text in ready:
        row = find_attempt(session, text.attempt)
        if row is not None and row.state == TextState.SENDING:
            row.state, row.due_at, row.lease_until = TextState.PLANNED, min(row.due_at, now), None
            row.attempts = max(0, row.attempts - 1)
            session.add(row)


def suspect(session: Session, phones: set[str], now: datetime) -> int:
    """Have what is due to these numbers looked up before it is sent: a lost database may have sent it."""
    contact_ids = session.exec(select(Contact.id).where(col(Contact.phone).in_(phones))).all()
    rows = session.exec(
        select(OutgoingText).where(
            _IS_PLANNED, col(OutgoingText.contact_id).in_(contact_ids), OutgoingText.due_at <= now
        )
    ).all()
    for row in rows:
        row.suspect = True
    session.add_all(rows)
    return len(rows)


def count_states(session: Session) -> dict[str, int]:
    """How many texts are in each state."""
    rows = session.exec(select(OutgoingText.state, func.count()).group_by(col(OutgoingText.state))).all()
    return {str(state): count for state, count in rows}
