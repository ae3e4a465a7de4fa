"""Holding: what a million reminders in the future cost, against one job for each."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert

from bot.appointments import reschedule
from bot.daemon import now as now_
from bot.database import get_clinic, looking, open_database, reading, writing
from bot.due import find_oldest_due, has_due
from bot.models import Appointment, Contact, OutgoingText, Patient
from bot.settings import Settings
from tests.bench import peer_runs
from tests.bench.provider import Provider
from tests.bench.report import Section, find_median
from tests.bench.sizes import Sizes
from tests.bench.stage import KINDS, Stage, enrol_due, make_phone, read_memory_mb
from tests.daemons import Daemon, find_free_port, wait_for

_STEPS = ("welcome", "safety", "prepare", "arrive")
_BATCH = 5_000


def hold(engine: Engine, settings: Settings, many: int) -> None:
    """So many planned texts, four an appointment, due over the next months; and one that is due now."""
    enrol_due(engine, settings, 1)
    with reading(engine) as session:
        clinic_id = get_clinic(session).id
    moment = datetime.now(UTC)
    for start in range(10, 10 + many // 4, _BATCH):
        numbers = range(start, min(start + _BATCH, 10 + many // 4))
        with engine.execution_options(writes=True).begin() as connection:
            for table, rows in _make_rows(numbers, clinic_id or 0, moment):
                connection.execute(insert(table), rows)
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            for name in ("contact", "patient", "appointment", "outgoing_text"):
                connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), 100000000)")


def _make_rows(numbers: range, clinic_id: int, moment: datetime) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    yield (
        Contact,
        [
            {"id": one, "phone": make_phone(one), "language": "en", "consented_at": moment, "created_at": moment}
            for one in numbers
        ],
    )
    yield Patient, [{"id": one, "given_name": "Ana", "contact_id": one} for one in numbers]
    starts = {one: moment + timedelta(days=30, seconds=one * 20) for one in numbers}
    yield (
        Appointment,
        [
            {
                "id": one,
                "patient_id": one,
                "clinic_id": clinic_id,
                "exam": "mri-brain",
                "starts_at": starts[one],
                "language": "en",
                "created_at": moment,
            }
            for one in numbers
        ],
    )
    yield (
        OutgoingText,
        [
            {
                "id": one * 4 + place,
                "contact_id": one,
                "appointment_id": one,
                "kind": "reminder",
                "step": step,
                "due_at": starts[one] - timedelta(days=(25, 7, 2, 0)[place], hours=3),
                "body": "",
                "useful_until": starts[one],
                "created_at": moment,
            }
            for one in numbers
            for place, step in enumerate(_STEPS)
        ],
    )


def measure(stage: Stage, provider: Provider, sizes: Sizes) -> Section:
    section = Section(
        "Holding",
        f"{sizes.held:,} reminders in the future, against an empty table; (b) holds {sizes.peer_held:,} jobs, because "
        "planning more takes it too long. Memory is that of a node which only sends (`--no-web`): one with pages goes "
        "on reading word lists for a while. Start-up is a whole node's, from starting the process to the first text at "
        "the provider. A tick is one look at what is due; a move is one appointment rescheduled, with its four texts "
        "planned again.",
        ("", "memory", "start to first text", "idle tick", "move, p50", "planning them"),
    )
    for kind in KINDS:
        stage.prepare(kind, "held_none", lambda engine, settings: enrol_due(engine, settings, 1))
        began = time.monotonic()
        stage.prepare(kind, "held", lambda engine, settings: hold(engine, settings, sizes.held))
        planned_s = time.monotonic() - began
        memory: dict[str, list[float]] = {"held_none": [], "held": []}
        first_s: list[float] = []
        for _ in range(sizes.pairs):
            for name in memory:
                with stage.copy(kind, name) as url:
                    memory[name].append(_start(stage, provider, url, "--no-web")[0])
                if name == "held":
                    with stage.copy(kind, name) as url:
                        first_s.append(_start(stage, provider, url)[1])
        tick, move = {}, {}
        for name in memory:
            with stage.copy(kind, name) as url:
                tick[name], move[name] = _measure_calls(stage, url, sizes)
        more = find_median([one - none for none, one in zip(memory["held_none"], memory["held"], strict=True)])
        said = "SQLite" if kind == "sqlite" else "PostgreSQL"
        for name, label in (("held_none", f"{said}, none held"), ("held", f"{said}, {sizes.held:,} held")):
            section.rows.append(
                (
                    label,
                    f"{find_median(memory[name]):.0f} MB",
                    f"{find_median(first_s):.1f} s" if name == "held" else "",
                    f"{tick[name]:.2f} ms",
                    f"{move[name]:.1f} ms",
                    f"{planned_s:.0f} s as rows" if name == "held" else "",
                )
            )
        most_ms = 0.1 if kind == "sqlite" else 0.5
        section.held += [
            (f"{said}: memory at most 2 MB above none held: {more:+.1f} MB", more <= 2),
            (f"{said}: idle tick ≤ {most_ms} ms: {tick['held']:.3f} ms", tick["held"] <= most_ms),
            (
                f"{said}: reschedule p50 ≤ 1 ms beyond an empty table's: {move['held'] - move['held_none']:+.2f} ms",
                move["held"] - move["held_none"] <= 1,
            ),
            (f"{said}: start to first text ≤ 1.5 s: {find_median(first_s):.1f} s", find_median(first_s) <= 1.5),
        ]
    theirs = peer_runs.measure_apscheduler(sizes.peer_held, stage.folder)
    section.rows.append(
        (
            f"(b) APScheduler, {sizes.peer_held:,} jobs",
            f"{theirs['memory_mb']:.0f} MB",
            f"{theirs['start_s']:.1f} s to list its jobs",
            f"{theirs['tick_ms']:.2f} ms",
            f"{theirs['move_ms']:.1f} ms",
            f"{theirs['seconds']:.0f} s",
        )
    )
    return section


def _start(stage: Stage, provider: Provider, url: str, *options: str) -> tuple[float, float]:
    """MB of a node a while after its start, and the seconds from its start to its first text."""
    engine = open_database(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE sending_hold SET paused_at = NULL")
    engine.dispose()
    provider.reset(0)
    port = find_free_port()
    began = time.monotonic()
    node = Daemon(stage.make_environment(url, provider, port), port, stage.folder, *options)
    try:
        wait_for(lambda: provider.count()["texts"] >= 1, 180)
        time.sleep(3)
        return read_memory_mb(node.process.pid), float(provider.count()["first"]) - began
    finally:
        node.stop()


def _measure_calls(stage: Stage, url: str, sizes: Sizes) -> tuple[float, float]:
    """Milliseconds of an idle tick and of a reschedule, each the median."""
    settings, engine = stage.load_settings(url), open_database(url)
    moment = now_() - timedelta(hours=1)
    with engine.connect() as connection:
        since = (find_oldest_due(connection, moment) or moment) - timedelta(minutes=10)

    def tick() -> None:
        with looking(engine) as connection:
            assert not has_due(connection, moment, since)

    numbers = iter(range(1, sizes.changes + 1))

    def move() -> None:
        number = next(numbers)
        with writing(engine) as session:
            # Of an empty table there is only the first to move, again and again.
            appointment = number + 9 if session.get(Appointment, number + 9) else 1
            starts_at = now_() + timedelta(days=40, minutes=number)
            reschedule(session, settings.plan, appointment, starts_at, now_(), "bench")

    found = _time(tick, 500), _time(move, sizes.changes)
    engine.dispose()
    return found


def _time(work: Callable[[], None], times: int) -> float:
    spans = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spans.append((time.perf_counter() - began) * 1000)
    return find_median(spans)
