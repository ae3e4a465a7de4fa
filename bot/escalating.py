"""Service: silence. Who has not answered the safety questions is asked once more, then the companion, then phoned.

Each step is taken once, whichever node takes it: it is noted with the screening, under a lock.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import ColumnElement, func, text, update
from sqlmodel import Session, col, select

from bot.database import add_task, find_companion_id, find_or_add_contact
from bot.models import (
    GONE_OUT,
    METADATA,
    Appointment,
    AppointmentStatus,
    Contact,
    Outcome,
    OutgoingText,
    Patient,
    Screening,
    ScreeningState,
    Task,
    TaskKind,
    TaskState,
    TextKind,
    TextState,
)
from bot.planning import fit_plan, plan_companion
from bot.schedule import Plan, at_wall, find_allowed
from bot.screenings import TOLD, find_or_add_screening, is_screened, say_when_anew
from bot.sentences import Day, Sentence
from bot.troubles import find_unreached, list_expected
from bot.watch import Watch
from messages.facts import ClinicFacts

# Any constant will do, as long as every process of this program uses the same.
_LOCK = 7_237_416_008
# No text about silence leaves before this time of day.
_TEXTS_FROM = time(10)
# Calendar days that so many working days may take at most: weekends, and a fortnight of holidays.
_MOST_DAYS_EACH, _MOST_DAYS = 3, 14
_SOME = 500
_TEXTS = METADATA.tables["outgoing_text"].c
# On the last day an answer is waited for this long, unless the exam is nearer than that.
_GRACE, _NEAR = timedelta(hours=2), timedelta(hours=4)
_DAY = timedelta(days=1)
_LATE = Sentence("Read the answers before the exam: they came after the day's list was ready")
# Somebody is thanked, or missed, this long after the visit at most.
_AFTER_VISIT = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class _Silent:
    """An appointment whose safety questions are not answered to the end."""

    appointment: Appointment
    patient: Patient
    contact: Contact
    screening: Screening | None
    asked_at: datetime | None
    planned_at: datetime | None


def escalate(session: Session, clinic: ClinicFacts, plan: Plan, watch: Watch, now: datetime) -> Counter[str]:
    """Do what is due about silence and about visits; returns how many ``reminders``, ``companions``, ``tasks``, …

    Another node that is at it right now leaves nothing to do here.
    """
    done: Counter[str] = Counter()
    if session.connection().dialect.name == "postgresql":
        locked = session.connection().execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if not locked.scalar():
            return done
    today = now.astimezone(plan.zone)
    may_text = (
        watch.calendar.is_open(today.date())
        and today.time() >= _TEXTS_FROM
        and find_allowed(now, plan.zone, plan.quiet) == now
    )
    for silent in _list_silent(session, clinic, plan, watch, now):
        done.update(_act(session, plan, watch, silent, now, may_text=may_text))
    done["answers to read"] += _show_late_answers(session, plan, watch, now)
    done["companions joined"] += _plan_joined(session, plan, now)
    done["after visits"] += _follow_up(session, plan, watch, now)
    done["digests"] += _tell_clinic(session, clinic, plan, watch, now)
    _rank(session, clinic, now)
    return +done


def _list_silent(session: Session, clinic: ClinicFacts, plan: Plan, watch: Watch, now: datetime) -> Iterator[_Silent]:
    # No further ahead than anything can be due: each minute all of them are read.
    last = find_last_day(watch, now.astimezone(plan.zone).date())
    found = session.exec(
        select(Appointment, Patient, Contact, Screening)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .join(Contact, col(Patient.contact_id) == col(Contact.id))
        .join(Screening, col(Screening.appointment_id) == col(Appointment.id), isouter=True)
        .where(
            Appointment.starts_at > now,
            Appointment.starts_at < at_wall(last + timedelta(days=1), time.min, plan.zone),
            Appointment.status != AppointmentStatus.CANCELLED,
            col(Screening.state).is_(None) | col(Screening.state).in_((ScreeningState.OPEN, ScreeningState.ASKING)),
        )
        .order_by(col(Appointment.starts_at), col(Appointment.id))
    ).all()
    ids = [appointment.id for appointment, *_ in found]
    asked = _find_moments(session, ids, func.max(_TEXTS.sending_since), GONE_OUT, is_asking=True)
    planned = _find_moments(session, ids, func.min(_TEXTS.due_at), (TextState.PLANNED,), is_asking=False)
    for appointment, patient, contact, screening in found:
        if is_screened(clinic.exams, appointment):
            at = appointment.id or 0
            yield _Silent(appointment, patient, contact, screening, asked.get(at), planned.get(at))


def find_last_day(watch: Watch, today: date) -> date:
    """The last day whose exams are near enough for something to be due about silence."""
    days, last = max(watch.reminder_days, watch.phone_days), today
    while watch.calendar.go_back(last + timedelta(days=1), days) <= today:
        last += timedelta(days=1)
    return last


def _find_moments(
    session: Session,
    ids: list[int | None],
    moment: ColumnElement[datetime],
    states: tuple[TextState, ...],
    *,
    is_asking: bool,
) -> dict[int, datetime]:
    """For each appointment a moment of its texts that ask, or will ask, about safety."""
    query = select(OutgoingText.appointment_id, moment).where(col(OutgoingText.state).in_(states))
    if is_asking:
        asks = col(OutgoingText.asks)
        query = query.where((asks == "safety") | asks.startswith("screening:") | asks.startswith("detail:"))
    else:
        query = query.where(col(OutgoingText.step).contains("safety"))
    query = query.group_by(col(OutgoingText.appointment_id))
    # Some at once: a statement takes only so many values.
    return {
        at: when
        for start in range(0, len(ids), _SOME)
        for at, when in session.exec(query.where(col(OutgoingText.appointment_id).in_(ids[start : start + _SOME])))
        if at is not None and when
    }


def _act(
    session: Session, plan: Plan, watch: Watch, silent: _Silent, now: datetime, *, may_text: bool
) -> Iterator[str]:
    appointment, patient = silent.appointment, silent.patient
    today, day = now.astimezone(plan.zone).date(), appointment.starts_at.astimezone(plan.zone).date()
    is_last = today >= watch.calendar.go_back(day, watch.phone_days)
    if today < watch.calendar.go_back(day, watch.reminder_days) and not is_last:
        return
    if _is_waiting(silent, plan, today, now, is_last=is_last):
        return
    screening = find_or_add_screening(session, appointment, now)
    if screening.revision != appointment.revision:
        screening.revision = appointment.revision
        screening.reminded_at = screening.companion_at = screening.phone_at = None
    session.add(screening)
    can_text = not find_unreached(silent.contact)
    companion_id = find_companion_id(patient)
    companion = session.get(Contact, companion_id) if companion_id else None
    can_companion = companion is not None and not find_unreached(companion)
    if may_text and can_text and silent.asked_at is not None and screening.reminded_at is None:
        _add_text(session, plan, appointment, silent.contact, f"again:{screening.question}", now)
        screening.reminded_at = now
        yield "reminders"
    is_turn = is_last or not can_text or patient.companion_first or _was_before(screening.reminded_at, plan, today)
    if may_text and companion and can_companion and is_turn and screening.companion_at is None:
        _add_text(session, plan, appointment, companion, f"again:{screening.question}", now, for_companion=True)
        screening.companion_at = now
        yield "companions"
    if screening.phone_at is None and (is_last or not (can_text or can_companion)):
        _ask_to_phone(session, plan, silent, now)
        screening.phone_at = now
        yield "tasks"


def _is_waiting(silent: _Silent, plan: Plan, today: date, now: datetime, *, is_last: bool) -> bool:
    """Whether an answer may still come by itself: the question went out today, or goes out soon."""
    near = silent.appointment.starts_at - now < _NEAR
    if silent.asked_at is None:
        waits = silent.planned_at is not None and not find_unreached(silent.contact)
        return waits and not (is_last and near)
    last = max(filter(None, (silent.asked_at, silent.screening.asked_at if silent.screening else None)))
    if is_last:
        return now - last < _GRACE and not near
    return last.astimezone(plan.zone).date() >= today


def _was_before(moment: datetime | None, plan: Plan, today: date) -> bool:
    return moment is not None and moment.astimezone(plan.zone).date() < today


def _ask_to_phone(session: Session, plan: Plan, silent: _Silent, now: datetime) -> None:
    day = Day(silent.appointment.starts_at.astimezone(plan.zone).date())
    what = Sentence("Phone this patient: no answer to the safety questions, and the exam is on %(day)s", day=day)
    if why := find_unreached(silent.contact):
        what = Sentence("%(what)s; this number %(why)s", what=what, why=why)
    add_task(
        session,
        TaskKind.SCREENING,
        what,
        now,
        contact_id=silent.contact.id,
        appointment_id=silent.appointment.id,
        urgent=True,
    )


def _show_late_answers(session: Session, plan: Plan, watch: Watch, now: datetime) -> int:
    """Answers that came after the list for their day was ready, and that nobody has read, become a task."""
    horizon = timedelta(days=_MOST_DAYS_EACH + _MOST_DAYS)
    known = select(Task.id).where(
        col(Task.appointment_id) == col(Appointment.id),
        col(Task.what) == str(_LATE),
        col(Task.kind) == TaskKind.SCREENING,
    )
    found = session.exec(
        select(Appointment, Patient, Screening)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .join(Screening, col(Screening.appointment_id) == col(Appointment.id))
        .where(
            Appointment.starts_at > now,
            Appointment.starts_at < now + horizon,
            Appointment.status != AppointmentStatus.CANCELLED,
            Screening.state == ScreeningState.ANSWERED,
            col(Screening.seen_at).is_(None),
            ~known.exists(),
        )
    ).all()
    late = 0
    for appointment, patient, screening in found:
        day = watch.calendar.go_back(appointment.starts_at.astimezone(plan.zone).date(), 1)
        if screening.answered_at and screening.answered_at >= at_wall(day, watch.digest_at, plan.zone):
            add_task(
                session,
                TaskKind.SCREENING,
                _LATE,
                now,
                contact_id=patient.contact_id,
                appointment_id=appointment.id,
            )
            late += 1
    return late


def _add_text(
    session: Session,
    plan: Plan,
    appointment: Appointment,
    contact: Contact,
    step: str,
    now: datetime,
    *,
    for_companion: bool = False,
    useful_until: datetime | None = None,
    kind: TextKind = TextKind.REMINDER,
) -> bool:
    """Put one text into the outbox, due now; False if this number has had it for this appointment already."""
    known = select(OutgoingText.id).where(
        OutgoingText.appointment_id == appointment.id,
        OutgoingText.contact_id == contact.id,
        OutgoingText.step == step,
        OutgoingText.revision == appointment.revision,
    )
    if session.exec(known).first() is not None:
        return False
    session.add(
        OutgoingText(
            contact_id=contact.id or 0,
            appointment_id=appointment.id,
            for_companion=for_companion,
            kind=kind,
            step=step,
            revision=appointment.revision,
            due_at=now,
            useful_until=useful_until or appointment.starts_at - fit_plan(plan, appointment).arrive_early,
            created_at=now,
        )
    )
    return True


def _plan_joined(session: Session, plan: Plan, now: datetime) -> int:
    """Plan the texts of companions who have agreed by text and have none yet."""
    heard = select(OutgoingText.id).where(
        col(OutgoingText.appointment_id) == col(Appointment.id),
        col(OutgoingText.contact_id) == col(Patient.companion_id),
        col(OutgoingText.for_companion),
    )
    found = session.exec(
        select(Appointment, Patient)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .where(
            Appointment.starts_at > now,
            Appointment.status != AppointmentStatus.CANCELLED,
            col(Patient.companion_agreed),
            col(Patient.companion_id) != col(Patient.contact_id),
            ~heard.exists(),
        )
    ).all()
    for appointment, patient in found:
        plan_companion(session, plan, appointment, patient, now)
    return len(found)


def _follow_up(session: Session, plan: Plan, watch: Watch, now: datetime) -> int:
    """Thank whoever came, and offer a new date to whoever did not, once staff have said so."""
    wanted = {Outcome.CAME: "after"} if watch.after_visit else {}
    wanted |= {Outcome.NO_SHOW: "missed"} if watch.no_show else {}
    if not wanted:
        return 0
    found = session.exec(
        select(Appointment, Contact)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .join(Contact, col(Patient.contact_id) == col(Contact.id))
        .where(
            Appointment.starts_at <= now,
            Appointment.starts_at > now - _AFTER_VISIT,
            Appointment.status != AppointmentStatus.CANCELLED,
            col(Appointment.outcome).in_(wanted),
        )
    ).all()
    return sum(
        _add_text(
            session,
            plan,
            appointment,
            contact,
            wanted[appointment.outcome],
            now,
            useful_until=appointment.starts_at + _AFTER_VISIT,
            kind=TextKind.NOTICE,
        )
        for appointment, contact in found
        if not find_unreached(contact)
    )


def _tell_clinic(session: Session, clinic: ClinicFacts, plan: Plan, watch: Watch, now: datetime) -> int:
    """One text a working day to the clinic's own phone: how many of the next day's patients need a look."""
    today = now.astimezone(plan.zone)
    if not watch.alert_phone or not watch.calendar.is_open(today.date()) or today.time() < watch.digest_at:
        return 0
    contact = find_or_add_contact(session, watch.alert_phone, clinic.default_language, now)
    if contact.consented_at is None:
        contact.consented_at, contact.consent_source = now, "the clinic's own number, in CLINIC_ALERT_PHONE"
        session.add(contact)
    step = f"digest:{today.date()}"
    known = select(OutgoingText.id).where(OutgoingText.contact_id == contact.id, OutgoingText.step == step)
    if session.exec(known).first() is not None:
        return 0
    start, end = find_digest_span(plan, watch, now)
    expected = list_expected(session, clinic.exams, start, end)
    unready = sum(bool(one.troubles) for one in expected)
    last = (end - timedelta(minutes=1)).astimezone(plan.zone)
    session.add(
        OutgoingText(
            contact_id=contact.id or 0,
            kind=TextKind.NOTICE,
            step=step,
            due_at=now,
            useful_until=start + _DAY,
            # For staff, whose pages are in English. It names no patient.
            body=f"{clinic.name}: {unready} of {len(expected)} patients until {last:%a, %b} {last.day} need a look "
            f"before they come. {watch.address}/digest",
            language="en",
            created_at=now,
        )
    )
    return 1


def find_digest_span(plan: Plan, watch: Watch, now: datetime) -> tuple[datetime, datetime]:
    """From tomorrow's first moment until the end of the next working day."""
    today = now.astimezone(plan.zone).date()
    last = watch.calendar.find_next(today)
    return at_wall(today + _DAY, time.min, plan.zone), at_wall(last + _DAY, time.min, plan.zone)


def _say_when_anew(session: Session, clinic: ClinicFacts, now: datetime) -> None:
    """Say in the tasks about answers what to do now, where less time is left than when they were written."""
    found = session.exec(
        select(Task, Appointment)
        .join(Appointment, col(Task.appointment_id) == col(Appointment.id))
        .where(
            Task.state != TaskState.DONE,
            Task.kind == TaskKind.SCREENING,
            Appointment.starts_at > now,
            col(Task.what).startswith(TOLD, autoescape=True),
        )
    )
    for task, appointment in found:
        if task.rank != task.urgency + clinic.screening.find_added(appointment.starts_at - now):
            say_when_anew(task, clinic.screening, appointment.starts_at, now, clinic.zone)
            session.add(task)
    session.flush()


def _rank(session: Session, clinic: ClinicFacts, now: datetime) -> None:
    """Bring the ranks of open tasks up to date, and what they say of the time left: time has passed."""
    session.flush()
    _say_when_anew(session, clinic, now)
    bands = sorted(clinic.screening.soon, reverse=True)
    of_open = (col(Task.state) != TaskState.DONE) & col(Task.appointment_id).is_not(None)
    farthest = max((soon.within for soon in bands), default=timedelta())
    far = select(Appointment.id).where(Appointment.starts_at > now + farthest)
    session.connection().execute(
        update(Task)
        .where(of_open, col(Task.appointment_id).in_(far), col(Task.rank) != col(Task.urgency))
        .values(rank=col(Task.urgency))
    )
    for within, adds, _ in bands:
        near = select(Appointment.id).where(Appointment.starts_at > now, Appointment.starts_at <= now + within)
        session.connection().execute(
            update(Task)
            .where(of_open, col(Task.appointment_id).in_(near), col(Task.rank) < col(Task.urgency) + adds)
            .values(rank=col(Task.urgency) + adds)
        )
