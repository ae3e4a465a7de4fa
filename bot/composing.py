"""A planned text as it reads: for the outbox when it is sent, for staff before."""

from dataclasses import replace
from datetime import timedelta

from bot.database import make_visit
from bot.models import Appointment, OutgoingText, Patient
from bot.questions import QUESTION_SCREENING
from bot.schedule import kind_of
from bot.screenings import list_questions
from messages.asking import VISIT_NOTICES, compose_question, compose_visit_notice
from messages.compose import compose_companion, compose_reminder
from messages.facts import ClinicFacts, Visit
from messages.fitting import Text
from messages.reminders import AGAIN, find_question


def compose_row(
    row: OutgoingText,
    language: str,
    appointment: Appointment,
    patient: Patient,
    clinic: ClinicFacts,
    *,
    name_needed: bool,
) -> tuple[Text, str | None]:
    """The text of a row in that language, and the question that it ends with.

    Args:
        name_needed: several patients share the number.

    Raises:
        KeyError: the exam is no longer among the clinic's.
    """
    steps = (row.step or "").split("+")
    kinds = [kind_of(step) for step in steps]
    visit = make_visit(appointment, patient, clinic.exams, name_needed=name_needed)
    asks: str | None = None
    if kinds[0] in VISIT_NOTICES:
        moved = timedelta(minutes=int(steps[0].partition(":")[2] or 0))
        about = replace(visit, name_needed=visit.name_needed or row.for_companion)
        text = compose_visit_notice(kinds[0], language, clinic, about, moved)
    elif kinds == ["again"]:
        text, asks = _ask_again(steps[0].partition(":")[2], row, language, appointment, visit, clinic)
    elif row.for_companion and "safety" not in kinds:
        text = compose_companion(kinds, language, clinic, visit, row.moved_from)
    else:
        # A companion who is asked what patients are asked must know whom it is about.
        said = ["companion", *kinds] if row.for_companion else kinds
        text = compose_reminder(said, language, clinic, visit, row.moved_from)
        asks = None if "cancelled" in kinds else find_question(kinds, visit)
    return text, asks


def _ask_again(
    code: str, row: OutgoingText, language: str, appointment: Appointment, visit: Visit, clinic: ClinicFacts
) -> tuple[Text, str]:
    """The question of the screening that waits for an answer; the safety question where that one is gone."""
    questions = list_questions(clinic.screening, clinic.exams, appointment)
    codes = [question.code for question in questions]
    if code not in codes:
        said = ["companion", "again", "safety"] if row.for_companion else ["again", "safety"]
        return compose_reminder(said, language, clinic, visit), "safety"
    at = codes.index(code)
    about = replace(visit, name_needed=visit.name_needed or row.for_companion)
    place = (at + 1, len(codes))
    text = compose_question(questions[at], place, language, clinic, about, AGAIN, started=True)
    return text, QUESTION_SCREENING + code
