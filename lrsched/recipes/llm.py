"""Schedules of large language models: cooldowns, power laws and continued training."""

from __future__ import annotations

import math
from typing import Annotated, Any

from lrsched.algebra.arguments import (
    Count,
    Counts,
    Length,
    Negative,
    Positive,
    Rate,
    Real,
    Reals,
    Steps,
    Taken,
    TokenLength,
)
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.arithmetic import maximum, minimum
from lrsched.foundation.argument_names import speaking_as
from lrsched.foundation.errors import fail
from lrsched.foundation.numbers import share_of
from lrsched.profiles.piecewise import Knots
from lrsched.profiles.shapes import Exponential, InverseTime, Polynomial
from lrsched.recipes._parts import COSINE, LINEAR, ONE_MINUS_SQRT, rest
from lrsched.schedules.endless import ExponentialDecay, InverseTimeDecay, PowerDecay, piecewise
from lrsched.schedules.spans import Hold, Warmup
from lrsched.schedules.tables import Geometric

__all__ = [
    "capacity_decay",
    "decaying_stable",
    "deepseek_multi_step",
    "exponential_cooldown",
    "half_cosine",
    "infinite_schedule",
    "inverse_linear_cooldown",
    "lowered_linear_cooldown",
    "minicpm",
    "mirror_cosine_cooldown",
    "power_lr",
    "power_scheduler",
    "rsqrt_cooldown",
    "wsd_s",
]


Ratio = Annotated[float, Taken("static", base="real", low=0.0, high=1.0, open_low=True, open_high=True)]
Place = Annotated[Any, Taken("real", low=0.0, high=1.0, open_low=True, open_high=True)]
Capacity = Annotated[Any, Taken("real", allowed="a finite number > 0.5", low=0.5, open_low=True)]
Rise = Annotated[Any, Taken("count", low=1), "steps"]
Shares = Annotated[Any, Taken("reals", allowed="a share in [0, 1]", low=0.0, high=1.0)]

# ---- cooldowns, as profiles for warmup_stable_decay


def exponential_cooldown(ratio: Ratio = 0.5) -> Profile:
    """The exponential cooldown that meets its end: Megatron's with ratio 0.5.

    Formula: (ratio**u - ratio) / (1 - ratio)

    Args:
        ratio: what the exponential falls to before it is normalised, in (0, 1). ``geometric_decay`` is not normalised.

    Elsewhere: Megatron WSD "exponential" (2 * 0.5**u - 1); timm decay_fn="exp" (0.1); epfml "exp" is ratio**u itself.
    Source: the Megatron-LM code.

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.exponential_cooldown(0.5)(0.5), 6)
        0.414214
    """
    return Exponential(-math.log(ratio)).normalised()


def mirror_cosine_cooldown() -> Profile:
    """The cosine mirrored at the line: steep at both ends.

    Formula: 2 * (1 - u) - (1 + cos(pi * u)) / 2

    Elsewhere: epfml "mirror_cosine".
    Source: Haegele et al. (2024), its code.

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.mirror_cosine_cooldown()(0.25), 6)
        0.646447
    """
    return 2.0 * LINEAR - COSINE


def inverse_linear_cooldown(ratio: Ratio = 0.1) -> Profile:
    """The cooldown whose inverse is a line; normalised.

    Formula: (1 / (1 + (1 / ratio - 1) * u) - ratio) / (1 - ratio)

    Args:
        ratio: what it falls to before it is normalised, in (0, 1); use it with ``end=ratio``.

    Elsewhere: WSD-S: 1 / (u / r + (1 - u)).
    Source: Wen et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.warmup_stable_decay(1.0, 10, 0, 10, 0.2, recipes.inverse_linear_cooldown(0.2))(10)
        0.2
    """
    return InverseTime(1 / ratio - 1).normalised()


def lowered_linear_cooldown(at: Place = 0.5, level: Real = 0.25) -> Profile:
    """A line to a kink, and another to the end.

    Formula: a line from 1 to level at u = at, then a line to 0

    Args:
        at: the place of the kink, in (0, 1).
        level: the value there.

    Elsewhere: "lowered linear".
    Source: Dremov et al. (2025).

    Example:
        >>> from lrsched import recipes
        >>> recipes.lowered_linear_cooldown()(0.5)
        0.25
    """
    with speaking_as("lowered_linear_cooldown", xs="at", ys="level"):
        return Knots((0.0, at, 1.0), (1.0, level, 0.0))


def minicpm(peak: Rate, steps: Count, warmup: Length, decay: Length, half: Positive) -> Schedule:
    """MiniCPM's own WSD, with an exponential cooldown by its half-life.

    Formula: peak * t / w, then peak, then peak * 0.5**((t - steps + d) / half)

    Args:
        peak: the rate of the stable part.
        steps: length of the run, in updates.
        warmup: w, in updates.
        decay: d, in updates, a tenth of the run in the paper.
        half: updates in which the rate halves.

    Elsewhere: WSD of the MiniCPM paper.
    Source: Hu et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.minicpm(1.0, steps=100, warmup=10, decay=20, half=5)(90)
        0.25
    """
    stable = rest(steps, warmup=warmup, decay=decay)
    return peak * (Warmup(warmup) >> Hold(stable) >> ExponentialDecay(0.5).stretched(half).lasting(decay))


def capacity_decay(peak: Rate, steps: Count, beta: Capacity) -> Schedule:
    """The optimal shape of the functional scaling law on easy tasks.

    Formula: peak * (1 - t / steps)**(2 * beta - 1)

    Args:
        peak: the first rate.
        steps: length, in updates.
        beta: capacity exponent, above 1/2.

    Elsewhere: polynomial decay with that power.
    Source: Li et al. (2026).

    Example:
        >>> from lrsched import recipes
        >>> recipes.capacity_decay(1.0, steps=4, beta=1.5)(2)
        0.25
    """
    return peak * Polynomial(2 * beta - 1).over(steps)


# ---- stable parts that are not stable, and cooldowns on top


def decaying_stable(
    peak: Rate,
    steps: Count,
    warmup: Length,
    decay: Length,
    timescale: Positive,
    power: Positive = 0.5,
    end: Real = 0.0,
    cooldown: Profile = ONE_MINUS_SQRT,
) -> Schedule:
    """A stable part that falls by a power law, and goes on falling under the cooldown.

    Formula: peak * (end + max(s - end, 0) * c), s = (1 + (t - w) / timescale)**-power, c = 1, then the cooldown

    Args:
        peak: the rate after the warm-up.
        steps: length of the run, in updates.
        warmup: w, in updates.
        decay: updates of the cooldown.
        timescale: of the power law, in updates, positive.
        power: 0.5 is the inverse square root.
        end: share of the peak at the end; the power law never falls below it.
        cooldown: profile.

    Elsewhere: timm WSDLRScheduler(stable_fn="rsqrt" or "power").
    Source: Zhai et al. (2022); the timm code.

    Example:
        >>> from lrsched import recipes
        >>> recipes.decaying_stable(1.0, 100, warmup=4, decay=20, timescale=4)(16)
        0.5
    """
    stable = rest(steps, warmup=warmup, decay=decay)
    fall = maximum(InverseTimeDecay(1 / timescale) ** power - end, 0.0) * (Hold(stable) >> cooldown.over(decay))
    return peak * (Warmup(warmup) >> end + fall).lasting(steps)


def rsqrt_cooldown(
    peak: Rate, steps: Count, warmup: Length, cooldown: Length, timescale: Positive = 10_000
) -> Schedule:
    """Inverse square root with a linear cooldown: the schedule of scaled vision transformers.

    Formula: min(t / w, 1) * peak / sqrt(1 + (t - w) / timescale) * min(1, (steps - t) / c)

    Args:
        peak: the rate after the warm-up.
        steps: length of the run, in updates.
        warmup: w, in updates.
        cooldown: c, in updates.
        timescale: in updates, positive.

    Elsewhere: big_vision decay_type="rsqrt" with cooldown_steps.
    Source: Zhai et al. (2022).

    Example:
        >>> from lrsched import recipes
        >>> recipes.rsqrt_cooldown(1.0, steps=100, warmup=4, cooldown=20, timescale=4)(90)
        0.10540925533894598
    """
    head = rest(steps, cooldown=cooldown)
    root = Warmup(warmup) >> InverseTimeDecay(1 / timescale) ** 0.5
    return peak * (root.lasting(steps) * (Hold(head) >> LINEAR.over(cooldown)))


def power_scheduler(
    largest: Real,
    tokens: Count,
    batch: Rate,
    warmup: TokenLength,
    decay: TokenLength,
    a: Rate = 4.0,
    b: Negative = -0.51,
) -> Schedule:
    """The power scheduler: a rate that knows neither the length of the run nor the batch size.

    Formula: min(largest, batch * a * n**b) after a linear warm-up, then a line to 0; n is the number of tokens seen

    Args:
        largest: bound of the rate, 0.02 in the paper.
        tokens: length of the run; all lengths are tokens, and so is the clock.
        batch: sequences in a batch.
        warmup, decay: lengths of the two ends, in tokens.
        a, b: amplitude and exponent; b is negative.

    Elsewhere: levanter; IBM lm-engine; OLMo-core PowerLR with a = peak * w**-b.
    Source: Shen et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.power_scheduler(0.02, 10**12, 128, 10**9, 10**11)(5 * 10**11), 9)
        0.000553089
    """
    head = rest(tokens, "tokens", decay=decay)
    stable = minimum(largest, batch * a * PowerDecay(1.0, -b))
    return (Warmup(warmup) * stable).cooldown(head, decay)


def power_lr(peak: Rate, steps: Count, warmup: Rise, decay: Length, power: Positive = 0.51) -> Schedule:
    """Warm-up, power law, and a line to 0 from wherever the law has come to.

    Formula: peak * t / w, then peak * (t / w)**-power, then a line from its value at steps - d to 0

    Args:
        peak: the largest rate.
        steps: length of the run, in updates.
        warmup: w, in updates, at least 1.
        decay: d, in updates.
        power: positive.

    Elsewhere: OLMo-core PowerLR.
    Source: Shen et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.power_lr(1.0, steps=80, warmup=4, decay=16, power=0.5).sample(81)[[16, 64, 72]].tolist()
        [0.5, 0.25, 0.125]
    """
    head = rest(steps, decay=decay)
    return (peak * Warmup(warmup) * PowerDecay(warmup, power)).cooldown(head, decay)


# ---- going on


def wsd_s(peak: Rate, periods: Counts, warmup: Count, decay: Count, end: Real = 0.0, peaks: Reals = None) -> Schedule:
    """WSD-S: stable and decay, again and again, each time back to the peak at once.

    Formula: in period i of n updates: peak * p_i for n - d, then a line to peak * p_i * end in d; warm-up in the first

    Args:
        peak: the rate of the stable parts.
        periods: lengths of the periods, in updates; the first includes the warm-up.
        warmup: in updates.
        decay: d, updates of every decay.
        end: share of the period's peak at its end.
        peaks: factors p_i, one a period; all 1 by default.

    Elsewhere: OLMo-core WSDS.
    Source: Wen et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.wsd_s(1.0, [6, 4], warmup=2, decay=2).sample(11).tolist()
        [0.0, 0.5, 1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 0.5, 0.0]
    """
    if not len(periods) or (peaks is not None and len(peaks) != len(periods)):
        fail("wsd_s", "peaks", f"as many as the {len(periods)} periods (at least 1)", peaks)
    of, fall = "each period", LINEAR.over(decay, end=end)
    first = Warmup(warmup) >> Hold(rest(periods[0], of, warmup=warmup, decay=decay)) >> fall
    parts = [first, *(Hold(rest(n, of, decay=decay)) >> fall for n in periods[1:])]
    if peaks is not None:
        parts = [factor * part for factor, part in zip(peaks, parts, strict=True)]
    return peak * parts[0].then(*parts[1:])


def infinite_schedule(
    peak: Rate,
    warmup: Count,
    cooldown: Count,
    constant: Count,
    anneal: Count,
    level: Positive = 0.125,
    end: Positive = 0.01,
    profile: Profile = COSINE,
) -> Schedule:
    """An infinite schedule: warm-up, cooldown to a constant, the constant, and an anneal on demand.

    Formula: 0 -> 1 in w, profile 1 -> level in c, level for n, then level * (end / level)**(x / a); times the peak

    Args:
        peak: the largest rate.
        warmup, cooldown, constant, anneal: w, c, n and a, in updates.
        level: share of the peak of the constant part, positive.
        end: share of the peak at the end of the anneal, positive.
        profile: of the cooldown, from 1 to 0: cosine, or ``(inverse_time(k) ** 0.5).normalised()`` for "inv-inf".

    Elsewhere: InfiniteLRScheduler; "cosine-inf".
    Source: Ibrahim et al. (2024); Singh et al. (2025).

    Example:
        >>> from lrsched import recipes
        >>> recipes.infinite_schedule(1.0, warmup=2, cooldown=4, constant=10, anneal=4)(10)
        0.125
    """
    head = Warmup(warmup) >> profile.over(cooldown, end=level)
    return peak * (head >> Hold(constant, level) >> Geometric(anneal, level, end))


def half_cosine(peak: Rate, steps: Count, warmup: Length, end: Real = 0.0) -> Schedule:
    """Warm-up to the middle of a cosine, then its second half.

    Formula: 0 -> m = end + (1 - end) / 2 in w, then end + (1 - end) * (1 + cos(pi * (1 + u) / 2)) / 2; times the peak

    Args:
        peak: the peak of the whole cosine; the largest rate is about half of it.
        steps: length of the run, in updates.
        warmup: w, in updates.
        end: share of the peak at the end.

    Elsewhere: OLMo-core HalfCosWithWarmup.
    Source: the OLMo-core code.

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.half_cosine(1.0, steps=10, warmup=2)(2), 12)
        0.5
    """
    fall = rest(steps, warmup=warmup)
    return peak * (Warmup(warmup, end=end + (1 - end) / 2) >> COSINE.over(2 * fall, end=end).advanced(fall))


def deepseek_multi_step(
    peak: Rate, steps: Steps, warmup: Length = 2_000, at: Shares = (0.8, 0.9), levels: Reals = (0.316, 0.1)
) -> Schedule:
    """DeepSeek's multi-step schedule: two drops late in the run.

    Formula: min(t / w, 1) * peak * (1, then 0.316 from 0.8 * steps, then 0.1 from 0.9 * steps)

    Args:
        peak: the rate after the warm-up.
        steps: length of the run, in updates.
        warmup: w, in updates.
        at: shares of the run at which the rate drops; 0.6 and 0.9 in V2.
        levels: shares of the peak after each drop; 0.316 and 0.316**2 in V2.

    Elsewhere: multi-step decay with a warm-up.
    Source: DeepSeek-AI (2024), DeepSeek LLM.

    Example:
        >>> from lrsched import recipes
        >>> recipes.deepseek_multi_step(1.0, steps=10_000)(8_000)
        0.316
    """
    if len(at) != len(levels):
        fail("deepseek_multi_step", "levels", f"as many as the {len(at)} shares", levels)
    with speaking_as("deepseek_multi_step", boundaries="at"):
        drops = piecewise([share_of(float(share), steps) for share in at], [1.0, *levels])
    return peak * (Warmup(warmup) * drops.lasting(steps))
