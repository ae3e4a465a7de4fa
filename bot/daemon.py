"""Edge: wires everything together, starts APScheduler and the web server, and stops them in order."""

import asyncio
import contextlib
import ctypes
import gc
import logging
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import uvicorn
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import Engine
from sqlmodel import col, select

from bot.accounts import make_first_link
from bot.alerts import LOOK_EVERY, alert_clinic
from bot.clinic_details import apply_details
from bot.clock import Clock
from bot.database import lock_start, migrate, open_database, writing
from bot.erasing import purge
from bot.escalating import escalate
from bot.importing.upload_work import carry_on
from bot.inbox import take_in
from bot.jobs import take_turn
from bot.models import Clinic
from bot.provider import Inbound, Record, Sender, SendError
from bot.sending import ASK_EVERY_S, SendingLoop
from bot.settings import Settings
from bot.sms import open_sender
from bot.spool import Spool
from bot.web.app import create_app
from bot.zone_data import read_zone_data
from bot.zones import has_newest_rules, hold_wall_times, note_rules
from messages.catalogues import read_catalogue
from messages.facts import make_speaker
from messages.languages import LANGUAGES
from messages.lexicon import read_lexicon
from messages.words import read_words

log = logging.getLogger(__name__)

RECONCILE_EVERY_S = 5
TICK_EVERY_S = 1
BEAT_EVERY_S = 5
SPOOL_EVERY_S = 2
UPLOADS_EVERY_S = 30
CLOCK_EVERY_S = 2
LEARN_EVERY_S = 1
WATCH_EVERY_S = 60
ZONE_EVERY_S = 600
FORGET_EVERY_S = 600
_DRAIN_S = 25
# So many people are erased in one transaction: others wait for it.
_ERASED_AT_ONCE = 50


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


def warm_up() -> None:
    """Read every catalogue and word list now, so that a fault in one shows at start."""
    for language in LANGUAGES:
        read_catalogue(language.code)
        read_words(language.code)


async def run(settings: Settings, engine: Engine, roles: Roles, host: str, port: int) -> bool:
    """Send and serve until SIGTERM or SIGINT, then finish what is in flight.

    Returns whether it ended by itself, to be started again with the time-zone data that this machine has now.
    """
    warm_up()
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
    scheduler = AsyncIOScheduler(
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}, timezone=UTC
    )
    tasks = []
    spool = Spool(Path(settings.spool_folder))
    has_new_zone = False

    def every(seconds: float, what: str, work: Callable[[], Awaitable[object]]) -> None:
        scheduler.add_job(_try, "interval", [what, work], seconds=seconds, next_run_time=now())

    async def look_at_zone() -> None:
        nonlocal has_new_zone
        rules = await asyncio.to_thread(read_zone_data, settings.clinic_time_zone)
        if rules.fingerprint != settings.plan.rules:
            log.warning("the time-zone data of this machine was updated: starting again with it")
            has_new_zone = True
            stopped.set()
        await asyncio.to_thread(_hold_clock_times_daily, settings, engine, clock.now())

    every(ZONE_EVERY_S, "the time-zone data cannot be looked at", look_at_zone)
    with contextlib.suppress(SendError):
        clock.settle(await sender.tell_time())
    watching = asyncio.create_task(_watch_clock(clock, sender, sending, scheduler), name="clock")
    if roles.send:
        missed = await sending.catch_up()
        await asyncio.to_thread(_take_missed, settings, engine, missed)
        await sending.beat()
        scheduler.add_job(sending.wake, "interval", seconds=TICK_EVERY_S)
        every(RECONCILE_EVERY_S, "texts in doubt could not be looked up", sending.reconcile)
        every(ASK_EVERY_S, "silent texts could not be asked about", sending.ask_silent)
        every(BEAT_EVERY_S, "the database does not hear that this node lives", sending.beat)

        async def watch() -> None:
            if await asyncio.to_thread(_escalate, settings, engine, clock.now()):
                sending.wake()

        every(WATCH_EVERY_S, "nobody watches over unanswered questions", watch)

        async def forget() -> None:
            # A clock that is wrong by years would take out everybody.
            if clock.is_settled():
                await asyncio.to_thread(erase_old, settings, engine, clock.now())

        every(FORGET_EVERY_S, "what is old could not be erased", forget)
        if settings.clinic_alert_phone:

            async def alert() -> None:
                if await asyncio.to_thread(alert_about_tasks, settings, engine, clock.now()):
                    sending.wake()

            every(LOOK_EVERY.total_seconds(), "the clinic could not be alerted", alert)
        tasks.append(asyncio.create_task(sending.run(), name="sending"))
        # Takes half a second, which the first texts of a burst shall not wait for one after the other.
        scheduler.add_job(_try, args=["the languages cannot be read", _warm_up_speaking(settings)])
    scheduler.start()
    server = None
    if roles.web:
        app = create_app(
            settings, engine, sending, spool, clock.now, demo=roles.demo, list_problems=clock.list_problems
        )

        async def take_in_spooled() -> None:
            if await asyncio.to_thread(take_in_spooled_texts, settings, engine, spool):
                sending.wake()

        # Takes a while; the first patient to write shall not wait for it, nor shall the first reminder.
        scheduler.add_job(_try, args=["the word lists cannot be read", _warm_up_understanding])
        every(SPOOL_EVERY_S, "texts on disk wait for the database", take_in_spooled)

        async def go_on_with_uploads() -> None:
            await asyncio.to_thread(carry_on, engine, settings, clock.now, app.state.service.stopped)

        every(UPLOADS_EVERY_S, "files that staff dropped wait for the database", go_on_with_uploads)
        server = _Server(uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False))
        tasks.append(asyncio.create_task(server.serve(), name="web"))
        log.info("serving on http://%s:%s", host, port)
        if not roles.demo:
            await asyncio.to_thread(_offer_first_account, settings, engine)
    waiting = asyncio.create_task(stopped.wait())
    done, _ = await asyncio.wait([waiting, watching, *tasks], return_when=asyncio.FIRST_COMPLETED)
    log.info("stopping")
    watching.cancel()
    scheduler.shutdown(wait=False)
    sending.stop()
    if server is not None:
        app.state.service.stopped.set()
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
        log.error("%s: %s", what, type(error).__name__)


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


async def _watch_clock(clock: Clock, sender: Sender, sending: SendingLoop, scheduler: AsyncIOScheduler) -> None:
    """Hear the database's time, and end doubts; let no job wait for an hour that the machine's clock repeats."""
    loop = asyncio.get_running_loop()
    began, waiting = now().timestamp() - loop.time(), False
    while True:
        await asyncio.sleep(CLOCK_EVERY_S)
        await _try("the database does not tell the time", partial(asyncio.to_thread, clock.listen))
        begins = now().timestamp() - loop.time()
        if abs(begins - began) > CLOCK_EVERY_S:
            began = begins
            for job in scheduler.get_jobs():
                job.modify(next_run_time=now())
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


def _warm_up_speaking(settings: Settings) -> Callable[[], Awaitable[object]]:
    def read_all() -> None:
        for language in LANGUAGES:
            make_speaker(language.code, settings.clinic_facts)

    return lambda: asyncio.to_thread(read_all)


async def _warm_up_understanding() -> None:
    """Read the word lists, then learn each language's examples, one in a while: there is other work at start."""
    loop = asyncio.get_running_loop()
    # One thread for all of it: each keeps for itself what memory it has needed once.
    with ThreadPoolExecutor(1) as thread:
        lexicon = await loop.run_in_executor(thread, read_lexicon)
        # What has been read by now stays. To look through all of it for rubbish again and again would stop everything
        # for a while on a busy machine.
        gc.collect()
        gc.freeze()
        for language in LANGUAGES:
            await loop.run_in_executor(thread, lexicon.get_guesser, language.code)
            await asyncio.sleep(LEARN_EVERY_S)
    _give_back_memory()


def _give_back_memory() -> None:
    """To learn needs far more memory than what is learned; glibc keeps it unless it is asked."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _escalate(settings: Settings, engine: Engine, moment: datetime) -> Counter[str]:
    with writing(engine) as session:
        if not take_turn(session, "silence", timedelta(seconds=WATCH_EVERY_S), moment):
            return Counter()
        done = escalate(session, apply_details(session, settings.clinic_facts), settings.plan, settings.watch, moment)
    if done:
        log.info("silence: %s", ", ".join(f"{count} {what}" for what, count in sorted(done.items())))
    return done


def hold_clock_times(settings: Settings, engine: Engine, moment: datetime) -> int:
    """Let what was planned with other time-zone data keep its clock times; returns how many appointments changed."""
    with writing(engine) as session:
        is_newest = has_newest_rules(session, settings.plan)
    if not is_newest:
        log.error("another machine has newer time-zone data: update this one's")
        return 0
    mended = hold_wall_times(engine, settings.plan, moment)
    if mended:
        log.warning("the rules for clocks have changed: %s appointments keep their clock time", mended)
    return mended


def _hold_clock_times_daily(settings: Settings, engine: Engine, moment: datetime) -> None:
    """The same for what machines have planned since that have other data."""
    with writing(engine) as session:
        # A machine with older data shall not take the turn of one that can do it.
        is_due = has_newest_rules(session, settings.plan) and take_turn(session, "zone", timedelta(days=1), moment)
    if is_due:
        hold_clock_times(settings, engine, moment)


def erase_old(settings: Settings, engine: Engine, moment: datetime) -> int:
    """Erase, once a day and on one node, whom ``RETENTION_DAYS`` have passed over; returns how many."""
    with writing(engine) as session:
        if not take_turn(session, "retention", timedelta(days=1), moment):
            return 0
    before, erased, some = moment - timedelta(days=settings.retention_days), 0, _ERASED_AT_ONCE
    while some >= _ERASED_AT_ONCE:
        with writing(engine) as session:
            some = purge(session, before, moment, _ERASED_AT_ONCE)
        erased += some
    if erased:
        log.info("retention: %s people erased, after %s days", erased, settings.retention_days)
    return erased


def take_in_spooled_texts(settings: Settings, engine: Engine, spool: Spool) -> int:
    """Take in what waits on disk, oldest first; the first that the database refuses leaves the rest for later."""

    def receive(text: Inbound, received_at: datetime) -> None:
        take_in(engine, settings.clinic_facts, text, received_at)

    return spool.take_in(receive)


def alert_about_tasks(settings: Settings, engine: Engine, now: datetime) -> bool:
    """Text the clinic's own phone if urgent tasks wait and nobody looks; whether it was done."""
    with writing(engine) as session:
        return alert_clinic(
            session,
            apply_details(session, settings.clinic_facts),
            settings.plan,
            settings.clinic_alert_phone,
            timedelta(minutes=settings.alert_after_minutes),
            f"{settings.public_base_url}/tasks",
            now,
        )


def _take_missed(settings: Settings, engine: Engine, missed: list[Record]) -> None:
    """Take in the texts that came while nobody of us was alive."""
    for record in missed:
        text = Inbound(record.provider_id, record.phone, record.body, record.media)
        take_in(engine, settings.clinic_facts, text, record.made_at)


class _Server(uvicorn.Server):
    """Leaves the signals to ``run``, which stops sending and serving in order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
