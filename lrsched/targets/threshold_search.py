"""Where a step lies among many thresholds, in JAX: a grid that says it at once, or counts by rows."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from jax import lax
from jax import numpy as jnp

WIDTH = 32
CLOSE = 4
ENTRIES = 4


def read(table: Any, index: Any) -> Any:
    """The entry of a table at an index within it; a single index beyond is that of the nearest entry."""
    if index.ndim == 0:
        return lax.squeeze(lax.dynamic_slice_in_dim(table, index, 1, allow_negative_indices=False), (0,))
    return jnp.asarray(table).at[index.astype(np.uint32)].get(mode="promise_in_bounds")


def passed(thresholds: np.ndarray, t: Any) -> Any:
    """How many of the increasing thresholds, plain integers of the type of t, are <= t.

    Steps are put into boxes so narrow that few thresholds lie in one of them; a table says how many lie before each
    box, and those inside are compared. That is one kernel of XLA; where boxes would be too many, rows are counted.
    """
    if len(thresholds) <= CLOSE:
        return _compared([thresholds.dtype.type(x) for x in thresholds - 1], t)
    for most in range(1, min(CLOSE, len(thresholds) - 1) + 1):
        shift = _boxes(thresholds, most)
        if shift is not None:
            return _in_boxes(thresholds, shift, most, t)
    return passed_by_rows(thresholds, t)


def _compared(before: list[Any], t: Any) -> Any:
    """How many steps, each the one before a threshold, are < t."""
    first, *others = (lax.convert_element_type(lax.gt(t, step), t.dtype) for step in before)
    return functools.reduce(lax.add, others, first)


def _boxes(thresholds: np.ndarray, most: int) -> int | None:
    """The power of 2 of steps in a box, if at most so many thresholds need be in one of a moderate number of boxes."""
    gap = 0 if thresholds[0] < 0 else int(np.min(thresholds[most:] - thresholds[:-most]))
    if gap == 0:
        return None
    shift = gap.bit_length() - 1
    return shift if int(thresholds[-1]) >> shift < ENTRIES * (len(thresholds) + WIDTH) else None


def _in_boxes(thresholds: np.ndarray, shift: int, most: int, t: Any) -> Any:
    dtype = thresholds.dtype.type
    edges = np.arange((int(thresholds[-1]) >> shift) + 1, dtype=np.int64) << shift
    counts = np.searchsorted(thresholds, edges).astype(dtype)
    before = np.concatenate([thresholds - 1, np.full(most - 1, np.iinfo(dtype).max, dtype)])
    box = lax.shift_right_arithmetic(t, dtype(shift))
    base = read(counts, lax.clamp(dtype(0), box, dtype(len(counts) - 1)) if box.ndim else box)
    inside = [read(before, lax.add(base, dtype(i)) if i else base) for i in range(most)]
    return lax.add(base, _compared(inside, t))


def passed_by_rows(thresholds: Any, t: Any) -> Any:
    """The same by a tree of counts of 32; the thresholds may be JAX values."""
    xp = np if isinstance(thresholds, np.ndarray) else jnp
    count = thresholds.shape[0]
    if count <= WIDTH:
        return _count(thresholds <= t[..., None])
    rows = -(-count // WIDTH)
    limit = np.iinfo(thresholds.dtype).max
    before = xp.concatenate([thresholds - 1, xp.full(rows * WIDTH - count, limit, thresholds.dtype)])
    table = before.reshape(rows, WIDTH)
    row = passed_by_rows(table[1:, 0] + 1, t)
    return row * WIDTH + _count(read(table, row) < t[..., None])


def _count(passed: Any) -> Any:
    return jnp.sum(passed, axis=-1, dtype=jnp.result_type(int))
