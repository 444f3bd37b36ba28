"""Runs to learn from: their rates, and the losses that were measured after some of their updates."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from lrsched.analysis.law import counts_of
from lrsched.analysis.rates import MOST_STEPS, rates_of
from lrsched.foundation.errors import ScheduleError, check_real, fail, listed, show
from lrsched.foundation.files import csv_rows, decimal, read_text
from lrsched.foundation.numbers import is_jax
from lrsched.text import schedule

__all__ = ["Run", "runs_of", "shapes_of"]

COLUMNS = ("run", "expression", "steps", "step", "loss")
NEEDED = ("expression", "loss")
PLACES, ALIKE = 201, 0.02


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run: the rate of every update, numbers of updates, the loss after each, and how many losses were dropped."""

    rates: Any
    at: Any
    losses: Any
    dropped: int = 0


def runs_of(where: str, runs: Any) -> list[Run]:
    """The runs that are given: a list of rates, steps and losses, the name of a CSV, or what such a file holds.

    Losses that are NaN, and those before the first rate above 0, are dropped and counted.
    """
    if isinstance(runs, str | Path):
        given: Any = _from_csv(where, io.StringIO(read_text(Path(runs), f"{where}: ")), Path(runs).name)
    elif isinstance(runs, io.TextIOBase):
        given = _from_csv(where, runs, "the CSV")
    else:
        given = runs
    if not isinstance(given, Iterable):
        fail(where, "runs", "a list of (rates, steps, losses), or the name of a CSV", runs, wrong_type=True)
    found: list[Run] = []
    left = MOST_STEPS
    for i, item in enumerate(given):
        found.append(_run(where, f"runs[{i}]", item))
        left -= len(found[-1].rates)
        if left < 0:
            fail(where, "runs", f"runs of at most {MOST_STEPS:,} updates in all", f"more, up to runs[{i}]")
    return found


def _run(where: str, name: str, item: Any) -> Run:
    if not isinstance(item, tuple | list) or len(item) != 3:
        fail(where, name, "(rates or a schedule, steps, losses)", item, wrong_type=True)
    given = np.asarray(item[0]) if is_jax(item[0]) else item[0]
    rates = rates_of(where, given, item[1], argument=f"the rates of {name}")
    at, losses = _measured(where, name, item[2], len(rates))
    if np.isinf(losses).any():
        fail(
            where, f"the losses of {name}", "finite, or NaN where none was measured", float(losses[np.isinf(losses)][0])
        )
    kept = ~np.isnan(losses) & (at > np.argmax(rates > 0))
    return Run(rates, at[kept], losses[kept], int(len(losses) - kept.sum()))


def _measured(where: str, name: str, losses: Any, steps: int) -> tuple[Any, Any]:
    """Numbers of updates, and the losses after them; a single loss is the one after the last update."""
    if not isinstance(losses, tuple | list):
        value = (
            losses
            if isinstance(losses, float) and losses != losses
            else check_real(where, f"the loss of {name}", losses)
        )
        return np.array([steps]), np.array([value])
    allowed = "a number, or (at, losses), two vectors of one length"
    if len(losses) != 2 or any(np.ndim(part) != 1 for part in losses) or len(losses[0]) != len(losses[1]):
        fail(where, f"the losses of {name}", allowed, losses, wrong_type=True)
    values = np.asarray(losses[1])
    if values.dtype.kind not in "iuf":
        fail(where, f"the losses of {name}", allowed, losses, wrong_type=True)
    at = counts_of(f"{where}: the losses of {name}", np.asarray(losses[0]), steps)
    return at, values.astype(np.float64)


# ---- files


def _from_csv(where: str, lines: Iterable[str], name: str) -> list[tuple[Any, Any, Any]]:
    """The runs of a CSV in the order of their first rows."""
    found: dict[tuple[str, ...], tuple[Any, list[Any], list[float]]] = {}
    for number, cells in _rows(where, lines, name):
        place = f"{where}: row {number} of {name}"
        key = (cells["run"] or cells["expression"], cells["expression"], cells["steps"])
        if key not in found:
            found[key] = _described(place, cells), [], []
        found[key][1].append(_count(place, "step", cells["step"]))
        found[key][2].append(_loss(place, cells["loss"]))
    _check_names(where, name, found)
    runs = []
    for (rates, steps), at, losses in found.values():
        made = [len(rates_of(where, rates, steps)) if t is None else t for t in at]
        runs.append((rates, steps, (made, losses)))
    return runs


def _rows(where: str, lines: Iterable[str], name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows that are not empty, by the titles of the columns, with their numbers."""
    rows = csv_rows(where, lines, name)
    _, titles = next(rows, (1, []))
    missing = [title for title in NEEDED if title not in titles]
    strange = [title for title in titles if title not in COLUMNS]
    if missing or strange or len(set(titles)) < len(titles):
        what = f"lack {listed(missing)}" if missing else f"are {listed(titles)}"
        raise ScheduleError(
            f"{where}: the titles of {name} {what}; columns are {', '.join(COLUMNS)}, each at most once"
        )
    for number, row in rows:
        if len(row) != len(titles):
            raise ScheduleError(f"{where}: row {number} of {name} has {len(row)} cells, not {len(titles)}")
        yield number, dict.fromkeys(COLUMNS, "") | dict(zip(titles, row, strict=True))


def _described(place: str, cells: dict[str, str]) -> tuple[Any, Any]:
    """The schedule of a row, and its steps if they are given."""
    try:
        return schedule(cells["expression"]), _count(place, "steps", cells["steps"])
    except ScheduleError as error:
        if str(error).startswith(place):
            raise
        raise ScheduleError(f"{place}: {error}") from None


def _count(place: str, title: str, cell: str) -> int | None:
    """The number of updates in a cell; None for an empty one."""
    if not cell:
        return None
    value = decimal(cell)
    if value is None or value % 1 or not 0 < value < 2**53:
        _refuse(place, title, "a number of updates >= 1, or empty", cell)
    return int(value)


def _loss(place: str, cell: str) -> float:
    value = float("nan") if cell.lower() in ("", "nan") else decimal(cell)
    if value is None:
        _refuse(place, "loss", "a number, or empty", cell)
    return value


def _refuse(place: str, title: str, allowed: str, cell: str) -> NoReturn:
    raise ScheduleError(f"{place}: {title} must be {allowed}, got {show(cell)}")


def _check_names(where: str, name: str, found: Iterable[tuple[str, ...]]) -> None:
    """Refuse two schedules, or two lengths, under the name of one run."""
    names = [key[0] for key in found]
    if twice := [one for one in names if names.count(one) > 1]:
        raise ScheduleError(f"{where}: the run {show(twice[0])} of {name} has two expressions, or two numbers of steps")


# ---- what they differ in


def shapes_of(runs: Iterable[Run]) -> int:
    """How many shapes there are: runs alike are those whose rates, as shares of the peak and of the run, are."""
    kinds: list[Any] = []
    for run in runs:
        places = np.linspace(0, len(run.rates) - 1, PLACES).round().astype(int)
        shape = run.rates[places] / run.rates.max()
        if not any(np.abs(shape - other).mean() < ALIKE for other in kinds):
            kinds.append(shape)
    return len(kinds)
