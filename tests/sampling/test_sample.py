"""Ranges of values: against the oracle and against single steps, whatever the expression, range, length and type."""

from __future__ import annotations

import bisect
import itertools
import math
import random
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import lrsched as lrs
import oracle
import strategies
from lrsched import cosine, hold, linear, profiles, rex, step_decay, warmup
from lrsched.algebra import registry
from lrsched.sampling import generate, runtime
from lrsched.sampling.array_code import BLOCK
from lrsched.sampling.filler import filler

KINDS = sorted(registry.KINDS)
LONG = 40_000
FOUND = [
    "linear().over(5) / piecewise((1, 3), (0.0, 1.0, 2.0))",
    "knots((0.0, 0.25, 1.0), (-2.5, 1.0, 0.5)).over(9) / piecewise((1, 3), (0.0, 1.0, 2.0)).stretched(1.5)",
    "multi_step((0, 2, 12, 100), gamma=1e-05).perturbed(3.0, 10)",
    "table((-2.415, 2.868, 4.345)).restarted(times=7, t_mult=4.56, gamma=0.001).perturbed(1.5, 40)",
    "chebyshev_steps(2, 5.226, 10.25, fractal=False).extended(0, 101).mirrored().after('repeat')",
    "linear().sampled(times=5).over(10, end=0.01).reversed().restarted(times=2, gamma=0.5).stretched(0.7)",
]
COMPOSED = [
    linear() ** 0.5,
    cosine() * linear(),
    linear().bent(0.3),
    linear().bent(-0.7),
    linear().warped(0.5),
    linear().mirrored(),
    linear().delayed(0.3),
    lrs.phases((1.0, linear()), (2.0, cosine())),
    lrs.pchip((0.0, 0.3, 0.7, 1.0), (1.0, 0.6, 0.2, 0.0)),
]


def sampled(schedule: Any, start: int, stop: int) -> Any:
    """The range, or None where a policy makes part of it an error."""
    try:
        return schedule.sample(start, stop)
    except lrs.ScheduleError as error:
        assert "policy" in str(error)
        return None


def check(schedule: Any, start: int, stop: int, steps: Any) -> None:
    """The values of a range at the given steps are within the bound."""
    values = sampled(schedule, start, stop)
    if values is None:
        return
    assert values.shape == (stop - start,)
    data = schedule.to_dict()
    for t in {*steps, *apart(schedule, start, values)}:
        complaint = oracle.complaint(data, t, float(values[t - start]))
        if complaint and oracle.complaint(data, t, schedule(t)) and values[t - start] == schedule(t):
            continue  # a range can be no better than its single steps, which other tests hold to the bound
        assert not complaint, f"sample({start}, {stop}): {complaint}\n{schedule!r}"


def apart(schedule: Any, start: int, values: Any) -> list[int]:
    """Some of the steps at which a range is not what an array of its steps gives, beyond a few roundings."""
    try:
        single = schedule(np.arange(start, start + len(values)))
    except lrs.ScheduleError:
        return []
    different = [start + i for i in unlike(values, single)]
    return [*different[:3], *different[-3:], *different[:: max(1, len(different) // 4)]]


def unlike(values: Any, others: Any) -> list[int]:
    """Where two vectors differ by more than a few roundings."""
    with np.errstate(all="ignore"):
        near = np.abs(values - others) <= 32 * np.spacing(np.maximum(np.abs(values), np.abs(others)))
    found: list[int] = np.flatnonzero(~(near | (values == others) | (np.isnan(values) & np.isnan(others)))).tolist()
    return found


def ranges(schedule: Any, rnd: random.Random) -> list[tuple[int, int, list[int]]]:
    """Ranges from 0, over boundaries, and far out, each with steps to look at."""
    found = []
    for place in (0, *rnd.sample(strategies.steps_of(schedule, rnd, 8), 3)):
        start = max(0, place - rnd.randrange(20))
        stop = place + rnd.choice((1, 2, 30, 500, 9000))
        inside = [t for t in strategies.steps_of(schedule, rnd, 10) if start <= t < stop]
        found.append((start, stop, sorted({start, place, stop - 1, *inside, rnd.randrange(start, stop)})))
    return found


@settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(strategies.expressions(), st.randoms(use_true_random=False))
def test_random_ranges_are_within_the_bound(expression: Any, rnd: random.Random) -> None:
    for start, stop, steps in ranges(expression, rnd):
        check(expression, start, stop, steps)


@pytest.mark.parametrize("block", range(8))
def test_numbered_expressions_are_within_the_bound(block: int) -> None:
    for seed in range(25 * block, 25 * (block + 1)):
        expression, rnd = strategies.seeded(seed), random.Random(seed)
        for start, stop, steps in ranges(expression, rnd):
            check(expression, start, stop, steps)


@pytest.mark.parametrize("text", FOUND)
def test_expressions_that_were_once_wrong(text: str) -> None:
    """Divisors among zeros, factors of what cancels, look-ups on sides that no step takes."""
    expression = lrs.parse(text)
    check(expression, 0, 50_000, [0, 1, 2, 3, 5, 9])


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_within_the_bound(name: str) -> None:
    for seed in range(4):
        rnd = random.Random(seed)
        expression = strategies.Maker(rnd).one_of(registry.KINDS[name], 3)
        if isinstance(expression, lrs.Profile):
            expression = expression.over(rnd.choice((7, 999, LONG)), start=3.0, end=0.25)
        for start, stop, steps in ranges(expression, rnd):
            check(expression, start, stop, steps)


@pytest.mark.parametrize("name", KINDS)
def test_generated_code_agrees_with_all_pieces_at_once(name: str) -> None:
    """``Filler.together`` is the reference: what is beyond a few roundings of it has to be within the bound."""
    for seed in range(4, 8):
        rnd = random.Random(seed)
        schedule = strategies.Maker(rnd).one_of(registry.KINDS[name], 2)
        if isinstance(schedule, lrs.Profile):
            schedule = schedule.over(rnd.choice((7, 999, LONG)), start=3.0, end=0.25)
        start = rnd.choice((0, 1, 70, 12_345))
        stop = start + rnd.choice((500, 3 * BLOCK))
        values, wanted = sampled(schedule, start, stop), np.empty(stop - start)
        if values is None:
            continue
        with np.errstate(all="ignore"):
            filler(schedule).together(schedule, start, stop, wanted)
        places = unlike(values, wanted)
        check(schedule, start, stop, [start + i for i in places[:: max(1, len(places) // 8)]])


@pytest.mark.parametrize(
    "name", sorted(k.kind_name for k in registry.KINDS.values() if issubclass(k, profiles.Profile))
)
@pytest.mark.parametrize("n", [LONG, 2**31 - 2])
def test_long_shapes_to_their_last_step(name: str, n: int) -> None:
    """Bulk paths, both halves of a wave, the ends."""
    shape = strategies.Maker(random.Random(1)).one_of(registry.KINDS[name], 1)
    for schedule in (
        shape.over(n),
        shape.over(n, 1e-3, 1e-5),
        shape.over(n, 0.0, 0.25),
        shape.over(n, 2.0, endpoint=True),
    ):
        for start in (0, n // 2 - LONG // 2, n - LONG):
            stop = min(start + LONG + 5, 2**31 - 1)
            near = [start, start + 1, start + 5000, n // 2 - 1, n // 2, n // 2 + 1, n - 2, n - 1, n, n + 1, stop - 1]
            check(schedule, start, stop, [t for t in near if start <= t < stop])


@pytest.mark.parametrize("profile", COMPOSED, ids=repr)
def test_ends_of_composed_profiles_are_the_numbers_given(profile: Any) -> None:
    """At lengths n where n * (1 / n) is not 1, too."""
    for n, (start, end) in itertools.product((1, 7, 10, 49, 98, 103, 107), ((0.3, 0.03), (0.0, 0.7))):
        shape = profile.over(n, start, end)
        for schedule in (shape, hold(3) >> shape, shape.reversed(), shape.restarted(times=3, t_mult=1.5)):
            steps = np.arange(4 * n + 9)
            single, values = schedule(steps), schedule.sample(4 * n + 9)
            ends = np.isin(single, (start, end))
            assert ends.any()
            np.testing.assert_array_equal(values[ends], single[ends])


def test_a_cosine_keeps_its_digits_to_the_end() -> None:
    """Angle addition: every step of the last thousand, relative to a value that goes to 0."""
    n = 1_000_000
    schedule = cosine().over(n)
    check(schedule, 0, n + 1, [*range(n - 1000, n + 1), *range(0, n, 9973)])


EXACT = [
    3e-4 * (warmup(500) >> cosine().over(99_500, end=0.1)),
    cosine().over(1000).restarted(t_mult=2, gamma=0.9),
    linear().over(10**6) * step_decay(7, 0.9),
    hold(1).then(*(linear().over(60 + i % 7, 1 + i % 5, 0.5) for i in range(900))),
    cosine().over(90).restarted() * linear().over(50_000),
    rex().over(20_000).sampled(every=3),
    (warmup(10) >> linear().over(30)).stretched(1.3).restarted(),
    linear().over(50).mirrored().restarted(gamma=0.99),
    hold(2).then(*(hold(3 + i % 4, 1.0 + i) for i in range(9))).restarted(),
    hold(300).then(*(linear().over(400 + i, 1.0 + i) for i in range(9))).mirrored().restarted(),
    warmup(700, 0.9, 5.6, profile=lrs.inverse_time(4.7)).mirrored() ** 0.5,
    lrs.geometric(9000, 3.8, 0.001).sampled(at=(0, 300, 1200, 4000)).advanced(1).mirrored(),
    2 * cosine().over(70_000) * cosine().over(30_000).restarted() + 1,
]


@pytest.mark.parametrize("schedule", EXACT, ids=lambda s: repr(s)[:60])
def test_ranges_agree_with_arrays_of_steps(schedule: Any) -> None:
    for start, stop in ((0, 70_000), (12_345, 51_000), (99_000, 100_100), (499, 502)):
        array = schedule(np.arange(start, stop))
        np.testing.assert_allclose(schedule.sample(start, stop), array, rtol=5e-15, atol=math.ulp(0.0))


@settings(max_examples=200)
@given(st.integers(-4, 4), st.integers(-60, 60), st.integers(-50, 50), st.integers(1, 9), st.integers(0, 30))
def test_where_a_value_of_the_step_changes(factor: int, offset: int, bound: int, over: int, t: int) -> None:
    """What holds at the first step of a range, and the step at which it stops, against all steps one by one."""
    table = [-20, 0, 3, 4, 17, 1 << 80]
    step: Callable[[int], int] = lambda k: factor * k + offset  # noqa: E731
    cases: list[tuple[Any, Callable[[int], Any]]] = [
        (runtime.crossing(factor, offset, bound, t, 40), lambda k: step(k) < bound),
        (runtime.changing(lambda k: step(k) < bound, t, 40), lambda k: step(k) < bound),
        (runtime.passing(table, factor, offset, t, 40), lambda k: bisect.bisect_right(table, step(k))),
        (runtime.meeting(factor, offset - bound, t, 40), lambda k: step(k) == bound),
        (runtime.steady(lambda k: step(k) * 0.25, t, 40), lambda k: step(k) // 4),
        ((step(t) // over, runtime.multiple(factor, offset, step(t) // over, over, 40)), lambda k: step(k) // over),
    ]
    for found, wanted in cases:
        changed = [k for k in range(t, 40) if wanted(k) != wanted(t)]
        assert found == (wanted(t), min(changed, default=40))


def test_no_range_and_a_single_step() -> None:
    for schedule in EXACT:
        assert schedule.sample(0).shape == schedule.sample(7, 7).shape == (0,)
        for t in (0, 1, 499, 500, 501, 99_999, 10**6, 2**31 - 1, 2**53 - 2):
            assert schedule.sample(t, t + 1)[0] == pytest.approx(schedule(t), rel=5e-15, abs=1e-300)


@pytest.mark.parametrize("schedule", EXACT, ids=lambda s: repr(s)[:60])
def test_any_vector_of_floats_can_be_filled(schedule: Any) -> None:
    n = 40_000
    wanted = schedule.sample(n)
    for make in (
        lambda: np.empty(n, np.float32),
        lambda: np.empty(n, np.float16),
        lambda: np.empty(2 * n)[::2],
        lambda: np.empty(n)[::-1],
        lambda: np.empty(n, ">f8"),
        lambda: np.empty(n, np.longdouble),
    ):
        out = make()
        assert schedule.sample(n, out=out) is out
        np.testing.assert_allclose(out.astype(float), wanted, rtol=2 * max(2e-15, np.finfo(out.dtype).eps), atol=1e-6)


def test_what_cannot_be_filled() -> None:
    for wrong in (np.empty(3), np.empty((4, 1)), np.empty(4, int), [0.0] * 4):
        with pytest.raises(lrs.ScheduleError, match="out must be a vector of 4 floats"):
            EXACT[0].sample(4, out=wrong)
    with pytest.raises(lrs.ScheduleError, match="dtype"):
        EXACT[0].sample(4, out=np.empty(4), dtype=np.float32)
    with pytest.raises(lrs.ScheduleError, match="floating"):
        EXACT[0].sample(4, dtype=int)
    for start, stop in ((-1, None), (3, 2), (-2, 5), (True, None), (1.5, None), ("4", None)):
        with pytest.raises(lrs.ScheduleError):
            EXACT[0].sample(start, stop)


def test_no_warning_and_no_nan() -> None:
    """Division by zero, overflow and the roots of negatives are IEEE values, silently."""
    steps = warmup(4) - 0.5
    below = lrs.piecewise((0, 1, 3), (-2.1, -2.0, -2.1, -2.0)).lasting(20).reversed() ** 0.001
    for schedule in (1 / warmup(4), steps**0.5, lrs.exponential_decay(1e5), 0 * (1 / warmup(4)), -(1 / steps), below):
        with np.errstate(all="raise"):
            found = schedule.sample(100)
        np.testing.assert_allclose(found, [schedule(t) for t in range(100)], rtol=1e-14)


def test_long_sums() -> None:
    """Operations on operations, however deep."""
    waves = cosine().over(900)
    for i in range(600):
        waves = waves + (i + 1) * cosine().over(901 + i)
    np.testing.assert_allclose(waves.sample(5, 2000), waves(np.arange(5, 2000)), rtol=1e-13)


def test_threads_share_a_schedule() -> None:
    schedule = 3e-4 * (warmup(500) >> cosine().over(99_500, end=0.1)) * step_decay(50, 0.999)
    wanted, found = (lrs.parse(repr(schedule))).sample(90_000), []
    threads = [threading.Thread(target=lambda: found.append(schedule.sample(90_000))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(np.array_equal(f, wanted) for f in found)


# ---- costs, counted


@pytest.mark.parametrize("seed", range(0, 200, 5))
def test_every_expression_takes_the_generated_road(seed: int) -> None:
    expression = strategies.seeded(seed)
    if isinstance(expression, lrs.Profile):
        expression = expression.over(100)
    assert generate.generated(expression.formula).source


def ranges_taken(schedule: Any, n: int) -> int:
    """How many ranges a filler makes of the first n steps."""
    made = generate.generated(schedule.formula)
    source = made.source.replace("end = hi\n", "end = hi; taken.append(t)\n", 1)
    source = source.replace("if not count & 31:", "if False:")
    taken: list[int] = []
    fill = generate.loaded(source, {**made.objects, "taken": taken})
    fill(0, 0, n, np.empty(n))
    return len(taken)


def test_a_range_for_each_piece_and_no_more() -> None:
    assert ranges_taken(lrs.constant(2.0), 100_000) == 1
    assert ranges_taken(linear().over(50_000), 100_000) == 2
    assert ranges_taken(EXACT[0], 120_000) == 4, "the rise, both halves of the wave, what is held"
    assert ranges_taken(hold(1).then(*(linear().over(1000, i + 1) for i in range(100))), 100_001) == 101
    assert ranges_taken(linear().over(10**6) * step_decay(1000), 100_000) == 100
    assert ranges_taken(rex().sampled(times=20).over(100_000), 100_000) == 20
    assert ranges_taken(linear().over(500).mirrored().restarted(), 10_000) == 20


def operations(schedule: Any, first: int, stop: int) -> int:
    """How many operations on arrays fill a range."""
    made, count = generate.generated(schedule.formula), 0

    def counted(f: Any) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            nonlocal count
            count += any(isinstance(a, np.ndarray) for a in args)
            return f(*args, **more)

        return call

    arrays = {name: counted(f) for name, f in generate._space().items() if isinstance(f, np.ufunc)}
    generate.loaded(made.source, {**arrays, **made.objects})(first, first, stop, np.empty(stop - first))
    return count


def test_few_operations_on_each_block() -> None:
    """A line is one addition to a table that is made once for a range; lines on lines are one line."""
    n, blocks = 40 * BLOCK, 20
    first, stop = 4 * BLOCK, (4 + blocks) * BLOCK
    assert operations(linear().over(n), first, stop) == blocks + 1
    assert operations(3e-4 * linear().over(n, 1.0, 0.1), first, stop) == blocks + 1
    assert operations(warmup(n), first, stop) == blocks + 1
    assert operations(linear().over(n) + 0.5, first, stop) == blocks + 1
    assert operations(rex().over(n), first, stop) == 3 * blocks + 2
    assert operations(lrs.polynomial(0.9).over(n), first, stop) == 2 * blocks + 1
    assert operations(pieces(2 * blocks), 10_000, 10_000 * (blocks + 1)) == 2 * blocks
    assert operations(pieces(2 * blocks).mirrored(), 10_000, 10_000 * (blocks + 1)) == 2 * blocks


def pieces(count: int) -> Any:
    """Straight pieces of 10,000 steps, some rising."""
    levels = ((1.0, 0.5), (0.75, 0.25), (0.5, 0.9), (0.1, 0.6), (0.3, 0.2))
    first, *rest = (linear().over(10_000, *levels[i % 5]) for i in range(count))
    return first.then(*rest)


LINES = [
    linear().over(2**40),
    linear().over(2**40, 0.25, 1.0),
    warmup(2**40, 1e-7),
    linear().over(2**40, 5e-324, 1e-310),
    linear().over(2**40, 1.7e308, 0.0),
    1.5 - linear().over(2**40),
    linear().over(3 * BLOCK),
    linear().over(3 * BLOCK, 1.0, 2.0),
    linear().over(3 * BLOCK).mirrored().restarted(),
    -linear().over(2**40, 3.0, -1.0),
]


@pytest.mark.parametrize("schedule", LINES, ids=repr)
def test_long_lines_are_within_the_bound(schedule: Any) -> None:
    """Tables of lines: next to where a line is 0, one block away, far out, and beyond what a table can hold."""
    end = int(min(schedule.duration, 9 * BLOCK))
    for start in (0, 1, BLOCK - 1, 2**38, 2**40 - 5 * BLOCK - 7, 3 * end // 4):
        stop = min(start + 5 * BLOCK + 7, 2**40 + 9)
        near = [k for i in range(6) for k in (start + i * BLOCK, start + i * BLOCK - 1, stop - 1 - i * BLOCK)]
        check(schedule, start, stop, [t for t in near if start <= t < stop])


def test_lines_do_not_grow_with_pieces_of_one_kind() -> None:
    def lines(n: int) -> int:
        schedule = hold(1).then(*(linear().over(i + 5, 1 / (i + 1)) for i in range(n)))
        return generate.generated(schedule.formula).source.count("\n")

    assert lines(2000) == lines(20) < 60


def test_no_array_of_the_size_of_the_range() -> None:
    """Blocks of a fixed number, whatever the length."""

    def peak(run: Callable[[], Any]) -> int:
        run()
        tracemalloc.start()
        try:
            run()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    for schedule in EXACT:
        out = np.empty(600_000)
        used = peak(lambda schedule=schedule, out=out: schedule.sample(len(out), out=out))
        assert used < 24 * 8 * BLOCK, (used, schedule)
    half = np.empty(600_000, np.float32)
    assert peak(lambda: EXACT[0].sample(len(half), out=half)) < 8 * 8 * BLOCK


def test_generated_once() -> None:
    schedule = EXACT[0] * 1.25
    schedule.sample(10)
    first = filler(schedule)
    schedule.sample(3, 4000)
    assert filler(schedule) is first and math.isfinite(schedule.sum(100))


def test_code_does_not_double_with_each_condition() -> None:
    """A sample of a sum of pieces: numbers on a range, however many conditions make them."""
    pieces = [
        (0.5 * lrs.maximum(lrs.geometric(40 + i, 4.7, 5.6), hold(100, 1e-5))).stretched(1 + i % 3) for i in range(6)
    ]
    levels = lrs.piecewise((0, 1, 2), (2.0, -1.6, 0.9, 2.0)).lasting(20).extended(3, 6)
    schedule = (levels * lrs.sum(*pieces)).sampled(every=8)
    assert generate.generated(schedule.formula).source.count("\n") < 400
    np.testing.assert_allclose(schedule.sample(3, 200), schedule(np.arange(3, 200)), rtol=1e-13)


TABLE = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.0])
PLACES = np.array([4, 9, 23, 40])
RULES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[int], Any]]] = {
    "a number below the step": (lambda b, t: b.where(b.lt(20, t), 1.0, 2.0), lambda t: 1 if t > 20 else 2),
    "a number up to the step": (lambda b, t: b.where(b.le(20, t), 1.0, 2.0), lambda t: 1 if t >= 20 else 2),
    "below a multiple": (lambda b, t: b.where(b.lt(60, b.mul(t, 3)), 1.0, 2.0), lambda t: 1 if 3 * t > 60 else 2),
    "below steps back": (lambda b, t: b.where(b.lt(20, b.sub(50, t)), 1.0, 2.0), lambda t: 1 if 50 - t > 20 else 2),
    "steps back up to": (lambda b, t: b.where(b.le(b.sub(50, t), 20), 1.0, 2.0), lambda t: 1 if 50 - t <= 20 else 2),
    "a line below": (
        lambda b, t: b.where(b.lt(b.floats(t) * 0.37, 7.1), 1.0, 2.0),
        lambda t: 1 if t * 0.37 < 7.1 else 2,
    ),
    "a line above": (
        lambda b, t: b.where(b.le(7.4, b.floats(t) * 0.37), 1.0, 2.0),
        lambda t: 1 if t * 0.37 >= 7.4 else 2,
    ),
    "at one step": (lambda b, t: b.where(b.eq(t, 25), b.mul(t, 2), b.mul(t, 3)), lambda t: t * (2 if t == 25 else 3)),
    "one value at one step": (
        lambda b, t: b.where(b.eq(t, 25), 7.0, b.exp(b.floats(t))),
        lambda t: math.exp(t) if t - 25 else 7,
    ),
    "at one step back": (
        lambda b, t: b.where(b.eq(b.sub(50, t), 12), b.mul(t, 2), t),
        lambda t: t * (2 if t == 38 else 1),
    ),
    "a multiple at": (lambda b, t: b.where(b.eq(b.mul(t, 3), 36), b.mul(t, 2), t), lambda t: t * (2 if t == 12 else 1)),
    "the smaller": (lambda b, t: b.minimum(b.mul(t, 3), b.sub(70, t)), lambda t: min(3 * t, 70 - t)),
    "the larger": (lambda b, t: b.maximum(b.mul(t, 3), b.sub(70, t)), lambda t: max(3 * t, 70 - t)),
    "quotients": (lambda b, t: b.floordiv(b.add(t, 5), 7), lambda t: (t + 5) // 7),
    "quotients back": (lambda b, t: b.floordiv(b.sub(99, t), 7), lambda t: (99 - t) // 7),
    "quotients of multiples": (lambda b, t: b.floordiv(b.add(b.mul(t, 3), 1), 7), lambda t: (3 * t + 1) // 7),
    "quotients of multiples back": (lambda b, t: b.floordiv(b.sub(300, b.mul(t, 3)), 7), lambda t: (300 - 3 * t) // 7),
    "rests": (lambda b, t: b.mod(b.add(t, 5), 7), lambda t: (t + 5) % 7),
    "rests back": (lambda b, t: b.mod(b.sub(99, t), 7), lambda t: (99 - t) % 7),
    "wide quotients": (
        lambda b, t: b.muldiv(t, 2**52 + 1, 2**53 - 1, 77),
        lambda t: (t * (2**52 + 1) + 77) // (2**53 - 1),
    ),
    "rests of products": (lambda b, t: b.mulmod(t, 5, 13, 4), lambda t: (t * 5 + 4) % 13),
    "rests of a quotient": (lambda b, t: b.mulmod(b.floordiv(t, 3), 5, 13, 4), lambda t: (t // 3 * 5 + 4) % 13),
    "whole parts of a line": (lambda b, t: b.floor(b.floats(t) * 0.37), lambda t: math.floor(t * 0.37)),
    "places passed": (lambda b, t: b.search(PLACES, t), lambda t: int(np.searchsorted(PLACES, t, "right"))),
    "places passed back": (
        lambda b, t: b.search(PLACES, b.sub(50, t)),
        lambda t: int(np.searchsorted(PLACES, 50 - t, "right")),
    ),
    "entries": (lambda b, t: b.gather(TABLE, b.minimum(b.floordiv(t, 9), 5)), lambda t: TABLE[min(t // 9, 5)]),
    "entries of steps": (lambda b, t: b.gather(TABLE, b.mod(t, 6)), lambda t: TABLE[t % 6]),
    "lines": (lambda b, t: (b.floats(t) * 3.0 - 5.0) * 0.5 + 1.0, lambda t: (t * 3.0 - 5) * 0.5 + 1),
    "lines back": (lambda b, t: -(b.floats(b.sub(50, t)) * 3.0 - 5.0), lambda t: -((50 - t) * 3.0 - 5)),
    "a number of a range times a line": (
        lambda b, t: b.gather(TABLE, b.minimum(b.floordiv(t, 9), 5)) * (b.floats(t) + 2.0) - 1.0,
        lambda t: TABLE[min(t // 9, 5)] * (t + 2) - 1,
    ),
    "a line by a number of a range": (
        lambda b, t: (b.floats(t) + 2.0) / b.gather(TABLE, b.minimum(b.floordiv(t, 9), 5)),
        lambda t: (t + 2) / TABLE[min(t // 9, 5)],
    ),
    "a multiple less a multiple": (lambda b, t: b.sub(b.mul(t, 5), b.mul(t, 3)), lambda t: 2 * t),
    "used twice": (
        lambda b, t: b.exp(-b.sqrt(b.floats(t))) + b.sqrt(b.floats(t)) * b.sqrt(b.floats(t)),
        lambda t: t + math.exp(-math.sqrt(t)),
    ),
    "one value within an array": (
        lambda b, t: b.sqrt(b.where(b.eq(t, 25), 7.0, b.exp(b.floats(t)))) + b.floats(t),
        lambda t: math.sqrt(math.exp(t) if t - 25 else 7) + t,
    ),
    "one value before another": (
        lambda b, t: b.where(b.eq(t, 25), 7.0, b.where(b.eq(b.sub(50, t), 25), 9.0, b.exp(b.floats(t)))),
        lambda t: math.exp(t) if t - 25 else 7,
    ),
    "multiples on both sides": (
        lambda b, t: b.floordiv(b.where(b.lt(t, 20), b.mul(t, 3), b.mul(t, 5)), 7),
        lambda t: t * (3 if t < 20 else 5) // 7,
    ),
    "a function with a number of a range": (
        lambda b, t: b.call(lambda a: lambda xp, step: step * a, t, [b.gather(TABLE, b.minimum(b.floordiv(t, 9), 5))]),
        lambda t: t * TABLE[min(t // 9, 5)],
    ),
    "checked": (lambda b, t: b.checked(b.lt(1000, t), b.floats(t)), lambda t: t),
}


@pytest.mark.parametrize("name", RULES)
def test_each_rule_of_a_filler(name: str) -> None:
    """Every rule by itself, on ranges that begin at every step: what holds at the first, and where it stops."""
    make, expected = RULES[name]
    made = generate.generated(lambda clock: make(clock.b, clock.at))
    fill = generate.loaded(made.source, made.objects)
    wanted = [float(expected(t)) for t in range(45)]
    for first, stop in ((i, k) for k in (13, 26, 39, 45) for i in range(k)):
        out = np.empty(stop - first)
        with np.errstate(all="ignore"):
            assert fill(first, first, stop, out) == stop
        np.testing.assert_allclose(out, wanted[first:stop], rtol=1e-13)


def test_the_checks_of_a_filler() -> None:
    made = generate.generated(lambda clock: clock.b.checked(clock.b.lt(30, clock.at), clock.b.floats(clock.at)))
    fill = generate.loaded(made.source, made.objects)
    fill(0, 0, 31, np.empty(31))
    with pytest.raises(lrs.ScheduleError, match="past the end"):
        fill(0, 0, 32, np.empty(32))
