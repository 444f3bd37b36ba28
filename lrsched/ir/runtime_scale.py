"""A stretch that only the run knows, as a quotient of integers, so that local steps are counted without rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.foundation.numbers import is_jax
from lrsched.foundation.records import Record

if TYPE_CHECKING:
    from lrsched.ir.term import Builder, Term

MOSTLY = 1 - 2.0**-20


class Pace(Record):
    """``x = t / scale = t * lift * times / over``, all of them integers that a program is given.

    ``slope`` is 0 and has the gradient of a scale that is a real number, which integers do not have; then ``lift`` and
    ``times`` are powers of 2.
    """

    b: Builder
    scale: Any
    lift: Any
    times: Any
    over: Any
    slope: Any = None

    @property
    def is_whole(self) -> bool:
        """Whether the scale is known to be a whole number."""
        return bool(self.b.lift(self.lift).equals(1) and self.b.lift(self.times).equals(1))

    def floor(self, t: Term, times: Any = 1, up: bool = False) -> Term:
        """The whole number at or below x * times, or the last integer of the target where x is beyond it."""
        b, t = self.b, self.b.maximum(t, 0)
        most = b.where(b.lt(self.over, self.times), b.floordiv(self._parts(b.lift(b.limit))[0], self.lift), b.limit)
        many = b.mul(b.mul(b.minimum(t, b.floordiv(most, times)), self.lift), times)
        whole = b.muldiv(many, self.times, self.over, b.sub(self.over, 1) if up else 0)
        return b.where(b.lt(most, t), b.limit, whole)

    def ceil(self, t: Term, times: Any = 1, begun: bool = True) -> Term:
        """The whole number at or above x * times."""
        return self.floor(t, times, up=True)

    def part(self, t: Term, times: Any) -> Term:
        """The whole number at or below ``times`` times what x is beyond a whole number."""
        rest = self.b.mulmod(self.b.mul(self.b.maximum(t, 0), self.lift), self.times, self.over)
        return self.b.muldiv(rest, times, self.over)

    def first(self, turns: Term) -> Term:
        """The first whole time at which x is ``turns``."""
        b, (whole, rest) = self.b, self._parts(turns)
        return b.floordiv(b.add(b.add(whole, b.minimum(rest, 1)), b.sub(self.lift, 1)), self.lift)

    def gap(self, t: Term, turns: Any, unit: Any, back: bool) -> Term:
        """``t`` minus the time at which x is ``turns``: whole numbers first, from the side where nothing cancels.

        ``back`` is the other way round.
        """
        b, turns = self.b, self.b.mul(turns, unit)
        whole, part, missing = self.scaled(b.maximum(turns, 0))
        late = b.floats(b.sub(b.sub(t, whole), 1)) + missing
        gap = b.where(b.lt(whole, t), late, b.floats(b.sub(t, whole)) - part)
        if turns.lo < 0:
            gap = b.where(b.lt(turns, 0), b.floats(t) - b.floats(turns) * self.scale, gap)
        return b.neg(gap) if back else gap

    def scaled(self, step: Term) -> tuple[Term, Term, Term]:
        """step * scale for a step >= 0: a whole number, what is beyond it, and what the next one is beyond."""
        b = self.b
        if step.equals(0):
            return b.lift(0), b.lift(0.0), b.lift(1.0)
        near = b.minimum(step, b.floor(b.minimum(MOSTLY * b.limit, MOSTLY * b.limit / b.floats(self.scale))))
        whole, rest = self._parts(near)
        lift, times, more = b.floats(self.lift), b.floats(self.times), b.floats(b.mod(whole, self.lift))
        rest = b.floats(rest)
        part, missing = (more + rest / times) / lift, ((lift - 1.0 - more) + (times - rest) / times) / lift
        far = b.floats(b.sub(step, near)) * self.scale
        part, missing = part + far, missing - far
        if self.slope is not None:
            part, missing = part + b.floats(near) * self.slope, missing - b.floats(near) * self.slope
        return b.floordiv(whole, self.lift), part, missing

    def _parts(self, step: Term) -> tuple[Term, Term]:
        """step * over / times as a whole number, the last one where it is beyond it, and the rest of the division."""
        b = self.b
        if is_jax(self.over) and step.op in ("const", "bound"):
            from lrsched.ir.jax_integers import shifted

            whole, rest = shifted(step.args[0], self.over, self.times)
            return b.lift(whole), b.lift(rest)
        most = b.where(b.lt(self.over, self.times), b.limit, b.muldiv(b.limit, self.times, self.over))
        near = b.minimum(step, most)
        whole = b.muldiv(near, self.over, self.times)
        return b.where(b.lt(most, step), b.limit, whole), b.mulmod(near, self.over, self.times)


def pace_of(b: Builder, scale: Any) -> Pace | None:
    """The number that a scale is, bit by bit; None where it is no real number of the run."""
    term = b.lift(scale)
    table: Any = term.args[0] if term.op in ("bound", "gather") else None
    if term.dtype != "f" or not is_jax(table) or (term.op == "bound" and table.ndim):
        return None
    from jax import lax

    lift, times, over = quotient(table)
    slope = table - lax.stop_gradient(table)
    if term.op == "bound":
        return Pace(b, term, lift, times, over, b.lift(slope))
    of_row = [b.gather(x, term.args[1], dtype) for x, dtype in ((lift, "i"), (times, "i"), (over, "i"), (slope, "f"))]
    return Pace(b, term, *of_row)


def quotient(x: Any) -> tuple[Any, Any, Any]:
    """Integers (lift, times, over) for which a positive JAX number is over / (lift * times), exactly."""
    import jax.numpy as jnp
    from jax import lax

    x, whole = jnp.asarray(lax.stop_gradient(x), jnp.result_type(float)), np.dtype(jnp.result_type(int))
    limit, most = np.iinfo(whole).max, 8 * whole.itemsize - 2
    digits = np.finfo(x.dtype).nmant + 1
    mantissa, power = jnp.frexp(x)
    number = (mantissa * 2.0**digits).astype(whole)
    zeros = lax.population_count((number & -number) - 1)
    number, power = number >> zeros, power.astype(whole) - digits + zeros
    over = jnp.where(x >= limit, limit, number << jnp.clip(power, 0, most))
    down, one = jnp.maximum(-power, 0), jnp.ones((), whole)
    return one << jnp.clip(down - most, 0, most), one << jnp.minimum(down, most), over
