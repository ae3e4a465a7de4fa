"""Every text we send, as a string.

A text is a few whole sentences in one language. When one of them has no usable translation, the
whole text is written in the clinic's default language instead, and in English at the last.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from messages.facts import ClinicFacts, Visit, fill, find_address, make_speaker
from messages.fitting import Sentence, Text, list_forms, shorten, speak
from messages.languages import LANGUAGES
from messages.reminders import (
    ABOUT,
    DRIVER_NEEDED,
    write_companion,
    write_fasting,
    write_minutes,
    write_reminder,
)
from messages.replies import ABOUT_ONE, MORE, NOTHING_MORE, OTHER_LANGUAGES, REPLIES, USUAL_DURATION
from messages.segments import measure
from messages.speaker import Speaker
from messages.topics import Topic

REMINDERS = ("welcome", "safety", "prepare", "arrive")
NOTICES = ("moved", "cancelled")
# What a companion is told of; the safety questions are for the patient.
COMPANION_STEPS = ("welcome", "prepare", "arrive", *NOTICES)
# A text has room for so many names, whatever their script.
LANGUAGES_AT_ONCE = 5

_Write = Callable[[Sequence[str], Speaker, ClinicFacts, Visit, datetime | None], Iterator[Sentence]]


def compose_reminder(
    steps: Sequence[str],
    language: str,
    clinic: ClinicFacts,
    visit: Visit,
    moved_from: datetime | None = None,
) -> Text:
    """Write one text to a patient for one or several steps of the plan; several are merged, safety first.

    A text over its budget loses its most dispensable sentences; see ``messages.fitting``.

    Args:
        steps: of ``REMINDERS`` and ``NOTICES``; ``moved`` needs ``moved_from``, the old start. With ``again``,
            ``safety`` says that its question waits for an answer; with ``companion`` it says whom it is about.
        language: the code of the language wanted; the text says which it came out in.
    """
    return speak(
        language,
        clinic,
        lambda speaker: _list_forms(write_reminder, steps, speaker, clinic, visit, moved_from),
        merged=len(set(steps) - {"again", "companion"}) > 1,
    )


def compose_companion(
    steps: Sequence[str],
    language: str,
    clinic: ClinicFacts,
    visit: Visit,
    moved_from: datetime | None = None,
) -> Text:
    """Write the companion's own text for one or several of ``COMPANION_STEPS``; the rest is as for a patient's."""
    return speak(
        language,
        clinic,
        lambda speaker: _list_forms(write_companion, steps, speaker, clinic, visit, moved_from),
        merged=len(steps) > 1,
    )


def _list_forms(
    write: _Write,
    steps: Sequence[str],
    speaker: Speaker,
    clinic: ClinicFacts,
    visit: Visit,
    moved_from: datetime | None,
) -> Iterator[str]:
    return list_forms(
        visit,
        lambda visit: write(steps, speaker, clinic, visit, moved_from),
        lambda sentences: speaker.say("{clinic}: {text}", clinic=clinic.name, text=speaker.join(*sentences)),
    )


def compose_answer(
    topic: Topic, language: str, clinic: ClinicFacts, visit: Visit | None, *, named: bool = False
) -> Text:
    """Answer a question: with the clinic's own words, if there are any in this language, or else with ours.

    ``named``: the patient's own text named the condition.
    """
    if own := clinic.own_answers.get((topic.code, language)):
        return Text(own, language, measure(own), reviewed=True)
    if visit is None and topic.code == "when":
        return compose_reply("no_appointment", language, clinic)
    if topic.code == "where" and not find_address(clinic, visit):
        return compose_reply("no_address", language, clinic)
    kind = visit.exam.kind if visit else "mri"

    def write(speaker: Speaker) -> Iterator[str]:
        values = fill(speaker, clinic, visit)
        answer = speaker.say(topic.find_answer(kind, named=named), **values)
        answer = speaker.join(_write_facts(topic, speaker, clinic, visit), answer)
        if topic.find_more(kind):
            # On a line of its own: an answer may end with a phone number.
            yield f"{answer}\n{speaker.say(MORE, **values)}"
        yield answer

    return speak(language, clinic, write)


def compose_more(topic: Topic, language: str, clinic: ClinicFacts, visit: Visit | None) -> Text:
    """Say what there is beyond the answer, or that there is no more."""
    sentence = topic.find_more(visit.exam.kind if visit else "mri") or NOTHING_MORE
    return speak(language, clinic, lambda speaker: [speaker.say(sentence, **fill(speaker, clinic, visit))])


def _write_facts(topic: Topic, speaker: Speaker, clinic: ClinicFacts, visit: Visit | None) -> str:
    """What this patient's own appointment adds to the answer, as a sentence."""
    match topic.code:
        case "duration":
            return write_minutes(speaker, clinic, visit) if visit else speaker.say(USUAL_DURATION)
        case "food" if visit:
            return write_fasting(speaker, clinic, visit)
        case "companion" if visit and visit.needs_driver:
            return speaker.say(DRIVER_NEEDED)
    return ""


def compose_reply(
    reply: str,
    language: str,
    clinic: ClinicFacts,
    visit: Visit | None = None,
    choices: Sequence[str] = (),
    opening: str = "",
) -> Text:
    """Write one of ``REPLIES``.

    Where several patients share the phone, it says whom an answer to one of them is about.

    Args:
        choices: what a numbered question offers, in order.
        opening: a sentence to begin with where there is room.
    """
    sentence = REPLIES[reply]

    def write(speaker: Speaker) -> Iterator[str]:
        values = fill(speaker, clinic, visit)
        numbered = [speaker.isolate(f"{number} {choice}") for number, choice in enumerate(choices, 1)]
        said = speaker.say(sentence, **values, choices="\n" + "\n".join(numbered))
        name = visit.given_name if visit and visit.name_needed and reply in ABOUT_ONE else ""
        about = [speaker.say(ABOUT, name=name)] if name else []
        if opening:
            yield speaker.join(*about, speaker.say(opening), said)
        yield speaker.join(*about, said)
        if name:
            yield speaker.join(speaker.say(ABOUT, name=shorten(name)), said)

    return speak(language, clinic, write)


def compose_language_question(language: str, clinic: ClinicFacts, page: int = 0) -> Text:
    """Ask which language is wanted, some at a time, each with its number; ``page`` counts from 0, round and round."""
    pages = -(-len(LANGUAGES) // LANGUAGES_AT_ONCE)
    first = page % pages * LANGUAGES_AT_ONCE
    offered = LANGUAGES[first : first + LANGUAGES_AT_ONCE]
    question, others = REPLIES["ask_language"], OTHER_LANGUAGES

    def write(speaker: Speaker) -> Iterator[str]:
        values = fill(speaker, clinic, None)
        numbered = [speaker.isolate(f"{number} {choice.name}") for number, choice in enumerate(offered, first + 1)]
        asked = speaker.say(question, **values, choices="\n" + "\n".join(numbered))
        yield f"{asked}\n{speaker.say(others, **values)}"

    return speak(language, clinic, write)


def compose_topic_question(topics: Sequence[Topic], language: str, clinic: ClinicFacts) -> Text:
    """Ask which of some topics is meant, each with its number; with fewer of them when room is short."""
    question = REPLIES["ask_topic"]

    def write(speaker: Speaker) -> Iterator[str]:
        values = fill(speaker, clinic, None)
        numbered = [speaker.isolate(f"{at} {speaker.say(topic.question)}") for at, topic in enumerate(topics, 1)]
        for many in range(len(numbered), 0, -1):
            yield speaker.say(question, **values, choices="\n" + "\n".join(numbered[:many]))

    return speak(language, clinic, write)


def name_visit(language: str, clinic: ClinicFacts, visit: Visit) -> str:
    """A short name of an appointment for a numbered question: who, and when."""
    speaker = make_speaker(language, clinic)
    starts_at = visit.starts_at.astimezone(clinic.zone)
    return " ".join(filter(None, (visit.given_name, speaker.day(starts_at), speaker.time(starts_at))))
