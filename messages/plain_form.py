"""How the phrases we look for in texts are written, and the plain form they are kept in.

A phrase is words in a row. ``word*`` may have any ending, ``~`` lets up to four other words stand
between, and ``(a|b c)`` is any one of these. Chinese, Japanese and Korean phrases are found anywhere,
without borders of words.

In its plain form a phrase is its slots, ``/`` between them, ``~`` before one that a gap may precede; a slot is its
choices, ``|`` between them, with every word as ``normalise`` has it: ``(stop|don't) ~ text* me`` is
``stop|dont/~text*/me``.
"""

import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from messages.matching import UNSPACED, normalise

GAP, NEXT = "~", "/"
_CHOICE = re.compile(r"\(([^()]*)\)")
# What stands between spaces, where a choice with its own spaces is one piece; and a gap.
_PIECE = re.compile(r"~|(?:\([^()]*\)|[^\s~()])+")
_UNSPACED_PIECE = re.compile(r"~|\([^()]*\)|[^~()]+")
_LETTER, _STRAY = re.compile(r"\w"), re.compile(r"[()|]")
_PLAIN_WORD = re.compile("[^/|~ ]+")
# So many pieces are kept while lists are read: those of one language, and then of the next.
_KEPT = 8192


class PhraseError(ValueError):
    """A phrase cannot be read."""


def check_form(source: str) -> None:
    """See at a glance whether one entry of a word list can be read: a small part of the time that reading it takes.

    Raises:
        PhraseError: it has no letters, or brackets that do not pair.
    """
    if not _LETTER.search(source) or _STRAY.search(_CHOICE.sub("", source) if "(" in source else source):
        raise PhraseError(source)


def simplify(source: str) -> str:
    """The plain form of one entry of a word list.

    Raises:
        PhraseError: it has nothing to look for, or brackets that do not pair.
    """
    check_form(source)
    unspaced = bool(UNSPACED.search(source))
    slots: list[str] = []
    after_gap = has_words = False
    for piece in (_UNSPACED_PIECE if unspaced else _PIECE).findall(source):
        if piece == GAP:
            after_gap = bool(slots)
            continue
        choices = _simplify_choices(piece, unspaced)
        if choices != ("",):
            slots.append(GAP * after_gap + "|".join(choices))
            has_words |= "" not in choices
            after_gap = False
    if not has_words:
        raise PhraseError(source)
    return NEXT.join(slots)


@lru_cache(_KEPT)
def _simplify_choices(piece: str, unspaced: bool) -> tuple[str, ...]:
    if "(" not in piece:
        return (_simplify_words(piece, unspaced=unspaced),)
    texts = ("".join(texts) for texts in product(*_split_choices(piece)))
    return tuple(dict.fromkeys(_simplify_words(text, unspaced=unspaced) for text in texts))


def _split_choices(piece: str) -> Iterator[list[str]]:
    for at, text in enumerate(_CHOICE.split(piece)):
        yield text.split("|") if at % 2 else [text]


def _simplify_words(text: str, *, unspaced: bool) -> str:
    parts: list[str] = []
    after_gap = False
    for piece in text.split(GAP) if unspaced else text.replace(GAP, f" {GAP} ").split():
        if piece == GAP:
            after_gap = bool(parts)
            continue
        plain = _normalise(piece)
        if unspaced:
            plain, after_gap = plain.replace(" ", ""), bool(parts)
        if plain:
            ending = "*" if piece.endswith("*") and not unspaced else ""
            parts.append(GAP * after_gap + plain + ending)
        after_gap = False
    return " ".join(parts)


@lru_cache(_KEPT)
def _normalise(piece: str) -> str:
    return normalise(piece)


def forget_pieces() -> None:
    """Let go of what was kept while lists were read."""
    _simplify_choices.cache_clear()
    _normalise.cache_clear()


def list_words(plain: str) -> Iterator[tuple[str, bool]]:
    """The words of a phrase in its plain form, and whether each is open-ended."""
    for word in _PLAIN_WORD.findall(plain):
        yield sys.intern(word.removesuffix("*")), word.endswith("*")
