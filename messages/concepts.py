"""What the words of a text speak of, the same in every language: a relative, a needle, being late.

``concepts/<code>.toml`` has the words of each concept; ``word*`` may have any ending. Chinese, Japanese and Korean
ones are found anywhere in a text. A text is a line of concepts then, and what one language's examples teach of it
holds for the others.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations, pairwise, product
from pathlib import Path

from messages.filing import Filing
from messages.guessing import Feature
from messages.matching import PREFIXED, UNSPACED, Message, normalise
from messages.sounds import Spot, list_entry_sounds, list_sound_spots
from messages.words import read_lists

FOLDER = Path(__file__).parent / "concepts"
# So many words or signs in a row may be an entry, and a stem has so many letters at least.
_WORDS, _SIGNS, _STEM = 4, 8, 2
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
        self._filing = Filing()
        for number, entries in enumerate(lists.values()):
            plain = {*map(_simplify, entries)}
            sounds = chain.from_iterable(list_entry_sounds(entry, code) for entry in plain)
            self._filing.add(number, plain.union(sounds))
        self._filing.sort_in()

    def find(self, message: Message) -> list[Place]:
        """The concepts of a text, in its order."""
        words = self._look_up(self._list_word_spots(message))
        places = {(at, number) for at, _, numbers in words for number in numbers}
        known = {at for at, _ in places}
        for at, _, numbers in self._look_up(list_sound_spots(message.words, self._code)):
            # What so much sounds alike says nothing.
            if at not in known and len(numbers) <= _ALIKE:
                places.update((at, number) for number in numbers)
        reached = 0
        for at, sign, numbers in self._look_up(_list_sign_spots(message.squeezed)):
            # Of a longer entry a piece says nothing.
            if at + len(sign) > reached:
                reached = at + len(sign)
                places.update((at, number) for number in numbers)
        return [(at, self._names[number]) for at, number in sorted(places)]

    def _list_word_spots(self, message: Message) -> Iterator[Spot]:
        for at, (word, forms) in enumerate(zip(message.words, message.forms, strict=True)):
            if UNSPACED.search(word):
                continue
            for form in forms if self._prefixed else (word,):
                yield at, (form, *(f"{form[:length]}*" for length in range(len(form), _STEM - 1, -1)))
            yield from ((at, (" ".join(message.words[at : at + length]),)) for length in range(2, _WORDS + 1))

    def _look_up(self, spots: Iterable[Spot]) -> Iterator[tuple[int, str, list[int]]]:
        spots = list(spots)
        found = iter(self._filing.look_up(chain.from_iterable(keys for _, keys in spots)))
        for at, keys in spots:
            known = [(key, numbers) for key, numbers in zip(keys, found, strict=False) if numbers]
            if known:
                yield at, *known[0]


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


def _list_sign_spots(signs: str) -> Iterator[Spot]:
    if UNSPACED.search(signs):
        yield from ((at, [signs[at : at + size] for size in range(_SIGNS, 0, -1)]) for at in range(len(signs)))
