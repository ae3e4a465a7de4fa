"""What a service must survive beside a bad provider: restored backups, lost databases, full disks, races."""

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import func, select

from bot.clinic_details import set_details
from bot.daemon import prepare_database
from bot.database import open_database, reading, writing
from bot.inbox import receive
from bot.models import IncomingText, OutgoingText
from bot.provider import Inbound, Record
from bot.sending import SendingLoop
from bot.settings import Settings, load_settings
from messages.understand import understand
from tests.clinics import PHONE, deliver, enrol_one, find_rows
from tests.conftest import NOW, MakeSettings
from tests.daemons import find_free_port, make_environment, run_daemon, wait_for
from tests.fake_twilio import SERVICE, SID, serve_twilio, sign
from tests.rig import Rig, make_sending_settings
from tests.test_twilio import count_states, enrol_many, make_inbound, post


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    return make_sending_settings(make_settings)


@pytest.fixture
def rig(engine: Engine, settings: Settings) -> Iterator[Rig]:
    with serve_twilio() as fake:
        yield Rig(engine, settings.model_copy(update={"twilio_api_base_url": fake.url}), fake)


def fill_up(engine: Engine) -> None:
    """Write until no page is left."""
    for number in range(1000):
        with writing(engine) as session:
            session.add(IncomingText(provider_id=f"full-{number}", contact_id=1, body="y" * 900, received_at=NOW))


def take_in(engine: Engine, settings: Settings) -> None:
    with writing(engine) as session:
        receive(session, settings.clinic_facts, Inbound("SM-full", PHONE, "METAL " * 200), NOW)


class TestOnSqlite:
    @pytest.fixture
    def database_url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'bot.db'}"

    def test_what_yesterdays_backup_does_not_know_to_be_sent_is_not_sent_again(self, rig: Rig, tmp_path: Path) -> None:
        rig.enrol(5)
        rig.run(lambda loop: loop.beat())
        rig.engine.dispose()
        shutil.copy(tmp_path / "bot.db", tmp_path / "backup.db")
        rig.send()
        assert len(rig.fake.messages) == 5

        rig.engine = open_database(f"sqlite:///{tmp_path / 'backup.db'}")
        assert rig.count("planned") == 5
        rig.passed += timedelta(minutes=10)
        rig.run(lambda loop: loop.catch_up())
        rig.finish()

        rig.check_once_each(5)
        rig.engine.dispose()

    def test_after_a_plain_downtime_nothing_is_suspected(self, rig: Rig) -> None:
        rig.enrol(3)
        rig.run(lambda loop: loop.beat())
        rig.passed += timedelta(hours=2)
        rig.run(lambda loop: loop.catch_up())
        assert not any(row.suspect for row in find_rows(rig.engine))
        rig.send()
        rig.check_once_each(3)

    def test_texts_that_came_while_we_were_down_are_read_from_the_providers_log(self, rig: Rig) -> None:
        rig.run(lambda loop: loop.beat())
        came_at = datetime.now(UTC) + timedelta(minutes=3)
        rig.fake.messages.append(
            {
                "sid": "SM-in",
                "direction": "inbound",
                "from": PHONE,
                "to": "+12025550100",
                "body": "STOP",
                "num_media": "0",
                "status": "received",
                "date_created": format_datetime(came_at),
                "date_sent": format_datetime(came_at),
            }
        )
        rig.passed += timedelta(minutes=10)
        missed: list[Record] = []

        async def work(loop: SendingLoop) -> None:
            missed.extend(await loop.catch_up())

        rig.run(work)

        assert [(record.provider_id, record.phone, record.body) for record in missed] == [("SM-in", PHONE, "STOP")]
        assert missed[0].made_at == came_at.replace(microsecond=0)

    def test_on_a_full_disk_nothing_is_sent_that_was_not_claimed_and_it_recovers(
        self, rig: Rig, tmp_path: Path
    ) -> None:
        rig.enrol(30)
        full = open_database(f"sqlite:///{tmp_path / 'bot.db'}")

        def limit(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")

        event.listen(full, "connect", limit)
        room, rig.engine = rig.engine, full
        with pytest.raises(OperationalError, match="full"):
            fill_up(full)
        with pytest.raises(OperationalError, match="full"):
            rig.send()
        assert rig.fake.requests == 0
        with pytest.raises(OperationalError):
            take_in(full, rig.settings)
        full.dispose()

        rig.engine = room
        rig.finish()
        rig.check_once_each(30)
        with room.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"

    def test_on_a_read_only_disk_nothing_is_sent_and_it_recovers(self, rig: Rig, tmp_path: Path) -> None:
        rig.enrol(5)
        read_only = open_database(f"sqlite:///{tmp_path / 'bot.db'}")
        event.listen(read_only, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
        room, rig.engine = rig.engine, read_only
        with pytest.raises(OperationalError, match="readonly"):
            rig.send()
        with pytest.raises(OperationalError, match="readonly"):
            take_in(read_only, rig.settings)
        assert rig.fake.requests == 0
        read_only.dispose()

        rig.engine = room
        rig.finish()
        rig.check_once_each(5)

    def test_a_backup_that_holds_the_lock_is_waited_for(self, rig: Rig, tmp_path: Path) -> None:
        rig.enrol(3)
        holder = open_database(f"sqlite:///{tmp_path / 'bot.db'}")
        connection = holder.raw_connection()
        connection.cursor().execute("BEGIN IMMEDIATE")
        timer = threading.Timer(1.0, lambda: connection.cursor().execute("ROLLBACK"))
        timer.start()
        rig.send()
        timer.join()
        connection.close()
        holder.dispose()
        rig.check_once_each(3)


def test_a_process_killed_between_the_answer_and_the_write_back_does_not_send_again(rig: Rig) -> None:
    rig.enrol(10)

    async def work(loop: SendingLoop) -> None:
        await loop._turn()
        while loop._in_flight:
            await asyncio.sleep(0.01)
        assert len(loop._outcomes) == 10, "answered and not written"

    rig.run(work)
    assert rig.count("sending") == len(rig.fake.messages) == 10
    rig.passed += timedelta(seconds=31)
    rig.reconcile()
    assert rig.count("sent") == 10
    rig.check_once_each(10)


def test_two_texts_from_one_phone_at_the_same_moment_are_taken_one_after_the_other(
    engine: Engine, settings: Settings
) -> None:
    enrol_one(engine, settings)
    deliver(engine, settings, NOW)
    # The first text teaches a language, which takes long on a busy machine; a webhook does it before it writes.
    understand("hello", "en")
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait(10)
        with writing(engine) as session:
            body = "STOP" if number % 2 else "please don't text me any more"
            receive(session, settings.clinic_facts, Inbound(f"SM{number}", PHONE, body), NOW)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    with reading(engine) as session:
        assert session.exec(select(func.count()).select_from(IncomingText)).one() == 8
        confirmations = select(func.count()).select_from(OutgoingText).where(OutgoingText.step == "stopped")
        assert session.exec(confirmations).one() == 1


def test_a_database_that_goes_away_and_comes_back_under_load_loses_nothing(postgres: str, tmp_path: Path) -> None:
    """All its connections are cut, several times, while reminders leave and patients write."""
    name = f"bot_{find_free_port()}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    url = make_url(postgres).set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)
    port = find_free_port()
    with serve_twilio(delay_s=0.02) as fake:
        environment = make_environment(url, fake, port, SPOOL_FOLDER=str(tmp_path / "spool"))
        engine = prepare_database(load_settings(None, environment))
        settings = load_settings(None, environment)
        with run_daemon(environment, port, tmp_path) as daemon:
            inbound = f"{daemon.url}/twilio/inbound"
            # The first waits until the words are read.
            form = make_inbound("METAL", "FIRST", "+12025559999")
            assert post(inbound, form, sign(inbound, form)) == 200
            wait_for(lambda: count_incoming(engine) == 1, 180)
            enrol_many(engine, settings, 150, datetime.now(UTC))
            for number in range(30):
                if number % 6 == 0:
                    cut(postgres, name)
                form = make_inbound("METAL", f"IN{number}", f"+1202555{number:04}")
                assert post(inbound, form, sign(inbound, form)) == 200
            wait_for(lambda: count_states(engine) == {"sent": 150}, 60)
            wait_for(lambda: count_incoming(engine) == 31, 30)
            assert daemon.stop() == 0
        reminders = {text: many for text, many in fake.texts.items() if "MRI" in text[1]}
        assert all(many == 1 for many in fake.texts.values()), reminders
        engine.dispose()


def cut(postgres: str, name: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            (name,),
        )


def count_incoming(engine: Engine) -> int:
    try:
        with reading(engine) as session:
            return session.exec(select(func.count()).select_from(IncomingText)).one()
    except OperationalError:
        return -1


def test_check_online_names_what_is_wrong_at_twilio(engine: Engine, settings: Settings) -> None:
    from bot.checks import _ask_twilio

    service = f"/v1/Services/{SERVICE}"
    pages = {
        f"/2010-04-01/Accounts/{SID}.json": {"sid": SID, "status": "suspended", "type": "Trial"},
        service: {
            "sid": SERVICE,
            "use_inbound_webhook_on_number": False,
            "inbound_request_url": "https://other.example",
        },
        f"{service}/PhoneNumbers": {"phone_numbers": [], "meta": {"key": "phone_numbers"}},
        "/v1/Messaging/GeoPermissions": {"permissions": [{"country_code": "US", "enabled": False}]},
    }
    with serve_twilio(pages=pages) as fake:
        asked = settings.model_copy(update={"twilio_api_base_url": fake.url})
        with writing(engine) as session:
            set_details(session, {"name": "Bay Imaging"}, "admin@clinic.example", NOW)
        troubles = asyncio.run(_ask_twilio(asked, "+12025550111"))
        assert [message["to"] for message in fake.messages] == ["+12025550111"]
        assert fake.messages[0]["body"].startswith("Bay Imaging: "), "as patients read it, not as in .env"
    said = "\n".join(troubles)
    for word in ("suspended", "trial", "no number", "https://other.example", "may not text US"):
        assert word in said
