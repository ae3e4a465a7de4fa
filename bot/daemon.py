"""Edge: wires everything together, starts APScheduler and the web server, and stops them in order."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvicorn
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import Engine
from sqlmodel import col, select

from bot.accounts import make_first_link
from bot.alerts import LOOK_EVERY
from bot.chores import (
    WATCH_EVERY_S,
    alert_about_tasks,
    erase_old,
    hold_clock_times,
    hold_clock_times_daily,
    take_in_missed,
    take_in_spooled_texts,
    watch_silence,
)
from bot.clock import Clock
from bot.database import lock_start, migrate, name_trouble, open_database, writing
from bot.importing.upload_work import carry_on
from bot.models import Clinic
from bot.provider import Sender, SendError
from bot.sending import ASK_EVERY_S, SendingLoop
from bot.settings import Settings
from bot.sms import open_sender
from bot.spool import Spool
from bot.warming import prepare_speaking, prepare_understanding, read_all
from bot.web.app import create_app
from bot.web.service import Service
from bot.zone_data import read_zone_data
from bot.zones import note_rules

log = logging.getLogger(__name__)

RECONCILE_EVERY_S = 5
TICK_EVERY_S = 1
BEAT_EVERY_S = 5
SPOOL_EVERY_S = 2
UPLOADS_EVERY_S = 30
CLOCK_EVERY_S = 2
ZONE_EVERY_S = 600
FORGET_EVERY_S = 600
_DRAIN_S = 25


@dataclass(frozen=True, slots=True)
class Roles:
    """What this process does: sending, serving, and whether the demo's pages are shown."""

    send: bool = True
    web: bool = True
    demo: bool = False


def now() -> datetime:
    return datetime.now(UTC)


def prepare_database(settings: Settings) -> Engine:
    """Open the database, bring its tables up to date and its clinic in line with the settings."""
    engine = open_database(settings.database_url.get_secret_value())
    migrate(engine)
    with writing(engine) as session:
        lock_start(session.connection())
        known = session.exec(select(Clinic).order_by(col(Clinic.id)).limit(1)).first()
        clinic = Clinic(
            id=known.id if known else None,
            name=settings.clinic_name,
            phone=settings.clinic_phone,
            address=settings.clinic_address,
            time_zone=settings.clinic_time_zone,
            default_language=settings.default_language,
            quiet_hours_start=settings.quiet_hours_start.isoformat("minutes"),
            quiet_hours_end=settings.quiet_hours_end.isoformat("minutes"),
            arrive_early_minutes=settings.arrive_early_minutes,
            sender=settings.sender,
        )
        session.merge(clinic)
        note_rules(session, settings.zone_data, now())
    return engine


class _Jobs:
    """The jobs of this process on APScheduler's clock. One that fails is logged, and tried again at its next time."""

    def __init__(self) -> None:
        self.scheduler = AsyncIOScheduler(
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}, timezone=UTC
        )

    def every(self, seconds: float, what: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do this now and then after so many seconds; ``what`` says what is wrong when it fails."""
        self.scheduler.add_job(_try, "interval", [what, work], seconds=seconds, next_run_time=now())

    def once(self, what: str, work: Callable[[], Awaitable[object]]) -> None:
        self.scheduler.add_job(_try, args=[what, work])

    def forget_times(self) -> None:
        """Let no job wait for an hour that the machine's clock repeats."""
        for job in self.scheduler.get_jobs():
            job.modify(next_run_time=now())


async def run(settings: Settings, engine: Engine, roles: Roles, host: str, port: int) -> bool:
    """Send and serve until SIGTERM or SIGINT, then finish what is in flight.

    Returns whether it ended by itself, to be started again with the time-zone data that this machine has now.
    """
    read_all()
    clock = Clock(engine)
    clock.listen()
    # Before anything is sent or shown by other rules than it was planned with.
    await asyncio.to_thread(hold_clock_times, settings, engine, clock.now())
    sender = open_sender(settings)
    sending = SendingLoop(
        engine,
        sender,
        settings.clinic_facts,
        settings.plan,
        settings.send_rate_per_second,
        clock.now,
        clock.is_settled,
    )
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    jobs, tasks = _Jobs(), []
    has_new_zone = False

    async def look_at_zone() -> None:
        nonlocal has_new_zone
        rules = await asyncio.to_thread(read_zone_data, settings.clinic_time_zone)
        if rules.fingerprint != settings.plan.rules:
            log.warning("the time-zone data of this machine was updated: starting again with it")
            has_new_zone = True
            stopped.set()
        await asyncio.to_thread(hold_clock_times_daily, settings, engine, clock.now())

    jobs.every(ZONE_EVERY_S, "the time-zone data cannot be looked at", look_at_zone)
    with contextlib.suppress(SendError):
        clock.settle(await sender.tell_time())
    watching = asyncio.create_task(_watch_clock(clock, sender, sending, jobs), name="clock")
    if roles.send:
        await _begin_sending(settings, engine, clock, sending, jobs)
        tasks.append(asyncio.create_task(sending.run(), name="sending"))
    jobs.scheduler.start()
    server = None
    if roles.web:
        spool = Spool(Path(settings.spool_folder))
        app = create_app(
            settings, engine, sending, spool, clock.now, demo=roles.demo, list_problems=clock.list_problems
        )
        service: Service = app.state.service
        _begin_receiving(service, jobs)
        server = _Server(uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False))
        tasks.append(asyncio.create_task(server.serve(), name="web"))
        log.info("serving on http://%s:%s", host, port)
        if not roles.demo:
            await asyncio.to_thread(_offer_first_account, settings, engine)
    waiting = asyncio.create_task(stopped.wait())
    done, _ = await asyncio.wait([waiting, watching, *tasks], return_when=asyncio.FIRST_COMPLETED)
    log.info("stopping")
    watching.cancel()
    jobs.scheduler.shutdown(wait=False)
    sending.stop()
    if server is not None:
        service.stopped.set()
        server.should_exit = True
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), _DRAIN_S)
    if roles.send:
        await _try("this node's share stays taken for a while", sending.leave)
    await sender.close()
    waiting.cancel()
    for task in done - {waiting}:
        task.result()
    return has_new_zone


async def _begin_sending(settings: Settings, engine: Engine, clock: Clock, sending: SendingLoop, jobs: _Jobs) -> None:
    """Catch up with what was missed, and plan what is done again and again where texts are sent."""
    missed = await sending.catch_up()
    await asyncio.to_thread(take_in_missed, settings, engine, missed)
    await sending.beat()

    async def watch() -> None:
        if await asyncio.to_thread(watch_silence, settings, engine, clock.now()):
            sending.wake()

    async def forget() -> None:
        # A clock that is wrong by years would take out everybody.
        if clock.is_settled():
            await asyncio.to_thread(erase_old, settings, engine, clock.now())

    async def alert() -> None:
        if await asyncio.to_thread(alert_about_tasks, settings, engine, clock.now()):
            sending.wake()

    jobs.scheduler.add_job(sending.wake, "interval", seconds=TICK_EVERY_S)
    jobs.every(RECONCILE_EVERY_S, "texts in doubt could not be looked up", sending.reconcile)
    jobs.every(ASK_EVERY_S, "silent texts could not be asked about", sending.ask_silent)
    jobs.every(BEAT_EVERY_S, "the database does not hear that this node lives", sending.beat)
    jobs.every(WATCH_EVERY_S, "nobody watches over unanswered questions", watch)
    jobs.every(FORGET_EVERY_S, "what is old could not be erased", forget)
    if settings.clinic_alert_phone:
        jobs.every(LOOK_EVERY.total_seconds(), "the clinic could not be alerted", alert)
    jobs.once("the languages cannot be read", partial(asyncio.to_thread, prepare_speaking, settings.clinic_facts))


def _begin_receiving(service: Service, jobs: _Jobs) -> None:
    """Plan what is done again and again where patients' texts and staff's files come in."""

    async def take_in_spooled() -> None:
        if await asyncio.to_thread(take_in_spooled_texts, service.settings, service.engine, service.spool):
            service.sending.wake()

    async def go_on_with_uploads() -> None:
        await asyncio.to_thread(carry_on, service.engine, service.settings, service.now, service.stopped)

    # Takes a while; the first patient to write shall not wait for it, nor shall the first reminder.
    jobs.once("the word lists cannot be read", prepare_understanding)
    jobs.every(SPOOL_EVERY_S, "texts on disk wait for the database", take_in_spooled)
    jobs.every(UPLOADS_EVERY_S, "files that staff dropped wait for the database", go_on_with_uploads)


async def send_once(settings: Settings, engine: Engine) -> dict[str, int]:
    """One sending round by hand: what is in doubt is looked up, then all that is due is sent."""
    clock = Clock(engine)
    clock.listen()
    sender = open_sender(settings)
    try:
        sending = SendingLoop(
            engine, sender, settings.clinic_facts, settings.plan, settings.send_rate_per_second, clock.now
        )
        await sending.beat()
        in_doubt = await sending.reconcile()
        sent = await sending.send_due()
        await sending.beat()
        await sending.leave()
        return {"sent": sent, "in_doubt": in_doubt}
    finally:
        await sender.close()


async def _try(what: str, work: Callable[[], Awaitable[object]]) -> None:
    try:
        await work()
    except asyncio.CancelledError:
        log.debug("stopped: %s", what)  # the process ends; the scheduler would log it as an error
    except Exception as error:  # the next tick tries again
        log.error("%s: %s", what, name_trouble(error))


def _offer_first_account(settings: Settings, engine: Engine) -> None:
    """Print the link that makes the first account; it is no use to anybody once there is one."""
    with writing(engine) as session:
        token = make_first_link(session, now())
    if token:
        # Not into the log, which may be kept, and read by others.
        sys.stderr.write(
            f"No account yet. Make the first one, within a day: {settings.public_base_url}/set-up/{token}\n"
        )
        sys.stderr.flush()


async def _watch_clock(clock: Clock, sender: Sender, sending: SendingLoop, jobs: _Jobs) -> None:
    """Hear the database's time, and end doubts."""
    loop = asyncio.get_running_loop()
    began, waiting = now().timestamp() - loop.time(), False
    while True:
        await asyncio.sleep(CLOCK_EVERY_S)
        await _try("the database does not tell the time", partial(asyncio.to_thread, clock.listen))
        begins = now().timestamp() - loop.time()
        if abs(begins - began) > CLOCK_EVERY_S:
            began = begins
            jobs.forget_times()
        if clock.is_settled():
            waiting = False
            continue
        try:
            clock.settle(await sender.tell_time())
            sending.wake()
        except SendError as error:
            if not waiting:
                log.warning("nothing is sent before somebody tells the time: %s", error)
            waiting = True


class _Server(uvicorn.Server):
    """Leaves the signals to ``run``, which stops sending and serving in order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
