"""The worst case of convex theory: how good a shape can be, at which peak, and what it is along the run."""

from __future__ import annotations

import itertools
import math
from typing import Any, ClassVar

import numpy as np

from lrsched.algebra.node import holds_arrays
from lrsched.algebra.schedule import Schedule
from lrsched.analysis import worst_case
from lrsched.analysis.rates import namespace, rates_of, scaled
from lrsched.analysis.records import Result, axes, number, record
from lrsched.foundation.errors import ABOVE_0, check_choice, check_count, check_real, fail
from lrsched.foundation.numbers import is_jax

__all__ = ["ConvexBound", "Curve", "convex_bound", "convex_bound_curve"]

POINTS, MOST_BOUNDARIES, MOST_ALL = 200, 200, 20_000
THEORY = (
    "convex loss, bounded slopes, (sub)gradient steps without momentum or adaptivity, norms known beforehand",
    "a worst case, about twice the exact one for a linear decay: it orders shapes and peaks, and is no loss",
    "not to be trusted for differences below 2 %, momentum above .95, restarts and large re-warmups",
    "it sees no instability, so that every warm-up looks like waste: it says nothing of a warm-up's length",
)


@record
class ConvexBound(Result):
    """What :func:`convex_bound` returns.

    ``value`` is the bound at these rates, ``best`` the bound at the best multiple of them, ``multiple`` that factor and
    ``peak`` the largest rate then; ``total`` and ``noise`` are S and N; ``shape`` and ``base`` are ``best`` and
    ``peak`` without units; ``last_step`` is the last step of the analysis, in units of the rates; ``steps`` is T.
    """

    value: float
    best: float
    multiple: float
    peak: float
    total: float
    noise: float
    shape: float
    base: float
    last_step: float
    steps: int

    assumes: ClassVar[Any] = THEORY

    def table(self) -> list[tuple[str, ...]]:
        """One row a number, with what it means."""
        return [
            ("bound", f"{self.steps:,} steps", ""),
            ("value", number(self.value), "the worst case at these rates"),
            ("best", number(self.best), "at the best multiple of them"),
            ("multiple", number(self.multiple), "which is this one"),
            ("peak", number(self.peak), "the largest rate then, for distance and norms as given"),
            ("total", number(self.total), "sum of the rates"),
            ("noise", number(self.noise), "what the steps themselves add, at these rates"),
            ("shape", number(self.shape), "best * sqrt(steps): 2 for a linear decay, smaller is better"),
            ("base", number(self.base), "peak * sqrt(steps): how high a peak the shape bears beside another"),
        ]

    def plot(self, ax: Any = None) -> Any:
        """The bound against the peak, with these rates and their best multiple marked."""
        self.concrete("drawn")
        ax = axes(ax)
        given = self.peak / self.multiple
        low, high = sorted((self.peak, given))
        peaks = np.geomspace(low / 10, high * 10, 400)
        ax.plot(peaks, self.best * (peaks / self.peak + self.peak / peaks) / 2)  # at the last step of the best
        ax.plot(self.peak, self.best, "o", color="C0", label=f"best peak, {number(self.peak, 3)}")
        ax.plot(given, self.value, "s", color="C1", label=f"as given, {number(given, 3)}")
        ax.set(xscale="log", yscale="log", xlabel="peak", ylabel="worst case of the error")
        ax.legend(frameon=False, fontsize="small")
        return ax


def convex_bound(
    rates: Any, steps: int | None = None, *, distance: Any = 1.0, norms: Any = 1.0, last: str = "free"
) -> ConvexBound:
    """The worst case of (sub)gradient descent on a convex function with these rates, and their best multiple.

    Formula: Omega = D**2 / (2 S) + N / 2; at the best multiple, g* = D / sqrt(S N), it is Omega* = D sqrt(N / S);
    S is the sum of the rates, N = e_last G_last**2 + sum of e_k**2 G_k**2 / (e_{k+1} + .. + e_last)

    ``last="own"`` is this, as published, up to the last rate that is not 0. The last step of the analysis makes
    no iterate, so that the bound holds whatever it is: ``last="free"`` adds a step v after the rates and takes the v
    that makes the bound least. It is what holds of the weights after the last update, and never explodes where the
    last rates are tiny. ``noise`` is then N with v, while ``total`` is S without.

    Args:
        rates: a schedule, or a vector with the rate of every update; JAX values give JAX values.
        steps: length of the run in updates; by default that of the schedule.
        distance: D, from the first weights to the best ones, > 0.
        norms: G, expected norms of the gradients: a number, or one for each update. A batch schedule enters as
            ``norms / sqrt(batch)``.
        last: "free" or "own".

    Returns:
        A :class:`ConvexBound`; ``shape`` says which shape is better, the quotient of two ``base`` how peaks compare.

    Raises:
        ScheduleError: an argument outside its range, or results that no float holds.

    Source: Defazio et al., "Optimal Linear Decay Learning Rate Schedules and Further Refinements" (2023), theorem 10;
    Schaipp et al., "The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling" (2025).

    Example:
        >>> import lrsched as lrs
        >>> linear = lrs.analysis.convex_bound(3e-4 * lrs.linear().over(10_000))
        >>> wsd = lrs.analysis.convex_bound(lrs.plan(10_000, lrs.hold(8_000), lrs.linear()))
        >>> round(linear.shape, 3), round(wsd.shape, 3), round(wsd.base / linear.base, 3)   # worse, at half the peak
        (2.0, 2.161, 0.514)
    """
    check_choice("convex_bound", "last", last, ("free", "own"))
    given = rates_of("convex_bound", rates, steps)
    distance, heights, unit = _given("convex_bound", distance, norms, given, last)
    xp = namespace(given, distance, unit)
    peak, shares = scaled(xp.asarray(given))
    heights = xp.asarray(heights)
    weighted, scale = shares * heights, distance / (peak * unit)
    total, noise, step, value = _least(xp, shares, weighted, last, scale)
    whole, typical = total + (step if last == "free" else 0.0), xp.sqrt(xp.mean(xp.square(heights)))
    length, multiple = math.sqrt(given.shape[0]), scale / xp.sqrt(whole * noise)
    with np.errstate(over="ignore", under="ignore"):
        numbers = {
            "value": distance * unit * value,
            "best": distance * unit * xp.sqrt(noise / whole),
            "multiple": multiple,
            "peak": multiple * peak,
            "total": total * peak,
            "noise": peak * unit * unit * noise,
            "shape": xp.sqrt(noise / whole) * length / typical,
            "base": length * typical / xp.sqrt(whole * noise),
            "last_step": step * peak,
        }
    return ConvexBound(**_finite("convex_bound", numbers), steps=given.shape[0])


def _least(xp: Any, shares: Any, weighted: Any, last: str, scale: Any) -> tuple[Any, Any, Any, Any]:
    """S, N, the last step, and the value of the bound, all without units."""
    if last == "own":
        total, noise = worst_case.own_sums(xp, shares, weighted)
        ends = shares[shares > 0][-1] if xp is np else shares[-1 - xp.argmax(shares[::-1] > 0)]
        return total, noise, ends, (scale / total + noise / scale) / 2
    later = worst_case.tails(xp, shares)
    total = later[0] + shares[0]
    best = worst_case.best_step(xp, total, weighted, later)
    here = worst_case.least_step(xp, total, weighted, later, scale, best)
    value = (scale / (total + here) + worst_case.noise_after(xp, weighted, later, here) / scale) / 2
    return total, worst_case.noise_after(xp, weighted, later, best), best, value


def _given(where: str, distance: Any, norms: Any, rates: Any, last: str) -> tuple[Any, Any, Any]:
    """The distance, the norms in units of one of them, and that one: the last where a step comes after it."""
    size = rates.shape[0]
    if not is_jax(distance):
        distance = check_real(where, "distance", distance, "a number > 0", ABOVE_0)
    if is_jax(norms):
        norms = norms if norms.ndim else norms.reshape(1)
        return distance, norms / norms[-1], norms[-1]
    norms = _norms(where, norms, size)
    unit = norms[-1] if last == "free" else norms.max()
    if unit == 0.0:
        fail(where, "norms", "> 0 at the end, since the bound counts a step after the last", norms)
    if not is_jax(rates) and not np.any(norms * (rates > 0)):
        fail(where, "norms", "> 0 where a rate is", norms)
    return distance, norms / unit, float(unit)


def _norms(where: str, norms: Any, size: int) -> Any:
    """Norms as a vector, of one entry if they are all the same."""
    allowed = f"a number >= 0, or {size} of them"
    try:
        found = np.atleast_1d(np.asarray(norms, np.float64))
    except (TypeError, ValueError):
        fail(where, "norms", allowed, norms, wrong_type=True)
    if found.shape not in ((1,), (size,)):
        fail(where, "norms", allowed, f"an array of shape {found.shape}", wrong_type=True)
    if not (np.isfinite(found) & (found >= 0.0)).all() or not found.any():
        fail(where, "norms", allowed + ", not all 0", norms)
    return found


def _finite(where: str, numbers: dict[str, Any]) -> dict[str, Any]:
    """Plain floats, or an error that says which no float holds."""
    if any(map(is_jax, numbers.values())):
        return numbers
    for name, value in numbers.items():
        if not math.isfinite(value):
            fail(where, "rates, distance and norms", f"of sizes for which a float holds the {name}", float(value))
    return {name: float(value) for name, value in numbers.items()}


# ---- along the run


@record
class Curve(Result):
    """What :func:`convex_bound_curve` returns: the bound ``values`` after ``steps`` updates each."""

    steps: Any
    values: Any

    assumes: ClassVar[Any] = (
        *THEORY,
        "each value is that of a run that ends there, at these rates",
    )

    def table(self) -> list[tuple[str, ...]]:
        """Nine of the points at most."""
        shown = np.unique(np.linspace(0, len(self.steps) - 1, 9).astype(int))
        rows = [(f"{int(self.steps[i]):,}", number(float(self.values[i]))) for i in shown]
        return [("after updates", "bound"), *rows]

    def plot(self, ax: Any = None) -> Any:
        """The bound over the run."""
        self.concrete("drawn")
        ax = axes(ax)
        known = np.isfinite(self.values)
        ax.plot(self.steps[known], self.values[known])
        ax.set(xlabel="updates", ylabel="worst case of the error", yscale="log")
        return ax


def convex_bound_curve(
    rates: Any, steps: int | None = None, *, at: Any = None, distance: Any = 1.0, norms: Any = 1.0
) -> Curve:
    """The bound of :func:`convex_bound`, with its own last step, after each of some numbers of updates.

    Args:
        rates: a schedule, or a vector with the rate of every update.
        steps: length of the run in updates; by default that of the schedule.
        at: numbers of updates made, from 1 to the length, increasing; "all" of them up to 20,000; by default 200
            evenly spaced, with the boundaries of a schedule, if there are at most 200, and the last.
        distance: D, > 0.
        norms: G, a number or one for each update.

    Returns:
        A :class:`Curve`; where no rate was positive yet, the bound is inf. Each point costs a pass over the rates.

    Raises:
        ScheduleError: an argument outside its range.

    Source: as for :func:`convex_bound`.

    Example:
        >>> import lrsched as lrs
        >>> wsd = lrs.plan(400, lrs.hold(320), lrs.linear())
        >>> best = lrs.analysis.convex_bound(wsd, last="own").multiple
        >>> lrs.analysis.convex_bound_curve(best * wsd, at=[40, 200, 300, 321]).values.round(4).tolist()
        [0.5593, 0.1857, 0.158, 0.1546]
    """
    where = "convex_bound_curve"
    given = rates_of(where, rates, steps)
    at = _points(where, at, given.shape[0], rates)
    distance, heights, unit = _given(where, distance, norms, given, "own")
    xp = namespace(given, distance, unit)
    peak, shares = scaled(xp.asarray(given))
    weighted, scale = shares * xp.asarray(heights), distance / (peak * unit)
    if xp is np:
        values = np.array([_after(shares[:t], weighted[:t], scale) for t in at.tolist()])
    else:
        values = _after_each(shares, weighted, scale, at)
    return Curve(at, distance * unit * values)


def _after(shares: Any, weighted: Any, scale: float) -> float:
    if not shares.any():
        return math.inf
    total, noise = worst_case.own_sums(np, shares, weighted)
    return (scale / total + noise / scale) / 2


def _after_each(shares: Any, weighted: Any, scale: Any, at: Any) -> Any:
    import jax
    import jax.numpy as jnp

    made = jnp.arange(shares.shape[0])

    def after(t: Any) -> Any:
        kept = made < t
        total, noise = worst_case.own_sums(jnp, jnp.where(kept, shares, 0), jnp.where(kept, weighted, 0))
        return jnp.where(total > 0, (scale / jnp.where(total > 0, total, 1) + noise / scale) / 2, jnp.inf)

    return jax.lax.map(after, jnp.asarray(at))


def _points(where: str, at: Any, size: int, rates: Any) -> Any:
    """Numbers of updates as integers."""
    if at is None:
        even = np.linspace(0, size, min(POINTS, size) + 1)[1:].round().astype(np.int64)
        return np.unique(np.concatenate([even, np.array(_boundaries(rates, size), np.int64)]))
    if isinstance(at, str):
        check_choice(where, "at", at, ("all",))
        if size > MOST_ALL:
            cost = f"numbers of updates: all of {size:,} would take {size / 2:,.0f} passes over the rates"
            fail(where, "at", cost, at)
        return np.arange(1, size + 1)
    allowed = f"increasing numbers of updates, integers from 1 to {size}"
    if not isinstance(at, list | tuple | np.ndarray) or not len(at):
        fail(where, "at", allowed, at, wrong_type=True)
    found = [check_count(where, f"at[{i}]", t, 1, size + 1) for i, t in enumerate(at)]
    if any(a >= b for a, b in itertools.pairwise(found)):
        fail(where, "at", allowed, at)
    return np.array(found, np.int64)


def _boundaries(rates: Any, size: int) -> tuple[int, ...]:
    """The boundaries of a schedule, if they are few."""
    if not isinstance(rates, Schedule) or holds_arrays(rates):
        return ()
    found = tuple(itertools.islice(rates.walk_edges(min(size, rates.duration)), MOST_BOUNDARIES + 1))
    return found if len(found) <= MOST_BOUNDARIES else ()
