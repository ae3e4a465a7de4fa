"""The form for one appointment: what it says, what is wrong with it, and what staff should know before they send it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

import holidays
import phonenumbers
from pydantic import BaseModel
from sqlmodel import Session

from bot.first_text import FirstText, preview_first
from bot.importing.columns import Columns
from bot.importing.enrolments import read_draft
from bot.importing.table import Row
from bot.known_people import Known, find_known
from bot.people import Enrolment
from bot.schedule import Plan, find_clock_trouble
from bot.sentences import Sentence
from messages.facts import ClinicFacts
from messages.languages import get_language

# Earlier or later than this, a time is more likely a slip than an appointment.
_EARLIEST, _LATEST = time(6), time(21)
_SUNDAY = 6
_SAMPLE_AHEAD, _SAMPLE_CLOCK = timedelta(days=14), time(10, 30)
_EXAMPLE = "+1 202-555-0123"


class EnrolForm(BaseModel):
    """The fields as they were typed, named as the columns of an appointments file.

    ``which_time``: ``first`` or ``second`` of a time that comes twice. ``seen``: the codes of the warnings that the
    page has shown.
    """

    name: str = ""
    phone: str = ""
    language: str = ""
    exam: str = ""
    date: str = ""
    time: str = ""
    which_time: str = ""
    contrast: str = ""
    sedation: str = ""
    place: str = ""
    patient_id: str = ""
    companion_name: str = ""
    companion_phone: str = ""
    companion_language: str = ""
    companion_consent: str = ""
    consent: str = ""
    seen: str = ""


FIELDS = tuple(name for name in EnrolForm.model_fields if name not in ("which_time", "seen"))
_COLUMNS = Columns({name: place for place, name in enumerate(FIELDS)})
_NEEDED = ("name", "phone", "language", "exam", "date", "time", "consent")


@dataclass(frozen=True, slots=True)
class Note:
    """Something beside a field: ``trouble`` stops the form, ``warn`` must have been shown once, ``hint`` just says.

    ``code`` names a warning, so that the same one is not asked about again.
    """

    field: str
    level: str
    words: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A form after a look at it.

    ``day`` and ``starts_at`` are None until given; ``twice`` has both moments of a time that comes twice. ``country``
    is the phone's.
    """

    draft: Enrolment
    notes: tuple[Note, ...]
    known: Known
    day: date | None = None
    starts_at: datetime | None = None
    twice: tuple[datetime, ...] = ()
    country: str = ""
    first: FirstText | None = None

    @property
    def is_good(self) -> bool:
        return not any(note.level == "trouble" for note in self.notes)

    @property
    def warnings(self) -> set[str]:
        return {note.code for note in self.notes if note.level == "warn"}


def check_form(
    session: Session, form: EnrolForm, clinic: ClinicFacts, plan: Plan, now: datetime, *, finished: bool
) -> Checked:
    """Check everything there is to check.

    Args:
        finished: the form was sent; until then what is still empty is not wrong.
    """
    day, clock = _read_date(form.date), _read_time(form.time)
    twice = _find_twice(day, clock, clinic) if day and clock else ()
    cells = form.model_dump()
    if twice and form.which_time in ("first", "second"):
        cells["time"] = twice[form.which_time == "second"].isoformat(timespec="minutes")[11:]
    draft, errors = read_draft(Row(1, [cells[name] for name in FIELDS]), _COLUMNS, clinic, now)
    notes = []
    for error in errors:
        typed = cells[error.column].strip()
        if error.column == "time" and twice:
            words = Sentence("The clocks go back that night, so this time comes twice. Which one is it?")
            notes.append(Note("time", "trouble", words))
        elif typed:
            notes.append(Note(error.column, "trouble", error.message))
    if finished:
        empty = [name for name in _NEEDED if not cells[name].strip()]
        notes += (Note(name, "trouble", Sentence("This is needed.")) for name in empty)
    wrong = {error.column for error in errors}
    starts_at = None if wrong & {"date", "time"} else draft.starts_at
    if not form.language:
        draft = replace(draft, language=clinic.default_language)
    noon = datetime.combine(day, time(12), clinic.zone) if day else now
    known = find_known(session, draft if starts_at else replace(draft, starts_at=noon), clinic.zone)
    country = _find_country(draft.phone, clinic.region) if draft.phone else ""
    first = _preview(draft, starts_at, clinic, plan, now, shared=bool(known.others)) if form.language else None
    notes += _list_notes(form, draft, known, clinic, now, day, starts_at)
    if first is not None and first.skipped and starts_at is not None:
        words = Sentence("No text can go out in time any more. Phone this patient.")
        notes.append(Note("time", "warn", words, "late"))
    local = starts_at.astimezone(clinic.zone) if starts_at else None
    return Checked(draft, tuple(notes), known, day, local, twice, country, first)


def _list_notes(
    form: EnrolForm,
    draft: Enrolment,
    known: Known,
    clinic: ClinicFacts,
    now: datetime,
    day: date | None,
    starts_at: datetime | None,
) -> Iterator[Note]:
    if starts_at is not None and starts_at <= now:
        yield Note("time", "trouble", Sentence("This time is past. Give one that is still to come."))
    elif starts_at is not None:
        yield from _list_odd_times(starts_at.astimezone(clinic.zone), clinic)
    yield from _list_number_notes(form, draft, known)
    yield from _list_patient_notes(draft, known, clinic, has_day=day is not None)
    exam = clinic.exams.by_code.get(draft.exam)
    if (draft.sedation or (exam and exam.driver)) and not form.companion_name.strip():
        words = Sentence("Somebody must take this patient home. Who comes along?")
        yield Note("companion_name", "hint", words)
    if form.consent == "no":
        words = Sentence("Then no text goes out. Tell this patient by phone what to do before the exam.")
        yield Note("consent", "warn", words, "refused")
    companion = draft.companion
    if companion and companion.phone and companion.phone == draft.phone:
        yield Note("companion_phone", "hint", Sentence("This is the patient's own number: it gets each text once."))
    elif companion and companion.phone and not companion.agreed:
        words = Sentence("They get no texts unless the patient agrees to it.")
        yield Note("companion_consent", "hint", words)


def _list_odd_times(local: datetime, clinic: ClinicFacts) -> Iterator[Note]:
    if not _EARLIEST <= local.time() < _LATEST:
        words = Sentence("That is very early or very late in the day. Is it right?")
        yield Note("time", "warn", words, f"hours-{local:%H%M}")
    holiday = _find_holiday(local.date(), clinic.region)
    if holiday:
        words = Sentence("That is a public holiday (%(holiday)s). Is it right?", holiday=holiday)
        yield Note("date", "warn", words, f"day-{local:%Y%m%d}")
    elif local.weekday() == _SUNDAY:
        yield Note("date", "warn", Sentence("That is a Sunday. Is it right?"), f"day-{local:%Y%m%d}")


def _find_holiday(day: date, region: str) -> str:
    if region not in holidays.list_supported_countries():
        return ""
    return holidays.country_holidays(region, years=day.year).get(day) or ""


def _list_number_notes(form: EnrolForm, draft: Enrolment, known: Known) -> Iterator[Note]:
    contact = known.contact
    if contact is None:
        return
    if known.others:
        names = ", ".join(dict.fromkeys(other.given_name for other in known.others))
        words = Sentence(
            "Also %(names)s's number: two patients will share it, and each text will say whom it means.", names=names
        )
        yield Note("phone", "warn", words, f"shared-{contact.id}")
    if contact.opted_out_at is not None:
        words = Sentence("This number asked for no more texts, so none goes out. Phone this patient.")
        yield Note("phone", "warn", words, f"stopped-{contact.id}")
    elif contact.unreachable_since is not None:
        words = Sentence("The last texts did not reach this number. Ask for another one.")
        yield Note("phone", "warn", words, f"unreached-{contact.id}")
    if form.language and contact.language != draft.language:
        old, new = get_language(contact.language).name, get_language(draft.language).name
        words = Sentence(
            "Until now this number reads %(old)s. From now on all its texts come in %(new)s.", old=old, new=new
        )
        yield Note("language", "warn", words, f"language-{contact.id}-{draft.language}")


def _list_patient_notes(draft: Enrolment, known: Known, clinic: ClinicFacts, *, has_day: bool) -> Iterator[Note]:
    patient = known.patient
    if patient is None:
        return
    if patient.given_name != draft.given_name and draft.given_name:
        words = Sentence(
            "This record number is %(name)s's. From now on they are called as given here.", name=patient.given_name
        )
        yield Note("patient_id", "warn", words, f"renamed-{patient.id}")
    if known.other_number:
        words = Sentence("This patient has had another number. From now on their texts go to the one given here.")
        yield Note("phone", "warn", words, f"moved-{patient.id}")
    elif not known.others:
        yield Note("phone", "hint", Sentence("%(name)s is known with this number.", name=patient.given_name))
    if known.same is not None:
        words = Sentence("This appointment is enrolled already. It is brought up to date, and not made twice.")
        yield Note("time", "warn", words, f"same-{known.same.id}")
    for other in known.that_day if has_day else ():
        exam = clinic.exams.by_code.get(other.exam)
        words = Sentence(
            "%(name)s has another appointment that day: %(exam)s, %(at)s.",
            name=patient.given_name,
            exam=exam.title if exam else other.exam,
            at=other.starts_at.astimezone(clinic.zone),
        )
        yield Note("date", "warn", words, f"day-{other.id}")


def _preview(
    draft: Enrolment, starts_at: datetime | None, clinic: ClinicFacts, plan: Plan, now: datetime, *, shared: bool
) -> FirstText | None:
    """The first text; with the first exam and a day in two weeks as long as they are not given."""
    sample = datetime.combine(now.astimezone(clinic.zone).date() + _SAMPLE_AHEAD, _SAMPLE_CLOCK, clinic.zone)
    exam = draft.exam or clinic.exams.list_codes()[0]
    shown = replace(draft, exam=exam, starts_at=starts_at or sample)
    return preview_first(plan, clinic, shown, now, name_needed=shared)


def _find_country(phone: str, region: str) -> str:
    """The code of the country that the number is of."""
    number = phonenumbers.parse(phone)
    country = phonenumbers.region_code_for_number(number)
    if country is None:
        # One of the numbers that nobody has, for demonstrations.
        countries = phonenumbers.region_codes_for_country_code(number.country_code or 0)
        country = region if region in countries else countries[0]
    return country


def make_example(region: str) -> str:
    """A phone number to show how one is written."""
    number = None
    if region not in phonenumbers.region_codes_for_country_code(1):
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if number is None:
        return _EXAMPLE
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def _find_twice(day: date, clock: time, clinic: ClinicFacts) -> tuple[datetime, ...]:
    local = datetime.combine(day, clock)
    if find_clock_trouble(local, clinic.zone) != "twice":
        return ()
    return tuple(local.replace(tzinfo=clinic.zone, fold=fold) for fold in (0, 1))


def _read_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _read_time(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None


def find_first_field(notes: Iterable[Note]) -> str:
    """Which field somebody should go to first, in the order of the page."""
    wrong = {note.field for note in notes if note.level == "trouble"}
    return next((name for name in _NEEDED + FIELDS if name in wrong), "")
