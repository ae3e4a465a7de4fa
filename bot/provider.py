"""What a provider of texts does for us, whoever it is: the values, the errors, the statuses.

``SandboxSender`` is the one that delivers to the simulated phone; ``sms.py`` has the real one.
"""

import secrets
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.error_codes import MEANINGS, Meaning

BUSY = MEANINGS[20429]

# Source: Twilio, "Message resource", status values; a status only ever moves up.
STATUS_RANK = {
    "accepted": 0,
    "scheduled": 0,
    "queued": 10,
    "sending": 20,
    "sent": 30,
    "delivered": 40,
    "undelivered": 40,
    "failed": 40,
    "canceled": 40,
    "read": 50,
}
NOT_DELIVERED = frozenset({"undelivered", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Inbound:
    """One text from a phone, as Twilio hands it over. ``opt_out`` is Twilio's own answer to it, if any."""

    provider_id: str
    phone: str
    body: str
    media: int = 0
    opt_out: str = ""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What a status callback says of one text."""

    provider_id: str
    status: str
    error_code: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A text that the provider has taken: its id there and its first status."""

    provider_id: str
    status: str


class SendError(Exception):
    """The provider did not take a text.

    ``unknown`` means that it may have: look it up before sending again. Otherwise it certainly did
    not, and ``meaning`` says what follows. ``code`` is Twilio's, None where there was no answer.
    """

    def __init__(
        self,
        meaning: Meaning,
        *,
        code: int | None = None,
        unknown: bool = False,
        retry_after: timedelta | None = None,
        cause: str = "",
    ) -> None:
        super().__init__(cause or f"refused with {code}")
        self.meaning = meaning
        self.code = code
        self.unknown = unknown
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Record:
    """A text in the provider's log, to a phone or from one."""

    provider_id: str
    phone: str
    body: str
    inbound: bool
    made_at: datetime
    media: int = 0


class LateError(Exception):
    """Nothing left: at the last moment the text was no longer ours to send."""


# Whether the text that the running task sends may still leave. Asked where its request is written: between looking at
# the lease and that, a process can stand still for any time.
MAY_LEAVE: ContextVar[Callable[[], bool]] = ContextVar("may_leave", default=lambda: True)


class Sender(Protocol):
    """A way to send texts. All of it raises ``SendError`` and nothing else, but ``send``: ``LateError`` as well."""

    async def send(self, to: str, body: str, token: str, useful_for: timedelta) -> Accepted: ...

    async def find(self, to: str, body: str, since: datetime) -> list[Accepted]: ...

    async def ask(self, provider_id: str) -> StatusReport | None: ...

    async def list_since(self, since: datetime) -> list[Record]: ...

    async def tell_time(self) -> datetime | None: ...

    async def close(self) -> None: ...


class SandboxSender:
    """Delivers at once to the simulated phone, which shows what the database says was sent."""

    async def send(self, to: str, body: str, token: str, useful_for: timedelta) -> Accepted:
        return Accepted(f"SB{secrets.token_hex(16)}", "delivered")

    async def find(self, to: str, body: str, since: datetime) -> list[Accepted]:
        return []

    async def ask(self, provider_id: str) -> StatusReport | None:
        return None

    async def list_since(self, since: datetime) -> list[Record]:
        return []

    async def tell_time(self) -> datetime | None:
        return None

    async def close(self) -> None:
        return None


def rank(status: str) -> int:
    """How far along a status is; an unknown one is before all."""
    return STATUS_RANK.get(status, -1)
