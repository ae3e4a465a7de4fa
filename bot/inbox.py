"""Service: one text in -> a reply in the outbox, and a task where staff must look.

Nothing a patient writes is lost: it is stored with what was understood. A repeated webhook changes
nothing. Opt-out is honoured at once.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Engine, bindparam, insert
from sqlmodel import Session, select

from bot.answering import answer, answer_stranger, hear_opted_out
from bot.asking_again import find_unclear_question
from bot.clinic_topics import apply_choices
from bot.companions import answer_invitation, is_invitation_answer
from bot.database import (
    add_task,
    find_coming,
    find_contact,
    find_or_add_contact,
    has_patients,
    is_away,
    reading,
    run_built,
    writing,
)
from bot.models import METADATA, Appointment, Contact, OutgoingText, Patient, TaskKind, TextKind
from bot.provider import Inbound
from bot.questions import (
    QUESTION_TOPIC,
    find_chosen,
    find_named,
    list_asked,
    list_open,
)
from bot.sentences import Sentence
from bot.turns import ANSWERS_WITHIN, Turn
from messages.facts import ClinicFacts
from messages.lexicon import read_lexicon
from messages.understand import Understanding, understand

log = logging.getLogger(__name__)

# Questions that are answered like another: with 1 and 2, or in words.
_AWAITED_LIKE = {"screening": "safety", "detail": "safety", "invite": "confirm"}
# The longest number of a machine that sends advertising or codes, not of a person.
_SHORT_CODE_DIGITS = 6
# More answers than this to one number in an hour, and we are talking to another machine.
_MOST_ANSWERS = 40
# What no answer to a question of ours is.
_NEVER_ANSWERS = ("emergency", "stop", "start", "report")
Visited = tuple[Appointment, Patient]
# A text, and when it came.
Arrival = tuple[Inbound, datetime]
# What is answered at once, whoever of the staff has the conversation open.
_ALWAYS = ("emergency", "stop", "start")


_INCOMING, _OUTGOING = METADATA.tables["incoming_text"], METADATA.tables["outgoing_text"]
_KNOWN = select(_INCOMING.c.id).where(_INCOMING.c.provider_id == bindparam("provider_id"))
_STORE = insert(_INCOMING).values(label_intent="", labelled_by="")
_ANSWERS = select(_OUTGOING.c.body).where(
    _OUTGOING.c.contact_id == bindparam("contact_id"),
    _OUTGOING.c.kind == TextKind.REPLY,
    _OUTGOING.c.created_at > bindparam("since"),
)


def take_in(engine: Engine, clinic: ClinicFacts, inbound: Inbound, now: datetime) -> bool:
    """Take in one text in a transaction of its own; False when it had been taken in before.

    One that cannot be answered because of a fault of ours is kept for staff to read.
    """
    # Twice: what two writers at once have got in each other's way with does not come again.
    for is_last in (False, True):
        try:
            read_ahead(engine, clinic, [(inbound, now)])
            with writing(engine) as session:
                return take_in_all(session, clinic, [(inbound, now)])[0]
        except Exception as error:
            if is_away(error):
                raise
            if is_last:
                log.error("a text cannot be answered, and waits for staff: %s", type(error).__name__)
    return _keep_unanswered(engine, clinic, inbound, now)


def _keep_unanswered(engine: Engine, clinic: ClinicFacts, inbound: Inbound, now: datetime) -> bool:
    with writing(engine) as session:
        contact = find_or_add_contact(session, inbound.phone, clinic.default_language, now, lock=True)
        if run_built(session, _KNOWN, provider_id=inbound.provider_id).first():
            return False
        _store(session, contact, inbound, Understanding("unknown", confidence=0.0), now)
        what = Sentence("Wrote something that the bot failed to answer: read it and contact them")
        add_task(session, TaskKind.QUESTION, what, now, contact_id=contact.id, words=inbound.body, urgent=True)
        contact.heard_at = now
        contact.unread_since = contact.unread_since or now
        session.add(contact)
    return True


def _store(session: Session, contact: Contact, inbound: Inbound, understanding: Understanding, now: datetime) -> None:
    run_built(
        session,
        _STORE,
        provider_id=inbound.provider_id,
        contact_id=contact.id,
        body=inbound.body,
        media=inbound.media,
        intent=understanding.intent,
        detail=understanding.detail,
        confidence=understanding.confidence,
        received_at=now,
    )


def take_in_all(session: Session, clinic: ClinicFacts, arrivals: Sequence[Arrival]) -> list[bool]:
    """Take in texts, those of each phone in their order; of each, False as ``take_in`` gives it."""
    clinic = apply_choices(session, clinic)
    taken = [False] * len(arrivals)
    # By number: two processes that lock several would wait for each other criss-cross.
    for at in sorted(range(len(arrivals)), key=lambda at: arrivals[at][0].phone):
        taken[at] = _take(session, clinic, *arrivals[at])
        # Each reads the rows as they are by then, not as an earlier one has found them.
        session.flush()
        session.expunge_all()
    return taken


def read_ahead(engine: Engine, clinic: ClinicFacts, arrivals: Sequence[Arrival]) -> None:
    """Soon after the start a language may take seconds to be learned, in which no one shall wait for the database."""
    if read_lexicon().has_learned():
        return
    for inbound, _ in arrivals:
        with reading(engine) as session:
            contact = find_contact(session, inbound.phone)
        understand(inbound.body, contact.language if contact else clinic.default_language)


def receive(
    session: Session, clinic: ClinicFacts, inbound: Inbound, now: datetime, understood: Understanding | None = None
) -> bool:
    """Take in one text and answer it; False when it had been taken in before.

    Args:
        understood: what the text means, where that is known already.
    """
    return _take(session, apply_choices(session, clinic), inbound, now, understood)


def _take(
    session: Session, clinic: ClinicFacts, inbound: Inbound, now: datetime, understood: Understanding | None = None
) -> bool:
    # The row stays locked: two texts from one phone at the same moment are taken one after the other, and so is the
    # same text that comes twice.
    contact = find_or_add_contact(session, inbound.phone, clinic.default_language, now, lock=True)
    if run_built(session, _KNOWN, provider_id=inbound.provider_id).first():
        return False
    everybody = find_coming(session, contact.id or 0, now)
    questions = list_asked(session, contact, now)
    coming, asked, understanding = _find_meant(session, contact, inbound.body, everybody, questions, understood)
    if inbound.opt_out:
        understanding = _read_opt_out(inbound.opt_out, understanding)
    _store(session, contact, inbound, understanding, now)
    if contact.unreachable_since and contact.unreachable_reason != "wrong number":
        contact.unreachable_since, contact.unreachable_reason = None, ""
    is_held = contact.held_until is not None and contact.held_until > now and understanding.intent not in _ALWAYS
    turn = Turn(
        session,
        clinic,
        now,
        contact,
        inbound,
        coming,
        asked,
        understanding,
        is_held,
        everybody=everybody,
        questions=questions,
        answers=Counter(run_built(session, _ANSWERS, contact_id=contact.id, since=now - ANSWERS_WITHIN).scalars()),
    )
    if understanding.automatic or len(inbound.phone.lstrip("+")) <= _SHORT_CODE_DIGITS:
        # Another machine. What it sent is stored; an answer would be answered.
        pass
    elif contact.opted_out_at and understanding.intent not in ("start", "stop"):
        hear_opted_out(turn)
    elif is_invitation_answer(turn) and find_unclear_question(turn) is None:
        answer_invitation(turn)
    elif understanding.intent not in ("stop", "start", "emergency") and not (
        everybody or has_patients(session, contact.id or 0)
    ):
        answer_stranger(turn)
    elif understanding.intent not in ("stop", "emergency") and turn.answers.total() >= _MOST_ANSWERS:
        what = Sentence("Writes without end, perhaps a machine: it gets no answers for now")
        turn.add_task(TaskKind.QUESTION, what)
    else:
        answer(turn)
    if is_held and not turn.has_task:
        what = Sentence("Wrote in the conversation that %(who)s has open: answer them", who=contact.held_by)
        turn.add_task(TaskKind.QUESTION, what)
    contact.heard_at = now
    if (turn.has_task or is_held) and contact.unread_since is None:
        # What the bot answered alone, nobody needs to read.
        contact.unread_since = now
    session.add(contact)
    return True


def _read_opt_out(opt_out: str, understanding: Understanding) -> Understanding:
    """What Twilio made of a text: it has already acted on it, and answered it.

    A bare YES is a carrier's word for START. With us it answers a question, and brings no texts back.
    """
    if opt_out == "START" and understanding.intent in ("yes", "confirm"):
        return understanding
    return Understanding(opt_out.lower() if opt_out in ("STOP", "START", "HELP") else "unknown")


def _find_meant(
    session: Session,
    contact: Contact,
    words: str,
    coming: list[Visited],
    questions: Sequence[OutgoingText],
    understood: Understanding | None,
) -> tuple[list[Visited], OutgoingText | None, Understanding]:
    """Whose appointments a text is about, the question of ours that it may answer, and what it means."""
    last = questions[0] if questions else None
    meaning = _choose_topic(understood or _read(words, contact, last), last)
    kind, _, wish = ((last.asks if last else None) or "").partition("-")
    if understood is None and kind == "which" and (choice := find_chosen(words, coming)):
        # "Which one?" is answered with a number, or with the name alone.
        return coming, last, Understanding(wish, confidence=1.0, choice=choice)
    if understood is None and meaning.intent not in _NEVER_ANSWERS and (named := find_named(words, coming)):
        patient, rest = named
        of_patient = [one for one in coming if one[1].id == patient.id]
        ids = {appointment.id for appointment, _ in of_patient}
        asked = next((row for row in questions if row.appointment_id in ids), None)
        named_meaning = _read(rest, contact, asked)
        if named_meaning.intent in ("yes", "no"):
            return of_patient, asked, named_meaning
    if understood is None and meaning.intent == "unknown":
        # It may be an answer to another question that waits than to the last.
        waiting = list_open(session, contact, coming, questions)
        for asked in (row for row in waiting if row is not last):
            late_meaning = _read(words, contact, asked)
            if late_meaning.intent in ("yes", "no", "report"):
                return coming, asked, late_meaning
    return coming, last, meaning


def _read(words: str, contact: Contact, asked: OutgoingText | None) -> Understanding:
    awaiting = (asked.asks or "").partition(":")[0] if asked else None
    return understand(words, contact.language, _AWAITED_LIKE.get(awaiting or "", awaiting))


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
