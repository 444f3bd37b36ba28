"""The command: ``python -m benchmarks [--only PATTERN ...] [--quick] [--output FILE]``."""

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
        f"unless --output says where. --quick leaves out {_slow()}.",
    )
    only = "rows whose name contains this; * and ? match; several after one another, or --only again"
    parser.add_argument("--only", metavar="PATTERN", nargs="+", action="extend", default=[], help=only)
    quick = f"a look, no result: {QUICK.least} to {QUICK.most} rounds a row, without the contenders named below"
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--output", metavar="FILE", type=Path, help="Markdown here, and JSON beside it")
    parser.add_argument("--list", action="store_true", help="name the rows and stop")
    return parser


def _slow() -> str:
    """What a quick run leaves out, row by row."""
    found = {row.name: [c.name for c in row.contenders if c.slow] for row in ROWS}
    return "; ".join(f"of {name}: {' / '.join(names)}" for name, names in found.items() if names).replace("%", "%%")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 whatever the results are, 2 if no row is meant."""
    given = _arguments().parse_args(arguments)
    rows = chosen(*given.only) if given.only else ROWS
    if unknown := [pattern for pattern in given.only if not chosen(pattern)]:
        names = ", ".join(row.name for row in ROWS)
        print(f"no row is called {', '.join(map(repr, unknown))}; there are {names}", file=sys.stderr)
        return 2
    if given.list:
        print(*(f"{row.name:22} {row.title}" for row in rows), sep="\n")
        return 0
    start, revision = perf_counter(), machine.revision()
    results = screen.watched(rows, QUICK if given.quick else FULL)
    sections = () if given.only else profiles.sections()
    screen.shown(results, sections)
    output = given.output or (None if given.only or given.quick else RESULTS)
    if output is not None:
        about = {**machine.described(), "revision": revision, "minutes": round((perf_counter() - start) / 60, 1)}
        report.write(output, results, sections, about, quick=given.quick)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
