"""Schedules as compiled JAX programs: instructions after optimisation, seconds to compile."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks import exact, peers
from benchmarks.kinds import Counts, Once, Values
from benchmarks.row import Row, hand, ours, peer
from benchmarks.rows._shared import SHORT, checks, joined, levels, schedule, true

LENGTH = 10


def compiled(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """The program that XLA makes of a function, from tracing on, and the seconds that took."""
    jax = peers.load("jax")

    def unknown(*x: Any) -> Any:  # to JAX, whose caches go by the function
        return function(*x)

    start = perf_counter()
    program = jax.jit(unknown).lower(*arguments).compile()
    return program, perf_counter() - start


def instructions(program: Any) -> int:
    """The instructions of an optimised program: every line of it that names one, parameters and constants included."""
    return len(re.findall(r"^\s*(?:ROOT )?%\S+ = .*? [a-z][a-z\-]*\(", program.as_text(), re.MULTILINE))


def _step() -> Any:
    return peers.load("jax").numpy.int32(3)


def counted(make: Callable[[], Callable[[Any], Any]]) -> Callable[[], Callable[[], float]]:
    """Instructions of a schedule at one step."""

    def made() -> Callable[[], float]:
        step, function = _step(), make()
        return lambda: float(instructions(compiled(function, step)[0]))

    return made


def timed(make: Callable[[], Callable[[Any], Any]]) -> Callable[[], Callable[[], float]]:
    """Seconds to trace and compile a schedule whose tables exist."""

    def made() -> Callable[[], float]:
        step, function = _step(), make()
        compiled(function, step)
        return lambda: compiled(function, step)[1]

    return made


def plain() -> Callable[[Any], Any]:
    """Warm-up and cosine in four lines of JAX."""
    jnp, s = peers.load("jax").numpy, SHORT
    last = s.peak * s.end

    def lr(t: Any) -> Any:
        u = (jnp.minimum(t, s.total) - s.warmup) / (s.total - s.warmup)
        return jnp.where(t < s.warmup, s.peak / s.warmup * t, last + 0.5 * (s.peak - last) * (1 + jnp.cos(jnp.pi * u)))

    return lr


@functools.cache
def _tables(count: int) -> tuple[Any, Any, Any]:
    start, end = np.array(levels(count), dtype=np.float32).T
    return np.arange(count, dtype=np.int32) * LENGTH, start, (end - start) / LENGTH


def gathered(count: int) -> Callable[[Any], Any]:
    """Straight pieces: a count of the starts that are passed, and a gather from each table."""
    jnp = peers.load("jax").numpy
    starts, first, slope = _tables(count)

    def lr(t: Any) -> Any:
        t = jnp.minimum(t, count * LENGTH)
        i = jnp.sum(jnp.asarray(starts) <= t) - 1
        return jnp.asarray(first)[i] + jnp.asarray(slope)[i] * (t - i * LENGTH)

    return lr


def masked(count: int) -> Callable[[Any], Any]:
    """Straight pieces: each one's value times whether it is the one, summed."""
    jnp = peers.load("jax").numpy
    starts, first, slope = _tables(count)

    def lr(t: Any) -> Any:
        t = jnp.minimum(t, count * LENGTH)
        passed = t - jnp.asarray(starts)
        last = jnp.arange(count) == count - 1
        here = (passed >= 0) & ((passed < LENGTH) | last)
        return jnp.sum(jnp.where(here, jnp.asarray(first) + jnp.asarray(slope) * passed, 0.0))

    return lr


def optax_pieces(count: int) -> Callable[[Any], Any]:
    """Straight pieces joined by Optax."""
    return peers.optax_join(levels(count), LENGTH)


def _as_value(make: Callable[[], Any]) -> Callable[[Any], Any]:
    jax = peers.load("jax")
    function = jax.jit(make())
    return lambda t: np.float32(function(t))


ROW = Row(
    "jax-instructions",
    "Instructions of the compiled program, warm-up and cosine",
    Counts(),
    (
        hand("four lines of JAX", counted(plain)),
        ours("jax.jit(s)", counted(lambda: schedule(SHORT)), value=40),
        peer("optax", counted(lambda: peers.optax_schedule(SHORT))),
        peer("keras CosineDecay", counted(lambda: peers.keras_schedule(SHORT))),
    ),
    "four lines of JAX",
    note="After XLA's optimisation: everything inside fusions, parameters and constants included.",
)

VALUE = Row(
    "jax-value",
    "A jitted call from Python, to float: what a value costs off the host",
    Values((3, 700, 9_000), checks(SHORT.total, SHORT.warmup)),
    (
        hand("four lines of JAX", lambda: _as_value(plain)),
        ours("jax.jit(s)", lambda: _as_value(lambda: schedule(SHORT)), ratio=1.1),
        peer("optax", lambda: _as_value(lambda: peers.optax_schedule(SHORT))),
        peer("keras CosineDecay", lambda: _as_value(lambda: peers.keras_schedule(SHORT))),
    ),
    "four lines of JAX",
    true(SHORT),
)

PIECES = Row(
    "jax-pieces",
    "Instructions of the compiled program, many straight pieces",
    Counts(),
    (
        hand("count and gather, 1000 pieces", counted(lambda: gathered(1_000))),
        hand("masked sum, 1000 pieces", counted(lambda: masked(1_000))),
        ours("jax.jit(s), 1000 pieces", counted(lambda: joined(1_000, LENGTH)), value=100, work="1000"),
        ours("jax.jit(s), 10,000 pieces", counted(lambda: joined(10_000, LENGTH)), value=120, work="10,000"),
        peer("optax, 1000 pieces", counted(lambda: optax_pieces(1_000)), work="1000", slow=True),
    ),
    "count and gather, 1000 pieces",
)

COMPILING = Row(
    "jax-pieces-compile",
    "Seconds to trace and compile 1000 straight pieces",
    Once(),
    (
        hand("count and gather", timed(lambda: gathered(1_000))),
        ours("jax.jit(s)", timed(lambda: joined(1_000, LENGTH)), value=0.1),
        ours("jax.jit(s), 10,000 pieces", timed(lambda: joined(10_000, LENGTH)), work="10,000"),
        peer("optax", timed(lambda: optax_pieces(1_000)), slow=True),
    ),
    "count and gather",
    note="Once the schedule's tables exist; a training run pays for it once.",
    threads=True,
)

PIECES_VALUE = Row(
    "jax-pieces-value",
    "A jitted call from Python, to float, 1000 straight pieces",
    Values((3, 700, 9_000), checks(1_000 * LENGTH, LENGTH, 500 * LENGTH)),
    (
        hand("count and gather", lambda: _as_value(lambda: gathered(1_000))),
        hand("masked sum", lambda: _as_value(lambda: masked(1_000))),
        ours("jax.jit(s)", lambda: _as_value(lambda: joined(1_000, LENGTH)), ratio=1.1),
        peer("optax", lambda: _as_value(lambda: optax_pieces(1_000)), slow=True),
    ),
    "count and gather",
    exact.joined(levels(1_000), LENGTH),
)

ROWS = (ROW, VALUE, PIECES, COMPILING, PIECES_VALUE)
