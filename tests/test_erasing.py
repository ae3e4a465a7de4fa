"""A patient's record for print, and what is left of them once they are erased."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlmodel import select

from bot.chores import erase_old
from bot.database import add_task, reading, writing
from bot.erasing import ErasingError, erase, find_patient, list_expired, purge
from bot.models import METADATA, AuditEvent, Contact, OutgoingText, Patient, ScreeningAnswer, StoppedNumber, TaskKind
from bot.people import Companion
from bot.proof import describe_record, list_record_lines
from bot.sentences import Sentence
from bot.settings import Settings
from tests.clinics import PHONE, deliver, enrol_one, text_in
from tests.conftest import NOW, MakeSettings

LUZ = Companion("Luz", "+12025550177", "es")
AFTER = NOW + timedelta(days=30)


def live(engine: Engine, settings: Settings, **changes: object) -> int:
    """A patient who has answered in words, asked, stopped, and whose scan is over."""
    appointment = enrol_one(engine, settings, record_number="R-77", companion=LUZ, **changes)
    deliver(engine, settings, NOW)
    deliver(engine, settings, NOW + timedelta(days=3))
    for minute, body in enumerate(("2", "2", "a pacemaker from Lakeside", "please stop texting me")):
        text_in(engine, settings, body, NOW + timedelta(days=3, minutes=minute))
    return appointment


def dump(engine: Engine) -> str:
    with engine.connect() as connection:
        return "\n".join(
            str(row) for name in METADATA.tables for row in connection.execute(text(f'SELECT * FROM "{name}"'))
        )


def run_erase(engine: Engine, now: datetime = AFTER) -> None:
    with writing(engine) as session:
        erase(session, find_patient(session, "R-77"), now, "the clinic")


def test_the_record_has_consent_texts_answers_and_who_did_what(engine: Engine, settings: Settings) -> None:
    live(engine, settings)
    with reading(engine) as session:
        found = find_patient(session, "R-77")
        record = describe_record(session, found, settings.screening, settings.exams, settings.plan.zone)

    lines = "\n".join(list_record_lines(record))
    assert 'stopped 2026-03-05T10:03:00-05:00 (text): "please stop texting me"' in lines
    assert "companion Luz +12025550177 (es): agreed to texts" in lines
    assert "a pacemaker from Lakeside" in lines
    assert "safety (delivered)" in lines
    assert "test: enrolled" in lines


def test_after_erasure_no_word_name_or_number_is_left_and_the_counts_are(engine: Engine, settings: Settings) -> None:
    live(engine, settings)
    with writing(engine) as session:
        what = Sentence("Does not want to be the companion of %(name)s: tell the patient", name="Ana")
        add_task(session, TaskKind.QUESTION, what, NOW, contact_id=1, appointment_id=1)
    with reading(engine) as session:
        before = len(session.exec(select(OutgoingText)).all())

    run_erase(engine)

    left = dump(engine)
    for gone in ("Ana", "Luz", "R-77", "2025550101", "2025550177", "Lakeside", "stop texting", "pacemaker"):
        assert gone not in left, gone
    with reading(engine) as session:
        assert len(session.exec(select(OutgoingText)).all()) == before
        assert len(session.exec(select(ScreeningAnswer)).all()) == 3
        assert {"enrolled", "erased"} <= set(session.exec(select(AuditEvent.action)).all())


def test_a_stop_outlives_the_erasure(engine: Engine, settings: Settings) -> None:
    live(engine, settings)
    run_erase(engine)

    enrol_one(engine, settings, now=AFTER, starts_at=AFTER + timedelta(days=10))
    assert deliver(engine, settings, AFTER) == []
    with reading(engine) as session:
        contact = session.exec(select(Contact).where(Contact.phone == PHONE)).one()
    assert contact.opted_out_source == "before erasure"


def test_a_number_that_another_patient_has_stays(engine: Engine, settings: Settings) -> None:
    live(engine, settings)
    enrol_one(engine, settings, given_name="Luis", record_number="R-78", starts_at=NOW + timedelta(days=11))
    run_erase(engine)

    with reading(engine) as session:
        assert session.exec(select(Contact).where(Contact.phone == PHONE)).first() is not None
        assert session.exec(select(Contact).where(Contact.phone == LUZ.phone)).first() is None
        assert {patient.given_name for patient in session.exec(select(Patient))} == {"(erased)", "Luis"}


def test_nobody_is_erased_before_their_scan(engine: Engine, settings: Settings) -> None:
    live(engine, settings)
    with pytest.raises(ErasingError, match="cancel it first"):
        run_erase(engine, NOW + timedelta(days=4))
    with reading(engine) as session, pytest.raises(ErasingError, match="there is no patient"):
        find_patient(session, "R-1")


def test_what_is_old_is_erased_once_a_day_by_one_node_and_stays_until_then(
    engine: Engine, make_settings: MakeSettings
) -> None:
    settings = make_settings(RETENTION_DAYS="100")
    live(engine, settings)
    enrol_one(engine, settings, phone="+12025550166", given_name="Bo", starts_at=NOW + timedelta(days=90))
    text_in(engine, settings, "hello, is this Lakeside?", phone="+12025550155")
    last = NOW + timedelta(days=10)

    erased = {hour: erase_old(settings, engine, last + timedelta(hours=hour)) for hour in range(90 * 24, 104 * 24)}

    # The stranger wrote ten days before Ana's scan.
    done = {hour // 24: count for hour, count in erased.items() if count}
    assert done == {90: 1, 100: 1}
    assert len(done) == len([count for count in erased.values() if count])
    left = dump(engine)
    assert "Bo" in left
    for gone in ("Ana", "R-77", "2025550101", "2025550155", "Lakeside"):
        assert gone not in left, gone
    with reading(engine) as session:
        events = session.exec(select(AuditEvent.table).where(AuditEvent.action == "erased"))
        assert sorted(events) == ["contact", "patient"]
        assert session.exec(select(StoppedNumber.phone_hash)).one()


def test_a_backlog_is_erased_in_short_transactions(engine: Engine, settings: Settings) -> None:
    for number in range(7):
        enrol_one(engine, settings, phone=f"+1202555020{number}", given_name=f"Pat{number}")
    with writing(engine) as session:
        assert [purge(session, AFTER, AFTER, limit=3) for _ in range(4)] == [3, 3, 1, 0]


def test_purge_erases_those_whose_last_appointment_is_long_ago(engine: Engine, settings: Settings) -> None:
    live(engine, settings)
    enrol_one(engine, settings, phone="+12025550166", given_name="Bo", starts_at=NOW + timedelta(days=29))
    before = NOW + timedelta(days=20)
    with reading(engine) as session:
        assert [patient.given_name for patient in list_expired(session, before)] == ["Ana"]
    with writing(engine) as session:
        assert purge(session, before, AFTER) == 1
    with writing(engine) as session:
        assert purge(session, before, AFTER) == 0
    assert "Bo" in dump(engine)
