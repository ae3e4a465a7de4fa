"""What an admin has set on the clinic's page of what texts say of the clinic; the rest is as in ``.env``."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session

from bot.database import note_event, run_built
from bot.models import METADATA, ClinicDetail
from bot.sentences import SentenceError
from messages.facts import MAX_ADDRESS, MAX_CLINIC_NAME, MAX_PHONE, ClinicFacts
from messages.segments import tidy


class DetailError(SentenceError):
    """The detail will not do; the message says why."""


@dataclass(frozen=True, slots=True)
class Detail:
    """A fact of the clinic that may be set on its page: its name there, its setting, and its length in characters."""

    name: str
    setting: str
    most: int
    needs_digit: bool = False


# No time and no hours among them: those would move texts that are planned already.
DETAILS = (
    Detail("name", "CLINIC_NAME", MAX_CLINIC_NAME),
    Detail("phone", "CLINIC_PHONE", MAX_PHONE, needs_digit=True),
    Detail("address", "CLINIC_ADDRESS", MAX_ADDRESS),
)
_NAMES = {detail.name for detail in DETAILS}
_TABLE = METADATA.tables["clinic_detail"]
_DETAILS = select(_TABLE.c.name, _TABLE.c.words)


def apply_details(session: Session, clinic: ClinicFacts) -> ClinicFacts:
    """The clinic's facts with what was set on the page, which wins over ``.env``."""
    found = read_details(session)
    if not found:
        return clinic
    name, phone = found.get("name", clinic.name), found.get("phone", clinic.phone)
    return replace(clinic, name=name, phone=phone, address=found.get("address", clinic.address))


def read_details(session: Session) -> dict[str, str]:
    """What was set on the page, by the name of the detail."""
    return {name: words for name, words in run_built(session, _DETAILS) if name in _NAMES}


def set_details(session: Session, wanted: dict[str, str], by: str, now: datetime) -> None:
    """Set each detail that is named; empty words give the one of ``.env`` again.

    Raises:
        DetailError: one of them is too long, or the phone has no number in it; nothing is changed.
    """
    known = read_details(session)
    for detail in DETAILS:
        words = tidy(" ".join(wanted.get(detail.name, "").split()))
        if len(words) > detail.most:
            raise DetailError("Use at most %(most)s characters.", most=detail.most)
        if words and detail.needs_digit and not any(map(str.isdigit, words)):
            raise DetailError("Give the number that patients can call.")
        if detail.name not in wanted or words == known.get(detail.name, ""):
            continue
        if words:
            session.merge(ClinicDetail(name=detail.name, words=words, changed_by=by, changed_at=now))
        else:
            session.delete(session.get(ClinicDetail, detail.name))
        note_event(session, by, "changed clinic", "clinic_detail", 0, now, f"{detail.name}: {words or 'as in .env'}")
