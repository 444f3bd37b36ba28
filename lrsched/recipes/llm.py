"""Schedules of large language models: cooldowns, power laws and continued training."""

from __future__ import annotations

import math
from typing import Any

from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.arithmetic import maximum, minimum
from lrsched.foundation.errors import ScheduleError, check_count, fail
from lrsched.profiles.piecewise import Knots
from lrsched.profiles.shapes import Exponential, InverseTime, Polynomial
from lrsched.recipes._parts import COSINE, LINEAR, ONE_MINUS_SQRT, cut, positive, rest
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


# ---- cooldowns, as profiles for warmup_stable_decay


def exponential_cooldown(ratio: float = 0.5) -> Profile:
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
    positive("exponential_cooldown", ratio=ratio)
    if ratio >= 1:
        fail("exponential_cooldown", "ratio", "a number in (0, 1)", ratio)
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


def inverse_linear_cooldown(ratio: float = 0.1) -> Profile:
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
    positive("inverse_linear_cooldown", ratio=ratio)
    return InverseTime(1 / ratio - 1).normalised()


def lowered_linear_cooldown(at: Any = 0.5, level: Any = 0.25) -> Profile:
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
    return Knots((0.0, at, 1.0), (1.0, level, 0.0))


def minicpm(peak: Any, steps: int, warmup: int, decay: int, half: Any) -> Schedule:
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
    stable = rest("minicpm", steps, warmup=warmup, decay=decay)
    return peak * (Warmup(warmup) >> Hold(stable) >> ExponentialDecay(0.5).stretched(half).lasting(decay))


def capacity_decay(peak: Any, steps: int, beta: Any) -> Schedule:
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
    peak: Any,
    steps: int,
    warmup: int,
    decay: int,
    timescale: Any,
    power: Any = 0.5,
    end: Any = 0.0,
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
    positive("decaying_stable", timescale=timescale)
    stable = rest("decaying_stable", steps, warmup=warmup, decay=decay)
    fall = maximum(InverseTimeDecay(1 / timescale) ** power - end, 0.0) * (Hold(stable) >> cooldown.over(decay))
    return peak * (Warmup(warmup) >> end + fall).lasting(steps)


def rsqrt_cooldown(peak: Any, steps: int, warmup: int, cooldown: int, timescale: Any = 10_000) -> Schedule:
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
    positive("rsqrt_cooldown", timescale=timescale)
    head = rest("rsqrt_cooldown", steps, cooldown=cooldown)
    root = Warmup(warmup) >> InverseTimeDecay(1 / timescale) ** 0.5
    return peak * (root.lasting(steps) * (Hold(head) >> LINEAR.over(cooldown)))


def power_scheduler(
    largest: Any, tokens: int, batch: Any, warmup: int, decay: int, a: Any = 4.0, b: Any = -0.51
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
    head = rest("power_scheduler", tokens, decay=decay)
    stable = minimum(largest, batch * a * PowerDecay(1.0, -b))
    return (Warmup(warmup) * stable).cooldown(head, decay)


def power_lr(peak: Any, steps: int, warmup: int, decay: int, power: Any = 0.51) -> Schedule:
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
    head = rest("power_lr", steps, decay=decay)
    return (peak * Warmup(warmup) * PowerDecay(warmup, power)).cooldown(head, decay)


# ---- going on


def wsd_s(peak: Any, periods: Any, warmup: int, decay: int, end: Any = 0.0, peaks: Any = None) -> Schedule:
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
    lengths = [check_count("wsd_s", "periods", n) for n in periods]
    if not lengths or (peaks is not None and len(peaks) != len(lengths)):
        raise ScheduleError(f"wsd_s: peaks must be as many as the {len(lengths)} periods (at least 1), got {peaks!r}")
    first = Warmup(warmup) >> Hold(rest("wsd_s", lengths[0], warmup=warmup, decay=decay)) >> LINEAR.over(decay, end=end)
    parts = [first, *(Hold(rest("wsd_s", n, decay=decay)) >> LINEAR.over(decay, end=end) for n in lengths[1:])]
    if peaks is not None:
        parts = [factor * part for factor, part in zip(peaks, parts, strict=True)]
    return peak * parts[0].then(*parts[1:])


def infinite_schedule(
    peak: Any,
    warmup: int,
    cooldown: int,
    constant: int,
    anneal: int,
    level: Any = 0.125,
    end: Any = 0.01,
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


def half_cosine(peak: Any, steps: int, warmup: int, end: Any = 0.0) -> Schedule:
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
    fall = rest("half_cosine", steps, warmup=warmup)
    return peak * (Warmup(warmup, end=end + (1 - end) / 2) >> COSINE.over(2 * fall, end=end).advanced(fall))


def deepseek_multi_step(
    peak: Any, steps: int, warmup: int = 2_000, at: Any = (0.8, 0.9), levels: Any = (0.316, 0.1)
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
    places = [cut("deepseek_multi_step", "at", share, steps) for share in at]
    return peak * (Warmup(warmup) * piecewise(places, [1.0, *levels]).lasting(steps))
