"""Every text there can be, in a language, with the longest values and with ordinary ones."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import combinations, product
from zoneinfo import ZoneInfo

from messages.asking import (
    INTRODUCTION,
    ONE_AT_A_TIME,
    VISIT_NOTICES,
    compose_detail,
    compose_invitation,
    compose_question,
    compose_safety,
    compose_visit_notice,
)
from messages.compose import (
    COMPANION_STEPS,
    LANGUAGES_AT_ONCE,
    REMINDERS,
    compose_answer,
    compose_companion,
    compose_language_question,
    compose_more,
    compose_reminder,
    compose_reply,
    compose_topic_question,
    name_visit,
)
from messages.exams import read_exams
from messages.facts import MAX_ADDRESS, MAX_CLINIC_NAME, MAX_NAME, MAX_PHONE, ClinicFacts, Visit
from messages.fitting import Text
from messages.languages import LANGUAGES, SOURCE, get_language
from messages.reminders import AGAIN
from messages.replies import ABOUT_ONE, REPLIES
from messages.screening import read_form
from messages.segments import measure
from messages.speaker import Speaker
from messages.topics import TOPICS

NEW_YORK = ZoneInfo("America/New_York")
CODES = [language.code for language in LANGUAGES]
TRANSLATED = [code for code in CODES if code != SOURCE]
EXAMS = read_exams()
MRI = EXAMS.get("mri-brain")

ORDINARY = ClinicFacts(
    name="Riverside Imaging",
    phone="+1 202-555-0100",
    address="12 Harbor Street, Springfield",
    zone=NEW_YORK,
    region="US",
    default_language="en",
    emergency_number="911",
    arrive_early=timedelta(minutes=15),
)
LONGEST = replace(
    ORDINARY,
    name="Riverside Imaging and Radiology Institute"[:MAX_CLINIC_NAME],
    phone="+1 (202) 555-0100 x7"[:MAX_PHONE],
    emergency_number="202-555-0199 ext. 11"[:MAX_PHONE],
    address=("Radiology, Building C, Second Floor, 1234 North Harbor Street, Springfield 01234 MA")[:MAX_ADDRESS],
)
LONG_NAME = "Maria Alejandra Josefina Guadalupe Sosa Paz"[:MAX_NAME]
DAY = datetime(2026, 9, 30, 12, 45, tzinfo=NEW_YORK)
MOVED_FROM = datetime(2026, 9, 26, 12, 45, tzinfo=NEW_YORK)
VISIT = Visit(MRI, DAY, "Ana")

# Everything that bot.schedule can put into one text: any steps of a plan, or a move with what was missed.
STEPS: list[tuple[str, ...]] = [
    *(steps for count in range(1, 5) for steps in combinations(REMINDERS, count)),
    *(("moved", *steps) for count in range(4) for steps in combinations(REMINDERS[1:], count)),
    ("cancelled",),
]
STEPS_OF_COMPANIONS = [steps for steps in STEPS if set(steps) <= set(COMPANION_STEPS)]


@cache
def find_longest_days(language: str) -> list[datetime]:
    """Quarter to one on the longest day there is, and on the longest one that stays in the small alphabet."""
    speaker = Speaker(get_language(language), ORDINARY.region)
    longest: dict[str, tuple[int, date]] = {}
    for number in range(365):
        day = date(2026, 1, 1) + timedelta(days=number)
        measured = measure(speaker.day(day))
        longest[measured.encoding] = max(longest.get(measured.encoding, (0, day)), (measured.units, day))
    return [datetime.combine(day, time(12, 45), NEW_YORK) for _, day in longest.values()]


@cache
def compose_reminders(
    steps: tuple[str, ...], language: str, clinic: ClinicFacts, name: str
) -> list[tuple[Visit, Text]]:
    """The patient's text for a visit of each kind: exam, contrast, sedation, a shared phone or not, longest days."""
    return [
        (visit, compose_reminder(steps, language, clinic, visit, MOVED_FROM)) for visit in _list_visits(language, name)
    ]


@cache
def compose_companions(
    steps: tuple[str, ...], language: str, clinic: ClinicFacts, name: str
) -> list[tuple[Visit, Text]]:
    """The companion's text for the same visits."""
    visits = [replace(visit, companion_name=name) for visit in _list_visits(language, name)]
    return [(visit, compose_companion(steps, language, clinic, visit, MOVED_FROM)) for visit in visits]


def _list_visits(language: str, name: str) -> list[Visit]:
    no_and_yes = (False, True)
    kinds = product(EXAMS.by_code.values(), no_and_yes, no_and_yes, no_and_yes, find_longest_days(language))
    return [
        Visit(exam, day, name, contrast, sedation, name_needed=shared)
        for exam, contrast, sedation, shared, day in kinds
    ]


@cache
def compose_answers(language: str, clinic: ClinicFacts, name: str) -> list[tuple[str, Text]]:
    """Every reply, every plain answer for each kind of exam and all there is with MORE, by name."""
    answers = []
    for day in find_longest_days(language):
        visit = Visit(MRI, day, name)
        chosen = [name_visit(language, clinic, visit)] * 3
        numbered = {"ask_language", "ask_topic"}  # these number other things, below
        replies = REPLIES.keys() - numbered
        answers += [(reply, compose_reply(reply, language, clinic, visit, chosen)) for reply in replies]
        one_of_each_kind = {exam.kind: exam for exam in EXAMS.by_code.values()}
        for exam in one_of_each_kind.values():
            visit = Visit(exam, day, name, contrast=True, sedation=True)
            answers += [(topic.code, compose_answer(topic, language, clinic, visit)) for topic in TOPICS]
            answers += [(f"{topic.code}, more", compose_more(topic, language, clinic, visit)) for topic in TOPICS]
    answers += [(topic.code, compose_answer(topic, language, clinic, None)) for topic in TOPICS]
    answers += _compose_asked(language, clinic, name, started=False)
    answers.append(("detail", compose_detail(language, clinic)))
    answers += [
        ("safety again", compose_safety(language, clinic, other, opening))
        for other in _list_visits(language, name)
        for opening in ("", AGAIN, ONE_AT_A_TIME)
    ]
    shared = Visit(MRI, find_longest_days(language)[0], name, name_needed=True)
    answers += [
        (f"{reply}, of several", compose_reply(reply, language, clinic, shared, opening=opening))
        for reply in ABOUT_ONE
        for opening in ("", ONE_AT_A_TIME)
    ]
    for first in range(len(TOPICS) - 2):
        answers.append(("ask_topic", compose_topic_question(TOPICS[first : first + 3], language, clinic)))
    for page in range(-(-len(LANGUAGES) // LANGUAGES_AT_ONCE)):
        answers.append(("ask_language", compose_language_question(language, clinic, page)))
    return answers


def _compose_asked(language: str, clinic: ClinicFacts, name: str, *, started: bool) -> list[tuple[str, Text]]:
    """Every screening question, as the first, as a later one and as one that is asked again."""
    visit = Visit(MRI, DAY, name, name_needed=True)
    questions = read_form().questions
    return [
        (
            f"asked {question.code}",
            compose_question(question, (at, 6), language, clinic, visit, opening, started=started),
        )
        for at, question in enumerate(questions, 1)
        for opening in (("", AGAIN) if started else ("", INTRODUCTION, ONE_AT_A_TIME))
    ]


@cache
def compose_notices(language: str, clinic: ClinicFacts, name: str) -> list[tuple[str, Text]]:
    """What we start that no plan holds: questions asked again, an invitation, and what is said of a visit."""
    visit = Visit(MRI, DAY, name, name_needed=True)
    return [
        *_compose_asked(language, clinic, name, started=True),
        *(
            ("again", compose_reminder(("again", "safety"), language, clinic, other))
            for other in _list_visits(language, name)
        ),
        ("invitation", compose_invitation(language, clinic, name)),
        *(
            (notice, compose_visit_notice(notice, language, clinic, visit, timedelta(0, 1800)))
            for notice in VISIT_NOTICES
        ),
    ]


@cache
def list_started_texts(language: str) -> list[str]:
    """Every text that we start, for patients and companions."""
    texts = [
        text
        for clinic, name in ((LONGEST, LONG_NAME), (ORDINARY, "Ana"))
        for compose, all_steps in ((compose_reminders, STEPS), (compose_companions, STEPS_OF_COMPANIONS))
        for steps in all_steps
        for _, text in compose(steps, language, clinic, name)
    ]
    notices = [text for _, text in compose_notices(language, LONGEST, LONG_NAME)]
    return sorted({text.body for text in (*texts, *notices)})


@cache
def list_all_texts(language: str) -> list[str]:
    """Every text there can be in a language, as people read it, the answers that name a condition too."""
    answers = [text.body for _, text in compose_answers(language, LONGEST, LONG_NAME)]
    named = [compose_answer(topic, language, LONGEST, VISIT, named=True).body for topic in TOPICS]
    return sorted({*list_started_texts(language), *answers, *named})


def join_steps(steps: object) -> str:
    return "+".join(steps) if isinstance(steps, tuple) else str(steps)
