"""A guess at what a free text is about, by its phrases and its letters."""

from itertools import chain

from messages.asked_language import find_language_within
from messages.evidence import find_label
from messages.reading import Reading
from messages.understanding import Understanding
from messages.words import REPORTED, Label

# What a guess must be worth: to be acted on, or to be offered for a choice.
_SURE, _PERHAPS = 0.25, 0.17
# What asks nothing and is as likely as this to be about nothing of ours is left to a person, whatever words it has.
_CHATTER = 0.6
# What harms when it is missed needs less, what harms when it is wrong needs more: whoever is taken to want no more
# texts gets no reminder, and what is not sure is read by a person anyway.
_ENOUGH = {"stop": 0.7}
_LIKELY_ENOUGH = {"emergency": 0.15, "report": 0.2}
# How much likelier it is that they cannot come once we have asked whether they do.
_CANNOT_COME = 3.0
# A guess is never quite certain.
_SUREST = 0.99


def guess(reading: Reading) -> Understanding | None:
    """What a free text is most likely about. A number alone is no question."""
    if not any(map(str.isalpha, chain.from_iterable(reading.message.words))):
        return None
    code = reading.spoken[0]
    grammar = {hit.tag.key for hit in reading.hits if hit.tag.code in reading.spoken}
    never = set()
    told = {find_label(hit.tag) for hit in reading.told}
    if "start" not in told:
        # Whoever has stopped our texts gets none again by a mere likeness.
        never.add("start")
    if told:
        # Where phrases speak for something, letters alone do not make it nonsense, an emergency or a stop.
        never |= {"unknown", "emergency", "stop"} - told
    if reading.find_code("emergency"):
        # It was looked at already, and is no emergency now.
        never.add("emergency")
    if grammar & {"negation", "asking"}:
        never |= {f"report:{kind}" for kind in REPORTED}
    if "negation" in grammar:
        # "I will not come" has much of "I will come".
        never |= {"confirm"} - told
    if told and "asking" not in grammar and dict(reading.rank_labels()).get("unknown", 0) >= _CHATTER:
        # Small talk with a word of ours in it: "bring some bread".
        return None
    ranked = reading.rank_labels(never)
    if reading.awaiting == "confirm":
        ranked = _favour(ranked, "change", _CANNOT_COME)
    label, probability = _pick(ranked)
    confidence = min(_SUREST, round(probability, 2))
    if label != "unknown" and probability >= _ENOUGH.get(label, _SURE):
        intent, _, detail = label.partition(":")
        if intent == "language":
            detail = find_language_within(reading) or ""
        return Understanding(intent, None if detail == "other" else detail or None, confidence, code)
    topics = [
        label.partition(":")[2]
        for label, share in ranked[:3]
        if label.startswith("question:") and share >= _PERHAPS / 2
    ]
    if label.startswith("question:") and probability >= _PERHAPS:
        return Understanding("unknown", None, confidence, code, alternatives=tuple(topics))
    return None


def _favour(ranked: list[tuple[Label, float]], favoured: Label, much: float) -> list[tuple[Label, float]]:
    """The same labels where one is so many times likelier."""
    shares = [(label, share * (much if label == favoured else 1)) for label, share in ranked]
    total = sum(share for _, share in shares)
    return sorted(((label, share / total) for label, share in shares), key=lambda pair: -pair[1])


def _pick(ranked: list[tuple[str, float]]) -> tuple[str, float]:
    """The likeliest label, or one that it would harm to miss, if that is likely enough."""
    for intent, enough in _LIKELY_ENOUGH.items():
        labels = [(label, share) for label, share in ranked if label.partition(":")[0] == intent]
        share = sum(share for _, share in labels)
        if share >= enough:
            return labels[0][0], max(share, _SURE)
    return ranked[0] if ranked else ("unknown", 0.0)
