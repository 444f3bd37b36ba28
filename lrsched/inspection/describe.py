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
from lrsched.combinators.cycles import Restarted
from lrsched.combinators.shifting import Lasting, _After
from lrsched.foundation.errors import LIMIT, check_count
from lrsched.inspection.description import SHOWN, Description, Segment

MOST = 1000
CHUNK = 1 << 20
LONGEST = 1 << 27
COUNTED = 10_000
TAIL = 3


def describe(schedule: Schedule, steps: int | None = None) -> Description:
    """See :meth:`lrsched.Schedule.describe`."""
    schedule.concrete("described")
    steps = horizon(schedule) if steps is None else check_count("describe", "steps", steps, 1)
    known = defined(schedule, steps)
    found = list(itertools.islice(_whole(schedule, steps), MOST + 1))
    complete = len(found) <= MOST
    found = found[:MOST] if complete else [*found[: MOST - TAIL], *_tail(schedule, steps)]
    peak, floor, total = statistics(schedule, known)
    segments = tuple(
        Segment(a, b, text, *(float(schedule(t)) if t < known else math.nan for t in (a, b - 1)))
        for a, b, text in found
    )
    return Description(
        repr(schedule),
        steps,
        schedule.duration,
        segments,
        complete,
        *peak,
        *floor,
        total / known,
        total,
        cycles(schedule, steps),
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
        ends = (
            list(itertools.islice(schedule.walk_edges(2**53, ends=True), 4)) if schedule.edge(stop, True, True) else []
        )
        if len(ends) > 3 and ends[3] <= stop:
            return ends[3]
        edges = list(itertools.islice(schedule.walk_edges(stop), SHOWN))
        last = schedule.edge(stop, True)
        if last and not ends and (len(edges) > 3 or 4 * last <= stop):
            return math.ceil(1.25 * edges[-1])
        stop *= 4
    scales = [getattr(n, "timescale", 0) or getattr(n, "steps", 0) for n in walk(schedule)]
    longest = max((int(x) for x in scales if isinstance(x, int | float)), default=0)
    return min(10 * longest, LIMIT - 1) if longest else 1000


def cycles(schedule: Schedule, stop: int) -> int:
    """How many cycles begin below ``stop``; where they cannot be counted at once, at most about ten thousand."""
    inner = schedule
    for inner in unwrapped(schedule):
        stop = int(min(inner.duration, stop))
    if stop and isinstance(inner, Restarted):
        return inner.begun(stop)
    ended = len(list(itertools.islice(inner.walk_edges(stop - 1, ends=True), COUNTED)))
    return ended + (stop > 0 and inner.in_cycle(stop - 1))


def unwrapped(schedule: Schedule) -> Iterator[Schedule]:
    """A schedule, and what it holds and only cuts, holds at its end or changes by constants, ever further inside."""
    inner: Schedule | None = schedule
    while inner is not None:
        yield inner
        inner = inner.inner if isinstance(inner, Lasting | _After) else inner.varying()


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
    return high, low, math.fsum(sums) if all(map(math.isfinite, sums)) else sum(sums)


def looks(schedule: Schedule, steps: int) -> Iterator[tuple[Any, Any]]:
    """Steps of a run and the values there, in chunks: every step; of a very long run a million and the boundaries."""
    if steps > LONGEST:
        edges = list(itertools.islice(schedule.walk_edges(steps), 4 * MOST))
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


# ---- segments


def _whole(schedule: Schedule, steps: int, start: int = 0) -> Iterator[tuple[int, int, str]]:
    """Start, stop and text of the segments of a run from ``start`` on, what comes after the duration included."""
    end = min(schedule.duration, steps)
    for begin, stop, cycle, expression in _segments(schedule, start, end):
        yield begin, stop, (f"cycle {cycle} of " if cycle else "") + repr(expression)
    if end < steps:
        policy = next(_policies(schedule), "hold")
        yield int(end), steps, "held" if policy == "hold" else f"after({policy!r})"


def _tail(schedule: Schedule, steps: int) -> list[tuple[int, int, str]]:
    """The last few segments."""
    start = steps
    for _ in range(TAIL):
        start = schedule.edge(start, back=True) or 0
    return list(_whole(schedule, steps, start))[-TAIL:]


def _policies(schedule: Schedule) -> Iterator[Any]:
    """What is said of the steps past an end, outermost first."""
    below: Iterator[Any] = (node for node in walk(schedule) if isinstance(node, Schedule))
    return (node.after_policy for node in below if node.after_policy is not None)


Found = tuple[int, int, int, Any]


def _segments(s: Schedule, start: int, stop: Any) -> Iterator[Found]:
    """Start, stop, number of the cycle (or 0) and expression of each segment that lies between two steps."""
    inner = s.varying()
    if inner is not None:
        for begin, end, cycle, expression in _segments(inner, start, min(stop, inner.duration)):
            yield begin, end, cycle, _with(s, inner, expression)
    elif s.shows_parts:
        yield from _of_parts(s, start, stop)
    else:
        marks = itertools.takewhile(lambda edge: edge < stop, _from(s, start))
        for a, b in itertools.pairwise([*itertools.islice(marks, MOST + 2), int(stop)]):
            if a < b:
                yield a, b, 0, s


def _from(s: Schedule, start: int) -> Iterator[int]:
    """The boundary at or before a step, and those after it."""
    edge: int | None = s.edge(start + 1, back=True) or 0
    while edge is not None:
        yield edge
        edge = s.edge(edge)


def _with(s: Any, inner: Schedule, other: Schedule) -> Any:
    """The schedule with another in the place of the one inside."""
    values = {name: getattr(s, name) for name in names_of(type(s))}
    for name, value in values.items():
        if isinstance(value, tuple):
            values[name] = tuple(other if part is inner else part for part in value)
        elif value is inner:
            values[name] = other
    return -other if isinstance(s, Negative) else type(s)(**values)


def _of_parts(s: Schedule, start: int, stop: Any) -> Iterator[Found]:
    """The segments of the parts; behind the last of them, the schedule itself."""
    reached = 0
    for part in s.parts_from(start, stop):
        if part.start >= stop:
            return
        end = min(part.schedule.duration, math.ceil((stop - part.start) / Fraction(part.pace)))
        reached = min(part.at(end), stop)
        if reached <= start:
            continue
        early = max(0, math.floor((start - part.start) / Fraction(part.pace)))
        for a, b, cycle, expression in _segments(part.schedule, early, end):
            low, high = part.at(a), min(part.at(b), stop)
            if max(low, start) < high:
                yield low, int(high), part.cycle or cycle, expression
    if reached < stop:
        yield reached, int(stop), 0, s
