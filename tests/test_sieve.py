"""What passes the sieve: all phrases that are in a text, and few others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.filing import hash_words
from messages.matching import Message
from messages.phrase_index import list_keys
from messages.phrases import Phrase
from messages.sieve import Sieve

WORDS = st.sampled_from(["stop", "text", "me", "not", "pain", "te*", "st*"])
CHOICE = st.lists(WORDS, min_size=1, max_size=3).map(" ".join) | st.tuples(WORDS, WORDS).map(" ~".join)
SLOT = st.tuples(st.sampled_from(["", "~"]), st.lists(CHOICE | st.just(""), min_size=1, max_size=3).filter(any)).map(
    lambda slot: slot[0] + "|".join(slot[1])
)
SIGNS = st.text("停短信不要", min_size=1, max_size=4)
SIGN_SLOT = st.tuples(st.sampled_from(["", "~"]), st.lists(SIGNS, min_size=1, max_size=3)).map(
    lambda slot: slot[0] + "|".join(slot[1])
)


def sift(plain: str, message: Message) -> bool:
    sieve = Sieve()
    sieve.add([Phrase("other").list_steps(), Phrase(plain).list_steps()])
    places, pieces = message.prefixed_places, message.pieces
    found = [*places.values(), *pieces.values()]
    return 1 in sieve.sift(np.array([0, 1]), hash_words(list_keys(message)), found)


@given(
    st.lists(SLOT, min_size=1, max_size=4).filter(
        lambda slots: any("" not in slot.strip("~").split("|") for slot in slots)
    ),
    st.lists(st.sampled_from(["stop", "text", "texts", "me", "not", "a", "pain"]), min_size=1, max_size=90),
)
def test_no_phrase_of_words_is_lost(slots: list[str], words: list[str]) -> None:
    plain, message = "/".join([slots[0].removeprefix("~"), *slots[1:]]), Message(" ".join(words))
    assert sift(plain, message) or not Phrase(plain).find(message.places)


@given(st.lists(SIGN_SLOT, min_size=1, max_size=3), st.text("停短信不要了我", min_size=1, max_size=90))
def test_no_phrase_of_signs_is_lost(slots: list[str], signs: str) -> None:
    plain = "/".join([slots[0].removeprefix("~"), *slots[1:]])
    assert sift(plain, Message(signs)) or not Phrase(plain).find(Message(signs).pieces)


def test_the_same_words_in_another_order_or_too_far_apart_do_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messages.sieve._FEW", 0)
    message = Message("my chest does not hurt but there is a bad pain")
    assert sift("chest/does", message)
    assert sift("chest/~hurt", message)
    assert sift("my/chest does|leg", message)
    assert sift("a/bad|pain|bad pain", message)
    assert sift("is/a|bad|a bad/pain", message)
    assert not sift("does/chest", message)
    assert not sift("chest/hurt", message)
    assert not sift("chest/~pain", message)
    assert not sift("chest hurt|bad chest", message)
    assert not sift("leg", message)


def test_signs_within_a_word_are_not_that_word_and_long_signs_are_looked_at_beyond_their_first() -> None:
    message = Message("some 不要再发短信")
    assert sift("some", message)
    assert sift("om|不要", message)
    assert not sift("om", message)
    assert sift("不要再发", message)
    assert not sift("不要再传", message)


def test_nothing_is_looked_for_in_vain() -> None:
    sieve = Sieve()
    sieve.add([Phrase("stop").list_steps()])
    assert sieve.sift(np.zeros(0, int), hash_words(["stop"]), [[0]]) == []
    assert sieve.sift(np.array([0]), hash_words([]), []) == []
