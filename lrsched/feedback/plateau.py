"""The plateau rule: cut the rate when a metric has stopped improving; and one metric for all ranks."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

from lrsched.feedback.reducer import Reducer, is_better, select
from lrsched.feedback.scalars import COUNTS, Scalars, real_scalar, single
from lrsched.foundation.errors import ScheduleError, check_choice, check_count, check_real, fail

LONGEST_LADDER = 1_000_000


class PlateauState(NamedTuple):
    """What :class:`Plateau` remembers: eight numbers, a pytree, and as a list plain JSON.

    ``best`` starts as 0.0 with ``seen`` 0, not as an infinity, which strict JSON cannot carry. ``PlateauState(*row)``
    reads a stored list back; ``update`` and ``scale`` take the list as it is.
    """

    scale: float  # the multiplier in force
    best: float  # best metric so far; meaningless while seen is 0
    seen: int  # 1 once best holds a metric
    bad: int  # judged observations since the last improvement, cut or cooldown
    cooldown: int  # observations left to sit out
    cuts: int  # cuts that lowered the scale
    mean: float  # running mean of the observations not judged yet
    gathered: int  # how many they are, below average


def _better_torch(on: Scalars, rule: Plateau, state: PlateauState, metric: Any) -> Any:
    """PyTorch's comparison: against best * (1 -+ threshold), from an infinite best, whatever the sign."""
    worst = math.inf if rule.mode == "min" else -math.inf
    toward = -rule.threshold if rule.mode == "min" else rule.threshold

    def better(best: Any, metric: Any) -> Any:
        best = on.where(state.seen > 0, best, worst)
        bar = best + toward if rule.threshold_mode == "abs" else best * (1.0 + toward)
        return metric < bar if rule.mode == "min" else metric > bar

    return on.in_double(better, state.best, metric)


def _better_keras(on: Scalars, rule: Plateau, state: PlateauState, metric: Any) -> Any:
    """Keras's comparison, which it makes in float32; the first metric, even NaN, is always better."""
    away = rule.threshold if rule.mode == "min" else -rule.threshold

    def better(best: Any, metric: Any) -> Any:
        shifted, best = on.single(metric + away), on.single(best)
        return shifted < best if rule.mode == "min" else shifted > best

    return (state.seen == 0) | on.in_double(better, state.best, metric)


def _better_optax(on: Scalars, rule: Plateau, state: PlateauState, metric: Any) -> Any:
    """Optax's comparison, made in the dtype of its state: float32, also for Python floats, unless that is float64."""
    best = on.where(state.seen > 0, on.narrow(state.best), math.inf)
    if rule.threshold_mode == "abs":
        return on.narrow(metric) < on.narrow(best - on.narrow(rule.threshold))
    return on.narrow(metric) < on.narrow(best * on.narrow(1.0 - rule.threshold))


def _count_torch(on: Scalars, rule: Plateau, state: PlateauState, better: Any) -> tuple[Any, Any, Any]:
    """(bad, cooldown, cut): cut after more than ``patience`` bad ones; none counts while cooling down."""
    resting = state.cooldown > 0
    bad = on.where(resting, 0, on.where(better, 0, state.bad + 1))
    cut = bad > rule.patience
    cooldown = on.where(cut, rule.cooldown, on.where(resting, state.cooldown - 1, 0))
    return on.where(cut, 0, bad), cooldown, cut


def _count_optax(on: Scalars, rule: Plateau, state: PlateauState, better: Any) -> tuple[Any, Any, Any]:
    """(bad, cooldown, cut): cut when the count is ``patience``, which at patience 0 is at every improvement."""
    resting = state.cooldown > 0
    bad = on.where(better, 0, state.bad + 1)
    cut = (state.cooldown <= 0) & (bad == rule.patience)
    cooldown = on.where(cut, rule.cooldown, on.where(resting, state.cooldown - 1, 0))
    return on.where(resting | cut, 0, bad), cooldown, cut


def _count_keras(on: Scalars, rule: Plateau, state: PlateauState, better: Any) -> tuple[Any, Any, Any]:
    """(bad, cooldown, cut): cooldown falls before counting; at the floor nothing is cut and the wait goes on."""
    cooldown = on.where(state.cooldown > 0, state.cooldown - 1, 0)
    bad = on.where(better, 0, on.where(cooldown == 0, state.bad + 1, 0))
    cut = (bad >= max(rule.patience, 1)) & (state.cuts < rule.limit[0])
    return on.where(cut, 0, bad), on.where(cut, rule.cooldown, cooldown), cut


# whether a metric is better, and what is counted then
DIALECTS: dict[str | None, tuple[Callable[..., Any], Callable[..., tuple[Any, Any, Any]]]] = {
    None: (is_better, _count_torch),
    "torch": (_better_torch, _count_torch),
    "keras": (_better_keras, _count_keras),
    "optax": (_better_optax, _count_optax),
}


@functools.lru_cache(maxsize=256)
def _ladder_end(factor: float, smallest: float, eps: float, narrow: bool) -> tuple[int, float]:
    """How many cuts lower the scale, and where the last one leaves it.

    Counted once on the host, so that whether a cut still counts is a comparison of integers wherever the rule runs;
    ``narrow`` counts in float32, in which Keras keeps its rate.
    """
    if smallest == 0.0 and eps == 0.0:
        return COUNTS - 1, 0.0
    rounded = single if narrow else float
    scale, floor = 1.0, rounded(smallest)
    for cuts in range(LONGEST_LADDER):
        lower = rounded(max(scale * factor, smallest))
        if scale <= floor:
            return cuts, smallest
        if scale - lower <= eps:
            return (cuts, scale) if eps > 0.0 else (COUNTS - 1, smallest)
        scale = lower
    return COUNTS - 1, smallest


@dataclasses.dataclass(frozen=True, repr=False)
class Plateau(Reducer[PlateauState]):
    """Cut the rate when a metric has stopped improving: a multiplier that falls from 1 to ``smallest``.

    After each metric, in the default dialect:

        better   metric < best - d   (mode "max": metric > best + d),   d = threshold * |best|, or threshold if "abs"
        bad      0 if better or cooling down, else bad + 1
        cut      bad > patience:  scale = max(scale * factor, smallest), then ``cooldown`` metrics are not counted

    A constant metric of any sign is no improvement, and a NaN is as if it had not been reported. The dialects make the
    decisions of the library that they name, call by call, on a rate whose base is 1:

    - ``"torch"``: ``rel`` is best * (1 - threshold), so that below 0 equal values count as better; NaN is bad; a cut
      that would change the scale by no more than ``eps`` is dropped, though its cooldown begins.
    - ``"keras"``: the threshold is its ``min_delta``, always absolute (``threshold_mode`` becomes ``"abs"``); compared
      in float32; a cut comes at the ``patience``-th bad metric, patience 0 acts as 1, the cooldown counts the metric
      that it ends on (so 1 has no effect), and at ``smallest`` nothing is cut; a NaN is bad, a first NaN stays best.
    - ``"optax"``: a cut comes when the bad count equals ``patience``, so patience 0 cuts at improvements only; ``rel``
      is ``rtol``, ``abs`` is ``atol``; "min" only; NaN is bad.

    Inside ``jax.jit`` each metric is judged in float64, x64 enabled or not, so metrics that are float32 numbers lead to
    the decisions that they lead to on floats; only a mean over several (``average``) is within rounding of that.
    ("optax" compares in float32, as Optax does, on floats too; in float64 if the state is float64.)

    Args:
        factor: what a cut multiplies the scale by, between 0 and 1, both excluded.
        patience: bad metrics that are borne, an integer >= 0.
        threshold: how much better counts as better, >= 0.
        mode: "min" if lower metrics are better, "max" if higher.
        threshold_mode: "rel" (a share of the best) or "abs" (in the metric's unit).
        cooldown: metrics not counted after a cut, an integer >= 0.
        smallest: the scale below which no cut goes, in [0, 1].
        dialect: None, "torch", "keras" or "optax".
        average: judge the mean of this many metrics instead of each one, an integer >= 1 (Optax's
            ``accumulation_size``); the default dialect leaves a NaN out of the mean.
        eps: smallest change of the scale that is made, >= 0; None is 1e-8 under "torch" and 0 elsewhere. PyTorch's is
            in units of the rate: for a base rate b, its eps e is ``eps=e / b`` here.

    Raises:
        ScheduleError: for an argument outside its range, and for mode "max" under "optax", which has no such mode.

    Source: the rule of the libraries named; a scheduled form of "divide by 10 when validation error stops improving"
    (Krizhevsky, Sutskever and Hinton, 2012).

    Example:
        >>> plateau = Plateau(factor=0.5, patience=1)
        >>> state = plateau.init()
        >>> for loss in [1.0, 0.9, 0.9, 0.9]:
        ...     state = plateau.update(state, loss)
        >>> plateau.scale(state)
        0.5
        >>> plateau.replay([1.0, 0.9, 0.9, 0.9])
        [1.0, 1.0, 1.0, 0.5]
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    mode: str = "min"
    threshold_mode: str = "rel"
    cooldown: int = 0
    smallest: float = 0.0
    dialect: str | None = None
    average: int = 1
    eps: float | None = None

    state_type = PlateauState

    def __post_init__(self) -> None:
        check_choice("Plateau", "dialect", self.dialect, tuple(DIALECTS))
        super().__post_init__()
        if self.dialect == "optax" and self.mode != "min":
            fail("Plateau", "mode", "'min' in the optax dialect (pass it the metric's negative)", self.mode)
        eps = self.eps if self.eps is not None else (1e-8 if self.dialect == "torch" else 0.0)
        self._set(
            threshold_mode="abs" if self.dialect == "keras" else self.threshold_mode,
            average=check_count("Plateau", "average", self.average, 1, COUNTS),
            eps=check_real("Plateau", "eps", eps, "None or a finite number >= 0", 0.0),
        )

    @property
    def limit(self) -> tuple[int, float]:
        """How many cuts lower the scale (2**31 - 1 if there is no end), and the scale after the last."""
        return _ladder_end(self.factor, self.smallest, cast(float, self.eps), self.dialect == "keras")

    def _usual(self) -> dict[str, Any]:
        return Plateau(dialect=self.dialect).to_dict() | {"dialect": None}

    def _start(self) -> PlateauState:
        return PlateauState(scale=1.0, best=0.0, seen=0, bad=0, cooldown=0, cuts=0, mean=0.0, gathered=0)

    def _judge(self, on: Scalars, state: PlateauState, metric: Any) -> PlateauState:
        if self.average == 1:
            judged = self._decided(on, state, metric)
        else:
            gathered = state.gathered + 1
            mean = self._mean(on, state, metric, gathered)
            waiting = state._replace(mean=mean, gathered=gathered)
            judged = self._decided(on, state._replace(mean=0.0, gathered=0), mean)
            judged = select(on, gathered >= self.average, judged, waiting)
        if self.dialect is None:
            judged = select(on, metric == metric, judged, state)
        return judged

    def _mean(self, on: Scalars, state: PlateauState, metric: Any, gathered: Any) -> Any:
        """The running mean as Optax forms it, in float32 where Optax would."""
        narrow = on.narrow if self.dialect == "optax" else on.real
        return narrow(narrow(narrow(state.gathered * state.mean) + narrow(metric)) / gathered)

    def _decided(self, on: Scalars, state: PlateauState, metric: Any) -> PlateauState:
        judged, counted = DIALECTS[self.dialect]
        better = judged(on, self, state, metric)
        bad, cooldown, cut = counted(on, self, state, better)
        limit, final = self.limit
        made = cut & (state.cuts < limit)
        cuts = on.where(made, state.cuts + 1, state.cuts)
        lower = on.where(cuts == limit, final, on.maximum(state.scale * self.factor, self.smallest))
        return state._replace(
            scale=on.where(made, lower, state.scale),
            best=on.where(better, metric, state.best),
            seen=on.where(better, 1, state.seen),
            bad=bad,
            cooldown=cooldown,
            cuts=cuts,
        )


def agreed(metrics: Iterable[Any], differ: str = "error") -> float:
    """The one metric by which several processes decide alike, from the metrics of all of them.

    Each process gathers the metrics of every rank, in the order of ranks, and updates its reducer with the result: the
    states then stay the same everywhere. Metrics that are equal, all NaN included, are used as they are.

    Args:
        metrics: the metric of each rank, real numbers.
        differ: what happens when they are not equal: "error", or "mean" for their mean (correctly rounded).

    Raises:
        ScheduleError: metrics that differ, naming those of the ranks; no metrics, or one that is no real number.

    Example:
        >>> agreed([0.5, 0.5]), agreed([0.25, 0.5], differ="mean")
        (0.5, 0.375)
        >>> agreed([0.25, 0.5])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        lrsched.foundation.errors.ScheduleError: agreed: metrics differ: 0.25 on rank 0, 0.5 on rank 1 ...
    """
    check_choice("agreed", "differ", differ, ("error", "mean"))
    values = [float(real_scalar("agreed", f"metrics[{rank}]", metric)) for rank, metric in enumerate(metrics)]
    if not values:
        fail("agreed", "metrics", "those of at least one rank", values)
    first = values[0]
    other = next((r for r, x in enumerate(values) if x != first and not (math.isnan(x) and math.isnan(first))), None)
    if other is None:
        return first
    if differ == "mean":
        return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else sum(values) / len(values)
    raise ScheduleError(
        f"agreed: metrics differ: {first!r} on rank 0, {values[other]!r} on rank {other} (differ='mean' averages)"
    )
