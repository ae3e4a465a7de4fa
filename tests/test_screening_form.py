"""What the screening asks, as data, and the form of it that staff read."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bot.database import reading, writing
from bot.forms import describe_screening, list_lines
from bot.models import Appointment, Reply, ScreeningState
from bot.screenings import take_down
from bot.settings import Settings
from messages.screening import SENTENCES, FormError, read_form
from tests.conftest import MakeSettings
from tests.screened import LUZ, enrol_asked, get_screening, say, start_clock, tick


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: the statements are those of the other tests."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def patient(engine: Engine, settings: Settings) -> int:
    """A patient who has had the safety question."""
    return enrol_asked(engine, settings)


@pytest.fixture(autouse=True)
def _start_clock() -> None:
    start_clock()


def test_a_companion_may_report_and_the_form_says_who(engine: Engine, settings: Settings) -> None:
    enrol_asked(engine, settings, companion=LUZ)
    say(engine, settings, "2", "1")
    say(engine, settings, "tiene un marcapasos", phone=LUZ.phone)

    with reading(engine) as session:
        form = describe_screening(session, 1, settings.screening, settings.exams, settings.plan.zone)
    assert form is not None
    assert [answer["by"] for answer in form["answers"]] == ["the patient's phone"] * 2 + ["the companion Luz"]


def test_the_form_says_what_was_asked_in_english_and_never_a_verdict(engine: Engine, settings: Settings) -> None:
    enrol_asked(engine, settings, language="zh_Hans")
    say(engine, settings, "2", "2", "起搏器", "1")

    with reading(engine) as session:
        form = describe_screening(session, 1, settings.screening, settings.exams, settings.plan.zone)
    assert form is not None
    assert form["state"] == "answers under way"
    assert form["answers"][2] == {
        "question": "device",
        "asked": SENTENCES["device"],
        "reply": str(Reply.WORDS),
        "words": "起搏器",
        "language": "zh_Hans",
        "by": "the patient's phone",
        "at": form["answers"][2]["at"],
    }
    reported = {item["id"]: item["reported"] for item in form["items"]}
    assert reported["pacemaker_icd"] == 'yes or not sure: "起搏器"'
    assert reported["aneurysm_clip"] == "no"
    assert reported["eye_metal"] == "not answered"
    assert reported["weight"] == "not asked by text"
    assert len(reported) == 24
    text = "\n".join(list_lines(form))
    assert "Nothing has been checked or decided" in text
    assert "safe" not in text.replace("safety", "")


def test_every_item_of_the_form_is_asked_by_text_but_one() -> None:
    form = read_form()
    assert len(form.items) == 24
    assert [item.id for item in form.items if not item.asked_with] == ["weight"]
    assert {item.asked_with for item in form.items if item.asked_with} <= {question.code for question in form.questions}


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        ("", "at least one question"),
        ("[[questions]]\ncode = 'device'\nlabel = 'x'\nasks = ['implants']", "it needs code, label, urgency"),
        ("[[questions]]\ncode = 'own'\nlabel = 'x'\nurgency = 5\nasks = ['metal']", "at least in English"),
        ("[[questions]]\ncode = 'metal'\nlabel = 'x'\nurgency = true\nasks = ['metal']", "whole number"),
        ("[[questions]]\ncode = 'metal'\nlabel = 'x'\nurgency = 5\nasks = ['rings']", "asks must be of"),
        ("questions = 3", "may hold"),
        ("[[soon]]\ndays = 1", "days and adds"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_is_wrong(tmp_path: Path, content: str, trouble: str) -> None:
    file = tmp_path / "own.toml"
    base = (
        ""
        if content in ("", "questions = 3") or "[[questions]]" in content
        else ("[[questions]]\ncode = 'metal'\nlabel = 'x'\nurgency = 5\nasks = ['metal']\n")
    )
    file.write_text(base + content, encoding="utf-8")
    with pytest.raises(FormError, match=trouble):
        read_form(file)


def test_a_clinics_own_question_is_asked_in_the_languages_that_it_has(
    engine: Engine, tmp_path: Path, make_settings: MakeSettings
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        "[[questions]]\ncode = 'weight'\nlabel = 'weight'\nurgency = 10\nasks = ['metal']\n"
        "text = { en = 'Do you weigh more than 150 kg?', es = '¿Pesa más de 150 kg?' }\n",
        encoding="utf-8",
    )
    settings = make_settings(SCREENING_FILE=str(own))
    enrol_asked(engine, settings, language="es")

    [question] = say(engine, settings, "2")
    assert "1/1 ¿Pesa más de 150 kg?" in question
    enrol_asked(engine, settings, language="fr", phone="+12025550144")
    [question] = say(engine, settings, "2", phone="+12025550144")
    assert "1/1 Do you weigh more than 150 kg?" in question


def test_what_was_answered_on_the_phone_is_written_down_and_ends_the_screening(
    engine: Engine, settings: Settings, patient: int
) -> None:
    say(engine, settings, "2", "CALL ME")
    with writing(engine) as session:
        appointment = session.exec(select(Appointment)).one()
        take_down(session, appointment, "no implants, welder until 1990", "nurse", tick())

    assert get_screening(engine).state == ScreeningState.ANSWERED
    assert get_screening(engine).seen_by == "nurse"
    with reading(engine) as session:
        form = describe_screening(session, 1, settings.screening, settings.exams, settings.plan.zone)
    assert form is not None
    assert form["answers"][-1]["by"] == "written down by nurse"
