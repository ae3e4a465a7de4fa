"""The pages of the texts, and what a clinic makes of the FAQ without a programmer."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bot.settings import Settings
from tests.clinics import deliver, enrol_one, list_tasks, text_in
from tests.conftest import NOW, MakeSettings
from tests.desk import Desk

LATER = NOW + timedelta(minutes=5)
PARKING = "Park in the yard behind the house. It costs nothing."


@pytest.fixture
def desk(engine: Engine, settings: Settings, tmp_path: Path) -> Iterator[Desk]:
    enrol_one(engine, settings)
    deliver(engine, settings, NOW)
    with Desk(engine, settings, tmp_path) as desk:
        yield desk.sign_in()


def test_every_text_of_an_exam_stands_beside_its_english(desk: Desk) -> None:
    page = desk.get("/texts?language=ar&exam=mri-brain&contrast=1").text

    assert page.count('class="pair card"') >= 7
    assert 'lang="ar" dir="rtl"' in page
    assert "not signed yet" in page
    assert "Hello Ana." in page
    assert desk.get("/texts?language=xx&exam=nothing").status_code == 200


def test_a_price_is_shown_where_the_clinic_has_named_one(
    engine: Engine, make_settings: MakeSettings, tmp_path: Path
) -> None:
    desk = Desk(engine, make_settings(SEGMENT_PRICE="0.01"), tmp_path).sign_in()

    assert "costs 0.0200" in desk.get("/texts?language=en").text


def test_the_clinics_own_answer_is_what_patients_get(desk: Desk, engine: Engine, settings: Settings) -> None:
    answer = desk.post("/texts/topics/where", data={"do": "answer", "language": "en", "words": f" {PARKING}\r\n"})
    assert answer.headers["Location"] == "/texts/topics?language=en#where"

    assert text_in(engine, settings, "where do I park?", LATER)[-1] == PARKING
    assert PARKING in desk.get("/texts/topics?language=en").text
    assert PARKING not in desk.get("/texts/topics?language=es").text

    desk.post("/texts/topics/where", data={"do": "answer", "language": "en", "words": ""})
    assert PARKING not in text_in(engine, settings, "where can I park?", LATER)[-1]


@pytest.mark.parametrize("words", ["x" * 700, "Text STOP for more"])
def test_an_answer_that_no_text_may_be_is_refused_and_kept_in_the_form(desk: Desk, words: str) -> None:
    answer = desk.post("/texts/topics/where", data={"do": "answer", "language": "en", "words": words})

    assert answer.status_code == 400
    assert words in answer.text


def test_a_topic_that_is_switched_off_goes_to_staff(desk: Desk, engine: Engine, settings: Settings) -> None:
    desk.post("/texts/topics/cost", data={"do": "off"})

    [answer] = text_in(engine, settings, "how much does it cost?", LATER)[-1:]

    assert "A person helps you" in answer
    assert [task.what for task in list_tasks(engine)] == ["Asked about cost, which the bot leaves to you: contact them"]
    assert "COST" not in text_in(engine, settings, "MENU", LATER)[-1]
    desk.post("/texts/topics/cost", data={"do": "on"})
    assert "COST" in text_in(engine, settings, "MENU", LATER + timedelta(minutes=1))[-1]


def test_only_topics_of_ours_can_be_changed(desk: Desk) -> None:
    assert desk.post("/texts/topics/nothing", data={"do": "off"}).status_code == 404
    assert desk.post("/texts/topics/cost", data={"do": "explode"}).status_code == 404
