"""What Twilio calls. Only requests that Twilio has signed change anything.

Plain routes: a burst brings thousands of requests, and what a page needs would take longer than the rest of each.
"""

import logging
from urllib.parse import parse_qsl

from fastapi import APIRouter, HTTPException, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import ImmutableMultiDict

from bot.database import name_trouble
from bot.sms import is_signed, read_inbound, read_status
from bot.web.service import Service

log = logging.getLogger(__name__)
router = APIRouter()

_NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_MOST_BYTES, _MOST_FIELDS = 64 * 1024, 500

Form = ImmutableMultiDict[str, str]


async def _read_signed_form(request: Request, service: Service) -> tuple[Form, str]:
    """The form of a request that Twilio signed, and its signature; 403 for any other, before anything is looked up."""
    headers = request.headers
    if not headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(403, "not a form as Twilio sends it")
    signature = headers.get("X-Twilio-Signature", "")
    if not signature:
        raise HTTPException(403, "the signature is missing")
    body = await _read_body(request)
    try:
        # Blank parameters are signed too.
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise HTTPException(403, "not a form as Twilio sends it") from error
    form: Form = ImmutableMultiDict(pairs)
    signed_with = headers.get("X-Twilio-Webhooks-Signature-Settings", "")
    if not is_signed(service.settings, request.url.path, request.url.query, form, signature, signed_with):
        raise HTTPException(403, "the signature is wrong")
    return form, signature


async def _read_body(request: Request) -> bytes:
    """The body, but no more of it than Twilio would ever send, whatever its headers say."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, "too large")
    return body


async def inbound(request: Request) -> Response:
    """A text from a phone. The answer leaves through the outbox, not in this response."""
    service: Service = request.app.state.service
    form, signature = await _read_signed_form(request, service)
    text = read_inbound(form)
    # The same parameters to another address have another signature.
    if text is not None and signature not in service.seen:
        try:
            await service.arrivals.keep(text)
        except OSError as error:
            log.error("a text could not be kept on disk either: %s", error.strerror)
            raise HTTPException(503, "try again later") from error
        service.seen.add(signature)
    return Response(_NO_REPLY, media_type="application/xml")


async def status(request: Request) -> Response:
    """What became of a text of ours. An unknown token is answered the same and changes nothing."""
    service: Service = request.app.state.service
    form, signature = await _read_signed_form(request, service)
    report = read_status(form)
    if report is not None and signature not in service.seen:
        try:
            await service.callbacks.store(request.path_params["token"], report)
        except SQLAlchemyError as error:
            # It is not lost: a text that stays silent is asked about.
            log.error("a status could not be stored: %s", name_trouble(error))
            raise HTTPException(503, "try again later") from error
        service.seen.add(signature)
    return Response(status_code=200)


router.add_route("/twilio/inbound", inbound, methods=["POST"])
router.add_route("/twilio/status/{token}", status, methods=["POST"])
