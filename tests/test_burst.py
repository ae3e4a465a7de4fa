"""Webhooks while a burst of reminders leaves: each is answered and has its effect. How fast is in the log."""

import logging
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

import pytest
from sqlmodel import col, func, select

from bot.arriving import has_kept
from bot.daemon import prepare_database
from bot.database import reading
from bot.models import Contact, IncomingText
from bot.settings import load_settings
from tests.clinics import find_rows
from tests.daemons import find_free_port, make_environment, run_daemon, wait_for
from tests.fake_twilio import serve_twilio, sign
from tests.rig import FULL
from tests.test_twilio import count_states, enrol_many, make_inbound, post

log = logging.getLogger(__name__)

BODIES = ("METAL", "puedo comer antes?", "STOP", "can I bring my daughter")
TEXTS, WRITERS = (1000, 8) if FULL else (200, 4)
DATABASES = ["sqlite", "postgresql"] if FULL else ["sqlite"]


@pytest.mark.parametrize("database_url", DATABASES, indirect=True)
def test_webhooks_are_answered_while_a_burst_of_reminders_leaves(database_url: str, tmp_path: Path) -> None:
    port = find_free_port()
    codes: Counter[int] = Counter()
    seconds: list[float] = []
    with serve_twilio(delay_s=0.08, callbacks=True) as fake:
        environment = make_environment(database_url, fake, port, SPOOL_FOLDER=str(tmp_path / "spool"))
        settings = load_settings(None, environment)
        engine = prepare_database(settings)
        with run_daemon(environment, port, tmp_path) as daemon:
            inbound = f"{daemon.url}/twilio/inbound"
            # The first text in a language teaches it, which takes seconds: a bot that has been up for a while knows it.
            for number, body in enumerate(BODIES):
                form = make_inbound(body, f"FIRST{number}", "+12025559999")
                assert post(inbound, form, sign(inbound, form)) == 200
            wait_for(lambda: not has_kept(engine), 180)
            enrol_many(engine, settings, TEXTS, datetime.now(UTC))

            def write(writer: int) -> None:
                """One patient after the other writes, until all reminders have left."""
                number = writer
                while count_states(engine).get("planned", 0):
                    form = make_inbound(BODIES[number // WRITERS % 4], f"IN{number}", f"+1202555{number:04}")
                    headers, began = sign(inbound, form), time.monotonic()
                    code = post(inbound, form, headers)
                    seconds.append(time.monotonic() - began)
                    codes[code] += 1
                    number += WRITERS

            writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
            wait_for(lambda: not {"planned", "sending"} & set(count_states(engine)), 60)
            wait_for(
                lambda: all(
                    row.state in ("delivered", "skipped")
                    for row in find_rows(engine)
                    if row.kind == "reply" or row.step == "welcome"
                ),
                60,
                every=0.5,
            )
            assert daemon.stop() == 0
        assert set(codes) == {200}
        assert set(fake.callback_codes) == {200}
        with reading(engine) as session:
            assert session.exec(select(func.count()).select_from(IncomingText)).one() == len(seconds) + len(BODIES)
            stopped = select(func.count()).select_from(Contact).where(col(Contact.opted_out_at).is_not(None))
            assert (
                session.exec(stopped).one()
                == session.exec(select(func.count()).select_from(IncomingText).where(IncomingText.body == "STOP")).one()
            )
        assert max(fake.texts.values()) == 1
        cuts = [*quantiles(seconds, n=100), max(seconds)]
        log.info(
            "%s webhooks: p50 %.0f ms, p99 %.0f ms, longest %.0f ms",
            len(seconds),
            *(1000 * cuts[i] for i in (49, 98, -1)),
        )
        engine.dispose()
