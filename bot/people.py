"""The contacts and patients of a batch of enrolments: found, or added where there are none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select

from bot.database import keep_stopped, note_event
from bot.models import Appointment, Contact, Patient

# What an appointment is recognised by: its external id, or patient, exam and start.
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Companion:
    """The person who comes along: a name, and an E.164 phone and language where known.

    ``first``: the patient cannot type, so this person is asked what patients are asked; None: as it was.
    ``agreed``: whether the patient agrees that this person gets texts about the appointment; None: as
    they agree to their own.
    """

    name: str
    phone: str
    language: str
    agreed: bool | None = None
    first: bool | None = None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One appointment as the clinic gives it: codes and numbers already checked, the time aware.

    ``companion`` None says nothing of one: whom we know already stays. ``consent`` None says nothing of texts: then
    to enrol is to say that the clinic has the patient's consent, unless this number has refused before.
    """

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
    consent: bool | None = None
    cancelled: bool = False


def find_or_add_contacts(
    session: Session, enrolments: Sequence[Enrolment], now: datetime, actor: str
) -> dict[str, Contact]:
    wanted = {enrolment.phone: enrolment.language for enrolment in reversed(enrolments)}
    for enrolment in enrolments:
        if enrolment.companion and enrolment.companion.phone:
            wanted.setdefault(enrolment.companion.phone, enrolment.companion.language)
    found = session.exec(select(Contact).where(col(Contact.phone).in_(wanted)))
    contacts = {contact.phone: contact for contact in found}
    added: list[Contact] = []
    for phone, language in wanted.items():
        if phone not in contacts:
            contacts[phone] = Contact(phone=phone, language=language, created_at=now)
            session.add(contacts[phone])
            added.append(contacts[phone])
    keep_stopped(session, added)
    for enrolment in enrolments:
        contact = contacts[enrolment.phone]
        _record_consent(session, contact, enrolment.consent, now, actor)
        companion = enrolment.companion
        if companion and companion.phone and _agrees_to_companion(companion, contact):
            accompanying = contacts[companion.phone]
            if accompanying.consented_at is None and accompanying.refused_at is None:
                accompanying.consented_at, accompanying.consent_source = now, f"{actor}: the patient agreed"
    session.flush()
    return contacts


def _record_consent(session: Session, contact: Contact, consent: bool | None, now: datetime, actor: str) -> None:
    """Note on the number who said when that it may be texted, or that it may not; what was said before is kept."""
    if consent is False:
        if contact.refused_at is None:
            _keep_consent(session, contact, now, actor)
            contact.refused_at, contact.consented_at, contact.consent_source = now, None, actor
    elif contact.consented_at is None and (consent or contact.refused_at is None):
        _keep_consent(session, contact, now, actor)
        contact.consented_at, contact.refused_at = now, None
        contact.consent_source = actor if consent else f"enrolled by {actor}"


def _keep_consent(session: Session, contact: Contact, now: datetime, actor: str) -> None:
    before = contact.consented_at or contact.refused_at
    if before is not None:
        said = "agreed to texts" if contact.consented_at else "no texts since"
        detail = f"{said} {before.astimezone(UTC):%Y-%m-%d %H:%M} UTC ({contact.consent_source})"
        note_event(session, actor, "changed consent", str(Contact.__tablename__), contact.id or 0, now, detail)


def _agrees_to_companion(companion: Companion, contact: Contact) -> bool:
    """Whether the patient, whose number this is, agrees that the companion gets texts."""
    return contact.refused_at is None if companion.agreed is None else companion.agreed


def find_or_add_patients(
    session: Session, enrolments: Sequence[Enrolment], contacts: dict[str, Contact], known: dict[Key, Appointment]
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
                **describe_companion(enrolment, contacts),
            )
            session.add(patient)
            by_name[name_key] = patient
            if enrolment.record_number:
                by_number[enrolment.record_number] = patient
        patients.append(patient)
    session.flush()
    return patients


def describe_companion(enrolment: Enrolment, contacts: dict[str, Contact]) -> dict[str, Any]:
    """What the patient's row says of the companion; nothing where the enrolment says nothing."""
    companion = enrolment.companion
    if companion is None:
        return {}
    agreed = _agrees_to_companion(companion, contacts[enrolment.phone])
    return {
        "companion_id": contacts[companion.phone].id if companion.phone else None,
        "companion_name": companion.name,
        "companion_agreed": agreed and bool(companion.phone),
        **({} if companion.first is None else {"companion_first": companion.first}),
    }
