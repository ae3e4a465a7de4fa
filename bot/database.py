"""The engine, sessions, migrations, and the named queries that services share.

``reading`` and ``writing`` are the two kinds of session. On SQLite a writing one takes the write lock
at its start (``BEGIN IMMEDIATE``), so that two writers wait for each other instead of failing halfway; those of
one process stand in a queue (``turnstile.py``).
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Engine,
    Executable,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    text,
    update,
)
from sqlalchemy import select as select_columns
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as QueueTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session, SQLModel, col, select

from bot.models import (
    GONE_OUT,
    METADATA,
    Appointment,
    AppointmentStatus,
    AuditEvent,
    Clinic,
    Contact,
    IncomingText,
    OutgoingText,
    Patient,
    Task,
    TaskKind,
    TaskState,
    TextState,
)
from bot.sentences import write_template
from bot.turnstile import Turnstile
from messages.exams import Exams
from messages.facts import Visit

_Row = TypeVar("_Row", bound=SQLModel)

_MIGRATIONS = Path(__file__).with_name("migrations")
_BUSY_TIMEOUT_S = 30
_CONNECT_TIMEOUT_S = 5
# No transaction of ours waits for anything but the database; one that idles this long is of a process that hangs,
# and what it has locked, and the dead rows it keeps from being cleaned up, hold up all others.
_IDLE_MOST_S = 60
_ONE_LOOK = timedelta(minutes=15)
# What SQLite and PostgreSQL call it. With less room than this nothing may be written any more.
_DISK_FULL = {"SQLITE_FULL", "53100"}
_LEAST_ROOM = 1024 * 1024
# Any constant will do, as long as every process of this program uses the same.
_START_LOCK = 7_237_416_005


def open_database(url: str) -> Engine:
    """Open the database; nothing is connected or created yet. Parameters never reach an error's text."""
    if make_url(url).get_backend_name() != "sqlite":
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=20,
            isolation_level="READ COMMITTED",
            connect_args={"connect_timeout": _CONNECT_TIMEOUT_S},
        )
        event.listen(engine, "connect", _prepare_postgres)
        return engine
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=10,
        max_overflow=20,
        connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    engine.update_execution_options(turnstile=Turnstile())
    return engine


def _prepare_postgres(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # Not as a parameter of the connection, which poolers refuse.
    connection.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_MOST_S}s'")
    connection.commit()


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    # The driver shall not open transactions of its own: _begin_sqlite does, of the right kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_S * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # NORMAL may forget the last claims at a power loss, and a forgotten claim is a text sent twice.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    # Each connection keeps that much of the file to itself, in KiB; the system keeps all of it for everybody.
    cursor.execute("PRAGMA cache_size = -500")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A short session that changes nothing."""
    with Session(engine, expire_on_commit=False) as session:
        yield session


@contextmanager
def looking(engine: Engine) -> Iterator[Connection]:
    """For statements that only read, each by itself: PostgreSQL is spared a transaction around them."""
    is_sqlite = engine.dialect.name == "sqlite"
    with (engine if is_sqlite else engine.execution_options(isolation_level="AUTOCOMMIT")).connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A short session that is committed at its end, or rolled back on an error."""
    with (
        _wait_for_turn(engine),
        Session(engine.execution_options(writes=True), expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session


@contextmanager
def _wait_for_turn(engine: Engine) -> Iterator[None]:
    """Before a connection is taken, which those who need none to wait with can use."""
    turnstile: Turnstile | None = engine.get_execution_options().get("turnstile")
    if turnstile is None:
        yield
        return
    try:
        turnstile.enter(_BUSY_TIMEOUT_S)
    except TimeoutError as error:
        raise QueueTimeoutError(str(error)) from error
    try:
        yield
    finally:
        turnstile.leave()


def run_built(session: Session, statement: Executable, **values: object) -> CursorResult[*tuple[Any, ...]]:
    """Run a statement that was built once, and that names no class of ours: its rows are plain.

    To build a statement takes longer than to run it, and so does to make an object of each row.
    """
    session.flush()
    return session.connection().execute(statement, values)


def is_away(error: Exception) -> bool:
    """Whether the database did not answer, or can write nothing: what else there is to write need not be tried now."""
    # Of two that wait for each other criss-cross, PostgreSQL ends one, which can try again.
    is_deadlock = isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) == "40P01"
    return isinstance(error, OperationalError | QueueTimeoutError) and not is_deadlock


def name_trouble(error: Exception) -> str:
    """What kind of error it is, for the log: its own words may hold somebody's."""
    orig = error.orig if isinstance(error, DBAPIError) else None
    if _DISK_FULL & {getattr(orig, "sqlite_errorname", None), getattr(orig, "sqlstate", None)}:
        return "its disk is full"
    return type(error).__name__


def has_room(engine: Engine) -> bool:
    """Whether there is room on the disk that an SQLite database is on; of a server's disk nothing is known here."""
    file = engine.url.database
    if engine.dialect.name != "sqlite" or not file or file == ":memory:":
        return True
    return shutil.disk_usage(Path(file).absolute().parent).free >= _LEAST_ROOM


def migrate(engine: Engine) -> None:
    """Bring the tables up to date. Several processes may do it at once: one works, the others wait."""
    config = _make_config()
    with engine.execution_options(writes=True).begin() as connection:
        lock_start(connection)
        if MigrationContext.configure(connection).get_current_heads() == _find_heads():
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _make_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


@cache
def _find_heads() -> tuple[str, ...]:
    """The newest migration. To know it all are loaded, which takes longer than to see that there is nothing to do."""
    return tuple(ScriptDirectory.from_config(_make_config()).get_heads())


def find_revision(connection: Connection) -> str | None:
    """The last migration that was carried out; None on a database without our tables."""
    return MigrationContext.configure(connection).get_current_revision()


def lock_start(connection: Connection) -> None:
    """Let one starting process after the other set up the database; on SQLite a writer is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _START_LOCK})


def check_database(engine: Engine) -> None:
    """Raise SQLAlchemy's error when the database does not answer."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def back_up(engine: Engine, file: Path) -> None:
    """Copy an SQLite database to a new file, consistent also while others write.

    Raises:
        ValueError: the file exists, or the database is not SQLite.
    """
    if engine.dialect.name != "sqlite":
        raise ValueError("only an SQLite database is copied by this command; use pg_dump for PostgreSQL")
    if file.exists():
        raise ValueError(f"{file} exists already; name a new file")
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("VACUUM INTO ?", (str(file),))
    finally:
        connection.close()


# Clinic and contacts


def get_clinic(session: Session) -> Clinic:
    """The clinic of this database.

    Raises:
        sqlalchemy.exc.NoResultFound: there is none yet; ``daemon.prepare_database`` makes it.
    """
    return session.exec(select(Clinic).order_by(col(Clinic.id)).limit(1)).one()


_BY_PHONE = select(Contact).where(col(Contact.phone) == bindparam("phone"))
_LOCKED_BY_PHONE = _BY_PHONE.with_for_update(key_share=True)
# Waits for whoever adds the same number just now, and leaves it as it is.
_ADD_UNKNOWN = {
    "sqlite": sqlite.insert(Contact).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(Contact).on_conflict_do_nothing(),
}


def find_contact(session: Session, phone: str) -> Contact | None:
    return session.exec(_BY_PHONE, params={"phone": phone}).first()


def find_or_add_contact(session: Session, phone: str, language: str, now: datetime, *, lock: bool = False) -> Contact:
    """The contact of a number, made with that language if there is none, also when two make it at once.

    ``lock``: nobody else locks it until this session ends.
    """
    known, params = _LOCKED_BY_PHONE if lock else _BY_PHONE, {"phone": phone}
    contact = session.exec(known, params=params).first()
    if contact is not None:
        return contact
    contact = Contact(phone=phone, language=language, created_at=now)
    keep_stopped(session, [contact])
    add = _ADD_UNKNOWN[session.connection().dialect.name]
    run_built(session, add, **contact.model_dump(exclude={"id"}))
    return session.exec(known, params=params).one()


def hash_phone(phone: str) -> str:
    """What is kept of a number that was erased."""
    return hashlib.scrypt(phone.encode(), salt=b"scan-reminders stopped number", n=1024, r=8, p=1).hex()[:64]


def insert_all(session: Session, table: type[_Row], rows: Sequence[dict[str, Any]]) -> list[_Row]:
    """Insert rows that name the same columns; returns them in order.

    In one statement: to make an object of each first takes most of the time of a large file.
    """
    if not rows:
        return []
    session.flush()
    return list(session.scalars(insert(table).returning(table, sort_by_parameter_order=True), rows))


_STOPPED = select_columns(
    METADATA.tables["stopped_number"].c.phone_hash, METADATA.tables["stopped_number"].c.stopped_at
)


def keep_stopped(session: Session, contacts: Iterable[Contact]) -> None:
    """A number that had stopped our texts before it was erased is stopped again as soon as it is known again."""
    stopped = {row.phone_hash: row.stopped_at for row in run_built(session, _STOPPED)}
    for contact in contacts if stopped else ():
        if stopped_at := stopped.get(hash_phone(contact.phone)):
            contact.opted_out_at, contact.opted_out_source = stopped_at, "before erasure"


# Appointments


_PATIENT = METADATA.tables["patient"]


def _hears_of(patient: Any) -> ColumnElement[bool]:
    """Whether a patient is this contact's own, or one whom they accompany with the patient's agreement."""
    contact_id: Any = bindparam("contact_id")
    accompanies = (patient.companion_id == contact_id) & patient.companion_agreed
    return cast("ColumnElement[bool]", (patient.contact_id == contact_id) | accompanies)


_COMING = (
    select(Appointment, Patient)
    .join(Patient, col(Appointment.patient_id) == col(Patient.id))
    .where(
        _hears_of(Patient),
        col(Appointment.status) != AppointmentStatus.CANCELLED,
        col(Appointment.starts_at) > bindparam("now"),
    )
    .order_by(col(Appointment.starts_at), col(Appointment.id))
)
_PATIENTS = select_columns(func.count()).select_from(_PATIENT).where(_hears_of(_PATIENT.c))


def find_coming(session: Session, contact_id: int, now: datetime) -> list[tuple[Appointment, Patient]]:
    """The appointments still ahead of all patients of a contact or companion, soonest first."""
    return list(session.exec(_COMING, params={"contact_id": contact_id, "now": now}))


def has_patients(session: Session, contact_id: int) -> bool:
    return count_patients(session, contact_id) > 0


def is_shared(session: Session, contact_id: int) -> bool:
    """Whether this number hears of several patients, so that texts must say whom they mean."""
    return count_patients(session, contact_id) > 1


def count_patients(session: Session, contact_id: int) -> int:
    """Of how many patients this number hears."""
    return int(run_built(session, _PATIENTS, contact_id=contact_id).scalar_one())


def find_shared(session: Session, contact_ids: set[int]) -> set[int]:
    """Which of these numbers hear of several patients (``is_shared``), in one query."""
    heard = Counter[int]()
    for contact_id, companion_id, agreed in session.exec(
        select(Patient.contact_id, Patient.companion_id, Patient.companion_agreed).where(
            col(Patient.contact_id).in_(contact_ids) | col(Patient.companion_id).in_(contact_ids)
        )
    ):
        heard.update({contact_id, companion_id} if agreed and companion_id is not None else {contact_id})
    return {contact_id for contact_id in contact_ids if heard[contact_id] > 1}


def find_companion_id(patient: Patient) -> int | None:
    """The contact of a companion who gets texts of their own; None where there is none, or not agreed."""
    is_another = patient.companion_id != patient.contact_id
    return patient.companion_id if patient.companion_agreed and is_another else None


def make_visit(appointment: Appointment, patient: Patient, exams: Exams, *, name_needed: bool) -> Visit:
    """What texts may say of an appointment.

    Raises:
        KeyError: its exam is no longer among the clinic's.
    """
    return Visit(
        exam=exams.get(appointment.exam),
        starts_at=appointment.starts_at,
        given_name=patient.given_name,
        contrast=appointment.contrast,
        sedation=appointment.sedation,
        place=appointment.place,
        name_needed=name_needed,
        companion_name=patient.companion_name,
    )


def skip_planned(session: Session, appointment_id: int, reason: str) -> int:
    """Void what has not been claimed yet; returns how many texts that were."""
    session.flush()
    voided = session.connection().execute(
        update(OutgoingText)
        .where(col(OutgoingText.appointment_id) == appointment_id, col(OutgoingText.state) == TextState.PLANNED)
        .values(state=TextState.SKIPPED, reason=reason)
    )
    return voided.rowcount


def find_gone_out(session: Session, appointment_id: int) -> list[OutgoingText]:
    """The planned texts of an appointment that have left, or may have."""
    return list(
        session.exec(
            select(OutgoingText)
            .where(
                OutgoingText.appointment_id == appointment_id,
                col(OutgoingText.state).in_(GONE_OUT),
                col(OutgoingText.step).is_not(None),
            )
            .order_by(col(OutgoingText.id))
        )
    )


def list_texts(session: Session, appointment_id: int) -> Sequence[OutgoingText]:
    return session.exec(
        select(OutgoingText)
        .where(OutgoingText.appointment_id == appointment_id)
        .order_by(col(OutgoingText.due_at), col(OutgoingText.id))
    ).all()


def list_thread(session: Session, contact_id: int) -> list[OutgoingText | IncomingText]:
    """What one phone has received and sent, oldest first."""
    outgoing = session.exec(
        select(OutgoingText).where(
            OutgoingText.contact_id == contact_id, col(OutgoingText.state).in_((TextState.SENT, TextState.DELIVERED))
        )
    ).all()
    incoming = session.exec(select(IncomingText).where(IncomingText.contact_id == contact_id)).all()
    return sorted([*outgoing, *incoming], key=order_in_thread)


def order_in_thread(row: OutgoingText | IncomingText) -> tuple[datetime, int]:
    """What to sort by, so that an answer stands after its question also within one moment."""
    if isinstance(row, IncomingText):
        return row.received_at, 0
    return row.sent_at or row.due_at, 1


# Tasks and audit


# What a task of each kind counts in the worklist. A screening task counts what its answers do.
_URGENCY = {
    TaskKind.EMERGENCY: 200,
    TaskKind.OPERATOR: 150,
    TaskKind.IMPLANT: 90,
    TaskKind.SCREENING: 75,
    TaskKind.ALLERGY: 60,
    TaskKind.NOT_COMING: 50,
    TaskKind.OPTED_OUT: 50,
    TaskKind.UNREACHED: 50,
    TaskKind.WRONG_NUMBER: 50,
    TaskKind.CHANGE: 40,
    TaskKind.QUESTION: 30,
}


def add_task(
    session: Session,
    kind: TaskKind,
    what: str,
    now: datetime,
    *,
    contact_id: int | None = None,
    appointment_id: int | None = None,
    words: str = "",
    urgent: bool = False,
    urgency: int | None = None,
    added: int = 0,
) -> None:
    """Ask staff to do something; the same open task about the same appointment is not made twice.

    Args:
        urgency: what it counts, from 0 to 200; that of its kind if left out.
        added: what it counts more for the little time that is left.
    """
    urgency = _URGENCY[kind] if urgency is None else urgency
    same = session.exec(
        select(Task.id).where(
            Task.kind == kind,
            Task.contact_id == contact_id,
            Task.appointment_id == appointment_id,
            Task.what == what,
            Task.words == words,
            Task.state != TaskState.DONE,
        )
    ).first()
    if same is None:
        session.add(
            Task(
                kind=kind,
                contact_id=contact_id,
                appointment_id=appointment_id,
                what=str(what),
                template=write_template(what),
                words=words,
                urgent=urgent,
                urgency=urgency,
                rank=urgency + added,
                created_at=now,
            )
        )


def add_event(
    session: Session, actor: str, action: str, appointment: Appointment, now: datetime, detail: str = ""
) -> None:
    """Record who did what to an appointment that has its id."""
    note_event(session, actor, action, str(Appointment.__tablename__), appointment.id or 0, now, detail)


def add_events(session: Session, actor: str, action: str, appointment_ids: Sequence[int], now: datetime) -> None:
    """Record the same of many appointments, in one statement."""
    table = str(Appointment.__tablename__)
    same = {"at": now, "actor": actor, "action": action, "table": table, "detail": ""}
    if appointment_ids:
        session.connection().execute(insert(AuditEvent), [{**same, "row_id": one} for one in appointment_ids])


def note_event(
    session: Session, actor: str, action: str, table: str, row_id: int, now: datetime, detail: str = ""
) -> None:
    """Record who did what to a row, or looked at it; ``row_id`` 0 stands for a list of them."""
    session.add(AuditEvent(at=now, actor=actor, action=action, table=table, row_id=row_id, detail=detail))


def note_look(session: Session, actor: str, table: str, row_id: int, now: datetime) -> None:
    """Record that somebody was shown a row; once, however often a page shows it within a quarter of an hour."""
    query = select(AuditEvent.id).where(
        AuditEvent.table == table,
        AuditEvent.row_id == row_id,
        AuditEvent.actor == actor,
        AuditEvent.action == "viewed",
        AuditEvent.at > now - _ONE_LOOK,
    )
    if session.exec(query.limit(1)).first() is None:
        note_event(session, actor, "viewed", table, row_id, now)
