"""Running rows: contenders are made, checked against exact values, and measured."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import warnings
from typing import Any

import numpy as np

from benchmarks.exact import Errors, errors
from benchmarks.kinds import Counts
from benchmarks.measure import Effort, Spread, interleave, ratios
from benchmarks.row import Contender, Missing, Row

__all__ = ["CORRECT", "Figure", "Result", "run"]

CORRECT = 1e-6  # of the peak: float32 and nothing worse
FEW = 40


@dataclasses.dataclass(frozen=True)
class Figure:
    """What was found for one contender of a row."""

    contender: Contender
    value: Spread | None = None
    ratio: Spread | None = None
    errors: Errors | None = None
    missing: str = ""
    rounds: int = 0

    @property
    def correct(self) -> bool:
        """Whether its values are right to float32."""
        return self.errors is None or self.errors.share <= CORRECT

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        target, found = self.contender.target, self.ratio
        if target is None or self.value is None or found is None:
            return None
        return (found if target.of == "ratio" else self.value).median <= target.limit


@dataclasses.dataclass(frozen=True)
class Result:
    """A row with its figures."""

    row: Row
    figures: tuple[Figure, ...]

    def best(self, role: str) -> Figure | None:
        """The cheapest correct contender of a role."""
        found = [f for f in self.figures if f.contender.role == role and f.ratio is not None and f.correct]
        return min(found, key=lambda f: f.ratio.median if f.ratio else math.inf, default=None)

    @property
    def missed(self) -> tuple[Figure, ...]:
        """What did not reach its target."""
        return tuple(f for f in self.figures if f.reached is False)

    @property
    def ahead(self) -> Figure | None:
        """A correct peer that is cheaper than the best of ours."""
        mine, theirs = self.best("ours"), self.best("peer")
        if mine is None or theirs is None or mine.ratio is None or theirs.ratio is None:
            return None
        return theirs if theirs.ratio.median < mine.ratio.median else None


def run(row: Row, effort: Effort, seed: int = 0) -> Result:
    """Measure one row."""
    made: dict[str, Any] = {}
    missing: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for c in row.contenders:
            if c.slow and not effort.slow_rounds:
                missing[c.name] = "left out"
                continue
            try:
                made[c.name] = c.make()
            except Missing as error:
                missing[c.name] = str(error)
        wrong = {c.name: _errors(row, c, made[c.name]) for c in row.contenders if c.name in made}
        times = _times(row, made, effort, seed)
    reference = times.get(row.reference)
    figures = []
    for c in row.contenders:
        if c.name in missing:
            figures.append(Figure(c, missing=missing[c.name]))
            continue
        found = [x for x in times[c.name] if x is not None]
        relative = Spread.of(ratios(times[c.name], reference)) if reference else None
        figures.append(Figure(c, Spread.of(found), relative, wrong[c.name], rounds=len(found)))
    return Result(row, tuple(figures))


def _errors(row: Row, contender: Contender, made: Any) -> Errors | None:
    exact, found = contender.exact or row.exact, row.kind.checked(made, FEW if contender.slow else None)
    if exact is None or found is None:
        return None
    steps, values = found
    return errors(exact, steps, values.astype(np.float32) if contender.single else values)


def _times(row: Row, made: dict[str, Any], effort: Effort, seed: int) -> dict[str, list[float | None]]:
    loops = {name: row.kind.loop(x) for name, x in made.items()}
    if isinstance(row.kind, Counts):
        return {name: [loop(1)] for name, loop in loops.items()}
    slow = frozenset(c.name for c in row.contenders if c.slow)
    return interleave(loops, effort, slow, row.kind.once, seed)


def installed(name: str) -> bool:
    """Whether a module could be imported."""
    return importlib.util.find_spec(name) is not None
