"""From an expression to a term: its formula on a clock, or on a progress."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from lrsched.ir.clock import Clock
from lrsched.ir.progress import unit_progress
from lrsched.ir.term import Builder, Term

__all__ = ["Expression", "lower"]


class Expression(Protocol):
    """What can be lowered: a formula on a clock, or one on a progress that gives a pair of which the first counts."""

    takes_progress: ClassVar[bool]

    def formula(self, x: Any, /) -> Any:
        """The value on a clock, or the pair of values on a progress."""


def lower(expression: Expression, b: Builder) -> Term:
    """The expression as a term of the step, or of progress."""
    if expression.takes_progress:
        value = expression.formula(unit_progress(b))[0]
    else:
        t = b.step()
        value = expression.formula(Clock(b, b.floor(t), t))
    return b.floats(b.settled(value))
