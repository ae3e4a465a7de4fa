"""What a guess is learned with."""

import numpy as np

from messages.evidence import list_hit_features, list_told
from messages.guessing import _TOLERANCE, Example, Guesser, _keep_some, _solve, number_features
from messages.matching import Message
from messages.phrase_index import PhraseIndex
from messages.words import Tag


def test_what_is_learned_one_example_after_another_is_the_ridge_regression_of_all_at_once() -> None:
    draw = np.random.default_rng(1)
    examples, width, labels = 80, 60, 4
    rows = []
    for _ in range(examples):
        numbers = draw.choice(width, size=draw.integers(1, 12), replace=False)
        values = draw.random(len(numbers), dtype=np.float32)
        rows.append((numbers, values / np.linalg.norm(values)))
    wanted = draw.normal(size=(examples, labels)).astype(np.float32)
    # Some examples count for four times as much as others.
    damping = draw.choice([0.25, 1.0], size=examples).astype(np.float32)

    dual = np.zeros_like(wanted)
    few = _solve(rows, wanted, damping, dual, width, rounds=2)
    # It goes on from where it was.
    weights = _solve(rows, wanted, damping, dual, width)

    dense = np.zeros((examples, width))
    for at, (numbers, values) in enumerate(rows):
        dense[at, numbers] = values
    counted = dense / damping[:, None]
    exact = np.linalg.solve(counted.T @ dense + np.eye(width), counted.T @ wanted)
    assert np.abs(weights - exact).max() < min(_TOLERANCE, np.abs(few - exact).max() / 2)
    assert np.abs(dense @ (weights - exact)).max() < _TOLERANCE


def test_of_an_example_the_strong_features_are_kept_in_their_new_places() -> None:
    strong = np.array([False, True, True, False, True])
    numbers, values = np.array([0, 2, 4]), np.array([0.8, 0.36, 0.48], np.float32)
    kept, weighed = _keep_some(numbers, values, strong, strong.cumsum() - 1)
    assert kept.tolist() == [1, 2]
    assert np.allclose(weighed, [0.6, 0.8])


def test_the_strongest_features_are_kept_and_what_was_taught_is_known() -> None:
    texts = {"stop": ["stop", "please stop", "stop it please"], "thanks": ["thanks", "many thanks", "thanks please"]}
    examples = [
        Example(label, number_features((), text.split()), {}) for label, of_label in texts.items() for text in of_label
    ]
    all_features = Guesser(examples)
    most = 2 * len(all_features._keys) // 3
    strongest = Guesser(examples, most=most)
    assert len(strongest._keys) == most
    assert len(Guesser(examples, most=10_000)._keys) == len(all_features._keys)
    for guesser in (all_features, strongest):
        scores = guesser.score(number_features((), ["stop"]))
        assert scores["stop"] > scores["thanks"]


def test_two_words_in_a_row_say_more_than_each() -> None:
    apart, turned = (number_features((), words.split()) for words in ("stop and do not", "do not stop and"))
    assert set(turned.tolist()) - set(apart.tolist()) == set(number_features([("words", "not stop")]).tolist())


def test_a_not_beside_a_phrase_counts_and_one_within_it_does_not() -> None:
    entries = [("stop/~text*", Tag("en", "intents", "stop_phrases")), ("not|dont", Tag("en", "intents", "negation"))]
    entries.append(("dont/~text* me", Tag("en", "intents", "stop_phrases")))
    index = PhraseIndex[Tag]()
    index.add(entries)
    index.sort_in()

    def list_denied(text: str) -> list[str]:
        hits = index.find(Message(text))
        told = list_told(hits, "en")
        return [name for kind, name in list_hit_features(told, {}, hits, "en") if name.startswith("not beside")]

    assert list_denied("please dont stop the texts") == ["not beside stop"]
    assert list_denied("stop the texts") == []
    assert list_denied("dont ever text me") == []
    assert list_denied("he does not eat or drink or sleep stop the texts") == []
