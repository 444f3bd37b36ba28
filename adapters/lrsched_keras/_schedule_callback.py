"""A schedule for any number that an optimizer uses."""

from __future__ import annotations

import weakref
from typing import Any

import keras

import lrsched as lrs
from lrsched.adapting import check_choice, fail
from lrsched_keras._base import forget_rate
from lrsched_keras._clock import Clock
from lrsched_keras._common import concrete_schedules
from lrsched_keras._driven import Driven, driven
from lrsched_keras._following import follow, unfollow
from lrsched_keras._optimizers import batches_per_update, batches_seen, members
from lrsched_keras._rate import Evaluator
from lrsched_keras._samples import Counted, Known, check_batch, count_of
from lrsched_keras._written import check_writers

__all__ = ["ScheduleCallback"]


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
        schedule: the schedule, or a number, a text or data as one; or a dictionary of them by the groups of a
            :class:`GroupedOptimizer`, or by patterns (``lrsched.grouping``) of which each takes whole optimizers of a
            ``MultiOptimizer``. The values are logged as ``learning_rate/<group>``.
        hyperparameter: a number of the optimizer by its name: "learning_rate", "momentum", "beta_1", "weight_decay".
        unit: what the schedule counts, "step" (updates), "epoch", or "sample" (samples or tokens).
        batch: with the unit "sample", how many an update sees, all devices and accumulated batches together: an integer
            >= 1, or a schedule of such numbers over updates (``lrs.units.size``); or a list, for each batch of an epoch
            how many it has, the smaller last one included. None if :meth:`step` counts them.
        numbers: for the names in a text.

    Raises:
        ScheduleError: an argument is wrong; or, when ``fit`` starts, the optimizer has no such number, its rate is
            itself a schedule, its momentum was made 0, two callbacks set the same number, or the number of batches in
            an epoch is needed and unknown, or not that of the list ``batch``; or batches that nobody counts; or
            something else sets the number between two updates (a checkpoint that is restored may).

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
        self,
        schedule: Any,
        hyperparameter: str = "learning_rate",
        unit: str = "step",
        *,
        batch: Any = None,
        **numbers: Any,
    ) -> None:
        super().__init__()
        if not isinstance(hyperparameter, str) or not hyperparameter.isidentifier():
            fail("ScheduleCallback", "hyperparameter", "the name of an attribute", hyperparameter, wrong_type=True)
        self.schedule: Any = concrete_schedules("ScheduleCallback", schedule, numbers)
        self.hyperparameter = hyperparameter
        self.unit: str = check_choice("ScheduleCallback", "unit", unit, ("step", "epoch", "sample"))
        self.batch = check_batch("ScheduleCallback", batch)
        if batch is not None and unit != "sample":
            fail("ScheduleCallback", "unit", "'sample' where batch is given", unit)
        self.values: dict[str, float] = {}
        self._driven: list[Driven] = []
        self._updates = 0
        self._counted = Counted()
        self._known: dict[int, Known] = {}
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

    def replace(self, schedule: Any, **numbers: Any) -> None:
        """Follow another schedule from the next update on, or, with the unit "epoch", from the next epoch on.

        A schedule counts from the beginning of the run, as before: update t uses ``new(t)``, so that
        ``callback.replace(s.extended(t, total))`` re-plans a run that grows or shrinks, and ``new.delayed(t)`` begins
        at step t. Nothing of it is stored: a run that is restored is given the new schedule.

        Args:
            schedule: as for the callback itself.
            numbers: for the names in a text.

        Raises:
            ScheduleError: as for the callback itself; it then follows what it did.

        Example:
            >>> import lrsched as lrs, numpy as np
            >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
            >>> model.compile(keras.optimizers.SGD(), loss="mse")
            >>> callback = ScheduleCallback(lrs.linear().over(4))
            >>> rates = []
            >>> for epoch in range(3):
            ...     history = model.fit(np.ones((2, 1)), np.ones((2, 1)), batch_size=1, verbose=0, callbacks=[callback])
            ...     rates += history.history["learning_rate"]
            ...     callback.replace(lrs.linear().over(4).extended(2, 12))
            >>> rates
            [0.75, 0.45, 0.35]
        """
        new = concrete_schedules("ScheduleCallback.replace", schedule, numbers)
        if self._driven:
            self._driven = driven("ScheduleCallback.replace", new, self.hyperparameter, self.model)
        self.schedule, self._settled = new, False

    # ---- what Keras calls

    def on_train_begin(self, logs: Any = None) -> None:
        """Find the optimizer, and say what does not fit."""
        check_writers("ScheduleCallback", self.hyperparameter)
        self._attach(self.model)
        self._new_run = True
        batches = (self.params or {}).get("steps")
        if isinstance(self.batch, tuple) and batches not in (None, len(self.batch)):
            fail("ScheduleCallback", "batch", f"a list with a size for each batch of an epoch ({batches})", self.batch)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Settle where the schedule is, and set the value if it counts epochs."""
        model = self._attached()
        mine = weakref.ref(self)
        if any(_CLAIMS.get(one.optimizer, {}).get(self.hyperparameter) is not mine for one in self._driven):
            raise lrs.ScheduleError(f"ScheduleCallback: two callbacks set {self.hyperparameter}; leave one of them out")
        if self._new_run and self.unit != "epoch":
            self._clock.begin("ScheduleCallback", model, self.params, epoch)
            self._updates = self._clock.step(model)
        self._new_run = False
        self._settle(model, epoch)
        if self.unit == "epoch":
            self._set(batches_seen(model), [one.schedule(epoch) for one in self._driven])

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the value that the next update uses."""
        if self.unit == "epoch":
            return
        model = self._attached()
        if not self._settled:
            self._settle(model, 0)
        if self.unit == "sample" and self.batch is None:
            self._counted.begin_batch("ScheduleCallback")
        count = batches_seen(model)
        self._set(count, [self._at(one, self._clock.after(count, one.optimizer)) for one in self._driven])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Log the value that was used."""
        self._log(logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Log the value that was used last, if it was."""
        self._check(batches_seen(self._attached()))
        self._log(logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Leave the last value as a plain number."""
        model = self._attached()
        followed = [unfollow(one.optimizer, self.hyperparameter) for one in self._driven]
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
        self._driven = driven("ScheduleCallback", self.schedule, self.hyperparameter, model)
        self._check_execution(model)
        self._settled = False
        if self._optimizers != found:
            self._clock = Clock()
        self._optimizers = found
        for one in self._driven:
            _CLAIMS.setdefault(one.optimizer, {})[self.hyperparameter] = weakref.ref(self)
            if self.hyperparameter == "learning_rate":
                forget_rate(one.optimizer)

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
        values = [self._evaluator(model, one, epoch) for one in self._driven]
        pairs = zip(self._driven, values, strict=True)
        changed = [follow(one.optimizer, self.hyperparameter, value) for one, value in pairs]
        if any(changed) and getattr(model, "train_function", None) is not None:
            model.make_train_function(force=True)

    def _at(self, one: Driven, update: int) -> float:
        """The value of an update of one of the optimizers."""
        return one.schedule(self._seen(one).before(update) if self.unit == "sample" else update)

    def _seen(self, one: Driven) -> Counted | Known:
        """What counts the samples that an optimizer has seen."""
        if self.batch is None:
            return self._counted
        every = batches_per_update(one.optimizer)
        if every not in self._known:
            self._known[every] = Known(self.batch, every)
        return self._known[every]

    def _evaluator(self, model: Any, one: Driven, epoch: int) -> Evaluator:
        """What an optimizer evaluates inside its compiled update."""
        every, batches = batches_per_update(one.optimizer), (self.params or {}).get("steps")
        if self.unit == "step":
            return Evaluator(one.schedule, every, 0, self._clock.offset)
        if self.unit == "sample":
            epochs = (self.params or {}).get("epochs")
            if self.batch is None or batches is None or epochs is None:
                allowed = f"given, in a fit whose steps are known, to make {self.hyperparameter} follow samples"
                fail("ScheduleCallback", "batch", allowed, self.batch)
            end = self._updates + int(batches * epochs) // every
            values = [self._at(one, update) for update in range(end + 1)]
            return Evaluator(lrs.table(tuple(values)), every, 0, self._clock.offset)
        if batches is None:
            return Evaluator(lrs.constant(one.schedule(epoch)))
        return Evaluator(one.schedule, batches, epoch * batches - batches_seen(model))

    def _check(self, count: int) -> None:
        """Raise if something else has set a number since it was last set here."""
        for one in self._driven:
            one.written.check("ScheduleCallback", one.optimizer, count)

    def _set(self, count: int, values: list[float]) -> None:
        """Set the numbers after a count of batches."""
        self._check(count)
        self.values = {}
        for one, value in zip(self._driven, values, strict=True):
            used = one.set(value, count)
            self.values.setdefault(one.name, used)

    def _log(self, logs: Any) -> None:
        if logs is not None:
            logs.update(self.values)


_CLAIMS: weakref.WeakKeyDictionary[Any, dict[str, weakref.ref[ScheduleCallback]]] = weakref.WeakKeyDictionary()
