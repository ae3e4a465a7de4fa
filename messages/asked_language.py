"""The language that a text asks for."""

from itertools import chain

from messages.languages import find_language
from messages.matching import Message
from messages.naming import SHORTEST_NAME, list_forms, list_languages
from messages.reading import Reading
from messages.understanding import Understanding


def find_language_name(reading: Reading) -> Understanding | None:
    """A text that is the name of a language, with words around it that ask for one."""
    names = reading.lexicon.language_names.whole
    bare = reading.bare
    if bare.is_long:
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
    """The language that a text asks for: not the one they have, nor one that is said not to be understood."""
    named = [
        (clause, code, any(hit.tag.key == "negation" for hit in hits))
        for clause, hits in reading.clauses
        for code in list_languages(clause, reading.lexicon.language_names)
    ]
    codes = list(dict.fromkeys(code for _, code, _ in named))
    wanted = [code for _, code, denied in named if not denied and code != reading.own]
    others = wanted or [code for code in codes if code != reading.own]
    if not others and not any(denied for _, _, denied in named):
        others = codes
    if {"zh_Hans", "zh_Hant"} <= set(others):
        # "Chinese" alone means the simplified script, and here the other is named too.
        others = ["zh_Hant"]
    elif len(others) > 1 and reading.own == "zh_Hant":
        # To them "Chinese" is what they have: "I cannot read Chinese, English please."
        others = [code for code in others if code != "zh_Hans"]
    language = find_language(others[0]) if others else None
    return language.bcp47 if language else None
