"""A schedule for any number that an optimizer uses."""

from __future__ import annotations

import weakref
from typing import Any

import keras

import lrsched as lrs
from lrsched.adapting import check_choice, fail
from lrsched_keras._base import forget_rate, rate_of
from lrsched_keras._clock import Clock
from lrsched_keras._common import concrete_schedule
from lrsched_keras._following import follow, unfollow
from lrsched_keras._optimizers import batches_per_update, batches_seen, check_hyperparameter, members
from lrsched_keras._rate import Evaluator

__all__ = ["ScheduleCallback"]

SMALLEST = 1e-38  # PyTorch's optimizers leave their buffers behind at a momentum of exactly 0


class ScheduleCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets a number of the optimizer before each update that uses it: ``fit(..., callbacks=[ScheduleCallback(s)])``.

    Update t of the optimizer uses s(t), or, with ``unit="epoch"``, every update of epoch e uses s(e). The count is the
    optimizer's own, so a run that is restored goes on where it was; an optimizer that has made no update yet starts at
    ``initial_epoch``, if ``fit`` is given one. Use as many as there are hyperparameters; one for the learning rate and
    a :class:`PlateauCallback` multiply. The value is in ``logs`` under the hyperparameter's name, after every batch
    and every epoch, and so in the history.

    On JAX and TensorFlow other attributes than the learning rate are constants of the compiled train step; they follow
    the schedule inside it, which costs one compilation at the start and at the end of ``fit``. In a loop of one's own
    call ``set_model(model)`` once and ``on_train_batch_begin(i)`` before each ``train_on_batch``, and
    ``on_epoch_begin(e)`` where the unit is an epoch.

    A schedule over samples or tokens becomes one over updates by ``lrs.units.in_updates``.

    Args:
        schedule: the schedule, or a number.
        hyperparameter: a number of the optimizer by its name: "learning_rate", "momentum", "beta_1", "weight_decay".
        unit: what the schedule counts, "step" (updates) or "epoch".

    Raises:
        ScheduleError: an argument is wrong; or, when ``fit`` starts, the optimizer has no such number, its rate is
            itself a schedule, its momentum was made 0, two callbacks set the same number, or the number of batches in
            an epoch is needed and unknown.

    Example:
        >>> import lrsched as lrs, numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(momentum=0.9), loss="mse")
        >>> callbacks = [ScheduleCallback(lrs.linear().over(4, 0.1, 0.0)),
        ...              ScheduleCallback(lrs.table([0.9, 0.8]), "momentum", unit="epoch")]
        >>> history = model.fit(np.ones((4, 1)), np.ones((4, 1)), batch_size=2, epochs=2, verbose=0,
        ...                     callbacks=callbacks).history
        >>> [round(rate, 3) for rate in history["learning_rate"]], history["momentum"]
        ([0.075, 0.025], [0.9, 0.8])
    """

    def __init__(self, schedule: Any, hyperparameter: str = "learning_rate", unit: str = "step") -> None:
        super().__init__()
        if not isinstance(hyperparameter, str) or not hyperparameter.isidentifier():
            fail("ScheduleCallback", "hyperparameter", "the name of an attribute", hyperparameter, kind=True)
        self.schedule = concrete_schedule("ScheduleCallback", schedule)
        self.hyperparameter = hyperparameter
        self.unit: str = check_choice("ScheduleCallback", "unit", unit, ("step", "epoch"))
        self.value: float | None = None
        self._optimizers: list[Any] = []
        self._clock = Clock()
        self._new_run = self._settled = False

    # ---- what Keras calls

    def on_train_begin(self, logs: Any = None) -> None:
        """Find the optimizer, and say what does not fit."""
        self._attach(self.model)
        self._new_run = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Settle where the schedule is, and set the value if it counts epochs."""
        model = self._attached()
        if any(_CLAIMS.get(optimizer, {}).get(self.hyperparameter) is not self for optimizer in self._optimizers):
            raise lrs.ScheduleError(f"ScheduleCallback: two callbacks set {self.hyperparameter}; leave one of them out")
        if self._new_run and self.unit == "step":
            self._clock.begin("ScheduleCallback", model, self.params, epoch)
        self._new_run = False
        self._settle(model, epoch)
        if self.unit == "epoch":
            self._set([self.schedule(epoch)] * len(self._optimizers))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the value that the next update uses."""
        if self.unit == "step":
            model = self._attached()
            if not self._settled:
                self._settle(model, 0)
            self._set([self.schedule(self._clock.step(model, optimizer)) for optimizer in self._optimizers])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Log the value that was used."""
        self._log(logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log the value that was used last."""
        self._log(logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Leave the last value as a plain number."""
        model = self._attached()
        followed = [unfollow(optimizer, self.hyperparameter) for optimizer in self._optimizers]
        if any(followed):
            model.make_train_function(force=True)
        self._settled = False

    # ---- parts

    def _attached(self) -> Any:
        model = self.model
        if self._optimizers != members(model):
            self._attach(model)
        return model

    def _attach(self, model: Any) -> None:
        found = members(model)
        for optimizer in found:
            check_hyperparameter("ScheduleCallback", self.hyperparameter, optimizer)
        self._check_execution(model)
        self._settled = False
        if self._optimizers != found:
            self._clock = Clock()
        self._optimizers = found
        for optimizer in found:
            _CLAIMS.setdefault(optimizer, {})[self.hyperparameter] = self
            if self.hyperparameter == "learning_rate":
                forget_rate(optimizer)

    def _check_execution(self, model: Any) -> None:
        several = getattr(model, "steps_per_execution", 1)
        if self.hyperparameter == "learning_rate" and self.unit == "step" and several > 1:
            raise lrs.ScheduleError(
                f"ScheduleCallback: steps_per_execution must be 1 for a rate that changes in every update, got"
                f" {several}; give the optimizer LearningRate(schedule) as its rate instead"
            )

    def _settle(self, model: Any, epoch: int) -> None:
        """Where the compiled train step holds the attribute as a constant, let it follow in there."""
        self._settled = True
        if keras.backend.backend() == "torch" or self.hyperparameter == "learning_rate":
            return
        changed = [follow(one, self.hyperparameter, self._evaluator(model, one, epoch)) for one in self._optimizers]
        if any(changed) and getattr(model, "train_function", None) is not None:
            model.make_train_function(force=True)

    def _evaluator(self, model: Any, optimizer: Any, epoch: int) -> Evaluator:
        if self.unit == "step":
            return Evaluator(self.schedule, batches_per_update(optimizer), 0, self._clock.offset)
        batches = (self.params or {}).get("steps")
        if batches is None:
            return Evaluator(lrs.constant(self.schedule(epoch)))
        return Evaluator(self.schedule, batches, epoch * batches - batches_seen(model))

    def _set(self, values: list[float]) -> None:
        self.value = values[0]
        for optimizer, value in zip(self._optimizers, values, strict=True):
            if self.hyperparameter == "learning_rate":
                rate = rate_of(optimizer)
                rate.base, rate.scheduled = value, True
                rate.assign(optimizer)
                self.value = values[0] * rate.factor
            else:
                tiny = value == 0.0 and self.hyperparameter == "momentum"
                setattr(optimizer, self.hyperparameter, SMALLEST if tiny else value)

    def _log(self, logs: Any) -> None:
        if logs is not None and self.value is not None:
            logs[self.hyperparameter] = self.value


_CLAIMS: weakref.WeakKeyDictionary[Any, dict[str, ScheduleCallback]] = weakref.WeakKeyDictionary()
