"""Who may see and do what: the session's cookie, roles, and the token that every form must carry.

A page names who may use it: ``Looks`` (anybody signed in), ``Works`` (staff and admins), ``Rules`` (admins).
"""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, HTTPException, Request, Response
from itsdangerous import BadSignature, Signer

from bot.database import reading, writing
from bot.models import Role
from bot.signing_in import Visitor, find_visitor, must_note_visit, note_visit
from bot.web.service import Service, Used

_SAFE = ("GET", "HEAD", "OPTIONS")
_RANK = {Role.VIEWER: 0, Role.STAFF: 1, Role.ADMIN: 2}


class NotSignedInError(Exception):
    """Nobody is signed in; ``then`` is where to go once somebody is."""

    def __init__(self, then: str) -> None:
        super().__init__("sign in first")
        self.then = then


def _find_visitor(request: Request, service: Used) -> Visitor:
    token = read_token(request, service)
    visitor = None
    # A page that brings itself up to date is nobody at the keyboard: it must not keep a session open.
    by_itself = request.url.path == "/events" or "part" in request.query_params
    if token:
        with reading(service.engine) as session:
            visitor = find_visitor(session, token, service.now(), timedelta(minutes=service.settings.idle_minutes))
            noting = visitor is not None and not by_itself and must_note_visit(session, visitor, service.now())
        if visitor is not None and noting:
            with writing(service.engine) as session:
                note_visit(session, visitor, service.now())
    if visitor is None:
        then = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise NotSignedInError(then if request.method == "GET" else "/")
    return visitor


async def _check_token(request: Request, visitor: Annotated[Visitor, Depends(_find_visitor)]) -> Visitor:
    """Refuse a form that our own page did not make for this very session."""
    if request.method not in _SAFE:
        given = request.headers.get("X-CSRF-Token") or (await request.form()).get("csrf")
        if not isinstance(given, str) or not secrets.compare_digest(given.encode(), visitor.csrf.encode()):
            raise HTTPException(403, "This form is out of date. Go back, load the page again, and send it once more.")
    return visitor


def _require(role: Role) -> Callable[..., Visitor]:
    def check(visitor: Annotated[Visitor, Depends(_check_token)]) -> Visitor:
        if _RANK[visitor.staff.role] < _RANK[role]:
            raise HTTPException(403, "Your account may not do this. Ask an admin of your clinic.")
        return visitor

    return check


Looks = Annotated[Visitor, Depends(_require(Role.VIEWER))]
Works = Annotated[Visitor, Depends(_require(Role.STAFF))]
Rules = Annotated[Visitor, Depends(_require(Role.ADMIN))]


def may(visitor: Visitor, role: Role) -> bool:
    """Whether somebody has at least this role."""
    return _RANK[visitor.staff.role] >= _RANK[role]


# The cookie


def read_token(request: Request, service: Service) -> str:
    """The session's token from a cookie that we signed; empty if there is none."""
    try:
        return _sign(service).unsign(request.cookies.get(_name_cookie(service), "")).decode()
    except (BadSignature, UnicodeDecodeError):
        return ""


def set_token(response: Response, service: Service, token: str) -> None:
    """Let the browser keep a session's token where no script can read it, until it is closed."""
    secure = _is_secure(service)
    value = _sign(service).sign(token).decode()
    response.set_cookie(_name_cookie(service), value, httponly=True, samesite="lax", secure=secure, path="/")


def delete_token(response: Response, service: Service) -> None:
    response.delete_cookie(_name_cookie(service), httponly=True, samesite="lax", secure=_is_secure(service), path="/")


def _sign(service: Service) -> Signer:
    return Signer(service.secret, salt="staff session")


def _is_secure(service: Service) -> bool:
    return service.settings.public_base_url.startswith("https:")


def _name_cookie(service: Service) -> str:
    # A browser takes a __Host- cookie from this host alone, and only over https.
    return "__Host-desk" if _is_secure(service) else "desk"


def keep_local(then: str) -> str:
    """Where to go after signing in: a path of ours, whatever the address said."""
    parts = urlsplit(then)
    is_path = then.startswith("/") and not then.startswith("//") and "\\" not in then and then.isprintable()
    return quote(then, safe="/?&=%-_.~:+,") if is_path and not parts.netloc and not parts.scheme else "/"
