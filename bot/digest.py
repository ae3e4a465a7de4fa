"""The day-before list for the clinic: who needs a look before they come, and why, in order of exam time."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from bot.forms import describe_state
from bot.troubles import LISTS, Expected, list_expected, say
from messages.exams import Exams

Row = dict[str, Any]


def describe_digest(session: Session, exams: Exams, zone: ZoneInfo, start: datetime, end: datetime) -> Row:
    """Everybody expected from ``start`` until before ``end``, in order of time, and why some need a look.

    ``lists`` has the ids of each kind of reason; ``patients`` has all, ``reasons`` empty where all is well.
    """
    expected = list_expected(session, exams, start, end)
    return {
        "from": start.astimezone(zone).isoformat(timespec="seconds"),
        "to": end.astimezone(zone).isoformat(timespec="seconds"),
        "expected": len(expected),
        "unready": sum(bool(one.troubles) for one in expected),
        "lists": {
            name: [one.appointment.id for one in expected if {*one.troubles} & {*troubles}]
            for name, troubles in LISTS.items()
        },
        "patients": [_describe(one, exams, zone) for one in expected],
    }


def list_digest_lines(digest: Row) -> list[str]:
    """The same as plain text: who needs a look, soonest first, with each reason on a line of its own."""
    first, last = datetime.fromisoformat(digest["from"]), datetime.fromisoformat(digest["to"]) - timedelta(minutes=1)
    days = f"on {_say_day(first)}"
    if first.date() != last.date():
        days = f"from {_say_day(first)} to {_say_day(last)}"
    lines = [f"{digest['unready']} of {digest['expected']} patients {days} need a look before they come."]
    day = None
    for row in digest["patients"]:
        starts_at = datetime.fromisoformat(row["starts_at"])
        if row["reasons"] and starts_at.date() != day:
            day = starts_at.date()
            lines += ["", _say_day(starts_at)]
        if row["reasons"]:
            lines.append(f"  {starts_at:%H:%M}  {row['name']}, {row['phone']}, appointment {row['id']}")
            lines += [f"         {reason[0].upper()}{reason[1:]}" for reason in row["reasons"]]
    return lines


def _say_day(moment: datetime) -> str:
    return f"{moment:%A, %b} {moment.day}"


def _describe(one: Expected, exams: Exams, zone: ZoneInfo) -> Row:
    reasons = {
        name: next((say(trouble, one.contact) for trouble in troubles if trouble in one.troubles), "")
        for name, troubles in LISTS.items()
    }
    return {
        "id": one.appointment.id,
        "starts_at": one.appointment.starts_at.astimezone(zone).isoformat(timespec="seconds"),
        "name": one.patient.given_name,
        "patient_id": one.patient.record_number,
        "phone": one.contact.phone,
        "language": one.contact.language,
        "exam": one.appointment.exam,
        "status": str(one.appointment.status),
        "screening": describe_state(exams, one.appointment, one.screening),
        "seen_by": one.screening.seen_by if one.screening else "",
        **reasons,
        "reasons": [reason for reason in reasons.values() if reason],
    }
