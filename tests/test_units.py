"""Schedules over samples and tokens: batch sizes that follow schedules, one curve for any world size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrsched as lrs
from lrsched import units

TOKENS = 3e-4 * (lrs.warmup(2_000) >> lrs.cosine().over(30_000, end=0.1))


@pytest.mark.parametrize(
    ("value", "multiple", "expected"),
    [
        (7, 1, 7),
        (6.5, 1, 6),
        (7.5, 1, 8),
        (0.2, 1, 1),
        (20, 8, 16),
        (28, 8, 32),
        (3, 8, 8),
        (36, 8, 32),
        (1e15, 1, 10**15),
    ],
)
def test_the_size_of_a_batch(value, multiple, expected):
    assert units.size(value, 0, multiple) == units.size(lrs.constant(value), 5, multiple) == expected


@given(
    st.lists(st.integers(1, 1_000), min_size=1, max_size=20),
    st.integers(1, 7),
)
def test_samples_seen_are_the_sum_of_the_batches(sizes, multiple):
    found = units.seen(lrs.table(sizes), len(sizes) + 3, multiple=multiple)
    made = [max(multiple * round(n / multiple), multiple) for n in sizes] + [
        max(multiple * round(sizes[-1] / multiple), multiple)
    ] * 3
    assert found.tolist() == [0, *np.cumsum(made).tolist()] and found.dtype == np.int64


def test_a_batch_that_counts_samples_grows_where_it_says():
    ramp = lrs.piecewise([1_000, 5_000], [32, 64, 128])
    found = units.seen(ramp, 200, counts="samples")
    for before, after in zip(found[:-1].tolist(), found[1:].tolist(), strict=True):
        assert after - before == (32 if before < 1_000 else 64 if before < 5_000 else 128)


@pytest.mark.parametrize("batch", [48, lrs.piecewise([100, 300], [16, 64, 256]), lrs.linear().over(400, 8, 120)])
def test_a_schedule_over_samples_as_one_over_updates(batch):
    rate = units.in_updates(TOKENS, batch, 500)
    before = units.seen(batch, 500)
    assert rate.duration == 500
    assert [rate(t) for t in range(500)] == [TOKENS(n) for n in before[:-1].tolist()]
    assert rate(500) == rate(10**6) == TOKENS(int(before[-1]))


@pytest.mark.parametrize("world", [1, 2, 3, 8, 64])
def test_the_curve_is_the_same_for_any_world_size(world):
    """Each rank takes its share of the batch and counts what all ranks took."""
    batch, counted, rates = lrs.piecewise([40, 90], [100, 250, 777]), 0, []
    for t in range(120):
        shares = [units.share(units.size(batch, t), world, rank) for rank in range(world)]
        assert max(shares) - min(shares) <= 1
        rates.append(TOKENS(counted))
        counted += sum(shares)
    assert rates == [TOKENS(n) for n in units.seen(batch, 120)[:-1].tolist()]
    assert counted == units.seen(batch, 120)[-1]


@given(st.integers(0, 10**6), st.integers(1, 300))
def test_shares_add_up(total, world):
    assert sum(units.share(total, world, rank) for rank in range(world)) == total


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: units.size(float("inf"), 0), "size: batch must be a schedule of finite"),
        (lambda: units.size("x", 0), "size: batch"),
        (lambda: units.size(8, 0, multiple=0), "multiple must be an integer >= 1"),
        (lambda: units.seen(8, -1), "steps must be an integer >= 0"),
        (lambda: units.seen(8, 3, counts="tokens"), "counts must be one of 'updates', 'samples'"),
        (lambda: units.in_updates(0.1, 8, 3), "schedule must be a schedule over samples"),
        (lambda: units.in_updates(TOKENS, 8, 0), "steps must be an integer >= 1"),
        (lambda: units.share(8, 4, 4), r"rank must be an integer below world \(4\)"),
    ],
)
def test_what_makes_no_sense_is_an_error(made, message):
    with pytest.raises(lrs.ScheduleError, match=message):
        made()
