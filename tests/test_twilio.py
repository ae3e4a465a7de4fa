"""The daemon as a whole against a local server that speaks Twilio's API, through the official client."""

import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import Engine
from sqlmodel import func, select

from bot.appointments import Enrolment, enrol
from bot.daemon import prepare_database
from bot.database import reading, writing
from bot.models import IncomingText, OutgoingText, TextState
from bot.settings import Settings, load_settings
from tests.clinics import find_rows
from tests.daemons import find_free_port, make_environment, run_daemon, wait_for
from tests.fake_twilio import FakeTwilio, refuse_with, serve_twilio, sign

PHONE = "+12025550101"


def enrol_many(engine: Engine, settings: Settings, many: int, now: datetime) -> None:
    """So many patients in five languages, each with a welcome due now."""
    languages = ("en", "es", "zh_Hans", "ar", "ht")
    batch = [
        Enrolment(
            phone=f"+1202555{number:04}",
            given_name=f"Patient {number}",
            language=languages[number % 5],
            exam="mri-brain",
            starts_at=now + timedelta(days=20),
        )
        for number in range(many)
    ]
    with writing(engine) as session:
        enrol(session, settings.plan, batch, now, "test")


def count_states(engine: Engine) -> dict[str, int]:
    with reading(engine) as session:
        query = select(OutgoingText.state, func.count()).where(OutgoingText.step == "welcome")
        return {str(state): many for state, many in session.exec(query.group_by(OutgoingText.state)).all()}


def post(url: str, form: dict[str, str], headers: dict[str, str]) -> int:
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def make_inbound(body: str, sid: str = "SM1", phone: str = PHONE) -> dict[str, str]:
    return {"MessageSid": sid, "From": phone, "To": "+12025550100", "Body": body, "NumMedia": "0", "FromCity": ""}


def test_two_hundred_reminders_arrive_once_each_with_signed_callbacks_and_answers(
    database_url: str, tmp_path: Path
) -> None:
    port = find_free_port()
    with serve_twilio(callbacks=True) as fake:
        environment = make_environment(database_url, fake, port)
        settings = load_settings(None, environment)
        engine = prepare_database(settings)
        enrol_many(engine, settings, 200, datetime.now(UTC))
        with run_daemon(environment, port, tmp_path) as daemon:
            wait_for(lambda: count_states(engine) == {"delivered": 200}, 30)
            assert len(fake.texts) == 200
            assert set(fake.texts.values()) == {1}
            composed = {row.body for row in find_rows(engine, step="welcome")}
            assert {body for _, body in fake.texts} == composed, "Twilio changed a text"
            # The last one may be in the database before its answer is back at the provider.
            wait_for(lambda: sum(fake.callback_codes.values()) >= 600, 30)
            assert fake.callback_codes == {200: 600}

            inbound = f"{daemon.url}/twilio/inbound"
            form = make_inbound("que hago con mi anillo?")
            assert post(inbound, form, {}) == 403
            assert post(inbound, form, {"X-Twilio-Signature": "forged"}) == 403
            assert post(inbound, form, sign(inbound + "/other", form)) == 403
            assert post(inbound, form | {"Body": "STOP"}, sign(inbound, form)) == 403
            with reading(engine) as session:
                assert session.exec(select(func.count()).select_from(IncomingText)).one() == 0

            for _ in range(3):
                assert post(inbound, form, sign(inbound, form)) == 200
            # The words are read for a while after the start.
            wait_for(lambda: len(fake.messages) == 201, 120)
            assert "anillos" in fake.messages[200]["body"]
            assert fake.messages[200]["to"] == PHONE

            status = f"{daemon.url}/twilio/status/{find_rows(engine, step='welcome')[0].attempt}"
            undelivered = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30005"}
            assert post(status, undelivered, {}) == 403
            assert post(f"{daemon.url}/twilio/status/unknown", undelivered, {}) == 403
            unknown = f"{daemon.url}/twilio/status/unknown"
            assert post(unknown, undelivered, sign(unknown, undelivered)) == 200
            assert count_states(engine) == {"delivered": 200}

            assert daemon.stop() == 0
        check_log(daemon.log, fake)
        engine.dispose()


def check_log(path: Path, fake: FakeTwilio) -> None:
    """No number and no text may ever be in a log."""
    log = path.read_text(encoding="utf-8")
    assert log
    for message in fake.messages:
        assert message["to"] not in log
        assert message["to"].removeprefix("+1") not in log
        assert message["body"] not in log
    assert "anillo" not in log
    assert "Patient" not in log


def test_stopped_in_the_middle_it_finishes_what_is_in_flight(tmp_path: Path) -> None:
    port = find_free_port()
    with serve_twilio(delay_s=0.3) as fake:
        environment = make_environment(f"sqlite:///{tmp_path / 'bot.db'}", fake, port)
        settings = load_settings(None, environment)
        engine = prepare_database(settings)
        with run_daemon(environment, port, tmp_path) as daemon:
            enrol_many(engine, settings, 120, datetime.now(UTC))
            wait_for(lambda: fake.requests >= 20, 10)
            assert daemon.stop() == 0
        states = count_states(engine)
        assert set(states) == {"planned", "sent"}
        assert states["sent"] == len(fake.messages)
        engine.dispose()


@pytest.mark.parametrize("kind", ["error 500", "page of HTML", "bad JSON", "connection lost"])
def test_an_unclear_answer_is_looked_up_and_never_sent_twice(tmp_path: Path, kind: str) -> None:
    async def accept_but_answer_badly(
        fake: FakeTwilio, request: web.Request, form: dict[str, str]
    ) -> web.StreamResponse:
        fake.accept(form)
        if kind == "error 500":
            return web.Response(status=500, text="oops")
        if kind == "page of HTML":
            return web.Response(status=502, text="<html>Bad gateway</html>", content_type="text/html")
        if kind == "bad JSON":
            return web.Response(status=201, text='{"sid": "SM', content_type="application/json")
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    port = find_free_port()
    with serve_twilio(fault=accept_but_answer_badly) as fake:
        settings = load_settings(None, make_environment(f"sqlite:///{tmp_path / 'bot.db'}", fake, port))
        engine = prepare_database(settings)
        enrol_many(engine, settings, 3, datetime.now(UTC))
        send_once(settings, engine)
        assert count_states(engine) == {"unknown": 3}

        expire_leases(engine)
        send_once(settings, engine)

        assert count_states(engine) == {"sent": 3}
        assert set(fake.texts.values()) == {1}
        engine.dispose()


def send_once(settings: Settings, engine: Engine) -> dict[str, int]:
    import asyncio

    from bot.daemon import send_once as send

    return asyncio.run(send(settings, engine))


def expire_leases(engine: Engine) -> None:
    with writing(engine) as session:
        for row in session.exec(select(OutgoingText).where(OutgoingText.state == TextState.UNKNOWN)):
            row.lease_until = row.sending_since
            session.add(row)


def test_what_was_not_accepted_is_sent_again_after_looking(tmp_path: Path) -> None:
    async def lose(_fake: FakeTwilio, _request: web.Request, _form: dict[str, str]) -> web.Response:
        return web.Response(status=503, text="try later")

    port = find_free_port()
    with serve_twilio(fault=lose) as fake:
        settings = load_settings(None, make_environment(f"sqlite:///{tmp_path / 'bot.db'}", fake, port))
        engine = prepare_database(settings)
        enrol_many(engine, settings, 2, datetime.now(UTC))
        send_once(settings, engine)
        fake.fault = None
        expire_leases(engine)

        assert send_once(settings, engine) == {"sent": 2, "in_doubt": 2}

        assert set(fake.texts.values()) == {1}
        assert count_states(engine) == {"sent": 2}
        engine.dispose()


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        (400, 21211, "failed"),
        (400, 21614, "failed"),
        (400, 21610, "failed"),
        (400, 21606, "planned"),
        (401, 20003, "planned"),
        (429, 20429, "planned"),
    ],
)
def test_a_refusal_leads_where_its_code_says(tmp_path: Path, status: int, code: int, state: str) -> None:
    port = find_free_port()
    with serve_twilio(fault=refuse_with(status, code)) as fake:
        settings = load_settings(None, make_environment(f"sqlite:///{tmp_path / 'bot.db'}", fake, port))
        engine = prepare_database(settings)
        enrol_many(engine, settings, 1, datetime.now(UTC))

        send_once(settings, engine)

        [row] = find_rows(engine, step="welcome")
        assert (str(row.state), row.error_code) == (state, code)
        assert fake.requests == 1
        engine.dispose()


def test_a_provider_that_cannot_be_reached_delays_and_fails_nothing(tmp_path: Path) -> None:
    with serve_twilio() as fake:
        gone = f"http://127.0.0.1:{find_free_port()}"
        environment = make_environment(f"sqlite:///{tmp_path / 'bot.db'}", fake, 8000, TWILIO_API_BASE_URL=gone)
    settings = load_settings(None, environment)
    engine = prepare_database(settings)
    enrol_many(engine, settings, 3, datetime.now(UTC))

    send_once(settings, engine)

    rows = find_rows(engine, step="welcome")
    assert {(str(row.state), row.attempts) for row in rows} == {("planned", 0)}
    assert all(row.due_at > row.created_at for row in rows)
    engine.dispose()
