"""A guess at what a free text is about, by its phrases and its letters."""

from messages.asked_language import find_language_within
from messages.denials import list_risks
from messages.evidence import find_label
from messages.reading import Reading
from messages.understanding import Understanding, find_confidence
from messages.words import REPORTED, Label

# What a guess must be worth: to be acted on, or to be offered for a choice.
_SURE, _PERHAPS = 0.25, 0.17
# A question where nothing asks is small talk as often as not, and nobody shall be waited for who did not say so.
_UNASKED, _UNSAID = 0.5, 0.4
# A half-understood "no" would read as "none of these": a person must see it instead.
_NONE = 0.75
# So likely something that staff must know of, it is, though something is asked.
_EVEN_SO = 0.8
# What staff must know of needs less.
_REPORTED = 0.2
# How much likelier it is that they cannot come once we have asked whether they do.
_CANNOT_COME = 3.0


def guess(reading: Reading) -> Understanding | None:
    """What a free text is most likely about. A number alone is no question."""
    reading = reading.beginning
    if not reading.has_letters:
        return None
    if [label for label, _ in reading.ranked[:1]] == ["unknown"]:
        # Small talk, even with a word of ours in it: "bring some bread".
        return None
    code = reading.spoken[0]
    never = list_never(reading)
    ranked = reading.rank_labels(never)
    if reading.awaiting == "confirm":
        ranked = _favour(ranked, "change", _CANNOT_COME)
    label, probability = _pick(ranked)
    if label in never:
        # "Do not stop the texts" does not begin them again.
        return None
    confidence = find_confidence(probability)
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


def list_never(reading: Reading) -> set[Label]:
    """What the text cannot mean."""
    # These were looked at already.
    never = {"emergency", "stop"}
    if reading.awaiting not in ("confirm", "safety"):
        # A yes or no to nothing that we asked is none.
        never |= {"yes", "no"}
    told = {find_label(hit.tag) for hit in reading.told}
    if reading.awaiting == "safety" and list_risks(reading):
        # "No metal" says nothing of the others that we asked about.
        never.add("no")
    doubts = {"negation"} if reading.find_share("report:") >= _EVEN_SO else {"negation", "asking"}
    if reading.grammar & doubts and any(hit.tag.table == "report" for hit in reading.told):
        # What is named is denied or asked about: as a report it was looked at already.
        never |= {f"report:{kind}" for kind in REPORTED}
    if "start" not in told:
        # Whoever has stopped our texts gets none again by a mere likeness.
        never.add("start")
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
    if label == "confirm" and not any(find_label(hit.tag) == label for hit in reading.told):
        return _UNSAID
    return _SURE


def _favour(ranked: list[tuple[Label, float]], favoured: Label, much: float) -> list[tuple[Label, float]]:
    """The same labels where one is so many times likelier."""
    shares = [(label, share * (much if label == favoured else 1)) for label, share in ranked]
    total = sum(share for _, share in shares)
    return sorted(((label, share / total) for label, share in shares), key=lambda pair: -pair[1])


def find_reported(ranked: list[tuple[Label, float]]) -> tuple[str, float]:
    """What is likeliest of all that staff must know of, and how likely it is that there is anything."""
    reports = [(label.partition(":")[2], share) for label, share in ranked if label.startswith("report:")]
    return (reports[0][0] if reports else ""), sum(share for _, share in reports)


def _pick(ranked: list[tuple[Label, float]]) -> tuple[Label, float]:
    """The likeliest label, or what staff must know of if that is likely enough."""
    kind, share = find_reported(ranked)
    if share >= _REPORTED:
        return f"report:{kind}", max(share, _SURE)
    return ranked[0] if ranked else ("unknown", 0.0)
