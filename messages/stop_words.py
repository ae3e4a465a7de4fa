"""A mere word for a stop, behind or before other things."""

from messages.carriers import CARRIER_STOPS
from messages.matching import Message, normalise
from messages.reading import Reading

# As likely as this with a stop word in capitals at the beginning or at the end it is a stop.
_SHOUTED_FIRST, _SHOUTED = 0.1, 0.01


def has_stop_word(reading: Reading) -> bool:
    """Whether the last sentence is a stop word, or one is said in capitals: "what does it cost STOP"."""
    last = reading.sentences[-1]
    if last is not reading and reading.message.text.endswith(last.message.text) and _is_stop_word(last):
        return True
    shouted = _list_shouted(reading)
    return (
        any(_is_stop_word(reading.read(clause)) for clause in _list_shouted_clauses(reading, shouted))
        or _is_shouted(reading.bare.words[0], reading.sentences[0], shouted, _SHOUTED_FIRST)
        # In "where is the bus STOP" and "the noise won't STOP" it means something else.
        or (_is_shouted(reading.bare.words[-1], last, shouted, _SHOUTED) and not _is_denied(last))
    )


def _list_shouted_clauses(reading: Reading, shouted: set[str]) -> list[Message]:
    # Most texts have none, and to split a long one takes a while.
    return [clause for clause, _ in reading.clauses if clause.text in shouted] if shouted else []


def _is_shouted(word: str, sentence: Reading, shouted: set[str], enough: float) -> bool:
    """Whether a word of a sentence is a stop word in capitals, and that sentence likely enough a stop."""
    if word not in shouted or sentence.find_share("stop") < enough:
        return False
    return _is_stop_word(sentence.read(Message(word)))


def _is_denied(sentence: Reading) -> bool:
    """Whether a "not" stands just before its last word."""
    concepts = sentence.lexicon.get_learned(sentence.spoken[0]).concepts
    return (len(sentence.message.words) - 2, "not") in concepts.find(sentence.message)


def _is_stop_word(part: Reading) -> bool:
    """Whether it is one of the language spoken, and none that may mean the appointment."""
    words = {hit.tag.key for hit in part.whole if hit.tag.code in part.spoken}
    return "stop" in words and "change" not in words and part.bare.text.upper() not in CARRIER_STOPS - {"STOP"}


def _list_shouted(reading: Reading) -> set[str]:
    """The words in capitals, if most are not."""
    words = reading.text.split()
    shouted = [word for word in words if word.isupper()]
    return {*map(normalise, shouted)} if 2 * len(shouted) <= len(words) else set()
