"""Warm-ups by themselves, and the warm-ups with a decay that everybody uses.

A warm-up is a factor: ``warmup >> decay`` makes the decay wait, ``warmup * decay`` lets both run at once.
"""

from __future__ import annotations

import math
from typing import Annotated

from lrsched.algebra.arguments import Count, Every, Length, Positive, Rate, Real, Taken
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import fail
from lrsched.profiles.shapes import Exponential, Logarithmic, OneMinusPower, Polynomial
from lrsched.recipes._parts import COSINE, LINEAR, ONE_MINUS_SQRT, rest
from lrsched.schedules.endless import ExponentialDecay, InverseSqrt, InverseTimeDecay, PowerDecay
from lrsched.schedules.spans import Constant, Hold, Warmup
from lrsched.schedules.tables import Geometric

__all__ = [
    "batch_warmup",
    "cosine_warmup",
    "geometric_warmup",
    "inverse_sqrt_floor",
    "inverse_sqrt_hold",
    "inverse_sqrt_lr",
    "inverse_sqrt_raw",
    "inverse_sqrt_shifted",
    "inverse_sqrt_since",
    "linear_warmup",
    "logarithmic_warmup",
    "noam",
    "noam_hold",
    "polynomial_warmup",
    "power_law",
    "radam_rectification",
    "root_warmup",
    "saturating_warmup",
    "trapezoid",
    "untuned_exponential",
    "untuned_linear",
    "warmup_constant",
    "warmup_cosine",
    "warmup_linear",
    "warmup_polynomial",
    "warmup_stable_decay",
]


Two = Annotated[int, Taken("static", base="count", low=2)]
Some = Annotated[int, Taken("count", zero="a finite number > 0")]
Beta = Annotated[float, Taken("static", base="real", allowed="a number in [0, 1 - 1e-12]", low=0.0, high=1 - 1e-12)]
Rectified = Annotated[
    float,
    Taken("static", base="real", allowed="a number in (2/3, 1)", low=2 / 3, high=1.0, open_low=True, open_high=True),
]

# ---- warm-up, then a decay


def warmup_cosine(peak: Rate, steps: Count, warmup: Length, end: Real = 0.0) -> Schedule:
    """Linear warm-up, then a cosine.

    ``peak * (warmup(warmup) >> cosine().over(steps - warmup, end=end))``

    Formula: peak * t / w, then peak * (end + (1 - end) * (1 + cos(pi * (t - w) / (steps - w))) / 2)

    Args:
        peak: the largest rate, met at t = warmup.
        steps: length of the run, warm-up included, in updates.
        warmup: w, length of the warm-up; the first update is made with rate 0.
        end: share of the peak at t = steps, held after.

    Elsewhere: optax warmup_cosine_decay_schedule; transformers cosine; big_vision cosine; OLMo CosWithWarmup.
    Source: Loshchilov and Hutter (2017); Goyal et al. (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.warmup_cosine(0.1, steps=100, warmup=10)(10)
        0.1
    """
    return peak * (Warmup(warmup) >> COSINE.over(rest(steps, warmup=warmup), end=end))


def warmup_linear(peak: Rate, steps: Count, warmup: Length, end: Real = 0.0) -> Schedule:
    """Linear warm-up, then a line.

    ``peak * (warmup(warmup) >> linear().over(steps - warmup, end=end))``

    Formula: peak * t / w, then peak * (1 - (1 - end) * (t - w) / (steps - w))

    Args:
        peak: the largest rate, met at t = warmup.
        steps: length of the run, warm-up included, in updates.
        warmup: w, length of the warm-up.
        end: share of the peak at t = steps, held after.

    Elsewhere: transformers linear; the schedule of BERT; DeepSpeed WarmupDecayLR (warmup_type="linear").
    Source: Devlin et al. (2019).

    Example:
        >>> from lrsched import recipes
        >>> recipes.warmup_linear(0.1, steps=100, warmup=10)(100)
        0.0
    """
    return peak * (Warmup(warmup) >> LINEAR.over(rest(steps, warmup=warmup), end=end))


def warmup_polynomial(peak: Rate, steps: Count, warmup: Length, power: Positive = 2.0, end: Real = 0.0) -> Schedule:
    """Linear warm-up, then a polynomial: the schedule of LARS with power 2.

    Formula: peak * t / w, then peak * (end + (1 - end) * (1 - (t - w) / (steps - w))**power)

    Args:
        peak: the largest rate.
        steps: length of the run, warm-up included, in updates.
        warmup: w, length of the warm-up.
        power: exponent, positive.
        end: share of the peak at t = steps.

    Elsewhere: transformers polynomial; fairseq polynomial_decay.
    Source: You, Gitman and Ginsburg (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.warmup_polynomial(1.0, steps=12, warmup=2)(7)
        0.25
    """
    return peak * (Warmup(warmup) >> Polynomial(power).over(rest(steps, warmup=warmup), end=end))


def warmup_constant(peak: Rate, warmup: Count, start: Real = 0.0) -> Schedule:
    """Linear warm-up, then the peak for ever.

    Formula: peak * (start + (1 - start) * min(t / warmup, 1))

    Args:
        peak: the rate after the warm-up.
        warmup: its length, in updates.
        start: share of the peak at t = 0.

    Elsewhere: transformers constant_with_warmup; optax warmup_constant_schedule; DeepSpeed WarmupLR.
    Source: Goyal et al. (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.warmup_constant(0.2, warmup=2).sample(4).tolist()
        [0.0, 0.1, 0.2, 0.2]
    """
    return peak * (Warmup(warmup, start) >> Constant(1.0))


def warmup_stable_decay(
    peak: Rate, steps: Count, warmup: Length, decay: Length, end: Real = 0.0, cooldown: Profile = ONE_MINUS_SQRT
) -> Schedule:
    """Warm-up, stable, decay: WSD, the trapezoid.

    ``peak * (warmup(warmup) >> hold(steps - warmup - decay) >> cooldown.over(decay, end=end))``

    Formula: peak * t / w, then peak, then peak * (end + (1 - end) * cooldown((t - steps + d) / d))

    Args:
        peak: the rate of the stable part.
        steps: length of the run, in updates.
        warmup: w, length of the warm-up.
        decay: d, length of the cooldown.
        end: share of the peak at t = steps.
        cooldown: ``linear()``, ``cosine()``, ``one_minus_power(q)`` (0.5 is 1-sqrt, 2 is square) or a cooldown recipe.

    Elsewhere: transformers warmup_stable_decay; timm WSDLRScheduler; Megatron WSD; OLMo-core WSD; trapezoidal.
    Source: Hu et al. (2024), MiniCPM; Haegele et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.warmup_stable_decay(0.1, steps=100, warmup=10, decay=20)(79)
        0.1
    """
    stable = rest(steps, warmup=warmup, decay=decay)
    return peak * (Warmup(warmup) >> Hold(stable) >> cooldown.over(decay, end=end))


def trapezoid(peak: Rate, steps: Count, warmup: Length, decay: Length, end: Real = 0.0) -> Schedule:
    """The trapezoid: a line up, a hold, a line down.

    ``peak * (warmup(warmup) >> hold(steps - warmup - decay) >> linear().over(decay, end=end))``

    Formula: peak * t / w, then peak, then peak * (1 - (1 - end) * (t - steps + d) / d)

    Args:
        peak: the rate of the stable part.
        steps: length of the run, in updates.
        warmup: w, length of the line up.
        decay: d, length of the line down.
        end: share of the peak at t = steps.

    Elsewhere: trapezoidal schedule; WSD with a linear decay; OLMo-core WSD; torchtitan counts one update more:
        ``trapezoid(peak, steps + 1, warmup, decay).advanced(1)``.
    Source: Xing et al. (2018); Haegele et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.trapezoid(1.0, steps=8, warmup=2, decay=4).sample(9).tolist()
        [0.0, 0.5, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    stable = rest(steps, warmup=warmup, decay=decay)
    return peak * (Warmup(warmup) >> Hold(stable) >> LINEAR.over(decay, end=end))


# ---- the shape of the rise


def linear_warmup(peak: Rate, steps: Count, start: Real = 0.0) -> Schedule:
    """Linear warm-up whose first update is not wasted.

    Formula: peak * (start + (1 - start) * min((t + 1) / steps, 1))

    Args:
        peak: the rate from t = steps - 1 on.
        steps: updates up to the peak.
        start: share of the peak one step before the first update. ``warmup(steps, start)`` counts t / steps instead.

    Elsewhere: torchtitan; pytorch_warmup LinearWarmup; fairseq fixed. NeMo's (t + 1) / (w + 1) is
        ``linear_warmup(peak, w + 1)``, mmengine's t / (w - 1) is ``peak * warmup(w - 1)``.
    Source: Goyal et al. (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.linear_warmup(1.0, steps=4).sample(5).tolist()
        [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    return peak * Warmup(steps, start, skip_zero=True)


def batch_warmup(base: Rate, steps: Count, ratio: Real) -> Schedule:
    """Gradual warm-up for large batches: from the rate of one worker to that of all.

    Formula: base * (1 + (ratio - 1) * min(t / steps, 1))

    Args:
        base: the rate for the small batch.
        steps: updates of the warm-up (five epochs in the paper).
        ratio: batch size over the small batch size.

    Elsewhere: GradualWarmupScheduler(multiplier=ratio) of warmup_scheduler; Horovod LearningRateWarmupCallback.
    Source: Goyal et al. (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.batch_warmup(0.1, steps=2, ratio=8)(2)
        0.8
    """
    return base * Warmup(steps, 1.0, ratio)


def geometric_warmup(peak: Rate, steps: Count, start: Positive = 1e-3) -> Schedule:
    """Exponential warm-up: the same factor in every update.

    Formula: peak * start**(1 - min(t / steps, 1))

    Args:
        peak: the rate from t = steps on.
        steps: updates of the warm-up.
        start: share of the peak at t = 0, positive.

    Elsewhere: the rise of the range test; fastai SchedExp; AxLearn exponential.
    Source: folklore.

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.geometric_warmup(1.0, steps=2, start=0.01)(1), 12)
        0.1
    """
    return peak * Geometric(steps, start, 1.0)


def logarithmic_warmup(peak: Rate, steps: Two, start: Real = 0.0) -> Schedule:
    """Logarithmic warm-up: fast first, then slow.

    Formula: peak * (start + (1 - start) * min(log(t + 1) / log(steps), 1))

    Args:
        peak: the rate from t = steps - 1 on.
        steps: updates of the warm-up, at least 2.
        start: share of the peak at t = 0.

    Elsewhere: DeepSpeed WarmupLR and WarmupDecayLR with warmup_type="log", their default.
    Source: the DeepSpeed code.

    Example:
        >>> from lrsched import recipes
        >>> recipes.logarithmic_warmup(1.0, steps=4).sample(5).round(6).tolist()
        [0.0, 0.5, 0.792481, 1.0, 1.0]
    """
    return peak * Warmup(steps - 1, start, profile=Logarithmic(steps - 1.0))


def saturating_warmup(peak: Rate, timescale: Positive) -> Schedule:
    """Exponential warm-up that saturates.

    Formula: peak * (1 - exp(-(t + 1) / timescale))

    Args:
        peak: the rate that it tends to.
        timescale: updates, positive; after three of them 95 % are reached.

    Elsewhere: pytorch_warmup ExponentialWarmup.
    Source: Ma and Yarats (2021).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.saturating_warmup(1.0, timescale=100)(99), 6)
        0.632121
    """
    return peak * (1.0 - ExponentialDecay(math.exp(-1.0)).stretched(timescale).advanced(1))


def untuned_exponential(peak: Rate, beta2: Beta = 0.999) -> Schedule:
    """Untuned exponential warm-up for Adam: its timescale is that of the second moment.

    Formula: peak * (1 - exp(-(1 - beta2) * (t + 1)))

    Args:
        peak: the rate that it tends to.
        beta2: Adam's second decay, in [0, 1).

    Elsewhere: pytorch_warmup UntunedExponentialWarmup.
    Source: Ma and Yarats (2021).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.untuned_exponential(1.0, beta2=0.99)(99), 6)
        0.632121
    """
    return saturating_warmup(peak, 1.0 / (1.0 - beta2))


def untuned_linear(peak: Rate, beta2: Beta = 0.999) -> Schedule:
    """Untuned linear warm-up for Adam: 2 / (1 - beta2) updates.

    Formula: peak * min((t + 1) / n, 1), n = round(2 / (1 - beta2))

    Args:
        peak: the rate after the warm-up.
        beta2: Adam's second decay, in [0, 1): 0.999 gives 2000 updates, 0.95 gives 40.

    Elsewhere: pytorch_warmup UntunedLinearWarmup; about what RAdam does.
    Source: Ma and Yarats (2021).

    Example:
        >>> from lrsched import recipes
        >>> recipes.untuned_linear(1.0, beta2=0.95).sample(60).tolist().index(1.0)
        39
    """
    return peak * Warmup(round(2.0 / (1.0 - beta2)), skip_zero=True)


def radam_rectification(beta2: Rectified = 0.999) -> Schedule:
    """The warm-up built into RAdam: the factor on Adam's rate, 0 while the variance of the second moment is unbounded.

    Formula: sqrt((r - 4) * (r - 2) * R / ((R - 4) * (R - 2) * r)) where r > 5, R = 2 / (1 - beta2) - 1,
    r = R - 2 * s * beta2**s / (1 - beta2**s), s = t + 1

    Args:
        beta2: Adam's second decay, in (2/3, 1).

    Where the factor is 0 RAdam makes a step of momentum alone instead (until r > 4 in the paper).

    Elsewhere: torch.optim.RAdam and optax.radam, inside the optimizer; a linear warm-up of 2 / (1 - beta2) is close.
    Source: Liu et al. (2020).

    Example:
        >>> from lrsched import recipes
        >>> recipes.radam_rectification(0.99).sample(1000)[[0, 5, 99, 999]].round(6).tolist()
        [0.0, 0.081679, 0.634117, 0.999776]
    """
    if beta2 > 1 - 1e-12:
        fail("radam_rectification", "beta2", "at most 1 - 1e-12", beta2)
    limit, steps = (1 + beta2) / (1 - beta2), math.ceil(-40 / math.log(beta2))
    power = Exponential(-steps * math.log(beta2))  # beta2**s, until nothing is left of it
    length = (limit - Warmup(steps, 0.0, 2.0 * steps) * power.over(steps) / power.over(steps, 0.0, 1.0)).advanced(1)
    ready = next(t for t in range(steps) if length(t) > 5)
    share = (length - 4.0) * (length - 2.0) / length * (limit / ((limit - 4) * (limit - 2)))
    return Hold(ready, 0.0) >> (share**0.5).advanced(ready)


def cosine_warmup(peak: Rate, steps: Count, start: Real = 0.0) -> Schedule:
    """Warm-up along half a wave.

    Formula: peak * (start + (1 - start) * (1 - cos(pi * min(t / steps, 1))) / 2)

    Args:
        peak: the rate from t = steps on.
        steps: updates of the warm-up.
        start: share of the peak at t = 0.

    Elsewhere: the rise of one-cycle; transformers warmup_type "cosine".
    Source: Smith and Topin (2018).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.cosine_warmup(1.0, steps=4)(2), 12)
        0.5
    """
    return peak * Warmup(steps, start, profile=COSINE)


def polynomial_warmup(peak: Rate, steps: Count, power: Positive = 2.0, start: Real = 0.0) -> Schedule:
    """Polynomial warm-up.

    Formula: peak * (start + (1 - start) * min(t / steps, 1)**power)

    Args:
        peak: the rate from t = steps on.
        steps: updates of the warm-up.
        power: above 1 it rises late, below 1 early.
        start: share of the peak at t = 0.

    Elsewhere: poly warm-ups of LARS and of MLPerf.
    Source: You, Gitman and Ginsburg (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.polynomial_warmup(1.0, steps=4)(2)
        0.25
    """
    return peak * Warmup(steps, start, profile=OneMinusPower(power))


def root_warmup(peak: Rate, steps: Count, start: Real = 0.0) -> Schedule:
    """The 1-sqrt warm-up: slow first, then steep.

    Formula: peak * (start + (1 - start) * (1 - sqrt(1 - min(t / steps, 1))))

    Args:
        peak: the rate from t = steps on.
        steps: updates of the warm-up.
        start: share of the peak at t = 0.

    Elsewhere: transformers warmup_type "1-sqrt".
    Source: the transformers documentation.

    Example:
        >>> from lrsched import recipes
        >>> recipes.root_warmup(1.0, steps=4)(3)
        0.5
    """
    return peak * Warmup(steps, start, profile=Polynomial(0.5))


# ---- inverse square roots


def inverse_sqrt_lr(peak: Rate, warmup: Every, start: Real = 0.0) -> Schedule:
    """Linear warm-up, then the inverse square root of the step.

    Formula: peak * (start + (1 - start) * t / w), then peak * sqrt(w / t)

    Args:
        peak: the largest rate, met at t = warmup.
        warmup: w, in updates, at least 1.
        start: share of the peak at t = 0.

    Elsewhere: fairseq inverse_sqrt; Megatron and OLMo inverse square root; trax; Tensor2Tensor; pytorch-scheduler.
    Source: Vaswani et al. (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.inverse_sqrt_lr(1.0, warmup=4)(16)
        0.5
    """
    return peak * Warmup(warmup, start) * InverseSqrt(warmup)


def noam(dimension: Positive, warmup: Some = 4000, factor: Rate = 1.0) -> Schedule:
    """Noam: the schedule of the first Transformer.

    Formula: factor * d**-0.5 * min(s**-0.5, s * w**-1.5), s = t + 1

    Args:
        dimension: d, width of the model.
        warmup: w, in updates, at least 1; the peak factor * (d * w)**-0.5 is met at t = w - 1.
        factor: on all rates.

    Elsewhere: Praxis, init2winit and burn noam; NeMo NoamAnnealing; Paddle NoamDecay (0 at step 0).
    Source: Vaswani et al. (2017).

    Example:
        >>> from lrsched import recipes
        >>> round(recipes.noam(512, warmup=4000)(3999), 9)
        0.000698771
    """
    return factor * (dimension * warmup) ** -0.5 * (Warmup(warmup, skip_zero=True) * InverseSqrt(warmup).advanced(1))


def inverse_sqrt_shifted(peak: Rate, warmup: Count, timescale: Positive = 10_000) -> Schedule:
    """Linear warm-up, then an inverse square root of its own timescale.

    Formula: peak * t / w, then peak / sqrt(1 + (t - w) / timescale)

    Args:
        peak: the largest rate, met at t = warmup.
        warmup: w, in updates; may be 0.
        timescale: updates, positive; with ``timescale = warmup`` it is ``inverse_sqrt_lr``.

    Elsewhere: big_vision rsqrt; transformers inverse_sqrt; scenic; init2winit rsqrt_normalized_decay (no warm-up);
        sqrt(a / (t + a)) of the anytime schedules.
    Source: Zhai et al. (2022).

    Example:
        >>> from lrsched import recipes
        >>> recipes.inverse_sqrt_shifted(1.0, warmup=2, timescale=4)(14)
        0.5
    """
    return peak * (Warmup(warmup) >> InverseTimeDecay(1 / timescale) ** 0.5)


def inverse_sqrt_raw(warmup: Positive = 10_000, factor: Rate = 1.0) -> Schedule:
    """T5's inverse square root: not normalised, flat at first.

    Formula: factor / sqrt(max(t, w))

    Args:
        warmup: w, in updates, positive; the first rate is factor / sqrt(w), 0.01 for 10,000.
        factor: on all rates.

    Elsewhere: t5x rsqrt_decay; AxLearn inverse_sqrt; Praxis SqrtDecay.
    Source: Raffel et al. (2020).

    Example:
        >>> from lrsched import recipes
        >>> recipes.inverse_sqrt_raw()(5_000)
        0.01
    """
    return factor * warmup**-0.5 * InverseSqrt(warmup)


def inverse_sqrt_hold(peak: Rate, timescale: Positive, warmup: Count = 0) -> Schedule:
    """The peak until the clock, started ``warmup`` steps in, has passed the timescale, then the inverse square root.

    Formula: peak * min(1, sqrt(timescale / max(t + w, 1)))

    Args:
        peak: the first rate.
        timescale: updates, positive.
        warmup: w, in updates.

    Elsewhere: levanter inv_sqrt.
    Source: the levanter code.

    Example:
        >>> from lrsched import recipes
        >>> recipes.inverse_sqrt_hold(1.0, timescale=4, warmup=4)(12)
        0.5
    """
    return peak * InverseSqrt(timescale).advanced(warmup)


def inverse_sqrt_since(peak: Rate, warmup: Count) -> Schedule:
    """NeMo's counts: both the warm-up and the root see one update more.

    Formula: peak * (t + 1) / (w + 1), then peak * sqrt((w + 1) / (t + 1))

    Args:
        peak: the largest rate, met at t = warmup.
        warmup: w, in updates.

    Elsewhere: NeMo InverseSquareRootAnnealing.
    Source: the NeMo code.

    Example:
        >>> from lrsched import recipes
        >>> recipes.inverse_sqrt_since(1.0, warmup=3)(15)
        0.5
    """
    return peak * Warmup(warmup + 1, skip_zero=True) * InverseSqrt(warmup + 1).advanced(1)


def inverse_sqrt_floor(peak: Rate, warmup: Every, floor: Real = 0.1) -> Schedule:
    """Warm-up, then an inverse square root down to a floor.

    Formula: peak * t / w, then peak * (floor + (1 - floor) * sqrt(w / t))

    Args:
        peak: the largest rate, met at t = warmup.
        warmup: w, in updates, at least 1.
        floor: share of the peak that it tends to.

    Elsewhere: OLMo-core InvSqrtWithWarmup.
    Source: the OLMo-core code.

    Example:
        >>> from lrsched import recipes
        >>> recipes.inverse_sqrt_floor(1.0, warmup=4, floor=0.5)(16)
        0.75
    """
    return peak * Warmup(warmup) * (floor + (1 - floor) * InverseSqrt(warmup))


# ---- power laws


def power_law(peak: Rate, warmup: Every, power: Positive = 0.5) -> Schedule:
    """Linear warm-up, then a power law of the step.

    Formula: peak * t / w, then peak * (t / w)**-power

    Args:
        peak: the largest rate, met at t = warmup.
        warmup: w, in updates, at least 1.
        power: positive; 0.5 is the inverse square root, 0.51 that of the power scheduler.

    Elsewhere: pytorch-scheduler PowerLaw; OLMo-core PowerLR (without its tail).
    Source: Shen et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.power_law(1.0, warmup=4, power=1.0)(16)
        0.25
    """
    return peak * Warmup(warmup) * PowerDecay(warmup, power)


def noam_hold(peak: Rate, warmup: Every, hold: Count, power: Positive = 0.5) -> Schedule:
    """Linear warm-up, a hold, then a power law as if the hold had not been.

    Formula: peak * t / w, then peak for h updates, then peak * (w / (t - h))**power

    Args:
        peak: the largest rate.
        warmup: w, in updates, at least 1.
        hold: h, in updates.
        power: positive.

    Elsewhere: NeMo NoamHoldAnnealing; the Squeezeformer recipe.
    Source: Kim et al. (2022).

    Example:
        >>> from lrsched import recipes
        >>> recipes.noam_hold(1.0, warmup=4, hold=10)(26)
        0.5
    """
    return peak * (Warmup(warmup) >> Hold(hold) >> PowerDecay(warmup, power).advanced(warmup))
