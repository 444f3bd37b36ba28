"""Algebraic simplification: what operations on terms become before they are made, as functions on terms.

Those with the signature of an operation are methods of :class:`lrsched.ir.term.Builder` under its name.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.ir import folding
from lrsched.ir.intervals import is_bounded
from lrsched.ir.operations import INF

if TYPE_CHECKING:
    from lrsched.ir.term import Builder, Term


def scaled(b: Builder, blend: Term, factor: Term) -> Term | None:
    """``(weight * span + near) * factor`` with the factor in the numbers, for a weight from 0 to at most 1.

    Only for levels of one sign, where nothing cancels, and if the values at both ends stay what they are.
    """
    part, near = blend.args
    if part.op != "mul" or not part.dtype == near.dtype == "f":
        return None
    weight, span = part.args if part.args[1].op == "const" else part.args[::-1]
    if not factor.op == near.op == span.op == "const" or not near.args[0] * span.args[0] > 0:
        return None
    if weight.op != "cos" and not 0 <= weight.lo < weight.hi <= 1:
        return None
    times = folding.to_float(factor.args[0])
    low, gap = near.args[0] * times, span.args[0] * times
    if weight.op == "cos" or weight.hi == 1:
        high = (near.args[0] + span.args[0]) * times
        gap = folding.reaching(low, high, gap)
        if low + gap != high:
            return None
    return b.add(b.mul(weight, gap), low) if 0 < abs(gap) < INF and abs(low) < INF else None


def eased(b: Builder, a: Term, c: Term) -> Term:
    """A number of steps before or after a given one, for a product with a constant: as a difference of reals.

    It is the same number, and one operation on reals costs less than one on integers and a conversion.
    """
    if a.op != "real" or c.op != "const" or a.args[0].op not in ("add", "sub"):
        return a
    op, (x, y) = a.args[0].op, a.args[0].args
    return b.make(op, b.floats(x), b.floats(y)) if "const" in (x.op, y.op) else a


def extreme(b: Builder, op: str, a: Any, c: Any) -> Term:
    """The smaller or the larger; NaN if either is."""
    a, c = b.lift(a), b.lift(c)
    if b.weighed and a.op == "add" and a.dtype == c.dtype == "i" and a.args[1].op == c.op == "const":
        bound = c.args[0] - a.args[1].args[0]
        if b.fits(bound):  # a clamp of the step itself, which others may share
            return b.add(extreme(b, op, a.args[0], bound), a.args[1])
    if not (a.is_const and c.is_const) and is_bounded(a) and is_bounded(c):
        low, high = (a, c) if op == "minimum" else (c, a)
        if low.hi <= high.lo:
            return a
        if high.hi <= low.lo:
            return c
    return b.make(op, a, c)


def muldiv(b: Builder, a: Any, times: Any, over: Any, more: Any = 0) -> Term:
    """floor((a * times + more) / over) of integers >= 0, exactly, whatever the width; more < over."""
    a, times, over, more = b.lift(a), b.lift(times), b.lift(over), b.lift(more)
    known = all(x.op == "const" for x in (times, over, more)) and not a.is_const
    if known:
        shared = math.gcd(times.args[0], over.args[0])
        times, over, more = (b.lift(x.args[0] // shared) for x in (times, over, more))
    if more.equals(0) and (times.equals(1) or over.equals(1)):
        return b.floordiv(b.mul(a, times), over)
    if known and a.hi * times.args[0] + more.args[0] <= b.limit:
        return b.floordiv(b.add(b.mul(a, times), more), over)
    return b.make("muldiv", a, times, over, more)


def halved(b: Builder, op: str, a: Term, c: Term) -> tuple[Term, Term]:
    """``n - y`` beside ``y + k`` (integers, n and k constant) as y beside half of n - k."""
    for flipped, one, other in ((False, a, c), (True, c, a)):
        if one.op != "sub" or one.dtype != "i" or one.args[0].op != "const":
            continue
        y, shift = one.args[1], 0
        if other.op == "add" and other.args[1].op == "const":
            other, shift = other.args[0], other.args[1].args[0]
        if other is not y:
            continue
        twice = one.args[0].args[0] - shift
        up = (op == "le") != flipped
        half = b.lift(-(-twice // 2) if up else twice // 2)
        return (y, half) if flipped else (half, y)
    return a, c


def moved(b: Builder, a: Term, c: Term) -> tuple[Term, Term]:
    """The comparison of ``x + k`` with a constant as one of ``x``."""
    for i, (one, other) in enumerate(((a, c), (c, a))):
        constants = one.op == "add" and one.args[1].op == other.op == "const"
        if constants and one.dtype == other.dtype == "i":
            pair = (one.args[0], b.lift(other.args[0] - one.args[1].args[0]))
            return pair if i == 0 else (pair[1], pair[0])
    return a, c


def chosen(b: Builder, condition: Term, yes: Term, no: Term) -> Term:
    """A condition of which both sides are computed: checks outside, and what the sides share once."""
    if yes.op == "checked":
        return b.checked(b.where(condition, yes.args[0], False), b.where(condition, yes.args[1], no))
    if no.op == "checked":
        return b.checked(b.where(condition, False, no.args[0]), b.where(condition, yes, no.args[1]))
    if yes.op == no.op and yes.op in ("div", "real", "mul") and yes.args[1:] == no.args[1:]:
        return b.make(yes.op, b.where(condition, yes.args[0], no.args[0]), *yes.args[1:])
    return b.make("where", condition, yes, no)


def narrow(b: Builder, t: Any, lo: Any = None, hi: Any = None, on: tuple[Term, bool] | None = None) -> Term:
    """``t``, known to lie in [lo, hi]: a new name in branching targets, a clamp in the others.

    ``on`` is the condition on one side of which alone that is known, and which side: there a weighed target may
    do without the clamp.
    """
    t = b.lift(t)
    if b.branching and not t.is_const:
        if t.op == "add" and t.dtype == "i" and t.args[1].op == "const":
            inner, shift = t.args[0], t.args[1].args[0]
            low, high = (None if x is None else b.sub(x, shift) for x in (lo, hi))
            return b.add(narrow(b, inner, low, high), shift)
        low, high = _narrowed(t, lo, hi)
        return t if (low, high) == (t.lo, t.hi) else b.term("narrow", (t,), t.dtype, low, high)
    if b.weighed and on is not None and t.dtype == "i" and not t.is_const:
        ends = [None if x is None else b.lift(x) for x in (lo, hi)]
        if all(x is None or x.op == "const" for x in ends):
            low, high = _narrowed(t, *ends)
            return t if (low, high) == (t.lo, t.hi) else b.term("clamp", (t, *on), t.dtype, low, high)
    if lo is not None:
        t = b.maximum(t, lo)
    return t if hi is None else b.minimum(t, hi)


def known(b: Builder, t: Any, lo: Any) -> Term:
    """``t``, which is at least ``lo`` wherever it counts: a new name, on every target."""
    t = b.lift(t)
    return t if t.is_const or lo <= t.lo else b.term("narrow", (t,), t.dtype, lo, t.hi)


def _narrowed(t: Term, lo: Any, hi: Any) -> tuple[Any, Any]:
    """The range of a term that is known to lie in another one too."""
    low = max(t.lo, lo.lo) if lo is not None and is_bounded(lo) else t.lo
    high = min(t.hi, hi.hi) if hi is not None and is_bounded(hi) else t.hi
    return min(low, high), high  # a branch that no step takes


def power(b: Builder, a: Any, c: Any) -> Term:
    """a**c of real numbers; NaN rather than complex."""
    a, c = b.lift(a), b.lift(c)
    if c.equals(0):
        return b.lift(1.0)
    if c.equals(1) and not a.is_const:
        return b.floats(a)
    if c.equals(2) and not a.is_const:
        return b.mul(b.floats(a), b.floats(a))
    if c.equals(0.5) and not a.is_const and a.lo >= 0:
        return b.sqrt(a)
    return _by_parts(b, a, b.floats(c)) or b.make("pow", a, c)


def _by_parts(b: Builder, base: Term, c: Term) -> Term | None:
    """A power of known positive numbers, which would show their rounding to float32: by the parts of logarithms."""
    known = base.op in ("const", "column") and base.dtype == "f" and c.op not in ("const", "column")
    if not (known and b.single and 0 < base.lo <= base.hi < INF):
        return None
    values, index = (base.args[0].tolist(), base.args[1]) if base.op == "column" else ([base.args[0]], b.lift(0))
    parts = [b.settled(b.column(np.array(row), index)) for row in zip(*map(folding.log2_parts, values), strict=True)]
    return b.term("pow", (*parts, c), "f", 0, 1 if base.hi <= 1 and (c.lo >= 0 or c.dtype == "i") else INF)


def whole_power(b: Builder, base: Any, exponent: Any) -> Term:
    """base**exponent for an integer exponent >= 0 and 0 < base."""
    base, exponent = b.lift(base), b.lift(exponent)
    if base.equals(1):
        return b.lift(1.0)
    return _by_parts(b, base, exponent) or b.make("ipow", base, exponent)


def search(b: Builder, thresholds: Any, t: Any) -> Term:
    """How many of the increasing thresholds are <= t."""
    t = b.lift(t)
    known = isinstance(thresholds, np.ndarray)
    if t.op == "const" and known:
        return b.lift(int(thresholds.searchsorted(t.args[0], side="right")))
    if known:
        first = int(thresholds.searchsorted(t.lo, side="right"))
        last = int(thresholds.searchsorted(min(t.hi, 2**62), side="right"))
        if first == last:
            return b.lift(first)
        thresholds = thresholds[:last]
        t = t if b.branching else _unclamped(t, thresholds)
    else:
        first, last = 0, len(thresholds)
    return b.term("search", (thresholds, b.settled(t)), "i", first, last)


def _unclamped(t: Term, thresholds: np.ndarray) -> Term:
    """The step without clamps that move it past no threshold."""
    while t.op in ("minimum", "maximum") and t.args[1].op == "const":
        bound = t.args[1].args[0]
        if not (thresholds[-1] <= bound if t.op == "minimum" else bound < thresholds[0]):
            break
        t = t.args[0]
    return t
