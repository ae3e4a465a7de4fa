"""What patients write, per language: ``words/<code>.toml`` and ``examples/<code>.toml``.

The words are phrases (see ``plain_form.py``), the examples whole texts with what they mean.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from messages.plain_form import PhraseError, check_form, simplify
from messages.reply_words import get_reply_words
from messages.topics import TOPICS

FOLDER = Path(__file__).parent / "words"
EXAMPLES = Path(__file__).parent / "examples"
CONCEPTS = Path(__file__).parent / "concepts"

# What a whole text must be, or what may stand anywhere in it.
WHOLE = (
    "emergency_alone",
    "stop",
    "start",
    "help",
    "menu",
    "language",
    "more",
    "yes",
    "no",
    "none",
    "unsure",
    "thanks",
)
# What is learned apart, because it has words of its own, and what it means: other business of the clinic; an emergency,
# a risk, an end of something or another appointment that is denied; the wish for no end of our texts.
MEANING = {
    **dict.fromkeys(("business", "no_emergency", "no_risk", "no_end", "no_change", "right_person"), "unknown"),
    "no_stop": "start",
}
# The concepts of other business: what they are called is a list of phrases as well.
BUSINESS = (
    *("prescription", "bill", "certificate", "job", "vaccine", "department", "lost_thing", "login", "visiting"),
    *("referral", "complaint", "aid", "new_details"),
)
ANYWHERE = (
    *("emergency", "stop_phrases", "start_phrases", "help_phrases", "menu_phrases", "language_phrases"),
    *("wrong_number", "change", "confirm", "condition", "auto_reply", "chatter"),
)
# What must be heard in whatever language it is said.
DANGEROUS = ("emergency", "stop_phrases")
# The topics of what the safety question asks about.
RISKS = ("implants", "metal", "contrast", "pregnancy")
# What answers a question by itself.
ANSWERS = ("yes", "no", "none", "thanks")
# Words that change what others mean, or that mean nothing.
GRAMMAR = ("asking", "negation", "past", "now", "but", "polite", "language_fillers")
INTENTS = (*WHOLE, *ANYWHERE, *GRAMMAR)
REPORTED = ("allergy", "implant", "other")
REPORT = (*REPORTED, "having", *(f"having_{what}" for what in REPORTED))
# What somebody must act on, whatever else is said; the most urgent first.
VITAL = (*DANGEROUS, "wrong_number", *(f"having_{what}" for what in REPORTED))
TOPIC_CODES = tuple(topic.code for topic in TOPICS)
EXAMPLE_INTENTS = (
    *("change", "confirm", "wrong_number", "help", "thanks", "menu", "start", "language", "stop", "emergency"),
    *("unknown", "yes", "no"),
    *MEANING,
)
# What is looked for in every language, whichever is spoken, beside all that is reported.
ABROAD = frozenset({*WHOLE, *VITAL, "start_phrases", "language_phrases", "auto_reply", "condition"})
# What counts wherever it stands in a long text, beside all that is reported; the rest is looked for in a part of it.
THROUGHOUT = frozenset(
    {
        *("emergency_alone", "stop", "start", "start_phrases", "wrong_number", "condition", "auto_reply"),
        *(*DANGEROUS, *ANSWERS, "asking", "negation", "past", "now", "but", *RISKS),
    }
)
# The same of a very long one, which is no short answer, and no "none of these" either.
AT_LENGTH = THROUGHOUT - {"emergency_alone", *ANSWERS, *RISKS}
_WORD_TABLES = {"intents": INTENTS, "topics": TOPIC_CODES, "report": REPORT}
_EXAMPLE_TABLES = {"intents": EXAMPLE_INTENTS, "topics": TOPIC_CODES, "report": REPORTED}

Table = Mapping[str, tuple[str, ...]]
# What a text means in one word: an intent, ``question:`` with its topic, ``report:`` with its kind.
Label = str
Plain = TypeVar("Plain", str, None)


@dataclass(frozen=True, slots=True)
class Tag:
    """Which list of which language a phrase is from."""

    code: str
    table: str
    key: str


# A phrase in its plain form, and the list it is from.
Entry = tuple[str, Tag]


@dataclass(frozen=True)
class Words:
    """One language's tables, their phrases as they are written."""

    code: str
    intents: Table
    topics: Table
    report: Table


class WordsError(ValueError):
    """A word file lacks a table or has one too many; ``path`` says which file."""

    def __init__(self, path: Path, trouble: str) -> None:
        super().__init__(f"{path.name}: {trouble}")
        self.path = path


def read_words(code: str) -> Words:
    """Read one language's words, and see that its examples can be read.

    Raises:
        WordsError: a table or a list is unknown, or a phrase cannot be read.
        OSError: a file is missing or unreadable.
    """
    path = FOLDER / f"{code}.toml"
    tables = _read_tables(path, read_lists(path), _WORD_TABLES)
    for name, table in tables.items():
        for phrase in chain.from_iterable(table.values()):
            _read_phrase(path, name, phrase, check_form)
    read_examples(code)
    return Words(code, **tables)


def list_entries(words: Words) -> list[Entry]:
    """One language's phrases in their plain form, and what each means; what our texts offer is among them.

    Raises:
        WordsError: a phrase has nothing to look for, or the concepts cannot be read.
        OSError: there are none.
    """
    path = FOLDER / f"{words.code}.toml"
    tables = (("intents", words.intents), ("topics", words.topics), ("report", words.report))
    entries: list[Entry] = []
    for name, table in tables:
        for key, phrases in table.items():
            tag = Tag(words.code, name, key)
            entries += [(_read_phrase(path, name, phrase, simplify), tag) for phrase in phrases]
    path, tag = CONCEPTS / f"{words.code}.toml", Tag(words.code, "intents", "business")
    concepts = read_lists(path)
    for name in BUSINESS:
        entries += [(_read_phrase(path, name, called, simplify), tag) for called in concepts.get(name, ())]
    # What we offer to whoever wants to be phoned is a call for help.
    offered = get_reply_words(words.code)
    entries.append((simplify(offered.call), Tag(words.code, "intents", "help")))
    entries += [(simplify(word), Tag(words.code, "shown_topics", topic)) for topic, word in offered.topics.items()]
    return entries


def read_examples(code: str) -> list[tuple[Label, str]]:
    """One language's example texts, each with what it means.

    Raises:
        WordsError, OSError: as for the words.
    """
    path = EXAMPLES / f"{code}.toml"
    prefixes = {"topics": "question:", "report": "report:", "intents": ""}
    tables = _read_tables(path, read_lists(path), _EXAMPLE_TABLES)
    return [
        (prefixes[name] + key, text) for name, table in tables.items() for key, texts in table.items() for text in texts
    ]


def read_lists(path: Path) -> dict[str, Any]:
    """A file of lists.

    Raises:
        WordsError: it is no TOML.
        OSError: it is missing or unreadable.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WordsError(path, str(error)) from None


def _read_tables(path: Path, data: dict[str, Any], known: dict[str, tuple[str, ...]]) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for name, keys in known.items():
        table = data.get(name, {})
        if odd := set(table) - set(keys):
            raise WordsError(path, f"[{name}] may have {', '.join(keys)}; check {', '.join(sorted(odd))}")
        tables[name] = {key: tuple(table.get(key, ())) for key in keys}
    return tables


def _read_phrase(path: Path, table: str, phrase: str, read: Callable[[str], Plain]) -> Plain:
    try:
        return read(phrase)
    except PhraseError:
        raise WordsError(path, f"[{table}] has a phrase that cannot be read: {phrase!r}") from None
