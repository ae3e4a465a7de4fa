"""What the concepts of a text speak for, learned from the examples of all languages together.

Whoever writes "my granny is on the floor" in Somali is understood because somebody has in French. To learn it takes a
minute, so it was done beforehand: ``make gist`` writes ``gist.npz`` anew after a change of examples or concepts.
"""

import hashlib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from messages.concepts import FOLDER, Concepts, Place, list_concept_features
from messages.guessing import Example, Guesser, Keys, list_signs, number_features
from messages.languages import LANGUAGES
from messages.matching import Message, normalise
from messages.sounds import READINGS
from messages.words import EXAMPLES, read_examples

# What was learned, and the digest of what it was learned from.
LEARNED, SOURCE = (Path(__file__).with_name(name) for name in ("gist.npz", "gist.sha256"))


def read_gist() -> Guesser:
    """What was learned."""
    return Guesser.read(LEARNED)


def number_gist(text: str, places: Sequence[Place]) -> Keys:
    """The numbers of a text's concepts, and of how it is written."""
    return number_features(chain(list_concept_features(places), list_signs(text)))


def learn_gist() -> Guesser:
    """Learn from the examples of all languages."""
    examples = []
    for code in (language.code for language in LANGUAGES):
        concepts = Concepts(code)
        for label, text in read_examples(code):
            places = concepts.find(Message(normalise(text)))
            examples.append(Example(label, number_gist(text, places), {}))
    return Guesser(examples)


def find_digest() -> str:
    """What the examples and concepts are known by: another one once any of them changes."""
    digest = hashlib.sha256(READINGS.read_bytes())
    for language in LANGUAGES:
        for folder in (EXAMPLES, FOLDER):
            digest.update((folder / f"{language.code}.toml").read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    learn_gist().write(LEARNED)
    SOURCE.write_text(f"{find_digest()}\n")
