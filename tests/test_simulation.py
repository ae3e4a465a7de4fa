"""Many patients from booking to scan: each is screened with answers that staff have seen, or on a list with a reason.

Seeded. ``SIMULATED_PATIENTS=2000`` runs as many; ``make simulate`` does, and prints the table; with ``SEEDS=1,2`` those
towns.
"""

import os
import random
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from bot.appointments import cancel, enrol, reschedule
from bot.daemon import prepare_database
from bot.database import reading, writing
from bot.digest import describe_digest
from bot.due import has_due
from bot.error_codes import MEANINGS
from bot.escalating import escalate, find_digest_span
from bot.inbox import receive
from bot.models import (
    Appointment,
    AppointmentStatus,
    Contact,
    OutgoingText,
    Screening,
    ScreeningState,
    Task,
    TaskKind,
    TaskState,
    TextKind,
    TextState,
)
from bot.outbox import claim_due
from bot.outcomes import record_outcomes
from bot.people import Companion, Enrolment
from bot.provider import Accepted, Inbound, SendError
from bot.schedule import at_wall
from bot.screenings import mark_seen, take_down
from bot.settings import Settings
from messages.languages import LANGUAGES
from messages.reply_words import get_reply_words
from tests.conftest import MakeSettings

MANY = int(os.environ.get("SIMULATED_PATIENTS", "80"))
SEEDS = [int(seed) for seed in os.environ.get("SIMULATED_SEEDS", "7").split(",")]
FIRST = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)  # midnight of a Monday in New York
DAYS = 26
EXAMS = ("mri-brain", "mri-spine", "mri-brain-spine", "mri-body", "emg", "lumbar-puncture")
LANDLINE = 30006
# How a phone's owner answers, and how many of a hundred do.
MANNERS = {
    "none": 34,
    "some": 18,
    "words": 8,
    "silent": 12,
    "late": 6,
    "breaks off": 6,
    "stop": 4,
    "stop within": 2,
    "call me": 3,
    "emergency": 2,
    "language": 2,
    "report": 1,
    "wrong number": 1,
    "landline": 1,
}
WORDS = (
    "pacemaker 2019 st jude",
    "i dont know",
    "maybe",
    "una placa en la pierna",
    "stent",
    "2 tattoos",
    "起搏器",
    "ماسورة",
)
# Nothing that we say may sound like it, in the languages that tell it by one word.
CLEARANCE = re.compile(
    r"\b(cleared|all clear|you are safe|is safe|safe to|no risk|nothing to worry|es segur[oa]|sin riesgo|sans risque"
    r"|sans danger|ungefährlich|bezpieczne dla|é segur[oa])\b|безопасно|безпечно|安全です|是安全的|안전합니다",
    re.IGNORECASE,
)


@dataclass
class Person:
    """One phone: how its owner answers, and what they have said so far."""

    manner: str
    phone: str
    language: str
    said: int = 0


class Town:
    """A clinic, its staff and its patients, on one clock."""

    def __init__(self, engine: Engine, settings: Settings, seed: int) -> None:
        self.engine, self.settings = engine, settings
        self.random = random.Random(seed)
        self.people: dict[str, Person] = {}
        self.bookings: dict[datetime, list[Enrolment]] = defaultdict(list)
        self.sent: list[tuple[datetime, str, bool]] = []
        self.answers: dict[datetime, list[tuple[Person, str]]] = defaultdict(list)
        self.listed: dict[int, set[str]] = defaultdict(set)
        self.count = 0

    def settle(self, many: int) -> None:
        """Decide who books what, when and how, and how each one answers."""
        zone = self.settings.plan.zone
        phones: list[str] = []
        for number in range(many):
            shared = phones and self.random.random() < 0.08
            phone = self.random.choice(phones) if shared else f"+1202{5550000 + number:07}"
            language = self.random.choice(LANGUAGES).code
            if not shared:
                phones.append(phone)
                [manner] = self.random.choices(list(MANNERS), list(MANNERS.values()))
                self.people[phone] = Person(manner, phone, language)
            day = (FIRST + timedelta(days=self.random.randint(2, DAYS - 4))).astimezone(zone).date()
            while not self.settings.calendar.is_open(day):
                day += timedelta(days=1)
            starts_at = at_wall(day, time(self.random.randint(8, 17), self.random.choice((0, 30))), zone)
            lead = timedelta(hours=self.random.choice((3, 8, 20, 30, 50, 80, 120, 200, 300)))
            booked_at = max(FIRST + timedelta(hours=9), starts_at - lead).replace(minute=0)
            companion = None
            if self.random.random() < 0.3:
                at = f"+1202{6550000 + number:07}"
                self.people[at] = Person(self.random.choice(("none", "silent", "some")), at, language)
                agreed, first = self.random.random() < 0.8, self.random.random() < 0.2
                companion = Companion("Kim", at, language, agreed=agreed, first=first)
            self.bookings[booked_at].append(
                Enrolment(
                    phone=phone,
                    given_name=f"Pat{number}",
                    language=self.people[phone].language,
                    exam=self.random.choice(EXAMS),
                    starts_at=starts_at,
                    external_id=f"S-{number}",
                    contrast=self.random.random() < 0.4,
                    consent=None if shared or self.random.random() > 0.03 else False,
                    companion=companion,
                )
            )

    def run(self) -> None:
        for hour in range(DAYS * 24):
            self.pass_hour(FIRST + timedelta(hours=hour))

    def pass_hour(self, now: datetime) -> None:
        local = now.astimezone(self.settings.plan.zone)
        if batch := self.bookings.pop(now, []):
            with writing(self.engine) as session:
                enrol(session, self.settings.plan, batch, now, "simulation")
        self.change(now)
        with writing(self.engine) as session:
            escalate(session, self.settings.clinic_facts, self.settings.plan, self.settings.watch, now)
        for person, words in self.answers.pop(now, []):
            self.write(person, words, now)
        self.deliver(now)
        if self.settings.calendar.is_open(local.date()) and local.hour in (9, 16):
            self.work(now)

    def deliver(self, now: datetime) -> None:
        """Let all that is due leave, and let people answer at once; a dialogue goes on within the hour."""
        for minute in range(40):
            moment = now + timedelta(minutes=minute)
            with reading(self.engine) as session:
                if not has_due(session, moment):
                    return
            with writing(self.engine) as session:
                ready, _ = claim_due(session, self.settings.clinic_facts, self.settings.plan, moment, 500)
                outcomes = [(text, self.carry(text.phone, text.attempt)) for text in ready]
                record_outcomes(session, self.settings.plan, outcomes, moment)
            with reading(self.engine) as session:
                ids = [text.id for text in ready]
                asks = dict(
                    session.exec(select(OutgoingText.id, OutgoingText.asks).where(col(OutgoingText.id).in_(ids))).all()
                )
            for text, outcome in outcomes:
                if isinstance(outcome, Accepted):
                    self.sent.append((moment, text.body, text.ours))
                    self.react(self.people[text.phone], asks[text.id], moment)

    def carry(self, phone: str, attempt: str) -> Accepted | SendError:
        if self.people[phone].manner == "landline":
            return SendError(MEANINGS[LANDLINE], code=LANDLINE)
        return Accepted(f"SB{attempt}", "delivered")

    def react(self, person: Person, asks: str | None, moment: datetime) -> None:
        """What the owner of the phone does about a question of ours, once they have read it."""
        if not asks:
            return
        moment += timedelta(seconds=20)
        if asks == "confirm" and person.manner not in ("silent", "landline", "wrong number"):
            self.write(person, self.random.choice(("1", "1", "1", "2", "ok")), moment)
            return
        manner = person.manner
        answer = {
            "none": "1",
            "some": self.random.choice(("2", "1", "2", *WORDS)),
            "words": self.random.choice(WORDS),
            "stop": "STOP",
            "stop within": "2" if person.said == 0 else "STOP",
            "call me": "2" if person.said == 0 else get_reply_words(person.language).call,
            "emergency": "2" if person.said == 0 else "I cant breathe",
            "language": "2" if person.said == 0 else "español" if person.said == 1 else "1",
            "report": "I have a pacemaker",
            "breaks off": "2" if person.said == 0 else "1" if person.said == 1 else "",
            "wrong number": "you have the wrong number",
        }.get(manner, "")
        if manner == "late":
            wait = timedelta(hours=self.random.choice((20, 30, 50, 70)))
            self.answers[moment.replace(minute=0, second=0) + wait].append((person, self.random.choice(("1", "2"))))
        elif answer:
            self.write(person, answer, moment)

    def write(self, person: Person, words: str, moment: datetime) -> None:
        person.said += 1
        self.count += 1
        with writing(self.engine) as session:
            receive(session, self.settings.clinic_facts, Inbound(f"SM{self.count}", person.phone, words), moment)

    def change(self, now: datetime) -> None:
        """Now and then an appointment is moved or cancelled."""
        if now.astimezone(self.settings.plan.zone).hour != 11:
            return
        with writing(self.engine) as session:
            found = session.exec(
                select(Appointment).where(
                    Appointment.starts_at > now + timedelta(hours=6), Appointment.status != AppointmentStatus.CANCELLED
                )
            ).all()
            for appointment in found:
                chance = self.random.random()
                moved = appointment.starts_at + timedelta(days=self.random.choice((1, 2, 6)))
                day = moved.astimezone(self.settings.plan.zone).date()
                if chance < 0.004:
                    cancel(session, self.settings.plan, appointment.id or 0, now, "simulation")
                elif (
                    chance < 0.015 and self.settings.calendar.is_open(day) and moved < FIRST + timedelta(days=DAYS - 1)
                ):
                    reschedule(session, self.settings.plan, appointment.id or 0, moved, now, "simulation")

    def work(self, now: datetime) -> None:
        """The staff: they phone about half of what is on their list, and read the digest in the afternoon."""
        start, end = find_digest_span(self.settings.plan, self.settings.watch, now)
        with writing(self.engine) as session:
            open_tasks = session.exec(
                select(Task)
                .where(Task.state != TaskState.DONE)
                .order_by(col(Task.urgent).desc(), col(Task.rank).desc())
            ).all()
            for task in open_tasks:
                appointment = session.get(Appointment, task.appointment_id) if task.appointment_id else None
                if appointment is None or self.random.random() < 0.5:
                    continue
                task.state, task.done_by, task.done_at = TaskState.DONE, "nurse", now
                session.add(task)
                if task.kind == TaskKind.SCREENING and "phone" in task.what:
                    take_down(session, appointment, "asked on the phone", "nurse", now)
            digest = describe_digest(
                session, self.settings.exams, self.settings.plan.zone, *((now, end) if start > now else (start, end))
            )
            for row in digest["patients"]:
                self.listed[row["id"]] |= set(row["reasons"])
                if row["unread"]:
                    appointment = session.get(Appointment, row["id"])
                    assert appointment is not None
                    mark_seen(session, appointment, "nurse", now)


def judge(town: Town) -> tuple[Counter[tuple[str, str]], list[str]]:
    """How each patient stood when the scan began: by manner and end, and those who slipped through."""
    table: Counter[tuple[str, str]] = Counter()
    slipped = []
    with reading(town.engine) as session:
        tasks = defaultdict(list)
        for task in session.exec(select(Task)):
            tasks[task.appointment_id].append(task)
        screenings = {screening.appointment_id: screening for screening in session.exec(select(Screening))}
        for appointment in session.exec(select(Appointment).order_by(col(Appointment.id))):
            contact = session.exec(
                select(Contact).join(OutgoingText).where(OutgoingText.appointment_id == appointment.id)  # type: ignore[arg-type]
            ).first()
            manner = town.people[contact.phone].manner if contact else "no text"
            screening = screenings.get(appointment.id or 0)
            before = [task for task in tasks[appointment.id] if task.created_at <= appointment.starts_at]
            if appointment.status == AppointmentStatus.CANCELLED:
                end = "cancelled"
            elif (
                screening
                and screening.state == ScreeningState.ANSWERED
                and screening.seen_at
                and screening.seen_at <= appointment.starts_at
            ):
                end = "answers seen"
            elif any(task.kind in (TaskKind.SCREENING, TaskKind.IMPLANT, TaskKind.ALLERGY) for task in before):
                end = "task: screening"
            elif before:
                end = "task: other"
            elif town.listed[appointment.id or 0]:
                end = "digest with reason"
            else:
                end = "SLIPPED"
                slipped.append(f"{appointment.external_id} {manner} {screening}")
            table[manner, end] += 1
    return table, slipped


def show(table: Counter[tuple[str, str]]) -> str:
    ends = sorted({end for _, end in table})
    lines = [f"{'':14}" + "".join(f"{end:>20}" for end in ends)]
    lines += [
        f"{manner:14}" + "".join(f"{table[manner, end]:>20}" for end in ends)
        for manner in (*MANNERS, "no text")
        if any(table[manner, end] for end in ends)
    ]
    lines.append(f"{'all':14}" + "".join(f"{sum(n for (_, at), n in table.items() if at == end):>20}" for end in ends))
    return "\n".join(lines)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: a town has one clinic."""
    return f"sqlite:///{tmp_path / 'town.db'}"


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_comes_to_a_scan_unscreened_and_unlisted(
    make_settings: MakeSettings,
    capsys: pytest.CaptureFixture[str],
    seed: int,
) -> None:
    settings = make_settings(BRAKE_TIMES="0", MOST_IDENTICAL="20")
    town = Town(prepare_database(settings), settings, seed)
    town.settle(MANY)
    town.run()

    table, slipped = judge(town)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{MANY} patients, seed {seed}: {len(town.sent)} sent, {town.count} received\n{show(table)}\n"
        )
    assert slipped == []
    assert sum(table.values()) >= MANY * 0.95
    assert [body for _, body, _ in town.sent if CLEARANCE.search(body)] == []
    quiet, zone = settings.plan.quiet, settings.plan.zone
    assert [at for at, _, ours in town.sent if ours and quiet.cover(at.astimezone(zone).time())] == []
    with reading(town.engine) as session:
        after_a_stop = session.exec(
            select(OutgoingText)
            .join(Contact, col(OutgoingText.contact_id) == col(Contact.id))
            .where(
                col(OutgoingText.state).in_((TextState.SENT, TextState.DELIVERED)),
                col(OutgoingText.sending_since) > col(Contact.opted_out_at),
                OutgoingText.kind != TextKind.REPLY,
            )
        ).all()
        without_consent = session.exec(
            select(OutgoingText)
            .join(Contact, col(OutgoingText.contact_id) == col(Contact.id))
            .where(
                col(OutgoingText.sending_since).is_not(None),
                OutgoingText.kind != TextKind.REPLY,
                col(Contact.consented_at).is_(None) | (col(Contact.consented_at) > col(OutgoingText.sending_since)),
                # Somebody who shares the phone may refuse for it later.
                col(Contact.refused_at).is_(None) | (col(Contact.refused_at) <= col(OutgoingText.sending_since)),
            )
        ).all()
    assert after_a_stop == []
    assert without_consent == []
    town.engine.dispose()
