"""What recipes share: the shapes they are made of, and the check that lengths fit."""

from __future__ import annotations

from typing import Any

from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import fail
from lrsched.foundation.numbers import is_jax
from lrsched.profiles.shapes import Cosine, Linear, OneMinusPower, Polynomial

__all__ = ["COSINE", "LINEAR", "ONE_MINUS_SQRT", "SQUARE", "above", "powered", "rest"]

COSINE, LINEAR, ONE_MINUS_SQRT, SQUARE = Cosine(), Linear(), OneMinusPower(0.5), Polynomial(2.0)


def rest(steps: Any, of: str = "steps", **taken: Any) -> Any:
    """What is left of ``steps`` when the named lengths are taken away; an error when they do not fit."""
    used = sum(taken.values())
    if not is_jax(steps) and not is_jax(used) and used > steps:
        fail("rest", " + ".join(taken), f"at most {of}, {steps}", used)
    return steps - used


def powered(schedule: Schedule, power: Any) -> Schedule:
    """``schedule**power``, without a power of 1."""
    return schedule if not is_jax(power) and power == 1 else schedule**power


def above(floor: Any, schedule: Schedule) -> Schedule:
    """``floor + (1 - floor) * schedule``, without a floor of 0."""
    return schedule if not is_jax(floor) and floor == 0 else floor + (1 - floor) * schedule
