"""How many SMS segments a text costs, and the tidying that keeps the number small.

Source: 3GPP TS 23.038 (GSM 7-bit default alphabet and its extension table) and TS 23.040
(concatenation: six bytes of every part go to the header).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")

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


@dataclass(frozen=True, slots=True)
class Measure:
    """What a text costs: ``units`` are septets for GSM-7, UTF-16 code units for UCS-2."""

    segments: int
    encoding: str
    units: int


def tidy(text: str) -> str:
    """Return the text composed (NFC), without invisible characters and with plain punctuation."""
    composed = unicodedata.normalize("NFC", text)
    return _SPACES.sub(" ", _INVISIBLE.sub("", composed)).translate(_PLAIN).strip()


def measure(text: str) -> Measure:
    """Measure the text exactly as it stands; an empty text has no segments."""
    if all(char in GSM_BASIC or char in GSM_EXTENDED for char in text):
        widths = [2 if char in GSM_EXTENDED else 1 for char in text]
        return Measure(_count(widths, single=160, part=153), "GSM-7", sum(widths))
    widths = [2 if ord(char) > 0xFFFF else 1 for char in text]
    return Measure(_count(widths, single=70, part=67), "UCS-2", sum(widths))


def _count(widths: Iterable[int], *, single: int, part: int) -> int:
    """Pack characters into segments; a two-unit character is never split between two of them."""
    segments, used, total = 1, 0, 0
    for width in widths:
        total += width
        if used + width > part:
            segments, used = segments + 1, 0
        used += width
    if total == 0:
        return 0
    return 1 if total <= single else segments
