"""A text that is one keyword, the name of a language, or a plain yes or no."""

from messages.asked_language import find_language_name
from messages.denials import find_none
from messages.reading import Reading
from messages.understanding import Understanding
from messages.words import ANSWERS

_SAID_IN_SENTENCES = ("confirm", "change")


def find_keyword(reading: Reading) -> Understanding | None:
    """A message that is one keyword, the name of a language, or a plain yes or no."""
    # In Filipino "hindi" is no, and not the language.
    is_answer = any(hit.tag.code == reading.own and hit.tag.key in ANSWERS for hit in reading.whole)
    if not is_answer and (named := find_language_name(reading)):
        return named
    if reading.awaiting == "safety" and (none := find_none(reading)):
        return none
    order = ("start", "menu", "language", "more", "help", "shown", "no", "yes", "thanks", "confirm", "change")
    found = [
        (hit, "shown" if hit.tag.table == "shown_topics" else hit.tag.key)
        for hit in reading.whole
        if hit.tag.table != "topics"
    ]
    # With other words in between it is a sentence, and these may say something else.
    found = [
        pair for pair in found if pair[1] in order and not (pair[1] in _SAID_IN_SENTENCES and pair[0].phrase.has_gap)
    ]
    if not found:
        answers = [key for key in ("no", "confirm", "thanks", "yes") if key in reading.made_of]
        if "yes" in answers and reading.awaiting == "confirm":
            answers.remove("thanks") if "thanks" in answers else None
        return Understanding(answers[0], confidence=0.9, language=reading.spoken[0]) if answers else None
    hit, key = min(found, key=lambda pair: (reading.rank_language(pair[0].tag.code), order.index(pair[1])))
    if key == "shown":
        return Understanding("question", hit.tag.key, language=hit.tag.code)
    if key == "yes" and "thanks" in reading.made_of and reading.awaiting != "confirm":
        key = "thanks"
    return Understanding(key, language=hit.tag.code)
