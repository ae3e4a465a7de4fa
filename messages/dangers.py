"""What is dangerous to miss: a cry for help, and a wish to be left alone."""

import re
from itertools import accumulate

from messages.carriers import CARRIER_STOPS
from messages.evidence import Found
from messages.grammar import is_within
from messages.matching import Message
from messages.reading import Reading
from messages.reports import find_report
from messages.understanding import Understanding, find_confidence
from messages.words import ANSWERS, GRAMMAR

# As likely as this, it is an emergency even so: whatever has a phrase of it, what staff must know of anyhow, what is
# asked, what is told of the past, and what is laughed about or said by a machine. Of 957 emergencies heard in new texts
# the first two lost none, and of 111 false ones they left 47.
_LEAST, _REPORTED, _ASKED, _PAST, _LAUGHED, _AUTOMATIC = 0.1, 0.25, 0.4, 0.8, 0.9, 0.9
# As likely as this by all that is known of such texts, it is an emergency or a stop though no phrase of ours says so,
# whatever else they say. Of 640 of each, in new texts, that found 79 emergencies and 41 stops more, and 16 and 8 false.
_EMERGENCY, _STOP = 0.15, 0.6
# Whoever may want the texts again, or be in danger, does not want them stopped.
_PERHAPS_START, _PERHAPS_EMERGENCY = 0.2, 0.03
# Whoever gives the year tells of the past, in any language.
_YEAR = re.compile(r"(?<!\d)(?:19[3-9]\d|20(?:0[1-9]|[12]\d))(?!\d)")
# How people laugh on a phone, in any language.
_LAUGHTER = re.compile(
    r"(?i)(?:ha){2,}|(?:ja){2,}|хах|аха|哈{2,}|[ㅋㅎ]{2,}|k{3,}|w{3,}(?![\w.])|ه{3,}|\b(?:lol|lmao|rofl|mdr|xd)\b|[😂🤣😹😆]"
)
# What an ambulance is called by where our languages are spoken.
_AMBULANCES = frozenset(
    {"000", "102", "103", "108", "112", "115", "118", "119", "120", "190", "192", "193", "911", "997", "999"}
)


def find_emergency(reading: Reading) -> Understanding | None:
    """A phrase for it, but not where it is asked about or was long ago, and is not likely to be one now.

    Whoever texts us the number of an ambulance, and answers no question with it, needs one.
    """
    if reading.awaiting is None and reading.bare.text in _AMBULANCES:
        return Understanding("emergency", language=reading.spoken[0])
    alone = [hit for hit in reading.whole if hit.tag.key == "emergency_alone"]
    if alone:
        return Understanding("emergency", language=alone[0].tag.code)
    code = reading.find_code("emergency")
    if not code:
        return None
    doubt = _find_doubt(reading)
    if doubt and reading.find_share("emergency") < doubt:
        return None
    if code == reading.spoken[0] and not (_is_told_twice(reading) or reading.is_likely("emergency", _LEAST)):
        return None
    return Understanding("emergency", language=code)


def _is_told_twice(reading: Reading) -> bool:
    """Whether a long text tells of emergencies in two places: what else it says weighs less then.

    Of 394 that were put into texts of 320 letters and more without a full stop 272 are heard so and 258 without it, and
    of 3,704 harmless ones two more are taken for one.
    """
    if not reading.message.is_long:
        return False
    told = [hit for hit in reading.hits if hit.tag.key == "emergency" and hit.tag.code in reading.spoken]
    return any(not _are_one([hit for hit in told if hit.phrase.unspaced is unspaced]) for unspaced in (False, True))


def _find_doubt(reading: Reading) -> float:
    """How likely what sounds like an emergency must be to be one; there may be no doubt at all."""
    if _LAUGHTER.search(reading.text):
        # "I cannot breathe for laughing."
        return _LAUGHED
    if reading.sounds_automatic:
        # "I am out of the office. If this is an emergency, call 911."
        return _AUTOMATIC
    small = [hit for hit in reading.hits if hit.tag.key in GRAMMAR and hit.tag.code in reading.spoken]
    doubts = [hit for hit in small if hit.tag.key in ("asking", "past")]
    if any(hit.tag.key == "now" and not is_within(hit, doubts) for hit in small):
        # "I had a stroke years ago, and now I cannot breathe."
        return 0.0
    if find_report(reading):
        # What happened with a dye or a nut, and what happens on lying flat: staff must know of it, and soon.
        return _REPORTED
    telling = [(clause, hits) for clause, hits in reading.clauses if any(hit.tag.key == "emergency" for hit in hits)]
    return min((_find_doubt_within(clause, hits, reading.spoken) for clause, hits in telling), default=0.0)


def is_doubtful(reading: Reading) -> bool:
    """Whether what sounds like an emergency is of the past, laughed about or the like, and not only asked about."""
    return _find_doubt(reading) not in (0.0, _ASKED)


def _find_doubt_within(clause: Message, hits: list[Found], spoken: list[str]) -> float:
    """The same of one clause."""
    told = [hit for hit in hits if hit.tag.key == "emergency"]
    small = {hit.tag.key for hit in hits if hit.tag.code in spoken}
    if ("past" in small or _YEAR.search(clause.text)) and _are_one(told):
        return _PAST
    return _ASKED if clause.asks or "asking" in small else 0.0


def _are_one(hits: list[Found]) -> bool:
    """Whether one thing is told, in as many ways as there may be: each shares a word with another."""
    ordered = sorted(hits, key=lambda hit: hit.start)
    ends = accumulate((hit.end for hit in ordered), max)
    return all(hit.start < end for hit, end in zip(ordered[1:], ends, strict=False))


def find_stop(reading: Reading) -> Understanding | None:
    """A word for it alone, or a sentence that means it. What carriers act on always is."""
    if reading.bare.text.upper().replace(" ", "") in CARRIER_STOPS:
        return Understanding("stop", language=reading.spoken[0])
    if "change" in (own := {hit.tag.key for hit in reading.whole if hit.tag.code == reading.own}) and "stop" not in own:
        # Another language's stop is their own word for this: "cancelar" in Portuguese is about the appointment.
        return None
    for hit in reading.whole:
        if hit.tag.table == "intents" and hit.tag.key in ("stop", "yes", "no", "thanks", "start"):
            return Understanding("stop", language=hit.tag.code) if hit.tag.key == "stop" else None
    stops = [hit for hit in reading.hits if hit.tag.key == "stop_phrases"]
    starts = [hit for hit in reading.hits if hit.tag.key == "start_phrases"]
    if (
        stops
        and starts
        and (any(start.start >= max(stop.end for stop in stops) for start in starts) or _starts_last(reading))
    ):
        # "I stopped your texts by mistake, send them again."
        return None
    code = reading.find_code("stop_phrases")
    if not code:
        return None
    others = ("emergency", "start", "wrong_number")
    if code == reading.spoken[0] and reading.find_share("stop") < max(map(reading.find_share, others)):
        # "He said stop yesterday, and today he does not wake up." "Stop, I am not Anna, I have never been with you."
        return None
    return Understanding("stop", language=code)


def _starts_last(reading: Reading) -> bool:
    """Whether a clause asks to start again, and neither it nor a later one to stop."""
    last = {
        key: max(
            (at for at, (_, hits) in enumerate(reading.clauses) if any(hit.tag.key == key for hit in hits)), default=-1
        )
        for key in ("stop_phrases", "start_phrases")
    }
    return last["start_phrases"] > last["stop_phrases"]


def guess_danger(reading: Reading) -> Understanding | None:
    """What is likely enough an emergency or a stop, in whatever words."""
    is_answer = any(hit.tag.key in ANSWERS and hit.tag.code in reading.spoken for hit in reading.whole)
    if is_answer or not reading.has_letters:
        return None
    emergency, stop, start = map(reading.find_share, ("emergency", "stop", "start"))
    # Where a phrase speaks for it, it was looked at already, and is none now.
    enough = _AUTOMATIC if reading.sounds_automatic else _EMERGENCY
    if emergency >= enough and not reading.find_code("emergency"):
        return Understanding("emergency", None, find_confidence(emergency), reading.spoken[0])
    if stop >= _STOP and start < _PERHAPS_START and emergency < _PERHAPS_EMERGENCY:
        return Understanding("stop", None, find_confidence(stop), reading.spoken[0])
    return None
