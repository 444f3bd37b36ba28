"""Ranges of steps: each schedule's own generated filler.

A filler takes the longest range on which no piece, cycle, sample or condition changes, computes its parameters once,
and fills it in blocks that stay in cache. Where pieces are short, all pieces of a block are computed together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lrsched._blocks import BLOCK
from lrsched._clock import Clock
from lrsched._filling import generated, loaded, lowered
from lrsched._term import Builder, Term

__all__ = ["BLOCK", "Filler", "filler"]


def filler(schedule: Any) -> Filler:
    """The filler of a schedule, made once."""
    memo = schedule._memo
    found = memo.get("filler")
    if found is None:
        found = memo["filler"] = Filler(schedule)
    return found


class Filler:
    """Fills vectors with a schedule's values; ``source`` is the generated code, empty if there are no ranges."""

    def __init__(self, schedule: Any) -> None:
        made = generated(schedule.formula)
        self.source, self.calm = made.source, made.calm
        self.piecewise = loaded(made.source, made.objects) if made.source else None
        self._together: Callable[[Any], Any] | None = None

    def fill(self, schedule: Any, first: int, last: int, out: Any) -> None:
        """Write the values of steps ``first`` to ``last - 1``."""
        t = first
        if self.calm and self.piecewise is not None:
            t = self.piecewise(first, first, last, out)
        if t < last:
            with np.errstate(all="ignore"):
                self._fill(schedule, t, first, last, out)

    def _fill(self, schedule: Any, t: int, first: int, last: int, out: Any) -> None:
        chunk = 4 * BLOCK
        while t < last:
            if self.piecewise is not None:
                t = self.piecewise(t, first, last, out)
                if t == last:
                    return
            stop = min(t + chunk, last) if self.piecewise is not None else last
            self.together(schedule, t, stop, out[t - first : stop - first])
            t, chunk = stop, 2 * chunk

    def together(self, schedule: Any, first: int, last: int, out: Any) -> None:
        """All pieces of a block at once."""
        if self._together is None:
            self._together = _kernel(schedule.formula)
        for low in range(first, last, BLOCK):
            high = min(low + BLOCK, last)
            out[low - first : high - first] = self._together(np.arange(low, high, dtype=np.float64))


def _kernel(formula: Callable[[Clock], Term]) -> Callable[[Any], Any]:
    from lrsched import targets
    from lrsched.targets._calls import CallTarget

    target = targets.table("numpy")
    assert isinstance(target, CallTarget)
    return target.load(*target.function(lowered(formula, Builder(branching=False, limit=2**53, exact_ends=True))))
