"""How many samples or tokens a run has seen before an update."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import lrsched as lrs
from lrsched.adapting import check_count, check_real, fail

__all__ = ["Counted", "Known", "check_batch", "count_of"]


def check_batch(where: str, batch: Any) -> Any:
    """Sizes of batches as given: None, a number, a schedule, or the sizes of the batches of one epoch as a tuple."""
    if batch is None or isinstance(batch, lrs.Schedule):
        return batch
    if isinstance(batch, Sequence) and not isinstance(batch, str) and len(batch):
        return tuple(check_count(where, f"batch[{i}]", size, 1) for i, size in enumerate(batch))
    if not isinstance(batch, int) or isinstance(batch, bool):
        fail(
            where, "batch", "a number of samples, a schedule of such numbers, or a list of them", batch, wrong_type=True
        )
    return check_count(where, "batch", batch, 1)


def count_of(argument: str, count: Any) -> Any:
    """How many samples, a number >= 0."""
    number = check_real("ScheduleCallback", argument, count, "a number >= 0")
    if number < 0.0:
        fail("ScheduleCallback", argument, "a number >= 0", count)
    return int(number) if number.is_integer() else number


class Known:
    """Batches whose sizes are known beforehand: the count is a function of the update, and nothing is to be stored."""

    def __init__(self, batch: Any, batches_per_update: int) -> None:
        self.batch, self.every = batch, batches_per_update
        self.sums = [0, *accumulate(batch)] if isinstance(batch, tuple) else [0]

    def before(self, update: int) -> int:
        """Samples seen before an update."""
        if isinstance(self.batch, int):
            return update * self.batch
        if isinstance(self.batch, tuple):
            epochs, batches = divmod(update * self.every, len(self.batch))
            return epochs * self.sums[-1] + self.sums[batches]
        while len(self.sums) <= update:
            self.sums.append(self.sums[-1] + lrs.units.size(self.batch, len(self.sums) - 1))
        return self.sums[update]


class Counted:
    """Batches that someone counts one by one."""

    def __init__(self) -> None:
        self.start(0)

    def start(self, seen: Any) -> None:
        """Go on after a number of samples."""
        self.seen = seen
        self.counted = True
        self.latched: tuple[int, Any] = (-1, 0)

    def add(self, count: Any) -> None:
        """What one more batch had."""
        self.seen += count
        self.counted = True

    def before(self, update: int) -> Any:
        """Samples seen before an update; the batches of an accumulated one have one number."""
        if self.latched[0] != update:
            self.latched = (update, self.seen)
        return self.latched[1]

    def begin_batch(self, where: str) -> None:
        """Raise if the last batch was not counted."""
        if not self.counted:
            raise lrs.ScheduleError(
                f"{where}: the last batch was not counted; give batch=..., or call step(count) after every batch"
            )
        self.counted = False
