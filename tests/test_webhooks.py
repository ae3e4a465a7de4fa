"""Signatures of webhooks, and what a request without a good one can do: nothing."""

import base64
import hmac
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import func, select

from bot.database import reading
from bot.models import IncomingText
from bot.sending import SendingLoop
from bot.settings import Settings
from bot.sms import is_signed, read_inbound, read_status
from bot.web.app import create_app
from tests.conftest import NOW, MakeSettings
from tests.fake_twilio import TOKEN, sign

BASE = "https://reminders.example.org"
FORM = {"MessageSid": "SM1", "From": "+12025550101", "Body": "METAL", "NumMedia": "0", "FromCity": "", "New": "ü?&="}


@pytest.fixture
def database_url(tmp_path) -> str:  # type: ignore[no-untyped-def]
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    return make_settings(TWILIO_AUTH_TOKEN=TOKEN, PUBLIC_BASE_URL=BASE)


@pytest.fixture
def woken() -> list[datetime]:
    return []


@pytest.fixture
def client(engine: Engine, settings: Settings, woken: list[datetime]) -> TestClient:
    sending = cast(SendingLoop, SimpleNamespace(wake=lambda: woken.append(NOW), account_problem=None))
    return TestClient(create_app(settings, engine, sending, lambda: NOW, demo=False))


def count_incoming(engine: Engine) -> int:
    with reading(engine) as session:
        return session.exec(select(func.count()).select_from(IncomingText)).one()


def test_a_signed_text_is_taken_in_and_the_sender_wakes(
    client: TestClient, engine: Engine, woken: list[datetime]
) -> None:
    answer = client.post("/twilio/inbound", data=FORM, headers=sign(f"{BASE}/twilio/inbound", FORM))

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/xml")
    assert "<Message" not in answer.text
    assert count_incoming(engine) == 1
    assert woken == [NOW]


def test_the_query_string_is_signed_too(client: TestClient, engine: Engine) -> None:
    url = f"{BASE}/twilio/inbound?clinic=1&b="
    answer = client.post("/twilio/inbound?clinic=1&b=", data=FORM, headers=sign(url, FORM))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "form", "headers"),
    [
        ("/twilio/inbound", FORM, {}),
        ("/twilio/inbound", FORM, {"X-Twilio-Signature": ""}),
        ("/twilio/inbound", FORM, {"X-Twilio-Signature": "x" * 28}),
        ("/twilio/inbound", FORM | {"Body": "STOP"}, sign(f"{BASE}/twilio/inbound", FORM)),
        ("/twilio/inbound?x=1", FORM, sign(f"{BASE}/twilio/inbound", FORM)),
        ("/twilio/inbound", FORM, sign("http://testserver/twilio/inbound", FORM)),
        ("/twilio/inbound", FORM, sign(f"{BASE}/twilio/inbound/", FORM)),
        ("/twilio/inbound", {}, sign(f"{BASE}/twilio/inbound", FORM)),
    ],
)
def test_a_missing_or_wrong_signature_changes_nothing(
    client: TestClient,
    engine: Engine,
    woken: list[datetime],
    path: str,
    form: dict[str, str],
    headers: dict[str, str],
) -> None:
    assert client.post(path, data=form, headers=headers).status_code == 403
    assert count_incoming(engine) == 0
    assert woken == []


def test_a_file_in_place_of_a_field_is_refused(client: TestClient, engine: Engine) -> None:
    answer = client.post("/twilio/inbound", files={"Body": b"METAL"}, headers=sign(f"{BASE}/twilio/inbound", FORM))

    assert answer.status_code == 403


def test_a_body_that_is_too_large_is_refused(client: TestClient) -> None:
    assert client.post("/twilio/inbound", data={"Body": "x" * 100_000}).status_code == 413


def test_without_a_token_no_signature_is_good(make_settings: MakeSettings) -> None:
    settings = make_settings(PUBLIC_BASE_URL=BASE)

    signature = sign(f"{BASE}/twilio/inbound", FORM)["X-Twilio-Signature"]

    assert not is_signed(settings, "/twilio/inbound", "", FORM, signature)


# The algorithm by hand, as Twilio's "Validating Signatures from Twilio" describes it: the address, then
# each parameter's name and value in order of the names, under HMAC-SHA1 with the auth token, in base64.
@pytest.mark.parametrize(
    ("base", "valid"),
    [
        (BASE, True),
        (f"{BASE}:443", True),
        (BASE.replace("https", "http"), False),
        ("https://example.com", False),
    ],
)
def test_a_signature_made_by_hand_is_good_for_its_address_alone(
    make_settings: MakeSettings, base: str, valid: bool
) -> None:
    signed = f"{BASE}/twilio/inbound?foo=1&bar=2" + "".join(name + FORM[name] for name in sorted(FORM))
    signature = base64.b64encode(hmac.digest(b"12345", signed.encode(), "sha1")).decode()
    settings = make_settings(TWILIO_AUTH_TOKEN="12345", PUBLIC_BASE_URL=base)

    assert is_signed(settings, "/twilio/inbound", "foo=1&bar=2", FORM, signature) == valid


@pytest.mark.parametrize(
    "form",
    [{}, {"MessageSid": "SM1"}, {"From": "+12025550101"}, {"MessageSid": "SM1", "From": "whatsapp:+12025550101"}],
)
def test_a_text_without_id_or_number_is_ignored(form: dict[str, Any]) -> None:
    assert read_inbound(form) is None


@pytest.mark.parametrize("form", [{}, {"MessageSid": "SM1"}, {"MessageSid": "SM1", "MessageStatus": "exploded"}])
def test_a_status_that_says_nothing_is_ignored(form: dict[str, Any]) -> None:
    assert read_status(form) is None


def test_only_webhooks_and_health_are_served_without_the_demo(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"ready": True, "problems": []}
    for path in ("/", "/phone", "/static/demo.css", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 404


def test_readiness_says_why_not(engine: Engine, settings: Settings) -> None:
    sending = cast(SendingLoop, SimpleNamespace(wake=lambda: None, account_problem="The account has a problem."))
    client = TestClient(create_app(settings, engine, sending, lambda: NOW, demo=False))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["problems"] == ["The account has a problem."]
