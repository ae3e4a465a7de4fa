"""A guess at what a free text is about, learned from example texts when it is first needed.

Ridge regression on the features of the examples: the lists of phrases that a text hits, the phrases, words,
and a few letters in a row, each weighed by how rare it is. It was chosen by cross-validation on the examples of
five languages, against voting (naive Bayes) on the same features: 82 % to 70 % of them guessed right. What it
says of each example when it has not seen it (leave-one-out, in closed form) sets how sure it may be.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from messages.matching import UNSPACED, Message

# Chosen by cross-validation on the examples, as the form of the features was.
_WEIGHTS = {"list": 6.0, "phrase": 1.0, "word": 1.0, "letters": 0.7}
_RIDGE = 2.0
_LETTERS_IN_A_ROW = (3, 4, 5)
# A run of letters that a single example has is a chance.
_LEAST = {"letters": 2}
_SHARPNESSES = (2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0)

Label = str
Feature = tuple[str, str]
Numbers = NDArray[np.float32]


def list_features(message: Message) -> Iterator[Feature]:
    """The words of a text, and the letters in a row within each; of unspaced scripts one to three signs."""
    for word in message.words:
        if UNSPACED.search(word):
            yield from (
                ("word" if size > 1 else "letters", word[at : at + size])
                for size in (1, 2, 3)
                for at in range(len(word) - size + 1)
            )
            continue
        yield "word", word
        bounded = f" {word} "
        for size in _LETTERS_IN_A_ROW:
            yield from (("letters", bounded[at : at + size]) for at in range(len(bounded) - size + 1))


@dataclass(frozen=True)
class Example:
    """A text with what it means: its features, and how many phrases of each list it hits."""

    label: Label
    features: frozenset[Feature]
    lists: Mapping[str, int]


class Guesser:
    """What one language's examples have taught."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.labels = tuple(sorted({example.label for example in examples}))
        self._numbers: dict[Feature, int] = {}
        self._rarity: list[float] = []
        self._weights: Numbers = np.zeros((0, len(self.labels)), np.float32)
        self._mean: Numbers = np.zeros(len(self.labels), np.float32)
        self._sharpness = 1.0
        if examples:
            self._learn(examples)

    def guess(
        self, features: Iterable[Feature], lists: Mapping[str, int], never: Iterable[Label] = ()
    ) -> list[tuple[Label, float]]:
        """The labels with their probability, the likeliest first.

        Args:
            lists: how many phrases of each list the text hits.
            never: labels that it cannot be.
        """
        vector = self._weigh(frozenset(features), lists)
        scores = self._mean.copy()
        for number, value in vector.items():
            scores += value * self._weights[number]
        allowed = {label: float(score) for label, score in zip(self.labels, scores, strict=True) if label not in never}
        return rank(allowed, self._sharpness)

    def _learn(self, examples: Sequence[Example]) -> None:
        counted = Counter(feature for example in examples for feature in _list_all(example.features, example.lists))
        kept = [feature for feature, many in counted.items() if many >= _LEAST.get(feature[0], 1)]
        self._numbers = {feature: number for number, feature in enumerate(kept)}
        self._rarity = [math.sqrt(math.log((len(examples) + 1) / (counted[feature] + 0.5))) for feature in kept]
        rows = np.zeros((len(examples), len(kept)), np.float32)
        for at, example in enumerate(examples):
            for number, value in self._weigh(example.features, example.lists).items():
                rows[at, number] = value
        place = {label: at for at, label in enumerate(self.labels)}
        classes = np.array([place[example.label] for example in examples])
        targets = np.eye(len(self.labels), dtype=np.float32)[classes]
        # Labels have different numbers of examples; a rare one counts for more.
        importance = 1 / np.sqrt(np.bincount(classes))[classes].astype(np.float32)
        importance /= importance.mean()
        self._mean = (targets * importance[:, None]).sum(0) / importance.sum()
        inverse = np.linalg.inv(rows @ rows.T + _RIDGE * np.diag(1 / importance))
        dual = inverse @ (targets - self._mean)
        self._weights = (rows.T @ dual).astype(np.float32)
        unseen = targets - dual / np.diag(inverse)[:, None]
        self._sharpness = min(_SHARPNESSES, key=lambda sharpness: _find_surprise(unseen * sharpness, classes))

    def _weigh(self, features: frozenset[Feature], lists: Mapping[str, int]) -> dict[int, float]:
        """The known features of a text, as numbers whose squares add up to 1."""
        vector = {}
        for feature in _list_all(features, lists):
            number = self._numbers.get(feature)
            if number is not None:
                often = math.sqrt(lists[feature[1]]) if feature[0] == "list" else 1.0
                vector[number] = _WEIGHTS[feature[0]] * often * self._rarity[number]
        length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
        return {number: value / length for number, value in vector.items()}


def _list_all(features: frozenset[Feature], lists: Mapping[str, int]) -> Iterator[Feature]:
    yield from features
    yield from (("list", name) for name in lists)


def _find_surprise(scores: Numbers, classes: NDArray[np.int64]) -> float:
    """How little the scores foresee the classes: the mean negative log of their probability."""
    scores = scores - scores.max(axis=1, keepdims=True)
    shares = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return float(-shares[np.arange(len(classes)), classes].mean())


def rank(scores: Mapping[Label, float], sharpness: float = 1.0) -> list[tuple[Label, float]]:
    """Labels with their probability, the likeliest first."""
    if not scores:
        return []
    top = max(scores.values())
    powers = {label: math.exp(sharpness * (score - top)) for label, score in scores.items()}
    total = sum(powers.values())
    return sorted(((label, power / total) for label, power in powers.items()), key=lambda pair: -pair[1])
