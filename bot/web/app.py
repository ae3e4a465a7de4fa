"""The web application: which routes there are."""

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from starlette.exceptions import HTTPException as StarletteHTTPException

from bot.sending import SendingLoop
from bot.settings import Settings
from bot.spool import Spool
from bot.web import (
    account_pages,
    api_pages,
    appointment,
    clinic,
    day_list,
    enrol,
    events,
    health,
    import_pages,
    inbox,
    phone,
    sign_in,
    tasks,
    texts,
    today,
    webhooks,
)
from bot.web.api import create_api
from bot.web.arrivals import Arrivals
from bot.web.callbacks import Callbacks
from bot.web.guard import NotSignedInError
from bot.web.pages import render
from bot.web.protect import Protect
from bot.web.service import Service

STATIC = Path(__file__).with_name("static")
# Where files are dropped; everywhere else a request is small.
_UPLOADS = ("/import",)
# What programs call: they get no pages.
_FOR_PROGRAMS = ("/twilio/", "/api/", "/healthz", "/readyz", "/metrics", "/events")


def create_app(
    settings: Settings,
    engine: Engine,
    sending: SendingLoop,
    spool: Spool,
    now: Callable[[], datetime],
    *,
    demo: bool,
    list_problems: Callable[[], list[str]] = list,
    is_ready: Callable[[], bool] = lambda: True,
) -> FastAPI:
    """Webhooks, health and the staff's pages; the simulated phone where nothing is really sent.

    Args:
        is_ready: whether what patients write can be understood yet.
    """
    app = FastAPI(title="scan-reminders", docs_url=None, redoc_url=None, openapi_url=None)
    secret = settings.secret_key.get_secret_value() or secrets.token_hex()
    app.state.service = Service(
        settings,
        engine,
        sending,
        spool,
        Arrivals(engine, settings.clinic_facts, spool, now, sending.wake, is_ready),
        Callbacks(engine, settings.plan, now),
        now,
        secret=secret,
        demo=demo,
        list_problems=list_problems,
    )
    parts = [
        webhooks,
        health,
        sign_in,
        today,
        appointment,
        tasks,
        day_list,
        inbox,
        texts,
        clinic,
        enrol,
        import_pages,
        account_pages,
        api_pages,
        events,
    ]
    if settings.sender == "sandbox":
        parts.append(phone)
    for part in parts:
        # Taken as they are: a router that is included has all its routes made anew, which takes a while.
        app.router.routes.extend(part.router.routes)
    app.mount("/api", create_api(app.state.service))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(NotSignedInError, _send_to_sign_in)
    app.add_exception_handler(StarletteHTTPException, _explain)
    app.add_exception_handler(RequestValidationError, _explain_form)
    app.add_middleware(Protect, https=settings.public_base_url.startswith("https:"), uploads=_UPLOADS, local=demo)
    return app


def _send_to_sign_in(request: Request, error: Exception) -> Response:
    then = error.then if isinstance(error, NotSignedInError) else "/"
    if request.url.path == "/events":
        return PlainTextResponse("sign in first\n", 401)
    return RedirectResponse(f"/sign-in?then={quote(then, safe='')}", 303)


def _explain_form(request: Request, _error: Exception) -> Response:
    """A value that no form of ours sends; what it was is not said."""
    return _explain(request, HTTPException(422, "Something in this form cannot be right. Go back and check it."))


def _explain(request: Request, error: Exception) -> Response:
    """What went wrong: for a person as a page, for a program as it is."""
    status = error.status_code if isinstance(error, StarletteHTTPException) else 500
    detail = str(error.detail) if isinstance(error, StarletteHTTPException) else ""
    if request.url.path.startswith(_FOR_PROGRAMS):
        return JSONResponse({"detail": detail}, status)
    if status == 404 and detail == "Not Found":
        detail = "There is no such page."
    service: Service = request.app.state.service
    return render(request, service, None, "trouble.html", {"status": status, "detail": detail}, status)
