"""What we make of a text."""

from dataclasses import dataclass

INTENTS = (
    *("stop", "start", "help", "confirm", "change", "menu", "language", "more", "question", "report", "yes", "no"),
    *("thanks", "wrong_number", "emergency", "unknown"),
)


@dataclass(frozen=True, slots=True)
class Understanding:
    """What we make of a text.

    ``intent`` and ``detail`` are the words of the public interface; ``confidence`` runs from 0 to 1;
    ``language`` is the code of the language it was understood in, None when that is not known.
    ``choice`` is the number picked from a list of ours; ``names_condition`` says that the patient
    named the condition, so that the answer may. ``alternatives`` are the topics that an unknown text may
    be about, the likeliest first. ``automatic`` says that a telephone has answered by itself.
    """

    intent: str
    detail: str | None = None
    confidence: float = 1.0
    language: str | None = None
    choice: int | None = None
    names_condition: bool = False
    alternatives: tuple[str, ...] = ()
    automatic: bool = False


NOTHING = Understanding("unknown", confidence=0.0)
# A guess is never quite certain.
_SUREST = 0.99


def find_confidence(probability: float) -> float:
    """What a guess is worth."""
    return min(_SUREST, round(probability, 2))
