"""The screening dialogue in words: one question at a time, and what companions and late patients are told."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from messages.facts import ClinicFacts, Visit, fill, find_arrive_by
from messages.fitting import COMFORT, EXTRA, GREETING, PHONE, Sentence, Text, list_forms, speak
from messages.reminders import ABOUT, write_day, write_safety
from messages.screening import Question
from messages.speaker import Speaker, say

# Where an answer may be to one question of ours as well as to another.
ONE_AT_A_TIME = say("We asked you more than one thing. Please answer one at a time.")
INTRODUCTION = say("Thank you. A few short questions follow, one at a time.")
HOW = say("Reply 1 = no, 2 = yes or not sure, or tell us in your own words.")
CALL = say("For a call from us instead, text {call}.")
DETAIL = say("Thank you. What is it, and since when? Please write what you know, in your own words.")
INVITATION = say(
    "{clinic}: {name} tells us that you will come along to an appointment. May we text you about it? Reply 1 = yes, "
    "2 = no."
)

# What is said about a visit on its day, and after it.
VISIT_NOTICES = {
    "late": say("We are running late today. Please arrive by {arrive} instead. We are sorry for the wait."),
    "early": say(
        "We can see you earlier today. If you can, please arrive by {arrive}. If not, come at your planned time."
    ),
    "after": say("Thank you for coming. Your doctor will tell you the results. We cannot give them by text."),
    "missed": say("We did not see you at your appointment on {day}. For a new date, please phone {phone}"),
}


def compose_question(
    question: Question,
    place: tuple[int, int],
    language: str,
    clinic: ClinicFacts,
    visit: Visit,
    opening: str = "",
    *,
    started: bool = False,
) -> Text:
    """Ask one follow-up question.

    Args:
        place: its number and how many there are, shown as ``2/6``.
        opening: ``INTRODUCTION``, ``reminders.AGAIN`` or nothing.
        started: we start this text, so it begins with the clinic's name.
    """

    def write(speaker: Speaker, visit: Visit) -> Iterator[Sentence]:
        values = fill(speaker, clinic, visit)
        if visit.name_needed and visit.given_name:
            yield Sentence(speaker.say(ABOUT, name=visit.given_name))
        if opening:
            yield Sentence(speaker.say(opening), GREETING)
        number = speaker.isolate("{}/{}".format(*place))
        yield Sentence(f"{number} {question.say(speaker)}")
        yield Sentence(speaker.say(HOW))
        yield Sentence(speaker.say(CALL, **values), EXTRA)

    def list_all(speaker: Speaker) -> Iterator[str]:
        for form in list_forms(visit, lambda visit: write(speaker, visit), lambda parts: speaker.join(*parts)):
            yield speaker.say("{clinic}: {text}", clinic=clinic.name, text=form) if started else form

    return speak(language, clinic, list_all)


def compose_safety(language: str, clinic: ClinicFacts, visit: Visit, opening: str = "") -> Text:
    """Ask the safety question in a conversation; ``opening`` is a sentence to begin with."""

    def write(speaker: Speaker, visit: Visit) -> Iterator[Sentence]:
        if visit.name_needed and visit.given_name:
            yield Sentence(speaker.say(ABOUT, name=visit.given_name))
        if opening:
            yield Sentence(speaker.say(opening), GREETING)
        yield Sentence(write_day(speaker, visit, fill(speaker, clinic, visit)), COMFORT)
        yield Sentence(write_safety(speaker, visit))

    def list_all(speaker: Speaker) -> Iterator[str]:
        yield from list_forms(visit, lambda visit: write(speaker, visit), lambda parts: speaker.join(*parts))

    return speak(language, clinic, list_all)


def compose_detail(language: str, clinic: ClinicFacts) -> Text:
    """Ask what it is that was answered with a yes."""
    return speak(language, clinic, lambda speaker: [speaker.say(DETAIL)])


def compose_invitation(language: str, clinic: ClinicFacts, name: str) -> Text:
    """Ask somebody whom a patient named as companion whether we may text them."""
    return speak(language, clinic, lambda speaker: [speaker.say(INVITATION, clinic=clinic.name, name=name)])


def compose_visit_notice(
    notice: str, language: str, clinic: ClinicFacts, visit: Visit, moved: timedelta = timedelta()
) -> Text:
    """Say one of ``VISIT_NOTICES``; ``moved`` is how much later (or, less than 0, earlier) to arrive."""

    def write(speaker: Speaker, visit: Visit) -> Iterator[Sentence]:
        values = fill(speaker, clinic, visit)
        values["arrive"] = speaker.time(_move(find_arrive_by(clinic, visit), moved, clinic))
        if visit.name_needed and visit.given_name:
            yield Sentence(speaker.say(ABOUT, name=visit.given_name))
        yield Sentence(speaker.say(VISIT_NOTICES[notice], **values))
        if notice != "missed":
            yield Sentence(speaker.say("Phone: {phone}", **values), PHONE)

    def list_all(speaker: Speaker) -> Iterator[str]:
        for form in list_forms(visit, lambda visit: write(speaker, visit), lambda parts: speaker.join(*parts)):
            yield speaker.say("{clinic}: {text}", clinic=clinic.name, text=form)

    return speak(language, clinic, list_all)


def _move(moment: datetime, by: timedelta, clinic: ClinicFacts) -> datetime:
    return (moment + by).astimezone(clinic.zone)
