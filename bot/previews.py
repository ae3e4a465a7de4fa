"""Edge: all texts of a plan, and the answers, for reading, printing and for a translator."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from bot.models import TextKind
from bot.schedule import Plan, kind_of
from messages.compose import (
    COMPANION_STEPS,
    NOTICES,
    compose_answer,
    compose_companion,
    compose_language_question,
    compose_more,
    compose_reminder,
    compose_reply,
    compose_topic_question,
    name_visit,
)
from messages.exams import Exam
from messages.facts import ClinicFacts, Visit
from messages.fitting import Text, find_budget
from messages.languages import Language, get_language
from messages.replies import REPLIES
from messages.topics import TOPICS

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("web") / "templates"), autoescape=True, trim_blocks=True
)
_SAMPLE_NAME, _SAMPLE_COMPANION = "Ana", "Luis"


@dataclass(frozen=True, slots=True)
class Sample:
    """The clinic, its plan and the visit that texts are shown for; ``moved_from`` is the start before a move."""

    clinic: ClinicFacts
    plan: Plan
    visit: Visit
    moved_from: datetime


@dataclass(frozen=True, slots=True)
class Preview:
    """One text as people read it. ``step`` is the plan's own name, or several joined with +."""

    step: str
    kind: str
    text: Text
    budget: int

    def to_json(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "kind": self.kind,
            "language": self.text.language,
            "text": self.text.body,
            "encoding": self.text.measure.encoding,
            "segments": self.text.measure.segments,
            "reviewed": self.text.reviewed,
        }


def make_sample(
    clinic: ClinicFacts, plan: Plan, exam: Exam, now: datetime, *, contrast: bool, sedation: bool
) -> Sample:
    """A visit in two weeks, at half past ten."""
    local = now.astimezone(clinic.zone)
    starts_at = (local + timedelta(days=14)).replace(hour=10, minute=30, second=0, microsecond=0)
    visit = Visit(exam, starts_at, _SAMPLE_NAME, contrast, sedation, companion_name=_SAMPLE_COMPANION)
    return Sample(clinic, plan, visit, starts_at - timedelta(days=2))


def preview_plan(sample: Sample, language: str) -> list[Preview]:
    """Every text of the plan, then a late booking's, a move's and a cancellation's; then the companion's."""
    steps = [step.name for step in sample.plan.steps]
    patients = [(name,) for name in steps] + [tuple(steps)] + [(notice,) for notice in NOTICES]
    companions = [
        kept for names in patients if (kept := tuple(name for name in names if kind_of(name) in COMPANION_STEPS))
    ]
    return [
        *(_preview(sample, names, language, for_companion=False) for names in dict.fromkeys(patients)),
        *(_preview(sample, names, language, for_companion=True) for names in dict.fromkeys(companions)),
    ]


def _preview(sample: Sample, names: Sequence[str], language: str, *, for_companion: bool) -> Preview:
    kinds = [kind_of(name) for name in names]
    compose = compose_companion if for_companion else compose_reminder
    text = compose(kinds, language, sample.clinic, sample.visit, sample.moved_from)
    kind = TextKind.NOTICE if names[0] in NOTICES else TextKind.REMINDER
    budget = find_budget(text.language, merged=len(names) > 1)
    return Preview("+".join(names), "companion" if for_companion else str(kind), text, budget)


def preview_answers(sample: Sample, language: str) -> Iterator[Preview]:
    """Every answer of the FAQ for this exam, with what MORE gives, and every reply."""
    clinic, visit = sample.clinic, sample.visit
    for topic in TOPICS:
        yield _preview_answer(topic.code, compose_answer(topic, language, clinic, visit))
        if topic.find_more(visit.exam.kind):
            yield _preview_answer(f"{topic.code}+more", compose_more(topic, language, clinic, visit))
        if topic.named:
            yield _preview_answer(f"{topic.code}+named", compose_answer(topic, language, clinic, visit, named=True))
    later = replace(visit, starts_at=visit.starts_at + timedelta(days=7))
    choices = [name_visit(language, clinic, one) for one in (visit, later)]
    questions = {
        "ask_language": compose_language_question(language, clinic),
        "ask_topic": compose_topic_question(TOPICS[:2], language, clinic),
    }
    for reply in REPLIES:
        text = questions.get(reply) or compose_reply(reply, language, clinic, visit, choices)
        yield _preview_answer(reply, text)


def _preview_answer(step: str, text: Text) -> Preview:
    return Preview(step, str(TextKind.REPLY), text, find_budget(text.language))


def write_page(sample: Sample, languages: Sequence[str]) -> str:
    """An HTML page with each text in these languages side by side."""
    columns: list[tuple[Language, list[Preview]]] = [
        (get_language(code), [*preview_plan(sample, code), *preview_answers(sample, code)]) for code in languages
    ]
    rows = [
        (texts[0], [(language, text) for (language, _), text in zip(columns, texts, strict=True)])
        for texts in zip(*(texts for _, texts in columns), strict=True)
    ]
    return _TEMPLATES.get_template("preview.html").render(
        sample=sample, rows=rows, languages=[language for language, _ in columns], get_language=get_language
    )
