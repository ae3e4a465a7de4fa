"""What the clinic has made of the FAQ: topics it has switched off, and answers of its own, per language."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url, select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from bot.clinic_details import apply_details
from bot.database import note_event, open_database, reading, run_built
from bot.models import METADATA, ClinicAnswer, TopicChoice
from bot.sentences import SentenceError
from bot.settings import Settings
from messages.carriers import list_offered
from messages.facts import ClinicFacts
from messages.fitting import find_budget
from messages.languages import get_language
from messages.segments import measure, tidy
from messages.topics import get_topic

_ANSWER = METADATA.tables["clinic_answer"]
_OWN = select(_ANSWER.c.topic, _ANSWER.c.language, _ANSWER.c.words)
_OFF = select(METADATA.tables["topic_choice"].c.topic)


class TopicError(SentenceError):
    """The clinic's words on a topic will not do; the message says why."""


def apply_choices(session: Session, clinic: ClinicFacts) -> ClinicFacts:
    """The clinic's facts with what it has set on its pages: its details, and what it has chosen for its topics."""
    clinic = apply_details(session, clinic)
    off = frozenset(run_built(session, _OFF).scalars())
    answers = {(topic, language): words for topic, language, words in run_built(session, _OWN)}
    return replace(clinic, topics_off=off, own_answers=answers) if off or answers else clinic


def read_clinic(settings: Settings) -> ClinicFacts:
    """The clinic's facts as texts have them now; those of ``.env`` where there is no database yet, or it is away."""
    url = make_url(settings.database_url.get_secret_value())
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        # To look into it would make it.
        return settings.clinic_facts
    engine = open_database(settings.database_url.get_secret_value())
    try:
        with reading(engine) as session:
            return apply_choices(session, settings.clinic_facts)
    except SQLAlchemyError:
        return settings.clinic_facts
    finally:
        engine.dispose()


def switch_topic(session: Session, topic: str, *, on: bool, by: str, now: datetime) -> None:
    """Let the bot answer on a topic, or leave its questions to staff.

    Raises:
        KeyError: there is no such topic.
    """
    get_topic(topic)
    known = session.get(TopicChoice, topic)
    if on and known is not None:
        session.delete(known)
    elif not on and known is None:
        session.add(TopicChoice(topic=topic, changed_by=by, changed_at=now))
    note_event(session, by, "switched topic on" if on else "switched topic off", "topic_choice", 0, now, topic)


def set_answer(session: Session, topic: str, language: str, words: str, by: str, now: datetime) -> None:
    """Give the clinic's own answer on a topic in one language; empty words give ours again.

    Raises:
        KeyError: there is no such topic, or no such language.
        TopicError: it is too long for a text, or has a word that carriers act on.
    """
    get_topic(topic)
    code = get_language(language).code
    words = tidy(words.strip().replace("\r\n", "\n"))
    known = session.get(ClinicAnswer, (topic, code))
    if not words:
        if known is not None:
            session.delete(known)
    else:
        check_answer(words, code)
        answer = known or ClinicAnswer(topic=topic, language=code, words="", changed_by="", changed_at=now)
        answer.words, answer.changed_by, answer.changed_at = words, by, now
        session.add(answer)
    note_event(session, by, "changed answer" if words else "removed answer", "clinic_answer", 0, now, f"{topic} {code}")


def check_answer(words: str, language: str) -> None:
    """Refuse what no text of ours may be.

    Raises:
        TopicError: it is too long for a text, or has a word that carriers act on.
    """
    if offered := list_offered(words):
        raise TopicError(
            "Write %(words)s in small letters: in capitals, phone companies act on it.", words=", ".join(offered)
        )
    segments, most = measure(words).segments, find_budget(language)
    if segments > most:
        raise TopicError(
            "That is too long: it would cost %(segments)s messages, and %(most)s is the most.",
            segments=segments,
            most=most,
        )
