"""Schedules in Transformers' Trainer: a mixin that builds, logs and resumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lrsched.adapting import fail
from lrsched_torch._scheduler import Scheduler
from lrsched_torch._text import Run, read_texts

__all__ = ["WithSchedules"]

OPTIONS = ("relative", "on_mismatch", "check")  # of the scheduler, not schedules


class WithSchedules:
    """A mixin by which the hyperparameters of a Transformers ``Trainer`` follow schedules.

        class MyTrainer(WithSchedules, Trainer): ...

        trainer = MyTrainer(model, args, schedules={"lr": "2e-5 * plan(total, warmup(0.1 * total), cosine())"})

    The trainer steps the scheduler once an update that is not skipped, saves it as ``scheduler.pt`` and resumes from
    it. In texts ``total`` stands for the updates in the run, ``epoch`` for those in an epoch, ``batch`` for the samples
    in an update over all processes, and ``world`` for the number of processes. Every number is logged by name beside
    ``learning_rate``: that of the update made last.

    Args:
        arguments: what the trainer takes.
        schedules: by hyperparameter what :class:`lrsched_torch.Scheduler` takes, or text, and its other options. May be
            an attribute of the class instead.
        named: what the trainer takes.

    Raises:
        ScheduleError: ``schedules`` is no such dictionary, or a scheduler is given as well. When training begins: as
            for :class:`lrsched_torch.Scheduler`, or the trainer does not know a number that a text uses.

    Example:
        >>> import torch
        >>> from transformers import Trainer, TrainingArguments
        >>> class MyTrainer(WithSchedules, Trainer):
        ...     schedules = {"lr": "0.5 * linear().over(total)"}
        >>> trainer = MyTrainer(torch.nn.Linear(1, 1), TrainingArguments(use_cpu=True, report_to=[]))
        >>> trainer.create_scheduler(10, torch.optim.SGD(trainer.model.parameters()))
        Scheduler(lr=0.5 * linear().over(10), step=0)
    """

    schedules: Mapping[str, Any] | None = None
    lr_scheduler: Any
    optimizer: Any
    args: Any
    get_total_train_batch_size: Any

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        before = cls.__mro__[: cls.__mro__.index(WithSchedules)]
        if any("create_scheduler" in vars(kind) and not issubclass(kind, WithSchedules) for kind in before):
            names = ", ".join(base.__name__ for base in cls.__bases__)
            fail("WithSchedules", f"the bases of {cls.__name__}", "in the order (WithSchedules, Trainer)", names)

    def __init__(self, *arguments: Any, schedules: Mapping[str, Any] | None = None, **named: Any) -> None:
        given = self.schedules if schedules is None else schedules
        if not isinstance(given, Mapping) or not given:
            fail("WithSchedules", "schedules", "a dictionary of schedules by hyperparameter", given, wrong_type=True)
        self.schedules = self._read(given, None)
        self._epoch: int | None = None
        self._values: dict[str, float] = {}
        super().__init__(*arguments, **named)
        if self.lr_scheduler is not None:
            fail("WithSchedules", "optimizers", "without a scheduler, as there are schedules", self.lr_scheduler)

    def _read(self, given: Mapping[str, Any], run: Run | None) -> dict[str, Any]:
        return {k: v if k in OPTIONS else read_texts("WithSchedules", k, v, run) for k, v in given.items()}

    def set_initial_training_values(self, args: Any, dataloader: Any, *more: Any) -> Any:
        """What the trainer computes before it begins, the length of an epoch among it."""
        found = super().set_initial_training_values(args, dataloader, *more)  # type: ignore[misc]
        self._epoch = found[1] if _length(dataloader) else None
        return found

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The scheduler of a run of so many updates, which the trainer asks for when it begins."""
        if self.lr_scheduler is None:
            given = self._read(self.schedules or {}, self._run(num_training_steps))
            self.lr_scheduler = Scheduler(self.optimizer if optimizer is None else optimizer, **given)
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def _run(self, total: int) -> Run:
        return {
            "total": lambda: total,
            "epoch": self._updates,
            "batch": lambda: self.get_total_train_batch_size(self.args),
            "world": lambda: self.args.world_size,
        }

    def _updates(self) -> int:
        if self._epoch is None:
            fail("WithSchedules", "epoch", "used where the trainer knows the length of its data", self._epoch)
        return self._epoch

    def _get_learning_rate(self) -> Any:
        """The rate that the trainer logs; the other numbers are those of the same moment."""
        self._values = dict(getattr(self.lr_scheduler, "values", {}))
        return super()._get_learning_rate()  # type: ignore[misc]

    def log(self, logs: dict[str, Any], *more: Any, **named: Any) -> None:
        """Log what the trainer does, and every scheduled number beside the rate."""
        super().log({**logs, **self._values} if "learning_rate" in logs else logs, *more, **named)  # type: ignore[misc]


def _length(loader: Any) -> int | None:
    """How many batches a loader has; None if it does not know."""
    try:
        return len(loader)
    except TypeError:  # over data that have no length
        return None
