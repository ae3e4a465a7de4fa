"""A text that is one keyword, the name of a language, or a plain yes or no."""

from messages.asked_language import find_language_name
from messages.denials import find_none
from messages.reading import Reading
from messages.understanding import Understanding
from messages.words import ANSWERS

_SAID_IN_SENTENCES = ("confirm", "change")
# A yes with more words than this tells something else.
_LONGEST_YES = 8


def find_keyword(reading: Reading) -> Understanding | None:
    """A message that is one keyword, the name of a language, or a plain yes or no."""
    # In Filipino "hindi" is no, and not the language.
    is_answer = any(hit.tag.code == reading.own and hit.tag.key in ANSWERS for hit in reading.whole)
    if not is_answer and (named := find_language_name(reading)):
        return named
    if unsure := [hit for hit in reading.whole if hit.tag.key == "unsure" and hit.tag.code in reading.spoken]:
        # It may be: we ask what it is. Whether they come is for a person to find out.
        maybe = "yes" if reading.awaiting == "safety" else "unknown"
        return Understanding(maybe, confidence=0.7, language=unsure[0].tag.code)
    if reading.awaiting == "safety" and (none := find_none(reading)):
        return none
    if reading.awaiting == "safety" and (yes := _find_some(reading)):
        return yes
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


def _find_some(reading: Reading) -> Understanding | None:
    """A yes that begins the answer to the safety question, where nothing else is understood: we ask what it is."""
    said = {hit.tag.key for hit in reading.hits if hit.tag.code in reading.spoken}
    if reading.asks or said & {"negation", "none", "no"} or len(reading.message.words) > _LONGEST_YES:
        return None
    first = [hit for hit in reading.hits if hit.start == 0 and hit.tag.table == "intents" and hit.tag.key == "yes"]
    return Understanding("yes", confidence=0.7, language=first[0].tag.code) if first else None
