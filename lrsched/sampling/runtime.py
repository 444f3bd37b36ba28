"""What generated fillers call: where comparisons and quotients change, and half waves by angle addition."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lrsched.sampling.array_code import BLOCK

__all__ = ["CALLED", "DOWN", "RAMP"]

TABLE = 1_024
KEPT = 8
ROWS = 64  # a product of a thousand columns and more rows than these would wake the threads of BLAS

RAMP = np.arange(BLOCK, dtype=np.float64)
DOWN = RAMP[::-1].copy()
RAMP.flags.writeable = DOWN.flags.writeable = False


def crossing(factor: int, offset: int, bound: int, t: int, end: int) -> tuple[bool, int]:
    """Whether ``factor * t + offset < bound``, and the end of the range on which that stays."""
    holds = factor * t + offset < bound
    if factor > 0 and holds:
        end = min(end, -((offset - bound) // factor))
    elif factor < 0 and not holds:
        end = min(end, (offset - bound) // -factor + 1)
    return holds, end


def changing(test: Callable[[int], bool], t: int, end: int) -> tuple[bool, int]:
    """Whether the test holds at ``t``, and where it first changes, if it changes once."""
    holds = test(t)
    low, size = t, 1
    while low + size < end and test(low + size) == holds:
        low, size = low + size, 2 * size
    high = min(low + size, end)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if test(middle) == holds else (low, middle)
    return holds, high


def passing(table: list[int], factor: int, offset: int, t: int, end: int) -> tuple[int, int]:
    """How many thresholds ``factor * t + offset`` has passed, and the end of the range on which that stays."""
    count = bisect.bisect_right(table, factor * t + offset)
    if factor > 0:
        end = min(end, -((offset - table[count]) // factor))
    elif factor < 0 and count:
        end = min(end, (offset - table[count - 1]) // -factor + 1)
    return count, end


def multiple(factor: int, offset: int, count: int, over: int, end: int) -> int:
    """The end of the range on which ``(factor * t + offset) // over`` is ``count``."""
    if factor > 0:
        return min(end, -((offset - (count + 1) * over) // factor))
    return min(end, (offset - count * over) // -factor + 1) if factor < 0 else end


def steady(line: Callable[[int], float], t: int, end: int) -> tuple[int, int]:
    """floor(line(t)), and the end of the range on which it stays."""
    value = math.floor(line(t))
    return value, changing(lambda k: math.floor(line(k)) == value, t, end)[1]


def wave(
    out: Any, first: int, sign: int, angle: float, factor: float, shift: float, tables: dict[Any, Any], spare: Any
) -> None:
    """Fill ``out`` with ``factor * sin(angle * m)**2 + shift`` for m = first, first + sign, ...

    Rows of the table times (sin^2 a, sin a cos a, cos^2 a, 1) of each row's smallest angle.
    """
    table = tables.get((angle, sign))
    if table is None:
        if len(tables) >= KEPT:
            tables.clear()
        table = tables[angle, sign] = _table(angle, sign)
    size = len(out)
    most = ROWS if spare is None else len(spare) // TABLE
    for low in range(0, size - size % TABLE, most * TABLE):
        rows = min(most, (size - low) // TABLE)
        firsts = np.arange(low, low + rows * TABLE, TABLE, dtype=np.float64)
        smallest = first + firsts if sign > 0 else (first - (TABLE - 1)) - firsts
        block = out[low : low + rows * TABLE] if spare is None else spare[: rows * TABLE]
        np.matmul(_weights(smallest, angle, factor, shift), table, out=block.reshape(rows, TABLE))
        if spare is not None:
            out[low : low + rows * TABLE] = block
    rest = size % TABLE
    if rest:
        at = first + sign * (size - rest)
        smallest = np.array([at if sign > 0 else at - (rest - 1)], dtype=np.float64)
        part = table[:, :rest] if sign > 0 else table[:, TABLE - rest :]
        out[size - rest :] = (_weights(smallest, angle, factor, shift) @ part)[0]


def _weights(smallest: Any, angle: float, factor: float, shift: float) -> Any:
    turned = smallest * angle
    sine, cosine = np.sin(turned), np.cos(turned)
    weights = np.empty((len(turned), 4))
    np.multiply(sine, sine, out=weights[:, 0])
    np.multiply(sine, cosine, out=weights[:, 1])
    np.multiply(cosine, cosine, out=weights[:, 2])
    weights *= factor
    weights[:, 3] = shift
    return weights


def _table(angle: float, sign: int) -> Any:
    """(cos^2, 2 sin cos, sin^2, 1) of the multiples of an angle, counted up or down."""
    turn = RAMP[:TABLE] * angle
    sine, cosine = np.sin(turn), np.cos(turn)
    table = np.stack([cosine * cosine, 2.0 * sine * cosine, sine * sine, np.ones(TABLE)])
    return table if sign > 0 else np.ascontiguousarray(table[:, ::-1])


def meeting(factor: int, offset: int, t: int, end: int) -> tuple[bool, int]:
    """Whether ``factor * t + offset == 0``, and the end of the range on which that stays."""
    if factor == 0:
        return offset == 0, end
    step, left = divmod(-offset, factor)
    if left or not t <= step < end:
        return False, end
    return (True, t + 1) if step == t else (False, step)


CALLED: dict[str, Any] = {
    "bisect": bisect.bisect_right,
    "changing": changing,
    "crossing": crossing,
    "meeting": meeting,
    "multiple": multiple,
    "passing": passing,
    "steady": steady,
    "wave": wave,
}
