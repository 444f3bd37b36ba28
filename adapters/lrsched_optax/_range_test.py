"""The learning-rate range test on a JAX model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import optax

from lrsched.range_test import Progress, RangeTest, Recorder, repeated
from lrsched_optax._inject import inject

__all__ = ["RangeTest", "range_test"]


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
    progress: Progress = False,
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
    recorder = Recorder(smallest, largest, steps, smoothing, divergence, progress)
    tx = inject(optimizer, learning_rate=recorder.sweep)
    update = _update(loss, tx)
    state = tx.init(params)
    for batch in repeated(batches):
        params, state, value = update(params, state, batch)
        if recorder.record(float(value)):
            break
    return recorder.result()


def _update(loss: Callable[[Any, Any], Any], tx: optax.GradientTransformationExtraArgs) -> Callable[..., Any]:
    @jax.jit
    def update(params: Any, state: Any, batch: Any) -> tuple[Any, Any, Any]:
        value, gradients = jax.value_and_grad(loss)(params, batch)
        updates, state = tx.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, value

    return update
