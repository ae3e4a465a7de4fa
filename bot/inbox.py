"""Service: one text in -> a reply in the outbox, and a task where staff must look.

Nothing a patient writes is lost: it is stored with what was understood. A repeated webhook changes
nothing. Opt-out is honoured at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select

from bot.database import add_task, find_coming, find_or_add_contact, has_patients, is_shared, make_visit
from bot.models import (
    Appointment,
    AppointmentStatus,
    Contact,
    IncomingText,
    OutgoingText,
    Patient,
    TaskKind,
    TextKind,
    TextState,
)
from bot.provider import Inbound
from messages.compose import (
    compose_answer,
    compose_companion,
    compose_language_question,
    compose_more,
    compose_reply,
    compose_topic_question,
    name_visit,
)
from messages.facts import ClinicFacts, Visit
from messages.fitting import Text
from messages.languages import find_language
from messages.topics import get_topic
from messages.understand import Understanding, understand

# A question of ours may be answered this long after it was sent.
_AWAITING = timedelta(days=14)
# MORE goes on with a question asked this long ago at most.
_MORE_WITHIN = timedelta(days=1)
# An answer is of use this long. A patient who asked yesterday has phoned by now.
_REPLY_USEFUL = timedelta(hours=12)
_STRANGER_PAUSE = timedelta(days=1)
# A word about one of these may be an answer to the safety question.
_RISKS = ("implants", "metal", "contrast", "pregnancy")
# The same answer goes to one number this often in an hour. After that it does not help, or nobody reads it.
_MOST_ALIKE = 3
# The longest number of a machine that sends advertising or codes, not of a person.
_SHORT_CODE_DIGITS = 6
# More answers than this to one number in an hour, and we are talking to another machine.
_MOST_ANSWERS = 40
_ANSWERS_WITHIN = timedelta(hours=1)
# What is answered at once, whoever of the staff has the conversation open.
_ALWAYS = ("emergency", "stop", "start")
_QUESTION_LANGUAGE, _QUESTION_SAFETY, _QUESTION_CONFIRM = "language", "safety", "confirm"
# The topics that were offered follow it: ``topic:metal,noise``. It is forgotten sooner than the others.
_QUESTION_TOPIC = "topic:"
_TOPIC_WITHIN = timedelta(hours=6)


@dataclass
class _Turn:
    """One text being answered: who wrote, what is known of them, and what we asked before."""

    session: Session
    clinic: ClinicFacts
    now: datetime
    contact: Contact
    inbound: Inbound
    coming: list[tuple[Appointment, Patient]]
    asked: OutgoingText | None
    understanding: Understanding
    # Somebody of the staff is talking with them: what the bot says would get in between.
    is_held: bool = False
    has_task: bool = False

    def find_visit(self) -> tuple[Appointment, Patient] | None:
        """The appointment meant: that of our question, or else the next one."""
        for appointment, patient in self.coming:
            if self.asked and self.asked.appointment_id == appointment.id:
                return appointment, patient
        return self.coming[0] if self.coming else None

    def make_visit(self) -> Visit | None:
        found = self.find_visit()
        if found is None:
            return None
        appointment, patient = found
        return self.describe(appointment, patient, name_needed=is_shared(self.session, self.contact.id or 0))

    def describe(self, appointment: Appointment, patient: Patient, *, name_needed: bool) -> Visit:
        return make_visit(appointment, patient, self.clinic.exams, name_needed=name_needed)

    def is_companion(self) -> bool:
        """Whether the patient meant is one whom the writer accompanies."""
        found = self.find_visit()
        return found is not None and found[1].contact_id != self.contact.id

    def _count_alike(self, body: str) -> int:
        """How often this very answer went to the contact within the hour."""
        return self.session.exec(
            select(func.count()).where(
                col(OutgoingText.contact_id) == self.contact.id,
                col(OutgoingText.kind) == TextKind.REPLY,
                col(OutgoingText.created_at) > self.now - _ANSWERS_WITHIN,
                col(OutgoingText.body) == body,
            )
        ).one()

    def find_last(self) -> IncomingText | None:
        """The contact's last question, about a topic or the languages, that MORE can be meant for."""
        return self.session.exec(
            select(IncomingText)
            .where(
                IncomingText.contact_id == self.contact.id,
                IncomingText.received_at >= self.now - _MORE_WITHIN,
                (col(IncomingText.intent) == "question")
                | ((col(IncomingText.intent) == "language") & col(IncomingText.detail).is_(None)),
            )
            .order_by(col(IncomingText.id).desc())
        ).first()

    def count_pages(self, asked: IncomingText) -> int:
        """How many times MORE has come since the question, this one included."""
        return self.session.exec(
            select(func.count()).where(
                col(IncomingText.contact_id) == self.contact.id,
                col(IncomingText.intent) == "more",
                col(IncomingText.id) > (asked.id or 0),
            )
        ).one()

    def add_task(self, kind: TaskKind, what: str, *, urgent: bool = False) -> None:
        self.has_task = True
        found = self.find_visit()
        add_task(
            self.session,
            kind,
            what,
            self.now,
            contact_id=self.contact.id,
            appointment_id=found[0].id if found else None,
            words=self.inbound.body,
            urgent=urgent,
        )

    def reply(self, name: str, choices: list[str] | None = None, asks: str | None = None) -> None:
        text = compose_reply(name, self.contact.language, self.clinic, self.make_visit(), choices or [])
        self.say(text, name, asks)

    def say(self, text: Text, step: str, asks: str | None = None) -> None:
        if self.is_held:
            return
        if self._count_alike(text.body) >= _MOST_ALIKE:
            what = "Got the same answer again and again, and gets it no more: contact them"
            add_task(self.session, TaskKind.QUESTION, what, self.now, contact_id=self.contact.id)
            return
        found = self.find_visit()
        self.session.add(
            OutgoingText(
                contact_id=self.contact.id or 0,
                # The question belongs to an appointment; a reply without one to nobody's plan.
                appointment_id=found[0].id if asks and found else None,
                kind=TextKind.REPLY,
                step=None if asks and found else step,
                due_at=self.now,
                useful_until=self.now + _REPLY_USEFUL,
                body=text.body,
                language=text.language,
                segments=text.measure.segments,
                asks=asks,
                created_at=self.now,
            )
        )


def receive(session: Session, clinic: ClinicFacts, inbound: Inbound, now: datetime) -> bool:
    """Take in one text and answer it; False when it had been taken in before."""
    # The row stays locked: two texts from one phone at the same moment are taken one after the other.
    contact = find_or_add_contact(session, inbound.phone, clinic.default_language, now, lock=True)
    row = _store(session, contact, inbound, now)
    if row is None:
        return False
    asked = _find_question(session, contact, now)
    awaiting = (asked.asks or "").partition(":")[0] if asked else None
    understanding = _choose_topic(understand(inbound.body, contact.language, awaiting), asked)
    if inbound.opt_out:
        understanding = _read_opt_out(inbound.opt_out, understanding)
    row.intent, row.detail, row.confidence = understanding.intent, understanding.detail, understanding.confidence
    if contact.unreachable_since and contact.unreachable_reason != "wrong number":
        contact.unreachable_since, contact.unreachable_reason = None, ""
    coming = find_coming(session, contact.id or 0, now)
    is_held = contact.held_until is not None and contact.held_until > now and understanding.intent not in _ALWAYS
    turn = _Turn(session, clinic, now, contact, inbound, coming, asked, understanding, is_held)
    if understanding.automatic or len(inbound.phone.lstrip("+")) <= _SHORT_CODE_DIGITS:
        # Another machine. What it sent is stored; an answer would be answered.
        pass
    elif contact.opted_out_at and understanding.intent not in ("start", "stop"):
        _hear_opted_out(turn)
    elif not has_patients(session, contact.id or 0) and understanding.intent not in ("stop", "start", "emergency"):
        _answer_stranger(turn)
    elif understanding.intent not in ("stop", "emergency") and _is_chatter(session, contact, now):
        turn.add_task(TaskKind.QUESTION, "Writes without end, perhaps a machine: it gets no answers for now")
    else:
        _ANSWERS[understanding.intent](turn)
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
    is_topic = asked is not None and (asked.asks or "").startswith(_QUESTION_TOPIC)
    return None if asked is None or (is_topic and asked.created_at < now - _TOPIC_WITHIN) else asked


def _choose_topic(understanding: Understanding, asked: OutgoingText | None) -> Understanding:
    """The topic that a number stands for which answers "do you mean one of these?"."""
    if asked is None or not (asked.asks or "").startswith(_QUESTION_TOPIC):
        return understanding
    if understanding.intent != "question" or understanding.choice is None:
        return understanding
    offered = (asked.asks or "").removeprefix(_QUESTION_TOPIC).split(",")
    if 1 <= understanding.choice <= len(offered):
        return replace(understanding, detail=offered[understanding.choice - 1])
    return Understanding("unknown", confidence=0.0)


def _is_chatter(session: Session, contact: Contact, now: datetime) -> bool:
    answers = session.exec(
        select(func.count()).where(
            col(OutgoingText.contact_id) == contact.id,
            col(OutgoingText.kind) == TextKind.REPLY,
            col(OutgoingText.created_at) > now - _ANSWERS_WITHIN,
        )
    ).one()
    return answers >= _MOST_ANSWERS


# What each intent leads to


def _hear_opted_out(turn: _Turn) -> None:
    """No answer may leave, but what the patient says still reaches staff."""
    urgent = turn.understanding.intent in ("emergency", "report")
    kind = TaskKind.EMERGENCY if turn.understanding.intent == "emergency" else TaskKind.QUESTION
    turn.add_task(kind, "This number gets no texts (opted out) and wrote to us: phone them", urgent=urgent)


def _answer_stranger(turn: _Turn) -> None:
    answered = turn.session.exec(
        select(OutgoingText.id)
        .where(
            OutgoingText.contact_id == turn.contact.id,
            OutgoingText.step == "stranger",
            col(OutgoingText.created_at) > turn.now - _STRANGER_PAUSE,
        )
        .limit(1)
    ).first()
    if answered is None:
        turn.reply("stranger")


def _answer_emergency(turn: _Turn) -> None:
    turn.add_task(TaskKind.EMERGENCY, "A text that sounds like an emergency: phone them now", urgent=True)
    turn.reply("emergency")


def _answer_stop(turn: _Turn) -> None:
    contact = turn.contact
    already = contact.opted_out_at is not None
    if already:
        return
    contact.opted_out_at, contact.opted_out_words = turn.now, turn.inbound.body
    contact.opted_out_source = "carrier" if turn.inbound.opt_out else "text"
    if turn.coming:
        turn.add_task(TaskKind.OPTED_OUT, "No more texts wanted, and an appointment is coming: phone this patient")
    if not turn.inbound.opt_out:
        turn.reply("stopped")


def _answer_start(turn: _Turn) -> None:
    turn.contact.opted_out_at, turn.contact.opted_out_words, turn.contact.opted_out_source = None, "", ""
    if not turn.inbound.opt_out:
        turn.reply("started")


def _answer_help(turn: _Turn) -> None:
    if not turn.inbound.opt_out:
        turn.reply("help")


def _answer_menu(turn: _Turn) -> None:
    turn.reply("menu")


def _answer_language(turn: _Turn) -> None:
    detail = turn.understanding.detail
    if detail is None:
        _ask_language(turn, page=0)
        return
    language = find_language(detail)
    if language is None:
        turn.reply("language_missing")
        return
    turn.contact.language = language.code
    turn.reply("language_changed")


def _ask_language(turn: _Turn, page: int) -> None:
    text = compose_language_question(turn.contact.language, turn.clinic, page)
    turn.say(text, f"ask_language:{page}", asks=_QUESTION_LANGUAGE)


def _answer_more(turn: _Turn) -> None:
    """More of what was last asked about: the next languages, or the rest on a topic."""
    last = turn.find_last()
    if last and last.intent == "language":
        _ask_language(turn, page=turn.count_pages(last))
        return
    if last is None:
        turn.reply("menu")
        return
    topic = get_topic(last.detail or "")
    turn.say(compose_more(topic, turn.contact.language, turn.clinic, turn.make_visit()), f"more:{topic.code}")


def _answer_confirm(turn: _Turn) -> None:
    found = _choose(turn, "confirm")
    if found is None:
        return
    appointment, patient = found
    appointment.status = AppointmentStatus.CONFIRMED
    turn.session.add(appointment)
    visit = turn.describe(appointment, patient, name_needed=False)
    turn.say(compose_reply("confirmed", turn.contact.language, turn.clinic, visit), "confirmed")


def _answer_change(turn: _Turn) -> None:
    found = _choose(turn, "change")
    if found is None:
        return
    appointment, _ = found
    turn.coming = [found]
    soon = appointment.starts_at - turn.now < timedelta(days=2)
    turn.add_task(TaskKind.CHANGE, "Wants to change or cancel the appointment: contact them", urgent=soon)
    turn.reply("change")


def _choose(turn: _Turn, wish: str) -> tuple[Appointment, Patient] | None:
    """The appointment that a wish is about; asks which when several could be meant."""
    if not turn.coming:
        turn.reply("no_appointment")
        turn.add_task(TaskKind.QUESTION, "Wrote about an appointment, but none is coming: contact them")
        return None
    choice = turn.understanding.choice
    if turn.asked and (turn.asked.asks or "").startswith("which-") and choice:
        if choice <= len(turn.coming):
            return turn.coming[choice - 1]
    elif len(turn.coming) == 1 or (turn.asked and turn.asked.asks == _QUESTION_CONFIRM):
        return turn.find_visit()
    visits = [turn.describe(appointment, patient, name_needed=True) for appointment, patient in turn.coming]
    names = [name_visit(turn.contact.language, turn.clinic, visit) for visit in visits]
    turn.reply("ask_which", names, asks=f"which-{wish}")
    return None


def _answer_yes(turn: _Turn) -> None:
    question = turn.asked.asks if turn.asked else None
    if question == _QUESTION_SAFETY:
        _note_screening(turn)
        turn.add_task(TaskKind.SCREENING, "Said yes or not sure to the safety questions: ask what it is", urgent=True)
        turn.reply("safety_some")
    elif question == _QUESTION_CONFIRM:
        _answer_confirm(turn)
    else:
        _ask_coming(turn)


def _answer_no(turn: _Turn) -> None:
    question = turn.asked.asks if turn.asked else None
    if question == _QUESTION_SAFETY:
        _note_screening(turn)
        turn.reply("safety_none")
    elif question == _QUESTION_CONFIRM:
        turn.add_task(TaskKind.NOT_COMING, "Answered that they will not come: contact them", urgent=True)
        turn.reply("change")
    else:
        _ask_coming(turn)


def _note_screening(turn: _Turn) -> None:
    """The answer is stored as it was given; that it is safe is for staff to decide."""
    if found := turn.find_visit():
        found[0].screened_at = turn.now
        turn.session.add(found[0])


def _ask_coming(turn: _Turn) -> None:
    """A yes or no to nothing we asked: ask, instead of guessing what it meant."""
    if turn.coming:
        turn.reply("ask_coming", asks=_QUESTION_CONFIRM)
    else:
        _answer_unknown(turn)


def _answer_report(turn: _Turn) -> None:
    kind = TaskKind.ALLERGY if turn.understanding.detail == "allergy" else TaskKind.IMPLANT
    turn.add_task(kind, "Reported something that must be checked before the exam", urgent=True)
    turn.reply("reported")


def _answer_question(turn: _Turn) -> None:
    topic = get_topic(turn.understanding.detail or "")
    asked_safety = turn.asked is not None and turn.asked.asks == _QUESTION_SAFETY
    if asked_safety and topic.code in _RISKS:
        turn.add_task(TaskKind.SCREENING, "Answered the safety questions in words: read what they mean", urgent=True)
    elif topic.for_staff:
        turn.add_task(TaskKind.QUESTION, f"Asked about {topic.code}, which depends on the patient: contact them")
    named = turn.understanding.names_condition
    if topic.code == "when" and turn.is_companion() and (visit := turn.make_visit()):
        turn.say(compose_companion(["arrive"], turn.contact.language, turn.clinic, visit), topic.code)
        return
    text = compose_answer(topic, turn.contact.language, turn.clinic, turn.make_visit(), named=named)
    turn.say(text, topic.code)


def _answer_thanks(turn: _Turn) -> None:
    turn.reply("thanks")


def _answer_wrong_number(turn: _Turn) -> None:
    turn.contact.unreachable_since, turn.contact.unreachable_reason = turn.now, "wrong number"
    turn.add_task(TaskKind.WRONG_NUMBER, "Says this is the wrong number: find the right one", urgent=bool(turn.coming))
    turn.reply("wrong_number")


def _answer_unknown(turn: _Turn) -> None:
    unreadable = turn.inbound.media > 0 and not turn.inbound.body.strip()
    what = (
        "Sent a picture or recording: look at what they mean"
        if unreadable
        else "Wrote something the bot did not understand"
    )
    urgent = bool(turn.asked and turn.asked.asks == _QUESTION_SAFETY)
    if turn.understanding.alternatives and not urgent:
        _ask_topic(turn)
        return
    turn.add_task(TaskKind.QUESTION, what, urgent=urgent)
    turn.reply("unreadable" if unreadable else "unknown")


def _ask_topic(turn: _Turn) -> None:
    """Ask instead of guessing what a question is about."""
    codes = turn.understanding.alternatives
    text = compose_topic_question([get_topic(code) for code in codes], turn.contact.language, turn.clinic)
    turn.say(text, "ask_topic", asks=_QUESTION_TOPIC + ",".join(codes))


_ANSWERS: dict[str, Callable[[_Turn], None]] = {
    "emergency": _answer_emergency,
    "stop": _answer_stop,
    "start": _answer_start,
    "help": _answer_help,
    "menu": _answer_menu,
    "language": _answer_language,
    "more": _answer_more,
    "confirm": _answer_confirm,
    "change": _answer_change,
    "report": _answer_report,
    "question": _answer_question,
    "yes": _answer_yes,
    "no": _answer_no,
    "thanks": _answer_thanks,
    "wrong_number": _answer_wrong_number,
    "unknown": _answer_unknown,
}
