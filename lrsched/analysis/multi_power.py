"""The multi-power law: a loss curve from every change of the rate."""

from __future__ import annotations

from typing import Any

import numpy as np

from lrsched.analysis.law import Law, power
from lrsched.analysis.rates import namespace
from lrsched.analysis.records import record

__all__ = ["MultiPowerLaw"]

BLOCK = 1 << 16


@record
class MultiPowerLaw(Law):
    """The multi-power law of Luo et al. 2025 (arXiv:2503.12811), of seven parameters.

    With P_t = e_0 + .. + e_t, the loss after t + 1 updates is ``loss + A * P_t**-alpha - B * sum over k = 1 .. t of
    (e_{k-1} - e_k) * (1 - (1 + C * e_k**-gamma * (P_t - P_{k-1}))**-beta)``. The warm-up counts in k and in P; steps
    where the rate stays cost nothing. A factor is 1 where e_k is 0 and the sum is not, and 0 where the sum is 0.

    It predicts at the peak that it was fitted at and cannot choose another: it has no ``best_peak``.

    Example:
        >>> import lrsched as lrs
        >>> law = lrs.analysis.published["mpl-100m"]
        >>> warm = lrs.warmup(2160)
        >>> round(law.predict(3e-4 * (warm >> lrs.cosine().over(21_840, end=0.1))), 3)
        2.99
        >>> round(law.predict(3e-4 * (warm >> lrs.constant(1)), steps=24_000), 3)
        3.033
    """

    loss: float
    A: float
    alpha: float
    B: float
    C: float
    beta: float
    gamma: float
    peaks: tuple[float, float]
    name: str = "multi-power"
    remarks: tuple[str, ...] = ()

    POSITIVE = ("A", "alpha", "B", "C", "beta")
    assumes = (
        *Law.assumes,
        "only the peak that was fitted: the published constants put the best peak of linear decay at 20 times it.",
    )

    def losses(self, rates: Any, at: Any) -> Any:
        """The loss after each of ``at`` updates."""
        xp = namespace(rates, *self._values()[:7])
        if namespace(rates) is np:
            begins = np.r_[0, np.flatnonzero(np.diff(rates)) + 1]
            values = [self._after(xp, rates, begins, int(t)) for t in at]
            return np.array(values) if xp is np else xp.stack(values)
        if len(at) == 1:
            return self._of(xp, rates[: int(at[0])], 1.0)[None]
        import jax

        step = xp.arange(len(rates))

        def after(t: Any) -> Any:
            made = step < t  # after them the rate stays and counts no more
            return self._of(xp, xp.where(made, rates, rates[t - 1]), made.astype(rates.dtype))

        return jax.lax.map(after, xp.asarray(at))

    def held(self, levels: Any, counts: Any) -> Any:
        """The last loss of a run that keeps each of ``levels`` for some of ``counts`` updates: one term a level."""
        return self._of(namespace(levels, *self._values()[:7]), levels, counts)

    def _after(self, xp: Any, rates: Any, begins: Any, t: int) -> Any:
        """The loss after t updates of rates that change at ``begins``."""
        begins = begins[: np.searchsorted(begins, t)]
        return self._of(xp, rates[begins], np.diff(begins, append=t))

    def _of(self, xp: Any, levels: Any, counts: Any) -> Any:
        """The loss at the end of a run that keeps each level for some updates."""
        sums = xp.cumsum((levels * counts)[::-1])[::-1]
        saved = 0.0
        size = BLOCK if xp is np else len(levels)
        for start in range(1, len(levels), size):
            stop = min(start + size, len(levels))
            drops = levels[start - 1 : stop - 1] - levels[start:stop]
            saved = saved + (drops * self._factors(xp, levels[start:stop], sums[start:stop])).sum()
        return self.loss + power(xp, self.A, sums[0], self.alpha) - self.B * saved

    def _factors(self, xp: Any, levels: Any, sums: Any) -> Any:
        """How much of each change has come to bear."""
        some = levels > 0
        with np.errstate(over="ignore"):
            reached = self.C * xp.where(some, levels, 1.0) ** -self.gamma * sums
        return xp.where(some, -xp.expm1(-self.beta * xp.log1p(reached)), xp.where(sums > 0, 1.0, 0.0))
