"""Schedules that several rows share."""

from __future__ import annotations

import random
from typing import Any

import lrsched as lrs
from benchmarks import exact
from benchmarks.peers import Shape
from lrsched import cosine, linear, warmup

SHORT = Shape(peak=3e-4, warmup=500, total=10_000, end=0.1)
LEVELS = ((1.0, 0.5), (0.75, 0.25), (0.5, 0.9), (0.1, 0.6), (0.3, 0.2))


def schedule(s: Shape) -> Any:
    """Warm-up and cosine in this library."""
    return s.peak * (warmup(s.warmup) >> cosine().over(s.total - s.warmup, end=s.end))


def true(s: Shape) -> exact.Exact:
    """The same, exactly."""
    return exact.warmup_cosine(s.peak, s.warmup, s.total, s.end)


def levels(count: int) -> list[tuple[float, float]]:
    """First and last level of each of many straight pieces, no two neighbours alike."""
    return [LEVELS[i % len(LEVELS)] for i in range(count)]


def joined(count: int, length: int) -> Any:
    """The straight pieces in this library."""
    first, *rest = (linear().over(length, start, end) for start, end in levels(count))
    return first.then(*rest)


def shuffled(stop: int, count: int) -> tuple[int, ...]:
    """Steps below ``stop`` in no order, the same ones every time."""
    return tuple(random.Random(stop).sample(range(stop), min(count, stop)))


def checks(total: int, *edges: int) -> tuple[int, ...]:
    """Steps to compare with exact values: some anywhere, some next to edges and ends."""
    near = {e + d for e in (0, *edges, total) for d in range(-3, 4)}
    return tuple(sorted({t for t in (*near, *shuffled(total, 300)) if 0 <= t < total}))


__all__ = ["SHORT", "checks", "joined", "levels", "lrs", "schedule", "shuffled", "true"]
