"""Keras's own schedules as expressions of the algebra."""

from __future__ import annotations

from typing import Any

import keras

import lrsched as lrs
from lrsched.adapting import check_real, fail
from lrsched.presets import keras as presets
from lrsched_keras._rate import LearningRate

__all__ = ["from_schedule"]

WHERE = "from_schedule"


def from_schedule(keras_schedule: Any) -> lrs.Schedule:
    """A schedule of Keras as an expression with the same values: its formula, without its float32 step.

    Reads ``ExponentialDecay``, ``InverseTimeDecay``, ``PolynomialDecay``, ``PiecewiseConstantDecay``, ``CosineDecay``,
    ``CosineDecayRestarts`` (as ``lrsched.presets.keras`` writes them) and :class:`LearningRate`.

    Args:
        keras_schedule: the schedule; its step is Keras's, the count of batches.

    Raises:
        ScheduleError: a schedule of another class (a subclass included), or one whose formula is no number from some
            step on.

    Example:
        >>> theirs = keras.optimizers.schedules.CosineDecay(0.0, 90, 0.1, warmup_target=0.5, warmup_steps=10)
        >>> from_schedule(theirs)
        warmup(10, end=0.5) >> 0.5 * cosine().over(90, end=0.1)
        >>> from_schedule(keras.optimizers.schedules.PiecewiseConstantDecay([30], [1.0, 0.1]))
        piecewise((31,), (1.0, 0.1))
    """
    if type(keras_schedule) is LearningRate:
        return _own(keras_schedule)
    if type(keras_schedule) not in READ:
        known = ", ".join(kind.__name__ for kind in (*READ, LearningRate))
        fail(WHERE, "the schedule", f"one of {known}", type(keras_schedule).__name__, wrong_type=True)
    name = type(keras_schedule).__name__
    given = {key: _plain(f"{WHERE}: {name}", key, value) for key, value in keras_schedule.get_config().items()}
    return getattr(presets, name)(**given)


def _plain(where: str, name: str, value: Any) -> Any:
    """An argument as Keras holds it, its numbers as checked floats."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, list | tuple):
        return [check_real(where, name, item) for item in value]
    return check_real(where, name, value)


def _own(given: LearningRate) -> lrs.Schedule:
    return given.schedule if given.accumulation == 1 else given.schedule.per_epoch(given.accumulation)


READ = tuple(getattr(keras.optimizers.schedules, name) for name in presets.__all__)
