"""Schedules known by name, each a plain function whose body is one expression of the algebra."""

from __future__ import annotations

from typing import Any

from lrsched._schedule import Schedule
from lrsched.profiles import Cosine, Linear, OneMinusPower, Profile
from lrsched.schedules import Hold, Warmup

__all__ = [
    "one_cycle",
    "one_cycle_momentum",
    "sgdr",
    "triangular",
    "warmup_cosine",
    "warmup_linear",
    "warmup_stable_decay",
]

COSINE, LINEAR, SQRT = Cosine(), Linear(), OneMinusPower()


def warmup_cosine(peak: Any, steps: int, warmup: int, end: Any = 0.0) -> Schedule:
    """Linear warm-up, then cosine: ``peak * (warmup(warmup) >> cosine().over(steps - warmup, end=end))``.

    Example:
        >>> from lrsched import recipes
        >>> recipes.warmup_cosine(0.1, steps=100, warmup=10)(10)
        0.1
    """
    return peak * (Warmup(warmup) >> COSINE.over(steps - warmup, end=end))


def warmup_linear(peak: Any, steps: int, warmup: int, end: Any = 0.0) -> Schedule:
    """Linear warm-up, then linear: ``peak * (warmup(warmup) >> linear().over(steps - warmup, end=end))``.

    Example:
        >>> from lrsched import recipes
        >>> recipes.warmup_linear(0.1, steps=100, warmup=10)(100)
        0.0
    """
    return peak * (Warmup(warmup) >> LINEAR.over(steps - warmup, end=end))


def warmup_stable_decay(
    peak: Any, steps: int, warmup: int, decay: int, end: Any = 0.0, cooldown: Profile = SQRT
) -> Schedule:
    """The trapezoid: ``peak * (warmup(warmup) >> hold(steps - warmup - decay) >> cooldown.over(decay, end=end))``.

    Source: Hu et al. (2024, MiniCPM); Haegele et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.warmup_stable_decay(0.1, steps=100, warmup=10, decay=20)(79)
        0.1
    """
    return peak * (Warmup(warmup) >> Hold(steps - warmup - decay) >> cooldown.over(decay, end=end))


def one_cycle(
    peak: Any,
    steps: int,
    rise: Any = 0.3,
    start: Any = 1 / 25,
    end: Any = 1 / 25e4,
    profile: Profile = COSINE,
) -> Schedule:
    """Up to the peak in a share ``rise`` of the run, then far down.

    ``peak * (warmup(r, start, profile=profile) >> profile.over(steps - r, end=end))``, ``r = round(rise * steps)``.

    Source: Smith and Topin (2018).

    Example:
        >>> from lrsched import recipes
        >>> recipes.one_cycle(0.1, steps=100)(30)
        0.1
    """
    from lrsched._fields import share_of

    up = share_of(rise, steps)
    return peak * (Warmup(up, start, profile=profile) >> profile.over(steps - up, end=end))


def one_cycle_momentum(steps: int, rise: Any = 0.3, high: Any = 0.95, low: Any = 0.85) -> Schedule:
    """The momentum that goes with :func:`one_cycle`: down while the rate rises, up again while it falls.

    Example:
        >>> from lrsched import recipes
        >>> recipes.one_cycle_momentum(steps=100)(30)
        0.85
    """
    from lrsched._fields import share_of

    down = share_of(rise, steps)
    return COSINE.over(down, high, low) >> COSINE.over(steps - down, low, high)


def sgdr(peak: Any, first: int, t_mult: Any = 2, gamma: Any = 1.0, end: Any = 0.0) -> Schedule:
    """Cosine with warm restarts: ``peak * cosine().over(first, end=end).restarted(t_mult=t_mult, gamma=gamma)``.

    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.sgdr(0.1, first=10)(30)
        0.1
    """
    return peak * COSINE.over(first, end=end).restarted(t_mult=t_mult, gamma=gamma)


def triangular(low: Any, high: Any, half_period: int) -> Schedule:
    """The cyclical rate: ``linear().over(half_period, low, high).mirrored().restarted()``.

    Source: Smith (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.triangular(0.1, 0.3, half_period=2).sample(5).tolist()
        [0.1, 0.2, 0.3, 0.2, 0.1]
    """
    return LINEAR.over(half_period, low, high).mirrored().restarted()
