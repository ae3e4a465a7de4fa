"""Two clinics' bots on one account that takes few requests at a time: each gets its share, and nobody gets two."""

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiohttp import web

from bot.daemon import prepare_database
from bot.sending import SendingLoop
from tests.conftest import MakeSettings
from tests.fake_twilio import SERVICE, FakeTwilio, serve_twilio
from tests.rig import Rig, make_sending_settings

EACH = 250
AT_ONCE, TAKES_S = 10, 0.03
CLINICS = {name: SERVICE[:-1] + name for name in ("1", "2")}


class Crowd:
    """An account that refuses what is more than it takes at a time."""

    def __init__(self) -> None:
        self.inside, self.refused = 0, 0

    async def __call__(self, _fake: FakeTwilio, _request: web.Request, _form: dict[str, str]) -> web.Response | None:
        if self.inside >= AT_ONCE:
            self.refused += 1
            return web.json_response({"code": 20429, "message": "Too Many Requests", "status": 429}, status=429)
        self.inside += 1
        try:
            await asyncio.sleep(TAKES_S)
        finally:
            self.inside -= 1
        return None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_the_account_takes_at_a_time_is_shared_by_those_who_have_texts_due(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    crowd = Crowd()
    with serve_twilio(fault=crowd) as fake:
        rigs = []
        for name, service in CLINICS.items():
            settings = make_sending_settings(make_settings).model_copy(
                update={"twilio_messaging_service_sid": service, "twilio_api_base_url": fake.url}
            )
            engine = prepare_database(
                make_settings(DATABASE_URL=f"sqlite:///{tmp_path / name}.db", QUIET_HOURS_START="00:00")
            )
            rigs.append(Rig(engine, settings, fake))
            rigs[-1].enrol(EACH)
        begin = threading.Barrier(len(rigs))

        def send(rig: Rig) -> None:
            async def work(loop: SendingLoop) -> None:
                await asyncio.to_thread(begin.wait)
                sending = asyncio.create_task(loop.run())
                while len(fake.messages) < EACH and not sending.done():
                    await asyncio.sleep(0.05)
                loop.stop()
                await sending

            rig.run(work)

        with ThreadPoolExecutor(len(rigs)) as threads:
            list(threads.map(send, rigs))
        halfway = Counter(message["messaging_service_sid"] for message in fake.messages[:EACH])

        assert crowd.refused > 0
        assert set(halfway) == set(CLINICS.values())
        assert min(halfway.values()) >= EACH / 5, halfway
        fake.fault = None
        for rig in rigs:
            rig.finish()
            assert rig.count("sent", "delivered") == EACH
            rig.engine.dispose()
        came = Counter(message["messaging_service_sid"] for message in fake.messages)
        assert came == dict.fromkeys(CLINICS.values(), EACH)
