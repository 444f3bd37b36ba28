"""Reading a schedule back from logged rates.

The log is cut where it jumps, bends, turns or stops being flat; of all ways to join neighbouring stretches, the one
with the fewest pieces that named shapes fit is kept; then cycles of one shape are folded into restarts. What no shape
fits stays a table of the numbers. The error is measured on the result, against every number given.
"""

from __future__ import annotations

import csv
import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np

from lrsched._errors import ScheduleError, check_real, fail
from lrsched._pieces import Fit, best_fit, cuts, walls
from lrsched._schedule import Schedule
from lrsched._sequence import sequence
from lrsched.schedules import Constant, Hold, MultiStep, StepDecay, Table

__all__ = ["Identification", "identify"]

MOST_CUTS = 48


@dataclasses.dataclass(frozen=True)
class Identification:
    """What :func:`identify` found.

    ``error`` is the largest deviation of ``schedule`` from the log, as a share of the largest rate; ``recognised``
    is the share of the log that named shapes make, the rest being tables of the log's own numbers.
    """

    schedule: Schedule
    error: float
    recognised: float

    @property
    def fits(self) -> bool:
        """Whether named shapes make the whole log, to six digits."""
        return self.recognised == 1.0 and self.error <= 1e-6

    def __str__(self) -> str:
        return f"{self.schedule!r}  (error {self.error:.1e}, {self.recognised:.0%} recognised)"


def identify(values: Any, *, tolerance: float = 1e-6) -> Identification:
    """The expression that made a log of rates, and how well it fits.

    Args:
        values: the rate of every update from step 0, or pairs of step and rate, or the name of a CSV file of either.
        tolerance: largest deviation of a piece, as a share of the largest rate.

    Returns:
        A record with ``schedule``, ``error`` and ``recognised``. What no named shape fits within the tolerance is
        kept as a table, and counts as not recognised.

    Raises:
        ScheduleError: there are fewer than 2 rates, a rate is not finite, or steps do not increase.

    Example:
        >>> import lrsched as lrs
        >>> log = (3e-4 * (lrs.warmup(50) >> lrs.cosine().over(950, end=0.1))).sample(1000)
        >>> lrs.identify(log).schedule
        0.0003 * (warmup(50) >> cosine().over(950, end=0.1))
    """
    steps, rates = _read(values)
    tolerance = check_real("identify", "tolerance", tolerance, "a number > 0")
    if tolerance <= 0:
        fail("identify", "tolerance", "a number > 0", tolerance)
    size = float(np.max(np.abs(rates)))
    if size == 0 or np.ptp(rates) <= tolerance * size:
        level = float(rates[0])
        return Identification(Constant(level), _error(Constant(level), steps, rates), 1.0)
    pieces = _shortest(steps, rates / size, tolerance)
    named = sum(p.stop - p.start for p in pieces if p.recognised) / (pieces[-1].stop - pieces[0].start)
    plain = sequence(*(p.schedule for p in pieces))
    options = [(_levels(pieces), 1.0), (_folded(pieces), named), (plain, named)]
    found = [_measured(s, known, size, steps, rates) for s, known in options if s is not None]
    return next((f for f in found if f.error <= 2 * tolerance), min(found, key=lambda f: f.error))


def _measured(schedule: Schedule, known: float, size: float, steps: Any, rates: Any) -> Identification:
    schedule = _scaled(schedule, size)
    return Identification(schedule, _error(schedule, steps, rates), known)


def _scaled(schedule: Schedule, size: float) -> Schedule:
    peak = tidy(size, 5e-8)
    return schedule if peak == 1.0 else peak * schedule


def tidy(x: float, share: float) -> float:
    """The number of fewest digits within a share of x."""
    for digits in range(1, 17):
        short = float(f"{x:.{digits}g}")
        if abs(short - x) <= share * abs(x):
            return short
    return x


def _error(schedule: Schedule, steps: Any, rates: Any) -> float:
    deviation = float(np.max(np.abs(schedule(steps) - rates)))
    size = float(np.max(np.abs(rates)))
    return deviation / size if size else deviation


# ---- the log


def _read(values: Any) -> tuple[Any, Any]:
    """Steps and rates as vectors."""
    if isinstance(values, str | Path):
        values = _from_file(Path(values))
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        fail("identify", "values", "numbers, or pairs of step and rate", values, kind=True)
    if array.ndim == 2 and array.shape[1] == 2:
        steps, rates = array[:, 0], array[:, 1]
    elif array.ndim == 1:
        steps, rates = np.arange(len(array), dtype=np.float64), array
    else:
        fail("identify", "values", "of shape (n,), or (n, 2) for pairs of step and rate", array.shape)
    if len(rates) < 2:
        fail("identify", "values", "at least 2 rates", len(rates))
    if not np.isfinite(rates).all():
        fail(
            "identify", f"values[{int(np.argmin(np.isfinite(rates)))}]", "finite", float(rates[~np.isfinite(rates)][0])
        )
    if steps[0] < 0 or not np.array_equal(steps, np.floor(steps)) or not (np.diff(steps) > 0).all():
        fail("identify", "the steps", "integers >= 0 in increasing order", steps[:4].tolist())
    return steps.astype(np.int64), rates


def _from_file(file: Path) -> list[list[float]] | list[float]:
    """Rows of one or two numbers; a first row of names is passed over."""
    try:
        with file.open(newline="", encoding="utf-8") as handle:
            rows = [row for row in csv.reader(handle) if row]
    except OSError as error:
        raise ScheduleError(f"identify: {error}") from None
    found = []
    for i, row in enumerate(rows):
        try:
            found.append([float(cell) for cell in row[:2]])
        except ValueError:
            if i:
                raise ScheduleError(
                    f"identify: row {i + 1} of {file.name} has no numbers: {','.join(row)[:60]}"
                ) from None
    return [row[0] for row in found] if all(len(row) == 1 for row in found) else found


# ---- the fewest pieces


def _shortest(steps: Any, rates: Any, tolerance: float) -> list[Fit]:
    """The pieces of the cheapest way through the cuts: each costs one, and more where it fits badly."""
    places = cuts(steps, rates, MOST_CUTS)
    if len(places) > MOST_CUTS:
        long = [(a, b) for a, b in itertools.pairwise(places) if b - a >= max(20, (places[-1] - places[0]) // 20)]
        places = sorted({places[0], places[-1], *(place for pair in long for place in pair)})
    hard = walls(steps, rates)
    best: list[tuple[float, list[Fit]]] = [(0.0, [])]
    for j in range(1, len(places)):
        options = []
        wall = max([low for low, high in hard if high < places[j] - 1], default=0)
        for i in range(j):
            if places[i] + 1 < wall and i != j - 1:
                continue
            fit = best_fit(steps, rates, places[i], places[j], tolerance, last=j == len(places) - 1)
            if fit.error > tolerance:
                if i != j - 1:
                    continue
                fit = _tabled(steps, rates, places[i], places[j])
            cost = 1.0 if fit.recognised else 20.0
            options.append((best[i][0] + cost + 1e-3 * fit.weight, [*best[i][1], fit]))
        best.append(min(options, key=lambda option: option[0]))
    return best[-1][1]


def _tabled(steps: Any, rates: Any, start: int, stop: int) -> Fit:
    """The numbers themselves; between logged steps, a line."""
    inside = (steps >= start) & (steps < stop)
    if not inside.any():
        return Fit(start, stop, Hold(stop - start, float(rates[np.searchsorted(steps, start) - 1])), math.inf, False)
    filled = np.interp(np.arange(start, stop), steps[inside], rates[inside])
    return Fit(start, stop, Table(tuple(filled.tolist())), 0.0, False)


# ---- folding


def _levels(pieces: list[Fit]) -> Schedule | None:
    """Levels that fall by one factor as a multi-step decay, evenly as a step decay."""
    if len(pieces) < 3 or not all(isinstance(p.schedule, Hold) for p in pieces):
        return None
    values = [p.schedule.value for p in pieces]
    if min(values) <= 0 or abs(values[0] - 1.0) > 1e-9:
        return None
    gamma = tidy((values[-1] / values[0]) ** (1 / (len(values) - 1)), 1e-7)
    if any(abs(v - gamma**i) > 1e-6 * gamma**i for i, v in enumerate(values)):
        return None
    starts = [p.start for p in pieces[1:]]
    every = starts[0]
    if (
        len(pieces) > 3
        and starts == [every * (i + 1) for i in range(len(starts))]
        and pieces[-1].stop <= every + starts[-1]
    ):
        return StepDecay(every, gamma)
    return MultiStep(tuple(starts), gamma)


def _folded(pieces: list[Fit]) -> Schedule | None:
    """Pieces that repeat as restarts of one cycle; what comes before the first is kept."""
    for lead in range(min(3, len(pieces) - 1)):
        for width in (1, 2, 3):
            rest = pieces[lead:]
            if len(rest) < 2 * width:
                continue
            made = _cycle(rest, width)
            if made is not None:
                return sequence(*(p.schedule for p in pieces[:lead]), made)
    return None


def _cycle(pieces: list[Fit], width: int) -> Schedule | None:
    """Restarts of the first ``width`` pieces that give all the others, the last cycle perhaps cut."""
    cycle = sequence(*(p.schedule for p in pieces[:width]))
    first, second = cycle.duration, sum(p.schedule.duration for p in pieces[width : 2 * width])
    tops = [float(pieces[i * width].schedule(0)) for i in (0, 1)]
    peaks = [max(abs(float(p.schedule(0))) for p in pieces[i * width : (i + 1) * width]) for i in (0, 1)]
    if not 0 < second < math.inf or first == math.inf or min(peaks) == 0 or (tops[0] == 0) != (tops[1] == 0):
        return None
    whole = len(pieces) >= 3 * width or len(pieces) % width == 0
    for t_mult in {tidy(second / first, 1e-3), 1.0, 2.0} if whole else {1.0, 2.0}:
        if t_mult < 1:
            continue
        made = cycle.restarted(t_mult=t_mult, gamma=tidy(peaks[1] / peaks[0], 1e-6))
        start = pieces[0].start
        if all(_same(made, p, p.start - start) for p in pieces):
            return made
    return None


def _same(made: Schedule, piece: Fit, offset: int) -> bool:
    """Whether the restarts give the values of a piece."""
    places = np.unique(np.linspace(0, piece.stop - piece.start - 1, 64).astype(np.int64))
    return bool(np.allclose(made(places + offset), piece.schedule(places), rtol=0, atol=2e-6))
