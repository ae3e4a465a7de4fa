"""A question of ours answered: by a number, a sign, or a short answer with more after it."""

from messages.languages import LANGUAGES
from messages.matching import UNSPACED
from messages.reading import Reading
from messages.understanding import NOTHING, Understanding

# A refusal of more words than this has a reason; so many signs are a word where no spaces are written.
_LONGEST_REFUSAL, _SIGNS_A_WORD = 4, 2.5
_DIGIT_ANSWERS = {"one": 1, "two": 2}
_THUMBS_UP, _HEARTS = "👍👌✅", "🙏❤💙💚🌹😊🙂😀😃🤗🥰💐"


def read_signs(text: str, awaiting: str | None) -> Understanding:
    """A text of emoji alone."""
    if awaiting != "safety" and any(sign in text for sign in _THUMBS_UP):
        return Understanding("yes", confidence=0.8)
    return Understanding("thanks", confidence=0.8) if any(sign in text for sign in _HEARTS) else NOTHING


def find_answer(reading: Reading) -> Understanding | None:
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


def refuses(reading: Reading) -> bool:
    """Whether "I cannot come" is all that is said, without a reason or another day: a plain no to "will you come?"."""
    said = {hit.tag.key for hit in reading.hits if hit.tag.code in reading.spoken}
    length = len(reading.message.squeezed) / _SIGNS_A_WORD if UNSPACED.search(reading.text) else len(reading.bare.words)
    return length <= _LONGEST_REFUSAL and not reading.asks and bool(said & {"negation", "no"})


def find_first_answer(reading: Reading) -> Understanding | None:
    """A yes, no or thanks with more after it, of which nothing was understood."""
    if reading.awaiting == "safety" or not reading.clauses:
        # Here a half-understood "no" would read as "no, none". A person must see it instead.
        return None
    first = reading.read(reading.clauses[0][0])
    for hit in first.whole:
        if hit.tag.table == "intents" and hit.tag.key in ("no", "yes", "thanks"):
            return Understanding(hit.tag.key, confidence=0.5, language=hit.tag.code)
    return None
