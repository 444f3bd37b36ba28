"""Schedules laid out again, over a run of another length."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lrsched.foundation.errors import check_count, fail
from lrsched.foundation.numbers import is_jax
from lrsched.foundation.records import Record

if TYPE_CHECKING:
    from lrsched.algebra.schedule import Schedule

__all__ = ["Scale", "check_finite", "rescale", "rescale_to", "rescaled", "stretch"]


class Scale(Record):
    """Where the steps of a part come to lie: the part begins at ``start`` of the new run, before that is rounded.

    A step is rounded once, on the clock of the whole run.
    """

    ratio: Fraction
    start: Fraction = Fraction(0)

    def __call__(self, step: int) -> int:
        """How far from the start of the part a step comes to lie."""
        return round(self.start + step * self.ratio) - round(self.start)

    def since(self, step: int) -> Scale:
        """That of a part that begins at a step of this one."""
        return Scale(self.ratio, self.start + step * self.ratio)


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
    return rescale(schedule, Scale(Fraction(steps, schedule.duration)))


def stretch(schedule: Schedule, scale: Scale, steps: int | None) -> Schedule:
    """The schedule stretched, to so many steps: its joints come at the first step at or after their exact place.

    By the number next below, so that no joint that falls on a step comes later.
    """
    exact = scale.ratio if steps is None else Fraction(steps, schedule.duration)
    k = float(exact)
    return schedule.stretched(k if Fraction(k) <= exact else math.nextafter(k, 0.0))


def rescale(schedule: Schedule, scale: Scale, least: int = 0) -> Schedule:
    """The schedule with every boundary where ``scale`` says."""
    if schedule.duration == math.inf:
        return schedule._rescaled(scale, None)
    steps = max(least, scale(schedule.duration))
    if schedule.duration == 0:
        return schedule
    if steps == 0:
        return schedule.advanced(schedule.duration)
    result = schedule._rescaled(scale, steps)
    return result if result.duration == steps else result.lasting(steps)
