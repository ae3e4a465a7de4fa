"""Enrolling as a person does it, in a real browser, on a phone and on a desktop."""

from datetime import date, timedelta
from itertools import count

from holidays import country_holidays
from playwright.sync_api import Browser, Page, expect

from tests.axe import list_violations
from tests.browsing import fits, needs_browser

pytestmark = needs_browser

# The demo keeps what a test before has enrolled.
_NUMBERS = (f"+1 202-555-01{number}" for number in count(50))


def find_next_day(weekday: int) -> str:
    """A day of the week, and no holiday, at least ten days from now, as a date field takes it."""
    day = date.today() + timedelta(days=10)  # noqa: DTZ011 - the browser's own day
    while day.weekday() != weekday or day in country_holidays("US"):
        day += timedelta(days=1)
    return day.isoformat()


def test_a_newcomer_enrols_themselves_in_vietnamese_and_reads_the_text(page: Page, demo: str) -> None:
    page.goto(demo)
    page.get_by_role("navigation").get_by_role("link", name="Enrol").click()

    assert list_violations(page) == []
    page.get_by_label("Given name").fill("Linh")
    page.locator("#phone").fill(next(_NUMBERS))
    page.get_by_label("Language of the texts").select_option(label="Vietnamese – Tiếng Việt")
    page.get_by_label("Yes").check()
    page.get_by_label("Exam").select_option(label="MRI of the brain")
    page.get_by_label("Date").fill(find_next_day(2))
    page.get_by_label("Time").fill("10:30")
    page.get_by_role("button", name="Enrol").click()

    expect(page.get_by_role("status")).to_contain_text("Linh gets the first text in a minute")
    assert list_violations(page) == []
    assert fits(page)
    page.get_by_role("link", name="See it on their phone").click()
    expect(page.locator(".bubble.clinic").first).to_contain_text("Xin chào Linh")


def test_the_form_answers_while_it_is_filled_in(page: Page, demo: str) -> None:
    page.goto(f"{demo}/enrol")

    page.locator("#phone").fill("202-555")
    page.keyboard.press("Tab")
    expect(page.locator("#phone-notes")).to_contain_text("too few digits")
    expect(page.locator("#phone")).to_have_attribute("aria-invalid", "true")
    page.locator("#phone").fill("202-555-0101")
    expect(page.locator("#phone-notes")).to_contain_text("Also Lucía's number: two patients will share it")
    expect(page.locator("#phone")).not_to_have_attribute("aria-invalid", "true")

    page.get_by_label("Language of the texts").select_option("ar")
    bubble = page.locator(".preview .bubble").first
    expect(bubble).to_have_attribute("dir", "rtl")
    expect(page.locator(".preview")).to_contain_text("In English")
    page.get_by_label("Date").fill(find_next_day(6))
    page.get_by_label("Time").fill("05:30")
    page.keyboard.press("Tab")
    expect(page.locator("#date-notes")).to_contain_text("That is a Sunday")
    expect(page.locator("#time-notes")).to_contain_text("very early")
    assert list_violations(page) == []
    assert fits(page)


def test_the_form_works_with_the_keyboard_and_without_script(browser: Browser, demo: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{demo}/enrol")

    page.get_by_label("Given name").focus()
    for keys in ("Tomás", next(_NUMBERS), "Span", "\tArrowLeft", "MRI of the b"):
        if keys.startswith("\t"):
            page.keyboard.press("Space")
        else:
            page.keyboard.type(keys)
        page.keyboard.press("Tab")
    page.get_by_label("Date").fill(find_next_day(6))
    page.get_by_label("Time").fill("10:30")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Please look once more")
    expect(page.locator("#date-notes")).to_contain_text("That is a Sunday")
    page.get_by_role("button", name="Enrol").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Tomás gets the first text in a minute")
    context.close()
