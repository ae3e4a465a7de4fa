"""The front desk's pages about one appointment and about tasks, as a person uses them in a real browser."""

import re

from playwright.sync_api import Browser, Page, expect

from tests.axe import list_violations
from tests.browsing import WIDTHS, fits, needs_browser

pytestmark = needs_browser


def open_patient(page: Page, demo: str, name: str) -> None:
    page.goto(demo)
    page.locator(".visit").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def test_a_receptionist_moves_an_appointment_and_sees_what_the_patient_will_read(page: Page, demo: str) -> None:
    open_patient(page, demo, "建国")
    english = page.locator(".english").first
    expect(english).to_contain_text("Riverside Imaging")
    assert list_violations(page) == []
    assert fits(page)

    page.get_by_text("Another day or time").click()
    wide = bool(page.viewport_size and page.viewport_size["width"] == WIDTHS["desktop"])
    page.get_by_label("Time").fill("11:15" if wide else "10:45")
    page.get_by_role("button", name="Move the appointment").click()

    expect(page.get_by_role("status")).to_contain_text("the old and the new time")
    expect(page.locator(".facts")).to_contain_text("11:15" if wide else "10:45")
    page.get_by_role("link", name="Record to print").click()
    expect(page.get_by_role("table")).to_contain_text("Moved to another time")
    assert list_violations(page) == []
    page.emulate_media(media="print")
    expect(page.locator(".top")).to_be_hidden()


def test_a_receptionist_is_asked_before_an_appointment_is_cancelled(page: Page, demo: str) -> None:
    open_patient(page, demo, "Walter")
    page.get_by_role("link", name="Cancel the appointment").click()
    expect(page.locator(".body").first).to_contain_text("is cancelled. Please do not come.")
    assert list_violations(page) == []
    assert fits(page)

    page.get_by_role("link", name="No, keep it").click()
    expect(page.locator(".facts")).not_to_contain_text("cancelled")


def test_of_two_at_the_desk_the_second_is_told_what_the_first_has_changed(
    page: Page, demo: str, browser: Browser
) -> None:
    open_patient(page, demo, "Héctor")
    colleague = browser.new_page()
    colleague.goto(page.url)
    for desk, language in ((page, "Portuguese (Brazil)"), (colleague, "French")):
        choose_language(desk, language)

    expect(colleague.get_by_role("alert")).to_contain_text("Somebody has changed this appointment")
    expect(colleague.locator(".facts")).to_contain_text("Portuguese (Brazil)")
    choose_language(colleague, "Spanish")
    expect(page.locator(".facts")).to_contain_text("Spanish")
    colleague.close()


def choose_language(page: Page, language: str) -> None:
    page.get_by_text("Another language").click()
    page.get_by_label("Language of the texts").select_option(label=language)
    page.get_by_role("button", name="Use this language").click()


def test_a_nurse_takes_an_urgent_task_notes_a_call_finishes_it_and_takes_that_back(page: Page, demo: str) -> None:
    page.goto(f"{demo}/tasks")
    task = page.locator(".task", has_text="Margaret")
    expect(task).to_contain_text("urgent")
    expect(page).to_have_title(re.compile(r"^\(\d+\) Tasks"))
    assert list_violations(page) == []
    assert fits(page)

    task.get_by_role("button", name="Take: Margaret").click()
    expect(task).to_contain_text("taken by demo")
    task.locator("summary", has_text="Note").click()
    task.get_by_label("Note").fill("No answer, again at three")
    page.wait_for_timeout(2500)
    task.get_by_role("button", name="Write it down").click()
    expect(task.locator(".note-line").last).to_contain_text("again at three")
    task.get_by_role("button", name="Done: Margaret").click()
    done = page.locator(".done")
    done.get_by_text("Done in the last days").click()
    assert list_violations(page) == []
    done.get_by_role("button", name="Undo: Margaret").click()
    expect(page.locator(".work .task", has_text="Margaret")).to_contain_text("taken by demo")
    page.locator(".task", has_text="Margaret").get_by_role("button", name="Put back: Margaret").click()
    expect(page.locator(".work .task", has_text="Margaret")).not_to_contain_text("taken by demo")
