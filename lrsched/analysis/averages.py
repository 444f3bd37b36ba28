"""AdamW read as an average: which updates the last weights are made of."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lrsched.algebra.schedule import Schedule
from lrsched.analysis.rates import namespace, rates_of
from lrsched.analysis.records import Result, axes, number, record
from lrsched.foundation.errors import check_real, fail
from lrsched.foundation.numbers import float_type, is_jax

__all__ = ["Averaging", "averaging"]


@record
class Averaging(Result):
    """What :func:`averaging` returns.

    ``init`` is the share of the first weights in the last ones, ``weights`` that of every update (all shares add up to
    1); ``window`` is how many updates in equal parts would average as much, ``age`` how many updates ago they were made
    on average, ``half_life`` how many of the last ones hold half of their share; ``timescale`` is 1 / (peak * decay).
    """

    init: float
    weights: Any
    window: float
    age: float
    timescale: float
    half_life: float
    steps: int

    assumes: ClassVar[Any] = (
        "weight decay is decoupled and multiplied by the rate, as in AdamW of PyTorch and Optax; no L2 in the gradient",
        "an update is what the optimizer makes of a gradient, divided by the weight decay",
        "weights that a normalisation follows have dynamics of their own (AdamC)",
    )

    def table(self) -> list[tuple[str, ...]]:
        """One row a number, in updates and as a share of the run."""
        named = [
            ("window", self.window, "updates in equal parts that average as much"),
            ("age", self.age, "updates ago, on average"),
            ("half life", self.half_life, "last updates that hold half of it"),
            ("timescale", self.timescale, "1 / (peak * weight decay)"),
        ]
        rows = [(name, number(value), f"{value / self.steps:.1%}", what) for name, value, what in named]
        first = ("init", number(self.init, 3), "", "share of the first weights in the last ones")
        return [(f"{self.steps:,} updates", "number", "of the run", ""), first, *rows]

    def plot(self, ax: Any = None) -> Any:
        """The share of every update."""
        self.concrete("drawn")
        ax = axes(ax)
        ax.plot(np.arange(1, self.steps + 1), self.weights, label=f"first weights: {self.init:.3g}")
        ax.set(xlabel="update", ylabel="share in the last weights", ylim=(0, None))
        ax.legend(frameon=False, fontsize="small")
        return ax


def averaging(rates: Any, weight_decay: Any, steps: int | None = None, *, dtype: Any = np.float64) -> Averaging:
    """What AdamW averages over: its last weights as a weighted mean of the first ones and of all updates.

    Formula: a_t = rate_t * weight_decay_t; weight_i = a_i * prod of (1 - a_j) over j > i; init = prod of (1 - a_t);
    window = 1 / sum of (weight / sum of weights)**2; age = mean of T - i, by weight

    Args:
        rates: a schedule, or a vector with the rate of every update; JAX values give JAX values.
        weight_decay: a number >= 0, or a schedule of it.
        steps: length of the run in updates; by default that of the schedule.
        dtype: floating type of ``weights``.

    Returns:
        An :class:`Averaging`. Without decay nothing is forgotten: init is 1, weights, window and age are 0, and the
        timescale is inf. Weights of updates long ago may be 0: they are smaller than any float.

    Raises:
        ScheduleError: an argument outside its range, or rate * weight_decay of 1 or more.

    Source: Wang and Aitchison, "How to set AdamW's weight decay as you scale model and dataset size" (2024).

    Example:
        >>> import lrsched as lrs
        >>> found = lrs.analysis.averaging(1e-2 * lrs.linear().over(10_000), 0.1)
        >>> round(found.init, 5), round(found.window), round(found.age), found.timescale
        (0.00672, 7041, 3916, 1000.0)
    """
    given = rates_of("averaging", rates, steps)
    dtype = float_type("averaging", dtype)
    decay = _decay(weight_decay, given.shape[0])
    xp = namespace(given, decay)
    with np.errstate(over="ignore", under="ignore"):
        a = xp.asarray(given * decay)
    if xp is np and a.max() >= 1.0:
        t = int(np.argmax(a >= 1.0))
        fail("averaging", "rate * weight_decay", "below 1", f"{a[t]:g} at step {t}")
    logs = xp.log1p(-a)
    kept = xp.concatenate([xp.cumsum(logs[:0:-1])[::-1], xp.zeros(1, logs.dtype)])  # what is left of each update
    weights = a * xp.exp(kept)
    numbers = (xp.exp(kept[0] + logs[0]), *_readings(xp, weights), 1.0 / a.max() if xp is not np else _inverse(a.max()))
    init, window, age, half, timescale = map(float, numbers) if xp is np else numbers
    weights = weights.astype(dtype) if xp is np else weights
    return Averaging(init, weights, window, age, timescale, half, given.shape[0])


def _decay(weight_decay: Any, steps: int) -> Any:
    """The weight decay of every update, or one number for all."""
    if isinstance(weight_decay, Schedule):
        return rates_of("averaging", weight_decay, steps, argument="weight_decay")
    if is_jax(weight_decay):
        return weight_decay
    return check_real("averaging", "weight_decay", weight_decay, "a number >= 0, or a schedule", 0.0)


def _inverse(value: Any) -> Any:
    return 1.0 / value if value else np.inf


def _readings(xp: Any, weights: Any) -> tuple[Any, Any, Any]:
    """Window, age and half life of weights; 0 where there are none."""
    whole = weights.sum()
    some = xp.where(whole > 0, whole, 1)
    shares = weights / some
    ago = xp.arange(weights.shape[0], 0, -1)
    squares = xp.dot(shares, shares)
    half = xp.argmax(xp.cumsum(shares[::-1]) >= 0.5) + 1
    window = xp.where(whole > 0, 1.0 / xp.where(squares > 0, squares, 1), 0)
    return window, xp.dot(shares, ago.astype(shares.dtype)), xp.where(whole > 0, half, 0)
