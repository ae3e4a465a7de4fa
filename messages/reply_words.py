"""The words that our texts ask people to answer with, per language: ``reply_words.toml``.

Whoever writes a text needs these few at once, and none of the thousands that people write by themselves.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from messages.carriers import CARRIER_STARTS, CARRIER_STOPS
from messages.languages import LANGUAGES
from messages.topics import TOPICS

_PATH = Path(__file__).with_name("reply_words.toml")
_NAMES = ("menu", "language", "more", "call")
_TOPIC_CODES = tuple(topic.code for topic in TOPICS)


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """One language's: for all topics, other languages, the rest of an answer, to be phoned; and each topic's."""

    menu: str
    language: str
    more: str
    call: str
    topics: Mapping[str, str]

    @property
    def all(self) -> tuple[str, ...]:
        return (self.menu, self.language, self.more, self.call, *self.topics.values())


def get_reply_words(code: str) -> ReplyWords:
    """One language's reply words.

    Raises:
        ValueError: one of some language is missing, unknown, or a carrier's word.
        OSError: the file is missing or unreadable.
    """
    return _read_all()[code]


@cache
def _read_all() -> dict[str, ReplyWords]:
    data = tomllib.loads(_PATH.read_text(encoding="utf-8"))
    return {language.code: _make_words(language.code, data.get(language.code, {})) for language in LANGUAGES}


def _make_words(code: str, table: dict[str, Any]) -> ReplyWords:
    topics = table.get("topics", {})
    if odd := set(table) ^ {*_NAMES, "topics"} | set(topics) ^ set(_TOPIC_CODES):
        raise ValueError(f"{_PATH.name}: of {code} a word is missing or unknown: {', '.join(sorted(odd))}")
    words = ReplyWords(**{name: table[name] for name in _NAMES}, topics={one: topics[one] for one in _TOPIC_CODES})
    if taken := {word.upper() for word in words.all} & (CARRIER_STOPS | CARRIER_STARTS):
        raise ValueError(f"{_PATH.name}: carriers act on {', '.join(sorted(taken))} of {code}: take another word")
    return words
