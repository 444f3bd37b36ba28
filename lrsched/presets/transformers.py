"""The schedules of ``transformers`` 5.23, ``get_scheduler`` and the functions behind it.

The base rate stands where transformers takes the optimizer. ``num_training_steps`` counts the warm-up. What follows
what training reports is no function of the step: ``lrsched.Plateau`` and ``lrsched.Greedy``.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from lrsched.algebra.arguments import Count, Positive, Rate, Real, Taken, checked
from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import ABOVE_0, ScheduleError, check_choice, check_count, check_real, fail
from lrsched.foundation.numbers import is_jax
from lrsched.presets._parts import COSINE, LINEAR, ONE, Maybe, between, resumed
from lrsched.profiles.shapes import OneMinusPower, Polynomial
from lrsched.schedules.endless import InverseTimeDecay
from lrsched.schedules.spans import Constant, Hold, Warmup

__all__ = [
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "get_inverse_sqrt_schedule",
    "get_linear_schedule_with_warmup",
    "get_polynomial_decay_schedule_with_warmup",
    "get_scheduler",
    "get_wsd_schedule",
]


def _left(where: str, warmup: Any, total: Any) -> int:
    """Steps after the warm-up; at least 0."""
    return max(0, check_count(where, "num_training_steps", total) - check_count(where, "num_warmup_steps", warmup))


def _wave(where: str, steps: int, cycles: Any) -> Schedule:
    """``(1 + cos(2 * pi * cycles * t / steps)) / 2`` for every t."""
    waves = abs(check_real(where, "num_cycles", cycles))
    if waves == 0:
        return ONE
    wave = COSINE.over(steps).mirrored().restarted()
    return wave if waves == 0.5 else wave.stretched(1 / (2 * waves))


def get_constant_schedule(base: Rate, last_epoch: int = -1) -> Schedule:
    """The base rate for ever.

    Formula: base

    Args:
        base: the rate.
        last_epoch: the last step already made; -1 at the beginning.

    Example:
        >>> from lrsched import presets
        >>> presets.transformers.get_constant_schedule(0.5)(7)
        0.5
    """
    return resumed("get_constant_schedule", Constant(base), last_epoch)


def get_constant_schedule_with_warmup(base: Rate, num_warmup_steps: Count, last_epoch: int = -1) -> Schedule:
    """A line from 0 to the base rate, held after.

    Formula: base * min(1, t / w)

    Args:
        base: the rate.
        num_warmup_steps: w, in updates.
        last_epoch: the last step already made; -1 at the beginning.

    Example:
        >>> from lrsched import presets
        >>> presets.transformers.get_constant_schedule_with_warmup(1.0, 2).sample(4).tolist()
        [0.0, 0.5, 1.0, 1.0]
    """
    return resumed("get_constant_schedule_with_warmup", base * (Warmup(num_warmup_steps) >> ONE), last_epoch)


def get_linear_schedule_with_warmup(
    base: Rate, num_warmup_steps: Count, num_training_steps: Count, last_epoch: int = -1
) -> Schedule:
    """A line up, a line down to 0.

    Formula: base * (t / w for t < w, then max(0, (n - t) / (n - w)))

    Args:
        base: the rate at the top.
        num_warmup_steps: w, in updates.
        num_training_steps: n, length of the run, in updates.
        last_epoch: the last step already made; -1 at the beginning.

    Example:
        >>> from lrsched import presets
        >>> presets.transformers.get_linear_schedule_with_warmup(1.0, 2, 6).sample(7).tolist()
        [0.0, 0.5, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    name = "get_linear_schedule_with_warmup"
    steps = _left(name, num_warmup_steps, num_training_steps)
    fall = LINEAR.over(steps) if steps else Constant(0.0)
    return resumed(name, base * (Warmup(num_warmup_steps) >> fall), last_epoch)


def get_cosine_schedule_with_warmup(
    base: Rate, num_warmup_steps: Count, num_training_steps: Count, num_cycles: Real = 0.5, last_epoch: int = -1
) -> Schedule:
    """A line up, then waves of a cosine that go on after the run: up again.

    Formula: base * (t / w for t < w, then (1 + cos(2 * pi * cycles * (t - w) / (n - w))) / 2)

    Args:
        base: the rate at the top.
        num_warmup_steps: w, in updates.
        num_training_steps: n, length of the run, in updates.
        num_cycles: waves in the run; 0.5 is one fall to 0.
        last_epoch: the last step already made; -1 at the beginning.

    Example:
        >>> from lrsched import presets
        >>> presets.transformers.get_cosine_schedule_with_warmup(1.0, 2, 6).sample(8).round(6).tolist()
        [0.0, 0.5, 1.0, 0.853553, 0.5, 0.146447, 0.0, 0.146447]
    """
    name = "get_cosine_schedule_with_warmup"
    steps = max(1, _left(name, num_warmup_steps, num_training_steps))
    return resumed(name, base * (Warmup(num_warmup_steps) >> _wave(name, steps, num_cycles)), last_epoch)


def get_cosine_with_hard_restarts_schedule_with_warmup(
    base: Rate, num_warmup_steps: Count, num_training_steps: Count, num_cycles: Real = 1, last_epoch: int = -1
) -> Schedule:
    """A line up, then falls along a cosine that start again from the top; 0 after the run.

    Formula: base * (t / w for t < w, then (1 + cos(pi * ((cycles * u) mod 1))) / 2, 0 for u >= 1),
    u = (t - w) / (n - w)

    Args:
        base: the rate at the top.
        num_warmup_steps: w, in updates.
        num_training_steps: n, length of the run, in updates.
        num_cycles: falls in the run, positive.
        last_epoch: the last step already made; -1 at the beginning.

    Source: Loshchilov and Hutter (2017).

    Example:
        >>> from lrsched import presets
        >>> made = presets.transformers.get_cosine_with_hard_restarts_schedule_with_warmup(1.0, 2, 6, num_cycles=2)
        >>> made.sample(8).round(6).tolist()
        [0.0, 0.5, 1.0, 0.5, 1.0, 0.5, 0.0, 0.0]
    """
    name = "get_cosine_with_hard_restarts_schedule_with_warmup"
    steps = max(1, _left(name, num_warmup_steps, num_training_steps))
    number = check_real(name, "num_cycles", num_cycles, "a number > 0", ABOVE_0)
    if number.is_integer() and steps % int(number) == 0:
        falls = COSINE.over(steps // int(number)).restarted(int(number))
    else:
        falls = COSINE.over(steps).restarted().stretched(1 / number).lasting(steps) >> Constant(0.0)
    return resumed(name, base * (Warmup(num_warmup_steps) >> falls), last_epoch)


def get_polynomial_decay_schedule_with_warmup(
    base: Real,
    num_warmup_steps: Count,
    num_training_steps: Count,
    lr_end: Real = 1e-7,
    power: Positive = 1.0,
    last_epoch: int = -1,
) -> Schedule:
    """A line up, then a polynomial fall to ``lr_end``, held after.

    Formula: base * t / w for t < w, then (base - end) * (1 - (t - w) / (n - w))**power + end

    Args:
        base: the rate at the top.
        num_warmup_steps: w, in updates.
        num_training_steps: n, length of the run, in updates.
        lr_end: the last rate, below ``base``.
        power: exponent, positive.
        last_epoch: the last step already made; -1 at the beginning.

    Transformers divides by zero when n is w; here ``lr_end`` follows the warm-up.

    Example:
        >>> from lrsched import presets
        >>> made = presets.transformers.get_polynomial_decay_schedule_with_warmup(1.0, 2, 4, lr_end=0.5)
        >>> made.sample(6).tolist()
        [0.0, 0.5, 1.0, 0.75, 0.5, 0.5]
    """
    name = "get_polynomial_decay_schedule_with_warmup"
    steps = _left(name, num_warmup_steps, num_training_steps)
    if not base > lr_end:
        fail(name, "lr_end", f"below the base rate, {base!r}", lr_end)
    shape = LINEAR if power == 1 else Polynomial(power)
    fall = shape.over(steps, base, lr_end) if steps else Constant(lr_end)
    return resumed(name, Warmup(num_warmup_steps, 0.0, base) >> fall, last_epoch)


def get_inverse_sqrt_schedule(
    base: Rate, num_warmup_steps: Count, timescale: Positive = None, last_epoch: int = -1
) -> Schedule:
    """A line up, then a fall as one over the square root.

    Formula: base * (t / w for t < w, then sqrt(s / (t - w + s))), s = timescale

    Args:
        base: the rate at the top.
        num_warmup_steps: w, in updates.
        timescale: s, in updates; w by default, 10000 without a warm-up.
        last_epoch: the last step already made; -1 at the beginning.

    Source: Zhai et al. (2022).

    Example:
        >>> from lrsched import presets
        >>> presets.transformers.get_inverse_sqrt_schedule(1.0, 2).sample(6).round(6).tolist()
        [0.0, 0.5, 1.0, 0.816497, 0.707107, 0.632456]
    """
    name = "get_inverse_sqrt_schedule"
    scale = num_warmup_steps or 10_000 if timescale is None else timescale
    fall = InverseTimeDecay(1 / scale) ** 0.5
    return resumed(name, base * (Warmup(num_warmup_steps) >> fall), last_epoch)


def _share(name: str, base: Any, min_lr: Any, min_lr_rate: Any) -> Any:
    """The smallest rate as a share of the base rate."""
    if (min_lr is None) == (min_lr_rate is None):
        raise ScheduleError(f"{name}: give exactly one of min_lr and min_lr_rate")
    if min_lr_rate is not None:
        return min_lr_rate
    if not is_jax(base) and base == 0:
        fail(name, "base", "other than 0 where min_lr is given", base)
    return min_lr / base


def _above(share: Any, wave: Schedule) -> Schedule:
    return wave if share == 0 else share + (1.0 - share) * wave


def get_cosine_with_min_lr_schedule_with_warmup(
    base: Rate,
    num_warmup_steps: Count,
    num_training_steps: Count,
    num_cycles: Real = 0.5,
    last_epoch: int = -1,
    min_lr: Real = None,
    min_lr_rate: Real = None,
) -> Schedule:
    """A line up, then waves of a cosine above a floor, that go on after the run: up again.

    Formula: base * (t / w for t < w, then r + (1 - r) * (1 + cos(2 * pi * cycles * (t - w) / (n - w))) / 2)

    Args:
        base: the rate at the top.
        num_warmup_steps: w, in updates.
        num_training_steps: n, length of the run, in updates.
        num_cycles: waves in the run; 0.5 is one fall.
        last_epoch: the last step already made; -1 at the beginning.
        min_lr: the floor, or else
        min_lr_rate: r, the floor as a share of ``base``.

    Example:
        >>> from lrsched import presets
        >>> made = presets.transformers.get_cosine_with_min_lr_schedule_with_warmup(1.0, 2, 6, min_lr=0.1)
        >>> made.sample(8).round(6).tolist()
        [0.0, 0.5, 1.0, 0.868198, 0.55, 0.231802, 0.1, 0.231802]
    """
    name = "get_cosine_with_min_lr_schedule_with_warmup"
    steps = max(1, _left(name, num_warmup_steps, num_training_steps))
    wave = _above(_share(name, base, min_lr, min_lr_rate), _wave(name, steps, num_cycles))
    return resumed(name, base * (Warmup(num_warmup_steps) >> wave), last_epoch)


def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    base: Rate,
    num_warmup_steps: Count,
    num_training_steps: Count,
    num_cycles: Real = 0.5,
    last_epoch: int = -1,
    min_lr: Real = None,
    min_lr_rate: Real = None,
    warmup_lr_rate: Real = None,
) -> Schedule:
    """As with ``min_lr``, one update earlier: the first update is not made with 0, the last is made with the floor.

    Formula: base * ((t + 1) / w for t < w, then r + (1 - r) * (1 + cos(2 * pi * cycles * (t - w + 1) / (n - w))) / 2)

    Args:
        base: the rate at the top.
        num_warmup_steps: w, in updates.
        num_training_steps: n, length of the run, in updates.
        num_cycles: waves in the run; 0.5 is one fall.
        last_epoch: the last step already made; -1 at the beginning.
        min_lr: the floor, or else
        min_lr_rate: r, the floor as a share of ``base``.
        warmup_lr_rate: share of ``base`` at which the warm-up then begins, to end at ``base`` in w - 1 updates.

    Example:
        >>> from lrsched import presets
        >>> made = presets.transformers.get_cosine_with_min_lr_schedule_with_warmup_lr_rate(1.0, 2, 6, min_lr=0.1)
        >>> made.sample(7).round(6).tolist()
        [0.5, 1.0, 0.868198, 0.55, 0.231802, 0.1, 0.231802]
    """
    name = "get_cosine_with_min_lr_schedule_with_warmup_lr_rate"
    steps = max(1, _left(name, num_warmup_steps, num_training_steps))
    wave = _above(_share(name, base, min_lr, min_lr_rate), _wave(name, steps, num_cycles).advanced(1))
    if warmup_lr_rate is None:
        rise: Schedule = Warmup(num_warmup_steps, skip_zero=True)
    elif num_warmup_steps > 1:
        rise = LINEAR.over(num_warmup_steps, warmup_lr_rate, 1.0, endpoint=True)
    else:
        rise = Hold(num_warmup_steps, warmup_lr_rate)
    return resumed(name, base * (rise >> wave), last_epoch)


RISES = {"linear": LINEAR, "cosine": COSINE, "1-sqrt": Polynomial(0.5)}
FALLS = {"linear": LINEAR, "cosine": COSINE, "1-sqrt": OneMinusPower(0.5)}


def get_wsd_schedule(
    base: Rate,
    num_warmup_steps: Count,
    num_decay_steps: Count,
    num_training_steps: Maybe = None,
    num_stable_steps: Maybe = None,
    warmup_type: str = "linear",
    decay_type: str = "cosine",
    min_lr_ratio: Real = 0,
    num_cycles: Real = 0.5,
    last_epoch: int = -1,
) -> Schedule:
    """Warm-up, stable, decay; the warm-up begins at the floor and the end stays there.

    Formula: base * (r -> 1 in w, 1 for s, 1 -> r in d, then r), r = min_lr_ratio

    Args:
        base: the rate at the top.
        num_warmup_steps, num_decay_steps: w and d, in updates.
        num_training_steps: w + s + d, not needed (and not used) if there is
        num_stable_steps: s, in updates.
        warmup_type, decay_type: "linear", "cosine" or "1-sqrt".
        min_lr_ratio: r, the floor as a share of ``base``.
        num_cycles: waves of a cosine in the decay.
        last_epoch: the last step already made; -1 at the beginning.

    Source: Hu et al. (2024), MiniCPM.

    Example:
        >>> from lrsched import presets
        >>> presets.transformers.get_wsd_schedule(1.0, 2, 2, num_stable_steps=1, min_lr_ratio=0.5).sample(6).tolist()
        [0.5, 0.75, 1.0, 1.0, 0.75, 0.5]
    """
    name = "get_wsd_schedule"
    rise = RISES[check_choice(name, "warmup_type", warmup_type, tuple(RISES))]
    fall = FALLS[check_choice(name, "decay_type", decay_type, tuple(FALLS))]
    if num_stable_steps is None:
        if num_training_steps is None:
            raise ScheduleError(f"{name}: give num_training_steps or num_stable_steps")
        num_stable_steps = num_training_steps - num_warmup_steps - num_decay_steps
    stable = check_count(name, "num_stable_steps", num_stable_steps)
    start = Warmup(num_warmup_steps, min_lr_ratio, 1.0, rise) >> Hold(stable)
    if fall is COSINE and num_cycles != 0.5:
        wave = _above(min_lr_ratio, _wave(name, max(1, num_decay_steps), num_cycles))
        course = start >> wave.lasting(num_decay_steps) >> Constant(min_lr_ratio)
    else:
        course = start >> fall.over(num_decay_steps, end=min_lr_ratio) >> Constant(min_lr_ratio)
    return resumed(name, base * course, last_epoch)


SCHEDULERS = {
    "linear": get_linear_schedule_with_warmup,
    "cosine": get_cosine_schedule_with_warmup,
    "cosine_with_restarts": get_cosine_with_hard_restarts_schedule_with_warmup,
    "polynomial": get_polynomial_decay_schedule_with_warmup,
    "constant": get_constant_schedule,
    "constant_with_warmup": get_constant_schedule_with_warmup,
    "inverse_sqrt": get_inverse_sqrt_schedule,
    "cosine_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup,
    "cosine_warmup_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
    "warmup_stable_decay": get_wsd_schedule,
}


def get_scheduler(
    name: Any,
    base: Rate,
    num_warmup_steps: Maybe = None,
    num_training_steps: Maybe = None,
    scheduler_specific_kwargs: Annotated[Any, Taken("mapping", optional=True, allowed="arguments by name")] = None,
    *,
    warmup_ratio: float | None = None,
) -> Schedule:
    """The schedule that ``TrainingArguments(lr_scheduler_type=name)`` chooses.

    Args:
        name: "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup",
            "inverse_sqrt", "cosine_with_min_lr", "cosine_warmup_with_min_lr" or "warmup_stable_decay".
        base: the rate at the top.
        num_warmup_steps, num_training_steps: in updates, where the schedule has them.
        scheduler_specific_kwargs: its other arguments.
        warmup_ratio: a share of the run instead of ``num_warmup_steps``, as ``TrainingArguments`` takes one (since 5 as
            its ``warmup_steps`` below 1); the Trainer rounds it up.

    Example:
        >>> from lrsched import presets
        >>> presets.transformers.get_scheduler("linear", 1.0, num_warmup_steps=2, num_training_steps=6)(3)
        0.75
    """
    kind = check_choice("get_scheduler", "name", getattr(name, "value", name), tuple(SCHEDULERS))
    if kind == "constant":
        return get_constant_schedule(base)
    if (num_warmup_steps is None) == (warmup_ratio is None):
        raise ScheduleError(f"get_scheduler: {kind} needs num_warmup_steps or warmup_ratio, one of them")
    if warmup_ratio is not None:
        share = between("get_scheduler", "warmup_ratio", warmup_ratio, 0, 1)
        num_warmup_steps = math.ceil(check_count("get_scheduler", "num_training_steps", num_training_steps) * share)
    given: dict[str, Any] = {"num_warmup_steps": num_warmup_steps}
    if kind not in ("constant_with_warmup", "inverse_sqrt"):
        if num_training_steps is None and kind != "warmup_stable_decay":
            raise ScheduleError(f"get_scheduler: {kind} needs num_training_steps")
        given["num_training_steps"] = num_training_steps
    specific = {} if kind == "constant_with_warmup" else scheduler_specific_kwargs or {}
    return SCHEDULERS[kind](base, **given, **specific)  # type: ignore[operator]


globals().update({name: checked(globals()[name]) for name in __all__})
