"""The terminal: a progress bar while rows run, a table for each when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.measure import Effort
from benchmarks.profiles import Section
from benchmarks.report import HEAD, SUMMARY, cells, lead, summary
from benchmarks.row import Row
from benchmarks.run import Result, run

__all__ = ["shown", "watched"]

STYLES = {"ours": "bold", "hand": "", "peer": "dim"}
WIDTH = 140  # of a file or a pipe


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, WIDTH))


def watched(rows: Sequence[Row], effort: Effort, console: Console | None = None) -> list[Result]:
    """Run rows with a bar on the terminal; each one's table appears when it is done."""
    console = console or _console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results = []
    with Progress(*columns, console=console, transient=True, refresh_per_second=1) as progress:
        task = progress.add_task("", total=len(rows))
        for row in rows:
            progress.update(task, description=row.name)
            progress.refresh()
            start = perf_counter()
            results.append(run(row, effort))
            progress.advance(task)
            progress.console.print(_table(results[-1], perf_counter() - start))
    return results


def _table(result: Result, seconds: float) -> Table:
    unit = result.row.kind.unit
    found = Table(title=f"{result.row.name}: {escape(result.row.title)} ({seconds:.0f} s)", title_justify="left")
    lines = [cells(figure, unit) for figure in result.figures]
    filled = [i for i in range(len(HEAD)) if any(line[i] for line in lines)]
    for i in filled:
        found.add_column(HEAD[i], justify="right" if 1 <= i <= 4 else "left", overflow="fold", no_wrap=1 <= i <= 2)
    for figure, line in zip(result.figures, lines, strict=True):
        style = "red" if figure.reached is False or not figure.correct else STYLES[figure.contender.role]
        found.add_row(*(escape(line[i]) for i in filled), style=style)
    return found


def shown(results: Sequence[Result], sections: Sequence[Section], console: Console | None = None) -> None:
    """The profiles, and the table of all targets."""
    console = console or _console()
    for section in sections:
        found = Table(*section.head, title=escape(section.title), title_justify="left")
        for line in section.lines:
            found.add_row(*map(escape, line))
        console.print(found)
    found = Table(*SUMMARY, title="Targets", title_justify="left")
    for line in summary(results):
        found.add_row(*map(escape, line), style="red" if line[4] == "NO" else "")
    if found.row_count:
        console.print(found)
    for result in results:
        for peer in result.leads:
            style, which = ("red", "ahead") if peer.beyond_noise else ("yellow", "within noise")
            console.print(f"[{style}]{result.row.name}, {which}: {escape(lead(peer))}[/{style}]")
