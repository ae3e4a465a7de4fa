"""The characters that Twilio's Smart Encoding replaces, so that a text may stay in GSM-7.

Source: Twilio, "Smart Encoding character list", and its public segment calculator. We do it
ourselves, before the text is measured and stored, and ask Twilio to leave the text alone: what is
stored is what the patient gets, what is billed, and what is looked for after a crash.
"""

from messages.segments import GSM, measure

_REPLACED = {
    # Quotation marks, primes and accents that stand alone.
    '"': "\u00ab\u00bb\u02ba\u02ee\u201c\u201d\u201e\u201f\u275d\u275e\u301d\u301e\uff02",
    "'": "`\u00b4\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u02cb\u0313\u0314\u2017\u2018\u2019\u201b\u275b\u275c"
    "\ufe10\ufe11\uff07",
    # Dashes, strokes and lines.
    "-": "\u2010\u2013\u2014\u2015\u2022\u2043\u23bc\u23bd\ufe63\uff0d",
    "/": "\u00f7\u0337\u0338\u2044\u2215\u29f8\uff0f",
    "\\": "\u20e5\u29f5\u29f9\ufe68\uff3c",
    "|": "\u20d2\u20d3\u2223\u239c\u239f\u23b8\u23b9\u23d0\uff5c",
    "_": "\u0332\uff3f",
    "~": "\u02dc\u02f7\u0303\u0330\u0334\u223c\uff5e",
    "^": "\u02c6\u0302\u1dcd\uff3e",
    # Brackets.
    "(": "\u2768\u276a\u27ee\u2985\ufe59\uff08",
    ")": "\u2769\u276b\u27ef\u2986\ufe5a\uff09",
    "{": "\u2774\ufe5b\uff5b",
    "}": "\u2775\ufe5c\uff5d",
    "[": "\uff3b",
    "]": "\uff3d",
    "<": "\u2039\ufe64\uff1c",
    ">": "\u203a\ufe65\uff1e",
    # Other marks, most of them small, full-width or upright forms of the plain one.
    ",": "\u0326\u201a\u3001\ufe50\ufe51\uff0c\uff64",
    ".": "\u3002\ufe52\uff0e\uff61",
    ":": "\u02d0\u02f8\u2982\ua789\ufe13\uff1a",
    ";": "\u204f\ufe14\ufe54\uff1b",
    "!": "\u01c3\ufe15\ufe57\uff01",
    "?": "\ufe16\ufe56\uff1f",
    "#": "\ufe5f\uff03",
    "$": "\ufe69\uff04",
    "%": "\ufe6a\uff05",
    "&": "\ufe60\uff06",
    "@": "\ufe6b\uff20",
    "+": "\u02d6\ufe62\uff0b",
    "=": "\u0347\ua78a\ufe66\uff1d",
    "*": "\u204e\u2217\u229b\u2722\u2723\u2724\u2725\u2731\u2732\u2733\u273a\u273b\u273c\u273d\u2743\u2749\u274a\u274b"
    "\u29c6\ufe61\uff0a",
    "!!": "\u203c",
    "...": "\u2026",
    "1/4": "\u00bc",
    "1/2": "\u00bd",
    "3/4": "\u00be",
    # Spaces, and what nobody sees.
    " ": "\t\u0080\u008d\u0090\u009b\u009f\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000",
    "": "\x00\x03\x04\x10\x11\x12\x13\x14\x17\x19\u200b\u200c\u2060\ufeff",
    # Full-width digits and capitals, and small capitals (there is none of Q and X).
    **{str(digit): chr(0xFF10 + digit) for digit in range(10)},
    **{chr(0x41 + letter): chr(0xFF21 + letter) for letter in range(26)},
}
_SMALL_CAPITALS = dict(
    zip(
        "ABCDEFGHIJKLMNOPRSTUVWYZ",
        "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d"
        "\u0274\u1d0f\u1d18\u0280\ua731\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22",
        strict=True,
    )
)
# By code point, for str.translate.
SMART_ENCODING = str.maketrans(
    {char: plain for table in (_REPLACED, _SMALL_CAPITALS) for plain, chars in table.items() for char in chars}
)
_GSM_OR_REPLACED = GSM | set(map(chr, SMART_ENCODING))


def smart_encode(text: str) -> str:
    """Return the text with those characters replaced if all of it is then GSM-7, else as it is.

    A text in Chinese or Persian keeps its own punctuation and joiners: replacing them would save nothing.
    """
    if GSM.issuperset(text) or not _GSM_OR_REPLACED.issuperset(text):
        return text
    encoded = text.translate(SMART_ENCODING)
    return encoded if measure(encoded).encoding == "GSM-7" else text
