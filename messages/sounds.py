"""How words sound, so that what somebody writes by ear in Latin letters is known by what we have in a language's own.

Many write Arabic and Chinese so on a phone, each in their own way: "maw3id", "maweed" and "mo3d" are one word. Of
Arabic the consonants are kept, some that are often taken for one another as one; of Chinese the syllables, without
tones, as they are read in Cantonese and in Mandarin.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain, pairwise
from pathlib import Path

from anyascii import anyascii

from messages.guessing import Feature

# How each Chinese character is read in Cantonese.
READINGS = Path(__file__).with_name("cantonese.toml")
# So many words are remembered as they sound.
_KEPT = 4096
# So many sounds in a row may be an entry; what has fewer letters as it is heard may be any word; a stem has no more.
_SOUNDS, _SHORTEST, _STEM = 5, 3, 8
# "zhuang" and "shuang" have the most letters.
_LONGEST_SYLLABLE = 6
_LATIN = re.compile("[a-z0-9]+")
_TWICE = re.compile(r"(.)\1+")

# Where sounds may be in a text, in words, and what they may be filed under: the first of these that is known counts.
Spot = tuple[int, Sequence[str]]

# fmt: off
_ARABIC = {
    "ب": "b", "پ": "b", "ت": "t", "ط": "t", "ث": "t", "ج": "g", "چ": "$", "غ": "g", "ق": "g", "ك": "k", "گ": "g",
    "د": "d", "ض": "d", "ذ": "z", "ز": "z", "ظ": "z", "س": "s", "ص": "s", "ش": "$", "ح": "h", "ه": "h", "خ": "x",
    "ف": "f", "ڤ": "f", "ر": "r", "ل": "l", "م": "m", "ن": "n",
}
# The same by ear in Latin letters, where a digit is a letter that looks like it; an apostrophe is gone by then.
_ARABIC_BY_EAR = {
    "tch": "$", "sh": "$", "ch": "$", "4": "$", "kh": "x", "5": "x", "gh": "g", "j": "g", "g": "g", "q": "g", "8": "g",
    "9": "g", "th": "t", "6": "t", "dh": "d", "ph": "f", "v": "f", "f": "f", "qu": "k", "k": "k", "7": "h", "h": "h",
    "b": "b", "p": "b", "t": "t", "d": "d", "z": "z", "s": "s", "c": "s", "x": "x", "r": "r", "l": "l", "m": "m",
    "n": "n",
}
# What runs into a word: the article, and "and", "by" or "for" before it.
_ARABIC_ARTICLE = re.compile("^(?:[wbflk3]?[aei]l|l[ei]l|[wf]l|bl)(?=..)")
_ARABIC_EARS = re.compile("|".join(sorted(_ARABIC_BY_EAR, key=len, reverse=True)))
# Ways to spell one Cantonese sound: its beginning, then its end.
_CANTONESE = tuple((re.compile(pattern), sound) for pattern, sound in (
    ("^(?:m+|ng|hm|um)$", "m"), ("^(?:kw|gw|qu)", "gw"), ("^(?:ts|ch|c)", "c"), ("^(?:dz|j|z|y)", "y"), ("^sh", "s"),
    ("^ng(?=[aeiou])", ""), ("^n(?=.)", "l"), ("(?<=[aeiou])r$", ""), ("oeng|eong", "eung"), ("eoi|oei|eui", "ui"),
    ("oy", "oi"), ("eon", "un"), ("eot", "ut"), ("oek", "euk"), ("oe", "euh"), ("(?<=.)yu|ue|oo", "u"), ("aai", "ai"),
    ("ck$", "k"), ("ay|ey", "ei"), ("aau|ao|ow", "au"), ("ee", "i"), ("ou|oh", "o"), ("aa|ah|(?<=.)ur", "a"),
    ("(?<=[aeiou])d$", "t"), ("(?<=[aeiou])g$", "k"),
))
_MANDARIN = tuple((re.compile(pattern), sound) for pattern, sound in (
    ("v", "u"), ("^zh", "z"), ("^ch", "c"), ("^sh", "s"), ("(?<=[aeiou])ng$", "n"), ("uo$", "o"),
))
# fmt: on
# By the names of the voices.
_SPELLINGS = {"yue": _CANTONESE, "cmn": _MANDARIN}


@dataclass(frozen=True)
class Voice:
    """One way to say what is written.

    Args:
        name: stands before all that is filed of it.
        hear: gives the sounds of a word, in its own letters or in Latin ones; none if it has none.
        least: of so many sounds an entry has to be; where one is a whole word, one.
        article: what may run into a whole word.
    """

    name: str
    hear: Callable[[str], tuple[str, ...]]
    least: int = 1
    article: re.Pattern[str] | None = None

    def name_sounds(self, sounds: Sequence[str]) -> str:
        """What these sounds in a row are filed under."""
        return f"{self.name} {' '.join(sounds)}"


def list_entry_sounds(entry: str, code: str) -> Iterator[str]:
    """What an entry of a list is filed under by its sounds, if it is in the language's own letters and no short word.

    Args:
        entry: in its plain form, with ``*`` behind it if it may have any ending.
    """
    word = entry.removesuffix("*")
    if " " in word or word.isascii():
        return
    for voice in _VOICES.get(code, ()):
        sounds = voice.hear(word)
        if len(sounds) >= voice.least and len("".join(sounds)) >= _SHORTEST:
            yield voice.name_sounds(sounds) + "*" * entry.endswith("*")


def list_sound_spots(words: Sequence[str], code: str) -> Iterator[Spot]:
    """What the words in Latin letters may be filed under, at each place."""
    for voice in _VOICES.get(code, ()):
        if voice.least == 1:
            yield from (
                (at, [*_list_beginnings(voice, word)]) for at, word in enumerate(words) if _LATIN.fullmatch(word)
            )
            continue
        heard = [(at, sound) for at, word in enumerate(words) if _LATIN.fullmatch(word) for sound in voice.hear(word)]
        for begin, (at, _) in enumerate(heard):
            row = [sound for _, sound in heard[begin : begin + _SOUNDS]]
            yield at, [voice.name_sounds(row[:many]) for many in range(len(row), voice.least - 1, -1)]


def list_sound_features(words: Sequence[str], code: str) -> Iterator[Feature]:
    """The sounds of a text, and each two in a row."""
    for voice in _VOICES.get(code, ()):
        sounds = [*chain.from_iterable(map(voice.hear, words))]
        yield from (("sound", voice.name_sounds((sound,))) for sound in {*sounds})
        yield from (("sounds", voice.name_sounds(row)) for row in {*pairwise(sounds)})


def _list_beginnings(voice: Voice, word: str) -> Iterator[str]:
    """A word with and without its article, and each of their beginnings that an open-ended entry may be."""
    for plain in dict.fromkeys((word, voice.article.sub("", word) if voice.article else word)):
        for sound in voice.hear(plain):
            yield voice.name_sounds((sound,))
            yield from (
                f"{voice.name_sounds((sound[:length],))}*"
                for length in range(min(len(sound), _STEM), _SHORTEST - 1, -1)
            )


@lru_cache(_KEPT)
def _hear_arabic(word: str) -> tuple[str, ...]:
    if _LATIN.fullmatch(word):
        # The ending of a feminine, which is not heard.
        word = re.sub("(?<=..[ae])h$", "", word)
        heard = "".join(_ARABIC_BY_EAR[sign] for sign in _ARABIC_EARS.findall(word))
    else:
        heard = "".join(_ARABIC.get(sign, "") for sign in word.removesuffix("ه"))
    return (_TWICE.sub(r"\1", heard),) if heard else ()


@lru_cache(_KEPT)
def _hear_cantonese(word: str) -> tuple[str, ...]:
    if word.isascii():
        return (_spell(word, "yue"),) if word.isalpha() else ()
    readings = _read_cantonese()
    return tuple(_spell(readings[sign], "yue") for sign in word if sign in readings)


@lru_cache(_KEPT)
def _hear_mandarin(word: str) -> tuple[str, ...]:
    if not word.isascii():
        return tuple(_spell(heard.lower(), "cmn") for heard in map(anyascii, word) if heard.isalpha())
    return tuple(_spell(heard, "cmn") for heard in _take_apart(word)) if word.isalpha() else ()


def _take_apart(word: str) -> Sequence[str]:
    """The syllables of Mandarin that run together in a word, the longest first; the word if it is made of others."""
    syllables = list_syllables()
    # From each place on, what the rest is made of.
    rests: dict[int, tuple[str, ...]] = {len(word): ()}
    for at in range(len(word) - 1, -1, -1):
        for end in range(min(at + _LONGEST_SYLLABLE, len(word)), at, -1):
            if end in rests and word[at:end] in syllables:
                rests[at] = (word[at:end], *rests[end])
                break
    return rests.get(0, (word,))


@lru_cache(_KEPT)
def _spell(heard: str, voice: str) -> str:
    for pattern, sound in _SPELLINGS[voice]:
        heard = pattern.sub(sound, heard)
    return heard


@cache
def _read_cantonese() -> Mapping[str, str]:
    readings: dict[str, str] = tomllib.loads(READINGS.read_text(encoding="utf-8"))
    return {sign: reading for reading, signs in readings.items() for sign in signs}


@cache
def list_syllables() -> frozenset[str]:
    """The syllables of Mandarin, as they are spelled and as many hear them."""
    spelled = {anyascii(sign).lower() for sign in _read_cantonese()}
    return frozenset(spelled | {_spell(syllable, "cmn") for syllable in spelled})


_CHINESE = (Voice("yue", _hear_cantonese, 2), Voice("cmn", _hear_mandarin, 2))
_VOICES: Mapping[str, tuple[Voice, ...]] = {
    "ar": (Voice("ar", _hear_arabic, article=_ARABIC_ARTICLE),),
    "zh_Hans": _CHINESE,
    "zh_Hant": _CHINESE,
}
