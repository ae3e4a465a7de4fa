"""All the words of all languages, ready to be found in a text: phrases, vocabulary, and who says what."""

import gc
import math
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import accumulate, chain
from typing import NamedTuple

from messages.concepts import Concepts
from messages.evidence import teach
from messages.filing import Filing
from messages.gist import read_gist
from messages.guessing import Guesser
from messages.kept import keep, read_kept
from messages.languages import LANGUAGES
from messages.marks import Marks, has_marks, list_marks
from messages.matching import LONG, LONG_LETTERS, PREFIXED, UNSPACED, Message, count_letters, normalise
from messages.naming import LanguageNames, read_language_names
from messages.phrase_index import Chosen, PhraseIndex, list_keys
from messages.plain_form import forget_pieces, list_words
from messages.scripts import read_all_examples
from messages.sounds import list_syllables
from messages.spelling import Spelling
from messages.words import ABROAD, AT_LENGTH, DANGEROUS, THROUGHOUT, Tag, list_entries, read_words

# A word as long as this may have one letter wrong, one of the second length two.
_ONE_TYPO, _TWO_TYPOS = 5, 9
# Where marks make other words.
_MARKED = ("vi",)
# A word as long as this may be wrong in its first letter too.
_FREE_BEGINNING = 7
# A language is spoken in a text when it explains at least this share of what the best one does.
_SPOKEN = 0.7
# In a long text no more than so many languages are, and in a very long one only one; what is dangerous in any other is
# looked for as well.
_SPOKEN_LONG = 3
# What is rare is known by one of so many examples.
_SAMPLED = 4
# So many words are remembered with the languages that have them.
_KEPT = 5_000
# The language on record needs less evidence than another.
_OWN_FAVOUR = 1.6
_ORDER = {language.code: at for at, language in enumerate(LANGUAGES)}
# Two threads that need the same at once shall not both work for it: each would take twice as long.
_ONCE = threading.Lock()


class Learned(NamedTuple):
    """What is known of one language besides its phrases."""

    guesser: Guesser
    concepts: Concepts


@dataclass(frozen=True)
class Lexicon:
    """Everything that is looked up while a text is read."""

    index: PhraseIndex[Tag]
    # The numbers that the phrases of a language have in it.
    numbers: dict[str, range]
    # What is dangerous to miss, what is looked for whichever language is spoken, and what in all of a long text.
    dangerous: Chosen
    abroad: Chosen
    throughout: Chosen
    at_length: Chosen
    # All phrases of each language.
    of_language: dict[str, Chosen]
    spellings: dict[str, Spelling]
    speakers: Filing
    # Of a language whose marks make other words, those of the words that are dangerous to miss.
    marks: dict[str, Marks]
    language_names: LanguageNames
    # What concepts speak for, in every language.
    gist: Guesser
    _learned: dict[str, Learned] = field(default_factory=dict)
    _spoken_by: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def has_learned(self) -> bool:
        """Whether all languages' examples have been learned from, so that no text takes long to understand."""
        return len(self._learned) == len(self.numbers)

    def get_learned(self, code: str) -> Learned:
        """What a language's examples have taught, and its concepts; they are learned and read when first needed.

        Once all are, that is kept for other processes.
        """
        if code not in self._learned:
            with _ONCE:
                if code not in self._learned:
                    self._learned[code] = Learned(self._teach(code), Concepts(code))
                    if self.has_learned():
                        keep(self)
        return self._learned[code]

    def take_learned(self, learned: Mapping[str, Learned]) -> None:
        """Take over what other processes have learned."""
        self._learned.update(learned)

    def _teach(self, code: str) -> Guesser:
        entries = self.index.list_entries(self.numbers[code])
        return teach(code, entries, partial(self.index.find, among=self.choose(code)), self.language_names)

    def choose(self, *codes: str) -> Chosen:
        """The phrases of some languages."""
        chosen, *others = (self.of_language[code] for code in codes)
        for other in others:
            chosen = chosen | other
        return chosen

    def find_spoken(self, message: Message, own: str | None, *, at_length: bool = False) -> list[str]:
        """The languages a text may be in, the likeliest first; the one on record unless another is far likelier.

        Args:
            at_length: it is a part of a very long one.
        """
        evidence: dict[str, float] = defaultdict(float)
        terms = [*_list_terms(message)]
        self._look_up_speakers(terms)
        for term in terms:
            codes = self._list_speakers(term)
            for code in codes:
                evidence[code] += math.sqrt(len(term)) / len(codes)
        if own:
            evidence[own] = evidence[own] * _OWN_FAVOUR + 0.01
        if not evidence:
            return [LANGUAGES[0].code]
        ranked = sorted(evidence, key=lambda code: (-evidence[code], _ORDER[code]))
        at_length = at_length or message.is_very_long
        most = 1 if at_length else _SPOKEN_LONG if message.is_long else len(ranked)
        spoken = [code for code in ranked[:most] if evidence[code] >= evidence[ranked[0]] * _SPOKEN]
        return [*spoken, own] if own and own not in spoken else spoken

    def _list_speakers(self, term: str) -> tuple[str, ...]:
        """The languages whose lists or examples have a word, or a pair of signs."""
        codes = self._spoken_by.get(term)
        return self._look_up_speakers([term])[term] if codes is None else codes

    def _look_up_speakers(self, terms: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Remember the languages of those that are not known yet, found all at once."""
        new = [term for term in dict.fromkeys(terms) if term not in self._spoken_by]
        speakers = self.speakers.look_up(new)
        found = {term: tuple(LANGUAGES[number].code for number in speakers.get(at, ())) for at, term in enumerate(new)}
        if len(self._spoken_by) > _KEPT:
            self._spoken_by.clear()
        self._spoken_by.update(found)
        return found

    def knows(self, word: str, code: str) -> bool:
        """Whether a word is one of a language's lists or examples."""
        return code in self._list_speakers(word)

    def correct(self, message: Message, code: str) -> tuple[Message, Message]:
        """The message with each unknown word replaced by the known one it is a typing error of, if there is one.

        First with up to two letters of a long word wrong, then with one at most. Of a long message only the
        beginning is looked at, and comes back.
        """
        letters = accumulate(map(count_letters, message.words))
        beginning = zip(message.words[:LONG], letters, strict=False)
        words = [word for word, so_far in beginning if so_far <= LONG_LETTERS]
        found = [self._correct_word(word, code) for word in words]
        barely = (right if errors < 2 else word for word, (right, errors) in zip(words, found, strict=True))
        return Message(" ".join(right for right, _ in found)), Message(" ".join(barely))

    def _correct_word(self, word: str, code: str) -> tuple[str, int]:
        """The word that was meant, and how many letters are wrong."""
        allowed = (len(word) >= _ONE_TYPO) + (len(word) >= _TWO_TYPOS)
        if not allowed or self.knows(word, code) or word.isdigit() or UNSPACED.search(word):
            return word, 0
        right, errors = self.spellings[code].find(word, allowed)
        # "trema" (it trembles) is no "crema": of a short word people get the first letter right.
        return (word, 0) if len(word) < _FREE_BEGINNING and right[0] != word[0] else (right, errors)


def read_lexicon() -> Lexicon:
    """Every language's words, once in the life of a process: a second where they were kept, else half a minute."""
    if is_read():
        # No text waits while a language is being learned that it does not need.
        return _read()
    with _ONCE:
        return _read()


def is_read() -> bool:
    """Whether that has been done."""
    return _read.cache_info().currsize > 0


@cache
def _read() -> Lexicon:
    # The first text that needs them shall not wait for them.
    list_syllables()
    kept = read_kept()
    lexicon = kept if isinstance(kept, Lexicon) else _make()
    # What has been read by now stays. To look through all of it for rubbish takes longer than most texts.
    gc.collect()
    gc.freeze()
    return lexicon


def _make() -> Lexicon:
    index = PhraseIndex[Tag]()
    numbers, spellings = {}, {}
    speakers = Filing()
    entries = {language.code: list_entries(read_words(language.code)) for language in LANGUAGES}
    many: Counter[str] = Counter()
    for number, (code, of_code) in enumerate(entries.items()):
        texts = [Message(normalise(text)) for _, text in read_all_examples(code)]
        words = {word for phrase, _ in of_code for word in list_words(phrase)}
        whole = (Message(word) for word, open_ended in words if not open_ended)
        speakers.add(number, {*chain.from_iterable(map(_list_terms, chain(whole, texts)))})
        spellings[code] = Spelling(_list_long_words(word for word, _ in words))
        many.update(chain.from_iterable(map(list_keys, texts[::_SAMPLED])))
    for code, of_code in entries.items():
        numbers[code] = range(len(index), len(index) + len(of_code))
        index.add(of_code, many, prefixed=code in PREFIXED)
    index.sort_in()
    speakers.sort_in()
    forget_pieces()
    return Lexicon(
        index,
        numbers,
        index.choose(lambda tag: tag.key in DANGEROUS),
        index.choose(lambda tag: tag.table == "report" or tag.key in ABROAD),
        index.choose(lambda tag: tag.table == "report" or tag.key in THROUGHOUT),
        index.choose(lambda tag: tag.table == "report" or tag.key in AT_LENGTH),
        {code: index.choose(partial(_is_of_language, code)) for code in numbers},
        spellings,
        speakers,
        _read_marks(),
        read_language_names(),
        read_gist(),
    )


def _is_of_language(code: str, tag: Tag) -> bool:
    return tag.code == code


def _read_marks() -> dict[str, Marks]:
    """From the phrases that are written with marks."""
    phrases = {code: chain.from_iterable(read_words(code).intents[key] for key in DANGEROUS) for code in _MARKED}
    return {code: list_marks(filter(has_marks, of_code)) for code, of_code in phrases.items()}


def _list_terms(message: Message) -> Iterator[str]:
    """What tells a language: words, or pairs of signs."""
    for word in message.words:
        if UNSPACED.search(word):
            yield from (word[at : at + 2] for at in range(max(len(word) - 1, 1)))
        else:
            yield sys.intern(word)


def _list_long_words(words: Iterable[str]) -> set[str]:
    """The words that a typing error may stand for; stems count as words."""
    return {word for word in words if len(word) >= _ONE_TYPO - 1 and not UNSPACED.search(word)}
