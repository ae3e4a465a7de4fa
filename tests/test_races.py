"""A change of mind and the claim at the same moment, statement by statement: one or the other, never both."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event
from sqlmodel import select

from bot.appointments import cancel, reschedule
from bot.attempts import Ready
from bot.database import reading, writing
from bot.inbox import take_in
from bot.models import Contact, OutgoingText
from bot.outbox import claim_due
from bot.outcomes import record_outcomes
from bot.provider import Accepted, Inbound
from bot.settings import Settings
from tests.clinics import enrol_one
from tests.conftest import NOW
from tests.rig import FULL

TRIES = 1000 if FULL else 16
MOVED = NOW + timedelta(days=12)

# What may have been sent in the end, each text as its step and the revision of the appointment it speaks of.
ALLOWED = {
    "cancel": [["welcome 1", "cancelled 2"], ["cancelled 2"]],
    "reschedule": [["welcome 1", "moved 2"], ["welcome 2"]],
    "cancel after STOP": [[]],
    "STOP": [["welcome 1", "stopped 1"], ["stopped 1"]],
}


@pytest.mark.parametrize("change", ALLOWED)
def test_a_change_and_a_claim_at_the_same_moment_end_as_one_or_the_other(
    engine: Engine, settings: Settings, change: str
) -> None:
    chance = random.Random(5)
    barrier = threading.Barrier(2)
    ends: set[str] = set()

    def dawdle(*_: object) -> None:
        time.sleep(chance.choice((0, 0, 0.001, 0.004)))

    def send() -> list[Ready]:
        with writing(engine) as session:
            ready, _ = claim_due(session, settings.clinic_facts, settings.plan, NOW, 10)
        dawdle()
        with writing(engine) as session:
            taken = [(text, Accepted(f"SM{text.attempt}", "queued")) for text in ready]
            record_outcomes(session, settings.plan, taken, NOW)
        return ready

    def send_at_once() -> list[Ready]:
        barrier.wait(10)
        # To take in a text needs more statements than to claim one does: without a head start it would never be first.
        time.sleep(chance.choice((0, 0.004, 0.02, 0.06)))
        return send()

    def make_change(appointment: int, phone: str) -> None:
        barrier.wait(10)
        dawdle()
        if change == "STOP":
            take_in(engine, settings.clinic_facts, Inbound(f"IN{phone}", phone, "STOP"), NOW)
            return
        with writing(engine) as session:
            if change == "reschedule":
                reschedule(session, settings.plan, appointment, MOVED, NOW, "test")
            else:
                cancel(session, settings.plan, appointment, NOW, "test")

    with ThreadPoolExecutor(2) as pool:
        for number in range(TRIES):
            phone = f"+1202555{number:04}"
            appointment = enrol_one(engine, settings, phone=phone, record_number=str(number))
            if change == "cancel after STOP":
                with writing(engine) as session:
                    contact = session.exec(select(Contact).where(Contact.phone == phone)).one()
                    contact.opted_out_at = NOW
                    session.add(contact)
            event.listen(engine, "before_cursor_execute", dawdle)
            changing, sending = pool.submit(make_change, appointment, phone), pool.submit(send_at_once)
            changing.result(60)
            first = sending.result(60)
            event.remove(engine, "before_cursor_execute", dawdle)
            sent = [text for text in [*first, *send()] if text.phone == phone]
            with reading(engine) as session:
                rows = [session.get(OutgoingText, text.id) for text in sent]
            told = [f"{row.step} {row.revision}" for row in rows if row]
            assert told in ALLOWED[change], number
            ends.add(str(told))
            if change == "reschedule":
                assert "Mar 14" in sent[-1].body
                assert ("Mar 12" in sent[0].body) == (told[0] == "welcome 1")
    if FULL:
        assert len(ends) == len(ALLOWED[change]), "each way was taken"
