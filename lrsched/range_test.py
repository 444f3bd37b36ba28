"""Running an LR range test, for any framework: rates to try, losses to record, when to stop, what it suggests.

A framework's own test sets ``Recorder.rate``, makes one update, gives its loss to ``record`` and stops when told to.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrsched.discovery import Suggestions, diverged, smooth, suggest
from lrsched.foundation.errors import fail
from lrsched.schedules.tables import range_sweep

__all__ = ["Progress", "RangeTest", "Recorder", "repeated"]

Vector = NDArray[np.float64]
Progress = bool | Callable[[int, float, float], None]


@dataclasses.dataclass(frozen=True)
class RangeTest:
    """What a range test measured: ``rates`` and ``losses``, vectors of one length, and the ``suggestions``."""

    rates: Vector
    losses: Vector
    suggestions: Suggestions

    def plot(self, ax: Any = None) -> Any:
        """Draw the losses over the rates, the suggestions marked.

        Args:
            ax: matplotlib axes to draw on; new ones by default.

        Returns:
            The axes.
        """
        import matplotlib.pyplot as plt

        axes = plt.subplots()[1] if ax is None else ax
        axes.plot(self.rates, self.losses, color="0.7", label="loss")
        axes.plot(self.rates, smooth(self.losses), color="0.2", label="smoothed")
        found = {k: v for k, v in dataclasses.asdict(self.suggestions).items() if v is not None}
        for i, (name, rate) in enumerate(found.items()):
            axes.axvline(rate, color=f"C{i}", linestyle="--", label=f"{name}: {rate:.2g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axes.legend()
        return axes


class Recorder:
    """The course of one range test: which rate comes next, and what the losses say so far.

    Args:
        smallest: the first rate, > 0.
        largest: the rate that the sweep rises to, > smallest.
        steps: length of the sweep in updates, an integer >= 2.
        smoothing: weight of the past in the average, in [0, 1).
        divergence: a number > 1: the test stops when the smoothed loss is above this times its best, or NaN.
        progress: True for a line on standard error, or a function of (step, rate, loss).

    Raises:
        ScheduleError: an argument outside its range.

    Example:
        >>> recorder = Recorder(smallest=1e-3, largest=1.0, steps=4, smoothing=0.0)
        >>> while not recorder.record(1.0 - recorder.rate):
        ...     pass
        >>> len(recorder.result().losses)
        4
    """

    def __init__(
        self,
        smallest: float = 1e-7,
        largest: float = 10.0,
        steps: int = 100,
        smoothing: float = 0.98,
        divergence: float = 4.0,
        progress: Progress = False,
    ) -> None:
        self.sweep = range_sweep(smallest, largest, steps)
        suggest([1.0, 2.0], [1.0, 1.0], smoothing=smoothing, divergence=divergence)
        self.rates: Vector = self.sweep.sample(steps)
        self.losses: list[float] = []
        self._smoothing, self._divergence, self._progress = smoothing, divergence, progress

    @property
    def rate(self) -> float:
        """The rate of the next update."""
        return float(self.rates[len(self.losses)])

    def record(self, loss: float) -> bool:
        """Note the loss of the batch that an update at ``rate`` is made on; whether that was the last one."""
        i, rate = len(self.losses), self.rate
        self.losses.append(float(loss))
        done = len(self.losses) == len(self.rates) or self._has_diverged()
        if callable(self._progress):
            self._progress(i, rate, self.losses[-1])
        elif self._progress:
            text = f"\rrange test {i + 1}/{len(self.rates)}: rate {rate:.2e}, loss {self.losses[-1]:.4g}   "
            sys.stderr.write(text + "\n" * done)
        return done

    def _has_diverged(self) -> bool:
        return diverged(smooth(self.losses, self._smoothing), self._divergence) is not None

    def result(self) -> RangeTest:
        """The rates and losses so far, and what they suggest."""
        rates, losses = self.rates[: len(self.losses)], np.asarray(self.losses)
        found = suggest(rates, losses, smoothing=self._smoothing, divergence=self._divergence)
        return RangeTest(rates, losses, found)


def repeated(batches: Iterable[Any]) -> Iterator[Any]:
    """The batches over and over (those of an iterator are kept); an error if there are none.

    Example:
        >>> import itertools
        >>> list(itertools.islice(repeated([1, 2]), 5))
        [1, 2, 1, 2, 1]
    """
    found = itertools.cycle(batches)
    first = next(found, None)
    if first is None:
        fail("range_test", "batches", "at least one batch", "none")
    return itertools.chain([first], found)
