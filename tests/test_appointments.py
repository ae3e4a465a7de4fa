"""Enrolling, moving and cancelling, on both databases."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import func, select

from bot.appointments import AppointmentError, cancel, enrol, reschedule
from bot.database import reading, writing
from bot.models import Appointment, AppointmentStatus, Contact, OutgoingText, Patient, TaskKind, TextState
from bot.people import Companion, Enrolment
from bot.sandbox import deliver_due
from bot.settings import Settings
from tests.clinics import PHONE, deliver, enrol_one, find_rows, list_tasks, text_in
from tests.conftest import NOW


def make_enrolment(**changes: object) -> Enrolment:
    values: dict[str, object] = {
        "phone": PHONE,
        "given_name": "Ana",
        "language": "en",
        "exam": "mri-brain",
        "starts_at": NOW + timedelta(days=10),
        "external_id": "A-1",
    }
    return Enrolment(**values | changes)  # type: ignore[arg-type]


def enrol_again(engine: Engine, settings: Settings, *enrolments: Enrolment, now: datetime = NOW) -> list[str]:
    with writing(engine) as session:
        return [result.outcome for result in enrol(session, settings.plan, enrolments, now, "test")]


def count(engine: Engine, table: type[Appointment] | type[Contact] | type[Patient] | type[OutgoingText]) -> int:
    with reading(engine) as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_enrolling_plans_every_step_of_the_plan(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)

    rows = find_rows(engine)

    assert [row.step for row in rows] == ["welcome", "safety", "prepare", "arrive"]
    assert {row.state for row in rows} == {TextState.PLANNED}
    assert rows[1].due_at == datetime(2026, 3, 5, 15, 0, tzinfo=UTC)


def test_the_same_enrolment_twice_changes_nothing(engine: Engine, settings: Settings) -> None:
    assert enrol_again(engine, settings, make_enrolment()) == ["enrolled"]
    before = find_rows(engine)

    assert enrol_again(engine, settings, make_enrolment(), now=NOW + timedelta(days=1)) == ["unchanged"]

    assert find_rows(engine) == before


def test_an_enrolment_without_an_id_is_known_by_patient_exam_and_time(engine: Engine, settings: Settings) -> None:
    nameless = make_enrolment(external_id=None)

    assert enrol_again(engine, settings, nameless, nameless) == ["enrolled", "unchanged"]
    assert enrol_again(engine, settings, nameless) == ["unchanged"]
    assert count(engine, Appointment) == 1


def test_a_time_in_the_past_is_not_enrolled(engine: Engine, settings: Settings) -> None:
    assert enrol_again(engine, settings, make_enrolment(starts_at=NOW - timedelta(minutes=1))) == ["past"]
    assert count(engine, Appointment) == 0


def test_a_known_appointment_that_is_over_stays_unchanged(engine: Engine, settings: Settings) -> None:
    enrol_again(engine, settings, make_enrolment())

    assert enrol_again(engine, settings, make_enrolment(), now=NOW + timedelta(days=30)) == ["unchanged"]


def test_two_imports_at_once_enrol_once(engine: Engine, settings: Settings) -> None:
    batch = [make_enrolment(external_id=f"A-{number}", phone=f"+120255501{number:02}") for number in range(20)]
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait(10)
        enrol_again(engine, settings, *batch)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert count(engine, Appointment) == 20
    assert count(engine, Contact) == 20
    assert count(engine, OutgoingText) == 80


def test_a_renamed_patient_stays_the_same_patient(engine: Engine, settings: Settings) -> None:
    enrol_again(engine, settings, make_enrolment(given_name="Anna"))

    assert enrol_again(engine, settings, make_enrolment(given_name="Ana")) == ["updated"]

    assert count(engine, Patient) == 1
    assert len(find_rows(engine)) == 4


def test_a_corrected_number_gets_all_texts_anew(engine: Engine, settings: Settings) -> None:
    enrol_again(engine, settings, make_enrolment())
    deliver(engine, settings, NOW)

    assert enrol_again(engine, settings, make_enrolment(phone="+12025550102")) == ["updated"]

    planned = find_rows(engine, state=TextState.PLANNED)
    assert [row.step for row in planned] == ["welcome", "safety", "prepare", "arrive"]
    with reading(engine) as session:
        new = session.exec(select(Contact.id).where(Contact.phone == "+12025550102")).one()
    assert {row.contact_id for row in planned} == {new}


def test_a_corrected_number_holds_for_all_appointments_of_the_patient(engine: Engine, settings: Settings) -> None:
    first = make_enrolment(record_number="R-1")
    second = make_enrolment(record_number="R-1", external_id="A-2", exam="emg", starts_at=NOW + timedelta(days=12))
    enrol_again(engine, settings, first, second)
    deliver(engine, settings, NOW)

    moved = [replace(enrolment, phone="+12025550102") for enrolment in (first, second)]
    enrol_again(engine, settings, *moved)
    assert enrol_again(engine, settings, *moved) == ["unchanged", "unchanged"]

    with reading(engine) as session:
        new = session.exec(select(Contact.id).where(Contact.phone == "+12025550102")).one()
    planned = find_rows(engine, state=TextState.PLANNED)
    assert {row.contact_id for row in planned} == {new}
    assert len(planned) == 8


def test_a_new_appointment_of_a_known_patient_brings_their_new_number(engine: Engine, settings: Settings) -> None:
    enrol_again(engine, settings, make_enrolment(record_number="R-1"))
    deliver(engine, settings, NOW)
    other = make_enrolment(
        record_number="R-1", external_id="A-2", phone="+12025550166", starts_at=NOW + timedelta(days=20)
    )

    assert enrol_again(engine, settings, other) == ["enrolled"]

    assert count(engine, Patient) == 1
    phones = {ready.phone for ready in deliver_due(engine, settings.clinic_facts, settings.plan, NOW)}
    assert phones == {"+12025550166"}
    waiting = {row.contact_id for row in find_rows(engine, state=TextState.PLANNED)}
    with reading(engine) as session:
        [patient] = session.exec(select(Patient))
    assert waiting == {patient.contact_id}
    assert enrol_again(engine, settings, other) == ["unchanged"]


def test_a_companion_named_in_a_later_row_hears_of_both_appointments(engine: Engine, settings: Settings) -> None:
    alone = make_enrolment(record_number="R-1")
    companion = Companion("Luz", "+12025550177", "es")
    with_luz = make_enrolment(
        record_number="R-1", external_id="A-2", starts_at=NOW + timedelta(days=20), companion=companion
    )

    assert enrol_again(engine, settings, alone, with_luz) == ["enrolled", "enrolled"]

    rows = find_rows(engine, for_companion=True, step="welcome")
    assert len({row.appointment_id for row in rows}) == len(rows) == 2


def test_a_language_the_patient_chose_survives_the_next_import(engine: Engine, settings: Settings) -> None:
    enrol_again(engine, settings, make_enrolment())
    text_in(engine, settings, "español")

    assert enrol_again(engine, settings, make_enrolment()) == ["unchanged"]

    with reading(engine) as session:
        assert session.exec(select(Contact.language)).one() == "es"


def test_a_language_the_clinic_corrects_takes_effect(engine: Engine, settings: Settings) -> None:
    enrol_again(engine, settings, make_enrolment())

    assert enrol_again(engine, settings, make_enrolment(language="ht")) == ["updated"]

    [welcome] = deliver(engine, settings, NOW)
    assert "Bonjou" in welcome


def test_a_move_before_anything_was_sent_only_plans_anew(engine: Engine, settings: Settings) -> None:
    appointment = enrol_one(engine, settings)

    with writing(engine) as session:
        reschedule(session, settings.plan, appointment, NOW + timedelta(days=12), NOW, "test")

    assert [row.step for row in find_rows(engine, state=TextState.PLANNED)] == [
        "welcome",
        "safety",
        "prepare",
        "arrive",
    ]
    assert {row.reason for row in find_rows(engine, state=TextState.SKIPPED)} == {"superseded"}


def test_a_move_after_something_was_sent_says_the_old_and_the_new_time_once(engine: Engine, settings: Settings) -> None:
    appointment = enrol_one(engine, settings, starts_at=datetime(2026, 3, 12, 18, 0, tzinfo=UTC))
    deliver(engine, settings, NOW)

    with writing(engine) as session:
        reschedule(session, settings.plan, appointment, datetime(2026, 3, 13, 14, 30, tzinfo=UTC), NOW, "test")
    texts = deliver(engine, settings, NOW)

    assert len(texts) == 1
    for part in ("Thu, Mar 12", "2:00 PM", "Fri, Mar 13", "10:30 AM"):
        assert part in texts[0]
    assert [row.step for row in find_rows(engine, state=TextState.PLANNED)] == ["safety", "prepare", "arrive"]


def test_a_move_closer_brings_what_was_missed_with_the_correction(engine: Engine, settings: Settings) -> None:
    appointment = enrol_one(engine, settings)
    deliver(engine, settings, NOW)

    with writing(engine) as session:
        reschedule(session, settings.plan, appointment, NOW + timedelta(hours=20), NOW, "test")
    [text] = deliver(engine, settings, NOW)

    assert "pacemaker" in text
    assert "no metal" in text
    assert "has changed" in text


def test_a_moved_appointment_is_no_longer_confirmed(engine: Engine, settings: Settings) -> None:
    appointment = enrol_one(engine, settings)
    text_in(engine, settings, "I will come")

    with writing(engine) as session:
        moved = reschedule(session, settings.plan, appointment, NOW + timedelta(days=12), NOW, "test")

    assert moved.status == AppointmentStatus.BOOKED


def test_a_move_that_no_text_can_tell_in_time_is_a_task_to_phone(engine: Engine, settings: Settings) -> None:
    appointment = enrol_one(engine, settings, starts_at=datetime(2026, 3, 12, 12, 0, tzinfo=UTC))
    deliver(engine, settings, NOW)
    night = datetime(2026, 3, 12, 3, 0, tzinfo=UTC)  # 23:00 in New York, nine hours before

    with writing(engine) as session:
        reschedule(session, settings.plan, appointment, datetime(2026, 4, 2, 15, 0, tzinfo=UTC), night, "test")

    assert [(task.kind, task.urgent) for task in list_tasks(engine)] == [(TaskKind.UNREACHED, True)]


def test_a_cancelled_appointment_is_called_off_once_and_nothing_else_goes_out(
    engine: Engine, settings: Settings
) -> None:
    appointment = enrol_one(engine, settings)
    deliver(engine, settings, NOW)

    for _ in range(2):
        with writing(engine) as session:
            cancel(session, settings.plan, appointment, NOW, "test")

    [text] = deliver(engine, settings, NOW)
    assert "cancelled" in text
    assert deliver(engine, settings, NOW + timedelta(days=9)) == []


def test_a_cancelled_row_that_comes_back_is_booked_again(engine: Engine, settings: Settings) -> None:
    enrol_again(engine, settings, make_enrolment())
    assert enrol_again(engine, settings, make_enrolment(cancelled=True)) == ["cancelled"]
    assert enrol_again(engine, settings, make_enrolment(cancelled=True)) == ["unchanged"]

    assert enrol_again(engine, settings, make_enrolment()) == ["updated"]

    assert [row.step for row in find_rows(engine, state=TextState.PLANNED)] == [
        "welcome",
        "safety",
        "prepare",
        "arrive",
    ]


@pytest.mark.parametrize(
    ("starts_at", "words"),
    [(NOW - timedelta(hours=1), "past"), (NOW + timedelta(days=1), "no appointment 99")],
)
def test_what_cannot_be_moved_says_why(engine: Engine, settings: Settings, starts_at: datetime, words: str) -> None:
    appointment = enrol_one(engine, settings) if "past" in words else 99

    with pytest.raises(AppointmentError, match=words), writing(engine) as session:
        reschedule(session, settings.plan, appointment, starts_at, NOW, "test")


def test_a_booking_too_late_for_any_text_is_a_task_to_phone(engine: Engine, settings: Settings) -> None:
    night = datetime(2026, 3, 3, 3, 0, tzinfo=UTC)  # 22:00 in New York
    enrol_one(engine, settings, now=night, starts_at=night + timedelta(hours=10))

    rows = find_rows(engine)

    assert {(row.state, row.reason) for row in rows} == {(TextState.SKIPPED, "no allowed time")}
    assert {(task.kind, task.urgent) for task in list_tasks(engine)} == {(TaskKind.UNREACHED, True)}


def test_without_consent_nothing_is_sent_and_staff_are_told(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, consent=False)

    assert deliver(engine, settings, NOW) == []

    assert [task.what for task in list_tasks(engine)] == ["Phone this patient: a text was not sent (no consent)"]


def test_local_times_are_right_across_the_november_clock_change(engine: Engine, settings: Settings) -> None:
    # Enrolled in summer time for Tuesday 3 November, two days after the clocks go back.
    enrolled = datetime(2026, 10, 20, 14, 0, tzinfo=UTC)
    enrol_one(engine, settings, now=enrolled, starts_at=datetime(2026, 11, 3, 15, 0, tzinfo=UTC))

    due = {row.step: row.due_at for row in find_rows(engine)}
    texts = [body for moment in sorted(due.values()) for body in deliver(engine, settings, moment)]

    assert due["safety"] == datetime(2026, 10, 27, 14, 0, tzinfo=UTC)  # 10:00 summer time
    assert due["prepare"] == datetime(2026, 11, 1, 15, 0, tzinfo=UTC)  # 10:00 winter time
    assert len(texts) == 4
    assert all("Tue, Nov 3" in text and "9:45 AM" in text for text in texts)
