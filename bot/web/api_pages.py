"""The keys of programs, for admins; and what the JSON API offers, to read."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from bot.api_keys import SCOPES, add_key, list_keys, revoke_key
from bot.database import reading, writing
from bot.models import ApiKey
from bot.signing_in import Visitor
from bot.web.api import create_api
from bot.web.guard import Looks, Rules
from bot.web.pages import render
from bot.web.service import Service, Used

router = APIRouter()


@router.get("/keys")
def show_keys(request: Request, service: Used, visitor: Rules) -> Response:
    return _show(request, service, visitor)


@router.post("/keys")
def make_key(
    request: Request,
    service: Used,
    visitor: Rules,
    name: Annotated[str, Form(max_length=60)] = "",
    scopes: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make a key and show it, once."""
    chosen = [scope for scope in scopes or [] if scope in SCOPES]
    if not chosen:
        return _show(request, service, visitor, trouble=True, status=400)
    with writing(service.engine) as session:
        key = add_key(session, name, chosen, visitor.staff.email, service.now())
    return _show(request, service, visitor, key=key)


@router.post("/keys/{key_id}/revoke")
def take_back(service: Used, visitor: Rules, key_id: int) -> Response:
    with writing(service.engine) as session:
        key = session.get(ApiKey, key_id)
        if key is None:
            raise HTTPException(404, "There is no such key.")
        revoke_key(session, key, visitor.staff.email, service.now())
    return RedirectResponse("/keys", 303)


@router.get("/api/docs")
def show_docs(request: Request, service: Used, visitor: Looks) -> Response:
    """The API in words; the same for programs is ``/api/openapi.json``."""
    schema = create_api(service).openapi()
    calls: list[dict[str, Any]] = [
        {"method": method.upper(), "path": f"/api{path}", **call}
        for path, methods in schema["paths"].items()
        for method, call in methods.items()
    ]
    values = {"calls": calls, "models": schema["components"]["schemas"]}
    return render(request, service, visitor, "api_docs.html", values)


def _show(
    request: Request, service: Service, visitor: Visitor, *, key: str = "", trouble: bool = False, status: int = 200
) -> Response:
    zone = service.settings.clinic_facts.zone
    with reading(service.engine) as session:
        keys = [
            {"row": row, "used_at": row.used_at.astimezone(zone) if row.used_at else None} for row in list_keys(session)
        ]
    values = {"keys": keys, "key": key, "trouble": trouble, "scopes": SCOPES}
    return render(request, service, visitor, "keys.html", values, status)
