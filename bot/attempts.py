"""One attempt to send a text: what goes over the wire, and how its row is found again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, select

from bot.models import OutgoingText

# Longer than the longest send, so that a lease runs out only when its process is gone. What was on the
# wire has then arrived at the provider, or never will.
LEASE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed text as it will go over the wire. ``ours``: we start it; it answers nobody."""

    id: int
    attempt: str
    phone: str
    body: str
    lease_until: datetime
    useful_until: datetime
    ours: bool


def find_attempt(session: Session, token: str) -> OutgoingText | None:
    """The row that this attempt's token fences; None when a later attempt has taken it over."""
    return session.exec(select(OutgoingText).where(OutgoingText.attempt == token).with_for_update()).first()
