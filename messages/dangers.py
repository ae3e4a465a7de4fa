"""What is dangerous to miss: a cry for help, and a wish to be left alone."""

from messages.carriers import CARRIER_STOPS
from messages.reading import Reading
from messages.understanding import Understanding


def find_emergency(reading: Reading) -> Understanding | None:
    code = reading.find_code("emergency")
    return Understanding("emergency", language=code) if code else None


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
    return Understanding("stop", language=code) if code else None


def _starts_last(reading: Reading) -> bool:
    """Whether a clause asks to start again, and neither it nor a later one to stop."""
    last = {
        key: max(
            (at for at, (_, hits) in enumerate(reading.clauses) if any(hit.tag.key == key for hit in hits)), default=-1
        )
        for key in ("stop_phrases", "start_phrases")
    }
    return last["start_phrases"] > last["stop_phrases"]
