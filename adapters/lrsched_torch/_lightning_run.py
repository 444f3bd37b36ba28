"""The numbers of a run by Lightning's trainer: its lengths, and what its processes agree on."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import torch

from lrsched.adapting import fail
from lrsched_torch._text import Run

__all__ = ["agreed_sum", "agreed_time", "numbers_of"]

WHERE = "Schedules"


def numbers_of(trainer: Any) -> Run:
    """What ``total``, ``epoch``, ``batch`` and ``world`` stand for in texts; an error where a run does not know it."""
    return {
        "total": lambda: _total(trainer),
        "epoch": lambda: _updates(trainer, _batches(trainer)),
        "batch": lambda: _batch(trainer),
        "world": lambda: trainer.world_size,
    }


def _total(trainer: Any) -> int:
    """The updates in the run."""
    if trainer.max_steps == -1 or trainer.max_epochs not in (-1, None):
        _fixed(trainer)
    steps = trainer.estimated_stepping_batches
    if not 0 < steps < math.inf:
        _unknown("total", "a run of known length (max_steps, or max_epochs with a sized loader)", steps)
    return int(steps)


def _batches(trainer: Any) -> Any:
    """The batches in an epoch."""
    if trainer.train_dataloader is None:
        trainer.fit_loop.setup_data()
    return trainer.num_training_batches


def _updates(trainer: Any, batches: Any) -> int:
    """The updates in an epoch; Lightning makes one after its last batch."""
    _fixed(trainer)
    if not 0 < batches < math.inf:
        _unknown("epoch", "a training loader of known length", batches)
    return math.ceil(batches / trainer.accumulate_grad_batches)


def _batch(trainer: Any) -> int:
    """The samples in an update, over all processes."""
    _fixed(trainer)
    _batches(trainer)
    loader = trainer.train_dataloader
    size: Any = getattr(loader, "batch_size", None) or getattr(
        getattr(loader, "batch_sampler", None), "batch_size", None
    )
    if not isinstance(size, int):
        _unknown("batch", "one training loader with a batch_size", loader)
    return size * int(trainer.accumulate_grad_batches) * int(trainer.world_size)


def _fixed(trainer: Any) -> None:
    """Refuse lengths in updates where a callback of Lightning's changes how many batches make one."""
    for callback in trainer.callbacks:
        if type(callback).__name__ == "GradientAccumulationScheduler":
            _unknown("accumulate_grad_batches", "the same in every epoch, for texts with total, epoch or batch",
                     callback.scheduling)  # fmt: skip


def _unknown(name: str, allowed: str, found: Any) -> NoReturn:
    fail(WHERE, name, allowed, found)


def agreed_sum(trainer: Any, number: int) -> int:
    """The sum of a number over all processes."""
    if trainer.world_size == 1:
        return number
    ours = torch.tensor(number, device=trainer.strategy.root_device)
    return int(trainer.strategy.reduce(ours, reduce_op="sum"))


def agreed_time(trainer: Any, now: float) -> float:
    """The time of the first process."""
    return now if trainer.world_size == 1 else float(trainer.strategy.broadcast(now))
