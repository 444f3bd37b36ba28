"""Interval analysis: between which bounds the result of an operation lies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lrsched.ir.operations import INF

if TYPE_CHECKING:
    from lrsched.ir.term import Term


def is_bounded(term: Term) -> bool:
    """Whether the term's range tells anything."""
    return term.lo > -INF or term.hi < INF


def range_of(op: str, terms: Sequence[Any]) -> tuple[float, float]:
    """A closed interval that holds every value of the operation."""
    ends: tuple[float, float] = RANGES.get(op, _any)(*terms)
    lo, hi = ends
    return ends if lo == lo and hi == hi else ((-INF if lo != lo else lo), (INF if hi != hi else hi))


def _any(*terms: Term) -> tuple[float, float]:
    return -INF, INF


def _mul_range(a: Term, c: Term) -> tuple[float, float]:
    if a.lo >= 0 and c.lo >= 0 and a.hi and c.hi:
        return (a.lo * c.lo if a.lo and c.lo else 0), a.hi * c.hi
    ends = [x * y if x and y else 0 for x in (a.lo, a.hi) for y in (c.lo, c.hi)]
    return min(ends), max(ends)


def _div_range(a: Term, c: Term) -> tuple[float, float]:
    if c.lo <= 0 <= c.hi or math.isinf(c.lo) or math.isinf(c.hi):
        return (0, INF) if a.lo >= 0 and c.lo > 0 else (-INF, INF)
    ends = [x / y for x in (a.lo, a.hi) for y in (c.lo, c.hi)]
    return min(ends), max(ends)


def _muldiv_range(a: Term, m: Term, d: Term, p: Term) -> tuple[float, float]:
    return 0, (a.hi * m.hi) // d.lo + 1 if is_bounded(m) and is_bounded(d) and d.lo > 0 else 2**31 - 1


def _pow_range(a: Term, c: Term) -> tuple[float, float]:
    if a.lo >= 0 and a.hi <= 1 and c.lo >= 0:
        return 0, 1
    return (0, INF) if a.lo >= 0 else (-INF, INF)


def _exp_range(a: Term) -> tuple[float, float]:
    return 0, (1 if a.hi <= 0 else INF)


RANGES: dict[str, Callable[..., tuple[float, float]]] = {
    "add": lambda a, c: (a.lo + c.lo, a.hi + c.hi),
    "sub": lambda a, c: (a.lo - c.hi, a.hi - c.lo),
    "mul": _mul_range,
    "neg": lambda a: (-a.hi, -a.lo),
    "minimum": lambda a, c: (min(a.lo, c.lo), min(a.hi, c.hi)),
    "maximum": lambda a, c: (max(a.lo, c.lo), max(a.hi, c.hi)),
    "floordiv": lambda a, c: (0, a.hi if c.op != "const" else a.hi // c.args[0]) if a.lo >= 0 else (-INF, INF),
    "mod": lambda a, c: (0, min(a.hi, c.hi - 1)) if is_bounded(c) else (0, a.hi),
    "muldiv": _muldiv_range,
    "mulmod": lambda a, m, d, p: (0, d.hi - 1 if is_bounded(d) else INF),
    "real": lambda a: (a.lo, a.hi),
    "floor": lambda a: (a.lo if math.isinf(a.lo) else math.floor(a.lo), a.hi if math.isinf(a.hi) else math.floor(a.hi)),
    "div": _div_range,
    "sqrt": lambda a: (0, INF if math.isinf(a.hi) or a.hi < 0 else math.sqrt(a.hi)),
    "exp": _exp_range,
    "expm1": lambda a: (-1, 0 if a.hi <= 0 else INF),
    "log": lambda a: (-INF, 0 if a.hi <= 1 and a.b.branching else INF),
    "log1p": lambda a: (-INF, 0 if a.hi <= 0 and a.b.branching else INF),
    "sin": lambda a: (0, 1) if a.lo >= 0 and a.hi <= 3.15 else (-1, 1),
    "pow": _pow_range,
    "ipow": lambda a, c: (0, 1 if a.hi <= 1 else INF) if a.lo >= 0 else (-INF, INF),
    "where": lambda c, a, d: (min(a.lo, d.lo), max(a.hi, d.hi)),
    "cos": lambda a: (-1, 1),
    "noise": lambda s, t: (-1, 1),
    "valuation": lambda t: (0, 62),
}
