"""Medians, and tables in ``docs/benchmarks.md``."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

HEAD = """# Benchmarks

`make bench` writes this page. Trust the ratios, not the figures: every figure stands beside a yardstick that ran in the
same minutes on the same machine, in turn, and a ratio is the median of the ratios of the pairs. The provider is a
stand-in on the loopback address, without TLS, that takes every text after a delay (0 ms or 80 ms).

The bot is the whole product: a process of `bot run` with its web server, its log and its database, which commits a
claim before a text leaves and writes back what became of it. SQLite is on `synchronous=FULL`.
"""


@dataclass
class Section:
    """One table and what to know about it. ``held`` are the lines that must hold, each with whether it did."""

    title: str
    explanation: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    held: list[tuple[str, bool]] = field(default_factory=list)

    def write(self) -> str:
        lines = [f"## {self.title}", "", self.explanation, ""]
        lines += [_row(self.columns), _row(["---"] * len(self.columns)), *map(_row, self.rows), ""]
        lines += [f"- {'held' if did else '**not held**'}: {what}" for what, did in self.held]
        return "\n".join(lines).rstrip() + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def find_median(values: Sequence[float]) -> float:
    return statistics.median(values)


def find_quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def find_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of pairs that ran one after the other."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def write_report(file: Path, sections: Sequence[Section], notes: Sequence[str]) -> None:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    machine = (
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} processors, "
        f"load at the end {load}."
    )
    parts = [HEAD, "\n".join([machine, *notes]) + "\n", *(section.write() for section in sections)]
    file.write_text("\n".join(parts), encoding="utf-8")
