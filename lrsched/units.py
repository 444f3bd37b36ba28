"""Clocks that count samples or tokens instead of updates, with a batch size that may itself follow a schedule.

A schedule counts in whatever unit it is called with: ``s(t)`` for t updates, ``s(n)`` for n samples or tokens. The unit
of these functions is called a sample. The number of samples seen before an update does not depend on how many devices
share the batch, so neither does the rate: ``s(seen)`` is one curve for any world size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import check_choice, check_count, check_real, fail
from lrsched.foundation.numbers import is_jax
from lrsched.schedules.tables import Table

__all__ = ["in_updates", "seen", "share", "size"]


def size(batch: Any, at: Any, multiple: int = 1) -> Any:
    """The size of the batch of one update: the schedule's value, rounded to an integer.

    Formula: multiple * max(round(b(at) / multiple), 1), ties to even

    Args:
        batch: a schedule of batch sizes, or a number.
        at: the update, or the number of samples seen, whichever ``batch`` counts; may be a JAX value.
        multiple: what the size is a multiple of, an integer >= 1, such as devices times the batch of one.

    Returns:
        An int, or a JAX integer if ``at`` or the batch is JAX's.

    Raises:
        ScheduleError: a size that is not finite, or an argument outside its range.

    Example:
        >>> import lrsched as lrs
        >>> ramp = lrs.linear().over(4, start=8, end=64)
        >>> [size(ramp, t, multiple=8) for t in range(6)]
        [8, 24, 32, 48, 64, 64]
    """
    step = check_count("size", "multiple", multiple, 1)
    value = batch(at) if isinstance(batch, Schedule) else batch
    if is_jax(value):
        import jax.numpy as jnp

        return step * jnp.maximum(jnp.rint(value / step), 1).astype(jnp.result_type(int))
    number = check_real("size", "batch", value, "a schedule of finite batch sizes, or one")
    return step * max(round(number / step), 1)


def seen(batch: Any, steps: int, *, counts: str = "updates", multiple: int = 1) -> NDArray[np.int64]:
    """How many samples have been seen before each update, with batches of :func:`size`.

    Formula: seen(0) = 0, seen(t + 1) = seen(t) + size(b, t), or size(b, seen(t)) where the batch counts samples

    Args:
        batch: a schedule of batch sizes, or a number; of the whole batch, all devices and accumulation together.
        steps: length of the run in updates, an integer >= 0.
        counts: what the schedule of batch sizes counts, "updates" or "samples".
        multiple: as for :func:`size`.

    Returns:
        int64 vector of steps + 1; the last is the number of samples of the whole run.

    Raises:
        ScheduleError: an argument outside its range.

    Example:
        >>> import lrsched as lrs
        >>> seen(lrs.piecewise([2], [16, 64]), 4).tolist()
        [0, 16, 32, 96, 160]
        >>> seen(lrs.piecewise([40], [16, 64]), 4, counts="samples").tolist()
        [0, 16, 32, 48, 112]
    """
    length = check_count("seen", "steps", steps)
    check_choice("seen", "counts", counts, ("updates", "samples"))
    total, totals = 0, [0]
    for t in range(length):
        total += size(batch, t if counts == "updates" else total, multiple)
        totals.append(total)
    return np.asarray(totals, np.int64)


def in_updates(schedule: Schedule, batch: Any, steps: int, *, counts: str = "updates", multiple: int = 1) -> Schedule:
    """A schedule over samples as a schedule over updates, for programs that can count nothing else.

    Formula: s(seen(t)) for update t < steps, s(seen(steps)) from there on

    Args:
        schedule: a schedule over samples.
        batch, steps, counts, multiple: as for :func:`seen`; steps >= 1.

    Returns:
        A table of ``steps`` values.

    Raises:
        ScheduleError: an argument outside its range.

    Example:
        >>> import lrsched as lrs
        >>> rate = in_updates(lrs.linear().over(160), lrs.piecewise([2], [16, 64]), 4)
        >>> rate.sample(5).tolist()
        [1.0, 0.9, 0.8, 0.4, 0.0]
    """
    if not isinstance(schedule, Schedule):
        fail("in_updates", "schedule", "a schedule over samples", schedule, wrong_type=True)
    length = check_count("in_updates", "steps", steps, 1)
    values = [schedule(n) for n in seen(batch, length, counts=counts, multiple=multiple).tolist()]
    return Table(tuple(values[:-1])).after(values[-1])


def share(total: int, world: int, rank: int) -> int:
    """How many samples of a batch one of several devices takes: the shares add up and differ by at most 1.

    Formula: floor(total * (rank + 1) / world) - floor(total * rank / world)

    Args:
        total: size of the whole batch, an integer >= 0.
        world: number of devices, an integer >= 1.
        rank: which one, from 0 to world - 1.

    Raises:
        ScheduleError: an argument outside its range.

    Example:
        >>> [share(10, 4, rank) for rank in range(4)]
        [2, 3, 2, 3]
    """
    whole, devices = check_count("share", "total", total), check_count("share", "world", world, 1)
    mine = check_count("share", "rank", rank)
    if mine >= devices:
        fail("share", "rank", f"an integer below world ({devices})", rank)
    return whole * (mine + 1) // devices - whole * mine // devices
