"""Every text we send, as a string.

A text is a few whole sentences in one language. When one of them has no usable translation, the
whole text is written in the clinic's default language instead, and in English at the last.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from messages.exams import Exam, find_fasting_hours
from messages.languages import LANGUAGES, SOURCE, Speaker, UntranslatedError, get_language, read_catalogue
from messages.segments import Measure, measure
from messages.topics import Topic, say
from messages.words import read_words

ENGLISH_BUDGET, BUDGET = 2, 5
MERGED_ENGLISH_BUDGET, MERGED_BUDGET = 4, 8
MAX_NAME = 40
MAX_CLINIC_NAME = 40
MAX_ADDRESS = 80
MAX_PHONE = 20

REMINDERS = ("welcome", "safety", "prepare", "arrive")
NOTICES = ("moved", "cancelled")


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    """What texts say of the clinic. ``phone`` as people dial it; ``region`` is ISO 3166 alpha-2."""

    name: str
    phone: str
    address: str
    zone: ZoneInfo
    region: str
    default_language: str
    emergency_number: str
    arrive_early: timedelta
    name_in_texts: bool = True
    reviewed_only: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """What texts say of one appointment.

    ``name_needed``: several patients share the phone, so every text must say whom it is about.
    """

    exam: Exam
    starts_at: datetime
    given_name: str | None = None
    contrast: bool = False
    sedation: bool = False
    place: str = ""
    name_needed: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A composed text, the language it came out in, and what it costs."""

    body: str
    language: str
    measure: Measure
    reviewed: bool


def compose_reminder(
    steps: Sequence[str],
    language: str,
    clinic: ClinicFacts,
    visit: Visit,
    moved_from: datetime | None = None,
) -> Text:
    """Write one text for one or several steps of the plan; several are merged, safety first.

    A text over its budget loses its most dispensable sentences: the address, the greeting, in the
    end the phone. What keeps the patient safe always stays.

    Args:
        steps: of ``REMINDERS`` and ``NOTICES``; ``moved`` needs ``moved_from``, the old start.
        language: the code of the language wanted; the text says which it came out in.
    """

    def write(speaker: Speaker) -> str:
        sentences = list(_write_reminder(steps, speaker, clinic, visit, moved_from))
        budget = find_budget(steps, speaker.language.code)

        def fit(kept: Sequence[_Sentence]) -> str | None:
            text = speaker.join(*(sentence.text for sentence in kept))
            body = speaker.say("{clinic}: {text}", clinic=clinic.name, text=text)
            return body if measure(body).segments <= budget or not any(part.dispensable for part in kept) else None

        for gone in _SACRIFICES:
            body = fit([sentence for sentence in sentences if sentence.dispensable not in gone])
            if body is not None:
                return body
        raise ValueError("a text always has a shortest form")

    return _speak(language, clinic, write)


def find_budget(steps: Sequence[str], language: str) -> int:
    """The most segments a reminder may cost; a merged one may cost more."""
    if len(steps) > 1:
        return MERGED_ENGLISH_BUDGET if language == SOURCE else MERGED_BUDGET
    return ENGLISH_BUDGET if language == SOURCE else BUDGET


def find_question(steps: Iterable[str], exam: Exam) -> str | None:
    """Which of our questions the text ends with: ``safety``, ``confirm`` or none."""
    asked = set(steps)
    if "safety" in asked and exam.screening:
        return "safety"
    return "confirm" if asked & {"prepare", "moved"} else None


def compose_answer(
    topic: Topic, language: str, clinic: ClinicFacts, visit: Visit | None, *, named: bool = False
) -> Text:
    """Answer a question; ``named`` when the patient's own text named the condition."""
    sentence = topic.named if named and topic.named else topic.answer
    if visit is None and topic.code == "when":
        return compose_reply("no_appointment", language, clinic)
    if topic.code == "where" and not _find_address(clinic, visit):
        return compose_reply("no_address", language, clinic)
    return _speak(language, clinic, lambda speaker: speaker.say(sentence, **_fill(speaker, clinic, visit)))


def compose_reply(
    reply: str,
    language: str,
    clinic: ClinicFacts,
    visit: Visit | None = None,
    choices: Sequence[str] = (),
) -> Text:
    """Write one of ``REPLIES``; ``choices`` are what a numbered question offers, in order."""

    def write(speaker: Speaker) -> str:
        values = _fill(speaker, clinic, visit)
        numbered = [speaker.isolate(f"{number} {choice}") for number, choice in enumerate(choices, 1)]
        return speaker.say(REPLIES[reply], **values, choices="\n" + "\n".join(numbered))

    return _speak(language, clinic, write)


def list_language_choices() -> list[str]:
    """The own names of our languages, in the order that their numbers in a reply mean."""
    return [language.name for language in LANGUAGES]


def name_visit(language: str, clinic: ClinicFacts, visit: Visit) -> str:
    """A short name of an appointment for a numbered question: who, and when."""
    speaker = Speaker(get_language(language), clinic.region)
    starts_at = visit.starts_at.astimezone(clinic.zone)
    return " ".join(filter(None, (visit.given_name, speaker.day(starts_at), speaker.time(starts_at))))


REPLIES = {
    "menu": say("Write your question in your own words, or text one of these: {topics}. For a person, phone {phone}"),
    "help": say(
        "{clinic}: texts about your appointment. Text {menu} for topics, {languages} to change the language, "
        "STOP for no more texts. A person helps you at {phone}. In an emergency call {emergency}."
    ),
    "stopped": say(
        "{clinic}: you will get no more texts from us. If you want them again, text START. About your appointment, "
        "phone {phone}"
    ),
    "started": say("{clinic}: you will get our texts again. For no more texts, text STOP. Our phone: {phone}"),
    "confirmed": say(
        "Thank you. We expect you on {day}. Please arrive by {arrive}. If anything changes, phone {phone}"
    ),
    "change": say(
        "Thank you for telling us. Our staff will contact you to change or cancel it. Until then your appointment "
        "stays as it is. You can also phone {phone}"
    ),
    "ask_coming": say("Your appointment is on {day}. Please arrive by {arrive}. Will you come? Reply 1 = yes, 2 = no."),
    "ask_which": say("Which appointment do you mean? Reply with the number: {choices}"),
    "ask_language": say("Which language do you want? Reply with the number: {choices}"),
    # Translators: name your own language here instead of English.
    "language_changed": say("From now on our texts to you are in English."),
    "language_missing": say(
        "Sorry, we do not write that language yet. Phone {phone}, or reply with a number: {choices}"
    ),
    "reported": say(
        "Thank you for telling us. This is important. Our staff will see it and contact you before your appointment. "
        "To talk to us now, phone {phone}"
    ),
    "safety_none": say(
        "Thank you. We noted your answer: none of these. If you remember something, tell us before you come. We will "
        "ask again at the clinic."
    ),
    "safety_some": say(
        "Thank you. Please text us what it is, in your own words. Our staff will contact you before your appointment. "
        "You can also phone {phone}"
    ),
    "thanks": say("You are welcome. If you have a question, text us."),
    "wrong_number": say(
        "We are sorry. We will not text this number about this patient again. Thank you for telling us."
    ),
    "emergency": say(
        "If this is an emergency, call {emergency} now. Nobody watches this text line all the time. We will show your "
        "message to our staff. Our phone: {phone}"
    ),
    "unknown": say(
        "Sorry, we did not understand this. Our staff will read your message. For help now, phone {phone}. For topics, "
        "text {menu}."
    ),
    "unreadable": say("Sorry, we can only read written texts here. Please write to us in words, or phone {phone}"),
    "no_appointment": say("We find no coming appointment for this number. Please phone {phone}"),
    "no_address": say("Please phone us, and we will tell you the way: {phone}"),
    "stranger": say("This is the text line of {clinic}. We do not know this number. Please phone us: {phone}"),
}


# What is given up when room is short, one after another: the address, the greeting, then either the
# phone or what is said twice, at last both.
_SAID_TWICE, _PHONE, _GREETING, _ADDRESS = 1, 2, 3, 4
_SACRIFICES = (
    frozenset[int](),
    frozenset({_ADDRESS}),
    frozenset({_ADDRESS, _GREETING}),
    frozenset({_ADDRESS, _GREETING, _PHONE}),
    frozenset({_ADDRESS, _GREETING, _SAID_TWICE}),
    frozenset({_ADDRESS, _GREETING, _PHONE, _SAID_TWICE}),
)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence of a reminder; what is ``dispensable`` may go when room is short, 0 never does."""

    text: str
    dispensable: int = 0


def _write_reminder(
    steps: Sequence[str], speaker: Speaker, clinic: ClinicFacts, visit: Visit, moved_from: datetime | None
) -> Iterator[_Sentence]:
    values = _fill(speaker, clinic, visit)
    if visit.given_name and (clinic.name_in_texts or visit.name_needed):
        yield _Sentence(speaker.say("Hello {name}.", name=visit.given_name), 0 if visit.name_needed else _GREETING)
    if "cancelled" in steps:
        yield _Sentence(speaker.say("Your appointment on {day} at {time} is cancelled. Please do not come.", **values))
        yield _Sentence(speaker.say("Questions or a new date: {phone}", **values))
        return
    if moved_from is not None and "moved" in steps:
        old = moved_from.astimezone(clinic.zone)
        values |= {"old_day": speaker.day(old), "old_time": speaker.time(old)}
        yield _Sentence(
            speaker.say(
                "Your appointment has changed from {old_day}, {old_time} to {day}, {time}. Please arrive by {arrive}.",
                **values,
            )
        )
    elif visit.exam.magnet:
        yield _Sentence(speaker.say("Your MRI is on {day}, arrive by {arrive}.", **values))
    else:
        yield _Sentence(speaker.say("Your appointment is on {day}, arrive by {arrive}.", **values))
    if "safety" in steps and visit.exam.screening:
        yield _Sentence(_write_safety(speaker, visit))
    if "prepare" in steps:
        yield from _write_preparation(speaker, visit, asked="safety" in steps)
    if "arrive" in steps:
        yield from _write_arrival(speaker, clinic, visit, prepared="prepare" in steps)
    if find_question(steps, visit.exam) == "confirm":
        yield _Sentence(speaker.say("Will you come? Reply 1 = yes, 2 = no."))
    if "welcome" in steps:
        yield _Sentence(
            speaker.say(
                "Text us your questions, {menu} for topics, {languages} to change the language, STOP for no more "
                "texts.",
                **values,
            )
        )
    yield _Sentence(speaker.say("Phone: {phone}", **values), _PHONE)


def _write_safety(speaker: Speaker, visit: Visit) -> str:
    if visit.exam.magnet:
        question = speaker.say(
            "Do you have a pacemaker, implant, pump, clip, metal in your body or eyes, an allergy, kidney disease, "
            "or could you be pregnant?"
        )
    else:
        question = speaker.say(
            "Do you have a pacemaker or implant, an allergy, a bleeding problem, blood thinners, or could you be "
            "pregnant?"
        )
    return speaker.join(question, speaker.say("Reply now: 1 = no, none, 2 = yes or not sure."))


def _write_preparation(speaker: Speaker, visit: Visit, *, asked: bool) -> Iterator[_Sentence]:
    """How to prepare; ``asked``: the same text asks about allergies already."""
    exam = visit.exam
    if exam.magnet:
        yield _Sentence(speaker.say("Wear soft clothes, no metal, no jewelry."))
    if exam.bare_skin:
        yield _Sentence(speaker.say("Come with clean skin, without cream or lotion."))
    if exam.ask_about_food:
        yield _Sentence(speaker.say("Ask us if you may eat before it."))
    if visit.contrast and exam.magnet:
        yield _Sentence(speaker.say("You may get contrast dye: tell us of allergies."), _SAID_TWICE if asked else 0)
    if hours := find_fasting_hours(exam, sedation=visit.sedation):
        yield _Sentence(speaker.say("Eat nothing for {hours} hours before.", hours=str(hours)))
    if visit.sedation or exam.escort:
        yield _Sentence(speaker.say("Someone must take you home."))
    else:
        yield _Sentence(speaker.say("Someone may come with you."))


def _write_arrival(speaker: Speaker, clinic: ClinicFacts, visit: Visit, *, prepared: bool) -> Iterator[_Sentence]:
    if not prepared:
        if visit.exam.magnet:
            yield _Sentence(speaker.say("Leave metal things at home."))
        if visit.sedation or visit.exam.escort:
            yield _Sentence(speaker.say("Bring the person who takes you home."))
        else:
            yield _Sentence(speaker.say("Bring your companion, if you have one."))
    if address := _find_address(clinic, visit):
        yield _Sentence(speaker.say("Address: {address}.", address=address), _ADDRESS)


def _find_address(clinic: ClinicFacts, visit: Visit | None) -> str:
    return ", ".join(filter(None, (visit.place if visit else "", clinic.address)))


def _fill(speaker: Speaker, clinic: ClinicFacts, visit: Visit | None) -> dict[str, str]:
    """The values that sentences may use; those of an appointment only where there is one."""
    words = read_words(speaker.language.code)
    values = {
        "clinic": clinic.name,
        "phone": clinic.phone,
        "address": _find_address(clinic, visit),
        "emergency": clinic.emergency_number,
        "menu": words.shown["menu"],
        "languages": words.shown["language"],
        "topics": speaker.language.separator.join(words.shown_topics.values()),
    }
    if visit is not None:
        starts_at = visit.starts_at.astimezone(clinic.zone)
        arrive_by = (visit.starts_at - clinic.arrive_early).astimezone(clinic.zone)
        values |= {
            "day": speaker.day(starts_at),
            "time": speaker.time(starts_at),
            "arrive": speaker.time(arrive_by),
        }
    return values


def _speak(language: str, clinic: ClinicFacts, write: Callable[[Speaker], str]) -> Text:
    """Write in the first language that has every sentence, of the wanted, the clinic's and English."""
    for code in dict.fromkeys((language, clinic.default_language, SOURCE)):
        reviewed = read_catalogue(code).reviewed
        if clinic.reviewed_only and not reviewed:
            continue
        try:
            body = write(Speaker(get_language(code), clinic.region))
        except UntranslatedError:
            continue
        return Text(body, code, measure(body), reviewed)
    raise UntranslatedError(f"no text in {language}")
