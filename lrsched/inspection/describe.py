"""How a schedule is described: its segments, its extremes, its mean, its cycles."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from lrsched.algebra.fields import names_of
from lrsched.algebra.node import walk
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.arithmetic import Negative
from lrsched.foundation.errors import check_count
from lrsched.inspection.description import SHOWN, Description, Segment

__all__ = ["defined", "describe", "horizon", "looks", "spread", "statistics"]


MOST = 1000
CHUNK = 1 << 20
LONGEST = 1 << 27


def describe(schedule: Schedule, steps: int | None = None) -> Description:
    """See :meth:`lrsched.Schedule.describe`."""
    schedule.concrete("described")
    steps = horizon(schedule) if steps is None else check_count("describe", "steps", steps, 1)
    known = defined(schedule, steps)
    found = list(itertools.islice(_whole(schedule, steps), MOST + 1))
    peak, floor, total = statistics(schedule, known)
    segments = tuple(
        Segment(a, b, text, *(float(schedule(t)) if t < known else math.nan for t in (a, b - 1)))
        for a, b, text in found[:MOST]
    )
    return Description(
        repr(schedule),
        steps,
        schedule.duration,
        segments,
        len(found) <= MOST,
        *peak,
        *floor,
        total / known,
        total,
        len(cycles(schedule, steps)),
    )


def defined(schedule: Schedule, steps: int) -> int:
    """The steps of the run at which the schedule has a value: past some ends it has none."""
    return int(schedule.duration) if schedule.duration < steps and "error" in _policies(schedule) else steps


def horizon(schedule: Schedule) -> int:
    """A run length that shows what the schedule does: its duration, or far enough for one without end."""
    if schedule.duration != math.inf:
        return max(1, int(schedule.duration))
    stop = 1024
    while stop < 2**40:
        ends = schedule.cycles(stop)
        if ends and len(ends) > 3:
            return int(ends[3]) + 1
        edges = sorted(e for e in _few(schedule.edges(stop)) if 0 < e < stop)
        if edges and (len(edges) > 3 or 4 * max(edges) <= stop) and not ends:
            return math.ceil(1.25 * edges[:SHOWN][-1])
        stop *= 4
    scales = [getattr(n, "timescale", 0) or getattr(n, "steps", 0) for n in walk(schedule)]
    longest = max((int(x) for x in scales if isinstance(x, int | float)), default=0)
    return 10 * longest if longest else 1000


def _few(edges: Any) -> list[int]:
    return list(itertools.islice(edges, 4 * MOST))


def cycles(schedule: Schedule, stop: int) -> list[int]:
    """The last steps of the outermost cycles that begin below ``stop``."""
    return sorted(schedule.cycles(stop) or ())


def statistics(schedule: Schedule, steps: int) -> tuple[tuple[float, int], tuple[float, int], float]:
    """Largest and smallest value, each with its first step, and the sum, in memory that does not grow."""
    high, low = (math.nan, 0), (math.nan, 0)
    sums: list[float] = []
    for looked, values in looks(schedule, steps):
        with np.errstate(invalid="ignore", over="ignore"):
            sums.append(float(values.sum()) if steps <= LONGEST else float(np.trapezoid(values, looked)))
        if np.isnan(values).all():
            continue
        top, bottom = int(np.nanargmax(values)), int(np.nanargmin(values))
        if not high[0] >= values[top]:
            high = (float(values[top]), int(looked[top]))
        if not low[0] <= values[bottom]:
            low = (float(values[bottom]), int(looked[bottom]))
    return high, low, math.fsum(sums) if all(map(math.isfinite, sums)) else _unbounded(sums)


def looks(schedule: Schedule, steps: int) -> Iterator[tuple[Any, Any]]:
    """Steps of a run and the values there, in chunks: every step; of a very long run a million and the boundaries."""
    if steps > LONGEST:
        edges = [int(e) for e in _few(schedule.edges(steps)) if 0 < e < steps]
        marks = [0, *edges, *(e - 1 for e in edges), steps - 1]
        some = np.union1d(spread(0, steps - 1, CHUNK), np.array(marks))
        yield some, schedule(some)
        return
    buffer = np.empty(min(steps, CHUNK))
    for start in range(0, steps, CHUNK):
        stop = min(steps, start + CHUNK)
        yield range(start, stop), schedule.sample(start, stop, out=buffer[: stop - start])


def spread(first: Any, last: Any, most: int = 1025) -> Any:
    """Evenly spread steps, both ends included."""
    return np.unique(np.linspace(first, last, most).astype(np.int64))


def _unbounded(sums: list[float]) -> float:
    """The sum of numbers of which some are infinite or NaN."""
    if any(x != x for x in sums) or {math.inf, -math.inf} <= set(sums):
        return math.nan
    return next(x for x in sums if math.isinf(x))


# ---- segments


def _whole(schedule: Schedule, steps: int) -> Iterator[tuple[int, int, str]]:
    """Start, stop and text of the segments of a run, what comes after the duration included."""
    end = min(schedule.duration, steps)
    for start, stop, cycle, expression in _segments(schedule, end):
        yield start, stop, (f"cycle {cycle} of " if cycle else "") + repr(expression)
    if end < steps:
        policy = next(_policies(schedule), "hold")
        yield int(end), steps, "held" if policy == "hold" else f"after({policy!r})"


def _policies(schedule: Schedule) -> Iterator[Any]:
    """What is said of the steps past an end, outermost first."""
    below: Iterator[Any] = (node for node in walk(schedule) if isinstance(node, Schedule))
    return (node.after_policy for node in below if node.after_policy is not None)


Found = tuple[int, int, int, Any]


def _segments(s: Schedule, stop: Any) -> Iterator[Found]:
    """Start, stop, number of the cycle (or 0) and expression of each segment below ``stop``."""
    inner = s.varying()
    if inner is not None:
        for start, end, cycle, expression in _segments(inner, min(stop, inner.duration)):
            yield start, end, cycle, _with(s, inner, expression)
    elif s.shows_parts:
        yield from _of_parts(s, stop)
    else:
        yield from _between_edges(s, stop)


def _with(s: Any, inner: Schedule, other: Schedule) -> Any:
    """The schedule with another in the place of the one inside."""
    values = {name: getattr(s, name) for name in names_of(type(s))}
    for name, value in values.items():
        if isinstance(value, tuple):
            values[name] = tuple(other if part is inner else part for part in value)
        elif value is inner:
            values[name] = other
    return -other if isinstance(s, Negative) else type(s)(**values)


def _of_parts(s: Schedule, stop: Any) -> Iterator[Found]:
    """The segments of the parts; behind the last of them, the schedule itself."""
    reached = 0
    for part in s.parts_in_time(stop):
        if part.start >= stop:
            return
        end = min(part.schedule.duration, math.ceil((stop - part.start) / Fraction(part.pace)))
        for a, b, cycle, expression in _segments(part.schedule, end):
            low, high = part.at(a), min(part.at(b), stop)
            if low < high:
                yield low, int(high), part.cycle or cycle, expression
        reached = min(part.at(end), stop)
    if reached < stop:
        yield reached, int(stop), 0, s


def _between_edges(s: Schedule, stop: Any) -> Iterator[Found]:
    end, limit = int(stop), 1024
    edges: list[int] = []
    while True:
        limit = min(limit, end)
        edges = sorted({int(e) for e in _few(s.edges(limit)) if 0 < e < limit})
        if limit == end or len(edges) > MOST:
            break
        limit *= 4
    for a, b in itertools.pairwise([0, *edges, end]):
        if a < b:
            yield a, b, 0, s
