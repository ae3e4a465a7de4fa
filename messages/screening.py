"""The screening questions and what comes first, from ``screening.toml`` or a clinic's own copy of it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from messages.exams import ASKS, KINDS, Exam
from messages.languages import SOURCE, find_language
from messages.speaker import Speaker, UntranslatedError, say

DEFAULT_FORM = Path(__file__).with_name("screening.toml")
MAX_QUESTION = 160

# The first question, which the safety reminder asks; and what is told in words without being asked.
SAFETY, REPORTED = "safety", "report"

SENTENCES = {
    "device": say(
        "Do you have a device in your body, such as a pacemaker, nerve stimulator, pump, sensor or ear implant?"
    ),
    "surgery": say(
        "Did an operation leave something in your body, such as a clip, coil, stent, shunt, heart valve, joint or "
        "screw?"
    ),
    "metal": say("Has metal ever got into your eyes, or do you have a bullet or splinter in your body?"),
    "contrast": say("Do you have an allergy or kidney disease, or have you ever reacted badly to contrast dye?"),
    "allergy": say("Do you have an allergy?"),
    "blood": say("Do you take a blood thinner, or do you bleed easily?"),
    "pregnancy": say("Could you be pregnant, or are you breastfeeding?"),
    "other": say(
        "Is there anything else: an operation in the last 6 weeks, a medicine patch, tattoo, piercing or hearing aid, "
        "fear of tight spaces, trouble in an earlier MRI?"
    ),
}


class FormError(ValueError):
    """The file of questions cannot be used; the message says which entry and what is expected."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question by text; ``screening.toml`` explains each field."""

    code: str
    label: str
    urgency: int
    asks: tuple[str, ...]
    kinds: tuple[str, ...] = KINDS
    contrast: bool = False
    text: Mapping[str, str] = field(default_factory=dict)

    def say(self, speaker: Speaker) -> str:
        """The question in a language.

        Raises:
            UntranslatedError: the clinic's own question is not written in it.
        """
        if self.code in SENTENCES and not self.text:
            return speaker.say(SENTENCES[self.code])
        if speaker.language.code not in self.text:
            raise UntranslatedError(self.code)
        return self.text[speaker.language.code]

    @property
    def english(self) -> str:
        return self.text.get(SOURCE) or SENTENCES[self.code]


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the paper form; without ``asked_with`` it is asked at the clinic alone."""

    id: str
    question: str
    asked_with: str = ""
    source: str = ""


class Soon(NamedTuple):
    """What is added to a task's urgency when its exam is so near, and what staff are to do then."""

    within: timedelta
    adds: int
    advice: str = ""


@dataclass(frozen=True)
class Form:
    """What a clinic asks before a scan, in order, and what counts how much."""

    questions: tuple[Question, ...]
    items: tuple[Item, ...]
    counts: Mapping[str, int]
    soon: tuple[Soon, ...]

    def find_questions(self, exam: Exam, *, contrast: bool) -> tuple[Question, ...]:
        """The questions that fit an exam, in the order in which they are asked."""
        return tuple(
            question
            for question in self.questions
            if exam.kind in question.kinds
            and set(question.asks) & set(exam.asks)
            and (contrast or not question.contrast)
        )

    def find(self, code: str) -> Question | None:
        return next((question for question in self.questions if question.code == code), None)

    def find_urgency(self, code: str, detail: str | None = None) -> int:
        """What an answer that is no plain no counts; ``detail`` is what a report in words was about."""
        question = self.find(code)
        if question is not None:
            return question.urgency
        if code == REPORTED or detail:
            return self.counts.get(detail or "other", self.counts["other"])
        return self.counts["unexplained"]

    def find_added(self, left: timedelta) -> int:
        """What is added for the little time that is left before the scan."""
        return max((soon.adds for soon in self.soon if left <= soon.within), default=0)

    def find_advice(self, left: timedelta) -> str:
        """What staff are to do with so little time left: ``look at it today``; empty when there is time."""
        near = [soon for soon in self.soon if left <= soon.within]
        return min(near).advice if near else ""


@cache
def read_form(own: Path | None = None) -> Form:
    """Read our questions, or those of a clinic's own file instead.

    Raises:
        FormError: the file is missing or an entry in it is wrong.
    """
    path = own or DEFAULT_FORM
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FormError(f"the file cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FormError(f"{path.name}: {error}") from error
    if odd := data.keys() - {"questions", "items", "urgency", "soon"}:
        raise FormError(f"{path.name}: there is no {', '.join(sorted(odd))}")
    if not all(isinstance(data.get(name, []), list) for name in ("questions", "items", "soon")) or not isinstance(
        data.get("urgency", {}), dict
    ):
        raise FormError(f"{path.name}: it may hold [[questions]], [[items]], [[soon]] and [urgency] alone")
    questions = tuple(
        _read_question(f"{path.name}: question {at}", entry) for at, entry in enumerate(data.get("questions", []), 1)
    )
    codes = [question.code for question in questions]
    if not codes or len(set(codes)) != len(codes):
        raise FormError(f"{path.name}: it needs at least one question, and each code once")
    items = tuple(
        _read_item(f"{path.name}: item {at}", entry, codes) for at, entry in enumerate(data.get("items", []), 1)
    )
    counts = {"implant": 90, "allergy": 60, "other": 60, "unexplained": 75, **data.get("urgency", {})}
    if len(counts) != len(_COUNTS) or not all(_is_number(value, 100) for value in counts.values()):
        raise FormError(f"{path.name}: urgency must be {', '.join(_COUNTS)}, each from 0 to 100")
    soon = tuple(_read_soon(f"{path.name}: soon {at}", entry) for at, entry in enumerate(data.get("soon", []), 1))
    return Form(questions, items, MappingProxyType(counts), soon)


_COUNTS = ("implant", "allergy", "other", "unexplained")


def _read_question(where: str, entry: Any) -> Question:
    known = {"code", "label", "urgency", "asks", "kinds", "contrast", "text"}
    if not isinstance(entry, dict) or entry.keys() - known or {"code", "label", "urgency", "asks"} - entry.keys():
        raise FormError(f"{where}: it needs code, label, urgency and asks, and may have kinds, contrast and text")
    code, text = entry["code"], entry.get("text", {})
    if not isinstance(code, str) or not code.replace("-", "").isalnum() or code in (SAFETY, REPORTED):
        raise FormError(f"{where}: code must be a short word, and not {SAFETY} or {REPORTED}")
    if not isinstance(entry["label"], str) or not _is_number(entry["urgency"], 100):
        raise FormError(f"{where}: label must be a text, and urgency a whole number from 0 to 100")
    if not _is_choice(entry["asks"], ASKS) or not _is_choice(entry.get("kinds", list(KINDS)), KINDS):
        raise FormError(f"{where}: asks must be of {', '.join(ASKS)}, and kinds of {', '.join(KINDS)}")
    if not isinstance(entry.get("contrast", False), bool):
        raise FormError(f"{where}: contrast must be true or false")
    return Question(
        code,
        entry["label"],
        entry["urgency"],
        tuple(entry["asks"]),
        tuple(entry.get("kinds", KINDS)),
        entry.get("contrast", False),
        _read_text(where, code, text),
    )


def _read_text(where: str, code: str, text: Any) -> Mapping[str, str]:
    if not text and code in SENTENCES:
        return MappingProxyType({})
    if not isinstance(text, dict) or SOURCE not in text:
        raise FormError(f'{where}: a question of your own needs text = {{ en = "..." }}, at least in English')
    read = {}
    for name, sentence in text.items():
        language = find_language(name)
        if language is None or not isinstance(sentence, str) or not 0 < len(sentence.strip()) <= MAX_QUESTION:
            raise FormError(f"{where}: text is a sentence of at most {MAX_QUESTION} letters for each language code")
        read[language.code] = sentence.strip()
    return MappingProxyType(read)


def _read_item(where: str, entry: Any, codes: list[str]) -> Item:
    if (
        not isinstance(entry, dict)
        or {"id", "question"} - entry.keys()
        or entry.keys() - {"id", "question", "asked_with", "source"}
        or not all(isinstance(value, str) for value in entry.values())
        or entry.get("asked_with", codes[0]) not in codes
    ):
        raise FormError(f"{where}: it needs id and question, and may have source and asked_with, a question's code")
    return Item(**entry)


def _read_soon(where: str, entry: Any) -> Soon:
    if not isinstance(entry, dict) or {"days", "adds"} - entry.keys() or entry.keys() - {"days", "adds", "advice"}:
        raise FormError(f"{where}: it needs days and adds, and may have advice")
    if not _is_number(entry["days"]) or not _is_number(entry["adds"]) or not isinstance(entry.get("advice", ""), str):
        raise FormError(f"{where}: days and adds must be whole numbers, and advice a text")
    return Soon(timedelta(days=entry["days"]), entry["adds"], entry.get("advice", "").strip())


def _is_number(value: Any, most: int = 365) -> bool:
    # TOML's true is a 1 in Python; in this file it is a mistake.
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _is_choice(value: Any, among: tuple[str, ...]) -> bool:
    return isinstance(value, list) and bool(value) and set(map(str, value)) <= set(among)
