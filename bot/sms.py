"""The only file that knows Twilio: sending, looking up, and reading its webhooks.

The official client's async side is used with an HTTP client of our own: one shared session, time
limits, no retries. Its own ignores its time limit, posts again after a 5xx (a text sent twice)
and loses ``Retry-After``.
"""

import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from bot.settings import Settings

_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_API = "https://api.twilio.com"
CONNECT_TIMEOUT_S = 5.0
SEND_TIMEOUT_S = 15.0
# How many of the newest texts to a number are looked through for one that may be ours.
_LOOK_UP = 50

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


class Action(StrEnum):
    """What an error means for us."""

    RETRY = "retry"
    ACCOUNT = "account"
    NUMBER = "number"
    OPTED_OUT = "opted out"
    GIVE_UP = "give up"


# Source: Twilio, "Error and Warning Dictionary". Account: nothing is wrong with the text or the
# patient, so it waits until the operator has put things right.
ERROR_ACTIONS = {
    **dict.fromkeys((20429, 21611, 30001, 30017, 30022, 30035, 30450, 30453), Action.RETRY),
    **dict.fromkeys((20003, 20404, 21212, 21601, 21603, 21606, 21609, 21703, 21705, 30002, 30018), Action.ACCOUNT),
    **dict.fromkeys((30024, 30032, 30033, 30034), Action.ACCOUNT),
    **dict.fromkeys((21211, 21612, 21614, 21635, 30005, 30006), Action.NUMBER),
    21610: Action.OPTED_OUT,
}
_ADVICE = {
    Action.RETRY: "The provider was too busy. It is tried again by itself.",
    Action.ACCOUNT: "The sending account has a problem. Tell the person who runs this system.",
    Action.NUMBER: "This number cannot receive texts. Phone the patient and ask for a mobile number.",
    Action.OPTED_OUT: "This number has refused texts. Phone the patient instead.",
    Action.GIVE_UP: "The provider refused this text. Phone the patient.",
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A text that the provider has taken: its id there and its first status."""

    provider_id: str
    status: str


class SendError(Exception):
    """The provider did not take a text.

    ``unknown`` means that it may have: look it up before sending again. Otherwise it certainly did
    not, and ``action`` says what follows. ``code`` is Twilio's, None where there was no answer.
    """

    def __init__(
        self,
        action: Action,
        *,
        code: int | None = None,
        unknown: bool = False,
        retry_after: timedelta | None = None,
        cause: str = "",
    ) -> None:
        super().__init__(cause or f"{action} {code}")
        self.action = action
        self.code = code
        self.unknown = unknown
        self.retry_after = retry_after
        self.advice = _ADVICE[action]


class Sender(Protocol):
    """A way to send texts. All of it raises ``SendError`` and nothing else."""

    async def send(self, to: str, body: str, token: str) -> Accepted: ...

    async def find(self, to: str, body: str, since: datetime) -> list[Accepted]: ...

    async def close(self) -> None: ...


class SandboxSender:
    """Delivers at once to the simulated phone, which shows what the database says was sent."""

    async def send(self, to: str, body: str, token: str) -> Accepted:
        return Accepted(f"SB{secrets.token_hex(16)}", "delivered")

    async def find(self, to: str, body: str, since: datetime) -> list[Accepted]:
        return []

    async def close(self) -> None:
        return None


class TwilioSender:
    """Sends through Twilio. It must be made inside the event loop, once for the life of the process."""

    def __init__(self, settings: Settings) -> None:
        self._http = _HttpClient(settings.twilio_api_base_url)
        token = settings.twilio_auth_token.get_secret_value()
        self._client = Client(
            settings.twilio_api_key_sid or settings.twilio_account_sid,
            settings.twilio_api_key_secret.get_secret_value() if settings.twilio_api_key_sid else token,
            settings.twilio_account_sid,
            http_client=self._http,
        )
        service = settings.twilio_messaging_service_sid
        self._origin = {"messaging_service_sid": service} if service else {"from_": settings.twilio_from_number}
        self._callback = f"{settings.public_base_url}/twilio/status/"

    async def send(self, to: str, body: str, token: str) -> Accepted:
        async with _Explained():
            # Smart Encoding is done already (messages/smart_encoding.py). Twilio's would change the body
            # that find() compares with, and Chinese and Persian punctuation for no gain.
            message = await self._client.messages.create_async(
                to=to, body=body, status_callback=self._callback + token, smart_encoded=False, **self._origin
            )
        if not message.sid:
            raise SendError(Action.RETRY, unknown=True, cause="the answer named no message")
        return Accepted(message.sid, str(message.status or "queued"))

    async def find(self, to: str, body: str, since: datetime) -> list[Accepted]:
        """Texts to that number with that very body made since then, oldest first."""
        async with _Explained():
            messages = await self._client.messages.list_async(to=to, limit=_LOOK_UP)
        found = [
            message
            for message in messages
            if message.body == body and message.date_created and message.date_created >= since and message.sid
        ]
        return [Accepted(str(message.sid), str(message.status)) for message in reversed(found)]

    async def check(self) -> None:
        """Ask Twilio whether the account can be used."""
        async with _Explained():
            await self._client.api.accounts(self._client.account_sid).fetch_async()

    async def close(self) -> None:
        await self._http.close()


def open_sender(settings: Settings) -> Sender:
    """The sender that the settings name; inside the event loop."""
    return TwilioSender(settings) if settings.sender == "twilio" else SandboxSender()


class _NotReachedError(Exception):
    """No connection was made, so nothing was sent."""


class _TooBusyError(Exception):
    """429: the request was never processed."""

    def __init__(self, retry_after: timedelta | None) -> None:
        super().__init__("too many requests")
        self.retry_after = retry_after


class _HttpClient(AsyncHttpClient):
    """Twilio's HTTP client on one aiohttp session: bounded in time, no retries, another base address."""

    def __init__(self, base_url: str) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True)
        self._base_url = base_url
        timeout = aiohttp.ClientTimeout(total=SEND_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        address = self._base_url + uri.removeprefix(_API)
        try:
            async with self._session.request(
                method,
                address,
                params=params,
                data=data,
                headers=dict(headers or {}) | ({"Authorization": aiohttp.encode_basic_auth(*auth)} if auth else {}),
                allow_redirects=allow_redirects,
            ) as response:
                if response.status == 429:
                    raise _TooBusyError(_read_retry_after(response.headers.get("Retry-After")))
                return Response(response.status, await response.text(), response.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _NotReachedError(type(error).__name__) from error

    async def close(self) -> None:
        await self._session.close()


class _Explained:
    """Turns whatever the client raises into a ``SendError`` that says what happened to the text."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        match error:
            case None | SendError():
                return
            case _TooBusyError():
                raise SendError(Action.RETRY, code=20429, retry_after=error.retry_after) from error
            case _NotReachedError():
                raise SendError(Action.RETRY, cause="the provider could not be reached") from error
            case TwilioRestException() if 400 <= error.status < 500:
                raise _explain_refusal(error) from error
            case TwilioException() | aiohttp.ClientError() | OSError() | ValueError() | TypeError() | LookupError():
                cause = f"no usable answer ({type(error).__name__})"
                raise SendError(Action.RETRY, unknown=True, cause=cause) from error


def _explain_refusal(error: TwilioRestException) -> SendError:
    action = ERROR_ACTIONS.get(error.code)
    if action is None:
        action = Action.ACCOUNT if error.status in (401, 403) else Action.GIVE_UP
    return SendError(action, code=error.code or error.status, cause=f"refused with {error.code or error.status}")


def find_action(code: int | None) -> tuple[Action, str]:
    """What an error code that came by callback means, with a sentence for staff."""
    action = ERROR_ACTIONS.get(code or 0, Action.GIVE_UP)
    return action, _ADVICE[action]


def _read_retry_after(value: str | None) -> timedelta | None:
    return timedelta(seconds=min(int(value), 3600)) if value and value.isdecimal() else None


# Webhooks


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


def is_signed(settings: Settings, path: str, query: str, form: Mapping[str, Any], signature: str) -> bool:
    """Whether Twilio signed this request with our token, for the address it knows us by.

    Args:
        path: the path below ``PUBLIC_BASE_URL``; ``query`` as it came, without the question mark.
        form: the parameters, a multi-dict where a name may repeat.
    """
    token = settings.twilio_auth_token.get_secret_value()
    if not token or not signature:
        return False
    address = settings.public_base_url + path + (f"?{query}" if query else "")
    return bool(RequestValidator(token).validate(address, form, signature))


def read_inbound(form: Mapping[str, Any]) -> Inbound | None:
    """Read an inbound text; None when it lacks its id or a phone number. Unknown parameters are fine."""
    provider_id = str(form.get("MessageSid") or form.get("SmsMessageSid") or form.get("SmsSid") or "")
    phone = str(form.get("From") or "")
    if not provider_id or not _NUMBER.fullmatch(phone):
        return None
    media = str(form.get("NumMedia") or "0")
    return Inbound(
        provider_id,
        phone,
        str(form.get("Body") or "").replace("\x00", ""),
        int(media) if media.isdecimal() else 0,
        str(form.get("OptOutType") or ""),
    )


def read_status(form: Mapping[str, Any]) -> StatusReport | None:
    """Read a status callback; None when it lacks its id or names no status that we know."""
    provider_id = str(form.get("MessageSid") or form.get("SmsSid") or "")
    status = str(form.get("MessageStatus") or form.get("SmsStatus") or "").lower()
    if not provider_id or status not in STATUS_RANK:
        return None
    code = str(form.get("ErrorCode") or "")
    return StatusReport(provider_id, status, int(code) if code.isdecimal() else None)


def rank(status: str) -> int:
    """How far along a status is; an unknown one is before all."""
    return STATUS_RANK.get(status, -1)
