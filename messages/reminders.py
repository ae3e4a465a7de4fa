"""The texts that we start: their sentences, in order, for patients and for companions.

Each sentence is whole and stands alone, so that an exam's text is put together from just what that
exam must say, in any language. Safety comes first; what may go when room is short says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from messages.facts import ClinicFacts, Visit, fill, find_address
from messages.fitting import COMFORT, EXTRA, GREETING, PHONE, SAID_TWICE, Sentence
from messages.speaker import Speaker, plural, say

# What the safety question lists. Translators: a short name of each, as it stands in a list.
ASKED = {
    "implants": say("pacemaker, pump or implant"),
    "metal": say("metal or clip in body or eyes"),
    "allergies": say("allergy"),
    "kidneys": say("kidney disease"),
    "pregnancy": say("possible pregnancy"),
    "blood-thinners": say("blood thinner or bleeding problem"),
}

AGAIN = say("We do not have your answer yet.")
ABOUT = say("This is about {name}.")
DRIVER_NEEDED = say("Someone must take you home.")
MINUTES = plural("Plan about {number} minute for the visit.", "Plan about {number} minutes for the visit.")
FASTING = plural("Eat nothing for {number} hour before.", "Eat nothing for {number} hours before.")


def write_reminder(
    steps: Sequence[str], speaker: Speaker, clinic: ClinicFacts, visit: Visit, moved_from: datetime | None
) -> Iterator[Sentence]:
    """The sentences of a patient's text."""
    values = fill(speaker, clinic, visit)
    if "companion" in steps and visit.given_name:
        yield Sentence(speaker.say(ABOUT, name=visit.given_name))
    elif visit.given_name and (clinic.name_in_texts or visit.name_needed):
        # Asked once more, why we write matters more than the greeting.
        dispensable = COMFORT if "again" in steps else GREETING
        yield Sentence(speaker.say("Hello {name}.", name=visit.given_name), 0 if visit.name_needed else dispensable)
    if "cancelled" in steps:
        yield Sentence(speaker.say("Your appointment on {day} at {time} is cancelled. Please do not come.", **values))
        yield Sentence(speaker.say("Questions or a new date: {phone}", **values))
        return
    if moved_from is not None and "moved" in steps:
        yield Sentence(
            speaker.say(
                "Your appointment has changed from {old_day}, {old_time} to {day}, {time}. Please arrive by {arrive}.",
                **values,
                **_fill_old(speaker, clinic, moved_from),
            )
        )
    else:
        yield Sentence(write_day(speaker, visit, values))
    if "safety" in steps and visit.exam.asks:
        if "again" in steps:
            yield Sentence(speaker.say(AGAIN), GREETING)
        yield Sentence(write_safety(speaker, visit))
    if "prepare" in steps:
        yield from _write_preparation(speaker, clinic, visit, asked="safety" in steps)
    if "arrive" in steps:
        yield from _write_arrival(speaker, clinic, visit, prepared="prepare" in steps)
    if find_question(steps, visit) == "confirm":
        yield Sentence(speaker.say("Will you come? Reply 1 = yes, 2 = no."))
    if "welcome" in steps:
        yield Sentence(
            speaker.say(
                "Text us your questions, {menu} for topics, {languages} to change the language, STOP for no more "
                "texts.",
                **values,
            )
        )
    yield Sentence(speaker.say("Phone: {phone}", **values), PHONE)


def find_question(steps: Sequence[str], visit: Visit) -> str | None:
    """Which of our questions a patient's text ends with: ``safety``, ``confirm`` or none."""
    if "safety" in steps and visit.exam.asks:
        return "safety"
    return "confirm" if {"prepare", "moved"} & set(steps) else None


def write_companion(
    steps: Sequence[str], speaker: Speaker, clinic: ClinicFacts, visit: Visit, moved_from: datetime | None
) -> Iterator[Sentence]:
    """The sentences of the text that a companion gets: when, where, what to bring, what they are needed for."""
    values = fill(speaker, clinic, visit)
    if visit.companion_name:
        yield Sentence(speaker.say("Hello {name}.", name=visit.companion_name), GREETING)
    if visit.given_name and (clinic.name_in_texts or visit.name_needed):
        yield Sentence(speaker.say(ABOUT, name=visit.given_name))
    if "cancelled" in steps:
        yield Sentence(speaker.say("The appointment on {day} at {time} is cancelled. Please do not come.", **values))
        yield Sentence(speaker.say("Phone: {phone}", **values), PHONE)
        return
    if moved_from is not None and "moved" in steps:
        yield Sentence(
            speaker.say(
                "The appointment has changed from {old_day}, {old_time} to {day}, {time}. Please be there by {arrive}.",
                **values,
                **_fill_old(speaker, clinic, moved_from),
            )
        )
    else:
        yield Sentence(
            speaker.say("You are coming along to the appointment on {day}. Please be there by {arrive}.", **values)
        )
    if visit.needs_driver:
        yield Sentence(speaker.say("You are the driver: please stay, and take the patient home."))
    if "prepare" in steps:
        if visit.exam.magnet:
            yield Sentence(speaker.say("No metal near the scanner. Have an implant? Tell us."))
        yield Sentence(speaker.say("Please bring the list of medicines and any implant card."), COMFORT)
    if {"prepare", "arrive"} & set(steps):
        yield Sentence(write_minutes(speaker, clinic, visit), EXTRA)
        if address := find_address(clinic, visit):
            yield Sentence(
                speaker.say("Address: {address}.", address=address), EXTRA if "prepare" in steps else COMFORT
            )
    if "welcome" in steps:
        yield Sentence(speaker.say("Text us your questions, or STOP for no more texts."))
    yield Sentence(speaker.say("Phone: {phone}", **values), PHONE)


def write_day(speaker: Speaker, visit: Visit, values: Mapping[str, str]) -> str:
    """When the appointment is, as a sentence; ``values`` are those of ``fill``."""
    if visit.exam.magnet:
        return speaker.say("Your MRI is on {day}, arrive by {arrive}.", **values)
    return speaker.say("Your appointment is on {day}, arrive by {arrive}.", **values)


def write_minutes(speaker: Speaker, clinic: ClinicFacts, visit: Visit) -> str:
    """About how long the visit takes, as a sentence."""
    minutes = clinic.exams.find_minutes(visit.exam, contrast=visit.contrast, sedation=visit.sedation)
    return speaker.say_number(MINUTES, minutes)


def write_fasting(speaker: Speaker, clinic: ClinicFacts, visit: Visit) -> str:
    """How long to eat nothing, as a sentence; empty when the patient eats as usual."""
    hours = clinic.exams.find_fasting_hours(visit.exam, sedation=visit.sedation)
    return speaker.say_number(FASTING, hours) if hours else ""


def write_safety(speaker: Speaker, visit: Visit) -> str:
    """The safety question, and how to answer it."""
    items = speaker.language.separator.join(speaker.say(ASKED[asked]) for asked in visit.exam.asks)
    question = speaker.say("Does any of this apply to you: {items}?", items=items)
    return speaker.join(question, speaker.say("Reply now: 1 = no, none, 2 = yes or not sure."))


def _write_preparation(speaker: Speaker, clinic: ClinicFacts, visit: Visit, *, asked: bool) -> Iterator[Sentence]:
    """How to prepare; ``asked``: the same text asks about allergies already."""
    exam = visit.exam
    if exam.magnet:
        yield Sentence(speaker.say("Wear soft clothes, no metal, no jewelry."))
    if exam.clean_skin:
        yield Sentence(speaker.say("Come with clean skin, without cream or lotion."))
    if exam.ask_about_food:
        yield Sentence(speaker.say("Ask us if you may eat before it."))
    if visit.contrast and exam.magnet:
        yield Sentence(speaker.say("You may get contrast dye: tell us of allergies."), SAID_TWICE if asked else 0)
    if fasting := write_fasting(speaker, clinic, visit):
        yield Sentence(fasting)
    if exam.lie_still:
        yield Sentence(speaker.say("The pictures take longer: you will need to lie very still."), COMFORT)
    yield Sentence(write_minutes(speaker, clinic, visit), COMFORT)
    if visit.needs_driver:
        yield Sentence(speaker.say(DRIVER_NEEDED))
    else:
        yield Sentence(speaker.say("Someone may come with you."))


def _write_arrival(speaker: Speaker, clinic: ClinicFacts, visit: Visit, *, prepared: bool) -> Iterator[Sentence]:
    if not prepared:
        if visit.exam.magnet:
            yield Sentence(speaker.say("Leave metal things at home."))
        if visit.needs_driver:
            yield Sentence(speaker.say("Bring the person who takes you home."))
        else:
            yield Sentence(speaker.say("Bring your companion, if you have one."))
    if address := find_address(clinic, visit):
        yield Sentence(speaker.say("Address: {address}.", address=address), EXTRA)


def _fill_old(speaker: Speaker, clinic: ClinicFacts, moved_from: datetime) -> dict[str, str]:
    old = moved_from.astimezone(clinic.zone)
    return {"old_day": speaker.day(old), "old_time": speaker.time(old)}
