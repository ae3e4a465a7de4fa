"""Planned texts as rows: what an appointment's patient and companion will get, and when."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert
from sqlmodel import Session, col

from bot.database import add_task, find_companion_id, find_gone_out
from bot.models import Appointment, OutgoingText, Patient, TaskKind, TextKind, TextState
from bot.schedule import Plan, Planned, kind_of, plan_at_once, plan_texts
from bot.sentences import Sentence
from messages.compose import COMPANION_STEPS


def plan_patient(
    session: Session,
    plan: Plan,
    appointment: Appointment,
    patient: Patient,
    now: datetime,
    moved_from: datetime | None = None,
) -> list[Planned]:
    """Write what the patient will get; returns it. ``moved_from``: the old start, where they have heard of it."""
    sent = _find_sent(session, appointment, patient.contact_id) if moved_from else {}
    planned = plan_texts(
        fit_plan(plan, appointment),
        appointment.starts_at,
        now,
        sent=sent,
        notice="moved" if sent else None,
        place=appointment.id or 0,
    )
    insert_texts(session, make_texts(session, appointment, patient.contact_id, planned, now, moved_from))
    return planned


def plan_companion(
    session: Session,
    plan: Plan,
    appointment: Appointment,
    patient: Patient,
    now: datetime,
    moved_from: datetime | None = None,
    *,
    anew: bool = False,
) -> None:
    """Write what the companion will get, if they are to get anything.

    What they have had is not sent again, unless everything is to be said ``anew``.
    """
    companion_id = find_companion_id(patient)
    if companion_id is None:
        return
    sent = {} if anew else _find_sent(session, appointment, companion_id)
    # A companion who stands in for the patient is asked about safety too.
    wanted = {*COMPANION_STEPS, "safety"} if patient.companion_first else COMPANION_STEPS
    steps = tuple(step for step in plan.steps if kind_of(step.name) in wanted)
    planned = plan_texts(
        replace(fit_plan(plan, appointment), steps=steps),
        appointment.starts_at,
        now,
        sent=sent,
        notice="moved" if sent and moved_from else None,
        place=appointment.id or 0,
    )
    rows = make_texts(session, appointment, companion_id, planned, now, moved_from, for_companion=True)
    insert_texts(session, rows)


def plan_companion_anew(
    session: Session, plan: Plan, appointment: Appointment, patient: Patient, now: datetime
) -> None:
    """Plan the companion's texts again, after another companion was named or agreement was taken back."""
    session.flush()
    session.connection().execute(
        delete(OutgoingText).where(
            col(OutgoingText.appointment_id) == appointment.id,
            col(OutgoingText.for_companion),
            col(OutgoingText.attempts) == 0,
            col(OutgoingText.state).in_((TextState.PLANNED, TextState.SKIPPED)),
        )
    )
    plan_companion(session, plan, appointment, patient, now)


def plan_cancellation(session: Session, plan: Plan, appointment: Appointment, patient: Patient, now: datetime) -> None:
    """Write the notice that the appointment is cancelled; a companion gets one only if they have heard of it."""
    fitted = fit_plan(plan, appointment)
    planned = [plan_at_once(fitted, ["cancelled"], now, appointment.starts_at - fitted.arrive_early)]
    rows = make_texts(session, appointment, patient.contact_id, planned, now)
    companion_id = find_companion_id(patient)
    if companion_id is not None and _find_sent(session, appointment, companion_id):
        rows += make_texts(session, appointment, companion_id, planned, now, for_companion=True)
    insert_texts(session, rows)


def fit_plan(plan: Plan, appointment: Appointment) -> Plan:
    """The plan with the time that this exam wants people to be there before it."""
    exam = plan.exams.by_code.get(appointment.exam)
    if exam is None:
        return plan
    return replace(
        plan, arrive_early=plan.exams.find_arrive_early(exam, plan.arrive_early, sedation=appointment.sedation)
    )


def _find_sent(session: Session, appointment: Appointment, contact_id: int) -> dict[str, datetime]:
    """When each step last went out to this number."""
    return {
        step: gone.sent_at or gone.sending_since or gone.due_at
        for gone in find_gone_out(session, appointment.id or 0)
        if gone.step and gone.contact_id == contact_id
        for step in gone.step.split("+")
    }


def make_texts(
    session: Session,
    appointment: Appointment,
    contact_id: int,
    planned: Iterable[Planned],
    now: datetime,
    moved_from: datetime | None = None,
    *,
    for_companion: bool = False,
) -> list[dict[str, Any]]:
    """The rows of planned texts, and a task for one of the patient's that no allowed time is left for."""
    rows = []
    for text_ in planned:
        notice = {"moved", "cancelled"} & set(text_.steps)
        if text_.skipped and not for_companion:
            add_task(
                session,
                TaskKind.UNREACHED,
                Sentence(
                    "Phone this patient: a text could not be planned (%(steps)s: %(why)s)",
                    steps=[Sentence(step) for step in text_.steps],
                    why=Sentence(text_.skipped),
                ),
                now,
                contact_id=contact_id,
                appointment_id=appointment.id,
                urgent=True,
            )
        rows.append(
            {
                "contact_id": contact_id,
                "appointment_id": appointment.id,
                "for_companion": for_companion,
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
                "retries": 0,
                "lookups": 0,
                "suspect": False,
                "resent_in_doubt": False,
                "provider_status": "",
                "created_at": now,
            }
        )
    return rows


def insert_texts(session: Session, texts: list[dict[str, Any]]) -> None:
    """Write many rows at once."""
    if texts:
        session.flush()
        session.connection().execute(insert(OutgoingText), texts)
