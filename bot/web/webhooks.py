"""What Twilio calls. Only requests that Twilio has signed change anything."""

import logging
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

from anyio import to_thread
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import ImmutableMultiDict

from bot.inbox import take_in
from bot.provider import Inbound
from bot.sms import is_signed, read_inbound, read_status
from bot.web.service import Service, Used

log = logging.getLogger(__name__)
router = APIRouter(prefix="/twilio")

_NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_MOST_BYTES, _MOST_FIELDS = 64 * 1024, 500

Form = ImmutableMultiDict[str, str]


@dataclass(frozen=True, slots=True)
class Signed:
    """A form that Twilio signed. ``known``: this very request has been taken in before."""

    form: Form
    signature: str
    known: bool


async def _read_signed_form(request: Request, service: Used) -> Signed:
    """The form of a request that Twilio signed; 403 for any other, before anything is looked up."""
    if not request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(403, "not a form as Twilio sends it")
    signature = request.headers.get("X-Twilio-Signature", "")
    if not signature:
        raise HTTPException(403, "the signature is missing")
    body = await _read_body(request)
    try:
        # Blank parameters are signed too.
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise HTTPException(403, "not a form as Twilio sends it") from error
    form: Form = ImmutableMultiDict(pairs)
    signed_with = request.headers.get("X-Twilio-Webhooks-Signature-Settings", "")
    if not is_signed(service.settings, request.url.path, request.url.query, form, signature, signed_with):
        raise HTTPException(403, "the signature is wrong")
    # The same parameters to another address have another signature.
    return Signed(form, signature, known=signature in service.seen)


async def _read_body(request: Request) -> bytes:
    """The body, but no more of it than Twilio would ever send, whatever its headers say."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, "too large")
    return body


SignedForm = Annotated[Signed, Depends(_read_signed_form)]


@router.post("/inbound")
async def inbound(signed: SignedForm, service: Used) -> Response:
    """A text from a phone. The answer leaves through the outbox, not in this response."""
    text = read_inbound(signed.form)
    if text is not None and not signed.known:
        if await to_thread.run_sync(_take_in, service, text, limiter=service.text_threads):
            service.sending.wake()
        service.seen.add(signed.signature)
    return Response(_NO_REPLY, media_type="application/xml")


@router.post("/status/{token}")
async def status(token: str, signed: SignedForm, service: Used) -> Response:
    """What became of a text of ours. An unknown token is answered the same and changes nothing."""
    report = read_status(signed.form)
    if report is not None and not signed.known:
        try:
            await service.callbacks.store(token, report)
        except SQLAlchemyError as error:
            # It is not lost: a text that stays silent is asked about.
            log.error("a status could not be stored: %s", type(error).__name__)
            raise HTTPException(503, "try again later") from error
        service.seen.add(signed.signature)
    return Response(status_code=200)


def _take_in(service: Service, text: Inbound) -> bool:
    """Take a text in, or keep it on disk while the database is away or older ones still wait there."""
    received_at = service.now()
    if not service.spool.count():
        try:
            return take_in(service.engine, service.settings.clinic_facts, text, received_at)
        except SQLAlchemyError as error:
            log.error("a text could not be stored and waits on disk: %s", type(error).__name__)
    try:
        service.spool.add(text, received_at)
    except OSError as error:
        log.error("a text could not be kept on disk either: %s", error.strerror)
        raise HTTPException(503, "try again later") from error
    return False
