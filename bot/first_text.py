"""The first text of an appointment that is about to be enrolled, exactly as it would be sent."""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.people import Enrolment
from bot.schedule import Plan, kind_of, plan_texts
from messages.compose import compose_reminder
from messages.facts import ClinicFacts, Visit
from messages.fitting import Text
from messages.languages import SOURCE


@dataclass(frozen=True, slots=True)
class FirstText:
    """When it goes out, what it says, and what that is in English. ``skipped``: why none can go out."""

    due_at: datetime
    skipped: str
    text: Text
    english: Text


def preview_first(
    plan: Plan, clinic: ClinicFacts, enrolment: Enrolment, now: datetime, *, name_needed: bool
) -> FirstText | None:
    """What the patient would get first; None if the time is past.

    Args:
        enrolment: its exam is one of the clinic's; a name may be missing.
        name_needed: the number is another patient's too, so that the text must say whom it means.
    """
    exam = clinic.exams.get(enrolment.exam)
    early = clinic.exams.find_arrive_early(exam, plan.arrive_early, sedation=enrolment.sedation)
    planned = plan_texts(replace(plan, arrive_early=early), enrolment.starts_at, now)
    if enrolment.starts_at <= now or not planned:
        return None
    first = planned[0]
    visit = Visit(
        exam=exam,
        starts_at=enrolment.starts_at,
        given_name=enrolment.given_name or None,
        contrast=enrolment.contrast,
        sedation=enrolment.sedation,
        place=enrolment.place,
        name_needed=name_needed,
        companion_name=enrolment.companion.name if enrolment.companion else "",
    )
    steps = [kind_of(step) for step in first.steps]
    text = compose_reminder(steps, enrolment.language, clinic, visit)
    english = text if text.language == SOURCE else compose_reminder(steps, SOURCE, clinic, visit)
    return FirstText(first.due_at, first.skipped or "", text, english)
