"""A word to those whose scheduler Lightning steps once an epoch, as it does unless told otherwise."""

from __future__ import annotations

import math
import sys
import warnings
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import torch

import lrsched as lrs

__all__ = ["watch"]

PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def watch(scheduler: Any) -> None:
    """Look once, at the second update, whether Lightning, where it is loaded, steps this scheduler once an epoch."""
    if not any(package in sys.modules for package in PACKAGES):
        return
    me, updates = weakref.ref(scheduler), iter(range(2))

    def before_update(*_: Any) -> None:
        if not torch.compiler.is_compiling() and next(updates, None) == 1:
            _look(me())

    try:
        handle = scheduler.optimizer.register_step_pre_hook(before_update)
    except AttributeError:  # a wrapper without hooks, which is none of Lightning's
        return
    scheduler._hooks.append(handle)
    weakref.finalize(scheduler, handle.remove).atexit = False


def _look(scheduler: Any) -> None:
    trainer = _trainer()
    if trainer is None or not trainer.lightning_module.automatic_optimization:
        return
    for config in trainer.lr_scheduler_configs:
        if config.scheduler is scheduler and config.interval == "epoch" and not _counts(scheduler, trainer.max_epochs):
            warnings.warn(
                f"{type(scheduler).__name__}: Lightning steps it once an epoch, as it does by default, and its "
                'schedule does not fit into the epochs of the run; to count updates, return {"optimizer": optimizer, '
                '"lr_scheduler": {"scheduler": scheduler, "interval": "step"}} from configure_optimizers, or leave '
                "lr_scheduler out and give the trainer (in a configuration: trainer.callbacks) a "
                "lrsched_torch.lightning.Schedules",
                lrs.ScheduleWarning,
                stacklevel=2,
            )


def _trainer() -> Any:
    """The trainer of Lightning that makes this update."""
    frame: Any = sys._getframe()
    while frame is not None:
        found = frame.f_locals.get("trainer")
        if frame.f_globals.get("__name__", "").startswith(PACKAGES) and hasattr(found, "lr_scheduler_configs"):
            return found
        frame = frame.f_back
    return None


def _counts(scheduler: Any, epochs: int | None) -> bool:
    """Whether every schedule fits into the epochs of the run, so that they may well be what it counts."""
    given = scheduler.schedules.values()
    return epochs not in (None, -1) and all(_fits(schedule, epochs) for schedule in _schedules_in([*given]))


def _fits(schedule: lrs.Schedule, epochs: Any) -> bool:
    if schedule.duration < math.inf:
        return schedule.duration <= epochs
    return len(schedule.boundaries(epochs + 1)) > 0


def _schedules_in(given: Any) -> Iterator[lrs.Schedule]:
    if isinstance(given, lrs.Schedule):
        yield given
    elif isinstance(given, list | tuple | Mapping):
        for inner in given.values() if isinstance(given, Mapping) else given:
            yield from _schedules_in(inner)
