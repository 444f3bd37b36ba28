"""From an expression to a term: its formula on a clock, or on a progress."""

from __future__ import annotations

from lrsched.ir.clock import Clock
from lrsched.ir.expression import Expression
from lrsched.ir.progress import unit_progress
from lrsched.ir.term import Builder, Term


def lower(node: Expression, b: Builder, first: int = 0, last: int | None = None) -> Term:
    """The expression as a term of the step, from ``first`` to ``last`` (of progress, for a profile)."""
    if node.takes_progress:
        value = node.formula(unit_progress(b))[0]
    else:
        t = b.step(first, last)
        value = node.formula(Clock(b, t if t.dtype == "i" else b.floor(t), t))
    return b.floats(b.settled(value))
