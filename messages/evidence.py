"""What the phrases found in a text speak for, and what a language's examples teach of it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from messages.guessing import Example, Feature, Guesser, list_signs, number_features
from messages.matching import Message, normalise
from messages.naming import LanguageNames, list_mentions
from messages.phrase_index import Hit
from messages.plain_form import list_words
from messages.scripts import read_all_examples
from messages.sounds import list_sound_features
from messages.words import GRAMMAR, WHOLE, Entry, Label, Tag

Found = Hit[Tag]
# So many features of a language are kept; what others add is little, and all would take three times the memory.
_MOST = 14_000
# A "not" that so many words, or signs, stand between at most may turn what a phrase says.
_BESIDE_WORDS, _BESIDE_SIGNS = 3, 6
# What says nothing by itself, but does together with something else.
_TOGETHER = frozenset({*GRAMMAR, "having", "condition"})


def list_told(hits: Iterable[Found], code: str) -> list[Found]:
    """The phrases found of one language that say something by themselves."""
    told = [
        hit for hit in hits if hit.tag.code == code and find_label(hit.tag) and (hit.whole or hit.tag.key not in WHOLE)
    ]
    # "How long before it" is not "how long".
    list_around = index_around(told)
    return [hit for hit in told if not any(_outdoes(other, hit) for other in list_around(hit))]


def index_around(hits: Sequence[Found]) -> Callable[[Found], Iterator[Found]]:
    """What finds the hits that have all the words, or signs, of one hit."""
    beginning: dict[tuple[bool, int], list[Found]] = defaultdict(list)
    for hit in hits:
        beginning[hit.phrase.unspaced, hit.start].append(hit)
    longest = max((hit.end - hit.start for hit in hits), default=0)

    def list_around(hit: Found) -> Iterator[Found]:
        for start in range(hit.end - longest, hit.start + 1):
            yield from (one for one in beginning.get((hit.phrase.unspaced, start), ()) if one.end >= hit.end)

    return list_around


def _outdoes(longer: Found, hit: Found) -> bool:
    """Whether a phrase without gaps has all the words of one that speaks for another thing, and more."""
    return (
        longer.end - longer.start > hit.end - hit.start
        and not longer.phrase.has_gap
        and find_label(longer.tag) != find_label(hit.tag)
    )


def list_hit_features(
    told: Sequence[Found], lists: Mapping[str, int], hits: Sequence[Found], code: str
) -> Iterator[Feature]:
    """The phrases that say something, and each two lists hit together, where a "not" or a "how" is of a list too.

    What has a "not" beside it, that is no part of it, has that as well.
    """
    for hit in told:
        yield "phrase", f"{hit.tag.table}.{hit.tag.key}: {hit.phrase.source}"
    negations = [hit for hit in hits if hit.tag.code == code and hit.tag.key == "negation"]
    denied = {find_label(hit.tag) for hit in told if any(_is_beside(hit, other) for other in negations)}
    yield from (("lists", f"not beside {label}") for label in denied)
    grammar = {hit.tag.key for hit in hits if hit.tag.code == code and hit.tag.key in _TOGETHER}
    yield from (("lists", f"{one} {other}") for one, other in combinations(sorted(grammar.union(lists)), 2))


def _is_beside(hit: Found, other: Found) -> bool:
    """Whether two share no place and hardly anything stands between them."""
    between = max(other.start - hit.end, hit.start - other.end)
    near = _BESIDE_SIGNS if hit.phrase.unspaced else _BESIDE_WORDS
    return hit.phrase.unspaced is other.phrase.unspaced and 0 <= between <= near


def count_lists(told: Iterable[Found], message: Message, names: LanguageNames) -> Counter[str]:
    """How many phrases of each list are found, by what the list speaks for, and how many languages are named."""
    phrases = {(hit.tag, hit.phrase.source) for hit in told}
    return Counter([*(find_label(tag) or "" for tag, _ in phrases), *("named" for _ in list_mentions(message, names))])


def find_label(tag: Tag) -> Label | None:
    """What a phrase of a list speaks for."""
    if tag.table == "shown_topics":
        # Said within a sentence it is a word like any other.
        return None
    if tag.table == "topics":
        return f"question:{tag.key}"
    if tag.table == "report":
        return f"report:{tag.key.removeprefix('having_')}" if tag.key != "having" else None
    if tag.key == "chatter":
        return "unknown"
    if tag.key in (*GRAMMAR, "condition", "auto_reply"):
        return None
    return tag.key.removesuffix("_phrases").removesuffix("_alone")


def teach(
    code: str, entries: Iterable[Entry], find: Callable[[Message], Sequence[Found]], names: LanguageNames
) -> Guesser:
    """Learn from the examples of one language, and from its phrases.

    Args:
        entries: all phrases of the language.
        find: gives those in a message.
    """
    examples = []
    for label, text in read_all_examples(code):
        message = Message(normalise(text))
        hits = find(message)
        told = list_told(hits, code)
        lists = count_lists(told, message, names)
        from_hits = list_hit_features(told, lists, hits, code)
        sounds = list_sound_features(message.words, code)
        features = number_features([*list_signs(text), *from_hits, *sounds], message.words)
        examples.append(Example(label, features, lists))
    return Guesser(examples, list(_list_phrase_examples(entries)), _MOST)


def _list_phrase_examples(entries: Iterable[Entry]) -> Iterator[Example]:
    """Each phrase that speaks for something as a text of all its words.

    Not those of an emergency: "is it an emergency scan" has a word of them.
    """
    for plain, tag in entries:
        label = find_label(tag)
        if label and label != "emergency":
            yield Example(label, number_features((), [word for word, _ in list_words(plain)]), {})
