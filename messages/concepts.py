"""What the words of a text speak of, the same in every language: a relative, a needle, being late.

``concepts/<code>.toml`` has the words of each concept; ``word*`` may have any ending. Chinese, Japanese and Korean
ones are found anywhere in a text. A text is a line of concepts then, and what one language's examples teach of it
holds for the others.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations, pairwise, product
from typing import NamedTuple

from messages.filing import Filing
from messages.guessing import Feature
from messages.matching import PREFIXED, UNSPACED, Message, normalise
from messages.sounds import Spot, list_entry_sounds, list_sound_spots
from messages.words import CONCEPTS, read_lists

FOLDER = CONCEPTS
# So many letters a stem has at least.
_STEM = 2
# So many words of a language are remembered with what is known of them.
_REMEMBERED = 500
# So many concepts at most has what is known by its sound alone.
_ALIKE = 4
# A text that speaks of more has everything beside everything, which says nothing.
_MANY = 40

# Where in a text a concept is, in words or in signs, and its name.
Place = tuple[int, str]


class Concepts:
    """The concepts of one language's words.

    Raises:
        WordsError, OSError: its file cannot be read.
    """

    def __init__(self, code: str) -> None:
        self._code, self._prefixed = code, code in PREFIXED
        lists = read_lists(FOLDER / f"{code}.toml")
        self._names = tuple(lists)
        # Under each entry the concepts; under its first word, or sign, of how many it is in a row.
        self._filing, self._rows = Filing(), Filing()
        for number, entries in enumerate(lists.values()):
            plain = {*map(_simplify, entries)}
            sounds = chain.from_iterable(list_entry_sounds(entry, code) for entry in plain)
            self._filing.add(number, plain.union(sounds))
            for entry in plain:
                row = entry if UNSPACED.search(entry) else entry.split()
                self._rows.add(len(row), row[:1])
        self._filing.sort_in()
        self._rows.sort_in()
        self._remembered: dict[str, _Term] = {}

    def find(self, message: Message) -> list[Place]:
        """The concepts of a text, in its order."""
        words = {at: word for at, word in enumerate(message.words) if not UNSPACED.search(word)}
        signs = message.squeezed if UNSPACED.search(message.squeezed) else ""
        terms = self._recall([*words.values(), *signs])
        places = {(at, number) for at, word in words.items() for number in terms[word].numbers}
        rows = [
            (at, (" ".join(message.words[at : at + many]),))
            for at, word in words.items()
            for many in terms[word].rows
            if many > 1
        ]
        places.update((at, number) for at, _, numbers in self._look_up(rows) for number in numbers)
        known = {at for at, _ in places}
        for at, _, numbers in self._look_up(list_sound_spots(message.words, self._code)):
            # What so much sounds alike says nothing.
            if at not in known and len(numbers) <= _ALIKE:
                places.update((at, number) for number in numbers)
        reached = 0
        spots = ((at, [signs[at : at + many] for many in terms[sign].rows]) for at, sign in enumerate(signs))
        for at, sign, numbers in self._look_up(spots):
            # Of a longer entry a piece says nothing.
            if at + len(sign) > reached:
                reached = at + len(sign)
                places.update((at, number) for number in numbers)
        return [(at, self._names[number]) for at, number in sorted(places)]

    def _recall(self, terms: Iterable[str]) -> dict[str, "_Term"]:
        """What is known of each of these words and signs; of new ones it is found all at once, and remembered."""
        found = {term: self._remembered.get(term) for term in terms}
        new = [term for term, known in found.items() if known is None]
        if new:
            spots = [(at, keys) for at, term in enumerate(new) for keys in self._list_keys(term)]
            numbers: dict[int, set[int]] = defaultdict(set)
            for at, _, of_form in self._look_up(spots):
                numbers[at].update(of_form)
            rows = self._rows.look_up(new)
            made = {
                term: _Term(tuple(numbers.get(at, ())), tuple(sorted({*rows.get(at, ())}, reverse=True)))
                for at, term in enumerate(new)
            }
            if len(self._remembered) > _REMEMBERED:
                self._remembered.clear()
            self._remembered.update(made)
            found.update(made)
        return {term: known for term, known in found.items() if known}

    def _list_keys(self, word: str) -> Iterator[Sequence[str]]:
        """What a word, or a form of it, may be filed under; the first of these that is known counts."""
        for form in Message(word).forms[0] if self._prefixed else (word,):
            yield (form, *(f"{form[:length]}*" for length in range(len(form), _STEM - 1, -1)))

    def _look_up(self, spots: Iterable[Spot]) -> Iterator[tuple[int, str, list[int]]]:
        spots = list(spots)
        if not spots:
            return
        found = self._filing.look_up(chain.from_iterable(keys for _, keys in spots))
        begin = 0
        for at, keys in spots:
            known = next((place for place in range(begin, begin + len(keys)) if place in found), None)
            if known is not None:
                yield at, keys[known - begin], found[known]
            begin += len(keys)


class _Term(NamedTuple):
    """The numbers of a word's concepts; of how many words, or signs, entries are that begin with it, the most first."""

    numbers: tuple[int, ...]
    rows: tuple[int, ...]


def list_concept_features(places: Sequence[Place]) -> Iterator[Feature]:
    """The concepts of a text, each two of them, and each two that follow one another."""
    names = sorted({name for _, name in places})
    yield from (("concept", name) for name in names)
    if len(names) > _MANY:
        return
    yield from (("concepts", f"{one} {other}") for one, other in combinations(names, 2))
    together: dict[int, list[str]] = defaultdict(list)
    for at, name in places:
        together[at].append(name)
    for here, there in pairwise(together.values()):
        yield from (("concepts", f"{one} > {other}") for one, other in product(here, there))


def _simplify(entry: str) -> str:
    plain = normalise(entry)
    return plain.replace(" ", "") if UNSPACED.search(plain) else plain + "*" * entry.endswith("*")
