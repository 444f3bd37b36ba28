"""Exact values of the benchmarked schedules at 50 digits, and how far a result lies from them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mpmath import mp, mpf

__all__ = ["Errors", "cosine_restarts", "decay", "errors", "joined", "one_cycle", "warmup_cosine"]

Exact = Callable[[int], Any]
DIGITS = 50


def _blend(start: Any, end: Any, p: Any) -> Any:
    return end + (start - end) * p


def _half_cosine(u: Any) -> Any:
    return mp.sin(mp.pi * (1 - u) / 2) ** 2


def warmup_cosine(peak: float, warmup: int, total: int, end: float) -> Exact:
    """``peak * t / warmup``, then half a cosine from the peak to ``peak * end``, which is held."""

    def value(t: int) -> Any:
        if t < warmup:
            return mpf(peak) * t / warmup
        u = mpf(min(t, total) - warmup) / (total - warmup)
        return mpf(peak) * _blend(1, mpf(end), _half_cosine(u))

    return value


def one_cycle(peak: float, start: float, end: float, warmup: int, total: int) -> Exact:
    """Two half cosines: from ``start`` up to the peak, and down to ``end``."""

    def value(t: int) -> Any:
        if t < warmup:
            return _blend(mpf(start), mpf(peak), _half_cosine(mpf(t) / warmup))
        return _blend(mpf(peak), mpf(end), _half_cosine(mpf(min(t, total) - warmup) / (total - warmup)))

    return value


def cosine_restarts(peak: float, first: int, end: float) -> Exact:
    """Half cosines from the peak to ``peak * end``, each twice as long as the one before."""

    def value(t: int) -> Any:
        length, begin = first, 0
        while t >= begin + length:
            begin, length = begin + length, 2 * length
        return mpf(peak) * _blend(1, mpf(end), _half_cosine(mpf(t - begin) / length))

    return value


def decay(peak: float, total: int, shape: Callable[[Any], Any]) -> Exact:
    """``peak`` times a shape of what is left, from 1 to 0."""
    return lambda t: mpf(peak) * shape(mpf(total - min(t, total)) / total)


def joined(levels: Sequence[tuple[float, float]], length: int) -> Exact:
    """Straight pieces of one length, each from its first to its second level."""

    def value(t: int) -> Any:
        i = min(t // length, len(levels) - 1)
        start, end = map(mpf, levels[i])
        return _blend(start, end, 1 - mpf(min(t - i * length, length)) / length)

    return value


@dataclasses.dataclass(frozen=True)
class Errors:
    """The largest error as a share of the peak, and in units in the last place of the result's own type."""

    share: float
    ulp: float


def errors(exact: Exact, steps: Sequence[int], values: Any) -> Errors:
    """How far values at some steps lie from the exact ones."""
    values = np.asarray(values)
    kind = np.finfo(values.dtype)
    with mp.workdps(DIGITS):
        true = [exact(int(t)) for t in steps]
        peak = max(abs(x) for x in true)
        share = ulp = 0.0
        for x, value in zip(true, values.tolist(), strict=True):
            if not math.isfinite(value):
                return Errors(math.inf, math.inf)
            off = abs(mpf(value) - x)
            share = max(share, float(off / peak))
            if off:
                unit = max(math.ldexp(1.0, math.frexp(float(abs(x)))[1] - 1) * float(kind.eps), float(kind.tiny))
                ulp = max(ulp, float(off / unit))
    return Errors(share, ulp)
