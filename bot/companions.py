"""Companions whom a patient names by text: their number is asked first, and only a yes makes them one."""

from datetime import timedelta

import phonenumbers
from sqlmodel import col, func, select

from bot.database import find_or_add_contact
from bot.models import OutgoingText, Patient, TaskKind, TextKind
from bot.questions import QUESTION_INVITE
from bot.sentences import Sentence
from bot.turns import Turn
from messages.asking import compose_invitation

# A patient who names more numbers than this in a day is read by a person.
_MOST_A_DAY, _DAY = 2, timedelta(days=1)


def find_named_number(turn: Turn) -> str | None:
    """The other phone number in a patient's text, in E.164; None if there is none, or more than one."""
    matches = phonenumbers.PhoneNumberMatcher(
        turn.inbound.body, turn.clinic.region, leniency=phonenumbers.Leniency.POSSIBLE
    )
    found = {phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164) for match in matches}
    found -= {turn.contact.phone}
    return found.pop() if len(found) == 1 else None


def invite(turn: Turn, phone: str) -> bool:
    """Ask a number whether it wants texts about the patient who named it; False if that is not to be done."""
    found = turn.find_visit()
    if found is None or turn.is_companion():
        return False
    appointment, patient = found
    step = f"{QUESTION_INVITE}{patient.id}"
    today = turn.session.exec(
        select(func.count()).where(col(OutgoingText.step) == step, col(OutgoingText.created_at) > turn.now - _DAY)
    ).one()
    contact = find_or_add_contact(turn.session, phone, turn.contact.language, turn.now)
    has_other = patient.companion_agreed and patient.companion_id not in (None, contact.id)
    if has_other or contact.opted_out_at or contact.refused_at or today >= _MOST_A_DAY:
        turn.add_task(TaskKind.QUESTION, Sentence("Named a companion whom we may not ask by text: settle it with them"))
        return False
    if patient.companion_agreed:
        return False
    patient.companion_id, patient.companion_name, patient.companion_agreed = contact.id, "", False
    text = compose_invitation(contact.language, turn.clinic, patient.given_name)
    invitation = OutgoingText(
        contact_id=contact.id or 0,
        kind=TextKind.NOTICE,
        step=step,
        due_at=turn.now,
        useful_until=appointment.starts_at,
        body=text.body,
        language=text.language,
        segments=text.measure.segments,
        asks=step,
        created_at=turn.now,
    )
    turn.session.add_all([patient, invitation])
    turn.reply("companion_asked")
    return True


def is_invitation_answer(turn: Turn) -> bool:
    return turn.asks().startswith(QUESTION_INVITE) and turn.understanding.intent in ("yes", "no", "confirm")


def answer_invitation(turn: Turn) -> None:
    """A yes makes the number the patient's companion, with consent of their own; a no ends it."""
    patient = turn.session.get(Patient, int(turn.asks().removeprefix(QUESTION_INVITE)))
    if patient is None or patient.companion_id != turn.contact.id:
        turn.reply("stranger")
        return
    if turn.asked:
        turn.asked.answered_at = turn.now
    if turn.understanding.intent == "no":
        patient.companion_id, patient.companion_agreed = None, False
        turn.session.add(patient)
        what = Sentence("Does not want to be the companion of %(name)s: tell the patient", name=patient.given_name)
        turn.add_task(TaskKind.QUESTION, what)
        turn.reply("wrong_number")
        return
    patient.companion_agreed = True
    turn.contact.consented_at, turn.contact.consent_source = turn.now, "text"
    turn.session.add(patient)
    turn.reply("companion_joined")
