"""Timing: contenders interleaved in random order, loops calibrated, ratios taken round by round.

Slices are short, so that most of them run without an interruption, and there are many of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import math
import random
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter

__all__ = ["FULL", "QUICK", "Effort", "Spread", "calibrate", "interleave", "ratios"]

Loop = Callable[[int], float]  # does the work n times; the seconds that took


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long to measure: seconds of one slice and of one row, and the bounds on the number of rounds."""

    slice_s: float
    row_s: float
    least: int
    most: int
    slow_rounds: int


FULL = Effort(slice_s=0.002, row_s=4.0, least=7, most=201, slow_rounds=2)
QUICK = Effort(slice_s=0.001, row_s=0.5, least=3, most=41, slow_rounds=0)
TRIES = 4
PATIENCE_S = 0.5


@dataclasses.dataclass(frozen=True)
class Spread:
    """The median and the quartiles of a sample."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one value or more."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


def calibrate(loop: Loop, slice_s: float) -> tuple[int, float]:
    """How many repetitions fill a slice, and the seconds of one; what is calibrated has been warmed up."""
    loop(1)
    count, took = 1, loop(1)
    while took < slice_s / 4 and count < 1 << 24:
        count *= 4
        took = loop(count)
    return max(1, round(count * slice_s / took)), took / count


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """No garbage collection while rounds are timed; what exists before is not looked at between them either."""
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def interruptions() -> int:
    """How often the system has taken the processor away from this process."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def undivided(loop: Loop, count: int, tries: int = TRIES) -> float:
    """Seconds of one slice; taken again, a few times at most, if the system interrupted it."""
    least, best, spent = math.inf, math.inf, 0.0
    for _ in range(tries):
        before = interruptions()
        took = loop(count)
        times = interruptions() - before
        if (times, took) < (least, best):
            least, best = times, took
        spent += took
        if not times or spent > PATIENCE_S:
            break
    return best


def interleave(
    loops: Mapping[str, Loop],
    effort: Effort,
    slow: frozenset[str] = frozenset(),
    once: bool = False,
    seed: int = 0,
    tries: int = TRIES,
) -> dict[str, list[float | None]]:
    """Seconds of one repetition, per contender and round; None where a contender sat a round out.

    Every round runs all contenders in a new random order. Of the ``slow`` ones those take part in a few rounds only
    that take longer than a slice. ``once`` means that a repetition cannot be shortened or repeated within a slice (a
    new process, a compilation). An interrupted slice is taken again, up to so many ``tries``. The row takes its
    seconds, not counting what the slow ones take, unless it reaches a bound on the number of rounds.
    """
    known = {name: (1, math.inf) if once else calibrate(loop, effort.slice_s) for name, loop in loops.items()}
    counts = {name: count for name, (count, _) in known.items()}
    slow = frozenset(name for name in slow & known.keys() if known[name][1] > effort.slice_s)
    order, chance = list(loops), random.Random(seed)
    found: dict[str, list[float | None]] = {name: [] for name in loops}
    for name in loops:
        if name not in slow:
            loops[name](counts[name])
    with undisturbed():
        end, number = perf_counter() + effort.row_s, 0
        while number < effort.least or (number < effort.most and perf_counter() < end):
            chance.shuffle(order)
            gc.collect()
            for name in order:
                start = perf_counter()
                part = number < effort.slow_rounds or name not in slow
                found[name].append(undivided(loops[name], counts[name], tries) / counts[name] if part else None)
                end += perf_counter() - start if name in slow else 0.0
            number += 1
    return found


def ratios(times: Sequence[float | None], reference: Sequence[float | None]) -> list[float]:
    """Round by round, over the rounds that both took part in."""
    return [a / b for a, b in zip(times, reference, strict=True) if a is not None and b is not None]
