"""Schedules that take longer: stretched by a factor, or extended by a hold."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.rescaling import Scale, check_finite, rescale, stretch
from lrsched.algebra.schedule import Part, Schedule
from lrsched.combinators.wrapper import _Ending, _Slower
from lrsched.foundation.errors import LIMIT, fail
from lrsched.foundation.numbers import is_jax
from lrsched.foundation.records import replaced
from lrsched.ir.clock import Clock, forked
from lrsched.ir.exact_steps import number_of
from lrsched.ir.runtime_scale import Pace, pace_of

if TYPE_CHECKING:
    from lrsched.ir.term import Builder, Term


@kind("stretched", method="stretched")
class Stretched(_Slower):
    """See :meth:`Schedule.stretched`."""

    schedule: Schedule = fields.node("Schedule")
    k: float = fields.positive(lengthens=True)
    adds_up = True

    def validate(self) -> None:
        self.refuse_too_fine()

    @property
    def duration(self) -> Any:
        n = self.schedule.duration
        if isinstance(n, float):
            return n
        if is_jax(n) or is_jax(self.k):
            from lrsched.targets._jax import OPERATIONS

            return OPERATIONS["share"](self.k, n)
        column: Any = next((x for x in (n, self.k) if hasattr(x, "b")), None)
        return round(n * Fraction(self.k)) if column is None else column.b.share(_exact(self.k), n)

    def reached(self, inner: float) -> float:
        if inner == math.inf:
            return inner
        k, ahead = Fraction(self.k), max(0, LIMIT - inner)
        return min(math.ceil(inner * k), max(LIMIT // 2, LIMIT - math.ceil(ahead * k)))

    def formula(self, clock: Clock) -> Term:
        b, n = clock.b, self.duration
        if isinstance(n, int) and n == 0:
            return self._begun(b)
        value = self.held(clock, self._slower)
        return b.where(b.eq(n, 0), self._begun(b), value) if is_jax(n) and self.schedule.goes_on else value

    def _begun(self, b: Builder) -> Term:
        return self.schedule.formula(Clock(b, b.lift(0), b.lift(0)))

    def _slower(self, clock: Clock) -> Term:
        k: Any = Fraction(self.k) if isinstance(self.k, int | float) else _exact(self.k)
        return self.schedule.formula(clock.stretched(k, pace_of(clock.b, k)))

    def parts_in_time(self, stop: Any = None) -> Iterable[Part]:
        return (Part(self.schedule, pace=Fraction(self.k)),)

    def place(self, step: int) -> int:
        return math.ceil(step * Fraction(self.k))

    def come(self, t: int) -> int:
        return math.floor(t / Fraction(self.k))

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        if steps is None and self.schedule.edge(0) is None:
            return super()._rescaled(scale, steps)
        if self.k.is_integer():
            return rescale(self.schedule, replaced(scale, ratio=scale.ratio * int(self.k)), least=1)
        return stretch(self, scale, steps)


def _exact(k: Any) -> Any:
    """A column of real numbers as the fractions that they are; anything else unchanged."""
    if getattr(k, "op", "") != "column" or is_jax(k.args[0]):
        return k
    values, index = k.args
    return k.b.column(np.array([Fraction(v) for v in values.tolist()], dtype=object), index)


@kind("extended", method="extended")
class Extended(_Ending, _Slower):
    """See :meth:`Schedule.extended`."""

    schedule: Schedule = fields.node("Schedule")
    at: int = fields.count()
    total: int = fields.count(low=1)

    def validate(self) -> None:
        check_finite(self.where(), self.schedule)
        if any(map(is_jax, (self.at, self.total, self.schedule.duration))):
            return
        if self.at >= self.schedule.duration:
            fail(self.where(), "at", f"below the duration, {self.schedule.duration}", self.at)
        if self.total <= self.at:
            fail(self.where(), "total", f"above at, {self.at}", self.total)
        self.refuse_too_fine()

    @property
    def duration(self) -> Any:
        return self.total

    def _scale(self, b: Any) -> Any:
        return number_of(b.div(b.lift(self.total) - self.at, b.lift(self.schedule.duration) - self.at))

    def formula(self, clock: Clock) -> Term:
        return clock.finite(self.total, self._both, apart=True)

    def _both(self, clock: Clock) -> Term:
        b, scale, inner = clock.b, self._scale(clock.b), self.schedule.formula
        over, times = b.lift(self.total) - self.at, b.lift(self.schedule.duration) - self.at
        pace = Pace(b, scale, b.lift(1), times, over) if b.lift(scale).op == "bound" else None

        def after(late: Clock) -> Term:
            return inner(late.since(self.at).stretched(scale, pace).since(b.neg(self.at)))

        return forked(self, clock, lambda: clock.split(self.at, inner, after))

    def joints(self) -> tuple[int, ...]:
        return (self.at,)

    def place(self, step: int) -> int:
        late, ratio = step - self.at, Fraction(self.total - self.at, self.schedule.duration - self.at)
        return step if late <= 0 else self.at + math.ceil(late * ratio)

    def come(self, t: int) -> int:
        late, ratio = t - self.at, Fraction(self.total - self.at, self.schedule.duration - self.at)
        return t if late < 0 else self.at + math.floor(late / ratio)

    def _rescaled(self, scale: Scale, steps: Any) -> Schedule:
        if self.schedule.edge(0) is not None:
            return stretch(self, scale, steps)
        inner = rescale(self.schedule, scale, least=1)
        at = min(scale(self.at), inner.duration - 1)
        return Extended(inner, at, max(steps, at + 1))
