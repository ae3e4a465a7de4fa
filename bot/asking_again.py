"""Our questions asked once more, one at a time: what still waits, and what a bare answer left unclear."""

from sqlmodel import col, select

from bot.database import is_shared
from bot.dialogue import ask_follow_up
from bot.models import OutgoingText, Patient, TextKind, TextState
from bot.questions import (
    QUESTION_CONFIRM,
    QUESTION_DETAIL,
    QUESTION_INVITE,
    QUESTION_SAFETY,
    QUESTION_SCREENING,
    find_unclear,
    list_open,
)
from bot.turns import Turn
from messages.asking import ONE_AT_A_TIME, compose_invitation, compose_safety
from messages.compose import compose_reply
from messages.reminders import AGAIN

# A question is asked again after something else this often in an hour.
_MOST_ALIKE = 2
# Whoever has said one of these has answered, or can now read what we asked: what else waits is asked next.
_GOES_ON = ("yes", "no", "confirm", "language")


def find_unclear_question(turn: Turn) -> OutgoingText | None:
    """The question to ask again, if the text is a bare answer that may be to another one than the last."""
    if turn.understanding.intent not in ("yes", "no"):
        return None
    waiting = list_open(turn.session, turn.contact, turn.coming, turn.questions)
    return find_unclear(turn.asked, waiting, turn.coming, turn.now)


def ask_one(turn: Turn, question: OutgoingText) -> None:
    """Say that we have several questions, and ask this one alone."""
    pending = turn.session.exec(
        select(OutgoingText.id).where(
            OutgoingText.contact_id == turn.contact.id,
            OutgoingText.kind == TextKind.REPLY,
            OutgoingText.state == TextState.PLANNED,
            col(OutgoingText.asks).is_not(None),
        )
    ).first()
    if pending is None:
        # Of two answers in one breath only the first is asked about.
        _ask(turn, question, ONE_AT_A_TIME)


def resume(turn: Turn) -> None:
    """Go on with the questions that still wait for this number, after something else came in between."""
    if turn.has_asked or turn.is_held or turn.contact.opted_out_at is not None:
        return
    turn.session.flush()
    waiting = list_open(turn.session, turn.contact, turn.everybody, turn.questions)
    is_answered = turn.understanding.intent in _GOES_ON
    for question in waiting:
        is_follow_up = (question.asks or "").startswith((QUESTION_SCREENING, QUESTION_DETAIL))
        if is_follow_up or is_answered:
            _ask(turn, question, most=_MOST_ALIKE)
            return


def _ask(turn: Turn, question: OutgoingText, opening: str = "", most: int | None = None) -> None:
    asks, contact, clinic = question.asks or "", turn.contact, turn.clinic
    if asks.startswith(QUESTION_INVITE):
        patient = turn.session.get_one(Patient, int(asks.removeprefix(QUESTION_INVITE)))
        turn.say(compose_invitation(contact.language, clinic, patient.given_name), asks, asks)
        return
    found = next(one for one in turn.everybody if one[0].id == question.appointment_id)
    turn.coming, turn.asked = [found], None
    is_other = found[1].contact_id != contact.id
    visit = turn.describe(*found, name_needed=is_other or is_shared(turn.session, contact.id or 0))
    if asks == QUESTION_SAFETY:
        text = compose_safety(contact.language, clinic, visit, opening or AGAIN)
    elif asks == QUESTION_CONFIRM:
        text = compose_reply("ask_coming", contact.language, clinic, visit, opening=opening)
    else:
        ask_follow_up(turn, found, opening, most)
        return
    if most is None or turn.answers[text.body] < most:
        turn.say(text, asks, asks)
