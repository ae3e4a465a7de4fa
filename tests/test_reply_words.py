"""The words that our texts offer: complete, and none that carriers act on."""

from typing import Any

import pytest

from messages import reply_words
from messages.reply_words import get_reply_words
from tests.texts import CODES


@pytest.fixture
def table() -> dict[str, Any]:
    """What the file says of English."""
    english = get_reply_words("en")
    return {name: getattr(english, name) for name in ("menu", "language", "more", "call")} | {
        "topics": dict(english.topics)
    }


@pytest.mark.parametrize("language", CODES)
def test_no_two_of_a_language_are_the_same(language: str) -> None:
    words = [word.casefold() for word in get_reply_words(language).all]
    assert len(set(words)) == len(words) == 4 + 17


def test_one_that_is_missing_or_unknown_is_named(table: dict[str, Any]) -> None:
    del table["more"]
    table["topics"]["foood"] = table["topics"].pop("food")
    with pytest.raises(ValueError, match="of en a word is missing or unknown: food, foood, more"):
        reply_words._make_words("en", table)


def test_a_word_that_carriers_act_on_is_refused(table: dict[str, Any]) -> None:
    table["topics"]["when"] = "End"
    with pytest.raises(ValueError, match="END of en: take another word"):
        reply_words._make_words("en", table)
