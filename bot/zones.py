"""Service: what the clinic said is a clock time. It holds when a country changes the rules of its clocks.

The database has moments in UTC. Beside them stand the rules that they were worked out with, so that the clock time can
be read back and worked out again. Of two machines with different rules the newer release is right; where releases are
the same or not known, the machine that started last.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Engine, bindparam, update
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from bot.database import add_events, writing
from bot.models import METADATA, Appointment, TextKind, TextState, ZoneRules
from bot.schedule import Plan, keep_wall_time
from bot.zone_data import ZoneData, open_zone

_BATCH = 500
# No change of rules moves a clock by more: places have jumped across the date line.
_MOST_MOVED = timedelta(days=1)

_TEXTS = METADATA.tables["outgoing_text"]
_TIMES = ("due_at", "useful_until", "moved_from")
_MEND = (
    update(_TEXTS)
    # One that leaves meanwhile leaves as it is.
    .where(_TEXTS.c.id == bindparam("row"), _TEXTS.c.state == TextState.PLANNED)
    .values({name: bindparam(f"new_{name}") for name in _TIMES})
)


def note_rules(session: Session, data: ZoneData, now: datetime) -> None:
    """Note the rules that this machine has now."""
    known = session.get(ZoneRules, data.fingerprint)
    rules = known or ZoneRules(
        fingerprint=data.fingerprint, zone=data.zone, content=data.content, first_seen_at=now, seen_at=now
    )
    rules.release, rules.seen_at = max(rules.release, data.release), now
    session.add(rules)


def has_newest_rules(session: Session, plan: Plan) -> bool:
    """Whether no machine has newer rules for the clinic's zone than those that this process plans with."""
    newest = session.exec(
        select(ZoneRules.fingerprint)
        .where(ZoneRules.zone == plan.zone.key)
        .order_by(col(ZoneRules.release).desc(), col(ZoneRules.seen_at).desc())
        .limit(1)
    ).first()
    return newest in (None, plan.rules)


def hold_wall_times(engine: Engine, plan: Plan, now: datetime) -> int:
    """Give the appointments ahead, and their texts, the moments at which clocks show what they showed before.

    Nobody is told: nothing has moved for the patient. Returns how many appointments had to be mended.
    """
    with writing(engine) as session:
        known = session.exec(
            select(ZoneRules).where(ZoneRules.zone == plan.zone.key).order_by(col(ZoneRules.first_seen_at))
        ).all()
    mended = 0
    for number, before in enumerate(known):
        if before.fingerprint == plan.rules:
            continue
        theirs: ColumnElement[bool] = col(Appointment.zone_rules) == before.fingerprint
        if number == 0:
            # Rows of a version that did not note it, or of another zone: what their clocks have shown since.
            names = [rules.fingerprint for rules in known]
            theirs |= col(Appointment.zone_rules).is_(None) | col(Appointment.zone_rules).not_in(names)
        mended += _hold(engine, theirs, open_zone(before.zone, before.content), plan, now)
    return mended


def _hold(engine: Engine, theirs: ColumnElement[bool], before: ZoneInfo, plan: Plan, now: datetime) -> int:
    """Take in batches, so that nobody else waits long for the database."""
    mended = 0
    while True:
        with writing(engine) as session:
            batch = session.exec(
                select(Appointment)
                .where(theirs, col(Appointment.starts_at) > now - _MOST_MOVED)
                .order_by(col(Appointment.starts_at), col(Appointment.id))
                .limit(_BATCH)
                .with_for_update(key_share=True)
            ).all()
            if not batch:
                return mended
            changed = _mend_texts(session, [one.id or 0 for one in batch], before, plan.zone)
            for appointment in batch:
                starts_at = keep_wall_time(appointment.starts_at, before, plan.zone)
                if starts_at != appointment.starts_at:
                    changed.add(appointment.id or 0)
                    appointment.starts_at = starts_at
                appointment.zone_rules = plan.rules
                session.add(appointment)
            add_events(session, "time-zone data", "kept clock time", sorted(changed), now)
            mended += len(changed)


def _mend_texts(session: Session, ids: Sequence[int], before: ZoneInfo, zone: ZoneInfo) -> set[int]:
    """Mend the texts that wait; returns the appointments of those that changed."""
    waiting = session.connection().execute(
        select_columns(_TEXTS.c.id, _TEXTS.c.appointment_id, *(_TEXTS.c[name] for name in _TIMES)).where(
            _TEXTS.c.appointment_id.in_(ids),
            _TEXTS.c.state == TextState.PLANNED,
            _TEXTS.c.kind != TextKind.REPLY,
        )
    )
    changes: list[dict[str, Any]] = []
    changed = set()
    for row in waiting.all():
        old = {name: row._mapping[name] for name in _TIMES}
        new = {name: at and keep_wall_time(at, before, zone) for name, at in old.items()}
        if new != old:
            changes.append({"row": row.id} | {f"new_{name}": at for name, at in new.items()})
            changed.add(row.appointment_id)
    if changes:
        session.connection().execute(_MEND, changes)
    return changed
