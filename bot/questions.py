"""Our questions to one phone: which wait for an answer, and which of them a bare "1", "yes" or "no" can mean.

An answer is never guessed to be "none of these": where it may be to another question, that is asked first.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from bot.models import Appointment, AppointmentStatus, Contact, OutgoingText, Patient, ScreeningState, TextKind
from bot.models import TextState as State
from bot.screenings import find_screening
from messages.matching import normalise

# The questions of ours that an answer may be to. The topics that were offered follow ``topic:``.
QUESTION_LANGUAGE, QUESTION_SAFETY, QUESTION_CONFIRM, QUESTION_TOPIC = "language", "safety", "confirm", "topic:"
# The code of a follow-up of the screening, of the question what it is that was answered with a yes, and of the
# patient whose companion somebody shall be.
QUESTION_SCREENING, QUESTION_DETAIL, QUESTION_INVITE = "screening:", "detail:", "invite:"

# A question of ours may be answered this long after it was sent. One that offers a list is forgotten sooner.
_AWAITING, _LIST_WITHIN = timedelta(days=14), timedelta(hours=6)
_LISTS = (QUESTION_LANGUAGE, QUESTION_TOPIC, "which-")
# What is asked first where several wait.
_ORDER = (QUESTION_SCREENING, QUESTION_DETAIL, QUESTION_SAFETY, QUESTION_CONFIRM, QUESTION_INVITE)
# Of two questions that were sent within this time, either may be meant.
_TOGETHER = timedelta(hours=24)
# An answer that comes sooner than this after a question was written before it could be read.
_READING = timedelta(seconds=10)
# An answer that names somebody has so many words more at most.
_SHORT_ANSWER = 4


_ASKED = (
    select(OutgoingText)
    .where(
        col(OutgoingText.contact_id) == bindparam("contact_id"),
        col(OutgoingText.asks).is_not(None),
        col(OutgoingText.state).in_((State.SENDING, State.UNKNOWN, State.SENT, State.DELIVERED)),
        col(OutgoingText.sending_since) >= bindparam("since"),
    )
    .order_by(col(OutgoingText.sending_since).desc(), col(OutgoingText.id).desc())
)


def list_asked(session: Session, contact: Contact, now: datetime) -> list[OutgoingText]:
    """The questions of ours that this contact has got, the last first, without lists that were used or are old."""
    asked = session.exec(_ASKED, params={"contact_id": contact.id, "since": now - _AWAITING}).all()
    return [row for row in asked if not is_list(row) or (row.answered_at is None and _is_fresh(row, now))]


def is_list(row: OutgoingText) -> bool:
    """Whether it is answered with the number of what it offers."""
    return (row.asks or "").startswith(_LISTS)


def _is_fresh(row: OutgoingText, now: datetime) -> bool:
    return row.created_at >= now - _LIST_WITHIN


def list_open(
    session: Session, contact: Contact, coming: Sequence[tuple[Appointment, Patient]], asked: Sequence[OutgoingText]
) -> list[OutgoingText]:
    """The questions that still wait for this contact's answer, in the order in which they are to be asked again.

    Args:
        coming: the appointments that the contact hears of.
        asked: the questions that they have got, the last first.
    """
    appointments = {appointment.id: (at, appointment) for at, (appointment, _) in enumerate(coming)}
    waiting: list[tuple[int, int, OutgoingText]] = []
    seen = set()
    for row in asked:
        kind, _, code = (row.asks or "").partition(":")
        # The screening of an appointment is one matter, whichever of its questions was asked last.
        matter = "safety" if kind in ("screening", "detail") else kind
        about = (matter, code if kind == "invite" else row.appointment_id)
        if about in seen:
            continue
        seen.add(about)
        at, appointment = appointments.get(row.appointment_id, (len(appointments), None))
        if _is_open(session, contact, row, kind, code, appointment):
            place = next(place for place, one in enumerate(_ORDER) if (row.asks or "").startswith(one))
            waiting.append((place, at, row))
    return [row for _, _, row in sorted(waiting, key=lambda one: one[:2])]


def _is_open(
    session: Session, contact: Contact, row: OutgoingText, kind: str, code: str, appointment: Appointment | None
) -> bool:
    if kind == "invite":
        patient = session.get(Patient, int(code))
        is_invited = patient is not None and patient.companion_id == contact.id and not patient.companion_agreed
        return is_invited and row.answered_at is None
    if appointment is None:
        return False
    if kind == QUESTION_CONFIRM:
        return appointment.status == AppointmentStatus.BOOKED and row.answered_at is None
    screening = find_screening(session, appointment.id or 0)
    if kind == QUESTION_SAFETY:
        return screening is None or screening.state == ScreeningState.OPEN
    is_asking = screening is not None and screening.state == ScreeningState.ASKING
    return screening is not None and is_asking and (screening.question, screening.contact_id) == (code, contact.id)


def find_unclear(
    last: OutgoingText | None,
    waiting: Sequence[OutgoingText],
    coming: Sequence[tuple[Appointment, Patient]],
    now: datetime,
) -> OutgoingText | None:
    """The question to ask again before a bare answer is believed; None where it can only be to the last one.

    Args:
        last: the last question of ours.
        waiting: those that wait, as ``list_open`` gives them.
    """
    if not waiting:
        return None
    others = [row for row in waiting if row is not last]
    if last is None or len(others) == len(waiting) or _is_outdated(last, coming):
        # The last one is answered, or no longer what it was.
        return waiting[0]
    since = now - (last.sending_since or now)
    if not others:
        return None
    if last.kind == TextKind.REPLY and since < _TOGETHER:
        # It was asked alone, as an answer to the patient's own text.
        return last if since < _READING else None
    asked_at = last.sending_since or now
    is_harmless = (last.asks or "").startswith((QUESTION_CONFIRM, QUESTION_INVITE))
    if is_harmless and all(asked_at - (row.sending_since or asked_at) >= _TOGETHER for row in others):
        return None
    return waiting[0]


def _is_outdated(row: OutgoingText, coming: Sequence[tuple[Appointment, Patient]]) -> bool:
    """Whether a safety question was asked about the appointment as it no longer is: of another exam, perhaps."""
    revision = next((appointment.revision for appointment, _ in coming if appointment.id == row.appointment_id), None)
    return row.asks == QUESTION_SAFETY and revision is not None and row.revision != revision


def find_named(words: str, coming: Sequence[tuple[Appointment, Patient]]) -> tuple[Patient, str] | None:
    """The one of several patients whom a short text names, and the text without the name: "Ana 1"."""
    patients = {patient.id: patient for _, patient in coming}
    said, named = normalise(words).split(), []
    for patient in patients.values() if len(patients) > 1 else ():
        name = normalise(patient.given_name).split()
        at = next((at for at in range(len(said)) if name and said[at : at + len(name)] == name), None)
        if at is not None:
            named.append((patient, said[:at] + said[at + len(name) :]))
    if len(named) != 1 or not 0 < len(named[0][1]) <= _SHORT_ANSWER:
        return None
    return named[0][0], " ".join(named[0][1])


def find_chosen(words: str, coming: Sequence[tuple[Appointment, Patient]]) -> int | None:
    """Which of the appointments offered is meant by a name alone, the first is 1; None if it is not that of one."""
    said = normalise(words)
    named = [at for at, (_, patient) in enumerate(coming, 1) if said and normalise(patient.given_name) == said]
    return named[0] if len(named) == 1 else None
