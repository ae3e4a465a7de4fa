"""Chinese is written in two scripts; whoever writes one is understood by what was written in the other too."""

from opencc import OpenCC

from messages.words import Label, read_examples

# Whose texts a language learns from too, and how these are rewritten: with the words of the place, where they differ.
_WRITTEN_ALIKE = {"zh_Hans": ("zh_Hant", "tw2sp"), "zh_Hant": ("zh_Hans", "s2twp")}


def read_all_examples(code: str) -> list[tuple[Label, str]]:
    """One language's examples, and those of the language that only its script tells from it, in its own script.

    Raises:
        WordsError, OSError: as for the words.
    """
    examples = read_examples(code)
    if code not in _WRITTEN_ALIKE:
        return examples
    other, change = _WRITTEN_ALIKE[code]
    rewrite = OpenCC(change).convert
    return list(dict.fromkeys([*examples, *((label, rewrite(text)) for label, text in read_examples(other))]))
