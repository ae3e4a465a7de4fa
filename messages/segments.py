"""How many SMS segments a text costs, and the tidying that keeps the number small.

Source: 3GPP TS 23.038 (GSM 7-bit default alphabet and its extension table) and TS 23.040
(concatenation: six bytes of every part go to the header).
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")
GSM = GSM_BASIC | GSM_EXTENDED

# Look-alikes that cost nothing to replace, while one of them would turn a 160-character segment into
# a 70-character one. CLDR writes U+202F before AM/PM; word processors write the quotes and dashes.
_PLAIN = str.maketrans(
    {
        "\u2010": "-",
        "\u2011": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2026": "...",
    }
)
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f]")
# Never shown and never needed. The joiners U+200C and U+200D stay: Persian and Hindi are spelt with
# them. So do the directional isolates, which right-to-left texts need.
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
# Most texts have none of them, and to look is faster than to replace.
_UNTIDY = re.compile(f"{_SPACES.pattern}|{_INVISIBLE.pattern}|[{''.join(map(chr, _PLAIN))}]")


@dataclass(frozen=True, slots=True)
class Measure:
    """What a text costs: ``units`` are septets for GSM-7, UTF-16 code units for UCS-2."""

    segments: int
    encoding: str
    units: int


def tidy(text: str) -> str:
    """Return the text composed (NFC), without invisible characters and with plain punctuation."""
    if text.isascii():
        return text.strip()
    composed = unicodedata.normalize("NFC", text)
    if not _UNTIDY.search(composed):
        return composed.strip()
    return _SPACES.sub(" ", _INVISIBLE.sub("", composed)).translate(_PLAIN).strip()


def measure(text: str) -> Measure:
    """Measure the text exactly as it stands; an empty text has no segments."""
    if GSM.issuperset(text):
        wide = [] if GSM_EXTENDED.isdisjoint(text) else [char in GSM_EXTENDED for char in text]
        return _measure(len(text), wide, "GSM-7", single=160, part=153)
    wide = [char > "\uffff" for char in text] if max(text) > "\uffff" else []
    return _measure(len(text), wide, "UCS-2", single=70, part=67)


def _measure(length: int, wide: Sequence[bool], encoding: str, *, single: int, part: int) -> Measure:
    """Pack characters into segments; a wide one takes two units and is never split between two segments."""
    total = length + sum(wide)
    if total <= single:
        return Measure(min(total, 1), encoding, total)
    if not wide:
        return Measure(-(-total // part), encoding, total)
    segments, used = 1, 0
    for is_wide in wide:
        if used + 1 + is_wide > part:
            segments, used = segments + 1, 0
        used += 1 + is_wide
    return Measure(segments, encoding, total)
