"""A schedule as the plain function that Optax calls, with a fixed dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

import lrsched as lrs
from lrsched.adapting import fail, given_schedule, holds_arrays

__all__ = ["as_schedule", "lifted"]


def lifted(where: str, argument: str, value: Any) -> lrs.Schedule:
    """``value`` as a schedule; numbers, and JAX scalars, are constants, text and data are read."""
    found: lrs.Schedule = given_schedule(where, argument, value, arrays=True)
    return found


def as_schedule(s: Any, dtype: Any = None) -> Callable[[Any], jax.Array]:
    """The schedule as an Optax schedule whose values have one fixed dtype.

    A schedule object is an Optax schedule already; its values are float32, or float64 under x64. Here the dtype is
    float32 under x64 too, or the one asked for. The value is computed in JAX's float type and rounded once.

    Args:
        s: a schedule, or a number for a constant one.
        dtype: a floating dtype of JAX; None is float32.

    Returns:
        A function of the count: an int, a NumPy or JAX integer of any type, or a tracer; negative counts are 0.

    Raises:
        ScheduleError: ``s`` is no schedule, or ``dtype`` is no floating dtype (or float64 while x64 is disabled); from
            the function, a count of Python or NumPy beyond JAX's integers, which JAX would wrap.

    Example:
        >>> import jax.numpy as jnp, lrsched as lrs
        >>> rate = as_schedule(0.1 * lrs.warmup(4), dtype=jnp.bfloat16)
        >>> rate(2).dtype, float(as_schedule(0.5)(10))
        (dtype(bfloat16), 0.5)
    """
    schedule = lifted("as_schedule", "s", s)
    try:
        asked = jnp.dtype(jnp.float32 if dtype is None else dtype)
    except TypeError:
        fail("as_schedule", "dtype", "a floating dtype", dtype, wrong_type=True)
    traced = lrs.compile(schedule, "jax", asked)
    outside = traced if holds_arrays(schedule) else jax.jit(traced)

    def rate(count: Any) -> jax.Array:
        value: jax.Array = (traced if isinstance(count, Tracer) else outside)(_fitting(count))
        return value

    return rate


def _fitting(count: Any) -> Any:
    """The count, if JAX's integers hold it."""
    if isinstance(count, int | np.integer | np.ndarray) and np.asarray(count).dtype.kind in "iuO":
        widest = np.iinfo(jnp.result_type(int))
        if np.size(count) and (np.max(count) > widest.max or np.min(count) < widest.min):
            fail("as_schedule", "count", f"within {widest.dtype} ({widest.max} at most; enable x64 for more)", count)
    return count
