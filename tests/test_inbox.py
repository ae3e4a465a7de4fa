"""What a text from a phone leads to: the answer, the stored state, the task for staff."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import func, select

from bot.appointments import cancel
from bot.database import reading, writing
from bot.inbox import receive
from bot.models import Appointment, AppointmentStatus, Contact, IncomingText, TaskKind, TextKind
from bot.provider import Inbound
from bot.settings import Settings
from bot.worklist import HELD, hand_back_conversation, take_conversation
from messages.languages import LANGUAGES
from messages.reply_words import get_reply_words
from messages.topics import TOPICS
from messages.understand import Understanding, understand
from tests.clinics import PHONE, deliver, enrol_one, find_rows, list_tasks, text_in
from tests.conftest import NOW

STRANGER = "+12025550199"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: the statements are those of the other tests."""
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def patient(engine: Engine, settings: Settings) -> int:
    """A patient who has had the welcome text."""
    appointment = enrol_one(engine, settings)
    deliver(engine, settings, NOW)
    return appointment


def get_contact(engine: Engine, phone: str = PHONE) -> Contact:
    with reading(engine) as session:
        return session.exec(select(Contact).where(Contact.phone == phone)).one()


def get_status(engine: Engine, appointment: int) -> str:
    with reading(engine) as session:
        return session.exec(select(Appointment.status).where(Appointment.id == appointment)).one()


def list_kinds(engine: Engine) -> list[str]:
    return [task.kind for task in list_tasks(engine)]


@pytest.mark.parametrize("code", [language.code for language in LANGUAGES])
def test_every_keyword_we_offer_is_answered_in_its_language(engine: Engine, settings: Settings, code: str) -> None:
    enrol_one(engine, settings, language=code)
    deliver(engine, settings, NOW)

    for number, topic in enumerate(TOPICS):
        moment = NOW + timedelta(minutes=number)
        [answer] = text_in(engine, settings, get_reply_words(code).topics[topic.code], moment)
        assert answer

    answered = [row.step for row in find_rows(engine, kind=TextKind.REPLY)]
    assert answered == [topic.code for topic in TOPICS]
    assert {row.language for row in find_rows(engine, kind=TextKind.REPLY)} == {code}


def test_a_question_in_plain_words_gets_the_answer_in_the_patients_language(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, language="es")
    deliver(engine, settings, NOW)

    [answer] = text_in(engine, settings, "que hago con mi anillo?")

    assert "anillos" in answer
    assert list_tasks(engine) == []


def test_the_same_webhook_ten_times_at_once_has_one_effect(engine: Engine, settings: Settings, patient: int) -> None:
    barrier = threading.Barrier(10)

    def work() -> None:
        barrier.wait(10)
        with writing(engine) as session:
            receive(session, settings.clinic_facts, Inbound("SM1", PHONE, "METAL"), NOW)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(find_rows(engine, kind=TextKind.REPLY)) == 1
    with reading(engine) as session:
        assert session.exec(select(func.count()).select_from(IncomingText)).one() == 1


def test_stop_is_confirmed_once_remembered_with_its_words_and_told_to_staff(
    engine: Engine, settings: Settings, patient: int
) -> None:
    assert len(text_in(engine, settings, "please stop texting me")) == 1
    assert text_in(engine, settings, "STOP", NOW + timedelta(minutes=1)) == []
    assert text_in(engine, settings, "METAL", NOW + timedelta(minutes=2)) == []

    contact = get_contact(engine)
    assert (contact.opted_out_at, contact.opted_out_words) == (NOW, "please stop texting me")
    assert list_kinds(engine) == [TaskKind.OPTED_OUT, TaskKind.QUESTION]


def test_start_brings_the_texts_back_and_yes_does_not(engine: Engine, settings: Settings, patient: int) -> None:
    text_in(engine, settings, "STOP")
    assert text_in(engine, settings, "YES", NOW + timedelta(minutes=1)) == []
    assert get_contact(engine).opted_out_at is not None

    [answer] = text_in(engine, settings, "START", NOW + timedelta(minutes=2))

    assert "again" in answer
    assert get_contact(engine).opted_out_at is None


@pytest.mark.parametrize("kind", ["STOP", "START", "HELP"])
def test_what_twilio_has_answered_is_not_answered_again(
    engine: Engine, settings: Settings, patient: int, kind: str
) -> None:
    assert text_in(engine, settings, "arret", opt_out=kind) == []

    assert (get_contact(engine).opted_out_at is not None) == (kind == "STOP")


def test_an_emergency_is_answered_with_the_number_and_is_urgent(
    engine: Engine, settings: Settings, patient: int
) -> None:
    [answer] = text_in(engine, settings, "I cant breathe")

    assert "911" in answer
    assert [(task.kind, task.urgent, task.words) for task in list_tasks(engine)] == [
        (TaskKind.EMERGENCY, True, "I cant breathe")
    ]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("I have a pacemaker", TaskKind.IMPLANT),
        ("tengo marcapasos", TaskKind.IMPLANT),
        ("I'm allergic to iodine", TaskKind.ALLERGY),
    ],
)
def test_a_report_becomes_a_task_at_once_with_the_words(
    engine: Engine, settings: Settings, patient: int, words: str, kind: str
) -> None:
    text_in(engine, settings, words)

    assert [(task.kind, task.urgent, task.words) for task in list_tasks(engine)] == [(kind, True, words)]


def test_a_question_about_an_implant_is_answered_without_clearance_and_reaches_staff(
    engine: Engine, settings: Settings, patient: int
) -> None:
    [answer] = text_in(engine, settings, "can I have the scan with a pacemaker?")

    assert "Only our staff can decide" in answer
    assert list_kinds(engine) == [TaskKind.QUESTION]


def test_no_to_the_safety_question_is_stored_as_said(engine: Engine, settings: Settings, patient: int) -> None:
    deliver(engine, settings, NOW + timedelta(days=3))

    [answer] = text_in(engine, settings, "1", NOW + timedelta(days=3))

    assert "ask again" in answer
    assert list_tasks(engine) == []
    with reading(engine) as session:
        assert session.exec(select(Appointment.screened_at)).one() == NOW + timedelta(days=3)


@pytest.mark.parametrize(
    "words", ["2", "yes", "not sure", "no metal", "my kidneys", "I think there is something in my head"]
)
def test_yes_doubt_or_anything_unclear_to_the_safety_question_reaches_staff(
    engine: Engine, settings: Settings, patient: int, words: str
) -> None:
    deliver(engine, settings, NOW + timedelta(days=3))

    text_in(engine, settings, words, NOW + timedelta(days=3))

    assert [task.urgent for task in list_tasks(engine)] == [True]


def test_one_to_the_last_question_confirms_and_two_asks_staff_to_call(
    engine: Engine, settings: Settings, patient: int
) -> None:
    later = NOW + timedelta(days=8)
    deliver(engine, settings, NOW + timedelta(days=3))
    deliver(engine, settings, later)

    confirmed, safety = text_in(engine, settings, "1", later)
    assert "We expect you" in confirmed
    assert safety.startswith("We do not have your answer yet. Your MRI is on")
    assert get_status(engine, patient) == AppointmentStatus.CONFIRMED

    text_in(engine, settings, "1", later + timedelta(minutes=1))
    enrol_one(engine, settings, later, phone=STRANGER, starts_at=later + timedelta(days=3))
    deliver(engine, settings, later)
    text_in(engine, settings, "1", later, phone=STRANGER)
    deliver(engine, settings, later + timedelta(days=1))
    text_in(engine, settings, "2", later + timedelta(days=1), phone=STRANGER)
    assert list_kinds(engine) == [TaskKind.NOT_COMING]


def test_a_yes_to_nothing_is_asked_about_and_not_guessed(engine: Engine, settings: Settings, patient: int) -> None:
    [question] = text_in(engine, settings, "yes")
    assert "1 = yes" in question
    assert get_status(engine, patient) == AppointmentStatus.BOOKED

    text_in(engine, settings, "1", NOW + timedelta(minutes=1))
    assert get_status(engine, patient) == AppointmentStatus.CONFIRMED


def test_two_patients_on_one_phone_are_told_apart(engine: Engine, settings: Settings, patient: int) -> None:
    luis = enrol_one(engine, settings, given_name="Luis", starts_at=NOW + timedelta(days=11))
    [welcome] = deliver(engine, settings, NOW)
    assert "Luis" in welcome

    [question] = text_in(engine, settings, "I will come")
    assert "1 Ana" in question
    assert "2 Luis" in question

    text_in(engine, settings, "2", NOW + timedelta(minutes=1))
    assert get_status(engine, luis) == AppointmentStatus.CONFIRMED
    assert get_status(engine, patient) == AppointmentStatus.BOOKED


def test_a_change_request_keeps_the_appointment_and_makes_a_task(
    engine: Engine, settings: Settings, patient: int
) -> None:
    [answer] = text_in(engine, settings, "can I cancel my appointment?")

    assert "stays as it is" in answer
    assert list_kinds(engine) == [TaskKind.CHANGE]
    assert get_status(engine, patient) == AppointmentStatus.BOOKED


def test_the_language_is_switched_by_its_name_or_its_number(engine: Engine, settings: Settings, patient: int) -> None:
    [choices] = text_in(engine, settings, "LANGUAGE")
    assert "3 简体中文" in choices

    [answer] = text_in(engine, settings, "3", NOW + timedelta(minutes=1))
    assert "中文" in answer
    assert get_contact(engine).language == "zh_Hans"

    text_in(engine, settings, "kreyòl", NOW + timedelta(minutes=2))
    assert get_contact(engine).language == "ht"


def test_the_reminders_follow_the_language(engine: Engine, settings: Settings, patient: int) -> None:
    text_in(engine, settings, "español")

    [safety] = deliver(engine, settings, NOW + timedelta(days=3))

    assert "marcapasos" in safety


def test_a_wrong_number_gets_no_more_texts_about_the_patient(engine: Engine, settings: Settings, patient: int) -> None:
    assert len(text_in(engine, settings, "you have the wrong number")) == 1

    assert deliver(engine, settings, NOW + timedelta(days=4)) == []
    assert list_kinds(engine)[0] == TaskKind.WRONG_NUMBER


def test_what_is_not_understood_is_answered_kindly_and_read_by_a_person(
    engine: Engine, settings: Settings, patient: int
) -> None:
    [answer] = text_in(engine, settings, "qwrtz plmkn")

    assert "+1 202-555-0100" in answer
    assert [(task.kind, task.words) for task in list_tasks(engine)] == [(TaskKind.QUESTION, "qwrtz plmkn")]


def test_a_picture_is_answered_and_shown_to_staff(engine: Engine, settings: Settings, patient: int) -> None:
    [answer] = text_in(engine, settings, "", media=1)

    assert "written texts" in answer
    assert list_kinds(engine) == [TaskKind.QUESTION]


def test_an_answer_names_the_condition_only_if_the_patient_did(
    engine: Engine, settings: Settings, patient: int
) -> None:
    [plain] = text_in(engine, settings, "what will the scan show?")
    [named] = text_in(engine, settings, "will the scan show if it is ALS?", NOW + timedelta(minutes=1))

    assert "motor neurone" not in plain
    assert "motor neurone" in named


def test_a_stranger_gets_one_polite_answer_a_day(engine: Engine, settings: Settings, patient: int) -> None:
    assert len(text_in(engine, settings, "hello", phone=STRANGER)) == 1
    assert text_in(engine, settings, "hello?", NOW + timedelta(hours=23), phone=STRANGER) == []
    assert len(text_in(engine, settings, "hello??", NOW + timedelta(hours=25), phone=STRANGER)) == 1


def test_a_stranger_may_stop_too(engine: Engine, settings: Settings) -> None:
    text_in(engine, settings, "STOP", phone=STRANGER)

    assert get_contact(engine, STRANGER).opted_out_at == NOW


def test_a_patient_whose_appointment_is_over_is_sent_to_the_phone(
    engine: Engine, settings: Settings, patient: int
) -> None:
    [answer] = text_in(engine, settings, "when is my appointment?", NOW + timedelta(days=30))

    assert "no coming appointment" in answer


@pytest.mark.parametrize(
    "body", ["", " ", "\u200f", "🙏" * 800, "\U000e0001", "a" * 1600, "1" * 40, "''\"--;DROP TABLE"]
)
def test_any_text_at_all_is_stored_and_answered(engine: Engine, settings: Settings, patient: int, body: str) -> None:
    assert len(text_in(engine, settings, body)) == 1


@pytest.fixture
def doubtful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text "music and rings" is so unclear that it may be about two topics."""

    def doubt(text: str, language: str | None, awaiting: str | None) -> Understanding:
        if text == "music and rings":
            return Understanding("unknown", confidence=0.4, alternatives=("noise", "metal"))
        return understand(text, language, awaiting)

    monkeypatch.setattr("bot.inbox.understand", doubt)


@pytest.mark.usefixtures("doubtful")
def test_a_question_that_may_be_about_two_things_is_asked_back(
    engine: Engine, settings: Settings, patient: int
) -> None:
    [asked] = text_in(engine, settings, "music and rings")
    assert asked.startswith("Do you mean one of these?")
    assert "1 Is the scanner loud?" in asked
    assert "2 What do I do with jewelry and other metal?" in asked
    assert list_tasks(engine) == []

    [answer] = text_in(engine, settings, "2", NOW + timedelta(minutes=1))
    assert "rings" in answer


@pytest.mark.usefixtures("doubtful")
def test_a_fresh_question_or_time_overrides_what_was_asked_back(
    engine: Engine, settings: Settings, patient: int
) -> None:
    text_in(engine, settings, "music and rings")
    [answer] = text_in(engine, settings, "where do I park?", NOW + timedelta(minutes=1))
    assert "come to" in answer

    [answer] = text_in(engine, settings, "2", NOW + timedelta(hours=7))
    assert "did not understand" in answer


@pytest.mark.usefixtures("doubtful")
def test_a_number_that_was_not_offered_goes_to_staff(engine: Engine, settings: Settings, patient: int) -> None:
    text_in(engine, settings, "music and rings")
    [answer] = text_in(engine, settings, "7", NOW + timedelta(minutes=1))
    assert "did not understand" in answer
    assert list_kinds(engine) == [TaskKind.QUESTION]


def test_the_same_answer_goes_to_one_number_three_times_an_hour(
    engine: Engine, settings: Settings, patient: int
) -> None:
    answers = [
        text_in(engine, settings, "blah " + "qz" * number, NOW + timedelta(minutes=number)) for number in range(1, 20)
    ]

    assert [len(answer) for answer in answers] == [1] * 3 + [0] * 16
    assert sum("again and again" in task.what for task in list_tasks(engine)) == 1
    assert len(text_in(engine, settings, "where do I park?", NOW + timedelta(minutes=20))) == 1
    assert len(text_in(engine, settings, "blah", NOW + timedelta(minutes=90))) == 1


def test_a_machine_that_asks_all_the_time_is_not_answered_for_ever(
    engine: Engine, settings: Settings, patient: int
) -> None:
    words = list(get_reply_words("en").topics.values())
    answers = [
        text_in(engine, settings, words[number % len(words)], NOW + timedelta(seconds=number)) for number in range(60)
    ]

    assert 20 < sum(map(len, answers)) < 60
    assert "Writes without end" in list_tasks(engine)[-1].what


@pytest.mark.parametrize(
    "body",
    [
        "Auto-reply: I'm driving right now",
        "I am out of office until Monday",
        "自动回复：稍后联系您",
        "Respuesta automática",
    ],
)
def test_an_answer_by_machine_is_stored_and_not_answered(
    engine: Engine, settings: Settings, patient: int, body: str
) -> None:
    tasks = len(list_tasks(engine))
    assert text_in(engine, settings, body) == []
    assert len(list_tasks(engine)) == tasks
    with reading(engine) as session:
        assert session.exec(select(IncomingText.body)).all()[-1] == body


def test_a_short_code_is_never_answered(engine: Engine, settings: Settings, patient: int) -> None:
    assert text_in(engine, settings, "You won! Text YES to claim", phone="72345") == []
    assert list_tasks(engine) == []


def test_an_emergency_in_an_answer_by_machine_is_heard(engine: Engine, settings: Settings, patient: int) -> None:
    [answer] = text_in(engine, settings, "I can't breathe, I am driving")
    assert "911" in answer
    assert len(text_in(engine, settings, "STOP", NOW + timedelta(minutes=2))) == 1


def take(engine: Engine, now: datetime = NOW) -> None:
    with writing(engine) as session:
        contact = session.exec(select(Contact).where(Contact.phone == PHONE)).one()
        take_conversation(contact, "nurse", now)
        session.add(contact)


def test_the_bot_is_quiet_while_staff_talk_and_staff_see_what_was_written(
    engine: Engine, settings: Settings, patient: int
) -> None:
    take(engine)
    assert text_in(engine, settings, "what about my ring?") == []
    assert text_in(engine, settings, "I have a pacemaker") == []

    assert list_kinds(engine) == [TaskKind.QUESTION, TaskKind.IMPLANT]
    [answer] = text_in(engine, settings, "what about my ring?", NOW + HELD + timedelta(minutes=1))
    assert "rings" in answer


def test_stop_and_emergency_are_answered_also_while_staff_talk(
    engine: Engine, settings: Settings, patient: int
) -> None:
    take(engine)
    [answer] = text_in(engine, settings, "I cant breathe")
    assert "911" in answer
    assert len(text_in(engine, settings, "STOP")) == 1
    assert get_contact(engine).opted_out_at is not None


def test_a_reminder_waits_for_the_end_of_a_conversation_and_a_notice_does_not(
    engine: Engine, settings: Settings, patient: int
) -> None:
    [reminder] = [row for row in find_rows(engine, appointment_id=patient) if row.step == "safety"]
    take(engine, reminder.due_at)
    assert deliver(engine, settings, reminder.due_at) == []
    [waiting] = [row for row in find_rows(engine, appointment_id=patient) if row.step == "safety"]
    assert (waiting.state, waiting.due_at) == ("planned", reminder.due_at + HELD)

    with writing(engine) as session:
        cancel(session, settings.plan, patient, reminder.due_at, "test")
    assert len(deliver(engine, settings, reminder.due_at)) == 1


def test_a_conversation_handed_back_is_the_bots_again(engine: Engine, settings: Settings, patient: int) -> None:
    take(engine)
    with writing(engine) as session:
        contact = session.exec(select(Contact).where(Contact.phone == PHONE)).one()
        hand_back_conversation(contact)
        session.add(contact)
    assert len(text_in(engine, settings, "METAL")) == 1


def test_a_conversation_is_unread_once_a_person_must_look(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings)

    text_in(engine, settings, "how long does it take?")
    with reading(engine) as session:
        contact = session.exec(select(Contact)).one()
        assert (contact.heard_at, contact.unread_since) == (NOW, None)

    text_in(engine, settings, "I have a pacemaker", NOW + timedelta(minutes=1))
    text_in(engine, settings, "it is from 2019, a pacemaker", NOW + timedelta(minutes=2))
    with reading(engine) as session:
        assert session.exec(select(Contact)).one().unread_since == NOW + timedelta(minutes=1)
