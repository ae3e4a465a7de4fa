"""The clinic's page: what holds sending up, the switch, and figures that add up."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert

from bot.checks import find_troubles
from bot.database import reading, writing
from bot.history import Day, Spoken, list_days, list_kept
from bot.holds import open_circuit
from bot.measures import measure
from bot.models import Appointment, AppointmentStatus, Contact, IncomingText, Outcome, OutgoingText, Role
from bot.settings import Settings
from tests.clinics import deliver, enrol_one, text_in
from tests.conftest import CLINIC, NOW
from tests.desk import Desk


@pytest.fixture
def desk(engine: Engine, settings: Settings, tmp_path: Path) -> Iterator[Desk]:
    enrol_one(engine, settings)
    deliver(engine, settings, NOW)
    with Desk(engine, settings, tmp_path) as desk:
        yield desk.sign_in()


def test_staff_pause_and_an_admin_resumes(desk: Desk) -> None:
    desk.sign_in(Role.STAFF)
    assert "Reminders go out as planned" in desk.get("/clinic").text
    desk.post("/clinic/pause", data={"reason": "a <wrong> text"})

    page = desk.get("/clinic").text
    assert "by staff@clinic.example: a &lt;wrong&gt; text" in page
    assert desk.post("/clinic/resume").status_code == 403

    desk.sign_in(Role.ADMIN).post("/clinic/resume")
    assert "Reminders go out as planned" in desk.get("/clinic").text


def test_what_is_wrong_at_the_provider_stands_at_the_top(desk: Desk, engine: Engine) -> None:
    with writing(engine) as session:
        open_circuit(session, "The account has no money left.", NOW, by_callback=False)

    assert "The account has no money left." in desk.get("/clinic?part=1").text


def test_each_day_is_the_clinics_own(engine: Engine, settings: Settings, desk: Desk) -> None:
    text_in(engine, settings, "is it loud?", NOW + timedelta(minutes=1))
    with writing(engine) as session:
        # Four in the morning, by the world's clock, is still the day before in New York.
        late = NOW.replace(hour=4)
        session.add(IncomingText(provider_id="SM1", contact_id=1, body="hello", received_at=late))
    with reading(engine) as session:
        days, languages = list_days(session, settings.clinic_facts.zone, NOW)

    assert len(days) == 14
    assert days[-2:] == [Day(date(2026, 3, 1), 0, 0, 1), Day(date(2026, 3, 2), 2, 2, 1)]
    assert languages == [Spoken("en", 2, 2, 0)]
    page = desk.get("/clinic").text
    assert page.count('<rect class="answered"') == 14
    assert "<td>2</td>" in page


def test_texts_of_a_day_are_counted_along_the_index_without_their_rows(engine: Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Contact).values(phone="+12025550111", language="en", created_at=NOW))
        row = {"contact_id": 1, "kind": "reply", "due_at": NOW, "useful_until": NOW, "body": "", "language": "en"}
        for back in reversed(range(100)):
            at = NOW - timedelta(days=back)
            states = [{"state": "delivered", "sent_at": at}, {"state": "failed", "sent_at": at}] * 20
            states += [{"state": "failed", "sent_at": None}, {"state": "planned", "sent_at": None}] * 5
            connection.execute(insert(OutgoingText), [{**row, "created_at": at, **one} for one in states])
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE")
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
    with reading(engine) as session:
        days, languages = list_days(session, settings.clinic_facts.zone, NOW)
        measured = measure(session, NOW)

    assert days[-1] == Day(NOW.date(), 20, 20, 0)
    assert languages == [Spoken("en", 7 * 20, 7 * 20, 7 * 25)]
    assert measured.states == {"delivered": 7 * 20, "failed": 7 * 25, "planned": 100 * 5}
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        plans = [
            "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {statement}", values))
            for statement, values in list(asked)
            if "outgoing_text" in statement and "ORDER BY" not in statement and "min(" not in statement
        ]
    for index in ("ix_outgoing_text_left", "ix_outgoing_text_never_left", "ix_outgoing_text_due"):
        assert any(f"{index} " in plan for plan in plans), index
    assert not any("SCAN outgoing_text" in plan and "INDEX" not in plan for plan in plans)


def test_what_became_of_appointments_is_counted_by_language(engine: Engine, settings: Settings) -> None:
    for number, (status, outcome) in enumerate(
        [
            (AppointmentStatus.CONFIRMED, Outcome.CAME),
            (AppointmentStatus.BOOKED, Outcome.NO_SHOW),
            (AppointmentStatus.CANCELLED, Outcome.UNKNOWN),
        ]
    ):
        one = enrol_one(engine, settings, phone=f"+1202555011{number}", given_name=f"P{number}", language="vi")
        with writing(engine) as session:
            appointment = session.get_one(Appointment, one)
            appointment.status, appointment.outcome = status, outcome
            session.add(appointment)
    with reading(engine) as session:
        assert list_kept(session, NOW) == []
        [kept] = list_kept(session, NOW + timedelta(days=11))
    assert (kept.language, kept.booked, kept.confirmed, kept.came, kept.no_show) == ("vi", 2, 1, 1, 1)


def test_an_admin_changes_what_texts_say_of_the_clinic_without_a_restart(
    desk: Desk, engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk.post("/clinic/details", data={"name": " Bay  Imaging ", "phone": "202-555-0177"}).status_code == 303

    assert "<bdi>Bay Imaging</bdi>" in desk.get("/clinic?done=details").text
    # The settings that the sending loop and the webhooks were started with are the old ones.
    [answer] = text_in(engine, settings, "where is it?")
    assert settings.clinic_address in answer
    assert ("202-555-0177" in answer, settings.clinic_phone in answer) == (True, False)
    assert "Bay Imaging" in desk.get("/appointments/1").text
    [safety] = deliver(engine, settings, NOW + timedelta(days=3))
    assert ("Bay Imaging" in safety, settings.clinic_name in safety) == (True, False)
    assert "Bay Imaging" in desk.get("/texts").text
    assert "phone: 202-555-0177" in desk.get("/audit").text

    for name in ("DATABASE_URL", *CLINIC):
        monkeypatch.setenv(name, CLINIC.get(name, settings.database_url.get_secret_value()))
    overruled = "{}: not used, since an admin has set another one on the clinic's page"
    warnings = find_troubles(online=False)[1]
    assert [overruled.format(name) in warnings for name in CLINIC] == [True, True, False, False, False]

    desk.post("/clinic/details", data={"name": "", "phone": "202-555-0177"})
    assert f"<bdi>{settings.clinic_name}</bdi>" in desk.get("/clinic").text


def test_a_detail_that_no_text_can_hold_changes_nothing(desk: Desk, settings: Settings) -> None:
    for wrong, words in (("name", "x" * 41), ("phone", "reception"), ("address", "y" * 81)):
        answer = desk.post("/clinic/details", data={"address": "1 New Street", wrong: words})
        assert answer.status_code == 400
        assert f'value="{words}"' in answer.text, "it is still there to be mended"
    assert settings.clinic_address in desk.sign_in(Role.VIEWER).get("/clinic").text
