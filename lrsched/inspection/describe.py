"""How a schedule is described: its segments, its extremes, its mean, its cycles."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from lrsched.algebra.node import names_of, walk
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.arithmetic import Clipped, Negative, Power, Quotient, Raised, _Operator
from lrsched.combinators.cycles import Restarted
from lrsched.combinators.sequence import Sequence
from lrsched.combinators.shifting import After, Lasting
from lrsched.foundation.errors import check_count
from lrsched.inspection.description import SHOWN, Description, Segment
from lrsched.schedules.spans import Constant

__all__ = ["defined", "describe", "horizon", "looks", "statistics"]


MOST = 1000
CHUNK = 1 << 20
LONGEST = 1 << 27


def describe(schedule: Schedule, steps: int | None = None) -> Description:
    """See :meth:`lrsched.Schedule.describe`."""
    schedule.concrete("described")
    steps = horizon(schedule) if steps is None else check_count("describe", "steps", steps, 1)
    known = defined(schedule, steps)
    pieces = list(itertools.islice(_whole(schedule, steps), MOST + 1))
    peak, floor, total = statistics(schedule, known)
    segments = tuple(
        Segment(a, b, text, *(float(schedule(t)) if t < known else math.nan for t in (a, b - 1)))
        for a, b, text in pieces[:MOST]
    )
    return Description(
        repr(schedule),
        steps,
        schedule.duration,
        segments,
        len(pieces) <= MOST,
        *peak,
        *floor,
        total / known,
        total,
        len(cycles(schedule, steps)),
    )


def defined(schedule: Schedule, steps: int) -> int:
    """The steps of the run at which the schedule has a value: past some ends it has none."""
    wrong = schedule.duration < steps and any(isinstance(n, After) and n.policy == "error" for n in walk(schedule))
    return int(schedule.duration) if wrong else steps


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
    for places, values in looks(schedule, steps):
        with np.errstate(invalid="ignore", over="ignore"):
            sums.append(float(values.sum()) if steps <= LONGEST else float(np.trapezoid(values, places)))
        if np.isnan(values).all():
            continue
        top, bottom = int(np.nanargmax(values)), int(np.nanargmin(values))
        if not high[0] >= values[top]:
            high = (float(values[top]), int(places[top]))
        if not low[0] <= values[bottom]:
            low = (float(values[bottom]), int(places[bottom]))
    return high, low, math.fsum(sums) if all(map(math.isfinite, sums)) else _unbounded(sums)


def looks(schedule: Schedule, steps: int) -> Iterator[tuple[Any, Any]]:
    """Steps of a run and the values there, in chunks: every step, or a million and the joints of a very long run."""
    if steps > LONGEST:
        edges = [int(e) for e in _few(schedule.edges(steps)) if 0 < e < steps]
        marks = [0, *edges, *(e - 1 for e in edges), steps - 1]
        places = np.union1d(np.linspace(0, steps - 1, CHUNK).astype(np.int64), np.array(marks))
        yield places, schedule(places)
        return
    buffer = np.empty(min(steps, CHUNK))
    for start in range(0, steps, CHUNK):
        stop = min(steps, start + CHUNK)
        yield range(start, stop), schedule.sample(start, stop, out=buffer[: stop - start])


def _unbounded(sums: list[float]) -> float:
    """The sum of numbers of which some are infinite or NaN."""
    if any(x != x for x in sums) or {math.inf, -math.inf} <= set(sums):
        return math.nan
    return next(x for x in sums if math.isinf(x))


# ---- segments


Piece = tuple[int, int, str]


def _whole(schedule: Schedule, steps: int) -> Iterator[Piece]:
    """The segments of a run, what comes after the duration included."""
    end = min(schedule.duration, steps)
    for start, stop, cycle, node in _pieces(schedule, end):
        yield start, stop, (f"cycle {cycle} of " if cycle else "") + repr(node)
    if end < steps:
        yield int(end), steps, _beyond(schedule)


def _beyond(schedule: Schedule) -> str:
    outermost = next((n for n in walk(schedule) if isinstance(n, After)), None)
    return "held" if outermost is None or outermost.policy == "hold" else f"after({outermost.policy!r})"


Found = tuple[int, int, int, Any]


def _pieces(s: Schedule, stop: Any) -> Iterator[Found]:
    """Start, stop, number of the cycle (or 0) and expression of each segment below ``stop``."""
    if isinstance(s, Sequence):
        yield from _in_sequence(s, stop)
    elif isinstance(s, Restarted):
        yield from _in_cycles(s, stop)
    elif isinstance(s, Lasting):
        yield from _in_lasting(s, stop)
    elif isinstance(s, After):
        yield from _pieces(s.schedule, min(stop, s.schedule.duration))
    else:
        inner, rebuilt = _around(s)
        if inner is None:
            yield from _between_edges(s, stop)
            return
        end = min(stop, inner.duration)
        for start, last, cycle, node in _pieces(inner, end):
            yield start, last, cycle, rebuilt(node)


def _around(s: Schedule) -> tuple[Schedule | None, Callable[[Any], Any]]:
    """The one schedule that an operator changes value by value, and the operator on another in its place."""
    if isinstance(s, Quotient):
        return (s.left if isinstance(s.right, Constant) else None), lambda x: Quotient(x, s.right)
    if isinstance(s, _Operator):
        parts = s.operands()
        varying = [i for i, part in enumerate(parts) if not isinstance(part, Constant)]
        if len(varying) == 1:
            at = varying[0]
            return parts[at], lambda x: type(s)((*parts[:at], x, *parts[at + 1 :]))
    if isinstance(s, Clipped | Power | Raised | Negative):
        kept = {name: getattr(s, name) for name in names_of(type(s))}
        return s.schedule, lambda x: type(s)(**{**kept, "schedule": x})
    return None, lambda x: x


def _in_sequence(s: Sequence, stop: Any) -> Iterator[Found]:
    offset = 0
    for part in s.parts:
        if offset >= stop:
            return
        end = min(part.duration, stop - offset)
        for a, b, cycle, node in _pieces(part, end):
            yield offset + a, offset + b, cycle, node
        offset += end


def _in_cycles(s: Restarted, stop: Any) -> Iterator[Found]:
    first = s.schedule.duration
    even = s.t_mult == 1.0
    number = math.ceil(stop / first) if s.times is None else min(s.times, math.ceil(stop / first))
    spans = ((i * first, first) for i in range(number)) if even else iter(s._spans(stop))
    for i, (start, length) in enumerate(spans, 1):
        for a, b, _, node in _pieces(s.schedule, first):
            low, high = (start + math.ceil(Fraction(edge * length, first)) for edge in (a, b))
            if low < min(high, stop):
                yield low, int(min(high, stop)), i, node


def _in_lasting(s: Lasting, stop: Any) -> Iterator[Found]:
    end = min(stop, s.n)
    inside = min(end, s.schedule.duration)
    yield from _pieces(s.schedule, inside)
    if inside < end:
        yield int(inside), int(end), 0, s


def _between_edges(s: Schedule, stop: Any) -> Iterator[Found]:
    end, limit = int(stop), 1024
    edges: list[int] = []
    while True:
        limit = min(limit, end)
        edges = sorted({int(e) for e in _few(s.edges(limit)) if 0 < e < limit})
        if limit == end or len(edges) > MOST:
            break
        limit *= 4
    places = [0, *edges, end]
    for a, b in itertools.pairwise(places):
        if a < b:
            yield a, b, 0, s
