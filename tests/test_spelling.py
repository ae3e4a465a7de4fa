"""Words that are meant by others with typing errors."""

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from messages.spelling import Spelling

WORDS = st.lists(st.text("abcdeя中", min_size=1, max_size=7), max_size=12, unique=True)


def test_the_word_with_the_fewest_letters_wrong_is_found() -> None:
    spelling = Spelling(["pacemaker", "allergic", "allergy", "appointment"])
    assert spelling.find("alergy", 1) == ("allergy", 1)
    assert spelling.find("alergic", 1) == ("allergic", 1)
    assert spelling.find("pacemkaer", 1) == ("pacemaker", 1)
    assert spelling.find("paicemkaer", 1) == ("paicemkaer", 0)
    assert spelling.find("paicemkaer", 2) == ("pacemaker", 2)
    assert spelling.find("pacemaker", 2) == ("pacemaker", 0)


def test_of_no_words_none_is_found() -> None:
    assert Spelling([]).find("stop", 2) == ("stop", 0)


@given(WORDS, st.text("abcdeяx中", min_size=1, max_size=9), st.integers(1, 2))
def test_no_word_that_is_near_enough_is_passed_over(words: list[str], word: str, most: int) -> None:
    nearest = min((OSA.distance(word, one) for one in words), default=most + 1)
    right, errors = Spelling(words).find(word, most)
    if nearest > most:
        assert (right, errors) == (word, 0)
    else:
        assert right in words
        assert errors == nearest == OSA.distance(word, right)
