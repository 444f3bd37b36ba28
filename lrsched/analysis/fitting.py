"""Laws fitted to runs: non-negative least squares in all parameters but one, robust, over a grid of that one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lrsched.analysis.annealing import AnnealingLaw, annealed
from lrsched.analysis.law import Law
from lrsched.analysis.records import Result, axes, number, record
from lrsched.analysis.runs import Run, runs_of, shapes_of
from lrsched.analysis.signal_noise import SignalNoiseLaw, signal_and_noise
from lrsched.foundation.errors import ABOVE_0, check_real, fail

__all__ = ["Fit", "fit"]

EXPONENTS = np.geomspace(0.03, 2.0, 40)
DECAYS = (0.99, 0.995, 0.999, 0.9995)
LEAST_LOSSES = 4
REWEIGHTINGS = 30
GOLDEN = (5**0.5 - 1) / 2
PRECISION = 1e-11  # of the logarithm of the exponent
SURE = (0.1, 1.9)  # exponents between these are identified
NOT_IDENTIFIED = (
    "not identified: the runs do not tell a floor of the loss from slow progress. Use it to rank schedules and to "
    "choose peaks, not for absolute losses; losses logged along the way would help."
)


@record
class Fit(Result):
    """What :func:`fit` found.

    ``errors`` are the predicted less the measured ``losses``; ``r2`` is the share of the variance of the losses that
    the law explains; ``runs`` is the number of runs; ``identified`` says whether the law is good for more than ranking
    schedules and choosing peaks.
    """

    law: Law
    errors: np.ndarray
    r2: float
    runs: int
    identified: bool
    losses: np.ndarray

    assumes: ClassVar = ("the runs differ in their rates and lengths only.",)

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the law."""
        return self.law.notes

    def table(self) -> list[tuple[str, ...]]:
        """The parameters, and how well they fit."""
        off = np.abs(self.errors)
        return [
            *self.law.table(),
            ("runs", str(self.runs)),
            ("losses", str(len(self.losses))),
            ("R2", f"{self.r2:.4f}"),
            ("mean error", number(float(off.mean()), 3)),
            ("largest error", number(float(off.max()), 3)),
            ("identified", "yes" if self.identified else "no"),
        ]

    def plot(self, ax: Any = None) -> Any:
        """Draw predicted against measured losses; return the axes."""
        self.concrete("drawn")
        ax = axes(ax)
        ends = [float(self.losses.min()), float(self.losses.max())]
        ax.plot(ends, ends, color="0.6", lw=1, label="as measured")
        ax.plot(self.losses, self.losses + self.errors, "o", ms=4, alpha=0.6, label=self.law.name)
        ax.set(xlabel="measured loss", ylabel="loss of the law", title=f"{self.runs} runs, R2 {self.r2:.4f}")
        ax.legend(frameon=False)
        return ax


def fit(runs: Any, law: Any = SignalNoiseLaw, *, robust: float = 1e-3) -> Fit:
    """Fit a law of the loss to runs, each a schedule and the losses that were measured on it.

    What to run: two lengths of the cooldown at three peaks each, over a short horizon, with losses logged along the
    way. From final losses alone a law ranks schedules and chooses peaks, but does not know its floor.

    The exponent is searched on a grid from 0.03 to 2 and then by golden section; for each, the other parameters are
    non-negative least squares, reweighted 30 times for the cost of Huber. The time it takes grows with the number of
    losses times the updates before each.

    Args:
        runs: a list of (rates or a schedule, steps or None, losses), where losses are a number, the loss after the
            last update, or (at, losses) with numbers of updates made; or the name of a CSV with the columns run,
            expression, steps, step and loss, where ``step`` is the number of updates made and may be empty for the
            last. Losses that are NaN, or from before the first rate above 0, are dropped and counted.
        law: ``SignalNoiseLaw``, or ``AnnealingLaw``, whose ``warmup`` is the shortest rise that a run begins with.
        robust: the error, in units of the loss, from which on errors count by their size and no more by its square.

    Raises:
        ScheduleError: fewer than 4 losses, all of them after the same sum of rates, or a run that is none.

    Example:
        >>> import lrsched as lrs
        >>> from lrsched.analysis import SignalNoiseLaw, fit
        >>> true = SignalNoiseLaw(2.5, 0.6, 0.45, 40.0, peaks=(3e-4, 3e-3))
        >>> at = [500, 1000, 1500, 2000]
        >>> shapes = lrs.linear().over(2000), lrs.minimum(1, 5 * lrs.linear().over(2000))
        >>> schedules = [peak * shape for shape in shapes for peak in (3e-4, 1e-3, 3e-3)]
        >>> found = fit([(s, 2000, (at, true.predict(s, at=at))) for s in schedules])
        >>> found.identified, round(found.law.exponent, 3), round(found.law.best_peak(shapes[0]), 6)
        (True, 0.45, 0.002307)
    """
    kind = _checked_kind(law)
    robust = check_real("fit", "robust", robust, "a number > 0", ABOVE_0)
    found = runs_of("fit", runs)
    used = [run for run in found if len(run.losses)]
    losses = np.concatenate([run.losses for run in used]) if used else np.zeros(0)
    _check_enough(found, losses)
    best = kind(used, losses, robust)
    predicted = np.concatenate([best.losses(run.rates, run.at) for run in used])
    identified = bool(best.loss > 0 and SURE[0] <= _exponent(best) <= SURE[1])
    peaks = [float(run.rates.max()) for run in used]
    remarks = _remarks(found, used, peaks, identified)
    values = {name: getattr(best, name) for name in best.__dataclass_fields__}
    final = type(best)(**values | {"peaks": (min(peaks), max(peaks)), "remarks": remarks})
    errors = predicted - losses
    spread = float(((losses - losses.mean()) ** 2).sum())
    r2 = 1 - float((errors**2).sum()) / spread if spread else float(not errors.any())
    return Fit(final, errors, r2, len(used), identified, losses)


def _checked_kind(law: Any) -> Callable[[list[Run], Any, float], Any]:
    fitted: dict[Any, Any] = {SignalNoiseLaw: _signal_noise, AnnealingLaw: _annealing}
    if not isinstance(law, type) or law not in fitted:
        allowed = "SignalNoiseLaw or AnnealingLaw, which can be fitted"
        fail("fit", "law", allowed, law, wrong_type=not isinstance(law, type))
    return fitted[law]


def _check_enough(runs: Sequence[Run], losses: Any) -> None:
    if len(losses) < LEAST_LOSSES:
        dropped = sum(run.dropped for run in runs)
        fail("fit", "runs", f"runs with at least {LEAST_LOSSES} losses", f"{len(losses)}, after {dropped} were dropped")
    totals = np.concatenate([np.cumsum(run.rates)[run.at - 1] for run in runs if len(run.losses)])
    if np.ptp(totals) <= 1e-9 * totals.max():
        fail("fit", "runs", "runs that differ in the sum of their rates", f"a sum of {totals[0]:g} in all")


def _exponent(law: Any) -> float:
    return float(law.exponent if isinstance(law, SignalNoiseLaw) else law.alpha)


def _remarks(runs: Sequence[Run], used: Sequence[Run], peaks: list[float], identified: bool) -> tuple[str, ...]:
    """What the user of the law has to know."""
    said = []
    dropped = sum(run.dropped for run in runs)
    if dropped:
        said.append(f"losses dropped: {dropped} (NaN, or from before the first rate above 0).")
    few = [f"{n} {what}" for n, what in ((shapes_of(used), "shape"), (_different(peaks), "peak")) if n < 2]
    if few:
        said.append(f"fitted to {' and '.join(few)} only: it cannot tell noise from progress.")
    if not identified:
        said.append(NOT_IDENTIFIED)
    return tuple(said)


def _different(peaks: list[float]) -> int:
    """How many peaks there are, those within 1 % being one."""
    ordered = np.sort(peaks)
    return 1 + int((ordered[1:] > 1.01 * ordered[:-1]).sum())


# ---- the laws as columns


def _signal_noise(runs: Sequence[Run], losses: Any, robust: float) -> SignalNoiseLaw:
    pairs = [signal_and_noise(run.rates, run.at) for run in runs]
    totals, noise = (np.concatenate(part) for part in zip(*pairs, strict=True))
    found = _searched(totals, noise, losses, robust)
    loss, signal, weight = found.factors
    return SignalNoiseLaw(loss, signal, found.exponent, weight, peaks=(1.0, 1.0))


def _annealing(runs: Sequence[Run], losses: Any, robust: float) -> AnnealingLaw:
    warmup = min(_rise(run.rates) for run in runs)
    totals = np.concatenate([np.cumsum(run.rates)[run.at - 1] for run in runs])
    tries = []
    for decay in DECAYS:
        column = -np.concatenate([annealed(run.rates, decay, warmup)[run.at - 1] for run in runs])
        tries.append((_searched(totals, column, losses, robust), decay))
    found, decay = min(tries, key=lambda pair: pair[0].cost)
    loss, factor, weight = found.factors
    return AnnealingLaw(loss, factor, found.exponent, weight, decay, warmup, peaks=(1.0, 1.0))


def _rise(rates: Any) -> int:
    """The length of the rise that a run begins with."""
    falls = np.flatnonzero(np.diff(rates) <= 0)
    return int(falls[0]) if len(falls) else 0


# ---- the search


class _Candidate(NamedTuple):
    """Three factors for an exponent, and what they cost."""

    cost: float
    exponent: float
    factors: tuple[float, ...]


def _searched(totals: Any, column: Any, losses: Any, robust: float) -> _Candidate:
    """The exponent, and the factors of 1, S**-exponent and a column, of the least cost."""

    def tried(logarithm: float) -> _Candidate:
        exponent = float(np.exp(logarithm))
        columns = np.column_stack([np.ones(len(totals)), totals**-exponent, column])
        cost, factors = _robust(columns, losses, robust)
        return _Candidate(cost, exponent, factors)

    grid = np.log(EXPONENTS)
    candidates = [tried(place) for place in grid]
    best = min(range(len(grid)), key=lambda i: candidates[i].cost)
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    left, right = (tried(place) for place in (high - GOLDEN * (high - low), low + GOLDEN * (high - low)))
    while high - low > PRECISION:
        if left.cost < right.cost:
            high, right = np.log(right.exponent), left
            left = tried(high - GOLDEN * (high - low))
        else:
            low, left = np.log(left.exponent), right
            right = tried(low + GOLDEN * (high - low))
    return min(left, right, candidates[best], key=lambda one: one.cost)


def _robust(columns: Any, losses: Any, robust: float) -> tuple[float, tuple[float, ...]]:
    """The least cost of Huber among reweighted least squares, and its factors."""
    sizes = np.abs(columns).max(axis=0)
    sizes[sizes == 0] = 1.0
    columns = columns / sizes
    weights, best = np.ones(len(losses)), (np.inf, np.zeros(3))
    for _ in range(REWEIGHTINGS):
        root = np.sqrt(weights)
        factors = _nonnegative(columns * root[:, None], losses * root)
        off = np.abs(columns @ factors - losses)
        cost = float(np.where(off <= robust, off**2 / 2, robust * (off - robust / 2)).sum())
        best = min(best, (cost, factors), key=lambda pair: pair[0])
        before, weights = weights, robust / np.maximum(off, robust)
        if np.array_equal(before, weights):
            break
    return best[0], tuple(map(float, best[1] / sizes))


def _nonnegative(columns: Any, losses: Any) -> Any:
    """Least squares with factors >= 0: the best of all sets of columns, on the triangle of a QR decomposition."""
    count = columns.shape[1]
    triangle: Any = np.linalg.qr(np.column_stack([columns, losses]), mode="r")
    left, right = triangle[:, :count], triangle[:, count]
    best = (float(right @ right), np.zeros(count))
    for size in range(count, 0, -1):
        for chosen in map(list, itertools.combinations(range(count), size)):
            factors = np.zeros(count)
            factors[chosen] = np.linalg.lstsq(left[:, chosen], right, rcond=None)[0]
            if (factors >= 0).all():
                cost = float(((left @ factors - right) ** 2).sum())
                best = min(best, (cost, factors), key=lambda pair: pair[0])
                if size == count:
                    return factors
    return best[1]
