"""A companion's own texts: when they are planned, to whom they go, and when they end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from bot.appointments import cancel, enrol, reschedule
from bot.database import reading, writing
from bot.escalating import escalate
from bot.models import Contact, OutgoingText, TaskKind, TextState
from bot.people import Companion, Enrolment
from bot.sandbox import deliver_due
from bot.settings import Settings
from tests.clinics import PHONE, deliver, enrol_one, find_rows, list_tasks, text_in
from tests.conftest import NOW

LUZ = Companion("Luz", "+12025550177", "es")
STARTS_AT = datetime(2026, 3, 12, 18, 0, tzinfo=UTC)


def enrol_with(engine: Engine, settings: Settings, now: datetime = NOW, **changes: Any) -> str:
    values: dict[str, Any] = {
        "phone": PHONE,
        "given_name": "Ana",
        "language": "en",
        "exam": "mri-brain",
        "starts_at": STARTS_AT,
        "external_id": "A-1",
        "companion": LUZ,
    }
    with writing(engine) as session:
        [enrolled] = enrol(session, settings.plan, [Enrolment(**values | changes)], now, "test")
    return enrolled.outcome


def list_steps(engine: Engine, phone: str = LUZ.phone, *states: TextState) -> list[str | None]:
    """The steps of a number's texts that are planned, or in these states."""
    with reading(engine) as session:
        query = (
            select(OutgoingText)
            .join(Contact, Contact.id == OutgoingText.contact_id)  # type: ignore[arg-type]
            .where(Contact.phone == phone)
        )
        rows = sorted(session.exec(query), key=lambda row: (row.due_at, row.id))
    return [row.step for row in rows if row.state in (states or (TextState.PLANNED,))]


def deliver_to(engine: Engine, settings: Settings, now: datetime, phone: str = LUZ.phone) -> list[str]:
    """Send what is due; returns what this number got."""
    sent = deliver_due(engine, settings.clinic_facts, settings.plan, now)
    return [ready.body for ready in sent if ready.phone == phone]


def test_a_companion_gets_texts_of_their_own_in_their_own_language(engine: Engine, settings: Settings) -> None:
    assert enrol_with(engine, settings, sedation=True) == "enrolled"

    assert list_steps(engine) == ["welcome", "prepare", "arrive"]
    assert list_steps(engine, PHONE) == ["welcome", "safety", "prepare", "arrive"]
    [welcome] = deliver_to(engine, settings, NOW)
    assert "Luz" in welcome
    assert "Ana" in welcome
    assert "jueves 12 de marzo" in welcome
    [row] = [row for row in find_rows(engine, state=TextState.DELIVERED) if row.for_companion]
    assert (row.language, row.asks) == ("es", None)
    [drive] = deliver_to(engine, settings, datetime(2026, 3, 10, 14, 0, tzinfo=UTC))
    assert "lleve" in drive


@pytest.mark.parametrize(
    "companion", [Companion("Luz", "", "es"), replace(LUZ, agreed=False), Companion("", PHONE, "en"), None]
)
def test_without_a_phone_of_their_own_or_without_agreement_a_companion_gets_none(
    engine: Engine, settings: Settings, companion: Companion | None
) -> None:
    enrol_with(engine, settings, companion=companion)

    assert {row.for_companion for row in find_rows(engine)} == {False}


@pytest.mark.parametrize(("agreed", "steps"), [(None, []), (True, ["welcome", "prepare", "arrive"])])
def test_a_patient_who_wants_no_texts_may_still_agree_to_the_companions(
    engine: Engine, settings: Settings, agreed: bool | None, steps: list[str]
) -> None:
    enrol_with(engine, settings, consent=False, companion=replace(LUZ, agreed=agreed))

    assert list_steps(engine) == steps


def test_a_companion_who_has_heard_is_told_of_a_move_and_of_a_cancellation(engine: Engine, settings: Settings) -> None:
    appointment = 1
    enrol_with(engine, settings)
    deliver(engine, settings, NOW)

    with writing(engine) as session:
        reschedule(session, settings.plan, appointment, STARTS_AT + timedelta(days=1), NOW, "test")
    [moved] = deliver_to(engine, settings, NOW)
    assert "jueves 12 de marzo" in moved
    assert "viernes 13 de marzo" in moved
    assert list_steps(engine) == ["prepare", "arrive"]

    with writing(engine) as session:
        cancel(session, settings.plan, appointment, NOW, "test")
    [cancelled] = deliver_to(engine, settings, NOW)
    assert "viernes 13 de marzo" in cancelled
    assert list_steps(engine) == []


def test_a_companion_who_has_heard_nothing_is_not_told_of_a_cancellation(engine: Engine, settings: Settings) -> None:
    night = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
    enrol_with(engine, settings, now=night)

    with writing(engine) as session:
        cancel(session, settings.plan, 1, night, "test")

    assert list_steps(engine) == []


def test_stop_from_a_companion_ends_their_texts_and_not_the_patients(engine: Engine, settings: Settings) -> None:
    enrol_with(engine, settings)
    deliver(engine, settings, NOW)

    [answer] = text_in(engine, settings, "ALTO", phone=LUZ.phone)
    assert "START" in answer

    later = datetime(2026, 3, 10, 14, 0, tzinfo=UTC)
    texts = deliver(engine, settings, later)
    assert [text for text in texts if "Ana" in text]
    assert list_steps(engine, LUZ.phone, TextState.SKIPPED) == ["prepare"]
    assert list_steps(engine, PHONE, TextState.DELIVERED)[-1] == "prepare"


def test_another_companion_gets_the_texts_and_the_old_one_no_more(engine: Engine, settings: Settings) -> None:
    enrol_with(engine, settings)
    deliver(engine, settings, NOW)
    other = Companion("Max", "+12025550178", "de")

    assert enrol_with(engine, settings, companion=other) == "updated"
    assert enrol_with(engine, settings, companion=other) == "unchanged"

    assert list_steps(engine) == []
    assert list_steps(engine, other.phone) == ["welcome", "prepare", "arrive"]
    [welcome] = deliver_to(engine, settings, NOW, other.phone)
    assert "Guten Tag, Max." in welcome


def test_taking_the_agreement_back_ends_the_companions_texts(engine: Engine, settings: Settings) -> None:
    enrol_with(engine, settings)

    assert enrol_with(engine, settings, companion=replace(LUZ, agreed=False)) == "updated"

    assert list_steps(engine) == []
    assert deliver_to(engine, settings, NOW) == []


def test_a_row_that_says_nothing_of_a_companion_leaves_them(engine: Engine, settings: Settings) -> None:
    enrol_with(engine, settings)

    assert enrol_with(engine, settings, companion=None) == "unchanged"

    assert list_steps(engine) == ["welcome", "prepare", "arrive"]


def test_the_same_rows_again_plan_nothing_twice(engine: Engine, settings: Settings) -> None:
    enrol_with(engine, settings)
    before = find_rows(engine)

    assert enrol_with(engine, settings) == "unchanged"

    assert find_rows(engine) == before


def test_a_companion_who_asks_when_hears_when_to_be_there(engine: Engine, settings: Settings) -> None:
    enrol_with(engine, settings)
    deliver(engine, settings, NOW)

    [answer] = text_in(engine, settings, "FECHA", phone=LUZ.phone)

    assert "jueves 12 de marzo" in answer
    assert "1 =" not in answer


def test_a_companion_who_reports_an_implant_reaches_staff(engine: Engine, settings: Settings) -> None:
    enrol_with(engine, settings)
    deliver(engine, settings, NOW)

    assert text_in(engine, settings, "tengo un marcapasos", phone=LUZ.phone)

    assert [task.kind for task in list_tasks(engine)] == [TaskKind.IMPLANT]


def test_a_patient_who_accompanies_another_is_told_whom_each_text_is_about(engine: Engine, settings: Settings) -> None:
    enrol_one(engine, settings, phone=LUZ.phone, given_name="Luz", language="es")
    enrol_with(engine, settings)

    texts = deliver_to(engine, settings, NOW)

    assert len(texts) == 2
    assert all("Luz" in text for text in texts)
    assert sum("Ana" in text for text in texts) == 1


DAUGHTER = "+12025550142"


def name_daughter(engine: Engine, settings: Settings, now: datetime = NOW) -> list[str]:
    """The patient names her; returns what leaves for both phones."""
    enrol_one(engine, settings, language="es", starts_at=STARTS_AT)
    deliver(engine, settings, NOW)
    return text_in(engine, settings, "mi hija 202 555 0142 viene conmigo", now)


def test_a_number_that_a_patient_names_is_asked_first_and_a_yes_makes_a_companion(
    engine: Engine, settings: Settings
) -> None:
    asked, invitation = sorted(name_daughter(engine, settings), key=len)
    assert "preguntar a esta persona" in asked
    assert "Ana nos dice que usted va a venir" in invitation
    assert list_steps(engine, DAUGHTER) == []

    [joined] = text_in(engine, settings, "1", NOW + timedelta(minutes=5), phone=DAUGHTER)
    assert "STOP" in joined
    with writing(engine) as session:
        escalate(session, settings.clinic_facts, settings.plan, settings.watch, NOW + timedelta(minutes=6))
    assert list_steps(engine, DAUGHTER) == ["welcome", "prepare", "arrive"]
    with reading(engine) as session:
        contact = session.exec(select(Contact).where(Contact.phone == DAUGHTER)).one()
    assert (contact.consented_at, contact.consent_source) == (NOW + timedelta(minutes=5), "text")


def test_a_no_from_that_number_is_the_end_of_it(engine: Engine, settings: Settings) -> None:
    name_daughter(engine, settings)

    assert len(text_in(engine, settings, "2", NOW + timedelta(minutes=5), phone=DAUGHTER)) == 1
    with writing(engine) as session:
        escalate(session, settings.clinic_facts, settings.plan, settings.watch, NOW + timedelta(minutes=6))
    assert list_steps(engine, DAUGHTER) == []
    assert "Does not want to be the companion of Ana" in list_tasks(engine)[-1].what


def test_an_invitation_waits_for_the_morning(engine: Engine, settings: Settings) -> None:
    night = NOW + timedelta(hours=13)
    assert len(name_daughter(engine, settings, night)) == 1
    [invitation] = deliver_to(engine, settings, NOW + timedelta(hours=24), DAUGHTER)
    assert "Responda 1 = sí, 2 = no." in invitation


def test_naming_number_after_number_reaches_a_person(engine: Engine, settings: Settings) -> None:
    name_daughter(engine, settings)
    for minute, digit in enumerate("3456"):
        text_in(engine, settings, f"mi hija 202 555 014{digit} viene conmigo", NOW + timedelta(minutes=minute))

    with reading(engine) as session:
        invitations = session.exec(select(OutgoingText).where(OutgoingText.asks.startswith("invite:"))).all()  # type: ignore[union-attr]
    assert len(invitations) == 2
    assert any("Named a companion" in task.what for task in list_tasks(engine))
