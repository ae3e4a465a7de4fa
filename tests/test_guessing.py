"""What a guess is learned with."""

import numpy as np

from messages.guessing import _TOLERANCE, _solve


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

    weights = _solve(rows, wanted, damping, width)

    dense = np.zeros((examples, width))
    for at, (numbers, values) in enumerate(rows):
        dense[at, numbers] = values
    counted = dense / damping[:, None]
    exact = np.linalg.solve(counted.T @ dense + np.eye(width), counted.T @ wanted)
    assert np.abs(weights - exact).max() < _TOLERANCE
    assert np.abs(dense @ (weights - exact)).max() < _TOLERANCE
