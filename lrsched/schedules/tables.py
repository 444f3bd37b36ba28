"""Schedules given number by number: geometric falls, tables, and step sizes of optimisation theory."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.rescaling import Scale, stretch
from lrsched.algebra.schedule import Schedule
from lrsched.foundation.argument_names import speaking_as
from lrsched.foundation.errors import check_choice, fail
from lrsched.foundation.numbers import is_jax
from lrsched.ir.clock import Clock
from lrsched.ir.term import Term
from lrsched.schedules.blend import LINEAR
from lrsched.schedules.endless import index_at, index_of, read


@kind("geometric")
class Geometric(Schedule):
    """A geometric ramp ``start * (end / start)**(t / steps)`` over ``steps`` steps; both ends are positive.

    Example:
        >>> from lrsched import geometric
        >>> geometric(2, 1e-4, 1.0).sample(3).round(6).tolist()
        [0.0001, 0.01, 1.0]
    """

    steps: int = fields.count()
    start: float = fields.positive()
    end: float = fields.positive()

    def formula(self, clock: Clock) -> Term:
        return clock.finite(self.steps, self._ramp)

    def _ramp(self, clock: Clock) -> Term:
        b, x = clock.b, clock.progress(self.steps).simple()
        start, end = b.floats(self.start), b.floats(self.end)
        range_ = b.log(end) - b.log(start)
        late = b.le(x.left, x.done)
        share = b.where(late, -(range_ * x.z), range_ * x.u)
        value = b.mul(b.exp(share), b.where(late, end, start))
        return value if b.branching else b.where(b.eq(x.left, 0), end, value)


@kind("table")
class Table(Schedule):
    """The values given, one a step; the last is held.

    Args:
        values: at least one number.
        interpolate: between steps (of a stretched or real clock), draw straight lines.

    Example:
        >>> from lrsched import table
        >>> table([3, 1, 2]).sample(4).tolist()
        [3.0, 1.0, 2.0, 2.0]
    """

    values: tuple[float, ...] = fields.reals(least=1)
    interpolate: bool = fields.static("flag", default=False, choices=(False, True))

    @property
    def duration(self) -> Any:
        return len(self.values)

    def formula(self, clock: Clock) -> Term:
        b, size = clock.b, len(self.values)
        index = b.minimum((index_at if self.interpolate else index_of)(clock.within(False)), size - 1)
        value = read(b, self.values, index)
        exact = clock.plain and clock.at.dtype == "i"
        if exact or not self.interpolate:
            return value
        following = read(b, self.values, b.minimum(index + 1, size - 1))
        part = b.minimum(b.floats(clock.time) - b.floats(index), 1.0)
        return b.where(b.lt(index, size - 1), value * (1.0 - part) + following * part, value)

    def _rescaled(self, scale: Scale, steps: Any) -> Schedule:
        sampled = [self.values[min(int(i / scale.ratio), len(self.values) - 1)] for i in range(steps)]
        return Table(tuple(sampled) or self.values[-1:], self.interpolate)


@kind("silver_steps")
class SilverSteps(Schedule):
    """Silver step sizes ``1 + rho**(nu(t+1) - 1)``, rho = 1 + sqrt 2, nu the exponent of 2. Altschuler, Parrilo (2023).

    Multiply by 1/L; stop after 2**k - 1 steps only.

    Example:
        >>> from lrsched import silver_steps
        >>> [round(x, 3) for x in silver_steps(3).sample(3).tolist()]
        [1.414, 2.0, 1.414]
    """

    steps: int = fields.count()
    counts_phases = True

    def formula(self, clock: Clock) -> Term:
        levels = np.array([1.0 + silver_power(k - 1) for k in range(64)])
        return clock.finite(self.steps, lambda c: c.b.gather(levels, c.b.valuation(index_at(c) + 1)))


def silver_power(k: int) -> float:
    """(1 + sqrt 2)**k, k >= -1, rounded once: a + b * sqrt 2 for integers a and b."""
    a, b = -1, 1
    for _ in range(k + 1):
        a, b = a + 2 * b, a + b
    return float(Fraction((a << 200) + math.isqrt(2 * b * b << 400), 1 << 200))


@kind("chebyshev_steps")
class ChebyshevSteps(Schedule):
    """Chebyshev step sizes ``1 / ((M+m)/2 - (M-m)/2 * cos((i+1/2)*pi/n))`` for a spectrum [m, M].

    In the fractal order (n a power of 2) every prefix is stable. Agarwal, Goel and Zhang (2021).

    Args:
        steps: n, an integer >= 1, a power of 2 when fractal.
        smallest, largest: m and M, positive.
        fractal: reorder the steps so that no run of them diverges.

    Example:
        >>> from lrsched import chebyshev_steps
        >>> [round(x, 4) for x in chebyshev_steps(4, 0.1, 1.0).sample(4).tolist()]
        [7.4486, 1.0355, 2.647, 1.3846]
    """

    steps: int = fields.static("count", low=1)
    smallest: float = fields.positive()
    largest: float = fields.positive()
    fractal: bool = fields.static("flag", default=True, choices=(False, True))

    def validate(self) -> None:
        if self.steps > 2**24:
            fail(self.where(), "steps", f"at most {2**24}: the sizes are tabulated", self.steps)
        if self.fractal and self.steps & (self.steps - 1):
            fail(self.where(), "steps", "a power of 2 in the fractal order", self.steps)
        if not is_jax(self.smallest) and not is_jax(self.largest) and self.smallest > self.largest:
            fail(self.where(), "smallest", f"at most largest, {self.largest!r}", self.smallest)

    def formula(self, clock: Clock) -> Term:
        b, n = clock.b, self.steps
        order = fractal_order(n) if self.fractal else np.arange(n)
        squares = np.sin((order + 0.5) * (np.pi / (2 * n))) ** 2
        square = b.gather(squares, b.minimum(index_of(clock.within(False)), n - 1))
        low, high = b.floats(self.smallest), b.floats(self.largest)
        return 1.0 / (low + (high - low) * square)

    def _rescaled(self, scale: Scale, steps: Any) -> Schedule:
        if (self.fractal and steps & (steps - 1)) or not steps:
            return stretch(self, scale, steps)
        return ChebyshevSteps(steps, self.smallest, self.largest, self.fractal)


def fractal_order(n: int) -> Any:
    """The order 0, n-1, ... in which Chebyshev steps stay stable; n is a power of 2."""
    order = np.zeros(1, dtype=np.int64)
    while len(order) < n:
        order = np.stack([order, 2 * len(order) - 1 - order], axis=1).reshape(-1)
    return order


def range_sweep(smallest: Any = 1e-7, largest: Any = 10.0, steps: int = 100, spacing: str = "geometric") -> Schedule:
    """The rates of a learning-rate range test: ``smallest -> largest`` over ``steps`` steps. Smith (2017).

    ``geometric(steps, smallest, largest)``, or ``linear().over(steps, smallest, largest)`` with ``spacing="linear"``.

    Example:
        >>> from lrsched import range_sweep
        >>> round(range_sweep(1e-4, 1.0, 4)(2), 6)
        0.01
    """
    check_choice("range_sweep", "spacing", spacing, ("geometric", "linear"))
    with speaking_as("range_sweep", start="smallest", end="largest"):
        return LINEAR.over(steps, smallest, largest) if spacing == "linear" else Geometric(steps, smallest, largest)


geometric = Geometric
table = Table
silver_steps = SilverSteps
chebyshev_steps = ChebyshevSteps
