"""What can be read off a schedule: ranges of values, boundaries, cycles, sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lrsched.foundation.errors import LIMIT, ScheduleError, check_count, check_real, fail
from lrsched.foundation.numbers import float_type
from lrsched.sampling.array_code import BLOCK
from lrsched.sampling.filler import filler

__all__ = ["boundaries", "cycle_ends", "first_below", "sample", "total"]


def sample(schedule: Any, start: Any, stop: Any, *, out: Any, dtype: Any) -> Any:
    """See :meth:`lrsched.Schedule.sample`."""
    if stop is None and out is None and dtype is None and type(start) is int and 0 <= start < LIMIT:
        made = schedule._memo.get("filler")
        if made is not None and start <= made.reach:
            result = np.empty(start)
            made.fill(schedule, 0, start, result)
            return result
    schedule.concrete("sampled on the host")
    first, last = (0, start) if stop is None else (start, stop)
    name, most = "stop" if stop is not None else "n", min(LIMIT, schedule.reach)
    first = check_count("sample", "start", first)
    last = check_count("sample", name, last, below=math.inf)
    if last < first:
        fail("sample", "stop", f"an integer >= start, {first}", last)
    if last > most:
        fail("sample", name, f"at most {most}, where its steps end", last)
    if out is None:
        out = np.empty(last - first, dtype=np.float64 if dtype is None else _float_type(dtype))
    elif not isinstance(out, np.ndarray):
        fail("sample", "out", f"a vector of {last - first} floats", out, wrong_type=True)
    elif out.shape != (last - first,) or out.dtype.kind != "f" or not out.flags.writeable:
        fail("sample", "out", f"a vector of {last - first} floats that may be written", out)
    elif dtype is not None and _float_type(dtype) != out.dtype:
        fail("sample", "dtype", f"that of out, {out.dtype}", dtype)
    filler(schedule).fill(schedule, first, last, out)
    return out


def _float_type(dtype: Any) -> Any:
    """The floating type that is meant."""
    found = float_type("sample", dtype)
    if found.kind != "f":
        fail("sample", "dtype", "a floating type of NumPy", dtype)
    return found


def boundaries(schedule: Any, stop: Any) -> tuple[int, ...]:
    """See :meth:`lrsched.Schedule.boundaries`."""
    schedule.concrete("read")
    end = schedule.duration
    if stop is not None:
        end = min(end, check_count("boundaries", "stop", stop))
    if end == math.inf and schedule.endless_edges:
        raise ScheduleError("boundaries: this schedule never ends; say up to which step with stop=")
    return tuple(sorted({int(edge) for edge in schedule.edges(end) if 0 < edge < end}))


def cycle_ends(schedule: Any, stop: Any) -> tuple[int, ...]:
    """See :meth:`lrsched.Schedule.cycle_ends`."""
    schedule.concrete("read")
    end = min(schedule.duration, check_count("cycle_ends", "stop", stop))
    if end == 0:
        return ()
    ends = schedule.cycles(end)
    if ends is None:
        return (int(schedule.duration) - 1,) if schedule.duration <= end else ()
    return tuple(sorted({int(e) for e in ends if e < end}))


def total(schedule: Any, n: Any) -> float:
    """See :meth:`lrsched.Schedule.sum`."""
    n = check_count("sum", "n", n)
    parts = []
    chunk = 64 * BLOCK
    buffer = np.empty(min(n, chunk))
    for low in range(0, n, chunk):
        high = min(low + chunk, n)
        parts.append(float(np.sum(sample(schedule, low, high, out=buffer[: high - low], dtype=None))))
    return math.fsum(parts)


def first_below(schedule: Any, x: Any, stop: Any) -> int | None:
    """See :meth:`lrsched.Schedule.first_below`."""
    bound = check_real("first_below", "x", x)
    stop = check_count("first_below", "stop", stop)
    low, size = 0, 1024
    while low < stop:
        high = min(low + size, stop)
        below = np.flatnonzero(sample(schedule, low, high, out=None, dtype=None) < bound)
        if below.size:
            return low + int(below[0])
        low, size = high, min(size * 4, 64 * BLOCK)
    return None
