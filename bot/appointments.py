"""Service: enrol, reschedule, cancel. What changes plans texts anew; nothing is sent from here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from bot.database import (
    add_event,
    add_events,
    add_task,
    find_companion_id,
    find_or_add_contact,
    get_clinic,
    insert_all,
    skip_planned,
)
from bot.models import Appointment, AppointmentStatus, Contact, OutgoingText, Patient, TaskKind, TextState
from bot.people import Enrolment, Key, describe_companion, find_or_add_contacts, find_or_add_patients
from bot.planning import (
    fit_plan,
    insert_texts,
    make_texts,
    plan_cancellation,
    plan_companion,
    plan_companion_anew,
    plan_patient,
)
from bot.schedule import Plan, plan_texts
from bot.screenings import reopen
from bot.sentences import Sentence, SentenceError

# Any constant will do, as long as every process of this program uses the same.
_ENROLMENT_LOCK = 7_237_416_006


class AppointmentError(SentenceError):
    """The change cannot be made; the message says why and what would be right."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What became of an enrolment: ``enrolled``, ``updated``, ``unchanged``, ``cancelled``, or ``past``."""

    outcome: str
    appointment_id: int | None = None


def enrol(session: Session, plan: Plan, enrolments: Sequence[Enrolment], now: datetime, actor: str) -> list[Enrolled]:
    """Enrol or update a batch; one result for each, in order. The same batch again changes nothing.

    An appointment is recognised by its external id or, without one, by patient, exam and start. One
    that is new and lies in the past is not enrolled: its outcome is ``past``.
    """
    if session.connection().dialect.name == "postgresql":
        # SQLite has one writer anyway. Here, two imports of one file must not both find it new.
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ENROLMENT_LOCK})
    clinic_id = get_clinic(session).id or 0
    known = _find_by_external_id(session, enrolments)
    # First of all, so that a row which enrols nobody leaves no trace of the person in it.
    futile = _find_futile(session, enrolments, known, now)
    wanted = [enrolment for place, enrolment in enumerate(enrolments) if place not in futile]
    contacts = find_or_add_contacts(session, wanted, now, actor)
    patients = iter(find_or_add_patients(session, wanted, contacts, known))
    people = [None if place in futile else next(patients) for place in range(len(enrolments))]
    known |= _find_by_patient(session, enrolments, people)
    results: list[Enrolled] = []
    new: dict[Key, tuple[int, dict[str, Any], Patient]] = {}
    owners: set[int | None] = set()
    added: list[tuple[int, Appointment, Patient]] = []

    def insert_new() -> None:
        inserted = insert_all(session, Appointment, [values for _, values, _ in new.values()])
        for (key, (at, _, whose)), appointment in zip(new.items(), inserted, strict=True):
            known[key] = appointment
            added.append((at, appointment, whose))
        new.clear()
        owners.clear()

    for place, (enrolment, patient) in enumerate(zip(enrolments, people, strict=True)):
        if patient is None:
            results.append(futile[place])
            continue
        key = _find_key(enrolment, patient)
        if key in new or patient.id in owners:
            # What is done to this one, or to the person, is done to rows that are there.
            insert_new()
        if (appointment := known.get(key)) is None:
            # Their other appointments too: a new number or companion counts from now on.
            _update_person(session, plan, patient, contacts, enrolment, now)
            new[key] = place, _describe(enrolment, patient, clinic_id, plan.rules, now), patient
            owners.add(patient.id)
            results.append(Enrolled("enrolled"))
        else:
            outcome = _update(session, plan, appointment, patient, contacts, enrolment, now, actor)
            results.append(Enrolled(outcome, appointment.id))
    insert_new()
    session.flush()
    texts: list[dict[str, Any]] = []
    for place, appointment, patient in added:
        results[place] = Enrolled("enrolled", appointment.id)
        planned = plan_texts(fit_plan(plan, appointment), appointment.starts_at, now)
        texts += make_texts(session, appointment, patient.contact_id, planned, now)
    insert_texts(session, texts)
    add_events(session, actor, "enrolled", [appointment.id or 0 for _, appointment, _ in added], now)
    for _, appointment, patient in added:
        if find_companion_id(patient) is not None:
            # Anew: a later row of the batch may have named the companion.
            plan_companion_anew(session, plan, appointment, patient, now)
    return results


def find_past(session: Session, enrolments: Sequence[Enrolment], now: datetime) -> set[int]:
    """The places of those enrolments whose outcome would be ``past``."""
    if not any(enrolment.starts_at <= now for enrolment in enrolments):
        return set()
    futile = _find_futile(session, enrolments, _find_by_external_id(session, enrolments), now)
    return {place for place, enrolled in futile.items() if enrolled.outcome == "past"}


def reschedule(
    session: Session, plan: Plan, appointment_id: int, starts_at: datetime, now: datetime, actor: str
) -> Appointment:
    """Move an appointment: unsent texts are void, new ones planned, and one correction says it if need be.

    Raises:
        AppointmentError: there is no such appointment, or it is cancelled, or the time is past.
    """
    appointment, patient = _get(session, appointment_id)
    if appointment.status == AppointmentStatus.CANCELLED:
        raise AppointmentError("appointment %(id)s is cancelled; enrol it again instead", id=appointment_id)
    if starts_at <= now:
        raise AppointmentError("the new time is in the past; give a time that is still to come")
    if starts_at != appointment.starts_at:
        _move(session, plan, appointment, patient, starts_at, now, actor)
    return appointment


def cancel(
    session: Session, plan: Plan, appointment_id: int, now: datetime, actor: str, *, by_feed: bool = False
) -> Appointment:
    """Cancel an appointment: unsent texts are void, and the patient is told once.

    Args:
        by_feed: the clinic's own system said so, and may say otherwise at the next import. What staff
            cancel here stays cancelled, even while that system goes on listing it at the old time.

    Raises:
        AppointmentError: there is no such appointment.
    """
    appointment, patient = _get(session, appointment_id)
    if appointment.status == AppointmentStatus.CANCELLED:
        return appointment
    skip_planned(session, appointment_id, "cancelled")
    appointment.status, appointment.cancelled_here = AppointmentStatus.CANCELLED, not by_feed
    appointment.revision += 1
    session.add(appointment)
    add_event(session, actor, "cancelled", appointment, now)
    if appointment.starts_at > now:
        plan_cancellation(session, plan, appointment, patient, now)
    return appointment


def change_number(
    session: Session, plan: Plan, appointment_id: int, phone: str, now: datetime, actor: str, *, agreed: bool
) -> Appointment:
    """Give the appointment's patient another number; all their unsent texts go there, starting over.

    The same number again means that it is right after all: texts go there once more.

    Args:
        phone: in E.164.
        agreed: the patient agrees to texts at this number.

    Raises:
        AppointmentError: there is no such appointment.
    """
    appointment, patient = _get(session, appointment_id)
    old = session.get_one(Contact, patient.contact_id)
    contact = find_or_add_contact(session, phone, old.language, now)
    contact.unreachable_since, contact.unreachable_reason = None, ""
    if agreed and contact.consented_at is None:
        contact.consented_at, contact.consent_source, contact.refused_at = now, actor, None
    elif not agreed and contact.consented_at is None:
        contact.refused_at, contact.consent_source = contact.refused_at or now, contact.consent_source or actor
    session.add(contact)
    session.flush()
    # Which number it was and is stays out of the record of events, which others may read.
    add_event(session, actor, "changed number" if contact.id != old.id else "kept number", appointment, now)
    if contact.id != old.id:
        patient.contact_id = contact.id or 0
        session.add(patient)
        _leave_number(session, plan, patient, old.id or 0, appointment, now)
        if appointment.status != AppointmentStatus.CANCELLED and appointment.starts_at > now:
            _start_over(session, plan, appointment, patient, appointment.starts_at, now)
        session.add(appointment)
    return appointment


def find_companion(session: Session, patient: Patient) -> Contact | None:
    """Who gets texts of their own beside the patient; None where there is nobody, or the patient has not agreed."""
    companion_id = find_companion_id(patient)
    return session.get(Contact, companion_id) if companion_id else None


def _get(session: Session, appointment_id: int) -> tuple[Appointment, Patient]:
    # Not its key: a claim that makes a task about it shall not wait for us while we wait for the claim.
    appointment = session.get(Appointment, appointment_id, with_for_update={"key_share": True})
    patient = session.get(Patient, appointment.patient_id) if appointment else None
    if appointment is None or patient is None:
        raise AppointmentError("there is no appointment %(id)s", id=appointment_id)
    return appointment, patient


def _find_key(enrolment: Enrolment, patient: Patient) -> Key:
    return (enrolment.external_id,) if enrolment.external_id else (patient.id, enrolment.exam, enrolment.starts_at)


def _find_by_external_id(session: Session, enrolments: Sequence[Enrolment]) -> dict[Key, Appointment]:
    wanted = {enrolment.external_id for enrolment in enrolments if enrolment.external_id}
    found = session.exec(select(Appointment).where(col(Appointment.external_id).in_(wanted)))
    return {(appointment.external_id,): appointment for appointment in found}


def _find_futile(
    session: Session, enrolments: Sequence[Enrolment], known: dict[Key, Appointment], now: datetime
) -> dict[int, Enrolled]:
    """What comes of the enrolments that can enrol nobody: new ones that are past or cancelled, moves into the past."""
    suspects = {
        place: enrolment
        for place, enrolment in enumerate(enrolments)
        if enrolment.cancelled or enrolment.starts_at <= now
    }
    there = _find_unnamed(session, [enrolment for enrolment in suspects.values() if not enrolment.external_id])
    futile = {}
    for place, enrolment in suspects.items():
        appointment = known.get((enrolment.external_id,))
        who = enrolment.record_number or enrolment.phone
        is_new = (
            appointment is None if enrolment.external_id else (enrolment.exam, enrolment.starts_at, who) not in there
        )
        if is_new:
            futile[place] = Enrolled("unchanged" if enrolment.cancelled else "past")
        elif appointment and not enrolment.cancelled and appointment.starts_at != enrolment.starts_at:
            futile[place] = Enrolled("past", appointment.id)
    return futile


def _find_unnamed(session: Session, enrolments: Sequence[Enrolment]) -> set[Key]:
    """The appointments there are at these enrolments' times, each by record number and by phone."""
    starts = {enrolment.starts_at for enrolment in enrolments}
    found = session.exec(
        select(Appointment.exam, Appointment.starts_at, Patient.record_number, Contact.phone)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id))
        .join(Contact, col(Patient.contact_id) == col(Contact.id))
        .where(col(Appointment.starts_at).in_(starts))
    )
    return {key for exam, at, number, phone in found for key in ((exam, at, number or None), (exam, at, phone))}


def _find_by_patient(
    session: Session, enrolments: Sequence[Enrolment], patients: Sequence[Patient | None]
) -> dict[Key, Appointment]:
    pairs = zip(enrolments, patients, strict=True)
    wanted = {patient.id for enrolment, patient in pairs if patient and not enrolment.external_id}
    found = session.exec(select(Appointment).where(col(Appointment.patient_id).in_(wanted)))
    return {(appointment.patient_id, appointment.exam, appointment.starts_at): appointment for appointment in found}


def _describe(enrolment: Enrolment, patient: Patient, clinic_id: int, rules: str, now: datetime) -> dict[str, Any]:
    """The row of a new appointment."""
    return {
        "external_id": enrolment.external_id,
        "patient_id": patient.id,
        "clinic_id": clinic_id,
        "exam": enrolment.exam,
        "starts_at": enrolment.starts_at,
        "contrast": enrolment.contrast,
        "sedation": enrolment.sedation,
        "place": enrolment.place,
        "language": enrolment.language,
        "zone_rules": rules or None,
        "created_at": now,
    }


def _update(
    session: Session,
    plan: Plan,
    appointment: Appointment,
    patient: Patient,
    contacts: dict[str, Contact],
    enrolment: Enrolment,
    now: datetime,
    actor: str,
) -> str:
    """Bring a known appointment in line with its row; returns the outcome."""
    if enrolment.cancelled:
        if appointment.status == AppointmentStatus.CANCELLED:
            return "unchanged"
        cancel(session, plan, appointment.id or 0, now, actor, by_feed=True)
        return "cancelled"
    contact = contacts[enrolment.phone]
    new_number = patient.contact_id != contact.id or appointment.patient_id != patient.id
    moved = enrolment.starts_at != appointment.starts_at
    reopened = appointment.status == AppointmentStatus.CANCELLED
    if reopened and appointment.cancelled_here and not moved:
        return "unchanged"
    if (new_number or reopened or moved) and enrolment.starts_at <= now:
        return "past"
    if enrolment.language != appointment.language:
        # Only then: a patient who has changed the language by text keeps it at the next import.
        contact.language = enrolment.language
    values = {
        "exam": enrolment.exam,
        "contrast": enrolment.contrast,
        "sedation": enrolment.sedation,
        "place": enrolment.place,
        "language": enrolment.language,
        "patient_id": patient.id,
    }
    changed = [name for name, value in values.items() if getattr(appointment, name) != value]
    for name in changed:
        setattr(appointment, name, values[name])
    session.add_all([appointment, contact])
    if {"exam", "contrast"} & set(changed):
        reopen(session, appointment)
    changed_person = _change_person(session, plan, patient, contacts, enrolment, now, appointment)
    if new_number or reopened:
        _start_over(session, plan, appointment, patient, enrolment.starts_at, now)
    elif moved:
        _move(session, plan, appointment, patient, enrolment.starts_at, now, actor)
    _plan_companions(session, plan, patient, changed_person, now)
    if not (changed or changed_person or new_number or reopened or moved):
        return "unchanged"
    add_event(session, actor, "updated", appointment, now, ", ".join(sorted({*changed, *changed_person})))
    return "updated"


def _update_person(
    session: Session, plan: Plan, patient: Patient, contacts: dict[str, Contact], enrolment: Enrolment, now: datetime
) -> None:
    """Bring a patient whom we may know already in line with a new appointment's row."""
    changed = _change_person(session, plan, patient, contacts, enrolment, now, None)
    _plan_companions(session, plan, patient, changed, now)


def _change_person(
    session: Session,
    plan: Plan,
    patient: Patient,
    contacts: dict[str, Contact],
    enrolment: Enrolment,
    now: datetime,
    given: Appointment | None,
) -> list[str]:
    """Write what the row says of the patient; returns what changed. ``given``: the row's own appointment."""
    old_contact_id = patient.contact_id
    person = {
        "record_number": enrolment.record_number or patient.record_number,
        "given_name": enrolment.given_name,
        "contact_id": contacts[enrolment.phone].id,
        **describe_companion(enrolment, contacts),
    }
    changed = [name for name, value in person.items() if getattr(patient, name) != value]
    for name in changed:
        setattr(patient, name, person[name])
    session.add(patient)
    if old_contact_id != patient.contact_id:
        _leave_number(session, plan, patient, old_contact_id, given, now)
    return changed


def _plan_companions(session: Session, plan: Plan, patient: Patient, changed: Sequence[str], now: datetime) -> None:
    if {"companion_id", "companion_agreed"} & set(changed):
        for coming in _list_coming(session, patient, now):
            plan_companion_anew(session, plan, coming, patient, now)


def _leave_number(
    session: Session, plan: Plan, patient: Patient, old_contact_id: int, given: Appointment | None, now: datetime
) -> None:
    """Plan the patient's other appointments anew: nothing more may go to the number they have left."""
    waiting = select(OutgoingText.appointment_id).where(
        OutgoingText.contact_id == old_contact_id, OutgoingText.state == TextState.PLANNED
    )
    affected = set(session.exec(waiting))
    for other in _list_coming(session, patient, now):
        if other is not given and other.id in affected:
            _start_over(session, plan, other, patient, other.starts_at, now)
            session.add(other)


def _list_coming(session: Session, patient: Patient, now: datetime) -> Iterator[Appointment]:
    found = session.exec(select(Appointment).where(Appointment.patient_id == patient.id, Appointment.starts_at > now))
    yield from (appointment for appointment in found.all() if appointment.status != AppointmentStatus.CANCELLED)


def _start_over(
    session: Session, plan: Plan, appointment: Appointment, patient: Patient, starts_at: datetime, now: datetime
) -> None:
    """Plan all texts again, for a number or an appointment that has heard nothing valid yet."""
    reopen(session, appointment)
    skip_planned(session, appointment.id or 0, "superseded")
    appointment.status = AppointmentStatus.BOOKED
    if starts_at != appointment.starts_at:
        appointment.starts_at, appointment.zone_rules = starts_at, plan.rules or None
    appointment.revision += 1
    plan_patient(session, plan, appointment, patient, now)
    plan_companion(session, plan, appointment, patient, now, anew=True)


def _move(
    session: Session,
    plan: Plan,
    appointment: Appointment,
    patient: Patient,
    starts_at: datetime,
    now: datetime,
    actor: str,
) -> None:
    old = appointment.starts_at
    skip_planned(session, appointment.id or 0, "superseded")
    appointment.starts_at, appointment.zone_rules = starts_at, plan.rules or None
    appointment.status = AppointmentStatus.BOOKED
    appointment.revision += 1
    session.add(appointment)
    planned = plan_patient(session, plan, appointment, patient, now, moved_from=old)
    plan_companion(session, plan, appointment, patient, now, moved_from=old)
    add_event(session, actor, "rescheduled", appointment, now, f"from {old.isoformat()}")
    heard = [text for text in planned if "moved" in text.steps]
    if heard and old > now and heard[0].due_at >= old - plan.arrive_early:
        add_task(
            session,
            TaskKind.UNREACHED,
            Sentence("Phone now: the appointment was moved, and no text may go out before its old time"),
            now,
            contact_id=patient.contact_id,
            appointment_id=appointment.id,
            urgent=True,
        )
