"""What holds sending up: pauses, the circuit, the brake, the limits of a day, and who shares the account."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bot.attempts import Ready
from bot.database import reading, writing
from bot.error_codes import explain
from bot.holds import Gate, beat, find_gate, find_last_beat, list_problems, pause, resume, say_goodbye
from bot.models import Contact, OutgoingText, StartedHour, TaskKind, TaskState, TextState
from bot.outbox import claim_due, suspect
from bot.outcomes import find_doubtful, find_silent, record_not_found_out, record_outcomes, record_status, settle
from bot.provider import BUSY, Accepted, SendError, StatusReport
from bot.schedule import Limits
from bot.settings import Settings
from tests.clinics import PHONE, deliver, enrol_one, find_rows, list_tasks, text_in
from tests.conftest import NOW, MakeSettings

LOCKED_OUT = SendError(explain(20003), code=20003)


def claim(engine: Engine, settings: Settings, now: datetime = NOW, limit: int = 50) -> list[Ready]:
    with writing(engine) as session:
        return claim_due(session, settings.clinic_facts, settings.plan, now, limit)[0]


def record(
    engine: Engine, settings: Settings, ready: Ready, outcome: Accepted | SendError, now: datetime = NOW
) -> None:
    with writing(engine) as session:
        record_outcomes(session, settings.plan, [(ready, outcome)], now)


def report(engine: Engine, settings: Settings, ready: Ready, status: str, code: int | None = None) -> None:
    with writing(engine) as session:
        record_status(session, settings.plan, ready.attempt, StatusReport("SM1", status, code), NOW)


def gate(engine: Engine, now: datetime = NOW) -> Gate:
    with writing(engine) as session:
        return find_gate(session, now)


def test_a_pause_holds_reminders_and_not_answers(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    with writing(engine) as session:
        assert pause(session, "nurse", "a wrong text", NOW)
        assert not pause(session, "nurse", "again", NOW)

    assert claim(engine, settings) == []
    assert len(text_in(engine, settings, "METAL")) == 1
    with writing(engine) as session:
        assert resume(session, NOW)
        assert not resume(session, NOW)
    assert len(claim(engine, settings)) == 1


def test_a_locked_account_stops_sending_fails_nothing_and_goes_on_by_itself(engine: Engine, settings: Settings) -> None:
    for number in range(3):
        enrol_one(engine, settings, phone=f"+1202555010{number}")
    for ready in claim(engine, settings):
        record(engine, settings, ready, LOCKED_OUT)

    assert {row.state for row in find_rows(engine, step="welcome")} == {TextState.PLANNED}
    assert [task.kind for task in list_tasks(engine)] == [TaskKind.OPERATOR]
    with reading(engine) as session:
        assert "credentials" in list_problems(session)[0]
    assert claim(engine, settings, NOW + timedelta(seconds=29)) == []

    probe = NOW + timedelta(seconds=30)
    [one] = claim(engine, settings, probe)
    assert claim(engine, settings, probe) == [], "one text is tried, not all"
    record(engine, settings, one, LOCKED_OUT, probe)
    assert claim(engine, settings, probe + timedelta(seconds=59)) == [], "each wait is longer"

    again = probe + timedelta(seconds=60)
    [one] = claim(engine, settings, again)
    record(engine, settings, one, Accepted("SM1", "queued"), again)
    assert len(claim(engine, settings, again)) == 2
    assert [task.state for task in list_tasks(engine)] == [TaskState.DONE]


def test_texts_that_are_accepted_and_then_fail_for_the_account_wait_until_one_arrives(
    engine: Engine, settings: Settings
) -> None:
    for number in range(2):
        enrol_one(engine, settings, phone=f"+1202555010{number}")
    first, second = claim(engine, settings)
    record(engine, settings, first, Accepted("SM1", "accepted"))
    record(engine, settings, second, Accepted("SM2", "accepted"))
    report(engine, settings, first, "undelivered", 30034)

    probe = NOW + timedelta(seconds=30)
    [one] = claim(engine, settings, probe)
    record(engine, settings, one, Accepted("SM1", "accepted"), probe)
    assert gate(engine, probe + timedelta(seconds=1)) == Gate.SHUT, "that it was accepted proves nothing here"
    report(engine, settings, one, "delivered")
    assert gate(engine, probe + timedelta(seconds=1)) == Gate.OPEN
    assert all(row.state != TextState.FAILED for row in find_rows(engine))


def test_a_limit_of_the_day_waits_for_tomorrow(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    [ready] = claim(engine, settings)
    record(engine, settings, ready, Accepted("SM1", "accepted"))
    report(engine, settings, ready, "undelivered", 30023)

    [row] = find_rows(engine, step="welcome")
    assert (row.state, row.due_at) == (TextState.PLANNED, datetime(2026, 3, 3, 14, 0, tzinfo=UTC))
    assert list_tasks(engine) == []


@pytest.mark.parametrize("code", [30007, 21617])
def test_what_the_operator_must_mend_is_told_once_and_the_patient_is_phoned(
    engine: Engine, settings: Settings, code: int
) -> None:
    for number in range(2):
        enrol_one(engine, settings, phone=f"+1202555010{number}")
    for ready in claim(engine, settings):
        record(engine, settings, ready, SendError(explain(code), code=code))

    kinds = sorted(task.kind for task in list_tasks(engine))
    assert kinds == [TaskKind.OPERATOR, TaskKind.UNREACHED, TaskKind.UNREACHED]


def test_a_number_gets_three_texts_a_day_and_the_fourth_waits(engine: Engine, settings: Settings) -> None:
    for number, exam in enumerate(("mri-brain", "mri-spine", "emg", "lumbar-puncture")):
        enrol_one(engine, settings, exam=exam, given_name=f"Ana{number}")

    assert len(deliver(engine, settings, NOW)) == 3
    [waiting] = [row for row in find_rows(engine, step="welcome") if row.state == TextState.PLANNED]
    assert waiting.due_at == datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
    assert len(text_in(engine, settings, "METAL")) == 1, "an answer is no text that we start"
    assert len(deliver(engine, settings, waiting.due_at)) == 1


def test_the_same_text_again_and_again_to_one_number_is_a_fault_and_stops_everything(
    engine: Engine, settings: Settings
) -> None:
    enrol_one(engine, settings)
    deliver(engine, settings, NOW)
    with writing(engine) as session:
        [sent] = session.exec(select(OutgoingText).where(OutgoingText.step == "welcome")).all()
        values = sent.model_dump(exclude={"id", "attempt", "provider_id"}, warnings=False)
        session.add_all(OutgoingText(**values | {"step": f"welcome:{number}"}) for number in range(2))
        [again] = session.exec(select(OutgoingText).where(OutgoingText.step == "safety")).all()
        again.step, again.due_at = "welcome:again", NOW
        session.add(again)

    assert deliver(engine, settings, NOW) == []

    assert [task.kind for task in list_tasks(engine) if task.urgent] == [TaskKind.OPERATOR]
    with reading(engine) as session:
        assert "same text" in list_problems(session)[0]


def test_far_more_texts_than_usual_stop_sending_until_a_person_has_looked(engine: Engine, settings: Settings) -> None:
    limits = Limits(brake_times=10, brake_least=100)
    with writing(engine) as session:
        session.add(StartedHour(hour=NOW - timedelta(days=1), node_id="a", texts=40))
        beat(session, "a", 400, limits, NOW)
        assert find_gate(session, NOW) == Gate.OPEN
        beat(session, "b", 1, limits, NOW)
        assert find_gate(session, NOW) == Gate.REPLIES
        assert "where 40 were the most" in list_problems(session)[0]
        resume(session, NOW)
        beat(session, "a", 500, limits, NOW + timedelta(minutes=1))
        assert find_gate(session, NOW) == Gate.OPEN, "a person has said that it is right"


def test_a_new_clinic_is_not_braked_by_its_first_texts(engine: Engine) -> None:
    with writing(engine) as session:
        beat(session, "a", 99, Limits(brake_least=100), NOW)
        assert find_gate(session, NOW) == Gate.OPEN


def test_nodes_share_the_account_while_they_live(engine: Engine) -> None:
    limits = Limits()
    with writing(engine) as session:
        assert beat(session, "a", 0, limits, NOW) == 1
        assert beat(session, "b", 0, limits, NOW + timedelta(seconds=5)) == 2
        assert beat(session, "a", 0, limits, NOW + timedelta(seconds=36)) == 1, "b has died"
        assert beat(session, "b", 0, limits, NOW + timedelta(seconds=37)) == 2
        say_goodbye(session, "b")
        assert beat(session, "a", 0, limits, NOW + timedelta(seconds=38)) == 1
        assert find_last_beat(session) == NOW + timedelta(seconds=38)


def test_a_busy_provider_is_asked_less_and_less_often(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    moment, waits = NOW, []
    for _ in range(5):
        [ready] = claim(engine, settings, moment)
        record(engine, settings, ready, SendError(BUSY, code=20429), moment)
        [row] = find_rows(engine, step="welcome")
        waits.append((row.due_at - moment).total_seconds())
        moment = row.due_at
    assert row.attempts == 0
    assert waits[4] > waits[0]
    assert all(2 <= wait <= 64 for wait in waits)


def test_a_text_that_cannot_be_looked_up_waits_and_is_then_sent_once_more(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    [ready] = claim(engine, settings)
    record(engine, settings, ready, SendError(BUSY, unknown=True))

    def look(now: datetime, error: SendError) -> str:
        with writing(engine) as session:
            [doubtful] = find_doubtful(session, now, 10)
            return record_not_found_out(session, settings.plan, doubtful, error, now)

    assert look(NOW + timedelta(minutes=1), LOCKED_OUT) == "waits"
    assert look(NOW + timedelta(hours=2), SendError(BUSY, unknown=True)) == "waits", "Twilio is down: it will tell"
    assert look(NOW + timedelta(hours=4), LOCKED_OUT) == "resent"

    [again] = claim(engine, settings, NOW + timedelta(hours=4))
    record(engine, settings, again, SendError(BUSY, unknown=True), NOW + timedelta(hours=4))
    assert look(NOW + timedelta(hours=5), LOCKED_OUT) == "failed", "once more, not for ever"
    assert [task.kind for task in list_tasks(engine)] == [TaskKind.UNREACHED]


def test_a_clinic_may_have_doubtful_texts_held_for_staff(engine: Engine, make_settings: MakeSettings) -> None:
    settings = make_settings(WHEN_IN_DOUBT="hold")
    enrol_one(engine, settings)
    [ready] = claim(engine, settings)
    record(engine, settings, ready, SendError(BUSY, unknown=True))
    with writing(engine) as session:
        [doubtful] = find_doubtful(session, NOW + timedelta(hours=1), 10)
        assert record_not_found_out(session, settings.plan, doubtful, LOCKED_OUT, NOW + timedelta(hours=1)) == "failed"
    assert len(list_tasks(engine)) == 1


def test_a_silent_text_is_asked_about_after_an_hour_and_not_at_once_again(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    [ready] = claim(engine, settings)
    record(engine, settings, ready, Accepted("SM1", "queued"))

    def find(now: datetime) -> list[str]:
        with writing(engine) as session:
            return [silent.provider_id for silent in find_silent(session, now, 10)]

    assert find(NOW + timedelta(minutes=59)) == []
    assert find(NOW + timedelta(hours=1)) == ["SM1"]
    assert find(NOW + timedelta(hours=2)) == []
    assert find(NOW + timedelta(hours=7)) == ["SM1"]
    assert find(NOW + timedelta(days=3)) == []


def test_what_a_lost_database_may_have_sent_is_looked_up_before_it_is_sent(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    later = NOW + timedelta(hours=3)
    with writing(engine) as session:
        assert suspect(session, {PHONE}, later) == 1

    assert claim(engine, settings, later) == []
    with writing(engine) as session:
        [doubtful] = find_doubtful(session, later, 10)
        assert "Your MRI is on" in doubtful.body
        assert doubtful.since <= NOW
        assert settle(session, doubtful, [Accepted("SM1", "delivered")], later) == "adopted"
    assert [row.state for row in find_rows(engine, step="welcome")] == [TextState.DELIVERED]


def test_what_a_lost_database_did_not_send_is_sent(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    with writing(engine) as session:
        suspect(session, {PHONE}, NOW)
    assert claim(engine, settings) == []
    with writing(engine) as session:
        [doubtful] = find_doubtful(session, NOW, 10)
        assert settle(session, doubtful, [], NOW) == "planned"
    assert len(claim(engine, settings)) == 1


@pytest.mark.parametrize(("words", "restored"), [("YES", False), ("START", True), ("UNSTOP", True)])
def test_a_yes_brings_no_texts_back_also_when_the_carrier_takes_it_for_start(
    engine: Engine, settings: Settings, words: str, restored: bool
) -> None:
    enrol_one(engine, settings)
    deliver(engine, settings, NOW)
    text_in(engine, settings, "STOP", opt_out="STOP")
    text_in(engine, settings, words, NOW + timedelta(minutes=1), opt_out="START")

    with reading(engine) as session:
        contact = session.exec(select(Contact)).one()
    assert (contact.opted_out_at is None) == restored
    assert contact.opted_out_source == ("" if restored else "carrier")
