"""Many phrases, all of their occurrences in a text found at once."""

from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from itertools import chain, pairwise
from typing import Generic, NamedTuple, TypeVar

from messages.filing import Filing
from messages.matching import UNSPACED, Message
from messages.packing import Packing
from messages.phrases import Phrase, list_pieces
from messages.sieve import Sieve

Tag = TypeVar("Tag")

# So many phrases are kept as they were read.
_KEPT = 2048


class Hit(NamedTuple, Generic[Tag]):
    """A phrase found: its number, where it is, in words or in signs, and whether it is all there is."""

    number: int
    tag: Tag
    phrase: Phrase
    start: int
    end: int
    whole: bool


class PhraseIndex(Generic[Tag]):
    """Phrases in their plain form, each with a tag and a number, filed under the rarest words of each.

    A phrase is read when one of these comes up in a text.
    """

    def __init__(self) -> None:
        self._phrases = Packing()
        self._tags: list[Tag] = []
        self._prefixed: set[int] = set()
        self._sieve = Sieve()
        # Under words, stems and pairs of signs.
        self._filing = Filing()

    def __len__(self) -> int:
        return len(self._phrases)

    def add(self, entries: Iterable[tuple[str, Tag]], *, prefixed: bool = False) -> None:
        """File more phrases.

        Args:
            prefixed: for these a word counts without its Arabic prefixes too.
        """
        steps = []
        for plain, tag in entries:
            if prefixed:
                self._prefixed.add(len(self))
            phrase = Phrase(plain)
            steps.append(phrase.list_steps())
            rarest = phrase.list_rarest()
            self._filing.add(len(self), {word[:2] for word in rarest} if phrase.unspaced else rarest)
            self._phrases.append(plain)
            self._tags.append(tag)
        self._sieve.add(steps)
        self._filing.sort_in()

    def list_entries(self, numbers: Iterable[int]) -> Iterator[tuple[str, Tag]]:
        """The phrases of these numbers, each with its tag."""
        return ((self._phrases[number], self._tags[number]) for number in numbers)

    def find(self, message: Message, among: Container[int] | None = None) -> list[Hit[Tag]]:
        """All occurrences, in no certain order: of one phrase at one place the shortest and the longest.

        Args:
            among: the numbers of the phrases to look for; all if left out.
        """
        signs = message.squeezed
        numbers = {*self._filing.find(chain(message.prefixed_places, _list_keys(signs)))}
        if among is not None:
            numbers = {number for number in numbers if number in among}
        hits = []
        for number in self._sieve.sift(numbers, message.prefixed_places | list_pieces(signs)):
            phrase = _read(self._phrases[number])
            if phrase.unspaced:
                found, length = phrase.find_unspaced(signs), len(signs)
            else:
                places = message.prefixed_places if number in self._prefixed else message.places
                found, length = phrase.find(places), len(message.words)
            hits += [
                Hit(number, self._tags[number], phrase, start, end, start == 0 and end == length)
                for start, end in found
            ]
        return hits


@lru_cache(_KEPT)
def _read(plain: str) -> Phrase:
    return Phrase(plain)


def _list_keys(signs: str) -> set[str]:
    """What the phrases written without spaces may be filed under."""
    return {*signs, *map("".join, pairwise(signs))} if UNSPACED.search(signs) else set()
