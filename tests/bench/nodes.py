"""Scale-out and catch-up: several nodes on one PostgreSQL, and a backlog after a day's downtime."""

import os
import time
from datetime import timedelta
from functools import partial

from tests.bench.dispatch import run_ours
from tests.bench.provider import Provider
from tests.bench.report import Section, find_median
from tests.bench.sizes import Sizes
from tests.bench.stage import KINDS, Stage, enrol_due, let_go, read_cpu_s

_NODES = (1, 2, 4)


def measure_scale(stage: Stage, provider: Provider, sizes: Sizes) -> Section:
    section = Section(
        "Scale-out",
        "Texts per second of 1, 2 and 4 nodes on one PostgreSQL, 80 ms, 50 in flight each. Processors are how many the "
        f"nodes and the provider used in the mean, PostgreSQL not counted; the machine has {os.cpu_count()}.",
        ("nodes", "texts per second", "times one node", "processors: nodes", "provider"),
    )
    rates: dict[int, list[float]] = {}
    used: dict[int, tuple[float, float]] = {}
    for _ in range(max(1, sizes.pairs // 2)):
        for many in _NODES:
            rate, *cpu = _run(stage, provider, many, sizes.texts_a_node * many)
            rates.setdefault(many, []).append(rate)
            used[many] = (cpu[0], cpu[1])
            print(f"  {many} nodes: {rate:.0f}", flush=True)
    for many in _NODES:
        times = find_median(rates[many]) / find_median(rates[1])
        cells = (f"{find_median(rates[many]):,.0f}", f"{times:.2f}", f"{used[many][0]:.2f}", f"{used[many][1]:.2f}")
        section.rows.append((str(many), *cells))
        least = {2: 1.9, 4: 3.5}.get(many)
        if least is not None:
            section.held.append((f"{many} nodes ≥ {least} × one: {times:.2f}", times >= least))
    return section


def _run(stage: Stage, provider: Provider, many: int, texts: int) -> tuple[float, float, float]:
    """Texts per second; processors used by the nodes and by the provider."""
    name = f"due_{texts}"
    stage.prepare("postgresql", name, partial(enrol_due, many=texts))
    provider.reset(0.08)
    with (
        stage.copy("postgresql", name) as url,
        stage.run_nodes(url, provider, many, ("--no-web",), SEND_AT_ONCE=str(50 * many)) as nodes,
    ):
        pids = [node.process.pid for node in nodes]
        before = [sum(map(read_cpu_s, pids)), read_cpu_s(provider.process.pid)]
        began = time.monotonic()
        let_go(url)
        counted = provider.wait_for(texts, 60)
        span = time.monotonic() - began
        after = [sum(map(read_cpu_s, pids)), read_cpu_s(provider.process.pid)]
        for node in nodes:
            assert node.stop() == 0
    assert provider.count_copies() == (texts, 0), "lost or doubled"
    nodes_used, provider_used = ((then - now) / span for now, then in zip(before, after, strict=True))
    return texts / float(counted["seconds"]), nodes_used, provider_used


def measure_catch_up(stage: Stage, provider: Provider, sizes: Sizes) -> Section:
    section = Section(
        "Catch-up",
        f"{sizes.backlog:,} reminders that became due a day ago, 0 ms, one node.",
        ("", "texts per second", "all in", "most memory"),
    )
    for kind in KINDS:
        with run_ours(stage, provider, kind) as node:
            ours = node.run(sizes.backlog, 0.0, before=timedelta(days=1))
        said = "SQLite" if kind == "sqlite" else "PostgreSQL"
        section.rows.append(
            (said, f"{ours.rate:,.0f}", f"{sizes.backlog / ours.rate:.0f} s", f"{ours.memory_mb:.0f} MB")
        )
    return section
