"""What a text costs, and the tidying that keeps the cost small."""

import unicodedata
from datetime import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messages.languages import get_language
from messages.segments import GSM_BASIC, GSM_EXTENDED, Measure, measure, tidy
from messages.speaker import Speaker

SINGLE = {"GSM-7": 160, "UCS-2": 70}
PART = {"GSM-7": 153, "UCS-2": 67}
UNICODE_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=400)
GSM_TEXT = st.text(st.sampled_from(sorted(GSM_BASIC | GSM_EXTENDED)), max_size=700)
# Long and often at a boundary: characters of one and of two units, a few hundred of them.
MIXED_TEXT = st.lists(st.sampled_from(["a", "é", "€", "[", "ب", "医", "😀", "👍"]), max_size=400).map("".join)


@pytest.mark.parametrize(
    ("length", "segments"),
    [(0, 0), (1, 1), (159, 1), (160, 1), (161, 2), (306, 2), (307, 3), (459, 3), (460, 4), (612, 4), (613, 5)],
)
def test_a_gsm_text_has_160_characters_alone_and_153_in_each_of_several(length: int, segments: int) -> None:
    assert measure("a" * length) == Measure(segments, "GSM-7", length)


@pytest.mark.parametrize(
    ("length", "segments"),
    [(1, 1), (69, 1), (70, 1), (71, 2), (134, 2), (135, 3), (201, 3), (202, 4), (335, 5), (336, 6)],
)
def test_a_ucs2_text_has_70_characters_alone_and_67_in_each_of_several(length: int, segments: int) -> None:
    assert measure("医" * length) == Measure(segments, "UCS-2", length)


def test_an_empty_text_has_no_segments() -> None:
    assert measure("") == Measure(0, "GSM-7", 0)


@pytest.mark.parametrize("char", sorted(GSM_BASIC))
def test_a_basic_gsm_character_counts_one(char: str) -> None:
    assert measure(char) == Measure(1, "GSM-7", 1)


@pytest.mark.parametrize("char", ["€", "[", "]", "{", "}", "\\", "^", "~", "|", "\f"])
def test_an_extension_character_counts_two(char: str) -> None:
    assert measure(char) == Measure(1, "GSM-7", 2)


def test_the_gsm_alphabet_has_its_127_characters_without_the_escape() -> None:
    assert len(GSM_BASIC) == 127
    assert len(GSM_EXTENDED) == 10
    assert not GSM_BASIC & GSM_EXTENDED


# GSM-7 has é è ù ì ò à ä ö ü ñ Ç, but none of these.
@pytest.mark.parametrize("char", ["á", "í", "ó", "ú", "ç", "ë", "ê", "`", "\t", "\u00a0", "\u202f", "’", "م"])
def test_one_character_outside_gsm_turns_the_whole_text_to_ucs2(char: str) -> None:
    assert measure(char + "a" * 69) == Measure(1, "UCS-2", 70)
    assert measure(char + "a" * 70) == Measure(2, "UCS-2", 71)
    assert measure("a" * 159 + char) == Measure(3, "UCS-2", 160)


@pytest.mark.parametrize(
    ("text", "segments", "units"),
    [
        ("a" * 158 + "€", 1, 160),  # as one segment there is no boundary to mind
        ("a" * 159 + "€", 2, 161),
        ("a" * 151 + "€" + "a" * 153, 2, 306),  # the pair ends the first part
        ("a" * 152 + "€" + "a" * 151, 2, 305),  # the pair moves to the second part, one septet stays free
        ("a" * 152 + "€" + "a" * 152, 3, 306),  # 306 septets, and still too many for two parts
        ("a" * 152 + "€" + "a" * 150 + "€", 3, 306),
        ("€" * 76 + "a" + "€" * 76, 2, 305),
        ("€" * 153, 3, 306),  # 76 pairs a part
        ("a" * 305 + "€", 3, 307),
    ],
)
def test_an_escape_pair_is_never_split_between_two_parts(text: str, segments: int, units: int) -> None:
    assert measure(text) == Measure(segments, "GSM-7", units)


@pytest.mark.parametrize(
    ("text", "segments", "units"),
    [
        ("😀", 1, 2),
        ("😀" * 35, 1, 70),
        ("医" * 69 + "😀", 2, 71),
        ("医" * 65 + "😀" + "医" * 67, 2, 134),  # the pair ends the first part
        ("医" * 66 + "😀" + "医" * 65, 2, 133),  # the pair moves to the second part, one unit stays free
        ("医" * 66 + "😀" + "医" * 66, 3, 134),
        ("😀" * 66, 2, 132),  # 33 pairs a part
        ("😀" * 67, 3, 134),
        ("a" * 66 + "😀" + "a" * 66, 3, 134),
    ],
)
def test_a_surrogate_pair_is_never_split_between_two_parts(text: str, segments: int, units: int) -> None:
    assert measure(text) == Measure(segments, "UCS-2", units)


@settings(max_examples=100, deadline=None)
@given(UNICODE_TEXT | GSM_TEXT | MIXED_TEXT)
def test_any_text_can_be_measured_and_fits_what_it_is_said_to_cost(text: str) -> None:
    cost = measure(text)
    capacity = SINGLE[cost.encoding] if cost.segments == 1 else cost.segments * PART[cost.encoding]
    assert capacity >= cost.units
    assert (cost.segments == 0) == (text == "")
    # Nothing is wasted either: a part may stay one unit short, for a pair that did not fit.
    if cost.segments > 1:
        assert cost.units > SINGLE[cost.encoding]
        assert cost.units > (cost.segments - 1) * (PART[cost.encoding] - 1)


@settings(max_examples=100, deadline=None)
@given(MIXED_TEXT, MIXED_TEXT)
def test_a_longer_text_never_costs_less(text: str, more: str) -> None:
    assert measure(text + more).segments >= measure(text).segments


@settings(max_examples=100, deadline=None)
@given(UNICODE_TEXT)
def test_ucs2_units_are_those_of_utf16(text: str) -> None:
    cost = measure("医" + text)
    assert cost.units == len(("医" + text).encode("utf-16-be")) // 2


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("2:05\u202fPM", "2:05 PM"),
        ("2\u00a0Harbor\u00a0Street", "2 Harbor Street"),
        ("a\u2007b\u2009c\u200ad\u2002e\u2003f", "a b c d e f"),
        ("a\u2000b\u2001c", "a b c"),  # NFC turns these two into U+2002 and U+2003
        ("soft\u00adware zero\u200bwidth word\u2060joiner", "software zerowidth wordjoiner"),
        ("\ufeffHello", "Hello"),
        ("\u2018it\u2019s\u2019", "'it's'"),
        ("\u201cHello\u201d", '"Hello"'),
        ("9\u201320", "9-20"),
        ("one \u2014 two", "one - two"),
        ("555\u20110100", "555-0100"),
        ("555\u20100100", "555-0100"),
        ("wait\u2026", "wait..."),
        ("  Hello \n", "Hello"),
        ("\u200b \u00a0", ""),
        ("", ""),
        ("Hello.", "Hello."),
    ],
)
def test_tidying_makes_plain_what_would_only_cost(text: str, tidied: str) -> None:
    assert tidy(text) == tidied


@pytest.mark.parametrize(
    "text", ["می\u200cخواهم", "क्\u200dष", "👩\u200d⚕️", "\u2068+1 202-555-0100\u2069", "\u2067ا\u2069"]
)
def test_tidying_keeps_joiners_and_directional_isolates(text: str) -> None:
    assert tidy(text) == text


def test_tidying_composes_letters_so_that_they_stay_gsm() -> None:
    decomposed = unicodedata.normalize("NFD", "Año é")
    assert tidy(decomposed) == "Año é"
    assert measure(decomposed).encoding == "UCS-2"
    assert measure(tidy(decomposed)) == Measure(1, "GSM-7", 5)


@settings(max_examples=100, deadline=None)
@given(UNICODE_TEXT)
def test_a_tidied_text_is_composed_and_has_nothing_left_to_tidy(text: str) -> None:
    tidied = tidy(text)
    assert unicodedata.is_normalized("NFC", tidied)
    assert tidied == tidied.strip()
    assert not set(tidied) & set(
        "\u00a0\u2002\u2003\u2007\u2009\u202f\u2018\u2019\u201c\u201d\u2026\u00ad\u200b\u2060\ufeff"
    )
    assert tidy(tidied) == tidied


@pytest.mark.parametrize("hour", range(24))
def test_an_american_time_stays_gsm(hour: int) -> None:
    said = Speaker(get_language("en"), "US").time(time(hour, 5))
    assert measure(said).encoding == "GSM-7"
    assert said.endswith(("AM", "PM"))
