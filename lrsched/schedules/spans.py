"""Schedules over a number of steps: a profile, a warm-up, a hold; and the constant."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Ramp, Schedule
from lrsched.foundation.errors import fail
from lrsched.ir.clock import Clock
from lrsched.ir.exact_steps import number_of
from lrsched.ir.term import Term
from lrsched.schedules.blend import LINEAR, blend


def _check_ends(self: Any) -> None:
    """Refuse a start and an end with no finite number between them."""
    start, end = self.start, self.end
    if type(start) is type(end) is float and not -math.inf < start - end < math.inf:
        fail(self.where(), "end", f"so near start, {start!r}, that start - end is finite", end)


@kind("over", method="over")
class Over(Schedule):
    """A profile over a number of steps; see :meth:`lrsched.Profile.over`."""

    profile: Profile = fields.node("Profile")
    steps: int = fields.count()
    start: float = fields.real(default=1.0)
    end: float = fields.real(default=0.0)
    endpoint: bool = fields.static("flag", default=False, choices=(False, True))

    validate = _check_ends

    def formula(self, clock: Clock) -> Term:
        return clock.finite(self.steps, self._blend)

    def _blend(self, clock: Clock) -> Term:
        b = clock.b
        if self.endpoint:
            last = b.minimum(b.maximum(b.lift(self.steps) - 1, 1), self.steps)
            x = clock.within(False).progress(number_of(last))
        else:
            x = clock.progress(self.steps)
        return blend(x, self.profile, self.start, self.end)

    def ramp(self) -> Ramp | None:
        return _ramp(self, self.steps - self.endpoint)

    def changes(self, first: int, last: int) -> NDArray[np.int64] | None:
        return None if self.endpoint else self.profile.changes(self.steps, first, last)


@kind("warmup")
class Warmup(Schedule):
    """A rise ``start -> end`` over ``steps`` steps, held after: ``start + (end - start) * t / steps``.

    ``warmup(w) >> s`` runs ``s`` after the rise; ``warmup(w) * s`` runs both on one clock.

    Args:
        steps: an integer >= 0, in updates.
        start, end: the values before and after.
        profile: the shape of the rise, turned upside down.
        skip_zero: use (t + 1) / steps, so that the first update is not made with ``start``.

    Raises:
        ScheduleError: an argument is out of its range; names it and its value.

    Example:
        >>> from lrsched import warmup
        >>> warmup(4).sample(6).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    steps: int = fields.count()
    start: float = fields.real(default=0.0)
    end: float = fields.real(default=1.0)
    profile: Profile = fields.node("Profile", default=LINEAR)
    skip_zero: bool = fields.static("flag", default=False, choices=(False, True))

    validate = _check_ends

    def formula(self, clock: Clock) -> Term:
        return clock.finite(self.steps, self._rise)

    def _rise(self, clock: Clock) -> Term:
        if self.skip_zero:
            x = clock.since(-1).within(False).progress(self.steps)
            return blend(x, self.profile, self.start, self.end)
        return blend(clock.progress(self.steps), self.profile, self.start, self.end)

    def ramp(self) -> Ramp | None:
        return _ramp(self, self.steps, int(self.skip_zero))


def _ramp(s: Over | Warmup, steps: int, ahead: int = 0) -> Ramp | None:
    """A schedule as a line or half a wave, if its profile is one."""
    if s.profile.ramp is None or steps <= 0:
        return None
    shape, rises = s.profile.ramp
    return Ramp(steps, *((s.end, s.start) if rises else (s.start, s.end)), shape == "wave", ahead)


@kind("constant")
class Constant(Schedule):
    """The same value for ever.

    Example:
        >>> from lrsched import constant
        >>> constant(0.1)(10**9)
        0.1
    """

    value: float = fields.real()
    is_level = True

    @property
    def duration(self) -> Any:
        return math.inf

    def __neg__(self) -> Schedule:
        return Constant(-self.value)

    def formula(self, clock: Clock) -> Term:
        return clock.b.floats(self.value)


@kind("hold")
class Hold(Schedule):
    """The same value for a number of steps.

    Example:
        >>> from lrsched import hold, linear
        >>> (hold(2) >> linear().over(2)).sample(4).tolist()
        [1.0, 1.0, 1.0, 0.5]
    """

    steps: int = fields.count()
    value: float = fields.real(default=1.0)
    is_level = True

    def formula(self, clock: Clock) -> Term:
        return clock.b.floats(self.value)


warmup = Warmup
constant = Constant
hold = Hold
