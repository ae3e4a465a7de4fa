"""The characters that would make a text dear, and their replacement before it is measured."""

import unicodedata
from dataclasses import replace

import pytest

from messages.compose import compose_reminder
from messages.segments import Measure, measure, tidy
from messages.smart_encoding import SMART_ENCODING, smart_encode
from tests.texts import CODES, ORDINARY, VISIT


def test_every_replaced_character_is_dear_and_its_replacement_is_not() -> None:
    assert len(SMART_ENCODING) == 271
    for code_point, plain in SMART_ENCODING.items():
        assert measure(chr(code_point)).encoding == "UCS-2", hex(code_point)
        assert measure(plain).encoding == "GSM-7", hex(code_point)


@pytest.mark.parametrize(("code_point", "plain"), SMART_ENCODING.items())
def test_a_full_width_or_small_form_becomes_its_plain_one(code_point: int, plain: str) -> None:
    name = unicodedata.name(chr(code_point), "")
    if name.startswith(("FULLWIDTH", "SMALL ", "PRESENTATION FORM")) and "IDEOGRAPHIC" not in name:
        # Twilio's list has an apostrophe for the upright comma; the small tilde is an accent to Unicode.
        odd = {"\ufe10": "'", "\u02dc": "~"}
        assert plain == odd.get(chr(code_point), unicodedata.normalize("NFKC", chr(code_point)))


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("„Come‟ «now»", '"Come" "now"'),
        ("‹Hall 3› • left", "<Hall 3> - left"),
        ("Room\u00a0１２：ＭＲＩ", "Room 12:MRI"),
        ("½ hour\u2028later", "1/2 hour later"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("ᴍʀɪ‼", "MRI!!"),
        ("O`Brien´s", "O'Brien's"),
    ],
)
def test_a_text_that_can_be_all_gsm_is(text: str, encoded: str) -> None:
    assert smart_encode(text) == encoded
    assert measure(encoded) == Measure(1, "GSM-7", len(encoded))


@pytest.mark.parametrize(
    "text", ["请于下午两点，到达。", "می\u200cآیید", "„Łukasz”", "\u2068+1 202-555-0100\u2069", "ça ‹va›"]
)
def test_a_text_that_stays_ucs2_keeps_its_own_marks(text: str) -> None:
    assert smart_encode(text) == text


def test_a_gsm_text_stays_as_it_is() -> None:
    text = "Señor Müller: {1} ~ £5 [à] €"
    assert smart_encode(text) == text


@pytest.mark.parametrize("code", CODES)
def test_our_own_texts_leave_nothing_to_replace(code: str) -> None:
    body = compose_reminder(["safety"], code, ORDINARY, VISIT).body
    assert smart_encode(body) == body == tidy(body)


def test_what_a_clinic_calls_its_place_does_not_double_the_cost() -> None:
    plain = compose_reminder(["arrive"], "en", ORDINARY, replace(VISIT, place='Hall "B" - 2nd floor'))
    typed = compose_reminder(["arrive"], "en", ORDINARY, replace(VISIT, place="Hall „B‟ • 2nd floor"))
    assert typed == plain
