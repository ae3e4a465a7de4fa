"""Parts of the browser tests: the demo, a real browser, a page on a phone and on a desktop."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.daemons import find_free_port, is_answering, start_bot, wait_for

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
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
]
WIDTHS = {"phone": 390, "desktop": 1280}
# What a page shall show it mostly shows at once; on a machine where other tests run it takes its time.
expect.set_options(timeout=30_000)
# The first text to a bot that has just started is answered when the words of all languages have been read.
WORDS_MS = 180_000

needs_browser = pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="there is no browser here")


@contextmanager
def run_bot(folder: Path, command: str) -> Iterator[str]:
    """``bot run`` or ``bot demo`` with no settings, in that folder, writing to ``log`` there; gives its address."""
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {"TMPDIR": str(folder), "PUBLIC_BASE_URL": url}
    process = start_bot([command, "--port", str(port)], folder, environment, folder / "log")
    try:
        wait_for(lambda: is_answering(f"{url}/healthz"), 120)
        yield url
    finally:
        process.terminate()
        try:
            assert process.wait(60) == 0
        finally:
            process.kill()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("demo")
    with run_bot(folder, "demo") as url:
        yield url
    assert list(folder.glob("bot-demo-*")) == [], "the throwaway database is gone"


@contextmanager
def run_chromium(folder: Path) -> Iterator[str]:
    """A browser with nothing remembered; gives the address that it is driven at.

    It is ended, and not asked to close: one that does not answer any more would never do so.
    """
    assert CHROMIUM
    command = [CHROMIUM, *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]
    written = folder / "DevToolsActivePort"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(lambda: written.exists() and len(written.read_text().split()) == 2, 120)
        port, path = written.read_text().split()
        yield f"ws://127.0.0.1:{port}{path}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with sync_playwright() as playwright, run_chromium(tmp_path_factory.mktemp("chromium")) as address:
        yield playwright.chromium.connect_over_cdp(address)


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
