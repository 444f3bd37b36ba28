"""What the presets share."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Annotated, Any

from lrsched.algebra.arguments import Taken
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.sequence import sequence
from lrsched.foundation.errors import check_count, check_real, fail
from lrsched.foundation.numbers import is_jax
from lrsched.profiles.shapes import Cosine, Linear
from lrsched.schedules.custom import custom
from lrsched.schedules.endless import ExponentialDecay, MultiStep, Piecewise, StepDecay
from lrsched.schedules.spans import Constant

__all__ = [
    "COSINE",
    "LINEAR",
    "ONE",
    "Maybe",
    "between",
    "child_of",
    "drops",
    "factor",
    "geometric_drop",
    "grown",
    "joined_at",
    "laid",
    "positive",
    "resumed",
    "steps_down",
    "times",
]

Maybe = Annotated[int | None, Taken("count")]
COSINE, LINEAR, ONE = Cosine(), Linear(), Constant(1.0)
FINE = 2**52  # parts of a cycle, one of which it begins at: as fine as the progress itself
DIGITS = 2**128  # what exact lengths are rounded to, so that their fractions do not grow
HORIZON = 2**31
MOST_CYCLES = 20_000


def between(where: str, name: str, value: Any, low: float, high: float, open_low: bool = False) -> Any:
    """A number in [low, high], or a JAX value."""
    allowed = f"a number in {'(' if open_low else '['}{low:g}, {high:g}]"
    if is_jax(value):
        return value
    return check_real(where, name, value, allowed, math.nextafter(low, high) if open_low else low, high)


def resumed(where: str, schedule: Schedule, last_epoch: Any) -> Schedule:
    """The schedule as a scheduler built with ``last_epoch`` goes on with it: from step ``last_epoch + 1``."""
    done = check_count(where, "last_epoch", last_epoch, -1) + 1
    if not done:
        return schedule
    return schedule.advanced(done) if done < schedule.duration else Constant(schedule(done))


def _is_zero(gamma: Any) -> bool:
    return not is_jax(gamma) and gamma == 0


def child_of(where: str, name: str, child: Any, base: Any) -> Schedule:
    """A schedule, or what a function makes of the base rate."""
    made = child if isinstance(child, Schedule) or not callable(child) else child(base)
    if not isinstance(made, Schedule):
        fail(where, name, "schedules, or functions that make one of a rate", child, wrong_type=True)
    return made


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
    return Constant(value if is_jax(value) else check_real(where, name, value))


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


def times(number: Any, schedule: Schedule) -> Schedule:
    """The product, without a factor 1."""
    return schedule if not is_jax(number) and number == 1 else number * schedule


def grown(
    where: str, name: str, shape: Profile, first: Any, growth: Any, levels: Callable[[int], tuple[Any, Any]], limit: Any
) -> Schedule:
    """Cycles of real lengths ``first * growth**i`` written out, each from its first whole step on.

    Cycle i runs between ``levels(i)``; there are ``limit`` of them, or those that begin within 2**31 steps.
    """
    parts: list[Schedule] = []
    start, length, cycle = Fraction(0), Fraction(first), 0
    while start < HORIZON and cycle != limit:
        begin, end = math.ceil(start), math.ceil(start + length)
        if end > begin:
            into = round((begin - start) / length * FINE)
            course = shape.over(FINE, *levels(cycle))
            course = course.advanced(into) if into else course
            parts.append(course.stretched(float(length / FINE)).lasting(end - begin))
        start, length, cycle = start + length, Fraction(round(length * Fraction(growth) * DIGITS), DIGITS), cycle + 1
        if cycle > MOST_CYCLES or not length:
            fail(where, name, f"a number that lets at most {MOST_CYCLES} cycles begin within 2**31 steps", growth)
    return sequence(*parts)
