"""A peak that was tuned, moved to another shape and another length of the run."""

from __future__ import annotations

from typing import Any, ClassVar

from lrsched.analysis.bound import convex_bound
from lrsched.analysis.rates import rates_of
from lrsched.analysis.records import Result, axes, number, record
from lrsched.foundation.errors import ABOVE_0, check_choice, check_real, fail
from lrsched.foundation.numbers import is_jax

__all__ = ["EXPONENT", "HIGH", "LOW", "MEASURED", "Transfer", "transfer"]

LOW, EXPONENT, HIGH = 0.5, 0.3, 0.15  # of the horizon: of theory, between both, and as measured with AdamW
LARGEST = 30.0
MEASURED = (
    (
        "peak, for the shape: theory; on 124M runs with AdamW off by an rms of .08 to .36 in the log (a factor of 1.1 "
        "to 1.4), the peak left alone by .34 to .59 (1.4 to 1.8)"
    ),
    "peak, for the length: theory says T**-.5, the same runs T**-.07 to T**-.27; the range is from T**-.5 to T**-.15",
)


@record
class Transfer(Result):
    """What :func:`transfer` returns.

    ``peak`` is the peak to use, the tuned one times ``shape_factor`` and ``horizon_factor``; ``low`` and ``high`` are
    the peaks for exponents of the horizon of .5 and .15.
    """

    peak: float
    shape_factor: float
    horizon_factor: float
    low: float
    high: float

    assumes: ClassVar[Any] = (
        "the same model, data, batch size, optimizer and weight decay, so the same distance and norms",
        *MEASURED,
        "the tuned peak was the best of its shape, and training is stable at the new one",
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """A word on factors that are further than anything measured, and on an exponent outside the range."""
        factor = self.shape_factor * self.horizon_factor
        said = []
        if not 1 / LARGEST <= factor <= LARGEST:
            said.append(f"a factor of {number(factor, 3)} is further than any that was measured: tune again from there")
        if not self.low * (1 - 1e-9) <= self.peak <= self.high * (1 + 1e-9):
            said.append("the exponent given lies outside of .15 to .5, which the range is made of")
        return tuple(said)

    def table(self) -> list[tuple[str, ...]]:
        """One row a number."""
        return [
            ("peak", number(self.peak, 3), f"from {number(self.low, 3)} to {number(self.high, 3)}"),
            ("shape", number(self.shape_factor, 3), "factor for the other shape"),
            ("horizon", number(self.horizon_factor, 3), "factor for the other length"),
        ]

    def plot(self, ax: Any = None) -> Any:
        """The tuned peak, then what the shape and the horizon make of it, with the range."""
        self.concrete("drawn")
        ax = axes(ax, 2.6)
        tuned = self.peak / (self.shape_factor * self.horizon_factor)
        places = [tuned, tuned * self.shape_factor, self.peak]
        ax.plot(places, range(3), "o-", color="C0")
        ax.plot([self.low, self.high], [2, 2], color="C0", alpha=0.3, linewidth=8, solid_capstyle="butt")
        ax.set_yticks(range(3), [f"{what}\n{number(p, 3)}" for what, p in zip(STAGES, places, strict=True)])
        ax.set(xscale="log", xlabel="peak", ylim=(2.5, -0.5))
        return ax


STAGES = ("tuned", "other shape", "other length")


def transfer(
    peak: Any,
    tuned: Any,
    target: Any,
    *,
    tuned_steps: int | None = None,
    target_steps: int | None = None,
    exponent: Any = EXPONENT,
    last: str = "free",
) -> Transfer:
    """The peak of one schedule, from the tuned peak of another one.

    Formula: peak * base(target) / base(tuned) * (T_tuned / T_target)**exponent; ``base`` as in :func:`convex_bound`

    Args:
        peak: the largest rate of the tuned run, > 0, whatever the scale of ``tuned`` itself.
        tuned: the schedule it was tuned with, or its rates.
        target: the schedule to find a peak for, or its rates; its scale does not matter.
        tuned_steps, target_steps: lengths of the runs in updates; by default those of the schedules.
        exponent: of the horizon, in [0, 1]: .5 is that of the theory, .3 lies between theory and what was measured; or
            a fitted law, whose exponent a gives a / (1 + a).
        last: as in :func:`convex_bound`.

    Returns:
        A :class:`Transfer`.

    Raises:
        ScheduleError: an argument outside its range.

    Source: Schaipp et al., "The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling"
    (2025), for the shape; Bjorck et al., "Scaling Optimal LR Across Token Horizons" (2025), for an exponent of its own.

    Example:
        >>> import lrsched as lrs
        >>> wsd = lrs.plan(60_000, lrs.warmup(500), lrs.flat(), (0.2, lrs.linear()))
        >>> found = lrs.analysis.transfer(3e-4, lrs.plan(20_000, lrs.warmup(500), lrs.cosine()), wsd)
        >>> f"{found.peak:.3g} ({found.low:.2g} to {found.high:.2g})"
        '0.000115 (9.2e-05 to 0.00014)'
    """
    if not is_jax(peak):
        peak = check_real("transfer", "peak", peak, "a number > 0", ABOVE_0)
    power = _exponent(exponent)
    check_choice("transfer", "last", last, ("free", "own"))
    rates = rates_of("transfer", tuned, tuned_steps, argument="tuned", count="tuned_steps")
    others = rates_of("transfer", target, target_steps, argument="target", count="target_steps")
    before, after = convex_bound(rates, last=last), convex_bound(others, last=last)
    shape, ratio = after.base / before.base, before.steps / after.steps
    low, high = sorted((ratio**LOW, ratio**HIGH))
    moved, horizon = peak * shape, ratio**power
    return Transfer(moved * horizon, shape, horizon, moved * low, moved * high)


def _exponent(exponent: Any) -> Any:
    """A number, or that of a law: the best peak of ``L0 + A S**-a + B N`` goes as ``T**-(a / (1 + a))``."""
    if isinstance(exponent, Result):
        a = getattr(exponent, "exponent", None)
        if a is None:
            allowed = "a number in [0, 1], or a law with an exponent of its own, as SignalNoiseLaw"
            fail("transfer", "exponent", allowed, type(exponent).__name__, wrong_type=True)
        return a / (1.0 + a)
    if is_jax(exponent):
        return exponent
    return check_real("transfer", "exponent", exponent, "a number in [0, 1], or a fitted law", 0.0, 1.0)
