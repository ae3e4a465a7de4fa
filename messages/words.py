"""The words people use, one file a language in ``messages/words``: what texts show and what we match.

A file has ``[shown]`` (the keywords that our texts offer), ``[shown_topics]`` (the word for each
topic in the menu), ``[intents]`` and ``[topics]`` (words and phrases; a trailing ``*`` matches
any ending), and ``[report]`` (what a patient must tell us, and how people say that they have it).
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from messages.topics import TOPICS

FOLDER = Path(__file__).resolve().parent / "words"
SHOWN = ("menu", "language")
# Handled by the carrier before or beside us: no text of ours may offer one of them as a reply.
CARRIER_STOPS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
CARRIER_STARTS = frozenset({"START", "YES", "UNSTOP"})
INTENTS = (
    *("emergency", "stop", "stop_phrases", "start", "help", "menu", "language", "wrong_number"),
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
        WordsError: a table or key is missing or unknown, or a shown keyword is a carrier's word.
        OSError: the file is missing or unreadable.
    """
    path = FOLDER / f"{code}.toml"
    with path.open("rb") as file:
        data = tomllib.load(file)
    topics = tuple(topic.code for topic in TOPICS)
    wanted = {"shown": SHOWN, "shown_topics": topics, "intents": INTENTS, "topics": topics, "report": REPORTS}
    for table, keys in wanted.items():
        if odd := set(keys) ^ set(data.get(table, {})):
            raise WordsError(path, f"[{table}] must have exactly {', '.join(keys)}; check {', '.join(sorted(odd))}")
    offered = {word.upper() for word in (*data["shown"].values(), *data["shown_topics"].values())}
    if taken := offered & (CARRIER_STOPS | CARRIER_STARTS):
        raise WordsError(path, f"carriers act on {', '.join(sorted(taken))}: show another word")
    return Words(
        code,
        data["shown"],
        data["shown_topics"],
        *({key: tuple(values) for key, values in data[table].items()} for table in ("intents", "topics", "report")),
    )
