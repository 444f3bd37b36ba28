"""Results as Markdown and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Spread
from benchmarks.profiles import Section
from benchmarks.run import CORRECT, Figure, Lead, Result

__all__ = ["HEAD", "amount", "cells", "markdown", "plain", "ratio", "summary", "target", "write"]

HEAD = ("who", "median", "ratio (quartiles)", "error / peak", "ULP", "target", "")
SUMMARY = ("row", "what", "ratio or figure", "target", "reached", "best correct peer")
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
MOST = 9  # digits more than usual
NOTES = f"""Ratios are taken round by round against the first contender of each table that is named there as 1.00; the
contenders of a round run one after another in random order, in one process (imports and first calls: each in a new
one). Figures are medians, quartiles in brackets. Errors are against exact values of 50 digits: the largest as a share
of the peak, and in units in the last place of the result's own type; a result further off than {CORRECT:g} of the peak
counts as wrong, and its speed for nothing. Only ratios mean anything on another machine.

A correct peer is set beside the best of ours on the same work, by the ratios of ours to the peer's over the rounds
that both took part in: it is ahead if their lower quartile is above 1, so that it was the cheaper in three rounds of
four or more. A peer that was the cheaper in more than half of them, but in fewer than that, is within noise."""


def amount(value: float, unit: str, limit: float | None = None) -> str:
    """A figure with a unit that suits its size, and digits enough to tell it from a limit."""
    return _beside(limit, value, lambda more: _amount(value, unit, more))[0]


def _amount(value: float, unit: str, more: int) -> tuple[str, float]:
    """The text, and the number that it says."""
    if unit in ("s", "bytes"):
        for size, name in UNITS if unit == "s" else SIZES:
            if abs(value) >= size * 0.9995:
                x = value / size
                text = f"{x:.{3 + more}g}" if abs(x) < 999.5 else f"{x:.{more}f}"
                return f"{text} {name}", float(text) * size
        size, name = (1e-9, "ns") if unit == "s" else (1.0, "B")
        text = f"{value / size:.{2 + more}g}" if unit == "s" else f"{value:.{more}f}"
        return f"{text} {name}", float(text) * size
    return f"{value:,.{more}f}", round(value, more)


def _beside(limit: float | None, value: float, said: Callable[[int], tuple[str, float]]) -> tuple[str, int]:
    """What is said of a value, with as many digits more as it takes to be on its own side of a limit; how many."""
    for more in range(MOST):
        text, number = said(more)
        if limit is None or (number <= limit) == (value <= limit):
            return text, more
    return said(MOST)[0], MOST


def ratio(spread: Spread, limit: float | None = None) -> str:
    """A ratio with its quartiles, where they differ, and with digits enough to tell it from a limit."""

    def short(x: float, more: int) -> str:
        return f"{x:.{2 + more}g}" if x < 0.1 else f"{x:,.{more + (0 if x >= 100 else 1 if x >= 10 else 2)}f}"

    def said(more: int) -> tuple[str, float]:
        text = short(spread.median, more)
        return text, float(text.replace(",", ""))

    text, more = _beside(limit, spread.median, said)
    quartiles = f" ({short(spread.low, more)}–{short(spread.high, more)})" if spread.low != spread.high else ""
    return text + quartiles


def target(figure: Figure, unit: str) -> str:
    """What is to be reached."""
    wanted = figure.contender.target
    if wanted is None:
        return ""
    return f"≤ {wanted.limit:g}" if wanted.of == "ratio" else f"≤ {amount(wanted.limit, unit)}"


def _limit(figure: Figure, of: str) -> float | None:
    """Of a figure's ratio or of its value, if it has one."""
    wanted = figure.contender.target
    return wanted.limit if wanted is not None and wanted.of == of else None


def verdict(figure: Figure) -> str:
    """Reached, missed or wrong."""
    if not figure.correct:
        return "wrong"
    return {None: "", True: "reached", False: "MISSED"}[figure.reached]


def cells(figure: Figure, unit: str) -> tuple[str, ...]:
    """One line of a row's table."""
    name = figure.contender.name
    if figure.value is None or figure.missing:
        return name, figure.missing, "", "", "", target(figure, unit), ""
    wrong = figure.errors
    return (
        name,
        amount(figure.value.median, unit, _limit(figure, "value")),
        "" if figure.ratio is None else ratio(figure.ratio, _limit(figure, "ratio")),
        "" if wrong is None else f"{wrong.share:.1e}",
        "" if wrong is None else f"{wrong.ulp:.1f}" if wrong.ulp < 1000 else f"{wrong.ulp:.0e}",
        target(figure, unit),
        verdict(figure),
    )


def summary(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """One line for each target."""
    lines: list[tuple[str, ...]] = []
    for result in results:
        for figure in result.figures:
            wanted = figure.contender.target
            if wanted is None:
                continue
            peer = result.best("peer", figure.contender.work)
            theirs = (
                ""
                if peer is None or peer.ratio is None
                else f"{ratio(Spread.of([peer.ratio.median]))} {peer.contender.name}"
            )
            unit = result.row.kind.unit
            found = figure.missing
            if figure.value is not None and figure.ratio is not None:
                found = (
                    ratio(figure.ratio, wanted.limit)
                    if wanted.of == "ratio"
                    else amount(figure.value.median, unit, wanted.limit)
                )
            reached = {None: "not measured", True: "yes", False: "NO"}[figure.reached]
            lines.append((result.row.name, figure.contender.name, found, target(figure, unit), reached, theirs))
    return lines


def table(head: Sequence[str], lines: Iterable[Sequence[str]], numbers: frozenset[int] = frozenset()) -> str:
    """A Markdown table; columns in ``numbers`` are set to the right."""
    rule = ["---:" if i in numbers else "---" for i in range(len(head))]
    rows = [head, rule, *([cell.replace("|", "\\|") for cell in line] for line in lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def lead(found: Lead) -> str:
    """A peer, and how it compares."""
    rounds = f"{found.rounds} rounds" if found.rounds > 1 else "one round"
    return f"{found.peer.contender.name}; {found.ours.contender.name} to it {ratio(found.ratio, 1.0)}, {rounds}"


def verdicts(results: Sequence[Result]) -> list[str]:
    """Which peers are ahead, and which seem so."""
    heads = (
        "Rows in which a peer with a correct result is ahead on the same work: ",
        "Rows in which a peer seems ahead, within noise: ",
    )
    kinds = ([(r, r.ahead) for r in results], [(r, r.close) for r in results])
    lines = [[f"- `{r.row.name}`: {lead(found)}" for r, leads in kind for found in leads] for kind in kinds]
    return [head + ("none." if not some else "\n\n" + "\n".join(some)) for head, some in zip(heads, lines, strict=True)]


def markdown(results: Sequence[Result], sections: Sequence[Section], machine: dict[str, Any], quick: bool) -> str:
    """The whole report."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    measured = f"Measured: {machine['revision']}. " if machine.get("revision") else ""
    about = f"{measured}{machine['processor']}, {machine['cores']} cores, {machine['system']}; {versions}."
    if machine.get("load") is not None:
        about += f" Load average at the end: {machine['load']}; the benchmark's own is 1 to {machine['cores']}."
    if machine.get("minutes") is not None:
        about += f" All of it took {machine['minutes']} minutes."
    parts = ["# Benchmark", "Written by `python -m benchmarks`; see the end for what the columns mean.", about]
    if quick:
        parts.append("**A quick run: few rounds, nothing to quote.**")
    parts += ["## Targets", table(SUMMARY, summary(results)), *verdicts(results)]
    for result in results:
        row = result.row
        parts += [f"## {row.name}: {row.title}", *([row.note] if row.note else [])]
        body = [cells(f, row.kind.unit) for f in result.figures]
        parts.append(table(HEAD, body, frozenset({1, 2, 3, 4})))
    if sections:
        parts.append("## Where the time goes")
    for section in sections:
        parts += [f"### {section.title}", section.note]
        parts.append(table(section.head, section.lines, frozenset(range(1, len(section.head)))))
    return "\n\n".join([*parts, "## How to read it", NOTES]) + "\n"


def plain(
    results: Sequence[Result], sections: Sequence[Section], machine: dict[str, Any], quick: bool
) -> dict[str, Any]:
    """The same as plain data."""

    def of(figure: Figure) -> dict[str, Any]:
        found: dict[str, Any] = {"name": figure.contender.name, "role": figure.contender.role}
        if figure.contender.work:
            found["work"] = figure.contender.work
        if figure.missing:
            return {**found, "missing": figure.missing}
        for name, part in (("value", figure.value), ("ratio", figure.ratio), ("error", figure.errors)):
            found[name] = None if part is None else _finite(dataclasses.asdict(part))
        wanted = figure.contender.target
        found["target"] = None if wanted is None else dataclasses.asdict(wanted)
        return {**found, "reached": figure.reached, "correct": figure.correct, "rounds": figure.rounds}

    def beside(found: Lead) -> dict[str, Any]:
        names = {"peer": found.peer.contender.name, "ours": found.ours.contender.name}
        return {**names, "ratio": dataclasses.asdict(found.ratio), "rounds": found.rounds}

    return {
        "format": 1,
        "quick": quick,
        "machine": machine,
        "rows": [
            {
                "name": r.row.name,
                "title": r.row.title,
                "note": r.row.note,
                "unit": r.row.kind.unit,
                "reference": r.row.reference,
                "figures": [of(f) for f in r.figures],
                "ahead": [beside(found) for found in r.ahead],
                "within noise": [beside(found) for found in r.close],
            }
            for r in results
        ],
        "profiles": [dataclasses.asdict(s) for s in sections],
    }


def _finite(numbers: dict[str, float]) -> dict[str, Any]:
    """JSON has no infinity."""
    return {name: x if abs(x) < 1e300 else None for name, x in numbers.items()}


def write(
    output: Path, results: Sequence[Result], sections: Sequence[Section], machine: dict[str, Any], quick: bool
) -> None:
    """Write the Markdown file, and the JSON file beside it."""
    output.write_text(markdown(results, sections, machine, quick), encoding="utf-8")
    data = plain(results, sections, machine, quick)
    output.with_suffix(".json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
