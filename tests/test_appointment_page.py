"""One appointment's page: what it shows, what its forms change, who may, and what two at once get to hear."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bot.database import reading
from bot.models import Appointment, AuditEvent, Contact, OutgoingText, Role
from bot.settings import Settings
from tests.clinics import deliver, enrol_one, find_rows, text_in
from tests.conftest import NOW
from tests.desk import Desk, find_value

XSS = "<img src=x onerror=alert(1)>"
HERE = "/appointments/1"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: what differs between databases is in ``test_changes.py``."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def desk(engine: Engine, settings: Settings, tmp_path: Path) -> Iterator[Desk]:
    with Desk(engine, settings, tmp_path) as desk:
        yield desk.sign_in(Role.STAFF)


def get(engine: Engine) -> Appointment:
    with reading(engine) as session:
        return session.get_one(Appointment, 1)


def test_the_page_tells_what_happened_and_what_comes_next(desk: Desk, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, language="es", record_number="MR-7")
    deliver(engine, settings, NOW)
    text_in(engine, settings, f"2 {XSS}", NOW)

    page = desk.get(HERE).text

    assert page.count('class="card text"') == 3
    assert page.count('lang="es" dir="ltr"') == 5
    assert "Wear soft clothes" in page
    assert "&lt;img src=x onerror" in page
    for path in (HERE, f"{HERE}?part=facts", f"{HERE}?part=story", f"{HERE}/record", f"{HERE}/cancel"):
        answer = desk.get(path)
        assert (answer.status_code, XSS in answer.text) == (200, False)
    assert "MR-7" in desk.get(f"{HERE}/record").text


def test_moving_says_what_is_wrong_with_a_time_and_moves(desk: Desk, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    deliver(engine, settings, NOW)
    seen = find_value(desk.get(HERE).text, "seen")

    for day, clock, why in (
        ("2026-03-08", "02:30", "02:30"),
        ("2026-03-01", "10:00", "past"),
        ("", "", "missing"),
        ("<b>never</b>", "10:00", "not a date"),
    ):
        answer = desk.post(f"{HERE}/move", data={"day": day, "clock": clock, "seen": seen})
        assert answer.status_code == 400, why
        assert why in answer.text
        assert "<b>never" not in answer.text
    answer = desk.post(f"{HERE}/move", data={"day": "2026-03-20", "clock": "14:30", "seen": seen})

    assert answer.headers["Location"] == f"{HERE}?done=moved"
    assert get(engine).starts_at.isoformat() == "2026-03-20T18:30:00+00:00"
    assert "old and the new time" in desk.get(answer.headers["Location"]).text
    assert find_rows(engine, step="moved")


def test_cancelling_asks_first_and_shows_the_text(desk: Desk, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, language="es")
    deliver(engine, settings, NOW)

    page = desk.get(f"{HERE}/cancel").text
    assert "is cancelled. Please do not come." in page
    assert get(engine).status == "booked"
    desk.post(f"{HERE}/cancel", data={"seen": find_value(page, "seen")})

    assert get(engine).status == "cancelled"
    [body] = deliver(engine, settings, NOW)
    assert body.replace("'", "&#39;") in page
    assert "cancelled already" in desk.get(f"{HERE}/cancel").text


def test_of_two_who_change_at_once_the_second_is_told(desk: Desk, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    seen = find_value(desk.get(HERE).text, "seen")
    desk.post(f"{HERE}/language", data={"language": "es", "seen": seen})

    for path, values in (
        ("move", {"day": "2026-03-20", "clock": "14:30"}),
        ("cancel", {}),
        ("language", {"language": "ar"}),
        ("number", {"phone": "202-555-0199", "agreed": "1"}),
        ("confirm", {}),
        ("outcome", {"outcome": "came"}),
    ):
        answer = desk.post(f"{HERE}/{path}", data={**values, "seen": seen})
        assert answer.status_code == 409, path
        assert "Somebody has changed this appointment" in answer.text
        assert desk.post(f"{HERE}/{path}", data=values).status_code == 409, "without saying what was seen"
    assert get(engine).revision == 1


def test_number_language_outcome_and_texts_change_from_the_page(desk: Desk, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, starts_at=NOW + timedelta(hours=3))
    deliver(engine, settings, NOW)

    def send(path: str, **values: str) -> int:
        seen = find_value(desk.get(HERE).text, "seen")
        return int(desk.post(f"{HERE}/{path}", data={**values, "seen": seen}).status_code)

    assert send("language", language="xx") == 400
    assert send("number", phone="12") == 400
    assert send("number", phone="(202) 555-0199", agreed="1") == 303
    assert send("language", language="es") == 303
    assert len(deliver(engine, settings, NOW)) == 1
    assert send("again") == 303
    assert send("confirm") == 303
    assert send("phoned") == 303
    assert send("outcome", outcome="came") == 303
    assert send("outcome", outcome="dead") == 422
    assert send("texts/4711/now") == 400
    other = enrol_one(engine, settings, phone="+12025550177", given_name="Other")
    with reading(engine) as session:
        theirs = session.exec(select(OutgoingText).where(OutgoingText.appointment_id == other)).first()
    assert theirs is not None
    assert send(f"texts/{theirs.id}/now") == 400, "it is another patient's"
    with reading(engine) as session:
        new = session.exec(select(Contact).where(Contact.phone == "+12025550199")).one()
    assert new.language == "es"
    assert (get(engine).outcome, get(engine).status) == ("came", "confirmed")


def test_a_viewer_sees_no_forms_and_an_unknown_appointment_is_not_found(
    desk: Desk, engine: Engine, settings: Settings
) -> None:
    enrol_one(engine, settings)
    for path in ("", "/record", "/cancel"):
        assert desk.get(f"/appointments/999{path}").status_code == 404
    for path in (
        "move",
        "cancel",
        "confirm",
        "phoned",
        "language",
        "number",
        "outcome",
        "again",
        "screening",
        "texts/1/now",
    ):
        assert desk.post(f"/appointments/999/{path}", data={"seen": "x"}).status_code == 404

    desk.sign_in(Role.VIEWER)
    assert "<form" not in desk.get(HERE).text.partition("<main")[2]


def test_a_look_and_a_change_are_on_record_without_a_number(desk: Desk, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    seen = find_value(desk.get(HERE).text, "seen")
    desk.get(f"{HERE}?part=story")
    desk.get(f"{HERE}/record")
    desk.post(f"{HERE}/number", data={"phone": "202-555-0199", "agreed": "1", "seen": seen})

    with reading(engine) as session:
        events = session.exec(select(AuditEvent).where(AuditEvent.table == "appointment", AuditEvent.row_id == 1)).all()
    assert [event.action for event in events] == ["enrolled", "viewed", "viewed record", "changed number"]
    assert all("555" not in event.detail for event in events)


def test_answers_to_the_safety_questions_are_read_and_those_by_phone_written_down(
    desk: Desk, engine: Engine, settings: Settings
) -> None:
    enrol_one(engine, settings, starts_at=NOW + timedelta(days=3))
    deliver(engine, settings, NOW)
    text_in(engine, settings, "2", NOW)

    assert "I have read the answers" in desk.get(HERE).text
    assert desk.post(f"{HERE}/screening").headers["Location"] == f"{HERE}?done=screening"
    page = desk.get(HERE).text
    assert "Read by staff@clinic.example" in page
    assert "I have read the answers" not in page
    assert get(engine).screened_at is None
    desk.post(f"{HERE}/screening", data={"words": f"a clip in the knee {XSS}"})

    page = desk.get(HERE).text
    assert "a clip in the knee" in page
    assert XSS not in page
    assert get(engine).screened_at == NOW
    assert desk.post(f"{HERE}/screening", data={"words": "x" * 1001}).status_code == 400
