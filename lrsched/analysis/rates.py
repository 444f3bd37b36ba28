"""The rates of a run, which everything here is a function of: a vector, read off a schedule or given as one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lrsched.algebra.node import holds_arrays
from lrsched.algebra.profile import Profile
from lrsched.algebra.schedule import Schedule
from lrsched.foundation.errors import check_count, fail
from lrsched.foundation.numbers import is_jax

__all__ = ["MOST_STEPS", "namespace", "peak_of", "rates_of", "scaled"]

MOST_STEPS = 2**27  # a vector of a gigabyte


def rates_of(
    where: str,
    rates: Any,
    steps: Any = None,
    *,
    argument: str = "rates",
    count: str = "steps",
    dimensions: tuple[int, ...] = (1,),
) -> Any:
    """The rates of a run as a float64 vector; a JAX array, unchecked, where the rates are JAX values.

    Args:
        where: the function that asks, for its errors.
        rates: a schedule, or a vector of one rate an update.
        steps: updates of the run; the schedule's own duration, or the length of the vector, if it is None.
        argument, count: what the function calls the rates and the steps.
        dimensions: how many axes an array may have; the last one counts updates.

    Raises:
        ScheduleError: a profile, an endless schedule without ``steps``, rates that are negative or not finite or all 0.
    """
    if isinstance(rates, Schedule):
        steps = _steps_of(where, rates, steps, argument, count)
        values = _traced(rates, steps) if holds_arrays(rates) else rates.sample(steps)
    else:
        values = _array(where, rates, argument, dimensions)
        _check_length(where, values.shape[-1], steps, count)
    return values if is_jax(values) else _checked(where, values, argument)


def _steps_of(where: str, schedule: Schedule, steps: Any, argument: str, count: str) -> int:
    if steps is None:
        if holds_arrays(schedule) and is_jax(schedule.duration):
            fail(where, count, f"given, since the length of {argument} is a JAX value", steps, wrong_type=True)
        if schedule.duration == math.inf:
            fail(where, count, f"given, since {argument} is a schedule that never ends", steps, wrong_type=True)
        steps = schedule.duration
    steps = check_count(where, count, steps, 1)
    if steps > MOST_STEPS:
        fail(where, count, f"at most {MOST_STEPS:,}: every rate is looked at", steps)
    return steps


def _traced(schedule: Schedule, steps: int) -> Any:
    import jax.numpy as jnp

    return schedule(jnp.arange(steps))


def _array(where: str, rates: Any, argument: str, dimensions: Any) -> Any:
    """What is given as an array of the right number of axes."""
    allowed = "a schedule, or a vector with the rate of every update"
    if isinstance(rates, Profile):
        fail(where, argument, "a schedule; a profile needs .over(steps)", rates, wrong_type=True)
    if is_jax(rates):
        values: Any = rates
    else:
        try:
            values = np.asarray(rates)
        except ValueError:  # rows of several lengths
            fail(where, argument, allowed, rates, wrong_type=True)
        if values.dtype.kind not in "iuf" and not values.dtype.name.startswith("bfloat"):
            fail(where, argument, allowed, rates, wrong_type=True)
        values = values.astype(np.float64)
    if values.ndim not in dimensions:
        fail(where, argument, allowed, f"an array of shape {values.shape}", wrong_type=True)
    return values


def _check_length(where: str, length: int, steps: Any, count: str) -> None:
    if steps is not None and check_count(where, count, steps, 1) != length:
        fail(where, count, f"None, or {length}, the number of rates", steps)


def _checked(where: str, values: Any, argument: str) -> Any:
    """The rates, if they are such."""
    wrong = ~(np.isfinite(values) & (values >= 0.0))
    if wrong.any():
        place = np.unravel_index(np.argmax(wrong), values.shape)
        at = ", ".join(map(str, place))
        fail(where, f"{argument}[{at}]", "a finite rate >= 0", float(values[place]))
    if not values.any():
        fail(where, argument, "rates of which one is > 0", values if values.size else "none")
    return values


def namespace(*values: Any) -> Any:
    """``jax.numpy`` if one of the values is of JAX, else NumPy."""
    if not any(map(is_jax, values)):
        return np
    import jax.numpy as jnp

    return jnp


def peak_of(rates: Any) -> Any:
    """The largest rate."""
    return rates.max() if is_jax(rates) else float(rates.max())


def scaled(rates: Any) -> tuple[Any, Any]:
    """The peak, and the rates divided by it, so that sums of squares neither overflow nor vanish."""
    peak = peak_of(rates)
    return peak, rates / peak
