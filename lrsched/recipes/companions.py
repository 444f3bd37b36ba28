"""What goes with a rate: momentum, weight decay, batch size, averaging, and step sizes from optimisation theory."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np

from lrsched.algebra.arguments import Count, Positive, Rate, Real, Steps, Taken
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.foundation.argument_names import speaking_as
from lrsched.foundation.errors import fail
from lrsched.recipes._parts import COSINE, LINEAR
from lrsched.schedules.endless import ExponentialDecay, InverseTimeDecay, PowerDecay
from lrsched.schedules.spans import Constant, Warmup
from lrsched.schedules.tables import ChebyshevSteps, SilverSteps, Table

__all__ = [
    "Seesaw",
    "adafactor_beta2",
    "adamc_weight_decay",
    "bias_corrected_decay",
    "chebyshev_fractal",
    "ema_warmup",
    "grimmer_long_steps",
    "linear_scaling",
    "merge_weights",
    "momentum_warmup",
    "seesaw",
    "silver",
    "sqrt_scaling",
    "swa",
    "weight_decay_ramp",
    "weight_decay_to_zero",
]


Batch = Annotated[Any, Taken("real", base="Schedule", low=0.0, open_low=True)]
Decay = Annotated[Any, Taken("real", low=0.0, high=1.0, open_low=True, open_high=True)]
Condition = Annotated[Any, Taken("real", allowed="a finite number >= 1", low=1.0)]
Checkpoints = Annotated[int, Taken("static", base="count", low=1, high=1_000_001)]
Period = Annotated[int, Taken("static", base="count", low=1, high=2**24 + 1)]  # tabulated
Levels = Annotated[int, Taken("static", base="count", low=0, high=53)]

# ---- momentum and decay rates


def momentum_warmup(steps: Count = 300, start: Real = 0.85, end: Real = 0.95) -> Schedule:
    """Momentum that rises in the first updates.

    Formula: start + (end - start) * min(t / steps, 1)

    Args:
        steps: updates of the rise.
        start, end: momentum before and after.

    Elsewhere: Muon in the speedruns of small language models.
    Source: Jordan et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.momentum_warmup()(300)
        0.95
    """
    return Warmup(steps, start, end)


def adafactor_beta2(power: Positive = 0.8, offset: Count = 0) -> Schedule:
    """Adafactor's second decay, which tends to 1.

    Formula: 1 - max(s - offset, 1)**-power, s = t + 1

    Args:
        power: positive.
        offset: updates before the count begins.

    Elsewhere: AxLearn adafactor_decay; T5X; Shazeer and Stern's beta2.
    Source: Shazeer and Stern (2018).

    Example:
        >>> from lrsched import recipes
        >>> recipes.adafactor_beta2(power=1.0).sample(4).tolist()
        [0.0, 0.5, 0.6666666666666667, 0.75]
    """
    return 1.0 - PowerDecay(1.0, power).advanced(1).delayed(offset)


def bias_corrected_decay(decay: Decay) -> Schedule:
    """A decay rate with Adam's correction of bias built in: it begins at 0.

    Formula: decay * (1 - decay**(s - 1)) / (1 - decay**s), s = t + 1

    Args:
        decay: in (0, 1).

    Elsewhere: AxLearn bias_corrected_decay; Adafactor's other form.
    Source: Shazeer and Stern (2018).

    Example:
        >>> from lrsched import recipes
        >>> recipes.bias_corrected_decay(0.5).sample(2).round(6).tolist()
        [0.0, 0.333333]
    """
    return decay * (1.0 - ExponentialDecay(decay)) / (1.0 - ExponentialDecay(decay).advanced(1))


def ema_warmup(decay: Real, steps: Count) -> Schedule:
    """Decay of a moving average of weights: a plain mean at first.

    Formula: s / (1 + s) for t < steps, then decay; s = t + 1

    Args:
        decay: after the warm-up.
        steps: updates of the warm-up.

    Elsewhere: AxLearn ema_schedule.
    Source: the AxLearn code.

    Example:
        >>> from lrsched import recipes
        >>> recipes.ema_warmup(0.9, steps=2).sample(3).round(6).tolist()
        [0.5, 0.666667, 0.9]
    """
    return (1.0 - InverseTimeDecay(1.0).advanced(1)).lasting(steps) >> Constant(decay)


def weight_decay_ramp(start: Real, end: Real, steps: Count, profile: Profile = LINEAR) -> Schedule:
    """Weight decay that grows over the run.

    Formula: end + (start - end) * profile(t / steps)

    Args:
        start, end: weight decay at both ends.
        steps: length, in updates.
        profile: ``linear()`` or ``cosine()``.

    Elsewhere: Megatron start_weight_decay, end_weight_decay; DINO.
    Source: Caron et al. (2021).

    Example:
        >>> from lrsched import recipes
        >>> recipes.weight_decay_ramp(0.04, 0.4, steps=100)(100)
        0.4
    """
    return profile.over(steps, start, end)


def weight_decay_to_zero(weight_decay: Rate, steps: Count) -> Schedule:
    """Weight decay that falls linearly to 0.

    Formula: weight_decay * (1 - t / steps)

    Args:
        weight_decay: the first value.
        steps: length, in updates.

    Elsewhere: speedruns with Muon.
    Source: Jordan et al. (2024).

    Example:
        >>> from lrsched import recipes
        >>> recipes.weight_decay_to_zero(0.1, steps=4)(4)
        0.0
    """
    return weight_decay * LINEAR.over(steps)


def adamc_weight_decay(weight_decay: Rate, rate: Schedule, peak: Positive) -> Schedule:
    """AdamC: weight decay of normalised layers in proportion to the rate.

    Formula: weight_decay * rate(t) / peak

    Args:
        weight_decay: at the peak.
        rate: the schedule of the rate.
        peak: the largest rate.

    Elsewhere: AdamC; decoupled decay then acts with rate**2 / peak.
    Source: Defazio (2025).

    Example:
        >>> from lrsched import linear, recipes
        >>> recipes.adamc_weight_decay(0.1, 0.02 * linear().over(4), peak=0.02)(2)
        0.05
    """
    return weight_decay * rate / peak


# ---- batch size


def _factor(batch: Any, base: Any) -> Schedule:
    return (batch if isinstance(batch, Schedule) else Constant(batch)) / base


def linear_scaling(batch: Batch, base: Positive) -> Schedule:
    """The linear scaling rule for SGD, as a factor.

    Formula: batch / base

    Args:
        batch: batch size, a number or a schedule of it.
        base: the batch size that the rate was tuned for.

    Elsewhere: linear scaling rule; fairseq and detectron2 do it by hand.
    Source: Goyal et al. (2017).

    Example:
        >>> from lrsched import recipes
        >>> recipes.linear_scaling(batch=1024, base=256)(0)
        4.0
    """
    return _factor(batch, base)


def sqrt_scaling(batch: Batch, base: Positive) -> Schedule:
    """The square-root scaling rule for Adam, as a factor.

    Formula: sqrt(batch / base)

    Args:
        batch: batch size, a number or a schedule of it.
        base: the batch size that the rate was tuned for.

    Elsewhere: OLMo-core BatchSizeScheduler.
    Source: Malladi et al. (2022).

    Example:
        >>> from lrsched import recipes
        >>> recipes.sqrt_scaling(batch=1024, base=256)(0)
        2.0
    """
    return _factor(batch, base) ** 0.5


class Seesaw(NamedTuple):
    """The rate and the batch size of :func:`seesaw`."""

    rate: Schedule
    batch: Schedule


def seesaw(peak: Rate, batch: Batch, steps: Count, profile: Profile = COSINE, end: Positive = 0.1) -> Seesaw:
    """Seesaw: half of a decay, on a logarithmic scale, goes into the batch size.

    Formula: rate = peak * sqrt(p), batch = batch / p, p = end + (1 - end) * profile(t / steps)

    Args:
        peak: the first rate.
        batch: the first batch size.
        steps: updates in which the profile runs.
        profile: the decay that would be used alone.
        end: its share at the end, positive, since the batch size grows by 1 / end.

    Returns:
        A ``Seesaw`` with the schedules ``rate`` and ``batch``; round the batch size as the data loader needs it.

    Elsewhere: "don't decay the learning rate, increase the batch size".
    Source: Meterez et al. (2025); Smith et al. (2018).

    Example:
        >>> from lrsched import recipes
        >>> rate, batch = recipes.seesaw(1.0, 256, steps=100, end=0.25)
        >>> rate(100), batch(100)
        (0.5, 1024.0)
    """
    return Seesaw(peak * profile.over(steps, end=end) ** 0.5, batch / profile.over(steps, end=end))


# ---- averaging


def swa(rate: Schedule, at: Count, average: Real, anneal: Count = 0) -> Schedule:
    """Stochastic weight averaging: from update ``at`` on a constant rate, while the framework averages the weights.

    Formula: rate(t) for t < at, then a half wave from rate(at) to average in anneal updates, then average

    Args:
        rate: the schedule before.
        at: the update at which averaging begins.
        average: the constant rate.
        anneal: updates of the transition.

    Average with the framework's own means: ``torch.optim.swa_utils.AveragedModel``, ``optax.incremental_update``, or
    Keras ``use_ema=True`` (docs/averaging.md). With a cyclical rate, see ``sawtooth``.

    Elsewhere: torch SWALR; lightning StochasticWeightAveraging.
    Source: Izmailov et al. (2018).

    Example:
        >>> from lrsched import cosine, recipes
        >>> recipes.swa(cosine().over(100), at=75, average=0.05, anneal=5)(80)
        0.05
    """
    return rate.cooldown(at, anneal, COSINE, average) >> Constant(average)


def merge_weights(profile: Profile, checkpoints: Checkpoints) -> Any:
    """Decay by merging: the weights with which checkpoints of a constant rate are averaged to act like a decay.

    Formula: c_j = w_j - w_(j+1), w_j = profile(j / k), w_0 = 1, w_k = 0

    Args:
        profile: the decay, falling from 1; ``linear()`` gives the plain mean.
        checkpoints: k, number of checkpoints merged, at least 1, oldest first.

    Returns:
        k weights, a float64 vector of sum 1, none negative.

    Elsewhere: WSM, checkpoint merging.
    Source: Tian et al. (2025).

    Example:
        >>> from lrsched import linear, recipes
        >>> recipes.merge_weights(linear(), 4).tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    gradient = np.append(profile(np.arange(checkpoints) / checkpoints), 0.0)
    if gradient[0] != 1.0 or np.any(np.diff(gradient) > 0):
        fail("merge_weights", "profile", "one that falls from 1", profile)
    return -np.diff(gradient)


# ---- step sizes from optimisation theory


def silver(smoothness: Positive, levels: Levels) -> Schedule:
    """Silver step sizes for a convex function of known smoothness: 2**levels - 1 updates.

    Formula: (1 + rho**(nu(t + 1) - 1)) / smoothness, rho = 1 + sqrt(2), nu the exponent of 2

    Args:
        smoothness: L, the largest curvature, positive.
        levels: run 2**levels - 1 updates, neither more nor fewer.

    Elsewhere: silver stepsize schedule.
    Source: Altschuler and Parrilo (2023).

    Example:
        >>> from lrsched import recipes
        >>> recipes.silver(1.0, levels=2).sample(3).round(3).tolist()
        [1.414, 2.0, 1.414]
    """
    return SilverSteps(2**levels - 1) / smoothness


LONG_STEPS = {2: (3.0, 1.5), 3: (1.5, 4.9, 1.5), 7: (1.5, 2.2, 1.5, 12.0, 1.5, 2.2, 1.5)}


def grimmer_long_steps(smoothness: Positive, length: Steps = 7, slack: Real = 1e-3) -> Schedule:
    """Periodic long steps for gradient descent on convex functions.

    Formula: h[t mod length] / smoothness, h = (1.5, 2.2, 1.5, 12 - slack, 1.5, 2.2, 1.5) for 7

    Args:
        smoothness: L, positive.
        length: 2, 3 or 7.
        slack: taken off the longest step, which is certified as a limit only.

    Elsewhere: certified long step patterns.
    Source: Grimmer (2023).

    Example:
        >>> from lrsched import recipes
        >>> recipes.grimmer_long_steps(1.0, length=3, slack=0.0).sample(4).tolist()
        [1.5, 4.9, 1.5, 1.5]
    """
    if length not in LONG_STEPS:
        fail("grimmer_long_steps", "length", "2, 3 or 7", length)
    steps = LONG_STEPS[length]
    return Table(tuple(h - slack if h == max(steps) else h for h in steps)).restarted() / smoothness


def chebyshev_fractal(base: Rate, period: Period, condition: Condition, fractal: bool = True) -> Schedule:
    """Chebyshev steps in the fractal order, again and again, as a factor on a base rate.

    Formula: base / ((1 + 1/k) / 2 - (1 - 1/k) / 2 * cos((i + 1/2) * pi / period)), i in the fractal order

    Args:
        base: the rate that is stable when held: 1 over the largest curvature.
        period: updates of a period, a power of 2.
        condition: k, ratio of the largest to the smallest curvature, at least 1.
        fractal: keep every prefix stable; False counts i upwards.

    Elsewhere: pytorch_optimizer Chebyshev (not normalised); Ranger21. pytorch-scheduler's Chebyshev is a cosine.
    Source: Agarwal, Goel and Zhang (2021).

    Example:
        >>> from lrsched import recipes
        >>> recipes.chebyshev_fractal(1.0, period=8, condition=10).sample(3).round(4).tolist()
        [9.2042, 1.0087, 2.1635]
    """
    with speaking_as("chebyshev_fractal", steps="period"):
        return base * ChebyshevSteps(period, 1 / condition, 1.0, fractal).restarted()
