"""What staff change at an appointment: number, language, outcome, texts sent now or again."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from bot.appointments import change_number
from bot.changes import (
    ChangeError,
    MissingError,
    Opened,
    OutdatedError,
    change_language,
    confirm,
    mark_phoned,
    note_outcome,
    open_appointment,
    send_again,
    send_now,
)
from bot.database import reading, writing
from bot.models import Appointment, AuditEvent, Contact, Outcome, Patient, Task, TaskState
from bot.settings import Settings
from bot.timeline import list_next
from tests.clinics import PHONE, deliver, enrol_one, find_rows, list_tasks
from tests.conftest import NOW

OTHER = "+12025550199"
ANA = "ana@clinic.example"


def change(engine: Engine, appointment_id: int, work: Callable[[Session, Opened], object]) -> None:
    with writing(engine) as session:
        work(session, open_appointment(session, appointment_id))


def again(engine: Engine, settings: Settings, appointment_id: int, now=NOW) -> None:
    change(engine, appointment_id, lambda session, opened: send_again(session, opened, settings.plan.limits, now, ANA))


def test_a_new_number_starts_over_and_the_old_one_gets_nothing_more(engine: Engine, settings: Settings) -> None:
    appointment_id = enrol_one(engine, settings, language="es")
    other_id = enrol_one(engine, settings, language="es", exam="emg")
    deliver(engine, settings, NOW)
    with writing(engine) as session:
        session.get_one(Contact, 1).unreachable_since = NOW
        change_number(session, settings.plan, appointment_id, OTHER, NOW, ANA, agreed=True)

    deliver(engine, settings, NOW)

    with reading(engine) as session:
        contact = session.exec(select(Contact).where(Contact.phone == OTHER)).one()
        patient = session.exec(select(Patient)).one()
        events = [event for event in session.exec(select(AuditEvent)) if event.action == "changed number"]
    assert (patient.contact_id, contact.language, contact.consent_source) == (contact.id, "es", ANA)
    for one in (appointment_id, other_id):
        states = {row.state for row in find_rows(engine, appointment_id=one, contact_id=contact.id)}
        assert states == {"delivered", "planned"}
        assert "planned" not in {row.state for row in find_rows(engine, appointment_id=one, contact_id=1)}
    assert [(event.actor, event.detail) for event in events] == [(ANA, "")]


def test_a_number_without_agreement_gets_no_texts_and_the_same_number_is_right_after_all(
    engine: Engine, settings: Settings
) -> None:
    appointment_id = enrol_one(engine, settings)
    with writing(engine) as session:
        session.get_one(Contact, 1).unreachable_since = NOW
        change_number(session, settings.plan, appointment_id, PHONE, NOW, ANA, agreed=True)
    assert len(deliver(engine, settings, NOW)) == 1, "the same number, reachable again; nothing starts over"

    with writing(engine) as session:
        change_number(session, settings.plan, appointment_id, OTHER, NOW, ANA, agreed=False)
    assert deliver(engine, settings, NOW) == []


def test_the_next_texts_read_as_they_are_then_sent_with_the_english_beside(engine: Engine, settings: Settings) -> None:
    appointment_id = enrol_one(engine, settings, language="es")
    change(engine, appointment_id, lambda session, opened: change_language(session, opened, "ar", NOW, ANA))
    with reading(engine) as session:
        appointment = session.get_one(Appointment, appointment_id)
        patient, contact = session.get_one(Patient, 1), session.get_one(Contact, 1)
        coming = list_next(session, settings.clinic_facts, appointment, patient, contact)

    sent = [deliver(engine, settings, row.due_at)[0] for row in [one.row for one in coming]]

    assert [one.text.body for one in coming if one.text] == sent
    assert {one.text.language for one in coming if one.text} == {"ar"}
    assert all(one.english and one.english.body.startswith("Riverside Imaging: Hello") for one in coming)
    with reading(engine) as session:
        [event] = [one for one in session.exec(select(AuditEvent)) if one.action == "changed language"]
    assert event.detail == "es to ar"


def test_a_planned_text_goes_out_now_if_it_is_of_this_appointment_and_wanted(
    engine: Engine, settings: Settings
) -> None:
    appointment_id = enrol_one(engine, settings)
    other_id = enrol_one(engine, settings, phone=OTHER, given_name="Ben")
    deliver(engine, settings, NOW)
    [prepare] = find_rows(engine, appointment_id=appointment_id, step="prepare")

    with pytest.raises(ChangeError):
        change(engine, other_id, lambda session, opened: send_now(session, opened, prepare.id or 0, NOW, ANA))
    change(engine, appointment_id, lambda session, opened: send_now(session, opened, prepare.id or 0, NOW, ANA))

    [body] = deliver(engine, settings, NOW)
    assert "soft clothes" in body
    with pytest.raises(ChangeError, match="not waiting"):
        change(engine, appointment_id, lambda session, opened: send_now(session, opened, prepare.id or 0, NOW, ANA))


def test_the_last_text_is_sent_again_as_it_reads_now_but_not_without_end(engine: Engine, settings: Settings) -> None:
    appointment_id = enrol_one(engine, settings)
    with pytest.raises(ChangeError, match="No text"):
        again(engine, settings, appointment_id)
    [first] = deliver(engine, settings, NOW)

    again(engine, settings, appointment_id)
    assert deliver(engine, settings, NOW) == [first]
    change(engine, appointment_id, lambda session, opened: change_language(session, opened, "es", NOW, ANA))
    again(engine, settings, appointment_id)
    [spanish] = deliver(engine, settings, NOW)
    assert "Hola" in spanish
    with pytest.raises(ChangeError, match="often enough"):
        again(engine, settings, appointment_id)
    again(engine, settings, appointment_id, NOW + timedelta(days=2))
    assert len(deliver(engine, settings, NOW + timedelta(days=2))) == 1
    assert list_tasks(engine) == [], "no brake was pulled"


@pytest.mark.parametrize("field", ["opted_out_at", "refused_at", "unreachable_since"])
def test_nothing_is_sent_to_a_number_that_must_get_nothing(engine: Engine, settings: Settings, field: str) -> None:
    appointment_id = enrol_one(engine, settings)
    deliver(engine, settings, NOW)
    [prepare] = find_rows(engine, appointment_id=appointment_id, step="prepare")
    with writing(engine) as session:
        setattr(session.get_one(Contact, 1), field, NOW)

    with pytest.raises(ChangeError):
        again(engine, settings, appointment_id)
    with pytest.raises(ChangeError):
        change(engine, appointment_id, lambda session, opened: send_now(session, opened, prepare.id or 0, NOW, ANA))


def test_whoever_comes_second_is_told(engine: Engine, settings: Settings) -> None:
    appointment_id = enrol_one(engine, settings)
    with writing(engine) as session:
        opened = open_appointment(session, appointment_id)
        seen = opened.version
        change_language(session, opened, "es", NOW, ANA)

    with pytest.raises(OutdatedError), writing(engine) as session:
        open_appointment(session, appointment_id, seen)
    with pytest.raises(MissingError), writing(engine) as session:
        open_appointment(session, 999)


def test_an_outcome_is_noted_once_the_time_has_come_and_can_be_taken_back(engine: Engine, settings: Settings) -> None:
    appointment_id = enrol_one(engine, settings, starts_at=NOW + timedelta(days=1))

    def note(outcome: Outcome, now) -> None:
        change(engine, appointment_id, lambda session, opened: note_outcome(session, opened, outcome, now, ANA))

    with pytest.raises(ChangeError, match="too early"):
        note(Outcome.CAME, NOW)
    note(Outcome.NO_SHOW, NOW + timedelta(days=2))
    note(Outcome.UNKNOWN, NOW + timedelta(days=2))

    with reading(engine) as session:
        assert session.get_one(Appointment, appointment_id).outcome == Outcome.UNKNOWN
        actions = [event.action for event in session.exec(select(AuditEvent))]
    assert actions == ["enrolled", "noted: no show", "noted: not known"]


def test_who_was_phoned_needs_no_more_phoning(engine: Engine, settings: Settings) -> None:
    appointment_id = enrol_one(engine, settings)
    with writing(engine) as session:
        for kind in ("unreached", "implant"):
            session.add(Task(kind=kind, appointment_id=appointment_id, what="x", created_at=NOW))

    change(engine, appointment_id, lambda session, opened: mark_phoned(session, opened, NOW, ANA))
    change(engine, appointment_id, lambda session, opened: confirm(session, opened, NOW, ANA))

    assert [(task.kind, task.state, task.done_by) for task in list_tasks(engine)] == [
        ("unreached", TaskState.DONE, ANA),
        ("implant", TaskState.OPEN, ""),
    ]
    with reading(engine) as session:
        assert session.get_one(Appointment, appointment_id).status == "confirmed"
