"""The staff's pages as a browser gets them, without a browser: somebody signed in, forms that carry their token."""

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from bot.accounts import add_staff, find_staff, set_password
from bot.database import writing
from bot.models import Role
from bot.sending import SendingLoop
from bot.settings import Settings
from bot.signing_in import start_session
from bot.spool import Spool
from bot.web.app import create_app
from bot.web.guard import set_token
from tests.conftest import NOW

PASSWORD = "three wet umbrellas"


class Desk(TestClient):
    """A browser at the front desk. ``post`` sends the token of the page's session along."""

    __test__ = False

    def __init__(self, engine: Engine, settings: Settings, folder: Path, now: datetime = NOW) -> None:
        sending = cast(SendingLoop, SimpleNamespace(wake=lambda: None))
        app = create_app(settings, engine, sending, Spool(folder / "spool"), lambda: self.time, demo=False)
        super().__init__(app, base_url=settings.public_base_url, follow_redirects=False)
        self.engine, self.time, self.csrf = engine, now, ""
        self.service = app.state.service

    def sign_in(self, role: Role = Role.ADMIN, email: str = "") -> "Desk":
        """Be somebody of this role, without the form."""
        email = email or f"{role}@clinic.example"
        with writing(self.engine) as session:
            staff = find_staff(session, email) or add_staff(session, email, role, self.time, "test")
            token = start_session(session, staff, self.time)
        browser = SimpleNamespace(set_cookie=lambda name, value, **_: self.keep_cookie(value, name))
        set_token(cast(Any, browser), self.service, token)
        page = self.get("/account")
        assert page.status_code == 200
        self.csrf = find_value(page.text, "csrf")
        return self

    def keep_cookie(self, value: str, name: str = "desk") -> None:
        self.cookies.set(name, value, domain=self.base_url.host)

    def post(self, url: Any, **arguments: Any) -> Any:
        headers = {"X-CSRF-Token": self.csrf, **arguments.pop("headers", {})}
        return super().post(url, headers=headers, **arguments)


def make_account(engine: Engine, email: str, role: Role = Role.STAFF, now: datetime = NOW) -> None:
    """An account with a password, to sign in with by hand."""
    with writing(engine) as session:
        set_password(session, add_staff(session, email, role, now, "test"), PASSWORD, now, "test")


def find_value(page: str, name: str) -> str:
    """The value of a hidden field."""
    return page.partition(f'name="{name}" value="')[2].partition('"')[0]
