"""A guess at what a free text is about, learned from example texts at start.

Every feature of a text (a phrase of the word lists that it has, a word, a few letters in a row)
votes for the labels of the examples it is found in. A phrase votes for the label of its own list
too, before any example is seen.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from messages.matching import UNSPACED, Message

# Chosen by measurement on the tuning half of tests/data/texts.
_PRIOR_OWN, _PRIOR = 8.0, 1.0
_WEIGHTS = {"phrase": 1.0, "word": 0.5, "letters": 0.06}
_LETTERS_IN_A_ROW = (3, 4, 5)

Label = str
Feature = tuple[str, str]


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


@dataclass
class Guesser:
    """Votes of features for labels in one language."""

    own: Mapping[Feature, Label] = field(default_factory=dict)
    counts: dict[Feature, dict[Label, int]] = field(default_factory=dict)
    sizes: Counter[Label] = field(default_factory=Counter)
    _votes: dict[Feature, tuple[float, tuple[tuple[Label, float], ...]]] = field(default_factory=dict)

    def learn(self, label: Label, features: Iterable[Feature]) -> None:
        """Take in one example."""
        self.sizes[label] += 1
        for feature in set(features):
            counted = self.counts.setdefault(feature, {})
            counted[label] = counted.get(label, 0) + 1

    def score(self, features: Iterable[Feature]) -> dict[Label, float]:
        """The log-odds of each label; one that nothing speaks for or against has 0."""
        base = 0.0
        scores: dict[Label, float] = dict.fromkeys(self.sizes, 0.0)
        for feature in set(features):
            weighed = self._votes.get(feature)
            if weighed is None:
                if feature not in self.counts and feature not in self.own:
                    # Nothing was learned of it, and nothing of it is kept.
                    continue
                weighed = self._votes[feature] = self._weigh(feature)
            against, votes = weighed
            base += against
            for label, vote in votes:
                scores[label] = scores.get(label, 0.0) + vote
        return {label: base + score for label, score in scores.items()}

    def _weigh(self, feature: Feature) -> tuple[float, tuple[tuple[Label, float], ...]]:
        """A feature's vote against every label, and what it adds to that for the labels it speaks for."""
        counted: Mapping[Label, int] = self.counts.get(feature, {})
        own = self.own.get(feature)
        if not self.sizes or (not counted and own is None):
            return 0.0, ()
        weight = _WEIGHTS[feature[0]]
        # Labels have different numbers of examples; what counts is how often a feature is in ten of them.
        rates = {label: many / self.sizes[label] * 10 for label, many in counted.items()}
        prior, spread = (_PRIOR_OWN, 0.3) if own else (_PRIOR, 1.0)
        if own:
            rates[own] = rates.get(own, 0.0) + (1 - spread) * prior
        least = spread * prior / len(self.sizes)
        even = (sum(rates.values()) + spread * prior) / len(self.sizes)
        against = weight * math.log(least / even)
        return against, tuple(
            (label, weight * math.log((rate + least) / even) - against) for label, rate in rates.items()
        )


def rank(scores: Mapping[Label, float], sharpness: float = 1.0) -> list[tuple[Label, float]]:
    """Labels with their probability, the likeliest first."""
    if not scores:
        return []
    top = max(scores.values())
    powers = {label: math.exp(sharpness * (score - top)) for label, score in scores.items()}
    total = sum(powers.values())
    return sorted(((label, power / total) for label, power in powers.items()), key=lambda pair: -pair[1])
