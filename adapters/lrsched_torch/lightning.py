"""Schedules in Lightning: a callback that counts, logs, saves and resumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import torch

import lrsched as lrs
from lrsched.adapting import State, check_choice, entry, fail, one_of, read_state, step, whole
from lrsched_torch._lightning_run import agreed_sum, agreed_time, numbers_of
from lrsched_torch._scheduler import Scheduler
from lrsched_torch._text import read_texts, texts_of

if TYPE_CHECKING:
    from lightning.pytorch.callbacks import Callback
    from lightning.pytorch.utilities.data import extract_batch_size
else:
    try:
        from lightning.pytorch.callbacks import Callback
        from lightning.pytorch.utilities.data import extract_batch_size
    except ModuleNotFoundError:  # the same package under its other name
        from pytorch_lightning.callbacks import Callback
        from pytorch_lightning.utilities.data import extract_batch_size

__all__ = ["Schedules"]

UNITS = ("step", "batch", "sample", "second")


class Saved(State):
    """What the state of the callback says."""

    unit: str = one_of(*UNITS)
    updates: int = whole()  # of the trainer, when they were last counted
    pending: Any = entry(step)  # what was consumed since then
    scheduler: Any = entry(lambda where, name, value: value)  # read by the scheduler itself


class Schedules(Callback):
    """A Lightning callback by which hyperparameters follow schedules; ``configure_optimizers`` returns no scheduler.

    Update after update uses ``schedule(t)``, where t is what the updates before it have consumed:

    - ``"step"``: how many they are, as Lightning counts them (``trainer.global_step``); with several optimizers, in
      how many batches there was one.
    - ``"batch"``: their batches, which are more than updates under ``accumulate_grad_batches``.
    - ``"sample"``: their samples, over all processes.
    - ``"second"``: seconds since training began, without the time between a checkpoint and its resumption.

    In texts ``total`` stands for the updates in the run, ``epoch`` for those in an epoch, ``batch`` for the samples
    in an update over all processes, and ``world`` for the number of processes. Every number is logged by name through
    the trainer's loggers. The state is part of the checkpoint; ``scheduler`` is the :class:`lrsched_torch.Scheduler`.
    One callback drives all hyperparameters: of two in a trainer, Lightning says that it cannot tell their states apart.

    Args:
        lr: the schedule or schedules of the learning rate, as for :class:`lrsched_torch.Scheduler`, or text.
        weight_decay: those of the weight decay.
        unit: what schedules count.
        clock: a function that gives the time in seconds, where they are what is counted.
        relative, on_mismatch, check: as for :class:`lrsched_torch.Scheduler`.
        hyperparameters: as for :class:`lrsched_torch.Scheduler`.

    Raises:
        ScheduleError: as for :class:`lrsched_torch.Scheduler`; a text has lengths in updates where something else is
            counted. When training begins: the trainer does not know a number that a text uses, or the module has a
            scheduler of its own.

    Example:
        >>> text = "3e-4 * plan(total, warmup(0.03 * total), cosine())"
        >>> callback = Schedules(lr=text, weight_decay="0.1 * linear().over(total)")  # Trainer(callbacks=[callback])
        >>> callback.unit
        'step'
    """

    log_dict: Any  # the trainer's

    def __init__(
        self,
        lr: Any = None,
        weight_decay: Any = None,
        *,
        unit: Literal["step", "batch", "sample", "second"] = "step",
        clock: Callable[[], float] = time.monotonic,
        relative: bool = False,
        on_mismatch: Literal["error", "mine", "saved"] = "error",
        check: bool = True,
        **hyperparameters: Any,
    ) -> None:
        check_choice("Schedules", "unit", unit, UNITS)
        if not callable(clock):
            fail("Schedules", "clock", "a function that gives seconds", clock, wrong_type=True)
        given = {"lr": lr, "weight_decay": weight_decay, **hyperparameters}
        self._given = {k: read_texts("Schedules", k, value) for k, value in given.items() if value is not None}
        if not self._given:
            fail("Schedules", "lr", "a schedule, unless another hyperparameter has one", lr, wrong_type=True)
        self.unit, self.clock = unit, clock
        self._options: dict[str, Any] = {"relative": relative, "on_mismatch": on_mismatch, "check": check}
        self.scheduler: Scheduler | None = None
        self._saved: Mapping[str, Any] | None = None
        self._updates, self._pending, self._time = 0, 0, 0.0
        self._check_lengths({"second", "sample"})

    # -- the run

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Build the scheduler, now that the optimizers and the length of the run are known."""
        self._check_alone(trainer)
        if trainer.accumulate_grad_batches != 1:
            self._check_lengths({"batch"})
        if self.scheduler is not None and trainer.global_step and self._saved is None:
            self._saved = self.state_dict()  # the same trainer goes on
        run = numbers_of(trainer)
        given = {key: read_texts("Schedules", key, value, run) for key, value in self._given.items()}
        optimizers = trainer.optimizers
        self.scheduler = Scheduler(optimizers[0] if len(optimizers) == 1 else optimizers, **given, **self._options)
        self._updates, self._pending = 0, 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Go on where a checkpoint was saved, whose updates the trainer knows by now."""
        saved, self._saved = self._saved, None
        if saved is not None:
            self._restore(saved)
        elif trainer.global_step and (self.unit != "step" or len(trainer.optimizers) > 1):
            fail("Schedules", "unit", "'step' to resume from a checkpoint that Schedules has no part in", self.unit)
        self._time = agreed_time(trainer, self.clock())
        self._count(trainer)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Look for a scheduler that another callback has brought."""
        self._check_alone(trainer)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Log the values of the update to come."""
        self._pass_time(trainer)
        if trainer.loggers:
            values = self._driver.values
            self.log_dict({name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()})

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count what the batch consumed, and go on if it made an update."""
        if self.unit == "batch":
            self._pending += 1
        elif self.unit == "sample":
            self._pending += agreed_sum(trainer, extract_batch_size(batch))
        self._pass_time(trainer)
        self._count(trainer)

    # -- counting

    @property
    def _driver(self) -> Scheduler:
        assert self.scheduler is not None, "it is built when training begins"
        return self.scheduler

    def _count(self, trainer: Any) -> None:
        """Go on by what was consumed, if there was an update since this was last asked."""
        updates = trainer.global_step - self._updates
        if updates:
            self._updates = trainer.global_step
            count = self._pending if self.unit != "step" else updates if len(trainer.optimizers) == 1 else 1
            self._pending = 0
            self._driver.step(count=count)

    def _pass_time(self, trainer: Any) -> None:
        """Go on by the seconds since this was last asked."""
        if self.unit == "second":
            before, self._time = self._time, agreed_time(trainer, self.clock())
            self._driver.step(count=self._time - before)

    # -- checks

    def _check_lengths(self, units: set[str]) -> None:
        """Refuse lengths in updates in a text that counts something else."""
        advice = {
            "second": "in seconds",
            "sample": "in samples (total * batch)",
            "batch": "in batches, without total and epoch under accumulate_grad_batches",
        }
        for key, value in self._given.items():
            for text in texts_of(value):
                names = lrs.names(text)
                in_updates = names & {"total", "epoch"} and not (self.unit == "sample" and "batch" in names)
                if self.unit in units and in_updates:
                    fail("Schedules", key, f"a text with lengths {advice[self.unit]}", text)

    def _check_alone(self, trainer: Any) -> None:
        """Refuse to drive what a scheduler of the module, or of another callback, drives too."""
        for config in trainer.lr_scheduler_configs:
            theirs = config.scheduler
            both = self._given.keys() & (theirs.schedules if isinstance(theirs, Scheduler) else {"lr"})
            if both:
                key = min(both)
                allowed = "driven by one alone (configure_optimizers returns no scheduler, nor does a callback add one)"
                fail("Schedules", key, allowed, f"a {type(theirs).__name__} beside it")

    # -- state

    def state_dict(self) -> dict[str, Any]:
        """What is counted, and the state of the scheduler: plain data; empty before training begins."""
        if self.scheduler is None:
            return {}
        known = {"unit": self.unit, "updates": self._updates, "pending": self._pending}
        return {**known, "scheduler": self.scheduler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep a state, from which training goes on when it begins."""
        self._saved = state_dict

    def _restore(self, state: Mapping[str, Any]) -> None:
        saved = read_state("Schedules.load_state_dict", Saved, state)
        if saved.unit != self.unit:
            fail("Schedules.load_state_dict", "unit", f"that of the saved state, {saved.unit!r}", self.unit)
        self._driver.load_state_dict(saved.scheduler)
        self._updates, self._pending = saved.updates, saved.pending
