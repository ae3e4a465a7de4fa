"""What phrases are in a text and in pieces of it, each looked for once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from messages.evidence import Found
from messages.languages import SOURCE
from messages.lexicon import Lexicon
from messages.matching import Message
from messages.phrase_index import Chosen, Hit


@dataclass(frozen=True)
class Search:
    """A text, in which some languages are spoken, and what was found in it so far, by the text of each piece."""

    message: Message
    spoken: Sequence[str]
    lexicon: Lexicon
    found: dict[str, list[Found]]

    def find(self, message: Message) -> list[Found]:
        """All phrases in a message that may count; where a piece of the text is in it says what is in the piece."""
        if message.text not in self.found:
            before, inside, _ = f" {self.message.text} ".partition(f" {message.text} ")
            self.found[message.text] = (
                self._find_piece(message, before.count(" "), len(before.replace(" ", "")))
                if inside and message is not self.message
                else self.lexicon.index.find(message, self._list_candidates(message))
            )
        return self.found[message.text]

    def _list_candidates(self, message: Message) -> Chosen:
        """The phrases to look for in a message.

        What other languages say is chance, but for what somebody must act on; in a long text, but for what is
        dangerous. What a long text is about is looked for in a part of it.
        """
        spoken = self.lexicon.choose(*self.spoken, SOURCE)
        if message.is_long:
            return self.lexicon.dangerous | spoken & self.lexicon.throughout
        return self.lexicon.abroad | spoken

    def _find_piece(self, piece: Message, word: int, sign: int) -> list[Found]:
        """Search a piece of the text by what was found in all of it: it begins at a word and at a sign of that."""
        found: list[Found] = []
        doubtful: set[int] = set()
        for unspaced, first, length in ((False, word, len(piece.words)), (True, sign, len(piece.squeezed))):
            for at in range(first, first + length):
                hits = self._beginning.get((unspaced, at), ())
                inside = [hit for hit in hits if hit.end <= first + length]
                if len(inside) < len(hits):
                    # Of a phrase whose longest occurrence ends outside another one may be the longest inside.
                    doubtful |= {hit.number for hit in inside} & {
                        hit.number for hit in hits if hit.end > first + length
                    }
                found += [
                    Hit(
                        hit.number,
                        hit.tag,
                        hit.phrase,
                        at - first,
                        hit.end - first,
                        at == first and hit.end - at == length,
                    )
                    for hit in inside
                ]
        if doubtful:
            found = [hit for hit in found if hit.number not in doubtful]
            again = self.lexicon.index.find(piece, self._list_candidates(self.message))
            found += [hit for hit in again if hit.number in doubtful]
        return found

    @cached_property
    def _beginning(self) -> dict[tuple[bool, int], list[Found]]:
        """What is found in all of the text, by where it begins: in words, or in signs."""
        beginning: dict[tuple[bool, int], list[Found]] = defaultdict(list)
        for hit in self.find(self.message):
            beginning[hit.phrase.unspaced, hit.start].append(hit)
        return beginning
