"""What reaches the log: never a phone number, and one line that a machine can read."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from bot.logs import set_up_logging

Form = Literal["text", "json"]
FORMS: list[Form] = ["text", "json"]
NOISY = ("apscheduler", "uvicorn.access", "alembic", "twilio", "aiohttp")


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in NOISY}
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "number",
    [
        "+12025550100",
        "12025550100",
        "2025550100",
        "555-0100",
        "202-555-0100",
        "202.555.0100",
        "202 555 0100",
        "(202) 555-0100",
        "+1 (202) 555-0100",
        "+1 202\u00a0555\u00a00100",
        "+44 7911 123456",
        "whatsapp:+12025550100",
        "%2B12025550100",
        "٢٠٢٥٥٥٠١٠٠",
    ],
)
def test_a_phone_number_in_a_message_is_masked(form: Form, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(form)
    logging.getLogger("bot.test").warning("no route to %s at all", number)
    line = capsys.readouterr().err
    assert "[number]" in line
    assert "0100" not in line
    assert "3456" not in line
    assert "٠١٠٠" not in line
    assert "no route to" in line
    assert "at all" in line


@pytest.mark.parametrize("form", FORMS)
def test_every_number_of_a_message_is_masked(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(form)
    logging.getLogger("bot.test").error("from +12025550100 to +12025550101: refused")
    line = capsys.readouterr().err
    assert line.count("[number]") == 2
    assert "202555" not in line


@pytest.mark.parametrize("form", FORMS)
def test_a_phone_number_in_a_traceback_is_masked(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(form)
    try:
        try:
            raise LookupError("+12025550100 is unknown")
        except LookupError as error:
            raise RuntimeError("cannot send to (202) 555-0101") from error
    except RuntimeError:
        logging.getLogger("bot.test").exception("text 12 failed for %s", "+1 202 555 0102", stack_info=True)
    shown = capsys.readouterr().err
    for digits in ("2025550100", "555-0101", "555 0102"):
        assert digits not in shown
    for said in ("LookupError: [number] is unknown", "RuntimeError: cannot send to ([number]", "failed for [number]"):
        assert said in shown
    assert "Stack (most recent call last)" in shown


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "words",
    ["text 12 failed", "HTTP 404 after 3 attempts", "30 to 60 minutes", "error 21211", "took 1.25 s", "a 1234567"],
)
def test_a_short_number_is_not_a_phone_number(form: Form, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(form)
    logging.getLogger("bot.test").info("%s", words)
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "row", ["(7, Ana, I have a pacemaker)", "(7, Ana, first line\nI have a pacemaker\nlast line, 2026)"]
)
def test_the_failing_row_that_postgresql_adds_is_left_out(
    form: Form, row: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging(form)
    try:
        raise ValueError(
            f'null value in column "phone" violates not-null constraint\nDETAIL:  Failing row contains {row}.'
        )
    except ValueError:
        logging.getLogger("bot.test").exception("a batch failed")
    shown = capsys.readouterr().err
    assert "not-null constraint" in shown
    assert "DETAIL: [left out]" in shown
    for private in ("Ana", "pacemaker", "last line"):
        assert private not in shown.partition("DETAIL: [left out]")[2]


def test_a_line_for_people_has_the_time_in_utc_the_level_and_the_logger(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("text")
    logging.getLogger("bot.outbox").warning("text %s was not sent", 12)
    moment, _, rest = capsys.readouterr().err.partition(" ")
    assert rest == "warning bot.outbox: text 12 was not sent\n"
    logged_at = datetime.fromisoformat(moment)
    assert logged_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - logged_at) < timedelta(minutes=1)


def test_a_json_log_has_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("json")
    log = logging.getLogger("bot.outbox")
    log.info('two\nlines and "quotes" and \\ and \u2028')
    log.warning("النص %s", "+12025550100")
    try:
        raise ValueError("no such thing")
    except ValueError:
        log.exception("a tick failed")
    # A collector splits at \n, not at what Python calls a line.
    lines = [json.loads(line) for line in capsys.readouterr().err.rstrip("\n").split("\n")]
    assert [line["message"] for line in lines[:2]] == ['two\nlines and "quotes" and \\ and \u2028', "النص [number]"]
    assert [line["level"] for line in lines] == ["info", "warning", "error"]
    assert lines[2]["message"].startswith("a tick failed\nTraceback")
    assert lines[2]["message"].endswith("ValueError: no such thing")
    for line in lines:
        assert set(line) == {"time", "level", "logger", "message"}
        assert line["logger"] == "bot.outbox"
        assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NOISY)
def test_chatter_of_libraries_is_left_out_but_not_their_warnings(
    form: Form, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging(form)
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("trouble")
    shown = capsys.readouterr().err
    assert "chatter" not in shown
    assert "trouble" in shown


@pytest.mark.parametrize("form", FORMS)
def test_setting_up_twice_does_not_log_twice(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("text")
    set_up_logging(form)
    logging.getLogger("bot.test").info("once")
    logging.getLogger("bot.test").debug("never")
    captured = capsys.readouterr()
    assert captured.err.count("once") == 1
    assert "never" not in captured.err
    assert captured.out == ""
