"""What schedules that are made of one other schedule share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lrsched.algebra.node import Node, children
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.sequence import Sequence
from lrsched.ir.clock import Clock

if TYPE_CHECKING:
    from lrsched.ir.term import Term


MOST_CYCLES = 100_000


def inner_edges(part: Schedule, stop: Any) -> list[int]:
    """The boundaries of a part inside its own duration."""
    end = min(stop, part.duration)
    return [edge for edge in part.edges(end) if 0 < edge < end]


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

    def edges(self, stop: Any) -> Iterable[int]:
        return self.inner.edges(stop)

    def cycles(self, stop: int) -> list[int] | None:
        return self.inner.cycles(stop)

    def held(self, clock: Clock, formula: Callable[[Clock], Term]) -> Term:
        """``formula``, held after the duration unless a policy inside says what comes then."""
        duration = self.duration
        if isinstance(duration, float) or goes_on(self.inner):
            return formula(clock)
        return clock.finite(duration, formula)

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        from lrsched.algebra.rescaling import rescale

        fields = {name: getattr(self, name) for name in self.__match_args__}  # type: ignore[attr-defined]
        fields["schedule"] = rescale(self.inner, ratio, least=1)
        return type(self)(**fields)


def goes_on(schedule: Schedule) -> bool:
    """Whether a policy inside decides what comes after the schedule's duration."""
    from lrsched.combinators.cycles import Mirrored, Restarted, Reversed
    from lrsched.combinators.shifting import After, Lasting
    from lrsched.combinators.stretching import Extended

    if isinstance(schedule, After):
        return schedule.policy != "hold"
    if isinstance(schedule, Sequence):
        parts = schedule.parts
        return goes_on(parts[-1] if isinstance(parts, tuple) else parts.last)
    if isinstance(schedule, Restarted | Lasting | Reversed | Mirrored | Extended):
        return False
    return any(goes_on(child) for child in children(schedule) if isinstance(child, Schedule))


def _counts_phases(node: Node) -> bool:
    """Whether a kind counts cycles, samples or steps for ever, so that the clock may not begin beyond the integers."""
    from lrsched.combinators.cycles import Restarted
    from lrsched.combinators.shifting import After
    from lrsched.combinators.stretching import COUNTING

    if isinstance(node, Restarted):
        return node.t_mult == 1.0
    if isinstance(node, After):
        return node.policy in ("repeat", "mirror", "extrapolate")
    return node.kind_name in COUNTING


def b_number(clock: Clock, value: Any) -> Any:
    """The plain number of a field, or its term."""
    term = clock.b.lift(value)
    return term.args[0] if term.op == "const" else term
