"""The day-before list as a page: in order, with reasons, for whoever may look; at both widths and on paper."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine
from sqlmodel import col, select

from bot.database import reading
from bot.models import AuditEvent, Role
from bot.settings import Settings
from tests.axe import list_violations
from tests.browsing import fits, needs_browser
from tests.clinics import deliver, enrol_one, text_in
from tests.conftest import NOW
from tests.desk import Desk

DEMO_ZONE = ZoneInfo("America/New_York")
THURSDAY = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: the statements are those of the other tests."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


def test_the_page_has_who_needs_a_look_soonest_first_and_the_rest_apart(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    enrol_one(engine, settings, given_name="Late", starts_at=THURSDAY + timedelta(hours=4))
    enrol_one(engine, settings, given_name="Early", starts_at=THURSDAY, phone="+12025550102", consent=False)
    enrol_one(engine, settings, given_name="Ready", starts_at=THURSDAY, phone="+12025550103", exam="blood-urine")
    deliver(engine, settings, NOW)
    text_in(engine, settings, "I will come", NOW, phone="+12025550103")
    desk = Desk(engine, settings, tmp_path, now=THURSDAY - timedelta(days=1)).sign_in(Role.VIEWER)

    page = desk.get("/digest").text

    assert "2 patients need a look." in page
    assert "3 patients are expected" in page
    words = re.sub(r"<[^>]+>|\s+", " ", page)
    place = [words.rindex(said) for said in ("Early", "Has not agreed to texts", "Late", "No answer to", "Ready")]
    assert place == sorted(place)
    with reading(engine) as session:
        looks = session.exec(select(AuditEvent.action).where(col(AuditEvent.actor).contains("viewer"))).all()
    assert looks[-1] == "viewed"


@pytest.mark.parametrize("day", ["2026-03-20", "2026-02-31", "tomorrow", "9999-12-31"])
def test_a_day_without_patients_and_a_day_that_is_none_show_a_page(
    engine: Engine, settings: Settings, tmp_path: Path, day: str
) -> None:
    desk = Desk(engine, settings, tmp_path).sign_in()
    assert "Nobody is expected." in desk.get(f"/digest?day={day}").text


def test_nobody_sees_it_without_signing_in(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    assert Desk(engine, settings, tmp_path).get("/digest").status_code == 303


@needs_browser
def test_the_list_reads_well_on_a_screen_and_on_paper(page: Page, demo: str) -> None:
    page.goto(f"{demo}/")
    page.get_by_role("link", name="Before they come").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Before they come")
    # The demo's clinic is behind UTC: there it may still be yesterday.
    day = (datetime.now(DEMO_ZONE) + timedelta(days=2)).date()
    page.goto(f"{demo}/digest?day={day}")

    expect(page.locator(".wanting > li").first).to_contain_text("Has not confirmed")
    assert list_violations(page) == []
    assert fits(page)
    page.emulate_media(media="print")
    expect(page.locator(".seen").first).to_be_visible()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.locator(".on-paper")).to_be_visible()
