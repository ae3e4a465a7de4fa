"""The web application: which routes there are."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine

from bot.sending import SendingLoop
from bot.settings import Settings
from bot.spool import Spool
from bot.web import demo as demo_pages
from bot.web import health, webhooks
from bot.web.service import Service

STATIC = Path(__file__).with_name("static")


def create_app(
    settings: Settings,
    engine: Engine,
    sending: SendingLoop,
    spool: Spool,
    now: Callable[[], datetime],
    *,
    demo: bool,
) -> FastAPI:
    """Webhooks and health; the pages that show patients only in the demo, because they have no sign-in."""
    app = FastAPI(title="scan-reminders", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.service = Service(settings, engine, sending, spool, now)
    app.include_router(webhooks.router)
    app.include_router(health.router)
    if demo:
        app.include_router(demo_pages.router)
        app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
