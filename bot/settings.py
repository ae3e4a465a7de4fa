"""``.env`` and the environment -> one frozen ``Settings``; every problem is reported at once."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers
from dotenv import dotenv_values
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from bot.schedule import DEFAULT_PLAN, Limits, Plan, PlanError, QuietHours, read_steps
from bot.watch import Watch
from bot.working_days import WorkingDays, is_known, read_days, read_weekdays
from bot.zone_data import ZoneData, read_zone_data
from messages.exams import Exams, ExamsError, read_exams
from messages.facts import MAX_ADDRESS, MAX_CLINIC_NAME, MAX_PHONE, ClinicFacts
from messages.languages import find_language
from messages.screening import Form, FormError, read_form
from messages.segments import tidy


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one setting: what it is and what is expected. Never its value."""

    setting: str
    expected: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.expected}"


class SettingsError(ValueError):
    """The settings cannot be used; ``problems`` has all of them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


@cache  # To find them takes a walk through all. One that there is stays; one that there is not is looked for anew.
def _check_zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("a time zone name such as America/New_York")
    return value


def _check_region(value: str) -> str:
    if value.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("a two-letter country code such as US")
    return value.upper()


def _check_language(value: str) -> str:
    language = find_language(value)
    if language is None:
        raise ValueError("a language that the bot writes, such as en or es")
    return language.code


def _check_clock(value: str | time) -> time:
    if isinstance(value, time):
        return value
    try:
        hours, minutes = value.split(":")
        return time(int(hours), int(minutes))
    except ValueError:
        raise ValueError("a time of day such as 20:00") from None


def _check_weekdays(value: str) -> str:
    read_weekdays(value)
    return value


def _check_days(value: str) -> str:
    read_days(value)
    return value


def _check_address(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address such as https://reminders.example.org")
    return value.rstrip("/")


def _check_database(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME")
    return value


def _check_sender_number(value: str) -> str:
    if value and not (value.startswith("+") and value[1:].isdecimal() and 8 <= len(value) <= 16):
        raise ValueError("a phone number in international form such as +15550100")
    return value


Address = Annotated[str, BeforeValidator(_check_address)]
Clock = Annotated[time, BeforeValidator(_check_clock)]
Tidy = BeforeValidator(tidy)


class Settings(BaseModel):
    """Everything an operator can set. Names in the environment are these in upper case."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: Annotated[SecretStr, BeforeValidator(_check_database)] = SecretStr("sqlite:///reminders.db")
    sender: Literal["sandbox", "twilio"] = "sandbox"
    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_webhook_secret: SecretStr = SecretStr("")
    twilio_api_key_sid: str = ""
    twilio_api_key_secret: SecretStr = SecretStr("")
    twilio_messaging_service_sid: str = ""
    twilio_from_number: Annotated[str, BeforeValidator(_check_sender_number)] = ""
    twilio_api_base_url: Address = "https://api.twilio.com"
    public_base_url: Address = "http://127.0.0.1:8000"
    clinic_name: Annotated[str, Tidy, Field(min_length=1, max_length=MAX_CLINIC_NAME)] = "Riverside Imaging"
    clinic_phone: Annotated[str, Tidy, Field(min_length=3, max_length=MAX_PHONE)] = "+1 202-555-0100"
    clinic_address: Annotated[str, Tidy, Field(max_length=MAX_ADDRESS)] = ""
    clinic_time_zone: Annotated[str, BeforeValidator(_check_zone)] = "America/New_York"
    default_region: Annotated[str, BeforeValidator(_check_region)] = "US"
    default_language: Annotated[str, BeforeValidator(_check_language)] = "en"
    quiet_hours_start: Clock = time(20, 0)
    quiet_hours_end: Clock = time(9, 0)
    arrive_early_minutes: Annotated[int, Field(ge=0, le=240)] = 15
    emergency_number: Annotated[str, Tidy, Field(min_length=2, max_length=MAX_PHONE)] = "911"
    send_rate_per_second: Annotated[float, Field(gt=0, le=10_000)] = 25.0
    send_at_once: Annotated[int, Field(ge=1, le=10_000)] = 50
    spread_minutes: Annotated[int, Field(ge=0, le=240)] = 20
    texts_per_day: Annotated[int, Field(ge=1, le=100)] = 3
    most_identical: Annotated[int, Field(ge=1, le=100)] = 3
    brake_times: Annotated[float, Field(ge=0, le=1000)] = 10.0
    brake_least: Annotated[int, Field(ge=1)] = 1000
    when_in_doubt: Literal["resend", "hold"] = "resend"
    spool_folder: str = "spool"
    name_in_texts: bool = True
    require_reviewed_translations: bool = False
    secret_key: SecretStr = SecretStr("")
    idle_minutes: Annotated[int, Field(ge=1, le=720)] = 30
    retention_days: Annotated[int, Field(ge=1, le=36500)] = 2555
    log_format: Literal["text", "json"] = "text"
    plan_file: str = ""
    exams_file: str = ""
    screening_file: str = ""
    screening_reminder_days: Annotated[int, Field(ge=1, le=30)] = 3
    screening_phone_days: Annotated[int, Field(ge=1, le=30)] = 1
    working_days: Annotated[str, BeforeValidator(_check_weekdays)] = "mon-fri"
    closed_days: Annotated[str, BeforeValidator(_check_days)] = ""
    holidays_country: Annotated[str, BeforeValidator(str.upper)] = ""
    holidays_region: str = ""
    digest_time: Clock = time(15, 0)
    clinic_alert_phone: Annotated[str, BeforeValidator(_check_sender_number)] = ""
    alert_after_minutes: Annotated[int, Field(ge=1, le=1440)] = 20
    text_after_visit: bool = True
    text_no_show: bool = True
    text_delays: bool = True
    clock_format: Literal["locale", "12", "24"] = "locale"
    native_digits: bool = False
    segment_price: Annotated[float, Field(ge=0, le=10)] = 0.0

    @cached_property
    def plan(self) -> Plan:
        """The reminder plan.

        Raises:
            PlanError: ``PLAN_FILE`` cannot be used.
        """
        steps = read_steps(Path(self.plan_file) if self.plan_file else DEFAULT_PLAN)
        quiet = QuietHours(self.quiet_hours_start, self.quiet_hours_end)
        early = timedelta(minutes=self.arrive_early_minutes)
        limits = Limits(
            self.texts_per_day,
            self.most_identical,
            self.brake_times,
            self.brake_least,
            at_once=self.send_at_once,
            hold_in_doubt=self.when_in_doubt == "hold",
        )
        spread = timedelta(minutes=self.spread_minutes)
        zone, rules = ZoneInfo(self.clinic_time_zone), self.zone_data.fingerprint
        return Plan(steps, zone, quiet, early, self.exams, spread, limits, rules)

    @cached_property
    def zone_data(self) -> ZoneData:
        """The rules of the clinic's time zone, as this machine had them at the start."""
        return read_zone_data(self.clinic_time_zone)

    @cached_property
    def exams(self) -> Exams:
        """The exams of this clinic.

        Raises:
            ExamsError: ``EXAMS_FILE`` cannot be used.
        """
        return read_exams(Path(self.exams_file) if self.exams_file else None)

    @cached_property
    def calendar(self) -> WorkingDays:
        """The days on which the clinic works, with the public holidays of its country."""
        country = self.holidays_country or (self.default_region if is_known(self.default_region, "") else "")
        return WorkingDays(read_weekdays(self.working_days), read_days(self.closed_days), country, self.holidays_region)

    @cached_property
    def watch(self) -> Watch:
        """How long silence is waited for, and what is said around a visit."""
        return Watch(
            calendar=self.calendar,
            reminder_days=self.screening_reminder_days,
            phone_days=self.screening_phone_days,
            digest_at=self.digest_time,
            alert_phone=self.clinic_alert_phone,
            address=self.public_base_url,
            after_visit=self.text_after_visit,
            no_show=self.text_no_show,
        )

    @cached_property
    def screening(self) -> Form:
        """The screening questions of this clinic.

        Raises:
            FormError: ``SCREENING_FILE`` cannot be used.
        """
        return read_form(Path(self.screening_file) if self.screening_file else None)

    @cached_property
    def clinic_facts(self) -> ClinicFacts:
        return ClinicFacts(
            name=self.clinic_name,
            phone=self.clinic_phone,
            address=self.clinic_address,
            zone=ZoneInfo(self.clinic_time_zone),
            region=self.default_region,
            default_language=self.default_language,
            emergency_number=self.emergency_number,
            arrive_early=timedelta(minutes=self.arrive_early_minutes),
            name_in_texts=self.name_in_texts,
            reviewed_only=self.require_reviewed_translations,
            clock=self.clock_format,
            native_digits=self.native_digits,
            exams=self.exams,
            screening=self.screening,
        )


NAMES = tuple(name.upper() for name in Settings.model_fields)
SECRETS = ("DATABASE_URL", "TWILIO_AUTH_TOKEN", "TWILIO_WEBHOOK_SECRET", "TWILIO_API_KEY_SECRET", "SECRET_KEY")
_EXPECTED = {
    "bool_parsing": "true or false",
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} characters",
    "too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} characters",
    "literal_error": "one of {expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
}


def load_settings(env_file: Path | None = Path(".env"), environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings: the environment wins over ``.env``; ``<NAME>_FILE`` names a secret's file.

    Raises:
        SettingsError: with every problem there is.
    """
    values, problems = _read_values(env_file, environment)
    settings = None
    try:
        settings = Settings.model_validate({name.lower(): value for name, value in values.items()})
    except ValidationError as error:
        problems += [_explain(detail) for detail in error.errors()]
    problems += _find_missing(values)
    try:
        read_steps(Path(values["PLAN_FILE"]) if "PLAN_FILE" in values else DEFAULT_PLAN)
    except PlanError as error:
        problems.append(Problem("PLAN_FILE", f"expected a usable plan; {error}"))
    try:
        read_exams(Path(values["EXAMS_FILE"]) if "EXAMS_FILE" in values else None)
    except ExamsError as error:
        problems.append(Problem("EXAMS_FILE", f"expected a usable file of exams; {error}"))
    try:
        read_form(Path(values["SCREENING_FILE"]) if "SCREENING_FILE" in values else None)
    except FormError as error:
        problems.append(Problem("SCREENING_FILE", f"expected a usable file of questions; {error}"))
    country = values.get("HOLIDAYS_COUNTRY", "").upper()
    region = values.get("HOLIDAYS_REGION", "")
    if country and not is_known(country, ""):
        problems.append(Problem("HOLIDAYS_COUNTRY", "expected a two-letter country code such as US"))
    elif region and not is_known(country or values.get("DEFAULT_REGION", "US").upper(), region):
        problems.append(Problem("HOLIDAYS_REGION", "expected a state or region of that country, such as CA"))
    if problems or settings is None:
        raise SettingsError(sorted(problems, key=lambda problem: problem.setting))
    return settings


def find_warnings(settings: Settings, env_file: Path | None = Path(".env")) -> list[Problem]:
    """What works but is probably not meant: misspelt names, webhooks nobody can sign, plain HTTP."""
    warnings = []
    for name in dotenv_values(env_file) if env_file and env_file.exists() else ():
        suffix = "_FILE" if name.upper().endswith("_FILE") and name not in NAMES else ""
        bare = name.upper().removesuffix(suffix)
        near = difflib.get_close_matches(bare, NAMES, 1, 0.8)
        if near and near[0] + suffix != name:
            warnings.append(Problem(name, f"is not a setting; did you mean {near[0]}{suffix}?"))
    if settings.sender == "twilio":
        if not settings.twilio_auth_token.get_secret_value():
            warnings.append(
                Problem("TWILIO_AUTH_TOKEN", "Twilio signs its webhooks with it; without it none is accepted")
            )
        url = urlsplit(settings.public_base_url)
        if url.scheme != "https" and url.hostname not in ("127.0.0.1", "localhost", "::1"):
            warnings.append(Problem("PUBLIC_BASE_URL", "patients' texts should travel over https"))
    return warnings


def _read_values(env_file: Path | None, environment: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    found: dict[str, str] = {}
    problems = []
    sources: list[Mapping[str, str | None]] = [environment]
    if env_file and env_file.exists():
        try:
            sources.append(dotenv_values(env_file, interpolate=False))
        except UnicodeDecodeError:
            problems.append(Problem(env_file.name, "expected a text file in UTF-8"))
    for name in NAMES:
        for source in sources:
            if value := source.get(name):
                found[name] = value.strip()
            elif path := source.get(f"{name}_FILE"):
                try:
                    found[name] = Path(path).read_text(encoding="utf-8").strip()
                except (OSError, UnicodeDecodeError):
                    problems.append(Problem(f"{name}_FILE", "the path of a readable text file"))
            else:
                continue
            break
    return found, problems


def _explain(detail: Mapping[str, Any]) -> Problem:
    name = str(detail["loc"][0]).upper()
    if detail["type"] == "value_error":
        return Problem(name, f"expected {detail['ctx']['error']}")
    template = _EXPECTED.get(detail["type"])
    context = {key: f"{value:g}" if isinstance(value, float) else value for key, value in detail.get("ctx", {}).items()}
    return Problem(name, f"expected {template.format(**context)}" if template else str(detail["msg"]))


def _find_missing(values: Mapping[str, str]) -> list[Problem]:
    """What real sending cannot do without."""
    if values.get("SENDER") != "twilio":
        return []
    problems = []
    if not values.get("TWILIO_ACCOUNT_SID", "").startswith("AC"):
        problems.append(Problem("TWILIO_ACCOUNT_SID", "expected the account SID (AC...) of the Twilio console"))
    if not (
        values.get("TWILIO_AUTH_TOKEN") or (values.get("TWILIO_API_KEY_SID") and values.get("TWILIO_API_KEY_SECRET"))
    ):
        expected = "expected the auth token, or TWILIO_API_KEY_SID with TWILIO_API_KEY_SECRET"
        problems.append(Problem("TWILIO_AUTH_TOKEN", expected))
    if not (values.get("TWILIO_MESSAGING_SERVICE_SID") or values.get("TWILIO_FROM_NUMBER")):
        expected = "expected the messaging service (MG...), or TWILIO_FROM_NUMBER"
        problems.append(Problem("TWILIO_MESSAGING_SERVICE_SID", expected))
    for name, expected in (
        ("PUBLIC_BASE_URL", "the address at which Twilio reaches this bot, such as https://reminders.example.org"),
        ("CLINIC_NAME", "the clinic's name as patients know it"),
        ("CLINIC_PHONE", "the phone that patients can call"),
        ("CLINIC_TIME_ZONE", "a time zone name such as America/New_York"),
    ):
        if not values.get(name):
            problems.append(Problem(name, f"expected {expected}"))
    return problems
