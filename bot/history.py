"""What happened on each of the last days, and what became of appointments: the figures behind the charts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, cast, func
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
_APPOINTMENT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Day:
    """One day in the clinic's zone: texts that left, those of them that arrived, and texts from patients."""

    day: date
    sent: int
    delivered: int
    answered: int


@dataclass(frozen=True, slots=True)
class Kept:
    """The appointments of one language in the last 30 days: all, confirmed, and where noted, came and did not."""

    language: str
    booked: int
    confirmed: int
    came: int
    no_show: int


def list_days(session: Session, zone: ZoneInfo, now: datetime) -> list[Day]:
    """The last two weeks, today last."""
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    start = datetime.combine(days[0], time(), zone).astimezone(UTC)
    left = _count_by_hour(session, col(OutgoingText.sent_at), start, col(OutgoingText.state).in_(GONE_OUT))
    arrived = _count_by_hour(session, col(OutgoingText.sent_at), start, col(OutgoingText.state) == TextState.DELIVERED)
    came_in = _count_by_hour(session, col(IncomingText.received_at), start)
    sent, delivered, answered = (_sum_days(hours, zone) for hours in (left, arrived, came_in))
    return [Day(day, sent.get(day, 0), delivered.get(day, 0), answered.get(day, 0)) for day in days]


def _count_by_hour(
    session: Session, moment: Any, start: datetime, *conditions: ColumnElement[bool]
) -> list[tuple[str, int]]:
    """How many rows fall into each hour since then: ``2026-11-26 14``, in UTC; each database writes it its own way."""
    if session.get_bind().dialect.name == "sqlite":
        hour: Any = func.strftime("%Y-%m-%d %H", moment)
    else:
        hour = cast(func.to_char(func.timezone("UTC", moment), "YYYY-MM-DD HH24"), String)
    counted = session.exec(select(hour, func.count()).where(moment >= start, *conditions).group_by(hour))
    return [(str(at), count) for at, count in counted]


def _sum_days(hours: Iterable[tuple[str, int]], zone: ZoneInfo) -> dict[date, int]:
    days: dict[date, int] = {}
    for hour, count in hours:
        day = datetime.strptime(hour, "%Y-%m-%d %H").replace(tzinfo=UTC).astimezone(zone).date()
        days[day] = days.get(day, 0) + count
    return days


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
