"""Service: claim due texts and make them ready to be sent.

``planned -> sending -> sent -> delivered``, or ``skipped``, ``failed``, or ``unknown`` while the
outcome is being found out (``outcomes.py``). A claim is committed before anything goes over the wire;
each attempt has a token of its own, and only that attempt may write its outcome.
"""

import logging
import secrets
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, Integer, Text, Update, bindparam, func, update
from sqlmodel import Session, col, select

from bot.attempts import LEASE, Ready, find_attempt
from bot.batches import DIALECTS, pack, spread
from bot.clinic_details import apply_details
from bot.composing import compose_row
from bot.database import add_task, find_companion_id
from bot.due import EVER, IS_PLANNED, Due, list_started, lock_fresh_replies, lock_others, look_at
from bot.giving_up import give_up, say_whom
from bot.holds import Gate, brake, find_gate
from bot.models import (
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
from bot.sentences import Sentence
from messages.facts import ClinicFacts

log = logging.getLogger(__name__)

SET_ASIDE = timedelta(hours=1)
MAX_SET_ASIDE = 3
_DAY = timedelta(days=1)


def _make_claim(dialect: str) -> Update:
    batch = spread(dialect, id=Integer, attempt=Text, body=Text, language=Text, segments=Integer, asks=Text)
    return (
        update(OutgoingText)
        .where(col(OutgoingText.id) == batch.c.id)
        .values(
            attempt=batch.c.attempt,
            body=batch.c.body,
            language=batch.c.language,
            segments=batch.c.segments,
            asks=batch.c.asks,
            state=TextState.SENDING,
            sending_since=bindparam("now"),
            lease_until=bindparam("lease"),
            attempts=OutgoingText.attempts + 1,
            reason="",
            provider_id=None,
            provider_status="",
            error_code=None,
            asked_at=None,
        )
    )


_CLAIM = {dialect: _make_claim(dialect) for dialect in DIALECTS}


@dataclass
class _Started:
    """What we have started to a number today: how many texts, and how often each body within a day."""

    today: int = 0
    bodies: Counter[str] | None = None

    def count(self, body: str) -> int:
        return self.bodies[body] if self.bodies else 0


def claim_due(
    session: Session,
    clinic: ClinicFacts,
    plan: Plan,
    now: datetime,
    limit: int,
    since: datetime = EVER,
    soonest: deque[int] | None = None,
) -> tuple[list[Ready], int]:
    """Take up to ``limit`` due texts and make them ready; returns them, and how many rows were looked at.

    Replies come first, those to the oldest questions foremost, then the longest due. Each row is looked at
    again: still booked, not opted out, inside the hours, still useful. A row that cannot be
    composed is set aside; the others go on.

    Args:
        since: rows that became due before are not looked for, and replies that were made before are not put first.
        soonest: of the rows that are no replies, these ids first; those looked at are taken out of it.
    """
    gate = find_gate(session, now)
    if gate == Gate.SHUT:
        return [], 0
    limit = 1 if gate == Gate.PROBE else limit
    connection = session.connection()
    midnight = at_wall(now.astimezone(plan.zone).date(), plan.quiet.end.min, plan.zone)
    day = min(midnight, now - _DAY)
    ids = lock_fresh_replies(connection, now, since, limit)
    looked_at = len(ids)
    if len(ids) < limit and gate != Gate.REPLIES:
        first = [soonest.popleft() for _ in range(min(limit - len(ids), len(soonest)))] if soonest else None
        ids += lock_others(connection, now, since, limit - len(ids), first)
        # Of the first, another process may have taken all: that is no sign that nothing is due.
        looked_at = max(len(ids), len(first or ()))
    rows = look_at(connection, ids, day)
    heard = {due.contact.id or 0 for due in rows if due.heard and due.row.kind != TextKind.REPLY}
    if any(due.row.kind != TextKind.REPLY for due in rows):
        clinic = apply_details(session, clinic)
    started = _count_started(connection, heard, day, midnight)
    lease = now + LEASE
    ready, claims = [], []
    for due in rows:
        row, contact = due.row, due.contact
        if due.patient is not None and row.kind != TextKind.REPLY and contact.id != _find_addressee(row, due.patient):
            # The patient has another number or companion now; a planned text must not go to the old one.
            _change(session, row, state=TextState.SKIPPED, reason="superseded")
            continue
        if not _look_again(session, due, plan, now):
            continue
        words = {"body": row.body, "language": row.language, "segments": row.segments, "asks": row.asks}
        try:
            if row.kind != TextKind.REPLY and due.appointment and due.patient:
                words = _compose(due, clinic)
        except Exception as error:  # whatever is wrong with one row, the others must go out
            _set_aside(session, row, error, now)
            continue
        body = str(words["body"])
        if row.kind != TextKind.REPLY and not _is_within_limits(session, row, body, started[row.contact_id], plan, now):
            continue
        token = secrets.token_urlsafe(18)
        if row.suspect:
            _look_up_first(session, row, token, words, now)
            continue
        claims.append({"id": row.id, "attempt": token, **words})
        ready.append(
            Ready(row.id or 0, token, contact.phone, body, lease, row.useful_until, row.kind != TextKind.REPLY)
        )
    if claims:
        values = {"rows": pack(claims), "now": now, "lease": lease}
        session.flush()
        connection.execute(_CLAIM[connection.dialect.name], values)
    return ready, looked_at


def _find_addressee(row: OutgoingText, patient: Patient) -> int | None:
    return find_companion_id(patient) if row.for_companion else patient.contact_id


def _look_up_first(session: Session, row: OutgoingText, token: str, words: dict[str, Any], now: datetime) -> None:
    """A database that was lost may have sent it: it is looked for before it is sent."""
    due_at = min(row.due_at, now)
    _change(
        session,
        row,
        attempt=token,
        state=TextState.UNKNOWN,
        sending_since=due_at,
        lease_until=now,
        suspect=False,
        provider_id=None,
        provider_status="",
        error_code=None,
        asked_at=None,
        **words,
    )


def _change(session: Session, row: OutgoingText, **values: object) -> None:
    """Change a row that does not go out now."""
    session.connection().execute(update(OutgoingText).where(col(OutgoingText.id) == row.id).values(**values))


# Whether it shall still go out


def _look_again(session: Session, due: Due, plan: Plan, now: datetime) -> bool:
    """Whether the text shall still go out; if not, the row says why and staff hear of what matters."""
    row, contact = due.row, due.contact
    reason = _find_objection(row, contact, due.appointment, now)
    if reason is None and _can_wait(row, contact, plan, now):
        _change(session, row, due_at=contact.held_until)
        return False
    if reason is None and row.kind != TextKind.REPLY:
        allowed = find_allowed(now, plan.zone, plan.quiet)
        if allowed > now and allowed <= row.useful_until:
            _change(session, row, due_at=allowed)
            return False
        if allowed > now:
            reason = "no allowed time"
    if reason is None:
        return True
    _skip(session, row, reason, now, due.appointment)
    return False


def _skip(session: Session, row: OutgoingText, reason: str, now: datetime, appointment: Appointment | None) -> None:
    _change(session, row, state=TextState.SKIPPED, reason=reason)
    matters = appointment is None or (appointment.starts_at > now and reason not in ("cancelled", "superseded"))
    if row.kind != TextKind.REPLY and matters:
        add_task(
            session,
            TaskKind.UNREACHED,
            Sentence("%(whom)s: a text was not sent (%(why)s)", whom=say_whom(row), why=Sentence(reason)),
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


def _count_started(
    connection: Connection, contact_ids: set[int], day: datetime, midnight: datetime
) -> dict[int, _Started]:
    """What each number has got from us, unasked, in the last day."""
    started: dict[int, _Started] = defaultdict(_Started)
    for contact_id, sending_since, body in list_started(connection, contact_ids, day) if contact_ids else ():
        count = started[contact_id]
        count.today += sending_since >= midnight
        count.bodies = count.bodies or Counter()
        count.bodies[body] += 1
    return started


def _is_within_limits(
    session: Session, row: OutgoingText, body: str, started: _Started, plan: Plan, now: datetime
) -> bool:
    """Whether a text we start is one too many for its number today; then it waits, or staff phone instead."""
    if started.count(body) >= plan.limits.most_identical:
        times = started.count(body) + 1
        brake(session, Sentence("one number was about to get the same text %(times)s times in a day", times=times), now)
        _skip(session, row, "the same text again and again", now, None)
        return False
    if row.kind == TextKind.REMINDER and started.today >= plan.limits.texts_per_day:
        tomorrow = at_wall(now.astimezone(plan.zone).date() + _DAY, plan.quiet.end, plan.zone)
        if tomorrow <= row.useful_until:
            _change(session, row, due_at=tomorrow)
        else:
            _skip(session, row, "enough texts for a day", now, None)
        return False
    started.today += 1
    return True


def _compose(due: Due, clinic: ClinicFacts) -> dict[str, Any]:
    """What the row shall say, as the values of its columns."""
    row, appointment, patient = due.row, cast("Appointment", due.appointment), cast("Patient", due.patient)
    text, asks = compose_row(row, due.contact.language, appointment, patient, clinic, name_needed=due.shared)
    return {"body": text.body, "language": text.language, "segments": text.measure.segments, "asks": asks}


def _set_aside(session: Session, looked_at: OutgoingText, error: Exception, now: datetime) -> None:
    """Put a row that cannot be composed back for an hour; after a few times it is for staff."""
    log.error("text %s cannot be composed: %s", looked_at.id, type(error).__name__)
    row = session.get_one(OutgoingText, looked_at.id)
    row.retries += 1
    row.due_at = now + SET_ASIDE
    row.reason = f"cannot be composed ({type(error).__name__})"
    if row.retries >= MAX_SET_ASIDE:
        give_up(session, row, Sentence("%(whom)s: a text could not be written", whom=say_whom(row)), now)


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
            IS_PLANNED, col(OutgoingText.contact_id).in_(contact_ids), OutgoingText.due_at <= now
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
