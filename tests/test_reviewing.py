"""A language's sheet for a translator: out, mended, and back with their name."""

import csv
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from openpyxl import load_workbook

from bot.reviewing import COLUMNS, ReviewError, make_sheet, take_sheet, write_sheet
from messages import catalogues
from messages.catalogues import (
    LOCALES,
    find_catalogue_path,
    find_signatures_path,
    read_catalogue,
    read_entries,
    read_signatures,
    read_sources,
    write_entries,
)
from messages.segments import measure

TODAY = date(2026, 3, 2)
WHO = ("A. Reviewer", "certified medical translator")
ADDRESS = "Address: {address}."


@pytest.fixture(autouse=True)
def locales(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A copy of the catalogues that stands in for them until the test ends."""
    copy = tmp_path / "locales"
    shutil.copytree(LOCALES, copy)
    monkeypatch.setattr(catalogues, "LOCALES", copy)
    read_catalogue.cache_clear()
    yield copy
    monkeypatch.undo()
    read_catalogue.cache_clear()


Edit = Callable[[dict[str, str]], None]


def edit_sheet(file: Path, code: str, edit: Edit) -> Path:
    """Export the sheet, change each row of it, and save it as the translator's program would."""
    write_sheet(make_sheet(code), file)
    if file.suffix == ".csv":
        with file.open(encoding="utf-8-sig", newline="") as source:
            rows = list(csv.DictReader(source))
        for row in rows:
            edit(row)
        with file.open("w", encoding="utf-8", newline="") as target:
            writer = csv.DictWriter(target, COLUMNS, delimiter=";")
            writer.writeheader()
            writer.writerows(rows)
        return file
    workbook = load_workbook(file)
    sheet = workbook.worksheets[0]
    for cells in sheet.iter_rows(min_row=2):
        row = dict(zip(COLUMNS, ("" if cell.value is None else str(cell.value) for cell in cells), strict=True))
        edit(row)
        for cell, name in zip(cells, COLUMNS, strict=True):
            cell.value = row[name]
    workbook.save(file)
    return file


def agree(row: dict[str, str]) -> None:
    row["reviewed"] = "yes"


def change(translation: str, reviewed: str = "yes") -> Edit:
    def edit(row: dict[str, str]) -> None:
        if row["english"] == ADDRESS:
            row["translation"], row["reviewed"] = translation, reviewed

    return edit


def test_a_sheet_has_every_sentence_with_where_it_is_used_and_what_it_costs() -> None:
    lines = make_sheet("ar")
    assert {line.english for line in lines} >= set(read_sources())
    assert len(lines) == len(read_sources()) + 2 * 5  # two sentences with six forms each
    for line in lines:
        assert line.where
        assert (line.segments, line.encoding) == (
            measure(line.translation).segments,
            measure(line.translation).encoding,
        )
        assert (line.reviewed, line.reviewer) == ("", "")
    places = {line.where for line in lines}
    assert {"reply: help", "FAQ metal: answer", "FAQ metal: more", "part of a text"} <= places
    assert "in a text, for numbers such as 3, 4, 5, 6" in places


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("code", ["es", "ar", "zh_Hans"])
def test_an_agreed_sheet_signs_everything_and_changes_nothing(tmp_path: Path, code: str, suffix: str) -> None:
    before = read_catalogue(code).translations
    review = take_sheet(code, edit_sheet(tmp_path / f"sheet{suffix}", code, agree), *WHO, TODAY)
    assert (review.changes, review.signed, review.outdated) == ([], len(read_sources()), [])
    assert read_catalogue(code).translations == before
    assert read_catalogue(code).reviewed == set(read_sources())
    header = find_catalogue_path(code).read_text(encoding="utf-8").split("msgid", 1)[0]
    total = len(read_sources())
    assert (
        f"# Reviewed by: A. Reviewer (certified medical translator), 2026-03-02; {total} of {total} sentences" in header
    )
    assert "# Translated by: machine" in header
    assert {line.reviewer for line in make_sheet(code)} == {"A. Reviewer, 2026-03-02"}


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_mended_sentence_is_shown_written_and_signed_and_the_rest_stays(tmp_path: Path, suffix: str) -> None:
    before = read_catalogue("es").translations
    file = edit_sheet(tmp_path / f"sheet{suffix}", "es", change("Nos encuentra en {address}."))
    review = take_sheet("es", file, *WHO, TODAY)
    [mended] = review.changes
    assert (mended.english, mended.new) == (ADDRESS, "Nos encuentra en {address}.")
    assert (mended.old,) == before[ADDRESS]
    assert read_catalogue("es").translations == {**before, ADDRESS: ("Nos encuentra en {address}.",)}
    assert read_catalogue("es").reviewed == {ADDRESS}
    assert len(read_signatures("es")) == review.signed == 1


def test_word_processor_quotes_and_spaces_are_made_plain(tmp_path: Path) -> None:
    file = edit_sheet(tmp_path / "sheet.xlsx", "es", change(" Aqu\u00ed\u00a0\u201cestamos\u201d:\u202f{address}. "))
    take_sheet("es", file, *WHO, TODAY)
    assert read_catalogue("es").translations[ADDRESS] == ('Aquí "estamos": {address}.',)


def test_a_dry_run_says_it_and_writes_nothing(tmp_path: Path) -> None:
    file = edit_sheet(tmp_path / "sheet.csv", "es", change("Estamos en {address}."))
    before = find_catalogue_path("es").read_bytes()
    assert len(take_sheet("es", file, *WHO, TODAY, keep=False).changes) == 1
    assert find_catalogue_path("es").read_bytes() == before
    assert not find_signatures_path("es").exists()


@pytest.mark.parametrize(
    ("edit", "trouble"),
    [
        (change("Estamos aquí."), "the translation must have the placeholders address"),
        (change("Estamos en {address}, {phone}."), "must have the placeholders address"),
        (change("Estamos en {address."), "has a { or } too many"),
        (change("Estamos en {address!r}."), "must have the placeholders address"),
        (change("Estamos en {address}. STOP"), "must offer these words and no other that carriers act on: none"),
        (change(""), "the translation is empty"),
        (change("Estamos en {address}.", ""), "it was changed; put a yes behind it"),
        (change("Estamos en {address}.", "perhaps"), "reviewed"),
    ],
)
def test_a_row_that_cannot_be_taken_is_named_and_nothing_is_written(tmp_path: Path, edit: Edit, trouble: str) -> None:
    file = edit_sheet(tmp_path / "sheet.csv", "es", edit)
    number = next(n for n, line in enumerate(make_sheet("es"), 2) if line.english == ADDRESS)
    before = find_catalogue_path("es").read_bytes()
    with pytest.raises(ReviewError, match=f"row {number}: ") as caught:
        take_sheet("es", file, *WHO, TODAY)
    assert trouble in str(caught.value)
    assert find_catalogue_path("es").read_bytes() == before
    assert not find_signatures_path("es").exists()


def test_a_sentence_whose_english_has_changed_meanwhile_is_not_taken(tmp_path: Path) -> None:
    file = edit_sheet(tmp_path / "sheet.csv", "es", agree)
    path = find_catalogue_path("es")
    path.write_text(path.read_text(encoding="utf-8").replace(ADDRESS, "Our address: {address}."), encoding="utf-8")
    read_catalogue.cache_clear()
    review = take_sheet("es", file, *WHO, TODAY)
    assert review.outdated == [ADDRESS]
    assert review.signed == len(read_sources()) - 1
    assert "Our address: {address}." not in read_catalogue("es").reviewed


def test_a_later_change_of_the_english_or_of_the_translation_ends_the_signature(tmp_path: Path) -> None:
    take_sheet("es", edit_sheet(tmp_path / "sheet.csv", "es", agree), *WHO, TODAY)
    entries = read_entries("es")
    message = entries.get(ADDRESS)
    assert message is not None
    message.string = "En {address}."
    write_entries("es", entries)
    assert set(read_sources()) - read_catalogue("es").reviewed == {ADDRESS}


def test_a_second_reviewer_signs_the_rest_and_both_are_named(tmp_path: Path) -> None:
    take_sheet("es", edit_sheet(tmp_path / "one.csv", "es", change("En {address}.")), *WHO, TODAY)
    take_sheet("es", edit_sheet(tmp_path / "two.csv", "es", agree), "B. Second", "physician", date(2026, 4, 1))
    header = find_catalogue_path("es").read_text(encoding="utf-8").split("msgid", 1)[0]
    assert "B. Second (physician), 2026-04-01" in header
    assert read_catalogue("es").reviewed == set(read_sources())


def test_a_sheet_of_another_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("name,phone\nAna,1\n", encoding="utf-8")
    with pytest.raises(ReviewError, match="lacks the columns id, english, translation, reviewed"):
        take_sheet("es", file, *WHO, TODAY)
    with pytest.raises(ReviewError, match=r"\.csv or \.xlsx"):
        write_sheet(make_sheet("es"), tmp_path / "sheet.ods")
