"""Clamps that a condition makes needless, where both of its sides are computed.

A side of a condition is chosen only where its clock lies in its own range. Elsewhere a clamp keeps the clock there,
so that nothing goes wrong in what is thrown away: no index outside of a table, no root of a negative number, nothing
infinite, which would make gradients NaN. Where nothing of that kind can happen without the clamp, it is left out.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from lrsched.ir.intervals import range_of
from lrsched.ir.term import Term, named
from lrsched.ir.walk import arguments, in_order

ARITHMETIC = frozenset({"add", "sub", "mul", "neg", "div", "floordiv", "mod", "real", "sin", "exp", "expm1"})
COMPUTED = ARITHMETIC | {"minimum", "maximum", "lt", "le", "eq", "where"}
LARGEST, SMALLEST = 1e30, 1e-30


@dataclasses.dataclass(frozen=True)
class _Wide:
    """What is known of a term's values where clamps are left out, and the clamps on which that depends."""

    op: str
    args: tuple[Any, ...]
    lo: Any
    hi: Any
    marks: frozenset[Term]


def unclamped(root: Term) -> Term:
    """The term with clamps where they are needed, and without marks of others."""
    terms = [*in_order(root).values()]
    return _rebuilt(root, terms, _needed(root, terms)) if any(term.op == "clamp" for term in terms) else root


def _needed(root: Term, terms: list[Term]) -> frozenset[Term]:
    """Clamps without which some operation could go wrong, or that no condition makes needless."""
    known: dict[int, _Wide] = {}
    wrong: set[Term] = set()
    for term in terms:
        inputs = [known[a.num] for a in arguments(term)]
        wide = known[term.num] = _widened(term, inputs)
        if wide.marks and not _is_harmless(wide, inputs, term.dtype):
            wrong |= wide.marks
    return known[named(root).num].marks | wrong


def _widened(term: Term, inputs: list[_Wide]) -> _Wide:
    marks: frozenset[Term] = frozenset().union(*(x.marks for x in inputs))
    lo, hi, limit = term.lo, term.hi, term.b.limit
    if term.op == "clamp":
        lo, hi, marks = inputs[0].lo, inputs[0].hi, inputs[0].marks | {term}
    elif term.op == "where":
        condition, yes, no = term.args[0], inputs[1].marks, inputs[2].marks
        marks = inputs[0].marks | _beyond(yes, condition, True) | _beyond(no, condition, False)
    if marks and term.op in COMPUTED:
        lo, hi = range_of(term.op, inputs)
        backwards = term.op in ("floordiv", "mod") and inputs[0].lo < 0
        if term.dtype == "i" and (backwards or lo < -limit - 1 or hi > limit):
            lo, hi = -limit - 1, limit
    return _Wide(term.op, term.args, lo, hi, marks)


def _beyond(marks: frozenset[Term], condition: Term, holds: bool) -> frozenset[Term]:
    """Clamps but those of the condition's own side."""
    return frozenset(m for m in marks if m.args[1] is not condition or m.args[2] is not holds)


def _is_harmless(wide: _Wide, inputs: list[_Wide], dtype: str) -> bool:
    """Whether an operation gives a finite value of finite slopes within these ranges."""
    if wide.op == "gather":
        table, index = wide.args[0], inputs[0]
        return isinstance(table, np.ndarray) and index.lo >= 0 and index.hi < len(table)
    if wide.op in ("search", "noise", "clamp"):
        return wide.op != "search" or isinstance(wide.args[0], np.ndarray)
    if wide.op not in COMPUTED:
        return False
    if wide.op in ("div", "floordiv", "mod"):
        least = SMALLEST if wide.op == "div" else 1
        if not (inputs[1].lo >= least or inputs[1].hi <= -least):
            return False
    return dtype != "f" or wide.op == "where" or -LARGEST <= wide.lo <= wide.hi <= LARGEST


def _rebuilt(root: Term, terms: list[Term], kept: frozenset[Term]) -> Term:
    made: dict[int, Term] = {}
    for term in terms:
        args = tuple(made[named(a).num] if type(a) is Term else a for a in term.args)
        if term.op == "clamp":
            made[term.num] = _clamped(term, args[0]) if term in kept else args[0]
        elif all(x is y for x, y in zip(args, term.args, strict=True)) or term.is_const:
            made[term.num] = term
        else:
            made[term.num] = term.b.term(term.op, args, term.dtype, term.lo, term.hi)
    return made[named(root).num]


def _clamped(clamp: Term, inner: Term) -> Term:
    b, clock = clamp.b, clamp.args[0]
    if clamp.lo > clock.lo:
        inner = b.make("maximum", inner, b.lift(clamp.lo))
    return b.make("minimum", inner, b.lift(clamp.hi)) if clamp.hi < clock.hi else inner
