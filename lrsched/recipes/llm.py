"""Schedules of large language models: cooldowns, continued training, and published runs with tokens as the clock."""

from __future__ import annotations

import math
from typing import Any

from lrsched._errors import ScheduleError, check_count, fail
from lrsched._schedule import Schedule
from lrsched.combinators import maximum, minimum
from lrsched.profiles import Exponential, InverseTime, Knots, Polynomial, Profile
from lrsched.recipes._parts import COSINE, LINEAR, ONE_MINUS_SQRT, cut, positive, rest
from lrsched.schedules import (
    ExponentialDecay,
    Geometric,
    Hold,
    InverseTimeDecay,
    PowerDecay,
    Warmup,
    piecewise,
)

__all__ = [
    "capacity_decay",
    "decaying_stable",
    "deepseek_multi_step",
    "deepseek_v2",
    "deepseek_v2_batch",
    "deepseek_v2_lite",
    "deepseek_v3",
    "deepseek_v3_batch",
    "exponential_cooldown",
    "half_cosine",
    "infinite_schedule",
    "inverse_linear_cooldown",
    "kimi_k2",
    "llama3_405b",
    "lowered_linear_cooldown",
    "minicpm",
    "mirror_cosine_cooldown",
    "olmo2_32b",
    "olmo3_7b",
    "olmo3_anneal",
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


# ---- published runs, tokens as the clock

BILLION, TRILLION = 10**9, 10**12


def deepseek_v2(tokens: int = 8_100 * BILLION, warmup: int = 2_000 * 2_304 * 4_096) -> Schedule:
    """DeepSeek-V2: multi-step at 60 % and 90 % of the tokens, peak 2.4e-4.

    Formula: 2.4e-4 * min(n / w, 1) * (1, 0.316 from 60 %, 0.316**2 from 90 %), n tokens

    Args:
        tokens: of the run.
        warmup: w, in tokens: 2,000 updates of 2,304 sequences of 4,096 tokens.

    Elsewhere: the rate of the technical report; ``.stretched(1 / tokens_per_update)`` counts updates.
    Source: DeepSeek-AI (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.deepseek_v2()(5 * 10**12)
        7.584e-05
    """
    return deepseek_multi_step(2.4e-4, tokens, warmup, (0.6, 0.9), (0.316, 0.316**2))


def deepseek_v2_batch() -> Schedule:
    """DeepSeek-V2's batch size, in sequences of 4,096 tokens.

    Formula: 2304 -> 9216 over the first 225e9 tokens, held after

    Elsewhere: batch-size ramp of the technical report.
    Source: DeepSeek-AI (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.deepseek_v2_batch()(0), recipes.deepseek_v2_batch()(10**12)
        (2304.0, 9216.0)
    """
    return Warmup(225 * BILLION, 2304.0, 9216.0)


def deepseek_v2_lite(tokens: int = 5_700 * BILLION, warmup: int = 2_000 * 4_608 * 4_096) -> Schedule:
    """DeepSeek-V2-Lite: multi-step at 80 % and 90 % of the tokens, peak 4.2e-4, batches of one size.

    Formula: 4.2e-4 * min(n / w, 1) * (1, 0.316 from 80 %, 0.316**2 from 90 %), n tokens

    Args:
        tokens: of the run.
        warmup: w, in tokens: 2,000 updates of 4,608 sequences of 4,096 tokens.

    Elsewhere: the rate of the model card; ``.stretched(1 / tokens_per_update)`` counts updates.
    Source: DeepSeek-AI (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.deepseek_v2_lite()(4 * 10**12)
        0.00042
    """
    return deepseek_multi_step(4.2e-4, tokens, warmup, (0.8, 0.9), (0.316, 0.316**2))


def deepseek_v3(warmup: int = 2_000 * 3_072 * 4_096) -> Schedule:
    """DeepSeek-V3: constant to 10T tokens, a cosine over 4.3T, then two constants.

    Formula: 0 -> 2.2e-4 in w, to 10e12; a cosine to 2.2e-5 over 4.3e12; 2.2e-5 for 333e9; 7.3e-6 for 167e9

    Args:
        warmup: w, in tokens: 2,000 updates of 3,072 sequences of 4,096 tokens (the growth of the batch left aside).

    Elsewhere: the rate of the technical report; ``.stretched(1 / tokens_per_update)`` counts updates.
    Source: DeepSeek-AI (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.deepseek_v3()(9 * 10**12), recipes.deepseek_v3()(14_700 * 10**9)
        (0.00022, 7.3e-06)
    """
    stable = Warmup(warmup, end=2.2e-4) >> Hold(rest("deepseek_v3", 10 * TRILLION, warmup=warmup), 2.2e-4)
    decay = COSINE.over(4_300 * BILLION, 2.2e-4, 2.2e-5)
    return stable >> decay >> Hold(333 * BILLION, 2.2e-5) >> Hold(167 * BILLION, 7.3e-6)


def deepseek_v3_batch() -> Schedule:
    """DeepSeek-V3's batch size, in sequences of 4,096 tokens.

    Formula: 3072 -> 15360 over the first 469e9 tokens, held after

    Elsewhere: batch-size ramp of the technical report.
    Source: DeepSeek-AI (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.deepseek_v3_batch()(469 * 10**9)
        15360.0
    """
    return Warmup(469 * BILLION, 3072.0, 15360.0)


def kimi_k2(warmup: int = 500 * 67_000_000) -> Schedule:
    """Kimi K2: constant for 10T tokens, a cosine over 5.5T, and an anneal.

    Formula: 0 -> 2e-4 in w, 2e-4 for 10e12, a cosine to 2e-5 over 5.5e12, then 2e-5 -> 7e-6 over 460e9

    Args:
        warmup: w, in tokens: 500 updates of 67 million tokens.

    The report does not give the shape of the anneal (400e9 tokens at 4k, 60e9 at 32k context); it is a line here.

    Elsewhere: WSD of the technical report; ``.stretched(1 / 67_000_000)`` counts updates.
    Source: Kimi Team (2025).

    Example:
        >>> from lrsched import recipes
        >>> recipes.kimi_k2()(5 * 10**12), recipes.kimi_k2()(17 * 10**12)
        (0.0002, 7e-06)
    """
    stable = Warmup(warmup, end=2e-4) >> Hold(10 * TRILLION, 2e-4)
    return stable >> COSINE.over(5_500 * BILLION, 2e-4, 2e-5) >> LINEAR.over(460 * BILLION, 2e-5, 7e-6)


def llama3_405b() -> Schedule:
    """Llama 3 405B: a warm-up of 8,000 updates, and a cosine to a hundredth. Its clock is updates.

    Formula: 8e-5 * t / 8000, then a cosine from 8e-5 to 8e-7 at t = 1.2e6

    Elsewhere: the rate of the paper, before its last anneal to 0.
    Source: Grattafiori et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.llama3_405b()(8_000), recipes.llama3_405b()(1_200_000)
        (8e-05, 8e-07)
    """
    return Warmup(8_000, end=8e-5) >> COSINE.over(1_192_000, 8e-5, 8e-7)


def olmo2_32b() -> Schedule:
    """OLMo 2 32B: a warm-up of 2,000 updates of 2048 x 4096 tokens, and a cosine to a tenth at 6.5T tokens.

    Formula: 6e-4 * n / w, then a cosine from 6e-4 to 6e-5 at n = 6.5e12, n tokens, w = 2000 * 8388608

    The run ends before the cosine does; its anneal is ``.cooldown(at, steps=100 * 10**9)``, both in tokens.

    Elsewhere: OLMo-core CosWithWarmup(2000), alpha_f 0.1.
    Source: OLMo Team (2025).

    Example:
        >>> from lrsched import recipes
        >>> recipes.olmo2_32b()(2_000 * 8_388_608), round(recipes.olmo2_32b()(65 * 10**11), 12)
        (0.0006, 6e-05)
    """
    warmup = 2_000 * 2_048 * 4_096
    return 6e-4 * (Warmup(warmup) >> COSINE.over(6_500 * BILLION - warmup, end=0.1))


def olmo3_7b() -> Schedule:
    """OLMo 3 7B: half a cosine meant for 5T tokens, and the other half stretched to end at 7T.

    Formula: 3e-4 * (t / 2000, a cosine to 0.1 at t = 1192092 until 597046, its second half until 1668930)

    The clock is updates of 4,194,304 tokens; ``.stretched(4_194_304)`` counts tokens.

    Elsewhere: OLMo-core CosWithWarmup, then HalfCosWithWarmup.
    Source: the OLMo-core code (2025).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.olmo3_7b()(597_046), 12), round(recipes.olmo3_7b()(1_668_930), 12)
        (0.000165, 3e-05)
    """
    first = Warmup(2_000) >> COSINE.over(1_190_092, end=0.1).lasting(595_046)
    return 3e-4 * (first >> COSINE.over(2 * 1_071_884, end=0.1).advanced(1_071_884))


def olmo3_anneal(steps: int, warmup: int = 0) -> Schedule:
    """OLMo 3 7B after pretraining: a line to 0 from the rate at which that was stopped.

    Formula: 2.0712352850360292e-4 * min(t / w, 1), then a line to 0 at t = steps

    Args:
        steps: length of the stage, in updates.
        warmup: w: 0 in mid-training, 200 in the long-context stage.

    Elsewhere: OLMo-core LinearWithWarmup(alpha_f=0).
    Source: the OLMo-core code (2025).

    Example:
        >>> from lrsched import recipes
        >>> recipes.olmo3_anneal(steps=100)(0), recipes.olmo3_anneal(steps=100)(100)
        (0.00020712352850360292, 0.0)
    """
    return 2.0712352850360292e-4 * (Warmup(warmup) >> LINEAR.over(rest("olmo3_anneal", steps, warmup=warmup)))
