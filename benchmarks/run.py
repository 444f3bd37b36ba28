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
from benchmarks.measure import TRIES, Effort, Spread, interleave, ratios
from benchmarks.row import Contender, Missing, Row

__all__ = ["CORRECT", "Figure", "Lead", "Result", "run"]

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
    times: tuple[float | None, ...] = ()

    @property
    def rounds(self) -> int:
        """How many rounds it took part in."""
        return sum(x is not None for x in self.times)

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
class Lead:
    """A correct peer beside the best of ours on the same work; ``ratio`` is ours to the peer's, round by round."""

    peer: Figure
    ours: Figure
    ratio: Spread
    rounds: int

    @property
    def beyond_noise(self) -> bool:
        """Whether the peer is cheaper in three rounds of four, or more."""
        return self.ratio.low > 1.0

    @classmethod
    def of(cls, peer: Figure, ours: Figure) -> Lead | None:
        """Over the rounds that both took part in; None without any."""
        found = ratios(ours.times, peer.times)
        return cls(peer, ours, Spread.of(found), len(found)) if found else None


@dataclasses.dataclass(frozen=True)
class Result:
    """A row with its figures."""

    row: Row
    figures: tuple[Figure, ...]

    def correct(self, role: str, work: str) -> list[Figure]:
        """The correct contenders of a role that do a kind of work."""
        meant = [f for f in self.figures if (f.contender.role, f.contender.work) == (role, work)]
        return [f for f in meant if f.ratio is not None and f.correct]

    def best(self, role: str, work: str = "") -> Figure | None:
        """The cheapest of them."""
        found = self.correct(role, work)
        return min(found, key=lambda f: f.ratio.median if f.ratio else math.inf, default=None)

    @property
    def missed(self) -> tuple[Figure, ...]:
        """What did not reach its target."""
        return tuple(f for f in self.figures if f.reached is False)

    @property
    def leads(self) -> tuple[Lead, ...]:
        """Each correct peer that the best of ours on the same work is more expensive than, at the median."""
        found = []
        for theirs in self.figures:
            work = theirs.contender.work
            if theirs not in self.correct("peer", work):
                continue
            pairs = [Lead.of(theirs, mine) for mine in self.correct("ours", work)]
            best = min((p for p in pairs if p is not None), key=lambda p: p.ratio.median, default=None)
            if best is not None and best.ratio.median > 1.0:
                found.append(best)
        return tuple(found)

    @property
    def ahead(self) -> tuple[Lead, ...]:
        """The peers that are ahead."""
        return tuple(lead for lead in self.leads if lead.beyond_noise)

    @property
    def close(self) -> tuple[Lead, ...]:
        """The peers that seem ahead, but within noise."""
        return tuple(lead for lead in self.leads if not lead.beyond_noise)


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
        figures.append(Figure(c, Spread.of(found), relative, wrong[c.name], times=tuple(times[c.name])))
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
    longer = dataclasses.replace(effort, row_s=effort.row_s * row.patience, most=round(effort.most * row.patience))
    return interleave(loops, longer, slow, row.kind.once, seed, 1 if row.threads else TRIES)


def installed(name: str) -> bool:
    """Whether a module could be imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # one of the packages that it lies in
        return False
