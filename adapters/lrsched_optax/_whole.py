"""Schedules of whole numbers: for accumulation, batch sizes and lengths of sequences."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lrsched as lrs
from lrsched.adapting import fail

__all__ = ["check_whole", "whole_number"]

LOOKED_AT = 10**6  # steps from the first on, all of which are looked at
BOUNDARIES = 1000  # that are looked at beyond them
LAST = 2**31 - 1
NEAR = 1e-9  # a value so near a whole number is that number


def check_whole(schedule: lrs.Schedule, dtype: Any, traced: Callable[[Any], Any]) -> None:
    """Refuse a schedule that does not give whole numbers of a type, on the host and as JAX computes it."""
    steps = np.fromiter(_steps(schedule), np.int64)
    for some in np.array_split(steps, max(1, math.ceil(len(steps) / LOOKED_AT))):
        values = _values(schedule, some)
        whole = np.rint(values)
        info = np.iinfo(dtype)
        wrong = ~_is_near(values, whole)
        _refuse(wrong, some, values, "a schedule of whole numbers")
        _refuse((whole < info.min) | (whole > info.max), some, values, f"a schedule of numbers within {dtype}")
        with jax.ensure_compile_time_eval():
            found = np.asarray(jax.jit(traced)(jnp.asarray(some, jnp.result_type(int))))
        exact = "a schedule of numbers that JAX's floats hold exactly (enable x64, or count in larger units)"
        _refuse(np.rint(found.astype(np.float64)) != whole, some, values, exact)


def whole_number(schedule: lrs.Schedule, count: Any) -> int:
    """The value at a count of the host."""
    value = schedule(count)
    if not math.isfinite(value) or not _is_near(value, round(value)):
        fail("as_schedule", "s", "a schedule of whole numbers", _At(value, count))
    return round(value)


def _is_near(values: Any, whole: Any) -> Any:
    return np.isfinite(values) & np.isclose(values, whole, rtol=NEAR, atol=NEAR)


def _steps(schedule: Any) -> Iterator[int]:
    """The steps worth looking at: those from the first on, beyond them what is around boundaries, and the end."""
    yield from range(min(schedule.duration, LOOKED_AT))
    if schedule.duration > LOOKED_AT:
        for edge in itertools.islice(_edges(schedule), BOUNDARIES):
            yield from (edge - 1, edge, edge + 1)
    yield min(schedule.duration, LAST)


def _edges(schedule: Any) -> Iterator[int]:
    """The boundaries beyond the steps that are all looked at."""
    found = schedule.edge(LOOKED_AT - 1)
    while found is not None and found < LAST:
        yield found
        found = schedule.edge(found)


def _values(schedule: lrs.Schedule, steps: Any) -> Any:
    try:
        return schedule(steps)
    except lrs.ScheduleError as error:
        raise lrs.ScheduleError(f"as_schedule: s must be a schedule of whole numbers at every step: {error}") from error


def _refuse(wrong: Any, steps: Any, values: Any, allowed: str) -> None:
    if wrong.any():
        i = int(np.argmax(wrong))
        fail("as_schedule", "s", allowed, _At(float(values[i]), int(steps[i])))


class _At:
    """A value and its step, as a message shows them."""

    def __init__(self, value: float, step: Any) -> None:
        self.value, self.step = value, step

    def __repr__(self) -> str:
        return f"{self.value!r} at step {self.step}"
