"""Which texts are due, and all that a claim looks at, read in one statement.

The rows are plain: a column is an attribute, nothing is written through them. The statements are built once,
because to build them takes longer than to run them.
"""

from collections import namedtuple
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Column, Connection, Integer, and_, bindparam, exists, literal_column, not_, or_, select

from bot.batches import DIALECTS, pack, spread
from bot.models import GONE_OUT, METADATA, Appointment, Contact, OutgoingText, Patient

EVER = datetime(1970, 1, 1, tzinfo=UTC)

_TEXT, _CONTACT = METADATA.tables["outgoing_text"], METADATA.tables["contact"]
_APPOINTMENT, _PATIENT = METADATA.tables["appointment"], METADATA.tables["patient"]
_EARLIER, _OTHER = _TEXT.alias("earlier"), _PATIENT.alias("other")

# What a claim, and the composing of a text, may ask of each of them.
_TEXT_COLUMNS = (
    *("id", "contact_id", "appointment_id", "for_companion", "kind", "step", "revision", "moved_from", "due_at"),
    *("useful_until", "reason", "attempts", "suspect", "body", "language", "segments", "asks"),
)
_CONTACT_COLUMNS = (
    *("id", "phone", "language", "consented_at", "refused_at", "opted_out_at", "unreachable_since"),
    *("unreachable_reason", "held_until"),
)
_APPOINTMENT_COLUMNS = ("id", "exam", "starts_at", "contrast", "sedation", "place", "status", "revision")
_PATIENT_COLUMNS = ("id", "given_name", "contact_id", "companion_id", "companion_name", "companion_agreed")


class Due(NamedTuple):
    """A due text and whom it is about.

    ``shared``: its number hears of another patient as well. ``heard``: we have started a text to it in the last day.
    """

    row: OutgoingText
    contact: Contact
    appointment: Appointment | None
    patient: Patient | None
    shared: bool
    heard: bool


# Literals, because SQLite uses a partial index only when the query repeats its condition word for word.
IS_PLANNED = _TEXT.c.state == literal_column("'planned'")
_IS_DUE = and_(IS_PLANNED, _TEXT.c.due_at >= bindparam("since"), _TEXT.c.due_at <= bindparam("now"))
_IS_REPLY = _TEXT.c.kind == literal_column("'reply'")
_IS_FRESH = _TEXT.c.created_at >= bindparam("since")

_ANY_DUE = select(_TEXT.c.id).where(_IS_DUE).limit(1)
_OLDEST_DUE = select(_TEXT.c.due_at).where(_IS_DUE).order_by(_TEXT.c.due_at).limit(1)
_SOONEST = (
    select(_TEXT.c.id)
    .where(_IS_DUE)
    .order_by(_TEXT.c.useful_until, _TEXT.c.id)
    .limit(bindparam("limit", type_=Integer))
)

_IS_SHARED = exists(
    select(_OTHER.c.id).where(
        _OTHER.c.id != _PATIENT.c.id,
        or_(
            _OTHER.c.contact_id == _CONTACT.c.id,
            and_(_OTHER.c.companion_id == _CONTACT.c.id, _OTHER.c.companion_agreed),
        ),
    )
)
_HAS_HEARD = exists(
    select(_EARLIER.c.id).where(
        _EARLIER.c.contact_id == _CONTACT.c.id,
        _EARLIER.c.sending_since > bindparam("day"),
        _EARLIER.c.kind != literal_column("'reply'"),
    )
)


def _list_columns(of: Any, names: Iterable[str]) -> list[Column[Any]]:
    return [of.c[name] for name in names]


_LOOK = select(
    *_list_columns(_TEXT, _TEXT_COLUMNS),
    *_list_columns(_CONTACT, _CONTACT_COLUMNS),
    *_list_columns(_APPOINTMENT, _APPOINTMENT_COLUMNS),
    *_list_columns(_PATIENT, _PATIENT_COLUMNS),
    _IS_SHARED,
    _HAS_HEARD,
).select_from(
    _TEXT.join(_CONTACT, _CONTACT.c.id == _TEXT.c.contact_id)
    .outerjoin(_APPOINTMENT, _APPOINTMENT.c.id == _TEXT.c.appointment_id)
    .outerjoin(_PATIENT, _PATIENT.c.id == _APPOINTMENT.c.patient_id)
)
# The ids as a table: of a list of them PostgreSQL thinks that they are many, and reads all contacts and appointments.
_LOOK_AT = {dialect: _LOOK.where(_TEXT.c.id.in_(select(*spread(dialect, id=Integer).c))) for dialect in DIALECTS}

_IDS = select(_TEXT.c.id).limit(bindparam("limit", type_=Integer)).with_for_update(skip_locked=True)
# Two statements, each along an index: one that sorts replies to the front would read a whole backlog each time. Nor
# do they look at the other tables, whose joins PostgreSQL likes better than the order of an index.
_FRESH_REPLIES = _IDS.where(IS_PLANNED, _IS_REPLY, _IS_FRESH, _TEXT.c.due_at <= bindparam("now")).order_by(
    _TEXT.c.created_at
)
_OTHERS = _IDS.where(_IS_DUE, not_(and_(_IS_REPLY, _IS_FRESH))).order_by(_TEXT.c.due_at)
_NAMED = _IDS.where(
    _TEXT.c.id.in_(bindparam("ids", expanding=True)), IS_PLANNED, _TEXT.c.due_at <= bindparam("now")
).order_by(_TEXT.c.useful_until, _TEXT.c.id)

_STARTED = select(_TEXT.c.contact_id, _TEXT.c.sending_since, _TEXT.c.body).where(
    _TEXT.c.contact_id.in_(bindparam("contacts", expanding=True)),
    _TEXT.c.kind != literal_column("'reply'"),
    _TEXT.c.state.in_(GONE_OUT),
    _TEXT.c.sending_since > bindparam("day"),
)


def has_due(connection: Connection, now: datetime, since: datetime = EVER) -> bool:
    """Whether anything waits to be sent that has become due since then; asked every second."""
    return connection.execute(_ANY_DUE, {"now": now, "since": since}).first() is not None


def find_oldest_due(connection: Connection, now: datetime) -> datetime | None:
    """When what has waited longest became due; None if nothing waits."""
    return cast("datetime | None", connection.execute(_OLDEST_DUE, {"now": now, "since": EVER}).scalar())


def list_soonest(connection: Connection, now: datetime, limit: int) -> list[int]:
    """The ids of the due texts that will be of no more use soonest, first those."""
    return list(connection.execute(_SOONEST, {"now": now, "since": EVER, "limit": limit}).scalars())


def lock_fresh_replies(connection: Connection, now: datetime, since: datetime, limit: int) -> list[int]:
    """The ids of due replies made since then, those to the oldest questions first, locked.

    What another process has just locked is left to it, here and below.
    """
    return _list_ids(connection, _FRESH_REPLIES, now=now, since=since, limit=limit)


def lock_others(
    connection: Connection, now: datetime, since: datetime, limit: int, ids: Sequence[int] | None = None
) -> list[int]:
    """The ids of the others that became due since then, longest due first, locked; of these only, if there are any."""
    if ids is not None:
        return _list_ids(connection, _NAMED, now=now, limit=limit, ids=ids)
    return _list_ids(connection, _OTHERS, now=now, since=since, limit=limit)


def look_at(connection: Connection, ids: Sequence[int], day: datetime) -> list[Due]:
    """The texts with these ids and whom they are about, in that order.

    Args:
        day: from when on a text that we started counts as heard.
    """
    if not ids:
        return []
    rows = pack([{"id": row_id} for row_id in ids])
    found = connection.execute(_LOOK_AT[connection.dialect.name], {"rows": rows, "day": day}).all()
    by_id = {row[0]: _make_due(row) for row in found}
    return [by_id[row_id] for row_id in ids if row_id in by_id]


def list_started(connection: Connection, contact_ids: set[int], day: datetime) -> list[tuple[int, datetime, str]]:
    """What we have started to these numbers since then: the number's id, when it went out, the body."""
    found = connection.execute(_STARTED, {"contacts": list(contact_ids), "day": day})
    return [(contact_id, sending_since, body) for contact_id, sending_since, body in found]


_make_class: Any = namedtuple
_TextRow, _ContactRow = _make_class("_TextRow", _TEXT_COLUMNS), _make_class("_ContactRow", _CONTACT_COLUMNS)
_AppointmentRow = _make_class("_AppointmentRow", _APPOINTMENT_COLUMNS)
_PatientRow = _make_class("_PatientRow", _PATIENT_COLUMNS)
_CONTACT_AT = len(_TEXT_COLUMNS)
_APPOINTMENT_AT = _CONTACT_AT + len(_CONTACT_COLUMNS)
_PATIENT_AT = _APPOINTMENT_AT + len(_APPOINTMENT_COLUMNS)
_END = _PATIENT_AT + len(_PATIENT_COLUMNS)


def _make_due(row: Any) -> Due:
    return Due(
        _TextRow._make(row[:_CONTACT_AT]),
        _ContactRow._make(row[_CONTACT_AT:_APPOINTMENT_AT]),
        _AppointmentRow._make(row[_APPOINTMENT_AT:_PATIENT_AT]) if row[_APPOINTMENT_AT] is not None else None,
        _PatientRow._make(row[_PATIENT_AT:_END]) if row[_PATIENT_AT] is not None else None,
        *row[_END:],
    )


def _list_ids(connection: Connection, statement: Any, **values: object) -> list[int]:
    return list(connection.execute(statement, values).scalars())
