"""The inbox's pages: who comes first, what a conversation shows, and what staff can do in it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bot.database import reading, writing
from bot.models import AuditEvent, Contact, IncomingText, OutgoingText, Role
from bot.settings import Settings
from bot.web.saved_replies import SAVED, write_saved
from tests.clinics import deliver, enrol_one, text_in
from tests.conftest import NOW
from tests.desk import Desk
from tests.texts import CODES, ORDINARY, VISIT

SPANISH = "+12025550102"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: the statements are those of the other tests."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def desk(engine: Engine, settings: Settings, tmp_path: Path) -> Iterator[Desk]:
    """The front desk a minute after two patients have written; the second needs a person."""
    enrol_one(engine, settings)
    enrol_one(engine, settings, phone=SPANISH, given_name="Lucía", language="es")
    deliver(engine, settings, NOW)
    text_in(engine, settings, "how long does it take?")
    text_in(engine, settings, "<b>tengo marcapasos</b>", phone=SPANISH)
    with Desk(engine, settings, tmp_path, NOW + timedelta(minutes=1)) as desk:
        yield desk.sign_in(Role.STAFF)


def test_what_needs_a_person_comes_first_until_somebody_has_read_it(desk: Desk) -> None:
    page = desk.get("/inbox").text
    assert page.index("Lucía") < page.index("Ana")
    assert 'class="badge">1<' in page

    desk.get("/inbox/2")
    assert "Unread" not in desk.get("/inbox").text

    desk.post("/inbox/2/unread")
    assert "Unread" in desk.get("/inbox").text


def test_a_viewer_reads_without_taking_it_from_those_who_answer(desk: Desk) -> None:
    desk.sign_in(Role.VIEWER)

    assert 'name="words"' not in desk.get("/inbox/2").text
    assert "Unread" in desk.get("/inbox").text


def test_a_conversation_says_what_was_understood_and_shows_words_as_words(desk: Desk, engine: Engine) -> None:
    page = desk.get("/inbox/2").text

    assert "&lt;b&gt;tengo marcapasos&lt;/b&gt;" in page
    assert "reports an implant, allergy or risk: implant" in page
    assert 'lang="es" dir="ltr"' in page
    with reading(engine) as session:
        events = session.exec(select(AuditEvent).where(AuditEvent.action == "viewed")).all()
    assert [(event.actor, event.table, event.row_id) for event in events] == [("staff@clinic.example", "contact", 2)]


def test_a_text_by_hand_leaves_and_says_who_wrote_it(desk: Desk, engine: Engine, settings: Settings) -> None:
    assert desk.post("/inbox/1/reply", data={"words": "Come at 9.\r\nBring your card."}).status_code == 303

    assert deliver(engine, settings, desk.time) == ["Come at 9.\nBring your card."]
    assert "staff@clinic.example" in desk.get("/inbox/1").text


def test_a_saved_reply_is_in_the_patients_language(desk: Desk, engine: Engine, settings: Settings) -> None:
    page = desk.get("/inbox/2", params={"saved": "topic:metal"}).text
    words = page.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0]
    assert "anillos" in words

    desk.post("/inbox/2/reply", data={"words": words, "saved": "topic:metal"})
    deliver(engine, settings, desk.time)

    with reading(engine) as session:
        [sent] = session.exec(select(OutgoingText).where(OutgoingText.body == words))
    assert sent.language == "es"


@pytest.mark.parametrize("code", CODES)
def test_every_saved_reply_exists_in_every_language(code: str) -> None:
    assert all(write_saved(name, code, ORDINARY, VISIT) for name in SAVED)
    assert write_saved("ask_coming", code, ORDINARY, None) == ""


def test_a_text_is_weighed_before_it_is_sent(desk: Desk, engine: Engine) -> None:
    with writing(engine) as session:
        contact = session.get_one(Contact, 2)
        contact.language = "ar"
        session.add(contact)

    answer = desk.post("/inbox/2/reply", data={"words": "é ñ " * 60, "do": "check"}).text
    assert "Costs 2 messages." in answer
    assert "not the script" in answer
    assert "70 characters" in desk.post("/inbox/2/reply", data={"words": "مرحبا", "do": "check"}).text


def test_what_must_not_be_sent_is_refused_and_not_lost(desk: Desk, engine: Engine, settings: Settings) -> None:
    assert desk.post("/inbox/1/reply", data={"words": "  "}).status_code == 400
    assert desk.post("/inbox/1/reply", data={"words": "x" * 1001}).status_code == 400
    text_in(engine, settings, "STOP", NOW + timedelta(minutes=2))

    answer = desk.post("/inbox/1/reply", data={"words": "Please come."})

    assert answer.status_code == 400
    assert "Please come." in answer.text
    assert "asked for no more texts" in answer.text


def test_a_conversation_is_taken_over_and_handed_back(desk: Desk, engine: Engine, settings: Settings) -> None:
    desk.post("/inbox/1/take")
    assert "has this conversation until" in desk.get("/inbox/1").text
    assert text_in(engine, settings, "is it loud?", NOW + timedelta(minutes=2)) == []

    desk.post("/inbox/1/hand-back")
    assert text_in(engine, settings, "is it very loud?", NOW + timedelta(minutes=3)) != []


def test_a_misunderstood_text_is_labelled(desk: Desk, engine: Engine) -> None:
    with reading(engine) as session:
        text = session.exec(select(IncomingText).where(IncomingText.contact_id == 1)).one()
    path = f"/inbox/1/texts/{text.id}/label"

    assert desk.post(path, data={"meaning": "question:metal"}).status_code == 303
    assert "<s>question: How long" in desk.get("/inbox/1").text
    assert desk.post(path, data={"meaning": "nonsense"}).status_code == 400
    assert desk.post(f"/inbox/2/texts/{text.id}/label", data={"meaning": "yes"}).status_code == 404


def test_a_long_inbox_goes_on_page_after_page(desk: Desk, engine: Engine) -> None:
    with writing(engine) as session:
        session.add_all(
            Contact(phone=f"+1202555{number:04}", language="en", heard_at=NOW - timedelta(hours=1), created_at=NOW)
            for number in range(200, 285)
        )
    seen: list[str] = []
    place = "/inbox"
    while place:
        page = desk.get(place).text
        seen += [part.partition('"')[0] for part in page.split('<li><a href="/inbox/')[1:]]
        place = page.partition('class="button quiet" href="')[2].partition('"')[0]
    assert len(seen) == len(set(seen)) == 87
    assert desk.get("/inbox?behind=nonsense").status_code == 200


@pytest.mark.parametrize("path", ["/inbox?part=1", "/inbox/1?part=1", "/inbox/2?part=1"])
def test_the_parts_that_follow_what_happens_are_parts_of_the_page(desk: Desk, path: str) -> None:
    part = desk.get(path).text.strip()

    assert "<html" not in part
    assert part.splitlines()[-1].strip() in desk.get(path.partition("?")[0]).text
