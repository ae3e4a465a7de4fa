"""Two questions of ours to one phone: what a bare answer means, in every order of the two."""

from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from bot.database import reading, writing
from bot.inbox import receive
from bot.models import (
    Appointment,
    AppointmentStatus,
    Contact,
    OutgoingText,
    Patient,
    Screening,
    ScreeningAnswer,
    ScreeningState,
    Task,
    TaskKind,
    TextKind,
    TextState,
)
from bot.provider import Inbound
from bot.questions import find_named
from bot.settings import Settings
from tests.clinics import deliver, enrol_one, list_tasks, text_in
from tests.conftest import NOW

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SAFETY, FOLLOW_UP, CONFIRM = "safety", "screening:metal", "confirm"
QUESTIONS = [(name, asks) for name in ("Ana", "Luis") for asks in (SAFETY, FOLLOW_UP, CONFIRM)]
# An appointment has one screening: its first question waits, or one of those that follow.
PAIRS = [(a, b) for a, b in permutations(QUESTIONS, 2) if {a, b} != {(a[0], SAFETY), (a[0], FOLLOW_UP)}]
ORDER = [FOLLOW_UP, SAFETY, CONFIRM]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: the statements are those of the other tests."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


class Family:
    """Ana and Luis, who share a phone."""

    def __init__(self, engine: Engine, settings: Settings, number: int = 0, names: tuple[str, ...] = ("Ana", "Luis")):
        self.engine, self.settings = engine, settings
        self.phone = f"+1202555{number:04}"
        self.appointments = {
            name: enrol_one(
                engine,
                settings,
                phone=self.phone,
                given_name=name,
                starts_at=NOW + timedelta(days=10, hours=at),
                external_id=f"{number}-{at}",
            )
            for at, name in enumerate(names)
        }
        with writing(engine) as session:
            for row in session.exec(select(OutgoingText).where(OutgoingText.state == TextState.PLANNED)):
                row.state = TextState.SKIPPED

    def ask(self, name: str, asks: str, at: datetime, kind: TextKind = TextKind.REMINDER) -> None:
        """One of our questions has reached the phone."""
        appointment = self.appointments[name]
        with writing(self.engine) as session:
            contact = session.exec(select(Contact).where(Contact.phone == self.phone)).one()
            session.add(
                OutgoingText(
                    contact_id=contact.id or 0,
                    appointment_id=appointment,
                    kind=kind,
                    step=f"{asks} at {at.isoformat()}",
                    due_at=at,
                    useful_until=at + timedelta(days=9),
                    state=TextState.DELIVERED,
                    asks=asks,
                    created_at=at,
                    sending_since=at,
                )
            )
            if asks == FOLLOW_UP:
                session.add(
                    Screening(
                        appointment_id=appointment,
                        state=ScreeningState.ASKING,
                        contact_id=contact.id,
                        question="metal",
                        asked_at=at,
                        created_at=at,
                    )
                )

    def write(self, words: str, at: datetime) -> list[str]:
        once = f"SM{self.phone}{at.isoformat()}"
        return text_in(self.engine, self.settings, words, at, phone=self.phone, provider_id=once)

    def look(self) -> dict[tuple[str, str], str]:
        """What has been taken as answered, by whose question it was."""
        ids = {appointment: name for name, appointment in self.appointments.items()}
        found: dict[tuple[str, str], str] = {}
        with reading(self.engine) as session:
            for appointment, status in session.exec(select(Appointment.id, Appointment.status)):
                if appointment in ids and status == AppointmentStatus.CONFIRMED:
                    found[ids[appointment], CONFIRM] = "yes"
            tasks = select(Task.appointment_id).where(Task.kind == TaskKind.NOT_COMING)
            found |= {(ids[at], CONFIRM): "no" for at in session.exec(tasks) if at in ids}
            answers = session.exec(
                select(Screening.appointment_id, ScreeningAnswer)
                .join(ScreeningAnswer, col(ScreeningAnswer.screening_id) == col(Screening.id))
                .where(col(Screening.appointment_id).in_(ids))
            )
            for appointment, answer in answers:
                asks = SAFETY if answer.question == SAFETY else FOLLOW_UP
                found[ids[appointment], asks] = str(answer.reply)
        return found


def find_first(*pair: tuple[str, str]) -> tuple[str, str]:
    return min(pair, key=lambda question: (ORDER.index(question[1]), question[0]))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "-".join(f"{name}:{asks}" for name, asks in pair))
def test_a_bare_answer_with_two_questions_open_is_asked_about_and_never_taken_for_none(
    engine: Engine, settings: Settings, pair: tuple[tuple[str, str], tuple[str, str]]
) -> None:
    older, newer = pair
    asked = {older[1], newer[1]}
    # In every way where it is cheap, in two for each pair; then what can be an answer to one kind of question alone.
    words_alone = ["1", "2", "yes", "no", "ok", "si", "1."] if pair == PAIRS[0] else ["1", "no"]
    signs = ["👍"] if CONFIRM in asked else []
    signs += ["none"] if asked != {CONFIRM} else []
    for number, words in enumerate([*words_alone, *signs]):
        family = Family(engine, settings, number)
        family.ask(*older, at=NOW)
        family.ask(*newer, at=NOW + HOUR)

        said = family.write(words, NOW + HOUR + MINUTE)

        assert family.look() == {}, words
        assert len(said) == 1
        assert "one at a time" in said[0], (words, said)
        assert find_first(older, newer)[0] in said[0]
        # What is asked alone is answered with the next text, and then the other one is asked.
        first = find_first(older, newer)
        family.write("1", NOW + HOUR + 2 * MINUTE)
        assert family.look() == {first: "yes" if first[1] == CONFIRM else "no"}


@pytest.mark.parametrize("asks", [SAFETY, FOLLOW_UP, CONFIRM])
def test_a_question_about_coming_that_was_asked_a_day_later_is_the_one_meant(
    engine: Engine, settings: Settings, asks: str
) -> None:
    for number, (words, answer) in enumerate((("1", "yes"), ("2", "no"), ("yes", "yes"))):
        family = Family(engine, settings, number)
        family.ask("Ana", asks, at=NOW)
        family.ask("Luis", CONFIRM, at=NOW + 25 * HOUR)

        said = family.write(words, NOW + 26 * HOUR)

        assert family.look() == {("Luis", CONFIRM): answer}
        assert "Luis" in said[0]
        assert len(said) == 2
        assert "Ana" in said[1]


@pytest.mark.parametrize("gap", [HOUR, 25 * HOUR, timedelta(days=6)])
def test_a_safety_question_that_came_after_another_open_one_is_never_answered_by_guessing(
    engine: Engine, settings: Settings, gap: timedelta
) -> None:
    family = Family(engine, settings)
    family.ask("Ana", CONFIRM, at=NOW)
    family.ask("Ana", SAFETY, at=NOW + gap)

    family.write("1", NOW + gap + HOUR)

    assert family.look() == {}


def test_two_answers_in_one_breath_are_not_taken_for_two_answers(engine: Engine, settings: Settings) -> None:
    family = Family(engine, settings)
    family.ask("Ana", SAFETY, at=NOW)
    family.ask("Luis", SAFETY, at=NOW)

    family.write("1", NOW + MINUTE)
    family.write("1", NOW + MINUTE + timedelta(seconds=3))
    assert family.look() == {}

    said = family.write("1", NOW + 2 * MINUTE)
    assert family.look() == {("Ana", SAFETY): "no"}
    assert "Luis" in said[1]
    family.write("2", NOW + 3 * MINUTE)
    assert family.look() == {("Ana", SAFETY): "no", ("Luis", SAFETY): "yes or not sure"}


def test_of_two_answers_at_one_moment_one_is_asked_about(engine: Engine, settings: Settings) -> None:
    family = Family(engine, settings)
    family.ask("Ana", SAFETY, at=NOW)
    family.ask("Luis", SAFETY, at=NOW)
    with writing(engine) as session:
        receive(session, settings.clinic_facts, Inbound("SM1", family.phone, "1"), NOW + MINUTE)
        receive(session, settings.clinic_facts, Inbound("SM2", family.phone, "1"), NOW + MINUTE)

    assert len(deliver(engine, settings, NOW + MINUTE)) == 1
    assert family.look() == {}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Luis 1", {("Luis", SAFETY): "no"}),
        ("1 luis", {("Luis", SAFETY): "no"}),
        ("LUIS: 2", {("Luis", SAFETY): "yes or not sure"}),
        ("no, Luis", {("Luis", SAFETY): "no"}),
        # Both are named: for a person to read.
        ("Ana 1, Luis 1", {("Ana", SAFETY): "words"}),
    ],
)
def test_a_short_answer_may_name_whom_it_is_about(
    engine: Engine, settings: Settings, words: str, found: dict[tuple[str, str], str]
) -> None:
    family = Family(engine, settings)
    family.ask("Luis", SAFETY, at=NOW)
    family.ask("Ana", SAFETY, at=NOW + MINUTE)

    family.write(words, NOW + HOUR)

    assert family.look() == found


def test_a_named_answer_with_two_questions_about_that_one_is_asked_about(engine: Engine, settings: Settings) -> None:
    family = Family(engine, settings)
    family.ask("Luis", CONFIRM, at=NOW)
    family.ask("Luis", SAFETY, at=NOW + MINUTE)
    family.ask("Ana", SAFETY, at=NOW + 2 * MINUTE)

    [asked] = family.write("Luis 1", NOW + HOUR)

    assert family.look() == {}
    assert "Luis" in asked
    assert "2 = yes or not sure" in asked


def test_a_report_on_a_shared_phone_asks_staff_to_find_out_whom_it_is_about(engine: Engine, settings: Settings) -> None:
    family = Family(engine, settings)
    family.ask("Ana", SAFETY, at=NOW)
    family.ask("Luis", SAFETY, at=NOW)

    family.write("I have a pacemaker", NOW + HOUR)

    [task] = list_tasks(engine)
    assert "Ana and Luis share this number: ask whom it is about" in task.what


def test_an_answer_from_before_the_exam_was_changed_is_not_taken_for_the_new_one(
    engine: Engine, settings: Settings
) -> None:
    family = Family(engine, settings, names=("Ana",))
    family.ask("Ana", SAFETY, at=NOW)
    with writing(engine) as session:
        session.exec(select(Appointment)).one().revision += 1

    [asked] = family.write("1", NOW + HOUR)
    assert "2 = yes or not sure" in asked
    assert family.look() == {}
    family.write("1", NOW + 2 * HOUR)
    assert family.look() == {("Ana", SAFETY): "no"}


def test_none_after_the_companion_said_yes_is_left_to_a_person(engine: Engine, settings: Settings) -> None:
    family = Family(engine, settings, names=("Ana",))
    family.ask("Ana", SAFETY, at=NOW)
    with writing(engine) as session:
        patient = session.exec(select(Patient)).one()
        companion = Contact(phone="+12025559999", language="en", created_at=NOW)
        session.add(companion)
        session.flush()
        patient.companion_id, patient.companion_agreed = companion.id, True
        session.add(
            Screening(
                appointment_id=family.appointments["Ana"],
                state=ScreeningState.ASKING,
                contact_id=companion.id,
                question="device",
                created_at=NOW,
            )
        )
        session.add(patient)

    family.write("1", NOW + HOUR)

    assert family.look() == {("Ana", SAFETY): "no"}
    with reading(engine) as session:
        assert session.exec(select(Screening.state)).one() == ScreeningState.ASKING


@pytest.mark.parametrize(
    ("words", "named"),
    [("Ana 1", "Ana"), ("ana, yes", "Ana"), ("Ana", None), ("1", None), ("Ana and Luis 1", None), ("Anna 1", None)],
)
def test_a_name_is_found_where_it_is_one_word_beside_a_short_answer(words: str, named: str | None) -> None:
    coming = [
        (Appointment(id=at, patient_id=at, clinic_id=1, exam="emg", starts_at=NOW, language="en", created_at=NOW), one)
        for at, one in enumerate(
            [Patient(id=1, given_name="Ana", contact_id=1), Patient(id=2, given_name="Luis", contact_id=1)]
        )
    ]
    found = find_named(words, coming)
    assert (found[0].given_name if found else None) == named


def test_an_invitation_beside_a_safety_question_waits_until_that_is_answered(
    engine: Engine, settings: Settings
) -> None:
    family = Family(engine, settings, names=("Ana",))
    bo = enrol_one(engine, settings, phone="+12025557777", given_name="Bo", external_id="bo")
    deliver(engine, settings, NOW)
    family.ask("Ana", SAFETY, at=NOW)
    text_in(engine, settings, "my friend 202 555 0000 comes with me", NOW + HOUR, phone="+12025557777")

    [asked] = family.write("1", NOW + HOUR + MINUTE)
    assert "one at a time" in asked
    assert family.look() == {}
    noted, invitation = family.write("1", NOW + HOUR + 2 * MINUTE)
    assert "none of these" in noted
    assert "Bo tells us" in invitation
    [joined] = family.write("1", NOW + HOUR + 3 * MINUTE)
    assert "We will text you about the appointment" in joined
    with reading(engine) as session:
        patient = session.get_one(Patient, session.get_one(Appointment, bo).patient_id)
        assert patient.companion_agreed


@pytest.mark.parametrize(("words", "confirmed"), [(" luis! ", ["Luis"]), ("Luisa", []), ("Ana and Luis", [])])
def test_asked_which_of_two_a_name_alone_says_it_and_no_other_word_does(
    engine: Engine, settings: Settings, words: str, confirmed: list[str]
) -> None:
    family = Family(engine, settings)
    [which] = family.write("we will come", NOW + HOUR)
    assert "Ana" in which
    assert "Luis" in which

    family.write(words, NOW + HOUR + MINUTE)

    with reading(engine) as session:
        rows = session.exec(
            select(Patient.given_name)
            .join(Appointment, col(Appointment.patient_id) == col(Patient.id))
            .where(Appointment.status == AppointmentStatus.CONFIRMED)
        )
        assert list(rows) == confirmed
