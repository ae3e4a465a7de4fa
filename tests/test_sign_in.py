"""Who gets in, and what keeps everybody else out: forms, cookies, roles, headers, sizes."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest
from markupsafe import escape
from sqlalchemy import Engine
from sqlmodel import select
from starlette.routing import Route

from bot.accounts import make_first_link
from bot.database import reading, writing
from bot.models import AuditEvent, Role, Staff
from bot.settings import Settings
from bot.web.pages import make_environment
from tests.clinics import enrol_one
from tests.conftest import NOW, MakeSettings
from tests.desk import PASSWORD, Desk, find_value, make_account

EMAIL = "ana@clinic.example"
ROLES = (Role.VIEWER, Role.STAFF, Role.ADMIN)
NOBODY, PROGRAM = "nobody", "program"

# Every route there is, and who may use it at least. A route that is not here fails the test below.
LEAST = {
    "GET /healthz": NOBODY,
    "GET /readyz": NOBODY,
    "GET /metrics": NOBODY,
    "POST /twilio/inbound": PROGRAM,
    "POST /twilio/status/{token}": PROGRAM,
    "GET /sign-in": NOBODY,
    "POST /sign-in": NOBODY,
    "GET /set-up/{token}": NOBODY,
    "POST /set-up/{token}": NOBODY,
    "POST /sign-out": Role.VIEWER,
    "GET /": Role.VIEWER,
    "POST /": Role.VIEWER,
    "GET /digest": Role.VIEWER,
    "GET /tasks": Role.VIEWER,
    "POST /tasks/seen": Role.STAFF,
    "POST /tasks/{task_id}": Role.STAFF,
    "GET /appointments/{appointment_id}": Role.VIEWER,
    "GET /appointments/{appointment_id}/record": Role.VIEWER,
    "POST /appointments/{appointment_id}/move": Role.STAFF,
    "GET /appointments/{appointment_id}/cancel": Role.STAFF,
    "POST /appointments/{appointment_id}/cancel": Role.STAFF,
    "POST /appointments/{appointment_id}/confirm": Role.STAFF,
    "POST /appointments/{appointment_id}/phoned": Role.STAFF,
    "POST /appointments/{appointment_id}/language": Role.STAFF,
    "POST /appointments/{appointment_id}/screening": Role.STAFF,
    "POST /appointments/{appointment_id}/number": Role.STAFF,
    "POST /appointments/{appointment_id}/outcome": Role.STAFF,
    "POST /appointments/{appointment_id}/again": Role.STAFF,
    "POST /appointments/{appointment_id}/texts/{text_id}/now": Role.STAFF,
    "GET /events": Role.VIEWER,
    "GET /enrol": Role.STAFF,
    "POST /enrol": Role.STAFF,
    "POST /enrol/check": Role.STAFF,
    "GET /import": Role.STAFF,
    "POST /import": Role.STAFF,
    "GET /import/{token}": Role.STAFF,
    "POST /import/{token}/columns": Role.STAFF,
    "POST /import/{token}/fixes": Role.STAFF,
    "POST /import/{token}/start": Role.STAFF,
    "POST /import/{token}/again": Role.STAFF,
    "POST /import/{token}/remove": Role.STAFF,
    "GET /import/{token}/bad.csv": Role.STAFF,
    "POST /clinic/details": Role.ADMIN,
    "GET /account": Role.VIEWER,
    "POST /account/language": Role.VIEWER,
    "POST /account/password": Role.VIEWER,
    "POST /account/second-factor": Role.VIEWER,
    "POST /account/second-factor/off": Role.VIEWER,
    "GET /staff": Role.ADMIN,
    "POST /staff": Role.ADMIN,
    "POST /staff/{staff_id}": Role.ADMIN,
    "GET /audit": Role.ADMIN,
    "GET /audit.csv": Role.ADMIN,
    "GET /inbox": Role.VIEWER,
    "GET /inbox/{contact_id}": Role.VIEWER,
    "POST /inbox/{contact_id}/reply": Role.STAFF,
    "POST /inbox/{contact_id}/take": Role.STAFF,
    "POST /inbox/{contact_id}/hand-back": Role.STAFF,
    "POST /inbox/{contact_id}/unread": Role.STAFF,
    "POST /inbox/{contact_id}/texts/{text_id}/label": Role.STAFF,
    "GET /texts": Role.VIEWER,
    "GET /texts/topics": Role.VIEWER,
    "POST /texts/topics/{topic}": Role.ADMIN,
    "GET /clinic": Role.VIEWER,
    "POST /clinic/pause": Role.STAFF,
    "POST /clinic/resume": Role.ADMIN,
    "GET /keys": Role.ADMIN,
    "POST /keys": Role.ADMIN,
    "POST /keys/{key_id}/revoke": Role.ADMIN,
    "GET /api/docs": Role.VIEWER,
    "GET /phone": Role.STAFF,
    "GET /phone/{contact_id}": Role.STAFF,
    "GET /phone/{contact_id}/thread": Role.STAFF,
    "POST /phone/{contact_id}": Role.STAFF,
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: the statements are those of the other tests."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def desk(engine: Engine, settings: Settings, tmp_path: Path) -> Iterator[Desk]:
    with Desk(engine, settings, tmp_path) as desk:
        yield desk


def send_sign_in(desk: Desk, **values: str) -> Any:
    token = find_value(desk.get("/sign-in").text, "token")
    return desk.post("/sign-in", data={"email": EMAIL, "password": PASSWORD, "token": token, **values})


def list_routes(desk: Desk) -> list[tuple[str, str]]:
    """Every route, also of the routers that the application includes."""
    found = []
    waiting: list[Any] = list(desk.app.routes)  # type: ignore[attr-defined]
    while waiting:
        route = waiting.pop()
        if isinstance(route, Route):
            found += [(method, route.path) for method in sorted(route.methods or ())]
        elif router := getattr(route, "original_router", None):
            waiting += router.routes
    return found


def test_every_route_has_a_least_role(desk: Desk) -> None:
    assert {f"{method} {path}" for method, path in list_routes(desk)} == set(LEAST)


@pytest.mark.parametrize("role", ROLES)
def test_no_role_gets_further_than_it_may(desk: Desk, engine: Engine, settings: Settings, role: Role) -> None:
    enrol_one(engine, settings)
    for method, path in list_routes(desk):
        least = LEAST[f"{method} {path}"]
        if least in (NOBODY, PROGRAM) or path in ("/sign-out", "/events"):
            continue
        desk.sign_in(role)
        answer = desk.request(method, re.sub(r"\{\w+\}", "1", path), headers={"X-CSRF-Token": desk.csrf})
        allowed = ROLES.index(role) >= ROLES.index(Role(least))
        assert (answer.status_code != 403) is allowed, (method, path, answer.status_code)


def test_nobody_gets_anywhere_without_a_sign_in(desk: Desk) -> None:
    for method, path in list_routes(desk):
        if LEAST[f"{method} {path}"] in ROLES:
            answer = desk.request(method, re.sub(r"\{\w+\}", "1", path))
            assert answer.status_code == (401 if path == "/events" else 303), path
            assert path == "/events" or answer.headers["Location"].startswith("/sign-in?then="), path


def test_no_form_works_without_its_token(desk: Desk) -> None:
    desk.sign_in()
    desk.csrf = "guessed"
    for method, path in list_routes(desk):
        if method == "POST" and LEAST[f"{method} {path}"] in ROLES:
            assert desk.post(re.sub(r"\{\w+\}", "1", path)).status_code == 403, path


def test_somebody_signs_in_and_comes_to_the_page_they_wanted(desk: Desk, engine: Engine) -> None:
    make_account(engine, EMAIL)

    assert desk.get("/account?done=1").headers["Location"] == "/sign-in?then=%2Faccount%3Fdone%3D1"
    answer = send_sign_in(desk, then="/account?done=1")

    assert answer.headers["Location"] == "/account?done=1"
    assert desk.get("/account").status_code == 200
    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("desk="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age" not in cookie


def test_over_https_the_cookie_stays_with_the_host(engine: Engine, make_settings: MakeSettings, tmp_path: Path) -> None:
    make_account(engine, EMAIL)
    desk = Desk(engine, make_settings(PUBLIC_BASE_URL="https://reminders.example.org"), tmp_path)

    answer = send_sign_in(desk)

    cookie = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("__Host-desk="))
    assert "Secure" in cookie
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize("then", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site(desk: Desk, engine: Engine, then: str) -> None:
    make_account(engine, EMAIL)

    assert find_value(desk.get("/sign-in", params={"then": then}).text, "then") == "/"
    assert send_sign_in(desk, then=then).headers["Location"] == "/"


def test_another_site_cannot_sign_a_browser_in(desk: Desk, engine: Engine) -> None:
    make_account(engine, EMAIL)
    values = {"email": EMAIL, "password": PASSWORD}

    assert desk.post("/sign-in", data=values).status_code == 403
    token = find_value(desk.get("/sign-in").text, "token")
    desk.cookies.clear()
    assert desk.post("/sign-in", data={**values, "token": token}).status_code == 403


def test_a_session_that_was_planted_before_is_not_taken_over(desk: Desk, engine: Engine) -> None:
    make_account(engine, EMAIL)
    desk.sign_in(Role.VIEWER)
    planted = desk.cookies["desk"]

    send_sign_in(desk)

    assert desk.cookies["desk"] != planted
    desk.keep_cookie(desk.cookies["desk"].replace(".", "x.", 1))
    assert desk.get("/account").status_code == 303, "a cookie that we did not sign"


def test_wrong_passwords_are_slowed_down(desk: Desk, engine: Engine) -> None:
    make_account(engine, EMAIL)
    answers = [send_sign_in(desk, password="wrong wrong wrong") for _ in range(6)]

    assert [answer.status_code for answer in answers] == [400] * 5 + [429]
    assert send_sign_in(desk).status_code == 429
    desk.time += timedelta(minutes=16)
    assert send_sign_in(desk).status_code == 303


def test_an_idle_session_ends_and_one_in_use_goes_on(desk: Desk) -> None:
    desk.sign_in()
    for _ in range(3):
        desk.time += timedelta(minutes=20)
        assert desk.get("/account").status_code == 200
    desk.time += timedelta(minutes=31)
    assert desk.get("/account").status_code == 303


def test_a_page_that_refreshes_itself_keeps_no_session_open(desk: Desk) -> None:
    desk.sign_in()
    for _ in range(2):
        desk.time += timedelta(minutes=20)
        desk.get("/inbox?part=1")
    assert desk.get("/account").status_code == 303


def test_signing_out_ends_the_session_everywhere(desk: Desk) -> None:
    desk.sign_in()
    cookie = desk.cookies["desk"]

    assert desk.post("/sign-out").headers["Location"] == "/sign-in"
    desk.keep_cookie(cookie)
    assert desk.get("/account").status_code == 303


def test_the_second_factor_is_started_asked_for_and_stopped(
    desk: Desk, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_account(engine, EMAIL)
    send_sign_in(desk)
    page = desk.get("/account").text
    desk.csrf = find_value(page, "csrf")
    key = page.partition("<code>")[2].partition("</code>")[0]
    sealed = find_value(page, "secret")

    assert desk.post("/account/second-factor", data={"secret": sealed, "code": "000000"}).status_code == 400
    code = pyotp.TOTP(key).at(NOW)
    codes = re.findall(
        r"<code>([0-9a-f-]+)</code>", desk.post("/account/second-factor", data={"secret": sealed, "code": code}).text
    )
    assert len(codes) == 10

    answer = send_sign_in(desk)
    assert (answer.status_code, 'name="code"' in answer.text) == (200, True)
    # The password was right and need not be typed again, for a while, in this browser.
    passed = find_value(answer.text, "passed")
    assert send_sign_in(desk, password="", code=codes[0], passed=f"{passed}x").status_code == 400
    assert "not valid now" in send_sign_in(desk, password="", code="no such", passed=passed).text
    assert send_sign_in(desk, password="", code=codes[0], passed=passed).status_code == 303
    monkeypatch.setattr("bot.web.sign_in._PROOF_LASTS", timedelta(seconds=-1))
    assert "took too long" in send_sign_in(desk, password="", code=codes[1], passed=passed).text
    assert send_sign_in(desk, code=codes[0]).status_code == 400
    assert send_sign_in(desk, code=codes[1]).status_code == 303
    desk.csrf = find_value(desk.get("/account").text, "csrf")
    assert desk.post("/account/second-factor/off", data={"old": "wrong"}).status_code == 400
    assert desk.post("/account/second-factor/off", data={"old": PASSWORD}).status_code == 303
    assert send_sign_in(desk).status_code == 303


def test_the_first_account_is_made_with_the_link_that_was_printed(desk: Desk, engine: Engine) -> None:
    with writing(engine) as session:
        path = f"/set-up/{make_first_link(session, NOW)}"
    token = find_value(desk.get(path).text, "token")

    assert desk.post(path, data={"email": EMAIL, "password": "short", "token": token}).status_code == 400
    assert desk.post(path, data={"email": EMAIL, "password": PASSWORD, "token": token}).headers["Location"] == "/"
    assert desk.get("/staff").status_code == 200
    assert desk.get(path).status_code == 404


def test_an_admin_adds_closes_and_resets_accounts(desk: Desk, engine: Engine) -> None:
    desk.sign_in()

    link = re.search(r"/set-up/[\w-]+", desk.post("/staff", data={"email": EMAIL, "role": "staff"}).text)
    assert link is not None
    with reading(engine) as session:
        [one] = session.exec(select(Staff).where(Staff.email == EMAIL))
    for change in ({"do": "role", "role": "viewer"}, {"do": "close"}, {"do": "open"}):
        assert desk.post(f"/staff/{one.id}", data=change).status_code == 303
    assert "/set-up/" in desk.post(f"/staff/{one.id}", data={"do": "reset"}).text
    assert desk.post("/staff", data={"email": "nonsense"}).status_code == 400
    assert desk.post("/staff/999", data={"do": "close"}).status_code == 404
    with reading(engine) as session:
        mine = session.exec(select(Staff.id).where(Staff.email == "admin@clinic.example")).one()
    assert desk.post(f"/staff/{mine}", data={"do": "role", "role": "viewer"}).status_code == 400
    with reading(engine) as session:
        actions = {event.action for event in session.exec(select(AuditEvent))}
    assert {"added account", "changed role", "closed account", "opened account", "reset account"} <= actions


def test_the_export_of_events_holds_no_formula(desk: Desk, engine: Engine) -> None:
    with writing(engine) as session:
        session.add(AuditEvent(at=NOW, actor='=HYPERLINK("http://x")', action="a", table="t", row_id=1))
    desk.sign_in()

    lines = desk.get("/audit.csv").text.splitlines()

    assert lines[0] == "id,at,who,did,record,number,detail"
    assert any("'=HYPERLINK" in line for line in lines)


def test_every_answer_carries_the_headers_and_no_page_a_script_of_its_own(desk: Desk) -> None:
    desk.sign_in()
    for path in ("/", "/account", "/staff", "/audit", "/sign-in", "/nothing", "/static/desk.css"):
        answer = desk.get(path)
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", answer.text), path
        assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", answer.text), path


def test_a_request_that_is_too_large_is_cut_off(desk: Desk) -> None:
    desk.sign_in()

    assert desk.post("/account/language", data={"language": "x" * 300_000}).status_code == 413
    assert desk.post("/account/language", content=(b"x" * 1000 for _ in range(400))).status_code in (400, 413)


def test_a_page_speaks_the_visitors_language(desk: Desk) -> None:
    desk.sign_in()

    assert desk.post("/account/language", data={"language": "xx"}).status_code == 400
    assert desk.post("/account/language", data={"language": "en"}).status_code == 303


@pytest.mark.parametrize("words", ["<b>bold</b> & 100%", '"><script>'])
def test_a_translated_sentence_is_never_markup(words: str) -> None:
    template = make_environment("en").from_string('<p title="{{ _(words) }}">{{ _("To %(who)s", who=words) }}</p>')

    page = template.render(words=words)

    assert page == f'<p title="{escape(words)}">To {escape(words)}</p>'
