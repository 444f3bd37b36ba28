"""Schedules without an end: values by steps passed, and decays that go on for ever."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.fields import check_increasing
from lrsched.algebra.rescaling import Scale, stretch
from lrsched.algebra.schedule import Schedule, among, multiples
from lrsched.foundation.errors import LIMIT, fail
from lrsched.foundation.numbers import any_jax, is_jax
from lrsched.ir import folding
from lrsched.ir.clock import Clock
from lrsched.ir.exact_steps import number_of

if TYPE_CHECKING:
    from lrsched.ir.term import Builder, Term


class _Endless(Schedule):
    """What schedules without an end share."""

    __slots__ = ()

    @property
    def duration(self) -> Any:
        return math.inf


def index_of(clock: Clock, every: Any = 1) -> Term:
    """The local step that decides which piece is meant, as an integer; in whole parts of ``every`` steps."""
    return clock.whole(every)


def index_at(clock: Clock, every: Any = 1) -> Term:
    """The local step that the formula sees, as an integer; in whole parts of ``every`` steps."""
    return clock.whole_seen(every)


@kind("multi_step")
class MultiStep(_Endless):
    """``gamma**k`` after k milestones; a milestone m takes effect at t >= m, and counts as often as it is given.

    Example:
        >>> from lrsched import multi_step
        >>> multi_step([2, 3]).sample(4).tolist()
        [1.0, 1.0, 0.1, 0.010000000000000002]
    """

    milestones: tuple[int, ...] = fields.counts()
    gamma: float = fields.positive(default=0.1)

    def validate(self) -> None:
        check_sorted(self.where(), "milestones", self.milestones)

    def formula(self, clock: Clock) -> Term:
        b, size = clock.b, len(self.milestones)
        index = piece_index(clock, self.milestones)
        gamma = b.lift(self.gamma)
        if gamma.op == "const":
            return b.gather(np.array(powers(gamma.args[0], size + 1)), index)
        return b.ipow(gamma, index)

    def changes(self, first: int, last: int) -> NDArray[np.int64]:
        return among(self.milestones, first, last)

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        return MultiStep(tuple(scale(m) for m in self.milestones), self.gamma)


def powers(base: float, count: int) -> list[float]:
    """base**0, base**1, ...; infinity beyond the doubles."""
    try:
        return [math.pow(base, k) for k in range(count)]
    except (OverflowError, ValueError):
        return [folding.power(base, k) for k in range(count)]


def check_sorted(where: str, argument: str, values: Any) -> None:
    """Refuse a tuple of numbers that falls somewhere."""
    if isinstance(values, tuple) and not any_jax(values) and list(values) != sorted(values):
        fail(where, argument, "in increasing order", values)


def piece_index(clock: Clock, starts: Any) -> Term:
    """How many of the local steps ``starts`` have come."""
    if len(starts) == 0:
        return clock.b.lift(0)
    if is_jax(starts) or any_jax(starts):
        return clock.b.search(starts if is_jax(starts) else _stacked(list(starts)), index_of(clock))
    return count_passed(clock, starts)


def count_passed(clock: Clock, starts: Any) -> Term:
    """How many of the local steps ``starts``, plain integers, have come."""
    b, stretch = clock.b, clock.stretch
    known = stretch is not None and stretch.fixed and not stretch.back
    if stretch is not None and known and b.lift(stretch.scale).op == b.lift(stretch.offset).op == "const":
        return b.search(_thresholds([number_of(stretch.edge(n)) for n in starts]), clock.own)
    return b.search(_thresholds(starts), index_of(clock))


def _thresholds(steps: Any) -> Any:
    """Steps as 64-bit integers; what lies beyond them is beyond every clock too."""
    return np.array([min(n, 2**62) for n in steps] if max(steps, default=0) > 2**62 else steps, dtype=np.int64)


def _stacked(values: list[Any]) -> Any:
    import jax.numpy as jnp

    return jnp.stack([jnp.asarray(v if not hasattr(v, "args") else v.args[0]) for v in values])


@kind("step_decay")
class StepDecay(_Endless):
    """``gamma**(t // every)``.

    Example:
        >>> from lrsched import step_decay
        >>> step_decay(2, gamma=0.5).sample(5).tolist()
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    every: int = fields.count(low=1)
    gamma: float = fields.positive(default=0.1)
    counts_phases = endless_edges = True
    reach = LIMIT

    def formula(self, clock: Clock) -> Term:
        return clock.b.ipow(self.gamma, index_of(clock, self.every))

    def edge(self, t: int, back: bool = False, ends: bool = False) -> int | None:
        found = (t - 1) // self.every if back else max(t, 0) // self.every + 1
        return found * self.every if found > 0 and not ends else None

    def changes(self, first: int, last: int) -> NDArray[np.int64]:
        return multiples(self.every, first, last)

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        every = self.every * scale.ratio
        return StepDecay(every.numerator, self.gamma) if every.denominator == 1 else stretch(self, scale, steps)


@kind("piecewise")
class Piecewise(_Endless):
    """Piecewise constant; made by :func:`piecewise`."""

    starts: tuple[int, ...] = fields.counts(label="boundaries")
    values: tuple[float, ...] = fields.reals(least=1)

    @property
    def milestones(self) -> Any:
        return self.starts

    def validate(self) -> None:
        check_increasing(self.where(), "boundaries", self.starts)
        plain = isinstance(self.values, tuple) and isinstance(self.starts, tuple)
        if plain and len(self.values) != len(self.starts) + 1:
            fail(self.where(), "values", f"one more than the {len(self.starts)} boundaries", self.values)

    def formula(self, clock: Clock) -> Term:
        return read(clock.b, self.values, piece_index(clock, self.starts))

    def changes(self, first: int, last: int) -> NDArray[np.int64]:
        return among(self.starts, first, last)

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        later = {scale(m): value for m, value in zip(self.starts, self.values[1:], strict=True)}
        return Piecewise(tuple(later), (self.values[0], *later.values()))


def read(b: Builder, values: Any, index: Term) -> Term:
    """values[index] for a tuple of numbers or a JAX array."""
    if not is_jax(values):
        values = _stacked(list(values)) if any_jax(values) else np.array(values, dtype=np.float64)
    return b.gather(values, index)


@kind("exponential_decay")
class ExponentialDecay(_Endless):
    """``gamma**t``.

    Example:
        >>> from lrsched import exponential_decay
        >>> exponential_decay(0.5).sample(3).tolist()
        [1.0, 0.5, 0.25]
    """

    gamma: float = fields.positive()
    counts_phases = True
    reach = LIMIT

    def formula(self, clock: Clock) -> Term:
        t = clock.time
        return clock.b.ipow(self.gamma, t) if t.dtype == "i" else clock.b.pow(self.gamma, t)

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        return ExponentialDecay(self.gamma ** float(1 / scale.ratio))


@kind("inverse_time_decay")
class InverseTimeDecay(_Endless):
    """``1 / (1 + rate*t)``, rate >= 0 in 1/updates.

    Example:
        >>> from lrsched import inverse_time_decay
        >>> inverse_time_decay(1.0).sample(3).tolist()
        [1.0, 0.5, 0.3333333333333333]
    """

    rate: float = fields.real(low=0.0)

    def formula(self, clock: Clock) -> Term:
        return 1.0 / (clock.b.floats(clock.time) * clock.b.floats(self.rate) + 1.0)

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        return InverseTimeDecay(float(self.rate / scale.ratio))


@kind("inverse_sqrt")
class InverseSqrt(_Endless):
    """``sqrt(timescale / max(t, timescale))``: 1 up to ``timescale`` steps, then falling. Vaswani et al. (2017).

    Example:
        >>> from lrsched import inverse_sqrt
        >>> inverse_sqrt(4)(16)
        0.5
    """

    timescale: float = fields.positive()

    def formula(self, clock: Clock) -> Term:
        return decay_after(clock, self.timescale, clock.b.sqrt)

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        return InverseSqrt(float(self.timescale * scale.ratio))


def decay_after(clock: Clock, timescale: Any, shape: Callable[[Term], Term]) -> Term:
    """``shape(timescale / t)`` after ``timescale`` steps, 1 before."""
    b, scale = clock.b, clock.b.floats(timescale)
    t = b.floats(clock.time)
    early = b.le(t, scale)
    return b.where(early, 1.0, shape(b.minimum(scale / b.narrow(t, lo=scale), 1.0)))


@kind("power_decay")
class PowerDecay(_Endless):
    """``(timescale / max(t, timescale))**power``: 1 up to ``timescale`` steps, then a power law.

    Example:
        >>> from lrsched import power_decay
        >>> power_decay(4, power=1.0)(16)
        0.25
    """

    timescale: float = fields.positive()
    power: float = fields.positive()

    def formula(self, clock: Clock) -> Term:
        return decay_after(clock, self.timescale, lambda x: clock.b.pow(x, self.power))

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        return PowerDecay(float(self.timescale * scale.ratio), self.power)


multi_step = MultiStep
step_decay = StepDecay


def piecewise(boundaries: Any, values: Any) -> Schedule:
    """Piecewise constant: ``values[i]`` from step ``boundaries[i-1]`` on; one value more than boundaries.

    Example:
        >>> from lrsched import piecewise
        >>> piecewise([2, 3], [1, 0.5, 0.1]).sample(4).tolist()
        [1.0, 1.0, 0.5, 0.1]
    """
    return Piecewise(boundaries, values)


exponential_decay = ExponentialDecay
inverse_time_decay = InverseTimeDecay
inverse_sqrt = InverseSqrt
power_decay = PowerDecay
