"""Service: what staff must do."""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from bot.models import Appointment, Contact, Patient, Task, TaskState

OpenTask = tuple[Task, Contact | None, Appointment | None, Patient | None]


def list_open(session: Session) -> Sequence[OpenTask]:
    """The tasks that nobody has finished, urgent first, then the soonest appointment, then the oldest."""
    return session.exec(
        select(Task, Contact, Appointment, Patient)
        .join(Contact, col(Task.contact_id) == col(Contact.id), isouter=True)
        .join(Appointment, col(Task.appointment_id) == col(Appointment.id), isouter=True)
        .join(Patient, col(Appointment.patient_id) == col(Patient.id), isouter=True)
        .where(Task.state != TaskState.DONE)
        .order_by(
            col(Task.urgent).desc(),
            col(Appointment.starts_at).is_(None),
            col(Appointment.starts_at),
            col(Task.id),
        )
    ).all()


def list_of_appointment(session: Session, appointment_id: int) -> Sequence[Task]:
    """All tasks about one appointment, oldest first."""
    return session.exec(select(Task).where(Task.appointment_id == appointment_id).order_by(col(Task.id))).all()
