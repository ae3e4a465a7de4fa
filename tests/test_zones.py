"""A country changes the rules of its clocks: what the clinic said in clock time holds, and nobody is told of a move."""

import os
import re
import subprocess
import sys
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text
from sqlmodel import col, select

from bot.appointments import enrol
from bot.chores import hold_clock_times
from bot.daemon import prepare_database
from bot.database import open_database, reading, writing
from bot.importing.values import read_starts_at
from bot.models import Appointment, AuditEvent, OutgoingText, PeriodicJob, TextState
from bot.people import Companion, Enrolment
from bot.schedule import keep_wall_time
from bot.settings import Settings
from bot.zone_data import read_zone_data
from tests.clinics import PHONE, deliver, find_rows, list_tasks
from tests.conftest import CLINIC, NOW, MakeSettings
from tests.daemons import ROOT, wait_for
from tests.desk import Desk

ZONE = CLINIC["CLINIC_TIME_ZONE"]
# Summer time from 8 March, from 5 April, none at all; until the first Sunday of November, or the third of October.
HOUR = timedelta(hours=1)
ORIGINAL = zoneinfo.TZPATH
USUAL, LATE, NEVER, SHORT = "EST5EDT,M3.2.0,M11.1.0", "EST5EDT,M4.1.0,M11.1.0", "EST5", "EST5EDT,M3.2.0,M10.3.0"


class Machine:
    """A folder of time-zone data that is read before the machine's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, rule: str, release: str = "") -> None:
        """Another release, with this rule for the clinic's zone, and what a process sees that starts then."""
        (self.folder / ZONE).parent.mkdir(parents=True, exist_ok=True)
        counts = b"".join(count.to_bytes(4) for count in (0, 0, 0, 0, 1, 4))
        block = b"TZif2" + bytes(15) + counts + (-18_000).to_bytes(4, signed=True) + b"\0\0EST\0"
        (self.folder / ZONE).write_bytes(block + block + f"\n{rule}\n".encode())
        (self.folder / "tzdata.zi").write_text(f"# version {release}\n" if release else "")
        zoneinfo.reset_tzpath([self.folder, *ORIGINAL])
        ZoneInfo.clear_cache()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "zoneinfo")
    machine.install(USUAL, "2026a")
    yield machine
    zoneinfo.reset_tzpath()
    ZoneInfo.clear_cache()


@pytest.fixture
def settings(machine: Machine, make_settings: MakeSettings) -> Settings:
    """Of a process that starts with the usual rules."""
    return make_settings()


def restart(make_settings: MakeSettings) -> tuple[Settings, int]:
    """A process that starts with the rules of now; how many appointments it mended."""
    again = make_settings()
    engine = prepare_database(again)
    mended = hold_clock_times(again, engine, NOW)
    engine.dispose()
    return again, mended


def book(engine: Engine, settings: Settings, starts: list[str], now: datetime = NOW) -> list[str]:
    """Enrol a patient with a companion for each start, as the clinic writes it; returns the outcomes."""
    batch = [
        Enrolment(
            phone=f"+1202555{number:04}",
            given_name="Ana",
            language="en",
            exam="mri-brain",
            external_id=str(number),
            starts_at=read_starts_at(start, settings.plan.zone, now),
            companion=Companion("Max", f"+1202556{number:04}", "es"),
        )
        for number, start in enumerate(starts)
    ]
    with writing(engine) as session:
        return [one.outcome for one in enrol(session, settings.plan, batch, now, "test")]


def list_clock_times(engine: Engine, zone: ZoneInfo) -> list[tuple[str, str, str]]:
    with reading(engine) as session:
        starts = session.exec(select(Appointment).order_by(col(Appointment.id))).all()
        waiting = select(OutgoingText).where(OutgoingText.state == TextState.PLANNED)
        texts = session.exec(waiting.order_by(col(OutgoingText.id))).all()

    def show(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%d %H:%M")

    return [("appointment", "", show(one.starts_at)) for one in starts] + [
        (one.step or "", show(one.due_at), show(one.useful_until)) for one in texts
    ]


def list_lines(page: str) -> list[str]:
    return [line.strip() for line in re.sub(r"<[^>]*>", "\n", page).splitlines() if line.strip()]


@pytest.mark.parametrize("noted", [True, False], ids=["", "planned by the version before"])
def test_appointments_and_texts_keep_their_clock_times(
    engine: Engine,
    settings: Settings,
    machine: Machine,
    make_settings: MakeSettings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    noted: bool,
) -> None:
    # In the weeks between the two rules; after them, with texts within them; before them; after all of it.
    starts = ["2026-03-20 10:30", "2026-04-07 08:00", "2026-03-05 16:00", "2026-06-01 09:15"]
    book(engine, settings, starts)
    deliver(engine, settings, NOW)
    if not noted:
        with writing(engine) as session:
            session.connection().execute(text("UPDATE appointment SET zone_rules = NULL"))
    before, rows = list_clock_times(engine, settings.plan.zone), find_rows(engine)
    with Desk(engine, settings, tmp_path) as desk:
        pages = [list_lines(desk.sign_in().get(f"/appointments/{number}").text) for number in (1, 2)]

    machine.install(LATE, "2026b")
    later, mended = restart(make_settings)

    assert mended == 2
    assert list_clock_times(engine, later.plan.zone) == before
    assert "mri" not in caplog.text
    with Desk(engine, later, tmp_path) as desk:
        for number, page in enumerate(pages, 1):
            shown = list_lines(desk.sign_in().get(f"/appointments/{number}").text)
            added = [line for line in shown if line not in page]
            assert added == ["The rules for clocks changed; the clock time stays", "time-zone data"]
            assert [line for line in page if line not in shown] == []
    due = {row.id: row.due_at for row in find_rows(engine)}
    hours = {(row.appointment_id, due[row.id] - row.due_at) for row in rows}
    assert hours == {(1, timedelta(0)), (1, HOUR), (2, timedelta(0)), (2, HOUR), (3, timedelta(0)), (4, timedelta(0))}
    with reading(engine) as session:
        events = session.exec(select(AuditEvent.row_id).where(AuditEvent.action == "kept clock time")).all()
    assert sorted(events) == [1, 2]
    # The next start, and the clinic's own file read once more, change nothing.
    assert hold_clock_times(later, engine, NOW) == 0
    assert book(engine, later, starts) == ["unchanged"] * 4
    waiting = [row for row in rows if row.state == TextState.PLANNED]
    sent = [body for at in sorted({due[row.id] for row in waiting}) for body in deliver(engine, later, at)]
    assert len(sent) == len(waiting)
    assert not [body for body in sent if "moved" in body]
    assert list_tasks(engine) == []


def test_a_start_with_an_offset_is_a_moment_when_it_is_read_and_a_clock_time_from_then_on(
    engine: Engine, settings: Settings, machine: Machine, make_settings: MakeSettings
) -> None:
    book(engine, settings, ["2026-03-20T14:30Z"])

    machine.install(LATE, "2026b")
    later, _ = restart(make_settings)

    with reading(engine) as session:
        start = session.get_one(Appointment, 1).starts_at
    assert start.astimezone(later.plan.zone).strftime("%H:%M") == "10:30"
    # Who goes on to say the moment, by rules that hold no more, says another clock time.
    assert book(engine, later, ["2026-03-20T15:30Z"]) == ["unchanged"]
    assert book(engine, later, ["2026-03-20T14:30Z"]) == ["updated"]


def test_the_newer_release_is_right_and_mends_what_older_machines_plan(
    engine: Engine, settings: Settings, machine: Machine, make_settings: MakeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    machine.install(LATE, "2026b")
    newer, _ = restart(make_settings)
    # A machine that has still the old rules, and starts now: it mends nothing back, and its mistake is mended.
    machine.install(USUAL, "2026a")
    older = make_settings()
    prepare_database(older).dispose()
    book(engine, older, ["2026-03-20 10:30"])
    caplog.clear()
    assert hold_clock_times(older, engine, NOW) == 0
    assert "newer time-zone data" in caplog.text
    assert hold_clock_times(newer, engine, NOW) == 1
    assert list_clock_times(engine, newer.plan.zone)[0] == ("appointment", "", "20 10:30")

    # The country thinks better of it: the old rules again, in a new release.
    machine.install(USUAL, "2026c")
    back, mended = restart(make_settings)
    assert mended == 1
    assert list_clock_times(engine, back.plan.zone)[0] == ("appointment", "", "20 10:30")


def test_where_no_release_is_known_the_rules_of_the_last_start_count(
    engine: Engine, make_settings: MakeSettings, machine: Machine
) -> None:
    with writing(engine) as session:
        session.connection().execute(text("DELETE FROM zone_rules"))
    machine.install(USUAL)
    first, _ = restart(make_settings)
    book(engine, first, ["2026-03-20 10:30"])
    for rule in (LATE, USUAL, LATE):
        machine.install(rule)
        last, mended = restart(make_settings)
        assert mended == 1
        assert list_clock_times(engine, last.plan.zone)[0] == ("appointment", "", "20 10:30")


@pytest.mark.parametrize(
    ("before", "after", "moment", "expected"),
    [
        (USUAL, USUAL, "2026-11-01T06:30+00:00", "2026-11-01T06:30+00:00"),
        # The second 1:30 of a night that no longer has two; the first 1:30 of one that has two now.
        (USUAL, NEVER, "2026-11-01T06:30+00:00", "2026-11-01T06:30+00:00"),
        (SHORT, USUAL, "2026-11-01T06:30+00:00", "2026-11-01T05:30+00:00"),
        # 2:30 is missing now: the clocks' time after it.
        (NEVER, USUAL, "2026-03-08T07:30+00:00", "2026-03-08T07:30+00:00"),
        (USUAL, SHORT, "2026-10-20T14:00+00:00", "2026-10-20T15:00+00:00"),
    ],
)
def test_a_clock_time_that_is_doubled_or_missing_by_the_new_rules_has_one_moment(
    machine: Machine, before: str, after: str, moment: str, expected: str
) -> None:
    zones = []
    for rule in (before, after):
        machine.install(rule)
        zones.append(ZoneInfo(ZONE))
    assert keep_wall_time(datetime.fromisoformat(moment), *zones) == datetime.fromisoformat(expected)


def test_the_rules_are_read_where_zoneinfo_reads_them_also_from_the_package() -> None:
    from tzdata import IANA_VERSION  # type: ignore[import-untyped]

    zoneinfo.reset_tzpath([])
    try:
        assert read_zone_data(ZONE).release == IANA_VERSION
    finally:
        zoneinfo.reset_tzpath()
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
        read_zone_data("America/Nowhere")


DAEMON = "from bot import cli, daemon; daemon.ZONE_EVERY_S = 0.5; cli.main()"


def test_a_daemon_whose_machine_gets_new_data_starts_again_with_it(tmp_path: Path, machine: Machine) -> None:
    environment = {**CLINIC, "DATABASE_URL": f"sqlite:///{tmp_path / 'bot.db'}", "PYTHONTZPATH": str(machine.folder)}
    environment |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

    def bot(*words: str) -> str:
        command = [sys.executable, "-m", "bot", *words]
        return subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    who = ("--phone", PHONE, "--name", "Ana", "--language", "en", "--exam", "mri-brain")
    bot("enrol", *who, "--starts-at", f"{datetime.now(UTC).year + 1}-07-01 10:30")
    before = bot("show", "1")
    assert " 10:30" in before
    log, engine = tmp_path / "daemon.log", open_database(environment["DATABASE_URL"])

    def has_looked() -> bool:
        with reading(engine) as session:
            return session.get(PeriodicJob, "zone") is not None

    with log.open("wb") as out:
        command = [sys.executable, "-c", DAEMON, "run", "--no-web", "--no-send"]
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=out, stderr=out)
    try:
        wait_for(has_looked, 120)
        machine.install(NEVER, "2026b")
        wait_for(lambda: "1 appointments keep their clock time" in log.read_text(), 120)
        assert bot("show", "1") == before
    finally:
        process.terminate()
        process.wait(60)
        engine.dispose()
