"""The answer "none of these" to the safety question."""

from collections.abc import Iterable

from messages.evidence import Found
from messages.grammar import NEGATE_LAST, denies, is_within
from messages.reading import Reading
from messages.understanding import Understanding
from messages.words import ANSWERS, RISKS

# What of it is one thing by several names.
_KINDS = {"implants": "metal", "metal": "metal", "implant": "metal", "contrast": "allergy", "allergy": "allergy"}
_KINDS |= {"pregnancy": "other", "other": "other"}
# Whoever denies two things of them denies all; "no metal" alone says nothing of the others.
_ENOUGH_DENIED = 2
# The share of a text that "none of these" must be.
_NEARLY_ALL = 0.34


def find_none(reading: Reading) -> Understanding | None:
    """The answer "none of these" to the safety question: whatever is named is denied.

    "No metal" alone says nothing of the others that we asked about. And it must be nearly all that is said: "I know
    nothing about it, ask my son" is no answer.
    """
    if reading.message.is_very_long:
        # Not all that it may name is looked for.
        return None
    if all(clause.asks or any(hit.tag.key == "asking" for hit in hits) for clause, hits in reading.clauses):
        # "Without an injection?"
        return None
    risks = list_risks(reading)
    if risks and not all(_is_denied(hits) for _, hits in reading.clauses):
        return None
    if _is_doubted(reading):
        return None
    if len({_KINDS[hit.tag.key.removeprefix("having_")] for hit in risks}) >= _ENOUGH_DENIED:
        return Understanding("no", confidence=0.8, language=reading.spoken[0])
    nones = [hit for hit in reading.whole if hit.tag.key == "none"]
    if nones and not risks:
        return Understanding("no", language=nones[0].tag.code)
    nones = [hit for hit in reading.hits if hit.tag.key == "none" and not any(is_within(risk, [hit]) for risk in risks)]
    if risks:
        # "No pacemaker, no": the plain no is of all that we asked.
        alone = [reading.read(clause).whole for clause, hits in reading.clauses if not any(map(_is_risk, hits))]
        nones += [hit for hits in alone for hit in hits if hit.tag.table == "intents" and hit.tag.key in ("no", "none")]
    said = [hit for hit in reading.hits if hit.tag.key in (*ANSWERS, "polite", "negation")] + risks
    for unspaced, length in ((False, len(reading.message.words)), (True, len(reading.message.squeezed))):
        covered = {at for hit in said if hit.phrase.unspaced is unspaced for at in range(hit.start, hit.end)}
        if any(hit.phrase.unspaced is unspaced for hit in nones) and len(covered) >= _NEARLY_ALL * length:
            return Understanding("no", confidence=0.8, language=nones[0].tag.code)
    return None


def _is_doubted(reading: Reading) -> bool:
    """Whether a clause is a "maybe" or "I do not know"."""
    alone = [hit for clause, _ in reading.clauses for hit in reading.read(clause).whole]
    return any(hit.tag.key in ("unsure", "yes") for hit in alone)


def list_risks(reading: Reading) -> list[Found]:
    """What the text names of all that the safety question asks about."""
    return [hit for hit in reading.hits if _is_risk(hit) and hit.tag.code in reading.spoken]


def _is_risk(hit: Found) -> bool:
    """Whether this names what the safety question asks about."""
    if hit.tag.table == "report":
        return hit.tag.key != "having"
    return hit.tag.table in ("topics", "shown_topics") and hit.tag.key in RISKS


def _is_denied(hits: Iterable[Found]) -> bool:
    """Whether a clause names nothing that staff must know of, or says that it is not so: no "have" without a "not"."""
    risks = [hit for hit in hits if _is_risk(hit)]
    negations = [hit for hit in hits if hit.tag.key == "negation"]
    having = [hit for hit in hits if hit.tag.key == "having" and hit.tag.code not in NEGATE_LAST]
    touched = all(any(one.start <= hit.end and hit.start <= one.end for one in negations) for hit in having)
    return not risks or (touched and any(denies(hit, risks) for hit in negations))
