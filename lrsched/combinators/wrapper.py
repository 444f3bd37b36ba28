"""What schedules that are made of one other schedule share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lrsched.algebra.rescaling import Scale, rescale
from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import LIMIT, ScheduleError
from lrsched.ir.clock import Clock
from lrsched.ir.lower import lower
from lrsched.ir.term import Builder

if TYPE_CHECKING:
    from lrsched.ir.term import Term


class _Wrapper(Schedule):
    """What changes of a single schedule share."""

    __slots__ = ()

    @property
    def inner(self) -> Schedule:
        """The schedule that is changed."""
        return self.schedule  # type: ignore[attr-defined]

    @property
    def duration(self) -> Any:
        return self.inner.duration

    @property
    def reach(self) -> float:
        """See :class:`Schedule`; what ends is held, however far the clock inside has run."""
        return self.reached(self.inner.reach) if isinstance(self.duration, float) or self.inner.goes_on else math.inf

    def reached(self, inner: float) -> float:
        """The reach that follows from that of the schedule inside."""
        return inner

    def edge(self, t: int, back: bool = False, ends: bool = False) -> int | None:
        end, inner = self.lasts + ends, self.inner
        if not back:
            found = inner.edge(max(self.come(t), 0), ends=ends) if t + 1 < end else None
        else:
            found = inner.edge(self.come(min(t, end) - 1) + 1, True, ends)
        step = None if found is None else self.place(found)
        own = () if ends else [joint for joint in self.joints() if 0 < joint < end]
        some = [x for x in (step, *own) if x is not None and 0 < x < end and (x < t if back else x > t)]
        return (max(some) if back else min(some)) if some else None

    def in_cycle(self, t: int) -> bool:
        return t < self.lasts and self.inner.in_cycle(max(self.come(t), 0))

    def joints(self) -> tuple[int, ...]:
        """The boundaries that it makes itself."""
        return ()

    def place(self, step: int) -> Any:
        """The step at which a boundary of the schedule inside takes effect."""
        return step

    def come(self, t: int) -> int:
        """The last step inside that has come at step t: none after it has its place there or before."""
        return t

    def held(self, clock: Clock, formula: Callable[[Clock], Term]) -> Term:
        """``formula``, held after the duration unless a policy inside says what comes then."""
        duration = self.duration
        if isinstance(duration, float) or self.inner.goes_on:
            return formula(clock)
        return clock.finite(duration, formula, self.stretches)

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        fields = {name: getattr(self, name) for name in self._declared}
        fields["schedule"] = rescale(self.inner, scale, least=1)
        return type(self)(**fields)


class _Ending(_Wrapper):
    """What changes of a single schedule share that have an end of their own: after it their last value is held."""

    __slots__ = ()
    goes_on = False

    @property
    def reach(self) -> float:
        return math.inf


class _Slower(_Wrapper):
    """What changes of a single schedule share that stretch its clock."""

    __slots__ = ()
    stretches = True

    def refuse_too_fine(self) -> None:
        """Lower it once where something inside stretches too: what no clock can tell is an error here already."""
        if self.inner.stretches and not self._arrays:
            try:
                lower(self, Builder(branching=True, limit=LIMIT))
            except ScheduleError as error:
                raise ScheduleError(f"{self.where()}: {error}") from None
