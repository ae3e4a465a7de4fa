"""A text and all that is found in it: languages, phrases, clauses, and what is left without politeness."""

from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, groupby, islice, pairwise

from messages.counting import Counting
from messages.evidence import Found, count_lists, list_hit_features, list_told
from messages.gist import number_gist
from messages.guessing import list_signs, number_features, rank
from messages.languages import LANGUAGES, SOURCE
from messages.lexicon import Lexicon
from messages.matching import LONG_LETTERS, Message, count_letters, split_clauses, split_sentences
from messages.outline import cut_apart, has_room, take_around, take_beginning, take_windows
from messages.searching import Search
from messages.sounds import list_sound_features
from messages.words import GRAMMAR, MEANING, RISKS, VITAL, Label

# So many sentences are read by themselves.
_SENTENCES = 5
# So many pieces of sentences are read at most; a clause is one if it says as much as so many words.
_PIECES, _CLAUSE = 12, 3
# Through so many windows a text is looked at, at most, and a very long one.
_WINDOWS, _WINDOWS_AT_LENGTH = 16, 6
_ABOUT_RISKS = frozenset(f"question:{topic}" for topic in RISKS)
# What is longer is no single phrase, politeness aside.
_BARE_SIGNS = 40
_SHORT_ANSWERS = frozenset({"no", "yes", "confirm", "thanks", "polite"})

# What the gist of a text counts for beside its words, and how much scores are stretched to be probabilities: set on
# 1,440 hard texts kept from learning. Of what is then called 0.95 or more 98 % is right, of 0.7 to 0.9 three of four.
_GIST, _SHARPNESS = 1.0, 6.0


@dataclass(frozen=True)
class Reading:
    """A text, and all that was found in it."""

    text: str
    message: Message
    own: str | None
    # The languages it may be in, the likeliest first.
    spoken: list[str]
    awaiting: str | None
    lexicon: Lexicon
    # What was searched already, by its text.
    searched: dict[str, list[Found]] = field(default_factory=dict)
    # Whether it is a part of a long text.
    is_part: bool = False

    @cached_property
    def _searching(self) -> Search:
        return Search(self.message, self.spoken, self.lexicon, self.searched, self.is_part)

    @cached_property
    def _counting(self) -> Counting:
        return Counting(self.text, self._searching)

    def search(self, message: Message) -> list[Found]:
        """All phrases in a message that may count; each message is searched once."""
        return self._searching.find(message)

    def find(self, message: Message) -> list[Found]:
        """The phrases in a message that count."""
        return self._counting.find(message)

    @cached_property
    def has_letters(self) -> bool:
        """Whether it is more than numbers."""
        return any(map(str.isalpha, chain.from_iterable(self.message.words)))

    @cached_property
    def hits(self) -> list[Found]:
        return self.find(self.message)

    @cached_property
    def bare(self) -> Message:
        """The message without politeness and without a word said twice in a row."""
        polite = [
            hit
            for hit in self.search(self.message)
            if hit.tag.key == "polite" and hit.tag.code in (*self.spoken, SOURCE)
        ]
        gone = {at for hit in polite if not hit.phrase.unspaced for at in range(hit.start, hit.end)}
        kept = " ".join(
            word for word, _ in groupby(word for at, word in enumerate(self.message.words) if at not in gone)
        )
        for hit in polite:
            if hit.phrase.unspaced:
                kept = kept.replace(self.message.squeezed[hit.start : hit.end], "")
        return Message(" ".join(kept.split())) if kept.strip() else self.message

    @cached_property
    def whole(self) -> list[Found]:
        """The phrases that are all there is in the message, or are so politeness aside; the own language first."""
        found = [hit for hit in self.search(self.message) if hit.whole and hit.tag.key != "polite"]
        if not found and len(self.bare.squeezed) <= _BARE_SIGNS:
            found = [hit for hit in self.search(self.bare) if hit.whole]
        # A yes in some other language may be anything in this one.
        found = [hit for hit in found if hit.tag.key not in _SHORT_ANSWERS or hit.tag.code in (*self.spoken, SOURCE)]
        return sorted(found, key=lambda hit: self.rank_language(hit.tag.code))

    @cached_property
    def made_of(self) -> set[str]:
        """If short answers are all there is, which: "ok, yes, thank you" is made of yes and thanks."""
        # What has a gap bridges other words, and one of these may be "not".
        answers = [
            hit
            for hit in self.hits
            if hit.tag.key in _SHORT_ANSWERS and hit.tag.code == self.spoken[0] and not hit.phrase.has_gap
        ]
        lengths = {False: len(self.message.words), True: len(self.message.squeezed)}
        for unspaced, length in lengths.items():
            of_script = [hit for hit in answers if hit.phrase.unspaced is unspaced]
            if length and {at for hit in of_script for at in range(hit.start, hit.end)} == set(range(length)):
                of_script = [hit for hit in of_script if not any(_is_inside(hit, other) for other in of_script)]
                return {hit.tag.key for hit in of_script} - {"polite"}
        return set()

    @cached_property
    def clauses(self) -> list[tuple[Message, list[Found]]]:
        clauses = self._split_clauses()
        found = {
            clause.text: self.hits if clause.text == self.message.text else self.find(clause)
            for clause in dict.fromkeys(clauses)
        }
        return [(clause, found[clause.text]) for clause in clauses]

    def _split_clauses(self) -> list[Message]:
        """Between punctuation, and before a "but"."""
        parts = split_clauses(self.text)
        clauses = []
        for part in parts:
            buts = {
                hit.start
                for hit in self.search(part)
                if hit.tag.key == "but" and hit.tag.code in self.spoken and not hit.phrase.unspaced
            }
            begins = [0, *sorted(buts - {0})]
            clauses += [part] if len(begins) == 1 else _cut(part, begins)
        return clauses

    @cached_property
    def beginning(self) -> "Reading":
        """The text; of a long one what it begins with, which tells what it is about."""
        if not self.message.is_long:
            return self
        signs = " ".join(sorted(sign for _, sign in list_signs(self.text)))
        # What was left out in all of the text is looked for here.
        return self._read_part(take_beginning(self.message), signs, {})

    @cached_property
    def sentences(self) -> list["Reading"]:
        """Each sentence by itself, of a long one what stands around anything vital; the text where it is but one.

        Of many they are the first ones, and before these those that have anything vital, as many as together are not
        long.
        """
        sentences = split_sentences(self.text)
        if len(sentences) < 2 and not self.message.is_long:
            return [self]
        chosen, letters = dict[int, Message](), 0
        for at in sorted(range(len(sentences)), key=lambda at: self._rank_urgency(sentences[at]))[:_SENTENCES]:
            sentence = self._shorten(sentences[at])
            letters += count_letters(sentence.squeezed)
            if chosen and letters > LONG_LETTERS:
                break
            chosen[at] = sentence
            self.search(sentence)
        return [self._read_part(one, "?" * one.asks, self.searched) for _, one in sorted(chosen.items())]

    def _rank_urgency(self, sentence: Message) -> int:
        keys = {hit.tag.key for hit in self.search(sentence) if hit.tag.code in self.spoken}
        return min((VITAL.index(key) for key in keys.intersection(VITAL)), default=len(VITAL))

    def _shorten(self, sentence: Message) -> Message:
        if not sentence.is_long:
            return sentence
        vital = [hit for hit in self.search(sentence) if hit.tag.key in VITAL and hit.tag.code in self.spoken]
        return take_around(sentence, vital) if vital else take_beginning(sentence)

    @cached_property
    def pieces(self) -> list["Reading"]:
        """What may say something by itself where nobody set a full stop: clauses, and parts of each sentence.

        A long text is read around what is vital in it.
        """
        if self.message.is_long:
            return []
        clauses = [clause for clause, _ in self.clauses if has_room(clause, _CLAUSE)]
        parts = chain.from_iterable(cut_apart(sentence.message) for sentence in self.sentences)
        pieces = {piece.text: piece for piece in chain(parts, clauses if len(self.clauses) > 1 else ())}
        return [self.read(piece) for piece in islice(pieces.values(), _PIECES)]

    @cached_property
    def windows(self) -> list["Reading"]:
        """Each few words of a text, overlapping; of many those that have anything vital first."""
        windows = [(sentence, window) for sentence in self.sentences for window in take_windows(sentence.message)]
        windows.sort(key=lambda pair: pair[0]._rank_urgency(pair[1]))
        most = _WINDOWS_AT_LENGTH if self.message.is_very_long else _WINDOWS
        return [sentence.read(window) for sentence, window in windows[:most]]

    def _read_part(self, part: Message, signs: str, searched: dict[str, list[Found]]) -> "Reading":
        return replace(
            self,
            text=f"{part.text} {signs}",
            message=part,
            spoken=self.lexicon.find_spoken(part, self.own, at_length=self.message.is_very_long),
            searched=searched,
            is_part=self.message.is_long,
        )

    def read(self, message: Message) -> "Reading":
        """A piece of the text on its own."""
        # What was found in all of the text says what is in it.
        self.search(message)
        return replace(self, text=message.text, message=message)

    @cached_property
    def told(self) -> list[Found]:
        """The phrases of the language spoken that say something by themselves."""
        return list_told(self.hits, self.spoken[0])

    @cached_property
    def ranked(self) -> list[tuple[Label, float]]:
        """What the text may mean, by all that is known of such texts, with the probability; the likeliest first."""
        return self.rank_labels(())

    @property
    def asks_about_risk(self) -> bool:
        """Whether it is likeliest a question about a risk, and may tell of one: "can she have it with a stent"."""
        return any(label in _ABOUT_RISKS for label, _ in self.ranked[:1])

    def rank_labels(self, never: Container[Label]) -> list[tuple[Label, float]]:
        """The same without what it cannot mean."""
        scores = {label: score for label, score in self._scores.items() if label not in never}
        return rank(scores, _SHARPNESS, MEANING)

    def find_share(self, kind: str) -> float:
        """How likely the text means a label, or with a colon behind it any of that kind: ``report:``."""
        return self._shares.get(kind, 0.0)

    @cached_property
    def _shares(self) -> dict[str, float]:
        shares: dict[str, float] = defaultdict(float)
        for label, share in self.ranked:
            shares[label] += share
            kind, colon, _ = label.partition(":")
            if colon:
                shares[kind + colon] += share
        return shares

    @cached_property
    def _scores(self) -> dict[Label, float]:
        """What speaks for each label: words and phrases of the language spoken, and concepts, which are of all."""
        if self.beginning is not self:
            return self.beginning._scores
        learned = self.lexicon.get_learned(self.spoken[0])
        lists = count_lists(self.told, self.message, self.lexicon.language_names)
        from_hits = list_hit_features(self.told, lists, self.hits, self.spoken[0])
        sounds = list_sound_features(self.message.words, self.spoken[0])
        features = number_features(chain(list_signs(self.text), from_hits, sounds), self.message.words)
        gist = self.lexicon.gist.score(number_gist(self.text, learned.concepts.find(self.message)))
        scores = learned.guesser.score(features, lists)
        return {label: score + _GIST * gist.get(label, 0.0) for label, score in scores.items()}

    @cached_property
    def grammar(self) -> set[str]:
        """Which small words of the languages spoken are in the text, by their lists."""
        return {hit.tag.key for hit in self.hits if hit.tag.key in GRAMMAR and hit.tag.code in self.spoken}

    @cached_property
    def sounds_automatic(self) -> bool:
        """Whether it has what machines answer; somebody who is "driving" may say that, too."""
        return any(hit.tag.key == "auto_reply" for hit in self.hits)

    @cached_property
    def asks(self) -> bool:
        """Whether a word or a mark says that something is asked."""
        return "asking" in self.grammar or any(clause.asks for clause, _ in self.clauses)

    def is_likely(self, kind: Label, enough: float) -> bool:
        """Whether the text is likely enough a label, or a sentence that has a phrase for it is so by itself.

        What else is said does not make it less likely.
        """
        return self.find_share(kind) >= enough or any(
            sentence.find_code(kind) and sentence.find_share(kind) >= enough for sentence in self.sentences
        )

    def find_code(self, key: str) -> str | None:
        """The language of what is found of a list, the likeliest; None if nothing is."""
        return min((hit.tag.code for hit in self.hits if hit.tag.key == key), key=self.rank_language, default=None)

    def rank_language(self, code: str) -> int:
        if code == self.own:
            return -1
        return self.spoken.index(code) if code in self.spoken else len(LANGUAGES)


def _cut(part: Message, begins: list[int]) -> list[Message]:
    """What begins at some words of a message, each up to the next of these."""
    return [Message(" ".join(part.words[start:end]), part.asks) for start, end in pairwise([*begins, len(part.words)])]


def _is_inside(hit: Found, other: Found) -> bool:
    """Whether a phrase is only a piece of a longer one."""
    return other.start <= hit.start and hit.end <= other.end and other.end - other.start > hit.end - hit.start
