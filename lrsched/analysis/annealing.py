"""The annealing law: a power of the sum of rates, and what falling rates have annealed."""

from __future__ import annotations

from typing import Any

import numpy as np

from lrsched.analysis.law import Law, power
from lrsched.analysis.rates import namespace
from lrsched.analysis.records import record
from lrsched.foundation.errors import check_count, fail
from lrsched.foundation.numbers import is_jax

__all__ = ["AnnealingLaw", "annealed"]

NEGLIGIBLE = 1e-20


@record
class AnnealingLaw(Law):
    """The annealing law of Tissue et al. 2024 (arXiv:2408.11029), of four parameters.

    With P_t = e_0 + .. + e_t and m_t = decay * m_{t-1} + (e_{t-1} - e_t), which is 0 for t <= warmup, the loss after
    t + 1 updates is ``loss + A * P_t**-alpha - C * (m_0 + .. + m_t)``.

    It predicts at the peak that it was fitted at; as a function of the peak it only falls: it has no ``best_peak``.

    Example:
        >>> import lrsched as lrs
        >>> law = lrs.analysis.published["annealing-100m"]
        >>> round(law.predict(3e-4 * (lrs.warmup(2160) >> lrs.cosine().over(21_840, end=0.1))), 3)
        2.978
    """

    loss: float
    A: float
    alpha: float
    C: float
    decay: float = 0.999
    warmup: int = 0
    peaks: tuple[float, float] = (0.0, 0.0)
    name: str = "annealing"
    remarks: tuple[str, ...] = ()

    POSITIVE = ("A", "alpha", "C", "decay")
    assumes = (
        *Law.assumes,
        "only the peak that was fitted: the predicted loss falls with every higher peak, below zero in the end.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "warmup", check_count("AnnealingLaw", "warmup", self.warmup))
        if not is_jax(self.decay) and self.decay > 1:
            fail("AnnealingLaw", "decay", "from 0 to 1", self.decay)

    def losses(self, rates: Any, at: Any) -> Any:
        """The loss after each of ``at`` updates."""
        xp = namespace(rates, *self._values()[:5])
        places = np.asarray(at) - 1
        progress = power(xp, self.A, xp.cumsum(rates)[places], self.alpha)
        return self.loss + progress - self.C * annealed(rates, self.decay, self.warmup)[places]


def annealed(rates: Any, decay: Any, warmup: int) -> Any:
    """The sums m_0 + .. + m_t for every t.

    They obey M_t = decay * M_{t-1} + (e_w - e_t), a filter whose response is a product of 1 + decay**n z**-n over the
    powers of two n: as many passes as it takes until decay**n is nothing.
    """
    xp = namespace(rates, decay)
    if warmup >= len(rates):
        return xp.zeros(len(rates))
    filtered = rates[warmup] - rates[warmup:]
    n, weight = 1, decay
    while n < len(filtered) and (is_jax(weight) or weight > NEGLIGIBLE):
        filtered = xp.concatenate([filtered[:n], filtered[n:] + weight * filtered[:-n]])
        n, weight = 2 * n, weight * weight
    return xp.concatenate([xp.zeros(warmup), filtered])
