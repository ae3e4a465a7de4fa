"""Fits a text into its budget, and says it in the first language that can.

What goes first when room is short, and how names are written for less. What keeps the patient safe
always stays.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from anyascii import anyascii

from messages.facts import ClinicFacts, Visit, make_speaker
from messages.languages import SOURCE
from messages.segments import Measure, measure
from messages.smart_encoding import smart_encode
from messages.speaker import Speaker, UntranslatedError, say

ENGLISH_BUDGET, BUDGET = 2, 5
MERGED_ENGLISH_BUDGET, MERGED_BUDGET = 4, 8

# What is given up when room is short, one after another: what is said in another text too, what makes
# it easier, the greeting, then either the phone or what is said twice, at last both.
SAID_TWICE, PHONE, GREETING, COMFORT, EXTRA = 1, 2, 3, 4, 5
_SACRIFICES = (
    frozenset[int](),
    frozenset({EXTRA}),
    frozenset({EXTRA, COMFORT}),
    frozenset({EXTRA, COMFORT, GREETING}),
    frozenset({EXTRA, COMFORT, GREETING, PHONE}),
    frozenset({EXTRA, COMFORT, GREETING, SAID_TWICE}),
    frozenset({EXTRA, COMFORT, GREETING, PHONE, SAID_TWICE}),
)
_SHORT_NAME = 20

# Said in the patient's language when only reviewed texts may go out and the text itself has to be in
# another one. It says nothing medical, so it goes out before its review.
INTERPRETER = say("Call {phone} and ask for an interpreter.")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a text; what is ``dispensable`` may go when room is short, 0 never does."""

    text: str
    dispensable: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """A composed text, the language it came out in, and what it costs.

    ``reviewed``: a qualified human has signed every sentence in it, as it stands.
    """

    body: str
    language: str
    measure: Measure
    reviewed: bool


def find_budget(language: str, *, merged: bool = False) -> int:
    """The most segments a text in a language may cost; one for several steps of the plan may cost more."""
    if merged:
        return MERGED_ENGLISH_BUDGET if language == SOURCE else MERGED_BUDGET
    return ENGLISH_BUDGET if language == SOURCE else BUDGET


def speak(
    language: str, clinic: ClinicFacts, write: Callable[[Speaker], Iterable[str]], *, merged: bool = False
) -> Text:
    """Write in the first language that has every sentence, of the wanted, the clinic's and English.

    A clinic that sends only reviewed texts adds one line in the wanted language when the text had to be
    in another: whom to call for an interpreter.

    Args:
        write: gives the text and then, shorter and shorter, what it may be instead; the first that is
            within the budget is taken, or the last.
    """
    for code in dict.fromkeys((language, clinic.default_language, SOURCE)):
        speaker = make_speaker(code, clinic, reviewed_only=clinic.reviewed_only)
        line = _ask_for_interpreter(language, clinic) if clinic.reviewed_only and code != language else ""
        budget = find_budget(language if line else code, merged=merged)
        body, measured = "", measure("")
        try:
            for form in write(speaker):
                body = smart_encode(f"{form}\n{line}" if line else form)
                measured = measure(body)
                if measured.segments <= budget:
                    break
        except UntranslatedError:
            continue
        return Text(body, code, measured, speaker.all_reviewed)
    raise UntranslatedError(f"no text in {language}")


def _ask_for_interpreter(language: str, clinic: ClinicFacts) -> str:
    try:
        return make_speaker(language, clinic).say(INTERPRETER, phone=clinic.phone)
    except UntranslatedError:
        return ""


def list_forms(
    visit: Visit, write: Callable[[Visit], Iterable[Sentence]], join: Callable[[list[str]], str]
) -> Iterator[str]:
    """The text of a visit as it should be, then with less and less.

    Args:
        write: gives the sentences of a visit, in order.
        join: makes them one text.
    """

    def join_without(sentences: Iterable[Sentence], gone: frozenset[int]) -> str:
        return join([sentence.text for sentence in sentences if sentence.dispensable not in gone])

    sentences = list(write(visit))
    yield join_without(sentences, frozenset())
    # One letter outside GSM-7 more than doubles what the whole text costs. If only a name has some, it
    # is written with others.
    plain = _rename(visit, write_plainly)
    if plain != visit:
        in_plain = list(write(plain))
        if measure(join_without(in_plain, frozenset())).encoding == "GSM-7":
            visit, sentences = plain, in_plain
    yield from (join_without(sentences, gone) for gone in _SACRIFICES)
    yield join_without(write(_rename(visit, shorten)), _SACRIFICES[-1])


def _rename(visit: Visit, change: Callable[[str], str]) -> Visit:
    return replace(
        visit,
        given_name=visit.given_name and (change(visit.given_name) or visit.given_name),
        companion_name=change(visit.companion_name) or visit.companion_name,
    )


def write_plainly(name: str) -> str:
    """A name in letters that GSM-7 has: Łukasz is Lukasz, Алексей is Aleksey."""
    return anyascii(name).replace("`", "'")


def shorten(name: str) -> str:
    """The first parts of a long name."""
    kept = name[: _SHORT_NAME + 1].rpartition(" ")[0] or name[:_SHORT_NAME]
    return name if len(name) <= _SHORT_NAME else kept
