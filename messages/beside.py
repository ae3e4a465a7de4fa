"""What somebody must act on, said in one sentence beside others that are about something else.

In a text as a whole what else is said outweighs it: of emergencies, reports and stops that were put behind or before
another text a quarter was not heard. Where nobody set a full stop, pieces of the text are read by themselves, and at
last each few words of it.
"""

from operator import itemgetter
from typing import NamedTuple

from messages.dangers import is_doubtful
from messages.free_text import find_reported, list_never
from messages.outline import has_room
from messages.reading import Reading
from messages.stop_words import has_stop_word
from messages.understanding import Understanding, find_confidence
from messages.words import REPORTED

# A part of a text, and how likely it is what is looked for.
_Likely = tuple[float, Reading]


class _Kind(NamedTuple):
    """What a part of a text may be, and how likely it must be that.

    Args:
        label: what the label begins with.
        sentence: as likely as this a sentence by itself is one.
        piece: the same of a piece of a sentence, from which the "without" before it may be cut off.
        window: the same of a few words in a row.
        least: without a phrase for it these are looked at where it is as likely as this in the whole text.
        words: in a text of fewer there is no room for another thing.
        other: as likely as this another piece must be, too: they overlap.
        beside: the same of windows.
        phrases: the keys of lists that have phrases for it.
        told: with one of these so much is enough of one piece.
    """

    label: str
    sentence: float
    piece: float
    window: float
    least: float
    words: int
    other: float = 0.0
    beside: float = 0.0
    phrases: tuple[str, ...] = ()
    told: float = 1.0


# Of 288 emergencies that were put before or behind another text without a full stop 66 are not heard in all of it, and
# 21 are not heard so. Of 2,878 texts of one thing 7 are taken for one so, and most of these tell of short breath.
#
# Of 588 emergencies that were put among others of our texts without a full stop, 140 to 420 letters in all, 436 are
# heard without windows and 533 with them; of 765 stops 463 and 517, of 288 wrong numbers 193 and 237, of 1,137 reports
# 660 and 871, and of 2,778 such texts without any 149 and 224 are taken for one, most for a report. Of 1,440 with
# something denied ("I never said I want no more texts") 221 and 287 are.
_EMERGENCY = _Kind(
    "emergency", sentence=0.9, piece=0.9, other=0.5, phrases=("emergency",), told=0.7, window=0.95, least=0.003, words=7
)
_STOP = _Kind("stop", sentence=0.95, piece=0.95, other=0.5, window=0.9, least=0.001, words=11)
_WRONG_NUMBER = _Kind(
    "wrong_number",
    sentence=0.8,
    piece=0.9,
    other=0.5,
    phrases=("wrong_number",),
    told=0.8,
    window=0.85,
    least=0.001,
    words=7,
)
_REPORT = _Kind(
    "report:",
    sentence=0.7,
    piece=0.85,
    phrases=tuple(f"having_{kind}" for kind in REPORTED),
    told=0.85,
    window=0.9,
    beside=0.6,
    least=0.02,
    words=11,
)
# As likely as this a few words in a row are it, if they have a phrase for it.
_TOLD = 0.85
# So likely about a risk a text is about nothing else.
_ONE_RISK = 0.5
# So likely a wish for our texts, it is none to stop them.
_START = 0.5


def find_danger_beside(reading: Reading) -> Understanding | None:
    """What is said beside other things and is a cry for help, else a wish for no more texts."""
    if reading.sounds_automatic:
        return None
    code = reading.spoken[0]
    if emergency := _find_part(reading, _EMERGENCY):
        return Understanding("emergency", None, find_confidence(emergency.find_share("emergency")), code)
    if _find_part(reading, _STOP) or has_stop_word(reading):
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
    # A part has lost its marks, which may make another word of it.
    told = [*filter(reading.find_code, kind.phrases)]
    if not (told or reading.find_share(kind.label) >= kind.least) or not has_room(reading.message, kind.words):
        return None
    pieces = _list_likeliest([] if _is_outweighed(reading, kind) else reading.pieces, kind)
    found = _find_told(pieces, kind, told, kind.told) or _find_likely(pieces, kind, kind.piece, kind.other)
    if found or (kind is _REPORT and _is_about_one_risk(reading)):
        return found
    windows = _list_likeliest(reading.windows, kind)
    return _find_told(windows, kind, told, _TOLD) or _find_likely(windows, kind, kind.window, kind.beside)


def _find_told(likeliest: list[_Likely], kind: _Kind, told: list[str], enough: float) -> Reading | None:
    """The likeliest part that has a phrase for it."""
    for share, part in likeliest:
        if share >= enough and any(map(part.find_code, told)) and not _is_outweighed(part, kind):
            return part
    return None


def _find_likely(likeliest: list[_Likely], kind: _Kind, enough: float, other: float) -> Reading | None:
    """The likeliest part, if it is likely enough and another one, too."""
    if not likeliest:
        return None
    (share, part), *others = likeliest
    agreed = max((beside for beside, _ in others), default=0.0)
    return part if share >= enough and agreed >= other and not _is_outweighed(part, kind) else None


def _is_outweighed(reading: Reading, kind: _Kind) -> bool:
    return (kind is _REPORT and reading.asks_about_risk) or (kind is _EMERGENCY and is_doubtful(reading))


def _is_about_one_risk(reading: Reading) -> bool:
    """Whether hardly anything but a risk is asked about: what a text tells of it then is a part of the question."""
    return reading.asks_about_risk and reading.ranked[0][1] >= _ONE_RISK


def _list_likeliest(parts: list[Reading], kind: _Kind) -> list[_Likely]:
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


def _is_start(sentence: Reading) -> bool:
    return (
        any(hit.tag.key in ("start", "start_phrases") for hit in sentence.hits)
        or sentence.find_share("start") >= _START
    )
