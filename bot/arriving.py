"""Service: what phones send is kept as it comes, and taken in after, those of each phone in their order.

The provider is answered as soon as a text is kept: however many come at once, none of them waits for others to be
understood. Whatever node has time takes in what is kept; if it dies over it, another does.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, Row, bindparam, delete, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from bot.database import is_away, looking, writing
from bot.inbox import Arrival, read_ahead, take_in, take_in_all
from bot.models import METADATA
from bot.provider import Inbound
from bot.spool import Spool
from messages.facts import ClinicFacts
from messages.lexicon import read_lexicon

log = logging.getLogger(__name__)

# So many in one transaction: others wait for it.
AT_ONCE = 10

_TABLE = METADATA.tables["arrived_text"]
_KEEP = {
    "sqlite": sqlite.insert(_TABLE).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(_TABLE).on_conflict_do_nothing(),
}
_earlier = _TABLE.alias("earlier")
# Of each phone only the first: the next waits until it is gone, so that no other node takes it before.
_FIRST = (
    select(_TABLE)
    .where(~exists().where(_earlier.c.phone == _TABLE.c.phone, _earlier.c.id < _TABLE.c.id))
    .order_by(_TABLE.c.id)
    .limit(AT_ONCE)
)
_CLAIM = _FIRST.with_for_update(skip_locked=True, of=_TABLE)
_ANY = select(_TABLE.c.id).limit(1)
_COUNT = select(func.count()).select_from(_TABLE).where(_TABLE.c.received_at <= bindparam("before"))
_FORGET = delete(_TABLE).where(_TABLE.c.id.in_(bindparam("ids", expanding=True)))


def keep(engine: Engine, arrivals: Sequence[Arrival]) -> None:
    """Keep texts until they are taken in, all or none; one that is kept already changes nothing."""
    rows = [
        {
            "provider_id": text.provider_id,
            "phone": text.phone,
            "body": text.body,
            "media": text.media,
            "opt_out": text.opt_out,
            "received_at": received_at,
        }
        for text, received_at in arrivals
    ]
    with writing(engine) as session:
        session.connection().execute(_KEEP[engine.dialect.name], rows)


def keep_spooled_texts(engine: Engine, spool: Spool) -> int:
    """Keep in the database what waits on disk, oldest first; returns how many. While it is away, all waits on."""

    def receive(text: Inbound, received_at: datetime) -> bool:
        try:
            keep(engine, [(text, received_at)])
        except SQLAlchemyError as error:
            if is_away(error):
                raise
            return False
        return True

    return spool.take_in(receive)


def count_kept(connection: Connection, before: datetime) -> int:
    """How many that came before then wait to be taken in."""
    return connection.execute(_COUNT, {"before": before}).scalar_one()


def has_kept(engine: Engine) -> bool:
    """Whether any waits to be taken in."""
    with looking(engine) as connection:
        return connection.execute(_ANY).first() is not None


def take_in_kept(engine: Engine, clinic: ClinicFacts, spool: Spool) -> int:
    """Take in some of what is kept, oldest first; returns how many are done with, so none when none is left.

    One that can neither be taken in nor given to staff is set aside on disk.

    Raises:
        SQLAlchemyError: the database is away; all that is kept stays.
    """
    if not read_lexicon().has_learned():
        read_ahead(engine, clinic, [_read(row) for row in _list_first(engine)])
    try:
        with writing(engine) as session:
            rows = session.connection().execute(_CLAIM).all()
            if rows:
                take_in_all(session, clinic, [_read(row) for row in rows])
                session.connection().execute(_FORGET, {"ids": [row.id for row in rows]})
            return len(rows)
    except Exception as error:
        if is_away(error):
            raise
    # One of them keeps no other out.
    return sum(_take_in_alone(engine, clinic, spool, row) for row in _list_first(engine))


def _take_in_alone(engine: Engine, clinic: ClinicFacts, spool: Spool, row: Row[tuple[object, ...]]) -> bool:
    """Whether it need not be looked at again."""
    text, received_at = _read(row)
    try:
        take_in(engine, clinic, text, received_at)
    except Exception as error:
        if is_away(error):
            raise
        log.error("a text cannot be taken in, and is set aside: %s", type(error).__name__)
        try:
            spool.set_aside(text, received_at)
        except OSError as trouble:
            log.error("it stays where it is: %s", trouble.strerror)
            return False
    with writing(engine) as session:
        session.connection().execute(_FORGET, {"ids": [row.id]})
    return True


def _list_first(engine: Engine) -> Sequence[Row[tuple[object, ...]]]:
    with looking(engine) as connection:
        return connection.execute(_FIRST).all()


def _read(row: Row[tuple[object, ...]]) -> tuple[Inbound, datetime]:
    return Inbound(row.provider_id, row.phone, row.body, row.media, row.opt_out), row.received_at
