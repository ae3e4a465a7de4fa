"""The header row -> which cell is which of our columns, whatever the clinic's system calls them."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.importing.report import RowError
from bot.importing.table import Row
from bot.importing.values import Cell
from bot.sentences import Sentence

_SPELLINGS = {
    "appointment_id": (
        "appointment id, appointment number, appointment no, appt id, appt number, booking id, booking number, "
        "visit id, visit number, accession, accession number, order number, external id, id de cita"
    ),
    "patient_id": (
        "patient id, patient number, patient no, mrn, record number, record no, medical record, "
        "medical record number, chart number, hospital number, nhs number"
    ),
    "name": (
        "name, patient, patient name, first name, patient first name, given name, forename, patient given name, "
        "full name, nombre, prénom"
    ),
    "phone": (
        "phone, phone number, phone no, mobile, mobile phone, mobile number, cell, cell phone, cell number, cellphone, "
        "tel, telephone, telephone number, patient phone, patient mobile, contact number, sms, sms number, teléfono, "
        "móvil, celular, téléphone"
    ),
    "language": (
        "language, lang, preferred language, patient language, language code, spoken language, primary language, "
        "idioma, langue"
    ),
    "exam": (
        "exam, exam type, exam code, examination, procedure, procedure code, procedure name, modality, study, "
        "study type, test, scan, scan type, appointment type, service, examen"
    ),
    "starts_at": (
        "starts at, start at, date time, date and time, datetime, start date time, start datetime, "
        "appointment date time, appointment datetime, appointment date and time, exam date time, scheduled at, "
        "scheduled date time, when, fecha y hora"
    ),
    "date": (
        "date, appointment date, appt date, exam date, scan date, start date, scheduled date, visit date, day, fecha"
    ),
    "time": "time, appt time, time of day, hour, hora, heure",
    "contrast": "contrast, contrast agent, contrast dye, with contrast, contrast yn, contraste",
    "sedation": "sedation, sedated, sedative, with sedation, sedation yn, sedación",
    "place": "place, location, room, site, department, building, address, where, lugar, lieu",
    "companion_name": "companion name, companion, escort, escort name, carer, carer name, caregiver, caregiver name",
    "companion_phone": (
        "companion phone, companion phone number, companion mobile, companion cell, companion number, escort phone, "
        "escort mobile, escort cell, carer phone, carer mobile, caregiver phone, caregiver mobile"
    ),
    "companion_language": "companion language, companion lang, escort language, carer language, caregiver language",
    "companion_consent": (
        "companion consent, companion agreed, companion may be texted, text companion, escort consent, carer consent, "
        "caregiver consent"
    ),
    "companion_first": "companion first, companion answers, ask companion, patient cannot type, main contact companion",
    "consent": (
        "consent, sms consent, text consent, consent to texts, consented, opt in, opted in, sms opt in, text opt in, "
        "consentimiento"
    ),
    "status": "status, booking status, appointment status, appt status, state, estado, statut",
}
# The start, or only its time of day where the date has a column of its own.
_START_OR_TIME = "start, starts, start time, appointment time, exam time, scan time, scheduled time, visit time"
# Not to be passed over as unknown: those patients would get texts.
_REFUSALS = (
    "opt out, opted out, sms opt out, text opt out, do not text, do not contact, do not sms, no sms, no texts, "
    "no text messages, refused, consent refused, stop"
)
_REQUIRED = {
    "name": "name",
    "phone": "phone",
    "exam": "exam",
    "starts_at": Sentence("starts_at, or both date and time"),
}
_START = "start or time"
# What a column means that says who wants no texts. Only somebody who looks at its cells can say that it is one.
REFUSAL = "refusal"
NO_TEXTS = "no_texts"
COLUMNS = (*_SPELLINGS, NO_TEXTS)
_MAX_QUOTED = 40
_MAX_HEADER = 80


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row each of our columns is, what else the header names, and what is wrong with it."""

    places: Mapping[str, int]
    ignored: tuple[str, ...] = ()
    errors: tuple[RowError, ...] = ()


def match_columns(header: Row) -> Columns:
    """Match the header's cells with our columns. With an error in it, no row below can be read."""
    return arrange_columns(header, suggest_columns(header, {}))


def suggest_columns(header: Row, choices: Mapping[str, str]) -> list[str | None]:
    """What each cell of the header means: one of ``COLUMNS``, ``REFUSAL``, empty for nothing of ours, None if unknown.

    Args:
        choices: what people said before of headers, by ``fold_header``.
    """
    names = [str(cell or "") for cell in header.cells]
    meanings: list[str | None] = [choices.get(fold_header(name), _find_meaning(name)) for name in names]
    start = "time" if "date" in meanings and "time" not in meanings else "starts_at"
    return [start if meaning == _START else meaning for meaning in meanings]


def arrange_columns(header: Row, meanings: Sequence[str | None]) -> Columns:
    """The columns that these meanings of the header's cells make, or what is wrong with them."""
    found: dict[str, list[int]] = {}
    errors, ignored = [], []
    for place, (cell, meaning) in enumerate(zip(header.cells, meanings, strict=True)):
        if meaning == REFUSAL:
            message = Sentence(
                "%(name)s says the opposite of consent; name the column consent, with yes or no in it",
                name=_quote(cell),
            )
            errors.append(RowError(header.number, "consent", message))
        elif meaning:
            found.setdefault(meaning, []).append(place)
        elif name := _quote(cell):
            ignored.append(name)
    if "starts_at" in found:
        # Of two ways to say the same, one.
        for part in ("date", "time"):
            ignored += [_quote(header.cells[place]) for place in found.pop(part, ())]
    for column, same in found.items():
        if len(same) > 1:
            message = Sentence(
                'the columns "%(one)s" and "%(other)s" both mean %(column)s; keep one, or rename the other',
                one=_quote(header.cells[same[0]]),
                other=_quote(header.cells[same[1]]),
                column=column,
            )
            errors.append(RowError(header.number, column, message))
    errors += _list_missing(header.number, found)
    # Where the header is no header, its cells may be a patient's name and number.
    return Columns({column: same[0] for column, same in found.items()}, () if errors else tuple(ignored), tuple(errors))


def _list_missing(number: int, found: Mapping[str, list[int]]) -> Iterator[RowError]:
    for column, wanted in _REQUIRED.items():
        if column in found or (column == "starts_at" and "date" in found and "time" in found):
            continue
        message = Sentence("there is no such column; the first row must name %(wanted)s", wanted=wanted)
        yield RowError(number, column, message)


def _find_meaning(text: str) -> str | None:
    """Our column of a header's cell, also when something is added in brackets: ``Date (YYYY-MM-DD)``."""
    return _MEANINGS.get(_fold(text)) or _MEANINGS.get(_fold(re.sub(r"\(.*?\)|\[.*?\]", "", text)))


def fold_header(name: str) -> str:
    """A header by which it is known again, however it is capitalised, spaced and punctuated."""
    return _fold(name)[:_MAX_HEADER]


def _fold(text: str) -> str:
    """Letters and digits alone, without case and accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if char.isalnum())


def _quote(cell: Cell) -> str:
    return " ".join(str(cell or "").split())[:_MAX_QUOTED]


def _list_meanings() -> Iterator[tuple[str, str]]:
    for column, spellings in {**_SPELLINGS, _START: _START_OR_TIME, REFUSAL: _REFUSALS}.items():
        for spelling in (column, *spellings.split(", ")):
            yield _fold(spelling), column


_MEANINGS = dict(_list_meanings())
