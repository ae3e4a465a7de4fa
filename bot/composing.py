"""A planned text as it reads: for the outbox when it is sent, for staff before."""

from bot.database import make_visit
from bot.models import Appointment, OutgoingText, Patient
from bot.schedule import kind_of
from messages.compose import compose_companion, compose_reminder
from messages.facts import ClinicFacts
from messages.fitting import Text
from messages.reminders import find_question


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
    steps = [kind_of(step) for step in (row.step or "").split("+")]
    visit = make_visit(appointment, patient, clinic.exams, name_needed=name_needed)
    compose = compose_companion if row.for_companion else compose_reminder
    text = compose(steps, language, clinic, visit, row.moved_from)
    return text, None if row.for_companion or "cancelled" in steps else find_question(steps, visit)
