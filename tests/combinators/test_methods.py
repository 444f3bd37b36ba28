"""Laws of the methods that change a schedule's time, of plans and of noise."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import lrsched as lrs
import oracle
from lrsched import (
    constant,
    cosine,
    exponential_decay,
    flat,
    hold,
    linear,
    multi_step,
    one_minus_power,
    plan,
    warmup,
)
from test_laws import finite, identical, same, schedules, values


@given(schedules, st.integers(0, 20))
def test_advanced_delayed_lasting(s: Any, k: int) -> None:
    same(s.delayed(k).advanced(k), s)
    assert values(s.delayed(k), [0, k // 2, k]) == pytest.approx(values(s, [0, 0, 0]), nan_ok=True)
    assert s.lasting(k).duration == k
    identical(s.lasting(k), s, range(k))
    if s.duration >= k:
        assert values(s.advanced(k), [0, 1]) == pytest.approx(values(s, [k, k + 1]), rel=1e-12, nan_ok=True)


@given(schedules)
def test_there_and_back(s: Any) -> None:
    s = finite(s)
    n = s.duration
    assume(n < 500)
    forward, back, both = (
        [math.inf if abs(value) == math.inf else value for value in values(made, range(made.duration + 1))]
        for made in (s, s.reversed(), s.mirrored())  # at a pole the sign is that of a zero
    )
    np.testing.assert_allclose(back[1:], forward[n - 1 :: -1], rtol=1e-12)
    assert both[:n] == pytest.approx(forward[:n], nan_ok=True) and both[n + 1 :] == pytest.approx(
        back[1:], rel=1e-12, nan_ok=True
    )


@given(schedules, st.sampled_from([0.5, 2, 3, 0.3, 1.7]))
def test_stretching_divides_time(s: Any, k: float) -> None:
    stretched = finite(s).stretched(k)
    assert stretched.duration == round(finite(s).duration * Fraction(k))
    assert stretched.stretched(1) != stretched and values(stretched.stretched(1), [0, 3]) == pytest.approx(
        values(stretched, [0, 3]), nan_ok=True
    )
    if k in (2, 3):
        same(stretched, finite(s), [0])
        assert values(stretched, [k * 4]) == pytest.approx(values(finite(s), [4]), rel=1e-12, nan_ok=True)


def test_rescaled_moves_every_boundary() -> None:
    run = warmup(100) >> hold(200) >> cosine().over(700, end=0.1)
    assert run.rescaled(1000) == run
    longer = run.rescaled(5000)
    assert longer == warmup(500) >> hold(1000) >> cosine().over(3500, end=0.1)
    assert longer.duration == 5000 and run.rescaled(7).duration == 7
    assert (multi_step([30, 60]).lasting(90)).rescaled(900).boundaries() == (300, 600)
    decay = exponential_decay(0.5).lasting(10).rescaled(20)
    assert decay(2) == pytest.approx(0.5, rel=1e-14)
    product = (warmup(10) * cosine().over(100)).rescaled(200)
    assert product == warmup(20) * cosine().over(200)
    shorter = (hold(10) + linear().over(40)).rescaled(20)
    assert shorter == hold(5) + linear().over(20)


@given(schedules, st.integers(1, 400))
def test_rescaled_lasts_as_long_as_asked(s: Any, total: int) -> None:
    s = finite(s)
    assert s.rescaled(total).duration == total
    assert s.rescaled(s.duration) == s


def test_a_number_raised_to_a_schedule_is_rescaled() -> None:
    assert (0.1 ** linear().over(10)).rescaled(20) == 0.1 ** linear().over(20)


@given(schedules, st.data())
def test_extended_keeps_the_past(s: Any, data: Any) -> None:
    s = finite(s)
    at = data.draw(st.integers(0, min(s.duration, 100) - 1))
    total = data.draw(st.integers(at + 1, at + 300))
    longer = s.extended(at, total)
    assert longer.duration == total
    identical(longer, s, range(at))
    assert values(longer, [at]) == pytest.approx(values(s, [at]), rel=1e-9, nan_ok=True), "continuous in value"


def test_extended_ends_where_the_schedule_did() -> None:
    run = warmup(10) >> cosine().over(90, end=0.1)
    for total in (11, 60, 100, 101, 5000):
        assert run.extended(10, total)(total) == 0.1


@given(schedules, st.integers(0, 30), st.integers(1, 20))
def test_cooldown_starts_from_the_value_there(s: Any, at: int, steps: int) -> None:
    assume(at < s.duration and all(map(math.isfinite, values(s, [at]))) and abs(values(s, [at])[0]) < 1e300)
    down = s.cooldown(at, steps, one_minus_power())
    assert down.duration == at + steps
    assert down(at) == s(at) and down(at + steps) == 0.0
    identical(down, s, range(at))


def test_restart_lengths_are_rounded_exactly() -> None:
    for first, ratio in ((10, 3.0), (10, 9.0), (7, 1.5), (100, 1.1), (5, 0.7)):
        times = 9
        lengths = [max(1, round(first * Fraction(ratio) ** i)) for i in range(times)]
        schedule = linear().over(first).restarted(times=times, t_mult=ratio)
        assert schedule.duration == sum(lengths)
        start = 0
        for length in lengths:
            assert schedule(start) == 1.0
            assert schedule(start + length - 1) == pytest.approx(1 / length, rel=1e-12)
            start += length
        assert schedule.cycle_ends(10**9) == tuple(int(x) - 1 for x in np.cumsum(lengths))


def test_warmup_method_rises_to_the_first_value() -> None:
    s = 0.3 * cosine().over(10)
    assert s.warmup(5) == warmup(5, end=0.3) >> s
    assert s.warmup(5, 0.1, cosine(), True)(4) == pytest.approx(0.3)


def test_the_plan() -> None:
    assert plan(10_000, warmup(500), (None, cosine(), 0.1)) == warmup(500) >> cosine().over(9_500, end=0.1)
    assert plan(100, (0.1, linear()), (0.2, flat()), cosine()).boundaries() == (10, 30)
    for bad in (lambda: plan(100, warmup(500)), lambda: plan(100, warmup(10)), lambda: plan(100, linear(), cosine()),
                lambda: plan(100, constant(1)), lambda: plan(100, (1.5, linear())), lambda: plan(0, linear()), lambda: plan(10)):  # fmt: skip
        with pytest.raises(lrs.ScheduleError):
            bad()


def test_noise_is_the_same_everywhere_and_bounded() -> None:
    noisy = constant(1.0).perturbed(0.5, 12345678901)
    sampled = noisy.sample(2000)
    assert np.all(sampled >= 0.5) and np.all(sampled < 1.5) and abs(sampled.mean() - 1) < 0.03
    assert sampled.tolist() == values(noisy, range(2000)) == noisy(np.arange(2000)).tolist()
    assert sampled.tolist() == [1 + 0.5 * float(oracle.noise(12345678901, t)) for t in range(2000)]
    assert noisy(2**31 - 1) != noisy(2**31 - 2)
    assert not np.array_equal(sampled, constant(1.0).perturbed(0.5, 12345678902).sample(2000))
