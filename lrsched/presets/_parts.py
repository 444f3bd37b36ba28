"""What the presets share."""

from __future__ import annotations

from typing import Any

from lrsched._errors import check_count, check_real, fail
from lrsched._fields import is_jax
from lrsched._schedule import Schedule
from lrsched.profiles import Cosine, Linear
from lrsched.schedules import Constant, ExponentialDecay, MultiStep, Piecewise, StepDecay, custom

__all__ = [
    "COSINE",
    "LINEAR",
    "ONE",
    "between",
    "drops",
    "factor",
    "geometric_drop",
    "resumed",
    "steps_down",
]

COSINE, LINEAR, ONE = Cosine(), Linear(), Constant(1.0)


def between(where: str, name: str, value: Any, low: float, high: float, open_low: bool = False) -> Any:
    """A number in [low, high], or a JAX value."""
    allowed = f"a number in {'(' if open_low else '['}{low:g}, {high:g}]"
    if is_jax(value):
        return value
    number = check_real(where, name, value, allowed)
    if not low <= number <= high or (open_low and number == low):
        fail(where, name, allowed, value)
    return number


def resumed(where: str, schedule: Schedule, last_epoch: Any) -> Schedule:
    """The schedule as a scheduler built with ``last_epoch`` goes on with it: from step ``last_epoch + 1``."""
    done = check_count(where, "last_epoch", last_epoch, -1) + 1
    if not done:
        return schedule
    return schedule.advanced(done) if done < schedule.duration else Constant(schedule(done))


def _is_zero(gamma: Any) -> bool:
    return not is_jax(gamma) and gamma == 0


def steps_down(every: Any, gamma: Any) -> Schedule:
    """``gamma**(t // every)``, gamma >= 0."""
    return Piecewise((every,), (1.0, 0.0)) if _is_zero(gamma) else StepDecay(every, gamma)


def drops(milestones: Any, gamma: Any) -> Schedule:
    """``gamma**#{m <= t}``, gamma >= 0."""
    if not _is_zero(gamma):
        return MultiStep(tuple(milestones), gamma)
    first = min(milestones, default=None)
    if first is None:
        return ONE
    return Piecewise((first,), (1.0, 0.0)) if first else Constant(0.0)


def geometric_drop(gamma: Any) -> Schedule:
    """``gamma**t``, gamma >= 0."""
    return Piecewise((1,), (1.0, 0.0)) if _is_zero(gamma) else ExponentialDecay(gamma)


def factor(where: str, name: str, value: Any) -> Schedule:
    """A factor over time given as a schedule, a number, or the name of a registered function."""
    if isinstance(value, Schedule):
        return value
    if isinstance(value, str):
        return custom(value)
    if callable(value):
        fail(where, name, "a schedule, a number, or the name of a function registered with lrsched.register", value)
    return Constant(value)
