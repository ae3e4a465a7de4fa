"""The words people use, one file a language in ``messages/words``: what texts show and what we match.

A file has ``[shown]`` (the keywords that our texts offer), ``[shown_topics]`` (the word for each
topic in the menu); where we know them, ``[intents]`` and ``[topics]`` (words and phrases; a trailing ``*`` matches
any ending), and ``[report]`` (what a patient must tell us, and how people say that they have it).
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from messages.carriers import CARRIER_STARTS, CARRIER_STOPS
from messages.topics import TOPICS

FOLDER = Path(__file__).resolve().parent / "words"
SHOWN = ("menu", "language", "more")
INTENTS = (
    *("emergency", "stop", "stop_phrases", "start", "help", "menu", "language", "more", "wrong_number"),
    *("change", "confirm", "yes", "no", "none", "thanks", "condition", "asking"),
)
REPORTS = ("implant", "allergy", "having", "having_implant", "having_allergy")


@dataclass(frozen=True)
class Words:
    """One language's tables, as written in its file."""

    code: str
    shown: dict[str, str]
    shown_topics: dict[str, str]
    intents: dict[str, tuple[str, ...]]
    topics: dict[str, tuple[str, ...]]
    report: dict[str, tuple[str, ...]]


class WordsError(ValueError):
    """A word file lacks a table or has one too many; ``path`` says which file."""

    def __init__(self, path: Path, trouble: str) -> None:
        super().__init__(f"{path.name}: {trouble}")
        self.path = path


@cache
def read_words(code: str) -> Words:
    """Read one language's words.

    Raises:
        WordsError: a shown word is missing, a key is unknown, or a shown keyword is a carrier's word.
        OSError: the file is missing or unreadable.
    """
    path = FOLDER / f"{code}.toml"
    with path.open("rb") as file:
        data = tomllib.load(file)
    topics = tuple(topic.code for topic in TOPICS)
    needed = {"shown": SHOWN, "shown_topics": topics}
    known = {"intents": INTENTS, "topics": topics, "report": REPORTS}
    for table, keys in needed.items():
        if odd := set(keys) ^ set(data.get(table, {})):
            raise WordsError(path, f"[{table}] must have exactly {', '.join(keys)}; check {', '.join(sorted(odd))}")
    for table, keys in known.items():
        if odd := set(data.setdefault(table, {})) - set(keys):
            raise WordsError(path, f"[{table}] may have {', '.join(keys)}; check {', '.join(sorted(odd))}")
    offered = {word.upper() for word in (*data["shown"].values(), *data["shown_topics"].values())}
    if taken := offered & (CARRIER_STOPS | CARRIER_STARTS):
        raise WordsError(path, f"carriers act on {', '.join(sorted(taken))}: show another word")
    return Words(
        code,
        data["shown"],
        data["shown_topics"],
        *({key: tuple(data[table].get(key, ())) for key in keys} for table, keys in known.items()),
    )
