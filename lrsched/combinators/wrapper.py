"""What schedules that are made of one other schedule share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lrsched.algebra.rescaling import rescale
from lrsched.algebra.schedule import Schedule
from lrsched.ir.clock import Clock

if TYPE_CHECKING:
    from lrsched.ir.term import Term


def inner_edges(part: Schedule, stop: Any) -> Iterator[int]:
    """The boundaries of a part inside its own duration."""
    end = min(stop, part.duration)
    return (edge for edge in part.edges(end) if 0 < edge < end)


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

    def edges(self, stop: Any) -> Iterable[int]:
        return self.inner.edges(stop)

    def cycles(self, stop: int) -> list[int] | None:
        return self.inner.cycles(stop)

    def held(self, clock: Clock, formula: Callable[[Clock], Term]) -> Term:
        """``formula``, held after the duration unless a policy inside says what comes then."""
        duration = self.duration
        if isinstance(duration, float) or self.inner.goes_on:
            return formula(clock)
        return clock.finite(duration, formula)

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        fields = {name: getattr(self, name) for name in self._declared}
        fields["schedule"] = rescale(self.inner, ratio, least=1)
        return type(self)(**fields)


class _Ending(_Wrapper):
    """What changes of a single schedule share that have an end of their own: after it their last value is held."""

    __slots__ = ()
    goes_on = False
    reach = math.inf
