"""Texts of schedules in which names stand for the numbers of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import lrsched as lrs
from lrsched.adapting import check_count, fail, given_schedule
from lrsched_torch._rules import is_by_name
from lrsched_torch._scheduler import Scheduler

__all__ = ["Run", "from_text", "read_texts", "texts_of"]

NAMES = frozenset({"total", "epoch", "batch", "world"})
Run = Mapping[str, Callable[[], Any]]  # the numbers of a run by name, each asked for only where a text uses it


def read_texts(where: str, argument: str, value: Any, run: Run | None = None) -> Any:
    """What a caller gave for a hyperparameter, one schedule or several, with every text and all data read.

    Args:
        run: what the names in texts stand for; without it, texts that use them stay as they are.

    Raises:
        ScheduleError: a text or data that make no schedule, or a name that is not one of the run's.
    """
    if isinstance(value, str):
        used = lrs.names(value)
        if run is None and used and used <= NAMES:
            return value
        return given_schedule(where, argument, value, {name: run[name]() if run else 1 for name in used & NAMES})
    if is_by_name(value):
        return {name: read_texts(where, argument, schedule, run) for name, schedule in value.items()}
    if isinstance(value, Sequence):
        return [read_texts(where, argument, schedule, run) for schedule in value]
    return given_schedule(where, argument, value) if isinstance(value, Mapping) else value


def texts_of(value: Any) -> Iterator[str]:
    """The texts in what a caller gave for a hyperparameter, one or several."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Sequence) or is_by_name(value):
        for schedule in value.values() if isinstance(value, Mapping) else value:
            yield from texts_of(schedule)


def from_text(optimizer: Any, text: Any, num_training_steps: int | None = None, last_epoch: int = -1) -> Scheduler:
    """A scheduler of the learning rate from text, called as torchtune's recipes call theirs.

    In the text ``total`` stands for ``num_training_steps``. The text is the rate itself, not a multiple of the
    optimizer's.

    Args:
        optimizer: as for :class:`Scheduler`.
        text: an expression, or data of ``to_dict``.
        num_training_steps: the updates in the run, an integer >= 1; not needed by a text without ``total``.
        last_epoch: as for :class:`Scheduler`: the index of the last update that was made.

    Raises:
        ScheduleError: the text makes no schedule, or uses another name.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        >>> from_text(optimizer, "0.1 * plan(total, warmup(0.1 * total), cosine())", num_training_steps=50)
        Scheduler(lr=0.1 * (warmup(5) >> cosine().over(45)), step=0)
    """

    def total() -> int:
        if num_training_steps is None:
            fail("from_text", "num_training_steps", "the updates in the run, since the text uses total", None)
        return check_count("from_text", "num_training_steps", num_training_steps, 1)

    used = lrs.names(text) if isinstance(text, str) else ()
    numbers = {"total": total()} if "total" in used else {}
    return Scheduler(optimizer, given_schedule("from_text", "text", text, numbers), last_epoch=last_epoch)
