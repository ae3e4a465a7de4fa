"""The page that enrols one appointment: what it says while it is filled in, and what it does."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bot.database import find_contact, reading, writing
from bot.models import Appointment, AuditEvent, Contact, Patient, Role
from bot.settings import Settings
from tests.clinics import PHONE, deliver, enrol_one, find_rows, text_in
from tests.conftest import NOW
from tests.desk import Desk, find_value

FORM = {
    "name": "Rosa",
    "phone": "202-555-0150",
    "language": "vi",
    "exam": "mri-brain",
    "date": "2026-03-12",
    "time": "10:30",
    "consent": "yes",
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def desk(engine: Engine, settings: Settings, tmp_path: Path) -> Iterator[Desk]:
    with Desk(engine, settings, tmp_path) as desk:
        yield desk.sign_in(Role.STAFF)


def check(desk: Desk, **changes: str) -> str:
    """What the page would show beside the fields."""
    answer = desk.post("/enrol/check", data=FORM | changes)
    assert answer.status_code == 200
    return str(answer.text)


def find_notes(page: str, field: str) -> str:
    return page.partition(f'data-notes="{field}"')[2].partition("</div>")[0]


def send(desk: Desk, **changes: str) -> Any:
    """Send the form as a browser with script does: what it was told of is what it has seen."""
    return desk.post("/enrol", data={**FORM, "seen": find_value(check(desk, **changes), "seen"), **changes})


def test_an_appointment_is_enrolled_and_its_first_text_announced(
    desk: Desk, engine: Engine, settings: Settings
) -> None:
    answer = send(
        desk,
        contrast="yes",
        place="Floor 2",
        patient_id="R-7",
        companion_name="Luz",
        companion_phone="+1 202 555 0177",
        companion_language="es",
        companion_consent="yes",
    )

    assert answer.headers["Location"] == "/enrol?done=1"
    page = desk.get("/enrol?done=1").text
    assert "Rosa gets the first text in a minute." in page
    assert 'href="/appointments/1"' in page
    assert 'href="/phone/' in page
    assert '<option value="vi" selected>' in page
    assert '<option value="mri-brain" selected>' in page
    assert 'value="Rosa"' not in page
    with reading(engine) as session:
        [appointment] = session.exec(select(Appointment))
        [patient] = session.exec(select(Patient))
        actors = {event.actor for event in session.exec(select(AuditEvent).where(AuditEvent.action == "enrolled"))}
    assert (appointment.exam, appointment.contrast, appointment.place) == ("mri-brain", True, "Floor 2")
    assert (patient.record_number, patient.companion_name, patient.companion_agreed) == ("R-7", "Luz", True)
    assert actors == {"staff@clinic.example"}
    assert any("Rosa" in text for text in deliver(engine, settings, NOW))


def test_what_is_missing_or_wrong_is_said_beside_its_field(desk: Desk, engine: Engine) -> None:
    answer = desk.post("/enrol", data={"phone": "202-555", "name": "  ", "date": "2026-03-12"})

    assert answer.status_code == 422
    assert "Not enrolled yet" in answer.text
    assert "This is needed." in find_notes(answer.text, "name")
    assert "too few digits" in find_notes(answer.text, "phone")
    assert 'value="202-555"' in answer.text
    with reading(engine) as session:
        assert session.exec(select(Contact)).first() is None


def test_nothing_is_wrong_yet_with_what_is_still_empty(desk: Desk) -> None:
    page = desk.post("/enrol/check", data={"phone": "+44 7400 123456"}).text

    assert 'class="trouble"' not in page
    assert "United Kingdom" in find_notes(page, "phone")


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"phone": "+44 20 7946 0000"}, "phone", "Is a landline"),
        ({"date": "2026-03-08", "time": "02:30"}, "time", "does not exist: the clocks go forward"),
        ({"date": "2026-11-01", "time": "01:30"}, "time", "this time comes twice"),
        ({"date": "2026-03-01"}, "time", "This time is past"),
        ({"language": "xx"}, "language", "is not a language that we write"),
        ({"exam": "mri-toe"}, "exam", "is not an exam that we know"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_the_reason(
    desk: Desk, changes: dict[str, str], field: str, words: str
) -> None:
    assert words in find_notes(check(desk, **changes), field)
    assert send(desk, **changes).status_code == 422


def test_of_a_time_that_comes_twice_somebody_says_which(desk: Desk, engine: Engine) -> None:
    twice = {"date": "2026-11-01", "time": "01:30"}

    assert send(desk, **twice, which_time="second").status_code == 303

    with reading(engine) as session:
        [appointment] = session.exec(select(Appointment))
    assert appointment.starts_at.isoformat() == "2026-11-01T06:30:00+00:00"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"time": "05:00"}, "time", "very early or very late"),
        ({"date": "2026-03-15"}, "date", "That is a Sunday"),
        ({"date": "2026-07-03"}, "date", "public holiday (Independence Day"),
        ({"consent": "no"}, "consent", "Then no text goes out"),
        ({"date": "2026-03-02", "time": "10:05"}, "time", "No text can go out in time any more"),
    ],
)
def test_what_is_odd_is_asked_about_once(desk: Desk, changes: dict[str, str], field: str, words: str) -> None:
    unseen = desk.post("/enrol", data=FORM | changes)

    assert unseen.status_code == 422
    assert "Please look once more" in unseen.text
    assert words in find_notes(unseen.text, field)
    again = desk.post("/enrol", data={**FORM, **changes, "seen": find_value(unseen.text, "seen")})
    assert again.status_code == 303


def test_a_shared_number_and_a_second_booking_that_day_are_pointed_out(
    desk: Desk, engine: Engine, settings: Settings
) -> None:
    enrol_one(engine, settings, given_name="Lucía", language="es", starts_at=NOW + timedelta(days=10))

    shared = check(desk, phone=PHONE)
    assert "Also Lucía&#39;s number: two patients will share it" in shared
    assert "Until now this number reads Español. From now on all its texts come in Tiếng Việt." in shared
    assert "Hello Rosa." in shared, "each text says whom it means"
    same_day = check(desk, phone=PHONE, name="Lucía", exam="emg")
    assert "Lucía has another appointment that day: MRI of the brain, Thu Mar 12, 11:00 AM." in same_day
    assert "enrolled already" in check(desk, phone=PHONE, name="Lucía", time="11:00")
    with reading(engine) as session:
        looks = session.exec(select(AuditEvent).where(AuditEvent.action == "viewed")).all()
    assert [(event.actor, event.table) for event in looks] == [("staff@clinic.example", "contact")]


def test_the_language_that_staff_choose_holds_for_a_known_number(
    desk: Desk, engine: Engine, settings: Settings
) -> None:
    enrol_one(engine, settings, given_name="Lucía", language="es")

    assert send(desk, phone=PHONE, name="Lucía").status_code == 303

    with reading(engine) as session:
        contact = find_contact(session, PHONE)
        changes = session.exec(select(AuditEvent.detail).where(AuditEvent.action == "changed language")).all()
    assert contact is not None
    assert (contact.language, changes) == ("vi", ["es to vi"])


def test_a_record_number_finds_the_patient_under_another_phone(desk: Desk, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, given_name="Lucía", record_number="R-1")

    page = check(desk, patient_id="R-1")
    assert "This record number is Lucía&#39;s." in find_notes(page, "patient_id")
    assert "From now on their texts go to the one given here." in find_notes(page, "phone")
    assert send(desk, patient_id="R-1").status_code == 303

    with reading(engine) as session:
        [patient] = session.exec(select(Patient))
        new = find_contact(session, "+12025550150")
    assert new is not None
    assert (patient.given_name, patient.contact_id) == ("Rosa", new.id)
    assert {row.contact_id for row in find_rows(engine, state="planned")} == {new.id}


def test_a_number_that_wants_no_texts_is_to_be_phoned(desk: Desk, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    text_in(engine, settings, "STOP")

    assert "asked for no more texts" in find_notes(check(desk, phone=PHONE), "phone")
    assert send(desk, phone=PHONE).status_code == 303
    assert "Rosa gets no texts" in desk.get("/enrol?done=2").text


def test_the_preview_shows_the_text_that_goes_out(desk: Desk, engine: Engine, settings: Settings) -> None:
    preview = check(desk, language="ar", sedation="yes").partition('data-notes="preview"')[2]

    assert 'lang="ar" dir="rtl"' in preview
    assert "Goes out as soon as they are enrolled" in preview
    assert "SMS parts" in preview
    assert send(desk, language="ar", sedation="yes").status_code == 303
    [sent] = deliver(engine, settings, NOW)
    assert sent in preview
    assert "Choose a language" in desk.get("/enrol").text


def test_what_patients_are_called_never_becomes_markup(desk: Desk, engine: Engine, settings: Settings) -> None:
    bad = "<img src=x> %s"
    enrol_one(engine, settings, given_name=bad)

    for page in (check(desk, phone=PHONE), check(desk, name=bad, place=bad), desk.get("/enrol?done=1").text):
        assert "<img" not in page
        assert "&lt;img src=x&gt; %s" in page


def test_places_and_languages_in_use_are_offered_first(desk: Desk, engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, language="so", place="Annex")

    page = desk.get("/enrol").text

    assert page.index('value="so"') < page.index('value="ar"')
    assert "Somali – Soomaali" in page
    assert '<option value="Annex">' in page


def test_no_patient_of_that_number_is_no_page(desk: Desk, engine: Engine) -> None:
    assert desk.get("/enrol?done=7").status_code == 404
    with writing(engine) as session:
        assert session.exec(select(AuditEvent).where(AuditEvent.action == "viewed")).first() is None
