"""Schedules that a law, the bound or a function of rates likes best, within a family."""

from __future__ import annotations

import contextlib
import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lrsched.algebra.schedule import Schedule
from lrsched.analysis.law import Law
from lrsched.analysis.rates import namespace, rates_of
from lrsched.analysis.records import Result, axes, number, record
from lrsched.analysis.searching import Lowest, double_precision, has_gradients, lbfgs, nelder_mead
from lrsched.combinators.sequence import sequence
from lrsched.foundation.errors import ABOVE_0, ScheduleError, check_count, check_real, fail, shortened
from lrsched.profiles.piecewise import pchip
from lrsched.schedules.spans import warmup as rise

__all__ = ["Found", "optimize", "optimize_shape"]

MOST_WITHOUT_GRADIENTS = 6
MOST_KNOTS = 100
RESOLUTION = 1024
DRAWN = 1000
DIGITS, LEVEL_DIGITS = 8, 6  # of the parameters of what is found; decimals of its levels
EDGE = 1e-3  # of the way between two bounds: a start on one of them is moved off it
STEEPEST = 40.0  # beyond it a sigmoid is 0 or 1
LAST = 0.02  # the level at the end of the shape that a search begins with
PEAK_TOLERANCE = 1e-6


@record
class Found(Result):
    """What :func:`optimize` and :func:`optimize_shape` found.

    ``schedule`` is an expression: it prints, parses and saves. ``value`` is its objective at full resolution, ``held``
    the one of the coarser schedule that the search looked at, ``before`` that of ``start`` at full resolution.
    """

    schedule: Schedule
    value: float
    before: float
    evaluations: int
    start: Schedule
    held: float
    steps: int

    assumes: ClassVar = (
        "the objective is right about schedules like the one found, which is where its errors favour it.",
        "a worst case is no model of a run: its best shape beats linear decay by 0.5 % in 100 steps, 0.05 % in 1,000.",
    )

    def table(self) -> list[tuple[str, ...]]:
        """The start and what was found."""
        return [
            ("", "objective"),
            ("start", number(self.before, 7)),
            ("found", number(self.value, 7)),
            ("found, as the search saw it", number(self.held, 7)),
            ("evaluations", str(self.evaluations)),
        ]

    @property
    def notes(self) -> tuple[str, ...]:
        """The schedules."""
        return f"found {self.schedule!r}", f"start {self.start!r}"

    def plot(self, ax: Any = None) -> Any:
        """Draw the rates of the start and of what was found; return the axes."""
        self.concrete("drawn")
        ax = axes(ax)
        at = np.unique(np.linspace(0, self.steps - 1, DRAWN).astype(int))
        ax.plot(at, self.start(at), color="0.6", label=f"start, {number(self.before, 5)}")
        ax.plot(at, self.schedule(at), label=f"found, {number(self.value, 5)}")
        ax.set(xlabel="update", ylabel="rate", ylim=(0, None))
        ax.legend(frameon=False)
        return ax


def optimize(
    family: Callable[[Any], Schedule],
    start: Sequence[float],
    objective: Any,
    steps: int,
    *,
    bounds: Sequence[tuple[float, float]] | None = None,
    resolution: int = RESOLUTION,
) -> Found:
    """The member of a family of schedules with the lowest objective.

    With JAX and Optax installed it goes down the gradient by L-BFGS in float64, where family and objective can be
    traced; else, with at most 6 parameters, by the simplex of Nelder and Mead with restarts. Either finds the bottom of
    the valley that ``start`` lies in.

    Args:
        family: a function from a tuple of parameters to a schedule.
        start: the parameters to begin with.
        objective: a law, ``"bound"`` (its ``shape``, in which the peak is free), or a function of a vector of rates.
        steps: updates of the run.
        bounds: (least, largest) of every parameter; free if it is None.
        resolution: the search looks at schedules that are held for ``ceil(steps / resolution)`` updates, at the rate in
            the middle of each hold; the result, its parameters rounded to 8 digits, is computed at full resolution,
            and is the start itself if that is better.

    Raises:
        ScheduleError: an argument is none, a law would be used beyond the peaks that it was fitted to, or there is no
            finite objective to begin with.

    Example:
        >>> import lrsched as lrs
        >>> law = lrs.analysis.published["mpl-100m"]
        >>> family = lambda p: 3e-4 * (lrs.warmup(2160) >> lrs.linear().bent(p[0]).over(21_840))
        >>> found = lrs.analysis.optimize(family, [0.5], law, 24_000, bounds=[(0.0, 0.99)])
        >>> found.value < found.before, round(found.value, 3)
        (True, 2.935)
    """
    begun, space = _parameters("optimize", start, bounds)
    return _found("optimize", family, begun, space, objective, steps, resolution, family)


def _found(
    where: str, family: Any, begun: Any, space: _Space, objective: Any, steps: Any, resolution: Any, written: Any
) -> Found:
    """The search; ``written`` makes of parameters in few digits the schedule that is reported."""
    steps = check_count(where, "steps", steps, 1)
    score = _objective(where, objective)
    hold = -(-steps // check_count(where, "resolution", resolution, 2))
    first = _member(where, written, tuple(begun.tolist()))
    _check_peak(where, objective, first, steps, "the start has a peak of")
    before = _exact(where, objective, first, steps)
    places = np.arange(0, steps, hold)
    counts = np.diff(places, append=steps)
    middles = places + counts // 2

    most = 2 * objective.peaks[1] if isinstance(objective, Law) else np.inf  # what is beyond peaks is refused below

    def held(free: Any) -> Any:
        """The objective of the schedule, held; inf for rates that are none."""
        xp = namespace(free)
        levels = _member(where, family, tuple(space.inside(xp, free)))(xp.asarray(middles))
        with np.errstate(all="ignore"):
            return xp.where((levels >= 0).all() & (levels.max() <= most), score(levels, counts), xp.inf)

    lowest = _searched(where, held, space.free(begun))
    best = space.inside(np, np.asarray(lowest.place, np.float64))
    schedule = _member(where, written, tuple(float(f"{value:.{DIGITS}g}") for value in best))
    _check_peak(where, objective, schedule, steps, "the search leads to a peak of")
    value = _exact(where, objective, schedule, steps)
    if value > before:  # what is better when held need not be so itself
        schedule, value = first, before
    return Found(schedule, value, before, lowest.evaluations, first, float(lowest.value), steps)


def optimize_shape(objective: Any, steps: int, peak: float, *, warmup: int = 0, knots: int = 10) -> Found:
    """The decay with the lowest objective after a linear warm-up, as a monotone cubic through knots.

    The schedule is ``peak * (warmup(w) >> pchip(xs, ys).over(steps - w))`` with ``xs_i = 1 - (1 - i/knots)**2``, which
    crowds the knots where objectives are sensitive, and levels that never rise. More than 6 knots need JAX and Optax.

    Args:
        objective: as in :func:`optimize`; the ``peak`` has to lie within the peaks of a law.
        steps: updates of the run.
        peak: the largest rate.
        warmup: updates of the warm-up.
        knots: levels that are free.

    Raises:
        ScheduleError: an argument is none, or ``peak`` lies beyond the peaks of the law.

    Example:
        >>> import lrsched as lrs
        >>> law = lrs.analysis.published["mpl-100m"]
        >>> found = lrs.analysis.optimize_shape(law, 24_000, 3e-4, warmup=2160, knots=4)
        >>> found.value < found.before - 0.03
        True
        >>> lrs.parse(repr(found.schedule)) == found.schedule
        True
    """
    where = "optimize_shape"
    steps = check_count(where, "steps", steps, 1)
    length = check_count(where, "warmup", warmup)
    knots = check_count(where, "knots", knots, 1, MOST_KNOTS + 1)
    peak = check_real(where, "peak", peak, "a finite number > 0", ABOVE_0)
    if length >= steps:
        fail(where, "warmup", f"below {steps}, the updates of the run", warmup)
    xs = tuple(round(1 - (1 - i / knots) ** 2, 6) for i in range(knots + 1))
    first = 1 - (1 - LAST) * np.array(xs)
    ratios = first[1:] / first[:-1]

    def family(parameters: tuple[Any, ...], digits: int | None = None) -> Schedule:
        levels = [1.0, *itertools.accumulate(parameters, operator.mul)]
        ys = levels if digits is None else [round(level, digits) for level in levels]
        decay = pchip(xs, tuple(ys)).over(steps - length)
        return peak * (sequence(rise(length), decay) if length else decay)

    space = _Space(np.zeros(knots), np.ones(knots), None)
    written = functools.partial(family, digits=LEVEL_DIGITS)
    return _found(where, family, ratios, space, objective, steps, RESOLUTION, written)


# ---- parameters


class _Space(NamedTuple):
    """Where parameters may be, and how free numbers stand for them: by a sigmoid between bounds, else in units."""

    low: Any
    high: Any
    unit: Any

    def inside(self, xp: Any, free: Any) -> Any:
        """The parameters that free numbers stand for."""
        if self.low is None:
            return free * self.unit
        return self.low + (self.high - self.low) / (1 + xp.exp(-xp.clip(free, -STEEPEST, STEEPEST)))

    def free(self, parameters: Any) -> Any:
        """The free numbers that stand for parameters."""
        if self.low is None:
            return parameters / self.unit
        share = np.clip((parameters - self.low) / (self.high - self.low), EDGE, 1 - EDGE)
        return np.log(share / (1 - share))


def _parameters(where: str, start: Any, bounds: Any) -> tuple[Any, _Space]:
    """The parameters to begin with, and where they may be."""
    if not isinstance(start, Sequence | np.ndarray) or isinstance(start, str) or not len(start):
        fail(where, "start", "a sequence of numbers", start, wrong_type=True)
    begun = np.array([check_real(where, f"start[{i}]", value) for i, value in enumerate(start)])
    if bounds is None:
        return begun, _Space(None, None, np.where(begun == 0, 1.0, np.abs(begun)))
    is_list = isinstance(bounds, Sequence | np.ndarray) and len(bounds) == len(begun)
    if not is_list or any(np.shape(pair) != (2,) for pair in bounds):
        fail(where, "bounds", f"(least, largest) of each of {len(begun)} parameters", bounds)
    low, high = (np.array([check_real(where, "bounds", pair[side]) for pair in bounds]) for side in (0, 1))
    if not (low < high).all():
        fail(where, "bounds", "pairs of which the first is less than the second", bounds)
    if not ((low <= begun) & (begun <= high)).all():
        fail(where, "start", "within the bounds", start)
    return begun, _Space(low, high, None)


# ---- objectives


def _member(where: str, family: Any, parameters: tuple[Any, ...]) -> Schedule:
    if not callable(family):
        fail(where, "family", "a function from parameters to a schedule", family, wrong_type=True)
    made = family(parameters)
    if not isinstance(made, Schedule):
        fail(where, "family", "a function that returns a schedule", made, wrong_type=True)
    return made


def _objective(where: str, objective: Any) -> Callable[[Any, Any], Any]:
    """The objective as a function of levels and how long each is held."""
    if isinstance(objective, Law):
        return objective.held
    if objective == "bound":
        objective = _bound
    if not callable(objective):
        fail(where, "objective", 'a law, "bound", or a function of rates', objective, wrong_type=True)
    return lambda levels, counts: objective(namespace(levels).repeat(levels, counts))


def _bound(rates: Any) -> Any:
    from lrsched.analysis.bound import convex_bound

    return convex_bound(rates).shape


def _exact(where: str, objective: Any, schedule: Schedule, steps: int) -> float:
    """The objective at full resolution."""
    if isinstance(objective, Law):
        return float(objective.predict(schedule, steps))
    rates = rates_of(where, schedule, steps, argument="the schedule")
    with np.errstate(all="ignore"):  # what is not finite is an error
        value = _bound(rates) if objective == "bound" else objective(rates)
    return check_real(where, f"the objective of {shortened(repr(schedule), 200)}", value)


def _check_peak(where: str, objective: Any, schedule: Schedule, steps: int, what: str) -> None:
    """Refuse to use a law beyond the peaks that it was fitted to."""
    if not isinstance(objective, Law):
        return
    low, high = objective.peaks
    peak = float(rates_of(where, schedule, steps, argument="the schedule").max())
    if not low * (1 - PEAK_TOLERANCE) <= peak <= high * (1 + PEAK_TOLERANCE):
        raise ScheduleError(
            f"{where}: {what} {peak:g}, beyond those that {objective.name} was fitted to, {low:g} to {high:g}, "
            "where it knows nothing; fix the peak in the family, or bound it"
        )


def _searched(where: str, held: Callable[[Any], Any], begun: Any) -> Lowest:
    """The lowest place, by gradients where there are any."""
    if has_gradients() and _can_be_traced(held, len(begun)):
        with double_precision():
            return lbfgs(held, begun)
    if len(begun) > MOST_WITHOUT_GRADIENTS:
        raise ScheduleError(
            f"{where}: {len(begun)} parameters take gradients: install jax and optax, and give a family and an "
            f"objective that JAX can trace; without them at most {MOST_WITHOUT_GRADIENTS}"
        )
    return nelder_mead(held, begun)


def _can_be_traced(held: Callable[[Any], Any], count: int) -> bool:
    import jax

    with contextlib.suppress(Exception), double_precision():
        made = jax.eval_shape(jax.grad(held), np.zeros(count))
        return made.shape == (count,)
    return False
