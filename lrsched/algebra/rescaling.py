"""Schedules laid out again, over a run of another length."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lrsched.foundation.errors import check_count, fail
from lrsched.foundation.numbers import is_jax

if TYPE_CHECKING:
    from lrsched.algebra.schedule import Schedule

__all__ = ["check_finite", "rescale", "rescale_to", "rescaled"]


def check_finite(where: str, schedule: Schedule) -> None:
    """Refuse a schedule whose duration is infinite or 0."""
    if not is_jax(schedule.duration) and not 0 < schedule.duration < math.inf:
        fail(where, "the schedule's duration", "finite and positive", schedule.duration)


def rescaled(schedule: Schedule, total: Any) -> Schedule:
    """See :meth:`Schedule.rescaled`."""
    check_finite("rescaled", schedule)
    schedule.concrete("rescaled")
    return rescale_to(schedule, check_count("rescaled", "total", total))


def rescale_to(schedule: Schedule, steps: int) -> Schedule:
    """The schedule with every boundary scaled so that it lasts ``steps`` steps."""
    if schedule.duration == steps:
        return schedule
    if schedule.duration == 0:
        return schedule.lasting(steps)
    return rescale(schedule, Fraction(steps, schedule.duration))


def rescale(schedule: Schedule, ratio: Fraction, least: int = 0) -> Schedule:
    """The schedule with every length times ``ratio``."""
    if schedule.duration == math.inf:
        return schedule._rescaled(ratio, None)
    steps = max(least, round(schedule.duration * ratio))
    if schedule.duration == 0:
        return schedule
    if steps == 0:
        return schedule.advanced(schedule.duration)
    result = schedule._rescaled(ratio, steps)
    return result if result.duration == steps else result.lasting(steps)
