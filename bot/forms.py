"""The screening form as staff read and print it: what was asked, what was answered, by whom; never a verdict."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from bot.models import Appointment, Contact, Patient, Reply, Screening, ScreeningAnswer, ScreeningState
from bot.screenings import find_screening, is_screened, list_answers, list_questions
from bot.sentences import Sentence
from messages.exams import Exams
from messages.screening import SAFETY, Form

Row = dict[str, Any]

NOTE = Sentence(
    "Answered by text, as it stands here. Nothing has been checked or decided: go through every line with the patient."
)
_STATES = {
    None: Sentence("not answered"),
    ScreeningState.OPEN: Sentence("not answered"),
    ScreeningState.ASKING: Sentence("answers under way"),
    ScreeningState.ANSWERED: Sentence("answered"),
    ScreeningState.PHONE: Sentence("to be asked by phone"),
}


def describe_screening(session: Session, appointment_id: int, form: Form, exams: Exams, zone: ZoneInfo) -> Row | None:
    """One appointment's screening; None if there is no such appointment.

    ``answers`` are all, oldest first, each with its question in English. ``items`` are the lines of the form for
    this exam: what was last answered to the question that covers each.
    """
    appointment = session.get(Appointment, appointment_id)
    patient = session.get(Patient, appointment.patient_id) if appointment else None
    if appointment is None or patient is None:
        return None
    screening = find_screening(session, appointment_id)
    answers = list_answers(session, screening) if screening else []
    asked = {question.code for question in list_questions(form, exams, appointment)}
    latest = {answer.question: answer for answer in answers}
    return {
        "appointment": appointment_id,
        "name": patient.given_name,
        "patient_id": patient.record_number,
        "exam": appointment.exam,
        "contrast": appointment.contrast,
        "starts_at": _local(appointment.starts_at, zone),
        "state": describe_state(exams, appointment, screening),
        "answered_at": _local(screening.answered_at, zone) if screening and screening.answered_at else None,
        "seen_by": screening.seen_by if screening else "",
        "seen_at": _local(screening.seen_at, zone) if screening and screening.seen_at else None,
        "answers": [_describe_answer(session, answer, patient, zone) for answer in answers],
        "items": [
            {
                "id": item.id,
                "question": item.question,
                "asked_with": item.asked_with,
                "reported": _say_reported(item.asked_with, answers, latest),
                "source": item.source,
            }
            for item in form.items
            if not item.asked_with or item.asked_with in asked
        ],
        "note": NOTE,
    }


def describe_state(exams: Exams, appointment: Appointment, screening: Screening | None) -> str:
    """How far the screening of an appointment has come, in a few words."""
    if not is_screened(exams, appointment):
        return "nothing to ask"
    return _STATES[screening.state if screening else None]


def list_lines(described: Row) -> list[str]:
    """The form as plain text, to be read on a terminal or printed."""
    starts_at = datetime.fromisoformat(described["starts_at"])
    who = ", ".join(filter(None, (described["name"], described["patient_id"])))
    contrast = ", with contrast" if described["contrast"] else ""
    lines = [f"{who}: {described['exam']}{contrast}, {starts_at:%a %Y-%m-%d %H:%M}", f"Screening: {described['state']}"]
    if described["seen_by"]:
        lines.append(f"Read by {described['seen_by']}, {_short(described['seen_at'])}")
    lines += ["", "Answers"]
    for answer in described["answers"]:
        lines.append(f"  {_short(answer['at'])}  {answer['asked']}")
        lines.append(f'      {answer["reply"]}: "{answer["words"]}" ({answer["language"]}, {answer["by"]})')
    if not described["answers"]:
        lines.append("  none yet")
    lines += ["", "To go through with the patient"]
    lines += [f"  [ ] {item['question']}  ({item['reported']})" for item in described["items"]]
    return [*lines, "", described["note"]]


def _describe_answer(session: Session, answer: ScreeningAnswer, patient: Patient, zone: ZoneInfo) -> Row:
    return {
        "question": answer.question,
        "asked": answer.asked,
        "reply": str(answer.reply),
        "words": answer.words,
        "language": answer.language,
        "by": _say_who(session, answer, patient),
        "at": _local(answer.at, zone),
    }


def _say_who(session: Session, answer: ScreeningAnswer, patient: Patient) -> Sentence:
    if answer.taken_by:
        return Sentence("written down by %(who)s", who=answer.taken_by)
    if answer.contact_id == patient.contact_id:
        return Sentence("the patient's phone")
    if answer.contact_id == patient.companion_id:
        name = patient.companion_name
        return Sentence("the companion %(name)s", name=name) if name else Sentence("the companion")
    contact = session.get(Contact, answer.contact_id) if answer.contact_id else None
    return Sentence("a phone that was the patient's") if contact else Sentence("unknown")


def _say_reported(code: str, answers: list[ScreeningAnswer] | Any, latest: dict[str, ScreeningAnswer]) -> str:
    """What was answered to the question that covers a line; a "none" to the first question covers all of them."""
    if not code:
        return "not asked by text"
    if code in latest:
        replies = [answer for answer in answers if answer.question == code]
        words = " / ".join(answer.words for answer in replies if answer.reply == Reply.WORDS)
        first = next((str(answer.reply) for answer in reversed(replies) if answer.reply != Reply.WORDS), "in words")
        return f'{first}: "{words}"' if words else first
    safety = latest.get(SAFETY)
    return "no, none" if safety is not None and safety.reply == Reply.NO else "not answered"


def _short(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%a %Y-%m-%d %H:%M}"


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(timespec="seconds")
