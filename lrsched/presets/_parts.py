"""What the presets share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from lrsched._errors import check_count, check_real, fail
from lrsched._fields import is_jax
from lrsched._schedule import Schedule
from lrsched.combinators import sequence
from lrsched.profiles import Cosine, Linear, Profile
from lrsched.schedules import Constant, ExponentialDecay, MultiStep, Piecewise, StepDecay, custom

__all__ = [
    "COSINE",
    "LINEAR",
    "ONE",
    "between",
    "drops",
    "factor",
    "geometric_drop",
    "joined_at",
    "laid",
    "positive",
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


def positive(where: str, name: str, value: Any) -> Any:
    """A finite number above 0."""
    return between(where, name, value, 0, 2**53, open_low=True)


def laid(profile: Profile, steps: Any, start: Any = 1.0, end: Any = 0.0) -> Schedule:
    """A profile that ends at its last value over a number of steps that need not be whole, held after."""
    if not isinstance(steps, float) or steps.is_integer():
        return profile.over(steps if is_jax(steps) else int(steps), start, end)
    return (profile.over(1, start, end) >> Constant(end)).stretched(steps)


def joined_at(where: str, name: str, schedules: Sequence[Schedule], starts: Sequence[Any], argument: str) -> Schedule:
    """Schedules end to end, each from its start on a clock of its own; the last for ever."""
    places = [check_count(where, argument, m) for m in starts]
    if len(places) != len(schedules) - 1:
        fail(where, argument, f"one fewer than the {len(schedules)} {name}", list(starts))
    if sorted(places) != places:
        fail(where, argument, "in increasing order", list(starts))
    lengths = [b - a for a, b in itertools.pairwise([0, *places])]
    parts = [part.lasting(n) for part, n in zip(schedules, lengths, strict=False) if n]
    last = schedules[-1] if schedules[-1].duration else Constant(schedules[-1](0))
    return sequence(*parts, last) if parts else last
