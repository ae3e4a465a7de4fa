"""The contacts and patients of a batch of enrolments: found, or added where there are none."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from sqlmodel import Session, col, select

from bot.database import insert_all, keep_stopped, note_event
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
    added = {phone: _NewContact(phone, language, now) for phone, language in wanted.items() if phone not in contacts}
    contacts |= cast("dict[str, Contact]", added)
    keep_stopped(session, [contacts[phone] for phone in added])
    for enrolment in enrolments:
        contact = contacts[enrolment.phone]
        _record_consent(session, contact, enrolment.consent, now, actor)
        companion = enrolment.companion
        if companion and companion.phone and _agrees_to_companion(companion, contact):
            accompanying = contacts[companion.phone]
            if accompanying.consented_at is None and accompanying.refused_at is None:
                accompanying.consented_at, accompanying.consent_source = now, f"{actor}: the patient agreed"
    contacts |= zip(added, insert_all(session, Contact, [vars(contact) for contact in added.values()]), strict=True)
    return contacts


@dataclass
class _NewContact:
    """What a contact will be, until the whole batch is inserted in one statement."""

    id: ClassVar[int | None] = None
    phone: str
    language: str
    created_at: datetime
    consented_at: datetime | None = None
    consent_source: str = ""
    refused_at: datetime | None = None
    opted_out_at: datetime | None = None
    opted_out_source: str = ""


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
    # Those that are new are known by their place among the new, until all are inserted in one statement.
    new: list[dict[str, Any]] = []
    found: list[Patient | int] = []
    new_by_number, new_by_name = dict[str, int](), dict[tuple[int, str], int]()
    for enrolment in enrolments:
        name_key = (contacts[enrolment.phone].id or 0, enrolment.given_name)
        appointment = known.get((enrolment.external_id,))
        owner = by_id[appointment.patient_id] if appointment else None
        patient: Patient | int | None
        if enrolment.record_number:
            patient = by_number.get(enrolment.record_number, new_by_number.get(enrolment.record_number))
            if patient is None and owner and owner.record_number is None:
                patient = owner
        else:
            patient = owner or by_name.get(name_key, new_by_name.get(name_key))
        if patient is None:
            patient = len(new)
            new.append(
                {
                    "record_number": enrolment.record_number,
                    "given_name": enrolment.given_name,
                    "contact_id": name_key[0],
                    **_NO_COMPANION,
                    **describe_companion(enrolment, contacts),
                }
            )
            new_by_name[name_key] = patient
            if enrolment.record_number:
                new_by_number[enrolment.record_number] = patient
        found.append(patient)
    inserted = insert_all(session, Patient, new)
    return [inserted[patient] if isinstance(patient, int) else patient for patient in found]


_NO_COMPANION = {"companion_id": None, "companion_name": "", "companion_agreed": False, "companion_first": False}


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
