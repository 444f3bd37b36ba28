"""The law with a power of the sum of rates and the noise term of the convex bound."""

from __future__ import annotations

from typing import Any

import numpy as np

from lrsched.analysis import worst_case
from lrsched.analysis.law import Law, power
from lrsched.analysis.rates import namespace, rates_of
from lrsched.analysis.records import record
from lrsched.foundation.errors import ScheduleError
from lrsched.foundation.numbers import any_jax, is_jax

__all__ = ["SignalNoiseLaw", "signal_and_noise"]

NOTHING = 1e-9  # of the peak: rates at the end of a run that move nothing


@record
class SignalNoiseLaw(Law):
    """A law of four parameters that can choose a peak: progress against noise.

    After a run with rates e_0 .. e_{T-1}, whose sum is S, the loss is ``loss + signal * S**-exponent + noise * N`` with
    N = e_{T-1} + sum over k < T-1 of e_k**2 / (e_{k+1} + .. + e_{T-1}), the noise term of the bound on the last iterate
    for gradients of norm 1 (Schaipp et al. 2025, arXiv:2501.18965). Rates at the end below 1e-9 of the peak, which
    move nothing, are left out of N. The power in place of D**2/(2 S) and its exponent are fitted.

    Args:
        loss: what remains, in the units of the loss.
        signal: how much progress is worth, >= 0.
        exponent: of the sum of rates, >= 0; the best peak goes as T**-(exponent / (1 + exponent)).
        noise: how much noise costs, >= 0.
        peaks: the least and the largest peak of the runs that it was fitted to.

    Example:
        >>> import lrsched as lrs
        >>> law = lrs.analysis.SignalNoiseLaw(2.5, 0.6, 0.45, 40.0, peaks=(3e-4, 3e-3))
        >>> round(law.predict(1e-3 * lrs.linear().over(2000)), 4)
        3.1802
        >>> print(law)
        signal-noise   value
        loss         2.50000
        signal      0.600000
        exponent    0.450000
        noise        40.0000
        ...
    """

    loss: float
    signal: float
    exponent: float
    noise: float
    peaks: tuple[float, float]
    name: str = "signal-noise"
    remarks: tuple[str, ...] = ()

    POSITIVE = ("signal", "exponent", "noise")
    assumes = (
        *Law.assumes,
        (
            "the form is a worst case of convex theory with a fitted exponent: on language models of 25M to 124M it "
            "ranked shapes and chose peaks well, and predicted losses to about 0.02."
        ),
    )

    def losses(self, rates: Any, at: Any) -> Any:
        """The loss after each of ``at`` updates."""
        total, noise = signal_and_noise(rates, at)
        xp = namespace(total, *self._values()[:4])
        return self.loss + power(xp, self.signal, total, self.exponent) + self.noise * noise

    def best_peak(self, rates: Any, steps: Any = None) -> Any:
        """The peak at which these rates, scaled as a whole, reach the least loss.

        With S and N of the rates at a peak of 1 it is ``(a*A*S**-a / (B*N)) ** (1/(1+a))``, where A, a and B are
        ``signal``, ``exponent`` and ``noise``.

        Raises:
            ScheduleError: the law was fitted at one peak, or signal, exponent or noise is 0.

        Example:
            >>> import lrsched as lrs
            >>> law = lrs.analysis.SignalNoiseLaw(2.5, 0.6, 0.45, 40.0, peaks=(3e-4, 3e-3))
            >>> round(law.best_peak(lrs.linear().over(2000)), 6)
            0.002307
        """
        where = "SignalNoiseLaw.best_peak"
        given = rates_of(where, rates, steps)
        parameters = (self.signal, self.exponent, self.noise)
        if not any_jax(self.peaks) and self.peaks[0] == self.peaks[1]:
            raise ScheduleError(f"{where}: the law was fitted at one peak, {self.peaks[0]:g}, so it cannot choose one")
        for name, value in zip(("signal", "exponent", "noise"), parameters, strict=True):
            if not is_jax(value) and value == 0:
                raise ScheduleError(f"{where}: {name} is 0 in this law, so no peak is the best one")
        total, noise = signal_and_noise(given / given.max(), np.array([len(given)]))
        a = self.exponent
        best = (a * self.signal * total[0] ** -a / (self.noise * noise[0])) ** (1 / (1 + a))
        return best if is_jax(best) else float(best)


def signal_and_noise(rates: Any, at: Any) -> tuple[Any, Any]:
    """S and N of the first t rates, for each t of ``at``; both are 0 while all rates are."""
    xp = namespace(rates)
    if xp is np:
        pairs = [_terms(np, rates[:t]) for t in at]
        return np.array([s for s, _ in pairs]), np.array([n for _, n in pairs])
    if len(at) == 1:
        s, n = _terms(xp, rates[: int(at[0])])
        return s[None], n[None]
    import jax

    steps = xp.arange(len(rates))
    return jax.lax.map(lambda t: _terms(xp, xp.where(steps < t, rates, 0.0)), xp.asarray(at))


def _terms(xp: Any, rates: Any) -> tuple[Any, Any]:
    """S and N of one run, up to the last rate that is not nothing beside the peak."""
    peak = rates.max()
    if xp is np and peak == 0:
        return 0.0, 0.0
    shares = rates / xp.where(peak > 0, peak, 1.0)
    end = len(shares) - xp.argmax(shares[::-1] >= NOTHING)
    kept = shares[:end] if xp is np else xp.where(xp.arange(len(shares)) < end, shares, 0.0)
    total, noise = worst_case.own_sums(xp, kept, kept)
    return peak * total, peak * noise
