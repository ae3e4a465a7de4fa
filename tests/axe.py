"""Asks axe-core what keeps people out of a page."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # To describe every place that is as it should be takes longer than to look for those that are not.
    "resultTypes": ["violations"],
}


def list_violations(page: Page) -> list[str]:
    """What violates WCAG 2.2 AA or good practice, one line for each place."""
    # Without its style a page has other faults.
    page.wait_for_load_state("load")
    found: list[dict[str, Any]] = Axe().run(page, options=_RULES).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]
