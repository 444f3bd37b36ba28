"""Memory of sampling: bytes held beyond the result."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import hand as written
from benchmarks.kinds import Counts
from benchmarks.row import Row, hand, ours
from benchmarks.rows._shared import schedule
from benchmarks.rows.ranges import CYCLES, END, FIRST, LONG, PEAK, N
from lrsched import cosine, rex

MOST = 2_000_000


def _beyond(call: Callable[[], Any], result: int) -> Callable[[], float]:
    """The most bytes that a call holds at once, less those of its result."""

    def count() -> float:
        call()
        tracemalloc.start()
        try:
            call()
            return float(tracemalloc.get_traced_memory()[1] - result)
        finally:
            tracemalloc.stop()

    return count


def _into(s: Any) -> Callable[[], float]:
    out = np.empty(N)
    return _beyond(lambda: s.sample(N, out=out), 0)


def _args() -> tuple[float, int, int, float]:
    return LONG.peak, LONG.warmup, LONG.total, LONG.end


RUN = schedule(LONG)
RESTARTED = PEAK * cosine().over(FIRST, end=END).restarted(t_mult=2)
SAMPLED = PEAK * rex().sampled(times=20).over(N)

ROW = Row(
    "memory",
    "Memory of 10,000,000 values beyond the result",
    Counts("bytes"),
    (
        hand("in place, in blocks", lambda: _beyond(lambda: written.blocked_warmup_cosine(*_args())(N), 8 * N)),
        hand("one NumPy expression", lambda: _beyond(lambda: written.expression_warmup_cosine(*_args())(N), 8 * N)),
        ours("s.sample(n)", lambda: _beyond(lambda: RUN.sample(N), 8 * N), value=MOST),
        ours("s.sample(n, out=...)", lambda: _into(RUN), value=MOST),
        ours("s.sample(n, dtype=float32)", lambda: _beyond(lambda: RUN.sample(N, dtype=np.float32), 4 * N), value=MOST),
        ours("the same, restarts", lambda: _into(RESTARTED), value=MOST),
        ours("the same, sampled REX", lambda: _into(SAMPLED), value=MOST),
    ),
    "in place, in blocks",
    note=f"Bytes of Python and NumPy, {CYCLES} cycles in the restarts. A block is a fixed size whatever n is.",
)

ROWS = (ROW,)
