"""What a text may say: facts of the clinic and of one appointment, and how they are put into words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from messages.exams import Exam, Exams, read_exams
from messages.languages import Language, get_language
from messages.reply_words import get_reply_words
from messages.screening import Form, read_form
from messages.speaker import Speaker

MAX_NAME = 40
MAX_CLINIC_NAME = 40
MAX_ADDRESS = 80
MAX_PHONE = 20


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    """What texts say of the clinic. ``phone`` as people dial it; ``region`` is ISO 3166 alpha-2.

    ``topics_off`` are left to staff; ``own_answers`` are the clinic's, by topic and language code.
    """

    name: str
    phone: str
    address: str
    zone: ZoneInfo
    region: str
    default_language: str
    emergency_number: str
    arrive_early: timedelta
    name_in_texts: bool = True
    reviewed_only: bool = False
    clock: str = "locale"
    native_digits: bool = False
    exams: Exams = field(default_factory=read_exams, hash=False)
    topics_off: frozenset[str] = frozenset()
    own_answers: Mapping[tuple[str, str], str] = field(default_factory=dict, hash=False)
    screening: Form = field(default_factory=read_form, hash=False)


@dataclass(frozen=True, slots=True)
class Visit:
    """What texts say of one appointment.

    ``name_needed``: several patients share the phone, so every text must say whom it is about.
    ``companion_name``: who comes along, said in the texts that they get.
    """

    exam: Exam
    starts_at: datetime
    given_name: str | None = None
    contrast: bool = False
    sedation: bool = False
    place: str = ""
    name_needed: bool = False
    companion_name: str = ""

    @property
    def needs_driver(self) -> bool:
        return self.sedation or self.exam.driver


def find_address(clinic: ClinicFacts, visit: Visit | None) -> str:
    return ", ".join(filter(None, (visit.place if visit else "", clinic.address)))


def find_arrive_by(clinic: ClinicFacts, visit: Visit) -> datetime:
    """When the patient should be there, in the clinic's zone."""
    early = clinic.exams.find_arrive_early(visit.exam, clinic.arrive_early, sedation=visit.sedation)
    return (visit.starts_at - early).astimezone(clinic.zone)


def fill(speaker: Speaker, clinic: ClinicFacts, visit: Visit | None) -> dict[str, str]:
    """The values that sentences may use; those of an appointment only where there is one."""
    words = get_reply_words(speaker.language.code)
    values = {
        "clinic": clinic.name,
        "phone": clinic.phone,
        "address": find_address(clinic, visit),
        "emergency": clinic.emergency_number,
        "menu": words.menu,
        "languages": words.language,
        "more": words.more,
        "call": words.call,
        "topics": _list_topics(speaker.language, clinic.topics_off),
    }
    if visit is not None:
        starts_at = visit.starts_at.astimezone(clinic.zone)
        values |= {
            "day": speaker.day(starts_at),
            "time": speaker.time(starts_at),
            "arrive": speaker.time(find_arrive_by(clinic, visit)),
        }
    return values


@cache
def _list_topics(language: Language, topics_off: frozenset[str]) -> str:
    words = get_reply_words(language.code).topics
    return language.separator.join(word for topic, word in words.items() if topic not in topics_off)


def make_speaker(language: str, clinic: ClinicFacts, *, reviewed_only: bool = False) -> Speaker:
    """Someone who speaks the language as this clinic writes it: its clock, its digits, reviewed sentences only."""
    known = _find_speaker(language, clinic.region, clinic.clock, clinic.native_digits, reviewed_only)
    return known.begin_anew()


@cache
def _find_speaker(language: str, region: str, clock: str, native_digits: bool, reviewed_only: bool) -> Speaker:
    return Speaker(
        get_language(language), region, clock=clock, native_digits=native_digits, reviewed_only=reviewed_only
    )
