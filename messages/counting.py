"""Which of the phrases in a text count, and which are there once typing errors are mended."""

from dataclasses import dataclass
from functools import cached_property

from messages.evidence import Found, index_around
from messages.marks import Marks, are_at_odds, list_marks
from messages.matching import Message
from messages.plain_form import list_words
from messages.searching import Search
from messages.words import DANGEROUS, GRAMMAR, WHOLE

# Said with a typing error it may be something else.
_NEVER_CORRECTED = frozenset({"stop", "stop_phrases", "start", "start_phrases", "yes", "no", "none", "more"})


@dataclass(frozen=True)
class Counting:
    """A text as it was written, and the search for phrases in it."""

    text: str
    search: Search

    def find(self, message: Message) -> list[Found]:
        """What counts: not a foreign phrase in words that the language spoken has too, nor one within a longer one."""
        found = self._leave_out_foreign(message, self.search.find(message))
        found = [hit for hit in found if not self._is_other_words(hit, message)]
        found += self._find_corrected(message, found)
        if not any(map(_is_heeded, found)):
            return found
        list_around = index_around(found)
        return [
            hit
            for hit in found
            if not _is_heeded(hit)
            or not any(
                _covers(other, hit)
                for other in list_around(hit)
                if other.tag.code in (hit.tag.code, self.search.spoken[0])
                # Small talk may be about the cat's allergy; any other phrase leaves a report what it is.
                and (hit.tag.key in DANGEROUS or other.tag.key == "chatter")
            )
        ]

    def _leave_out_foreign(self, message: Message, found: list[Found]) -> list[Found]:
        """Without the phrases of other languages all of whose words are known in the language spoken."""
        spoken = self.search.spoken
        if all(hit.tag.code in spoken for hit in found):
            return found
        known = {at for at, word in enumerate(message.words) if self.search.lexicon.knows(word, spoken[0])}
        known.update(
            at
            for hit in found
            if hit.tag.code in spoken and not hit.phrase.unspaced
            for at in range(hit.start, hit.end)
        )
        return [hit for hit in found if hit.tag.code in spoken or _counts_abroad(hit, known)]

    def _find_corrected(self, message: Message, found: list[Found]) -> list[Found]:
        """What is there once typing errors are mended; for an emergency one wrong letter in a word at most."""
        if message.is_very_long or (message is not self.search.message and self.search.message.is_long):
            # The clauses of a long text together take as long as all of it: it was enough to mend that. Of a very long
            # one what it begins with is mended, and what stands around anything vital.
            return []
        lexicon, code = self.search.lexicon, self.search.spoken[0]
        corrected, barely = lexicon.correct(message, code)
        if message.text.startswith(corrected.text):
            return []
        own = lexicon.choose(code)
        hits = lexicon.index.find(corrected, own)
        if corrected != barely and any(hit.tag.key == "emergency" for hit in hits):
            # What is there with less mended is there with more, too.
            hits = [hit for hit in hits if hit.tag.key != "emergency"]
            hits += [hit for hit in lexicon.index.find(barely, own) if hit.tag.key == "emergency"]
        already = {(hit.tag, hit.start, hit.end) for hit in found}
        return [
            hit
            for hit in hits
            if hit.tag.key not in _NEVER_CORRECTED
            and (hit.tag, hit.start, hit.end) not in already
            and not self._is_other_words(hit, corrected)
        ]

    def _is_other_words(self, hit: Found, message: Message) -> bool:
        """Whether what sounds dangerous has other marks, in a language where these make other words."""
        if hit.tag.key not in DANGEROUS or hit.tag.code not in self.search.lexicon.marks:
            return False
        looked_for = {word for word, _ in list_words(hit.phrase.source)}
        words = looked_for.intersection(message.words[hit.start : hit.end])
        return are_at_odds(words, self._marks, self.search.lexicon.marks[hit.tag.code])

    @cached_property
    def _marks(self) -> Marks:
        return list_marks([self.text])


def _counts_abroad(hit: Found, known: set[int]) -> bool:
    if hit.phrase.unspaced:
        return hit.tag.key in ("emergency", "stop_phrases")
    return not known.issuperset(range(hit.start, hit.end))


def _is_heeded(hit: Found) -> bool:
    """Whether staff must hear of it."""
    return hit.tag.key in DANGEROUS or hit.tag.table == "report"


def _covers(longer: Found, hit: Found) -> bool:
    """Whether what staff must hear of is only a piece of a longer, harmless phrase."""
    return (
        longer.tag.key not in DANGEROUS
        and longer.tag.key not in GRAMMAR
        # A word that means something only as a whole message covers nothing, nor does what has gaps.
        and (longer.whole or longer.tag.key not in WHOLE)
        and not longer.phrase.has_gap
        # Of two that are as long, the one without a gap is the one that was said.
        and longer.end - longer.start >= hit.end - hit.start + (not hit.phrase.has_gap)
    )
