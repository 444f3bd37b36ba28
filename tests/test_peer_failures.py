"""Failures measured in today's libraries, each as a test that our value is right where theirs is not.

Each test names the peer in its docstring and, where the failure shows with plain arithmetic, reproduces the peer's formula
to show that the case is a real one. Where the peer ran jitted, so do we.
"""

from __future__ import annotations

import itertools
import math
import time
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
import oracle
from lrsched import cosine, exponential_decay, linear, polynomial, step_decay, warmup


def on_host(schedule: Any, steps: Any) -> list[Any]:
    """The values in Python, in NumPy and from sample."""
    steps = list(steps)
    stretch = schedule.sample(steps[0], steps[-1] + 1)
    return [
        np.array([schedule(t) for t in steps]),
        schedule(np.array(steps)),
        stretch[np.array(steps) - steps[0]],
    ]


def jitted(schedule: Any, steps: Any) -> Any:
    """The values of one jitted call on a vector, checked against a jitted call on each step."""
    jax = pytest.importorskip("jax")
    steps = np.asarray(list(steps), dtype=np.int32)
    batch = np.asarray(jax.jit(schedule)(steps))
    scalar = jax.jit(schedule)
    assert [np.asarray(scalar(t)).tobytes() for t in steps[:3]] == [v.tobytes() for v in batch[:3]]
    return batch


def test_polynomial_of_non_integer_power_is_no_nan_at_its_end() -> None:
    """Optax polynomial_schedule: NaN from t = T on for 1051 of the lengths 1..2000, T = 1000 among them."""
    for n in (1000, 41, 83, 1999):
        schedule = polynomial(0.9).over(n)
        for result in (*on_host(schedule, range(n - 1, n + 3)), jitted(schedule, range(n - 1, n + 3))):
            assert 0 < result[0] < 1 and result[1:].tolist() == [0, 0, 0]


def test_polynomial_at_all_lengths_at_once() -> None:
    """The same for every length 1..2000, in one jitted program per hundred."""
    jax = pytest.importorskip("jax")
    for low in (1, 901, 1901):
        schedules = [polynomial(0.9).over(n) for n in range(low, low + 100)]
        ends = jax.jit(lambda t, group=schedules, low=low: [s(t + i + low) for i, s in enumerate(group)])(np.int32(0))
        assert [float(v) for v in ends] == [0.0] * 100


def test_linear_to_zero_is_never_negative() -> None:
    """Optax linear_schedule: a negative rate at and after the end."""
    for n in (41, 47, 1000, 1051, 10**6 + 3):
        schedule = linear().over(n, start=3e-4)
        for result in (*on_host(schedule, range(n - 3, n + 3)), jitted(schedule, range(n - 3, n + 3))):
            assert np.all(result >= 0) and np.all(result[3:] == 0) and np.all(result[:3] > 0)


def test_drops_come_at_their_step() -> None:
    """Optax exponential_decay(staircase=True): one step late for 4.6 % of boundaries; every 41 steps, t = 41."""
    for every in (41, 47, 55, 61, 82, 83, 1000, 4097):
        schedule = step_decay(every, gamma=0.5)
        for k in (1, 2, 3, 7, 20):
            steps = [k * every - 1, k * every, k * every + 1]
            for result in (*on_host(schedule, steps), jitted(schedule, steps)):
                assert result.tolist() == [0.5 ** (k - 1), 0.5**k, 0.5**k]


def test_first_warmup_rates_of_a_long_run() -> None:
    """Optax warmup_cosine_decay_schedule: first rates off by 19 % at T = 1e9, W = T / 100."""
    schedule = lrs.recipes.warmup_cosine(1.0, steps=10**9, warmup=10**7)
    assert on_host(schedule, range(1, 6))[0].tolist() == [t / 1e7 for t in range(1, 6)]
    np.testing.assert_allclose(jitted(schedule, range(1, 6)), [t / 1e7 for t in range(1, 6)], rtol=1e-6)


@pytest.mark.parametrize("ratio", [2, 3, 1.5, 9, 10])
def test_restarts_come_at_their_step(ratio: float) -> None:
    """Keras CosineDecayRestarts, torch WarmRestarts.step(epoch), timm cycle_mul: restarts missed or early."""
    first = 10
    schedule = cosine().over(first).restarted(t_mult=ratio)
    lengths = itertools.takewhile(lambda n: n < 2**31, (round(first * ratio**i) for i in range(64)))
    starts = [t for t in itertools.accumulate(lengths) if t < 2**31 - 1][:18]
    for start in starts:
        steps = [start - 1, start]
        for result in (*on_host(schedule, steps), jitted(schedule, steps)):
            assert 0 < result[0] < 0.1 and result[1] == 1.0, start


def test_the_peers_logarithm_misses_epoch_1210() -> None:
    """torch: int(log(epoch / T_0 * (T_mult - 1) + 1, T_mult)) at T_0 = 10, T_mult = 3, epoch 1210 is 4, not 5."""
    assert int(math.log(1210 / 10 * (3 - 1) + 1, 3)) == 4
    assert cosine().over(10).restarted(t_mult=3)(1210) == 1.0


def test_hard_restarts_as_shares_of_a_run() -> None:
    """HF cosine_with_hard_restarts: T = 220, 22 cycles, step 150 misses its restart."""
    assert (22 * (150 / 220)) % 1.0 > 0.99, "the peer's quotient is just below a whole number"
    schedule = cosine().over(10).restarted(times=22)
    assert schedule.duration == 220
    for result in (*on_host(schedule, [149, 150]), jitted(schedule, [149, 150])):
        assert result[0] < 0.1 and result[1] == 1.0


def test_near_the_end_of_a_billion_steps() -> None:
    """torch CosineAnnealingLR, stepped: ZeroDivisionError near the end of 1e9 steps."""
    n = 10**9
    schedule = cosine().over(n, start=0.1)
    for t in (n - 2, n - 1, n, n + 1):
        assert not oracle.complaint(schedule.to_dict(), t, schedule(t))
    assert schedule(n - 1) > 0 == schedule(n)


def test_no_drift_from_step_to_step() -> None:
    """torch CosineAnnealingLR with a float32 rate: 7e-4 of the peak after 1e6 steps. A value depends on its step alone."""
    schedule = cosine().over(10**6)
    np.testing.assert_allclose(jitted(schedule, [999_000]), [math.sin(math.pi * 1000 / 2e6) ** 2], rtol=2e-6)


def test_many_cycles_do_not_overflow() -> None:
    """torch CyclicLR triangular2: OverflowError after 1024 cycles."""
    schedule = 0.1 + 0.2 * linear().over(10).reversed().mirrored().restarted(gamma=0.5)
    with pytest.raises(OverflowError):
        1 / 2.0**1024
    for cycle in (0, 1, 1023, 1024, 1025, 5000, 10**7):
        middle = 20 * cycle + 10
        exact = 0.1 + 0.2 * 0.5**cycle
        for result in (*on_host(schedule, [middle]), jitted(schedule, [middle])):
            np.testing.assert_allclose(result, [exact], rtol=1e-6)


def test_float32_cosine_keeps_its_tail() -> None:
    """Any float32 (1 + cos) / 2: exactly 0 for the last 77 steps of 1e6, over 1 % wrong for the last 741."""
    n = 10**6
    tail = np.arange(n - 741, n)
    u = tail.astype(np.float32) / np.float32(n)
    peer = (np.float32(1) + np.cos(np.float32(np.pi) * u)) / np.float32(2)
    assert np.count_nonzero(peer == 0) >= 70
    exact = np.sin(np.pi * (n - tail) / (2 * n)) ** 2
    np.testing.assert_allclose(jitted(cosine().over(n), tail), exact, rtol=2e-6)


def test_float64_cosine_keeps_its_tail() -> None:
    """Any float64 (1 + cos) / 2: 4e10 ULP at T = 1e6."""
    n = 10**6
    schedule = cosine().over(n)
    data = schedule.to_dict()
    peer = (1 + math.cos(math.pi * (n - 1) / n)) / 2
    assert "off by" in oracle.complaint(data, n - 1, peer)
    for result in on_host(schedule, [n - 1]):
        assert not oracle.complaint(data, n - 1, float(result[0]))


def test_neighbours_beyond_two_to_the_24_differ() -> None:
    """Any float32 step beyond 2**24: neighbours share one value."""
    assert np.float32(2**24) == np.float32(2**24 + 1)
    schedule = lrs.table([1.0, 2.0]).restarted()
    steps = [2**24, 2**24 + 1, 2**24 + 2, 2**31 - 2, 2**31 - 1]
    for result in (*on_host(schedule, steps[:3]), jitted(schedule, steps[:3])):
        assert result.tolist() == [1.0, 2.0, 1.0]
    assert jitted(schedule, steps[3:]).tolist() == [1.0, 2.0]
    falling = linear().over(2**24 + 8)
    assert np.all(np.diff(jitted(falling, range(2**24, 2**24 + 8))) < 0)


def test_a_decay_rate_in_float32() -> None:
    """Plain float32: 1.3 % wrong after 1e6 steps of 0.9999."""
    schedule = exponential_decay(0.9999)
    n = 400_000
    assert abs(float(np.float32(0.9999) ** np.float32(n)) / 0.9999**n - 1) > 1e-3
    np.testing.assert_allclose(jitted(schedule, [n]), [0.9999**n], rtol=3e-6)


def test_one_step_costs_the_same_late_in_the_run() -> None:
    """Peers that count from the start are slow late; ours computes no loop over steps or cycles."""
    schedule = 0.1 * (warmup(10) >> cosine().over(1000).restarted(t_mult=2))
    schedule(0)
    for t in (10, 10**9):
        begin = time.perf_counter()
        for _ in range(200):
            schedule(t)
        assert time.perf_counter() - begin < 0.2
