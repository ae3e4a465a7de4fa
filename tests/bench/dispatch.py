"""Dispatch: a burst of due reminders in twelve languages, against the bare loop and other designs."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path

from bot.database import open_database
from bot.settings import Settings
from tests.bench import peer_runs
from tests.bench.provider import Provider
from tests.bench.report import Section, find_median, find_ratio
from tests.bench.sizes import Sizes
from tests.bench.stage import KINDS, Stage, enrol_due, let_go, read_cpu_s, read_memory_mb
from tests.daemons import Daemon

_IN_FLIGHT = 50


@dataclass(frozen=True)
class Run:
    """Texts per second from the first that came to the last; microseconds of a processor for each; the most MB."""

    rate: float
    processor_us: float
    memory_mb: float


class Ours:
    """A node of the bot that sends one burst after another, its patients enrolled while it is paused."""

    def __init__(self, node: Daemon, url: str, settings: Settings, provider: Provider) -> None:
        self._node, self._url, self._settings, self._provider = node, url, settings, provider
        self._enrolled = 0

    def run(self, texts: int, delay_s: float, before: timedelta = timedelta()) -> Run:
        """Send a burst.

        Raises:
            AssertionError: a text was lost or came twice.
        """
        engine = open_database(self._url)
        enrol_due(engine, self._settings, texts, before, self._enrolled)
        engine.dispose()
        self._enrolled += texts
        self._provider.reset(delay_s)
        time.sleep(1)
        pid = self._node.process.pid
        used = read_cpu_s(pid)
        let_go(self._url)
        counted = self._provider.wait_for(texts, 120)
        used = read_cpu_s(pid) - used
        assert self._provider.count_copies() == (texts, 0), "lost or doubled"
        return Run(texts / float(counted["seconds"]), used / texts * 1e6, read_memory_mb(pid, "VmHWM"))


@contextmanager
def run_ours(stage: Stage, provider: Provider, kind: str) -> Iterator[Ours]:
    """A whole node, web pages and all."""
    stage.prepare(kind, "empty", lambda engine, settings: None)
    with stage.copy(kind, "empty") as url, stage.run_nodes(url, provider) as [node]:
        yield Ours(node, url, stage.load_settings(url), provider)
        assert node.stop() == 0


def write_forms(provider: Provider, file: Path, texts: int) -> Path:
    """The numbers and bodies that the provider has just been sent, for others to send again."""
    lines = [json.dumps([to, body]) for to, body, _ in provider.list_texts()[:texts]]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def measure(stage: Stage, provider: Provider, sizes: Sizes, redis: str | None) -> Section:
    section = Section(
        "Dispatch",
        f"{sizes.texts:,} reminders ({sizes.texts_slowly:,} at 80 ms) in twelve languages, due at once; texts a second "
        f"at the provider. The peers send {sizes.peer_texts:,} of the same texts. Ratios are ours to theirs. Every run "
        "of ours was checked at the provider: none lost, none doubled.",
        ("", "0 ms", "our ratio: SQLite", "PostgreSQL", "80 ms", "our ratio: SQLite", "PostgreSQL"),
    )
    peers = {
        "(a) bare aiohttp loop": None,
        "(b) APScheduler, `misfire_grace_time=None`": lambda **run: peer_runs.run_apscheduler(**run)[0],
        "(c) Celery, Redis, ETA tasks": partial(peer_runs.run_celery, redis=redis) if redis else None,
        "(d) procrastinate": partial(peer_runs.run_procrastinate, postgres=stage.postgres),
    }
    rates: dict[tuple[str, float], list[float]] = {}
    lost: list[float] = []
    memory: dict[str, float] = {}
    used: dict[str, list[float]] = {}
    with ExitStack() as nodes:
        ours_of = {kind: nodes.enter_context(run_ours(stage, provider, kind)) for kind in KINDS}
        for (delay_s, texts), _ in product(((0.0, sizes.texts), (0.08, sizes.texts_slowly)), range(sizes.pairs)):
            for kind in KINDS:
                ours = ours_of[kind].run(texts, delay_s)
                rates.setdefault((kind, delay_s), []).append(ours.rate)
                memory[kind] = ours.memory_mb
                forms = write_forms(provider, stage.folder / "forms.jsonl", texts)
                bare, bare_us = peer_runs.run_bare(provider, forms, texts, delay_s)
                rates.setdefault((f"bare {kind}", delay_s), []).append(bare)
                if not delay_s:
                    used.setdefault(kind, []).append(ours.processor_us)
                    used.setdefault(f"bare {kind}", []).append(bare_us)
                print(f"  {kind}, {delay_s * 1000:.0f} ms: {ours}; bare loop {bare:.0f}, {bare_us:.0f} µs", flush=True)
            few = stage.folder / "few.jsonl"
            few.write_text("".join(forms.read_text().splitlines(keepends=True)[: sizes.peer_texts]))
            for name, run in peers.items():
                if run is not None:
                    rate = run(provider=provider, forms=few, texts=sizes.peer_texts, delay_s=delay_s)
                    rates.setdefault((name, delay_s), []).append(rate)
                    print(f"  {name}: {rate:.0f}", flush=True)
            lost.append(peer_runs.run_apscheduler(provider, few, sizes.peer_texts, delay_s, defaults=True)[1])
    return _fill(section, rates, used, lost, memory, redis)


def _fill(
    section: Section,
    rates: dict[tuple[str, float], list[float]],
    used: dict[str, list[float]],
    lost: list[float],
    memory: dict[str, float],
    redis: str | None,
) -> Section:
    def show(name: str, delay_s: float) -> str:
        found = rates.get((name, delay_s))
        return f"{find_median(found):,.0f}" if found else "not run"

    def ratio(kind: str, name: str, delay_s: float) -> float:
        return find_ratio(rates[kind, delay_s], rates[name, delay_s])

    for kind in KINDS:
        cells = [show(kind, 0.0), "", "", show(kind, 0.08), "", ""]
        section.rows.append(
            (f"ours on {'SQLite' if kind == 'sqlite' else 'PostgreSQL'} ({memory[kind]:.0f} MB)", *cells)
        )
    bare = {kind: {at: ratio(kind, f"bare {kind}", at) for at in (0.0, 0.08)} for kind in KINDS}
    cells = [show("bare sqlite", 0.0), *(f"{bare[kind][0.0]:.2f}" for kind in KINDS)]
    cells += [show("bare sqlite", 0.08), *(f"{bare[kind][0.08]:.2f}" for kind in KINDS)]
    section.rows.append(("(a) bare aiohttp loop, 50 in flight", *cells))
    names = sorted({name for name, _ in rates if name.startswith("(")})
    for name in names:
        cells = []
        for at in (0.0, 0.08):
            cells += [show(name, at), *(f"{ratio(kind, name, at):.1f}" for kind in KINDS)]
        section.rows.append((name, *cells))
    if redis is None:
        section.rows.append(("(c) Celery", *["not run: no redis-server here"], *[""] * 5))
    section.rows.append(
        (
            "(b) with its defaults",
            f"loses {min(lost):.0%} to {max(lost):.0%} of the burst, in the median {find_median(lost):.0%}",
            *[""] * 5,
        )
    )
    section.explanation += " Processor time a text at 0 ms, in µs, ours and the bare loop's: " + "; ".join(
        f"{kind} {find_median(used[kind]):.0f} and {find_median(used[f'bare {kind}']):.0f} "
        f"(ratio {find_ratio(used[f'bare {kind}'], used[kind]):.2f})"
        for kind in KINDS
    )
    section.explanation += ". Where the machine is shared, this ratio says more than that of the rates."
    section.held += [
        (f"0 ms, SQLite ≥ 0.80 of the bare loop: {bare['sqlite'][0.0]:.2f}", bare["sqlite"][0.0] >= 0.8),
        (f"0 ms, PostgreSQL ≥ 0.60: {bare['postgresql'][0.0]:.2f}", bare["postgresql"][0.0] >= 0.6),
    ]
    for name, least in (("(b)", 10), ("(c)", 5), ("(d)", 10)):
        for found in (one for one in names if one.startswith(name)):
            for kind in KINDS:
                times = ratio(kind, found, 0.0)
                section.held.append((f"0 ms, {kind} ≥ {least} × {found}: {times:.1f}", times >= least))
    for kind in KINDS:
        share = find_median(rates[kind, 0.08]) / (_IN_FLIGHT / 0.08)
        section.held.append((f"80 ms, {kind} ≥ 0.9 of 50 ÷ latency: {share:.2f}", share >= 0.9))
    section.held.append(("none lost, none doubled", True))
    return section
