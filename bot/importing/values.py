"""One value of a row, as a clerk or a spreadsheet wrote it -> a checked value.

A trouble is a sentence to be read after the column's name ("phone: has too few digits; ..."). It never
repeats a phone number or a name.
"""

import difflib
import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import TypeAlias
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType, ValidationResult

from bot.schedule import find_clock_trouble
from bot.sentences import Sentence, SentenceError
from messages.exams import Exams
from messages.facts import MAX_NAME
from messages.languages import LANGUAGES, find_language
from messages.segments import tidy

# What a file gives for one cell: text from CSV, any of these from a spreadsheet.
Cell: TypeAlias = str | int | float | bool | datetime | date | time | timedelta | None

_MAX_QUOTED = 40
_FARTHEST = timedelta(days=731)
_EARLIEST_YEAR = 1900
_ANY_DAY = datetime(_EARLIEST_YEAR, 1, 1, tzinfo=UTC)
_FARTHEST_OFFSET = timedelta(hours=14)

# Windows copies these along with a phone number or a name; in a text they would turn other words around.
_DIRECTION_MARKS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ADDRESS = re.compile(
    r"://|www\.|\w\.(?:com|net|org|info|biz|io|ly|co|me|us|uk|app|link|click|xyz|site|online)\b", re.I
)

_PHONE_EXAMPLE = "+1 202 555 0123"
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?[eE]\+?\d+")
_DECIMAL_ZERO = re.compile(r"(?<=\d{5})[.,]0+$")
_BETWEEN_PHONES = re.compile(r"[,;/|&]|(?=\+)|\b[a-z]+\b", re.I)
_EXTENSION = re.compile(r"\d\W*(?:ext(?:ension)?|x|#)\W*\d{1,6}$", re.I)
_LOOKS_LIKE_PHONE = re.compile(r"(?!\d{4}([-/.])\d\d?\1)[+(]?(?:\d[\s().-]*){9,}")
_MOST_PHONE_DIGITS, _FEWEST_PHONE_DIGITS = 15, 7

_EXAMPLE = "2027-03-09 14:05"
_DATE = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})")
_DATE_AND_TIME = re.compile(r"([\d/.-]+)(?:,\s*|\s*T\s*|\s+|$)(.*)", re.I)
_NO_TIME = re.compile(r"(?:0?0:00(?::00(?:\.0+)?)?)?")
_TIME = re.compile(
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?:(?P<half>[ap])\.?\s?m\.?)?"
    r"\s*(?P<offset>Z|[+-]\d{2}(?::?\d{2})?)?",
    re.I,
)
# A clerk who writes 2:05 rather means the afternoon; 02:05 and 2:05 AM are plain.
_MORNING_OR_AFTERNOON = range(1, 7)

_YES = {"yes", "y", "true", "1", "x", "si", "oui", "ja"}
_NO = {"", "no", "n", "false", "0", "non", "nein"}
_CANCELLED = {"cancelled", "canceled", "deleted", "removed", "cancelado", "cancelada", "annule", "annulee"}
_BOOKED = {"", "booked", "scheduled", "confirmed", "active", "reservado", "reservada", "confirmado", "confirmada"}


class ValueTrouble(SentenceError):  # noqa: N818 - a value of the clinic's, no fault of ours
    """The value cannot be used; the message says why and what would be right."""


def read_text(cell: Cell) -> str:
    """One line of text, composed and with single spaces; empty for a blank.

    Raises:
        ValueTrouble: it has characters that nobody can see or type.
    """
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = " ".join(_DIRECTION_MARKS.sub("", tidy(str(cell))).split())
    if not text.isprintable() and any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise ValueTrouble("has characters that cannot be read; type it again")
    return text


def read_name(cell: Cell) -> str:
    """A person's name, of at most ``MAX_NAME`` characters.

    Raises:
        ValueTrouble: it is blank, too long, or not a name.
    """
    text = read_text(cell)
    if not text:
        raise ValueTrouble("is missing; give the name that the texts shall use")
    if len(text) > MAX_NAME:
        raise ValueTrouble(
            "is too long: %(length)s characters; at most %(most)s fit, the given name is enough",
            length=len(text),
            most=MAX_NAME,
        )
    if _ADDRESS.search(text):
        raise ValueTrouble("has a web address in it; give the name alone")
    if not any(char.isalpha() for char in text):
        raise ValueTrouble("has no letter in it; give a name")
    return text


def read_phone(cell: Cell, region: str) -> str:
    """The phone number in E.164, from its international form or the national one of ``region``.

    Raises:
        ValueTrouble: it is blank, no phone number, or one that cannot get texts.
    """
    text = _DECIMAL_ZERO.sub("", read_text(cell))
    if not text:
        raise ValueTrouble(
            "is missing; give the number that gets the texts, such as %(example)s", example=_PHONE_EXAMPLE
        )
    if _SHORTENED.fullmatch(text):
        raise ValueTrouble("was shortened by the spreadsheet; format the column as text and type the number again")
    if sum(_count_digits(part) >= _FEWEST_PHONE_DIGITS for part in _BETWEEN_PHONES.split(text)) > 1:
        raise ValueTrouble("has several numbers; give only the one that gets the texts")
    if _EXTENSION.search(text):
        raise ValueTrouble("has an extension, which cannot get texts; give a mobile number")
    if any(char.isalpha() for char in text):
        raise ValueTrouble("has letters in it; give only the number, such as %(example)s", example=_PHONE_EXAMPLE)
    number = _parse_phone(text, region)
    if not _is_fictional(number):
        if not phonenumbers.is_valid_number(number):
            raise ValueTrouble("is not a number that any phone has; check each digit")
        if phonenumbers.number_type(number) == PhoneNumberType.FIXED_LINE:
            raise ValueTrouble("is a landline, and a landline cannot get texts; give a mobile number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def read_language(cell: Cell) -> str:
    """The code of a language that we write, from a code or a name.

    Raises:
        ValueTrouble: it is blank or another language; the message lists ours.
    """
    text = read_text(cell)
    ours = ", ".join(f"{language.bcp47} ({language.name})" for language in LANGUAGES)
    if not text:
        raise ValueTrouble("is missing; give one of %(choices)s", choices=ours)
    language = find_language(text)
    if language is None:
        raise ValueTrouble(
            "%(text)s is not a language that we write; give one of %(choices)s", text=_quote(text), choices=ours
        )
    return language.code


def read_exam(cell: Cell, exams: Exams) -> str:
    """The code of one of the clinic's exams.

    Raises:
        ValueTrouble: it is blank or unknown; the message lists the codes and names a close one.
    """
    text = read_text(cell)
    codes = exams.list_codes()
    ours = ", ".join(codes)
    if not text:
        raise ValueTrouble("is missing; give one of %(choices)s", choices=ours)
    exam = exams.find(text)
    if exam is None:
        if near := difflib.get_close_matches("-".join(text.casefold().split()), codes, 1):
            raise ValueTrouble(
                "%(text)s is not an exam that we know; did you mean %(near)s? The exams are %(choices)s",
                text=_quote(text),
                near=near[0],
                choices=ours,
            )
        raise ValueTrouble(
            "%(text)s is not an exam that we know; give one of %(choices)s", text=_quote(text), choices=ours
        )
    return exam.code


def read_flag(cell: Cell) -> bool:
    """Yes or no, in the words and marks that people use; blank is no.

    Raises:
        ValueTrouble: it is neither.
    """
    word = _fold(cell)
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueTrouble("%(text)s is neither yes nor no; give yes or no", text=_quote(read_text(cell)))


def read_cancelled(cell: Cell) -> bool:
    """Whether a booking status means cancelled; blank means booked.

    Raises:
        ValueTrouble: it is no status that we know.
    """
    word = _fold(cell)
    if word in _CANCELLED:
        return True
    if word in _BOOKED:
        return False
    raise ValueTrouble("%(text)s is not a status that we know; give booked or cancelled", text=_quote(read_text(cell)))


def read_starts_at(cell: Cell, zone: ZoneInfo, now: datetime) -> datetime:
    """The moment in UTC of a date and time in one cell; without an offset it is the zone's time.

    Raises:
        ValueTrouble: it is no date and time, more than two years ahead, or unclear at a clock change.
    """
    if isinstance(cell, datetime):
        read_date(cell, now)
        rounded = _round(cell)
        return _find_moment(rounded.date(), rounded.timetz(), zone, "%Y-%m-%dT%H:%M")
    if isinstance(cell, date):
        raise ValueTrouble("has a date but no time; write both, such as %(example)s", example=_EXAMPLE)
    text = read_text(cell)
    if not text:
        raise ValueTrouble("is missing; give a date and time, such as %(example)s", example=_EXAMPLE)
    parts = _DATE_AND_TIME.fullmatch(text)
    if parts is None or not _DATE.fullmatch(parts[1]):
        raise ValueTrouble(
            "%(text)s is not a date and time that we can read; write it like %(example)s",
            text=_quote(text),
            example=_EXAMPLE,
        )
    day = read_date(parts[1], now)
    if not parts[2]:
        raise ValueTrouble("has a date but no time; write both, such as %(example)s", example=_EXAMPLE)
    return _find_moment(day, read_time(parts[2]), zone, "%Y-%m-%dT%H:%M")


def read_starts_at_parts(date_cell: Cell, time_cell: Cell, zone: ZoneInfo, now: datetime) -> datetime:
    """The moment in UTC of a date and a time in two cells.

    Raises:
        ValueTrouble: as ``read_date`` and ``read_time``, or the time is unclear at a clock change.
    """
    return _find_moment(read_date(date_cell, now), read_time(time_cell), zone, "%H:%M")


def read_date(cell: Cell, now: datetime) -> date:
    """A date with its year first.

    Raises:
        ValueTrouble: it is blank, unclear, not in the calendar, or more than two years ahead.
    """
    day = _take_date(cell)
    if day.year < _EARLIEST_YEAR:
        raise ValueTrouble("the year %(year)s must be wrong; check it", year=f"{day.year:04}")
    if day > (now + _FARTHEST).date():
        raise ValueTrouble("%(day)s is more than two years ahead; check the year", day=day.isoformat())
    return day


def read_time(cell: Cell) -> time:
    """A time of day, with its offset from UTC where the cell has one.

    Raises:
        ValueTrouble: it is blank, no time of day, or could be morning or afternoon.
    """
    if isinstance(cell, float) and 0 <= cell < 1:
        cell = timedelta(days=cell)
    if isinstance(cell, timedelta) and timedelta(0) <= cell < timedelta(days=1):
        return _round(_ANY_DAY + cell).time()
    if isinstance(cell, datetime):
        cell = cell.timetz()
    if isinstance(cell, time):
        return _round(datetime.combine(_ANY_DAY, cell)).timetz()
    text = read_text(cell)
    if not text:
        raise ValueTrouble("is missing; give a time, such as 14:05 or 2:05 PM")
    match = _TIME.fullmatch(text)
    if match is None or not (match["minute"] or match["half"]):
        raise ValueTrouble("%(text)s is not a time that we can read; write it like 14:05 or 2:05 PM", text=_quote(text))
    return _make_time(text, match)


def _make_time(text: str, match: re.Match[str]) -> time:
    hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueTrouble(
                "%(text)s is not a time of day: with AM or PM the hour is from 1 to 12", text=_quote(text)
            )
        hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
    elif len(match["hour"]) == 1 and hour in _MORNING_OR_AFTERNOON:
        raise ValueTrouble(
            "%(text)s could be in the morning or in the afternoon; write %(early)s or %(late)s",
            text=_quote(text),
            early=f"{hour:02}:{minute:02}",
            late=f"{hour + 12}:{minute:02}",
        )
    offset = _read_offset(match["offset"])
    try:
        return time(hour, minute, second, tzinfo=offset)
    except ValueError:
        raise ValueTrouble("%(text)s is not a time of day: the latest is 23:59", text=_quote(text)) from None


def _read_offset(offset: str | None) -> timezone | None:
    if offset is None:
        return None
    if offset in "Zz":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[3:].lstrip(":") or 0)
    distance = timedelta(hours=hours, minutes=minutes)
    if distance > _FARTHEST_OFFSET:
        raise ValueTrouble("has an offset that no place has; write it like -05:00")
    return timezone(-distance if offset[0] == "-" else distance)


def _take_date(cell: Cell) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = read_text(cell)
    if not text:
        raise ValueTrouble("is missing; give a date, such as %(example)s", example=_EXAMPLE[:10])
    parts = _DATE_AND_TIME.fullmatch(text)
    match = _DATE.fullmatch(parts[1]) if parts else None
    if parts is None or match is None:
        raise ValueTrouble(
            "%(text)s is not a date that we can read; write it like %(example)s",
            text=_quote(text),
            example=_EXAMPLE[:10],
        )
    if not _NO_TIME.fullmatch(parts[2]):
        raise ValueTrouble("has a time as well; give the date alone here")
    first, second, third = int(match[1]), int(match[3]), int(match[4])
    if len(match[1]) != 4 or len(match[4]) > 2:
        raise ValueTrouble(_explain_order(text, first, second, third))
    try:
        return date(first, second, third)
    except ValueError:
        raise ValueTrouble(
            "%(text)s is not a day of the calendar; check the month and the day", text=_quote(text)
        ) from None


def _explain_order(text: str, first: int, second: int, year: int) -> Sentence:
    """Why a date without its year first is not taken, and how it would be written."""
    readings = {
        f"{year:04}-{month:02}-{day:02}"
        for month, day in ((first, second), (second, first))
        if year > _EARLIEST_YEAR and 1 <= month <= 12 and 1 <= day <= 31
    }
    quoted = _quote(text)
    match sorted(readings):
        case [one]:
            return Sentence(
                "%(text)s is ambiguous: the month or the day may come first; write the year first, %(one)s",
                text=quoted,
                one=one,
            )
        case [one, other]:
            return Sentence(
                "%(text)s is ambiguous: the month or the day may come first; write the year first, "
                "%(one)s or %(other)s",
                text=quoted,
                one=one,
                other=other,
            )
    return Sentence(
        "%(text)s is ambiguous: the month or the day may come first; write the year first, like %(example)s",
        text=quoted,
        example=_EXAMPLE[:10],
    )


def _find_moment(day: date, clock: time, zone: ZoneInfo, pattern: str) -> datetime:
    """The moment in UTC; ``pattern`` is how the cell would be written."""
    local = datetime.combine(day, clock)
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    before, after = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    trouble = find_clock_trouble(local, zone)
    clock_shown, day_shown = local.strftime("%H:%M"), local.strftime("%Y-%m-%d")
    if trouble == "missing":
        next_valid = before.astimezone(UTC).astimezone(zone)
        raise ValueTrouble(
            "%(time)s on %(day)s does not exist: the clocks go forward that night; give e.g. %(next)s",
            time=clock_shown,
            day=day_shown,
            next=next_valid.strftime(pattern),
        )
    if trouble == "twice":
        early, late = (moment.strftime(pattern) + moment.isoformat()[-6:] for moment in (before, after))
        raise ValueTrouble(
            "%(time)s on %(day)s exists twice: the clocks go back; add the offset, %(early)s for the first or "
            "%(late)s for the second",
            time=clock_shown,
            day=day_shown,
            early=early,
            late=late,
        )
    return before.astimezone(UTC)


def _round(moment: datetime) -> datetime:
    """The nearest second: a spreadsheet's fractions of a day are some milliseconds off."""
    return (moment + timedelta(milliseconds=500)).replace(microsecond=0)


def _parse_phone(text: str, region: str) -> PhoneNumber:
    if _count_digits(text) > _MOST_PHONE_DIGITS:
        raise ValueTrouble("has more digits than any phone number; give one number only")
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
            raise ValueTrouble("does not start with the code of any country; check the digits after +") from None
        raise ValueTrouble("is not a phone number; write it like %(example)s", example=_PHONE_EXAMPLE) from None
    match phonenumbers.is_possible_number_with_reason(number):
        case ValidationResult.IS_POSSIBLE:
            return number
        case ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
            raise ValueTrouble("lacks its area code; give all digits, such as %(example)s", example=_PHONE_EXAMPLE)
        case ValidationResult.TOO_SHORT:
            raise ValueTrouble(
                "has too few digits; give all of them with the area code, such as %(example)s", example=_PHONE_EXAMPLE
            )
        case ValidationResult.TOO_LONG:
            raise ValueTrouble("has too many digits; a number of another country starts with + and its code")
    raise ValueTrouble("does not have the digits of a phone number; write it like %(example)s", example=_PHONE_EXAMPLE)


def _is_fictional(number: PhoneNumber) -> bool:
    """Whether it is one of North America's 555 numbers, which tests and demonstrations use."""
    national = str(number.national_number)
    return number.country_code == 1 and len(national) == 10 and "555" in (national[:3], national[3:6])


def _count_digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _fold(cell: Cell) -> str:
    decomposed = unicodedata.normalize("NFKD", read_text(cell).casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _quote(text: str) -> str:
    """The text, shortened, in quotes; a phone number that is in the wrong column is not repeated."""
    if _LOOKS_LIKE_PHONE.fullmatch(text):
        return Sentence("this")
    return f'"{text}"' if len(text) <= _MAX_QUOTED else f'"{text[:_MAX_QUOTED]}..."'
