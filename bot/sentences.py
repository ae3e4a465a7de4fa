"""Sentences that staff read, in English, and ready to be said in another language."""

import json
from collections.abc import Iterable
from datetime import date
from functools import reduce
from typing import Any


class Day(str):
    """A day in a sentence, ``Thu, Mar 12`` in English; ``day`` is what another language writes its own way."""

    day: date

    def __new__(cls, day: date) -> "Day":
        words = super().__new__(cls, f"{day:%a, %b} {day.day}")
        words.day = day
        return words


class Sentence(str):
    """An English sentence that remembers what it was made from.

    ``template`` has ``%(name)s`` where ``values`` go: a page translates it, then fills it in. A value may be a
    sentence, or part of one, itself, a ``Day``, or a list of sentences. A template without values stands as it is.
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, **values: Any) -> "Sentence":
        filled = {name: ", ".join(value) if isinstance(value, list) else value for name, value in values.items()}
        sentence = super().__new__(cls, template % filled if values else template)
        sentence.template, sentence.values = template, values
        return sentence

    def pack(self) -> Any:
        """A value of JSON that ``unpack`` makes the same sentence from."""
        return {"template": self.template, "values": {name: _pack(value) for name, value in self.values.items()}}

    @classmethod
    def unpack(cls, packed: Any) -> "Sentence":
        """The sentence that was packed; a plain string stands as it is."""
        if isinstance(packed, str):
            return packed if isinstance(packed, cls) else cls(packed)
        return cls(packed["template"], **{name: _unpack(value) for name, value in packed["values"].items()})


def _pack(value: Any) -> Any:
    if isinstance(value, Sentence):
        return value.pack()
    if isinstance(value, list):
        return [_pack(one) for one in value]
    return {"day": value.day.isoformat()} if isinstance(value, Day) else value


def _unpack(packed: Any) -> Any:
    if isinstance(packed, list):
        return [_unpack(one) for one in packed]
    if isinstance(packed, dict):
        return Day(date.fromisoformat(packed["day"])) if "day" in packed else Sentence.unpack(packed)
    return packed


def join(sentences: Iterable[Sentence]) -> Sentence:
    """One after the other, with a space between."""
    return reduce(lambda before, after: Sentence("%(before)s %(after)s", before=before, after=after), sentences)


def write_template(words: str) -> str:
    """What to keep beside the English words so that ``read_sentence`` makes them a sentence; empty if they are all."""
    is_filled = isinstance(words, Sentence) and words.values
    return json.dumps(words.pack(), ensure_ascii=False) if is_filled and isinstance(words, Sentence) else ""


def read_sentence(words: str, template: str) -> Sentence:
    """The sentence of these English words; whoever changed them without it has the last word."""
    sentence = Sentence.unpack(json.loads(template)) if template else None
    return sentence if sentence is not None and str(sentence) == words else Sentence(words)


NOTHING = Sentence.unpack("")


class SentenceError(ValueError):
    """Something is not right; ``sentence`` says to staff what, and what would be right."""

    def __init__(self, template: str, **values: Any) -> None:
        self.sentence = template if isinstance(template, Sentence) else Sentence(template, **values)
        super().__init__(self.sentence)
