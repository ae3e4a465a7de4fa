"""A patient's text -> ``Understanding``.

The order is the order of care: emergency and stop first, then answers to what we asked, reports of implants and
allergies, keywords, and at last a guess at what a free text is about. What stays unclear is
``unknown``, and a person reads it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import chain

from messages.carriers import CARRIER_STOPS
from messages.evidence import Found, count_lists, find_label, list_hit_features, list_told
from messages.guessing import list_features
from messages.languages import LANGUAGES, find_language
from messages.lexicon import read_lexicon
from messages.matching import Message, normalise
from messages.naming import SHORTEST_NAME, list_forms, list_languages
from messages.reading import Reading
from messages.words import REPORTED

INTENTS = (
    *("stop", "start", "help", "confirm", "change", "menu", "language", "more", "question", "report", "yes", "no"),
    *("thanks", "wrong_number", "emergency", "unknown"),
)
LONGEST = 1600
_DIGIT_ANSWERS = {"one": 1, "two": 2}
_THUMBS_UP, _HEARTS = "👍👌✅", "🙏❤💙💚🌹😊🙂😀😃🤗🥰💐"
# What a guess must be worth: to be acted on, or to be offered for a choice.
_SURE, _PERHAPS = 0.25, 0.17
# What asks nothing and is as likely as this to be about nothing of ours is left to a person, whatever words it has.
_CHATTER = 0.6
# What harms when it is missed needs less, what harms when it is wrong needs more.
_ENOUGH = {"stop": 0.9}
_LIKELY_ENOUGH = {"emergency": 0.15, "report": 0.2}


@dataclass(frozen=True, slots=True)
class Understanding:
    """What we make of a text.

    ``intent`` and ``detail`` are the words of the public interface; ``confidence`` runs from 0 to 1;
    ``language`` is the code of the language it was understood in, None when that is not known.
    ``choice`` is the number picked from a list of ours; ``names_condition`` says that the patient
    named the condition, so that the answer may. ``alternatives`` are the topics that an unknown text may
    be about, the likeliest first. ``automatic`` says that a telephone has answered by itself.
    """

    intent: str
    detail: str | None = None
    confidence: float = 1.0
    language: str | None = None
    choice: int | None = None
    names_condition: bool = False
    alternatives: tuple[str, ...] = ()
    automatic: bool = False


# Where "not" comes with the verb at the end, or asks at the end.
_NEGATE_LAST = frozenset({"bn", "fa", "hi", "hy", "ja", "ko", "pa", "ur", "vi"})
# In Filipino "hindi" is no, and not the language.
_ANSWERS = ("yes", "no", "none", "thanks")
_SAID_IN_SENTENCES = ("confirm", "change")
# The topics of what the safety question asks about.
_RISKS = ("implants", "metal", "contrast", "pregnancy")
# A guess is never quite certain.
_SUREST = 0.99
# The share of a text that "none of these" must be.
_NEARLY_ALL = 0.34
_NOTHING = Understanding("unknown", confidence=0.0)


def understand(text: str, language: str | None = None, awaiting: str | None = None) -> Understanding:
    """Say what a text means.

    Args:
        text: as it came; what is beyond 1,600 characters is not read.
        language: code of the contact's language; it is preferred, but any other is understood too.
        awaiting: the question of ours that may be answered: ``confirm``, ``safety``, ``language``,
            ``topic``, ``which-confirm`` or ``which-change``.
    """
    text = text[:LONGEST]
    message = Message(normalise(text))
    if not message.text:
        return _read_signs(text, awaiting)
    known = find_language(language) if language else None
    reading = Reading(text, message, known.code if known else None, awaiting, read_lexicon())
    understanding = next((found for step in _STEPS if (found := step(reading))), _NOTHING)
    if any(hit.tag.key == "condition" for hit in reading.hits):
        return replace(understanding, names_condition=True)
    return understanding


def _read_signs(text: str, awaiting: str | None) -> Understanding:
    """A text of emoji alone."""
    if awaiting != "safety" and any(sign in text for sign in _THUMBS_UP):
        return Understanding("yes", confidence=0.8)
    return Understanding("thanks", confidence=0.8) if any(sign in text for sign in _HEARTS) else _NOTHING


def _find_emergency(reading: Reading) -> Understanding | None:
    return _first(reading, reading.hits, "emergency")


def _find_stop(reading: Reading) -> Understanding | None:
    """A word for it alone, or a sentence that means it. What carriers act on always is."""
    if reading.bare.text.upper().replace(" ", "") in CARRIER_STOPS:
        return Understanding("stop", language=reading.spoken[0])
    if "change" in (own := {hit.tag.key for hit in reading.whole if hit.tag.code == reading.own}) and "stop" not in own:
        # Another language's stop is their own word for this: "cancelar" in Portuguese is about the appointment.
        return None
    for hit in reading.whole:
        if hit.tag.table == "intents" and hit.tag.key in ("stop", "yes", "no", "thanks", "start"):
            return Understanding("stop", language=hit.tag.code) if hit.tag.key == "stop" else None
    stops = [hit for hit in reading.hits if hit.tag.key == "stop_phrases"]
    starts = [hit for hit in reading.hits if hit.tag.key == "start_phrases"]
    if (
        stops
        and starts
        and (any(start.start >= max(stop.end for stop in stops) for start in starts) or _starts_last(reading))
    ):
        # "I stopped your texts by mistake, send them again."
        return None
    return _first(reading, reading.hits, "stop_phrases", "stop")


def _starts_last(reading: Reading) -> bool:
    """Whether a clause asks to start again, and neither it nor a later one to stop."""
    last = {
        key: max(
            (at for at, (_, hits) in enumerate(reading.clauses) if any(hit.tag.key == key for hit in hits)), default=-1
        )
        for key in ("stop_phrases", "start_phrases")
    }
    return last["start_phrases"] > last["stop_phrases"]


def _find_answer(reading: Reading) -> Understanding | None:
    """The number that answers a question of ours."""
    bare, awaiting = reading.bare.text, reading.awaiting
    number = _DIGIT_ANSWERS.get(bare) or (int(bare) if bare.isdecimal() and len(bare) < 3 else 0)
    if awaiting is None or not number:
        return None
    if awaiting == "language":
        picked = LANGUAGES[number - 1 : number]
        return Understanding("language", picked[0].bcp47, choice=number) if picked else None
    if awaiting.startswith("which-"):
        return Understanding(awaiting.removeprefix("which-"), choice=number)
    if awaiting == "topic":
        return Understanding("question", choice=number)
    if awaiting == "confirm" and number in (1, 2):
        return Understanding("yes" if number == 1 else "no", choice=number)
    if awaiting == "safety" and number in (1, 2):
        return Understanding("no" if number == 1 else "yes", choice=number)
    return None


def _find_wrong_number(reading: Reading) -> Understanding | None:
    return _first(reading, reading.hits, "wrong_number", confidence=0.9)


def _find_report(reading: Reading) -> Understanding | None:
    """A statement, not a question, that the patient has something staff must know."""
    if reading.awaiting != "safety" and any(hit.tag.table == "shown_topics" for hit in reading.whole):
        return None
    for _, hits in reading.clauses:
        grammar = [hit for hit in hits if hit.tag.key in ("negation", "asking") and hit.tag.code in reading.spoken]
        for code in _list_codes(reading, hits):
            report = [hit for hit in hits if hit.tag.code == code and hit.tag.table == "report"]
            if kind := _find_reported(report, grammar, in_answer=reading.awaiting == "safety"):
                return Understanding("report", None if kind == "other" else kind, 0.9, code)
    return None


def _find_reported(report: list[Found], grammar: list[Found], *, in_answer: bool) -> str | None:
    """What a clause of one language reports: somebody has it, no question begins before that, and it is not denied."""
    # Where no spaces are written, what follows the statement in one breath makes all of it a question.
    # A piece of what is named asks nothing: without its prefix the Arabic "kidney" is "why".
    named_words = [hit for hit in report if not hit.phrase.has_gap and not hit.phrase.unspaced]
    questions = [hit for hit in grammar if hit.tag.key == "asking" and not _is_within(hit, named_words)]
    asking = min((0 if hit.phrase.unspaced else hit.start for hit in questions), default=None)
    having = [hit for hit in report if hit.tag.key == "having"]
    for kind in REPORTED:
        stated = [hit for hit in report if hit.tag.key == f"having_{kind}"]
        named = [hit for hit in report if hit.tag.key == kind]
        told = stated or (named and (having or in_answer) and [*named, *having])
        if not told or any(_denies(hit, told) and not _is_within(hit, stated) for hit in grammar):
            continue
        if asking is None or min(hit.start for hit in told) < asking:
            return kind
    return None


def _denies(hit: Found, told: list[Found]) -> bool:
    """Whether this is a no that the statement is under: before its end, unless the language puts it last."""
    if hit.tag.key != "negation":
        return False
    return hit.tag.code in _NEGATE_LAST or hit.start < max(one.end for one in told)


def _is_within(hit: Found, others: list[Found]) -> bool:
    return any(other.start <= hit.start and hit.end <= other.end for other in others)


def _find_keyword(reading: Reading) -> Understanding | None:
    """A message that is one keyword, the name of a language, or a plain yes or no."""
    is_answer = any(hit.tag.code == reading.own and hit.tag.key in _ANSWERS for hit in reading.whole)
    if not is_answer and (named := _find_language_name(reading)):
        return named
    if reading.awaiting == "safety" and (none := _find_none(reading)):
        return none
    order = ("start", "menu", "language", "more", "help", "shown", "no", "yes", "thanks", "confirm", "change")
    found = [
        (hit, "shown" if hit.tag.table == "shown_topics" else hit.tag.key)
        for hit in reading.whole
        if hit.tag.table != "topics"
    ]
    # With other words in between it is a sentence, and these may say something else.
    found = [
        pair for pair in found if pair[1] in order and not (pair[1] in _SAID_IN_SENTENCES and pair[0].phrase.has_gap)
    ]
    if not found:
        answers = [key for key in ("no", "confirm", "thanks", "yes") if key in reading.made_of]
        if "yes" in answers and reading.awaiting == "confirm":
            answers.remove("thanks") if "thanks" in answers else None
        return Understanding(answers[0], confidence=0.9, language=reading.spoken[0]) if answers else None
    hit, key = min(found, key=lambda pair: (reading.rank_language(pair[0].tag.code), order.index(pair[1])))
    if key == "shown":
        return Understanding("question", hit.tag.key, language=hit.tag.code)
    if key == "yes" and "thanks" in reading.made_of and reading.awaiting != "confirm":
        key = "thanks"
    return Understanding(key, language=hit.tag.code)


def _find_none(reading: Reading) -> Understanding | None:
    """The answer "none of these" to the safety question: whatever is named is denied.

    "No metal" alone says nothing of the others that we asked about. And it must be nearly all that is said: "I know
    nothing about it, ask my son" is no answer.
    """
    risks = [hit for hit in reading.hits if _is_risk(hit) and hit.tag.code in reading.spoken]
    if risks and not all(_is_denied(hits) for _, hits in reading.clauses):
        return None
    nones = [hit for hit in reading.whole if hit.tag.key == "none"]
    if nones and not risks:
        return Understanding("no", language=nones[0].tag.code)
    nones = [
        hit for hit in reading.hits if hit.tag.key == "none" and not any(_is_within(risk, [hit]) for risk in risks)
    ]
    if risks:
        # "No pacemaker, no": the plain no is of all that we asked.
        alone = [reading.read(clause).whole for clause, hits in reading.clauses if not any(map(_is_risk, hits))]
        nones += [hit for hits in alone for hit in hits if hit.tag.table == "intents" and hit.tag.key in ("no", "none")]
    said = [hit for hit in reading.hits if hit.tag.key in (*_ANSWERS, "polite", "negation")] + risks
    for unspaced, length in ((False, len(reading.message.words)), (True, len(reading.message.squeezed))):
        covered = {at for hit in said if hit.phrase.unspaced is unspaced for at in range(hit.start, hit.end)}
        if any(hit.phrase.unspaced is unspaced for hit in nones) and len(covered) >= _NEARLY_ALL * length:
            return Understanding("no", confidence=0.8, language=nones[0].tag.code)
    return None


def _is_risk(hit: Found) -> bool:
    """Whether this names what the safety question asks about."""
    if hit.tag.table == "report":
        return hit.tag.key != "having"
    return hit.tag.table in ("topics", "shown_topics") and hit.tag.key in _RISKS


def _is_denied(hits: Iterable[Found]) -> bool:
    """Whether a clause names nothing that staff must know of, or says that it is not so: no "have" without a "not"."""
    risks = [hit for hit in hits if _is_risk(hit)]
    negations = [hit for hit in hits if hit.tag.key == "negation"]
    having = [hit for hit in hits if hit.tag.key == "having" and hit.tag.code not in _NEGATE_LAST]
    touched = all(any(one.start <= hit.end and hit.start <= one.end for one in negations) for hit in having)
    return not risks or (touched and any(_denies(hit, risks) for hit in negations))


def _find_language_name(reading: Reading) -> Understanding | None:
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


def _guess(reading: Reading) -> Understanding | None:
    """What a free text is most likely about. A number alone is no question."""
    if not any(map(str.isalpha, chain.from_iterable(reading.message.words))):
        return None
    code = reading.spoken[0]
    told = list_told(reading.hits, code)
    grammar = {hit.tag.key for hit in reading.hits if hit.tag.code in reading.spoken}
    never = set()
    if all(find_label(hit.tag) != "start" for hit in told):
        # Whoever has stopped our texts gets none again by a mere likeness.
        never.add("start")
    if told:
        # Where phrases speak for something, letters alone do not make it nonsense, an emergency or a stop.
        never |= {"unknown", "emergency", "stop"} - {find_label(hit.tag) for hit in told}
    if grammar & {"negation", "asking"}:
        never |= {f"report:{kind}" for kind in REPORTED}
    lists = count_lists(told, reading.message, reading.lexicon.language_names)
    features = [*list_features(reading.message), *list_hit_features(told, lists, reading.hits, code)]
    guesser = reading.lexicon.get_guesser(code)
    if told and "asking" not in grammar and dict(guesser.guess(features, lists)).get("unknown", 0) >= _CHATTER:
        # Small talk with a word of ours in it: "bring some bread".
        return None
    ranked = guesser.guess(features, lists, never)
    label, probability = _pick(ranked)
    confidence = min(_SUREST, round(probability, 2))
    if label != "unknown" and probability >= _ENOUGH.get(label, _SURE):
        intent, _, detail = label.partition(":")
        if intent == "language":
            detail = _find_language_within(reading) or ""
        return Understanding(intent, None if detail == "other" else detail or None, confidence, code)
    topics = [
        label.partition(":")[2]
        for label, share in ranked[:3]
        if label.startswith("question:") and share >= _PERHAPS / 2
    ]
    if label.startswith("question:") and probability >= _PERHAPS:
        return Understanding("unknown", None, confidence, code, alternatives=tuple(topics))
    return None


def _pick(ranked: list[tuple[str, float]]) -> tuple[str, float]:
    """The likeliest label, or one that it would harm to miss, if that is likely enough."""
    for intent, enough in _LIKELY_ENOUGH.items():
        labels = [(label, share) for label, share in ranked if label.partition(":")[0] == intent]
        share = sum(share for _, share in labels)
        if share >= enough:
            return labels[0][0], max(share, _SURE)
    return ranked[0] if ranked else ("unknown", 0.0)


def _find_language_within(reading: Reading) -> str | None:
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


def _find_first_answer(reading: Reading) -> Understanding | None:
    """A yes, no or thanks with more after it, of which nothing was understood."""
    if reading.awaiting == "safety" or not reading.clauses:
        # Here a half-understood "no" would read as "no, none". A person must see it instead.
        return None
    first = reading.read(reading.clauses[0][0])
    for hit in first.whole:
        if hit.tag.table == "intents" and hit.tag.key in ("no", "yes", "thanks"):
            return Understanding(hit.tag.key, confidence=0.5, language=hit.tag.code)
    return None


def _find_auto_reply(reading: Reading) -> Understanding | None:
    """An answer by machine: to answer it could go on for ever."""
    found = any(hit.tag.key == "auto_reply" for hit in reading.hits)
    return Understanding("unknown", confidence=0.9, language=reading.spoken[0], automatic=True) if found else None


_STEPS: tuple[Callable[[Reading], Understanding | None], ...] = (
    _find_emergency,
    _find_stop,
    _find_auto_reply,
    _find_answer,
    _find_wrong_number,
    _find_report,
    _find_keyword,
    _guess,
    _find_first_answer,
)


def _first(
    reading: Reading, hits: Iterable[Found], key: str, intent: str | None = None, *, confidence: float = 1.0
) -> Understanding | None:
    found = sorted((hit for hit in hits if hit.tag.key == key), key=lambda hit: reading.rank_language(hit.tag.code))
    return Understanding(intent or key, confidence=confidence, language=found[0].tag.code) if found else None


def _list_codes(reading: Reading, hits: Iterable[Found]) -> list[str]:
    return sorted({hit.tag.code for hit in hits}, key=reading.rank_language)
