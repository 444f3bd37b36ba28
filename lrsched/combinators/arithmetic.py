"""Schedules combined value by value: sums, products, extremes, powers, bounds and noise."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Iterable
from typing import Any

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.node import flatten_left
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.wrapper import _Wrapper
from lrsched.foundation.errors import LIMIT, ScheduleError, fail
from lrsched.foundation.numbers import is_jax
from lrsched.ir.clock import Clock
from lrsched.ir.term import Term
from lrsched.schedules.endless import index_at
from lrsched.schedules.spans import Constant


class _Operator(Schedule):
    """What value-by-value combinations share."""

    __slots__ = ()

    def operands(self) -> tuple[Schedule, ...]:
        """The schedules combined."""
        return self.parts  # type: ignore[attr-defined]

    @property
    def duration(self) -> Any:
        lengths = [part.duration for part in self.operands() if not isinstance(part, Constant)]
        return _longest(lengths) if lengths else math.inf

    def varying(self) -> Schedule | None:
        found = [part for part in self.operands() if not isinstance(part, Constant)]
        return found[0] if len(found) == 1 else None

    def numbers(self) -> list[float]:
        """The values of the operands that are constants."""
        return [part.value for part in self.operands() if isinstance(part, Constant)]

    def values(self, clock: Clock) -> list[Term]:
        """Each operand's value on the same clock."""
        varying = builtins.sum(not isinstance(part, Constant) for part in self.operands())
        inner = clock if varying == 1 else clock.within(False)
        return [clock.b.floats(part.formula(inner)) for part in self.operands()]

    @property
    def reach(self) -> float:
        """See :class:`Schedule`."""
        return min(part.reach for part in self.operands())

    def edge(self, t: int, back: bool = False, ends: bool = False) -> int | None:
        some = [found for part in self.operands() if (found := part.edge(t, back, ends)) is not None]
        return (max(some) if back else min(some)) if some else None


def _longest(durations: Iterable[Any]) -> Any:
    """The largest duration, of numbers, JAX values and columns of numbers."""
    found: Any = 0
    for duration in durations:
        if isinstance(found, int | float) and isinstance(duration, int | float):
            found = max(found, duration)
        elif math.inf in (found if isinstance(found, float) else 0, duration if isinstance(duration, float) else 0):
            found = math.inf
        elif isinstance(found, Term) or isinstance(duration, Term):
            term: Any = found if isinstance(found, Term) else duration
            b = term.b
            found = b.maximum(found, duration)
        else:
            import jax.numpy as jnp

            found = jnp.maximum(found, duration)
    return found


@kind("sum")
class Sum(_Operator):
    """The sum of schedules, added from left to right."""

    parts: tuple[Schedule, ...] = fields.nodes("Schedule")
    validate = flatten_left

    def formula(self, clock: Clock) -> Term:
        return _left(clock.b.add, self.values(clock))

    def scaled(self) -> tuple[Schedule, float, float] | None:
        inner = self.varying()
        return None if inner is None else (inner, 1.0, math.fsum(self.numbers()))


@kind("product")
class Product(_Operator):
    """The product of schedules, multiplied from left to right."""

    parts: tuple[Schedule, ...] = fields.nodes("Schedule")
    validate = flatten_left

    def formula(self, clock: Clock) -> Term:
        return _left(clock.b.mul, self.values(clock))

    def scaled(self) -> tuple[Schedule, float, float] | None:
        inner = self.varying()
        return None if inner is None else (inner, math.prod(self.numbers()), 0.0)


@kind("minimum")
class Minimum(_Operator):
    """The smallest of schedules; made by :func:`minimum`."""

    parts: tuple[Schedule, ...] = fields.nodes("Schedule")

    def formula(self, clock: Clock) -> Term:
        return _left(clock.b.minimum, self.values(clock))


@kind("maximum")
class Maximum(_Operator):
    """The largest of schedules; made by :func:`maximum`."""

    parts: tuple[Schedule, ...] = fields.nodes("Schedule")

    def formula(self, clock: Clock) -> Term:
        return _left(clock.b.maximum, self.values(clock))


@kind("quotient")
class Quotient(_Operator):
    """One schedule divided by another."""

    left: Schedule = fields.node("Schedule")
    right: Schedule = fields.node("Schedule")

    def operands(self) -> tuple[Schedule, ...]:
        return (self.left, self.right)

    def varying(self) -> Schedule | None:
        return self.left if isinstance(self.right, Constant) else None

    def formula(self, clock: Clock) -> Term:
        left, right = self.values(clock)
        return clock.b.div(left, right)

    def scaled(self) -> tuple[Schedule, float, float] | None:
        right = self.right
        return (self.left, 1.0 / right.value, 0.0) if isinstance(right, Constant) and right.value else None


def _left(operation: Callable[[Any, Any], Term], values: list[Term]) -> Term:
    total = values[0]
    for value in values[1:]:
        total = operation(total, value)
    return total


def minimum(*schedules: Any) -> Schedule:
    """The smallest value of schedules and numbers, step by step.

    Example:
        >>> from lrsched import linear, minimum
        >>> minimum(linear().over(4), 0.6).sample(4).tolist()
        [0.6, 0.6, 0.5, 0.25]
    """
    return _extreme("minimum", Minimum, schedules)


def maximum(*schedules: Any) -> Schedule:
    """The largest value of schedules and numbers, step by step.

    Example:
        >>> from lrsched import linear, maximum
        >>> maximum(linear().over(4), 0.3).sample(5).tolist()
        [1.0, 0.75, 0.5, 0.3, 0.3]
    """
    return _extreme("maximum", Maximum, schedules)


def sum(*schedules: Any) -> Schedule:
    """The sum of schedules and numbers, step by step, added from left to right.

    Example:
        >>> import lrsched as lrs
        >>> lrs.sum(lrs.linear().over(2), lrs.hold(2), 0.5).sample(2).tolist()
        [2.5, 2.0]
    """
    return _extreme("sum", Sum, schedules)


def _extreme(name: str, operator: Any, schedules: tuple[Any, ...]) -> Schedule:
    if not schedules:
        raise ScheduleError(f"{name}: give at least one schedule")
    parts = []
    for i, value in enumerate(schedules):
        part = Schedule.lift(value)
        if part is None:
            fail(name, f"argument {i}", "a schedule or a number", value, wrong_type=True)
        parts.append(part)
    combined: Schedule = operator(tuple(parts))
    return combined


class _Changed(_Wrapper):
    """What changes the values of one schedule, each by itself."""

    __slots__ = ()

    def varying(self) -> Schedule:
        return self.inner


@kind("power")
class Power(_Changed):
    """A schedule raised to a number."""

    schedule: Schedule = fields.node("Schedule")
    power: float = fields.real()

    def formula(self, clock: Clock) -> Term:
        from lrsched.profiles.operators import raised

        return raised(clock.b, clock.b.floats(clock.b.settled(self.schedule.formula(clock))), self.power)


@kind("raised")
class Raised(_Changed):
    """A positive number raised to a schedule, ``base ** s``: what is linear in s becomes geometric."""

    base: float = fields.positive()
    schedule: Schedule = fields.node("Schedule")

    def formula(self, clock: Clock) -> Term:
        b = clock.b
        return b.pow(b.floats(self.base), b.floats(b.settled(self.schedule.formula(clock))))


@kind("negative")
class Negative(_Changed):
    """Minus a schedule."""

    schedule: Schedule = fields.node("Schedule")

    def validate(self) -> None:
        if isinstance(self.schedule, Constant) and not is_jax(self.schedule.value):
            fail("-", "the schedule", "no constant: negate its value", self.schedule)

    def formula(self, clock: Clock) -> Term:
        return clock.b.neg(self.schedule.formula(clock))

    def scaled(self) -> tuple[Schedule, float, float] | None:
        return self.schedule, -1.0, 0.0


@kind("clipped", method="clipped")
class Clipped(_Changed):
    """See :meth:`Schedule.clipped`."""

    schedule: Schedule = fields.node("Schedule")
    low: float = fields.real()
    high: float = fields.real()

    def validate(self) -> None:
        if not is_jax(self.low) and not is_jax(self.high) and self.low > self.high:
            fail(self.where(), "low", f"at most high, {self.high!r}", self.low)

    def formula(self, clock: Clock) -> Term:
        b = clock.b
        return b.minimum(b.maximum(self.schedule.formula(clock), b.floats(self.low)), b.floats(self.high))


@kind("perturbed", method="perturbed")
class Perturbed(_Wrapper):
    """See :meth:`Schedule.perturbed`."""

    schedule: Schedule = fields.node("Schedule")
    scale: float = fields.real()
    seed: int = fields.count(below=2**64)
    counts_phases = True

    def reached(self, inner: float) -> float:
        return min(LIMIT, inner)

    def formula(self, clock: Clock) -> Term:
        return self.held(clock, self._noisy)

    def _noisy(self, clock: Clock) -> Term:
        b, stretch = clock.b, clock.stretch
        squeezed = stretch if b.single and stretch and not b.lift(stretch.scale).equals(1) else None
        if squeezed is not None and squeezed.most(clock.own) > b.limit:
            fail(
                self.where(), "the schedule", f"one whose clock stays below {b.limit} here (enable x64)", self.schedule
            )
        step = clock.time
        step = index_at(clock) if step.dtype == "f" else step
        factor = b.add(b.mul(b.floats(self.scale), b.noise(self.seed, step)), 1.0)
        return b.mul(self.schedule.formula(clock), factor)
