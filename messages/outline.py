"""Parts of a text: the beginning of a long one, what stands around some phrases, what may be one of two things."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain, groupby, islice
from math import ceil

from messages.evidence import Found
from messages.matching import LONG, LONG_LETTERS, UNSPACED, Message, count_letters

# So many words, or signs where no spaces are written, before a phrase and behind it.
_AROUND = 12
# Where a text is cut that may say two things, and how many words such a text has.
_CUTS, _CUT = (1 / 3, 1 / 2, 2 / 3), 7
# A text of so many words is looked at through a window of some, which is moved on by a few.
_WINDOWED, _WINDOW, _STEP = 15, 8, 4
# What is very long is read in smaller parts.
_SMALLER = 2 / 3
# So many signs say as much as a word.
_SIGNS_A_WORD = 1.7

# A word, or one sign of it where no spaces are written, and the number of the word.
_Unit = tuple[int, str]


def take_beginning(message: Message) -> Message:
    """As much of its beginning as is not long."""
    units = [*_list_units(message.words)]
    return Message(_take(units, range(len(units)), _find_size(message)), message.asks)


def take_around(message: Message, hits: Iterable[Found]) -> Message:
    """The words around some phrases, of the first ones if all are too many."""
    units = [*_list_units(message.words)]
    begins = [0, *accumulate(len(text) for _, text in units)][:-1]
    first = {number: at for at, (number, _) in reversed([*enumerate(units)])}
    spans = (
        (bisect_right(begins, hit.start) - 1, bisect_right(begins, hit.end - 1) - 1)
        if hit.phrase.unspaced
        else (first[hit.start], first[hit.end - 1])
        for hit in hits
    )
    around = (range(max(start - _AROUND, 0), min(end + _AROUND + 1, len(units))) for start, end in spans)
    wanted = dict.fromkeys(chain.from_iterable(around))
    return Message(_take(units, wanted, _find_size(message)), message.asks)


def cut_apart(message: Message) -> list[Message]:
    """The parts before and behind a few places, of a text that has room for two things."""
    if not has_room(message, _CUT):
        return []
    units = [*_list_units(message.words)]
    places = [round(len(units) * cut) for cut in _CUTS]
    return [Message(_join(part)) for at in places for part in (units[:at], units[at:])]


def take_windows(message: Message) -> list[Message]:
    """Each few words of a text, overlapping, if it has many."""
    if not has_room(message, _WINDOWED):
        return []
    units = [*_list_units(message.words)]
    times = 1 if len(units) == len(message.words) else _SIGNS_A_WORD
    width, step = round(_WINDOW * times), round(_STEP * times)
    return [Message(_join(units[at : at + width])) for at in range(0, len(units) - width + step, step)]


def has_room(message: Message, words: int) -> bool:
    """Whether it says as much as so many words."""
    # No more of them are counted than are enough in any case.
    enough = ceil(words * _SIGNS_A_WORD)
    units = sum(1 for _ in islice(_list_units(message.words), enough))
    return units == enough or (units == len(message.words) and units >= words)


def _list_units(words: Iterable[str]) -> Iterator[_Unit]:
    for number, word in enumerate(words):
        yield from ((number, text) for text in (word if UNSPACED.search(word) else (word,)))


def _find_size(message: Message) -> float:
    return _SMALLER if message.is_very_long else 1.0


def _take(units: list[_Unit], wanted: Iterable[int], size: float) -> str:
    """Of some units, each wanted once, the first ones that together are not long, in the order of the text."""
    kept: list[int] = []
    words_left, letters_left = LONG * size, LONG_LETTERS * size
    for at in wanted:
        number, text = units[at]
        # Where a word is cut its end is a word, too.
        words_left -= kept[-1:] != [at - 1] or units[at - 1][0] != number
        letters_left -= count_letters(text)
        if min(words_left, letters_left) < 0:
            break
        kept.append(at)
    return _join(units[at] for at in sorted(kept))


def _join(units: Iterable[_Unit]) -> str:
    return " ".join("".join(text for _, text in word) for _, word in groupby(units, key=lambda unit: unit[0]))
