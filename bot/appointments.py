"""Service: enrol, reschedule, cancel. What changes plans texts anew; nothing is sent from here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, text
from sqlmodel import Session, col, select

from bot.database import add_event, add_task, find_gone_out, get_clinic, skip_planned
from bot.models import (
    Appointment,
    AppointmentStatus,
    Contact,
    OutgoingText,
    Patient,
    TaskKind,
    TextKind,
    TextState,
)
from bot.schedule import Plan, Planned, plan_at_once, plan_texts

# Any constant will do, as long as every process of this program uses the same.
_ENROLMENT_LOCK = 7_237_416_006

# What an appointment is recognised by: its external id, or patient, exam and start.
_Key = tuple[Any, ...]


class AppointmentError(ValueError):
    """The change cannot be made; the message says why and what would be right."""


@dataclass(frozen=True, slots=True)
class Companion:
    """The person who comes along: a name, and an E.164 phone and language where known."""

    name: str
    phone: str
    language: str


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One appointment as the clinic gives it: codes and numbers already checked, the time aware."""

    phone: str
    given_name: str
    language: str
    exam: str
    starts_at: datetime
    external_id: str | None = None
    record_number: str | None = None
    contrast: bool = False
    sedation: bool = False
    place: str = ""
    companion: Companion | None = None
    consent: bool = True
    cancelled: bool = False


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
    contacts = _find_or_add_contacts(session, enrolments, now, actor)
    known = _find_by_external_id(session, enrolments)
    patients = _find_or_add_patients(session, enrolments, contacts, known)
    known |= _find_by_patient(session, enrolments, patients)
    results: list[Enrolled | None] = []
    added: list[tuple[int, Appointment, Patient]] = []
    for place, (enrolment, patient) in enumerate(zip(enrolments, patients, strict=True)):
        appointment = known.get(_find_key(enrolment, patient))
        if appointment is None:
            if enrolment.cancelled:
                results.append(Enrolled("unchanged"))
                continue
            if enrolment.starts_at <= now:
                results.append(Enrolled("past"))
                continue
            appointment = _make_appointment(enrolment, patient, clinic_id, now)
            session.add(appointment)
            known[_find_key(enrolment, patient)] = appointment
            added.append((place, appointment, patient))
            results.append(None)
        else:
            if appointment.id is None:
                session.flush()
            outcome = _update(session, plan, appointment, patient, contacts, enrolment, now, actor)
            results.append(Enrolled(outcome, appointment.id))
    session.flush()
    texts: list[dict[str, Any]] = []
    for place, appointment, patient in added:
        results[place] = Enrolled("enrolled", appointment.id)
        planned = plan_texts(plan, appointment.starts_at, now)
        texts += _make_texts(session, appointment, patient.contact_id, planned, now)
        add_event(session, actor, "enrolled", appointment, now)
    _insert(session, texts)
    return [result for result in results if result is not None]


def reschedule(
    session: Session, plan: Plan, appointment_id: int, starts_at: datetime, now: datetime, actor: str
) -> Appointment:
    """Move an appointment: unsent texts are void, new ones planned, and one correction says it if need be.

    Raises:
        AppointmentError: there is no such appointment, or it is cancelled, or the time is past.
    """
    appointment, patient = _get(session, appointment_id)
    if appointment.status == AppointmentStatus.CANCELLED:
        raise AppointmentError(f"appointment {appointment_id} is cancelled; enrol it again instead")
    if starts_at <= now:
        raise AppointmentError("the new time is in the past; give a time that is still to come")
    if starts_at != appointment.starts_at:
        _move(session, plan, appointment, patient, starts_at, now, actor)
    return appointment


def cancel(session: Session, plan: Plan, appointment_id: int, now: datetime, actor: str) -> Appointment:
    """Cancel an appointment: unsent texts are void, and the patient is told once.

    Raises:
        AppointmentError: there is no such appointment.
    """
    appointment, patient = _get(session, appointment_id)
    if appointment.status == AppointmentStatus.CANCELLED:
        return appointment
    skip_planned(session, appointment_id, "cancelled")
    appointment.status = AppointmentStatus.CANCELLED
    appointment.revision += 1
    session.add(appointment)
    add_event(session, actor, "cancelled", appointment, now)
    if appointment.starts_at > now:
        planned = plan_at_once(plan, ["cancelled"], now, appointment.starts_at - plan.arrive_early)
        _insert(session, _make_texts(session, appointment, patient.contact_id, [planned], now))
    return appointment


def _get(session: Session, appointment_id: int) -> tuple[Appointment, Patient]:
    appointment = session.get(Appointment, appointment_id, with_for_update=True)
    patient = session.get(Patient, appointment.patient_id) if appointment else None
    if appointment is None or patient is None:
        raise AppointmentError(f"there is no appointment {appointment_id}")
    return appointment, patient


def _find_or_add_contacts(
    session: Session, enrolments: Sequence[Enrolment], now: datetime, actor: str
) -> dict[str, Contact]:
    wanted = {enrolment.phone: enrolment.language for enrolment in reversed(enrolments)}
    for enrolment in enrolments:
        if enrolment.companion and enrolment.companion.phone:
            wanted.setdefault(enrolment.companion.phone, enrolment.companion.language)
    found = session.exec(select(Contact).where(col(Contact.phone).in_(wanted)))
    contacts = {contact.phone: contact for contact in found}
    for phone, language in wanted.items():
        if phone not in contacts:
            contacts[phone] = Contact(phone=phone, language=language, created_at=now)
            session.add(contacts[phone])
    for enrolment in enrolments:
        contact = contacts[enrolment.phone]
        if enrolment.consent and contact.consented_at is None:
            contact.consented_at, contact.consent_source, contact.refused_at = now, actor, None
        elif not enrolment.consent and contact.refused_at is None:
            contact.refused_at, contact.consented_at, contact.consent_source = now, None, actor
    session.flush()
    return contacts


def _find_or_add_patients(
    session: Session, enrolments: Sequence[Enrolment], contacts: dict[str, Contact], known: dict[_Key, Appointment]
) -> list[Patient]:
    """The patient of each enrolment: by record number, by the appointment it names, or by phone and name."""
    numbers = {enrolment.record_number for enrolment in enrolments if enrolment.record_number}
    contact_ids = {contacts[enrolment.phone].id for enrolment in enrolments}
    by_number: dict[str | None, Patient] = {
        patient.record_number: patient
        for patient in session.exec(select(Patient).where(col(Patient.record_number).in_(numbers)))
    }
    by_name = {
        (patient.contact_id, patient.given_name): patient
        for patient in session.exec(select(Patient).where(col(Patient.contact_id).in_(contact_ids)))
    }
    owners = {appointment.patient_id for appointment in known.values()}
    by_id = {patient.id: patient for patient in session.exec(select(Patient).where(col(Patient.id).in_(owners)))}
    patients = []
    for enrolment in enrolments:
        name_key = (contacts[enrolment.phone].id or 0, enrolment.given_name)
        appointment = known.get((enrolment.external_id,))
        owner = by_id[appointment.patient_id] if appointment else None
        if enrolment.record_number:
            patient = by_number.get(enrolment.record_number)
            if patient is None and owner and owner.record_number is None:
                patient = owner
        else:
            patient = owner or by_name.get(name_key)
        if patient is None:
            patient = Patient(
                record_number=enrolment.record_number,
                given_name=enrolment.given_name,
                contact_id=name_key[0],
                companion_id=_find_companion(enrolment, contacts),
                companion_name=enrolment.companion.name if enrolment.companion else "",
            )
            session.add(patient)
            by_name[name_key] = patient
            if enrolment.record_number:
                by_number[enrolment.record_number] = patient
        patients.append(patient)
    session.flush()
    return patients


def _find_companion(enrolment: Enrolment, contacts: dict[str, Contact]) -> int | None:
    companion = enrolment.companion
    return contacts[companion.phone].id if companion and companion.phone else None


def _find_key(enrolment: Enrolment, patient: Patient) -> _Key:
    return (enrolment.external_id,) if enrolment.external_id else (patient.id, enrolment.exam, enrolment.starts_at)


def _find_by_external_id(session: Session, enrolments: Sequence[Enrolment]) -> dict[_Key, Appointment]:
    wanted = {enrolment.external_id for enrolment in enrolments if enrolment.external_id}
    found = session.exec(select(Appointment).where(col(Appointment.external_id).in_(wanted)))
    return {(appointment.external_id,): appointment for appointment in found}


def _find_by_patient(
    session: Session, enrolments: Sequence[Enrolment], patients: Sequence[Patient]
) -> dict[_Key, Appointment]:
    pairs = zip(enrolments, patients, strict=True)
    wanted = {patient.id for enrolment, patient in pairs if not enrolment.external_id}
    found = session.exec(select(Appointment).where(col(Appointment.patient_id).in_(wanted)))
    return {(appointment.patient_id, appointment.exam, appointment.starts_at): appointment for appointment in found}


def _make_appointment(enrolment: Enrolment, patient: Patient, clinic_id: int, now: datetime) -> Appointment:
    return Appointment(
        external_id=enrolment.external_id,
        patient_id=patient.id or 0,
        clinic_id=clinic_id,
        exam=enrolment.exam,
        starts_at=enrolment.starts_at,
        contrast=enrolment.contrast,
        sedation=enrolment.sedation,
        place=enrolment.place,
        language=enrolment.language,
        created_at=now,
    )


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
        cancel(session, plan, appointment.id or 0, now, actor)
        return "cancelled"
    contact = contacts[enrolment.phone]
    new_number = patient.contact_id != contact.id or appointment.patient_id != patient.id
    reopened = appointment.status == AppointmentStatus.CANCELLED
    moved = enrolment.starts_at != appointment.starts_at
    if (new_number or reopened or moved) and enrolment.starts_at <= now:
        return "past"
    if enrolment.language != appointment.language:
        # Only then: a patient who has changed the language by text keeps it at the next import.
        contact.language = enrolment.language
    old_contact_id = patient.contact_id
    companion_id = _find_companion(enrolment, contacts)
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
    person = {
        "record_number": enrolment.record_number or patient.record_number,
        "given_name": enrolment.given_name,
        "contact_id": contact.id,
        "companion_id": companion_id,
        "companion_name": enrolment.companion.name if enrolment.companion else "",
    }
    changed_person = [name for name, value in person.items() if getattr(patient, name) != value]
    for name in changed_person:
        setattr(patient, name, person[name])
    session.add_all([appointment, patient, contact])
    if old_contact_id != contact.id:
        _leave_number(session, plan, patient, old_contact_id, appointment, now)
    if new_number or reopened:
        _start_over(session, plan, appointment, patient, enrolment.starts_at, now)
    elif moved:
        _move(session, plan, appointment, patient, enrolment.starts_at, now, actor)
    if not (changed or changed_person or new_number or reopened or moved):
        return "unchanged"
    add_event(session, actor, "updated", appointment, now, ", ".join(sorted({*changed, *changed_person})))
    return "updated"


def _leave_number(
    session: Session, plan: Plan, patient: Patient, old_contact_id: int, given: Appointment, now: datetime
) -> None:
    """Plan the patient's other appointments anew: nothing more may go to the number they have left."""
    others = session.exec(
        select(Appointment)
        .join(OutgoingText)
        .where(
            Appointment.patient_id == patient.id,
            Appointment.id != given.id,
            OutgoingText.contact_id == old_contact_id,
            OutgoingText.state == TextState.PLANNED,
        )
        .distinct()
    ).all()
    for other in others:
        if other.status != AppointmentStatus.CANCELLED and other.starts_at > now:
            _start_over(session, plan, other, patient, other.starts_at, now)
            session.add(other)


def _start_over(
    session: Session, plan: Plan, appointment: Appointment, patient: Patient, starts_at: datetime, now: datetime
) -> None:
    """Plan all texts again, for a number or an appointment that has heard nothing valid yet."""
    skip_planned(session, appointment.id or 0, "superseded")
    appointment.status = AppointmentStatus.BOOKED
    appointment.starts_at = starts_at
    appointment.revision += 1
    _insert(session, _make_texts(session, appointment, patient.contact_id, plan_texts(plan, starts_at, now), now))


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
    gone_out = find_gone_out(session, appointment.id or 0)
    sent = {
        step: gone.sent_at or gone.sending_since or gone.due_at
        for gone in gone_out
        if gone.step and gone.contact_id == patient.contact_id
        for step in gone.step.split("+")
    }
    appointment.starts_at = starts_at
    appointment.status = AppointmentStatus.BOOKED
    appointment.revision += 1
    session.add(appointment)
    planned = plan_texts(plan, starts_at, now, sent=sent, notice="moved" if sent else None)
    texts = _make_texts(session, appointment, patient.contact_id, planned, now, moved_from=old)
    _insert(session, texts)
    add_event(session, actor, "rescheduled", appointment, now, f"from {old.isoformat()}")
    heard = [text for text in planned if "moved" in text.steps]
    if heard and old > now and heard[0].due_at >= old - plan.arrive_early:
        add_task(
            session,
            TaskKind.UNREACHED,
            "Phone now: the appointment was moved, and no text may go out before its old time",
            now,
            contact_id=patient.contact_id,
            appointment_id=appointment.id,
            urgent=True,
        )


def _make_texts(
    session: Session,
    appointment: Appointment,
    contact_id: int,
    planned: Iterable[Planned],
    now: datetime,
    moved_from: datetime | None = None,
) -> list[dict[str, Any]]:
    """The rows of planned texts, and a task for one that no allowed time is left for."""
    rows = []
    for text_ in planned:
        notice = {"moved", "cancelled"} & set(text_.steps)
        if text_.skipped:
            add_task(
                session,
                TaskKind.UNREACHED,
                f"Phone this patient: a text could not be planned ({', '.join(text_.steps)}: {text_.skipped})",
                now,
                contact_id=contact_id,
                appointment_id=appointment.id,
                urgent=True,
            )
        rows.append(
            {
                "contact_id": contact_id,
                "appointment_id": appointment.id,
                "kind": TextKind.NOTICE if notice else TextKind.REMINDER,
                "step": "+".join(text_.steps),
                "revision": appointment.revision,
                "moved_from": moved_from if "moved" in text_.steps else None,
                "due_at": text_.due_at,
                "useful_until": text_.useful_until,
                "state": TextState.SKIPPED if text_.skipped else TextState.PLANNED,
                "reason": text_.skipped or "",
                "body": "",
                "language": "",
                "segments": 0,
                "attempts": 0,
                "provider_status": "",
                "created_at": now,
            }
        )
    return rows


def _insert(session: Session, texts: list[dict[str, Any]]) -> None:
    if texts:
        session.flush()
        session.connection().execute(insert(OutgoingText), texts)
