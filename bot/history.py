"""What happened on each of the last days, and what became of appointments: the figures behind the charts."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import DateTime, String, func, literal, literal_column
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from bot.models import (
    GONE_OUT,
    Appointment,
    AppointmentStatus,
    Contact,
    IncomingText,
    Outcome,
    OutgoingText,
    Patient,
    TextState,
)

DAYS = 14
_LANGUAGE_DAYS = 7
_APPOINTMENT_DAYS = 30
# A literal, because SQLite uses a partial index only when the query repeats its condition word for word.
_NEVER_LEFT = (col(OutgoingText.state) == literal_column("'failed'")) & col(OutgoingText.sent_at).is_(None)


@dataclass(frozen=True, slots=True)
class Day:
    """One day in the clinic's zone: texts that left, those of them that arrived, and texts from patients."""

    day: date
    sent: int
    delivered: int
    answered: int


@dataclass(frozen=True, slots=True)
class Spoken:
    """The texts of one language in the last seven days: how many left, arrived, and failed."""

    language: str
    sent: int
    delivered: int
    failed: int


@dataclass(frozen=True, slots=True)
class Kept:
    """The appointments of one language in the last 30 days: all, confirmed, and where noted, came and did not."""

    language: str
    booked: int
    confirmed: int
    came: int
    no_show: int


def list_days(session: Session, zone: ZoneInfo, now: datetime) -> tuple[list[Day], list[Spoken]]:
    """The last two weeks, today last; and how the last of them went by language, the most used first."""
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    start = datetime.combine(days[0], time(), zone).astimezone(UTC)
    sent, delivered, answered = (Counter[date]() for _ in range(3))
    languages: dict[str, Counter[str]] = defaultdict(Counter)
    for hour, language, left, arrived, failed in _count_texts(session, start):
        day = _find_day(hour, zone)
        sent[day] += left
        delivered[day] += arrived
        if language and day > today - timedelta(days=_LANGUAGE_DAYS):
            languages[language] += Counter(sent=left, delivered=arrived, failed=failed)
    moment = col(IncomingText.received_at)
    hour = _write_hour(session, moment)
    for at, count in session.exec(select(hour, func.count()).where(moment >= start).group_by(hour)):
        answered[_find_day(at, zone)] += count
    spoken = [
        Spoken(language, counts["sent"], counts["delivered"], counts["failed"])
        for language, counts in sorted(languages.items(), key=lambda one: -one[1]["sent"])
    ]
    return [Day(day, sent[day], delivered[day], answered[day]) for day in days], spoken


def _count_texts(session: Session, start: datetime) -> Iterable[Any]:
    """Per hour and language: texts that left, those of them that arrived, and those that failed."""
    state, language = col(OutgoingText.state), col(OutgoingText.language)
    left_at, made_at = col(OutgoingText.sent_at), col(OutgoingText.created_at)
    hour = _write_hour(session, left_at)
    left = func.count().filter(state.in_(GONE_OUT))
    arrived, failed = (func.count().filter(state == one) for one in (TextState.DELIVERED, TextState.FAILED))
    query = select_columns(hour, language, left, arrived, failed).where(left_at.is_not(None), left_at >= start)
    yield from session.connection().execute(query.group_by(hour, language))
    # What never left counts when it was made.
    hour, none = _write_hour(session, made_at), literal(0)
    never = select_columns(hour, language, none, none, func.count()).where(_NEVER_LEFT, made_at >= start)
    yield from session.connection().execute(never.group_by(hour, language))


def _write_hour(session: Session, moment: Any) -> Any:
    """The hour of a moment in UTC, ``2026-11-26 14`` or a naive datetime; each database has its own quick way."""
    if session.get_bind().dialect.name == "sqlite":
        return func.substr(moment, 1, 13, type_=String)
    return func.date_trunc("hour", func.timezone("UTC", moment), type_=DateTime)


@lru_cache(maxsize=2000)
def _find_day(hour: str | datetime, zone: ZoneInfo) -> date:
    at = datetime.fromisoformat(f"{hour}:00Z") if isinstance(hour, str) else hour.replace(tzinfo=UTC)
    return at.astimezone(zone).date()


def list_kept(session: Session, now: datetime) -> list[Kept]:
    """What became of the appointments of the last 30 days, by language, the most frequent first."""
    confirmed, came, no_show = (
        func.count().filter(condition)
        for condition in (
            col(Appointment.status) == AppointmentStatus.CONFIRMED,
            col(Appointment.outcome) == Outcome.CAME,
            col(Appointment.outcome) == Outcome.NO_SHOW,
        )
    )
    rows = session.connection().execute(
        select_columns(col(Contact.language), func.count(), confirmed, came, no_show)
        .select_from(Appointment)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .join(Contact, col(Patient.contact_id) == col(Contact.id))
        .where(
            col(Appointment.starts_at) > now - timedelta(days=_APPOINTMENT_DAYS),
            col(Appointment.starts_at) <= now,
            col(Appointment.status) != AppointmentStatus.CANCELLED,
        )
        .group_by(col(Contact.language))
        .order_by(func.count().desc())
    )
    return [Kept(*row) for row in rows]
