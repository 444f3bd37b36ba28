"""Many values at once, on the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from mpmath import mpf

import lrsched as lrs
from benchmarks import exact, peers
from benchmarks import hand as written
from benchmarks.kinds import Ranges
from benchmarks.peers import Shape
from benchmarks.row import Row, hand, ours, peer
from benchmarks.rows._shared import checks, joined, levels, schedule, true
from lrsched import cosine, linear, polynomial, rex

N = 10_000_000
LONG = Shape(peak=3e-4, warmup=100_000, total=N, end=0.1)
BRIEF = Shape(peak=3e-4, warmup=50, total=1_000, end=0.1)
FIRST, CYCLES, END = 10_000, 10, 0.1
PEAK, POWER = 3e-4, 0.9


def _into(s: Any, kind: Any = np.float64) -> Callable[[int], Any]:
    out = np.empty(N, kind)
    return lambda n: s.sample(n, out=out[:n])


def _args(s: Shape) -> tuple[float, int, int, float]:
    return s.peak, s.warmup, s.total, s.end


def _expression(np_: Any, t: Any) -> Any:
    """Warm-up and cosine on arrays of any library."""
    angle = np.pi / (LONG.total - LONG.warmup) * (np_.minimum(t, LONG.total) - LONG.warmup)
    last = LONG.peak * LONG.end
    return np_.where(
        t < LONG.warmup, LONG.peak / LONG.warmup * t, last + 0.5 * (LONG.peak - last) * (1.0 + np_.cos(angle))
    )


COSINE = Row(
    "range-cosine",
    "`s.sample(10_000_000)`, warm-up and cosine",
    Ranges(N, checks(N, LONG.warmup)),
    (
        hand("NumPy in place, in blocks", lambda: written.blocked_warmup_cosine(*_args(LONG))),
        hand("angle addition", lambda: written.angle_addition(*_args(LONG))),
        hand("one NumPy expression", lambda: written.expression_warmup_cosine(*_args(LONG))),
        hand("one JAX expression, jitted, float32", lambda: peers.jitted(_expression)),
        ours("s.sample(n)", lambda: schedule(LONG).sample, ratio=0.2),
        ours("s.sample(n, out=...)", lambda: _into(schedule(LONG))),
        ours("s.sample(n, out=...), float32", lambda: _into(schedule(LONG), np.float32)),
        peer("optax, jit(vmap), float32", lambda: peers.optax_range(peers.optax_schedule(LONG))),
        peer("optax on an array, float32", lambda: peers.on_range(peers.optax_schedule(LONG))),
        peer("keras CosineDecay, jitted, float32", lambda: peers.keras_range(peers.keras_schedule(LONG))),
    ),
    "NumPy in place, in blocks",
    true(LONG),
)

RESTARTS = Row(
    "range-restarts",
    "`s.sample(10_000_000)`, restarts, each cycle twice as long",
    Ranges(N, checks(N, *(FIRST * (2**i - 1) for i in range(CYCLES)))),
    (
        hand("NumPy in place, in blocks", lambda: written.blocked_restarts(PEAK, FIRST, END)),
        hand("angle addition", lambda: written.angle_addition_restarts(PEAK, FIRST, END)),
        hand("one NumPy expression", lambda: written.expression_restarts(PEAK, FIRST, END), slow=True),
        ours("s.sample(n)", lambda: (PEAK * cosine().over(FIRST, end=END).restarted(t_mult=2)).sample, ratio=0.2),
        peer(
            "optax, jit(vmap), float32",
            lambda: peers.optax_range(peers.optax_restarts(PEAK, FIRST, END, CYCLES)),
            slow=True,
        ),
        peer("keras CosineDecayRestarts, jitted, float32", lambda: peers.keras_restarts(PEAK, FIRST, END)),
    ),
    "NumPy in place, in blocks",
    exact.cosine_restarts(PEAK, FIRST, END),
)


def _jax_rex(np_: Any, t: Any) -> Any:
    return PEAK * 2 * (N - t) / (2.0 * N - t)


def _jax_polynomial(np_: Any, t: Any) -> Any:
    return PEAK * ((N - t) / N) ** POWER


def _jax_linear(np_: Any, t: Any) -> Any:
    return PEAK * ((N - t) / N)


def _decay(name: str, title: str, by_hand: Any, profile: Any, expression: Any, true_shape: Any, *more: Any) -> Row:
    return Row(
        name,
        f"`s.sample(10_000_000)`, {title}",
        Ranges(N, checks(N)),
        (
            hand("NumPy in place, in blocks", lambda: by_hand),
            hand("one JAX expression, jitted, float32", lambda: peers.jitted(expression)),
            ours("s.sample(n)", lambda: (PEAK * profile.over(N)).sample, ratio=1.1),
            *more,
        ),
        "NumPy in place, in blocks",
        exact.decay(PEAK, N, true_shape),
    )


REX = _decay("range-rex", "REX", written.blocked_rex(PEAK, N), rex(), _jax_rex, lambda z: z / (mpf(0.5) + mpf(0.5) * z))
LINEAR = _decay(
    "range-linear",
    "linear",
    written.blocked_linear(PEAK, N),
    linear(),
    _jax_linear,
    lambda z: z,
    peer("optax, jit(vmap), float32", lambda: peers.optax_range(peers.optax_polynomial(PEAK, N, 1))),
    peer("keras PolynomialDecay, jitted, float32", lambda: peers.keras_polynomial(PEAK, N, 1.0)),
)
POLYNOMIAL = _decay(
    "range-polynomial",
    "polynomial of power 0.9",
    written.blocked_polynomial(PEAK, N, POWER),
    polynomial(POWER),
    _jax_polynomial,
    lambda z: z ** mpf(POWER),
    peer("optax, jit(vmap), float32", lambda: peers.optax_range(peers.optax_polynomial(PEAK, N, POWER))),
    peer("keras PolynomialDecay, jitted, float32", lambda: peers.keras_polynomial(PEAK, N, POWER)),
)

COUNT, LENGTH = 1_000, N // 1_000


def _jax_joined() -> Callable[[int], Any]:
    start, end = np.array(levels(COUNT), dtype=np.float32).T

    def values(xp: Any, t: Any) -> Any:
        i = t // LENGTH
        share = (t - i * LENGTH) / LENGTH
        return xp.asarray(start)[i] + (xp.asarray(end) - xp.asarray(start))[i] * share

    return peers.jitted(values)


JOINED = Row(
    "range-joined",
    "`s.sample(10_000_000)`, 1000 straight pieces",
    Ranges(N, checks(N, LENGTH, 500 * LENGTH)),
    (
        hand("NumPy in place, piece by piece", lambda: written.blocked_joined(levels(COUNT), LENGTH)),
        hand("JAX, search and gather, jitted, float32", _jax_joined),
        ours("s.sample(n)", lambda: joined(COUNT, LENGTH).sample, ratio=1.1),
    ),
    "NumPy in place, piece by piece",
    exact.joined(levels(COUNT), LENGTH),
    "optax.join_schedules of 1000 pieces computes every piece at every step; it is left out here.",
    patience=3,
)


SHORT = Row(
    "range-short",
    "`s.sample(1_000)`, warm-up and cosine",
    Ranges(BRIEF.total, checks(BRIEF.total, BRIEF.warmup)),
    (
        hand("one NumPy expression", lambda: written.expression_warmup_cosine(*_args(BRIEF))),
        ours("s.sample(n)", lambda: schedule(BRIEF).sample, ratio=1.0),
        ours('compile(s, "numpy")(np.arange(n))', lambda: _compiled(schedule(BRIEF))),
        peer("optax, jit(vmap), float32", lambda: peers.optax_range(peers.optax_schedule(BRIEF))),
        peer("optax on an array, float32", lambda: peers.on_range(peers.optax_schedule(BRIEF))),
        peer("keras CosineDecay, jitted, float32", lambda: peers.keras_range(peers.keras_schedule(BRIEF))),
    ),
    "one NumPy expression",
    true(BRIEF),
)


def _compiled(s: Any) -> Callable[[int], Any]:
    function = lrs.compile(s, "numpy")
    return lambda n: function(np.arange(n))


ROWS = (COSINE, RESTARTS, REX, LINEAR, POLYNOMIAL, JOINED, SHORT)
