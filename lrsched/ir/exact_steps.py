"""Whole steps of an exactly scaled clock, counted without rounding."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.foundation.numbers import is_jax
from lrsched.foundation.records import Record, replaced
from lrsched.ir.columns import aligned
from lrsched.ir.floor_lines import FloorLine

if TYPE_CHECKING:
    from lrsched.ir.clock import Clock
    from lrsched.ir.term import Builder, Term

__all__ = ["number_of"]


WIDEST = 2**62 - 1  # of the integers of a column
NEAR = 2.0**-12  # how near to a step, but for roundings in float32, counts as on it


def number_of(term: Term) -> Any:
    """The plain number of a constant term, else the term."""
    return term.args[0] if term.op == "const" else term


def reached(b: Builder, starts: Term) -> Term:
    """Where pieces start, as integers of the target: those that no step reaches start at the last one."""
    if starts.op != "column" or not exact_constant(starts):
        return starts
    last = min(b.limit, WIDEST)
    return starts if starts.hi <= last and starts.dtype == "i" else b.minimum(starts, last)


def minus(b: Builder, t: Term, amount: Any) -> Term:
    """t - amount as a real number: the nearest whole number is taken off in integers, so nothing cancels."""
    amount = b.lift(amount)
    fits = not t.hi - amount.lo > b.limit
    if amount.dtype == "i" and t.dtype == "i" and max(abs(amount.lo), abs(amount.hi)) <= b.limit and fits:
        return b.floats(b.sub(t, amount))
    if not amount.is_const or amount.dtype == "f" or t.dtype == "f":
        return b.sub(b.floats(t), b.floats(amount))
    whole = b.floor(amount + Fraction(1, 2))
    kept = b.maximum(b.minimum(whole, min(b.limit, WIDEST)), -b.limit if fits else 0)
    return b.sub(b.floats(b.sub(t, kept)), b.floats(amount - kept))


def exact_constant(x: Term) -> bool:
    """Whether a term is an exact number, or a column of them."""
    return x.is_const and x.dtype in "iq" and not is_jax(x.args[0])


def whole_steps(b: Builder, t: Term, ratio: Any, shift: Any = 0) -> Term:
    """floor(t * ratio - shift) for an integer t up to the limit and exact constants or columns, exactly."""
    ratio, start = b.lift(ratio), -b.lift(shift)
    if -b.limit <= t.lo < 0 and t.hi - t.lo <= b.limit:  # products are of numbers without a sign
        return whole_steps(b, b.sub(t, t.lo), ratio, -(start + ratio * t.lo))
    narrow = "column" in (ratio.op, start.op)
    steep, first, times, over, more = _rows(b, (ratio, start), lambda k, c: _row(k, c, b.limit, narrow))
    floor = b.add(b.muldiv(t, times, over, more), first)
    return floor if steep.equals(0) else b.add(b.mul(t, steep), floor)


def words(clock: Clock, step: Term) -> tuple[Term, Term]:
    """The whole local steps at ``step`` modulo 2**32, and how many times 2**32 they hold, where integers are narrow.

    Elsewhere, and where the local time is no known line, this is ``step`` itself and 0.
    """
    b, at, zero = clock.b, clock.at, clock.b.lift(0)
    bends = [x for x in (clock.most, clock.least) if x is not None]
    known = all(clock.knows(x) for x in (clock.scale, clock.root, clock.past, clock.gone, *bends))
    if not b.single or at.dtype != "i" or not known:
        return step, zero
    scale, root, past, gone, *_ = (
        Fraction(b.lift(x).args[0]) for x in (clock.scale, clock.root, clock.past, clock.gone)
    )
    slope, start = 1 / scale, (gone - root) / scale - past
    if math.floor(min(at.hi, b.limit) * slope + start) <= b.limit:
        return step, zero
    if at.op == "const":
        whole = _clamped(math.floor(at.args[0] * slope + start), clock)
        return b.lift(_signed(whole)), b.lift(whole >> 32)
    steep, first, times, over, more = _row(slope, start, b.limit, narrow=False)
    low = b.add(_wrapped(b, at, steep, first), b.muldiv(at, times, over, more))
    high = capped_steps(b, at, slope / 2**32, -start / 2**32)
    for bend, late in ((clock.most, True), (clock.least, False)):
        if bend is not None:
            edge = math.ceil((Fraction(b.lift(bend).args[0]) - start) * scale)
            passed, held = (b.le(edge, at) if late else b.lt(at, edge)), math.floor(b.lift(bend).args[0])
            low, high = b.where(passed, _signed(held), low), b.where(passed, held >> 32, high)
    return low, high


def _clamped(whole: int, clock: Clock) -> int:
    """A whole local step within the bends of the clock."""
    least, most = (None if x is None else math.floor(clock.b.lift(x).args[0]) for x in (clock.least, clock.most))
    whole = whole if most is None else min(whole, most)
    return whole if least is None else max(whole, least)


def _wrapped(b: Builder, t: Term, times: int, more: int) -> Term:
    """t * times + more modulo 2**32, in integers of 32 bits that wrap around."""
    return b.add(b.mul(t, _signed(times)), _signed(more))


def _signed(x: int) -> int:
    """An integer modulo 2**32, as an integer of 32 bits with a sign."""
    return (x + 2**31) % 2**32 - 2**31


def capped_steps(b: Builder, t: Term, ratio: Fraction, shift: Fraction) -> Term:
    """floor(t * ratio - shift), or the largest integer of the target where it is beyond it."""
    if t.hi * ratio - shift < b.limit + 1:
        return whole_steps(b, t, ratio, shift)
    last = math.ceil((b.limit + 1 + shift) / ratio) - 1
    return b.where(b.lt(last, t), b.limit, whole_steps(b, b.minimum(t, last), ratio, shift))


class ExactPart(Record):
    """A part of a step, ``(count - over // 2) / over + slack``, which is counted in integers between -1/2 and 1/2."""

    b: Builder
    count: Term
    over: Term
    slack: Term

    @property
    def real(self) -> Term:
        """The part as a real number, which the builder knows to be this one."""
        b = self.b
        part = b.div(b.floats(b.sub(self.count, b.floordiv(self.over, 2))), b.floats(self.over))
        part = b.add(part, self.slack)
        b.exact_parts[part] = self
        return part

    @property
    def above(self) -> Term:
        """1 where the part is after the whole step, else 0."""
        b, middle = self.b, self.b.floordiv(self.over, 2)
        after = b.lt(middle, self.count)
        if not self.slack.equals(0):
            after = b.where(b.eq(middle, self.count), b.lt(0.0, self.slack), after)
        return b.where(after, 1, 0)

    @property
    def turned(self) -> ExactPart:
        """The part as far before a whole step as this one is after it."""
        b = self.b
        return replaced(self, count=b.sub(b.floordiv(self.over, 2) * 2, self.count), slack=b.neg(self.slack))

    def later(self, amount: Term) -> tuple[Term, ExactPart]:
        """How many whole steps there are to what is an exact number of steps later, and the part."""
        b = self.b

        def row(exact: Fraction, over: Fraction) -> tuple[Any, ...]:
            more = round(exact * over)
            whole, part = divmod(more, int(over))
            return whole, whole + 1, over - part, part, part - over, float(exact - more / over)

        whole, next_, missing, more, less, slack = _rows(b, (amount, self.over), row)
        carried = b.le(missing, self.count)
        count = b.add(self.count, b.where(carried, b.settled(less), b.settled(more)))
        later = replaced(self, count=count, slack=b.add(self.slack, slack))
        return b.where(carried, b.settled(next_), b.settled(whole)), later


def multiple(b: Builder, t: Term, amount: Term, start: Term) -> tuple[Term, ExactPart]:
    """t * amount + start for an integer t and exact constants or columns: the nearest whole number, and the part."""
    widest = min(b.limit, WIDEST)

    def row(slope: Fraction, first: Fraction) -> tuple[Any, ...]:
        steep = math.floor(slope)
        over = math.lcm(slope.denominator, first.denominator)
        over = over if over <= widest else (slope - steep).limit_denominator(widest).denominator
        times, more = round((slope - steep) * over), round(first * over)
        slack = float(slope - steep - Fraction(times, over)), float(first - Fraction(more, over))
        return (steep, times, over, *divmod(more + over // 2, over), *slack)

    steep, times, over, first, more, lean, slack = _rows(b, (amount, start), row)
    whole = b.add(b.add(b.mul(t, steep), b.muldiv(t, times, over, more)), first)
    slack = slack if lean.equals(0) else b.add(b.mul(b.floats(t), lean), slack)
    return whole, ExactPart(b, b.mulmod(t, times, over, more), over, slack)


def _rows(b: Builder, terms: tuple[Term, ...], row: Callable[..., tuple[int, ...]]) -> list[Term]:
    """A function of exact numbers that gives integers, on constants or row by row on columns."""
    terms = tuple(aligned(b, terms) or ())
    columns = [x for x in terms if x.op == "column"]
    size = len(columns[0].args[0]) if columns else 1
    given = (x.args[0].tolist() if x.op == "column" else [x.args[0]] * size for x in terms)
    found = zip(*(row(*map(Fraction, values)) for values in zip(*given, strict=True)), strict=True)
    if not columns:
        return [b.lift(values[0]) for values in found]
    return [b.column(np.array(values, dtype=object), columns[0].args[1]) for values in found]


def _row(slope: Fraction, start: Fraction, limit: int, narrow: bool) -> tuple[int, int, int, int, int]:
    """A line as whole steps, a whole start, and a fraction (t * times + more) / over between 0 and 1."""
    steep, first = math.floor(slope), math.floor(start)
    line, widest = FloorLine.through(slope - steep, start - first, limit), min(limit, WIDEST)
    if narrow and line.over > widest:
        line = FloorLine.through(slope - steep, start - first, widest // 2)
    more = math.floor(Fraction(line.more, line.over))
    return steep, first + more, line.times, line.over, line.more - more * line.over
