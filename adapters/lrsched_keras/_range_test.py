"""The learning-rate range test on a Keras model."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from lrsched.adapting import check_count, fail
from lrsched.range_test import Progress, RangeTest, Recorder, repeated
from lrsched_keras._optimizers import batches_per_update, members
from lrsched_keras._rate import LearningRate

__all__ = ["RangeTest", "range_test"]


def range_test(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    batch_size: int = 32,
    smallest: float = 1e-7,
    largest: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.98,
    divergence: float = 4.0,
    progress: Progress = False,
    seed: int = 0,
) -> RangeTest:
    """Train a compiled model for some steps at rising rates, put it back, and read suitable rates off the losses.

    The rates are those of ``lrs.range_sweep(smallest, largest, steps)``, one update each; each loss is measured before
    its update. It stops when the smoothed loss is above ``divergence`` times its best, or NaN. The test has an
    optimizer of its own, made from the configuration of the model's; afterwards the model has the weights, random
    states and optimizer that it had.

    Args:
        model: a compiled model.
        x: the inputs, arrays of n rows; or, without ``y``, batches ``(x, y)`` or ``(x, y, sample_weight)``, begun again
            when there are too few (an iterator: kept and repeated).
        y: the targets, arrays of n rows.
        batch_size: rows in a batch of arrays, an integer >= 1.
        smallest: the first rate, > 0.
        largest: the rate that the sweep rises to, > smallest.
        steps: length of the sweep in updates, an integer >= 2.
        smoothing: weight of the past in the average, in [0, 1), also for the suggestions.
        divergence: a number > 1.
        progress: True for a line on standard error, or a function of (step, rate, loss).
        seed: of the order in which rows of arrays are drawn.

    Returns:
        Rates, losses and suggestions; see ``lrs.suggest`` for what each means. ``.plot()`` draws them.

    Raises:
        ScheduleError: the model is not compiled, there are no batches, or an argument is outside its range.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (2017).

    Example:
        >>> x = np.linspace(-1, 1, 32)[:, None]
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(0.5), loss="mse")
        >>> found = range_test(model, x, 3 * x, smoothing=0.5)
        >>> len(found.rates) == len(found.losses) <= 100, 0.01 < found.suggestions.minimum < 1
        (True, True)
        >>> float(model.optimizer.learning_rate), int(model.optimizer.iterations)
        (0.5, 0)
    """
    recorder = Recorder(
        smallest, largest, check_count("range_test", "steps", steps, 2), smoothing, divergence, progress
    )
    optimizers = members(model)
    batches = _batches(x, y, check_count("range_test", "batch_size", batch_size, 1), seed)
    batches_each = max(map(batches_per_update, optimizers))
    if not model.built:
        first = next(batches)
        model(first[0])
    with _put_back(model, recorder.sweep), _random_states():
        done = False
        while not done:
            losses = [_loss(model, next(batches)) for _ in range(batches_each)]
            done = recorder.record(float(np.mean(losses)))
    return recorder.result()


def _loss(model: Any, batch: tuple[Any, ...]) -> Any:
    """The loss of this batch alone: some versions of Keras return the mean since the last reset."""
    model.reset_metrics()
    return model.train_on_batch(*batch, return_dict=True)["loss"]


def _batches(x: Any, y: Any, size: int, seed: int) -> Iterator[tuple[Any, ...]]:
    """Batches without end."""
    if y is None:
        return repeated(_pair(batch) for batch in x)
    rows = {len(part) for part in keras.tree.flatten((x, y))}
    if len(rows) != 1 or not next(iter(rows)):
        fail("range_test", "x and y", "arrays of one length > 0", sorted(rows))
    return repeated(_shuffled(x, y, next(iter(rows)), size, seed))


def _pair(batch: Any) -> tuple[Any, ...]:
    if not isinstance(batch, tuple | list) or not 2 <= len(batch) <= 3:
        fail("range_test", "a batch", "(x, y) or (x, y, sample_weight)", type(batch).__name__, wrong_type=True)
    return tuple(batch)


def _shuffled(x: Any, y: Any, rows: int, size: int, seed: int) -> Iterable[tuple[Any, ...]]:
    order = np.random.default_rng(seed).permutation(rows)
    size = min(size, rows)
    for start in range(0, rows - size + 1, size):
        chosen = order[start : start + size]
        yield tuple(keras.tree.map_structure(lambda part, at=chosen: np.asarray(part)[at], both) for both in (x, y))


@contextmanager
def _put_back(model: Any, sweep: Any) -> Iterator[None]:
    """Let the model have an optimizer of its own kind for a while, and leave it as it was."""
    kept = model.optimizer
    values = [(v, copy.deepcopy(keras.ops.convert_to_numpy(v))) for v in model.variables]
    model.optimizer = keras.optimizers.deserialize(keras.optimizers.serialize(kept))
    for optimizer in members(model):
        optimizer.learning_rate = LearningRate(sweep, batches_per_update(optimizer))
    model.make_train_function(force=True)
    try:
        yield
    finally:
        model.optimizer = kept
        for variable, value in values:
            variable.assign(value)
        model.make_train_function(force=True)
        model.reset_metrics()


@contextmanager
def _random_states() -> Iterator[None]:
    """Leave PyTorch's random numbers, which Keras's layers draw from on that backend, as they were."""
    if keras.backend.backend() != "torch":
        yield
        return
    import torch

    with torch.random.fork_rng(list(range(torch.cuda.device_count()))):
        yield
