"""Composing and understanding: microseconds a text, warm."""

import time
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from random import Random

from bot.settings import load_settings
from messages.compose import compose_reminder
from messages.facts import Visit
from messages.languages import LANGUAGES
from messages.understand import LONGEST, understand
from messages.words import read_examples
from tests.bench.report import Section, find_median, find_quantile
from tests.conftest import CLINIC
from tests.daemons import ROOT

_VITAL = ("emergency", "stop", "wrong_number", "report:implant", "report:allergy")
_STEPS = ("welcome", "safety", "prepare", "arrive")
_A_LANGUAGE, _DENSE = 20, 40


def measure() -> Section:
    section = Section(
        "Composing and understanding",
        f"In one process, {len(LANGUAGES)} languages; composed are the four texts of an MRI, understood are "
        f"{_A_LANGUAGE} questions a language from `messages/examples/`. Dense are {2 * _DENSE} texts of {LONGEST:,} "
        "characters: what staff must see, one thing behind the other, in Chinese and in all languages.",
        ("", "p50", "p99", "texts per second"),
    )
    settings = load_settings(None, CLINIC)
    facts = settings.clinic_facts
    visit = Visit(facts.exams.get("mri-brain"), datetime(2027, 3, 9, 19, 5, tzinfo=UTC), "Ana", contrast=True)
    composing = [partial(compose_reminder, [step], one.code, facts, visit) for one in LANGUAGES for step in _STEPS]
    rows = (("composing", composing), ("understanding", _list_questions()), ("understanding, dense", _list_dense()))
    for what, works in rows:
        spans = _time(works)
        cells = (f"{find_median(spans):,.0f} µs", f"{find_quantile(spans, 0.99):,.0f} µs")
        section.rows.append((what, *cells, f"{len(spans) / sum(spans) * 1e6:,.0f}"))
    return section


def _list_questions() -> Sequence[Callable[[], object]]:
    works: list[Callable[[], object]] = []
    for language in LANGUAGES:
        file = ROOT / "messages" / "examples" / f"{language.code}.toml"
        topics = tomllib.loads(file.read_text(encoding="utf-8"))["topics"] if file.exists() else {}
        questions = [question for asked in topics.values() for question in asked[:2]][:_A_LANGUAGE]
        works += [partial(understand, question, language.code) for question in questions]
    return works


def _list_dense() -> Sequence[Callable[[], object]]:
    """What takes longest: whatever staff must see, one behind the other, with and without punctuation."""
    draw = Random(0)
    languages = {language.code: read_examples(language.code) for language in LANGUAGES}
    vital = {code: [text for label, text in of_code if label in _VITAL] for code, of_code in languages.items()}
    chinese = [*vital["zh_Hans"], *vital["zh_Hant"]]
    of_all = [text for texts in vital.values() for text in draw.sample(texts, 100)]
    works: list[Callable[[], object]] = []
    for texts in (chinese, of_all):
        for number in range(_DENSE):
            joined = ("", "，", ". ", " ")[number % 4].join(draw.sample(texts, 300))
            works.append(partial(understand, joined[:LONGEST], ("zh_Hans", "zh_Hant", "en")[number % 3]))
    return works


def _time(works: Sequence[Callable[[], object]], rounds: int = 5) -> list[float]:
    """Microseconds of each, in the median of the rounds; a first round, which reads the catalogues, not counted."""
    spans: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 1):
        for place, work in enumerate(works):
            began = time.perf_counter()
            work()
            if number:
                spans[place].append((time.perf_counter() - began) * 1e6)
    return [find_median(one) for one in spans]
