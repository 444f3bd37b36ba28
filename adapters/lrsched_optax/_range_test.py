"""The learning-rate range test on a JAX model."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
import optax
from numpy.typing import NDArray

import lrsched as lrs
from lrsched.adapting import fail
from lrsched.discovery import Suggestions
from lrsched_optax._inject import inject

__all__ = ["RangeTest", "range_test"]

Vector = NDArray[np.float64]


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
        axes.plot(self.rates, lrs.smooth(self.losses), color="0.2", label="smoothed")
        found = {k: v for k, v in dataclasses.asdict(self.suggestions).items() if v is not None}
        for i, (name, rate) in enumerate(found.items()):
            axes.axvline(rate, color=f"C{i}", linestyle="--", label=f"{name}: {rate:.2g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axes.legend()
        return axes


def range_test(
    loss: Callable[[Any, Any], Any],
    params: Any,
    batches: Iterable[Any],
    *,
    optimizer: Callable[..., Any] = optax.sgd,
    smallest: float = 1e-7,
    largest: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.98,
    divergence: float = 4.0,
    progress: bool | Callable[[int, float, float], None] = False,
) -> RangeTest:
    """Train for some steps at rising rates, and read the rates that suit the model off the losses.

    The rates are those of ``lrs.range_sweep(smallest, largest, steps)``, one update each; each loss is measured before
    its update. It stops when the smoothed loss is above ``divergence`` times its best, or NaN. Nothing is changed:
    ``params`` are values, and the optimizer is the test's own.

    Args:
        loss: a function of parameters and batch that gives a real scalar; it is jitted.
        params: the parameters to begin with, a pytree.
        batches: batches of data, begun again when there are too few (an iterator: kept and repeated).
        optimizer: a factory of Optax that takes a learning rate.
        smallest: the first rate, > 0.
        largest: the rate that the sweep rises to, > smallest.
        steps: length of the sweep in updates, an integer >= 2.
        smoothing: weight of the past in the average, in [0, 1), also for the suggestions.
        divergence: a number > 1.
        progress: True for a line on standard error, or a function of (step, rate, loss).

    Returns:
        Rates, losses and suggestions; see ``lrs.suggest`` for what each means.

    Raises:
        ScheduleError: there are no batches, or an argument is outside its range.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (2017).

    Example:
        >>> import jax.numpy as jnp
        >>> x = jnp.linspace(-1, 1, 32)
        >>> found = range_test(lambda w, x: jnp.mean((w * x - 3 * x) ** 2), jnp.zeros(()), [x], smoothing=0.5)
        >>> len(found.rates) == len(found.losses) <= 100, 0.01 < found.suggestions.minimum < 1
        (True, True)
    """
    sweep = lrs.range_sweep(smallest, largest, steps)
    lrs.suggest([1.0, 2.0], [1.0, 1.0], smoothing=smoothing, divergence=divergence)
    tx = inject(optimizer, learning_rate=sweep)
    update = _update(loss, tx)
    report = _reporter(progress, steps)
    state = tx.init(params)
    rates = sweep.sample(steps)
    losses: list[float] = []
    for i, batch in zip(range(steps), _repeated(batches), strict=False):
        params, state, value = update(params, state, batch)
        losses.append(float(value))
        report(i, float(rates[i]), losses[-1])
        if lrs.diverged(lrs.smooth(losses, smoothing), divergence) is not None:
            break
    measured = np.asarray(losses)
    suggestions = lrs.suggest(rates[: len(losses)], measured, smoothing=smoothing, divergence=divergence)
    return RangeTest(rates[: len(losses)], measured, suggestions)


def _update(loss: Callable[[Any, Any], Any], tx: optax.GradientTransformationExtraArgs) -> Callable[..., Any]:
    @jax.jit
    def update(params: Any, state: Any, batch: Any) -> tuple[Any, Any, Any]:
        value, gradients = jax.value_and_grad(loss)(params, batch)
        updates, state = tx.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, value

    return update


def _repeated(batches: Iterable[Any]) -> Iterator[Any]:
    found = itertools.cycle(batches)
    first = next(found, None)
    if first is None:
        fail("range_test", "batches", "at least one batch", "none")
    return itertools.chain([first], found)


def _reporter(progress: bool | Callable[[int, float, float], None], steps: int) -> Callable[[int, float, float], None]:
    if not isinstance(progress, bool):
        return progress

    def line(i: int, rate: float, loss: float) -> None:
        if progress:
            end = "\n" if i == steps - 1 else ""
            sys.stderr.write(f"\rrange test {i + 1}/{steps}: rate {rate:.2e}, loss {loss:.4g}   {end}")

    return line
