"""The demo as a person sees it, in a real browser, on a phone and on a desktop."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.daemons import ROOT, find_free_port, is_answering, wait_for

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = {"phone": 390, "desktop": 1280}

pytestmark = pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="there is no browser here")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = find_free_port()
    folder = tmp_path_factory.mktemp("demo")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "demo", "--port", str(port)],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(lambda: is_answering(f"http://127.0.0.1:{port}/healthz"), 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(30) == 0
    assert list(folder.glob("bot-demo-*")) == [], "the throwaway database is gone"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=list(WIDTHS))
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of each width; at its end nothing may have been written to the console."""
    context = browser.new_context(viewport={"width": WIDTHS[request.param], "height": 844})
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_the_front_desk_lists_ten_appointments_with_their_texts(page: Page, demo: str) -> None:
    page.goto(demo)

    expect(page.locator(".card")).to_have_count(10)
    page.locator("#texts-1 summary").click()
    expect(page.locator("#texts-1 .body").first).to_contain_text("resonancia")
    page.wait_for_timeout(2500)
    expect(page.locator("#texts-1 .body").first).to_be_visible()
    assert fits(page)


def test_a_reminder_arrives_by_itself_and_a_question_is_answered(page: Page, demo: str) -> None:
    page.goto(f"{demo}/phone")
    page.get_by_role("link", name="Lucía").click()
    expect(page.locator(".bubble.clinic", has_text="ropa cómoda")).to_be_visible(timeout=20_000)
    # Both widths share one demo, and the same answer goes to one number three times an hour at most.
    metal, dye = (page.locator(".bubble.clinic", has_text=text) for text in ("anillos, reloj", "tinte especial"))
    before = metal.count(), dye.count()

    page.get_by_label("Text to the clinic").fill("que hago con mi anillo?")
    page.keyboard.press("Enter")
    expect(metal).to_have_count(before[0] + 1)
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
    thread, box = page.locator(".thread").bounding_box(), bubble.bounding_box()
    assert thread is not None
    assert box is not None
    assert bubble.evaluate("element => getComputedStyle(element).direction") == "rtl"
    assert box["x"] - thread["x"] > thread["x"] + thread["width"] - box["x"] - box["width"]
    assert fits(page)
