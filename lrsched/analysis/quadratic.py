"""The noisy quadratic: the exact risk of one pass of SGD over Gaussian linear regression."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lrsched.analysis.rates import namespace, rates_of
from lrsched.analysis.records import Result, axes, number, record
from lrsched.foundation.errors import ABOVE_0, check_count, check_real, fail
from lrsched.foundation.numbers import is_jax

__all__ = ["Risk", "power_spectrum", "quadratic_risk"]

UNSTABLE = 1e30


@record
class Risk(Result):
    """What :func:`quadratic_risk` found.

    ``value`` is the excess risk after the last update, a float, or a vector with one of every schedule; it is inf
    where the rates are so large that the risk grows without end. ``contraction`` is its ratio to the risk before the
    first update.
    """

    value: Any
    contraction: Any

    assumes: ClassVar = (
        "linear regression on Gaussian inputs, each example used once, plain SGD without momentum.",
        "the eigenvalues of the inputs and the start are known.",
    )

    def table(self) -> list[tuple[str, ...]]:
        """One schedule a line."""
        values, shares = np.atleast_1d(self.value), np.atleast_1d(self.contraction)
        lines = [(str(i), number(v), number(c)) for i, (v, c) in enumerate(zip(values, shares, strict=True))]
        return [("schedule", "excess risk", "of the start"), *lines]

    def plot(self, ax: Any = None) -> Any:
        """Draw the risk of every schedule; return the axes."""
        self.concrete("drawn")
        ax = axes(ax)
        values = np.atleast_1d(self.value)
        ax.plot(np.where(np.isfinite(values), values, np.nan), "o")
        for i in np.flatnonzero(~np.isfinite(values)):
            ax.text(i, 0.02, "unstable", rotation=90, ha="center", va="bottom", transform=ax.get_xaxis_transform())
        ax.set(xlabel="schedule", ylabel="excess risk", xticks=np.arange(len(values)), yscale="log")
        return ax


def quadratic_risk(
    rates: Any, spectrum: Any, start: Any, *, noise: float, batch: float = 1.0, steps: Any = None
) -> Risk:
    """The exact expected excess risk of one-pass SGD on Gaussian linear regression.

    For each eigenvalue l of the inputs, m is the expected square of the error of the weights along it; with
    R = sum of l*m, an update at rate e on a batch of b examples makes m - 2*e*l*m + e**2*((1 + 1/b)*l**2*m +
    l*(R + noise)/b) of it. The excess risk is R/2. It takes O(T d) for d eigenvalues.

    On it easy tasks, whose ``source`` is at least 1 - 1/capacity, like decays (1-u)**p over the whole run, and hard
    ones a plateau with a decay at its end (Li et al. 2026, arXiv:2602.06797).

    Args:
        rates: a schedule, a vector, or an array (schedules, T) for several at once.
        spectrum: eigenvalues, > 0; see :func:`power_spectrum`.
        start: m before the first update, >= 0, one of each eigenvalue.
        noise: variance of the labels, >= 0.
        batch: examples an update, > 0.

    Raises:
        ScheduleError: an argument is none, or the start has no risk.

    Example:
        >>> import lrsched as lrs
        >>> spectrum, start = lrs.analysis.power_spectrum(0.667, 1.5)
        >>> easy = lrs.polynomial(1.5).over(6000)
        >>> round(lrs.analysis.quadratic_risk(0.2645 * easy, spectrum, start, noise=0.25).value, 6)
        0.006716
        >>> lrs.analysis.quadratic_risk(9.0 * easy, spectrum, start, noise=0.25).value
        inf
    """
    where = "quadratic_risk"
    given = rates_of(where, rates, steps, dimensions=(1, 2))
    eigenvalues, moments = _weights(where, "spectrum", spectrum, above=True), _weights(where, "start", start)
    if eigenvalues.shape != moments.shape:
        fail(where, "start", f"of {len(eigenvalues)} numbers, one of each eigenvalue", moments.shape)
    noise, batch = _number(where, "noise", noise), _number(where, "batch", batch, above=True)
    xp = namespace(given, eigenvalues, moments, noise, batch)
    begun = (eigenvalues * moments).sum()
    if xp is np and not 0 < begun < UNSTABLE:
        fail(where, "start", "a start with a risk above 0", float(begun))
    rows = given if given.ndim == 2 else given[None]
    march = _marched if xp is np else _scanned
    risk, most = march(rows, eigenvalues, moments, noise, batch)
    stable = most < UNSTABLE
    value = xp.where(stable, xp.where(stable, risk, 0.0) / 2, xp.inf)
    value, share = (value, 2 * value / begun) if given.ndim == 2 else (value[0], 2 * value[0] / begun)
    return Risk(value, share) if xp is not np or given.ndim == 2 else Risk(float(value), float(share))


def _number(where: str, argument: str, value: Any, above: bool = False) -> Any:
    """A number >= 0, or > 0; what is traced passes."""
    if is_jax(value):
        return value
    allowed = "a finite number > 0" if above else "a finite number >= 0"
    return check_real(where, argument, value, allowed, ABOVE_0 if above else 0.0)


def _weights(where: str, argument: str, values: Any, above: bool = False) -> Any:
    """A vector of finite numbers >= 0, or > 0; what is traced passes."""
    if is_jax(values):
        return values
    allowed = f"a vector of finite numbers {'> 0' if above else '>= 0'}"
    found = np.asarray(values)
    if found.dtype.kind not in "iuf" or found.ndim != 1 or not found.size:
        fail(where, argument, allowed, values, wrong_type=True)
    found = found.astype(np.float64)
    wrong = ~(np.isfinite(found) & (found > 0 if above else found >= 0))
    if wrong.any():
        fail(where, f"{argument}[{int(np.argmax(wrong))}]", allowed, float(found[wrong][0]))
    return found


def _marched(rows: Any, spectrum: Any, start: Any, noise: float, batch: float) -> Any:
    """The risk of every row after all its updates, in place, and the largest on the way."""
    moments = np.tile(start, (len(rows), 1))
    kept, fresh = np.empty_like(moments), np.empty_like(moments)
    risk = most = moments @ spectrum
    with np.errstate(over="ignore", invalid="ignore"):
        for rate in rows.T[:, :, None]:
            np.multiply(rate, spectrum, out=fresh)
            np.multiply(fresh, (1 + 1 / batch), out=kept)
            kept -= 2
            kept *= fresh
            kept += 1
            fresh *= rate * (risk[:, None] + noise) / batch
            moments *= kept
            moments += fresh
            np.minimum(moments, UNSTABLE / spectrum, out=moments)
            risk = moments @ spectrum
            most = np.maximum(most, risk)
    return risk, most


def _scanned(rows: Any, spectrum: Any, start: Any, noise: Any, batch: Any) -> Any:
    """The same as a scan of JAX."""
    import jax
    import jax.numpy as jnp

    highest = UNSTABLE / spectrum

    def update(carried: Any, rate: Any) -> tuple[Any, Any]:
        moved = rate[:, None] * spectrum
        risk = (carried @ spectrum)[:, None]
        kept = 1 - 2 * moved + (1 + 1 / batch) * moved**2
        after = jnp.minimum(carried * kept + rate[:, None] * moved * (risk + noise) / batch, highest)
        return after, after @ spectrum

    rows = jnp.asarray(rows)
    begun = jnp.broadcast_to(jnp.asarray(start, rows.dtype), (len(rows), len(spectrum)))
    risks = jax.lax.scan(update, begun, rows.T)[1]
    return risks[-1], risks.max(axis=0)


def power_spectrum(source: float, capacity: float, dimension: int = 600) -> tuple[Any, Any]:
    """Eigenvalues j**-capacity, and second moments of a start, of a task of given difficulty, for j = 1 .. dimension.

    The start is j**(-source*capacity - 1) / j**-capacity. A task is easy if ``source`` is at least 1 - 1/capacity
    (source and capacity conditions of kernel regression).

    Example:
        >>> import lrsched as lrs
        >>> spectrum, start = lrs.analysis.power_spectrum(0.5, 2.0, 3)
        >>> spectrum.round(4).tolist(), start.round(4).tolist()
        ([1.0, 0.25, 0.1111], [1.0, 1.0, 1.0])
    """
    where = "power_spectrum"
    source, capacity = _number(where, "source", source), _number(where, "capacity", capacity, above=True)
    j = np.arange(1.0, check_count(where, "dimension", dimension, 1, 10**7) + 1)
    with np.errstate(all="ignore"):  # what is not finite is an error
        spectrum, start = j**-capacity, j ** (capacity - source * capacity - 1)
    if not (spectrum[-1] > 0 and np.isfinite(start[-1])):
        fail(where, "capacity", f"such that {len(j)}**-capacity is > 0", capacity)
    return spectrum, start
