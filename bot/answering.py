"""What each intent of a patient's text leads to: a reply in the outbox, and a task where staff must look."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import bindparam, select

from bot.asking_again import ask_one, find_unclear_question, resume
from bot.companions import find_named_number, invite
from bot.database import run_built
from bot.dialogue import answer_screening, break_off, is_screening_answer, note_report
from bot.models import METADATA, Appointment, AppointmentStatus, Patient, TaskKind
from bot.questions import QUESTION_CONFIRM, QUESTION_LANGUAGE, QUESTION_SAFETY, QUESTION_TOPIC, is_list
from bot.sentences import Sentence
from bot.turns import Turn
from messages.compose import (
    compose_answer,
    compose_companion,
    compose_language_question,
    compose_more,
    compose_topic_question,
    name_visit,
)
from messages.languages import find_language
from messages.screening import REPORTED
from messages.topics import get_topic

_STRANGER_PAUSE = timedelta(days=1)
_TEXT = METADATA.tables["outgoing_text"]
_TO_STRANGER = (
    select(_TEXT.c.id)
    .where(
        _TEXT.c.contact_id == bindparam("contact_id"),
        _TEXT.c.step == "stranger",
        _TEXT.c.created_at > bindparam("since"),
    )
    .limit(1)
)
# After one of these we do not go on asking.
_LAST_WORDS = ("stop", "emergency", "help", "wrong_number", "start")


def answer(turn: Turn) -> None:
    """Answer a text, as one to the screening if it is that, and go on with the questions that still wait."""
    if (question := find_unclear_question(turn)) is not None:
        ask_one(turn, question)
        return
    asked, meaning = turn.asked, turn.understanding
    if is_screening_answer(turn):
        answer_screening(turn)
    else:
        ANSWERS[meaning.intent](turn)
    if asked and is_list(asked) and (meaning.choice is not None or meaning.intent == "language"):
        asked.answered_at = turn.now
    if turn.understanding.intent not in _LAST_WORDS:
        resume(turn)


def hear_opted_out(turn: Turn) -> None:
    """No answer may leave, but what the patient says still reaches staff."""
    if turn.understanding.intent == "report":
        note_report(turn)
    urgent = turn.understanding.intent in ("emergency", "report")
    kind = TaskKind.EMERGENCY if turn.understanding.intent == "emergency" else TaskKind.QUESTION
    turn.add_task(kind, Sentence("This number gets no texts (opted out) and wrote to us: phone them"), urgent=urgent)


def answer_stranger(turn: Turn) -> None:
    since = turn.now - _STRANGER_PAUSE
    if run_built(turn.session, _TO_STRANGER, contact_id=turn.contact.id, since=since).first() is None:
        turn.reply("stranger")


def _answer_emergency(turn: Turn) -> None:
    break_off(turn, Sentence("The screening broke off at what sounds like an emergency: ask the rest by phone"))
    turn.add_task(TaskKind.EMERGENCY, Sentence("A text that sounds like an emergency: phone them now"), urgent=True)
    turn.reply("emergency")


def _answer_stop(turn: Turn) -> None:
    contact = turn.contact
    already = contact.opted_out_at is not None
    if already:
        return
    contact.opted_out_at, contact.opted_out_words = turn.now, turn.inbound.body
    contact.opted_out_source = "carrier" if turn.inbound.opt_out else "text"
    break_off(
        turn, Sentence("Wants no more texts in the middle of the screening: ask the rest by phone"), of_number=True
    )
    if turn.coming:
        turn.add_task(
            TaskKind.OPTED_OUT, Sentence("No more texts wanted, and an appointment is coming: phone this patient")
        )
    if not turn.inbound.opt_out:
        turn.reply("stopped")


def _answer_start(turn: Turn) -> None:
    contact = turn.contact
    contact.opted_out_at, contact.opted_out_words, contact.opted_out_source = None, "", ""
    if contact.consented_at is None:
        # Whoever asks for texts consents to them, whatever the clinic had been told.
        contact.consented_at, contact.consent_source, contact.refused_at = turn.now, "text: START", None
    if not turn.inbound.opt_out:
        turn.reply("started")


def _answer_help(turn: Turn) -> None:
    if break_off(turn, Sentence("Would rather be phoned than asked by text: go through the screening by phone")):
        if not turn.inbound.opt_out:
            turn.reply("call_coming")
        return
    if not turn.inbound.opt_out:
        turn.reply("help")


def _answer_menu(turn: Turn) -> None:
    turn.reply("menu")


def _answer_language(turn: Turn) -> None:
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


def _ask_language(turn: Turn, page: int) -> None:
    text = compose_language_question(turn.contact.language, turn.clinic, page)
    turn.say(text, f"ask_language:{page}", asks=QUESTION_LANGUAGE)


def _answer_more(turn: Turn) -> None:
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


def _answer_confirm(turn: Turn) -> None:
    # "My daughter 202 555 0142 comes with me" says who comes along, not only that they come.
    if (number := find_named_number(turn)) and invite(turn, number):
        return
    found = _choose(turn, "confirm")
    if found is None:
        return
    appointment, _ = found
    appointment.status = AppointmentStatus.CONFIRMED
    turn.session.add(appointment)
    turn.coming, turn.asked = [found], None
    turn.reply("confirmed")


def _answer_change(turn: Turn) -> None:
    found = _choose(turn, "change")
    if found is None:
        return
    appointment, _ = found
    turn.coming = [found]
    soon = appointment.starts_at - turn.now < timedelta(days=2)
    turn.add_task(TaskKind.CHANGE, Sentence("Wants to change or cancel the appointment: contact them"), urgent=soon)
    turn.reply("change")


def _choose(turn: Turn, wish: str) -> tuple[Appointment, Patient] | None:
    """The appointment that a wish is about; asks which when several could be meant."""
    if not turn.coming:
        turn.reply("no_appointment")
        turn.add_task(TaskKind.QUESTION, Sentence("Wrote about an appointment, but none is coming: contact them"))
        return None
    choice = turn.understanding.choice
    if turn.asked and (turn.asked.asks or "").startswith("which-") and choice:
        if choice <= len(turn.coming):
            return turn.coming[choice - 1]
    elif len(turn.coming) == 1 or (turn.asked and turn.asked.asks == QUESTION_CONFIRM):
        return turn.find_visit()
    visits = [turn.describe(appointment, patient, name_needed=True) for appointment, patient in turn.coming]
    names = [name_visit(turn.contact.language, turn.clinic, visit) for visit in visits]
    turn.reply("ask_which", names, asks=f"which-{wish}")
    return None


def _answer_yes(turn: Turn) -> None:
    question = turn.asks()
    if question == QUESTION_SAFETY:
        turn.add_task(
            TaskKind.SCREENING, Sentence("Said yes or not sure to the safety questions: ask what it is"), urgent=True
        )
        turn.reply("safety_some")
    elif question == QUESTION_CONFIRM:
        _answer_confirm(turn)
    else:
        _ask_coming(turn)


def _answer_no(turn: Turn) -> None:
    question = turn.asks()
    if question == QUESTION_SAFETY:
        turn.reply("safety_none")
    elif question == QUESTION_CONFIRM:
        turn.add_task(TaskKind.NOT_COMING, Sentence("Answered that they will not come: contact them"), urgent=True)
        turn.reply("change")
        if turn.asked:
            turn.asked.answered_at = turn.now
        # Whoever does not come need not answer more about it.
        found = turn.find_visit()
        turn.everybody = [one for one in turn.everybody if not found or one[0].id != found[0].id]
    else:
        _ask_coming(turn)


def _ask_coming(turn: Turn) -> None:
    """A yes or no to nothing we asked: ask, instead of guessing what it meant."""
    if turn.coming:
        turn.reply("ask_coming", asks=QUESTION_CONFIRM)
    else:
        _answer_unknown(turn)


def _answer_report(turn: Turn) -> None:
    kind = TaskKind.ALLERGY if turn.understanding.detail == "allergy" else TaskKind.IMPLANT
    note_report(turn)
    urgency = turn.clinic.screening.find_urgency(REPORTED, turn.understanding.detail)
    what = Sentence("Reported something that must be checked before the exam")
    if sharing := turn.say_sharing():
        what = Sentence("%(what)s. %(sharing)s", what=what, sharing=sharing)
    turn.add_task(kind, what, urgent=True, urgency=urgency)
    turn.reply("reported")


def _answer_question(turn: Turn) -> None:
    topic = get_topic(turn.understanding.detail or "")
    if topic.code == "companion" and (number := find_named_number(turn)) and invite(turn, number):
        return
    if topic.for_staff:
        turn.add_task(
            TaskKind.QUESTION,
            Sentence("Asked about %(topic)s, which depends on the patient: contact them", topic=Sentence(topic.code)),
        )
    if topic.code in turn.clinic.topics_off:
        if not turn.has_task:
            turn.add_task(
                TaskKind.QUESTION,
                Sentence(
                    "Asked about %(topic)s, which the bot leaves to you: contact them", topic=Sentence(topic.code)
                ),
            )
        turn.reply("help")
        return
    named = turn.understanding.names_condition
    if topic.code == "when" and turn.is_companion() and (visit := turn.make_visit()):
        turn.say(compose_companion(["arrive"], turn.contact.language, turn.clinic, visit), topic.code)
        return
    text = compose_answer(topic, turn.contact.language, turn.clinic, turn.make_visit(), named=named)
    turn.say(text, topic.code)


def _answer_thanks(turn: Turn) -> None:
    turn.reply("thanks")


def _answer_wrong_number(turn: Turn) -> None:
    turn.contact.unreachable_since, turn.contact.unreachable_reason = turn.now, "wrong number"
    break_off(
        turn,
        Sentence("The screening broke off at a wrong number: find the right one, and ask by phone"),
        of_number=True,
    )
    turn.add_task(
        TaskKind.WRONG_NUMBER, Sentence("Says this is the wrong number: find the right one"), urgent=bool(turn.coming)
    )
    turn.reply("wrong_number")


def _answer_unknown(turn: Turn) -> None:
    unreadable = turn.inbound.media > 0 and not turn.inbound.body.strip()
    what = (
        Sentence("Sent a picture or recording: look at what they mean")
        if unreadable
        else Sentence("Wrote something the bot did not understand")
    )
    urgent = bool(turn.asked and turn.asked.asks == QUESTION_SAFETY)
    if set(turn.understanding.alternatives) - turn.clinic.topics_off and not urgent:
        _ask_topic(turn)
        return
    turn.add_task(TaskKind.QUESTION, what, urgent=urgent)
    turn.reply("unreadable" if unreadable else "unknown")


def _ask_topic(turn: Turn) -> None:
    """Ask instead of guessing what a question is about."""
    codes = [code for code in turn.understanding.alternatives if code not in turn.clinic.topics_off]
    text = compose_topic_question([get_topic(code) for code in codes], turn.contact.language, turn.clinic)
    turn.say(text, "ask_topic", asks=QUESTION_TOPIC + ",".join(codes))


ANSWERS: dict[str, Callable[[Turn], None]] = {
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
