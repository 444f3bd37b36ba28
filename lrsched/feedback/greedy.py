"""The greedy rule: raise the rate while a metric keeps improving, cut it when it does not."""

from __future__ import annotations

import dataclasses
import functools
import operator
from typing import Any, NamedTuple

from lrsched.feedback.reducer import Reducer, is_better, select
from lrsched.feedback.scalars import COUNTS, Scalars
from lrsched.foundation.errors import check_count, check_real


class GreedyState(NamedTuple):
    """What :class:`Greedy` remembers; a pytree, and as a list plain JSON (``recent`` is a list inside it)."""

    scale: float  # the multiplier in force
    best: float  # best metric so far; meaningless while seen is 0
    seen: int  # 1 once best holds a metric
    good: int  # improvements in a row
    bad: int  # failures to improve in a row
    cooldown: int  # observations left to sit out after a cut
    warmup: int  # observations left to sit out after a raise
    floored: int  # cuts that left the scale at smallest, since the last raise
    filled: int  # metrics that recent holds
    recent: tuple[float, ...]  # the last metrics, newest last; empty when window is 1


@dataclasses.dataclass(frozen=True, repr=False)
class Greedy(Reducer[GreedyState]):
    """Raise the rate while a metric keeps improving, cut it when it does not: a multiplier that starts at 1.

        raise   more than ``patience`` improvements in a row:  scale = min(scale / factor, largest)
        cut     more than ``patience`` failures in a row:      scale = max(scale * factor, smallest)

    After a cut ``cooldown`` metrics are not judged, after a raise ``warmup`` are not. With a ``window`` above 1 the
    mean of the last ``window`` metrics is judged. The ``reset``-th cut since the last raise that leaves the scale at
    ``smallest`` begins again from the initial state. ``rel`` is measured on |best| and a NaN is as if it had not been
    reported, as for :class:`Plateau`.

    Args:
        factor: a cut multiplies by it and a raise divides by it, between 0 and 1, both excluded.
        patience: metrics in a row that are borne before a change, an integer >= 0.
        threshold: how much better counts as better, >= 0.
        mode: "min" if lower metrics are better, "max" if higher.
        threshold_mode: "abs" (in the metric's unit) or "rel" (a share of the best).
        cooldown: metrics not judged after a cut, an integer >= 0.
        warmup: metrics not judged after a raise, an integer >= 0.
        smallest: lower bound of the scale, in [0, 1].
        largest: upper bound of the scale, >= 1.
        window: number of metrics whose mean is judged, an integer >= 1.
        reset: cuts at ``smallest`` after which all begins again, an integer >= 1, or None for never.

    Raises:
        ScheduleError: for an argument outside its range.

    Source: Subramanian and Ganapathiraman, "Zeroth Order GreedyLR" (2023); arXiv 2512.14527 (2025). The rule counts as
    ``get_greedy_schedule`` of Hugging Face transformers does, on a base rate of 1; here the window is summed anew each
    time, so that one infinite metric is forgotten after ``window`` more.

    Example:
        >>> greedy = Greedy(factor=0.5, patience=1, largest=4.0)
        >>> greedy.replay([1.0, 0.9, 0.8, 0.7, 0.7, 0.7])
        [1.0, 2.0, 2.0, 4.0, 4.0, 2.0]
    """

    factor: float = 0.95
    patience: int = 10
    threshold: float = 1e-6
    mode: str = "min"
    threshold_mode: str = "abs"
    cooldown: int = 0
    warmup: int = 0
    smallest: float = 0.1
    largest: float = 10.0
    window: int = 1
    reset: int | None = 500

    state_type = GreedyState

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(
            warmup=check_count("Greedy", "warmup", self.warmup, below=COUNTS),
            largest=check_real("Greedy", "largest", self.largest, "a finite number >= 1", 1.0),
            window=check_count("Greedy", "window", self.window, 1, COUNTS),
            reset=None if self.reset is None else check_count("Greedy", "reset", self.reset, 1, COUNTS),
        )

    def _start(self) -> GreedyState:
        recent = (0.0,) * self.window if self.window > 1 else ()
        return GreedyState(1.0, 0.0, 0, 0, 0, 0, 0, 0, 0, recent)

    def _judge(self, on: Scalars, state: GreedyState, metric: Any) -> GreedyState:
        seen = state
        if self.window > 1:
            recent = (*state.recent[1:], metric)
            filled = on.minimum(state.filled + 1, self.window)
            seen = state._replace(recent=recent, filled=filled)
            judged = self._decided(on, seen, functools.reduce(operator.add, recent) / filled)  # pyright: ignore[reportCallIssue] - a field, not a method
        else:
            judged = self._decided(on, seen, metric)
        cooling, warming = state.cooldown > 0, (state.cooldown <= 0) & (state.warmup > 0)
        rested = seen._replace(
            good=0,
            bad=0,
            cooldown=on.where(cooling, state.cooldown - 1, state.cooldown),
            warmup=on.where(warming, state.warmup - 1, state.warmup),
        )
        return select(on, metric == metric, select(on, cooling | warming, rested, judged), state)

    def _decided(self, on: Scalars, state: GreedyState, metric: Any) -> GreedyState:
        better = is_better(on, self, state, metric)
        good, bad = on.where(better, state.good + 1, 0), on.where(better, 0, state.bad + 1)
        up, down = good > self.patience, bad > self.patience
        raised = on.minimum(state.scale / self.factor, self.largest)
        cut = on.maximum(state.scale * self.factor, self.smallest)
        scale = on.where(up, raised, on.where(down, cut, state.scale))
        floored = on.where(up, 0, on.where(down & (scale <= on.real(self.smallest)), state.floored + 1, state.floored))
        judged = state._replace(
            scale=scale,
            best=on.where(better, metric, state.best),
            seen=on.where(better, 1, state.seen),
            good=on.where(up, 0, good),
            bad=on.where(down, 0, bad),
            cooldown=on.where(down, self.cooldown, state.cooldown),
            warmup=on.where(up, self.warmup, state.warmup),
            floored=floored,
        )
        return judged if self.reset is None else select(on, floored >= self.reset, self._start(), judged)
