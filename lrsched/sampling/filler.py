"""Ranges of steps: each schedule's own generated filler.

A filler takes the longest range on which no piece, cycle, sample or condition changes, computes its parameters once,
and fills it in blocks that stay in cache. Where pieces are short, all pieces of a block are computed together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lrsched.foundation.errors import LIMIT
from lrsched.ir.clock import Clock
from lrsched.ir.term import Builder, Term
from lrsched.sampling.array_code import BLOCK
from lrsched.sampling.generate import generated, loaded, lowered
from lrsched.targets._numpy import OPERATIONS, TARGET

__all__ = ["BLOCK", "Filler", "filler"]

Piecewise = Callable[[int, int, int, Any], int] | None


def filler(schedule: Any) -> Filler:
    """The filler of a schedule, one for all its ranges."""
    memo = schedule._memo
    found = memo.get("filler")
    if found is None:
        found = memo["filler"] = Filler(min(LIMIT, schedule.reach))
    return found


class Filler:
    """Fills vectors with a schedule's values; long ranges of what repeats, in a way of their own."""

    def __init__(self, reach: float) -> None:
        self.reach = reach
        self.repeating: int | None = None
        self._ways: dict[bool, Piecewise] = {}
        self._together: Callable[[Any], Any] | None = None

    def _way(self, schedule: Any, n: int) -> Piecewise:
        """What fills ranges of n steps, generated when it is first needed."""
        least = self.repeating
        if least is None or (0 < least <= n) not in self._ways:
            made = generated(schedule.formula, n)
            self._ways[0 < made.repeating <= n] = loaded(made.source, made.objects) if made.source else None
            self.repeating = least = made.repeating
        return self._ways[0 < least <= n]

    def fill(self, schedule: Any, first: int, last: int, out: Any) -> None:
        """Write the values of steps ``first`` to ``last - 1``."""
        piecewise = self._way(schedule, last - first)
        with np.errstate(all="ignore"):
            t = first if piecewise is None else piecewise(first, first, last, out)
            if t < last:
                self._rest(schedule, piecewise, t, first, last, out)

    def _rest(self, schedule: Any, piecewise: Piecewise, t: int, first: int, last: int, out: Any) -> None:
        """Go on from ``t``, where pieces are short, and look again from time to time whether they still are."""
        chunk = 4 * BLOCK
        while t < last:
            stop = last if piecewise is None else min(t + chunk, last)
            self.together(schedule, t, stop, out[t - first : stop - first])
            t, chunk = stop, 2 * chunk
            if piecewise is not None and t < last:
                t = piecewise(t, first, last, out)

    def together(self, schedule: Any, first: int, last: int, out: Any) -> None:
        """All pieces of a block at once."""
        if self._together is None:
            self._together = _kernel(schedule.formula)
        for low in range(first, last, BLOCK):
            high = min(low + BLOCK, last)
            out[low - first : high - first] = self._together(np.arange(low, high, dtype=np.float64))


def _kernel(formula: Callable[[Clock], Term]) -> Callable[[Any], Any]:
    """The formula compiled for NumPy, with look-ups and powers for steps that rise."""
    source, objects = TARGET.function(lowered(formula, Builder(branching=False, limit=2**53, exact_ends=True)))
    return TARGET.load(source, {**objects, "search": _search, "ipow": _ipow})


def _search(thresholds: Any, t: Any) -> Any:
    """How many thresholds each step has passed; steps that rise are counted by the thresholds between them."""
    if len(t) < 2 or np.any(t[1:] < t[:-1]):
        return OPERATIONS["search"](thresholds, t)
    first, last = np.searchsorted(thresholds, t[[0, -1]], side="right")
    if 4 * (last - first) > len(t):
        return OPERATIONS["search"](thresholds, t)
    ends = np.searchsorted(t, thresholds[first:last], side="left")
    return np.repeat(np.arange(first, last + 1, dtype=np.float64), np.diff(ends, prepend=0, append=len(t)))


def _ipow(base: Any, exponent: Any) -> Any:
    """Powers, once for each run of equal exponents."""
    if np.ndim(base) == 0:
        firsts = np.flatnonzero(np.diff(exponent, prepend=np.nan))
        if 4 * len(firsts) < len(exponent):
            return np.repeat(np.power(base, exponent[firsts]), np.diff(firsts, append=len(exponent)))
    return OPERATIONS["ipow"](base, exponent)
