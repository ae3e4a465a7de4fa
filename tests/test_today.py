"""The first page: filters, search, escaping, and what is on record of a look at it."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bot.database import reading
from bot.models import AuditEvent, Role
from bot.settings import Settings
from tests.clinics import enrol_one
from tests.conftest import NOW
from tests.desk import Desk

XSS = "<img src=x onerror=alert(1)>"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: what differs between databases is in ``test_overview.py``."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def desk(engine: Engine, settings: Settings, tmp_path: Path) -> Iterator[Desk]:
    with Desk(engine, settings, tmp_path) as desk:
        yield desk.sign_in(Role.VIEWER)


def list_names(page: str) -> list[str]:
    return re.findall(r'id="visit-\d+" data-row><bdi>([^<]*)</bdi>', page)


def test_filters_choose_among_the_days_ahead(desk: Desk, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, given_name="Soon", starts_at=NOW + timedelta(days=1))
    enrol_one(engine, settings, phone="+12025550102", given_name="Later", language="es", exam="emg")
    enrol_one(
        engine, settings, phone="+12025550103", given_name="Far", starts_at=NOW + timedelta(days=40), language="ar"
    )

    assert list_names(desk.get("/").text) == ["Soon", "Later"]
    assert list_names(desk.get("/?days=1").text) == []
    assert list_names(desk.get("/?language=es").text) == ["Later"]
    assert list_names(desk.get("/?exam=mri-brain&days=30").text) == ["Soon"]
    assert list_names(desk.get("/?start=2026-04-01").text) == ["Far"]
    assert list_names(desk.get("/?start=nonsense&after=nonsense&days=4711").text) == ["Soon", "Later"]
    assert list_names(desk.get("/?trouble=1").text) == []
    desk.time += timedelta(hours=4)
    assert list_names(desk.sign_in(Role.VIEWER).get("/?trouble=1").text) == ["Soon"]


@pytest.mark.parametrize(
    "words", ["' OR '1'='1", "1; DROP TABLE contact; --", "x') UNION SELECT password_hash FROM staff --"]
)
def test_what_is_asked_never_becomes_a_statement(desk: Desk, engine: Engine, settings: Settings, words: str) -> None:
    enrol_one(engine, settings, given_name="Soon", starts_at=NOW + timedelta(days=1))
    for name in ("language", "exam"):
        assert list_names(desk.get("/", params={name: words[:20]}).text) == []
    for name in ("after", "start"):
        assert desk.get("/", params={name: words[:10]}).status_code == 200
    page = desk.post("/", data={"words": words}).text
    assert list_names(page) == []
    assert "argon2" not in page
    for path in ("/inbox", "/tasks", "/audit"):
        assert desk.get(path, params={"after": words, "behind": words}).status_code < 500
    assert list_names(desk.get("/").text) == ["Soon"]


def test_a_long_list_goes_on_where_it_ended(desk: Desk, engine: Engine, settings: Settings) -> None:
    for number in range(61):
        enrol_one(engine, settings, phone=f"+1202555{1000 + number}", given_name=f"P{number:02}")
    first = desk.get("/?days=30").text
    [later] = re.findall(r'href="([^"]+)" rel="next"', first)

    second = desk.get(later.replace("&amp;", "&")).text

    assert list_names(first) == [f"P{number:02}" for number in range(60)]
    assert list_names(second) == ["P60"]
    assert 'rel="next"' not in second


def test_a_search_finds_somebody_and_leaves_no_name_in_an_address(
    desk: Desk, engine: Engine, settings: Settings
) -> None:
    enrol_one(engine, settings, given_name="Zoë", record_number="MR-1")

    assert list_names(desk.post("/", data={"words": "zoe"}).text) == ["Zoë"]
    assert list_names(desk.post("/", data={"words": "555-0101"}).text) == ["Zoë"]
    page = desk.post("/", data={"words": XSS}).text
    assert list_names(page) == []
    assert XSS not in page
    for address in re.findall(r'(?:href|action|data-part)="([^"]*)"', desk.post("/", data={"words": "zoe"}).text):
        assert "zo" not in address.lower()


def test_what_a_clinic_enrolled_is_never_markup(desk: Desk, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, given_name=XSS)

    for page in (desk.get("/").text, desk.get("/?part=1").text, desk.get(f"/?exam={XSS}&start={XSS}").text):
        assert XSS not in page
    assert XSS.replace("<", "&lt;").replace(">", "&gt;") in desk.get("/").text


def test_a_look_is_on_record_and_a_part_that_renews_itself_is_not(desk: Desk, engine: Engine) -> None:
    desk.get("/")
    desk.get("/?part=1")
    desk.post("/", data={"words": "ana"})

    with reading(engine) as session:
        events = session.exec(select(AuditEvent).where(AuditEvent.table == "appointment")).all()
    assert [(event.actor, event.action, event.detail) for event in events] == [
        ("viewer@clinic.example", "viewed", ""),
        ("viewer@clinic.example", "searched", ""),
    ]
