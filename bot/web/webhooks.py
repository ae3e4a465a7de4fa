"""What Twilio calls. Only requests that Twilio has signed change anything."""

import logging
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import FormData

from bot.database import writing
from bot.inbox import receive
from bot.outbox import record_status
from bot.sms import Inbound, StatusReport, is_signed, read_inbound, read_status
from bot.web.service import Service, Used

log = logging.getLogger(__name__)
router = APIRouter(prefix="/twilio")

_NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response/>'
_MOST_BYTES = 64 * 1024


async def _read_signed_form(request: Request, service: Used) -> FormData:
    """The form of a request that Twilio signed; 403 for any other, before anything is looked up."""
    if int(request.headers.get("Content-Length") or 0) > _MOST_BYTES:
        raise HTTPException(413, "too large")
    if not request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(403, "not a form as Twilio sends it")
    form = await request.form()
    signature = request.headers.get("X-Twilio-Signature", "")
    if not is_signed(service.settings, request.url.path, request.url.query, form, signature):
        raise HTTPException(403, "the signature is missing or wrong")
    return form


SignedForm = Annotated[FormData, Depends(_read_signed_form)]


@router.post("/inbound")
async def inbound(form: SignedForm, service: Used) -> Response:
    """A text from a phone. The answer leaves through the outbox, not in this response."""
    text = read_inbound(form)
    if text is not None and await _try(_take_in, service, text):
        service.sending.wake()
    return Response(_NO_REPLY, media_type="application/xml")


@router.post("/status/{token}")
async def status(token: str, form: SignedForm, service: Used) -> Response:
    """What became of a text of ours. An unknown token is answered the same and changes nothing."""
    report = read_status(form)
    if report is not None:
        await _try(_note, service, token, report)
    return Response(status_code=200)


def _take_in(service: Service, text: Inbound) -> bool:
    with writing(service.engine) as session:
        return receive(session, service.settings.clinic_facts, text, service.now())


def _note(service: Service, token: str, report: StatusReport) -> bool:
    with writing(service.engine) as session:
        return record_status(session, token, report, service.now())


async def _try(work: Callable[..., bool], *arguments: object) -> bool:
    """Do database work off the loop; 503 when the database is away, so that Twilio tries its fallback."""
    try:
        return await run_in_threadpool(work, *arguments)
    except SQLAlchemyError as error:
        log.error("a webhook could not be stored: %s", type(error).__name__)
        raise HTTPException(503, "try again later") from error
