"""Claiming, looking again, recording and settling, on both databases."""

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import select, update

from bot import composing, outbox, outcomes
from bot.appointments import cancel
from bot.attempts import LEASE, Ready
from bot.database import reading, writing
from bot.due import list_soonest
from bot.error_codes import explain
from bot.holds import pause
from bot.models import Contact, OutgoingText, TaskKind, TextState
from bot.outbox import claim_due
from bot.outcomes import Doubtful, find_doubtful, record_outcomes, record_status, settle
from bot.provider import BUSY, Accepted, SandboxSender, SendError, StatusReport
from bot.sending import SendingLoop
from bot.settings import Settings, load_settings
from tests.clinics import PHONE, deliver, enrol_one, find_rows, list_tasks, text_in
from tests.conftest import CLINIC, NOW

PLAN = load_settings(None, CLINIC).plan


def claim(engine: Engine, settings: Settings, now: datetime = NOW, limit: int = 50) -> list[Ready]:
    with writing(engine) as session:
        return claim_due(session, settings.clinic_facts, settings.plan, now, limit)[0]


def record(engine: Engine, ready: Ready, outcome: Accepted | SendError, now: datetime = NOW) -> None:
    with writing(engine) as session:
        record_outcomes(session, PLAN, [(ready, outcome)], now)


def report(engine: Engine, token: str, status: str, code: int | None = None, provider_id: str = "SM1") -> bool:
    with writing(engine) as session:
        return record_status(session, PLAN, token, StatusReport(provider_id, status, code), NOW)


def doubt(engine: Engine, now: datetime) -> list[Doubtful]:
    with writing(engine) as session:
        return find_doubtful(session, now, 50)


def get_row(engine: Engine, row_id: int) -> OutgoingText:
    with reading(engine) as session:
        row = session.get(OutgoingText, row_id)
    assert row is not None
    return row


@pytest.fixture
def ready(engine: Engine, settings: Settings) -> Ready:
    """A welcome text that has been claimed."""
    enrol_one(engine, settings)
    [ready] = claim(engine, settings)
    return ready


def test_a_claim_is_composed_in_the_contacts_language_and_has_its_own_token(engine: Engine, ready: Ready) -> None:
    row = get_row(engine, ready.id)

    assert (row.state, row.attempt, row.body) == (TextState.SENDING, ready.attempt, ready.body)
    assert ready.phone == PHONE
    assert row.lease_until == NOW + LEASE
    assert row.segments >= 1


def test_what_is_claimed_is_not_claimed_again(engine: Engine, settings: Settings, ready: Ready) -> None:
    assert claim(engine, settings) == []


def test_what_is_not_due_is_not_claimed(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    assert len(claim(engine, settings)) == 1
    assert claim(engine, settings, NOW + timedelta(days=2)) == []


def test_answers_go_before_reminders(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    deliver(engine, settings, NOW)
    enrol_one(engine, settings, phone="+12025550102")
    with writing(engine) as session:
        outbox_before = session.exec(select(OutgoingText.id)).all()
        from bot.inbox import receive
        from bot.provider import Inbound

        receive(session, settings.clinic_facts, Inbound("SM1", PHONE, "METAL"), NOW + timedelta(minutes=1))

    [first] = claim(engine, settings, NOW + timedelta(minutes=1), limit=1)

    assert first.phone == PHONE
    assert first.id not in outbox_before


def test_of_a_backlog_what_is_of_no_more_use_soonest_goes_first(engine: Engine, settings: Settings) -> None:
    phones = {}
    for days in (9, 3, 6):
        phones[days] = f"+1202555010{days}"
        enrol_one(engine, settings, phone=phones[days], starts_at=NOW + timedelta(days=days))
    later = NOW + timedelta(hours=2)
    with engine.connect() as connection:
        soonest = deque(list_soonest(connection, later, 2))

    with writing(engine) as session:
        first, looked_at = claim_due(session, settings.clinic_facts, settings.plan, later, 1, soonest=soonest)
    with writing(engine) as session:
        then, _ = claim_due(session, settings.clinic_facts, settings.plan, later, 50, soonest=soonest)

    assert [ready.phone for ready in first] == [phones[3]]
    assert looked_at == 1
    assert [ready.phone for ready in then] == [phones[6]], "nothing is taken that is not on the list"
    assert not soonest
    assert [ready.phone for ready in claim(engine, settings, later)] == [phones[9]]


def test_after_a_downtime_the_loop_begins_with_what_is_of_no_more_use_soonest(
    engine: Engine, settings: Settings
) -> None:
    phones = [f"+12025550{number:03}" for number in range(60)]
    for number, phone in enumerate(phones):
        enrol_one(engine, settings, phone=phone, starts_at=NOW + timedelta(days=100 - number))
    sent = list[str]()

    class Listing(SandboxSender):
        async def send(self, to: str, body: str, token: str, useful_for: timedelta) -> Accepted:
            sent.append(to)
            return await super().send(to, body, token, useful_for)

    async def work() -> None:
        later = NOW + timedelta(hours=2)
        loop = SendingLoop(engine, Listing(), settings.clinic_facts, settings.plan, 10, lambda: later)
        await loop._turn()
        while loop._in_flight:
            await asyncio.wait(loop._in_flight)
            await asyncio.sleep(0)
        await loop._turn()

    asyncio.run(work())

    assert sent == phones[:-11:-1]


def test_what_another_process_has_taken_off_a_backlog_is_no_sign_that_nothing_is_due(
    engine: Engine, settings: Settings
) -> None:
    enrol_one(engine, settings)
    with engine.connect() as connection:
        soonest = deque(list_soonest(connection, NOW, 50))
    assert len(claim(engine, settings)) == 1

    with writing(engine) as session:
        ready, looked_at = claim_due(session, settings.clinic_facts, settings.plan, NOW, 50, soonest=soonest)

    assert (ready, looked_at) == ([], 1)


def test_a_pause_leaves_the_order_of_a_backlog_as_it_is(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    with engine.connect() as connection:
        soonest = deque(list_soonest(connection, NOW, 50))
    with writing(engine) as session:
        pause(session, "test", "for a while", NOW)

    with writing(engine) as session:
        assert claim_due(session, settings.clinic_facts, settings.plan, NOW, 50, soonest=soonest) == ([], 0)

    assert len(soonest) == 1


def test_a_cancelled_appointment_is_never_reminded_of(engine: Engine, settings: Settings) -> None:
    appointment = enrol_one(engine, settings)
    with writing(engine) as session:
        cancel(session, settings.plan, appointment, NOW, "test")

    texts = deliver(engine, settings, NOW) + deliver(engine, settings, NOW + timedelta(days=9))

    assert len(texts) == 1
    assert "cancelled" in texts[0]


def test_after_stop_nothing_but_the_one_confirmation_leaves(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    deliver(engine, settings, NOW)

    [confirmation] = text_in(engine, settings, "STOP")

    assert "START" in confirmation
    assert deliver(engine, settings, NOW + timedelta(days=4)) == []
    assert find_rows(engine, step="safety")[0].reason == "opted out"


def test_a_text_waits_for_the_end_of_the_quiet_hours(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    night = datetime(2026, 3, 3, 3, 0, tzinfo=UTC)  # 22:00 in New York: we were down all day

    assert claim(engine, settings, night) == []
    assert find_rows(engine, step="welcome")[0].due_at == datetime(2026, 3, 3, 14, 0, tzinfo=UTC)


def test_an_answer_does_not_wait_for_the_morning(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)
    night = datetime(2026, 3, 3, 3, 0, tzinfo=UTC)

    assert len(text_in(engine, settings, "METAL", night)) == 1


def test_after_a_long_downtime_the_useless_is_skipped_with_its_reason(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, starts_at=NOW + timedelta(days=10, hours=1))
    late = NOW + timedelta(days=10, hours=-1)  # two hours before: preparing is over, arriving is not

    texts = deliver(engine, settings, late)

    states = {row.step: (row.state, row.reason) for row in find_rows(engine)}
    assert states["prepare"] == (TextState.SKIPPED, "too late")
    assert states["safety"] == (TextState.DELIVERED, "")
    assert states["arrive"] == (TextState.DELIVERED, "")
    assert len(texts) == 3


def test_a_text_that_cannot_be_composed_is_set_aside_and_the_others_go_out(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol_one(engine, settings, exam="mri-spine", phone="+12025550102")
    enrol_one(engine, settings)
    compose = composing.compose_reminder

    def fail_for_spines(steps, language, clinic, visit, moved_from):  # type: ignore[no-untyped-def]
        if visit.exam.code == "mri-spine":
            raise ZeroDivisionError
        return compose(steps, language, clinic, visit, moved_from)

    monkeypatch.setattr(composing, "compose_reminder", fail_for_spines)

    assert len(deliver(engine, settings, NOW)) == 1
    [row] = find_rows(engine, step="welcome", state=TextState.PLANNED)
    assert row.due_at == NOW + timedelta(hours=1)

    for hours in (1, 2):
        deliver(engine, settings, NOW + timedelta(hours=hours))
    assert find_rows(engine, id=row.id)[0].state == TextState.FAILED
    assert [task.kind for task in list_tasks(engine)] == [TaskKind.UNREACHED]


def test_an_accepted_text_is_sent_and_its_callback_delivers_it(engine: Engine, ready: Ready) -> None:
    record(engine, ready, Accepted("SM1", "queued"))
    assert get_row(engine, ready.id).state == TextState.SENT

    assert report(engine, ready.attempt, "delivered")

    row = get_row(engine, ready.id)
    assert (row.state, row.provider_id, row.delivered_at) == (TextState.DELIVERED, "SM1", NOW)


def test_a_callback_that_comes_before_the_answer_brings_the_id(engine: Engine, ready: Ready) -> None:
    assert report(engine, ready.attempt, "sent")
    record(engine, ready, Accepted("SM1", "queued"))

    row = get_row(engine, ready.id)
    assert (row.state, row.provider_id, row.provider_status) == (TextState.SENT, "SM1", "sent")


@pytest.mark.parametrize("later", ["queued", "sent", "failed", "undelivered", "delivered"])
def test_a_status_never_moves_back(engine: Engine, ready: Ready, later: str) -> None:
    record(engine, ready, Accepted("SM1", "queued"))
    report(engine, ready.attempt, "delivered")

    assert report(engine, ready.attempt, later, 30003)

    assert get_row(engine, ready.id).state == TextState.DELIVERED


def test_an_unknown_token_changes_nothing(engine: Engine, ready: Ready) -> None:
    assert not report(engine, "no such token", "delivered")
    assert not report(engine, "no such token", "failed")


def test_an_undelivered_text_is_a_task_and_a_dead_number_is_marked(engine: Engine, ready: Ready) -> None:
    record(engine, ready, Accepted("SM1", "queued"))
    report(engine, ready.attempt, "undelivered", 30005)

    assert get_row(engine, ready.id).state == TextState.FAILED
    [task] = list_tasks(engine)
    assert task.kind == TaskKind.UNREACHED
    with reading(engine) as session:
        assert session.exec(select(Contact.unreachable_reason)).one() == "unreachable"


def test_a_phone_that_was_off_is_tried_again_and_then_given_to_staff(
    engine: Engine, settings: Settings, ready: Ready
) -> None:
    moment, attempt = NOW, ready
    for number in (1, 2):
        record(engine, attempt, Accepted(f"SM{number}", "queued"), moment)
        report(engine, attempt.attempt, "undelivered", 30003, f"SM{number}")
        assert list_tasks(engine) == []
        moment = get_row(engine, ready.id).due_at
        assert moment >= NOW + timedelta(minutes=15)
        [attempt] = claim(engine, settings, moment)
    record(engine, attempt, Accepted("SM3", "queued"), moment)
    report(engine, attempt.attempt, "undelivered", 30003, "SM3")

    assert [task.kind for task in list_tasks(engine)] == [TaskKind.UNREACHED]
    with reading(engine) as session:
        assert session.exec(select(Contact.unreachable_since)).one() is None


def test_a_refusal_for_opt_out_is_remembered(engine: Engine, ready: Ready) -> None:
    record(engine, ready, SendError(explain(21610), code=21610))

    with reading(engine) as session:
        assert session.exec(select(Contact.opted_out_at)).one() == NOW
    assert get_row(engine, ready.id).state == TextState.FAILED


def test_a_busy_provider_uses_up_no_attempt(engine: Engine, ready: Ready) -> None:
    record(engine, ready, SendError(explain(20429), code=20429, retry_after=timedelta(seconds=7)))

    row = get_row(engine, ready.id)
    assert (row.state, row.attempts, row.due_at) == (TextState.PLANNED, 0, NOW + timedelta(seconds=7))


def test_a_broken_account_fails_no_text(engine: Engine, ready: Ready) -> None:
    record(engine, ready, SendError(explain(20003), code=20003))

    row = get_row(engine, ready.id)
    assert (row.state, row.attempts) == (TextState.PLANNED, 0)
    assert [(task.kind, task.urgent) for task in list_tasks(engine)] == [(TaskKind.OPERATOR, True)]


def test_a_write_back_of_an_attempt_that_is_over_is_lost(engine: Engine, settings: Settings, ready: Ready) -> None:
    late = NOW + LEASE
    [doubtful] = doubt(engine, late)
    with writing(engine) as session:
        assert settle(session, doubtful, [], late) == "planned"
    [again] = claim(engine, settings, late)

    record(engine, ready, Accepted("SM-old", "queued"), late)
    record(engine, again, Accepted("SM-new", "queued"), late)

    assert get_row(engine, ready.id).provider_id == "SM-new"


def test_an_expired_lease_is_doubt_and_not_permission_to_send(engine: Engine, settings: Settings, ready: Ready) -> None:
    assert doubt(engine, NOW + LEASE - timedelta(seconds=1)) == []

    [doubtful] = doubt(engine, NOW + LEASE)

    assert (doubtful.phone, doubtful.body) == (ready.phone, ready.body)
    assert get_row(engine, ready.id).state == TextState.UNKNOWN
    assert claim(engine, settings, NOW + LEASE) == []
    assert doubt(engine, NOW + LEASE) == [], "the lease is renewed while one process looks"


def test_a_text_found_at_the_provider_is_adopted(engine: Engine, settings: Settings, ready: Ready) -> None:
    record(engine, ready, SendError(BUSY, unknown=True))
    [doubtful] = doubt(engine, NOW + LEASE)

    with writing(engine) as session:
        assert settle(session, doubtful, [Accepted("SM9", "delivered")], NOW + LEASE) == "adopted"

    row = get_row(engine, ready.id)
    assert (row.state, row.provider_id) == (TextState.DELIVERED, "SM9")
    assert claim(engine, settings, NOW + LEASE) == []


def test_a_text_of_another_row_is_not_adopted(engine: Engine, settings: Settings, ready: Ready) -> None:
    record(engine, ready, Accepted("SM9", "sent"))
    enrol_one(engine, settings, exam="mri-spine")
    [second] = claim(engine, settings)
    [doubtful] = doubt(engine, NOW + LEASE)
    assert doubtful.id == second.id

    with writing(engine) as session:
        assert settle(session, doubtful, [Accepted("SM9", "sent")], NOW + LEASE) == "planned"


def test_a_callback_during_the_search_settles_the_doubt(engine: Engine, ready: Ready) -> None:
    [doubtful] = doubt(engine, NOW + LEASE)
    report(engine, ready.attempt, "delivered")

    with writing(engine) as session:
        assert settle(session, doubtful, [], NOW + LEASE) == "settled"

    assert get_row(engine, ready.id).state == TextState.DELIVERED


def test_a_text_that_never_gets_through_is_given_to_staff(engine: Engine, ready: Ready) -> None:
    with writing(engine) as session:
        session.exec(update(OutgoingText).values(attempts=outcomes.MAX_ATTEMPTS))
    [doubtful] = doubt(engine, NOW + LEASE)

    with writing(engine) as session:
        assert settle(session, doubtful, [], NOW + LEASE) == "failed"

    assert [task.kind for task in list_tasks(engine)] == [TaskKind.UNREACHED]


def test_a_claim_that_was_not_sent_is_handed_back(engine: Engine, settings: Settings, ready: Ready) -> None:
    with writing(engine) as session:
        outbox.hand_back(session, [ready], NOW)

    [again] = claim(engine, settings)
    assert again.id == ready.id
    assert again.attempt != ready.attempt


def test_a_clock_that_is_a_day_ahead_still_finds_what_was_sent(
    engine: Engine, settings: Settings, ready: Ready
) -> None:
    [doubtful] = doubt(engine, NOW + LEASE)
    assert doubtful.since <= NOW - timedelta(days=1)
