"""What an expert would write by hand, each function for one schedule and nothing else."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = [
    "angle_addition",
    "bisected",
    "blocked_joined",
    "blocked_linear",
    "blocked_polynomial",
    "blocked_restarts",
    "blocked_rex",
    "blocked_warmup_cosine",
    "closure",
    "expression_restarts",
    "expression_warmup_cosine",
    "generated",
]

BLOCK = 16_384
TABLE = 1_024


# ---- one value


def closure(peak: float, warmup: int, total: int, end: float) -> Callable[[int], float]:
    """Warm-up and cosine with everything that can be computed before kept in the closure."""
    cos, slope, scale = math.cos, peak / warmup, math.pi / (total - warmup)
    last = peak * end
    half = 0.5 * (peak - last)

    def lr(t: int) -> float:
        if t < warmup:
            return slope * t
        if t < total:
            return last + half * (1.0 + cos(scale * (t - warmup)))
        return last

    return lr


def generated(peak: float, warmup: int, total: int, end: float) -> Callable[[int], float]:
    """The same as source text with the numbers written in."""
    last = peak * end
    text = f"""
def lr(t):
    if t < {warmup}:
        return {peak / warmup!r} * t
    if t < {total}:
        return {last!r} + {0.5 * (peak - last)!r} * (1.0 + cos({math.pi / (total - warmup)!r} * (t - {warmup})))
    return {last!r}
"""
    space: dict[str, Any] = {"cos": math.cos}
    exec(text, space)  # noqa: S102 - the text above
    made: Callable[[int], float] = space["lr"]
    return made


def bisected(levels: Sequence[tuple[float, float]], length: int) -> Callable[[int], float]:
    """Straight pieces found by bisection."""
    starts = [i * length for i in range(len(levels))]
    first = [a for a, _ in levels]
    slope = [(b - a) / length for a, b in levels]
    find, total, last = bisect.bisect_right, len(levels) * length, levels[-1][1]

    def lr(t: int) -> float:
        if t >= total:
            return last
        i = find(starts, t) - 1
        return first[i] + slope[i] * (t - starts[i])

    return lr


# ---- ranges: one NumPy expression


def expression_warmup_cosine(peak: float, warmup: int, total: int, end: float) -> Callable[[int], Any]:
    """All steps at once, both branches everywhere."""
    last = peak * end
    half = 0.5 * (peak - last)

    def sample(n: int) -> Any:
        t = np.arange(n)
        angle = np.pi / (total - warmup) * (np.minimum(t, total) - warmup)
        return np.where(t < warmup, peak / warmup * t, last + half * (1.0 + np.cos(angle)))

    return sample


def expression_restarts(peak: float, first: int, end: float) -> Callable[[int], Any]:
    """All steps at once, each cycle's start by search."""
    last = peak * end
    half = 0.5 * (peak - last)

    def sample(n: int) -> Any:
        starts = first * (2 ** np.arange(40) - 1)
        t = np.arange(n)
        i = np.searchsorted(starts, t, side="right") - 1
        return last + half * (1.0 + np.cos(np.pi / first * (t - starts[i]) / 2.0**i))

    return sample


# ---- ranges: in place, in blocks that stay in the cache


def _blocks(out: Any, lo: int, hi: int, fill: Callable[[Any, int], None]) -> None:
    for low in range(lo, hi, BLOCK):
        fill(out[low : min(low + BLOCK, hi)], low)


def _cosine(out: Any, lo: int, hi: int, start: int, length: int, top: float, bottom: float) -> None:
    """The steps lo .. hi - 1 of a half cosine that begins at ``start``."""
    ramp = np.arange(BLOCK) * (math.pi / length)
    half = 0.5 * (top - bottom)

    def fill(x: Any, low: int) -> None:
        np.add(ramp[: len(x)], (low - start) * (math.pi / length), out=x)
        np.cos(x, out=x)
        x *= half
        x += bottom + half

    _blocks(out, lo, hi, fill)


def _line(out: Any, lo: int, hi: int, first: float, slope: float) -> None:
    """``first`` at step lo, and ``slope`` more each step."""
    ramp = np.arange(BLOCK) * slope
    _blocks(out, lo, hi, lambda x, low: np.add(ramp[: len(x)], first + slope * (low - lo), out=x))


def blocked_warmup_cosine(peak: float, warmup: int, total: int, end: float) -> Callable[[int], Any]:
    """Warm-up and cosine, each on its slice of the output."""

    def sample(n: int) -> Any:
        out = np.empty(n)
        _line(out, 0, min(warmup, n), 0.0, peak / warmup)
        _cosine(out, warmup, min(total, n), warmup, total - warmup, peak, peak * end)
        out[total:] = peak * end
        return out

    return sample


def blocked_restarts(peak: float, first: int, end: float) -> Callable[[int], Any]:
    """Cycle by cycle."""

    def sample(n: int) -> Any:
        out, begin, length = np.empty(n), 0, first
        while begin < n:
            _cosine(out, begin, min(begin + length, n), begin, length, peak, peak * end)
            begin, length = begin + length, 2 * length
        return out

    return sample


def blocked_linear(peak: float, total: int) -> Callable[[int], Any]:
    """A straight line to 0."""

    def sample(n: int) -> Any:
        out = np.empty(n)
        _line(out, 0, n, peak, -peak / total)
        return out

    return sample


def blocked_rex(peak: float, total: int) -> Callable[[int], Any]:
    """``peak * (1 - u) / (1/2 + (1 - u)/2)``, which is ``peak * 2 r / (total + r)`` of the r steps left."""
    ramp = np.arange(float(BLOCK))

    def sample(n: int) -> Any:
        out, below = np.empty(n), np.empty(BLOCK)

        def fill(x: Any, low: int) -> None:
            np.subtract(float(total - low), ramp[: len(x)], out=x)
            np.add(x, float(total), out=below[: len(x)])
            x *= 2 * peak
            x /= below[: len(x)]

        _blocks(out, 0, n, fill)
        return out

    return sample


def blocked_polynomial(peak: float, total: int, power: float) -> Callable[[int], Any]:
    """``peak * (1 - u)**power``."""
    ramp = np.arange(float(BLOCK)) / total

    def sample(n: int) -> Any:
        out = np.empty(n)

        def fill(x: Any, low: int) -> None:
            np.subtract((total - low) / total, ramp[: len(x)], out=x)
            np.power(x, power, out=x)
            x *= peak

        _blocks(out, 0, n, fill)
        return out

    return sample


def blocked_joined(levels: Sequence[tuple[float, float]], length: int) -> Callable[[int], Any]:
    """Straight pieces, each on its slice."""

    def sample(n: int) -> Any:
        out, ramp = np.empty(n), np.arange(float(length))
        for i, (a, b) in enumerate(levels):
            x = out[i * length : (i + 1) * length]
            np.multiply(ramp[: len(x)], (b - a) / length, out=x)
            x += a
        return out

    return sample


# ---- ranges: angle addition


def _turned(out: Any, lo: int, hi: int, start: int, length: int, top: float, bottom: float) -> None:
    """A half cosine by ``cos(a + k d) = cos a cos(k d) - sin a sin(k d)`` over a table of ``k d``."""
    half, angle = 0.5 * (top - bottom), math.pi / length
    k = np.arange(TABLE) * angle
    table = np.stack([np.cos(k), np.sin(k), np.ones(TABLE)])
    rows = (hi - lo) // TABLE
    a = (lo - start + TABLE * np.arange(rows)) * angle
    weights = np.stack([half * np.cos(a), -half * np.sin(a), np.full(rows, bottom + half)], axis=1)
    whole = lo + rows * TABLE
    np.matmul(weights, table, out=out[lo:whole].reshape(rows, TABLE))
    _cosine(out, whole, hi, start, length, top, bottom)


def angle_addition(peak: float, warmup: int, total: int, end: float) -> Callable[[int], Any]:
    """Warm-up, then the cosine by angle addition."""

    def sample(n: int) -> Any:
        out = np.empty(n)
        _line(out, 0, min(warmup, n), 0.0, peak / warmup)
        _turned(out, warmup, min(total, n), warmup, total - warmup, peak, peak * end)
        out[total:] = peak * end
        return out

    return sample


def angle_addition_restarts(peak: float, first: int, end: float) -> Callable[[int], Any]:
    """Each cycle by angle addition."""

    def sample(n: int) -> Any:
        out, begin, length = np.empty(n), 0, first
        while begin < n:
            _turned(out, begin, min(begin + length, n), begin, length, peak, peak * end)
            begin, length = begin + length, 2 * length
        return out

    return sample
