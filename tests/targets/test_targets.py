"""Values on Python and NumPy: against the oracle for every kind, at every kind of step, and bit by bit in any batch."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import lrsched as lrs
import oracle
import strategies
from lrsched import profiles
from lrsched.algebra import registry

LONGEST = 2**31 - 2
LENGTHS = (1, 2, 3, 7, 10, 999, 10**6, 2**24 + 1, 10**9, LONGEST)
KINDS = sorted(registry.KINDS)
SHAPES = sorted(k.kind_name for k in registry.KINDS.values() if issubclass(k, profiles.Profile))


def python_value(schedule: Any, t: Any) -> float:
    """The value, NaN where a policy makes it an error; no example where joints cannot be told exactly."""
    try:
        return float(schedule(t))
    except lrs.ScheduleError as error:
        if "too finely" in str(error):
            assume(False)
        assert "policy" in str(error)
        return math.nan


def numpy_values(schedule: Any, steps: list[Any]) -> Any:
    try:
        return lrs.compile(schedule, "numpy")(np.array(steps))
    except lrs.ScheduleError as error:
        assert "policy" in str(error)
        return np.array([python_value(schedule, t) for t in steps])


def check(expression: Any, steps: list[Any]) -> None:
    """Both host targets are within the bound at the steps."""
    data = expression.to_dict()
    found = numpy_values(expression, steps)
    for t, on_numpy in zip(steps, found, strict=True):
        for target, result in (("python", python_value(expression, t)), ("numpy", float(on_numpy))):
            complaint = oracle.complaint(data, t, result)
            assert not complaint, f"{target}: {complaint}\n{expression!r}"


def near_ends(n: int) -> list[int]:
    places = {0, 1, 2, n // 3, n // 2, n // 2 + 1, n - 2, n - 1, n, n + 1, 2**24 - 1, 2**24, 2**24 + 1, 2**31 - 1}
    return sorted(t for t in places if 0 <= t < 2**31)


@given(strategies.expressions(), st.randoms(use_true_random=False))
def test_random_expressions_are_within_the_bound(expression: Any, rnd: random.Random) -> None:
    check(expression, strategies.steps_of(expression, rnd, 12))


@pytest.mark.parametrize("block", range(10))
def test_numbered_expressions_are_within_the_bound(block: int) -> None:
    for seed in range(50 * block, 50 * (block + 1)):
        expression = strategies.seeded(seed)
        check(expression, strategies.steps_of(expression, random.Random(seed), 6))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_within_the_bound(name: str) -> None:
    """Several expressions with each kind outermost."""
    kind = registry.KINDS[name]
    for seed in range(12):
        rnd = random.Random(seed)
        expression = strategies.Maker(rnd).one_of(kind, 3)
        if isinstance(expression, lrs.Profile):
            check(expression, [0, 1, 0.5, 0.1, 1 - 2.0**-53, 2.0**-40, rnd.random(), rnd.random()])
            expression = expression.over(rnd.choice(LENGTHS), start=3.0, end=0.25)
        check(expression, strategies.steps_of(expression, rnd, 12))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("n", LENGTHS)
def test_shapes_at_every_length(name: str, n: int) -> None:
    for seed in range(3):
        shape = strategies.Maker(random.Random(seed)).one_of(registry.KINDS[name], 2)
        for schedule in (shape.over(n), shape.over(n, start=1e-3, end=1e-5), shape.over(n, 0.1, 0.9, endpoint=True)):
            check(schedule, near_ends(n))


def test_tokens_as_steps() -> None:
    """Durations of 1e12 and beyond on the host."""
    for n in (10**12, 2**53 - 1):
        for shape in (lrs.cosine(), lrs.linear(), lrs.rex(), lrs.polynomial(), lrs.one_minus_power()):
            check(3e-4 * (lrs.warmup(n // 100) >> shape.over(n - n // 100)), [1, n // 100, n // 2, n - 1, n, 2**53 - 1])


@given(strategies.expressions(), st.integers(0, 10**6))
def test_a_float_that_is_a_whole_step_gives_the_bits_of_the_integer(expression: Any, t: int) -> None:
    same = [python_value(expression, x) for x in (t, float(t), np.int64(t), np.float64(t), np.uint32(t))]
    assert len({np.float64(x).tobytes() for x in same}) == 1, same


@given(strategies.expressions(big=False), st.floats(0, 300))
def test_steps_between_whole_ones(expression: Any, t: float) -> None:
    """The same formula; where pieces meet within a step, either side may be meant."""
    data, whole = expression.to_dict(), Fraction(math.floor(t))
    for result in (python_value(expression, t), float(numpy_values(expression, [t])[0])):
        complaints = [oracle.complaint(data, t, result), oracle.complaint(data, t, result, own=whole)]
        assert not all(complaints), f"{complaints[0]}\n{expression!r}"


# ---- bits


def bits(values: Any) -> bytes:
    return np.ascontiguousarray(values, dtype=np.float64).tobytes()


@given(strategies.expressions(), st.randoms(use_true_random=False))
def test_numpy_gives_the_same_bits_in_every_batch(expression: Any, rnd: random.Random) -> None:
    steps = np.array(strategies.steps_of(expression, rnd, 20) * 3, dtype=np.int64)
    function = lrs.compile(expression, "numpy")
    try:
        whole = function(steps)
    except lrs.ScheduleError as error:
        assert "policy" in str(error)
        return
    order = np.array(rnd.sample(range(len(steps)), len(steps)))
    assert bits(function(steps[order])) == bits(whole[order])
    assert bits([function(np.array([t]))[0] for t in steps[:12]]) == bits(whole[:12])
    assert bits(function(steps.reshape(3, -1)).ravel()) == bits(whole)
    assert bits(function(steps[::2])) == bits(whole[::2])
    assert bits(function(steps.astype(np.float64))) == bits(whole)
    assert bits(expression(steps)) == bits(whole)


@given(strategies.expressions(depth=4))
def test_python_does_not_remember(expression: Any) -> None:
    steps = [0, 1, 5, 40, 10**6]
    first = [python_value(expression, t) for t in steps]
    again = [python_value(lrs.from_dict(expression.to_dict()), t) for t in reversed(steps)]
    assert bits(first) == bits(again[::-1])


# ---- sample


@given(strategies.expressions(big=False), st.integers(0, 50), st.integers(0, 120))
def test_sample_is_within_the_bound(expression: Any, start: int, count: int) -> None:
    data = expression.to_dict()
    try:
        values = expression.sample(start, start + count)
    except lrs.ScheduleError as error:
        assert "policy" in str(error)
        return
    assert values.shape == (count,) and values.dtype == np.float64
    for i in range(0, count, 7):
        complaint = oracle.complaint(data, start + i, float(values[i]))
        assert not complaint, f"{complaint}\n{expression!r}"


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("n", [10_000, 10**6, LONGEST])
def test_sample_in_the_middle_of_long_shapes(name: str, n: int) -> None:
    """The bulk path has arithmetic of its own; far from where a range starts it is as good."""
    shape = strategies.Maker(random.Random(5)).one_of(registry.KINDS[name], 2)
    schedule = 0.3 * shape.over(n, end=0.1)
    data = schedule.to_dict()
    for start in {0, n // 2 - 3000, max(0, n - 20_000), n - 3000}:
        stop = min(start + 20_000, n + 5)
        values = schedule.sample(start, stop)
        for i in {0, 1, 7, 4095, 4096, (stop - start) // 2, stop - start - 2, stop - start - 1}:
            if 0 <= i < stop - start:
                complaint = oracle.complaint(data, start + i, float(values[i]))
                assert not complaint, f"sample({start}, {stop})[{i}]: {complaint}\n{schedule!r}"


def test_sample_fills_what_it_is_given() -> None:
    schedule = lrs.warmup(500) >> lrs.cosine().over(9_500)
    out = np.empty(10_000)
    assert schedule.sample(10_000, out=out) is out
    assert bits(out) == bits(schedule.sample(10_000))
    single = schedule.sample(10_000, dtype=np.float32)
    assert single.dtype == np.float32 and bits(single) == bits(out.astype(np.float32))
    half = np.empty(10, dtype=np.float16)
    assert schedule.sample(90, 100, out=half) is half
    strided = np.zeros(20)[::2]
    schedule.sample(10, out=strided)
    assert bits(strided) == bits(out[:10])


# ---- what the generated functions are


@given(strategies.expressions(depth=5))
def test_python_source_runs_alone(expression: Any) -> None:
    if "custom(" in repr(expression):
        return
    space: dict[str, Any] = {}
    exec(lrs.compile(expression, "python").source, space)
    modules = [value for value in space.values() if isinstance(value, type(math))]
    assert not set(modules) - {math}
    for t in (0, 1, 17, 10**6, 2.5):
        try:
            alone = space["schedule"](t)
        except ValueError as error:
            assert "policy" in str(error)
            alone = math.nan
        assert bits(alone) == bits(python_value(expression, t)), t


def test_source_of_many_pieces_runs_alone_around_every_joint() -> None:
    pieces = [lrs.linear().over(3 + i % 5, start=1 + i / 7) for i in range(40)]
    joined = pieces[0].then(*pieces[1:], lrs.constant(0.5))
    space: dict[str, Any] = {}
    exec(lrs.compile(joined, "python").source, space)
    bare = lrs.compile(joined, "python")
    expected = joined.sample(joined.boundaries(10**6)[-1] + 3)
    for t, value in enumerate(expected.tolist()):
        assert space["schedule"](t) == joined(t) == bare(t) == pytest.approx(value, rel=1e-15), t
        assert space["schedule"](t + 0.5) == joined(t + 0.5), t
