"""Reading a schedule back from logged rates.

The log is cut where it jumps, bends, turns or stops being flat; of all ways to join neighbouring stretches, the one
with the fewest that named shapes fit is kept; then cycles of one shape are folded into restarts. What no shape fits
stays a table of the numbers. The error is measured on the result, against every number given.
"""

from __future__ import annotations

import dataclasses
import io
import itertools
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from lrsched.algebra.schedule import Schedule
from lrsched.combinators.sequence import sequence
from lrsched.foundation.errors import ABOVE_0, ScheduleError, check_real, fail, listed
from lrsched.foundation.files import csv_rows, decimal, read_text
from lrsched.inspection.describe import spread
from lrsched.inspection.shape_fit import Fit, best_fit, cuts, shortest, walls
from lrsched.schedules.endless import MultiStep, StepDecay
from lrsched.schedules.spans import Constant, Hold
from lrsched.schedules.tables import Table

MOST_CUTS = 48
FINEST = 1e-6
VARIED = 12
LONGEST = 10**7
LARGEST = 2**53


@dataclasses.dataclass(frozen=True)
class Identification:
    """What :func:`identify` found.

    ``error`` is the largest deviation of ``schedule`` from the log, as a share of the largest rate; ``recognised``
    is the share of the log that named shapes make, the rest being tables of the log's own numbers; ``tolerance`` is
    what the shapes were allowed to be off.
    """

    schedule: Schedule
    error: float
    recognised: float
    tolerance: float

    @property
    def fits(self) -> bool:
        """Whether named shapes make the whole log, within twice the tolerance."""
        return self.recognised == 1.0 and self.error <= 2 * self.tolerance

    def __str__(self) -> str:
        return f"{self.schedule!r}  (error {self.error:.1e}, {self.recognised:.0%} recognised)"


def identify(values: Any, *, tolerance: float | None = None) -> Identification:
    """The expression that made a log of rates, and how well it fits.

    Args:
        values: the rate of every update from step 0, or pairs of step and rate, or the name of a CSV file of either;
            of more columns, those that speak of steps and of a rate in their names.
        tolerance: largest deviation of a stretch, as a share of the largest rate; by default 1e-6, or what the numbers
            are rounded to where all have fewer digits than that (or the bits of bfloat16 or float16).

    Returns:
        A record with ``schedule``, ``error``, ``recognised``, ``fits`` and ``tolerance``. What no named shape fits
        within the tolerance, and a level of fewer than three numbers, is a table, and counts as not recognised.

    Raises:
        ScheduleError: there are fewer than 2 rates, a rate is not finite, or steps do not increase.

    Example:
        >>> import lrsched as lrs
        >>> log = (3e-4 * (lrs.warmup(50) >> lrs.cosine().over(950, end=0.1))).sample(1000)
        >>> lrs.identify(log).schedule
        0.0003 * (warmup(50) >> cosine().over(950, end=0.1))
    """
    steps, rates = _read(values)
    if tolerance is not None:
        tolerance = check_real("identify", "tolerance", tolerance, "a number > 0, or None", ABOVE_0)
    size = float(np.max(np.abs(rates)))
    if size == 0 or np.ptp(rates) <= (tolerance or FINEST) * size:
        level = Constant(float(rates[0]))
        return Identification(level, _error(level, steps, rates), 1.0, tolerance or FINEST)
    tolerances = [tolerance] if tolerance is not None else _tolerances(rates, size)
    tries = (_within(steps, rates, size, t) for t in tolerances)
    found = next(tries)
    return found if found.fits else next((f for f in tries if f.fits), found)


def _tolerances(rates: Any, size: float) -> list[float]:
    """The tolerances to try: six digits, and that of a log whose numbers have fewer, first where it is the likelier."""
    coarse = rounding(rates, size)
    if coarse <= FINEST:
        return [FINEST]
    rough = len(cuts(np.arange(len(rates)), rates / size, MOST_CUTS, 0.0)) > VARIED
    return [coarse, FINEST] if rough else [FINEST, coarse]


def rounding(rates: Any, size: float) -> float:
    """How far the numbers of a log may be off, as a share of the largest, by the digits or bits that they have."""
    varied = np.unique(np.abs(rates[rates != 0]))
    if len(varied) < VARIED:
        return 0.0
    whole, _ = np.frexp(varied)
    for bits in (8, 11):
        if np.array_equal(whole, np.round(whole * 2.0**bits) / 2.0**bits):
            return 2.0**-bits
    for digits in (3, 4, 5, 6):
        if all(float(f"{x:.{digits - 1}e}") == x for x in varied):
            return 6.0 * 10.0**-digits
    decimals = next((d for d in range(3, 9) if np.array_equal(np.round(varied, d), varied)), None)
    return 0.0 if decimals is None else min(0.01, 0.6 * 10.0**-decimals / size)


def _within(steps: Any, rates: Any, size: float, tolerance: float) -> Identification:
    """What is found with one tolerance; a log that changes every k updates alone is read once in k."""
    found = _named(steps, rates, size, tolerance)
    if found.recognised == 1.0 and len(steps) <= steps[-1] < LONGEST:
        found = _rescaled(found, steps, rates, size)
    held = _held(steps, rates)
    if found.fits or held == 1:
        return found
    inner = _named(steps[::held] // held, rates[::held], size, tolerance)
    if not inner.fits:
        return found
    schedule = inner.schedule.per_epoch(held)
    return Identification(schedule, _error(schedule, steps, rates), 1.0, tolerance)


def _rescaled(found: Identification, steps: Any, rates: Any, size: float) -> Identification:
    """The same with a peak that lies between two logged steps, where that makes it shorter."""
    peak = tidy(float(np.max(np.abs(found.schedule.sample(int(steps[-1]) + 1)))), found.tolerance)
    if peak == tidy(size, 1.3e-7):
        return found
    other = _named(steps, rates, peak, found.tolerance)
    better = other.fits and len(repr(other.schedule)) < len(repr(found.schedule))
    return other if better else found


def _held(steps: Any, rates: Any) -> int:
    """For how many updates each value of a log of every update is held, or 1."""
    changes = np.flatnonzero(np.diff(rates)) + 1
    if steps[0] != 0 or steps[-1] != len(steps) - 1 or len(changes) < VARIED:
        return 1
    return int(np.gcd.reduce(changes))


def _named(steps: Any, rates: Any, size: float, tolerance: float) -> Identification:
    fits = _shortest(steps, rates / size, tolerance)
    named = sum(p.stop - p.start for p in fits if p.recognised) / (fits[-1].stop - fits[0].start)
    options = [(_levels(fits), 1.0), (_folded(fits), named), (_plain(fits), named)]
    first, peak, found = fits[0].start, tidy(size, 1.3e-7), []
    for made, known in options:
        if made is not None:
            late = made.delayed(first) if first else made
            schedule = late if peak == 1.0 else peak * late
            found.append(Identification(schedule, _error(schedule, steps, rates), known, tolerance))
    return next((f for f in found if f.error <= 2 * tolerance), min(found, key=lambda f: f.error))


def _plain(fits: list[Fit]) -> Schedule:
    """The fits one after another; tables that follow each other are one."""
    parts: list[Schedule] = []
    for fit in fits:
        part = fit.schedule if fit.recognised else fit.schedule.sample(fit.stop - fit.start)
        if isinstance(part, Schedule):
            parts.append(part)
        elif parts and isinstance(parts[-1], Table):
            parts[-1] = Table((*parts[-1].values, *part.tolist()))
        else:
            parts.append(Table(tuple(part.tolist())))
    return sequence(*parts)


def tidy(x: float, share: float) -> float:
    """The number of fewest digits within a share of x."""
    return shortest(x, share * abs(x))


def _error(schedule: Schedule, steps: Any, rates: Any) -> float:
    deviation = float(np.max(np.abs(schedule(steps) - rates)))
    size = float(np.max(np.abs(rates)))
    return deviation / size if size else deviation


# ---- the log


def _read(values: Any) -> tuple[Any, Any]:
    """Steps and rates as vectors."""
    if isinstance(values, str | Path):
        values = numbers(io.StringIO(read_text(Path(values), "identify: ")), Path(values).name)
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        fail("identify", "values", "numbers, or pairs of step and rate", values, wrong_type=True)
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
    if steps[-1] >= LARGEST:
        fail("identify", "the steps", "below 2**53", float(steps[-1]))
    if steps[0] < 0 or not np.array_equal(steps, np.floor(steps)) or not (np.diff(steps) > 0).all():
        fail("identify", "the steps", "integers >= 0 in increasing order", steps[:4].tolist())
    return steps.astype(np.int64), rates


def numbers(lines: Iterable[str], name: str) -> list[Any]:
    """The rates of a CSV, or lists of step and rate; rows without a rate are passed over.

    The first row is one of titles if no cell that is read is a number. Of more than two columns, those are taken whose
    names speak of steps and of a rate, as in what TensorBoard and Weights & Biases write.
    """
    rows = csv_rows("identify", lines, name)
    first = next(rows, None)
    if first is None:
        raise ScheduleError(f"identify: {name} is empty")
    columns = _columns(first[1], name)
    titled = all(decimal(first[1][c]) is None for c in columns)
    found: list[Any] = []
    for i, row in itertools.chain(() if titled else (first,), rows):
        cells = [row[c] if c < len(row) else "" for c in columns]
        if not cells[-1]:
            continue
        values = [decimal(cell) for cell in cells]
        if None in values:
            raise ScheduleError(f"identify: row {i} of {name} has no numbers: {listed(row, 60)}")
        if len(found) == LONGEST:
            raise ScheduleError(f"identify: {name} has more than {LONGEST:,} rates")
        found.append(values if len(columns) > 1 else values[0])
    return found


def _columns(titles: list[str], name: str) -> list[int]:
    """Which columns hold the steps, if there are any, and the rates."""
    if len(titles) <= 2:
        return list(range(len(titles)))
    steps = [i for i, title in enumerate(titles) if re.search(r"step|iter|update", title, re.IGNORECASE)]
    rates = [i for i, title in enumerate(titles) if re.search(r"\blr|_lr|rate|value", title, re.IGNORECASE)]
    rates = [i for i in rates if i not in steps[:1]]
    if not steps or not rates:
        raise ScheduleError(f"identify: {name} needs a column of steps and one of rates, got {listed(titles)}")
    return [steps[0], rates[0]]


# ---- the fewest stretches


def _shortest(steps: Any, rates: Any, tolerance: float) -> list[Fit]:
    """The fits of the cheapest way through the cuts: each costs one, and more where it fits badly."""
    ends = cuts(steps, rates, MOST_CUTS, max(1e-4, tolerance))
    if len(ends) > MOST_CUTS:
        long = [(a, b) for a, b in itertools.pairwise(ends) if b - a >= max(20, (ends[-1] - ends[0]) // 20)]
        ends = sorted({ends[0], ends[-1], *itertools.chain.from_iterable(long)})
    hard = walls(steps, rates)
    best: list[tuple[float, list[Fit]]] = [(0.0, [])]
    for j in range(1, len(ends)):
        options = []
        wall = max([low for low, high in hard if high < ends[j] - 1], default=0)
        for i in range(j):
            if ends[i] + 1 < wall and i != j - 1:
                continue
            fit = best_fit(steps, rates, ends[i], ends[j], tolerance, last=j == len(ends) - 1)
            if fit is None:
                if i != j - 1 or ends[j] - ends[i] > LONGEST:
                    continue
                fit = _tabled(steps, rates, ends[i], ends[j])
            cost = 1.0 if fit.recognised else 20.0
            options.append((best[i][0] + cost + 1e-3 * fit.weight, [*best[i][1], fit]))
        best.append(min(options, key=lambda option: option[0], default=(math.inf, [])))
    if best[-1][0] == math.inf:
        raise ScheduleError(f"identify: no shape fits, and the log is too sparse for a table of {LONGEST:,} rates")
    return best[-1][1]


def _tabled(steps: Any, rates: Any, start: int, stop: int) -> Fit:
    """The numbers themselves; between logged steps, a line."""
    inside = (steps >= start) & (steps < stop)
    if not inside.any():
        return Fit(start, stop, Hold(stop - start, float(rates[np.searchsorted(steps, start) - 1])), False)
    filled = np.interp(np.arange(start, stop), steps[inside], rates[inside])
    return Fit(start, stop, Table(tuple(filled.tolist())), False)


# ---- folding


def _levels(fits: list[Fit]) -> Schedule | None:
    """Levels that fall by one factor as a multi-step decay, evenly as a step decay."""
    if len(fits) < 3 or not all(isinstance(p.schedule, Hold) for p in fits):
        return None
    values = [p.schedule.value for p in fits]
    if min(values) <= 0 or abs(values[0] - 1.0) > 1e-9:
        return None
    gamma = tidy((values[-1] / values[0]) ** (1 / (len(values) - 1)), 1e-7)
    if any(abs(v - gamma**i) > 1e-6 * gamma**i for i, v in enumerate(values)):
        return None
    starts = [p.start for p in fits[1:]]
    every = starts[0]
    if (
        len(fits) > 3
        and starts == [every * (i + 1) for i in range(len(starts))]
        and fits[-1].stop <= every + starts[-1]
    ):
        return StepDecay(every, gamma)
    return MultiStep(tuple(starts), gamma)


def _folded(fits: list[Fit]) -> Schedule | None:
    """Stretches that repeat as restarts of one cycle; what comes before the first is kept."""
    for lead in range(min(3, len(fits) - 1)):
        for width in (1, 2, 3):
            rest = fits[lead:]
            if len(rest) < 2 * width or all(isinstance(p.schedule, Hold | Table) for p in rest[:width]):
                continue
            made = _cycle(rest, width)
            if made is not None:
                return sequence(*(p.schedule for p in fits[:lead]), made)
    return None


def _cycle(fits: list[Fit], width: int) -> Schedule | None:
    """Restarts of the first ``width`` stretches that give all the others, the last cycle perhaps cut."""
    cycle = sequence(*(p.schedule for p in fits[:width]))
    first, second = cycle.duration, sum(p.schedule.duration for p in fits[width : 2 * width])
    tops = [float(fits[i * width].schedule(0)) for i in (0, 1)]
    peaks = [max(abs(float(p.schedule(0))) for p in fits[i * width : (i + 1) * width]) for i in (0, 1)]
    if not 0 < second < math.inf or first == math.inf or min(peaks) == 0 or (tops[0] == 0) != (tops[1] == 0):
        return None
    whole = len(fits) >= 3 * width or len(fits) % width == 0
    for t_mult in {tidy(second / first, 1e-3), 1.0, 2.0} if whole else {1.0, 2.0}:
        if t_mult < 1:
            continue
        made = cycle.restarted(t_mult=t_mult, gamma=tidy(peaks[1] / peaks[0], 1e-6))
        start = fits[0].start
        if all(_same(made, p, p.start - start) for p in fits):
            return made
    return None


def _same(made: Schedule, fit: Fit, offset: int) -> bool:
    """Whether the restarts give the values of a stretch."""
    some = spread(0, fit.stop - fit.start - 1, 64)
    return bool(np.allclose(made(some + offset), fit.schedule(some), rtol=0, atol=2e-6))
