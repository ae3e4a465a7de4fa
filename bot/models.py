"""The tables and their enums. Every datetime is aware and stored in UTC."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlmodel import Field, SQLModel

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
SQLModel.metadata = METADATA


class AppointmentStatus(StrEnum):
    BOOKED = "booked"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What became of an appointment once its time had come; empty until somebody says so."""

    UNKNOWN = ""
    CAME = "came"
    NO_SHOW = "no show"


class TextKind(StrEnum):
    """Why we send: planned, because something changed, or because the patient wrote."""

    REMINDER = "reminder"
    NOTICE = "notice"
    REPLY = "reply"


class TextState(StrEnum):
    PLANNED = "planned"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    DELIVERED = "delivered"
    SKIPPED = "skipped"
    FAILED = "failed"


# Why a planned text was never sent: another was planned in its place, or none is needed.
REPLACED = ("superseded", "cancelled")
# A text in one of these has left the house, or may have.
GONE_OUT = (TextState.SENDING, TextState.UNKNOWN, TextState.SENT, TextState.DELIVERED)


class TaskKind(StrEnum):
    EMERGENCY = "emergency"
    IMPLANT = "implant"
    ALLERGY = "allergy"
    SCREENING = "screening"
    CHANGE = "change"
    NOT_COMING = "not coming"
    WRONG_NUMBER = "wrong number"
    OPTED_OUT = "opted out"
    UNREACHED = "unreached"
    QUESTION = "question"
    OPERATOR = "operator"


# Whoever has done one of these has talked to the patient.
PHONE_TASKS = (TaskKind.UNREACHED, TaskKind.OPTED_OUT, TaskKind.WRONG_NUMBER)


class TaskState(StrEnum):
    OPEN = "open"
    TAKEN = "taken"
    DONE = "done"


class ScreeningState(StrEnum):
    """How far the screening of one appointment has come.

    Open: no answer yet. Asking: a question waits for its answer. Answered: all that was asked. Phone: a
    person must ask the rest.
    """

    OPEN = "open"
    ASKING = "asking"
    ANSWERED = "answered"
    PHONE = "phone"


class Reply(StrEnum):
    """What was answered, as it was answered; ``words`` holds what is neither."""

    NO = "no"
    YES = "yes"
    UNSURE = "yes or not sure"
    WORDS = "words"


class Role(StrEnum):
    """Who may do what: a viewer looks, staff also change and answer, an admin also settings and accounts."""

    ADMIN = "admin"
    STAFF = "staff"
    VIEWER = "viewer"


def _one_of(enum: type[StrEnum], column: str) -> CheckConstraint:
    values = ", ".join(f"'{member.value}'" for member in enum)
    return CheckConstraint(f"{column} IN ({values})", name=column)


class Clinic(SQLModel, table=True):
    """The clinic whose patients are texted; its row follows ``.env`` at each start."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    phone: str
    address: str = ""
    time_zone: str
    default_language: str
    quiet_hours_start: str
    quiet_hours_end: str
    arrive_early_minutes: int
    sender: str


class Contact(SQLModel, table=True):
    """One phone number. Opt-out and language belong to it, not to a patient.

    ``held_by`` is who of the staff has the conversation open, until ``held_until``. ``heard_at`` is when
    the contact last wrote, ``unread_since`` when they wrote what nobody of the staff has seen yet.
    """

    __table_args__ = (
        Index(None, "heard_at", "id"),
        Index(
            "ix_contact_unread",
            "unread_since",
            sqlite_where=text("unread_since IS NOT NULL"),
            postgresql_where=text("unread_since IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    phone: str = Field(unique=True, max_length=16)
    language: str
    channel: str = "sms"
    consented_at: datetime | None = None
    consent_source: str = ""
    refused_at: datetime | None = None
    opted_out_at: datetime | None = None
    opted_out_words: str = ""
    opted_out_source: str = ""
    unreachable_since: datetime | None = None
    unreachable_reason: str = ""
    held_by: str = ""
    held_until: datetime | None = None
    heard_at: datetime | None = None
    unread_since: datetime | None = None
    created_at: datetime


class Patient(SQLModel, table=True):
    """A person who is examined. Two patients may share a contact.

    ``companion_agreed``: the patient agrees that the companion gets texts about the appointment.
    ``companion_first``: the patient cannot type, so the companion is asked what patients are asked.
    """

    __table_args__ = (Index(None, "contact_id"), Index(None, "companion_id"), Index(None, "record_number"))

    id: int | None = Field(default=None, primary_key=True)
    record_number: str | None = None
    given_name: str
    contact_id: int = Field(foreign_key="contact.id")
    companion_id: int | None = Field(default=None, foreign_key="contact.id")
    companion_name: str = ""
    companion_agreed: bool = False
    companion_first: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class Appointment(SQLModel, table=True):
    """One exam. ``language`` is what the clinic's row said, so that a repeated import can see a change.

    ``cancelled_here``: staff cancelled it with this program, which the clinic's own system may not know.
    ``zone_rules``: the fingerprint of the rules that ``starts_at`` was worked out with from the clinic's clock time.
    """

    __table_args__ = (
        UniqueConstraint("external_id"),
        Index(None, "patient_id"),
        Index(None, "starts_at", "id"),
        _one_of(AppointmentStatus, "status"),
    )

    id: int | None = Field(default=None, primary_key=True)
    external_id: str | None = None
    patient_id: int = Field(foreign_key="patient.id")
    clinic_id: int = Field(foreign_key="clinic.id")
    exam: str
    starts_at: datetime
    contrast: bool = False
    sedation: bool = False
    place: str = ""
    language: str
    status: AppointmentStatus = Field(default=AppointmentStatus.BOOKED, sa_type=String)
    revision: int = 1
    cancelled_here: bool = False
    outcome: Outcome = Field(default=Outcome.UNKNOWN, sa_type=String)
    screened_at: datetime | None = None
    zone_rules: str | None = None
    created_at: datetime


class OutgoingText(SQLModel, table=True):
    """Everything we send, past and future: the row is the queue.

    ``step`` joins plan steps with ``+``; a reply has none. ``attempt`` is the token of the attempt
    under way, which travels in the status-callback address and fences the write-back. ``asks`` is the
    question that the text ends with. ``reason`` says why it was skipped or failed. ``attempts`` are sends
    that the provider may have taken, ``retries`` those that it certainly did not. ``suspect``: it may have
    been sent by a database that was lost, so it is looked up before it is sent. ``resent_in_doubt``: its first
    attempt may have arrived, which could not be found out. ``asked_at`` is when the
    provider was last asked what became of it. ``answered_at`` is when the question was answered, of those whose
    answer shows nowhere else.
    """

    __tablename__ = "outgoing_text"
    __table_args__ = (
        UniqueConstraint("appointment_id", "contact_id", "step", "revision"),
        UniqueConstraint("provider_id"),
        UniqueConstraint("attempt"),
        Index(
            "ix_outgoing_text_due",
            "due_at",
            sqlite_where=text("state = 'planned'"),
            postgresql_where=text("state = 'planned'"),
        ),
        Index(
            # Not by when they are due: PostgreSQL and SQLite would then take the large index instead of this one.
            "ix_outgoing_text_due_reply",
            "kind",
            "created_at",
            sqlite_where=text("state = 'planned' AND kind = 'reply'"),
            postgresql_where=text("state = 'planned' AND kind = 'reply'"),
        ),
        Index(
            "ix_outgoing_text_lease",
            "lease_until",
            sqlite_where=text("state IN ('sending', 'unknown')"),
            postgresql_where=text("state IN ('sending', 'unknown')"),
        ),
        Index(
            "ix_outgoing_text_silent",
            "sent_at",
            sqlite_where=text("state = 'sent'"),
            postgresql_where=text("state = 'sent'"),
        ),
        Index(
            # All that is counted of a day's texts, so that the rows themselves need not be read.
            "ix_outgoing_text_left",
            "sent_at",
            "language",
            "state",
            sqlite_where=text("sent_at IS NOT NULL"),
            postgresql_where=text("sent_at IS NOT NULL"),
        ),
        Index(
            "ix_outgoing_text_never_left",
            "created_at",
            sqlite_where=text("state = 'failed' AND sent_at IS NULL"),
            postgresql_where=text("state = 'failed' AND sent_at IS NULL"),
        ),
        Index(None, "appointment_id"),
        Index(None, "contact_id", "id"),
        _one_of(TextKind, "kind"),
        _one_of(TextState, "state"),
    )

    id: int | None = Field(default=None, primary_key=True)
    contact_id: int = Field(foreign_key="contact.id")
    appointment_id: int | None = Field(default=None, foreign_key="appointment.id")
    for_companion: bool = False
    kind: TextKind = Field(sa_type=String)
    step: str | None = None
    revision: int = 1
    moved_from: datetime | None = None
    due_at: datetime
    useful_until: datetime
    state: TextState = Field(default=TextState.PLANNED, sa_type=String)
    reason: str = ""
    body: str = Field(default="", sa_column=Column(Text, nullable=False))
    language: str = ""
    segments: int = 0
    asks: str | None = None
    attempts: int = 0
    retries: int = 0
    lookups: int = 0
    suspect: bool = False
    resent_in_doubt: bool = False
    attempt: str | None = None
    lease_until: datetime | None = None
    sending_since: datetime | None = None
    provider_id: str | None = None
    provider_status: str = ""
    error_code: int | None = None
    created_at: datetime
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    asked_at: datetime | None = None
    answered_at: datetime | None = None


class ArrivedText(SQLModel, table=True):
    """A text from a phone, as the provider handed it over, until it is understood and becomes an ``IncomingText``."""

    __tablename__ = "arrived_text"
    __table_args__ = (UniqueConstraint("provider_id"), Index(None, "phone", "id"))

    id: int | None = Field(default=None, primary_key=True)
    provider_id: str
    phone: str
    body: str = Field(sa_column=Column(Text, nullable=False))
    media: int = 0
    opt_out: str = ""
    received_at: datetime


class IncomingText(SQLModel, table=True):
    """Everything that patients write, and what was understood.

    ``label_intent`` and ``label_detail`` are what staff say it meant, where we misunderstood it.
    """

    __tablename__ = "incoming_text"
    __table_args__ = (UniqueConstraint("provider_id"), Index(None, "contact_id", "id"))

    id: int | None = Field(default=None, primary_key=True)
    provider_id: str
    contact_id: int = Field(foreign_key="contact.id")
    body: str = Field(sa_column=Column(Text, nullable=False))
    media: int = 0
    intent: str = ""
    detail: str | None = None
    confidence: float = 0.0
    label_intent: str = ""
    label_detail: str | None = None
    labelled_by: str = ""
    labelled_at: datetime | None = None
    received_at: datetime


class Screening(SQLModel, table=True):
    """What was asked before one appointment, and how far it has come.

    ``question`` waits for an answer of ``contact_id``, since ``asked_at``. ``reminded_at``, ``companion_at`` and
    ``phone_at`` are when silence led to a text, to one for the companion, to a task; they hold for one
    ``revision`` of the appointment. ``seen_by`` is who of the staff has read the answers.
    """

    __table_args__ = (
        UniqueConstraint("appointment_id"),
        Index(None, "contact_id"),
        _one_of(ScreeningState, "state"),
    )

    id: int | None = Field(default=None, primary_key=True)
    appointment_id: int = Field(foreign_key="appointment.id")
    revision: int = 1
    state: ScreeningState = Field(default=ScreeningState.OPEN, sa_type=String)
    contact_id: int | None = Field(default=None, foreign_key="contact.id")
    question: str = ""
    asked_at: datetime | None = None
    reminded_at: datetime | None = None
    companion_at: datetime | None = None
    phone_at: datetime | None = None
    answered_at: datetime | None = None
    seen_by: str = ""
    seen_at: datetime | None = None
    created_at: datetime


class ScreeningAnswer(SQLModel, table=True):
    """One answer as it was given: to which question (its code, and its English as it stood), how, by whom.

    ``contact_id`` is the phone that it came from; ``taken_by`` who of the staff wrote it down instead.
    """

    __tablename__ = "screening_answer"
    __table_args__ = (Index(None, "screening_id"), Index(None, "contact_id"), _one_of(Reply, "reply"))

    id: int | None = Field(default=None, primary_key=True)
    screening_id: int = Field(foreign_key="screening.id")
    question: str
    asked: str
    reply: Reply = Field(sa_type=String)
    words: str = Field(default="", sa_column=Column(Text, nullable=False))
    language: str = ""
    contact_id: int | None = Field(default=None, foreign_key="contact.id")
    taken_by: str = ""
    at: datetime


class StoppedNumber(SQLModel, table=True):
    """A number that was erased and wants no texts: its hash alone, so that a stop stays a stop."""

    __tablename__ = "stopped_number"

    phone_hash: str = Field(primary_key=True)
    stopped_at: datetime


class Task(SQLModel, table=True):
    """Something that a person at the clinic must do; ``words`` are the patient's own.

    ``what`` is in English; ``template`` is what ``sentences.py`` makes of it to say it in another language.
    ``rank`` orders the worklist: the task's own ``urgency``, and more the less time is left.
    """

    __table_args__ = (
        Index(None, "contact_id"),
        Index(None, "appointment_id"),
        Index(None, "state", "id"),
        _one_of(TaskState, "state"),
    )

    id: int | None = Field(default=None, primary_key=True)
    kind: TaskKind = Field(sa_type=String)
    contact_id: int | None = Field(default=None, foreign_key="contact.id")
    appointment_id: int | None = Field(default=None, foreign_key="appointment.id")
    what: str
    template: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
    words: str = Field(default="", sa_column=Column(Text, nullable=False))
    urgent: bool = False
    urgency: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    rank: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    state: TaskState = Field(default=TaskState.OPEN, sa_type=String)
    created_at: datetime
    taken_by: str = ""
    taken_at: datetime | None = None
    done_by: str = ""
    done_at: datetime | None = None


class TaskNote(SQLModel, table=True):
    """What somebody of the staff wrote beside a task."""

    __tablename__ = "task_note"
    __table_args__ = (Index(None, "task_id"),)

    id: int | None = Field(default=None, primary_key=True)
    task_id: int = Field(foreign_key="task.id")
    words: str = Field(sa_column=Column(Text, nullable=False))
    by: str
    at: datetime


class Staff(SQLModel, table=True):
    """Who may sign in, and as what.

    ``language`` is the one that the pages speak with them. ``totp_secret`` is set once the second factor is in use;
    ``totp_used`` the last code's time step, so that no code works twice. ``worklist_seen_at`` is when they last
    looked at the tasks.
    """

    __table_args__ = (_one_of(Role, "role"),)

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True)
    role: Role = Field(sa_type=String)
    password_hash: str = ""
    disabled: bool = False
    language: str = "en"
    totp_secret: str = ""
    totp_used: int = 0
    signed_in_at: datetime | None = None
    worklist_seen_at: datetime | None = None
    created_at: datetime


class StaffSession(SQLModel, table=True):
    """A browser that is signed in. The cookie holds the token, the row its hash alone."""

    __tablename__ = "staff_session"
    __table_args__ = (UniqueConstraint("token_hash"), Index(None, "staff_id"))

    id: int | None = Field(default=None, primary_key=True)
    token_hash: str
    csrf: str
    staff_id: int = Field(foreign_key="staff.id")
    created_at: datetime
    seen_at: datetime


class StaffLink(SQLModel, table=True):
    """A link that sets a password once; without a person, it makes the first admin."""

    __tablename__ = "staff_link"
    __table_args__ = (UniqueConstraint("token_hash"), Index(None, "staff_id"))

    id: int | None = Field(default=None, primary_key=True)
    token_hash: str
    staff_id: int | None = Field(default=None, foreign_key="staff.id")
    expires_at: datetime


class RecoveryCode(SQLModel, table=True):
    """A code that stands in once for the second factor."""

    __tablename__ = "recovery_code"
    __table_args__ = (Index(None, "staff_id"),)

    id: int | None = Field(default=None, primary_key=True)
    staff_id: int = Field(foreign_key="staff.id")
    code_hash: str


class SignInFailure(SQLModel, table=True):
    """A sign-in that failed: the hash of the account or of the address it came from, and when."""

    __tablename__ = "sign_in_failure"
    __table_args__ = (Index(None, "source_hash", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    source_hash: str
    at: datetime


class ApiKey(SQLModel, table=True):
    """A program that may use the JSON API. ``scopes`` are words with a space between."""

    __tablename__ = "api_key"
    __table_args__ = (UniqueConstraint("key_hash"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str
    key_hash: str
    scopes: str
    made_by: str
    created_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


class ApiAnswer(SQLModel, table=True):
    """What the JSON API answered to a request with an idempotency key, so that the same one again changes nothing."""

    __tablename__ = "api_answer"
    __table_args__ = (UniqueConstraint("api_key_id", "idempotency_key"), Index(None, "created_at"))

    id: int | None = Field(default=None, primary_key=True)
    api_key_id: int = Field(foreign_key="api_key.id")
    idempotency_key: str
    request_hash: str
    status: int
    body: str = Field(sa_column=Column(Text, nullable=False))
    created_at: datetime


class TopicChoice(SQLModel, table=True):
    """A topic of the FAQ that the clinic has switched off."""

    __tablename__ = "topic_choice"

    topic: str = Field(primary_key=True)
    changed_by: str
    changed_at: datetime


class ClinicAnswer(SQLModel, table=True):
    """The clinic's own answer on a topic, in one language."""

    __tablename__ = "clinic_answer"

    topic: str = Field(primary_key=True)
    language: str = Field(primary_key=True)
    words: str = Field(sa_column=Column(Text, nullable=False))
    changed_by: str
    changed_at: datetime


class ClinicDetail(SQLModel, table=True):
    """A fact of the clinic that an admin has set on a page; it wins over the one in ``.env``."""

    __tablename__ = "clinic_detail"

    name: str = Field(primary_key=True)
    words: str
    changed_by: str
    changed_at: datetime


class ColumnChoice(SQLModel, table=True):
    """What staff said a column of their files holds; ``column`` empty: nothing of ours."""

    __tablename__ = "column_choice"

    header: str = Field(primary_key=True)
    column: str
    changed_by: str
    changed_at: datetime


class Upload(SQLModel, table=True):
    """A file of appointments between being dropped and being taken in. ``columns`` and ``fixes`` are JSON."""

    __table_args__ = (UniqueConstraint("token"), Index(None, "created_at"))

    id: int | None = Field(default=None, primary_key=True)
    token: str
    staff_id: int = Field(foreign_key="staff.id")
    name: str
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    columns: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    fixes: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    rows: int = 0
    done: int = 0
    result: str = Field(default="", sa_column=Column(Text, nullable=False))
    created_at: datetime


class AuditEvent(SQLModel, table=True):
    """Who did what to which record, or looked at it, and when. ``row_id`` 0: a list of them."""

    __tablename__ = "audit_event"
    __table_args__ = (Index(None, "table", "row_id"), Index(None, "at", "id"))

    id: int | None = Field(default=None, primary_key=True)
    at: datetime
    actor: str
    action: str
    table: str
    row_id: int
    detail: str = ""


class SendingHold(SQLModel, table=True):
    """What holds sending up, for all nodes: one row.

    Paused: no text that we start goes out, answers do. Circuit: the account cannot send, nothing goes
    out but one text now and then, to see whether it can again. ``circuit_by_callback``: texts were
    accepted and failed later, so only one that arrives closes it.
    """

    __tablename__ = "sending_hold"

    id: int | None = Field(default=None, primary_key=True)
    paused_at: datetime | None = None
    paused_by: str = ""
    pause_reason: str = ""
    brake_off_until: datetime | None = None
    circuit_at: datetime | None = None
    circuit_until: datetime | None = None
    circuit_reason: str = ""
    circuit_tries: int = 0
    circuit_by_callback: bool = False


class Node(SQLModel, table=True):
    """A process that sends, and when it last said so. Nodes share the account's rate and concurrency."""

    id: str = Field(primary_key=True)
    seen_at: datetime


class StartedHour(SQLModel, table=True):
    """How many texts a node started in an hour: what is usual, for the brake."""

    __tablename__ = "started_hour"

    hour: datetime = Field(primary_key=True)
    node_id: str = Field(primary_key=True)
    texts: int = 0


class ZoneRules(SQLModel, table=True):
    """The rules of a time zone that some machine has, or had: its file of the time-zone data.

    ``seen_at`` is when a process last started with them. ``release`` is the newest that has them, empty if unknown.
    """

    __tablename__ = "zone_rules"

    fingerprint: str = Field(primary_key=True)
    zone: str
    release: str = ""
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    first_seen_at: datetime
    seen_at: datetime


class PeriodicJob(SQLModel, table=True):
    """A job that one node does for all of them, and when it is due again."""

    __tablename__ = "periodic_job"

    name: str = Field(primary_key=True)
    due_at: datetime
