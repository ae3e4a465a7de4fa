"""A clinic's first minutes: the first account, its password, its second factor, in a real browser at both widths."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.axe import list_violations
from tests.browsing import WIDTHS, fits, needs_browser, run_bot
from tests.daemons import wait_for

pytestmark = needs_browser

EMAIL, PASSWORD = "ana@clinic.example", "three wet umbrellas"


@pytest.fixture(scope="module", params=list(WIDTHS))
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """One browser of each width for the whole story."""
    context = browser.new_context(viewport={"width": WIDTHS[request.param], "height": 844})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


@pytest.fixture(scope="module")
def set_up_link(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the first run of a new clinic's daemon prints."""
    folder = tmp_path_factory.mktemp("clinic")
    log = folder / "log"
    with run_bot(folder, "run"):
        wait_for(lambda: "/set-up/" in log.read_text(), 60)
        yield re.findall(r"http\S+/set-up/\S+", log.read_text())[0]


def arrive(page: Page, heading: str) -> None:
    page.wait_for_load_state("load")
    expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()


def look_at(page: Page, heading: str) -> None:
    """The page keeps nobody out."""
    arrive(page, heading)
    assert list_violations(page) == []
    assert fits(page)


def sign_out(page: Page) -> None:
    page.locator(".me summary").click()
    page.get_by_role("button", name="Sign out").click()
    arrive(page, "Sign in")


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state("load")


def test_the_first_account_its_second_factor_and_what_slows_a_guesser_down(page: Page, set_up_link: str) -> None:
    page.goto(set_up_link)
    look_at(page, "Set up the first account")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("New password").fill("aaaaaaaaaaaa")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("too easy to guess")
    page.wait_for_load_state("load")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Set password and sign in").click()
    look_at(page, "Appointments")
    sign_out(page)
    look_at(page, "Sign in")
    sign_in(page)
    arrive(page, "Appointments")

    page.goto(f"{page.url}account")
    look_at(page, "Your account")
    totp = pyotp.TOTP(page.locator("code").inner_text())
    page.get_by_label("Code").fill("000000" if totp.now() != "000000" else "111111")
    page.get_by_role("button", name="Start using it").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid now")
    expect(page.locator("code")).to_have_text(totp.secret)
    page.get_by_label("Code").fill(totp.now())
    page.keyboard.press("Enter")
    look_at(page, "Recovery codes")
    recovery_code = page.locator(".codes code").first.inner_text()
    page.get_by_role("link", name="I have kept them").click()
    look_at(page, "Your account")
    expect(page.get_by_text("10 recovery codes are left")).to_be_visible()

    # The same code is good once; the next one is good already.
    for code in (totp.at(datetime.now(UTC) + timedelta(seconds=30)), recovery_code):
        sign_out(page)
        sign_in(page)
        expect(page.get_by_label("Password")).to_have_count(0)
        look_at(page, "Sign in")
        expect(page.get_by_role("status")).to_have_text("Enter the code of your authenticator app.")
        expect(page.get_by_role("alert")).to_have_count(0)
        field = page.get_by_label("Code of your authenticator app, or a recovery code")
        expect(field).to_be_focused()
        field.fill(code)
        page.keyboard.press("Enter")
        arrive(page, "Appointments")
    page.goto(f"{page.url}account")
    expect(page.get_by_text("9 recovery codes are left")).to_be_visible()

    sign_out(page)
    for _ in range(5):
        sign_in(page, "three wet umbrella")
        expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    sign_in(page)
    expect(page.get_by_role("alert")).to_contain_text("Too many tries. Wait 15 minutes")
    look_at(page, "Sign in")
