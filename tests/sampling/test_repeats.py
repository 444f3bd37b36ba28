"""Ranges of what repeats in short holds and cycles: the bits of single steps, each value computed once."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrsched as lrs
import strategies
from lrsched import cosine, exponential, hold, linear, rex, step_decay, warmup
from lrsched.sampling.program import BLOCK, Program

N = 1_000_000
WHOLE = [
    cosine().over(N).sampled(every=100),
    cosine().over(N).sampled(every=2),
    cosine().over(N // 10).per_epoch(10),
    (warmup(500) >> cosine().over(N - 500)).sampled(every=7),
    cosine().sampled(times=100_000).over(N),
    rex().sampled(times=30_000).over(N),
    step_decay(30, 0.99),
    linear().over(100).after("repeat"),
    lrs.table([1, 0.5, 0.3, 0.2]).restarted(),
    lrs.silver_steps(63).restarted().clipped(0.1, 3.0),
    (linear().over(5) >> hold(6, 0.3)).restarted().per_epoch(11) * 0.1,
    linear().over(100).sampled(every=7).restarted(),
    linear().over(7).restarted().perturbed(0.1, 3).sampled(every=5),
]
MIXED = [
    cosine().over(1000).restarted(gamma=0.999),
    warmup(1000) * step_decay(30).clipped(1e-3, 1.0),
    0.1 * (warmup(500) >> cosine().over(N - 500).sampled(every=7)),
    warmup(3) >> linear().over(40).restarted(times=300) >> cosine().over(N).sampled(every=9),
    rex().over(N) * (warmup(10) >> cosine().over(90)).restarted(gamma=0.99),
    lrs.minimum(linear().over(N), 0.9 + 0.1 * cosine().over(20).restarted()),
    lrs.plan(N, warmup(500), (None, cosine().sampled(times=30_000), 0.1)),
    cosine().over(30).restarted().advanced(17),
    cosine().over(1000).restarted(times=70),
    (warmup(10) >> exponential().over(87)).restarted(),
    1e-3 * cosine().over(10).restarted(),
    cosine().over(50).mirrored().restarted(),
]


def alike(schedule: Any, start: int, stop: int) -> None:
    """The range has the bits of its steps, in numbers of either size, in a vector of any layout."""
    with np.errstate(all="ignore"):
        single = schedule(np.arange(start, stop))
        np.testing.assert_array_equal(schedule.sample(start, stop), single)
        np.testing.assert_array_equal(schedule.sample(start, stop, dtype=np.float32), single.astype(np.float32))
    out = np.full(2 * (stop - start), 7.0)
    assert schedule.sample(start, stop, out=out[::2]) is not None
    np.testing.assert_array_equal(out[::2], single)
    assert np.all(out[1::2] == 7.0)


@pytest.mark.parametrize("schedule", WHOLE, ids=lambda s: repr(s)[:60])
def test_repeated_values_are_those_of_single_steps(schedule: Any) -> None:
    """From inside a hold or a cycle to inside another, over blocks, over the end, far out."""
    rnd = random.Random(repr(schedule))
    for start in (0, rnd.randrange(1, 100), rnd.randrange(N), N - rnd.randrange(30_000), 2**40 + rnd.randrange(N)):
        alike(schedule, start, start + rnd.randrange(1, 3 * BLOCK))


@pytest.mark.parametrize("schedule", MIXED, ids=lambda s: repr(s)[:60])
def test_repeated_values_in_others(schedule: Any) -> None:
    rnd = random.Random(repr(schedule))
    for start in (0, rnd.randrange(1, 100), rnd.randrange(N), N - rnd.randrange(30_000)):
        stop = start + rnd.randrange(1, 3 * BLOCK)
        single = schedule(np.arange(start, stop))
        np.testing.assert_allclose(schedule.sample(start, stop), single, rtol=2e-15, atol=1e-300)


def repeated(inner: Any, kind: int, k: int, gamma: float) -> Any:
    """A schedule that repeats another's values."""
    if kind == 0 or not 0 < inner.duration < 3_000:
        return inner.sampled(every=k)
    if kind == 1:
        return inner.per_epoch(k)
    return inner.restarted(gamma=gamma) if kind == 2 else inner.after("repeat")


@given(
    st.integers(0, 10**6), st.integers(0, 3), st.integers(2, 60), st.integers(0, 10**5), st.integers(1024, 3 * BLOCK)
)
def test_whatever_repeats(seed: int, kind: int, k: int, start: int, n: int) -> None:
    """Beside the same schedule's ranges without repeats, to a few roundings."""
    schedule = repeated(strategies.seeded(seed, depth=3, big=False), kind, k, 1.0 - k / 1000)
    try:
        values = schedule.sample(start, start + n)
    except lrs.ScheduleError:
        return
    with np.errstate(all="ignore"):
        single = schedule(np.arange(start, start + n))
        near = np.abs(values - single) <= 32 * np.spacing(np.maximum(np.abs(values), np.abs(single)))
    wrong = np.flatnonzero(~(near | (values == single) | (np.isnan(values) & np.isnan(single))))
    assert not len(wrong), (schedule, start + wrong[0], values[wrong[0]], single[wrong[0]])


@pytest.mark.parametrize(
    ("schedule", "most"),
    [
        (cosine().over(N).sampled(every=100), N // 100),
        (cosine().over(N).sampled(every=3), N // 3 + 1),
        (cosine().sampled(times=30_000).over(N), 30_000),
        ((warmup(500) >> cosine().over(N - 500)).sampled(every=7), N // 7 + 1),
        (cosine().over(10).restarted(), 10),
        (cosine().over(5000).restarted(), 5000),
        (cosine().over(1000).restarted(gamma=0.999), 1000 + N // 1000),
        (warmup(5) >> cosine().over(50).sampled(every=4).restarted(), 50),
    ],
    ids=lambda x: repr(x)[:50],
)
def test_each_repeated_value_is_computed_once(schedule: Any, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0
    compute = Program._compute

    def counted(self: Any, places: Any, buffers: Any, out: Any) -> None:
        nonlocal count
        count += len(out)
        compute(self, places, buffers, out)

    monkeypatch.setattr(Program, "_compute", counted)
    schedule.sample(N)
    assert count <= 1.05 * most + 20, "a block begins with a value of its own"


def test_what_does_not_repeat_is_computed_as_it_is() -> None:
    """Lines that run down, cycles at a pace or of a height of their own, ends that stay."""
    for schedule in (
        linear().over(400).sampled(every=4).restarted(t_mult=1.5),
        step_decay(7, 0.9).lasting(N).reversed(),
        linear().over(N).sampled(every=4).reversed(),
        hold(1).then(*(linear().over(500, 1.0 + i % 7, 0.5).sampled(every=7) for i in range(200))),
        linear().over(10).after("mirror"),
        linear().over(10).after("repeat"),
    ):
        single = schedule(np.arange(50_000))
        np.testing.assert_allclose(schedule.sample(50_000), single, rtol=5e-15, atol=1e-300)
