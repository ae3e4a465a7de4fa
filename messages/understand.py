"""A patient's text -> ``Understanding``.

The order is the order of care: emergency and stop first, then reports of implants and allergies,
then what the patient wants, then the FAQ. What stays unclear is ``unknown``, and a person reads it.
"""

from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby

from messages.languages import LANGUAGES, Language, find_language
from messages.matching import Message, Phrase, find_any, make_phrases, normalise, split_clauses
from messages.words import read_words

# Said around what counts. They never change a meaning.
_POLITE = ("please", "pls", "plz", "por favor", "tanpri", "svp", "silvouple", "من فضلك", "لو سمحت", "رجاء", "رجاءا")
# Said around the name of a language.
_LANGUAGE_FILLERS = frozenset(
    normalise(
        "in to use speak i want change language text texts en el la a idioma hablo quiero "
        "an nan lang mwen pale vle باللغة اللغة لغة اريد بال"
    ).split()
)
_HAN_LANGUAGE_FILLERS = ("请", "請", "我要", "我想", "换成", "換成", "改成", "改用", "用", "说", "說", "讲", "講")
_LANGUAGE_NAMES = {
    normalise(name): language for language in LANGUAGES for name in (language.code, language.name, *language.aliases)
}
# A clause with one of these words does not report that somebody has something.
_NEGATIONS = {
    code: frozenset(normalise(words).split())
    for code, words in {
        "en": "no not dont havent never without none isnt doesnt didnt neither",
        "es": "no sin nunca ningun ninguna ninguno ningunos tampoco",
        "zh_Hans": "mei meiyou",
        "ar": "ما لا ليس ليست لست لم مش مو مب بدون مافي مافيه مفيش مافيش ماكو ماعندي معنديش ماعنديش مانيش ماني",
        "ht": "pa pas pat mpa mpat pagen mpagen okenn non jame",
    }.items()
}
_HAN_NEGATIONS = ("没", "沒", "無", "无", "冇", "不是")
_DIGIT_ANSWERS = {"1": 1, "2": 2, "one": 1, "two": 2}


@dataclass(frozen=True, slots=True)
class Understanding:
    """What we make of a text.

    ``intent`` and ``detail`` are the words of the public interface; ``confidence`` runs from 0 to 1;
    ``language`` is the code of the language it was understood in, None when that is not known.
    ``choice`` is the number picked from a list of ours; ``names_condition`` says that the patient
    named the condition, so that the answer may.
    """

    intent: str
    detail: str | None = None
    confidence: float = 1.0
    language: str | None = None
    choice: int | None = None
    names_condition: bool = False


@dataclass(frozen=True)
class _Tables:
    """One language's phrases, ready to match."""

    code: str
    intents: dict[str, tuple[Phrase, ...]]
    topics: dict[str, tuple[Phrase, ...]]
    shown_topics: dict[str, tuple[Phrase, ...]]
    report: dict[str, tuple[Phrase, ...]]


@cache
def _read_tables(code: str) -> _Tables:
    words = read_words(code)
    return _Tables(
        code,
        {intent: make_phrases(phrases) for intent, phrases in words.intents.items()},
        {topic: make_phrases(phrases) for topic, phrases in words.topics.items()},
        {topic: make_phrases([phrase]) for topic, phrase in words.shown_topics.items()},
        {kind: make_phrases(phrases) for kind, phrases in words.report.items()},
    )


def understand(text: str, language: str | None = None, awaiting: str | None = None) -> Understanding:
    """Say what a text means.

    Args:
        text: as it came.
        language: code of the contact's language; it is tried first, then all the others.
        awaiting: the question of ours that may be answered: ``confirm``, ``safety``, ``language``,
            ``which-confirm`` or ``which-change``.
    """
    message = Message(normalise(text))
    if not message.text:
        return Understanding("unknown", confidence=0.0)
    known = find_language(language) if language else None
    tables = [_read_tables(known.code)] if known else []
    tables += [_read_tables(other.code) for other in LANGUAGES if known is None or other.code != known.code]
    understanding = _find_meaning(text, message, tables, awaiting)
    if any(find_any(table.intents["condition"], message) for table in tables):
        return replace(understanding, names_condition=True)
    return understanding


def _find_meaning(text: str, message: Message, tables: list[_Tables], awaiting: str | None) -> Understanding:
    bare = _strip_polite(message)
    for table in tables:
        if find_any(table.intents["emergency"], message):
            return Understanding("emergency", language=table.code)
    for table in tables:
        if _equals_any(table.intents["stop"], bare) or find_any(table.intents["stop_phrases"], message):
            return Understanding("stop", language=table.code)
    if answer := _read_answer(bare, awaiting):
        return answer
    for table in tables:
        if find_any(table.intents["wrong_number"], message):
            return Understanding("wrong_number", confidence=0.9, language=table.code)
    for table in tables:
        if report := _find_report(text, table, tables[0], awaiting):
            return report
    if understanding := _find_keyword(bare, tables, awaiting):
        return understanding
    for table in tables:
        if understanding := _find_wish(message, table):
            return understanding
    for table in tables:
        if understanding := _find_topic(message, table):
            return understanding
    if awaiting != "safety":
        # Here a half-understood "no" would read as "no, none". A person must see it instead.
        first = _strip_polite((split_clauses(text) or [message])[0])
        for table in tables:
            for intent in ("no", "yes", "thanks"):
                if _equals_any(table.intents[intent], first):
                    return Understanding(intent, confidence=0.5, language=table.code)
    return Understanding("unknown", confidence=0.0)


def _read_answer(bare: Message, awaiting: str | None) -> Understanding | None:
    """The number that answers a question of ours."""
    if awaiting is None:
        return None
    number = _DIGIT_ANSWERS.get(bare.text) or (int(bare.text) if bare.text.isdecimal() and len(bare.text) < 3 else 0)
    if awaiting == "language":
        if 1 <= number <= len(LANGUAGES):
            return Understanding("language", LANGUAGES[number - 1].bcp47, choice=number)
        return None
    if awaiting.startswith("which-") and number:
        return Understanding(awaiting.removeprefix("which-"), choice=number)
    if awaiting == "confirm" and number in (1, 2):
        return Understanding("yes" if number == 1 else "no", choice=number)
    if awaiting == "safety" and number in (1, 2):
        return Understanding("no" if number == 1 else "yes", choice=number)
    return None


def _find_report(text: str, table: _Tables, own: _Tables, awaiting: str | None) -> Understanding | None:
    """A statement, not a question, that the patient has something staff must know."""
    # "Pacemaker" is the same word in many languages, "no" and "can I" are not: the patient's own count too.
    asking = table.intents["asking"] + own.intents["asking"]
    for clause in split_clauses(text):
        for kind in ("allergy", "implant"):
            named = find_any(table.report[kind], clause)
            stated = find_any(table.report[f"having_{kind}"], clause)
            had = named and (awaiting == "safety" or find_any(table.report["having"], clause))
            if not (stated or had) or _is_negated(clause, table, own):
                continue
            if find_any(asking, clause) and not stated:
                continue
            pregnant = kind == "implant" and find_any(table.topics["pregnancy"], clause)
            return Understanding("report", None if pregnant else kind, 0.9, table.code)
    return None


def _is_negated(clause: Message, *tables: _Tables) -> bool:
    words = set(clause.text.split())
    if any(words & _NEGATIONS.get(table.code, frozenset()) for table in tables):
        return True
    return any(negation in clause.squeezed for negation in _HAN_NEGATIONS)


def _find_keyword(bare: Message, tables: list[_Tables], awaiting: str | None) -> Understanding | None:
    """A message that is one keyword, the name of a language, or a plain yes or no."""
    if named := _find_language_name(bare):
        return Understanding("language", named.bcp47, language=named.code)
    for table in tables:
        for intent in ("start", "menu", "language", "more", "help"):
            if _equals_any(table.intents[intent], bare):
                return Understanding(intent, language=table.code)
        for topic, shown in table.shown_topics.items():
            if _equals_any(shown, bare):
                return Understanding("question", topic, language=table.code)
        if awaiting == "safety" and _equals_any(table.intents["none"], bare):
            return Understanding("no", language=table.code)
        for intent in ("no", "yes", "thanks", "confirm", "change"):
            if _equals_any(table.intents[intent], bare):
                return Understanding(intent, language=table.code)
    if awaiting == "safety" and not any(_names_risk(table, bare) for table in tables):
        for table in tables:
            if find_any(table.intents["none"], bare):
                return Understanding("no", confidence=0.8, language=table.code)
    return None


def _names_risk(table: _Tables, message: Message) -> bool:
    """Whether anything is named that staff must know of, even in "no pacemaker, but ..."."""
    return find_any(table.report["implant"], message) or find_any(table.report["allergy"], message)


def _find_language_name(bare: Message) -> Language | None:
    name = " ".join(word for word in bare.text.split() if word not in _LANGUAGE_FILLERS)
    for filler in _HAN_LANGUAGE_FILLERS:
        name = name.replace(filler, "")
    return _LANGUAGE_NAMES.get(name)


def _find_wish(message: Message, table: _Tables) -> Understanding | None:
    for intent in ("change", "confirm"):
        longer = [
            phrase for phrase in table.intents[intent] if len(phrase.words) > 1 or phrase.open_ended or phrase.han
        ]
        if find_any(longer, message):
            return Understanding(intent, confidence=0.9, language=table.code)
    return None


def _find_topic(message: Message, table: _Tables) -> Understanding | None:
    scores = {
        topic: sum(phrase.weight for phrase in phrases if phrase.occurs_in(message))
        for topic, phrases in table.topics.items()
    }
    best = max(scores, key=lambda topic: scores[topic])
    if not scores[best]:
        return None
    confidence = 0.5 + 0.4 * scores[best] / sum(scores.values())
    return Understanding("question", best, round(confidence, 2), table.code)


def _strip_polite(message: Message) -> Message:
    """The message without politeness and without a word said twice in a row."""
    text = f" {message.text} "
    for polite in _POLITE:
        text = text.replace(f" {polite} ", " ")
    words = [word for word, _ in groupby(text.split())]
    return Message(" ".join(words)) if words else message


def _equals_any(phrases: tuple[Phrase, ...], message: Message) -> bool:
    return any(phrase.equals(message) for phrase in phrases)
