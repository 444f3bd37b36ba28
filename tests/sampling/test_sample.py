"""Ranges of values: against the oracle and against single steps, whatever the expression, range, length and type."""

from __future__ import annotations

import gc
import itertools
import math
import random
import threading
import tracemalloc
import weakref
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
from lrsched.ir.expression import Expression
from lrsched.sampling import filler as fillers
from lrsched.sampling.lines import _weights
from lrsched.sampling.program import BLOCK, Program, lowered
from lrsched.sampling.rows import SHORTEST_COMPUTED, Computed, fill, rows

KINDS = sorted(registry.KINDS)
LONG = 40_000
FOUND = [
    "linear().over(5) / piecewise((1, 3), (0.0, 1.0, 2.0))",
    "knots((0.0, 0.25, 1.0), (-2.5, 1.0, 0.5)).over(9) / piecewise((1, 3), (0.0, 1.0, 2.0)).stretched(1.5)",
    "multi_step((0, 2, 12, 100), gamma=1e-05).perturbed(3.0, 10)",
    "table((-2.415, 2.868, 4.345)).restarted(times=7, t_mult=4.56, gamma=0.001).perturbed(1.5, 40)",
    "chebyshev_steps(2, 5.226, 10.25, fractal=False).extended(0, 101).mirrored().after('repeat')",
    "linear().sampled(times=5).over(10, end=0.01).reversed().restarted(times=2, gamma=0.5).stretched(0.7)",
    "linear().over(16).delayed(4).stretched(2333.3)",
    "-(warmup(2) >> rex().over(3)).stretched(20000.0)",
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
    """Divisors among zeros, factors of what cancels, look-ups on sides that no step takes, lines counted from afar."""
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


CHANGING = [
    step_decay(7, 0.9),
    lrs.multi_step((0, 3, 3, 40, 41), 0.5),
    lrs.piecewise((1, 9, 33), (4.0, 3.0, 5.0, 1.0)),
    rex().over(90).sampled(every=4),
    rex().over(90).sampled(at=(2, 11, 12, 60)),
    rex().over(9).per_epoch(11),
    rex().sampled(times=7).over(90),
    rex().sampled(times=90).over(90),
    rex().sampled(times=13).over(97),
]


@pytest.mark.parametrize("schedule", CHANGING, ids=repr)
def test_a_value_changes_at_no_other_step(schedule: Any) -> None:
    values = [schedule(t) for t in range(90)]
    for first, last in itertools.product(range(0, 90, 7), range(1, 91, 7)):
        if first < last:
            changes = schedule.changes(first, last)
            assert np.all(np.diff(changes) > 0) and all(first < t < last for t in changes)
            kept = np.repeat([values[t] for t in (first, *changes)], np.diff(changes, prepend=first, append=last))
            assert kept.tolist() == values[first:last]


def test_values_that_change_far_out() -> None:
    """Where the number of a sample times the length is beyond 2**53, and beyond 2**63."""
    for times, steps in ((20, 10**15), (99_999_989, 10**15 + 7)):
        schedule = rex().sampled(times=times).over(steps)
        for k in (1, 9 * times // 20, times // 2, times - 1):
            place = -(-k * steps // times)
            start, stop = place - 70_000, place + 70_000
            wanted = np.repeat([schedule(place - 1), schedule(place)], 70_000)
            if times == 20:
                np.testing.assert_array_equal(schedule.sample(start, stop), wanted)
            assert [*schedule.changes(place - 5, place + 5)] == [place]


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


def test_what_lies_in_new_memory_is_no_operand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "empty", lambda shape, *_: np.full(shape, 1e308))
    with np.errstate(all="raise"):
        _weights(np.arange(1.0, 9.0), 1e-3, 1e9, 0.5)
        _weights(np.arange(1.0, 9.0), 1e-3, 1e-270, 0.5)


def test_functions_of_others_print_nothing() -> None:
    lrs.register("ranges_logarithm", replace=True)(lambda xp, t: xp.log(t))
    schedule = lrs.custom("ranges_logarithm")
    with np.errstate(all="raise"):
        for s in (schedule, 2 * schedule + 1, schedule.lasting(0), hold(1) >> schedule):
            start = s.duration == 0 or s(0) == -math.inf
            assert start or s(1) == -math.inf
            assert np.isneginf(s.sample(70_000)[:2]).any() and np.isneginf(s(np.arange(5))).any()


def test_the_last_cycle_may_end_beyond_all_steps() -> None:
    for schedule in (linear().over(1).restarted(t_mult=3, gamma=7.0), cosine().over(300).restarted(t_mult=1.5)):
        for n in (1, 300, 70_000):
            steps = np.arange(2**53 - n, 2**53)
            np.testing.assert_allclose(schedule.sample(2**53 - n, 2**53), schedule(steps), rtol=1e-13)


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


def sorts(schedule: Any, n: int) -> list[str]:
    """The sorts of rows that the first n steps are filled by."""
    return [type(row).__name__ for row in rows(schedule, 0, n)]


def test_a_row_for_each_piece_and_no_more() -> None:
    assert sorts(lrs.constant(2.0), 100_000) == ["Level"]
    assert sorts(linear().over(50_000), 100_000) == ["Ramp", "Level"]
    assert sorts(EXACT[0], 120_000) == ["Ramp", "Ramp", "Level"]
    assert sorts(hold(1).then(*(linear().over(1000, i + 1) for i in range(100))), 100_001) == ["Level"] + 100 * ["Ramp"]
    assert sorts(rex().sampled(times=20).over(100_000), 100_000) == ["Held"]
    assert sorts(3.0 - 2.0 * step_decay(1000), 100_000) == ["Held"]
    assert sorts(0.1 * cosine().over(1000).restarted() + 1.0, 100_000) == ["Repeated"]
    assert sorts(cosine().over(1000).restarted(t_mult=2, gamma=0.9), 63_000) == 6 * ["Ramp"]
    assert sorts(warmup(500) * rex().over(10**6), 10**6) == 2 * ["Computed"]
    assert sorts(warmup(500) * cosine().over(10**6), 10**6) == 3 * ["Computed"], "both sides of the half"
    assert sorts(hold(1).then(*(linear().over(9 + i % 2, i + 1) for i in range(1000))), 9000) == ["Computed"]


def operations(schedule: Any, n: int) -> int:
    """How many operations on arrays fill a block in the middle of n steps."""
    (row,) = (row for row in rows(schedule, 0, n) if row.start < 3 * n // 4 < row.stop)
    assert isinstance(row, Computed)
    row.fill(schedule, row.start + 1, np.empty(BLOCK))
    assert row.program is not None
    return len(row.program.operations)


def test_few_operations_on_each_block() -> None:
    """What the steps of a row decide is gone; a line is one addition, and takes a factor from outside."""
    n = 100 * BLOCK
    assert operations(3e-4 * rex().over(n), n) == 3
    assert operations(3e-4 * lrs.polynomial(0.9).over(n), n) == 3
    assert operations(3e-4 * lrs.polynomial(0.9).over(n).delayed(500) * warmup(500), n) == 3


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


def test_operations_do_not_grow_with_pieces_of_one_kind() -> None:
    def count(n: int) -> int:
        schedule = hold(1).then(*(linear().over(i % 7 + 5, 1 / (i + 1)) for i in range(n)))
        return operations(schedule, 5 * n)

    assert count(4000) == count(2000) < 60


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


def test_rows_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(fillers, "rows", lambda *range_: asked.append(range_[1:]) or rows(*range_))
    schedule = EXACT[0] * 1.25
    for stop in range(1000, 70_000, 1000):
        schedule.sample(stop - 1000, stop)
    assert len(asked) < 10, "twice as many steps each time"
    schedule.sample(5, 60_000)
    assert math.isfinite(schedule.sum(50_000)) and len(asked) < 10


def test_few_rows_are_kept_however_far_out_and_long(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    monkeypatch.setattr(fillers, "rows", lambda s, low, high: steps.append(high - low) or rows(s, low, high))
    schedule = linear().over(5).restarted(gamma=0.99999)
    for start in range(2**40, 2**40 + 40_000, 1000):
        schedule.sample(start, start + 1000)
    assert sum(steps) < 150_000
    schedule.sum(9 * fillers.MOST_KEPT)
    assert max(steps) <= 2 * fillers.MOST_KEPT


def test_the_first_row_of_a_range_is_found_among_many() -> None:
    class Counted(list[Any]):
        asked = 0

        def __getitem__(self, i: Any) -> Any:
            self.asked += 1
            return super().__getitem__(i)

    schedule = hold(1).then(*(linear().over(1000, i + 1) for i in range(1000)))
    found, out = Counted(rows(schedule, 0, 10**6)), np.empty(10)
    assert len(found) == 1001
    for first in (0, 1, 999_990, 500_000):
        found.asked = 0
        fill(schedule, found, first, out)
        np.testing.assert_array_equal(out, schedule.sample(first, first + 10))
        assert found.asked < 30


def test_no_program_for_each_of_many_short_rows() -> None:
    part = warmup(50) * rex().over(300)
    pieces = hold(1).then(*((rex() if i % 2 else lrs.tanh()).over(1000, 1 + i) for i in range(300)))
    samples = hold(1).then(*(rex().sampled(times=3).over(300, 1 + i) for i in range(1000)))
    for schedule in (part.restarted(gamma=0.99), pieces, samples):
        assert sum(row != "Ramp" for row in sorts(schedule, 300_000)) <= 8 + 300_000 // SHORTEST_COMPUTED


def test_rows_keep_no_reference_to_their_schedule() -> None:
    schedule = rex().over(10) * warmup(3)
    schedule.sample(10)
    gone = weakref.ref(schedule)
    gc.disable()
    try:
        del schedule
        assert gone() is None
    finally:
        gc.enable()


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


class Made(Expression):
    """What a function makes of the step."""

    def __init__(self, make: Callable[[Any, Any], Any]) -> None:
        self.make = make

    def formula(self, clock: Any, /) -> Any:
        return self.make(clock.b, clock.at)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_each_rule_of_a_program(name: str, exact: bool) -> None:
    """Every rule by itself, on ranges that begin and end at every step, and at scattered steps."""
    make, expected = RULES[name]
    wanted = np.array([float(expected(t)) for t in range(45)])
    for first, stop in ((i, k) for k in (13, 26, 39, 45) for i in range(k)):
        program = Program(lowered(Made(make), first, stop - 1), exact)
        out = np.empty(stop - first)
        with np.errstate(all="ignore"):
            program.fill(first, out)
        np.testing.assert_allclose(out, wanted[first:stop], rtol=1e-13)
    program = Program(lowered(Made(make), 0, 44), exact=True)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(program.at(np.array([3, 1, 25, 44, 4])), wanted[[3, 1, 25, 44, 4]], rtol=1e-13)


def test_the_checks_of_a_program() -> None:
    program = Program(lowered(Made(lambda b, t: b.checked(b.lt(30, t), b.floats(t))), 0, 60))
    program.fill(0, np.empty(31))
    with pytest.raises(lrs.ScheduleError, match="past the end"):
        program.fill(0, np.empty(32))
