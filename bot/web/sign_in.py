"""The pages for which nobody need be signed in: sign in, and set a password with a link."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from itsdangerous import BadSignature, URLSafeTimedSerializer

from bot.accounts import AccountError, add_staff, find_link, find_staff, use_link
from bot.database import writing
from bot.models import Role, Staff
from bot.signing_in import SignInError, end_session, sign_in, start_session
from bot.web.guard import Looks, delete_token, keep_local, set_token
from bot.web.pages import render
from bot.web.service import Service, Used
from bot.web.wording import word

router = APIRouter()

DEMO_EMAIL = "demo@clinic.example"
_FORM_COOKIE = "form"
_FORM_LASTS = timedelta(hours=12)
# So long somebody may look for the phone that shows the code.
_PROOF_LASTS = timedelta(minutes=10)


@router.get("/sign-in")
def show_sign_in(request: Request, service: Used, then: str = "/") -> Response:
    if service.demo:
        return _let_in(service, _find_demo_staff(service), then)
    return _show(request, service, then)


@router.post("/sign-in")
def take_sign_in(
    request: Request,
    service: Used,
    email: Annotated[str, Form(max_length=254)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    code: Annotated[str, Form(max_length=40)] = "",
    then: Annotated[str, Form(max_length=2000)] = "/",
    token: Annotated[str, Form(max_length=500)] = "",
    passed: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """``passed`` is what the form that asks for the code has instead of a password."""
    browser = _check_form(request, service, token)
    address = request.client.host if request.client else ""
    proof = ""
    if passed:
        try:
            proof = _sealer(service, browser).loads(passed, max_age=int(_PROOF_LASTS.total_seconds()))
        except BadSignature:
            return _show(request, service, then, email, word("That took too long. Enter your password again."), 400)
    trouble = None
    with writing(service.engine) as session:
        try:
            staff = sign_in(session, email, password, code, address, service.now(), proof=proof)
        except SignInError as error:
            # The failure is stored as well.
            trouble = error
    if trouble is not None:
        passed = _sealer(service, browser).dumps(trouble.proof) if trouble.proof else ""
        if trouble.next_step:
            return _show(request, service, then, email, passed=passed, step=trouble.sentence)
        return _show(request, service, then, email, trouble.sentence, 429 if trouble.too_many else 400, passed)
    return _let_in(service, staff, then)


@router.post("/sign-out")
def sign_out(service: Used, visitor: Looks) -> Response:
    with writing(service.engine) as session:
        end_session(session, visitor, service.now())
    response = RedirectResponse("/sign-in", 303)
    delete_token(response, service)
    return response


@router.get("/set-up/{token}")
def show_set_up(request: Request, service: Used, token: str) -> Response:
    with writing(service.engine) as session:
        link = find_link(session, token, service.now())
        if link is None:
            raise HTTPException(404, "This link is used up or too old. Ask an admin of your clinic for a new one.")
        staff = session.get(Staff, link.staff_id) if link.staff_id else None
    return _show_set_up(request, service, staff.email if staff else "", bool(staff), "")


@router.post("/set-up/{token}")
def take_set_up(
    request: Request,
    service: Used,
    token: str,
    email: Annotated[str, Form(max_length=254)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    form: Annotated[str, Form(alias="token", max_length=500)] = "",
) -> Response:
    _check_form(request, service, form)
    try:
        with writing(service.engine) as session:
            link = find_link(session, token, service.now())
            if link is None:
                raise HTTPException(404, "This link is used up or too old. Ask an admin of your clinic for a new one.")
            is_known = link.staff_id is not None
            staff = use_link(session, link, email, password, service.now())
    except AccountError as error:
        return _show_set_up(request, service, email, is_known, error.sentence, 400)
    return _let_in(service, staff, "/")


def _let_in(service: Service, staff: Staff, then: str) -> Response:
    """A new session: one that was open before in this browser is not taken over."""
    with writing(service.engine) as session:
        token = start_session(session, staff, service.now())
    response = RedirectResponse(keep_local(then), 303)
    set_token(response, service, token)
    response.delete_cookie(_FORM_COOKIE)
    return response


def _find_demo_staff(service: Service) -> Staff:
    with writing(service.engine) as session:
        staff = find_staff(session, DEMO_EMAIL)
        return staff or add_staff(session, DEMO_EMAIL, Role.ADMIN, service.now(), "demo")


# Also a form that signs in must come from our own page: else another site could sign a browser in as somebody else.


def _show(
    request: Request,
    service: Service,
    then: str,
    email: str = "",
    trouble: str = "",
    status: int = 200,
    passed: str = "",
    step: str = "",
) -> Response:
    """``trouble`` is what went wrong; ``step`` what comes next, where nothing did."""
    values = {"then": keep_local(then), "email": email, "trouble": trouble, "passed": passed, "step": step}
    return _with_form(request, service, "sign_in.html", values, status)


def _show_set_up(
    request: Request, service: Service, email: str, is_known: bool, trouble: str, status: int = 200
) -> Response:
    values = {"email": email, "is_known": is_known, "trouble": trouble}
    return _with_form(request, service, "set_up.html", values, status)


def _with_form(
    request: Request, service: Service, template: str, values: Mapping[str, object], status: int
) -> Response:
    known = request.cookies.get(_FORM_COOKIE) or secrets.token_urlsafe(16)
    token = _serializer(service).dumps(known)
    response = render(request, service, None, template, {**values, "token": token}, status)
    secure = service.settings.public_base_url.startswith("https:")
    response.set_cookie(_FORM_COOKIE, known, httponly=True, samesite="strict", secure=secure)
    return response


def _check_form(request: Request, service: Service, token: str) -> str:
    """Refuse a form that was not made for this browser; returns what the browser keeps of it."""
    try:
        made_for = _serializer(service).loads(token, max_age=int(_FORM_LASTS.total_seconds()))
    except BadSignature:
        made_for = None
    if not made_for or made_for != request.cookies.get(_FORM_COOKIE):
        raise HTTPException(403, "This form is out of date. Go back, load the page again, and send it once more.")
    return str(made_for)


def _sealer(service: Service, browser: str) -> URLSafeTimedSerializer:
    """Ties the proof of a right password to the browser that sent it."""
    return URLSafeTimedSerializer(service.secret, salt=f"right password {browser}")


def _serializer(service: Service) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(service.secret, salt="sign-in form")
