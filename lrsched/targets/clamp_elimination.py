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

__all__ = ["unclamped"]

ARITHMETIC = frozenset({"add", "sub", "mul", "neg", "div", "floordiv", "mod", "real", "sin", "exp", "expm1"})
COMPUTED = ARITHMETIC | {"minimum", "maximum", "lt", "le", "eq", "where"}
LARGEST, SMALLEST = 1e30, 1e-30
ROUNDS = 8


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
    marks = frozenset(term for term in terms if term.op == "clamp")
    if not marks:
        return root
    kept: frozenset[Term] = frozenset()
    for _ in range(ROUNDS):
        known = _known(terms, kept)
        more = _needed(root, terms, known)
        if not more:
            return _rebuilt(root, terms, known, kept)
        kept |= more
    return _rebuilt(root, terms, _known(terms, marks), marks)


def _known(terms: list[Term], kept: frozenset[Term]) -> dict[int, _Wide]:
    """What is known of each term if only the clamps of ``kept`` are there."""
    known: dict[int, _Wide] = {}
    for term in terms:
        known[term.num] = _widened(term, [known[a.num] for a in arguments(term)], kept)
    return known


def _needed(root: Term, terms: list[Term], known: dict[int, _Wide]) -> frozenset[Term]:
    """Clamps without which some operation could go wrong; of those inside each other the outermost, which may do."""
    wrong = set(known[named(root).num].marks)
    for term in terms:
        wide = known[term.num]
        if wide.marks and not _is_harmless(wide, [known[a.num] for a in arguments(term)], term.dtype):
            wrong |= wide.marks
    inner: set[Term] = set().union(*(known[named(clamp.args[0]).num].marks for clamp in wrong))
    return frozenset(wrong - inner)


def _widened(term: Term, inputs: list[_Wide], kept: frozenset[Term]) -> _Wide:
    marks: frozenset[Term] = frozenset().union(*(x.marks for x in inputs))
    lo, hi, limit = term.lo, term.hi, term.b.limit
    if term.op == "where":
        condition, yes, no = term.args[0], inputs[1].marks, inputs[2].marks
        marks = inputs[0].marks | _beyond(yes, condition, True) | _beyond(no, condition, False)
    if term.op == "clamp":
        return _Wide("clamp", term.args, lo, hi, frozenset()) if term in kept else _open(term, inputs[0])
    if marks and term.op in COMPUTED:
        lo, hi = range_of(term.op, inputs)
        backwards = term.op in ("floordiv", "mod") and inputs[0].lo < 0
        if term.dtype == "i" and (backwards or lo < -limit - 1 or hi > limit):
            lo, hi = -limit - 1, limit
    return _Wide(term.op, term.args, lo, hi, marks)


def _open(clamp: Term, inner: _Wide) -> _Wide:
    return _Wide("clamp", clamp.args, inner.lo, inner.hi, inner.marks | {clamp})


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


def _rebuilt(root: Term, terms: list[Term], known: dict[int, _Wide], kept: frozenset[Term]) -> Term:
    made: dict[int, Term] = {}
    for term in terms:
        args = tuple(made[named(a).num] if type(a) is Term else a for a in term.args)
        if term.op == "clamp":
            made[term.num] = _clamped(term, args[0], known[named(term.args[0]).num]) if term in kept else args[0]
        elif all(x is y for x, y in zip(args, term.args, strict=True)) or term.is_const:
            made[term.num] = term
        else:
            made[term.num] = term.b.term(term.op, args, term.dtype, term.lo, term.hi)
    return made[named(root).num]


def _clamped(clamp: Term, inner: Term, wide: _Wide) -> Term:
    b = clamp.b
    if clamp.lo > wide.lo:
        inner = b.make("maximum", inner, b.lift(clamp.lo))
    return b.make("minimum", inner, b.lift(clamp.hi)) if clamp.hi < wide.hi else inner
