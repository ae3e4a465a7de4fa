"""A patient's text made comparable.

Case, accents, punctuation, emoji, tashkeel and tatweel do not count; digits of every script read as
ASCII; a letter held down counts once; letters that people write for one another are one.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby, islice
from operator import add

# Apostrophes, and the marks that Armenian sets on a vowel: they stand within a word.
_WITHIN_WORDS = re.compile("['\u2019\u2018\u02bc`\u00b4\u055a-\u055c\u055e\u055f]")
# Letters that people write for one another, or that lose no mark when an accent is taken off.
# fmt: off
_ALIKE = str.maketrans({
    "ß": "ss", "ı": "i", "ł": "l", "đ": "d", "ø": "o", "æ": "ae", "œ": "oe", "ґ": "г",
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ے": "ي", "ئ": "ي", "ۓ": "ي", "ؤ": "و",
    "ک": "ك", "ة": "ه", "ۃ": "ه", "ہ": "ه", "ھ": "ه", "ۂ": "ه", "ں": "ن", "\u0640": "",
    # Nasal signs and doubled consonants in Devanagari, Bengali and Gurmukhi: many leave them out.
    "\u0901": "\u0902", "\u0981": "", "\u0a01": "\u0a02", "\u0a70": "\u0a02", "\u0a71": "",
})
# fmt: on
# Where "and", "by", "for" and "the" are written at the front of the word they go with. Urdu and Persian, of the same
# script, are not so: there such a letter is a part of the word.
PREFIXED = frozenset({"ar"})
# What Arabic writes in front of a word without a space: and, so, by, for, like, the.
_ARABIC_PREFIXES = ("وال", "بال", "فال", "كال", "ال", "لل", "و", "ف", "ب", "ل", "ك")
_CLAUSES = re.compile(r"([.!?,;:\n\u0589\u055d\u060c\u061b\u061f\u06d4\u0964\u3002\uff0c\uff1b\uff1f\uff01\u3001]+)")
_SENTENCES = re.compile(r"([.!?\n\u0589\u061f\u06d4\u0964\u3002\uff1f\uff01]+)")
_QUESTION_MARKS = re.compile("[?\u061f\uff1f]")
# Armenian sets its question mark on the vowel that is stressed.
_ASKED_WITHIN = "\u055e"
# Scripts that are written, or often typed, without spaces: Han, kana and Hangul.
UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_UNSPACED_SPACE = re.compile("(?<=[\u3040-\u30ff\u3400-\u9fff])[ \t]+(?=[\u3040-\u30ff\u3400-\u9fff])")
_UNSPACED_EDGE = re.compile(
    "(?<=[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3])(?=[a-z0-9])|(?<=[a-z0-9])(?=[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3])"
)
# The combining classes of vowel signs and of the virama, without which Indian scripts lose their words;
# accents, tashkeel and the nukta have others. Kana keep their voicing marks.
_SPELLING = (0, 8, 9)
# Latin letters that look like Cyrillic ones, as typed on a keyboard without those.
_LOOK_ALIKE = str.maketrans("aceopxyikmhtb", "асеорхуікмнтв")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_MIXED = re.compile(r"\b(?=\w*[\u0400-\u04ff])(?=\w*[a-z])\w+\b")
# So many signs are remembered with what is kept of them.
_KEPT_SIGNS = 4096
# One word said over and over counts so often.
_SAID_OVER = 5
_HELD_DOWN = re.compile(r"([^\W\d])\1{2,}")


class _Plain(dict[int, str]):
    """What is kept of each decomposed sign: letters and digits, the marks that spell, a space for what parts words."""

    def __missing__(self, sign: int) -> str:
        char = chr(sign)
        category = unicodedata.category(char)
        if category == "Nd":
            kept = str(unicodedata.digit(char))
        elif category[0] in "LN" or (category[0] == "M" and unicodedata.combining(char) in _SPELLING):
            kept = char
        else:
            kept = "" if category[0] == "M" or category == "Cf" else " "
        if len(self) >= _KEPT_SIGNS:
            self.clear()
        self[sign] = kept
        return kept


_PLAIN = _Plain()


def normalise(text: str) -> str:
    """The text's words in their plainest form, one space between them."""
    text = _WITHIN_WORDS.sub("", unicodedata.normalize("NFKC", text).casefold()).translate(_ALIKE)
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).translate(_PLAIN))
    plain = _HELD_DOWN.sub(r"\1", plain)
    if _CYRILLIC.search(plain):
        plain = _MIXED.sub(lambda word: word[0].translate(_LOOK_ALIKE), plain)
    if UNSPACED.search(plain):
        plain = _UNSPACED_EDGE.sub(" ", plain)
    words = groupby(plain.split())
    return " ".join(chain.from_iterable(islice(same, _SAID_OVER) for _, same in words))


# A message of more words or letters than this is long, and very long; a sign that is written without spaces says as
# much as some letters.
LONG, LONG_LETTERS, _VERY_LONG_LETTERS, _LETTERS_A_SIGN = 60, 400, 800, 3
# What is written without spaces is looked up by so many signs at most, with a mark before them: a "me" within a word is
# not the word.
PIECE_SIGNS, PIECE_MARK = 3, "_"


class Places(dict[str, list[int]]):
    """Where in a message each word stands, and ``beginning*`` for each beginning of a word; or each few signs."""

    def __init__(self) -> None:
        super().__init__()
        self._masks: dict[str, int] = {}

    def find(self, word: str) -> int:
        """The places of a word, a bit for each: few of all words are ever looked for."""
        mask = self._masks.get(word)
        if mask is None:
            mask = 0
            for place in self.get(word, ()):
                mask |= 1 << place
            self._masks[word] = mask
        return mask


@dataclass(frozen=True)
class Message:
    """A normalised text, or one clause of it; ``asks`` says that the clause has a question mark."""

    text: str
    asks: bool = False

    @cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(self.text.split())

    @cached_property
    def is_long(self) -> bool:
        """Whether it is too long to be looked at more than once."""
        return len(self.words) > LONG or count_letters(self.squeezed) > LONG_LETTERS

    @cached_property
    def is_very_long(self) -> bool:
        """Whether only what is vital may be looked for in all of it."""
        return count_letters(self.squeezed) > _VERY_LONG_LETTERS

    @cached_property
    def forms(self) -> tuple[tuple[str, ...], ...]:
        """What each word may be matched by: itself and, in Arabic, without its prefixes."""
        return tuple(tuple(_list_forms(word)) for word in self.words)

    @cached_property
    def places(self) -> Places:
        return _list_places([(word,) for word in self.words])

    @cached_property
    def prefixed_places(self) -> Places:
        """The same, where words count without their Arabic prefixes too."""
        return _list_places(self.forms) if any(len(forms) > 1 for forms in self.forms) else self.places

    @cached_property
    def pieces(self) -> Places:
        """Where in it without its spaces each few signs are, if any of it is written without spaces."""
        return _list_pieces(self.squeezed) if UNSPACED.search(self.squeezed) else Places()

    @cached_property
    def squeezed(self) -> str:
        return self.text.replace(" ", "")


def count_letters(signs: str) -> int:
    """How many letters would say as much, were all of it written with spaces."""
    return len(signs) + (_LETTERS_A_SIGN - 1) * len(UNSPACED.findall(signs))


def split_clauses(text: str) -> list[Message]:
    """The clauses of a raw text, each normalised. Between Chinese words a space is a comma."""
    return _split(_CLAUSES, _UNSPACED_SPACE.sub(",", text))


def split_sentences(text: str) -> list[Message]:
    """The sentences of a raw text, each normalised; a comma ends none."""
    return _split(_SENTENCES, text)


def _split(marks: re.Pattern[str], text: str) -> list[Message]:
    parts = [*marks.split(text), ""]
    pieces = (
        Message(normalise(part), bool(_QUESTION_MARKS.search(signs)) or _ASKED_WITHIN in part)
        for part, signs in zip(parts[::2], parts[1::2], strict=True)
    )
    return [piece for piece in pieces if piece.text]


def _list_forms(word: str) -> Iterable[str]:
    yield word
    if "\u0600" <= word[0] <= "\u06ff":
        for prefix in _ARABIC_PREFIXES:
            if word.startswith(prefix) and len(word) - len(prefix) >= 2:
                yield word.removeprefix(prefix)


def _list_places(words: Iterable[Iterable[str]]) -> Places:
    places = Places()
    for at, forms in enumerate(words):
        for form in forms:
            if UNSPACED.search(form):
                # What is written without spaces is looked for without them.
                continue
            places.setdefault(form, []).append(at)
            for length in range(1, len(form) + 1):
                places.setdefault(f"{form[:length]}*", []).append(at)
    return places


def _list_pieces(signs: str) -> Places:
    places = Places()
    pieces = [*signs]
    for length in range(1, PIECE_SIGNS + 1):
        for at, piece in enumerate(pieces):
            places.setdefault(piece, []).append(at)
        pieces = [*map(add, pieces, signs[length:])]
    return places
