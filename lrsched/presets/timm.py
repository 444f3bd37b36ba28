"""The schedulers of ``timm`` 1.0.31, as schedules of the step that they are given.

The base rate stands where timm takes the optimizer. t counts epochs, or updates with ``t_in_epochs=False``: for a
schedule of updates out of one of epochs, ``.per_epoch(steps_per_epoch)``. ``initialize`` is taken and not used. timm's
noise comes from PyTorch's generator, which no other target has: it is refused, and ``.perturbed(scale, seed)`` is the
same everywhere. ``PlateauLRScheduler`` follows a metric: ``lrsched.Plateau``.
"""

from __future__ import annotations

import math
from typing import Any

from lrsched.algebra.arguments import Above, Count, Positive, Rate, Real, Reals, checked
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.arithmetic import maximum
from lrsched.foundation.errors import check_choice, check_count, fail
from lrsched.presets._parts import COSINE, LINEAR, between, drops, grown, positive, steps_down
from lrsched.profiles.shapes import Exponential, OneMinusPower, Polynomial, Tanh
from lrsched.schedules.endless import ExponentialDecay, InverseTimeDecay
from lrsched.schedules.spans import Constant, Hold, Warmup

__all__ = [
    "CosineLRScheduler",
    "MultiStepLRScheduler",
    "PolyLRScheduler",
    "StepLRScheduler",
    "TanhLRScheduler",
    "WSDLRScheduler",
]


def _no_noise(where: str, noise_range_t: Any) -> None:
    if noise_range_t is not None:
        fail(
            where,
            "noise_range_t",
            "None: noise from PyTorch's generator exists there alone; use .perturbed",
            noise_range_t,
        )


def _warmed(where: str, body: Schedule, base: Any, steps: Any, start: Any, prefix: bool) -> Schedule:
    """A line from ``start`` to ``base``, then the body, from its beginning or from where it then is."""
    steps = check_count(where, "warmup_t", steps)
    if not steps:
        return body
    return Warmup(steps, start, base) >> (body if prefix else body.advanced(steps))


def _cycles(
    where: str, shape: Profile, base: Any, steps: Any, low: Any, growth: Any, decay: Any, limit: Any
) -> Schedule:
    """Cycles between falling tops and a fixed floor; the floor after ``limit`` of them."""
    steps, limit = check_count(where, "t_initial", steps, 1), check_count(where, "cycle_limit", limit)
    growth = positive(where, "cycle_mul", growth)
    if limit == 0:
        return Constant(low)
    if limit == 1:
        return shape.over(steps, base, low) >> Constant(low)
    if not growth.is_integer():
        tops = grown(where, "cycle_mul", shape, steps, growth, lambda i: (base * decay**i, low), limit)
        return tops >> Constant(low)

    def repeated(start: Any, end: Any, gamma: Any) -> Schedule:
        return shape.over(steps, start, end).restarted(limit, t_mult=growth, gamma=gamma)

    if decay == 1:
        return repeated(base, low, 1.0) >> Constant(low)
    course = repeated(base, 0.0, decay)
    course = course if low == 0 else course + low - repeated(low, 0.0, 1.0)
    return course >> Constant(low)


def CosineLRScheduler(
    base: Rate,
    t_initial: Count,
    lr_min: Real = 0.0,
    cycle_mul: Real = 1.0,
    cycle_decay: Above = 1.0,
    cycle_limit: Count = 1,
    warmup_t: Count = 0,
    warmup_lr_init: Real = 0.0,
    warmup_prefix: bool = False,
    t_in_epochs: bool = True,
    noise_range_t: Any = None,
    noise_pct: Real = 0.67,
    noise_std: Real = 1.0,
    noise_seed: Count = 42,
    k_decay: Positive = 1.0,
    initialize: bool = True,
) -> Schedule:
    """Cosine cycles, the floor after them; the warm-up covers their beginning unless ``warmup_prefix``.

    Formula: lr_min + (base * decay**i - lr_min) * (1 + cos(pi * (c / T)**k)) / 2, T = t_initial * mul**i, i < limit

    Args:
        base: the group's rate.
        t_initial: length of the first cycle.
        lr_min: the floor.
        cycle_mul, cycle_decay: growth of the cycles' lengths, factor on their tops.
        cycle_limit: number of cycles.
        warmup_t, warmup_lr_init: length of the line up to ``base``, and where it begins.
        warmup_prefix: begin the cycles after the warm-up; else t is not shifted, and the rate jumps at the hand-over.
        t_in_epochs, initialize, noise_pct, noise_std, noise_seed: not used.
        noise_range_t: must be None.
        k_decay: k, power of the progress.

    timm finds the cycle by a rounded logarithm and may begin one a step late; here it begins where it should. Where it
    raises (some time after cycles that shrink have all ended) the floor is kept here.
    Source: Loshchilov and Hutter (2017); Zhang and Li (2020) for k.

    Example:
        >>> from lrsched import presets
        >>> presets.timm.CosineLRScheduler(1.0, 8, 0.1, warmup_t=2, warmup_lr_init=0.01).sample(5).round(6).tolist()
        [0.01, 0.505, 0.868198, 0.722208, 0.55]
    """
    name = "CosineLRScheduler"
    _no_noise(name, noise_range_t)
    shape = COSINE if k_decay == 1 else COSINE.warped(k_decay)
    body = _cycles(name, shape, base, t_initial, lr_min, cycle_mul, cycle_decay, cycle_limit)
    return _warmed(name, body, base, warmup_t, warmup_lr_init, warmup_prefix)


def PolyLRScheduler(
    base: Rate,
    t_initial: Count,
    power: Positive = 0.5,
    lr_min: Real = 0.0,
    cycle_mul: Real = 1.0,
    cycle_decay: Above = 1.0,
    cycle_limit: Count = 1,
    warmup_t: Count = 0,
    warmup_lr_init: Real = 0.0,
    warmup_prefix: bool = False,
    t_in_epochs: bool = True,
    noise_range_t: Any = None,
    noise_pct: Real = 0.67,
    noise_std: Real = 1.0,
    noise_seed: Count = 42,
    k_decay: Positive = 1.0,
    initialize: bool = True,
) -> Schedule:
    """Polynomial cycles, the floor after them.

    Formula: lr_min + (base * decay**i - lr_min) * (1 - (c / T)**k)**power, T = t_initial * mul**i, i < limit

    Args:
        base: the group's rate.
        t_initial: length of the first cycle.
        power: exponent, positive.
        lr_min, cycle_mul, cycle_decay, cycle_limit, warmup_t, warmup_lr_init, warmup_prefix, t_in_epochs,
            noise_range_t, noise_pct, noise_std, noise_seed, k_decay, initialize: see ``CosineLRScheduler``.

    Example:
        >>> from lrsched import presets
        >>> presets.timm.PolyLRScheduler(1.0, 4, lr_min=0.1).sample(6).round(6).tolist()
        [1.0, 0.879423, 0.736396, 0.55, 0.1, 0.1]
    """
    name = "PolyLRScheduler"
    _no_noise(name, noise_range_t)
    shape = Polynomial(power) if k_decay == 1 else Polynomial(power).warped(k_decay)
    body = _cycles(name, shape, base, t_initial, lr_min, cycle_mul, cycle_decay, cycle_limit)
    return _warmed(name, body, base, warmup_t, warmup_lr_init, warmup_prefix)


def TanhLRScheduler(
    base: Rate,
    t_initial: Count,
    lb: Real = -7.0,
    ub: Real = 3.0,
    lr_min: Real = 0.0,
    cycle_mul: Real = 1.0,
    cycle_decay: Above = 1.0,
    cycle_limit: Count = 1,
    warmup_t: Count = 0,
    warmup_lr_init: Real = 0.0,
    warmup_prefix: bool = False,
    t_in_epochs: bool = True,
    noise_range_t: Any = None,
    noise_pct: Real = 0.67,
    noise_std: Real = 1.0,
    noise_seed: Count = 42,
    initialize: bool = True,
) -> Schedule:
    """Hyperbolic tangent cycles, the floor (to which the last one jumps) after them.

    Formula: lr_min + (base * decay**i - lr_min) * (1 - tanh(lb + (ub - lb) * c / T)) / 2,
    T = t_initial * mul**i, i < limit

    Args:
        base: the group's rate.
        t_initial: length of the first cycle.
        lb, ub: where the tangent begins and ends, lb < ub.
        lr_min, cycle_mul, cycle_decay, cycle_limit, warmup_t, warmup_lr_init, t_in_epochs,
            noise_range_t, noise_pct, noise_std, noise_seed, initialize: see ``CosineLRScheduler``.
        warmup_prefix: begin the cycles after the warm-up; else the warm-up ends at the value that they then have.

    Source: Hsueh, Li and Wu (2019).

    Example:
        >>> from lrsched import presets
        >>> presets.timm.TanhLRScheduler(1.0, 8).sample(9).round(6).tolist()
        [0.999999, 0.99999, 0.999877, 0.998499, 0.982014, 0.817574, 0.268941, 0.029312, 0.0]
    """
    name = "TanhLRScheduler"
    _no_noise(name, noise_range_t)
    body = _cycles(name, Tanh(lb, ub), base, t_initial, lr_min, cycle_mul, cycle_decay, cycle_limit)
    return _warmed(name, body, base if warmup_prefix else body(warmup_t), warmup_t, warmup_lr_init, warmup_prefix)


def StepLRScheduler(
    base: Rate,
    decay_t: Any,
    decay_rate: Above = 1.0,
    warmup_t: Count = 0,
    warmup_lr_init: Real = 0.0,
    warmup_prefix: bool = True,
    t_in_epochs: bool = True,
    noise_range_t: Any = None,
    noise_pct: Real = 0.67,
    noise_std: Real = 1.0,
    noise_seed: Count = 42,
    initialize: bool = True,
) -> Schedule:
    """The rate falls by a factor every ``decay_t`` steps, after the warm-up.

    Formula: base * decay_rate**floor(t / decay_t)

    Args:
        base: the group's rate.
        decay_t: steps between two falls, positive; need not be whole.
        decay_rate: factor, positive.
        warmup_t, warmup_lr_init, warmup_prefix, t_in_epochs, noise_range_t, noise_pct, noise_std, noise_seed,
            initialize: see ``CosineLRScheduler``; here the prefix is the default.

    Example:
        >>> from lrsched import presets
        >>> presets.timm.StepLRScheduler(1.0, 2, 0.5).sample(5).tolist()
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    name = "StepLRScheduler"
    _no_noise(name, noise_range_t)
    every = positive(name, "decay_t", decay_t)
    whole = float(every).is_integer()
    course = steps_down(int(every), decay_rate) if whole else ExponentialDecay(decay_rate).sampled(1).stretched(every)
    return _warmed(name, base * course, base, warmup_t, warmup_lr_init, warmup_prefix)


def MultiStepLRScheduler(
    base: Rate,
    decay_t: Reals,
    decay_rate: Above = 1.0,
    warmup_t: Count = 0,
    warmup_lr_init: Real = 0.0,
    warmup_prefix: bool = True,
    t_in_epochs: bool = True,
    noise_range_t: Any = None,
    noise_pct: Real = 0.67,
    noise_std: Real = 1.0,
    noise_seed: Count = 42,
    initialize: bool = True,
) -> Schedule:
    """The rate falls by a factor one step before each milestone.

    Formula: base * decay_rate**#{m : m <= t + 1}

    Args:
        base: the group's rate.
        decay_t: milestones, in increasing order.
        decay_rate: factor, positive.
        warmup_t, warmup_lr_init, warmup_prefix, t_in_epochs, noise_range_t, noise_pct, noise_std, noise_seed,
            initialize: see ``CosineLRScheduler``; here the prefix is the default.

    Example:
        >>> from lrsched import presets
        >>> presets.timm.MultiStepLRScheduler(1.0, [2, 4], 0.5).sample(5).tolist()
        [1.0, 0.5, 0.5, 0.25, 0.25]
    """
    name = "MultiStepLRScheduler"
    _no_noise(name, noise_range_t)
    met = [max(0, math.ceil(m) - 1) for m in decay_t]
    return _warmed(name, base * drops(met, decay_rate), base, warmup_t, warmup_lr_init, warmup_prefix)


DECAYS = ("linear", "1-sqrt", "cosine", "power", "exp")


def WSDLRScheduler(
    base: Rate,
    t_initial: Count,
    decay_t: int,
    lr_min: Real = 0.0,
    stable_fn: str = "constant",
    stable_timescale: Positive = None,
    stable_power: Positive = 0.5,
    decay_fn: Any = "1-sqrt",
    decay_power: Positive = 0.5,
    decay_ratio: Positive = 0.1,
    warmup_t: Count = 0,
    warmup_lr_init: Real = 0.0,
    t_in_epochs: bool = True,
    noise_range_t: Any = None,
    noise_pct: Real = 0.67,
    noise_std: Real = 1.0,
    noise_seed: Count = 42,
    initialize: bool = True,
) -> Schedule:
    """Warm-up, stable, decay; the stable part may fall, and goes on falling below the decay.

    Formula: lr_min + (max(base * stable(t), lr_min) - lr_min) * decay((t - t_initial + decay_t) / decay_t)

    Args:
        base: the group's rate.
        t_initial: length of the stable part and the decay together; the warm-up comes before.
        decay_t: length of the decay.
        lr_min: the floor.
        stable_fn: "constant", "rsqrt" or "power": (1 + t / timescale)**-power, power 0.5 for "rsqrt".
        stable_timescale: in steps, ``warmup_t`` by default.
        stable_power: exponent of "power".
        decay_fn: "linear", "1-sqrt", "cosine", "power" (1 - x**decay_power), "exp", or a profile of this algebra.
        decay_power: exponent of "power".
        decay_ratio: how far "exp" would fall, a share in (0, 1).
        warmup_t, warmup_lr_init, t_in_epochs, noise_range_t, noise_pct, noise_std, noise_seed, initialize: see
            ``CosineLRScheduler``.

    Source: Haegele et al. (2024).

    Example:
        >>> from lrsched import presets
        >>> presets.timm.WSDLRScheduler(1.0, 8, 4, lr_min=0.1, warmup_t=2).sample(11).round(6).tolist()
        [0.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.55, 0.363604, 0.220577, 0.1]
    """
    name = "WSDLRScheduler"
    _no_noise(name, noise_range_t)
    total, fall = check_count(name, "t_initial", t_initial, 1), check_count(name, "decay_t", decay_t, 1)
    if fall > total:
        fail(name, "decay_t", f"at most t_initial, {total}", decay_t)
    stable: Schedule = Constant(base)
    if check_choice(name, "stable_fn", stable_fn, ("constant", "rsqrt", "power")) != "constant":
        scale = positive(name, "stable_timescale", warmup_t if stable_timescale is None else stable_timescale)
        power = 0.5 if stable_fn == "rsqrt" else positive(name, "stable_power", stable_power)
        stable = base * InverseTimeDecay(1 / scale) ** power
    above = maximum(stable, lr_min) - lr_min if lr_min else stable
    down = Hold(total - fall) >> _decay(name, decay_fn, decay_power, decay_ratio).over(fall)
    body = lr_min + above * down if lr_min else above * down
    return _warmed(name, body, base, warmup_t, warmup_lr_init, prefix=True)


def _decay(name: str, decay_fn: Any, power: Any, ratio: Any) -> Profile:
    if isinstance(decay_fn, Profile):
        return decay_fn
    kind = check_choice(name, "decay_fn", decay_fn, DECAYS)
    if kind == "exp":
        return Exponential(-math.log(between(name, "decay_ratio", ratio, 1e-300, 1 - 1e-15))).normalised()
    if kind == "power":
        return OneMinusPower(power)
    return {"linear": LINEAR, "cosine": COSINE}.get(kind, OneMinusPower(0.5))


globals().update({name: checked(globals()[name]) for name in __all__})
