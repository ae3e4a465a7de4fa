"""Importing a file as a person does it, in a real browser, on a phone and on a desktop."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.axe import list_violations
from tests.browsing import fits, needs_browser

pytestmark = needs_browser

FILE = """Patient,Mobile,Lang,Procedure,When,Doctor
Ana,+1 202 555 0161,es,mri-brain,2027-04-09 14:05,Kim
Bo,202-555,vi,mri-brain,2027-04-09 15:05,Kim
Cy,+1 202 555 0163,ht,mri-brian,2027-04-09 16:05,Lee
"""


def drop(page: Page, file: Path) -> None:
    """Drag a file from the desktop into the box, as the browser gets it from the system."""
    page.wait_for_load_state("load")
    expect(page.get_by_text("Or drop it anywhere in this box.")).to_be_visible()
    box = page.locator(".drop").bounding_box()
    assert box is not None
    system = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    # Beside the field itself: that would take a file without our script.
    place = {"x": box["x"] + 8, "y": box["y"] + 8, "data": data}
    for kind in ("dragEnter", "dragOver"):
        system.send("Input.dispatchDragEvent", {"type": kind, **place})
    expect(page.locator(".drop.over")).to_be_visible()
    system.send("Input.dispatchDragEvent", {"type": "drop", **place})


def test_a_file_is_dropped_its_columns_named_its_rows_mended_and_imported(
    page: Page, demo: str, tmp_path: Path
) -> None:
    file = tmp_path / "week 15.csv"
    file.write_text(FILE)
    page.goto(demo)
    page.get_by_role("navigation").get_by_role("link", name="Import").click()
    assert list_violations(page) == []
    drop(page, file)
    heading = page.get_by_role("heading", name="Import: week 15.csv")
    expect(heading).to_be_visible()
    # Both widths share one demo, and what was said of a column is remembered.
    naming = page.get_by_role("button", name="Check the rows")
    if naming.is_visible():
        assert list_violations(page) == []
        assert fits(page)
        expect(page.get_by_label("What the column Patient is")).to_have_value("name")
        naming.click()

    expect(page.get_by_text("1 row is good.")).to_be_visible()
    phone = page.get_by_label("Mobile in row 3")
    expect(phone).to_have_attribute("aria-invalid", "true")
    assert list_violations(page) == []
    assert fits(page)
    phone.fill("+1 202 555 0162")
    page.get_by_label("Procedure in row 4").fill("mri-brain")
    page.keyboard.press("Enter")
    expect(page.get_by_text("3 rows are good.")).to_be_visible()
    page.get_by_role("button", name="Import 3 good rows").click()

    expect(page.get_by_role("status")).to_contain_text("Imported.")
    assert list_violations(page) == []
    assert fits(page)
    page.goto(f"{demo}/phone")
    expect(page.get_by_role("link", name="Cy Kreyòl")).to_be_visible()


def test_the_page_follows_a_long_import_by_itself(page: Page, demo: str, tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    rows = (f"B-{number},Pat,+1 202 555 {number:04},es,emg,2027-05-03 14:05\n" for number in range(2000, 3200))
    file.write_text("appointment_id,name,phone,language,exam,starts_at\n" + "".join(rows))
    page.goto(f"{demo}/import")
    page.get_by_label("A file of appointments").set_input_files(file)

    page.get_by_role("button", name="Import 1200 good rows").click(timeout=60_000)
    expect(page.get_by_role("status")).to_contain_text("Imported.", timeout=120_000)
    expect(page.get_by_role("status")).to_contain_text("1200")
