"""The demo's pages without a browser: what they show, and what they refuse."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlmodel import select

from bot import inbox
from bot.daemon import prepare_database
from bot.database import reading, writing
from bot.models import Contact
from bot.samples import SAMPLES, enrol_samples, load_demo_settings
from bot.sandbox import deliver_due
from bot.sending import SendingLoop
from bot.settings import Settings
from bot.spool import Spool
from bot.web.app import create_app
from messages.understand import Understanding

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_demo_settings(tmp_path / "demo.db")


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = prepare_database(settings)
    enrol_samples(engine, settings.clinic_facts, settings.plan, NOW)
    yield engine
    engine.dispose()


@pytest.fixture
def client(engine: Engine, settings: Settings, tmp_path: Path) -> TestClient:
    """The pages; what is due is sent whenever the sender would be woken."""

    def wake() -> None:
        deliver_due(engine, settings.clinic_facts, settings.plan, NOW + timedelta(minutes=1))

    sending = cast(SendingLoop, SimpleNamespace(wake=wake))
    app = create_app(
        settings, engine, sending, Spool(tmp_path / "spool"), lambda: NOW + timedelta(minutes=1), demo=True
    )
    client = TestClient(app, base_url="http://127.0.0.1:8000")
    # In the demo everybody on this machine is let in; what their forms carry, so do the tests'.
    csrf = client.get("/phone/1").text.partition('name="csrf" value="')[2].partition('"')[0]
    client.headers["X-CSRF-Token"] = csrf
    return client


def find_phone(engine: Engine, name: str) -> int:
    [sample] = [sample for sample in SAMPLES if sample.name == name]
    with reading(engine) as session:
        return session.exec(select(Contact.id).where(Contact.phone == sample.phone)).one() or 0


def test_the_samples_speak_five_languages_and_have_a_text_due_within_a_minute(client: TestClient) -> None:
    assert {sample.language for sample in SAMPLES} == {"en", "es", "zh_Hans", "ar", "ht"}

    page = client.get("/").text

    for sample in SAMPLES:
        assert sample.name in page
    assert page.count('class="visit') == 10
    assert "delivered" in page
    assert "planned" in page


def test_in_the_samples_somebody_must_be_phoned_and_something_is_urgent(client: TestClient) -> None:
    page = client.get("/").text

    assert "Wants no texts" in page
    assert "An urgent task is open" in page


def test_the_phone_shows_the_thread_and_answers(client: TestClient, engine: Engine) -> None:
    phone = f"/phone/{find_phone(engine, 'Lucía')}"
    assert "Lucía" in client.get("/phone").text

    answer = client.post(phone, data={"text": "que hago con mi anillo?"}, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, phone)
    thread = client.get(f"{phone}/thread").text
    assert thread.index("que hago con mi anillo?") < thread.index("anillos, reloj")


def test_an_empty_text_is_not_sent(client: TestClient, engine: Engine) -> None:
    phone = f"/phone/{find_phone(engine, 'Lucía')}"
    before = client.get(f"{phone}/thread").text.count("bubble patient")

    client.post(phone, data={"text": "   "})

    assert client.get(f"{phone}/thread").text.count("bubble patient") == before


def test_arabic_runs_from_right_to_left(client: TestClient, engine: Engine) -> None:
    page = client.get(f"/phone/{find_phone(engine, 'أمينة')}").text

    assert 'lang="ar" dir="rtl"' in page
    assert 'class="bubble clinic" lang="ar" dir="rtl"' in page


def test_what_a_patient_writes_is_never_markup(client: TestClient, engine: Engine) -> None:
    phone = f"/phone/{find_phone(engine, 'Lucía')}"
    client.post(phone, data={"text": "<script>alert(1)</script>"})

    for path in ("/", "/?part=1", "/phone", phone, f"{phone}/thread"):
        page = client.get(path).text
        assert "<script>alert" not in page
    assert "&lt;script&gt;" in client.get(phone).text


def test_the_list_of_phones_asks_the_database_as_often_for_many_as_for_few(client: TestClient, engine: Engine) -> None:
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    page = client.get("/phone").text
    assert page.count('<span class="last"') == 10
    assert len(asked) < 20


@pytest.mark.parametrize("path", ["/phone/999", "/phone/999/thread"])
def test_a_phone_of_nobody_is_not_found(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.post("/phone/999", data={"text": "hello"}).status_code == 404


def test_another_site_cannot_post_here(client: TestClient, engine: Engine) -> None:
    phone = f"/phone/{find_phone(engine, 'Lucía')}"

    assert client.post(phone, data={"text": "STOP"}, headers={"Origin": "https://example.org"}).status_code == 403
    assert client.get("/", headers={"Host": "rebound.example.org"}).status_code == 400
    local = {"Origin": "http://127.0.0.1:8000"}
    assert client.post(phone, data={"text": "METAL"}, headers=local, follow_redirects=False).status_code == 303


def test_the_pages_load_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/")

    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "://" not in answer.text.replace("http://127.0.0.1:8000", "")
    for path in ("/static/desk.css", "/static/desk.js", "/static/phone.css", "/static/phone.js", "/static/icon.svg"):
        assert client.get(path).status_code == 200


def test_nobody_waits_for_the_database_while_the_words_of_a_text_are_learned(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def understand(text: str, language: str | None = None, awaiting: str | None = None) -> Understanding:
        if not learned:
            # As another thread would meanwhile.
            with writing(engine):
                learned.append(text)
        return real(text, language, awaiting)

    real, learned = inbox.understand, list[str]()
    monkeypatch.setattr(inbox, "understand", understand)
    monkeypatch.setattr(inbox, "read_lexicon", lambda: SimpleNamespace(has_learned=lambda: False))
    lucia = find_phone(engine, "Lucía")

    assert client.post(f"/phone/{lucia}", data={"text": "que hago con mi anillo?"}).status_code == 200

    assert learned == ["que hago con mi anillo?"]
    assert "anillos, reloj" in client.get(f"/phone/{lucia}/thread").text
