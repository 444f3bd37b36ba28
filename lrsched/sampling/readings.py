"""What can be read off a schedule: ranges of values, boundaries, cycles, sums."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from lrsched.foundation.errors import LIMIT, ScheduleError, check_count, check_real, fail
from lrsched.foundation.numbers import float_type
from lrsched.foundation.records import Record
from lrsched.sampling.filler import filler
from lrsched.sampling.program import BLOCK

CHUNK = 64 * BLOCK
SHORT = 2**24  # steps that are read without looking for what comes back
MOST_READ = 10**9
LEVEL = 1024  # steps of one value, on average, that are worth a reading of their own
MOST = 1_000_000  # boundaries or ends of cycles that are told one by one


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
    return _at_most("boundaries", stop, schedule.walk_edges(end))


def cycle_ends(schedule: Any, stop: Any) -> tuple[int, ...]:
    """See :meth:`lrsched.Schedule.cycle_ends`."""
    schedule.concrete("read")
    end = min(schedule.duration, check_count("cycle_ends", "stop", stop))
    if schedule.edge(0, ends=True) is None:
        return (int(schedule.duration) - 1,) if 0 < schedule.duration <= end else ()
    return _at_most("cycle_ends", stop, (after - 1 for after in schedule.walk_edges(end, ends=True)))


def _at_most(where: str, stop: Any, found: Iterator[int]) -> tuple[int, ...]:
    """All steps found, or an error where they are too many for a tuple."""
    steps = tuple(itertools.islice(found, MOST + 1))
    if len(steps) > MOST:
        fail(where, "stop", f"so small that there are no more than {MOST:,} of them", stop)
    return steps


def total(schedule: Any, n: Any) -> float:
    """See :meth:`lrsched.Schedule.sum`."""
    n = check_count("sum", "n", n)
    schedule.concrete("read")
    parts = []
    stretches = _stretches("sum", "n", schedule, n) if n > SHORT else [Stretch(0, n)]
    buffer = np.empty(min(n, CHUNK))
    for stretch in stretches:
        if stretch.level:
            parts.append(float(schedule(stretch.start)) * (stretch.length * stretch.times))
            continue
        for low in range(stretch.start, stretch.start + stretch.length, CHUNK):
            high = min(low + CHUNK, stretch.start + stretch.length)
            values = sample(schedule, low, high, out=buffer[: high - low], dtype=None)
            with np.errstate(all="ignore"):
                parts.append(float(np.sum(values)) * stretch.times)
    return _added(parts)


def _added(parts: list[float]) -> float:
    """The sum of numbers, rounded once where they and it are finite."""
    try:
        return math.fsum(parts)
    except (OverflowError, ValueError):  # beyond the doubles; infinities of both signs
        with np.errstate(all="ignore"):
            return float(np.sum(parts))


def first_below(schedule: Any, x: Any, stop: Any) -> int | None:
    """See :meth:`lrsched.Schedule.first_below`."""
    bound = check_real("first_below", "x", x)
    stop = check_count("first_below", "stop", stop)
    schedule.concrete("read")
    for stretch in _stretches("first_below", "stop", schedule, stop) if stop > BLOCK else [Stretch(0, stop)]:
        if stretch.level:
            if schedule(stretch.start) < bound:
                return stretch.start
            continue
        low, size, end = stretch.start, 1024, stretch.start + stretch.length
        while low < end:
            high = min(low + size, end)
            found = _below(schedule, bound, low, sample(schedule, low, high, out=None, dtype=None))
            if found is not None:
                return found
            low, size = high, min(size * 4, CHUNK)
    return None


def _below(schedule: Any, bound: float, low: int, values: Any) -> int | None:
    """The first of some steps whose value is below a bound: near the bound, ``s(t)`` decides and not the vector."""
    with np.errstate(invalid="ignore"):
        size = float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
        near = np.flatnonzero(values < bound + 1e-11 * abs(bound) + 1e-13 * size)
    return next((low + i for i in near.tolist() if schedule(low + i) < bound), None)


# ---- long runs: what comes back is read once, and what stays the same at one step


class Stretch(Record):
    """Steps whose values are read one by one, or at the first of them where all are the same.

    They are the first of ``times`` stretches of these values.
    """

    start: int
    length: int
    times: int = 1
    level: bool = False


def _stretches(where: str, argument: str, schedule: Any, n: int) -> list[Stretch]:
    """The stretches of the first n steps, in the order of their starts."""
    found: list[Stretch] = []
    _spread(schedule, {n: (0, 1)}, found)
    if sum(stretch.length for stretch in found if not stretch.level) > MOST_READ:
        fail(where, argument, f"so small that at most {MOST_READ:,} values are to be read", n)
    return sorted(found, key=lambda stretch: stretch.start)


def _spread(s: Any, wanted: dict[int, tuple[int, int]], found: list[Stretch]) -> None:
    """Add the stretches of the first steps of a schedule: how many, where they come first, and how often."""
    inner: dict[int, tuple[int, int]] = {}
    for n, (start, times) in wanted.items():
        own = n if s.goes_on else int(min(n, s.lasts))
        if own < n:
            found.append(Stretch(start + own, n - own, times, True))
        _want(inner, own, start, times)
    if s.varying() is not None:
        _spread(s.varying(), inner, found)
        return
    shares: dict[int, tuple[Any, dict[int, tuple[int, int]]]] = {}
    for n, (start, times) in inner.items():
        rows = _laid(s, n)
        for row in rows:
            asked = shares.setdefault(id(row.part), (row.part, {}))[1]
            _want(asked, row.length, start + row.start, times * row.times)
        if not rows:
            cuts = _levels(s, n)
            level = s.is_level or len(cuts) > 2
            found += [Stretch(start + low, high - low, times, level) for low, high in itertools.pairwise(cuts)]
    for part, asked in shares.values():
        _spread(part, asked, found)


def _laid(s: Any, n: int) -> list[Any]:
    """The parts that the first n steps are made of; none where their values are changed, or the parts too many."""
    some: list[Any] = []
    for row in s.laid(0, n) or ():
        if row.factor != 1.0 or len(some) == MOST:
            return []
        some.append(row)
    return some


def _levels(s: Any, n: int) -> list[int]:
    """The first n steps cut where the value may change, if that is at few steps; else 0 and n."""
    few = s.milestones or n <= MOST * getattr(s, "every", 0)
    changes = s.changes(0, n) if few else None
    return [0, *changes.tolist(), n] if changes is not None and LEVEL * len(changes) < n else [0, n]


def _want(wanted: dict[int, tuple[int, int]], n: int, start: int, times: int) -> None:
    if n:
        first, more = wanted.get(n, (start, 0))
        wanted[n] = (min(first, start), more + times)
