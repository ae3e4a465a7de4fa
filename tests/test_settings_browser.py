"""What a clinic says and how its bot works, changed in a real browser at both widths, and what a patient then reads."""

from playwright.sync_api import Page, expect

from tests.axe import list_violations
from tests.browsing import WORDS_MS, fits, needs_browser

pytestmark = needs_browser


def ask(page: Page, demo: str, words: str) -> None:
    """Write as Lucía on her phone."""
    page.goto(f"{demo}/phone")
    page.get_by_role("link", name="Lucía").click()
    page.get_by_label("Text to the clinic").fill(words)
    page.keyboard.press("Enter")


def test_the_clinic_answers_one_question_in_its_own_words_and_leaves_another_to_its_staff(
    page: Page, demo: str
) -> None:
    page.goto(f"{demo}/texts/topics?language=es")
    where, cost = page.locator("#where"), page.locator("#cost")
    where.locator("summary").click()
    where.get_by_role("textbox").fill("Estamos detrás de la farmacia. El estacionamiento es gratis.")
    where.get_by_role("button", name="Use this answer").click()
    expect(where).to_contain_text("your own answer")
    cost.locator("summary").click()
    cost.get_by_role("button", name="Leave this question to staff").click()
    expect(cost).to_contain_text("left to staff")
    assert list_violations(page) == []
    assert fits(page)

    ask(page, demo, "dónde es?")
    expect(page.locator(".bubble.clinic").last).to_contain_text("detrás de la farmacia", timeout=WORDS_MS)
    ask(page, demo, "cuánto cuesta?")
    expect(page.locator(".bubble.patient").last).to_contain_text("cuesta")
    page.goto(f"{demo}/tasks")
    expect(page.get_by_role("main")).to_contain_text("cuánto cuesta?")

    # As it was, for whoever looks next.
    page.goto(f"{demo}/texts/topics?language=es")
    where.locator("summary").click()
    where.get_by_role("textbox").fill("")
    where.get_by_role("button", name="Use this answer").click()
    expect(where).not_to_contain_text("your own answer")
    cost.locator("summary").click()
    cost.get_by_role("button", name="Let the bot answer again").click()
    expect(cost).not_to_contain_text("left to staff")


def test_reminders_are_paused_and_go_on_and_the_clinics_phone_is_changed(page: Page, demo: str) -> None:
    page.goto(f"{demo}/clinic")
    page.get_by_label("Why").fill("wrong address in the texts")
    page.get_by_role("button", name="Pause reminders").click()
    expect(page.get_by_role("main")).to_contain_text("wrong address in the texts")
    assert list_violations(page) == []
    assert fits(page)
    page.get_by_role("button", name="Send reminders again").click()
    expect(page.get_by_role("button", name="Pause reminders")).to_be_visible()

    phone = page.get_by_label("Phone")
    before = phone.input_value()
    phone.fill("+1 202-555-0177")
    page.get_by_role("button", name="Use these").click()
    expect(page.get_by_label("Phone")).to_have_value("+1 202-555-0177")
    page.goto(f"{demo}/texts?language=en")
    expect(page.get_by_role("main")).to_contain_text("202-555-0177")
    page.goto(f"{demo}/clinic")
    page.get_by_label("Phone").fill(before)
    page.get_by_role("button", name="Use these").click()
    expect(page.get_by_label("Phone")).to_have_value(before)
