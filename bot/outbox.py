"""Service: claim due texts, send them, record what became of them, find out what is doubtful.

``planned -> sending -> sent -> delivered``, or ``skipped``, ``failed``, or ``unknown`` while the
outcome is being found out. A claim is committed before anything goes over the wire; each attempt has
a token of its own, and only that attempt may write its outcome.
"""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import bindparam, func, literal_column, update
from sqlmodel import Session, col, select

from bot.database import add_task, find_coming, find_companion_id, is_shared, make_visit
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
from bot.schedule import Plan, find_allowed, find_retry_delay, kind_of
from bot.sms import NOT_DELIVERED, Accepted, Action, SendError, StatusReport, find_action, rank
from messages.compose import compose_companion, compose_reminder
from messages.facts import ClinicFacts
from messages.reminders import find_question

log = logging.getLogger(__name__)

# Longer than the longest send, so that a lease runs out only when its process is gone. What was on the
# wire has then arrived at the provider, or never will.
LEASE = timedelta(seconds=30)
# A text found at the provider may have been made this much before our own clock says we sent it.
CLOCK_SLACK = timedelta(minutes=5)
MAX_ATTEMPTS = 5
SET_ASIDE = timedelta(hours=1)
MAX_SET_ASIDE = 3
ACCOUNT_PAUSE = timedelta(minutes=5)

# Literals, because SQLite uses a partial index only when the query repeats its condition word for word.
_IS_PLANNED = col(OutgoingText.state) == literal_column("'planned'")
_IS_IN_DOUBT = col(OutgoingText.state).in_([literal_column("'sending'"), literal_column("'unknown'")])

_Row = TypeVar("_Row", Contact, Appointment, Patient)


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed text as it will go over the wire."""

    id: int
    attempt: str
    phone: str
    body: str
    attempts: int
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A text whose outcome is not known, and what finds it at the provider."""

    id: int
    attempt: str
    phone: str
    body: str
    since: datetime


def has_due(session: Session, now: datetime) -> bool:
    """Whether anything waits to be sent."""
    due = select(OutgoingText.id).where(_IS_PLANNED, OutgoingText.due_at <= now).limit(1)
    return session.exec(due).first() is not None


def claim_due(session: Session, clinic: ClinicFacts, plan: Plan, now: datetime, limit: int) -> tuple[list[Ready], int]:
    """Take up to ``limit`` due texts and make them ready; returns them, and how many rows were looked at.

    Replies come first, then the soonest due. Each row is looked at again: still booked, not opted out,
    inside the hours, still useful. A row that cannot be composed is set aside; the others go on.
    """
    due = (
        select(OutgoingText.id)
        .where(_IS_PLANNED, OutgoingText.due_at <= now)
        .order_by(col(OutgoingText.kind) != TextKind.REPLY, col(OutgoingText.due_at), col(OutgoingText.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = [row_id for row_id in session.exec(due) if row_id is not None]
    if not ids:
        return [], 0
    rows = session.exec(select(OutgoingText).where(col(OutgoingText.id).in_(ids))).all()
    rows = sorted(rows, key=lambda row: ids.index(row.id or 0))
    contacts = _get_all(session, Contact, {row.contact_id for row in rows})
    appointments = _get_all(session, Appointment, {row.appointment_id for row in rows if row.appointment_id})
    patients = _get_all(session, Patient, {appointment.patient_id for appointment in appointments.values()})
    ready = []
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
        try:
            if row.kind != TextKind.REPLY and appointment and patient:
                _compose(session, row, contact, appointment, patient, clinic)
        except Exception as error:  # whatever is wrong with one row, the others must go out
            _set_aside(session, row, error, now)
            continue
        row.state = TextState.SENDING
        row.attempt = secrets.token_urlsafe(18)
        row.attempts += 1
        row.lease_until = now + LEASE
        row.sending_since = now
        ready.append(Ready(row.id or 0, row.attempt, contact.phone, row.body, row.attempts, row.lease_until))
    session.add_all(rows)
    return ready, len(rows)


def _find_addressee(row: OutgoingText, patient: Patient) -> int | None:
    return find_companion_id(patient) if row.for_companion else patient.contact_id


def _get_all(session: Session, table: type[_Row], ids: set[int]) -> dict[int, _Row]:
    found = session.exec(select(table).where(col(table.id).in_(ids))).all()
    return {row.id or 0: row for row in found}


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
    row.state, row.reason = TextState.SKIPPED, reason
    matters = appointment is None or (appointment.starts_at > now and reason not in ("cancelled", "superseded"))
    if row.kind != TextKind.REPLY and matters:
        add_task(
            session,
            TaskKind.UNREACHED,
            f"{_say_whom(row)}: a text was not sent ({reason})",
            now,
            contact_id=row.contact_id,
            appointment_id=row.appointment_id,
        )
    return False


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
    if contact.refused_at is not None:
        return "no consent"
    if contact.unreachable_since is not None:
        return contact.unreachable_reason or "unreachable"
    if appointment is not None:
        is_news = "cancelled" in (row.step or "").split("+")
        if appointment.status == AppointmentStatus.CANCELLED and not is_news:
            return "cancelled"
        if appointment.revision != row.revision:
            return "superseded"
    return "too late" if now > row.useful_until else None


def _compose(
    session: Session,
    row: OutgoingText,
    contact: Contact,
    appointment: Appointment,
    patient: Patient,
    clinic: ClinicFacts,
) -> None:
    steps = [kind_of(step) for step in (row.step or "").split("+")]
    visit = make_visit(appointment, patient, clinic.exams, name_needed=is_shared(session, row.contact_id))
    compose = compose_companion if row.for_companion else compose_reminder
    text = compose(steps, contact.language, clinic, visit, row.moved_from)
    row.body, row.language, row.segments = text.body, text.language, text.measure.segments
    row.asks = None if row.for_companion or "cancelled" in steps else find_question(steps, visit)


def _set_aside(session: Session, row: OutgoingText, error: Exception, now: datetime) -> None:
    """Put a row that cannot be composed back for an hour; after a few times it is for staff."""
    log.error("text %s cannot be composed: %s", row.id, type(error).__name__)
    row.attempts += 1
    row.due_at = now + SET_ASIDE
    row.reason = f"cannot be composed ({type(error).__name__})"
    if row.attempts >= MAX_SET_ASIDE:
        _fail(session, row, f"{_say_whom(row)}: a text could not be written", now)


def _say_whom(row: OutgoingText) -> str:
    return "Phone this patient's companion" if row.for_companion else "Phone this patient"


def _fail(session: Session, row: OutgoingText, what: str, now: datetime) -> None:
    row.state, row.lease_until = TextState.FAILED, None
    row.reason = row.reason or what
    coming = find_coming(session, row.contact_id, now)
    add_task(
        session,
        TaskKind.UNREACHED,
        what,
        now,
        contact_id=row.contact_id,
        appointment_id=row.appointment_id,
        urgent=any(appointment.starts_at - now < timedelta(days=2) for appointment, _ in coming),
    )


# Outcomes


def record_outcomes(session: Session, outcomes: Sequence[tuple[Ready, Accepted | SendError]], now: datetime) -> None:
    """Write what became of a batch of attempts. A write from an attempt that is no longer the row's is lost."""
    session.flush()
    accepted = [(ready, outcome) for ready, outcome in outcomes if isinstance(outcome, Accepted)]
    if accepted:
        session.connection().execute(
            update(OutgoingText)
            .where(
                col(OutgoingText.id) == bindparam("row"),
                col(OutgoingText.attempt) == bindparam("token"),
                _IS_IN_DOUBT,
            )
            .values(
                state=bindparam("new_state"),
                provider_id=bindparam("provider"),
                provider_status=bindparam("status"),
                sent_at=now,
                delivered_at=bindparam("delivered"),
                lease_until=None,
                reason="",
            ),
            [
                {
                    "row": ready.id,
                    "token": ready.attempt,
                    "new_state": _find_state(outcome.status),
                    "provider": outcome.provider_id,
                    "status": outcome.status,
                    "delivered": now if outcome.status == "delivered" else None,
                }
                for ready, outcome in accepted
            ],
        )
    for ready, outcome in outcomes:
        if isinstance(outcome, SendError):
            _record_error(session, ready, outcome, now)


def _record_error(session: Session, ready: Ready, error: SendError, now: datetime) -> None:
    row = _find_attempt(session, ready.attempt)
    if row is None or row.state not in (TextState.SENDING, TextState.UNKNOWN):
        return
    log.warning("text %s: %s", row.id, error)
    row.error_code, row.reason = error.code, str(error)
    session.add(row)
    if error.unknown:
        row.state, row.lease_until = TextState.UNKNOWN, now + LEASE
        return
    if error.action in (Action.RETRY, Action.ACCOUNT):
        # Certainly not sent, and not the text's fault: no attempt is used up.
        jitter = secrets.randbelow(1000) / 1000
        wait = error.retry_after or find_retry_delay(ready.attempts, jitter)
        _plan_again(row, now + (ACCOUNT_PAUSE if error.action == Action.ACCOUNT else wait))
        return
    _refuse(session, row, error.action, error.advice, now)


def _refuse(session: Session, row: OutgoingText, action: Action, advice: str, now: datetime) -> None:
    """The provider will not deliver this text: mark the number for what it is, and tell staff."""
    contact = session.get(Contact, row.contact_id)
    if contact and action == Action.NUMBER and contact.unreachable_since is None:
        contact.unreachable_since, contact.unreachable_reason = now, "unreachable"
    if contact and action == Action.OPTED_OUT:
        already = contact.opted_out_at is not None
        contact.opted_out_at = contact.opted_out_at or now
        if already and row.kind == TextKind.REPLY:
            # The carrier has taken the STOP before us and blocks our own confirmation: nothing is lost.
            row.state, row.reason, row.lease_until = TextState.SKIPPED, "opted out", None
            return
    _fail(session, row, advice, now)


def _plan_again(row: OutgoingText, due_at: datetime) -> None:
    row.state, row.due_at, row.lease_until = TextState.PLANNED, due_at, None
    row.attempts = max(0, row.attempts - 1)


def _find_attempt(session: Session, token: str) -> OutgoingText | None:
    return session.exec(select(OutgoingText).where(OutgoingText.attempt == token).with_for_update()).first()


def _find_state(status: str) -> TextState:
    if status in NOT_DELIVERED:
        return TextState.FAILED
    return TextState.DELIVERED if rank(status) >= rank("delivered") else TextState.SENT


def record_status(session: Session, token: str, report: StatusReport, now: datetime) -> bool:
    """Take in a status callback; False when no text has this token. A status never moves back."""
    row = _find_attempt(session, token)
    if row is None:
        return False
    if row.provider_id not in (None, report.provider_id) or rank(report.status) <= rank(row.provider_status):
        return True
    if row.provider_id is None:
        # It came before we stored the answer, or the answer was lost: the callback proves acceptance.
        row.provider_id, row.sent_at, row.lease_until = report.provider_id, row.sent_at or now, None
    row.provider_status, row.error_code, row.reason = report.status, report.error_code, ""
    session.add(row)
    if report.status in NOT_DELIVERED:
        action, advice = find_action(report.error_code)
        row.reason = f"not delivered ({report.error_code or report.status})"
        row.state = TextState.FAILED
        _refuse(session, row, action, advice, now)
        return True
    row.state = _find_state(report.status)
    if row.state == TextState.DELIVERED:
        row.delivered_at = row.delivered_at or now
    return True


# What is doubtful


def has_doubtful(session: Session, now: datetime) -> bool:
    """Whether any text's lease has run out."""
    return (
        session.exec(select(OutgoingText.id).where(_IS_IN_DOUBT, col(OutgoingText.lease_until) <= now).limit(1)).first()
        is not None
    )


def find_doubtful(session: Session, now: datetime, limit: int) -> list[Doubtful]:
    """Take texts whose lease ran out while they were being sent, or whose send had no clear answer.

    An expired lease is no permission to send again. The lease is renewed, so that two processes do not
    look for the same text at once.
    """
    rows = session.exec(
        select(OutgoingText)
        .where(_IS_IN_DOUBT, col(OutgoingText.lease_until) <= now)
        .order_by(col(OutgoingText.lease_until))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    contacts = _get_all(session, Contact, {row.contact_id for row in rows})
    doubtful = []
    for row in rows:
        row.state, row.lease_until = TextState.UNKNOWN, now + LEASE
        since = (row.sending_since or now) - CLOCK_SLACK
        doubtful.append(Doubtful(row.id or 0, row.attempt or "", contacts[row.contact_id].phone, row.body, since))
    session.add_all(rows)
    return doubtful


def settle(session: Session, doubtful: Doubtful, found: Sequence[Accepted], now: datetime) -> str:
    """Adopt a text found at the provider; if it is not there, send it again while it is of use.

    Returns ``adopted``, ``planned``, ``skipped``, ``failed``, or ``settled`` when a callback was faster.
    """
    row = _find_attempt(session, doubtful.attempt)
    if row is None or row.state != TextState.UNKNOWN:
        return "settled"
    session.add(row)
    ids = [accepted.provider_id for accepted in found]
    taken = set(session.exec(select(OutgoingText.provider_id).where(col(OutgoingText.provider_id).in_(ids))))
    mine = next((accepted for accepted in found if accepted.provider_id not in taken), None)
    if mine is not None:
        row.state, row.lease_until, row.reason = _find_state(mine.status), None, ""
        row.provider_id, row.provider_status = mine.provider_id, mine.status
        row.sent_at = row.sent_at or row.sending_since
        row.delivered_at = now if row.state == TextState.DELIVERED else None
        return "adopted"
    if row.attempts >= MAX_ATTEMPTS:
        _fail(session, row, f"{_say_whom(row)}: a text could not be sent", now)
        return "failed"
    row.state, row.due_at, row.lease_until = TextState.PLANNED, now, None
    return "planned"


def hand_back(session: Session, ready: Sequence[Ready], now: datetime) -> None:
    """Return claimed texts that were not put on the wire, at shutdown."""
    for text in ready:
        row = _find_attempt(session, text.attempt)
        if row is not None and row.state == TextState.SENDING:
            _plan_again(row, min(row.due_at, now))
            session.add(row)


def count_states(session: Session) -> dict[str, int]:
    """How many texts are in each state."""
    rows = session.exec(select(OutgoingText.state, func.count()).group_by(col(OutgoingText.state))).all()
    return {str(state): count for state, count in rows}
