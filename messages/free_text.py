"""A guess at what a free text is about, by its phrases and its letters."""

from itertools import chain

from messages.asked_language import find_language_within
from messages.denials import list_risks
from messages.evidence import find_label
from messages.reading import Reading
from messages.understanding import Understanding
from messages.words import REPORTED, Label

# What a guess must be worth: to be acted on, or to be offered for a choice.
_SURE, _PERHAPS = 0.25, 0.17
# What harms when it is missed needs less, what harms when it is wrong needs more: whoever is taken to want no more
# texts gets no reminder, and what is not sure is read by a person anyway.
_ENOUGH = {"stop": 0.6}
# Whoever may want the texts again does not want them stopped.
_PERHAPS_START = 0.2
# A question where nothing asks is small talk as often as not.
_UNASKED = 0.5
# A half-understood "no" would read as "none of these": a person must see it instead.
_NONE = 0.75
_LIKELY_ENOUGH = {"emergency": 0.15, "report": 0.2}
# How much likelier it is that they cannot come once we have asked whether they do.
_CANNOT_COME = 3.0
# A guess is never quite certain.
_SUREST = 0.99


def guess(reading: Reading) -> Understanding | None:
    """What a free text is most likely about. A number alone is no question."""
    if not any(map(str.isalpha, chain.from_iterable(reading.message.words))):
        return None
    if [label for label, _ in reading.rank_labels()[:1]] == ["unknown"]:
        # Small talk, even with a word of ours in it: "bring some bread".
        return None
    code = reading.spoken[0]
    ranked = reading.rank_labels(_list_never(reading))
    if reading.awaiting == "confirm":
        ranked = _favour(ranked, "change", _CANNOT_COME)
    label, probability = _pick(ranked)
    confidence = min(_SUREST, round(probability, 2))
    if label == "stop" and dict(ranked).get("start", 0.0) >= _PERHAPS_START:
        return None
    if label != "unknown" and probability >= _find_enough(label, reading):
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


def _list_never(reading: Reading) -> set[Label]:
    """What the text cannot mean."""
    # A yes or no to nothing that we asked is none.
    never = set() if reading.awaiting in ("confirm", "safety") else {"yes", "no"}
    told = {find_label(hit.tag) for hit in reading.told}
    if reading.awaiting == "safety" and list_risks(reading):
        # "No metal" says nothing of the others that we asked about.
        never.add("no")
    if "start" not in told:
        # Whoever has stopped our texts gets none again by a mere likeness.
        never.add("start")
    if told:
        # Where phrases speak for something, letters alone do not make it nonsense, an emergency or a stop.
        never |= {"unknown", "emergency", "stop"} - told
    if reading.find_code("emergency"):
        # It was looked at already, and is no emergency now.
        never.add("emergency")
    if reading.grammar & {"negation", "asking"}:
        never |= {f"report:{kind}" for kind in REPORTED}
    if "negation" in reading.grammar:
        # "I will not come" has much of "I will come".
        never |= {"confirm"} - told
    return never


def _find_enough(label: Label, reading: Reading) -> float:
    """How likely a label must be to be acted on."""
    if label.startswith("question:") and not reading.asks:
        return _UNASKED
    if label == "no" and reading.awaiting == "safety":
        return _NONE
    return _ENOUGH.get(label, _SURE)


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
