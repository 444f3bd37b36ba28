"""A schedule as the plain function that Optax calls, with a fixed dtype."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

import lrsched as lrs
from lrsched.adapting import fail, given_schedule, holds_arrays
from lrsched_optax._whole import check_whole, whole_number

__all__ = ["as_schedule", "lifted"]


def lifted(where: str, argument: str, value: Any, names: Mapping[str, Any] | None = None) -> lrs.Schedule:
    """``value`` as a schedule; numbers, and JAX scalars, are constants, text and data are read."""
    found: lrs.Schedule = given_schedule(where, argument, value, names, arrays=True)
    return found


def as_schedule(s: Any, /, dtype: Any = None, **numbers: Any) -> Callable[[Any], jax.Array]:
    """The schedule as an Optax schedule whose values have one fixed dtype.

    A schedule object is an Optax schedule already; its values are float32, or float64 under x64. Here the dtype is
    float32 under x64 too, or the one asked for. The value is computed in JAX's float type and rounded once.

    With an integer type the schedule is one of whole numbers, for what is counted: updates that accumulate, batch
    sizes, lengths of sequences. It is looked at when it is made, every step of the first million and those around the
    boundaries beyond: what is no whole number there, or none that JAX computes exactly, is an error that names the
    step.

        tx = optax.MultiSteps(tx, every_k_schedule=as_schedule(piecewise([1_000], [1, 4]), "int32"))

    Args:
        s: a schedule, its text or data, or a number for a constant one.
        dtype: a floating or integer dtype of JAX; None is float32.
        numbers: what names in a text stand for: ``as_schedule("3e-4 * cosine().over(total)", total=10_000)``.

    Returns:
        A function of the count: an int, a NumPy or JAX integer of any type, or a tracer; negative counts are 0.

    Raises:
        ScheduleError: ``s`` is no schedule, a text does not use the names, ``dtype`` is no such dtype (or one of 64
            bits while x64 is disabled), or values are not of an integer type that was asked for; from the function, a
            count of Python or NumPy beyond JAX's integers, which JAX would wrap.

    Example:
        >>> import jax.numpy as jnp, lrsched as lrs
        >>> rate = as_schedule(0.1 * lrs.warmup(4), dtype=jnp.bfloat16)
        >>> rate(2).dtype, float(as_schedule(0.5)(10))
        (dtype(bfloat16), 0.5)
        >>> every = as_schedule(lrs.piecewise([3], [1, 4]), "int32")
        >>> every(2).dtype, int(every(3))
        (dtype('int32'), 4)
    """
    schedule = lifted("as_schedule", "s", s, numbers)
    asked = _checked_dtype(dtype)
    if asked.kind in "iu":
        return _of_whole_numbers(schedule, asked)
    traced = lrs.compile(schedule, "jax", asked)
    outside = traced if holds_arrays(schedule) else jax.jit(traced)

    def rate(count: Any) -> jax.Array:
        value: jax.Array = (traced if isinstance(count, Tracer) else outside)(_fitting(count))
        return value

    return rate


def _checked_dtype(dtype: Any) -> Any:
    asked: Any = None
    with contextlib.suppress(TypeError):
        asked = jnp.dtype(jnp.float32 if dtype is None else dtype)
    if asked is None or not (jnp.issubdtype(asked, jnp.floating) or jnp.issubdtype(asked, jnp.integer)):
        fail("as_schedule", "dtype", "a floating or integer dtype", dtype, wrong_type=True)
    if asked.itemsize == 8 and jnp.result_type(int) != jnp.int64:
        kind = "an integer" if asked.kind in "iu" else "a floating"
        fail("as_schedule", "dtype", f"{kind} dtype of 64 bits only when jax_enable_x64 is set", dtype)
    return asked


def _of_whole_numbers(schedule: lrs.Schedule, dtype: Any) -> Callable[[Any], jax.Array]:
    if holds_arrays(schedule):
        fail("as_schedule", "s", "a schedule of plain numbers, where its values are to be whole", schedule)
    floats = lrs.compile(schedule, "jax")
    check_whole(schedule, dtype, floats)

    def traced(count: Any) -> jax.Array:
        return jnp.rint(floats(count)).astype(dtype)

    compiled = jax.jit(traced)

    def number(count: Any) -> jax.Array:
        if isinstance(count, int | np.integer) and not isinstance(count, bool):
            return jnp.asarray(whole_number(schedule, max(int(_fitting(count)), 0)), dtype)
        value: jax.Array = (traced if isinstance(count, Tracer) else compiled)(_fitting(count))
        return value

    return number


def _fitting(count: Any) -> Any:
    """The count, if JAX's integers hold it."""
    if isinstance(count, int | np.integer | np.ndarray) and np.asarray(count).dtype.kind in "iuO":
        widest = np.iinfo(jnp.result_type(int))
        if np.size(count) and (np.max(count) > widest.max or np.min(count) < widest.min):
            fail("as_schedule", "count", f"within {widest.dtype} ({widest.max} at most; enable x64 for more)", count)
    return count
