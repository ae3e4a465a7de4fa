"""What patients write, labelled: how much of it is understood.

``tests/data/texts/<code>.csv`` was written, by machine, without sight of the word lists. Its rows with an even number
are for tuning; the others are held out, and what is reported is measured on them.
"""

import csv
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from messages.understand import INTENTS, Understanding, understand
from messages.words import TOPIC_CODES
from tests.texts import CODES


class Unseen(NamedTuple):
    """A set of texts, and the least share of each language and of all that must be understood.

    ``left_to_a_person`` says that a person may read what keeps an appointment or the texts.
    """

    name: str
    least: float
    least_of_all: float
    left_to_a_person: bool = False


def list_sets(name: str) -> list[Path]:
    return sorted(Path(__file__).parent.joinpath("data", name).glob("*.csv"))


SETS = list_sets("texts")

# The share of the held-out half that must be understood, a little below what was measured; never lowered. The goal
# is 0.95 for English and Spanish and 0.9 for the others.
# fmt: off
LEAST = {
    "en": 0.92, "es": 0.92, "zh_Hans": 0.94, "zh_Hant": 0.89, "vi": 0.97, "ko": 0.94, "fil": 0.9, "ru": 0.95,
    "ar": 0.95, "ht": 0.95, "fr": 0.95, "pt_BR": 0.95, "pl": 0.97, "it": 0.87, "de": 0.97, "ja": 0.97,
    "fa": 0.95, "hi": 0.9, "uk": 0.92, "ur": 0.95, "bn": 0.95, "pa": 0.97, "so": 0.97, "hy": 0.97,
}
# fmt: on
# And of what is dangerous to miss, over all languages and both halves.
LEAST_DANGEROUS = {"stop": 0.99, "emergency": 0.97, "report": 0.96}

# ``tests/data/everyday`` is what most patients send, written without sight of the word lists. What is misread of it was
# looked at on 27 November 2026, while lists were widened: it is unseen no more. A question may be labelled in more than
# one way, what is dangerous not.
EVERYDAY = list_sets("everyday")
LEAST_EVERYDAY, LEAST_EVERYDAY_OF_ALL = 0.9, 0.96

# ``tests/data/fresh`` was written, by machine, after all lists and examples and without sight of them: 95.5 % of it was
# understood when it was first read. Which language is asked for it does not say.
FRESH = Unseen("fresh", 0.9, 0.96)

# ``tests/data/inventive`` is harder: people who ramble, in dialect, in ways that one would not think of first. It was
# written, by machine, once all else was there, and 83 % of it was understood when it was first read.
INVENTIVE = Unseen("inventive", 0.72, 0.86)

# ``tests/data/later`` was written, by machine, when all else but what is learned apart was there: 95.0 % of it was
# understood when it was first read, of other business of the clinic hardly any, which is why that is learned apart.
LATER = Unseen("later", 0.9, 0.96)

# ``tests/data/newest`` was written, by machine and without sight of anything, once that was learned: 96.8 % of it was
# understood when it was first read, 94.8 % would have been before.
NEWEST = Unseen("newest", 0.87, 0.95)

# ``tests/data/latest`` was written so once that, too, was there: 96.5 % of it was understood when it was first read. It
# showed that "I cannot read English, in Spanish please" was answered in English, and "I deleted your text" a stop.
LATEST = Unseen("latest", 0.87, 0.95)

# ``tests/data/business`` and ``tests/data/denied`` are of the writers of what that is learned from, and were kept from
# learning: other business beside what is near to it, and texts whose "not" or "if" turns the meaning. What is denied a
# person may read.
BUSINESS, DENIED = Unseen("business", 0.6, 0.8), Unseen("denied", 0.55, 0.7, left_to_a_person=True)

# ``tests/data/pairs`` is the hardest: of each two texts that follow one another, which share most of their words, one
# means something and one denies it or asks. They are a fifth of such pairs, kept from learning.
PAIRS = Unseen("pairs", 0.55, 0.7, left_to_a_person=True)


def read_rows(path: Path, *, held_out: bool) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row for number, row in enumerate(csv.DictReader(file)) if (number % 2 == 1) is held_out]


def understand_row(row: dict[str, str], code: str) -> Understanding:
    return understand(row["text"], code, row["awaiting"] or None)


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_a_labelled_set_is_well_formed(path: Path) -> None:
    rows = [*read_rows(path, held_out=False), *read_rows(path, held_out=True)]
    assert path.stem in CODES
    assert len({row["text"] for row in rows}) == len(rows) >= 60
    for row in rows:
        assert row["intent"] in INTENTS
        assert row["intent"] != "question" or row["detail"] in TOPIC_CODES
    assert {row["detail"] for row in rows if row["intent"] == "question"} == set(TOPIC_CODES)


@pytest.mark.parametrize("code", LEAST)
def test_enough_of_the_held_out_half_is_understood(code: str) -> None:
    path = next(path for path in SETS if path.stem == code)
    rows = read_rows(path, held_out=True)
    right = sum(
        (found.intent, found.detail) == (row["intent"], row["detail"] or None)
        for row in rows
        for found in [understand_row(row, code)]
    )
    assert right / len(rows) >= LEAST[code]


@pytest.fixture(scope="module")
def everyday() -> list[tuple[str, dict[str, str], Understanding]]:
    """Each text of the everyday sets with its language and what is made of it."""
    rows = []
    for path in EVERYDAY:
        with path.open(encoding="utf-8", newline="") as file:
            rows += [(path.stem, row, understand_row(row, path.stem)) for row in csv.DictReader(file)]
    assert {code for code, _, _ in rows} == set(CODES)
    return rows


def test_what_patients_send_every_day_is_understood(everyday: list[tuple[str, dict[str, str], Understanding]]) -> None:
    right = Counter(
        code for code, row, found in everyday if (found.intent, found.detail) == (row["intent"], row["detail"] or None)
    )
    rows = Counter(code for code, _, _ in everyday)
    assert {code: right[code] / many for code, many in rows.items() if right[code] / many < LEAST_EVERYDAY} == {}
    assert right.total() / rows.total() >= LEAST_EVERYDAY_OF_ALL


@pytest.mark.parametrize(
    "unseen", [FRESH, INVENTIVE, LATER, NEWEST, LATEST, BUSINESS, DENIED, PAIRS], ids=lambda unseen: unseen.name
)
def test_what_nobody_had_seen_is_understood(unseen: Unseen) -> None:
    right, rows = Counter[str](), Counter[str]()
    for path in list_sets(unseen.name):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found = understand_row(row, path.stem)
                is_detail_right = found.detail == (row["detail"] or None) or found.intent == "language"
                is_left_to_a_person = (
                    unseen.left_to_a_person and row["intent"] in ("start", "confirm") and found.intent == "unknown"
                )
                right[path.stem] += (found.intent == row["intent"] and is_detail_right) or is_left_to_a_person
                rows[path.stem] += 1
    assert set(rows) == set(CODES)
    assert {code: right[code] / many for code, many in rows.items() if right[code] / many < unseen.least} == {}
    assert right.total() / rows.total() >= unseen.least_of_all


@pytest.mark.parametrize("intent", ["stop", "emergency"])
def test_nothing_dangerous_is_missed_of_what_patients_send_every_day(
    everyday: list[tuple[str, dict[str, str], Understanding]], intent: str
) -> None:
    assert [row["text"] for _, row, found in everyday if (row["intent"] == intent) != (found.intent == intent)] == []


def read_all() -> list[tuple[dict[str, str], str]]:
    return [(row, path.stem) for path in SETS for half in (False, True) for row in read_rows(path, held_out=half)]


def test_nobody_is_stopped_who_did_not_ask_for_it() -> None:
    wrong = [row for row, code in read_all() if row["intent"] != "stop" and understand_row(row, code).intent == "stop"]
    assert len(wrong) <= 2, wrong


@pytest.mark.parametrize("intent", LEAST_DANGEROUS)
def test_what_is_dangerous_to_miss_is_hardly_ever_missed(intent: str) -> None:
    rows = [(row, code) for row, code in read_all() if row["intent"] == intent]
    caught = sum(understand_row(row, code).intent == intent for row, code in rows)
    assert caught / len(rows) >= LEAST_DANGEROUS[intent]


def test_labels_are_spread_over_intents() -> None:
    counted = Counter(row["intent"] for path in SETS for row in read_rows(path, held_out=True))
    assert {"stop", "emergency", "report", "question", "change"} <= set(counted)
