"""Answering: from a patient's text to the reply at the provider, and webhooks per second against a bare route.

Run as ``python -m tests.bench.answering URL FIRST MANY AT_ONCE PAUSE`` it posts signed webhooks, and prints when each
was posted and how many a second went through.
"""

import asyncio
import json
import subprocess
import sys
import time
from functools import partial
from typing import Any

import aiohttp

from tests.bench.peer_runs import SCRIPTS
from tests.bench.provider import Provider
from tests.bench.report import Section, find_median, find_quantile, find_ratio
from tests.bench.sizes import Sizes
from tests.bench.stage import KINDS, Stage, enrol_due, let_go, make_phone
from tests.daemons import ROOT, find_free_port, is_answering, wait_for
from tests.fake_twilio import sign


def post_texts(url: str, first: int, many: int, at_once: int, pause_s: float = 0.0) -> dict[str, Any]:
    """Post so many webhooks from a process of its own."""
    command = [sys.executable, "-m", "tests.bench.answering", url, *map(str, (first, many, at_once, pause_s))]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def find_latencies(provider: Provider, posted: dict[str, float], seconds: float) -> list[float]:
    """Milliseconds from each webhook to its reply's request at the provider."""
    deadline = time.monotonic() + seconds
    found: dict[str, float] = {}
    while len(found) < len(posted) and time.monotonic() < deadline:
        time.sleep(0.5)
        for to, _, at in provider.list_texts():
            if at > posted.get(to, float("inf")):
                found.setdefault(to, at)
    assert len(found) == len(posted), f"{len(posted) - len(found)} got no reply"
    return [(found[to] - at) * 1000 for to, at in posted.items()]


def measure(stage: Stage, provider: Provider, sizes: Sizes) -> Section:
    section = Section(
        "Answering",
        f"{sizes.questions} questions one after the other: from the webhook to the reply's request at the provider, "
        f"which answers after 80 ms; idle, and while {sizes.texts:,} reminders go out. Webhooks per second: "
        f"{sizes.webhooks:,} with 50 at once, against a FastAPI route that only checks the signature. Answered per "
        "second: from the first of these to the last reply.",
        (
            "",
            "idle p50",
            "idle p99",
            "in a burst p50",
            "in a burst p99",
            "webhooks/s",
            "bare route",
            "ratio",
            "answered/s",
        ),
    )
    for kind in KINDS:
        stage.prepare(kind, f"due_{sizes.texts}", partial(enrol_due, many=sizes.texts))
        provider.reset(0.08)
        idle, burst, ours, answered, bare = [], [], [], [], []
        with stage.copy(kind, f"due_{sizes.texts}") as url, stage.run_nodes(url, provider) as [node]:
            inbound = f"{node.url}/twilio/inbound"
            post_texts(inbound, 0, 5, 1)
            idle += find_latencies(provider, post_texts(inbound, 10, sizes.questions, 1, 0.02)["posted"], 120)
            for number in range(sizes.pairs):
                first = 1_000_000 + number * sizes.webhooks
                began, before = time.monotonic(), provider.count()["texts"]
                ours.append(float(post_texts(inbound, first, sizes.webhooks, 50)["per_second"]))
                # What is still to be understood must not slow down the bare route.
                wait_for(partial(_has, provider, before + sizes.webhooks), 300)
                answered.append(sizes.webhooks / (time.monotonic() - began))
                bare.append(_run_bare_route(sizes.webhooks))
            time.sleep(2)
            # The last in the order of the burst, so that their own reminders are not taken for replies.
            first, before = sizes.texts - sizes.questions, provider.count()["texts"]
            let_go(url)
            wait_for(partial(_has, provider, before + 1), 120)
            burst += _find_replies(provider, post_texts(inbound, first, sizes.questions, 1, 0.01)["posted"])
        said, ratio = "SQLite" if kind == "sqlite" else "PostgreSQL", find_ratio(ours, bare)
        p99 = {"idle": find_quantile(idle, 0.99), "burst": find_quantile(burst, 0.99)}
        section.rows.append(
            (
                said,
                f"{find_median(idle):.0f} ms",
                f"{p99['idle']:.0f} ms",
                f"{find_median(burst):.0f} ms",
                f"{p99['burst']:.0f} ms",
                f"{find_median(ours):,.0f}",
                f"{find_median(bare):,.0f}",
                f"{ratio:.2f}",
                f"{find_median(answered):,.0f}",
            )
        )
        section.held += [
            (f"{said}: reply at the provider p99 ≤ 50 ms idle: {p99['idle']:.0f} ms", p99["idle"] <= 50),
            (f"{said}: p99 ≤ 150 ms in a burst: {p99['burst']:.0f} ms", p99["burst"] <= 150),
            (f"{said}: webhooks per second ≥ 0.5 of the bare route's: {ratio:.2f}", ratio >= 0.5),
        ]
    return section


def _has(provider: Provider, texts: int) -> bool:
    return bool(provider.count()["texts"] >= texts)


def _find_replies(provider: Provider, posted: dict[str, float]) -> list[float]:
    """Milliseconds to each reply, told from the reminders to the same numbers by its body, which all replies share."""
    deadline = time.monotonic() + 120
    while True:
        texts = provider.list_texts()
        bodies: dict[str, dict[str, float]] = {}
        for to, body, at in texts:
            if to in posted:
                bodies.setdefault(to, {})[body] = at
        if all(len(bodies.get(to, {})) >= 2 for to in posted) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    late = [to for to in posted if len(bodies.get(to, {})) < 2]
    assert not late, f"{len(late)} got no reply"
    # A welcome names the clinic, an answer does not.
    return [
        (min(at for body, at in bodies[to].items() if at > since and not _is_reminder(body)) - since) * 1000
        for to, since in posted.items()
    ]


def _is_reminder(body: str) -> bool:
    return "Riverside Imaging" in body


def _run_bare_route(webhooks: int) -> float:
    port = find_free_port()
    process = subprocess.Popen([sys.executable, str(SCRIPTS / "bare_route.py"), str(port)])
    try:
        wait_for(lambda: is_answering(f"http://127.0.0.1:{port}/healthz"), 120)
        return float(post_texts(f"http://127.0.0.1:{port}/twilio/inbound", 0, webhooks, 50)["per_second"])
    finally:
        process.kill()
        process.wait()


async def _post(url: str, first: int, many: int, at_once: int, pause_s: float) -> dict[str, Any]:
    forms = []
    for number in range(first, first + many):
        form = {"MessageSid": f"IN{number}", "From": make_phone(number), "To": "+12025550100", "Body": "metal?"}
        form["NumMedia"] = "0"
        forms.append((form, sign(url, form)))
    posted: dict[str, float] = {}
    waiting = iter(forms)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post_next() -> None:
            for form, headers in waiting:
                posted[form["From"]] = time.monotonic()
                async with session.post(url, data=form, headers=headers) as response:
                    assert response.status == 200, response.status
                    await response.read()
                await asyncio.sleep(pause_s)

        began = time.perf_counter()
        await asyncio.gather(*(post_next() for _ in range(at_once)))
        return {"posted": posted, "per_second": many / (time.perf_counter() - began)}


if __name__ == "__main__":
    _, _url, _first, _many, _at_once, _pause_s = sys.argv
    print(json.dumps(asyncio.run(_post(_url, int(_first), int(_many), int(_at_once), float(_pause_s)))))
