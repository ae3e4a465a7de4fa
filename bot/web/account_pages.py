"""One's own account, and for admins everybody's, and who did what."""

from collections.abc import Iterator
from typing import Annotated

import segno
from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlmodel import Session, col, select

from bot.accounts import (
    AccountError,
    add_staff,
    change_role,
    check_password,
    disable,
    enable,
    list_staff,
    make_link,
    reset_account,
    set_password,
)
from bot.database import note_event, reading, writing
from bot.models import AuditEvent, Role, Staff
from bot.signing_in import (
    Visitor,
    count_recovery_codes,
    make_totp_address,
    make_totp_secret,
    start_session,
    start_totp,
    stop_totp,
)
from bot.web.csv_lines import write_line
from bot.web.guard import Looks, Rules, set_token
from bot.web.pages import render
from bot.web.service import Service, Used
from bot.web.wording import list_wordings, word

router = APIRouter()

_EVENTS = 100
ROLES = {Role.ADMIN: word("admin"), Role.STAFF: word("staff"), Role.VIEWER: word("viewer")}
_SECRET_LASTS_S = 15 * 60

Password = Annotated[str, Form(max_length=1000)]


@router.get("/account")
def show_account(request: Request, service: Used, visitor: Looks) -> Response:
    return _show_account(request, service, visitor)


@router.post("/account/language")
def take_language(service: Used, visitor: Looks, language: Annotated[str, Form(max_length=20)] = "") -> Response:
    if language not in list_wordings():
        raise HTTPException(400, "The pages do not speak that language.")
    with writing(service.engine) as session:
        _get(session, visitor.staff.id).language = language
    return RedirectResponse("/account", 303)


@router.post("/account/password")
def take_password(
    request: Request, service: Used, visitor: Looks, old: Password = "", password: Password = ""
) -> Response:
    try:
        with writing(service.engine) as session:
            staff = _get(session, visitor.staff.id)
            if staff.password_hash and not check_password(staff, old):
                raise AccountError(word("The old password is not right."))
            set_password(session, staff, password, service.now(), staff.email)
            token = start_session(session, staff, service.now())
    except AccountError as error:
        return _show_account(request, service, visitor, trouble=error.sentence, status=400)
    response = RedirectResponse("/account?done=password", 303)
    set_token(response, service, token)
    return response


@router.post("/account/second-factor")
def take_second_factor(
    request: Request,
    service: Used,
    visitor: Looks,
    secret: Annotated[str, Form(max_length=500)] = "",
    code: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Start the second factor: the code shows that the app has read the picture."""
    try:
        plain = _sealer(service, visitor).loads(secret, max_age=_SECRET_LASTS_S)
    except BadSignature:
        trouble = word("This form is out of date. Scan the new picture.")
        return _show_account(request, service, visitor, trouble=trouble, status=400)
    with writing(service.engine) as session:
        codes = start_totp(session, _get(session, visitor.staff.id), plain, code, service.now())
    if codes is None:
        trouble = word("That code is not valid now. Enter the newest one.")
        return _show_account(request, service, visitor, secret=plain, trouble=trouble, status=400)
    return render(request, service, visitor, "recovery_codes.html", {"codes": codes})


@router.post("/account/second-factor/off")
def stop_second_factor(request: Request, service: Used, visitor: Looks, old: Password = "") -> Response:
    with writing(service.engine) as session:
        staff = _get(session, visitor.staff.id)
        fits = check_password(staff, old)
        if fits:
            stop_totp(session, staff, service.now())
    if not fits:
        trouble = word("The old password is not right.")
        return _show_account(request, service, visitor, trouble=trouble, status=400)
    return RedirectResponse("/account", 303)


def _show_account(
    request: Request, service: Service, visitor: Visitor, *, secret: str = "", trouble: str = "", status: int = 200
) -> Response:
    secret = secret or make_totp_secret()
    with reading(service.engine) as session:
        codes_left = count_recovery_codes(session, visitor.staff)
    picture = segno.make(make_totp_address(visitor.staff, secret), error="m")
    values = {
        "trouble": trouble,
        "done": request.query_params.get("done") == "password",
        "codes_left": codes_left,
        "secret": secret,
        "sealed": _sealer(service, visitor).dumps(secret),
        "picture": picture.svg_data_uri(scale=5, dark="#14262a", light="#ffffff"),
    }
    return render(request, service, visitor, "account.html", values, status)


def _sealer(service: Service, visitor: Visitor) -> URLSafeTimedSerializer:
    """Ties the secret that a page shows to the session it was shown in."""
    return URLSafeTimedSerializer(service.secret, salt=f"second factor {visitor.csrf}")


# For admins


@router.get("/staff")
def show_staff(request: Request, service: Used, visitor: Rules) -> Response:
    return _show_staff(request, service, visitor)


@router.post("/staff")
def take_staff(
    request: Request,
    service: Used,
    visitor: Rules,
    email: Annotated[str, Form(max_length=254)] = "",
    role: Annotated[Role, Form()] = Role.STAFF,
) -> Response:
    try:
        with writing(service.engine) as session:
            staff = add_staff(session, email, role, service.now(), visitor.staff.email)
            token = make_link(session, staff, service.now())
    except AccountError as error:
        return _show_staff(request, service, visitor, trouble=error.sentence, status=400)
    return _show_staff(request, service, visitor, link=_make_address(service, token), link_for=staff.email)


@router.post("/staff/{staff_id}")
def change_staff(
    request: Request,
    service: Used,
    visitor: Rules,
    staff_id: int,
    do: Annotated[str, Form(max_length=20)] = "",
    role: Annotated[Role, Form()] = Role.STAFF,
) -> Response:
    """``do``: role, close, open, or reset, which gives a link for a new password."""
    now, actor, token = service.now(), visitor.staff.email, ""
    try:
        with writing(service.engine) as session:
            staff = _get(session, staff_id)
            if do == "role":
                change_role(session, staff, role, now, actor)
            elif do == "close":
                disable(session, staff, now, actor)
            elif do == "open":
                enable(session, staff, now, actor)
            elif do == "reset" and staff_id != visitor.staff.id:
                token = reset_account(session, staff, now, actor)
            else:
                raise AccountError(word("That cannot be done here."))
            session.add(staff)
    except AccountError as error:
        return _show_staff(request, service, visitor, trouble=error.sentence, status=400)
    if token:
        return _show_staff(request, service, visitor, link=_make_address(service, token), link_for=staff.email)
    return RedirectResponse("/staff", 303)


def _show_staff(
    request: Request,
    service: Service,
    visitor: Visitor,
    *,
    link: str = "",
    link_for: str = "",
    trouble: str = "",
    status: int = 200,
) -> Response:
    zone = service.settings.clinic_facts.zone
    with reading(service.engine) as session:
        people = [
            {"row": staff, "signed_in_at": staff.signed_in_at.astimezone(zone) if staff.signed_in_at else None}
            for staff in list_staff(session)
        ]
    values = {"people": people, "roles": list(ROLES), "link": link, "link_for": link_for, "trouble": trouble}
    return render(request, service, visitor, "staff.html", values, status)


def _make_address(service: Service, token: str) -> str:
    return f"{service.settings.public_base_url}/set-up/{token}"


def _get(session: Session, staff_id: int | None) -> Staff:
    staff = session.get(Staff, staff_id)
    if staff is None:
        raise HTTPException(404, "There is no such account.")
    return staff


@router.get("/audit")
def show_audit(request: Request, service: Used, visitor: Rules, before: int = 0) -> Response:
    """What was done, newest first; ``before`` is the id at which the page before ended."""
    zone = service.settings.clinic_facts.zone
    query = select(AuditEvent).order_by(col(AuditEvent.id).desc()).limit(_EVENTS + 1)
    if before:
        query = query.where(col(AuditEvent.id) < before)
    with reading(service.engine) as session:
        events = session.exec(query).all()
    shown = [{"row": event, "at": event.at.astimezone(zone)} for event in events[:_EVENTS]]
    older = events[_EVENTS - 1].id if len(events) > _EVENTS else None
    return render(request, service, visitor, "audit.html", {"events": shown, "older": older})


@router.get("/audit.csv")
def export_audit(service: Used, visitor: Rules) -> Response:
    """Every event, oldest first, in batches, so that a long history fits into little memory."""
    with writing(service.engine) as session:
        note_event(session, visitor.staff.email, "exported", "audit_event", 0, service.now())

    def write() -> Iterator[str]:
        yield "id,at,who,did,record,number,detail\r\n"
        last = 0
        while True:
            with reading(service.engine) as session:
                query = select(AuditEvent).where(col(AuditEvent.id) > last).order_by(col(AuditEvent.id)).limit(1000)
                events = session.exec(query).all()
            if not events:
                return
            last = events[-1].id or 0
            yield "".join(map(_write_event, events))

    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return StreamingResponse(write(), media_type="text/csv; charset=utf-8", headers=headers)


def _write_event(event: AuditEvent) -> str:
    return write_line(
        [event.id, event.at.isoformat(), event.actor, event.action, event.table, event.row_id, event.detail]
    )
