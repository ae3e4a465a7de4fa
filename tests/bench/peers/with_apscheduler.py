"""The design of the tutorials: one ``date`` job a reminder in a SQLAlchemyJobStore, Twilio's synchronous client.

Run as ``with_apscheduler.py plan|run|measure URL FORMS FOLDER DELAY [defaults]``. ``plan`` adds the jobs and prints
how long it took, ``run`` is the process that sends; ``measure`` says what holding jobs costs.
"""

import json
import resource
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from twilio.rest import Client

URL, FORMS, FOLDER, DELAY_S = sys.argv[2], Path(sys.argv[3]), sys.argv[4], float(sys.argv[5])
DEFAULTS = "defaults" in sys.argv
client = Client("AC" + "0" * 32, "test-token-of-nobody")
client.api.base_url = URL


def send(to: str, body: str) -> None:
    client.messages.create(to=to, body=body, messaging_service_sid="MG" + "0" * 32)


def make_scheduler() -> BackgroundScheduler:
    stores = {"default": SQLAlchemyJobStore(f"sqlite:///{FOLDER}/jobs.db")}
    if DEFAULTS:
        return BackgroundScheduler(jobstores=stores, timezone="UTC")
    return BackgroundScheduler(
        jobstores=stores,
        executors={"default": ThreadPoolExecutor(50)},
        job_defaults={"misfire_grace_time": None},
        timezone="UTC",
    )


def plan(when: datetime) -> None:
    scheduler = make_scheduler()
    scheduler.start(paused=True)
    started = time.perf_counter()
    for line in FORMS.read_text(encoding="utf-8").splitlines():
        scheduler.add_job("with_apscheduler:send", "date", run_date=when, args=json.loads(line))
    print(json.dumps({"seconds": time.perf_counter() - started}))
    scheduler.shutdown()


def run() -> None:
    scheduler = make_scheduler()
    scheduler.start()
    while True:
        time.sleep(1)


def measure() -> None:
    """What it costs to hold the planned jobs: starting, looking at what is due, moving one."""
    scheduler = make_scheduler()
    started = time.perf_counter()
    scheduler.start()
    jobs = scheduler.get_jobs()
    start_s = time.perf_counter() - started
    store = scheduler._jobstores["default"]
    ticks = []
    for _ in range(50):
        begun = time.perf_counter()
        store.get_due_jobs(datetime.now(UTC))
        store.get_next_run_time()
        ticks.append(time.perf_counter() - begun)
    moves = []
    for job in jobs[:50]:
        begun = time.perf_counter()
        scheduler.reschedule_job(job.id, trigger="date", run_date=datetime.now(UTC) + timedelta(days=40))
        moves.append(time.perf_counter() - begun)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "start_s": start_s,
                "tick_ms": statistics.median(ticks) * 1000,
                "move_ms": statistics.median(moves) * 1000,
                "memory_mb": memory,
            }
        )
    )
    scheduler.shutdown()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    if sys.argv[1] == "plan":
        plan(datetime.now(UTC) + timedelta(seconds=DELAY_S))
    elif sys.argv[1] == "run":
        run()
    else:
        measure()
