"""``optax.schedules`` of Optax 0.2.8, as schedules.

Optax counts from 0 and computes in float32; here every step is computed in the precision of the target. A schedule of
this algebra is already an Optax schedule: pass it wherever Optax takes a learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from lrsched.algebra.arguments import Above, Count, Counts, One, Positive, Real, Schedules, Share, Taken, checked
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.arithmetic import maximum, minimum
from lrsched.combinators.sequence import sequence
from lrsched.foundation.errors import check_choice, check_count, check_real, fail
from lrsched.presets._parts import COSINE, LINEAR, joined_at, laid, positive, steps_down
from lrsched.profiles.shapes import Polynomial
from lrsched.schedules.endless import ExponentialDecay, Piecewise
from lrsched.schedules.spans import Constant, Warmup

__all__ = [
    "constant_schedule",
    "cosine_decay_schedule",
    "cosine_onecycle_schedule",
    "exponential_decay",
    "join_schedules",
    "linear_onecycle_schedule",
    "linear_schedule",
    "piecewise_constant_schedule",
    "piecewise_interpolate_schedule",
    "polynomial_schedule",
    "sgdr_schedule",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
]


Scales = Annotated[Any, Taken("mapping", optional=True, allowed="a mapping of steps to scales")]
Cycles = Annotated[Any, Taken("items", least=1, allowed="a sequence of mappings, the arguments of each cycle")]


def constant_schedule(value: Real) -> Schedule:
    """The same value for ever.

    Formula: value

    Args:
        value: the rate.

    Example:
        >>> from lrsched import presets
        >>> presets.optax.constant_schedule(0.5)(10)
        0.5
    """
    return Constant(value)


def polynomial_schedule(
    init_value: Real, end_value: Real, power: Positive, transition_steps: Real, transition_begin: int = 0
) -> Schedule:
    """A polynomial course from one value to another, held before and after.

    Formula: (init - end) * (1 - clip(t - begin, 0, n) / n)**power + end, n = transition_steps

    Args:
        init_value, end_value: the values at both ends.
        power: exponent, at least 0.
        transition_steps: n, in updates; not above 0, the first value is kept for ever.
        transition_begin: updates at the first value before; below 0 it counts as 0.

    Example:
        >>> from lrsched import presets
        >>> presets.optax.polynomial_schedule(1.0, 0.0, 2, 4, transition_begin=2).sample(8).tolist()
        [1.0, 1.0, 1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]
    """
    if transition_steps <= 0 or power == 0:
        return Constant(init_value)
    course = laid(LINEAR if power == 1 else Polynomial(power), transition_steps, init_value, end_value)
    return _late(course, transition_begin)


def linear_schedule(init_value: Real, end_value: Real, transition_steps: Real, transition_begin: int = 0) -> Schedule:
    """A line from one value to another, held before and after.

    Formula: init + (end - init) * clip(t - begin, 0, n) / n, n = transition_steps

    Args:
        init_value, end_value: the values at both ends.
        transition_steps: n, in updates; not above 0, the first value is kept for ever.
        transition_begin: updates at the first value before; below 0 it counts as 0.

    Example:
        >>> from lrsched import presets
        >>> presets.optax.linear_schedule(1.0, 0.0, 4).sample(6).tolist()
        [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin)


def _late(course: Schedule, begin: Any) -> Schedule:
    """The course after its first value has been held for ``begin`` steps, none if that is below 0."""
    begin = check_count("late", "transition_begin", max(begin, 0) if isinstance(begin, int) else begin)
    return course.delayed(begin) if begin else course


def _scaled(where: str, init: Any, scales: Mapping[Any, Any] | None) -> tuple[list[int], list[Any]]:
    """The steps, in order, and the values after each, the first of them before all."""
    pairs = [[check_real(where, "boundaries_and_scales", x) for x in pair] for pair in (scales or {}).items()]
    steps, values = [], [init]
    for step, scale in sorted(pairs):
        if scale < 0:
            fail(where, "boundaries_and_scales", "of scales >= 0", scales)
        steps.append(math.ceil(step))
        values.append(values[-1] * scale)
    return steps, values


def piecewise_constant_schedule(init_value: Real, boundaries_and_scales: Scales = None) -> Schedule:
    """A value multiplied by a scale at each boundary.

    Formula: init * product of the scales of the boundaries m <= t

    Args:
        init_value: the first value.
        boundaries_and_scales: scales, at least 0, by the step from which they count.

    Example:
        >>> from lrsched import presets
        >>> presets.optax.piecewise_constant_schedule(1.0, {2: 0.5, 4: 0.5}).sample(5).tolist()
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    steps, values = _scaled("piecewise_constant_schedule", init_value, boundaries_and_scales)
    first = values[sum(m <= 0 for m in steps)]
    later = {m: value for m, value in zip(steps, values[1:], strict=True) if m > 0}
    return Piecewise(tuple(later), (first, *later.values())) if later else Constant(first)


def piecewise_interpolate_schedule(
    interpolate_type: str, init_value: Real, boundaries_and_scales: Scales = None
) -> Schedule:
    """Lines or half cosine waves between values, each a scale times the one before; the last is held.

    Formula: v_i -> v_(i+1) between the boundaries m_i and m_(i+1), m_0 = 0, v_(i+1) = v_i * scale

    Args:
        interpolate_type: "linear" or "cosine".
        init_value: the first value.
        boundaries_and_scales: scales, at least 0, by the step (an integer >= 0) at which their value is reached.

    Example:
        >>> from lrsched import presets
        >>> presets.optax.piecewise_interpolate_schedule("linear", 1.0, {2: 2.0, 4: 0.5}).sample(6).tolist()
        [1.0, 1.5, 2.0, 1.5, 1.0, 1.0]
    """
    where = "piecewise_interpolate_schedule"
    shape = (
        LINEAR
        if check_choice(where, "interpolate_type", interpolate_type, ("linear", "cosine")) == "linear"
        else COSINE
    )
    steps, values = _scaled(where, init_value, boundaries_and_scales)
    steps = [0, *(check_count(where, "boundaries_and_scales", m) for m in steps)]
    spans = [(b - a, v, w) for a, b, v, w in zip(steps, steps[1:], values, values[1:], strict=False) if b > a]
    return sequence(*(shape.over(n, v, w) for n, v, w in spans)) if spans else Constant(values[-1])


def linear_onecycle_schedule(
    transition_steps: One,
    peak_value: Real,
    pct_start: Share = 0.3,
    pct_final: Share = 0.85,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
) -> Schedule:
    """Lines up to the peak, down as far, then far down.

    Formula: peak / div -> peak at floor(pct_start * n) -> peak / div at floor(pct_final * n), then
    -> peak / (div * final_div) at n

    Args:
        transition_steps: n, length of the run, in updates.
        peak_value: the largest value.
        pct_start, pct_final: shares of the run at which the peak, and the first value again, are met.
        div_factor: the peak over the first value.
        final_div_factor: the first value over the last.

    Source: Smith and Topin (2018).

    Example:
        >>> from lrsched import presets
        >>> presets.optax.linear_onecycle_schedule(10, 1.0).sample(4).round(6).tolist()
        [0.04, 0.36, 0.68, 1.0]
    """
    n = transition_steps
    down, last = 1.0 / div_factor, 1.0 / final_div_factor
    scales = {int(pct_start * n): div_factor, int(pct_final * n): down, n: last}
    return piecewise_interpolate_schedule("linear", peak_value / div_factor, scales)


def cosine_onecycle_schedule(
    transition_steps: One,
    peak_value: Real,
    pct_start: Share = 0.3,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
) -> Schedule:
    """Half a cosine wave up to the peak, then one far down.

    Formula: peak / div -> peak at floor(pct_start * n) -> peak / (div * final_div) at n

    Args:
        transition_steps: n, length of the run, in updates.
        peak_value: the largest value.
        pct_start: share of the run at which the peak is met.
        div_factor: the peak over the first value.
        final_div_factor: the first value over the last.

    One step later than PyTorch's OneCycleLR.
    Source: Smith and Topin (2018).

    Example:
        >>> from lrsched import presets
        >>> presets.optax.cosine_onecycle_schedule(10, 1.0).sample(4).round(6).tolist()
        [0.04, 0.28, 0.76, 1.0]
    """
    n = transition_steps
    scales = {int(pct_start * n): div_factor, n: 1.0 / (div_factor * final_div_factor)}
    return piecewise_interpolate_schedule("cosine", peak_value / div_factor, scales)


def exponential_decay(
    init_value: Real,
    transition_steps: Real,
    decay_rate: Above,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: Real = None,
) -> Schedule:
    """A factor per ``transition_steps`` steps, from ``transition_begin`` on, as far as ``end_value``.

    Formula: init * rate**((t - begin) / transition_steps) for t > begin, else init; then max(., end), min if rate >= 1

    Args:
        init_value: the first value.
        transition_steps: updates per factor; not above 0, the first value is kept for ever.
        decay_rate: the factor, positive; 0 keeps the first value for ever, as Optax does.
        transition_begin: updates at the first value before; below 0 it counts as 0.
        staircase: round the exponent down.
        end_value: bound of the values, below if ``decay_rate`` < 1, else above; None for none.

    Example:
        >>> from lrsched import presets
        >>> presets.optax.exponential_decay(1.0, 1, 0.5, end_value=0.2).sample(4).tolist()
        [1.0, 0.5, 0.25, 0.2]
    """
    if transition_steps <= 0 or decay_rate == 0:
        return Constant(init_value)
    steps = positive("exponential_decay", "transition_steps", transition_steps)
    if not staircase:
        course = ExponentialDecay(decay_rate) if steps == 1 else ExponentialDecay(decay_rate).stretched(steps)
    elif steps == int(steps):
        course = steps_down(int(steps), decay_rate)
    else:
        course = ExponentialDecay(decay_rate).sampled(every=1).stretched(steps)
    course = init_value * _late(course, transition_begin)
    if end_value is None:
        return course
    return (maximum if decay_rate < 1 else minimum)(course, end_value)


def cosine_decay_schedule(init_value: Real, decay_steps: Real, alpha: Real = 0.0, exponent: Positive = 1.0) -> Schedule:
    """Half a cosine wave down, to a power; held after.

    Formula: init * ((1 - alpha) * ((1 + cos(pi * min(t, n) / n)) / 2)**exponent + alpha), n = decay_steps

    Args:
        init_value: the first value.
        decay_steps: n, in updates, positive.
        alpha: the last value as a share of the first.
        exponent: power of the wave, positive.

    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import presets
        >>> presets.optax.cosine_decay_schedule(0.1, 100, alpha=0.1)
        0.1 * cosine().over(100, end=0.1)
    """
    steps = positive("cosine_decay_schedule", "decay_steps", decay_steps)
    return init_value * laid(COSINE if exponent == 1 else COSINE**exponent, steps, 1.0, alpha)


def warmup_constant_schedule(init_value: Real, peak_value: Real, warmup_steps: Real) -> Schedule:
    """A line from one value to another, held after.

    Formula: init + (peak - init) * min(t, w) / w, w = warmup_steps

    Args:
        init_value, peak_value: the values at both ends.
        warmup_steps: w, in updates; not above 0, the first value is kept for ever, as Optax does.

    Example:
        >>> from lrsched import presets
        >>> presets.optax.warmup_constant_schedule(0.0, 1.0, 2).sample(4).tolist()
        [0.0, 0.5, 1.0, 1.0]
    """
    return linear_schedule(init_value, peak_value, warmup_steps)


def warmup_cosine_decay_schedule(
    init_value: Real,
    peak_value: Real,
    warmup_steps: Count,
    decay_steps: int,
    end_value: Real = 0.0,
    exponent: Positive = 1.0,
) -> Schedule:
    """A line up to the peak, then half a cosine wave down; ``decay_steps`` counts both.

    Formula: init -> peak in w, then end + (peak - end) * ((1 + cos(pi * (t - w) / (n - w))) / 2)**exponent

    Args:
        init_value, peak_value, end_value: the values at the three corners. With a peak of 0 the end is 0, as in Optax.
        warmup_steps: w, in updates.
        decay_steps: n, length of both together, in updates, more than w.
        exponent: power of the wave, positive.

    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import presets
        >>> presets.optax.warmup_cosine_decay_schedule(0.0, 1.0, 4, 12, 0.1).sample(6).round(6).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0, 0.965746]
    """
    where = "warmup_cosine_decay_schedule"
    up, total = check_count(where, "warmup_steps", warmup_steps), check_count(where, "decay_steps", decay_steps, 1)
    if total <= up:
        fail(where, "decay_steps", f"more than warmup_steps, {up}", decay_steps)
    end = 0.0 if isinstance(peak_value, int | float) and peak_value == 0 else end_value
    fall = (COSINE if exponent == 1 else COSINE**exponent).over(total - up, peak_value, end)
    return Warmup(up, init_value, peak_value) >> fall


def warmup_exponential_decay_schedule(
    init_value: Real,
    peak_value: Real,
    warmup_steps: Count,
    transition_steps: Real,
    decay_rate: Above,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: Real = None,
) -> Schedule:
    """A line up to the peak, then ``exponential_decay`` on a clock of its own.

    Formula: init -> peak in warmup_steps, then exponential_decay(peak, ...)(t - warmup_steps)

    Args:
        init_value, peak_value: the values at both ends of the line.
        warmup_steps: its length, in updates.
        transition_steps, decay_rate, transition_begin, staircase, end_value: see ``exponential_decay``.

    Example:
        >>> from lrsched import presets
        >>> presets.optax.warmup_exponential_decay_schedule(0.0, 1.0, 2, 1, 0.5).sample(5).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.25]
    """
    decay = exponential_decay(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    return Warmup(warmup_steps, init_value, peak_value) >> decay


def sgdr_schedule(cosine_kwargs: Cycles) -> Schedule:
    """Cycles of ``warmup_cosine_decay_schedule``, one after the other; the last one's end is held.

    Formula: cycle i on its own clock, from the sum of the ``decay_steps`` before it

    Args:
        cosine_kwargs: for each cycle the arguments of ``warmup_cosine_decay_schedule``.

    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import presets
        >>> cycle = {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 1, "decay_steps": 3}
        >>> presets.optax.sgdr_schedule([cycle, cycle]).sample(7).round(6).tolist()
        [0.0, 1.0, 0.5, 0.0, 1.0, 0.5, 0.0]
    """
    for i, given in enumerate(cosine_kwargs):
        if not isinstance(given, Mapping):
            fail("sgdr_schedule", f"cosine_kwargs[{i}]", "a mapping of arguments", given, wrong_type=True)
    return sequence(*(warmup_cosine_decay_schedule(**given) for given in cosine_kwargs))


def join_schedules(schedules: Schedules, boundaries: Counts) -> Schedule:
    """Schedules one after the other, each on a clock of its own that starts at its boundary.

    Formula: s0(t) for t < b0, s1(t - b0) for b0 <= t < b1, ...

    Args:
        schedules: schedules of this algebra.
        boundaries: steps in increasing order, one fewer than schedules.

    Example:
        >>> from lrsched import exponential_decay, presets, warmup
        >>> presets.optax.join_schedules([warmup(9), exponential_decay(0.5)], [9]).sample(8, 12).round(6).tolist()
        [0.888889, 1.0, 0.5, 0.25]
    """
    return joined_at("join_schedules", "schedules", schedules, boundaries, "boundaries")


globals().update({name: checked(globals()[name]) for name in __all__})
