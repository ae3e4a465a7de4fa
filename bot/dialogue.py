"""The screening dialogue: the answer to the safety question, then a few questions one at a time, then staff.

Nothing is interpreted here: what was said is stored as it was said, and everything but a plain no is
for a person. Which questions there are is data: ``messages/screening.toml``.
"""

from bot.database import is_shared
from bot.models import Appointment, Patient, Reply, Screening, ScreeningState, TaskKind, TextKind
from bot.questions import QUESTION_DETAIL, QUESTION_SAFETY, QUESTION_SCREENING
from bot.screenings import (
    find_or_add_screening,
    find_screening,
    finish,
    is_screened,
    list_questions,
    note_answer,
    say_english,
    tell_staff,
)
from bot.sentences import NOTHING, Sentence
from bot.turns import Turn
from messages.asking import INTRODUCTION, compose_detail, compose_question
from messages.compose import compose_answer
from messages.fitting import Text
from messages.screening import REPORTED, SAFETY, Question
from messages.topics import get_topic
from messages.words import RISKS

_ANSWERING = ("yes", "no", "report", "unknown")
_EXPLAINING = (*_ANSWERING, "question", "thanks", "confirm", "change")
_QUESTION_MARKS = "?\uff1f\u061f\u055e"
# A question that was understood at least so well is answered, also without a question mark.
_PLAINLY = 0.9
# A plain no is short. In more words there may be something that a person must read.
_LONGEST_NO = 5


def is_screening_answer(turn: Turn) -> bool:
    """Whether the text answers the safety question, or the follow-up that waits for an answer."""
    asks, intent = turn.asks(), turn.understanding.intent
    found = turn.find_visit()
    if found is None or (turn.asked and turn.asked.appointment_id != found[0].id) or not _says_something(turn):
        return False
    if asks.startswith((QUESTION_SCREENING, QUESTION_DETAIL)):
        screening = find_screening(turn.session, found[0].id or 0)
        if screening is None or screening.state != ScreeningState.ASKING:
            return False
        if asks.startswith(QUESTION_DETAIL):
            return intent in _EXPLAINING
    elif asks != QUESTION_SAFETY:
        return False
    return intent in _ANSWERING or (intent == "question" and _may_answer(turn))


def _may_answer(turn: Turn) -> bool:
    """Whether what reads like a question may be an answer: about a risk, or a guess at a text that asks nothing."""
    return turn.understanding.detail in RISKS or not (_is_keyword(turn) or _has_question_mark(turn))


def _wants_answer(turn: Turn) -> bool:
    """Whether a text that is kept as an answer is a question as well."""
    meaning = turn.understanding
    is_plain = meaning.confidence >= _PLAINLY and meaning.detail not in RISKS
    return meaning.intent == "question" and (_has_question_mark(turn) or _is_keyword(turn) or is_plain)


def _is_keyword(turn: Turn) -> bool:
    """Whether it is a word that we offer, and nothing else."""
    return turn.understanding.confidence == 1.0


def _has_question_mark(turn: Turn) -> bool:
    return any(sign in turn.inbound.body for sign in _QUESTION_MARKS)


def answer_screening(turn: Turn) -> None:
    """Store the answer and go on: the next question, or thanks."""
    found = turn.find_visit()
    if found is None:
        raise ValueError("an answer without an appointment")
    appointment, _ = found
    kind, _, code = turn.asks().partition(":")
    code = code or SAFETY
    screening = find_or_add_screening(turn.session, appointment, turn.now)
    reply = _read_reply(turn, is_detail=kind + ":" == QUESTION_DETAIL)
    english = say_english(turn.clinic.screening, turn.clinic.exams, appointment, code)
    note_answer(turn.session, screening, code, english, reply, turn.inbound.body, turn.contact, turn.now)
    if reply != Reply.NO:
        is_asked_alone = turn.asked is not None and turn.asked.kind == TextKind.REPLY
        sharing = turn.say_sharing() if reply == Reply.WORDS and not is_asked_alone else NOTHING
        _tell_staff(turn, screening, appointment, sharing)
    if _wants_answer(turn) and kind + ":" != QUESTION_DETAIL:
        topic = get_topic(turn.understanding.detail or "")
        turn.say(compose_answer(topic, turn.contact.language, turn.clinic, turn.make_visit()), topic.code)
    if code == SAFETY and reply == Reply.NO and screening.state == ScreeningState.ASKING:
        # Somebody has said yes or not sure before: what is true is for a person to find out.
        _tell_staff(turn, screening, appointment)
        if screening.contact_id != turn.contact.id:
            turn.reply("reported")
    elif code == SAFETY and reply == Reply.NO:
        finish(turn.session, screening, appointment, turn.now)
        turn.reply("safety_none")
    elif code != SAFETY and reply in (Reply.YES, Reply.UNSURE):
        _say(turn, screening, compose_detail(turn.contact.language, turn.clinic), QUESTION_DETAIL + code, code)
    else:
        _ask_next(turn, screening, found, after=code)


def note_report(turn: Turn) -> None:
    """Keep what was told without being asked with the answers of the coming appointment."""
    found = turn.find_visit()
    if found is not None and is_screened(turn.clinic.exams, found[0]):
        screening = find_or_add_screening(turn.session, found[0], turn.now)
        english = say_english(turn.clinic.screening, turn.clinic.exams, found[0], REPORTED)
        note_answer(turn.session, screening, REPORTED, english, Reply.WORDS, turn.inbound.body, turn.contact, turn.now)


def break_off(turn: Turn, what: str, *, of_number: bool = False) -> bool:
    """End the dialogue, if there is one with this number: a person must ask the rest. Returns whether there was.

    Args:
        of_number: only this number is done with. A companion who leaves does not speak for the patient.
    """
    broken = False
    for appointment, patient in turn.coming:
        screening = find_screening(turn.session, appointment.id or 0)
        is_asked = turn.asks() == QUESTION_SAFETY and turn.asked and turn.asked.appointment_id == appointment.id
        is_asking = screening and screening.state == ScreeningState.ASKING and screening.contact_id == turn.contact.id
        if is_asked and not (screening and screening.state == ScreeningState.ANSWERED):
            screening = find_or_add_screening(turn.session, appointment, turn.now)
        elif not is_asking:
            continue
        if screening is None:
            continue
        goes_on = of_number and patient.contact_id != turn.contact.id
        screening.state = ScreeningState.OPEN if goes_on else ScreeningState.PHONE
        screening.question = ""
        turn.session.add(screening)
        if not goes_on:
            turn.add_task(TaskKind.SCREENING, what, urgent=True)
        broken = True
    return broken


def ask_follow_up(turn: Turn, found: tuple[Appointment, Patient], opening: str = "", most: int | None = None) -> None:
    """Ask the question of the screening that waits for this number again.

    Args:
        opening: the sentence that it begins with.
        most: it is not asked again if the very same text went out so often within the hour.
    """
    screening = find_or_add_screening(turn.session, found[0], turn.now)
    questions = list_questions(turn.clinic.screening, turn.clinic.exams, found[0])
    at = next((at for at, question in enumerate(questions) if question.code == screening.question), None)
    if at is None:
        _ask_next(turn, screening, found, after=screening.question)
        return
    text = _compose(turn, found, questions, at, opening)
    if most is None or turn.answers[text.body] < most:
        _say(turn, screening, text, QUESTION_SCREENING + screening.question, screening.question)


def _says_something(turn: Turn) -> bool:
    """Not a picture alone, which nobody can read here."""
    return bool(turn.inbound.body.strip())


def _read_reply(turn: Turn, *, is_detail: bool) -> Reply:
    meaning = turn.understanding
    if is_detail:
        return Reply.WORDS
    if meaning.intent == "yes":
        return Reply.UNSURE if meaning.choice == 2 else Reply.YES
    is_follow_up = turn.asks() != QUESTION_SAFETY
    if meaning.intent == "no" and not (is_follow_up and len(turn.inbound.body.split()) > _LONGEST_NO):
        return Reply.NO
    return Reply.WORDS


def _ask_next(turn: Turn, screening: Screening, found: tuple[Appointment, Patient], after: str) -> None:
    """Ask the question after this one; when there is none, all is answered."""
    appointment, _ = found
    questions = list_questions(turn.clinic.screening, turn.clinic.exams, appointment)
    codes = [question.code for question in questions]
    at = codes.index(after) + 1 if after in codes else 0
    if at < len(questions):
        opening = INTRODUCTION if after == SAFETY else ""
        text = _compose(turn, found, questions, at, opening)
        _say(turn, screening, text, QUESTION_SCREENING + codes[at], codes[at])
    else:
        finish(turn.session, screening, appointment, turn.now)
        turn.reply("reported" if questions else "safety_some")


def _compose(
    turn: Turn, found: tuple[Appointment, Patient], questions: tuple[Question, ...], at: int, opening: str = ""
) -> Text:
    appointment, patient = found
    is_other = patient.contact_id != turn.contact.id
    visit = turn.describe(appointment, patient, name_needed=is_other or is_shared(turn.session, turn.contact.id or 0))
    return compose_question(questions[at], (at + 1, len(questions)), turn.contact.language, turn.clinic, visit, opening)


def _say(turn: Turn, screening: Screening, text: Text, asks: str, code: str) -> None:
    turn.say(text, "screening", asks=asks)
    screening.state, screening.question, screening.contact_id = ScreeningState.ASKING, code, turn.contact.id
    screening.asked_at = turn.now
    turn.session.add(screening)
    if found := turn.find_visit():
        # What had been answered before is no longer all.
        found[0].screened_at = None
        turn.session.add(found[0])


def _tell_staff(turn: Turn, screening: Screening, appointment: Appointment, sharing: Sentence = NOTHING) -> None:
    turn.has_task = True
    clinic = turn.clinic
    tell_staff(turn.session, clinic.screening, clinic.zone, screening, appointment, turn.contact, turn.now, sharing)
