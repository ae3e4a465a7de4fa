"""The daemon's process, really killed at random moments, while the provider misbehaves: counted at the provider."""

import random
import time
from datetime import UTC, datetime
from pathlib import Path

from bot.daemon import prepare_database
from bot.settings import load_settings
from tests.clinics import list_tasks
from tests.daemons import Daemon, find_free_port, make_environment, run_daemon, wait_for
from tests.fake_twilio import serve_twilio
from tests.faults import FAULTS, now_and_then
from tests.rig import FULL, MANY
from tests.test_twilio import check_log, count_states, enrol_many

TEXTS, KILLS = (MANY, 20) if FULL else (200, 2)


def test_killed_again_and_again_each_text_arrives_once(database_url: str, tmp_path: Path) -> None:
    chance = random.Random(20)
    port = find_free_port()
    fault = now_and_then(list(FAULTS.values()), every=5)
    with serve_twilio(delay_s=0.05, callbacks=True, fault=fault) as fake:
        # So slow that the last one killed still has something to send.
        rate = TEXTS / KILLS / 2
        environment = make_environment(
            database_url, fake, port, SEND_RATE_PER_SECOND=str(rate), BRAKE_TIMES="0", SPOOL_FOLDER=str(tmp_path)
        )
        settings = load_settings(None, environment)
        engine = prepare_database(settings)
        enrol_many(engine, settings, TEXTS, datetime.now(UTC))
        doubtful = 0
        for number in range(KILLS):
            daemon = Daemon(environment, port, tmp_path)
            if number == 0:
                wait_for(lambda: fake.requests >= len(fake.messages) + 20, 30, every=0.001)
            elif number % 5 != 4:  # every fifth dies while it starts
                wait_for(daemon.is_healthy, 60)
            time.sleep(0 if number == 0 else chance.uniform(0, 3))
            daemon.kill()
            states = count_states(engine)
            doubtful += states.get("sending", 0)
            assert states.get("planned", 0) + states.get("sending", 0) + states.get("unknown", 0) > 0
        assert doubtful > 0
        if not FULL:  # each fault costs a lease of half a minute
            fake.fault = None
        with run_daemon(environment, port, tmp_path) as daemon:
            wait_for(lambda: set(count_states(engine)) <= {"sent", "delivered"}, 900, every=0.5)
            assert daemon.stop() == 0
        assert sum(copies - 1 for copies in fake.texts.values()) == 0, "doubled"
        assert len(fake.texts) == TEXTS, "lost"
        assert sum(count_states(engine).values()) == TEXTS
        assert list_tasks(engine) == []
        check_log(daemon.log, fake)
        engine.dispose()
