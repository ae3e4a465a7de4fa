"""What a guess is learned with."""

import numpy as np

from messages.guessing import _TOLERANCE, Example, Guesser, _keep_some, _solve, number_features


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
