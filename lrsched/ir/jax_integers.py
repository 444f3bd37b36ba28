"""Integers in JAX: products of two words, and quotients of them without rounding."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax


def int_type() -> Any:
    """The type of steps: int32, or int64 under x64."""
    return jnp.result_type(int)


def wide_product(a: Any, b: Any) -> tuple[Any, Any]:
    """The product of two unsigned numbers in two words of their width, as (high, low)."""
    half = a.dtype.itemsize * 4
    mask = jnp.asarray((1 << half) - 1, a.dtype)
    a0, a1, b0, b1 = a & mask, a >> half, b & mask, b >> half
    low, m1, m2 = a0 * b0, a1 * b0, a0 * b1
    middle = (low >> half) + (m1 & mask) + (m2 & mask)
    high = a1 * b1 + (m1 >> half) + (m2 >> half) + (middle >> half)
    return high, (middle << half) | (low & mask)


def shifted(n: Any, over: Any, times: Any) -> tuple[Any, Any]:
    """n * over divided by a power of 2, and the rest; the largest integer where it is beyond it."""
    word, whole = (jnp.uint32, jnp.int32) if int_type() == jnp.int32 else (jnp.uint64, jnp.int64)
    n, over, times = (jnp.asarray(x, int_type()).astype(word) for x in (n, over, times))
    high, low = wide_product(n, over)
    shift, width = lax.population_count(times - 1), n.dtype.itemsize * 8
    upper = jnp.where(shift > 0, high << jnp.minimum(width - shift, width - 1).astype(word), 0)
    found, limit = (low >> shift) | upper, np.iinfo(whole).max
    beyond = ((high >> shift) > 0) | (found > limit)
    return jnp.where(beyond, limit, found.astype(whole)), (low & (times - 1)).astype(whole)
