"""What somebody must act on, said in one sentence beside others that are about something else.

In a text as a whole what else is said outweighs it: of emergencies, reports and stops that were put behind or before
another text a quarter was not heard. Where nobody set a full stop, pieces of the text are read by themselves.
"""

from operator import itemgetter
from typing import NamedTuple

from messages.carriers import CARRIER_STOPS
from messages.dangers import is_doubtful
from messages.free_text import find_reported, list_never
from messages.matching import Message, normalise
from messages.outline import has_room
from messages.reading import Reading
from messages.understanding import Understanding, find_confidence
from messages.words import REPORTED


class _Kind(NamedTuple):
    """What a part of a text may be, and how likely it must be that.

    Args:
        label: what the label begins with.
        sentence: as likely as this a sentence by itself is one.
        piece: the same of a piece of a sentence, from which the "without" before it may be cut off.
        other: as likely as this another piece must be, too: they overlap.
        phrases: the keys of lists that have phrases for it.
        told: with one of these so much is enough of one piece.
        least: with none pieces are looked at where it is as likely as this in the whole text.
        words: in a text of fewer there is no room for another thing.
    """

    label: str
    sentence: float
    piece: float
    other: float
    phrases: tuple[str, ...]
    told: float
    least: float
    words: int


# Of 288 emergencies that were put before or behind another text without a full stop 66 are not heard in all of it, and
# 21 are not heard so. Of 2,878 texts of one thing 7 are taken for one so, and most of these tell of short breath.
_EMERGENCY = _Kind("emergency", 0.9, 0.9, 0.5, ("emergency",), 0.7, 0.003, 7)
_STOP = _Kind("stop", 0.95, 0.95, 0.5, (), 0.95, 0.003, 11)
_WRONG_NUMBER = _Kind("wrong_number", 0.8, 0.9, 0.5, ("wrong_number",), 0.8, 0.001, 7)
_REPORT = _Kind("report:", 0.7, 0.85, 0.0, tuple(f"having_{kind}" for kind in REPORTED), 0.85, 0.02, 11)
# As likely as this with a stop word in capitals at the beginning or at the end it is a stop.
_SHOUTED_FIRST, _SHOUTED = 0.1, 0.01
# So likely a wish for our texts, it is none to stop them.
_START = 0.5


def find_danger_beside(reading: Reading) -> Understanding | None:
    """What is said beside other things and is a cry for help, else a wish for no more texts."""
    if reading.sounds_automatic:
        return None
    code = reading.spoken[0]
    if emergency := _find_part(reading, _EMERGENCY):
        return Understanding("emergency", None, find_confidence(emergency.find_share("emergency")), code)
    if _find_part(reading, _STOP) or _has_stop_word(reading):
        parts = reading.sentences if len(reading.sentences) > 1 else reading.pieces
        return None if any(map(_is_start, parts)) else Understanding("stop", None, 0.9, code)
    return None


def find_vital_beside(reading: Reading) -> Understanding | None:
    """What says beside other things that we have the wrong person, else what reports something."""
    code = reading.spoken[0]
    if _find_part(reading, _WRONG_NUMBER):
        return Understanding("wrong_number", None, 0.8, code)
    if report := _find_part(reading, _REPORT):
        kind, share = _find_reported(report)
        return Understanding("report", None if kind == "other" else kind, find_confidence(share), code)
    return None


def _find_part(reading: Reading, kind: _Kind) -> Reading | None:
    """The sentence, of several, likeliest of a kind, else the likeliest piece; None if it is not likely enough."""
    if len(reading.sentences) > 1:
        share, sentence = _list_likeliest(reading.sentences, kind)[0]
        if share >= kind.sentence:
            return sentence
    likeliest = _list_likeliest(_list_pieces(reading, kind), kind)
    # A piece has lost its marks, which may make another word of it.
    told = [*filter(reading.find_code, kind.phrases)]
    for share, piece in likeliest:
        if share >= kind.told and any(map(piece.find_code, told)):
            return piece
    if not likeliest:
        return None
    (share, piece), *others = likeliest
    agreed = max((other for other, _ in others), default=0.0)
    return piece if share >= kind.piece and agreed >= kind.other else None


def _list_pieces(reading: Reading, kind: _Kind) -> list[Reading]:
    """The pieces of a text that may be of a kind."""
    perhaps = reading.find_share(kind.label) >= kind.least or any(map(reading.find_code, kind.phrases))
    if not (perhaps and has_room(reading.message, kind.words)):
        return []
    if (kind is _REPORT and reading.asks_about_risk) or (kind is _EMERGENCY and is_doubtful(reading)):
        return []
    return reading.pieces


def _list_likeliest(parts: list[Reading], kind: _Kind) -> list[tuple[float, Reading]]:
    return sorted(((_measure(part, kind), part) for part in parts), key=itemgetter(0), reverse=True)


def _measure(part: Reading, kind: _Kind) -> float:
    """How likely a part of a text is of a kind by itself."""
    if kind is _REPORT:
        return _find_reported(part)[1]
    if kind is _STOP and any(hit.tag.key == "stop" for hit in part.whole):
        # A mere word for it, as in "Stop! Is there parking?".
        return 0.0
    return part.find_share(kind.label)


def _find_reported(part: Reading) -> tuple[str, float]:
    # "No pacemaker" has much of a report.
    return find_reported(part.rank_labels(list_never(part)))


def _has_stop_word(reading: Reading) -> bool:
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


def _is_start(sentence: Reading) -> bool:
    return (
        any(hit.tag.key in ("start", "start_phrases") for hit in sentence.hits)
        or sentence.find_share("start") >= _START
    )
