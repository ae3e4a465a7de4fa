"""Service: a text to the clinic's own phone when something urgent waits and nobody looks."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from bot.database import find_or_add_contact
from bot.jobs import take_turn
from bot.models import OutgoingText, Staff, Task, TaskState, TextKind
from bot.schedule import Plan, find_allowed
from messages.facts import ClinicFacts
from messages.languages import SOURCE
from messages.segments import measure, tidy

# What the text is found by again.
STEP = "urgent tasks"
LOOK_EVERY = timedelta(minutes=1)
# Later than this, somebody has come in and seen the page.
_USEFUL = timedelta(hours=4)


def alert_clinic(
    session: Session, clinic: ClinicFacts, plan: Plan, phone: str, after: timedelta, address: str, now: datetime
) -> bool:
    """Text the clinic once about urgent tasks that wait, if nobody has looked at the worklist for ``after``.

    No patient is in it: how many tasks there are, and where. Whoever asks first within a minute does it, for all
    nodes. Nothing goes out in the quiet hours, nor again for tasks that an alert has counted before.

    Args:
        phone: in E.164.
        address: of the worklist.
    """
    if find_allowed(now, plan.zone, plan.quiet) > now or not take_turn(session, "alert", LOOK_EVERY, now):
        return False
    waiting = (col(Task.state).in_((TaskState.OPEN, TaskState.TAKEN)), col(Task.urgent))
    newest, count = session.exec(select(func.max(Task.created_at), func.count()).where(*waiting)).one()
    oldest_new = None
    if newest is not None:
        contact = find_or_add_contact(session, phone, SOURCE, now)
        told_at = session.exec(
            select(func.max(OutgoingText.created_at)).where(
                OutgoingText.contact_id == contact.id, OutgoingText.step == STEP
            )
        ).one()
        untold = (*waiting, col(Task.created_at) > told_at) if told_at else waiting
        oldest_new = session.exec(select(func.min(Task.created_at)).where(*untold)).one()
    seen_at = session.exec(select(func.max(Staff.worklist_seen_at))).one()
    if oldest_new is None or oldest_new > now - after or (seen_at is not None and seen_at > now - after):
        return False
    tasks = "1 urgent task waits" if count == 1 else f"{count} urgent tasks wait"
    minutes = int(after.total_seconds() // 60)
    body = tidy(f"{clinic.name}: {tasks}, and nobody has looked for {minutes} minutes. {address}")
    session.add(
        OutgoingText(
            contact_id=contact.id or 0,
            # Like an answer: it leaves at once, also while reminders are paused, which may be what it is about.
            kind=TextKind.REPLY,
            step=STEP,
            due_at=now,
            useful_until=now + _USEFUL,
            body=body,
            language=SOURCE,
            segments=measure(body).segments,
            created_at=now,
        )
    )
    return True
