"""What a patient has that staff must know of, told as a statement."""

from collections.abc import Iterable

from messages.evidence import Found
from messages.grammar import denies, is_within
from messages.matching import Message
from messages.phrases import Phrase
from messages.plain_form import list_words
from messages.reading import Reading
from messages.understanding import Understanding
from messages.words import REPORTED

# So likely a question it is one, and so unlikely a report it is none. Staff hear of the question too.
_ASKED, _HARDLY = 0.95, 0.05
# So likely a report a piece of it is one, of what may be dangerous in the scanner and of anything else.
_PIECE, _PIECE_OTHER = 0.2, 0.9


def find_report(reading: Reading) -> Understanding | None:
    """A statement, not a question, that the patient has something staff must know."""
    in_answer = reading.awaiting == "safety"
    if not in_answer and any(hit.tag.table == "shown_topics" for hit in reading.whole):
        return None
    for clause, hits in reading.clauses:
        grammar = [hit for hit in hits if hit.tag.key in ("negation", "asking") and hit.tag.code in reading.spoken]
        asks = clause.asks or any(hit.tag.key == "asking" for hit in grammar)
        is_question = asks and reading.find_share("question:") >= _ASKED
        for code in _list_codes(reading, hits):
            report = [hit for hit in hits if hit.tag.code == code and hit.tag.table == "report"]
            kind = _find_reported(clause, report, grammar, in_answer=in_answer)
            is_likely = in_answer or code != reading.spoken[0] or reading.find_share("report:") >= _HARDLY
            if not (kind and is_likely and not is_question):
                denials = [hit for hit in grammar if hit.tag.key == "negation"]
                kind = _find_reported(clause, report, denials, in_answer=in_answer)
                if not (kind and _is_beside(reading, kind)):
                    continue
            return Understanding("report", None if kind == "other" else kind, 0.9, code)
    return None


def _is_beside(reading: Reading, kind: str) -> bool:
    """Whether something is told beside something else that is asked: "I have a pacemaker how long does it take"."""
    if reading.asks_about_risk:
        return False
    enough = _PIECE_OTHER if kind == "other" else _PIECE
    told = (piece for piece in reading.pieces if any(hit.tag.table == "report" for hit in piece.hits))
    return any(piece.find_share("report:") >= enough for piece in told)


def _find_reported(clause: Message, report: list[Found], grammar: list[Found], *, in_answer: bool) -> str | None:
    """What a clause of one language reports: somebody has it, no question begins before that, and it is not denied."""
    # Where no spaces are written, what follows the statement in one breath makes all of it a question.
    # A piece of what is named asks nothing: without its prefix the Arabic "kidney" is "why".
    named_words = [hit for hit in report if not hit.phrase.has_gap and not hit.phrase.unspaced]
    questions = [hit for hit in grammar if hit.tag.key == "asking" and not is_within(hit, named_words)]
    asking = min((0 if hit.phrase.unspaced else hit.start for hit in questions), default=None)
    having = [hit for hit in report if hit.tag.key == "having"]
    for kind in REPORTED:
        stated = [hit for hit in report if hit.tag.key == f"having_{kind}"]
        named = [hit for hit in report if hit.tag.key == kind]
        told = stated or (named and (having or in_answer) and [*named, *having])
        if not told or any(denies(hit, told) and not _is_part(hit, stated, clause) for hit in grammar):
            continue
        if asking is None or min(hit.start for hit in told) < asking:
            return kind
    return None


def _is_part(negation: Found, stated: list[Found], clause: Message) -> bool:
    """Whether a "not" is of what is stated, as in "I cannot lie flat", and does not stand in a gap of that."""
    here = slice(negation.start, negation.end)
    said = [clause.squeezed[here]] if negation.phrase.unspaced else clause.words[here]
    around = [hit for hit in stated if is_within(negation, [hit])]
    return any(not hit.phrase.has_gap or any(_has_word(hit.phrase, word) for word in said) for hit in around)


def _has_word(phrase: Phrase, word: str) -> bool:
    if phrase.unspaced:
        return word in phrase.source
    return any(word == one or (open_ended and word.startswith(one)) for one, open_ended in list_words(phrase.source))


def _list_codes(reading: Reading, hits: Iterable[Found]) -> list[str]:
    return sorted({hit.tag.code for hit in hits}, key=reading.rank_language)
