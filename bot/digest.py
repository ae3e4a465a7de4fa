"""The day-before list for the clinic: who is unreached, unscreened, unread or unconfirmed, in order of exam time."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from bot.forms import describe_state
from bot.unready import Expected, list_expected
from messages.exams import Exams

Row = dict[str, Any]

_TITLES = {
    "unreached": "Not reached",
    "unscreened": "Safety questions not answered",
    "unread": "Answers that nobody has read",
    "unconfirmed": "Not confirmed",
}


def describe_digest(session: Session, exams: Exams, zone: ZoneInfo, start: datetime, end: datetime) -> Row:
    """Everybody expected from ``start`` until before ``end``, in order of time, and why some need a look.

    ``lists`` has the ids of each kind of reason; ``patients`` has all, ``reasons`` empty where all is well.
    """
    expected = list_expected(session, exams, start, end)
    return {
        "from": start.astimezone(zone).isoformat(timespec="seconds"),
        "to": end.astimezone(zone).isoformat(timespec="seconds"),
        "expected": len(expected),
        "unready": sum(bool(one.reasons) for one in expected),
        "lists": {name: [one.appointment.id for one in expected if getattr(one, name)] for name in _TITLES},
        "patients": [_describe(one, exams, zone) for one in expected],
    }


def list_digest_lines(digest: Row) -> list[str]:
    """The same as plain text."""
    first = datetime.fromisoformat(digest["from"])
    lines = [f"{digest['expected']} patients from {first:%A, %Y-%m-%d}: {digest['unready']} need a look."]
    rows = {row["id"]: row for row in digest["patients"]}
    for name, title in _TITLES.items():
        ids = digest["lists"][name]
        if not ids:
            continue
        lines += ["", f"{title} ({len(ids)})"]
        for at in ids:
            row = rows[at]
            starts_at = datetime.fromisoformat(row["starts_at"])
            lines.append(f"  {starts_at:%a %H:%M}  {row['name']}, {row['phone']}, appointment {at}: {row[name]}")
    return lines


def _describe(one: Expected, exams: Exams, zone: ZoneInfo) -> Row:
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
        "unreached": one.unreached,
        "unscreened": one.unscreened,
        "unread": one.unread,
        "unconfirmed": one.unconfirmed,
        "reasons": list(one.reasons),
    }
