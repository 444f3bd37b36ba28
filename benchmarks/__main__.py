"""The command: ``python -m benchmarks [--only PATTERN] [--quick] [--output FILE]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter

from benchmarks import machine, profiles, report, screen
from benchmarks.measure import FULL, QUICK
from benchmarks.rows import ROWS, chosen

RESULTS = Path(__file__).parent / "RESULTS.md"


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure lrsched beside its peers and beside hand-written code for the same schedules.",
        epilog="A whole run writes benchmarks/RESULTS.md and .json; with --only or --quick nothing is written "
        "unless --output says where.",
    )
    parser.add_argument("--only", metavar="PATTERN", default="", help="rows whose name contains this; * and ? match")
    parser.add_argument("--quick", action="store_true", help="few rounds, without what is slow: a look, no result")
    parser.add_argument("--output", metavar="FILE", type=Path, help="Markdown here, and JSON beside it")
    parser.add_argument("--list", action="store_true", help="name the rows and stop")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 whatever the results are, 2 if no row is meant."""
    given = _arguments().parse_args(arguments)
    rows = chosen(given.only) if given.only else ROWS
    if given.list:
        print(*(f"{row.name:22} {row.title}" for row in rows), sep="\n")
        return 0
    if not rows:
        print(f"no row is called {given.only!r}; there are {', '.join(row.name for row in ROWS)}", file=sys.stderr)
        return 2
    start = perf_counter()
    results = screen.watched(rows, QUICK if given.quick else FULL)
    sections = () if given.only else profiles.sections()
    screen.shown(results, sections)
    output = given.output or (None if given.only or given.quick else RESULTS)
    if output is not None:
        about = {**machine.described(), "minutes": round((perf_counter() - start) / 60, 1)}
        report.write(output, results, sections, about, quick=given.quick)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
