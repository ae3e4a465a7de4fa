"""Every page that is only looked at, and an answer from the inbox, in a real browser at both widths."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.axe import list_violations
from tests.browsing import WORDS_MS, fits, needs_browser

pytestmark = needs_browser

PAGES = [
    "/inbox",
    "/texts?language=ar&contrast=1",
    "/texts/topics?language=es",
    "/clinic",
    "/account",
    "/staff",
    "/audit",
    "/keys",
    "/api/docs",
    "/phone",
]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_keeps_nobody_out(page: Page, demo: str, path: str) -> None:
    page.goto(demo + path)

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert list_violations(page) == []
    assert fits(page)


def test_somebody_takes_a_conversation_over_and_answers_in_the_patients_language(page: Page, demo: str) -> None:
    page.goto(f"{demo}/phone")
    page.get_by_role("link", name="Lucía").click()
    page.get_by_label("Text to the clinic").fill("tengo un marcapasos del 2019")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble.patient").last).to_contain_text("marcapasos", timeout=WORDS_MS)

    page.goto(f"{demo}/inbox")
    page.get_by_role("link", name=re.compile("Lucía")).first.click()
    expect(page.locator(".bubble.patient").last).to_contain_text("reports an implant")
    assert list_violations(page) == []
    assert fits(page)
    page.get_by_role("button", name="Take over from the bot").click()
    expect(page.locator(".box.warn")).to_contain_text("has this conversation until")

    # Whoever is quicker than the script presses the button beside it.
    page.wait_for_load_state("load")
    page.get_by_label("Saved reply").select_option(label="What do I do with jewelry and other metal?")
    expect(page.get_by_label("Your text")).to_have_value(re.compile("anillos"))
    page.wait_for_load_state("load")
    page.get_by_label("Your text").fill("اتصل بنا")
    expect(page.locator("#cost")).to_contain_text("not the script of their language")
    page.get_by_label("Your text").fill("Por favor, llámenos.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".bubble.clinic").last).to_contain_text("Por favor, llámenos.")

    page.get_by_role("button", name="Hand back to the bot").click()
    expect(page.get_by_role("button", name="Take over from the bot")).to_be_visible()
    page.goto(f"{demo}/phone")
    page.get_by_role("link", name="Lucía").click()
    expect(page.locator(".bubble.clinic", has_text="Por favor, llámenos.").last).to_be_visible(timeout=20_000)
