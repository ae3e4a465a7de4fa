"""``.env`` and the environment: everything wrong is said at once, and no secret is ever shown."""

import traceback
from datetime import time, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.schedule import QuietHours
from bot.settings import NAMES, SECRETS, Problem, Settings, SettingsError, find_warnings, load_settings

SECRET = "hunter2-must-never-be-shown"
TWILIO = {
    "SENDER": "twilio",
    "TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000000",
    "TWILIO_AUTH_TOKEN": SECRET,
    "TWILIO_MESSAGING_SERVICE_SID": "MG00000000000000000000000000000000",
    "PUBLIC_BASE_URL": "https://reminders.example.org",
    "CLINIC_NAME": "Riverside Imaging",
    "CLINIC_PHONE": "+1 202-555-0100",
    "CLINIC_TIME_ZONE": "America/New_York",
}


def find_problems(environment: dict[str, str], env_file: Path | None = None) -> list[Problem]:
    with pytest.raises(SettingsError) as caught:
        load_settings(env_file, environment)
    return caught.value.problems


def write_env(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_needs_to_be_set_for_the_sandbox() -> None:
    settings = load_settings(None, {})
    assert settings.sender == "sandbox"
    assert settings == Settings()


def test_an_env_file_that_is_not_there_is_no_problem(tmp_path: Path) -> None:
    assert load_settings(tmp_path / ".env", {}) == Settings()


def test_an_empty_value_means_the_default() -> None:
    assert load_settings(None, dict.fromkeys(NAMES, "")) == Settings()


def test_every_setting_can_be_set() -> None:
    settings = load_settings(
        None,
        {
            **TWILIO,
            "DATABASE_URL": "postgresql+psycopg://bot:pw@localhost/bot",
            "CLINIC_ADDRESS": " 12 Harbor Street ",
            "CLINIC_TIME_ZONE": "Europe/Berlin",
            "DEFAULT_REGION": "de",
            "DEFAULT_LANGUAGE": "Spanish",
            "QUIET_HOURS_START": "21:30",
            "QUIET_HOURS_END": "8:00",
            "ARRIVE_EARLY_MINUTES": "20",
            "EMERGENCY_NUMBER": "112",
            "SEND_RATE_PER_SECOND": "0.5",
            "NAME_IN_TEXTS": "false",
            "REQUIRE_REVIEWED_TRANSLATIONS": "true",
            "RETENTION_DAYS": "30",
            "LOG_FORMAT": "json",
        },
    )
    assert settings.default_region == "DE"
    assert settings.retention_days == 30
    assert settings.log_format == "json"
    assert settings.send_rate_per_second == 0.5
    assert settings.plan.quiet == QuietHours(time(21, 30), time(8))
    assert settings.plan.arrive_early == timedelta(minutes=20)
    clinic = settings.clinic_facts
    assert (clinic.name, clinic.phone, clinic.address) == ("Riverside Imaging", "+1 202-555-0100", "12 Harbor Street")
    assert (str(clinic.zone), clinic.region, clinic.default_language) == ("Europe/Berlin", "DE", "es")
    assert (clinic.emergency_number, clinic.arrive_early) == ("112", timedelta(minutes=20))
    assert (clinic.name_in_texts, clinic.reviewed_only) == (False, True)


FAULTS = [
    ("DATABASE_URL", "mysql://bot:pw@localhost/bot", "sqlite:///FILE or postgresql"),
    ("DATABASE_URL", "reminders.db", "sqlite:///FILE or postgresql"),
    ("SENDER", "vonage", "one of 'sandbox' or 'twilio'"),
    ("TWILIO_FROM_NUMBER", "202-555-0100", "international form"),
    ("TWILIO_FROM_NUMBER", "+1 202 555 0100", "international form"),
    ("TWILIO_FROM_NUMBER", "+1202", "international form"),
    ("TWILIO_API_BASE_URL", "api.twilio.com", "an address such as"),
    ("PUBLIC_BASE_URL", "bot.example.net", "an address such as"),
    ("PUBLIC_BASE_URL", "ftp://bot.example.net", "an address such as"),
    ("PUBLIC_BASE_URL", "https:///bot", "an address such as"),
    ("PUBLIC_BASE_URL", "https://[bot", "an address such as"),
    ("CLINIC_NAME", "R" * 41, "at most 40 characters"),
    ("CLINIC_NAME", " ", "at least 1"),
    ("CLINIC_PHONE", "1" * 21, "at most 20 characters"),
    ("CLINIC_PHONE", "11", "at least 3 characters"),
    ("CLINIC_ADDRESS", "a" * 81, "at most 80 characters"),
    ("CLINIC_TIME_ZONE", "Eastern", "a time zone name such as"),
    ("CLINIC_TIME_ZONE", "../../etc/passwd", "a time zone name such as"),
    ("CLINIC_TIME_ZONE", "Asia", "a time zone name such as"),
    ("CLINIC_TIME_ZONE", "america/new_york", "a time zone name such as"),
    ("CLINIC_TIME_ZONE", "posixrules", "a time zone name such as"),
    ("CLINIC_TIME_ZONE", "posix/America/New_York", "a time zone name such as"),
    ("CLINIC_TIME_ZONE", "America//New_York", "a time zone name such as"),
    ("DEFAULT_REGION", "America", "two-letter country code"),
    ("DEFAULT_LANGUAGE", "Klingon", "a language that the bot writes"),
    ("QUIET_HOURS_START", "8pm", "a time of day such as"),
    ("QUIET_HOURS_START", "20", "a time of day such as"),
    ("QUIET_HOURS_END", "24:00", "a time of day such as"),
    ("QUIET_HOURS_END", "9:00:00", "a time of day such as"),
    ("ARRIVE_EARLY_MINUTES", "soon", "a whole number"),
    ("ARRIVE_EARLY_MINUTES", "7.5", "a whole number"),
    ("ARRIVE_EARLY_MINUTES", "-1", "at least 0"),
    ("ARRIVE_EARLY_MINUTES", "241", "at most 240"),
    ("EMERGENCY_NUMBER", "1", "at least 2 characters"),
    ("SEND_RATE_PER_SECOND", "fast", "a number"),
    ("SEND_RATE_PER_SECOND", "0", "more than 0"),
    ("SEND_RATE_PER_SECOND", "10001", "at most 10000"),
    ("SEND_RATE_PER_SECOND", "nan", "expected"),
    ("NAME_IN_TEXTS", "perhaps", "true or false"),
    ("REQUIRE_REVIEWED_TRANSLATIONS", "2", "true or false"),
    ("RETENTION_DAYS", "0", "at least 1"),
    ("RETENTION_DAYS", "36501", "at most 36500"),
    ("LOG_FORMAT", "xml", "one of 'text' or 'json'"),
]


@pytest.mark.parametrize(("name", "value", "expected"), FAULTS)
def test_a_faulty_value_is_named_with_what_is_expected_instead(name: str, value: str, expected: str) -> None:
    [problem] = find_problems({name: value})
    assert problem.setting == name
    assert expected in problem.expected
    assert str(problem) == f"{name}: {problem.expected}"
    assert value.strip() == "" or len(value) < 3 or value not in problem.expected


def test_all_problems_are_reported_at_once_and_each_names_its_setting(tmp_path: Path) -> None:
    faults = {name: value for name, value, _ in FAULTS}
    faults["PLAN_FILE"] = str(tmp_path / "missing.toml")
    faults["SECRET_KEY_FILE"] = str(tmp_path / "missing.txt")
    problems = find_problems(faults)
    named = [problem.setting for problem in problems]
    assert named == sorted(faults)
    with pytest.raises(SettingsError) as caught:
        load_settings(None, faults)
    for name in faults:
        assert f"{name}: expected" in str(caught.value) or f"{name}: the path" in str(caught.value)


def test_what_twilio_needs_is_reported_together_with_what_is_faulty() -> None:
    problems = find_problems({"SENDER": "twilio", "QUIET_HOURS_START": "late", "LOG_FORMAT": "xml"})
    assert [problem.setting for problem in problems] == [
        *("CLINIC_NAME", "CLINIC_PHONE", "CLINIC_TIME_ZONE", "LOG_FORMAT", "PUBLIC_BASE_URL", "QUIET_HOURS_START"),
        *("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_MESSAGING_SERVICE_SID"),
    ]


# Secrets


def test_no_secret_is_in_what_settings_look_like() -> None:
    values = dict.fromkeys(SECRETS, SECRET) | {"DATABASE_URL": f"postgresql+psycopg://bot:{SECRET}@localhost/bot"}
    settings = load_settings(None, {**TWILIO, **values})
    for shown in (repr(settings), str(settings), f"{settings}", str(settings.model_dump()), settings.model_dump_json()):
        assert SECRET not in shown
    assert settings.twilio_auth_token.get_secret_value() == SECRET
    assert SECRET in settings.database_url.get_secret_value()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"PLAN_FILE"}))
def test_no_value_is_in_a_problem_or_its_traceback(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {**TWILIO, "TWILIO_ACCOUNT_SID": "", name: SECRET * 10})
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.problems)
    assert SECRET not in shown


def test_a_faulty_database_address_does_not_show_its_password() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, {"DATABASE_URL": f"postgres://bot:{SECRET}@localhost/bot"})
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_come_from_a_file(tmp_path: Path, name: str) -> None:
    value = "sqlite:///other.db" if name == "DATABASE_URL" else SECRET
    path = tmp_path / "secret.txt"
    path.write_text(f"{value}\n", encoding="utf-8")
    settings = load_settings(None, {f"{name}_FILE": str(path)})
    assert getattr(settings, name.lower()).get_secret_value() == value


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_file_that_cannot_be_read_is_a_problem_of_its_setting(tmp_path: Path, name: str) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing.txt", tmp_path, binary):
        [problem] = find_problems({f"{name}_FILE": str(path)})
        assert problem == Problem(f"{name}_FILE", "the path of a readable text file")


def test_an_empty_secret_file_is_a_missing_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("\n", encoding="utf-8")
    [problem] = find_problems({**TWILIO, "TWILIO_AUTH_TOKEN": "", "TWILIO_AUTH_TOKEN_FILE": str(path)})
    assert problem.setting == "TWILIO_AUTH_TOKEN"


# Where values come from


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    path = write_env(tmp_path, "CLINIC_NAME=From the file\nCLINIC_PHONE=202-555-0123\n")
    settings = load_settings(path, {"CLINIC_NAME": "From the environment"})
    assert settings.clinic_name == "From the environment"
    assert settings.clinic_phone == "202-555-0123"


def test_a_secret_file_of_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("from-the-secret-file", encoding="utf-8")
    path = write_env(tmp_path, "SECRET_KEY=from-the-env-file\n")
    settings = load_settings(path, {"SECRET_KEY_FILE": str(secret)})
    assert settings.secret_key.get_secret_value() == "from-the-secret-file"
    settings = load_settings(path, {"SECRET_KEY_FILE": str(secret), "SECRET_KEY": "from-the-environment"})
    assert settings.secret_key.get_secret_value() == "from-the-environment"


def test_an_env_file_may_name_a_secret_file_quote_and_comment(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET, encoding="utf-8")
    path = write_env(
        tmp_path,
        f"# The clinic\nexport CLINIC_NAME=\"O'Hara's $HOME Imaging\"  # as on the door\nSECRET_KEY_FILE={secret}\n",
    )
    settings = load_settings(path, {})
    assert settings.clinic_name == "O'Hara's $HOME Imaging"
    assert settings.secret_key.get_secret_value() == SECRET


def test_an_env_file_in_another_encoding_is_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes("CLINIC_NAME=Clínica del Río\n".encode("cp1252"))
    assert ".env" in str(find_problems({}, path))


def test_an_env_file_may_begin_with_the_mark_that_windows_editors_write(tmp_path: Path) -> None:
    path = write_env(tmp_path, "\ufeffCLINIC_NAME=Riverside MRI\nCLINIC_PHONE=202-555-0123\n")
    assert load_settings(path, {}).clinic_name == "Riverside MRI"


def test_values_are_tidied() -> None:
    settings = load_settings(
        None, {"CLINIC_NAME": " St. Mary\u2019s\u00a0Imaging\u200b ", "CLINIC_PHONE": "202\u2011555\u20110100"}
    )
    assert settings.clinic_name == "St. Mary's Imaging"
    assert settings.clinic_phone == "202-555-0100"


def test_what_is_no_setting_is_left_alone() -> None:
    assert load_settings(None, {"PATH": "/bin", "CLINIC_NAMES": "Many", "clinic_name": "lower"}) == Settings()


# Twilio


def test_twilio_needs_nothing_more_than_this() -> None:
    settings = load_settings(None, TWILIO)
    assert settings.sender == "twilio"
    assert find_warnings(settings, None) == []


@pytest.mark.parametrize("name", sorted(set(TWILIO) - {"SENDER"}))
def test_twilio_cannot_do_without_each_of_these(name: str) -> None:
    [problem] = find_problems({**TWILIO, name: ""})
    assert problem.setting == name
    assert problem.expected.startswith("expected ")


def test_an_account_sid_has_its_form() -> None:
    [problem] = find_problems({**TWILIO, "TWILIO_ACCOUNT_SID": "SK00000000000000000000000000000000"})
    assert problem.setting == "TWILIO_ACCOUNT_SID"


def test_one_number_can_stand_in_for_the_messaging_service() -> None:
    environment = {**TWILIO, "TWILIO_MESSAGING_SERVICE_SID": "", "TWILIO_FROM_NUMBER": "+12025550100"}
    assert load_settings(None, environment).twilio_from_number == "+12025550100"


def test_an_api_key_can_stand_in_for_the_token_but_then_no_webhook_can_be_checked() -> None:
    key = {"TWILIO_API_KEY_SID": "SK00000000000000000000000000000000", "TWILIO_API_KEY_SECRET": SECRET}
    settings = load_settings(None, {**TWILIO, "TWILIO_AUTH_TOKEN": "", **key})
    [warning] = find_warnings(settings, None)
    assert warning.setting == "TWILIO_AUTH_TOKEN"
    assert "webhooks" in warning.expected


@pytest.mark.parametrize("name", ["TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET"])
def test_half_an_api_key_does_not_stand_in_for_the_token(name: str) -> None:
    [problem] = find_problems({**TWILIO, "TWILIO_AUTH_TOKEN": "", name: SECRET})
    assert problem.setting == "TWILIO_AUTH_TOKEN"
    assert "TWILIO_API_KEY_SECRET" in problem.expected


def test_the_sandbox_needs_nothing_of_twilio() -> None:
    settings = load_settings(None, {**dict.fromkeys(TWILIO, ""), "SENDER": "sandbox"})
    assert find_warnings(settings, None) == []


# Warnings


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CLINIC_NAMES", "CLINIC_NAME"),
        ("CLINC_PHONE", "CLINIC_PHONE"),
        ("TWILIO_AUTH_TOKN", "TWILIO_AUTH_TOKEN"),
        ("TWILLIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN"),
        ("SECRETKEY", "SECRET_KEY"),
        ("QUIET_HOUR_START", "QUIET_HOURS_START"),
        ("CLINIC_TIMEZONE", "CLINIC_TIME_ZONE"),
        ("clinic_name", "CLINIC_NAME"),
        ("SECRET_KEYS_FILE", "SECRET_KEY"),
    ],
)
def test_a_misspelt_name_is_warned_of_with_the_one_that_was_meant(tmp_path: Path, name: str, meant: str) -> None:
    path = write_env(tmp_path, f"{name}={SECRET}\n")
    [warning] = find_warnings(load_settings(path, {}), path)
    assert warning.setting == name
    assert f"did you mean {meant}" in warning.expected
    assert SECRET not in str(warning)


def test_a_right_name_a_secret_file_and_a_name_of_something_else_are_not_warned_of(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET, encoding="utf-8")
    path = write_env(tmp_path, f"CLINIC_NAME=Riverside\nSECRET_KEY_FILE={secret}\nCOMPOSE_PROJECT_NAME=bot\nTZ=UTC\n")
    assert find_warnings(load_settings(path, {}), path) == []


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("https://reminders.example.org", False),
        ("http://reminders.example.org", True),
        ("http://127.0.0.1:8000", False),
        ("http://localhost:8000/", False),
        ("http://[::1]:8000", False),
        ("http://127.0.0.1.example.org", True),
    ],
)
def test_plain_http_is_warned_of_where_texts_really_travel(url: str, warned: bool) -> None:
    settings = load_settings(None, {**TWILIO, "PUBLIC_BASE_URL": url})
    assert [warning.setting for warning in find_warnings(settings, None)] == ["PUBLIC_BASE_URL"] * warned
    assert not settings.public_base_url.endswith("/")


# Frozen


def test_settings_cannot_be_changed() -> None:
    settings = load_settings(None, {})
    with pytest.raises(ValidationError):
        settings.clinic_name = "Another"
    assert settings.clinic_name == "Riverside Imaging"
    assert settings.plan is settings.plan
    assert settings.clinic_facts is settings.clinic_facts


# The plan file


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("", "at least one step"),
        ("[[steps]\n", "plan.toml"),
        ('[[steps]]\nstep = "hello"\nat = "enrolment"\n', "step 1"),
        ('[[steps]]\nstep = "welcome"\nat = "enrolment"\n[[steps]]\nstep = "prepare"\n', "step 2"),
        ('[[steps]]\nstep = "prepare"\ndays_before = 2\ntime = "25:00"\n', "time must be HH:MM"),
        ('[steps]\nstep = "welcome"\nat = "enrolment"\n', "step"),
        ('steps = ["welcome"]\n', "step"),
    ],
)
def test_a_faulty_plan_file_is_a_problem_of_its_setting(tmp_path: Path, plan: str, said: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(plan, encoding="utf-8")
    [problem] = find_problems({"PLAN_FILE": str(path)})
    assert problem.setting == "PLAN_FILE"
    assert problem.expected.startswith("expected a usable plan; ")
    assert said in problem.expected


def test_a_plan_file_that_is_missing_is_a_problem_of_its_setting(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path):
        [problem] = find_problems({"PLAN_FILE": str(path)})
        assert problem.setting == "PLAN_FILE"
        assert path.name in problem.expected


def test_a_plan_file_of_ones_own_replaces_the_default_plan(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('[[steps]]\nstep = "arrive"\nhours_before = 24\n', encoding="utf-8")
    assert [step.name for step in load_settings(None, {"PLAN_FILE": str(path)}).plan.steps] == ["arrive"]
    assert len(load_settings(None, {}).plan.steps) == 4
