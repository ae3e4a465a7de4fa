"""Numbers filed under words."""

from hypothesis import example, given
from hypothesis import strategies as st

from messages.filing import Filing, hash_words

WORDS = st.lists(st.tuples(st.integers(0, 9), st.sets(st.text(max_size=3), max_size=4)), max_size=20)


@example([], [(0, {"", "a"})], ["\0", "\0a"])
@given(WORDS, WORDS, st.lists(st.text(max_size=3), max_size=6, unique=True))
def test_what_is_filed_under_a_word_is_found_in_one_go_or_in_two(
    first: list[tuple[int, set[str]]], then: list[tuple[int, set[str]]], wanted: list[str]
) -> None:
    filing = Filing()
    for entries in (first, then):
        for number, words in entries:
            filing.add(number, words)
        filing.sort_in()
    found = filing.find(hash_words(wanted)).tolist()
    numbers = [number for of_word in filing.look_up(wanted).values() for number in of_word]
    assert found == sorted({*numbers})
    assert sorted(numbers) == sorted(number for number, words in (*first, *then) for word in words if word in wanted)


def test_nothing_is_found_of_nothing() -> None:
    filing = Filing()
    filing.add(1, ["stent"])
    assert filing.look_up(["stent"]) == {}
    filing.sort_in()
    assert filing.look_up([]) == {}
    assert filing.find(hash_words([])).tolist() == []
    assert filing.look_up(["stents", "stent"]) == {1: [1]}
