"""The only file that knows Twilio: sending, looking up, and reading its webhooks.

The official client's async side is used with an HTTP client of our own: one shared session, time
limits, no retries. Its own ignores its time limit, posts again after a 5xx (a text sent twice)
and loses ``Retry-After``.
"""

import contextlib
import hmac
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator, get_signature_algorithm
from twilio.rest import Client
from yarl import URL

from bot.error_codes import explain
from bot.provider import (
    BUSY,
    MAY_LEAVE,
    STATUS_RANK,
    Accepted,
    Inbound,
    LateError,
    Record,
    SandboxSender,
    Sender,
    SendError,
    StatusReport,
)
from bot.settings import Settings

_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_API = "https://api.twilio.com"
_TWILIO = re.compile(r"^https://[a-z.]*twilio\.com")
CONNECT_TIMEOUT_S = 5.0
SEND_TIMEOUT_S = 15.0
# How many of the newest texts to a number are looked through for one that may be ours.
_LOOK_UP = 50
# The most texts read from the account's log after a downtime.
_LONGEST_LOG = 5000
# Source: Twilio, "Message resource", ValidityPeriod, in seconds.
_LONGEST_VALIDITY_S = 36_000


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
        self._origin = {"MessagingServiceSid": service} if service else {"From": settings.twilio_from_number}
        self._callback = f"{settings.public_base_url}/twilio/status/"
        self._messages = f"/Accounts/{self._client.account_sid}/Messages.json"

    async def send(self, to: str, body: str, token: str, useful_for: timedelta) -> Accepted:
        seconds = max(1, min(_LONGEST_VALIDITY_S, int(useful_for.total_seconds())))
        form = {
            "To": to,
            "Body": body,
            "StatusCallback": self._callback + token,
            # Smart Encoding is done already (messages/smart_encoding.py). Twilio's would change the body
            # that find() compares with, and Chinese and Persian punctuation for no gain.
            "SmartEncoded": "false",
            "ValidityPeriod": str(seconds),
            **self._origin,
        }
        async with _Explained():
            # What messages.create_async() does, without an object of thirty attributes for the two that count.
            message = await self._client.api.v2010.create_async("POST", self._messages, data=form)
            sid, status = message.get("sid"), message.get("status")
        if not sid:
            raise SendError(BUSY, unknown=True, cause="the answer named no message")
        return Accepted(str(sid), str(status or "queued"))

    async def find(self, to: str, body: str, since: datetime) -> list[Accepted]:
        """Texts to that number with that very body made since then, oldest first."""
        async with _Explained():
            messages = await self._client.messages.list_async(to=to, limit=_LOOK_UP)
        if len(messages) == _LOOK_UP and all(_is_since(message.date_created, since) for message in messages):
            raise SendError(BUSY, cause="more texts to this number than can be looked through")
        found = [
            message
            for message in messages
            if message.body == body and _is_since(message.date_created, since) and message.sid
        ]
        return [Accepted(str(message.sid), str(message.status)) for message in reversed(found)]

    async def ask(self, provider_id: str) -> StatusReport | None:
        """What has become of a text; None when Twilio does not say."""
        async with _Explained():
            message = await self._client.messages(provider_id).fetch_async()
        return _make_report(provider_id, str(message.status or ""), str(message.error_code or ""))

    async def list_since(self, since: datetime) -> list[Record]:
        """All texts that the account sent or received since then, oldest first."""
        async with _Explained():
            messages = await self._client.messages.list_async(date_sent_after=since, limit=_LONGEST_LOG)
        return [
            Record(
                str(message.sid),
                str((message.from_ if message.direction == "inbound" else message.to) or ""),
                str(message.body or ""),
                message.direction == "inbound",
                message.date_created,
                int(message.num_media or 0),
            )
            for message in reversed(messages)
            if message.sid and _is_since(message.date_created, since)
        ]

    async def tell_time(self) -> datetime | None:
        """What Twilio's clock shows, to the second; None when its answer does not say."""
        async with _Explained():
            return await self._http.read_date()

    async def inspect(self, settings: Settings) -> list[str]:
        """What is wrong with the account, the sender and the webhooks as Twilio knows them, each with what to do."""
        async with _Explained():
            account = await self._client.api.accounts(self._client.account_sid).fetch_async()
        troubles = []
        if account.status != "active":
            troubles.append(f"the Twilio account is {account.status}: see Twilio's console")
        if account.type == "Trial":
            troubles.append("the Twilio account is a trial: it only texts numbers verified there; upgrade it")
        service = settings.twilio_messaging_service_sid
        troubles += await (self._inspect_service(service, settings) if service else self._inspect_number(settings))
        return troubles + await self._inspect_country(settings.default_region)

    async def _inspect_service(self, sid: str, settings: Settings) -> list[str]:
        wanted = f"{settings.public_base_url}/twilio/inbound"
        try:
            async with _Explained():
                service = await self._client.messaging.v1.services(sid).fetch_async()
                numbers = await self._client.messaging.v1.services(sid).phone_numbers.list_async(limit=1)
        except SendError as error:
            return [f"TWILIO_MESSAGING_SERVICE_SID: Twilio does not give us this messaging service ({error})"]
        troubles = [] if numbers else ["the messaging service has no number: add one under Sender Pool"]
        if service.use_inbound_webhook_on_number:
            troubles.append(
                f"the messaging service leaves incoming texts to its numbers: choose Send a webhook, {wanted}"
            )
        elif service.inbound_request_url != wanted:
            troubles.append(
                f"the messaging service sends incoming texts to {service.inbound_request_url or 'nobody'}: "
                f"under Integration choose Send a webhook and enter {wanted}"
            )
        return troubles

    async def _inspect_number(self, settings: Settings) -> list[str]:
        wanted, number = f"{settings.public_base_url}/twilio/inbound", settings.twilio_from_number
        async with _Explained():
            owned = await self._client.incoming_phone_numbers.list_async(phone_number=number, limit=1)
        if not owned:
            return ["TWILIO_FROM_NUMBER: the account does not own this number"]
        troubles = []
        if not (owned[0].capabilities or {}).get("sms"):
            troubles.append("TWILIO_FROM_NUMBER: this number cannot send texts; buy one that can")
        if owned[0].sms_url != wanted:
            troubles.append(
                f"the number sends incoming texts to {owned[0].sms_url or 'nobody'}: under Messaging Configuration "
                f"enter {wanted} (HTTP POST)"
            )
        return troubles

    async def _inspect_country(self, region: str) -> list[str]:
        try:
            async with _Explained():
                found = await self._client.accounts.v1.messaging_geopermissions.fetch_async(country_code=region)
        except SendError as error:
            return [f"Twilio does not say whether the account may text {region} ({error}): see Geo permissions there"]
        allowed = [entry for entry in found.permissions or () if entry.get("country_code") == region]
        if allowed and not allowed[0].get("enabled"):
            return [f"the account may not text {region}: allow it in Twilio's console, Messaging, Geo permissions"]
        return []

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


class _Form(aiohttp.BytesPayload):
    """A form that goes onto the wire, with the headers that wait for it, only if it may still leave."""

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if not MAY_LEAVE.get()():
            raise LateError
        await super().write_with_length(writer, content_length)


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
        address = _TWILIO.sub(self._base_url, uri) if self._base_url != _API else uri
        try:
            async with self._session.request(
                method,
                address,
                params=params,
                # As the client names it already: a form. This encoder takes a fifth of the time of the library's own,
                # which is half of what a text in Arabic would cost.
                data=_Form(URL.build(query=dict(data)).raw_query_string.encode()) if data else None,
                headers=dict(headers or {}) | ({"Authorization": aiohttp.encode_basic_auth(*auth)} if auth else {}),
                allow_redirects=allow_redirects,
            ) as response:
                if response.status == 429:
                    raise _TooBusyError(_read_retry_after(response.headers.get("Retry-After")))
                return Response(response.status, await response.text(), response.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _NotReachedError(type(error).__name__) from error
        except aiohttp.ClientConnectionError as error:
            if isinstance(error.__cause__, LateError):
                raise error.__cause__ from error
            raise

    async def read_date(self) -> datetime | None:
        """The date in the header of any answer."""
        async with self._session.head(self._base_url, allow_redirects=False) as response:
            date = response.headers.get("Date")
            moment = parsedate_to_datetime(date) if date else None
            return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None

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
                raise SendError(BUSY, code=20429, retry_after=error.retry_after) from error
            case _NotReachedError():
                raise SendError(BUSY, cause="the provider could not be reached") from error
            case TwilioRestException() if 400 <= error.status < 500:
                raise _explain_refusal(error) from error
            case TwilioException() | aiohttp.ClientError() | OSError() | ValueError() | TypeError() | LookupError():
                cause = f"no usable answer ({type(error).__name__})"
                raise SendError(BUSY, unknown=True, cause=cause) from error


def _explain_refusal(error: TwilioRestException) -> SendError:
    code = int(error.code or 0) or None
    return SendError(explain(code, error.status), code=code or error.status)


def _is_since(moment: datetime | None, since: datetime) -> bool:
    return moment is not None and moment >= since


def _read_retry_after(value: str | None) -> timedelta | None:
    return timedelta(seconds=min(int(value), 3600)) if value and value.isdecimal() else None


# Webhooks


def is_signed(
    settings: Settings, path: str, query: str, form: Mapping[str, Any], signature: str, signed_with: str = ""
) -> bool:
    """Whether Twilio signed this request with our secret, for the address it knows us by.

    Args:
        path: the path below ``PUBLIC_BASE_URL``; ``query`` as it came, without the question mark.
        form: the parameters, a multi-dict where a name may repeat.
        signed_with: the header ``X-Twilio-Webhooks-Signature-Settings``, which names the algorithm where the
            account signs with a SharedKey; without it the auth token and HMAC-SHA1 are meant.
    """
    secret = (settings.twilio_webhook_secret if signed_with else settings.twilio_auth_token).get_secret_value()
    if not secret or not signature:
        return False
    address = settings.public_base_url + path + (f"?{query}" if query else "")
    algorithm, validator = get_signature_algorithm(signed_with), RequestValidator(secret)
    with contextlib.suppress(ValueError):  # an algorithm that nobody knows
        if hmac.compare_digest(validator.compute_signature(address, form, algorithm).encode(), signature.encode()):
            return True
    # It may have been signed with the port named, or left out.
    return bool(validator.validate(address, form, signature, algorithm))


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
    return _make_report(provider_id, status, str(form.get("ErrorCode") or ""))


def _make_report(provider_id: str, status: str, code: str) -> StatusReport | None:
    if not provider_id or status not in STATUS_RANK:
        return None
    return StatusReport(provider_id, status, int(code) if code.isdecimal() else None)
