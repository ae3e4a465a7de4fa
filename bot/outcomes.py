"""Service: what became of the texts that were sent: answers, callbacks, and asking the provider."""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Integer, Text, Update, bindparam, case, literal_column, update
from sqlmodel import Session, col, select

from bot.attempts import LEASE, Ready, find_attempt
from bot.batches import DIALECTS, pack, spread
from bot.database import add_task
from bot.error_codes import Action, Meaning, explain
from bot.giving_up import give_up, say_whom
from bot.holds import close_circuit, open_circuit
from bot.models import METADATA, Contact, OutgoingText, TaskKind, TextKind, TextState
from bot.provider import NOT_DELIVERED, Accepted, SendError, StatusReport, rank
from bot.schedule import Plan, at_wall, find_retry_delay
from bot.sentences import Sentence

log = logging.getLogger(__name__)

# A text found at the provider may have been made this much before our own clock says we sent it: a clock that
# was set a day ahead must not make us send twice.
CLOCK_SLACK = timedelta(hours=26)
# Each was looked for and is not at the provider: what ends this is that the text is of no more use.
MAX_ATTEMPTS = 25
# A phone that was off may be on again after this long.
_DELIVERY_RETRY = timedelta(minutes=15)
# After this long, a text that cannot be looked up is sent again or given to staff.
_DOUBT_MOST = timedelta(minutes=15)
_LOOKUP_MOST = timedelta(minutes=10)
# A text that has been accepted and is silent for this long is asked about, and again after that time.
SILENT_AFTER, _ASK_AGAIN_AFTER, _ASK_FOR = timedelta(hours=1), timedelta(hours=6), timedelta(days=2)

# Literals, because SQLite uses a partial index only when the query repeats its condition word for word.
_IS_IN_DOUBT = col(OutgoingText.state).in_([literal_column("'sending'"), literal_column("'unknown'")])
_IS_SENT = col(OutgoingText.state) == literal_column("'sent'")

_OF_ATTEMPTS = (
    select(OutgoingText)
    .where(col(OutgoingText.attempt).in_(bindparam("tokens", expanding=True)))
    .order_by(col(OutgoingText.id))
    .with_for_update()
)


def _make_accept(dialect: str) -> Update:
    batch = spread(dialect, id=Integer, attempt=Text, state=Text, provider_id=Text, status=Text)
    ours = (
        select(*batch.c)
        .join(OutgoingText, col(OutgoingText.id) == batch.c.id)
        .where(col(OutgoingText.attempt) == batch.c.attempt, _IS_IN_DOUBT)
        # In order, as whoever else writes several of them does: two that lock them criss-cross would wait for each
        # other.
        .order_by(col(OutgoingText.id))
        .with_for_update(of=col(OutgoingText.id))
        .subquery("ours")
    )
    now = bindparam("now", type_=METADATA.tables["outgoing_text"].c.sent_at.type)
    return (
        update(OutgoingText)
        .where(col(OutgoingText.id) == ours.c.id)
        .values(
            state=ours.c.state,
            provider_id=ours.c.provider_id,
            provider_status=ours.c.status,
            sent_at=now,
            delivered_at=case((ours.c.status == "delivered", now)),
            lease_until=None,
            reason="",
        )
    )


_ACCEPT = {dialect: _make_accept(dialect) for dialect in DIALECTS}


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A text whose outcome is not known, and what finds it at the provider."""

    id: int
    attempt: str
    phone: str
    body: str
    since: datetime


# The provider's answer


def record_outcomes(
    session: Session, plan: Plan, outcomes: Sequence[tuple[Ready, Accepted | SendError]], now: datetime
) -> None:
    """Write what became of a batch of attempts. A write from an attempt that is no longer the row's is lost."""
    session.flush()
    # In order of the rows, here too.
    outcomes = sorted(outcomes, key=lambda pair: pair[0].id)
    accepted = [(ready, outcome) for ready, outcome in outcomes if isinstance(outcome, Accepted)]
    if accepted:
        _record_accepted(session, accepted, now)
        close_circuit(session, now, by_callback=False)
    for ready, outcome in outcomes:
        if isinstance(outcome, SendError):
            _record_error(session, plan, ready, outcome, now)


def _record_accepted(session: Session, accepted: Sequence[tuple[Ready, Accepted]], now: datetime) -> None:
    rows = [
        {
            "id": ready.id,
            "attempt": ready.attempt,
            "state": _find_state(outcome.status),
            "provider_id": outcome.provider_id,
            "status": outcome.status,
        }
        for ready, outcome in accepted
    ]
    connection = session.connection()
    connection.execute(_ACCEPT[connection.dialect.name], {"rows": pack(rows), "now": now})


def _record_error(session: Session, plan: Plan, ready: Ready, error: SendError, now: datetime) -> None:
    row = find_attempt(session, ready.attempt)
    if row is None or row.state not in (TextState.SENDING, TextState.UNKNOWN):
        return
    log.warning("text %s: %s", row.id, error)
    row.error_code, row.reason = error.code, str(error)
    session.add(row)
    if error.unknown:
        row.state, row.lease_until = TextState.UNKNOWN, now + LEASE
        return
    meaning = error.meaning
    if meaning.whole_account:
        open_circuit(session, meaning.advice, now, by_callback=False)
        _plan_again(row, now, uses_attempt=False)
    elif meaning.action == Action.RETRY:
        # Certainly not sent, and not the text's fault: no attempt is used up.
        row.retries += 1
        _plan_again(row, now + (error.retry_after or _find_delay(row.retries)), uses_attempt=False)
    else:
        _refuse(session, plan, row, meaning, now)


def _find_delay(retries: int) -> timedelta:
    return find_retry_delay(retries, secrets.randbelow(1000) / 1000)


def _plan_again(row: OutgoingText, due_at: datetime, *, uses_attempt: bool) -> None:
    row.state, row.due_at, row.lease_until = TextState.PLANNED, due_at, None
    if not uses_attempt:
        row.attempts = max(0, row.attempts - 1)


def _refuse(session: Session, plan: Plan, row: OutgoingText, meaning: Meaning, now: datetime) -> None:
    """The provider will not deliver this text now: what its error means is done."""
    contact = session.get(Contact, row.contact_id)
    if meaning.action == Action.TOMORROW and row.attempts < meaning.tries:
        tomorrow = at_wall(now.astimezone(plan.zone).date() + timedelta(days=1), plan.quiet.end, plan.zone)
        if tomorrow <= row.useful_until:
            _plan_again(row, tomorrow, uses_attempt=True)
            return
    if contact and meaning.action == Action.NUMBER and contact.unreachable_since is None:
        contact.unreachable_since, contact.unreachable_reason = now, "unreachable"
    if contact and meaning.action == Action.OPTED_OUT:
        already = contact.opted_out_at is not None
        if not already:
            contact.opted_out_at, contact.opted_out_source = now, "provider"
        if already and row.kind == TextKind.REPLY:
            # The carrier has taken the STOP before us and blocks our own confirmation: nothing is lost.
            row.state, row.reason, row.lease_until = TextState.SKIPPED, "opted out", None
            return
    if meaning.action in (Action.OPERATOR, Action.BUG):
        log.error("text %s failed with %s", row.id, row.error_code)
        advice = Sentence(meaning.advice)
        what = Sentence("Texts fail with the code %(code)s: %(advice)s", code=row.error_code, advice=advice)
        add_task(session, TaskKind.OPERATOR, what, now)
    give_up(session, row, meaning.advice, now)


# Callbacks


def record_status(session: Session, plan: Plan, token: str, report: StatusReport, now: datetime) -> bool:
    """Take in a status callback; False when no text has this token. A status never moves back."""
    return record_statuses(session, plan, [(token, report)], now)[0]


def record_statuses(
    session: Session, plan: Plan, callbacks: Sequence[tuple[str, StatusReport]], now: datetime
) -> list[bool]:
    """Take in status callbacks, each a token and what is said of its text; of each as ``record_status`` gives it."""
    # All rows at once, and in the order in which others lock several: two that do it criss-cross would wait for each
    # other.
    tokens = [token for token, _ in callbacks]
    rows = {row.attempt: row for row in session.exec(_OF_ATTEMPTS, params={"tokens": tokens})}
    is_known = []
    for token, report in callbacks:
        row = rows.get(token)
        is_known.append(row is not None)
        if row is not None:
            _record_status(session, plan, row, report, now)
    return is_known


def _record_status(session: Session, plan: Plan, row: OutgoingText, report: StatusReport, now: datetime) -> None:
    if row.state in (TextState.PLANNED, TextState.SKIPPED):
        # That attempt is over, and the text is planned anew or not wanted any more.
        return
    if row.provider_id not in (None, report.provider_id) or rank(report.status) <= rank(row.provider_status):
        return
    if row.provider_id is None:
        # It came before we stored the answer, or the answer was lost: the callback proves acceptance.
        row.provider_id, row.sent_at, row.lease_until = report.provider_id, row.sent_at or now, None
    row.provider_status, row.error_code, row.reason = report.status, report.error_code, ""
    session.add(row)
    if report.status in NOT_DELIVERED:
        _record_undelivered(session, plan, row, report, now)
        return
    row.state = _find_state(report.status)
    if rank(report.status) >= rank("sent"):
        close_circuit(session, now, by_callback=True)
    if row.state == TextState.DELIVERED:
        row.delivered_at = row.delivered_at or now


def _record_undelivered(session: Session, plan: Plan, row: OutgoingText, report: StatusReport, now: datetime) -> None:
    meaning = explain(report.error_code)
    row.reason, row.state = f"not delivered ({report.error_code or report.status})", TextState.FAILED
    if meaning.whole_account:
        open_circuit(session, meaning.advice, now, by_callback=True)
        _plan_again(row, now, uses_attempt=False)
    elif meaning.action == Action.RETRY and row.attempts < meaning.tries:
        _plan_again(row, now + _DELIVERY_RETRY * row.attempts, uses_attempt=True)
    else:
        _refuse(session, plan, row, meaning, now)


def _find_state(status: str) -> TextState:
    if status in NOT_DELIVERED:
        return TextState.FAILED
    return TextState.DELIVERED if rank(status) >= rank("delivered") else TextState.SENT


# What is doubtful


def has_doubtful(session: Session, now: datetime) -> bool:
    """Whether any text's lease has run out."""
    doubtful = select(OutgoingText.id).where(_IS_IN_DOUBT, col(OutgoingText.lease_until) <= now).limit(1)
    return session.exec(doubtful).first() is not None


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
    phones = _find_phones(session, rows)
    doubtful = []
    for row in rows:
        row.state, row.lease_until = TextState.UNKNOWN, now + LEASE
        since = (row.sending_since or now) - CLOCK_SLACK
        doubtful.append(Doubtful(row.id or 0, row.attempt or "", phones[row.contact_id], row.body, since))
    session.add_all(rows)
    return doubtful


def _find_phones(session: Session, rows: Sequence[OutgoingText]) -> dict[int, str]:
    ids = {row.contact_id for row in rows}
    contacts = session.exec(select(Contact.id, Contact.phone).where(col(Contact.id).in_(ids)))
    return {contact_id or 0: phone for contact_id, phone in contacts}


def settle(session: Session, doubtful: Doubtful, found: Sequence[Accepted], now: datetime) -> str:
    """Adopt a text found at the provider; if it is not there, send it again while it is of use.

    Returns ``adopted``, ``planned``, ``failed``, or ``settled`` when a callback was faster.
    """
    row = find_attempt(session, doubtful.attempt)
    if row is None or row.state != TextState.UNKNOWN:
        return "settled"
    session.add(row)
    ids = [accepted.provider_id for accepted in found]
    taken = set(session.exec(select(OutgoingText.provider_id).where(col(OutgoingText.provider_id).in_(ids))))
    mine = next((accepted for accepted in found if accepted.provider_id not in taken), None)
    if mine is not None:
        # A failure is taken in with its code when the text is asked about: its callback may come yet.
        row.state = TextState.SENT if mine.status in NOT_DELIVERED else _find_state(mine.status)
        row.lease_until, row.reason = None, ""
        row.provider_id, row.provider_status = mine.provider_id, "" if mine.status in NOT_DELIVERED else mine.status
        row.sent_at = row.sent_at or row.sending_since
        row.delivered_at = now if row.state == TextState.DELIVERED else None
        return "adopted"
    if row.attempts >= MAX_ATTEMPTS:
        give_up(session, row, Sentence("%(whom)s: a text could not be sent", whom=say_whom(row)), now)
        return "failed"
    row.retries += 1
    _plan_again(row, now if row.retries == 1 else now + _find_delay(row.retries), uses_attempt=True)
    return "planned"


def record_not_found_out(session: Session, plan: Plan, doubtful: Doubtful, error: SendError, now: datetime) -> str:
    """The provider cannot be asked about a text: it is asked later, or, where it refuses to say, decided.

    Returns ``waits``, ``resent``, ``failed``, or ``settled``.
    """
    row = find_attempt(session, doubtful.attempt)
    if row is None or row.state != TextState.UNKNOWN:
        return "settled"
    session.add(row)
    row.lookups += 1
    row.lease_until = now + min(_LOOKUP_MOST, LEASE * row.lookups)
    doubted_for = now - (row.sending_since or now)
    if now > row.useful_until:
        give_up(session, row, Sentence("%(whom)s: it is not known whether a text arrived", whom=say_whom(row)), now)
        return "failed"
    if error.unknown or doubted_for < _DOUBT_MOST:
        return "waits"
    if plan.limits.hold_in_doubt or row.resent_in_doubt:
        give_up(session, row, Sentence("%(whom)s: it is not known whether a text arrived", whom=say_whom(row)), now)
        return "failed"
    # A missed scan costs more than a second text.
    row.resent_in_doubt = True
    _plan_again(row, now, uses_attempt=True)
    return "resent"


# What is silent


@dataclass(frozen=True, slots=True)
class Silent:
    """A text that the provider took, and has not said more about."""

    attempt: str
    provider_id: str


def find_silent(session: Session, now: datetime, limit: int) -> list[Silent]:
    """Take texts that were accepted an hour ago and are still not final; each is asked about now and then."""
    rows = session.exec(
        select(OutgoingText)
        .where(
            _IS_SENT,
            col(OutgoingText.sent_at) <= now - SILENT_AFTER,
            col(OutgoingText.sent_at) > now - _ASK_FOR,
            col(OutgoingText.asked_at).is_(None) | (col(OutgoingText.asked_at) <= now - _ASK_AGAIN_AFTER),
        )
        .order_by(col(OutgoingText.sent_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.asked_at = now
    session.add_all(rows)
    return [Silent(row.attempt, row.provider_id) for row in rows if row.attempt and row.provider_id]


def list_unknown_ids(session: Session, provider_ids: Sequence[str]) -> set[str]:
    """Which of the provider's ids belong to none of our texts."""
    known = set(session.exec(select(OutgoingText.provider_id).where(col(OutgoingText.provider_id).in_(provider_ids))))
    return set(provider_ids) - known
