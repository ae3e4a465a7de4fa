"""One text being answered: who wrote, what is known of them, and how we answer."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import insert
from sqlmodel import Session, col, func, select

from bot.database import add_task, is_shared, make_visit, run_built
from bot.models import (
    METADATA,
    Appointment,
    Contact,
    IncomingText,
    OutgoingText,
    Patient,
    TaskKind,
    TextKind,
    TextState,
)
from bot.provider import Inbound
from bot.sentences import NOTHING, Sentence
from messages.compose import compose_reply
from messages.facts import ClinicFacts, Visit
from messages.fitting import Text
from messages.understand import Understanding

ANSWERS_WITHIN = timedelta(hours=1)
# MORE goes on with a question asked this long ago at most.
_MORE_WITHIN = timedelta(days=1)
# An answer is of use this long. A patient who asked yesterday has phoned by now.
_REPLY_USEFUL = timedelta(hours=12)
# The same answer goes to one number this often in an hour. After that it does not help, or nobody reads it.
_MOST_ALIKE = 3
# A statement built once, without an object for each row: that would take several times as long.
_SAY = insert(METADATA.tables["outgoing_text"]).values(
    for_companion=False,
    kind=TextKind.REPLY,
    state=TextState.PLANNED,
    reason="",
    attempts=0,
    retries=0,
    lookups=0,
    suspect=False,
    resent_in_doubt=False,
    provider_status="",
)


@dataclass
class Turn:
    """One text being answered: who wrote, what is known of them, and what we asked before."""

    session: Session
    clinic: ClinicFacts
    now: datetime
    contact: Contact
    inbound: Inbound
    coming: list[tuple[Appointment, Patient]]
    # The question of ours that is answered, if it is one.
    asked: OutgoingText | None
    understanding: Understanding
    # Somebody of the staff is talking with them: what the bot says would get in between.
    is_held: bool = False
    has_task: bool = False
    has_asked: bool = False
    # All that are coming, where ``coming`` has been narrowed to the patient meant.
    everybody: list[tuple[Appointment, Patient]] = field(default_factory=list)
    # All the questions of ours that they have got, the last first.
    questions: list[OutgoingText] = field(default_factory=list)
    # What went to the contact as an answer within the hour, and how often each.
    answers: Counter[str] = field(default_factory=Counter)

    def find_visit(self) -> tuple[Appointment, Patient] | None:
        """The appointment meant: that of our question, or else the next one."""
        for appointment, patient in self.coming:
            if self.asked and self.asked.appointment_id == appointment.id:
                return appointment, patient
        return self.coming[0] if self.coming else None

    def make_visit(self) -> Visit | None:
        found = self.find_visit()
        if found is None:
            return None
        appointment, patient = found
        return self.describe(appointment, patient, name_needed=is_shared(self.session, self.contact.id or 0))

    def describe(self, appointment: Appointment, patient: Patient, *, name_needed: bool) -> Visit:
        return make_visit(appointment, patient, self.clinic.exams, name_needed=name_needed)

    def is_companion(self) -> bool:
        """Whether the patient meant is one whom the writer accompanies."""
        found = self.find_visit()
        return found is not None and found[1].contact_id != self.contact.id

    def say_sharing(self) -> Sentence:
        """For staff, where several patients share the phone: that it must be asked whom words are about; or nothing."""
        *others, last = dict.fromkeys(patient.given_name for _, patient in self.everybody) or ("",)
        if not others:
            return NOTHING
        return Sentence("%(names)s and %(last)s share this number: ask whom it is about", names=others, last=last)

    def find_last(self) -> IncomingText | None:
        """The contact's last question, about a topic or the languages, that MORE can be meant for."""
        return self.session.exec(
            select(IncomingText)
            .where(
                IncomingText.contact_id == self.contact.id,
                IncomingText.received_at >= self.now - _MORE_WITHIN,
                (col(IncomingText.intent) == "question")
                | ((col(IncomingText.intent) == "language") & col(IncomingText.detail).is_(None)),
            )
            .order_by(col(IncomingText.id).desc())
        ).first()

    def count_pages(self, asked: IncomingText) -> int:
        """How many times MORE has come since the question, this one included."""
        return self.session.exec(
            select(func.count()).where(
                col(IncomingText.contact_id) == self.contact.id,
                col(IncomingText.intent) == "more",
                col(IncomingText.id) > (asked.id or 0),
            )
        ).one()

    def asks(self) -> str:
        """The question of ours that waits for an answer, empty if there is none."""
        return (self.asked.asks or "") if self.asked else ""

    def add_task(self, kind: TaskKind, what: str, *, urgent: bool = False, urgency: int | None = None) -> None:
        self.has_task = True
        found = self.find_visit()
        left = found[0].starts_at - self.now if found else None
        add_task(
            self.session,
            kind,
            what,
            self.now,
            contact_id=self.contact.id,
            appointment_id=found[0].id if found else None,
            words=self.inbound.body,
            urgent=urgent,
            urgency=urgency,
            added=self.clinic.screening.find_added(left) if left else 0,
        )

    def reply(self, name: str, choices: list[str] | None = None, asks: str | None = None) -> None:
        text = compose_reply(name, self.contact.language, self.clinic, self.make_visit(), choices or [])
        self.say(text, name, asks)

    def say(self, text: Text, step: str, asks: str | None = None) -> None:
        if self.is_held:
            return
        if self.answers[text.body] >= _MOST_ALIKE:
            what = Sentence("Got the same answer again and again, and gets it no more: contact them")
            add_task(self.session, TaskKind.QUESTION, what, self.now, contact_id=self.contact.id)
            return
        self.has_asked |= asks is not None
        self.answers[text.body] += 1
        found = self.find_visit()
        run_built(
            self.session,
            _SAY,
            contact_id=self.contact.id,
            # The question belongs to an appointment; a reply without one to nobody's plan.
            appointment_id=found[0].id if asks and found else None,
            step=None if asks and found else step,
            revision=found[0].revision if asks and found else 1,
            due_at=self.now,
            useful_until=self.now + _REPLY_USEFUL,
            body=text.body,
            language=text.language,
            segments=text.measure.segments,
            asks=asks,
            created_at=self.now,
        )
