"""``warmup_scheduler`` 0.3, the package of ``GradualWarmupScheduler``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lrsched.algebra.arguments import Count, Rate, Real, checked
from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import check_count, check_real, fail
from lrsched.presets._parts import child_of
from lrsched.schedules.spans import Constant, Warmup

__all__ = ["GradualWarmupScheduler"]


def GradualWarmupScheduler(
    base: Rate,
    multiplier: Real,
    total_epoch: Count,
    after_scheduler: Schedule | Callable[[Any], Schedule] | None = None,
) -> Schedule:
    """A line up to ``multiplier * base`` by ``total_epoch``, then, one step later, another schedule from its beginning.

    Formula: base * t / n if m is 1, else base * (1 + (m - 1) * t / n), for t <= n; then after(t - n - 1)

    Args:
        base: the group's rate.
        multiplier: m, at least 1: the warm-up ends at m * base. With 1 it begins at 0, with more at ``base``.
        total_epoch: n, length of the line, in calls of ``step``.
        after_scheduler: a schedule made for the rate m * base, or a function that makes one of it; None holds it.

    The original hands over by calling ``get_lr`` of the other scheduler once too often: one that multiplies the rate
    that it finds (ExponentialLR, CosineAnnealingLR) is one factor ahead there. Here it begins at its first value.
    Source: Goyal et al. (2017).

    Example:
        >>> from lrsched import exponential_decay, presets
        >>> presets.warmup_scheduler.GradualWarmupScheduler(1.0, 1.0, 2, exponential_decay(0.5)).sample(6).tolist()
        [0.0, 0.5, 1.0, 1.0, 0.5, 0.25]
    """
    name = "GradualWarmupScheduler"
    times = check_real(name, "multiplier", multiplier)
    if times < 1:
        fail(name, "multiplier", "a number >= 1", multiplier)
    steps, top = check_count(name, "total_epoch", total_epoch), base * times
    rise = Warmup(steps, 0.0 if times == 1 else base, top).lasting(steps + 1)
    if after_scheduler is None:
        return rise >> Constant(top)
    return rise >> child_of(name, "after_scheduler", after_scheduler, top)


globals().update({name: checked(globals()[name]) for name in __all__})
