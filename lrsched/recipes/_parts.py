"""What recipes share: the shapes they are made of, and checks that lengths fit."""

from __future__ import annotations

from typing import Any

from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import check_count, check_real, fail
from lrsched.foundation.numbers import is_jax, share_of
from lrsched.profiles.shapes import Cosine, Linear, OneMinusPower, Polynomial

__all__ = ["COSINE", "LINEAR", "ONE_MINUS_SQRT", "SQUARE", "above", "cut", "positive", "powered", "rest"]

COSINE, LINEAR, ONE_MINUS_SQRT, SQUARE = Cosine(), Linear(), OneMinusPower(0.5), Polynomial(2.0)


def rest(where: str, steps: Any, **taken: Any) -> Any:
    """What is left of ``steps`` when the named lengths are taken away; an error when they do not fit."""
    if any(map(is_jax, (steps, *taken.values()))):
        return steps - sum(taken.values())
    steps = check_count(where, "steps", steps)
    used = sum(check_count(where, name, length) for name, length in taken.items())
    if used > steps:
        fail(where, " + ".join(taken), f"at most steps, {steps}", used)
    return steps - used


def cut(where: str, name: str, share: Any, steps: Any) -> int:
    """The step that a share in [0, 1] of ``steps`` steps is."""
    steps = check_count(where, "steps", steps)
    allowed = "a share in [0, 1]"
    number = check_real(where, name, share, allowed)
    if not 0 <= number <= 1:
        fail(where, name, allowed, share)
    return share_of(number, steps)


def positive(where: str, **numbers: Any) -> None:
    """Refuse the first of the named numbers that is not above 0."""
    for name, value in numbers.items():
        if not is_jax(value) and check_real(where, name, value, "a finite number > 0") <= 0:
            fail(where, name, "a finite number > 0", value)


def powered(schedule: Schedule, power: Any) -> Schedule:
    """``schedule**power``, without a power of 1."""
    return schedule if not is_jax(power) and power == 1 else schedule**power


def above(floor: Any, schedule: Schedule) -> Schedule:
    """``floor + (1 - floor) * schedule``, without a floor of 0."""
    return schedule if not is_jax(floor) and floor == 0 else floor + (1 - floor) * schedule
