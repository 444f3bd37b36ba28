"""Whole steps of an exactly scaled clock, counted without rounding."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.foundation.numbers import is_jax
from lrsched.ir.columns import aligned
from lrsched.ir.floor_lines import FloorLine

if TYPE_CHECKING:
    from lrsched.ir.term import Builder, Term


WIDEST = 2**62 - 1  # of the integers of a column


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
    steep, first, rest = line(b, t, ratio, -start)
    floor = b.add(rest, first)
    return floor if steep.equals(0) else b.add(b.mul(t, steep), floor)


def line(b: Builder, t: Term, ratio: Term, shift: Term) -> tuple[Term, Term, Term]:
    """floor(t * ratio - shift) for an integer t >= 0 as ``t * steep + first + rest``; the first two are known."""
    narrow = "column" in (ratio.op, shift.op)
    steep, first, times, over, more = _rows(b, (ratio, shift), lambda k, c: _row(k, -c, b.limit, narrow))
    return steep, first, b.muldiv(t, times, over, more)


def capped_steps(b: Builder, t: Term, ratio: Fraction, shift: Fraction) -> Term:
    """floor(t * ratio - shift), or the largest integer of the target where it is beyond it."""
    if t.hi * ratio - shift < b.limit + 1:
        return whole_steps(b, t, ratio, shift)
    last = math.ceil((b.limit + 1 + shift) / ratio) - 1
    return b.where(b.lt(last, t), b.limit, whole_steps(b, b.minimum(t, last), ratio, shift))


def whole_share(b: Builder, whole: Term, part: Term, times: Any, over: Any) -> Term:
    """floor((whole + part / times) * times / over), where whole * times may be no integer of the target."""
    rest = b.floordiv(b.add(b.mulmod(whole, times, over), part), over)
    return b.add(b.muldiv(whole, times, over), rest)


def either_sign(b: Builder, t: Term, formula: Callable[[Term, int], Term]) -> Term:
    """``formula`` of an integer without its sign and of the sign."""
    if t.lo >= 0:
        return formula(t, 1)
    if t.hi <= 0:
        return formula(b.neg(t), -1)
    return b.where(b.lt(t, 0), formula(b.maximum(b.neg(t), 0), -1), formula(b.maximum(t, 0), 1))


def far_minus(b: Builder, t: Term, size: Term, sign: int, amount: Term, start: Term) -> Term:
    """``t - (start + sign * size * amount)`` for integers and exact numbers or columns, as a real number.

    The nearest whole number is taken off bit by bit, so that nothing on the way is further from 0 than t.
    """
    widest, start = min(b.limit, WIDEST), start if sign > 0 else -start

    def row(slope: Fraction, first: Fraction) -> tuple[Any, ...]:
        steep = math.floor(slope)
        over = math.lcm(slope.denominator, first.denominator)
        over = over if over <= widest else (slope - steep).limit_denominator(widest).denominator
        times, more = round((slope - steep) * over), round(first * over)
        slack = float(slope - steep - Fraction(times, over)), float(first - Fraction(more, over))
        return (steep, times, over, *divmod(more + over // 2, over), *slack)

    steep, times, over, first, more, lean, slack = _rows(b, (amount, start), row)
    less: Any = b.sub if sign > 0 else b.add
    near = less(less(less(t, first), b.mul(size, steep)), b.muldiv(size, times, over, more))
    slack = slack if lean.equals(0) else b.add(b.mul(b.floats(size), lean), slack)
    count = b.sub(b.mulmod(size, times, over, more), b.floordiv(over, 2))
    return less(b.floats(near), b.add(b.div(b.floats(count), b.floats(over)), slack))


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
