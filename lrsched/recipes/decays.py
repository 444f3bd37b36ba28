"""Decays: from the peak down, once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Annotated, Any

import numpy as np

from lrsched.algebra.arguments import (
    HUGE,
    REAL,
    Above,
    Count,
    Counts,
    Every,
    Factor,
    One,
    Part,
    Positive,
    Rate,
    Real,
    Reals,
    Share,
    Steps,
    Taken,
)
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.arithmetic import maximum, minimum
from lrsched.foundation.errors import check_count, fail
from lrsched.foundation.numbers import is_jax, share_of
from lrsched.profiles.piecewise import Knots, Pchip
from lrsched.profiles.shapes import Exponential, InverseTime, OneMinusPower, Polynomial, Rex, Tanh
from lrsched.recipes._parts import COSINE, LINEAR, powered
from lrsched.schedules.endless import ExponentialDecay, InverseTimeDecay, MultiStep, StepDecay, piecewise
from lrsched.schedules.spans import Constant, Hold
from lrsched.schedules.tables import Geometric, table

__all__ = [
    "bent_cosine",
    "budgeted_linear",
    "compounding",
    "constant_factor",
    "cosine_decay",
    "cosine_linear",
    "cosine_power",
    "decaying_exponential",
    "exp_hyperbolic_decay",
    "exponential_every",
    "exponential_lr",
    "flat_cosine",
    "flat_linear",
    "geometric_decay",
    "half_life",
    "hyperbolic_decay",
    "inverse_time_lr",
    "inverse_time_stairs",
    "inverse_time_to",
    "k_decay",
    "knot_profile",
    "linear_decay",
    "linear_ramp",
    "multi_step_lr",
    "natural_exponential",
    "one_minus_square_power",
    "piecewise_constant",
    "piecewise_cosine",
    "piecewise_linear",
    "polynomial_decay",
    "power_ramp",
    "quarter_cosine",
    "refined_decay",
    "rex_decay",
    "sampled_decay",
    "sampling_rate",
    "smooth_profile",
    "step_lr",
    "tanh_decay",
]


Natural = Annotated[float, Taken("static", base="real", low=0.0, high=700.0)]
Start = Annotated[float, Taken("static", base="real", low=0.0, open_low=True)]
Stop = Annotated[float, Taken("static", base="real", low=0.0)]
Ratio = Annotated[Any, Taken("real", low=0.0, high=1e15, open_low=True)]
Steepness = Annotated[Any, Taken("real", allowed="a finite number >= -100", low=-100.0)]
Odds = Annotated[Any, Taken("real", allowed="a finite number >= 1e-15", low=1e-15)]
Bend = Annotated[Any, Taken("real", high=1.0, open_high=True)]

# ---- drops


def constant_factor(peak: Rate, steps: Count, factor: Rate = 1 / 3) -> Schedule:
    """A share of the rate for a while, then the rate: constant warm-up.

    Formula: peak * factor for t < steps, then peak

    Args:
        peak: the rate after.
        steps: length of the first part, in updates.
        factor: share of the peak before.

    Elsewhere: torch ConstantLR; composer ConstantScheduler; "constant warm-up" of Goyal et al.
    Source: Goyal et al. (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.constant_factor(0.1, steps=2, factor=0.5).sample(3).tolist()
        [0.05, 0.05, 0.1]
    """
    return peak * (Hold(steps, factor) >> Constant(1.0))


def step_lr(peak: Rate, every: Every, gamma: Factor = 0.1) -> Schedule:
    """Step decay: the rate times ``gamma`` every so many updates.

    Formula: peak * gamma**floor(t / every)

    Args:
        peak: the first rate.
        every: updates between drops; the first drop is at t = every.
        gamma: factor per drop.

    Elsewhere: torch StepLR; timm StepLRScheduler; MXNet FactorScheduler; "step" in Caffe.
    Source: Krizhevsky et al. (2012).

    Example:
        >>> from lrsched import recipes
        >>> recipes.step_lr(1.0, every=2, gamma=0.5).sample(5).tolist()
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    return peak * StepDecay(every, gamma)


def multi_step_lr(peak: Rate, milestones: Counts, gamma: Positive = 0.1) -> Schedule:
    """Multi-step decay: the rate times ``gamma`` at each milestone.

    Formula: peak * gamma**#{m in milestones: m <= t}

    Args:
        peak: the first rate.
        milestones: increasing updates; a drop takes effect at the milestone itself.
        gamma: factor per milestone.

    Elsewhere: torch MultiStepLR; optax piecewise_constant_schedule; MXNet MultiFactorScheduler.
    Source: He et al. (2016).

    Example:
        >>> from lrsched import recipes
        >>> recipes.multi_step_lr(1.0, [2, 3], gamma=0.5).sample(4).tolist()
        [1.0, 1.0, 0.5, 0.25]
    """
    if not is_jax(gamma) and gamma > 1 and len(milestones) * math.log10(gamma) > math.log10(HUGE):
        fail("multi_step_lr", "gamma", f"so small that {len(milestones)} factors stay below {HUGE:g}", gamma)
    return peak * MultiStep(milestones, gamma)


def piecewise_constant(boundaries: Counts, values: Reals) -> Schedule:
    """Piecewise constant rates, switching after each boundary, as TensorFlow and Keras do.

    Formula: values[#{m in boundaries: m < t}]

    Args:
        boundaries: increasing updates; the update ``boundaries[i]`` still has ``values[i]``.
        values: rates, one more than boundaries. The algebra's own ``piecewise`` switches at the boundary itself.

    Elsewhere: Keras PiecewiseConstantDecay; jax.example_libraries piecewise_constant; init2winit.
    Source: the TensorFlow documentation (2016).

    Example:
        >>> from lrsched import recipes
        >>> recipes.piecewise_constant([2, 4], [1.0, 0.5, 0.1]).sample(6).tolist()
        [1.0, 1.0, 1.0, 0.5, 0.5, 0.1]
    """
    return piecewise([m + 1 for m in boundaries], values)


# ---- exponentials


def exponential_lr(peak: Rate, gamma: Factor) -> Schedule:
    """Exponential decay by a factor per update.

    Formula: peak * gamma**t

    Args:
        peak: the first rate.
        gamma: factor per update, positive.

    Elsewhere: torch ExponentialLR; d2l FactorScheduler (one update ahead); Paddle ExponentialDecay.
    Source: folklore of stochastic approximation.

    Example:
        >>> from lrsched import recipes
        >>> recipes.exponential_lr(1.0, gamma=0.5).sample(4).tolist()
        [1.0, 0.5, 0.25, 0.125]
    """
    return peak * ExponentialDecay(gamma)


def exponential_every(peak: Rate, timescale: Positive, factor: Factor) -> Schedule:
    """Exponential decay by a factor per ``timescale`` updates, without steps.

    Formula: peak * factor**(t / timescale)

    Args:
        peak: the first rate.
        timescale: updates in which the rate is multiplied by ``factor`` once; a positive number.
        factor: positive. With drops instead of a smooth fall it is ``step_lr``.

    Elsewhere: optax exponential_decay; Keras ExponentialDecay; composer ExponentialScheduler; fvcore.
    Source: the TensorFlow documentation (2016).

    Example:
        >>> from lrsched import recipes
        >>> recipes.exponential_every(1.0, timescale=2, factor=0.25).sample(4).tolist()
        [1.0, 0.5, 0.25, 0.125]
    """
    return peak * ExponentialDecay(factor).stretched(timescale)


def half_life(peak: Rate, updates: Positive) -> Schedule:
    """Exponential decay by its half-life.

    Formula: peak * 2**(-t / updates)

    Args:
        peak: the first rate.
        updates: updates in which the rate halves; a positive number.

    Elsewhere: exponential decay everywhere, with another constant.
    Source: folklore.

    Example:
        >>> from lrsched import recipes
        >>> recipes.half_life(1.0, updates=2)(4)
        0.25
    """
    return peak * ExponentialDecay(0.5).stretched(updates)


def natural_exponential(peak: Rate, rate: Natural) -> Schedule:
    """Natural exponential decay.

    Formula: peak * exp(-rate * t)

    Args:
        peak: the first rate.
        rate: decay per update, a number.

    Elsewhere: Paddle NaturalExpDecay; TensorFlow natural_exp_decay.
    Source: the TensorFlow documentation (2016).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.natural_exponential(1.0, rate=0.01)(100), 6)
        0.367879
    """
    return peak * ExponentialDecay(math.exp(-rate))


def geometric_decay(peak: Rate, steps: Count, end: Positive) -> Schedule:
    """A geometric fall to a positive end: a straight line on a logarithmic scale.

    Formula: peak * end**(t / steps)

    Args:
        peak: the first rate.
        steps: length, in updates.
        end: share of the peak at the end, positive.

    Elsewhere: fastai SchedExp; AxLearn and Praxis exponential; fairseq tri-stage decay; epfml "exp".
    Source: folklore.

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.geometric_decay(1.0, steps=2, end=0.01)(1), 12)
        0.1
    """
    return peak * Geometric(steps, 1.0, end)


def decaying_exponential(peak: Rate, steps: Count, end: Real = 0.0, rate: Steepness = 4.0) -> Schedule:
    """The exponential profile of LRSchedules; it stops ``exp(-rate)`` of the way short of its end.

    Formula: peak * (end + (1 - end) * exp(-rate * t / steps))

    Args:
        peak: the first rate.
        steps: length, in updates.
        end: share of the peak that the curve tends to.
        rate: steepness; with 4, 1.8 % of the range are left. ``exponential(rate).normalised()`` leaves nothing.

    Elsewhere: LRSchedules exp_decay; "exp" in the REX paper.
    Source: Chen, Wolfe and Kyrillidis (2022).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.decaying_exponential(1.0, steps=100)(100), 6)
        0.018316
    """
    return peak * Exponential(rate).over(steps, end=end)


def compounding(start: Start, stop: Stop, factor: Positive) -> Schedule:
    """Exponential growth or decay that stops at a value.

    Formula: start * factor**t, never beyond stop

    Args:
        start: the first value.
        stop: the last value, above or below ``start``.
        factor: per update, positive.

    Elsewhere: thinc compounding; MXNet FactorScheduler with stop_factor_lr; optax exponential_decay(end_value).
    Source: the thinc documentation.

    Example:
        >>> from lrsched import recipes
        >>> recipes.compounding(1.0, 6.0, factor=2.0).sample(4).tolist()
        [1.0, 2.0, 4.0, 6.0]
    """
    if start > stop and not is_jax(factor) and factor > 1:
        fail("compounding", "factor", f"at most 1 where start, {start}, is above stop, {stop}", factor)
    return (maximum if start > stop else minimum)(start * ExponentialDecay(factor), stop)


# ---- polynomials and inverse time


def linear_decay(peak: Rate, steps: Count, end: Real = 0.0) -> Schedule:
    """Linear decay.

    Formula: peak * (1 - (1 - end) * t / steps)

    Args:
        peak: the first rate.
        steps: length, in updates.
        end: share of the peak at t = steps, held after.

    Elsewhere: torch LinearLR; optax linear_schedule; composer LinearScheduler; "D2Z" when end is 0.
    Source: Bergsma et al. (2025) for its use in language models.

    Example:
        >>> from lrsched import recipes
        >>> recipes.linear_decay(1.0, steps=4).sample(5).tolist()
        [1.0, 0.75, 0.5, 0.25, 0.0]
    """
    return peak * LINEAR.over(steps, end=end)


def linear_ramp(start: Real, end: Real, steps: Count, begin: Count = 0) -> Schedule:
    """A line between two values, up or down, after a wait.

    Formula: start + (end - start) * min(max(t - begin, 0) / steps, 1)

    Args:
        start: value until t = begin.
        end: value from t = begin + steps on.
        steps: length of the line, in updates.
        begin: updates of the wait.

    Elsewhere: torch LinearLR(start_factor, end_factor); optax linear_schedule(transition_begin); mmengine LinearLR
        (over one update less).
    Source: folklore.

    Example:
        >>> from lrsched import recipes
        >>> recipes.linear_ramp(0.5, 1.0, steps=2, begin=1).sample(5).tolist()
        [0.5, 0.5, 0.75, 1.0, 1.0]
    """
    line = LINEAR.over(steps, start, end)
    return Hold(begin, start) >> line if is_jax(begin) or begin else line


def budgeted_linear(peak: Rate, steps: Steps, budget: Share) -> Schedule:
    """Linear decay to 0 over the budget: the share of a full run that can be afforded.

    Formula: peak * (1 - t / round(budget * steps))

    Args:
        peak: the first rate.
        steps: updates of the full run.
        budget: share of it in [0, 1].

    Elsewhere: BAS, "budget-aware linear"; every schedule becomes budget-aware with ``.rescaled``.
    Source: Li, Yumer and Ramanan (2020).

    Example:
        >>> from lrsched import recipes
        >>> recipes.budgeted_linear(1.0, steps=100, budget=0.04).sample(5).tolist()
        [1.0, 0.75, 0.5, 0.25, 0.0]
    """
    return peak * LINEAR.over(share_of(budget, steps))


def polynomial_decay(peak: Rate, steps: Count, power: Positive = 2.0, end: Real = 0.0) -> Schedule:
    """Polynomial decay.

    Formula: peak * (end + (1 - end) * (1 - t / steps)**power)

    Args:
        peak: the first rate.
        steps: length, in updates.
        power: exponent, positive; 1 is linear, 2 is the decay of LARS and of DeepLab's "poly" (0.9 there).
        end: share of the peak at the end, held after.

    Elsewhere: torch PolynomialLR; optax polynomial_schedule; Keras PolynomialDecay; "poly" in Caffe.
    Source: Chen et al. (2017), DeepLab.

    Example:
        >>> from lrsched import recipes
        >>> recipes.polynomial_decay(1.0, steps=4).sample(5).tolist()
        [1.0, 0.5625, 0.25, 0.0625, 0.0]
    """
    return peak * Polynomial(power).over(steps, end=end)


def power_ramp(start: Real, end: Real, steps: Count, power: Positive = 2.0) -> Schedule:
    """A polynomial counted from the start's side: slow first when the power is above 1.

    Formula: start + (end - start) * (t / steps)**power

    Args:
        start: value at t = 0.
        end: value from t = steps on.
        steps: length, in updates.
        power: exponent, positive.

    Elsewhere: fastai SchedPoly; "square" cooldown when it falls with power 2.
    Source: the fastai documentation.

    Example:
        >>> from lrsched import recipes
        >>> recipes.power_ramp(1.0, 0.0, steps=4).sample(5).round(12).tolist()
        [1.0, 0.9375, 0.75, 0.4375, 0.0]
    """
    return OneMinusPower(power).over(steps, start, end)


def inverse_time_lr(peak: Rate, rate: Above, degree: Above = 1.0) -> Schedule:
    """Inverse time decay.

    Formula: peak / (1 + rate * t)**degree

    Args:
        peak: the first rate.
        rate: decay per update, at least 0.
        degree: exponent; 1/2 is the inverse square root.

    Elsewhere: Keras InverseTimeDecay(decay_rate / decay_steps); jax inverse_time_decay; thinc decaying; Caffe "inv";
        (t + 1)**-a of pytorch-scheduler PowerLaw and d2l SquareRootScheduler, with rate 1 and degree a.
    Source: Robbins and Monro (1951); Bottou (2012).

    Example:
        >>> from lrsched import recipes
        >>> recipes.inverse_time_lr(1.0, rate=1.0).sample(4).tolist()
        [1.0, 0.5, 0.3333333333333333, 0.25]
    """
    return peak * powered(InverseTimeDecay(rate), degree)


def inverse_time_stairs(peak: Rate, every: Every, rate: Above) -> Schedule:
    """Inverse time decay in drops.

    Formula: peak / (1 + rate * floor(t / every))

    Args:
        peak: the first rate.
        every: updates between drops; the first drop is at t = every.
        rate: decay per drop, at least 0.

    Elsewhere: Keras InverseTimeDecay(staircase=True); jax inverse_time_decay(staircase=True).
    Source: the TensorFlow documentation (2016).

    Example:
        >>> from lrsched import recipes
        >>> recipes.inverse_time_stairs(1.0, every=2, rate=1.0).sample(5).tolist()
        [1.0, 1.0, 0.5, 0.5, 0.3333333333333333]
    """
    return peak * InverseTimeDecay(rate).per_epoch(every)


def inverse_time_to(peak: Rate, steps: Count, end: Ratio) -> Schedule:
    """Inverse time decay that meets its end: inverse-linear.

    Formula: peak / (1 + (1 / end - 1) * t / steps)

    Args:
        peak: the first rate.
        steps: length, in updates.
        end: share of the peak at t = steps, positive.

    Elsewhere: levanter inv; the inverse-linear cooldown of WSD-S.
    Source: Wen et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.inverse_time_to(1.0, steps=10, end=0.2)(10)
        0.2
    """
    level = not is_jax(end) and end == 1
    return peak * (LINEAR if level else InverseTime(1 / end - 1).normalised()).over(steps, end=end)


# ---- cosines


def cosine_decay(peak: Rate, steps: Count, end: Real = 0.0) -> Schedule:
    """Cosine annealing, once.

    Formula: peak * (end + (1 - end) * (1 + cos(pi * t / steps)) / 2)

    Args:
        peak: the first rate.
        steps: length, in updates.
        end: share of the peak at t = steps, held after.

    Elsewhere: torch CosineAnnealingLR (which goes up again after); optax cosine_decay_schedule; Keras CosineDecay.
    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.cosine_decay(1.0, steps=4, end=0.1)(4)
        0.1
    """
    return peak * COSINE.over(steps, end=end)


def cosine_power(peak: Rate, steps: Count, power: Positive, end: Real = 0.0) -> Schedule:
    """A power of the cosine.

    Formula: peak * (end + (1 - end) * ((1 + cos(pi * t / steps)) / 2)**power)

    Args:
        peak: the first rate.
        steps: length, in updates.
        power: exponent, positive.
        end: share of the peak at the end.

    Elsewhere: optax cosine_decay_schedule(exponent); init2winit cosine.
    Source: Naganuma et al. (2026).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.cosine_power(1.0, steps=4, power=2.0)(2), 12)
        0.25
    """
    return peak * (COSINE**power).over(steps, end=end)


def quarter_cosine(peak: Rate, steps: Count, end: Real = 0.0) -> Schedule:
    """A quarter of a cosine wave: late and steep.

    Formula: peak * (end + (1 - end) * cos(pi * t / (2 * steps)))

    Args:
        peak: the first rate.
        steps: length, in updates.
        end: share of the peak at the end, held after.

    Elsewhere: torch-schedule-anything cosine (which falls below its end after); the square root of half a wave.
    Source: folklore.

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.quarter_cosine(1.0, steps=3)(2), 12)
        0.5
    """
    return peak * (COSINE**0.5).over(steps, end=end)


def cosine_linear(peak: Rate, steps: Count, end: Real = 0.0) -> Schedule:
    """A cosine under a line.

    Formula: peak * (end + (1 - end) * (1 - u) * (1 + cos(pi * u)) / 2), u = t / steps

    Args:
        peak: the first rate.
        steps: length, in updates.
        end: share of the peak at the end.

    Elsewhere: OLMo-core CosLinearEnvelope.
    Source: the OLMo-core code.

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.cosine_linear(1.0, steps=4)(2), 12)
        0.25
    """
    return peak * (COSINE * LINEAR).over(steps, end=end)


def k_decay(peak: Rate, steps: Count, k: Positive = 2.0, end: Real = 0.0, profile: Profile = COSINE) -> Schedule:
    """k-decay: any profile with its clock bent, u -> u**k.

    Formula: peak * (end + (1 - end) * profile((t / steps)**k))

    Args:
        peak: the first rate.
        steps: length, in updates.
        k: above 1 the rate stays high for longer; 1 changes nothing.
        end: share of the peak at the end.
        profile: cosine, or ``polynomial(n)``, whose value is then (1 - u**k)**n.

    Elsewhere: timm CosineLRScheduler(k_decay) and PolyLRScheduler(k_decay).
    Source: Zhang and Li (2020).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.k_decay(1.0, steps=4)(1), 6)
        0.990393
    """
    return peak * profile.warped(k).over(steps, end=end)


def flat_cosine(peak: Rate, steps: Count, flat: Part = 0.75, end: Real = 0.0) -> Schedule:
    """Delayed cosine: hold the peak for a share of the run, then a cosine.

    Formula: peak, then a cosine from round(flat * steps) to steps

    Args:
        peak: the first rate.
        steps: length, in updates.
        flat: share held.
        end: share of the peak at the end.

    Elsewhere: fastai fit_flat_cos (its end is 1e-5); "flat and anneal", delayed cosine.
    Source: the fastai documentation (2019).

    Example:
        >>> from lrsched import recipes
        >>> recipes.flat_cosine(1.0, steps=8)(6)
        1.0
    """
    return peak * COSINE.delayed(flat).over(steps, end=end)


def flat_linear(peak: Rate, steps: Count, flat: Part = 0.5, end: Real = 0.0) -> Schedule:
    """Delayed linear, knee: hold the peak for a share of the run, then a line.

    Formula: peak, then a line from round(flat * steps) to steps

    Args:
        peak: the first rate.
        steps: length, in updates.
        flat: share held: the explore phase.
        end: share of the peak at the end.

    Elsewhere: "delayed linear" of the REX paper; knee schedule; warm-down; trapezoid without warm-up.
    Source: Iyer et al. (2023).

    Example:
        >>> from lrsched import recipes
        >>> recipes.flat_linear(1.0, steps=8).sample(9).tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    return peak * LINEAR.delayed(flat).over(steps, end=end)


# ---- profiles of papers


def rex_decay(peak: Rate, steps: Count, bend: Bend = 0.5, end: Real = 0.0) -> Schedule:
    """REX, reflected exponential.

    Formula: peak * z / ((1 - bend) + bend * z), z = 1 - t / steps

    Args:
        peak: the first rate.
        steps: length, in updates.
        bend: below 1; 0.5 is the paper's, 0.9 that of LRSchedules and of LoRA trainers, 0 is linear.
        end: share of the peak at the end.

    Elsewhere: LRSchedules; pytorch_optimizer REX; init2winit rex (whose beta is 1 - bend); pytorch-scheduler.
    Source: Chen, Wolfe and Kyrillidis (2022).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.rex_decay(1.0, steps=100)(50), 6)
        0.666667
    """
    return peak * Rex(bend).over(steps, end=end)


SAMPLING: dict[str, tuple[float, ...] | int | None] = {
    "50-75": (0.5, 0.75),
    "33-66": (0.33, 0.66),
    "25-50-75": (0.25, 0.5, 0.75),
    "10%": 10,
    "5%": 20,
    "1%": 100,
    "every": None,
}
Sampling = Annotated[str, Taken("static", choices=tuple(SAMPLING))]


def sampling_rate(profile: Profile, rate: Sampling = "every") -> Profile:
    """A profile read at one of the sampling rates of the REX paper, and held in between.

    Formula: profile(s), s the last sample point <= u

    Args:
        profile: any profile.
        rate: "50-75", "33-66", "25-50-75" (percent of the run), "10%", "5%", "1%", or "every" iteration.

    Elsewhere: milestones of multi-step decay are the first three.
    Source: Chen, Wolfe and Kyrillidis (2022).

    Example:
        >>> from lrsched import linear, recipes
        >>> recipes.sampling_rate(linear(), "50-75").over(4).sample(5).tolist()
        [1.0, 1.0, 0.5, 0.25, 0.25]
    """
    found = SAMPLING[rate]
    if isinstance(found, int):
        return profile.sampled(times=found)
    return profile if found is None else profile.sampled(at=found)


def sampled_decay(peak: Rate, steps: Count, profile: Profile, rate: Sampling = "50-75", end: Real = 0.0) -> Schedule:
    """Profile x sampling rate: every schedule of the REX paper's grid.

    Formula: peak * (end + (1 - end) * profile(s)), s the last sample point <= t / steps

    Args:
        peak: the first rate.
        steps: length, in updates.
        profile: ``rex()``, ``rex(0.9)``, ``linear()``, ``exponential()``...
        rate: see ``sampling_rate``.
        end: share of the peak where the profile is 0.

    Elsewhere: exponential x 50-75 is close to the usual multi-step schedule.
    Source: Chen, Wolfe and Kyrillidis (2022).

    Example:
        >>> from lrsched import recipes, rex
        >>> round(recipes.sampled_decay(1.0, 100, rex(), "50-75")(60), 6)
        0.666667
    """
    return peak * sampling_rate(profile, rate).over(steps, end=end)


def tanh_decay(peak: Rate, steps: Count, lower: Real = -6.0, upper: Real = 3.0, end: Real = 0.0) -> Schedule:
    """Hyperbolic tangent decay, HTD(lower, upper).

    Formula: peak * (end + (1 - end) * (1 - tanh(lower + (upper - lower) * t / steps)) / 2)

    Args:
        peak: about the first rate: neither end is met exactly; ``tanh(...).normalised()`` meets both.
        steps: length, in updates.
        lower, upper: arguments of the tangent at the two ends.
        end: share of the peak where the tangent is 1.

    Elsewhere: timm TanhLRScheduler (-7, 3); pytorch-scheduler (-3, 3); the sigmoid 1 / (1 + exp(k * (u - c))) has
        lower = -k * c / 2, upper = k * (1 - c) / 2.
    Source: Hsueh, Li and Wu (2019).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.tanh_decay(1.0, steps=300)(200), 6)
        0.5
    """
    return peak * Tanh(lower, upper).over(steps, end=end)


def bent_cosine(peak: Rate, steps: Count, phi: Odds = 1.0, end: Real = 0.0) -> Schedule:
    """Unified budget-aware schedule, UBA: a cosine with its odds scaled.

    Formula: peak * (end + (1 - end) * 2 * (1 + c) / (2 * phi + (2 - phi) * (1 + c))), c = cos(pi * t / steps)

    Args:
        peak: the first rate.
        steps: length, in updates.
        phi: positive; 2 is the cosine itself, smaller stays high for longer.
        end: share of the peak at the end.

    Elsewhere: UBA; ``cosine().bent(1 - phi / 2)``.
    Source: Tang et al. (2025).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.bent_cosine(1.0, steps=4)(1), 6)
        0.920991
    """
    return peak * COSINE.bent(1 - phi / 2).over(steps, end=end)


def one_minus_square_power(peak: Rate, steps: Count, power: Positive = 1.0, end: Real = 0.0) -> Schedule:
    """The "sqrt" family of schedule searches: a quarter of an ellipse when the power is 1.

    Formula: peak * (end + (1 - end) * (1 - (t / steps)**2)**(power / 2))

    Args:
        peak: the first rate.
        steps: length, in updates.
        power: positive.
        end: share of the peak at the end.

    Elsewhere: init2winit optlrschedule sqrt.
    Source: Naganuma et al. (2026).

    Example:
        >>> from lrsched import recipes
        >>> recipes.one_minus_square_power(1.0, steps=5, power=1.0)(3)
        0.8
    """
    return peak * (OneMinusPower(2.0) ** (power / 2)).over(steps, end=end)


def knot_profile(peak: Real, steps: Count, xs: Reals, ys: Reals) -> Schedule:
    """Straight lines through given points of the run.

    Formula: peak * the polygon through (xs, ys) at t / steps

    Args:
        peak: the rate where y is 1.
        steps: length, in updates.
        xs: increasing shares of the run, from 0 to 1.
        ys: shares of the peak, as many.

    Elsewhere: two-point linear splines of init2winit; "lowered linear" cooldowns; ignite PiecewiseLinear.
    Source: Naganuma et al. (2026).

    Example:
        >>> from lrsched import recipes
        >>> recipes.knot_profile(1.0, 10, (0, 0.5, 1), (1, 0.2, 0))(5)
        0.2
    """
    return Knots(xs, ys).over(steps, peak)


def smooth_profile(peak: Real, steps: Count, xs: Reals, ys: Reals) -> Schedule:
    """A monotone cubic through given points of the run.

    Formula: peak * pchip(xs, ys) at t / steps

    Args:
        peak: the rate where y is 1.
        steps: length, in updates.
        xs: increasing shares of the run, from 0 to 1.
        ys: shares of the peak, as many.

    Elsewhere: two-point spline of init2winit.
    Source: Fritsch and Carlson (1980); Naganuma et al. (2026).

    Example:
        >>> from lrsched import recipes
        >>> recipes.smooth_profile(1.0, 10, (0, 0.5, 1), (1, 0.2, 0))(5)
        0.2
    """
    return Pchip(xs, ys).over(steps, peak)


def hyperbolic_decay(peak: Rate, steps: One, bound: Steps, end: Real = 0.0) -> Schedule:
    """HyperbolicLR: a hyperbola whose early part hardly depends on the number of steps.

    Formula: peak * (1 + (1 - end) * (f(t) - f(0))), f(t) = sqrt((N - t) / U * (2 - (N + t) / U))

    Args:
        peak: the first rate.
        steps: N, in updates; the value is held after.
        bound: U, the largest N under consideration, at least ``steps``.
        end: share of the peak met at N when U = N only.

    Elsewhere: HyperbolicLR of pytorch-scheduler.
    Source: Kim (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.hyperbolic_decay(1.0, steps=10, bound=10)(10)
        0.0
    """
    return peak * ((1 - end) * _hyperbola(steps, bound) + _hyperbolic_floor(steps, bound, end))


def _hyperbola(steps: int, bound: int) -> Schedule:
    """``f(t)`` of the hyperbolic decays: the root of a product of two lines."""
    if steps > bound:
        fail("hyperbola", "bound", f"at least steps, {steps}", bound)
    share = steps / bound
    return (LINEAR.over(steps, share) * LINEAR.over(steps, 2 - share, 2 - 2 * share)) ** 0.5


def _hyperbolic_floor(steps: int, bound: int, end: Any) -> Any:
    share = steps / bound
    return 1 - (1 - end) * math.sqrt(share * (2 - share))


# ---- from what a first run has measured


def refined_decay(peak: Rate, norms: Reals, power: Positive = 2.0) -> Schedule:
    """Linear decay refined by the gradient norms of an earlier run: small where they were large, 0 at the end.

    Formula: peak * w_t * sum(w_s for s > t) / (n * mean(w)**2), w = norms**-power

    Args:
        peak: the rate; equal norms give peak * (1 - (t + 1) / n).
        norms: gradient norms, one an update, n of them, positive; smooth them first (a median over a tenth of the run).
        power: 2 for SGD, 1 for Adam with norms that are sums of absolute values.

    Elsewhere: facebookresearch adaptive_scheduling.
    Source: Defazio et al. (2023).

    Example:
        >>> from lrsched import recipes
        >>> recipes.refined_decay(1.0, [5.0, 5.0, 5.0, 5.0]).sample(4).tolist()
        [0.75, 0.5, 0.25, 0.0]
    """
    measured = [float(norm) for norm in norms]
    if not measured or min(measured) <= 0:
        fail("refined_decay", "norms", "finite numbers > 0, at least one", measured)
    weights = np.array([min(measured) / norm for norm in measured]) ** power
    weights /= weights.mean()
    after = np.append(np.cumsum(weights[:0:-1])[::-1], 0.0)
    return peak * table((weights * after / len(weights)).tolist())


# ---- through points in time


def piecewise_linear(points: Any) -> Schedule:
    """Straight lines between rates at given updates.

    Formula: linear between (step, value) points; the first value before them, the last after

    Args:
        points: (update, rate) pairs, updates increasing.

    Elsewhere: ignite PiecewiseLinear; optax piecewise_interpolate_schedule("linear"); init2winit.
    Source: folklore.

    Example:
        >>> from lrsched import recipes
        >>> recipes.piecewise_linear([(2, 1.0), (6, 0.0)]).sample(7).tolist()
        [1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    return _through(points, LINEAR)


def piecewise_cosine(points: Any) -> Schedule:
    """Half waves between rates at given updates.

    Formula: v + (w - v) * (1 - cos(pi * u)) / 2 between (step, value) points v and w

    Args:
        points: (update, rate) pairs, updates increasing.

    Elsewhere: optax piecewise_interpolate_schedule("cosine"); OLMo-core ComposableScheduler.
    Source: folklore.

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.piecewise_cosine([(0, 0.0), (2, 1.0), (6, 0.0)])(4), 12)
        0.5
    """
    return _through(points, COSINE)


def _through(points: Iterable[Any], profile: Profile) -> Schedule:
    try:
        pairs = [(step, rate) for step, rate in points]
    except (TypeError, ValueError):
        pairs = []
    if len(pairs) < 2:
        fail("through", "points", "at least two (update, rate) pairs", points)
    pairs = [(check_count("through", "points", t), REAL.check("through", "points", rate)) for t, rate in pairs]
    if any(a[0] >= b[0] for a, b in itertools.pairwise(pairs)):
        fail("through", "points", "at increasing updates", pairs)
    parts: list[Schedule] = [Hold(*pairs[0])] if pairs[0][0] else []
    parts += [profile.over(b - a, v, w) for (a, v), (b, w) in itertools.pairwise(pairs)]
    return parts[0].then(*parts[1:])


def exp_hyperbolic_decay(peak: Rate, steps: One, bound: Steps, end: Positive) -> Schedule:
    """ExpHyperbolicLR: the hyperbolic decay on a logarithmic scale.

    Formula: peak * (1 / end)**(f(t) - f(0)), f(t) = sqrt((N - t) / U * (2 - (N + t) / U))

    Args:
        peak: the first rate.
        steps: N, in updates; the value is held after.
        bound: U, at least ``steps``.
        end: share of the peak met at N when U = N only; positive.

    Elsewhere: ExpHyperbolicLR of pytorch-scheduler.
    Source: Kim (2024).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.exp_hyperbolic_decay(1.0, steps=10, bound=10, end=0.01)(10), 12)
        0.01
    """
    return peak * (1 / end) ** (_hyperbola(steps, bound) + _hyperbolic_floor(steps, bound, 0.0) - 1)
