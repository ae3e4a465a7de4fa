"""Parts of a long text that are not long: its beginning, or what stands around some phrases in it."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate, chain, groupby

from messages.evidence import Found
from messages.matching import LONG, LONG_SIGNS, UNSPACED, Message

# So many words, or signs where no spaces are written, before a phrase and behind it.
_AROUND = 12

# A word, or one sign of it where no spaces are written, and the number of the word.
_Unit = tuple[int, str]


def take_beginning(message: Message) -> Message:
    """As much of its beginning as is not long."""
    units = [*_list_units(message.words)]
    return Message(_take(units, range(len(units))), message.asks)


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
    return Message(_take(units, dict.fromkeys(chain.from_iterable(around))), message.asks)


def _list_units(words: Iterable[str]) -> Iterator[_Unit]:
    for number, word in enumerate(words):
        yield from ((number, text) for text in (word if UNSPACED.search(word) else (word,)))


def _take(units: list[_Unit], wanted: Iterable[int]) -> str:
    """Of some units, each wanted once, the first ones that together are not long, in the order of the text."""
    kept: list[int] = []
    words_left, signs_left = LONG, LONG_SIGNS
    for at in wanted:
        number, text = units[at]
        # Where a word is cut its end is a word, too.
        words_left -= kept[-1:] != [at - 1] or units[at - 1][0] != number
        signs_left -= len(text)
        if min(words_left, signs_left) < 0:
            break
        kept.append(at)
    words = groupby((units[at] for at in sorted(kept)), key=lambda unit: unit[0])
    return " ".join("".join(text for _, text in word) for _, word in words)
