"""The screening of one appointment as rows: what was answered, what staff are told of it, what reopens it."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from bot.database import add_event, add_task
from bot.models import (
    Appointment,
    Contact,
    Reply,
    Screening,
    ScreeningAnswer,
    ScreeningState,
    Task,
    TaskKind,
    TaskState,
)
from bot.sentences import NOTHING, Day, Sentence, join, read_sentence, write_template
from messages.exams import Exams
from messages.languages import SOURCE
from messages.reminders import ASKED
from messages.screening import REPORTED, SAFETY, Form, Question

# What the staff wrote down has this for a question's code.
PHONED = "phone"
_WHEN = "The exam is on "
# The tasks that the screening makes and finds again; each ``what`` begins with one of these.
TOLD, UNANSWERED = "Answered yes, not sure or in words", "Phone this patient: no answer to the safety questions"


def find_screening(session: Session, appointment_id: int) -> Screening | None:
    return session.exec(select(Screening).where(Screening.appointment_id == appointment_id)).first()


def find_or_add_screening(session: Session, appointment: Appointment, now: datetime) -> Screening:
    """The screening of an appointment, also when two make it at once; it stays locked until the session ends."""
    known = select(Screening).where(Screening.appointment_id == appointment.id).with_for_update()
    screening = session.exec(known).first()
    if screening is not None:
        return screening
    screening = Screening(appointment_id=appointment.id or 0, revision=appointment.revision, created_at=now)
    try:
        with session.begin_nested():
            session.add(screening)
    except IntegrityError:
        return session.exec(known).one()
    return screening


def list_answers(session: Session, screening: Screening) -> Sequence[ScreeningAnswer]:
    """All that was answered, oldest first."""
    query = select(ScreeningAnswer).where(ScreeningAnswer.screening_id == screening.id)
    return session.exec(query.order_by(col(ScreeningAnswer.id))).all()


def list_questions(form: Form, exams: Exams, appointment: Appointment) -> tuple[Question, ...]:
    """The follow-up questions of an appointment, in order; none where its exam is no longer among the clinic's."""
    exam = exams.by_code.get(appointment.exam)
    return form.find_questions(exam, contrast=appointment.contrast) if exam else ()


def is_screened(exams: Exams, appointment: Appointment) -> bool:
    """Whether this appointment's exam asks anything at all."""
    exam = exams.by_code.get(appointment.exam)
    return exam is None or bool(exam.asks)


def say_english(form: Form, exams: Exams, appointment: Appointment, code: str) -> str:
    """What was asked, in English, for staff."""
    question = form.find(code)
    if question is not None:
        return question.english
    exam = exams.by_code.get(appointment.exam)
    items = ", ".join(ASKED[asked] for asked in exam.asks) if exam else ""
    return f"Does any of this apply to you: {items}?" if code == SAFETY else "Told us without being asked"


def note_answer(
    session: Session,
    screening: Screening,
    code: str,
    asked: str,
    reply: Reply,
    words: str,
    contact: Contact,
    now: datetime,
) -> None:
    """Store one answer as it was given."""
    session.add(
        ScreeningAnswer(
            screening_id=screening.id or 0,
            question=code,
            asked=asked,
            reply=reply,
            words=words,
            language=contact.language,
            contact_id=contact.id,
            at=now,
        )
    )
    # Whoever had read the answers has not read this one.
    screening.seen_by, screening.seen_at = "", None
    session.add(screening)


def finish(
    session: Session, screening: Screening, appointment: Appointment, now: datetime, by: str = "answered by text"
) -> None:
    """All that was asked is answered: nobody needs to phone for an answer any more."""
    screening.state, screening.question, screening.answered_at = ScreeningState.ANSWERED, "", now
    appointment.screened_at = now
    session.add_all([screening, appointment])
    for task in _list_tasks(session, appointment, UNANSWERED):
        task.state, task.done_by, task.done_at = TaskState.DONE, by, now
        session.add(task)


def mark_seen(session: Session, appointment: Appointment, by: str, now: datetime) -> Screening:
    """Note who of the staff has read the answers as they stand now."""
    screening = find_or_add_screening(session, appointment, now)
    screening.seen_by, screening.seen_at = by, now
    session.add(screening)
    add_event(session, by, "read the screening", appointment, now)
    return screening


def take_down(session: Session, appointment: Appointment, words: str, by: str, now: datetime) -> Screening:
    """Write down what was answered on the phone: with it the screening is answered, and read."""
    screening = find_or_add_screening(session, appointment, now)
    session.add(
        ScreeningAnswer(
            screening_id=screening.id or 0,
            question=PHONED,
            asked="Asked on the phone",
            reply=Reply.WORDS,
            words=words,
            language=SOURCE,
            taken_by=by,
            at=now,
        )
    )
    finish(session, screening, appointment, now, by)
    return mark_seen(session, appointment, by, now)


def tell_staff(
    session: Session,
    form: Form,
    zone: ZoneInfo,
    screening: Screening,
    appointment: Appointment,
    contact: Contact,
    now: datetime,
    sharing: Sentence = NOTHING,
) -> None:
    """Bring the one task about this appointment's answers up to date, or make it.

    Args:
        sharing: a sentence on others who use this phone, if any.
    """
    session.flush()
    telling = [
        answer for answer in list_answers(session, screening) if answer.reply != Reply.NO and not answer.taken_by
    ]
    if not telling:
        return
    codes = list(dict.fromkeys(answer.question for answer in telling))
    explained = [code for code in codes if form.find(code)] or codes
    urgency, first = max((form.find_urgency(code), _name(form, code)) for code in explained)
    names = [_name(form, code) for code in codes]
    told = [Sentence("Answered yes, not sure or in words (%(names)s): read the answers and contact them.", names=names)]
    if sharing:
        told.append(Sentence("%(sentence)s.", sentence=sharing))
    if len(codes) > 1:
        told.append(Sentence("First: %(name)s.", name=first))
    what = say_when(join(told), form, appointment.starts_at, now, zone)
    words = " / ".join(dict.fromkeys(answer.words for answer in telling if answer.words))
    added = form.find_added(appointment.starts_at - now)
    known = _list_tasks(session, appointment, TOLD)
    if not known:
        add_task(
            session,
            TaskKind.SCREENING,
            what,
            now,
            contact_id=contact.id,
            appointment_id=appointment.id,
            words=words,
            urgent=True,
            urgency=urgency,
            added=added,
        )
    for task in known:
        task.what, task.template = str(what), write_template(what)
        task.words, task.urgency, task.rank = words, urgency, urgency + added
        session.add(task)


def say_when(told: Sentence, form: Form, starts_at: datetime, now: datetime, zone: ZoneInfo) -> Sentence:
    """What a task tells, with when the exam is and what to do now at its end."""
    day, advice = Day(starts_at.astimezone(zone).date()), form.find_advice(starts_at - now)
    when = Sentence("The exam is on %(day)s.", day=day)
    if advice:
        when = Sentence("The exam is on %(day)s: %(advice)s.", day=day, advice=Sentence(advice))
    return join([told, when])


def say_when_anew(task: Task, form: Form, starts_at: datetime, now: datetime, zone: ZoneInfo) -> None:
    """The same in a task that had said so when more time was left."""
    known = read_sentence(task.what, task.template)
    told = known.values.get("before") if known.values else Sentence(task.what.partition(_WHEN)[0].strip())
    what = say_when(told or known, form, starts_at, now, zone)
    task.what, task.template = str(what), write_template(what)


def reopen(session: Session, appointment: Appointment) -> None:
    """What was answered holds no more: another exam, or a number that had been somebody else's.

    The answers stay, for staff to read; the questions are asked again.
    """
    screening = find_screening(session, appointment.id or 0)
    if screening is not None and (screening.answered_at or screening.state != ScreeningState.OPEN):
        screening.state, screening.question, screening.contact_id = ScreeningState.OPEN, "", None
        screening.answered_at = screening.asked_at = None
        screening.reminded_at = screening.companion_at = screening.phone_at = None
        session.add(screening)
    appointment.screened_at = None
    session.add(appointment)


def _list_tasks(session: Session, appointment: Appointment, beginning: str) -> Sequence[Task]:
    return session.exec(
        select(Task).where(
            Task.kind == TaskKind.SCREENING,
            Task.appointment_id == appointment.id,
            Task.state != TaskState.DONE,
            col(Task.what).startswith(beginning, autoescape=True),
        )
    ).all()


def _name(form: Form, code: str) -> Sentence:
    question = form.find(code)
    if question is not None:
        return Sentence(question.label)
    if code == SAFETY:
        return Sentence("the safety questions")
    return Sentence("a report") if code == REPORTED else Sentence(code)
