"""The demo as a person sees it, in a real browser, on a phone and on a desktop."""

import re

from playwright.sync_api import Page, expect

from tests.axe import list_violations
from tests.browsing import WORDS_MS, fits, needs_browser

pytestmark = needs_browser


def test_a_receptionist_sees_who_needs_a_call_and_finds_a_patient_by_keyboard(page: Page, demo: str) -> None:
    page.goto(demo)

    expect(page.locator(".visit")).to_have_count(10)
    question = page.get_by_role("region", name="Who will hear nothing, or arrive unprepared?")
    expect(question.get_by_role("listitem").filter(has_text="Nadège")).to_contain_text("Wants no texts")
    expect(question.get_by_role("link", name="Call Nadège")).to_have_attribute("href", "tel:+12025550108")
    assert list_violations(page) == []
    assert fits(page)

    page.keyboard.press("j")
    expect(question.locator("[data-row]").first).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("hector")
    page.keyboard.press("Enter")
    expect(page.locator(".visit")).to_have_count(1)
    assert "hector" not in page.url
    page.wait_for_load_state("load")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Héctor")).to_be_focused()
    assert list_violations(page) == []


def test_the_days_ahead_change_without_a_reload_and_the_letters_can_be_switched_off(page: Page, demo: str) -> None:
    page.goto(f"{demo}/?exam=mri-body")
    walter = page.locator(".visit", has_text="Walter")
    expect(walter.locator(".texts-cell")).to_contain_text("delivered", timeout=40_000)

    page.get_by_label("Only with trouble").check()
    expect(page).to_have_url(re.compile("trouble=1"))
    expect(page.locator("main")).to_contain_text("No appointment with trouble in these days.")
    # By keyboard, which hits also while texts that arrive move the page.
    page.locator("summary", has_text="Keyboard").press("Enter")
    page.get_by_role("button", name="Switch these keys off").press("Enter")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).not_to_be_focused()
    page.get_by_role("button", name="Switch these keys on").press("Enter")


def test_a_reminder_arrives_by_itself_and_a_question_is_answered(page: Page, demo: str) -> None:
    page.goto(f"{demo}/phone")
    page.get_by_role("link", name="Lucía").click()
    expect(page.locator(".bubble.clinic", has_text="ropa cómoda")).to_be_visible(timeout=20_000)
    # Both widths share one demo, and the same answer goes to one number three times an hour at most.
    metal, dye = (page.locator(".bubble.clinic", has_text=text) for text in ("anillos, reloj", "tinte especial"))
    before = metal.count(), dye.count()

    page.get_by_label("Text to the clinic").fill("que hago con mi anillo?")
    page.keyboard.press("Enter")
    expect(metal).to_have_count(before[0] + 1, timeout=WORDS_MS)
    expect(page.get_by_label("Text to the clinic")).to_have_value("")

    page.get_by_role("button", name="CONTRASTE", exact=True).click()
    expect(dye).to_have_count(before[1] + 1)
    expect(dye.last).to_be_in_viewport()
    assert fits(page)


def test_arabic_is_laid_out_from_right_to_left(page: Page, demo: str) -> None:
    page.goto(f"{demo}/phone")
    page.get_by_role("link", name="أمينة").click()

    bubble = page.locator(".bubble.clinic").first
    expect(bubble).to_be_visible(timeout=20_000)
    # The thread may be drawn anew at this very moment; then the bubble is nowhere for an instant.
    places = (bubble.bounding_box() for _ in range(20) if page.wait_for_timeout(100) is None)
    thread, box = page.locator(".thread").bounding_box(), next(filter(None, places), None)
    assert thread is not None
    assert box is not None
    assert bubble.evaluate("element => getComputedStyle(element).direction") == "rtl"
    assert box["x"] - thread["x"] > thread["x"] + thread["width"] - box["x"] - box["width"]
    assert fits(page)
