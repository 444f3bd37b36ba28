"""A schedule for any number that an optimizer uses."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import keras

import lrsched as lrs
from lrsched.adapting import check_choice, fail
from lrsched_keras._base import forget_rate, rate_of
from lrsched_keras._clock import Clock
from lrsched_keras._common import concrete_schedule
from lrsched_keras._following import follow, unfollow
from lrsched_keras._optimizers import batches_per_update, batches_seen, check_hyperparameter, innermost, members
from lrsched_keras._rate import Evaluator
from lrsched_keras._samples import Counted, Known, check_batch, count_of

__all__ = ["ScheduleCallback"]

SMALLEST = 1e-38  # PyTorch's optimizers leave their buffers behind at a momentum of exactly 0


class ScheduleCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets a number of the optimizer before each update that uses it: ``fit(..., callbacks=[ScheduleCallback(s)])``.

    Update t of the optimizer uses s(t), or, with ``unit="epoch"``, every update of epoch e uses s(e), or, with
    ``unit="sample"``, the update after n samples (or tokens) uses s(n). The count of updates is the optimizer's own, so
    a run that is restored goes on where it was; an optimizer that has made no update yet starts at ``initial_epoch``,
    if ``fit`` is given one. Use as many as there are hyperparameters; one for the learning rate and
    a :class:`PlateauCallback` multiply. The value is in ``logs`` under the hyperparameter's name, after every batch
    and every epoch, and so in the history.

    On JAX and TensorFlow other attributes than the learning rate are constants of the compiled train step; they follow
    the schedule inside it, which costs one compilation at the start and at the end of ``fit``. In a loop of one's own
    call ``set_model(model)`` once and ``on_train_batch_begin(i)`` before each ``train_on_batch``, and
    ``on_epoch_begin(e)`` where the unit is an epoch.

    A callback that acts on every batch costs something on JAX, where Keras then waits for each step and hands the state
    back to the model (some microseconds for each variable). :class:`LearningRate` costs neither; for schedules over
    samples, ``LearningRate(lrs.units.in_updates(s, batch, steps))``.

    Args:
        schedule: the schedule, or a number; or a dictionary of them by the groups of a :class:`GroupedOptimizer`, whose
            values are logged as ``learning_rate/<group>``.
        hyperparameter: a number of the optimizer by its name: "learning_rate", "momentum", "beta_1", "weight_decay".
        unit: what the schedule counts, "step" (updates), "epoch", or "sample" (samples or tokens).
        batch: with the unit "sample", how many an update sees, all devices and accumulated batches together: an integer
            >= 1, or a schedule of such numbers over updates (``lrs.units.size``); or a list, for each batch of an epoch
            how many it has, the smaller last one included. None if :meth:`step` counts them.

    Raises:
        ScheduleError: an argument is wrong; or, when ``fit`` starts, the optimizer has no such number, its rate is
            itself a schedule, its momentum was made 0, two callbacks set the same number, or the number of batches in
            an epoch is needed and unknown, or not that of the list ``batch``; or batches that nobody counts.

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

    def __init__(
        self, schedule: Any, hyperparameter: str = "learning_rate", unit: str = "step", *, batch: Any = None
    ) -> None:
        super().__init__()
        if not isinstance(hyperparameter, str) or not hyperparameter.isidentifier():
            fail("ScheduleCallback", "hyperparameter", "the name of an attribute", hyperparameter, wrong_type=True)
        where = "ScheduleCallback"
        self.schedule: Any = (
            {label: concrete_schedule(where, one, f"schedule[{label!r}]") for label, one in schedule.items()}
            if isinstance(schedule, Mapping)
            else concrete_schedule(where, schedule)
        )
        self.hyperparameter = hyperparameter
        self.unit: str = check_choice("ScheduleCallback", "unit", unit, ("step", "epoch", "sample"))
        self.batch = check_batch("ScheduleCallback", batch)
        if batch is not None and unit != "sample":
            fail("ScheduleCallback", "unit", "'sample' where batch is given", unit)
        self.values: dict[str, float] = {}
        self._names: list[str] = []
        self._schedules: list[lrs.Schedule] = []
        self._updates = 0
        self._counted = Counted()
        self._seen: list[Counted | Known] = []
        self._optimizers: list[Any] = []
        self._clock = Clock()
        self._new_run = self._settled = False

    @property
    def seen(self) -> Any:
        """The number of samples that :meth:`step` has counted; set it to go on with a run."""
        return self._counted.seen

    @seen.setter
    def seen(self, count: Any) -> None:
        self._counted.start(count_of("seen", count))

    def step(self, count: Any) -> None:
        """Count the samples or tokens of the batch that was just trained on, on all devices.

        Args:
            count: a number >= 0.

        Raises:
            ScheduleError: the unit is another one, or the sizes of the batches are known by ``batch``.
        """
        if self.unit != "sample" or self.batch is not None:
            fail("ScheduleCallback.step", "unit", "'sample', and batch None", self.unit)
        self._counted.add(count_of("step", count))

    # ---- what Keras calls

    def on_train_begin(self, logs: Any = None) -> None:
        """Find the optimizer, and say what does not fit."""
        self._attach(self.model)
        self._new_run = True
        batches = (self.params or {}).get("steps")
        if isinstance(self.batch, tuple) and batches not in (None, len(self.batch)):
            fail("ScheduleCallback", "batch", f"a list with a size for each batch of an epoch ({batches})", self.batch)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Settle where the schedule is, and set the value if it counts epochs."""
        model = self._attached()
        if any(_CLAIMS.get(optimizer, {}).get(self.hyperparameter) is not self for optimizer in self._optimizers):
            raise lrs.ScheduleError(f"ScheduleCallback: two callbacks set {self.hyperparameter}; leave one of them out")
        if self._new_run and self.unit != "epoch":
            self._clock.begin("ScheduleCallback", model, self.params, epoch)
            self._updates = self._clock.step(model)
        self._new_run = False
        self._settle(model, epoch)
        if self.unit == "epoch":
            self._set([self._schedules[i](epoch) for i in range(len(self._optimizers))])

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the value that the next update uses."""
        if self.unit == "epoch":
            return
        model = self._attached()
        if not self._settled:
            self._settle(model, 0)
        if self.unit == "sample" and self.batch is None:
            self._counted.begin_batch("ScheduleCallback")
        self._set([self._at(i, self._clock.step(model, one)) for i, one in enumerate(self._optimizers)])

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
        self._names, self._schedules = self._by_optimizer(innermost(model.optimizer), found)
        if self.batch is None:
            self._seen = [self._counted] * len(found)
        else:
            self._seen = [Known(self.batch, batches_per_update(optimizer)) for optimizer in found]
        for optimizer in found:
            _CLAIMS.setdefault(optimizer, {})[self.hyperparameter] = self
            if self.hyperparameter == "learning_rate":
                forget_rate(optimizer)

    def _by_optimizer(self, optimizer: Any, found: list[Any]) -> tuple[list[str], list[lrs.Schedule]]:
        """A name in the logs and a schedule for each optimizer."""
        if not isinstance(self.schedule, dict):
            return [self.hyperparameter] * len(found), [self.schedule] * len(found)
        labels = getattr(optimizer, "labels", ())
        if set(labels) != set(self.schedule):
            allowed = f"a dictionary by the groups of a GroupedOptimizer ({', '.join(labels) or 'there are none'})"
            fail("ScheduleCallback", "schedule", allowed, list(self.schedule))
        return [f"{self.hyperparameter}/{label}" for label in labels], [self.schedule[label] for label in labels]

    def _check_execution(self, model: Any) -> None:
        several = getattr(model, "steps_per_execution", 1)
        if self.hyperparameter == "learning_rate" and self.unit != "epoch" and several > 1:
            raise lrs.ScheduleError(
                f"ScheduleCallback: steps_per_execution must be 1 for a rate that changes in every update, got"
                f" {several}; give the optimizer LearningRate(schedule) as its rate instead"
            )

    def _settle(self, model: Any, epoch: int) -> None:
        """Where the compiled train step holds the attribute as a constant, let it follow in there."""
        self._settled = True
        if keras.backend.backend() == "torch" or self.hyperparameter == "learning_rate":
            return
        values = [self._evaluator(model, i, epoch) for i in range(len(self._optimizers))]
        pairs = zip(self._optimizers, values, strict=True)
        changed = [follow(optimizer, self.hyperparameter, value) for optimizer, value in pairs]
        if any(changed) and getattr(model, "train_function", None) is not None:
            model.make_train_function(force=True)

    def _at(self, i: int, update: int) -> float:
        """The value of an update of the i-th optimizer."""
        return self._schedules[i](self._seen[i].before(update) if self.unit == "sample" else update)

    def _evaluator(self, model: Any, i: int, epoch: int) -> Evaluator:
        """What the i-th optimizer evaluates inside its compiled update."""
        every, batches = batches_per_update(self._optimizers[i]), (self.params or {}).get("steps")
        if self.unit == "step":
            return Evaluator(self._schedules[i], every, 0, self._clock.offset)
        if self.unit == "sample":
            epochs = (self.params or {}).get("epochs")
            if self.batch is None or batches is None or epochs is None:
                allowed = f"given, in a fit whose steps are known, to make {self.hyperparameter} follow samples"
                fail("ScheduleCallback", "batch", allowed, self.batch)
            end = self._updates + int(batches * epochs) // every
            values = [self._at(i, update) for update in range(end + 1)]
            return Evaluator(lrs.table(tuple(values)), every, 0, self._clock.offset)
        if batches is None:
            return Evaluator(lrs.constant(self._schedules[i](epoch)))
        return Evaluator(self._schedules[i], batches, epoch * batches - batches_seen(model))

    def _set(self, values: list[float]) -> None:
        self.values = {}
        for optimizer, name, value in zip(self._optimizers, self._names, values, strict=True):
            self.values.setdefault(name, value)
            if self.hyperparameter == "learning_rate":
                rate = rate_of(optimizer)
                rate.base, rate.scheduled = value, True
                rate.assign(optimizer)
                self.values[name] = value * rate.factor
            else:
                tiny = value == 0.0 and self.hyperparameter == "momentum"
                setattr(optimizer, self.hyperparameter, SMALLEST if tiny else value)

    def _log(self, logs: Any) -> None:
        if logs is not None:
            logs.update(self.values)


_CLAIMS: weakref.WeakKeyDictionary[Any, dict[str, ScheduleCallback]] = weakref.WeakKeyDictionary()
