"""A patient's text -> ``Understanding``.

The order is the order of care: emergency and stop first, then answers to what we asked, reports of implants and
allergies, keywords, and at last a guess at what a free text is about. What stays unclear is
``unknown``, and a person reads it.
"""

from collections.abc import Callable
from dataclasses import replace

from messages.answers import find_answer, find_first_answer, read_signs, refuses
from messages.beside import find_danger_beside, find_vital_beside
from messages.dangers import find_emergency, find_stop, guess_danger
from messages.free_text import guess
from messages.keywords import find_keyword
from messages.languages import find_language
from messages.lexicon import read_lexicon
from messages.matching import Message, normalise
from messages.reading import Reading
from messages.reports import find_report
from messages.understanding import INTENTS, NOTHING, Understanding

__all__ = ["INTENTS", "LONGEST", "Understanding", "understand"]

LONGEST = 1600
# So unlikely a wrong number, it is none, though a phrase says so.
_WRONG_NUMBER = 0.1


def understand(text: str, language: str | None = None, awaiting: str | None = None) -> Understanding:
    """Say what a text means.

    Args:
        text: as it came; what is beyond 1,600 characters is not read.
        language: code of the contact's language; it is preferred, but any other is understood too.
        awaiting: the question of ours that may be answered: ``confirm``, ``safety``, ``language``,
            ``topic``, ``which-confirm`` or ``which-change``.
    """
    text = text[:LONGEST]
    message = Message(normalise(text))
    if not message.text:
        return read_signs(text, awaiting)
    known = find_language(language) if language else None
    own, lexicon = known.code if known else None, read_lexicon()
    reading = Reading(text, message, own, lexicon.find_spoken(message, own), awaiting, lexicon)
    understanding = next((found for step in _STEPS if (found := step(reading))), NOTHING)
    if understanding.intent == "change" and awaiting == "confirm" and refuses(reading):
        understanding = replace(understanding, intent="no")
    if any(hit.tag.key == "condition" for hit in reading.hits):
        return replace(understanding, names_condition=True)
    return understanding


def _find_wrong_number(reading: Reading) -> Understanding | None:
    code = reading.find_code("wrong_number")
    if not code:
        return None
    if code == reading.spoken[0] and not reading.is_likely("wrong_number", _WRONG_NUMBER):
        return None
    return Understanding("wrong_number", confidence=0.9, language=code)


def _find_auto_reply(reading: Reading) -> Understanding | None:
    """An answer by machine: to answer it could go on for ever."""
    if not reading.sounds_automatic:
        return None
    return Understanding("unknown", confidence=0.9, language=reading.spoken[0], automatic=True)


_STEPS: tuple[Callable[[Reading], Understanding | None], ...] = (
    find_emergency,
    find_stop,
    guess_danger,
    find_danger_beside,
    _find_auto_reply,
    find_answer,
    _find_wrong_number,
    find_report,
    find_vital_beside,
    find_keyword,
    guess,
    find_first_answer,
)
