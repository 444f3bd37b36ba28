"""``keras.optimizers.schedules`` of Keras 3.15, as schedules.

Keras counts calls from 0 and computes in the type of ``initial_learning_rate``, mostly float32, so its restarts may
come one step early or late through a rounded logarithm; here they come exactly. ``name`` is taken and not used.
"""

from __future__ import annotations

import math
from typing import Any

from lrsched.algebra.arguments import Above, Positive, Real, Reals, checked
from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import check_count, check_real, fail
from lrsched.presets._parts import COSINE, LINEAR, geometric_drop, grown, laid, positive, steps_down, times
from lrsched.profiles.shapes import Polynomial
from lrsched.schedules.endless import ExponentialDecay as Exponential
from lrsched.schedules.endless import InverseTimeDecay as Inverse
from lrsched.schedules.endless import Piecewise
from lrsched.schedules.spans import Constant, Hold, Warmup

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
]


def ExponentialDecay(
    initial_learning_rate: Real, decay_steps: Real, decay_rate: Above, staircase: bool = False, name: str | None = None
) -> Schedule:
    """A factor per ``decay_steps`` steps, step by step or all at once.

    Formula: initial * rate**(t / decay_steps), the exponent rounded down with ``staircase``

    Args:
        initial_learning_rate: the first rate.
        decay_steps: updates per factor, positive; need not be whole.
        decay_rate: the factor, at least 0.
        staircase: fall every ``decay_steps`` updates only.

    Example:
        >>> from lrsched import presets
        >>> presets.keras.ExponentialDecay(1.0, 2, 0.25).sample(5).tolist()
        [1.0, 0.5, 0.25, 0.125, 0.0625]
    """
    steps = positive("ExponentialDecay", "decay_steps", decay_steps)
    if decay_rate == 0:
        return times(initial_learning_rate, steps_down(math.ceil(steps), 0.0) if staircase else geometric_drop(0.0))
    if staircase and steps == int(steps):
        return times(initial_learning_rate, steps_down(int(steps), decay_rate))
    return times(initial_learning_rate, _slower(Exponential(decay_rate), steps, staircase))


def InverseTimeDecay(
    initial_learning_rate: Real, decay_steps: Real, decay_rate: Above, staircase: bool = False, name: str | None = None
) -> Schedule:
    """The rate falls as one over time.

    Formula: initial / (1 + rate * t / decay_steps), the quotient rounded down with ``staircase``

    Args:
        initial_learning_rate: the first rate.
        decay_steps: the unit of time, in updates, positive; need not be whole.
        decay_rate: how much one over the rate grows per unit, as a share of its first value, at least 0.
        staircase: fall every ``decay_steps`` updates only.

    Example:
        >>> from lrsched import presets
        >>> presets.keras.InverseTimeDecay(1.0, 2, 1.0).sample(5).round(6).tolist()
        [1.0, 0.666667, 0.5, 0.4, 0.333333]
    """
    steps = positive("InverseTimeDecay", "decay_steps", decay_steps)
    if not staircase:
        return times(initial_learning_rate, Inverse(decay_rate / steps))
    return times(initial_learning_rate, _slower(Inverse(decay_rate), steps, staircase))


def _slower(schedule: Schedule, steps: Any, staircase: bool) -> Schedule:
    """The schedule of ``t / steps``, or of the whole number below it."""
    if staircase and steps == int(steps):
        return schedule.per_epoch(int(steps))
    schedule = schedule.sampled(every=1) if staircase else schedule
    return schedule if steps == 1 else schedule.stretched(steps)


def _whole(where: str, name: str, value: Any, smallest: int = 0) -> int:
    """A whole number, which may be given as a float."""
    return check_count(where, name, int(value) if isinstance(value, float) and value.is_integer() else value, smallest)


def PolynomialDecay(
    initial_learning_rate: Real,
    decay_steps: Real,
    end_learning_rate: Real = 0.0001,
    power: Above = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Schedule:
    """A polynomial fall from one rate to another, held after; or again and again, lower and slower each time.

    Formula: (initial - end) * (1 - t / T)**power + end, T = decay_steps * max(1, ceil(t / decay_steps)) with
    ``cycle``, else T = decay_steps and t at most T

    Args:
        initial_learning_rate, end_learning_rate: the rates at both ends.
        decay_steps: length of the fall, in updates, positive; with ``cycle`` a whole number.
        power: exponent, at least 0; with 0 the rate stays what it is.
        cycle: begin again one update after each fall.

    Example:
        >>> from lrsched import presets
        >>> presets.keras.PolynomialDecay(1.0, 4, end_learning_rate=0.5, cycle=True).sample(7).tolist()
        [1.0, 0.875, 0.75, 0.625, 0.5, 0.6875, 0.625]
    """
    if power == 0:
        return Constant(initial_learning_rate)
    if not cycle:
        steps = positive("PolynomialDecay", "decay_steps", decay_steps)
        return laid(LINEAR if power == 1 else Polynomial(power), steps, initial_learning_rate, end_learning_rate)
    steps = _whole("PolynomialDecay", "decay_steps", decay_steps, 1)
    falls = LINEAR.over(steps, 1 - 1 / steps, endpoint=True).restarted() * Inverse(1.0).per_epoch(steps)
    share = Hold(1) >> falls
    span = initial_learning_rate - end_learning_rate
    return end_learning_rate + span * (share if power == 1 else share**power)


def PiecewiseConstantDecay(boundaries: Reals, values: Reals, name: str | None = None) -> Schedule:
    """Piecewise constant; a boundary still belongs to the value before it.

    Formula: values[i] for boundaries[i - 1] < t <= boundaries[i]

    Args:
        boundaries: steps in increasing order; a fraction is cut off.
        values: rates, one more than boundaries.

    Keras fails without boundaries; here the one value is kept for ever.

    Example:
        >>> from lrsched import presets
        >>> presets.keras.PiecewiseConstantDecay([2, 4], [1.0, 0.5, 0.1]).sample(7).tolist()
        [1.0, 1.0, 1.0, 0.5, 0.5, 0.1, 0.1]
    """
    where = "PiecewiseConstantDecay"
    starts = [int(m) + 1 for m in boundaries]
    if starts != sorted(starts):
        fail(where, "boundaries", "in increasing order", list(boundaries))
    if len(values) != len(starts) + 1:
        fail(where, "values", f"one more than the {len(starts)} boundaries", list(values))
    later = {m: value for m, value in zip(starts, values[1:], strict=True) if m > 0}
    first = values[sum(m <= 0 for m in starts)]
    return Piecewise(tuple(later), (first, *later.values())) if later else Constant(first)


def CosineDecay(
    initial_learning_rate: Real,
    decay_steps: Real,
    alpha: Real = 0.0,
    name: str | None = None,
    warmup_target: Real = None,
    warmup_steps: int = 0,
) -> Schedule:
    """Half a cosine wave down, held after; with a target, after a line up to it.

    Formula: initial * (alpha + (1 - alpha) * (1 + cos(pi * min(t, n) / n)) / 2), n = decay_steps

    Args:
        initial_learning_rate: the first rate.
        decay_steps: n, length of the fall, in updates, which does not count the warm-up.
        alpha: the last rate as a share of the first, or of the target.
        warmup_target: the rate at the end of the warm-up; without it there is none, whatever its length.
        warmup_steps: length of the warm-up from ``initial_learning_rate``, in updates.

    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import presets
        >>> presets.keras.CosineDecay(0.0, 4, 0.1, warmup_target=1.0, warmup_steps=2)
        warmup(2) >> cosine().over(4, end=0.1)
    """
    fall = laid(COSINE, positive("CosineDecay", "decay_steps", decay_steps), 1.0, alpha)
    if warmup_target is None:
        return times(initial_learning_rate, fall)
    fall, warmup_steps = times(warmup_target, fall), _whole("CosineDecay", "warmup_steps", warmup_steps)
    return Warmup(warmup_steps, initial_learning_rate, warmup_target) >> fall if warmup_steps else fall


def CosineDecayRestarts(
    initial_learning_rate: Real,
    first_decay_steps: Real,
    t_mul: Real = 2.0,
    m_mul: Positive = 1.0,
    alpha: Real = 0.0,
    name: str | None = None,
) -> Schedule:
    """Cosine cycles that grow in length and shrink in height, above a floor that does neither.

    Formula: initial * (alpha + (1 - alpha) * m_mul**i * (1 + cos(pi * c / T)) / 2), T = first * t_mul**i

    Args:
        initial_learning_rate: the first rate.
        first_decay_steps: updates of the first cycle, positive; need not be whole.
        t_mul: growth of the cycles, at least 1. Cycles of no whole length are written out, up to 2**31 updates.
        m_mul: factor on the height per cycle, positive.
        alpha: the floor as a share of the first rate.

    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import presets
        >>> presets.keras.CosineDecayRestarts(1.0, 2, m_mul=0.5).sample(5).round(6).tolist()
        [1.0, 0.5, 0.5, 0.426777, 0.25]
    """
    name = "CosineDecayRestarts"
    first = float(positive(name, "first_decay_steps", first_decay_steps))
    growth = check_real(name, "t_mul", t_mul)
    if growth < 1:
        fail(name, "t_mul", ">= 1, since below it Keras gives NaN when the cycles end", t_mul)
    if first.is_integer() and growth.is_integer():
        cycles = COSINE.over(int(first)).restarted(t_mult=growth, gamma=m_mul)
    elif growth == 1:
        cycles = COSINE.over(1).restarted(gamma=m_mul).stretched(first)
    else:
        cycles = grown(name, "t_mul", COSINE, first, growth, lambda i: (m_mul**i, 0.0), None)
    return times(initial_learning_rate, cycles if alpha == 0 else alpha + (1.0 - alpha) * cycles)


globals().update({name: checked(globals()[name]) for name in __all__})
