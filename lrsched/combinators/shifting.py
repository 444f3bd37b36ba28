"""Schedules moved in time: advanced, delayed, made to last, and what comes after their end."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.node import walk
from lrsched.algebra.rescaling import Scale, check_finite, rescale
from lrsched.algebra.schedule import Laid, Part, Schedule
from lrsched.combinators.cycles import periodic, turned
from lrsched.combinators.wrapper import _Ending, _Wrapper
from lrsched.foundation.errors import LIMIT, fail
from lrsched.foundation.numbers import is_jax
from lrsched.ir.clock import Clock, forked, lowered
from lrsched.ir.exact_steps import number_of

if TYPE_CHECKING:
    from lrsched.ir.term import Term


@kind("advanced", method="advanced")
class Advanced(_Wrapper):
    """See :meth:`Schedule.advanced`."""

    schedule: Schedule = fields.node("Schedule")
    k: int = fields.count()
    counts_phases = True

    def validate(self) -> None:
        if not is_jax(self.k) and not is_jax(self.schedule.duration) and self.k > self.schedule.duration:
            fail(self.where(), "k", f"at most the duration, {self.schedule.duration}", self.k)

    @property
    def duration(self) -> Any:
        n = self.schedule.duration
        return n if isinstance(n, float) else n - self.k

    def reached(self, inner: float) -> float:
        return inner - self.k

    def formula(self, clock: Clock) -> Term:
        return self.held(clock, self._later)

    def _later(self, clock: Clock) -> Term:
        b = clock.b
        self._refuse_beyond(b.limit)
        if clock.plain and clock.single and b.single and isinstance(self.k, int) and clock.own.hi + self.k > b.limit:
            clock = clock.stretched(1)
        return self.schedule.formula(clock.since(b.neg(self.k)))

    def _refuse_beyond(self, limit: int) -> None:
        """An error where phases would be counted from a step that is no integer of the target: it has no way to."""
        k, inner = self.k, self.schedule
        while isinstance(inner, Advanced):
            k, inner = k + inner.k, inner.schedule
        below = (node for node in walk(inner) if isinstance(node, Schedule))
        if isinstance(k, int) and k > limit and any(node.counts_phases for node in below):
            fail(self.where(), "k", f"at most {limit}, the last step that JAX counts here (enable x64)", k)

    def parts_in_time(self, stop: Any = None) -> Iterable[Part]:
        return (Part(self.schedule, -self.k),)

    def place(self, step: int) -> int:
        return step - self.k

    def come(self, t: int) -> int:
        return t + self.k

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        inner = scale.since(-self.k)
        return Advanced(rescale(self.schedule, inner), inner(self.k))


@kind("delayed", method="delayed")
class Delayed(_Wrapper):
    """See :meth:`Schedule.delayed`."""

    schedule: Schedule = fields.node("Schedule")
    k: int = fields.count()
    adds_up = True

    @property
    def duration(self) -> Any:
        n = self.schedule.duration
        return n if isinstance(n, float) else n + self.k

    def reached(self, inner: float) -> float:
        return inner if inner == math.inf else min(LIMIT, inner + self.k)

    def formula(self, clock: Clock) -> Term:
        b = clock.b
        start = Clock(b, b.lift(0), b.lift(0), inside=False)
        return clock.split(
            self.k, lambda c: self.schedule.formula(start), lambda c: self.schedule.formula(c.since(self.k))
        )

    def parts_in_time(self, stop: Any = None) -> Iterable[Part]:
        return (Part(self.schedule, self.k),)

    def joints(self) -> tuple[int, ...]:
        return (self.k,)

    def place(self, step: int) -> int:
        return step + self.k

    def come(self, t: int) -> int:
        return t - self.k

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        return Delayed(rescale(self.schedule, scale.since(self.k)), scale(self.k))


@kind("lasting", method="lasting")
class Lasting(_Ending):
    """See :meth:`Schedule.lasting`."""

    schedule: Schedule = fields.node("Schedule")
    n: int = fields.count()
    shows_parts = True

    @property
    def duration(self) -> Any:
        return self.n

    def formula(self, clock: Clock) -> Term:
        b, n = clock.b, number_of(clock.b.lift(self.n))
        inner = self.schedule.duration
        enough = isinstance(inner, int | float) and isinstance(n, int) and inner >= n
        if isinstance(n, int) and n == 0:
            return self.schedule.formula(Clock(b, b.lift(0), b.lift(0)))
        return clock.finite(self.n, lambda c: self.schedule.formula(c.within(enough)), self.stretches)

    def edge(self, t: int, back: bool = False, ends: bool = False) -> int | None:
        n, inner = self.n, self.schedule
        if not ends:
            return _Ending.edge(self, t, back)
        cut = n if n > 0 and inner.in_cycle(n - 1) else None  # a cycle that goes on is cut there
        if back and cut is not None and t > n:
            return cut
        found = inner.edge(min(t, n + 1) if back else t, back, True) if back or t < n else None
        return found if found is not None and found <= n else cut if not back and t < n else None

    def joints(self) -> tuple[int, ...]:
        return (self.schedule.duration,)

    def laid(self, first: int, last: int) -> Iterable[Laid] | None:
        return [Laid(self.schedule, 0, last)]

    def _rescaled(self, scale: Scale, steps: Any) -> Schedule:
        return Lasting(rescale(self.schedule, scale), steps)


class _After(_Wrapper):
    """What policies share; the last one set wins."""

    __slots__ = ()
    shows_parts = True

    @property
    def after_policy(self) -> Any:
        return self.policy  # type: ignore[attr-defined]

    def validate(self) -> None:
        check_finite(self.where(), self.inner)
        if isinstance(self.inner, _After):
            object.__setattr__(self, "schedule", self.inner.inner)


@kind("after", method="after")
class After(_After):
    """See :meth:`Schedule.after`."""

    schedule: Schedule = fields.node("Schedule")
    policy: Any = fields.static("policy")

    def __new__(cls, schedule: Any = None, policy: Any = None) -> Any:
        number: Any = policy
        plain = isinstance(policy, numbers.Real) and not isinstance(policy, bool)
        return AfterValue(schedule, number) if plain or is_jax(policy) else object.__new__(cls)

    @property
    def goes_on(self) -> bool:
        return bool(self.policy != "hold")

    @property
    def reach(self) -> float:
        return LIMIT if self.counts_phases else math.inf

    @property
    def counts_phases(self) -> bool:
        return self.policy in ("repeat", "mirror", "extrapolate")

    def formula(self, clock: Clock) -> Term:
        if clock.inside:
            return self.schedule.formula(clock)
        b, n, inner = clock.b, self.schedule.duration, self.schedule.formula
        if self.policy == "hold":
            return clock.finite(n, inner, self.stretches)
        if self.policy == "error":
            beyond = b.where(clock.before(n), False, True)
            return b.checked(beyond, clock.finite(n, inner, self.stretches))
        if self.policy == "extrapolate":
            return self._line(clock)
        index, cycle = periodic(clock, n)
        if self.policy == "mirror":
            odd = b.eq(b.mod(index, 2), 1)
            if not clock.plain or self.stretches:
                there, late = cycle.within(True), self.schedule
                return forked(self, clock, lambda: b.where(odd, turned(late, cycle, n), inner(there)))
            back = cycle.turned(n)
            own = b.minimum(back.own, b.lift(n) - 1)
            cycle = Clock(b, b.where(odd, own, cycle.own), b.where(odd, back.at, cycle.at))
        return inner(cycle.within(True))

    def _line(self, clock: Clock) -> Term:
        b, n = clock.b, number_of(clock.b.lift(self.schedule.duration))
        last = b.lift(n) - 1
        end, before = (lowered(self.schedule, Clock(b, last, at, inside=True)) for at in (b.lift(n), last))

        def beyond(late: Clock) -> Term:
            return b.floats(late.since(n).time) * (b.floats(end) - before) + end

        return clock.split(n, self.schedule.formula, beyond)


@kind("after_value", method="after")
class AfterValue(_After):
    """A number for every step past the duration; see :meth:`Schedule.after`."""

    schedule: Schedule = fields.node("Schedule")
    policy: float = fields.real()
    stored_as = "after"
    goes_on = True

    def formula(self, clock: Clock) -> Term:
        inner = self.schedule.formula
        if clock.inside:
            return inner(clock)
        return clock.split(self.schedule.duration, inner, lambda _: clock.b.floats(self.policy))
