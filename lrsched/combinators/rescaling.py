"""Schedules laid out again, over a run of another length."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from lrsched.algebra.schedule import Schedule
from lrsched.combinators.wrapper import check_finite
from lrsched.foundation.errors import check_count
from lrsched.schedules.custom import Custom

__all__ = ["rescaled", "rescaled_fields"]


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
    from lrsched.combinators.shifting import Advanced, Lasting

    if schedule.duration == math.inf:
        return schedule._rescaled(ratio, None)
    steps = max(least, round(schedule.duration * ratio))
    if schedule.duration == 0:
        return schedule
    if steps == 0:
        return Advanced(schedule, schedule.duration)
    result = schedule._rescaled(ratio, steps)
    return result if result.duration == steps else Lasting(result, steps)


def rescaled_fields(schedule: Schedule, ratio: Fraction, steps: int | None) -> Schedule:
    """The rule for schedules whose only length is a field called ``steps``, or that have none."""
    from lrsched.combinators.stretching import Stretched

    fields = {name: getattr(schedule, name) for name in schedule.__match_args__}  # type: ignore[attr-defined]
    if "steps" in fields and steps is not None:
        return type(schedule)(**{**fields, "steps": steps})
    if isinstance(schedule, Custom):
        return Stretched(schedule, float(ratio))
    return schedule
