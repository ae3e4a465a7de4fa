"""The language that a text asks for."""

from collections.abc import Mapping, Sequence
from itertools import chain

from messages.evidence import Found
from messages.languages import find_language
from messages.matching import Message
from messages.naming import SHORTEST_NAME, Mention, list_forms, list_mentions
from messages.reading import Reading
from messages.understanding import Understanding

# Where a "not" stands behind what it denies.
_DENIED_BEFORE = frozenset({"hi", "ur", "pa", "bn", "ja", "ko"})


def find_language_name(reading: Reading) -> Understanding | None:
    """A text that is the name of a language, with words around it that ask for one."""
    names = reading.lexicon.language_names.whole
    bare = reading.bare
    if bare.is_long or "negation" in reading.grammar:
        return None
    fillers = [hit for hit in reading.search(bare) if hit.tag.key == "language_fillers"]
    gone = {at for hit in fillers if not hit.phrase.unspaced for at in range(hit.start, hit.end)}
    name = " ".join(word for at, word in enumerate(bare.words) if at not in gone)
    for hit in fillers:
        if hit.phrase.unspaced:
            name = name.replace(bare.squeezed[hit.start : hit.end], "")
    forms = chain(list_forms(bare), list_forms(Message(" ".join(name.split()))))
    found = next((one for one in forms if one in names), "")
    if len(found) < SHORTEST_NAME and reading.awaiting != "language" and found.isascii():
        # "hi" is a greeting before it is Hindi.
        return None
    language = names.get(found)
    return Understanding("language", language.bcp47, language=language.code) if language else None


def find_language_within(reading: Reading) -> str | None:
    """The language that a text asks for: not the one they have, nor one that is said not to be understood.

    Whoever names theirs and denies another wants theirs: what we sent was in the other. Whoever only denies one wants
    the one they say it in.
    """
    named: dict[str, bool] = {}
    for clause, hits in reading.clauses:
        mentions, negations = _tell_apart(
            [*list_mentions(clause, reading.lexicon.language_names)],
            [hit for hit in hits if hit.tag.key == "negation"],
            reading.spoken[0],
        )
        requests = [hit for hit in hits if hit.tag.key == "language_phrases" and hit.tag.code == reading.spoken[0]]
        denied = _list_denied(mentions, negations, reading.spoken[0])
        denied -= {mention.code for mention in mentions if _is_asked_for(mention, negations, requests)}
        for mention in mentions:
            named[mention.code] = named.get(mention.code, True) and mention.code in denied
    wanted = [code for code, is_denied in named.items() if not is_denied]
    if _says_what_is_not_understood(reading, named):
        wanted = reading.spoken[:1]
    others = (
        [code for code in wanted if code != reading.own] or wanted or [code for code in named if code != reading.own]
    )
    if {"zh_Hans", "zh_Hant"} <= set(others):
        # "Chinese" alone means the simplified script, and here the other is named too.
        others = ["zh_Hant"]
    elif len(others) > 1 and reading.own == "zh_Hant":
        # To them "Chinese" is what they have: "I cannot read Chinese, English please."
        others = [code for code in others if code != "zh_Hans"]
    language = find_language(others[0]) if others else None
    return language.bcp47 if language else None


def _says_what_is_not_understood(reading: Reading, named: Mapping[str, bool]) -> bool:
    """Whether it is told, in the language they want, that they have not the one that is named."""
    # "Why don't you write in Spanish?" asks for it.
    return bool(named) and all(named.values()) and reading.spoken[0] not in named and not reading.asks


def _is_asked_for(mention: Mention, negations: Sequence[Found], requests: Sequence[Found]) -> bool:
    """Whether it is asked for before any "not": "in Polish please, I do not understand all of it"."""
    first = min((hit.start for hit in negations if hit.phrase.unspaced is mention.unspaced), default=0)
    return any(
        hit.phrase.unspaced is mention.unspaced and hit.start <= mention.start < hit.end <= first for hit in requests
    )


def _tell_apart(
    mentions: Sequence[Mention], negations: Sequence[Found], code: str
) -> tuple[list[Mention], list[Found]]:
    """Without what "hindi" is not: in Filipino it is a "not", in any other language the name of one."""
    places = {mention.start for mention in mentions if not mention.unspaced}
    both = [hit for hit in negations if not hit.phrase.unspaced and hit.start in places and hit.end == hit.start + 1]
    nots = {hit.start for hit in both if hit.tag.code == code}
    return (
        [mention for mention in mentions if mention.unspaced or mention.start not in nots],
        [hit for hit in negations if hit not in both or hit.tag.code == code],
    )


def _list_denied(mentions: Sequence[Mention], negations: Sequence[Found], code: str) -> set[str]:
    """Of the languages that a clause names those that are denied: of several each "not" denies the nearest one."""
    if len({mention.code for mention in mentions}) < 2:
        return {mention.code for mention in mentions} if negations else set()
    denied = set()
    for hit in negations:
        alike = [mention for mention in mentions if mention.unspaced is hit.phrase.unspaced]
        # Of two that are as near it is the one behind, where a "not" stands before what it denies.
        turn = 1 if code in _DENIED_BEFORE else -1
        nearest = min(alike, key=lambda one: (abs(one.start - hit.start), turn * one.start), default=None)
        denied |= {nearest.code} if nearest else {mention.code for mention in mentions}
    return denied
