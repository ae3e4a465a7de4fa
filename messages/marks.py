"""The marks that tell one Vietnamese word from another: "méo" is twisted, "mèo" a cat.

Many write without them, or with a part of them, and are understood; but a mark that is written and that the word which
is looked for has not makes it another word.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping

from messages.matching import normalise

# For each plain word the marks that it is written with: as many sets of them as there are words that differ by these.
Marks = Mapping[str, set[frozenset[str]]]

_WORD = re.compile(r"\w+")
# A stroke is a mark like others, though it does not come off its letter.
_STROKE = str.maketrans({"đ": "d\u0335"})


def list_marks(texts: Iterable[str]) -> Marks:
    """The words of some texts with the marks that they are written with."""
    marks: dict[str, set[frozenset[str]]] = defaultdict(set)
    for word in _WORD.findall(unicodedata.normalize("NFC", " ".join(texts)).casefold()):
        marks[normalise(word)].add(_find_marks(word))
    return marks


def has_marks(text: str) -> bool:
    """Whether any letter of a text carries a mark."""
    return bool(_find_marks(text.casefold()))


def are_at_odds(words: Iterable[str], written: Marks, known: Marks) -> bool:
    """Whether one of these plain words always is written with a mark that no word known by its letters has."""
    return any(
        word in known
        and word in written
        and not any(marks <= others for marks in written[word] for others in known[word])
        for word in words
    )


def _find_marks(text: str) -> frozenset[str]:
    signs = unicodedata.normalize("NFD", text.translate(_STROKE))
    return frozenset(sign for sign in signs if unicodedata.combining(sign))
