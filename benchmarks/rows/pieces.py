"""Building and compiling very long schedules."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from time import perf_counter
from typing import Any

import lrsched as lrs
from benchmarks.kinds import Counts, Once
from benchmarks.row import Row, ours
from benchmarks.rows._shared import joined
from lrsched import cosine, linear

LENGTH = 10
LINEAR = 12  # ten times the pieces: ten times the cost, and a fifth for caches that no longer hold it


def _seconds(work: Callable[[], Any]) -> Callable[[], float]:
    def run() -> float:
        start = perf_counter()
        work()
        return perf_counter() - start

    return run


def _bytes(work: Callable[[], Any]) -> Callable[[], float]:
    """The most memory held at once, what is kept included."""

    def run() -> float:
        tracemalloc.start()
        try:
            kept = work()
            peak = tracemalloc.get_traced_memory()[1]
            del kept
            return float(peak)
        finally:
            tracemalloc.stop()

    return run


def _built(count: int) -> Callable[[], Any]:
    return lambda: joined(count, LENGTH)


def _called(count: int) -> Callable[[], Any]:
    """The first call of a schedule that exists: lowering and compiling for the host."""

    def call() -> Any:
        s = joined(count, LENGTH)
        s(3)
        return s

    return call


def _first_call(count: int) -> Callable[[], float]:
    def run() -> float:
        s = joined(count, LENGTH)
        start = perf_counter()
        s(3)
        return perf_counter() - start

    return run


def _compiled(count: int, target: str) -> Callable[[], Callable[[], float]]:
    def made() -> Callable[[], float]:
        s = joined(count, LENGTH)
        return _seconds(lambda: lrs.compile(s, target))

    return made


def _grown(name: str, title: str, make: Callable[[int], Any], kind: Any = None) -> Row:
    """10,000 pieces, and 100,000 of them."""
    return Row(
        name,
        title,
        Once() if kind is None else kind,
        (
            ours("10,000 pieces", lambda: make(10_000)),
            ours("100,000 pieces", lambda: make(100_000), ratio=LINEAR),
        ),
        "10,000 pieces",
    )


def _chained(count: int) -> Any:
    s = cosine().over(100)
    for _ in range(count):
        s = s * 1.0001
    return s


def _nested(count: int) -> None:
    s = cosine().over(100)
    try:
        for _ in range(count):
            s = s * 1.5 + linear().over(100)
    except lrs.ScheduleError as error:
        if "nest at most" not in str(error):
            raise
        return
    s(3)


NESTING = Row(
    "nesting",
    "Operators upon operators",
    Once(),
    (
        ours("1,000 factors, one after another, and a call", lambda: _seconds(lambda: _chained(1_000)(3))),
        ours("10,000 operators of two kinds inside each other", lambda: _seconds(lambda: _nested(10_000))),
    ),
    "1,000 factors, one after another, and a call",
    note="The second is refused with an error that names the deepest nesting allowed.",
)

ROWS = (
    _grown("pieces-build", "Building a schedule of many pieces", lambda n: _seconds(_built(n))),
    _grown("pieces-first-call", "First call of a schedule of many pieces", _first_call),
    _grown("pieces-python", 'compile(s, "python") of many pieces', lambda n: _compiled(n, "python")()),
    _grown("pieces-numpy", 'compile(s, "numpy") of many pieces', lambda n: _compiled(n, "numpy")()),
    _grown("pieces-memory", "Most memory held, built and called", lambda n: _bytes(_called(n)), Counts("bytes")),
    NESTING,
)
