"""A guess at what a free text is about, learned from example texts when it is first needed.

Ridge regression on the features of the examples: the lists of phrases that a text hits, each two of these together,
the phrases, words, two words in a row, a few letters in a row, and the sounds of what many write by ear (see
``sounds``), each weighed by how rare it is. It was chosen by cross-validation on the examples, against voting (naive
Bayes) on the same features: 82 % to 70 % of them guessed right; two lists together made that 1.5 points more. Concepts
are features of another guesser, for all languages (see ``gist``).

The phrases of the lists are learned from too, each as a text of its words: of texts that nobody had in sight while the
lists and the first examples were written, that made 53 % of 49 % guessed right.
"""

import math
import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from random import Random
from types import MappingProxyType
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from messages.matching import UNSPACED
from messages.words import Label

# Chosen by cross-validation on the examples, as the form of the features was, and on texts kept from them.
_KINDS = ("list", "lists", "phrase", "word", "letters", "sign", "concept", "concepts", "sound", "sounds", "words")
_WEIGHTS = np.array([2.5, 1.5, 1.0, 1.0, 0.8, 1.0, 1.5, 1.0, 1.0, 1.0, 0.8])
_RIDGE = 0.5
_LETTERS_IN_A_ROW = (3, 4, 5)
# What fewer examples and phrases have is a chance.
_LEAST = np.array([1, 2, 1, 2, 4, 2, 1, 8, 2, 2, 4])
# The kind of a feature is above so many bits of its number.
_KIND_BITS = 28
_KIND_NUMBERS = {kind: number << _KIND_BITS for number, kind in enumerate(_KINDS)}
# What the phrases of a label count for together beside its examples.
_PHRASES_SHARE = 0.5
# Learning ends when none of all examples changes a score by more than this, or after so many times through them.
_TOLERANCE, _MOST_ROUNDS = 0.05, 40
# An example that changed no score by more than this is passed over until the next of so many rounds.
_SETTLED, _ALL_AGAIN = 0.02, 3
# After so many rounds all but the strongest features are let go of.
_CHOOSING_ROUNDS = 4
# The largest weight of a label in the byte that is kept of each.
_LARGEST = 127
# Of so many words the features are kept.
_KEPT_WORDS = 1024
# What is written to a file.
_KEPT = ("keys", "values", "weights", "scale", "mean")

# What a text is written with beside words.
_SIGNS = re.compile("[?!\u061f\uff1f\uff01\u055e\u2600-\u27bf\U0001f300-\U0001faff]")
Feature = tuple[str, str]
# Features are known by a number made of their kind and letters: a fraction of the memory.
Keys = NDArray[np.uint32]
Numbers = NDArray[np.float32]
Places = NDArray[np.int64]
# The places of the features that an example has, and their values.
Row = tuple[Places, Numbers]


def list_signs(text: str) -> Iterator[Feature]:
    """The question and exclamation marks and the emoji of a text as it was written."""
    yield from (("sign", sign) for sign in {*_SIGNS.findall(text)})


@dataclass(frozen=True)
class Example:
    """A text with what it means: its features, and how many phrases of each list it hits."""

    label: Label
    features: Keys
    lists: Mapping[str, int]


class Guesser:
    """What one language's examples have taught, and its phrases, read as if they were texts."""

    def __init__(self, examples: Sequence[Example], phrases: Sequence[Example] = (), most: int = 0) -> None:
        """Learn.

        Args:
            most: so many features are kept, those that add most to any score; all if left out.
        """
        self.labels = tuple(sorted({example.label for example in examples}))
        # In order, so that they are found quickly.
        self._keys = np.zeros(0, np.uint32)
        self._values = np.zeros(0, np.float16)
        # A byte for each, of a scale that each label has: they are most of what a language takes of the memory.
        self._weights: NDArray[np.int8] = np.zeros((0, len(self.labels)), np.int8)
        self._scale: Numbers = np.ones(len(self.labels), np.float32)
        self._mean: Numbers = np.zeros(len(self.labels), np.float32)
        if examples:
            self._learn(examples, [phrase for phrase in phrases if phrase.label in self.labels], most)

    @classmethod
    def read(cls, path: Path) -> "Guesser":
        """What was learned once and written to a file."""
        guesser = cls(())
        with np.load(path) as file:
            guesser.labels = tuple(file["labels"].tolist())
            for name in _KEPT:
                setattr(guesser, f"_{name}", file[name])
        return guesser

    def write(self, path: Path) -> None:
        """Keep what was learned in a file."""
        np.savez_compressed(path, labels=self.labels, **{name: getattr(self, f"_{name}") for name in _KEPT})

    def score(self, features: Keys, lists: Mapping[str, int] = MappingProxyType({})) -> dict[Label, float]:
        """What speaks for each label, about 1 at most.

        Args:
            features: the numbers of what the text has.
            lists: how many phrases of each list it hits.
        """
        numbers, values = self._weigh(features, lists)
        scores = self._mean + (values @ self._weights[numbers].astype(np.float32)) * self._scale
        return dict(zip(self.labels, scores.tolist(), strict=True))

    def _learn(self, examples: Sequence[Example], phrases: Sequence[Example], most: int) -> None:
        found = [np.concatenate([example.features, _number_lists(example.lists)]) for example in (*examples, *phrases)]
        keys, many = np.unique(np.concatenate(found), return_counts=True)
        self._keys = keys[many >= _LEAST[keys >> _KIND_BITS]]
        # How rare something is in texts, and not in our lists.
        in_texts = np.isin(np.concatenate(found[: len(examples)]), self._keys)
        many = np.bincount(
            self._keys.searchsorted(np.concatenate(found[: len(examples)])[in_texts]), minlength=len(self._keys)
        )
        rarity = np.sqrt(np.log((len(examples) + 1) / (np.maximum(many, 1) + 0.5)))
        self._values = (_WEIGHTS[self._keys >> _KIND_BITS] * rarity).astype(np.float16)
        rows = [self._weigh(example.features, example.lists) for example in (*examples, *phrases)]
        place = {label: at for at, label in enumerate(self.labels)}
        classes, phrase_classes = (
            np.array([place[one.label] for one in ones], np.int64) for ones in (examples, phrases)
        )
        targets = np.eye(len(self.labels), dtype=np.float32)[np.concatenate([classes, phrase_classes])]
        importance = _weigh_examples(classes, phrase_classes)
        self._mean = np.average(targets[: len(examples)], 0, importance[: len(examples)]).astype(np.float32)
        dual = np.zeros_like(targets)
        wanted, damping = targets - self._mean, _RIDGE / importance
        if 0 < most < len(self._keys):
            weights = _solve(rows, wanted, damping, dual, len(self._keys), _CHOOSING_ROUNDS)
            rows = self._keep_strong(rows, np.abs(weights).max(1) * self._values, most)
        weights = _solve(rows, wanted, damping, dual, len(self._keys))
        self._scale = np.maximum(np.abs(weights).max(0), np.finfo(np.float32).tiny) / _LARGEST
        self._weights = np.round(weights / self._scale).astype(np.int8)

    def _keep_strong(self, rows: Iterable[Row], strength: Numbers, most: int) -> list[Row]:
        """Let go of all but the strongest features, and give some examples without the others."""
        strong = np.zeros(len(strength), bool)
        strong[np.argpartition(strength, -most)[-most:]] = True
        self._keys, self._values = self._keys[strong], self._values[strong]
        moved = strong.cumsum() - 1
        return [_keep_some(*row, strong, moved) for row in rows]

    def _weigh(self, features: Keys, lists: Mapping[str, int]) -> Row:
        """The places of a text's known features, and values of them whose squares add up to 1."""
        keys = np.concatenate([features, _number_lists(lists)])
        often = np.ones(len(keys), np.float32)
        often[len(features) :] = np.sqrt(list(lists.values()))
        places = np.minimum(self._keys.searchsorted(keys), max(len(self._keys) - 1, 0))
        known = self._keys[places] == keys if len(self._keys) else np.zeros(len(keys), bool)
        numbers = places[known]
        values = self._values[numbers] * often[known]
        return numbers, values / (np.linalg.norm(values) or 1.0)


def _weigh_examples(classes: NDArray[np.int64], phrase_classes: NDArray[np.int64]) -> Numbers:
    """How much each example counts, on average 1, and then each phrase.

    Labels have different numbers of examples; an example of a rare one counts for more.
    """
    many = np.bincount(classes)
    importance = 1 / np.sqrt(many)
    importance /= importance[classes].mean()
    of_phrases = _PHRASES_SHARE * importance * many / np.maximum(np.bincount(phrase_classes, minlength=len(many)), 1)
    # Where a label has but a few phrases each still is less than an example.
    of_phrases = np.minimum(of_phrases, _PHRASES_SHARE)
    return np.concatenate([importance[classes], of_phrases[phrase_classes]]).astype(np.float32)


def number_features(features: Iterable[Feature], words: Iterable[str] = ()) -> Keys:
    """The numbers of the features of words, of each two of them in a row, and of other features, each once."""
    words = [*words]
    numbers = {_number(*feature) for feature in features}
    numbers.update(*map(_number_word, words))
    numbers.update(_number("words", f"{one} {other}") for one, other in pairwise(words))
    return np.fromiter(numbers, np.uint32)


@lru_cache(_KEPT_WORDS)
def _number_word(word: str) -> "array[int]":
    return array("I", [_number(*feature) for feature in _list_word_features(word)])


def _list_word_features(word: str) -> Iterator[Feature]:
    """A word, and the letters in a row within it; of unspaced scripts one to three signs."""
    if UNSPACED.search(word):
        yield from (
            ("word" if size > 1 else "letters", word[at : at + size])
            for size in (1, 2, 3)
            for at in range(len(word) - size + 1)
        )
        return
    yield "word", word
    bounded = f" {word} "
    for size in _LETTERS_IN_A_ROW:
        yield from (("letters", bounded[at : at + size]) for at in range(len(bounded) - size + 1))


def _number_lists(lists: Mapping[str, int]) -> Keys:
    return np.fromiter((_number("list", name) for name in lists), np.uint32)


def _number(kind: str, text: str) -> int:
    return _KIND_NUMBERS[kind] | crc32(text.encode("utf-8", "surrogatepass")) >> 32 - _KIND_BITS


def _keep_some(numbers: Places, values: Numbers, strong: NDArray[np.bool_], moved: Places) -> Row:
    """The features of an example that are kept, in their new places, and their squares again adding up to 1."""
    kept = strong[numbers]
    values = values[kept]
    return moved[numbers[kept]], values / (np.linalg.norm(values) or 1.0)


def _solve(
    rows: Sequence[Row], wanted: Numbers, damping: Numbers, dual: Numbers, width: int, rounds: int = _MOST_ROUNDS
) -> Numbers:
    """The weights of features (a row each) of ridge regression, whose dual is improved by one example after another.

    Nothing as large as examples by examples is needed, and each round takes as long as the examples have features.

    Args:
        rows: the places of each example's features, and their values.
        wanted: the scores of each example.
        damping: how little each example counts.
        dual: what each example adds to the weights so far; it is changed.
    """
    weights = np.zeros((width, wanted.shape[1]), np.float32)
    for (numbers, values), share in zip(rows, dual, strict=True):
        if share.any():
            weights[numbers] += values[:, None] * share
    steps = 1 / (np.array([values @ values for _, values in rows], np.float32) + damping)
    # In the order of their labels they would pull one way for long.
    order, shuffler = list(range(len(rows))), Random(0)  # noqa: S311 (nothing secret)
    changed = [math.inf] * len(rows)
    for number in range(rounds):
        shuffler.shuffle(order)
        largest = 0.0
        for at in order:
            if number % _ALL_AGAIN and changed[at] < _SETTLED**2:
                continue
            numbers, values = rows[at]
            here = weights[numbers]
            change = (wanted[at] - values @ here - damping[at] * dual[at]) * steps[at]
            dual[at] += change
            weights[numbers] = here + values[:, None] * change
            changed[at] = float(change @ change)
            largest = max(largest, changed[at])
        if number % _ALL_AGAIN == 0 and largest < _TOLERANCE**2:
            break
    return weights


def rank(
    scores: Mapping[Label, float], sharpness: float = 1.0, meaning: Mapping[Label, Label] = MappingProxyType({})
) -> list[tuple[Label, float]]:
    """Labels with their probability, the likeliest first.

    Args:
        sharpness: how much scores are stretched.
        meaning: what some labels mean; they count for that.
    """
    if not scores:
        return []
    top = max(scores.values())
    powers: dict[Label, float] = defaultdict(float)
    for label, score in scores.items():
        powers[meaning.get(label, label)] += math.exp(sharpness * (score - top))
    total = sum(powers.values())
    return sorted(((label, power / total) for label, power in powers.items()), key=lambda pair: -pair[1])
