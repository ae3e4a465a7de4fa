"""What somebody must act on, said in one sentence beside others that are about something else.

In a text as a whole what else is said outweighs it: of emergencies, reports and stops that were put behind or before
another text a quarter was not heard.
"""

from messages.carriers import CARRIER_STOPS
from messages.free_text import find_reported, list_never
from messages.reading import Reading
from messages.understanding import Understanding, find_confidence

# As likely as this a sentence by itself is one. Of 585 emergencies beside other texts 12 are missed so, and of 4,089
# texts that are none not one is taken for an emergency on that account.
_EMERGENCY, _STOP, _WRONG_NUMBER, _REPORT = 0.9, 0.95, 0.8, 0.7
# So likely a wish for our texts, it is none to stop them.
_START = 0.5


def find_danger_beside(reading: Reading) -> Understanding | None:
    """A sentence that is a cry for help, else one that is a wish for no more texts."""
    if len(reading.sentences) < 2 or reading.sounds_automatic:
        return None
    code = reading.spoken[0]
    emergency = max(sentence.find_share("emergency") for sentence in reading.sentences)
    if emergency >= _EMERGENCY:
        return Understanding("emergency", None, find_confidence(emergency), code)
    if any(map(_is_stop, reading.sentences)) or _ends_on_stop(reading):
        return None if any(map(_is_start, reading.sentences)) else Understanding("stop", None, 0.9, code)
    return None


def find_vital_beside(reading: Reading) -> Understanding | None:
    """A sentence that says we have the wrong person, else one that reports something."""
    if len(reading.sentences) < 2:
        return None
    for sentence in reading.sentences:
        if sentence.find_share("wrong_number") >= _WRONG_NUMBER:
            return Understanding("wrong_number", None, 0.8, reading.spoken[0])
    for sentence in reading.sentences:
        # "No pacemaker" has much of a report.
        kind, share = find_reported(sentence.rank_labels(list_never(sentence)))
        if share >= _REPORT:
            return Understanding("report", None if kind == "other" else kind, find_confidence(share), reading.spoken[0])
    return None


def _is_stop(sentence: Reading) -> bool:
    """A likely wish, and no mere word for it, as in "Stop! Is there parking?"."""
    return sentence.find_share("stop") >= _STOP and not any(hit.tag.key == "stop" for hit in sentence.whole)


def _ends_on_stop(reading: Reading) -> bool:
    """Whether the last thing said is a stop word of the language spoken, and none that may mean the appointment."""
    last = reading.sentences[-1]
    words = {hit.tag.key for hit in last.whole if hit.tag.code in last.spoken}
    if "stop" not in words or "change" in words or last.bare.text.upper() in CARRIER_STOPS - {"STOP"}:
        return False
    return reading.message.text.endswith(last.message.text)


def _is_start(sentence: Reading) -> bool:
    return (
        any(hit.tag.key in ("start", "start_phrases") for hit in sentence.hits)
        or sentence.find_share("start") >= _START
    )
