"""Many phrases, all of their occurrences in a text found at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from messages.filing import Filing, hash_words
from messages.matching import PIECE_MARK, Message
from messages.packing import Packing
from messages.phrases import Phrase
from messages.sieve import Sieve

Tag = TypeVar("Tag")

# Of each tag whether phrases with it are looked for.
Chosen = NDArray[np.bool_]
_NONE: Mapping[str, int] = MappingProxyType({})


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
        # Each tag once, with whether words count without their Arabic prefixes too, and which of these each phrase has.
        self._tags: list[tuple[Tag, bool]] = []
        self._tagged = np.zeros(0, np.uint16)
        self._sieve = Sieve()
        # Under words, stems and pieces of what is written without spaces.
        self._filing = Filing()

    def __len__(self) -> int:
        return len(self._phrases)

    def add(
        self, entries: Iterable[tuple[str, Tag]], many: Mapping[str, int] = _NONE, *, prefixed: bool = False
    ) -> None:
        """File more phrases; they are found once all is sorted in.

        Args:
            many: how many of some texts have each key of ``list_keys``; a phrase is filed under the rarest of its own.
            prefixed: for these a word counts without its Arabic prefixes too.
        """
        entries = [*entries]
        phrases = [Phrase(plain) for plain, _ in entries]
        for number, phrase in enumerate(phrases, len(self)):
            self._filing.add(number, phrase.list_rarest(many))
        tags = {tag: number for number, tag in enumerate(dict.fromkeys(tag for _, tag in entries), len(self._tags))}
        self._tags += [(tag, prefixed) for tag in tags]
        self._tagged = np.append(self._tagged, np.array([tags[tag] for _, tag in entries], np.uint16))
        self._phrases.extend(plain for plain, _ in entries)
        self._sieve.add(phrase.list_steps() for phrase in phrases)

    def sort_in(self) -> None:
        """Put what was added to the rest."""
        self._filing.sort_in()

    def list_entries(self, numbers: Iterable[int]) -> Iterator[tuple[str, Tag]]:
        """The phrases of these numbers, each with its tag."""
        return ((self._phrases[number], self._tags[self._tagged[number]][0]) for number in numbers)

    def choose(self, is_chosen: Callable[[Tag], bool]) -> Chosen:
        """The phrases with some tags."""
        return np.array([is_chosen(tag) for tag, _ in self._tags], bool)

    def find(self, message: Message, among: Chosen | None = None) -> list[Hit[Tag]]:
        """All occurrences, in no certain order: of one phrase at one place the shortest and the longest.

        Args:
            among: the phrases to look for; all if left out.
        """
        places, pieces = message.prefixed_places, message.pieces
        hashes = hash_words(list_keys(message))
        numbers = self._filing.find(hashes)
        if among is not None:
            numbers = numbers[among[self._tagged[numbers]]]
        return self.locate(self._sieve.sift(numbers, hashes, chain(places.values(), pieces.values())), message)

    def locate(self, numbers: Sequence[int], message: Message) -> list[Hit[Tag]]:
        """The occurrences of the phrases of these numbers."""
        hits = []
        tagged = self._tagged[numbers].tolist() if numbers else ()
        for number, of_tag, plain in zip(numbers, tagged, self._phrases.list_some(numbers), strict=True):
            phrase = Phrase(plain)
            tag, prefixed = self._tags[of_tag]
            if phrase.unspaced:
                found, length = phrase.find(message.pieces), len(message.squeezed)
            else:
                places = message.prefixed_places if prefixed else message.places
                found, length = phrase.find(places), len(message.words)
            hits += [Hit(number, tag, phrase, start, end, start == 0 and end == length) for start, end in found]
        return hits


def list_keys(message: Message) -> Iterator[str]:
    """What the phrases in a text may be filed under: its words, stems, and pieces of what has no spaces."""
    return chain(message.prefixed_places, map(PIECE_MARK.__add__, message.pieces))
