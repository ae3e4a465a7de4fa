"""Service: one text in -> a reply in the outbox, and a task where staff must look.

Nothing a patient writes is lost: it is stored with what was understood. A repeated webhook changes
nothing. Opt-out is honoured at once.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from bot.answering import answer, answer_stranger, hear_opted_out
from bot.clinic_topics import apply_choices
from bot.companions import answer_invitation, is_invitation_answer
from bot.database import find_coming, find_contact, find_or_add_contact, has_patients, reading, writing
from bot.models import Contact, IncomingText, OutgoingText, TaskKind, TextKind, TextState
from bot.provider import Inbound
from bot.turns import ANSWERS_WITHIN, QUESTION_TOPIC, Turn
from messages.facts import ClinicFacts
from messages.understand import Understanding, understand

# A question of ours may be answered this long after it was sent. One about topics is forgotten sooner.
_AWAITING = timedelta(days=14)
_TOPIC_WITHIN = timedelta(hours=6)
# Questions that are answered like another: with 1 and 2, or in words.
_AWAITED_LIKE = {"screening": "safety", "detail": "safety", "invite": "confirm"}
# The longest number of a machine that sends advertising or codes, not of a person.
_SHORT_CODE_DIGITS = 6
# More answers than this to one number in an hour, and we are talking to another machine.
_MOST_ANSWERS = 40
# What is answered at once, whoever of the staff has the conversation open.
_ALWAYS = ("emergency", "stop", "start")


def take_in(engine: Engine, clinic: ClinicFacts, inbound: Inbound, now: datetime) -> bool:
    """Take in one text in a transaction of its own; False when it had been taken in before."""
    with reading(engine) as session:
        contact = find_contact(session, inbound.phone)
    # The first text in a language takes a second to understand, in which nobody else shall wait for the database.
    understand(inbound.body, contact.language if contact else clinic.default_language)
    with writing(engine) as session:
        return receive(session, clinic, inbound, now)


def receive(
    session: Session, clinic: ClinicFacts, inbound: Inbound, now: datetime, understood: Understanding | None = None
) -> bool:
    """Take in one text and answer it; False when it had been taken in before.

    Args:
        understood: what the text means, where that is known already.
    """
    # The row stays locked: two texts from one phone at the same moment are taken one after the other.
    contact = find_or_add_contact(session, inbound.phone, clinic.default_language, now, lock=True)
    row = _store(session, contact, inbound, now)
    if row is None:
        return False
    asked = _find_question(session, contact, now)
    awaiting = (asked.asks or "").partition(":")[0] if asked else None
    awaiting = _AWAITED_LIKE.get(awaiting or "", awaiting)
    understanding = _choose_topic(understood or understand(inbound.body, contact.language, awaiting), asked)
    if inbound.opt_out:
        understanding = _read_opt_out(inbound.opt_out, understanding)
    row.intent, row.detail, row.confidence = understanding.intent, understanding.detail, understanding.confidence
    if contact.unreachable_since and contact.unreachable_reason != "wrong number":
        contact.unreachable_since, contact.unreachable_reason = None, ""
    coming = find_coming(session, contact.id or 0, now)
    is_held = contact.held_until is not None and contact.held_until > now and understanding.intent not in _ALWAYS
    clinic = apply_choices(session, clinic)
    turn = Turn(session, clinic, now, contact, inbound, coming, asked, understanding, is_held)
    if understanding.automatic or len(inbound.phone.lstrip("+")) <= _SHORT_CODE_DIGITS:
        # Another machine. What it sent is stored; an answer would be answered.
        pass
    elif contact.opted_out_at and understanding.intent not in ("start", "stop"):
        hear_opted_out(turn)
    elif is_invitation_answer(turn):
        answer_invitation(turn)
    elif not has_patients(session, contact.id or 0) and understanding.intent not in ("stop", "start", "emergency"):
        answer_stranger(turn)
    elif understanding.intent not in ("stop", "emergency") and _is_chatter(session, contact, now):
        turn.add_task(TaskKind.QUESTION, "Writes without end, perhaps a machine: it gets no answers for now")
    else:
        answer(turn)
    if is_held and not turn.has_task:
        turn.add_task(TaskKind.QUESTION, f"Wrote in the conversation that {contact.held_by} has open: answer them")
    contact.heard_at = now
    if (turn.has_task or is_held) and contact.unread_since is None:
        # What the bot answered alone, nobody needs to read.
        contact.unread_since = now
    session.add_all([contact, row])
    return True


def _read_opt_out(opt_out: str, understanding: Understanding) -> Understanding:
    """What Twilio made of a text: it has already acted on it, and answered it.

    A bare YES is a carrier's word for START. With us it answers a question, and brings no texts back.
    """
    if opt_out == "START" and understanding.intent in ("yes", "confirm"):
        return understanding
    return Understanding(opt_out.lower() if opt_out in ("STOP", "START", "HELP") else "unknown")


def _store(session: Session, contact: Contact, inbound: Inbound, now: datetime) -> IncomingText | None:
    """Store the text once; None when its id is known."""
    if session.exec(select(IncomingText.id).where(IncomingText.provider_id == inbound.provider_id)).first():
        return None
    row = IncomingText(
        provider_id=inbound.provider_id,
        contact_id=contact.id or 0,
        body=inbound.body,
        media=inbound.media,
        received_at=now,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        # The same webhook at the same moment in another process: that one answers.
        return None
    return row


def _find_question(session: Session, contact: Contact, now: datetime) -> OutgoingText | None:
    """The last question of ours that this contact has got and not yet answered."""
    asked = session.exec(
        select(OutgoingText)
        .where(
            OutgoingText.contact_id == contact.id,
            col(OutgoingText.asks).is_not(None),
            col(OutgoingText.state).in_((TextState.SENDING, TextState.UNKNOWN, TextState.SENT, TextState.DELIVERED)),
            col(OutgoingText.sending_since) >= now - _AWAITING,
        )
        .order_by(col(OutgoingText.sending_since).desc(), col(OutgoingText.id).desc())
    ).first()
    is_topic = asked is not None and (asked.asks or "").startswith(QUESTION_TOPIC)
    return None if asked is None or (is_topic and asked.created_at < now - _TOPIC_WITHIN) else asked


def _choose_topic(understanding: Understanding, asked: OutgoingText | None) -> Understanding:
    """The topic that a number stands for which answers "do you mean one of these?"."""
    if asked is None or not (asked.asks or "").startswith(QUESTION_TOPIC):
        return understanding
    if understanding.intent != "question" or understanding.choice is None:
        return understanding
    offered = (asked.asks or "").removeprefix(QUESTION_TOPIC).split(",")
    if 1 <= understanding.choice <= len(offered):
        return replace(understanding, detail=offered[understanding.choice - 1])
    return Understanding("unknown", confidence=0.0)


def _is_chatter(session: Session, contact: Contact, now: datetime) -> bool:
    answers = session.exec(
        select(func.count()).where(
            col(OutgoingText.contact_id) == contact.id,
            col(OutgoingText.kind) == TextKind.REPLY,
            col(OutgoingText.created_at) > now - ANSWERS_WITHIN,
        )
    ).one()
    return answers >= _MOST_ANSWERS
