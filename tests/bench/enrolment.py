"""Enrolment: a CSV file imported, against bare inserts of the very rows that it leaves.

Run as ``python -m tests.bench.enrolment URL FILE`` it imports one file and prints seconds and MB.
"""

import csv
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert, select

from bot.database import open_database
from bot.models import METADATA
from tests.bench.report import Section, find_median, find_ratio
from tests.bench.sizes import Sizes
from tests.bench.stage import KINDS, LANGUAGES, Stage, make_phone, read_memory_mb
from tests.daemons import ROOT

_TABLES = ("contact", "patient", "appointment", "outgoing_text", "audit_event")
_BATCH = 500


def write_file(file: Path, rows: int) -> Path:
    start = datetime.now(UTC).replace(hour=15, minute=0, second=0, microsecond=0) + timedelta(days=20)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["appointment_id", "patient_id", "name", "phone", "language", "exam", "starts_at"])
        for number in range(rows):
            at = start + timedelta(days=number % 200, minutes=5 * (number % 60))
            language = LANGUAGES[number % len(LANGUAGES)]
            phone = make_phone(number)
            writer.writerow(
                [f"A{number}", f"P{number}", f"Name {number}", phone, language, "mri-brain", f"{at:%Y-%m-%dT%H:%M}"]
            )
    return file


def import_once(stage: Stage, url: str, file: Path) -> dict[str, float]:
    """Seconds, and the most MB, of an import in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.enrolment", str(file)]
    environment = os.environ | stage.make_environment(url)
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def insert_bare(rows: dict[str, list[dict[str, Any]]], engine: Engine) -> float:
    """Seconds to insert the same rows: in the same batches, each committed, by SQLAlchemy's Core."""
    began = time.perf_counter()
    appointments = len(rows["appointment"])
    for start in range(0, appointments, _BATCH):
        with engine.execution_options(writes=True).begin() as connection:
            for name in _TABLES:
                each = len(rows[name]) // appointments
                connection.execute(insert(METADATA.tables[name]), rows[name][start * each : (start + _BATCH) * each])
    return time.perf_counter() - began


def measure(stage: Stage, sizes: Sizes) -> Section:
    section = Section(
        "Enrolment",
        f"A CSV file of {sizes.rows:,} appointments, each with patient, contact, four texts and its audit record, "
        "against inserting the same finished rows in the same batches. Memory is the most that the process had.",
        (
            "",
            "CSV rows per second",
            "bare inserts, rows per second",
            "ratio",
            "10,000 rows",
            f"{sizes.many_rows:,} rows",
        ),
    )
    small = write_file(stage.folder / "small.csv", min(10_000, sizes.rows))
    file = write_file(stage.folder / "rows.csv", sizes.rows)
    many = write_file(stage.folder / "many.csv", sizes.many_rows)
    for kind in KINDS:
        stage.prepare(kind, "empty", lambda engine, settings: None)
        ours, bare = [], []
        for _ in range(sizes.pairs):
            with stage.copy(kind, "empty") as url:
                ours.append(sizes.rows / import_once(stage, url, file)["seconds"])
                rows = _read_rows(url)
            with stage.copy(kind, "empty") as url:
                engine = open_database(url)
                bare.append(sizes.rows / insert_bare(rows, engine))
                engine.dispose()
            print(f"  {kind}: {ours[-1]:.0f} rows/s, bare {bare[-1]:.0f}", flush=True)
        memory = []
        for one in (small, many):
            with stage.copy(kind, "empty") as url:
                memory.append(import_once(stage, url, one)["memory_mb"])
        ratio, said = find_ratio(ours, bare), "SQLite" if kind == "sqlite" else "PostgreSQL"
        cells = (f"{find_median(ours):,.0f}", f"{find_median(bare):,.0f}", f"{ratio:.2f}")
        section.rows.append((said, *cells, *(f"{one:.0f} MB" for one in memory)))
        section.held += [
            (f"{said}: CSV rows per second ≥ 0.25 of bare inserts: {ratio:.2f}", ratio >= 0.25),
            (
                f"{said}: memory flat to {sizes.many_rows:,} rows: {memory[1] - memory[0]:+.0f} MB",
                memory[1] - memory[0] < 30,
            ),
        ]
    return section


def _read_rows(url: str) -> dict[str, list[dict[str, Any]]]:
    engine = open_database(url)
    with engine.connect() as connection:
        found = {}
        for name in _TABLES:
            table = METADATA.tables[name]
            found[name] = [dict(row._mapping) for row in connection.execute(select(table).order_by(table.c.id))]
    engine.dispose()
    return found


def _import(file: Path) -> None:
    from bot.importing.appointments_file import import_file
    from bot.settings import load_settings

    settings = load_settings(None)
    engine = open_database(settings.database_url.get_secret_value())
    began = time.perf_counter()
    report = import_file(engine, settings, file, datetime.now(UTC))
    seconds = time.perf_counter() - began
    assert not report.errors, report.errors[:3]
    print(json.dumps({"seconds": seconds, "memory_mb": read_memory_mb(os.getpid(), "VmHWM")}))


if __name__ == "__main__":
    _import(Path(sys.argv[1]))
