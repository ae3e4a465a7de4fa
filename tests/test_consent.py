"""Consent: recorded for each number with who said so and when, and no text that we start without it."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bot.database import find_contact, reading, writing
from bot.digest import describe_digest, list_digest_lines
from bot.erasing import find_patient
from bot.models import Contact, OutgoingText, TaskKind, TextState
from bot.overview import Wanted, list_lines
from bot.people import Companion
from bot.proof import describe_record, list_record_lines
from bot.settings import Settings
from bot.troubles import Trouble
from tests.clinics import PHONE, deliver, enrol_one, find_rows, list_tasks, text_in
from tests.conftest import NOW

LATER = NOW + timedelta(hours=1)
LUZ = Companion("Luz", "+12025550177", "es")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: the statements are those of the other tests."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


def get(engine: Engine, phone: str = PHONE) -> Contact:
    with reading(engine) as session:
        contact = find_contact(session, phone)
    assert contact is not None
    return contact


@pytest.mark.parametrize(
    ("consent", "source", "agreed"), [(None, "enrolled by test", True), (True, "test", True), (False, "test", False)]
)
def test_who_enrols_states_consent_and_it_is_kept_with_source_and_time(
    engine: Engine, settings: Settings, consent: bool | None, source: str, agreed: bool
) -> None:
    enrol_one(engine, settings, consent=consent)

    contact = get(engine)
    assert contact.consent_source == source
    assert (contact.consented_at, contact.refused_at) == ((NOW, None) if agreed else (None, NOW))
    assert bool(deliver(engine, settings, NOW)) == agreed
    with reading(engine) as session:
        record = describe_record(
            session, find_patient(session, "#1"), settings.screening, settings.exams, settings.plan.zone
        )
    assert f"2026-03-02T10:00:00-05:00 ({source})" in "\n".join(list_record_lines(record))


def test_a_refusal_outlasts_a_file_that_says_nothing_of_consent_and_ends_with_a_yes(
    engine: Engine, settings: Settings
) -> None:
    enrol_one(engine, settings, consent=False, external_id="A")
    enrol_one(engine, settings, LATER, external_id="B", starts_at=NOW + timedelta(days=12), companion=LUZ)

    assert (get(engine).refused_at, get(engine).consented_at) == (NOW, None)
    assert get(engine, LUZ.phone).consented_at is None
    assert deliver(engine, settings, LATER) == []

    enrol_one(engine, settings, LATER, external_id="C", starts_at=NOW + timedelta(days=14), consent=True)
    assert (get(engine).refused_at, get(engine).consented_at) == (None, LATER)
    assert len(deliver(engine, settings, LATER)) > 0
    enrol_one(engine, settings, LATER, external_id="C", starts_at=NOW + timedelta(days=14), consent=False)
    with reading(engine) as session:
        patient = find_patient(session, "#1")
        record = describe_record(session, patient, settings.screening, settings.exams, settings.plan.zone)
    [earlier, later] = [event for event in record["events"] if "consent" in event["did"]]
    assert (earlier["did"], earlier["detail"]) == ("changed consent", "no texts since 2026-03-02 15:00 UTC (test)")
    assert (later["did"], later["detail"]) == ("changed consent", "agreed to texts 2026-03-02 16:00 UTC (test)")


def test_a_number_without_recorded_consent_gets_no_text_and_is_on_every_list(
    engine: Engine, settings: Settings
) -> None:
    appointment = enrol_one(engine, settings)
    with writing(engine) as session:
        session.exec(select(Contact)).one().consented_at = None

    assert deliver(engine, settings, NOW) == []

    [task] = list_tasks(engine)
    assert (task.kind, task.what) == (TaskKind.UNREACHED, "Phone this patient: a text was not sent (no consent)")
    with reading(engine) as session:
        start, end = NOW + timedelta(days=9), NOW + timedelta(days=11)
        digest = describe_digest(session, settings.exams, settings.plan.zone, start, end)
        lines, _ = list_lines(session, settings.exams, settings.plan.zone, Wanted(NOW, end), NOW, 5)
    assert digest["lists"]["unreached"] == [appointment]
    assert "Has no consent recorded" in "\n".join(list_digest_lines(digest))
    assert Trouble.NO_CONSENT in lines[0].troubles
    # What they ask is answered all the same.
    assert len(text_in(engine, settings, "where do I park?", LATER)) == 1


def test_a_named_companion_is_asked_without_consent_and_texted_with_it_alone(
    engine: Engine, settings: Settings
) -> None:
    enrol_one(engine, settings)
    deliver(engine, settings, NOW)
    text_in(engine, settings, "my daughter 202 555 0177 comes with me", LATER)

    [invitation] = [row for row in find_rows(engine) if (row.step or "").startswith("invite:")]
    assert invitation.state == TextState.DELIVERED
    assert get(engine, LUZ.phone).consented_at is None
    text_in(engine, settings, "1", LATER, phone=LUZ.phone)
    assert (get(engine, LUZ.phone).consented_at, get(engine, LUZ.phone).consent_source) == (LATER, "text")


def test_start_is_consent_in_their_own_words(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, consent=False)
    text_in(engine, settings, "START", LATER)

    contact = get(engine)
    assert (contact.consented_at, contact.refused_at, contact.consent_source) == (LATER, None, "text: START")
    assert len(deliver(engine, settings, NOW + timedelta(days=3))) == 1


def test_no_text_that_we_start_is_claimed_for_a_number_without_consent(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, companion=Companion("Luz", LUZ.phone, "es", agreed=False))
    for day in range(11):
        deliver(engine, settings, NOW + timedelta(days=day))

    with reading(engine) as session:
        told = session.exec(select(Contact).join(OutgoingText).where(OutgoingText.state == TextState.DELIVERED)).all()
    assert {contact.phone for contact in told} == {PHONE}
