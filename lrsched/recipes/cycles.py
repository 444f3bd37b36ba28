"""Schedules that come back: cycles, restarts, and the one cycle."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Annotated, Any

from lrsched.algebra.arguments import Above, Count, Every, Factor, One, Positive, Rate, Real, Reals, Share, Steps, Taken
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import fail
from lrsched.foundation.numbers import is_jax, share_of
from lrsched.recipes._parts import COSINE, LINEAR, above, powered, rest
from lrsched.schedules.endless import ExponentialDecay, InverseTimeDecay
from lrsched.schedules.spans import Hold, Warmup
from lrsched.schedules.tables import Geometric

__all__ = [
    "abs_sine",
    "cosine_periods",
    "cyclic",
    "exp_range",
    "growth_decay",
    "multi_period_cosine",
    "one_cycle",
    "one_cycle_decay",
    "one_cycle_momentum",
    "one_cycle_three_phase",
    "polynomial_cycles",
    "sawtooth",
    "sgdr",
    "sgdr_floor",
    "sgdr_warmup",
    "slanted_triangular",
    "snapshot",
    "tri_stage",
    "triangular",
    "triangular2",
]


First = Annotated[int, Taken("count", zero="finite and positive")]
Cycles = Annotated[int, Taken("static", base="count", low=1, high=10_001)]
Times = Annotated[int | None, Taken("static", base="count", low=1, optional=True)]
Growth = Annotated[Any, Taken("static", base="real", low=0.0, open_low=True)]
Waves = Annotated[Any, Taken("real", low=0.0, high=1e6, open_low=True)]
Half = Annotated[float, Taken("static", base="real", allowed="a share in [0, 0.5]", low=0.0, high=0.5)]
Periods = Annotated[Any, Taken("counts", low=1)]

# ---- triangles


def triangular(low: Real, high: Real, half_period: Every) -> Schedule:
    """The cyclical rate of constant height.

    ``linear().over(half_period, low, high).mirrored().restarted()``

    Formula: low + (high - low) * max(0, 1 - |t / s - 2 * floor(1 + t / (2 * s)) + 1|), s = half_period

    Args:
        low: the rate at t = 0, 2 s, 4 s...
        high: the rate at s, 3 s...
        half_period: s, in updates.

    Elsewhere: torch CyclicLR(mode="triangular"); ignite LinearCyclicalScheduler; ParameterSchedulers.jl Triangle.
    Source: Smith (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.triangular(0.1, 0.3, half_period=2).sample(5).tolist()
        [0.1, 0.2, 0.3, 0.2, 0.1]
    """
    return LINEAR.over(half_period, low, high).mirrored().restarted()


def triangular2(low: Rate, high: Rate, half_period: Every, gamma: Factor = 0.5) -> Schedule:
    """The cyclical rate whose height halves with every cycle.

    Formula: low + (high - low) * x * gamma**cycle, x the triangle between 0 and 1

    Args:
        low: the rate at t = 0, 2 s, 4 s...
        high: the highest rate, at t = s.
        half_period: s, in updates.
        gamma: factor on the height per cycle.

    Elsewhere: torch CyclicLR(mode="triangular2"); ParameterSchedulers.jl TriangleDecay2.
    Source: Smith (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.triangular2(0.0, 1.0, half_period=1).sample(6).tolist()
        [0.0, 1.0, 0.0, 0.5, 0.0, 0.25]
    """
    return low + (high - low) * LINEAR.over(half_period, 0.0, 1.0).mirrored().restarted(gamma=gamma)


def exp_range(low: Rate, high: Rate, half_period: Every, gamma: Factor) -> Schedule:
    """The cyclical rate whose height falls in every update.

    Formula: low + (high - low) * x * gamma**t, t counted from the start of training

    Args:
        low: the rate at t = 0, 2 s, 4 s...
        high: the rate that the first cycle would reach without gamma.
        half_period: s, in updates.
        gamma: factor on the height per update, 0.9999 or so.

    Elsewhere: torch CyclicLR(mode="exp_range"), whose documentation counts from the start of the cycle;
        ParameterSchedulers.jl TriangleExp.
    Source: Smith (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.exp_range(0.0, 1.0, half_period=2, gamma=0.5).sample(4).tolist()
        [0.0, 0.25, 0.25, 0.0625]
    """
    return low + (high - low) * LINEAR.over(half_period, 0.0, 1.0).mirrored().restarted() * ExponentialDecay(gamma)


def cyclic(low: Rate, high: Rate, up: Count, down: Count, gamma: Factor = 1.0) -> Schedule:
    """The cyclical rate with sides of different length.

    Formula: low + (high - low) * gamma**cycle * (t / up while rising, 1 - (t - up) / down while falling)

    Args:
        low: the rate at the ends of a cycle.
        high: the rate at its top.
        up, down: updates of the two sides.
        gamma: factor on the height per cycle.

    Elsewhere: torch CyclicLR(step_size_up, step_size_down); thinc cyclic_triangular.
    Source: Smith (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.cyclic(0.0, 1.0, up=1, down=2).sample(5).tolist()
        [0.0, 1.0, 0.5, 0.0, 1.0]
    """
    return low + (high - low) * (Warmup(up) >> LINEAR.over(down)).restarted(gamma=gamma)


def abs_sine(low: Rate, high: Rate, period: Every, gamma: Factor = 1.0) -> Schedule:
    """The size of a sine wave.

    Formula: low + (high - low) * |sin(pi * t / period)| * gamma**floor(t / period)

    Args:
        low: the rate at multiples of the period.
        high: the rate in between.
        period: updates of one bow.
        gamma: factor on the height per bow; 0.5 is SinDecay2.

    Elsewhere: ParameterSchedulers.jl Sin, SinDecay2; its SinExp is this times ``exponential_decay``.
    Source: Smith (2017).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.abs_sine(0.0, 1.0, period=6)(1), 12)
        0.5
    """
    return low + (high - low) * (COSINE.reversed().mirrored() ** 0.5).over(period).restarted(gamma=gamma)


def growth_decay(
    low: Real, high: Real, half_period: Every, growth: Profile = LINEAR, decay: Profile = LINEAR, gamma: Factor = 1.0
) -> Schedule:
    """Any profile up, any profile down, in turn.

    Formula: high - (high - low) * growth(u) in even half-periods, low + (high - low) * decay(u) in odd ones

    Args:
        low: the rate at the ends of a cycle, but for profiles that stop short.
        high: the rate at its top.
        half_period: updates of a half.
        growth: profile of the rise, turned upside down.
        decay: profile of the fall: linear, cosine, exponential, REX...
        gamma: factor on the rates per cycle.

    Elsewhere: LRSchedules cyclical_examples.
    Source: Chen, Wolfe and Kyrillidis (2022), its companion code.

    Example:
        >>> from lrsched import cosine, recipes, rex
        >>> recipes.growth_decay(0.0, 1.0, 2, cosine(), rex()).sample(5).round(6).tolist()
        [0.0, 0.5, 1.0, 0.666667, 0.0]
    """
    return (growth.over(half_period, low, high) >> decay.over(half_period, high, low)).restarted(gamma=gamma)


# ---- restarts


def sgdr(
    peak: Rate, first: First, t_mult: Growth = 2, gamma: Factor = 1.0, end: Real = 0.0, times: Times = None
) -> Schedule:
    """Cosine with warm restarts.

    ``peak * cosine().over(first, end=end).restarted(t_mult=t_mult, gamma=gamma)``

    Formula: peak * gamma**i * (end + (1 - end) * (1 + cos(pi * c / T)) / 2), T = first * t_mult**i, c steps into cycle

    Args:
        peak: the rate at the first restart.
        first: updates of the first cycle.
        t_mult: growth of the cycles.
        gamma: factor on the rates per cycle.
        end: share of the cycle's peak at its end; at a restart the new peak is given.
        times: number of cycles (the cycle limit), after which the end is held; None for ever.

    The end falls with the peaks; ``sgdr_floor`` keeps it.

    Elsewhere: torch CosineAnnealingWarmRestarts; fairseq cosine (lr_shrink); optax sgdr_schedule; composer
        CosineAnnealingWithWarmRestarts; LRSchedules sgdr_examples.
    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.sgdr(0.1, first=10)(30)
        0.1
    """
    return peak * COSINE.over(first, end=end).restarted(times, t_mult=t_mult, gamma=gamma)


def sgdr_floor(
    peak: Rate, first: First, floor: Real, t_mult: Growth = 2, gamma: Factor = 1.0, times: Times = None
) -> Schedule:
    """Warm restarts above a floor that does not shrink with the peaks.

    ``peak * (floor + (1 - floor) * cosine().over(first).restarted(t_mult=t_mult, gamma=gamma))``

    Formula: peak * (floor + (1 - floor) * gamma**i * (1 + cos(pi * c / T)) / 2), T = first * t_mult**i, c into cycle i

    Args:
        peak: the rate at the first restart.
        first: updates of the first cycle.
        floor: share of the first peak to which every cycle falls.
        t_mult: growth of the cycles.
        gamma: factor on the height above the floor, per cycle.
        times: number of cycles, after which the floor is held; None for ever.

    Elsewhere: Keras CosineDecayRestarts(alpha); timm CosineLRScheduler(cycle_mul, cycle_decay, cycle_limit, lr_min),
        whose peaks are peak * gamma**i.
    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.sgdr_floor(1.0, first=2, floor=0.2, t_mult=1, gamma=0.5).sample(4).round(3).tolist()
        [1.0, 0.6, 0.6, 0.4]
    """
    return peak * (floor + (1 - floor) * COSINE.over(first).restarted(times, t_mult=t_mult, gamma=gamma))


def cosine_periods(peak: Rate, periods: Periods, peaks: Reals = None, ends: Reals = None) -> Schedule:
    """Cosine cycles of given lengths, peaks and ends.

    Formula: in period i of T updates: peak * (e_i + (p_i - e_i) * (1 + cos(pi * c / T)) / 2), c updates into it

    Args:
        peak: the rate where p_i is 1.
        periods: lengths, in updates.
        peaks: shares p_i of the peak at which the periods start; all 1 by default.
        ends: shares e_i of the peak at which they end; all 0 by default.

    Elsewhere: mmengine CosineRestartLR(periods, restart_weights), which holds its last value; ignite
        CosineAnnealingScheduler with start_value_mult, end_value_mult and cycle_mult.
    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.cosine_periods(1.0, [2, 2], [1.0, 0.5], [0.1, 0.1]).sample(5).round(3).tolist()
        [1.0, 0.55, 0.5, 0.3, 0.1]
    """
    lengths = list(periods)
    tops = [1.0] * len(lengths) if peaks is None else list(peaks)
    feet = [0.0] * len(lengths) if ends is None else list(ends)
    for name, given in (("peaks", tops), ("ends", feet)):
        if not lengths or len(given) != len(lengths):
            fail("cosine_periods", name, f"as many as the {len(lengths)} periods (at least 1)", given)
    whole = [COSINE.over(n, top, foot) for n, top, foot in zip(lengths, tops, feet, strict=True)]
    return peak * whole[0].then(*whole[1:])


def sgdr_warmup(
    peak: Rate, first: One, warmup: Count, cycles: Cycles, t_mult: Growth = 1, gamma: Factor = 1.0, end: Real = 0.0
) -> Schedule:
    """Warm restarts whose every cycle begins with a linear warm-up of the same length.

    Formula: in cycle i: a line from end to gamma**i in w updates, then a cosine back to end; times the peak

    Args:
        peak: the largest rate.
        first: updates of the first cycle, its warm-up included.
        warmup: w, updates of every warm-up.
        cycles: number of cycles, at least 1.
        t_mult: growth of the cycles: cycle i lasts round(first * t_mult**i) updates.
        gamma: factor on the peaks per cycle.
        end: share of the first peak at both ends of every cycle.

    Elsewhere: pytorch-scheduler and pytorch_optimizer CosineAnnealingWarmupRestarts; optax sgdr_schedule. ignite warms
        up after each cycle: ``(cosine().over(n, end=e) >> warmup(w, e)).restarted()``.
    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.sgdr_warmup(1.0, first=4, warmup=2, cycles=2).sample(8).round(3).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.5, 1.0, 0.5]
    """
    if cycles > 1 and math.log2(first) + (cycles - 1) * math.log2(t_mult) >= 53:
        fail("sgdr_warmup", "t_mult", "so small that a cycle has less than 2**53 updates", t_mult)
    falls = [rest(round(first * t_mult**i), "the updates of each cycle", warmup=warmup) for i in range(cycles)]
    whole = [Warmup(warmup, end, gamma**i) >> COSINE.over(n, gamma**i, end) for i, n in enumerate(falls)]
    return peak * whole[0].then(*whole[1:])


def snapshot(peak: Rate, steps: One, cycles: One) -> Schedule:
    """Snapshot ensembles: cosine cycles of equal length; save a model at each of ``cycle_ends(steps)``.

    Formula: peak / 2 * (cos(pi * (t mod c) / c) + 1), c = ceil(steps / cycles)

    Args:
        peak: the rate at every restart, 0.1 or 0.2 in the paper.
        steps: length of the run, in updates.
        cycles: number of snapshots. When they do not divide ``steps``, the last cycle is cut short.

    Elsewhere: cyclic cosine annealing; SnapshotCallback of the Keras adapter saves.
    Source: Huang et al. (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.snapshot(0.1, steps=300, cycles=3).cycle_ends(300)
        (99, 199, 299)
    """
    return peak * COSINE.over(math.ceil(steps / cycles)).restarted().lasting(steps)


def sawtooth(high: Real, low: Real, period: Every, profile: Profile = LINEAR) -> Schedule:
    """A line, or any profile, down in every cycle, as stochastic weight averaging uses it.

    Formula: low + (high - low) * profile((t mod period) / period)

    Args:
        high: the rate at the beginning of a cycle.
        low: the rate that it falls to; average the weights at ``cycle_ends``.
        period: updates of a cycle.
        profile: shape of the fall.

    Elsewhere: cyclical rate of SWA; fast geometric ensembles; the profiles of LRSchedules; pytorch-scheduler "cycle".
    Source: Izmailov et al. (2018).

    Example:
        >>> from lrsched import recipes
        >>> recipes.sawtooth(1.0, 0.0, period=4).sample(5).tolist()
        [1.0, 0.75, 0.5, 0.25, 1.0]
    """
    return profile.over(period, high, low).restarted()


def multi_period_cosine(peak: Rate, steps: Positive, cycles: Waves = 0.5) -> Schedule:
    """Several whole waves of a cosine in one run: no jumps, it rises again after each fall.

    Formula: peak * (1 + cos(2 * pi * cycles * t / steps)) / 2

    Args:
        peak: the first rate.
        steps: length of the run, in updates; the wave goes on after.
        cycles: waves in the run, positive; 0.5 is one fall to 0.

    ``cosine().over(steps / (2 * cycles)).mirrored().restarted()`` where that is a whole number of updates.

    Elsewhere: transformers cosine(num_cycles); torch CosineAnnealingLR beyond T_max; "rebound".
    Source: the transformers documentation.

    Example:
        >>> from lrsched import recipes
        >>> recipes.multi_period_cosine(1.0, steps=8, cycles=1).sample(9).round(6).tolist()
        [1.0, 0.853553, 0.5, 0.146447, 0.0, 0.146447, 0.5, 0.853553, 1.0]
    """
    if not is_jax(steps) and steps.is_integer():
        steps = int(steps)
    half = None if is_jax(cycles) or is_jax(steps) else Fraction(steps) / (2 * Fraction(cycles))
    if half is not None and half.denominator == 1:
        return peak * COSINE.over(half.numerator).mirrored().restarted()
    return peak * COSINE.over(steps).mirrored().restarted().stretched(1 / (2 * cycles))


def polynomial_cycles(peak: Rate, steps: One, end: Real = 0.0, power: Positive = 1.0) -> Schedule:
    """Polynomial decay that begins again whenever it has ended, lower and slower each time.

    Formula: peak * (end + (1 - end) * (1 - t / T)**power), T = steps * max(1, ceil(t / steps))

    Args:
        peak: the first rate.
        steps: updates of a cycle; the end is given at its multiples, a new cycle begins one update later.
        end: share of the peak at the end of each cycle.
        power: exponent, positive.

    Elsewhere: Keras PolynomialDecay(cycle=True); Paddle and NeMo polynomial with cycle.
    Source: the TensorFlow documentation (2016).

    Example:
        >>> from lrsched import recipes
        >>> recipes.polynomial_cycles(1.0, steps=4, end=0.5).sample(7).tolist()
        [1.0, 0.875, 0.75, 0.625, 0.5, 0.6875, 0.625]
    """
    cycle = LINEAR.over(steps, 1 - 1 / steps, endpoint=True).restarted() * InverseTimeDecay(1.0).per_epoch(steps)
    return peak * above(end, powered(Hold(1) >> cycle, power))


# ---- one cycle


def one_cycle(
    peak: Rate,
    steps: Steps,
    rise: Share = 0.3,
    start: Real = 1 / 25,
    end: Real = 1 / 25e4,
    profile: Profile = COSINE,
) -> Schedule:
    """Up to the peak in a share of the run, then far down.

    ``peak * (warmup(r, start, profile=profile) >> profile.over(steps - r, end=end))``, ``r = round(rise * steps)``

    Formula: peak * (start -> 1 in r updates, then 1 -> end in steps - r), r = round(rise * steps)

    Args:
        peak: the largest rate, met at t = r.
        steps: length of the run, in updates.
        rise: share of the run spent rising.
        start, end: shares of the peak at both ends. fastai: rise 0.25, end 1e-5.
        profile: shape of both sides: ``cosine()`` or ``linear()``.

    Elsewhere: torch OneCycleLR (one update earlier); optax cosine_onecycle_schedule; fastai fit_one_cycle.
    Source: Smith and Topin (2018).

    Example:
        >>> from lrsched import recipes
        >>> recipes.one_cycle(0.1, steps=100)(30)
        0.1
    """
    up = share_of(rise, steps)
    return peak * (Warmup(up, start, profile=profile) >> profile.over(steps - up, end=end))


def one_cycle_momentum(steps: Steps, rise: Share = 0.3, high: Real = 0.95, low: Real = 0.85) -> Schedule:
    """The momentum that goes with ``one_cycle``: down while the rate rises, up again while it falls.

    Formula: high -> low in r updates, then low -> high in steps - r, along half waves, r = round(rise * steps)

    Args:
        steps: length of the run, in updates.
        rise: share of the run in which the rate rises.
        high, low: momentum at the ends, and at the peak of the rate.

    Elsewhere: torch OneCycleLR(cycle_momentum=True); fastai moms=(0.95, 0.85, 0.95).
    Source: Smith (2018).

    Example:
        >>> from lrsched import recipes
        >>> recipes.one_cycle_momentum(steps=100)(30)
        0.85
    """
    down = share_of(rise, steps)
    return COSINE.over(down, high, low) >> COSINE.over(steps - down, low, high)


def one_cycle_three_phase(
    peak: Rate,
    steps: Steps,
    rise: Half = 0.3,
    start: Real = 1 / 25,
    end: Real = 1 / 25e4,
    profile: Profile = COSINE,
) -> Schedule:
    """One cycle as first published: up, down the same way, then annihilation.

    Formula: peak * (start -> 1 in r, 1 -> start in r, then start -> end in steps - 2 r), r = round(rise * steps)

    Args:
        peak: the largest rate.
        steps: length of the run, in updates.
        rise: share of the run spent rising, at most 0.5.
        start, end: shares of the peak at the ends of the triangle, and of the run.
        profile: shape of each phase.

    Elsewhere: torch OneCycleLR(three_phase=True); optax linear_onecycle_schedule.
    Source: Smith and Topin (2018).

    Example:
        >>> from lrsched import recipes
        >>> recipes.one_cycle_three_phase(0.1, steps=100)(60)
        0.004
    """
    up = min(share_of(rise, steps), steps // 2)
    last = steps - 2 * up
    triangle = Warmup(up, start, profile=profile) >> profile.over(up, end=start)
    return peak * (triangle >> profile.over(last, start=start, end=end))


def one_cycle_decay(low: Real, high: Real, up: Count, down: Count, rate: Above = 0.0) -> Schedule:
    """One triangle, then inverse time decay from its foot.

    Formula: low -> high in up, high -> low in down, then low / (1 + rate * (t - up - down))

    Args:
        low: the rate at the feet of the triangle.
        high: the rate at its top.
        up, down: updates of its sides.
        rate: decay per update after it.

    Elsewhere: DeepSpeed OneCycle (which counts t + 1 in the triangle).
    Source: Smith (2018).

    Example:
        >>> from lrsched import recipes
        >>> recipes.one_cycle_decay(1.0, 2.0, up=2, down=2, rate=1.0).sample(6).tolist()
        [1.0, 1.5, 2.0, 1.5, 1.0, 0.5]
    """
    return LINEAR.over(up, low, high) >> LINEAR.over(down, high, low) >> low * InverseTimeDecay(rate)


def slanted_triangular(peak: Rate, steps: Steps, rise: Share = 0.1, ratio: Positive = 32) -> Schedule:
    """Slanted triangular: a short steep rise, a long slow fall.

    Formula: peak * (1 + p * (ratio - 1)) / ratio, p = t / c, then 1 - (t - c) / (steps - c), c = floor(rise * steps)

    Args:
        peak: the largest rate.
        steps: length of the run, in updates.
        rise: share of the run spent rising, in [0, 1].
        ratio: peak over the smallest rate.

    Elsewhere: AllenNLP slanted_triangular; thinc slanted_triangular (at t + 1, never clamped).
    Source: Howard and Ruder (2018), ULMFiT.

    Example:
        >>> from lrsched import recipes
        >>> recipes.slanted_triangular(1.0, steps=20, ratio=10).sample(3).tolist()
        [0.1, 0.55, 1.0]
    """
    up = math.floor(rise * steps)
    return peak * (Warmup(up, 1 / ratio) >> LINEAR.over(steps - up, end=1 / ratio))


def tri_stage(
    peak: Rate, warmup: Count, hold: Count, decay: Count, start: Real = 0.01, end: Positive = 0.01
) -> Schedule:
    """Three stages: a line up, a hold, a geometric fall.

    Formula: peak * (start -> 1 in w, 1 for h, then end**((t - w - h) / d))

    Args:
        peak: the largest rate.
        warmup, hold, decay: w, h and d, in updates.
        start: share of the peak at t = 0.
        end: share of the peak at the end, positive, held after.

    Elsewhere: fairseq tri_stage.
    Source: Park et al. (2019), SpecAugment.

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.tri_stage(1.0, warmup=2, hold=3, decay=10)(10), 12)
        0.1
    """
    return peak * (Warmup(warmup, start) >> Hold(hold) >> Geometric(decay, 1.0, end))
