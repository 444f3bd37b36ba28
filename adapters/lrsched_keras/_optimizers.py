"""What is to be known of Keras's optimizers: which attributes can be set, how many updates they have made."""

from __future__ import annotations

import difflib
import numbers
from typing import Any

import keras

import lrsched as lrs
from lrsched.adapting import fail

__all__ = [
    "MultiOptimizer",
    "batches_per_update",
    "batches_seen",
    "check_hyperparameter",
    "has_schedule",
    "innermost",
    "members",
    "number",
]

UNSET = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm")
FIXED = ("gradient_accumulation_steps", "ema_overwrite_frequency", "loss_scale_factor", "name")
TAKES_COUNTS = "LearningRate(schedule), as Keras calls a function that it is given without the count"
FIXED_IN_JAX = ("clipvalue",)  # jax.numpy.clip takes arrays and numbers only


class _Absent:
    """Stands for Keras's ``MultiOptimizer`` in the versions before 3.15, which have none."""

    def __init__(self, *arguments: Any) -> None:
        raise ImportError(f"{type(self).__name__} needs keras>=3.15, this is {keras.__version__}")


MultiOptimizer: Any = getattr(keras.optimizers, "MultiOptimizer", _Absent)


def innermost(optimizer: Any) -> Any:
    """The optimizer inside one that scales losses."""
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer


def members(model: Any) -> list[Any]:
    """The optimizers that update a model's weights: one, or those of a ``MultiOptimizer``."""
    optimizer = innermost(getattr(model, "optimizer", None))
    if optimizer is None:
        raise lrs.ScheduleError("the model has no optimizer: call compile first")
    several = isinstance(optimizer, MultiOptimizer)
    if several and not optimizer.built and model.built:
        model.optimizer.build(model.trainable_variables)
    if several and not optimizer.optimizers:
        raise lrs.ScheduleError(
            f"the groups of {optimizer.name!r} are not known before the model is built: give it an Input, or call build"
        )
    return list(optimizer.optimizers) if several else [optimizer]


def has_schedule(optimizer: Any) -> bool:
    """Whether the learning rate is itself a schedule, so that it cannot be set."""
    return not isinstance(optimizer._learning_rate, keras.Variable)


def batches_seen(model: Any) -> int:
    """Batches that the model's optimizer has been given gradients of."""
    return int(number(innermost(model.optimizer)._iterations))


def batches_per_update(optimizer: Any) -> int:
    """How many batches an update takes: more than one where gradients are accumulated."""
    return optimizer.gradient_accumulation_steps or 1


def number(tensor: Any) -> float:
    """A scalar of any backend as a number."""
    found: Any = keras.ops.convert_to_numpy(tensor)
    return found.item()


def settable(optimizer: Any) -> list[str]:
    """The names of the numbers that an optimizer uses in every update."""
    found = ["learning_rate"]
    fixed = FIXED + FIXED_IN_JAX if keras.backend.backend() == "jax" else FIXED
    for name, value in optimizer.get_config().items():
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if name not in (*fixed, *found) and (number or (value is None and name in UNSET)):
            found.append(name)
    return found


def check_hyperparameter(where: str, name: str, optimizer: Any) -> None:
    """Raise what is wrong with setting an attribute of this optimizer in every update."""
    if isinstance(rate := optimizer._learning_rate, lrs.Schedule | lrs.Profile):
        fail(where, f"the learning rate of {optimizer.name!r}", f"a number, or {TAKES_COUNTS}", rate)
    known = settable(optimizer)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        fail(where, "hyperparameter", f"one that {optimizer.name!r} has: {', '.join(known)}", name + hint)
    if name == "learning_rate" and has_schedule(optimizer):
        raise lrs.ScheduleError(
            f"{where}: the learning rate of {optimizer.name!r} is itself a schedule, {optimizer._learning_rate!r}, and"
            " cannot be set; give the optimizer a number as its rate, or leave the callback out"
        )
    slots = isinstance(optimizer, keras.optimizers.SGD | keras.optimizers.RMSprop)
    if name == "momentum" and slots and optimizer.momentum == 0:
        raise lrs.ScheduleError(
            f"{where}: momentum of {optimizer.name!r} must be made > 0, for Keras leaves its buffers out at 0;"
            f" write {type(optimizer).__name__}(..., momentum=0.9), and the schedule takes over"
        )
