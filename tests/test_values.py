"""One value of a row: what is taken, and what a clerk is told otherwise."""

import contextlib
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.importing.values import (
    Cell,
    ValueTrouble,
    read_cancelled,
    read_exam,
    read_flag,
    read_language,
    read_name,
    read_phone,
    read_starts_at,
    read_starts_at_parts,
    read_text,
)
from messages.exams import read_exams
from messages.facts import MAX_NAME
from messages.languages import LANGUAGES
from tests.conftest import NOW

NEW_YORK = ZoneInfo("America/New_York")
EXAMS = read_exams()
AFTERNOON = datetime(2027, 3, 9, 19, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "region", "expected"),
    [
        ("2025550101", "US", "+12025550101"),
        ("(202) 555-0101", "US", "+12025550101"),
        ("1-202-555-0101", "US", "+12025550101"),
        ("+1 202 555 0101", "GB", "+12025550101"),
        (" +1 (202) 555.0101 ", "US", "+12025550101"),
        ("\u202a+1\u00a0202\u2011555\u20110101\u202c", "US", "+12025550101"),
        (2025550101, "US", "+12025550101"),
        (2025550101.0, "US", "+12025550101"),
        ("2025550101.0", "US", "+12025550101"),
        ("555-201-0101", "US", "+15552010101"),
        ("07911 123456", "GB", "+447911123456"),
        ("00 44 7911 123456", "FR", "+447911123456"),
        ("٢٠٢٥٥٥٠١٠١", "US", "+12025550101"),
    ],
)
def test_a_phone_number_becomes_e164(cell: Cell, region: str, expected: str) -> None:
    assert read_phone(cell, region) == expected


@pytest.mark.parametrize(
    ("cell", "trouble"),
    [
        (None, "is missing"),
        ("  ", "is missing"),
        ("555-0101", "area code"),
        ("202-555-010", "too few digits"),
        ("202-555-01011", "too many digits"),
        ("2025550101 2025550102", "one number only"),
        ("2025550101, 2025550102", "several numbers"),
        ("202-555-0101 / 202-555-0102", "several numbers"),
        ("202-555-0101 or 202-555-0102", "several numbers"),
        ("+12025550101+12025550102", "several numbers"),
        ("202-555-0101 ext. 7", "extension"),
        ("202-555-0101x7", "extension"),
        ("call reception", "letters"),
        ("202-555-0101 (mother)", "letters"),
        ("2.02555E+09", "shortened by the spreadsheet"),
        ("+999 2025550101", "any country"),
        ("+44 20 7946 0000", "landline"),
        ("200-200-2000", "not a number that any phone has"),
        ("-", "is not a phone number"),
    ],
)
def test_what_is_no_phone_number_for_texts_says_why(cell: Cell, trouble: str) -> None:
    with pytest.raises(ValueTrouble, match=trouble) as caught:
        read_phone(cell, "US")
    assert "2025550101" not in str(caught.value).replace("-", "").replace(" ", "")


@pytest.mark.parametrize(("cell", "code"), [("es", "es"), ("español", "es"), ("zh-CN", "zh_Hans"), ("Arabic", "ar")])
def test_a_language_is_known_by_code_and_name(cell: Cell, code: str) -> None:
    assert read_language(cell) == code


@pytest.mark.parametrize("cell", [None, "", "klingon"])
def test_another_language_lists_ours(cell: Cell) -> None:
    with pytest.raises(ValueTrouble) as caught:
        read_language(cell)
    assert all(language.name in str(caught.value) for language in LANGUAGES)


@pytest.mark.parametrize("cell", ["mri-brain", "MRI brain", " mri_brain "])
def test_an_exam_is_known_by_its_code(cell: Cell) -> None:
    assert read_exam(cell, EXAMS) == "mri-brain"


def test_another_exam_lists_the_codes_and_names_the_close_one() -> None:
    with pytest.raises(ValueTrouble, match=r'"mri brian" is not .* did you mean mri-brain\?') as caught:
        read_exam("mri brian", EXAMS)
    assert all(code in str(caught.value) for code in EXAMS.list_codes())
    with pytest.raises(ValueTrouble, match="is missing"):
        read_exam("", EXAMS)


@pytest.mark.parametrize("cell", ["yes", "Y", "TRUE", "1", "x", "sí", "Oui", "ja", True, 1, 1.0])
def test_yes_has_many_words(cell: Cell) -> None:
    assert read_flag(cell) is True


@pytest.mark.parametrize("cell", ["no", "N", "false", "0", "non", "nein", "", "  ", None, False, 0, 0.0])
def test_no_has_many_words_and_a_blank(cell: Cell) -> None:
    assert read_flag(cell) is False


@pytest.mark.parametrize("cell", ["maybe", "2", 2, "ask the doctor"])
def test_what_is_neither_yes_nor_no_is_not_guessed(cell: Cell) -> None:
    with pytest.raises(ValueTrouble, match="neither yes nor no"):
        read_flag(cell)


@pytest.mark.parametrize("cell", ["", "Booked", "scheduled", "CONFIRMED", "active"])
def test_a_booked_status_is_not_cancelled(cell: Cell) -> None:
    assert read_cancelled(cell) is False


@pytest.mark.parametrize("cell", ["cancelled", "Canceled", "DELETED", "removed", "cancelado", "Annulé"])
def test_a_cancelled_status_is_cancelled(cell: Cell) -> None:
    assert read_cancelled(cell) is True


def test_another_status_is_not_guessed() -> None:
    with pytest.raises(ValueTrouble, match="booked or cancelled"):
        read_cancelled("on hold")


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("Ana", "Ana"),
        ("  José   María ", "José María"),
        ("Jose\u0301", "José"),
        ("أمينة", "أمينة"),
        ("美玲", "美玲"),
        ("O\u2019Neil", "O'Neil"),
        ("J. R.", "J. R."),
        ("Ma.Teresa", "Ma.Teresa"),
        ("=Ana", "=Ana"),
        ("\u202eAna", "Ana"),
        ("a" * MAX_NAME, "a" * MAX_NAME),
    ],
)
def test_a_name_is_tidied(cell: Cell, name: str) -> None:
    assert read_name(cell) == name


@pytest.mark.parametrize(
    ("cell", "trouble"),
    [
        (None, "is missing"),
        ("a" * (MAX_NAME + 1), "too long: 41 characters; at most 40"),
        ("12345", "no letter"),
        (12345, "no letter"),
        ("http://example.org", "web address"),
        ("Win at example.com now", "web address"),
        ("A\x07na", "cannot be read"),
        ("Ana\udcff", "cannot be read"),
    ],
)
def test_what_is_no_name_says_why(cell: Cell, trouble: str) -> None:
    with pytest.raises(ValueTrouble, match=trouble):
        read_name(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "2027-03-09T14:05",
        "2027-03-09 14:05",
        "2027-03-09 14:05:00",
        "2027-03-09T14:05:00.000",
        "2027-03-09T19:05Z",
        "2027-03-09T19:05+00:00",
        "2027-03-09T14:05-0500",
        "2027-03-09 14:05 -05",
        "2027/03/09 14:05",
        "2027-3-9 2:05 PM",
        "2027-03-09, 2:05\u202fp.m.",
        datetime(2027, 3, 9, 14, 5, tzinfo=NEW_YORK).replace(tzinfo=None),
        datetime(2027, 3, 9, 14, 4, 59, 999000, tzinfo=UTC).replace(tzinfo=None),
        AFTERNOON,
    ],
)
def test_a_start_becomes_a_moment_in_utc(cell: Cell) -> None:
    assert read_starts_at(cell, NEW_YORK, NOW) == AFTERNOON


@pytest.mark.parametrize(
    ("cell", "trouble"),
    [
        (None, "is missing"),
        ("2027-03-09", "has a date but no time"),
        (date(2027, 3, 9), "has a date but no time"),
        ("2027-02-30 10:00", '"2027-02-30" is not a day of the calendar'),
        ("2027-03-09 25:00", '"25:00" is not a time of day'),
        ("2027-03-09 10:60", '"10:60" is not a time of day'),
        ("2027-03-09 14:05 PM", "from 1 to 12"),
        ("2027-03-09 0:05 AM", "from 1 to 12"),
        ("2027-03-09 2:05", "write 02:05 or 14:05"),
        ("2027-03-09 14:05+25:00", "offset"),
        ("03/09/2027 14:05", "ambiguous.* 2027-03-09 or 2027-09-03"),
        ("25.12.2027 14:05", "ambiguous.* 2027-12-25$"),
        ("3-9-27 14:05", "ambiguous.* like 2027-03-09"),
        ("9 March 2027 14:05", '"9 March 2027 14:05" is not a date and time'),
        ("tomorrow at ten", "is not a date and time"),
        (46455.58, "is not a date and time"),
        ("2028-03-04 10:00", "more than two years ahead"),
        ("2207-03-09 10:00", "more than two years ahead"),
        (datetime.max.replace(tzinfo=UTC), "more than two years ahead"),
        ("0027-03-09 10:00", "the year 0027 must be wrong"),
        ("0000-03-09 10:00", "not a day of the calendar"),
    ],
)
def test_what_is_no_start_says_why(cell: Cell, trouble: str) -> None:
    with pytest.raises(ValueTrouble, match=trouble):
        read_starts_at(cell, NEW_YORK, NOW)


@pytest.mark.parametrize("cell", ["2028-03-02 23:59", "2020-01-01 10:00"])
def test_two_years_ahead_and_the_past_are_not_judged_here(cell: Cell) -> None:
    assert read_starts_at(cell, NEW_YORK, NOW).tzinfo == UTC


@pytest.mark.parametrize(
    ("day", "clock"),
    [
        ("2027-03-09", "14:05"),
        ("2027/03/09", "2:05 PM"),
        ("2027-03-09 00:00:00", "14:05:00"),
        (date(2027, 3, 9), time(14, 5)),
        (date(2027, 3, 9), (14 * 60 + 5) / 1440),
        (date(2027, 3, 9), timedelta(hours=14, minutes=5)),
        ("2027-03-09", "19:05Z"),
    ],
)
def test_a_start_can_be_in_two_cells(day: Cell, clock: Cell) -> None:
    assert read_starts_at_parts(day, clock, NEW_YORK, NOW) == AFTERNOON


@pytest.mark.parametrize(
    ("day", "clock", "trouble"),
    [
        ("", "14:05", "is missing; give a date"),
        ("2027-03-09", "", "is missing; give a time"),
        ("2027-03-09 10:00", "14:05", "has a time as well"),
        ("Tuesday", "14:05", "is not a date"),
        ("2027-03-09", "930", "is not a time"),
        ("2027-03-09", "noon", "is not a time"),
        ("2027-03-09", 1.5, "is not a time"),
    ],
)
def test_two_cells_say_which_part_is_wrong(day: Cell, clock: Cell, trouble: str) -> None:
    with pytest.raises(ValueTrouble, match=trouble):
        read_starts_at_parts(day, clock, NEW_YORK, NOW)


def test_a_time_that_the_clocks_skip_says_the_next_one() -> None:
    with pytest.raises(ValueTrouble, match=r"02:30 on 2027-03-14 does not exist: .* give e\.g\. 2027-03-14T03:30"):
        read_starts_at("2027-03-14 02:30", NEW_YORK, NOW)
    with pytest.raises(ValueTrouble, match=r"does not exist: .* give e\.g\. 03:30$"):
        read_starts_at_parts("2027-03-14", "2:30 AM", NEW_YORK, NOW)


def test_a_time_that_the_clocks_repeat_shows_both_offsets() -> None:
    with pytest.raises(ValueTrouble, match=r"exists twice: .*2026-11-01T01:30-04:00 .* 2026-11-01T01:30-05:00"):
        read_starts_at("2026-11-01 01:30", NEW_YORK, NOW)
    with pytest.raises(ValueTrouble, match=r"exists twice: .* 01:30-04:00 .* 01:30-05:00"):
        read_starts_at_parts("2026-11-01", "01:30", NEW_YORK, NOW)


@pytest.mark.parametrize(("offset", "hour"), [("-04:00", 5), ("-05:00", 6)])
def test_the_offset_tells_the_repeated_times_apart(offset: str, hour: int) -> None:
    expected = datetime(2026, 11, 1, hour, 30, tzinfo=UTC)
    assert read_starts_at(f"2026-11-01T01:30{offset}", NEW_YORK, NOW) == expected
    assert read_starts_at_parts("2026-11-01", f"01:30{offset}", NEW_YORK, NOW) == expected


def test_a_phone_number_in_the_wrong_column_is_not_repeated() -> None:
    for read in (
        lambda cell: read_exam(cell, EXAMS),
        read_language,
        read_flag,
        lambda cell: read_starts_at(cell, NEW_YORK, NOW),
    ):
        with pytest.raises(ValueTrouble) as caught:
            read("202-555-0101")
        assert "555" not in str(caught.value)


def test_a_long_value_is_quoted_in_part() -> None:
    with pytest.raises(ValueTrouble, match='"' + "x" * 40 + '..."'):
        read_exam("x" * 150, EXAMS)


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text(alphabet="0123456789-/:.+TZapm ,exX()"),
    st.text(alphabet=st.characters(categories=["Cs", "Cc", "Cf", "Nd"])),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.timedeltas(),
)


@given(CELLS, CELLS)
def test_no_cell_breaks_a_reader(cell: Cell, other: Cell) -> None:
    for read in (
        read_text,
        read_name,
        read_language,
        lambda cell: read_exam(cell, EXAMS),
        read_flag,
        read_cancelled,
        lambda value: read_phone(value, "US"),
        lambda value: read_starts_at(value, NEW_YORK, NOW),
        lambda value: read_starts_at_parts(value, other, NEW_YORK, NOW),
        lambda value: read_starts_at_parts("2027-03-09", value, NEW_YORK, NOW),
    ):
        with contextlib.suppress(ValueTrouble):
            read(cell)
