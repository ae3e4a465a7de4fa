"""What is done once in a while beside sending and serving, each by one node for all of them."""

import logging
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from bot.alerts import alert_clinic
from bot.arriving import count_kept, keep, take_in_kept
from bot.clinic_details import apply_details
from bot.database import looking, writing
from bot.erasing import purge
from bot.escalating import escalate
from bot.jobs import take_turn
from bot.provider import Inbound, Record
from bot.settings import Settings
from bot.spool import Spool
from bot.zones import has_newest_rules, hold_wall_times

log = logging.getLogger(__name__)

WATCH_EVERY_S = 60
# What has waited this long, no other node is about to take in.
_LEFT = timedelta(seconds=5)
# So many people are erased in one transaction: others wait for it.
_ERASED_AT_ONCE = 50


def watch_silence(settings: Settings, engine: Engine, moment: datetime) -> Counter[str]:
    """Remind, ask companions and make tasks where questions stay unanswered; returns how many of what was done."""
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


def hold_clock_times_daily(settings: Settings, engine: Engine, moment: datetime) -> None:
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


def take_in_missed(settings: Settings, engine: Engine, missed: list[Record], now: datetime) -> None:
    """Take in what came while nobody of us was alive, and what was left then, before anything is sent.

    Somebody may want no more texts.
    """
    if missed:
        keep(engine, [(Inbound(one.provider_id, one.phone, one.body, one.media), one.made_at) for one in missed])
    with looking(engine) as connection:
        left = count_kept(connection, now - _LEFT)
    if missed or left:
        spool = Spool(Path(settings.spool_folder))
        while take_in_kept(engine, settings.clinic_facts, spool):
            pass
