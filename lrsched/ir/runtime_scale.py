"""A stretch that only the run knows, as a quotient of integers, so that local steps are counted without rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.foundation.records import Record

if TYPE_CHECKING:
    from lrsched.ir.term import Builder, Term

__all__ = ["Pace", "Ratio", "pace_of", "quotient"]

MOSTLY = 1 - 2.0**-20


class Pace(Record):
    """``t / scale = t * lift * times / over``, all of them integers that a program is given.

    ``slope`` is 0 and has the gradient of a scale that is a real number, which integers do not have; then ``lift`` and
    ``times`` are powers of 2.
    """

    b: Builder
    lift: Any
    times: Any
    over: Any
    slope: Any = None

    @property
    def _shortens(self) -> Term:
        return self.b.lt(self.over, self.times)

    @property
    def grows(self) -> bool:
        """Whether each local step is known to take a whole number of steps."""
        return self.b.lift(self.lift).equals(1) and self.b.lift(self.times).equals(1)

    def last(self, step: Term) -> tuple[Term, Term]:
        """Where the last local step up to ``step`` begins within the integers, and how many steps less that is."""
        near = self.b.minimum(step, self._farthest)
        return self.b.mul(near, self.over), self.b.sub(near, step)

    @property
    def _farthest(self) -> Term:
        """The last local step that begins within the integers of the target."""
        b = self.b
        return b.where(self._shortens, b.limit, b.muldiv(b.limit, self.times, self.over))

    def whole(self, t: Term) -> Term:
        """floor(t / scale), or the last integer of the target where it is beyond it."""
        b, back = self.b, self.b.lt(t, 0)
        most = b.where(self._shortens, b.floordiv(self._parts(b.lift(b.limit))[0], self.lift), b.limit)
        size = b.minimum(b.maximum(t, b.neg(t)), most)
        whole = b.muldiv(b.mul(size, self.lift), self.times, self.over, b.where(back, b.sub(self.over, 1), 0))
        return b.where(back, b.neg(whole), b.where(b.lt(most, t), b.limit, whole))

    def edge(self, step: Term) -> Term:
        """ceil(step * scale), or the last integer of the target where it is beyond it."""
        b, back = self.b, self.b.lt(step, 0)
        whole, rest = self._parts(b.maximum(step, b.neg(step)))
        up = b.add(whole, b.where(b.lt(b.minimum(rest, b.sub(b.limit, whole)), 1), 0, 1))
        up = b.where(self._shortens, b.floordiv(b.add(up, b.sub(self.lift, 1)), self.lift), up)
        return b.where(back, b.neg(b.floordiv(whole, self.lift)), up)

    def scaled(self, step: Term, scale: Any) -> tuple[Term, Term, Term]:
        """step * scale for a step >= 0: a whole number, what is beyond it, and what the next one is beyond."""
        b = self.b
        if step.equals(0):
            return b.lift(0), b.lift(0.0), b.lift(1.0)
        near = b.minimum(step, b.floor(b.minimum(MOSTLY * b.limit, MOSTLY * b.limit / b.floats(scale))))
        whole, rest = self._parts(near)
        lift, times, more = b.floats(self.lift), b.floats(self.times), b.floats(b.mod(whole, self.lift))
        rest = b.floats(rest)
        part, missing = (more + rest / times) / lift, ((lift - 1.0 - more) + (times - rest) / times) / lift
        part = part + b.floats(b.sub(step, near)) * scale
        if self.slope is not None:
            part, missing = part + b.floats(near) * self.slope, missing - b.floats(near) * self.slope
        return b.floordiv(whole, self.lift), part, missing

    def _parts(self, step: Term) -> tuple[Term, Term]:
        """step * over / times as a whole number, the last one where it is beyond it, and the rest of the division."""
        b = self.b
        if self.slope is not None and step.op in ("const", "bound"):
            from lrsched.ir.jax_integers import shifted

            whole, rest = shifted(step.args[0], self.over, self.times)
            return b.lift(whole), b.lift(rest)
        most = self._farthest
        near = b.minimum(step, most)
        whole = b.muldiv(near, self.over, self.times)
        return b.where(b.lt(most, step), b.limit, whole), b.mulmod(near, self.over, self.times)


class Ratio(Pace):
    """A pace of two integers of the run: exact where their products with steps stay below 2**52, a real beyond.

    Under x64 that is 2**113.
    """

    @property
    def grows(self) -> bool:
        """Never known of a quotient."""
        return False

    def whole(self, t: Term) -> Term:
        """floor(t / scale)."""
        return self._divided(t, self.times, self.over)[0]

    def edge(self, step: Term) -> Term:
        """ceil(step * scale)."""
        return self.b.neg(self._divided(self.b.neg(step), self.over, self.times)[0])

    def scaled(self, step: Term, scale: Any) -> tuple[Term, Term, Term]:
        """step * scale: a whole number, what is beyond it, and what the next one is beyond."""
        whole, rest = self._divided(step, self.over, self.times)
        times = self.b.floats(self.times)
        return whole, self.b.floats(rest) / times, self.b.floats(self.b.sub(self.times, rest)) / times

    def _divided(self, x: Term, times: Term, over: Term) -> tuple[Term, Term]:
        """floor(x * times / over) and the rest: integers that wrap around know by how much an estimate is off."""
        b, x, most = self.b, self.b.settled(x), MOSTLY * self.b.limit
        near = b.floats(x) * (b.floats(times) / b.floats(over))
        first = b.floor(b.maximum(b.minimum(near, most), -most))
        rest = b.sub(_wrapped(b.mul(x, times)), b.mul(first, over))
        more = b.floor(b.floats(rest) / b.floats(over))
        rest = b.sub(rest, b.mul(more, over))
        once = b.sub(b.where(b.lt(rest, over), 0, 1), b.where(b.lt(rest, 0), 1, 0))
        size = b.maximum(near, -near) * (b.floats(over) * (2.0**-22 if b.single else 2.0**-51))
        sure = b.lt(b.maximum(size, b.floats(over)), b.limit / 2)
        whole = b.where(sure, b.add(b.add(first, more), once), first)
        return whole, b.where(sure, b.sub(rest, b.mul(once, over)), 0)


def _wrapped(x: Term) -> Term:
    """A plain number as the integers of the target wrap it around; what they compute themselves is so already."""
    size = x.b.limit + 1
    return x.b.lift((x.args[0] + size) % (2 * size) - size) if x.op == "const" else x


def pace_of(b: Builder, scale: Any) -> Pace | None:
    """The number that a scale is, bit by bit; None where it is no real number of the run."""
    term = b.lift(scale)
    if term.op != "bound" or term.dtype != "f" or term.args[0].ndim:
        return None
    from jax import lax

    x = term.args[0]
    return Pace(b, *quotient(x), b.lift(x - lax.stop_gradient(x)))


def quotient(x: Any) -> tuple[Any, Any, Any]:
    """Integers (lift, times, over) for which a positive JAX number is over / (lift * times), exactly."""
    import jax.numpy as jnp
    from jax import lax

    x, whole = lax.stop_gradient(x).astype(jnp.result_type(float)), np.dtype(jnp.result_type(int))
    limit, most = np.iinfo(whole).max, 8 * whole.itemsize - 2
    digits = np.finfo(x.dtype).nmant + 1
    mantissa, power = jnp.frexp(x)
    number = (mantissa * 2.0**digits).astype(whole)
    zeros = lax.population_count((number & -number) - 1)
    number, power = number >> zeros, power.astype(whole) - digits + zeros
    over = jnp.where(x >= limit, limit, number << jnp.clip(power, 0, most))
    down, one = jnp.maximum(-power, 0), jnp.ones((), whole)
    return one << jnp.clip(down - most, 0, most), one << jnp.minimum(down, most), over
