"""Signatures of webhooks, and what a request without a good one can do: nothing."""

import base64
import hmac
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlmodel import col, func, select

from bot.arriving import has_kept, keep, keep_spooled_texts, take_in_kept
from bot.database import reading, writing
from bot.holds import open_circuit, pause
from bot.models import IncomingText
from bot.sending import SendingLoop
from bot.settings import Settings
from bot.sms import is_signed, read_inbound, read_status
from bot.spool import Spool
from bot.web import arrivals
from bot.web.app import create_app
from tests.clinics import PHONE, deliver, enrol_one
from tests.conftest import NOW, MakeSettings
from tests.daemons import wait_for
from tests.fake_twilio import TOKEN, sign

BASE = "https://reminders.example.org"
FORM = {"MessageSid": "SM1", "From": "+12025550101", "Body": "METAL", "NumMedia": "0", "FromCity": "", "New": "ü?&="}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    return make_settings(TWILIO_AUTH_TOKEN=TOKEN, PUBLIC_BASE_URL=BASE)


@pytest.fixture
def woken() -> list[datetime]:
    return []


@pytest.fixture
def client(engine: Engine, settings: Settings, woken: list[datetime], tmp_path: Path) -> Iterator[TestClient]:
    sending = cast(SendingLoop, SimpleNamespace(wake=lambda: woken.append(NOW)))
    app = create_app(settings, engine, sending, Spool(tmp_path / "spool"), lambda: NOW, demo=False)
    with TestClient(app) as client:
        yield client


def count_incoming(engine: Engine) -> int:
    """How many were taken in, once all that are kept have been."""
    wait_for(lambda: not has_kept(engine), 60)
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
    assert (
        client.post("/twilio/inbound", data={"Body": "x" * 100_000}, headers={"X-Twilio-Signature": "x"}).status_code
        == 413
    )


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


def test_without_a_sign_in_only_webhooks_and_health_are_served(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"ready": True, "problems": []}
    for path in ("/", "/account", "/audit"):
        assert client.get(path, follow_redirects=False).headers["Location"].startswith("/sign-in?then=")
    for path in ("/docs", "/openapi.json"):
        assert client.get(path).status_code == 404


def test_readiness_says_why_not(client: TestClient, engine: Engine) -> None:
    with writing(engine) as session:
        pause(session, "the operator", "a wrong text", NOW)
        open_circuit(session, "The account has a problem.", NOW, by_callback=False)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["problems"] == [
        "no texts are going out: The account has a problem.",
        "reminders are paused by the operator: a wrong text",
    ]


def test_what_is_too_large_is_refused_whatever_its_length_header_says(client: TestClient, engine: Engine) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"Body="
        for _ in range(80):
            yield b"x" * 1024

    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": "x"}
    assert client.post("/twilio/inbound", content=chunks(), headers=headers).status_code == 413
    assert count_incoming(engine) == 0


def test_a_webhook_signed_with_a_shared_key_is_accepted(make_settings: MakeSettings) -> None:
    settings = make_settings(TWILIO_AUTH_TOKEN="other", TWILIO_WEBHOOK_SECRET="12345", PUBLIC_BASE_URL=BASE)
    signed = f"{BASE}/twilio/inbound" + "".join(name + FORM[name] for name in sorted(FORM))
    strong = base64.b64encode(hmac.digest(b"12345", signed.encode(), "sha256")).decode()
    header = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"

    assert is_signed(settings, "/twilio/inbound", "", FORM, strong, header)
    assert not is_signed(settings, "/twilio/inbound", "", FORM, strong)
    assert not is_signed(settings, "/twilio/inbound", "", FORM, strong, "key=x,algorithm=HMAC_MD5")
    assert not is_signed(make_settings(TWILIO_AUTH_TOKEN="12345"), "/twilio/inbound", "", FORM, strong, header)


def test_blank_parameters_are_signed_too(client: TestClient, engine: Engine) -> None:
    form = {**FORM, "Body": "", "NewParam": ""}
    headers = {**sign(f"{BASE}/twilio/inbound", form), "Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/twilio/inbound", content=urlencode(form), headers=headers).status_code == 200
    assert count_incoming(engine) == 1


def break_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise OperationalError("INSERT", {}, Exception("the server is gone"))

    monkeypatch.setattr(arrivals, "keep", fail)


def test_a_text_that_comes_while_the_database_is_away_is_taken_in_later_and_in_order(
    client: TestClient, engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool")
    with monkeypatch.context() as broken:
        break_database(broken)
        for number in range(3):
            form = {**FORM, "MessageSid": f"SM{number}", "Body": f"text {number}"}
            answer = client.post("/twilio/inbound", data=form, headers=sign(f"{BASE}/twilio/inbound", form))
            assert answer.status_code == 200
    # The database is back, but older texts still wait: this one must not overtake them.
    form = {**FORM, "MessageSid": "SM3", "Body": "text 3"}
    client.post("/twilio/inbound", data=form, headers=sign(f"{BASE}/twilio/inbound", form))
    assert count_incoming(engine) == 0
    assert "4 texts" in client.get("/readyz").json()["problems"][0]

    assert keep_spooled_texts(engine, spool) == 4
    while take_in_kept(engine, settings.clinic_facts, spool):
        pass

    with reading(engine) as session:
        assert session.exec(select(IncomingText.body).order_by(col(IncomingText.id))).all() == [
            "text 0",
            "text 1",
            "text 2",
            "text 3",
        ]
    assert spool.count() == 0


def test_a_text_that_can_be_kept_nowhere_is_refused_so_that_twilio_tries_its_fallback(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_database(monkeypatch)
    monkeypatch.setattr(Spool, "add", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert client.post("/twilio/inbound", data=FORM, headers=sign(f"{BASE}/twilio/inbound", FORM)).status_code == 503


def test_a_text_that_nobody_takes_in_is_reported(client: TestClient, engine: Engine) -> None:
    text = read_inbound(FORM)
    assert text is not None
    keep(engine, [(text, NOW - timedelta(seconds=30))])
    assert "reminders_kept 1.0" in client.get("/metrics").text
    assert client.get("/readyz").json()["problems"] == []

    keep(engine, [(replace(text, provider_id="SM2"), NOW - timedelta(seconds=61))])
    assert client.get("/readyz").json()["problems"] == ["1 texts from patients wait to be understood"]


def test_the_metrics_count_by_language_and_name_nobody(client: TestClient, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, language="es")
    deliver(engine, settings, NOW)

    text = client.get("/metrics").text

    assert 'reminders_delivered{kind="reminder",language="es"} 1.0' in text
    assert 'reminders_delivered_share{kind="reminder",language="es"} 1.0' in text
    assert "reminders_paused 0.0" in text
    assert PHONE not in text


def test_a_replayed_webhook_does_not_reach_the_database(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = sign(f"{BASE}/twilio/inbound", FORM)
    assert client.post("/twilio/inbound", data=FORM, headers=headers).status_code == 200
    break_database(monkeypatch)
    assert client.post("/twilio/inbound", data=FORM, headers=headers).status_code == 200
    assert count_incoming(engine) == 1
    assert client.get("/readyz").json()["problems"] == []
