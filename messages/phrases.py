"""The phrases we look for in texts: how they are written, and where one occurs.

A phrase is words in a row. ``word*`` may have any ending, ``~`` lets up to four other words stand
between, and ``(a|b c)`` is any one of these. Chinese, Japanese and Korean phrases are found anywhere,
without borders of words.

In its plain form a phrase is its slots, ``/`` between them, ``~`` before one that a gap may precede; a slot is its
choices, ``|`` between them, with every word as ``normalise`` has it: ``(stop|don't) ~ text* me`` is
``stop|dont/~text*/me``.
"""

import re
import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, product

from messages.matching import UNSPACED, Places, normalise
from messages.sieve import Step

_GAP = "~"
_GAP_WORDS, _GAP_SIGNS = 4, 8
_CHOICE = re.compile(r"\(([^()]*)\)")
# What stands between spaces, where a choice with its own spaces is one piece; and a gap.
_PIECE = re.compile(r"~|(?:\([^()]*\)|[^\s~()])+")
_UNSPACED_PIECE = re.compile(r"~|\([^()]*\)|[^~()]+")
_LETTER, _STRAY = re.compile(r"\w"), re.compile(r"[()|]")
_PLAIN_WORD = re.compile("[^/|~ ]+")
# So many pieces are kept while lists are read: those of one language, and then of the next.
_KEPT = 8192
_MANY = 4
# Of what is written without spaces a step is looked up by so many signs at most, and by a mark that no word has.
_PIECE_SIGNS, _PIECE_MARK = 3, "/"


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
        if piece == _GAP:
            after_gap = bool(slots)
            continue
        choices = _simplify_choices(piece, unspaced)
        if choices != ("",):
            slots.append(_GAP * after_gap + "|".join(choices))
            has_words |= "" not in choices
            after_gap = False
    if not has_words:
        raise PhraseError(source)
    return "/".join(slots)


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
    for piece in text.split(_GAP) if unspaced else text.replace(_GAP, f" {_GAP} ").split():
        if piece == _GAP:
            after_gap = bool(parts)
            continue
        plain = _normalise(piece)
        if unspaced:
            plain, after_gap = plain.replace(" ", ""), bool(parts)
        if plain:
            ending = "*" if piece.endswith("*") and not unspaced else ""
            parts.append(_GAP * after_gap + plain + ending)
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


# One place of a phrase: each word that may begin what stands there, with what must follow it, ``|`` between choices of
# that. Strings alone, for of thousands of phrases anything else would keep the garbage collector busy.
Slot = dict[str, str]
# Where something is in a message: its start and its end, in words or in signs.
Span = tuple[int, int]


class Phrase:
    """Slots that must follow one another; ``source`` is its plain form."""

    __slots__ = ("_gaps", "_is_word", "_leading", "_slots", "source", "unspaced")

    def __init__(self, plain: str) -> None:
        self.source = plain
        self.unspaced = bool(UNSPACED.search(plain))
        slots = plain.split("/")
        self._gaps = tuple(slot.startswith(_GAP) for slot in slots)
        self._slots = tuple(map(_read_slot, slots))
        # Most phrases are one place that has one word.
        self._is_word = len(slots) == 1 and not any(self._slots[0].values())
        # The slots that it may begin with: the first, and the next where that may be left out.
        self._leading = 1 + next(at for at, slot in enumerate(self._slots) if "" not in slot)

    @property
    def has_gap(self) -> bool:
        return any(self._gaps)

    def list_rarest(self) -> Iterable[str]:
        """The words one of which a text must have, and that most texts lack: the longest ones."""
        return max((slot for slot in self._slots if "" not in slot), key=lambda slot: min(map(len, slot)))

    def list_steps(self) -> Iterator[Step]:
        """What must stand in a text that it is in, one behind the other."""
        reach = 1
        for slot, after_gap in zip(self._slots, self._gaps, strict=True):
            if after_gap:
                reach += _GAP_SIGNS if self.unspaced else _GAP_WORDS
            if "" not in slot:
                yield Step(_list_piece_beginnings(slot) if self.unspaced else _list_beginnings(slot), reach)
                reach = 0
            reach += max(_measure(first, rests, unspaced=self.unspaced) for first, rests in slot.items())

    def find(self, places: Places) -> Iterator[Span]:
        """Where it starts and ends in a message, in words: at each start the shortest and the longest."""
        if self._is_word:
            words = self._slots[0].keys() & places.keys()
            yield from {(at, at + 1) for word in words for at in places[word]}
            return
        options: list[dict[int, str]] = []
        for slot in self._slots:
            found = _find_beginnings(slot, places)
            # Most phrases that a word is in lack another word: seen at once, and not by going through them.
            if not (found or "" in slot):
                return
            options.append(found)
        starts = {here for found in options[: self._leading] for here in found}
        # Each start, and where the next slot may begin: just there, or after a gap.
        near, far = {(start, start) for start in starts}, set[Span]()
        for slot, found, after_gap in zip(self._slots, options, self._gaps, strict=True):
            if after_gap:
                near, far = set(), near | far
            reached = set[Span]()
            for start, position in chain(near, _spread(far)):
                if rests := found.get(position):
                    reached.update((start, end) for end in _match_rests(rests, places, position + 1))
                elif rests is not None:
                    reached.add((start, position + 1))
            near, far = (near | reached, far) if "" in slot else (reached, set())
            if not (near or far):
                return
        yield from _list_outermost(near | far)

    def find_unspaced(self, text: str) -> Iterator[Span]:
        """The same in signs, in a message without its spaces."""
        # Of many choices few are in a text at all: the others are not tried again at each place.
        slots = [{first: rests for first, rests in slot.items() if first in text} for slot in self._slots]
        if not all(slots):
            return
        if len(slots) == 1:
            yield from _list_outermost(
                (at, end)
                for first, rests in slots[0].items()
                for at in _list_occurrences(first, text)
                for end in _match_sign_rests(rests, text, at + len(first))
            )
            return
        firsts = {first for slot in slots[: self._leading] for first in slot if first}
        starts = {at for first in firsts for at in _list_occurrences(first, text)}
        near, far = {(start, start) for start in starts}, set[Span]()
        for slot, after_gap in zip(slots, self._gaps, strict=True):
            if after_gap:
                near, far = set(), near | far
            choices = tuple(filter(None, slot))
            reached = set[Span]()
            for start, position in near:
                if text.startswith(choices, position):
                    for first in choices:
                        if text.startswith(first, position):
                            ends = _match_sign_rests(slot[first], text, position + len(first))
                            reached.update((start, end) for end in ends)
            for start, position in far:
                for first in choices:
                    here = text.find(first, position, position + _GAP_SIGNS + len(first))
                    if here >= 0:
                        ends = _match_sign_rests(slot[first], text, here + len(first))
                        reached.update((start, end) for end in ends)
            near, far = (near | reached, far) if "" in slot else (reached, set())
            if not (near or far):
                return
        yield from _list_outermost(near | far)


def list_pieces(signs: str) -> Places:
    """Where in a message without its spaces each piece is that a step may begin with."""
    pieces: Places = {}
    if UNSPACED.search(signs):
        for at, size in product(range(len(signs)), range(1, _PIECE_SIGNS + 1)):
            pieces.setdefault(_PIECE_MARK + signs[at : at + size], []).append(at)
    return pieces


def _list_beginnings(slot: Slot) -> Iterator[tuple[str, str, int]]:
    """Of each choice the first word, the second, and how far behind it that may be."""
    for first, rests in slot.items():
        for second in {rest.partition(" ")[0] for rest in rests.split("|")}:
            yield first, second.removeprefix(_GAP), 1 + _GAP_WORDS * second.startswith(_GAP)


def _list_piece_beginnings(slot: Slot) -> Iterator[tuple[str, str, int]]:
    """Of each choice the first signs."""
    return ((_PIECE_MARK + piece, "", 1) for piece in {first[:_PIECE_SIGNS] for first in slot})


def _measure(first: str, rests: str, *, unspaced: bool) -> int:
    """How many places the longest of some choices takes that begin alike."""
    if unspaced:
        longest = max(sum(_GAP_SIGNS + len(part) for part in rest.split()) for rest in rests.split("|"))
        return len(first) + longest
    longest = max(sum(1 + _GAP_WORDS * part.startswith(_GAP) for part in rest.split()) for rest in rests.split("|"))
    return bool(first) + longest


def _read_slot(plain: str) -> Slot:
    slot: Slot = {}
    for choice in plain.removeprefix(_GAP).split("|"):
        first, _, rest = choice.partition(" ")
        slot[first] = f"{slot[first]}|{rest}" if first in slot else rest
    return slot


def _find_beginnings(slot: Slot, places: Places) -> dict[int, str]:
    """Where in a message a choice may begin, and what must follow it there, ``|`` between choices of that."""
    # Of many choices those that are there are found faster by their intersection.
    firsts = slot if len(slot) < _MANY else slot.keys() & places.keys()
    beginnings: dict[int, str] = {}
    for first in firsts:
        for here in places.get(first, ()):
            rest = slot[first]
            beginnings[here] = f"{beginnings[here]}|{rest}" if here in beginnings else rest
    return beginnings


def _spread(spans: Iterable[Span]) -> Iterator[Span]:
    """Where something may begin after a gap of words."""
    return ((start, here) for start, position in spans for here in range(position, position + _GAP_WORDS + 1))


def _list_outermost(spans: Iterable[Span]) -> Iterator[Span]:
    """At each start the shortest and the longest."""
    ends: dict[int, list[int]] = defaultdict(list)
    for start, end in spans:
        ends[start].append(end)
    return ((start, end) for start, of_start in ends.items() for end in {min(of_start), max(of_start)})


def _match_rests(rests: str, places: Places, position: int) -> Iterator[int]:
    for rest in rests.split("|"):
        yield from _match_rest(rest, places, position)


def _match_rest(rest: str, places: Places, position: int) -> Iterator[int]:
    """Where the words of a choice after its first may end."""
    if not rest:
        yield position
        return
    word, _, others = rest.partition(" ")
    last = position + (_GAP_WORDS if word.startswith(_GAP) else 0)
    found = places.get(word.removeprefix(_GAP), ())
    for here in found[bisect_left(found, position) : bisect_right(found, last)]:
        yield from _match_rest(others, places, here + 1)


def _match_sign_rests(rests: str, text: str, position: int) -> Iterator[int]:
    """Where the pieces of a choice after its first end, a gap before each."""
    if not rests:
        yield position
        return
    for rest in rests.split("|"):
        end = position
        for part in rest.split():
            sign = part.removeprefix(_GAP)
            found = text.find(sign, end, end + _GAP_SIGNS + len(sign))
            if found < 0:
                break
            end = found + len(sign)
        else:
            yield end


def _list_occurrences(part: str, text: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)
