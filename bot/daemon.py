"""Edge: wires everything together, starts APScheduler and the web server, and stops them in order."""

import asyncio
import contextlib
import logging
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from socket import AF_INET, AF_INET6, IPPROTO_TCP, TCP_NODELAY, create_server, socket
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlmodel import col, select

from bot.alerts import LOOK_EVERY
from bot.chores import (
    WATCH_EVERY_S,
    alert_about_tasks,
    erase_old,
    hold_clock_times,
    hold_clock_times_daily,
    take_in_missed,
    watch_silence,
)
from bot.clock import Clock
from bot.database import lock_start, migrate, open_database, writing
from bot.models import Clinic
from bot.provider import Sender, SendError
from bot.sending import ASK_EVERY_S, SendingLoop
from bot.settings import Settings
from bot.sms import open_sender
from bot.timetable import Timetable, try_to
from bot.warming import prepare_speaking, read_all
from bot.zone_data import read_zone_data
from bot.zones import note_rules

if TYPE_CHECKING:
    from bot.serving import Site

log = logging.getLogger(__name__)

RECONCILE_EVERY_S = 5
TICK_EVERY_S = 1
BEAT_EVERY_S = 5
CLOCK_EVERY_S = 2
ZONE_EVERY_S = 600
FORGET_EVERY_S = 600
_DRAIN_S = 25
_BACKLOG = 2048


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


async def run(settings: Settings, engine: Engine, roles: Roles, host: str, port: int) -> bool:
    """Send and serve until SIGTERM or SIGINT, then finish what is in flight.

    Returns whether it ended by itself, to be started again with the time-zone data that this machine has now.

    Raises:
        WordsError, OSError, ValueError: a catalogue or a list of words cannot be read, or the port is taken.
    """
    read_all()
    listening = listen(host, port) if roles.web else None
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
    jobs, tasks = Timetable(), []
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
    site: Site | None = None
    if listening:
        # In a thread, so that the first texts leave meanwhile.
        site = await asyncio.to_thread(_open_site, settings, engine, clock, sending, demo=roles.demo)
        site.plan(jobs)
        tasks.append(asyncio.create_task(site.serve(listening), name="web"))
    waiting = asyncio.create_task(stopped.wait())
    done, _ = await asyncio.wait([waiting, watching, *tasks], return_when=asyncio.FIRST_COMPLETED)
    log.info("stopping")
    watching.cancel()
    await jobs.stop()
    sending.stop()
    if site is not None:
        site.stop()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), _DRAIN_S)
    if roles.send:
        await try_to("this node's share stays taken for a while", sending.leave)
    await sender.close()
    waiting.cancel()
    for task in done - {waiting}:
        task.result()
    return has_new_zone


def listen(host: str, port: int) -> socket:
    """Where callbacks about the first texts wait until there is somebody to answer them: Twilio does not call again."""
    listening = create_server((host, port), family=AF_INET6 if ":" in host else AF_INET, backlog=_BACKLOG)
    # An answer is written in two parts. Without this, the second waits until the first is acknowledged, which the
    # other side puts off for 40 ms. asyncio sees to it only for sockets that it makes itself.
    listening.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    return listening


def _open_site(settings: Settings, engine: Engine, clock: Clock, sending: SendingLoop, *, demo: bool) -> "Site":
    from bot.serving import Site

    return Site(settings, engine, sending, clock.now, demo=demo, list_problems=clock.list_problems)


async def _begin_sending(
    settings: Settings, engine: Engine, clock: Clock, sending: SendingLoop, jobs: Timetable
) -> None:
    """Catch up with what was missed, and plan what is done again and again where texts are sent."""
    missed = await sending.catch_up()
    await asyncio.to_thread(take_in_missed, settings, engine, missed, clock.now())
    await sending.beat()

    async def look() -> None:
        sending.wake()

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

    jobs.every(TICK_EVERY_S, "nobody looks for what is due", look)
    jobs.every(RECONCILE_EVERY_S, "texts in doubt could not be looked up", sending.reconcile)
    jobs.every(ASK_EVERY_S, "silent texts could not be asked about", sending.ask_silent)
    jobs.every(BEAT_EVERY_S, "the database does not hear that this node lives", sending.beat)
    jobs.every(WATCH_EVERY_S, "nobody watches over unanswered questions", watch)
    jobs.every(FORGET_EVERY_S, "what is old could not be erased", forget)
    if settings.clinic_alert_phone:
        jobs.every(LOOK_EVERY.total_seconds(), "the clinic could not be alerted", alert)
    jobs.once("the languages cannot be read", partial(asyncio.to_thread, prepare_speaking, settings.clinic_facts))


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


async def _watch_clock(clock: Clock, sender: Sender, sending: SendingLoop, jobs: Timetable) -> None:
    """Hear the database's time, and end doubts."""
    loop = asyncio.get_running_loop()
    began, waiting = now().timestamp() - loop.time(), False
    while True:
        await asyncio.sleep(CLOCK_EVERY_S)
        await try_to("the database does not tell the time", partial(asyncio.to_thread, clock.listen))
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
