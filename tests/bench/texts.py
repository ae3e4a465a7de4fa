"""Composing and understanding: microseconds a text, warm."""

import time
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from bot.settings import load_settings
from messages.compose import compose_reminder
from messages.facts import Visit
from messages.languages import LANGUAGES
from messages.understand import understand
from tests.bench.report import Section, find_median, find_quantile
from tests.conftest import CLINIC
from tests.daemons import ROOT

_STEPS = ("welcome", "safety", "prepare", "arrive")
_A_LANGUAGE = 20


def measure() -> Section:
    section = Section(
        "Composing and understanding",
        f"In one process, {len(LANGUAGES)} languages; composed are the four texts of an MRI, understood are "
        f"{_A_LANGUAGE} questions a language from `messages/examples/`.",
        ("", "p50", "p99", "texts per second"),
    )
    settings = load_settings(None, CLINIC)
    facts = settings.clinic_facts
    visit = Visit(facts.exams.get("mri-brain"), datetime(2027, 3, 9, 19, 5, tzinfo=UTC), "Ana", contrast=True)
    composing = [partial(compose_reminder, [step], one.code, facts, visit) for one in LANGUAGES for step in _STEPS]
    for what, works in (("composing", composing), ("understanding", list(_list_questions()))):
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
