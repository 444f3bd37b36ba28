"""Values in jitted JAX, float32 here and float64 in a process of its own, against the same oracle as on the host."""

from __future__ import annotations

import functools
import operator
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
import oracle
import strategies
from lrsched import profiles
from lrsched.algebra import registry

jax = pytest.importorskip("jax")
jnp = jax.numpy

X64 = bool(jax.config.jax_enable_x64)
FORMAT = oracle.FLOAT64 if X64 else oracle.FLOAT32
STEP = np.int64 if X64 else np.int32
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") in ("ci", "thorough")
SHAPES = sorted(k.kind_name for k in registry.KINDS.values() if issubclass(k, profiles.Profile))
LENGTHS = (1, 3, 1000, 2**24 + 1, 10**9, 2**31 - 2)
WIDTH = 24


def padded(steps: list[int]) -> Any:
    """Always as many steps, so that batches compile alike."""
    return np.array((steps + [0] * WIDTH)[:WIDTH], dtype=STEP)


def jitted(expressions: list[Any], steps: list[Any]) -> list[Any]:
    """All expressions in one compiled program, each on its own steps."""
    functions = [lrs.compile(e, "jax") for e in expressions]
    program = jax.jit(lambda rows: [f(row) for f, row in zip(functions, rows, strict=True)])
    return [np.asarray(v, dtype=np.float64) for v in program(steps)]


def taken(expression: Any) -> bool:
    """Whether JAX has the integers for an expression."""
    try:
        lrs.compile(expression, "jax")
    except lrs.ScheduleError as error:
        assert "enable x64" in str(error) or "too finely" in str(error)
        return False
    return True


def check(expressions: list[Any], steps: list[list[int]]) -> None:
    pairs = [(e, padded(s)) for e, s in zip(expressions, steps, strict=True) if taken(e)]
    assert 5 * len(pairs) >= 4 * len(expressions)
    expressions, rows = [e for e, _ in pairs], [row for _, row in pairs]
    for expression, row, values in zip(expressions, rows, jitted(expressions, rows), strict=True):
        data = expression.to_dict()
        for t, value in zip(row.tolist(), values.tolist(), strict=True):
            complaint = oracle.complaint(data, t, value, FORMAT)
            assert not complaint, f"{complaint}\n{expression!r}"


@pytest.mark.parametrize("block", range(50 if THOROUGH else 8))
def test_numbered_expressions_are_within_the_bound(block: int) -> None:
    """1000 expressions up to 6 deep in the thorough profile: text, JSON and every target, against the oracle."""
    seeds = range(20 * block, 20 * (block + 1))
    expressions = [strategies.seeded(seed) for seed in seeds]
    steps = [strategies.steps_of(e, random.Random(s), 10) for e, s in zip(expressions, seeds, strict=True)]
    for expression in expressions:
        assert lrs.parse(repr(expression)) == expression == lrs.from_json(expression.to_json())
    check(expressions, steps)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_at_every_length(name: str) -> None:
    schedules, steps = [], []
    for seed, n in enumerate(LENGTHS):
        shape = strategies.Maker(random.Random(seed)).one_of(registry.KINDS[name], 2)
        places = {0, 1, 2, n // 3, n // 2, n // 2 + 1, n - 2, n - 1, n, n + 1, 2**24 - 1, 2**24, 2**24 + 1, 2**31 - 1}
        for schedule in (shape.over(n), shape.over(n, start=1e-3, end=1e-5), lrs.warmup(n, profile=shape)):
            schedules.append(schedule)
            steps.append(sorted(t for t in places if 0 <= t < 2**31))
    check(schedules, steps)


@pytest.mark.parametrize("name", sorted(k for k in registry.KINDS if k not in SHAPES))
def test_every_kind_of_schedule(name: str) -> None:
    rnd = random.Random(name)
    schedules = [strategies.Maker(rnd).one_of(registry.KINDS[name], 3) for _ in range(6)]
    check(schedules, [strategies.steps_of(s, rnd, 12) for s in schedules])


def test_the_main_example_everywhere() -> None:
    schedule = 3e-4 * (lrs.warmup(500) >> lrs.cosine().over(9_500, end=0.1))
    steps = np.arange(0, 10_100, 37, dtype=STEP)
    on_vmap = jax.jit(jax.vmap(schedule))(steps)
    for t, value, host in zip(steps.tolist(), np.asarray(on_vmap).tolist(), schedule(steps).tolist(), strict=True):
        assert not oracle.complaint(schedule.to_dict(), t, value, FORMAT)
        assert not oracle.complaint(schedule.to_dict(), t, host)


@pytest.mark.parametrize("seed", range(12))
def test_scalar_batch_and_scan_give_the_same_bits(seed: int) -> None:
    """A schedule that is a constant of the program."""
    expressions = [strategies.seeded(10_000 + 10 * seed + i, depth=4) for i in range(4)]
    steps = np.array(strategies.steps_of(expressions[0], random.Random(seed), 10), dtype=STEP)
    for expression in expressions:
        batch = np.asarray(jax.jit(expression)(steps))
        scalar = jax.jit(expression)
        alone = np.asarray([scalar(t) for t in steps])
        _, scanned = jax.lax.scan(lambda c, t, s=expression: (c, s(t)), 0, jnp.asarray(steps))
        mapped = np.asarray(jax.jit(jax.vmap(expression))(steps))
        for other in (alone, np.asarray(scanned), mapped):
            assert other.tobytes() == batch.tobytes(), repr(expression)


def test_negative_traced_steps_count_as_zero() -> None:
    for schedule in (lrs.warmup(5, start=0.5), lrs.cosine().over(7), lrs.exponential_decay(0.5).perturbed(0.1, 3)):
        assert float(jax.jit(schedule)(jnp.asarray(-3))) == float(jax.jit(schedule)(jnp.asarray(0)))


def test_there_and_back_again() -> None:
    """The parity of a cycle, in integers."""
    schedule = jax.jit(lrs.linear().over(4).after("mirror"))
    assert [float(schedule(t)) for t in (3, 4, 5, 7, 8, 9, 12, 13)] == [0.25, 0, 0.25, 0.75, 1, 0.75, 0, 0.25]


ENDED = (
    *("linear()", "linear().delayed(0.25)", "linear().reversed()", "linear().mirrored()", "linear().warped(2.0)"),
    *("phases((0.3, linear()), (0.7, cosine()))", "linear() * cosine()", "knots((0, 0.3, 1), (1, 0.2, 0))"),
    *("pchip((0, 0.3, 1), (1, 0.2, 0))", "pchip((0, 0.3, 1), (1, 0.2, 0)).reversed()", "rex()", "polynomial(0.9)"),
)


@pytest.mark.parametrize("shape", ENDED)
def test_both_ends_are_exact(shape: str) -> None:
    """At lengths n for which n times the rounded 1 / n is not 1, in float32 or in float64."""
    lengths = (13, 26, 41, 47, 49, 55, 61, 82, 83, 97, 98, 103, 135, 136, 171, 172)
    schedules = [lrs.parse(shape).over(n, start=3.5, end=0.1) for n in lengths]
    schedules += [lrs.parse(shape).over(n, start=0.0, end=0.7) for n in lengths]
    steps = [np.array([0, s.duration, s.duration + 9], dtype=STEP) for s in schedules]
    for schedule, at, found in zip(schedules, steps, jitted(schedules, steps), strict=True):
        expected = schedule(at) if X64 else schedule(at).astype(np.float32).astype(float)
        assert found.tolist() == expected.tolist(), schedule


HELD = (
    *("linear().delayed(0.25)", "linear().mirrored().delayed(0.3)", "linear().reversed().mirrored()"),
    *("rex(0.3).delayed(0.3)", "linear().delayed(0.3).bent(0.4)", "linear().delayed(0.3) ** 2.0"),
    *("(linear().delayed(0.4) * 1.0).normalised()", "phases((1, linear()), (1, rex()), (1, linear().reversed()))"),
    "linear().reversed().mirrored().sampled(times=6)",
)


@pytest.mark.parametrize("shape", HELD)
def test_levels_inside_a_shape_are_exact_wherever_it_is_there(shape: str) -> None:
    """At every step, alone and among many pieces, at lengths whose sections miss 1 times the rounded 1 / n."""
    lengths, starts = (55, 58, 82, 163), (3.537955, 0.11351)
    profile = lrs.parse(shape)
    schedules = [profile.over(n, *pair) for n in lengths for pair in (starts, starts[::-1])]
    schedules.append(functools.reduce(operator.rshift, schedules))
    rows = [np.arange(s.duration + 1, dtype=STEP) for s in schedules]
    for schedule, at, found in zip(schedules, rows, jitted(schedules, rows), strict=True):
        values = schedule(at)
        given = np.isin(values, starts)
        expected = values if X64 else values.astype(np.float32).astype(float)
        assert given.any()
        assert found[given].tolist() == expected[given].tolist(), schedule


@pytest.mark.parametrize("signs", [1.0, -1.0])
def test_the_ends_of_lines_are_the_numbers_given(signs: float) -> None:
    rnd = random.Random(5)
    shapes = [lrs.knots((0, 0.3, 1), (rnd.uniform(0, 2), signs * rnd.random(), rnd.uniform(0, 2))) for _ in range(60)]
    schedules = [shape.over(41, 1.0, 0.0) for shape in shapes]
    found = jitted(schedules, [np.array([0, 41], dtype=STEP)] * len(schedules))
    for shape, schedule, values in zip(shapes, schedules, found, strict=True):
        expected = [shape.ys[0], shape.ys[-1]]
        assert [schedule(0), schedule(41)] == expected
        assert values.tolist() == [float(v if X64 else np.float32(v)) for v in expected]


def test_past_the_end_of_an_error_policy_is_nan() -> None:
    """There alone: not in the steps before, and not on a side of a condition that is not taken."""
    plain = lrs.linear().over(4).after("error")
    joined = lrs.hold(2) >> (plain * 2.0 + 1.0)
    for schedule, first in ((plain, 4), (joined, 6), (plain.lasting(3), 99)):
        values = np.asarray(jax.jit(schedule)(jnp.arange(9)))
        assert np.isnan(values).tolist() == [t >= first for t in range(9)]


def test_real_steps() -> None:
    steps = jnp.asarray([0.0, 0.5, 1.75, 2.0])
    assert jax.jit(lrs.table([1, 2, 3]))(steps).tolist() == [1, 1, 2, 3]
    assert jax.jit(lrs.linear().sampled(times=2).over(4))(steps).tolist() == [1, 1, 1, 0.5]
    assert jax.jit(lrs.linear().over(4))(steps).tolist() == [1, 0.875, 0.5625, 0.5]


def test_shares_of_a_schedule_that_is_an_argument() -> None:
    """Whole steps, as for a constant of the program."""
    run = jax.jit(lambda schedule, t: schedule(t))
    for n, share in ((14, 0.25), (10, 0.25), (1000, 0.125)):
        for schedule in (lrs.linear().delayed(share).over(n), lrs.linear().sampled(at=(share,)).over(n)):
            step = round(share * n)
            for t in (step - 1, step, step + 1, n):
                np.testing.assert_allclose(float(run(schedule, t)), schedule(t), rtol=1e-6)


def test_dtype_asked_for() -> None:
    half = lrs.compile(lrs.cosine().over(10), "jax", jnp.bfloat16)
    assert half(jnp.arange(3)).dtype == jnp.bfloat16


if not X64:

    def test_in_float64() -> None:
        """This file again, where JAX computes in float64."""
        here = Path(__file__)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", str(here)]
        environment = os.environ | {"JAX_ENABLE_X64": "1"}
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, cwd=here.parents[2], check=False
        )
        assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
