"""A process that stood still between its claim and the wire: nothing of the text leaves any more."""

import asyncio
from datetime import timedelta

from sqlalchemy import Engine

from bot.models import TextState
from bot.provider import MAY_LEAVE, Accepted, LateError, SandboxSender
from bot.sending import SendingLoop
from bot.settings import Settings, load_settings
from bot.sms import open_sender
from tests.clinics import enrol_one, find_rows
from tests.conftest import NOW
from tests.daemons import find_free_port, make_environment
from tests.fake_twilio import FakeTwilio, serve_twilio


def send(fake: FakeTwilio, *bodies: str, late: str = "") -> list[Accepted | BaseException]:
    settings = load_settings(None, make_environment("sqlite:///unused.db", fake, find_free_port()))

    async def work() -> list[Accepted | BaseException]:
        sender = open_sender(settings)

        async def send_one(body: str) -> Accepted:
            MAY_LEAVE.set(lambda: body != late)
            return await sender.send("+12025550101", body, f"token-{body}", timedelta(hours=1))

        try:
            first = await asyncio.gather(*map(send_one, bodies), return_exceptions=True)
            return [*first, await send_one("after")]
        finally:
            await sender.close()

    return asyncio.run(work())


def test_what_is_late_when_its_request_is_written_does_not_leave_and_the_others_do() -> None:
    with serve_twilio() as fake:
        one, late, other, after = send(fake, "one", "late", "other", late="late")

        assert isinstance(late, LateError)
        assert all(isinstance(outcome, Accepted) for outcome in (one, other, after))
        assert sorted(str(message["body"]) for message in fake.messages) == ["after", "one", "other"]


def test_the_loop_hands_it_back_and_no_attempt_is_used_up(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)

    class Standing(SandboxSender):
        async def send(self, to: str, body: str, token: str, useful_for: timedelta) -> Accepted:
            assert MAY_LEAVE.get()()
            raise LateError

    async def work() -> None:
        loop = SendingLoop(engine, Standing(), settings.clinic_facts, settings.plan, 10, lambda: NOW)
        for _ in range(3):
            await loop._turn()
            await asyncio.sleep(0)
            loop.stop()

    asyncio.run(work())

    (row,) = find_rows(engine, step="welcome")
    assert (row.state, row.attempts, row.lease_until) == (TextState.PLANNED, 0, None)
