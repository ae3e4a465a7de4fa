"""What phrases are in a text and in pieces of it, each looked for once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from messages.evidence import Found
from messages.languages import SOURCE
from messages.lexicon import Lexicon
from messages.matching import UNSPACED, Message
from messages.phrase_index import Chosen, Hit


@dataclass(frozen=True)
class Search:
    """A text, in which some languages are spoken, and what was found in it so far, by the text of each piece."""

    message: Message
    spoken: Sequence[str]
    lexicon: Lexicon
    found: dict[str, list[Found]]
    # Whether it is a part of a long text.
    is_part: bool = False

    def find(self, message: Message) -> list[Found]:
        """All phrases in a message that may count; where a piece of the text is in it says what is in the piece."""
        if message.text not in self.found:
            begin = _locate(message.text, self.message.text)
            if message is self.message or begin is None:
                found = self.lexicon.index.find(message, self._list_candidates(message))
            else:
                before = self.message.text[:begin]
                found = self._find_piece(message, before.count(" "), len(before.replace(" ", "")))
            self.found[message.text] = found
        return self.found[message.text]

    def _list_candidates(self, message: Message) -> Chosen:
        """The phrases to look for in a message.

        What other languages say is chance, but for what somebody must act on; in a long text and its parts, but for
        what is dangerous. What a long text is about is looked for in a part of it.
        """
        spoken = self.lexicon.choose(*self.spoken, SOURCE)
        if message.is_very_long:
            return self.lexicon.dangerous | spoken & self.lexicon.at_length
        if message.is_long:
            return self.lexicon.dangerous | spoken & self.lexicon.throughout
        is_part = self.is_part or self.message.is_long
        return spoken | (self.lexicon.dangerous if is_part else self.lexicon.abroad)

    def _find_piece(self, piece: Message, word: int, sign: int) -> list[Found]:
        """Search a piece of the text by what was found in all of it: it begins at a word and at a sign of that."""
        found: list[Found] = []
        doubtful: set[int] = set()
        for unspaced, first, length in ((False, word, len(piece.words)), (True, sign, len(piece.squeezed))):
            for at in range(first, first + length):
                hits = self._beginning.get((unspaced, at))
                if not hits:
                    continue
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
            found += self.lexicon.index.locate([*doubtful], piece)
        return found

    @cached_property
    def _beginning(self) -> dict[tuple[bool, int], list[Found]]:
        """What is found in all of the text, by where it begins: in words, or in signs."""
        beginning: dict[tuple[bool, int], list[Found]] = defaultdict(list)
        for hit in self.find(self.message):
            beginning[hit.phrase.unspaced, hit.start].append(hit)
        return beginning


def _locate(piece: str, text: str) -> int | None:
    """Where a text has a piece, cut between words or where no spaces are written; None if it has not."""
    begin = text.find(piece)
    while begin >= 0:
        end = begin + len(piece)
        if _is_cut(text[begin - 1 : begin], piece[0]) and _is_cut(piece[-1], text[end : end + 1]):
            return begin
        begin = text.find(piece, begin + 1)
    return None


def _is_cut(before: str, behind: str) -> bool:
    """Whether a text may be cut between two signs."""
    return before in ("", " ") or behind in ("", " ") or bool(UNSPACED.match(before) or UNSPACED.match(behind))
