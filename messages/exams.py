"""The exams and what each asks of the patient, from ``exams.toml`` or a clinic's own file beside it."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

DEFAULT_EXAMS = Path(__file__).with_name("exams.toml")
KINDS = ("mri", "nerves", "puncture", "laboratory", "other")
ASKS = ("implants", "metal", "allergies", "kidneys", "pregnancy", "blood-thinners")


class ExamsError(ValueError):
    """The exams file cannot be used; the message says which exam and what is expected."""


@dataclass(frozen=True, slots=True)
class Exam:
    """One kind of appointment; ``exams.toml`` explains each field."""

    code: str
    title: str
    kind: str
    asks: tuple[str, ...]
    minutes: int
    fasting_hours: int = 0
    arrive_early_minutes: int = 0
    driver: bool = False
    lie_still: bool = False
    clean_skin: bool = False
    ask_about_food: bool = False

    @property
    def magnet(self) -> bool:
        return self.kind == "mri"


@dataclass(frozen=True, slots=True)
class Extras:
    """What sedation or contrast adds to any exam."""

    fasting_hours: int = 0
    extra_minutes: int = 0
    arrive_early_minutes: int = 0


@dataclass(frozen=True)
class Exams:
    """The exams of a clinic, by code."""

    by_code: Mapping[str, Exam]
    sedation: Extras
    contrast: Extras

    def get(self, code: str) -> Exam:
        """The exam of a code that was checked when it came in.

        Raises:
            KeyError: there is no such exam, or no longer.
        """
        return self.by_code[code]

    def find(self, code: str) -> Exam | None:
        """Find an exam by its code, whatever its case and with spaces or underscores for the hyphens."""
        return self.by_code.get("-".join(code.strip().lower().replace("_", " ").replace("-", " ").split()))

    def list_codes(self) -> list[str]:
        return list(self.by_code)

    def find_minutes(self, exam: Exam, *, contrast: bool, sedation: bool) -> int:
        """About how long the visit takes, in minutes."""
        return exam.minutes + contrast * self.contrast.extra_minutes + sedation * self.sedation.extra_minutes

    def find_fasting_hours(self, exam: Exam, *, sedation: bool) -> int:
        """How many hours before the exam the patient stops eating; 0 when as usual."""
        return max(exam.fasting_hours, sedation * self.sedation.fasting_hours)

    def find_arrive_early(self, exam: Exam, clinic: timedelta, *, sedation: bool) -> timedelta:
        """How long before its start the patient should be there; never less than the clinic's own time."""
        minutes = max(exam.arrive_early_minutes, sedation * self.sedation.arrive_early_minutes)
        return max(clinic, timedelta(minutes=minutes))


@cache
def read_exams(own: Path | None = None) -> Exams:
    """Read our exams and, over them, those of a clinic's own file.

    Raises:
        ExamsError: a file is missing or an exam in it is wrong.
    """
    exams = _read(DEFAULT_EXAMS, Exams({}, Extras(), Extras()))
    return _read(own, exams) if own else exams


def _read(path: Path, base: Exams) -> Exams:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExamsError(f"the file cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ExamsError(f"{path.name}: {error}") from error
    entries = data.pop("exams", [])
    extras = {name: data.pop(name, None) for name in ("sedation", "contrast")}
    if data or not isinstance(entries, list):
        raise ExamsError(f"{path.name}: it may hold [[exams]], [sedation] and [contrast] alone")
    found = {}
    for number, entry in enumerate(entries, 1):
        exam = _read_exam(f"{path.name}: exam {number}", entry)
        if exam.code in found:
            raise ExamsError(f"{path.name}: exam {number}: {exam.code} is there twice")
        found[exam.code] = exam
    return Exams(
        MappingProxyType({**base.by_code, **found}),
        _read_extras(f"{path.name}: sedation", extras["sedation"], base.sedation),
        _read_extras(f"{path.name}: contrast", extras["contrast"], base.contrast),
    )


def _read_exam(where: str, entry: object) -> Exam:
    values = _read_values(where, entry, _EXAM_FIELDS)
    if missing := {"code", "title", "kind", "asks", "minutes"} - values.keys():
        raise ExamsError(f"{where}: it needs {', '.join(sorted(missing))}")
    return Exam(**{**values, "asks": tuple(values["asks"])})


def _read_extras(where: str, entry: object, base: Extras) -> Extras:
    return base if entry is None else Extras(**_read_values(where, entry, _EXTRA_FIELDS))


def _read_values(where: str, entry: object, fields: "Mapping[str, _Field]") -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise ExamsError(f"{where}: it must be a table")
    for name, value in entry.items():
        if name not in fields:
            raise ExamsError(f"{where}: there is no {name}; there are {', '.join(fields)}")
        if not fields[name].accepts(value):
            raise ExamsError(f"{where}: {name} must be {fields[name].expected}")
    return entry


@dataclass(frozen=True, slots=True)
class _Field:
    """What one key of the file may hold, and how to say it."""

    accepts: Callable[[Any], bool]
    expected: str


def _whole_number(least: int, most: int) -> _Field:
    # TOML's true is a 1 in Python; in this file it is a mistake.
    return _Field(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most,
        f"a whole number from {least} to {most}",
    )


_FLAG = _Field(lambda value: isinstance(value, bool), "true or false")
_EXTRA_FIELDS = {
    "fasting_hours": _whole_number(0, 24),
    "extra_minutes": _whole_number(0, 600),
    "arrive_early_minutes": _whole_number(0, 240),
}
_EXAM_FIELDS = {
    "code": _Field(
        lambda value: isinstance(value, str) and value == "-".join(value.lower().replace("-", " ").split()) != "",
        "lower-case words with hyphens between, such as mri-knee",
    ),
    "title": _Field(lambda value: isinstance(value, str) and bool(value.strip()), "a name that staff read"),
    "kind": _Field(lambda value: value in KINDS, f"one of {', '.join(KINDS)}"),
    "asks": _Field(
        lambda value: isinstance(value, list) and len(set(map(str, value))) == len(value) and set(value) <= set(ASKS),
        f"a list of {', '.join(ASKS)}, each at most once",
    ),
    "minutes": _whole_number(10, 600),
    "fasting_hours": _whole_number(0, 24),
    "arrive_early_minutes": _whole_number(0, 240),
    "driver": _FLAG,
    "lie_still": _FLAG,
    "clean_skin": _FLAG,
    "ask_about_food": _FLAG,
}
