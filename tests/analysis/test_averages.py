"""AdamW as an average, and the two noise scales."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lrsched as lrs
from lrsched.analysis import averaging, gradient_noise_scale, noise_scale

N = 10_000
GOLDEN = [
    (lrs.hold(N), 4.51733e-5, 1998.82, 999.55),
    (lrs.linear().over(N), 0.00672336, 7041.21, 3915.90),
    (lrs.cosine().over(N, end=0.1), 0.00407669, 7344.61, 3702.80),
]


@pytest.mark.parametrize(("shape", "init", "window", "age"), GOLDEN)
def test_golden_numbers(shape, init, window, age):
    found = averaging(1e-2 * shape, 0.1)
    assert found.init == pytest.approx(init, rel=1e-5)
    assert (found.window, found.age) == pytest.approx((window, age), abs=6e-3)
    assert found.timescale == 1000.0 and found.weights.sum() + found.init == pytest.approx(1.0, abs=1e-13)


def test_the_weights_are_those_of_the_recursion():
    """Each update put through AdamW's own step, one after the other."""
    rates, decays = np.linspace(0.9, 0.0, 30), np.linspace(0.1, 1.0, 30)
    found = averaging(rates, lrs.table(decays.tolist()))
    shares = np.eye(31)[0]
    for t in range(30):
        a = rates[t] * decays[t]
        shares *= 1 - a
        shares[t + 1] += a
    assert [found.init, *found.weights] == pytest.approx(shares, rel=1e-12, abs=1e-15)
    rest = shares[1:] / shares[1:].sum()
    assert found.window == pytest.approx(1 / (rest**2).sum()) and found.age == pytest.approx(
        rest @ np.arange(30, 0, -1)
    )
    half = int(found.half_life)
    assert rest[-half:].sum() >= 0.5 > rest[1 - half :].sum()
    assert found.timescale == 1 / (rates * decays).max()


def test_without_decay_nothing_is_forgotten():
    found = averaging(lrs.linear().over(10), 0)
    assert (found.init, found.window, found.age, found.half_life, found.timescale) == (1.0, 0.0, 0.0, 0.0, math.inf)
    assert not found.weights.any()


def test_long_runs_forget_without_a_warning():
    found = averaging(np.full(300_000, 0.05), 0.1)
    assert found.weights[0] == 0.0 and found.init == 0.0 and found.weights.sum() == pytest.approx(1.0, abs=1e-12)
    nearly = averaging(np.full(3, 1.0), 1 - 1e-16 * 2)
    assert nearly.weights[-1] == pytest.approx(1.0) and 0 <= nearly.init < 1e-30
    assert averaging([0.1, 0.1], 0.1, dtype=np.float32).weights.dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "told"),
    [({"weight_decay": 1.0}, "averaging: rate [*] weight_decay must be below 1, got '1 at step 0'"),
     ({"weight_decay": -0.1}, "averaging: weight_decay must be a number >= 0, or a schedule, got -0.1"),
     ({"weight_decay": "x"}, "averaging: weight_decay must be"), ({"weight_decay": math.nan}, "weight_decay must be"),
     ({"weight_decay": lrs.linear().over(5, end=-1.0)}, r"averaging: weight_decay\[3\] must be a finite rate >= 0"),
     ({"dtype": int}, "averaging: dtype must be a floating type")],
)  # fmt: skip
def test_bad_arguments_are_named(arguments, told):
    with pytest.raises(lrs.ScheduleError, match=told):
        averaging(**({"rates": np.ones(5), "weight_decay": 0.1} | arguments))


def test_it_is_drawn_and_printed():
    pytest.importorskip("matplotlib").use("Agg")
    found = averaging(1e-2 * lrs.linear().over(N), 0.1)
    assert len(found.plot().lines[0].get_xdata()) == N
    assert [line.split()[:3] for line in str(found).splitlines()[1:3]] == [
        ["init", "0.00672", "share"],
        ["window", "7,041", "70.4%"],
    ]


# ---- noise


def test_the_noise_scale_of_a_rate_and_of_a_schedule():
    assert noise_scale(0.1, 50) == 0.002 and noise_scale(0.1, 50, 0.5) == 0.004
    assert noise_scale(0.1 * lrs.linear().over(10), lrs.constant(50.0), 0.5)(5) == 0.002
    for arguments in ((-0.1, 50), (0.1, 0), (0.1, 50, 1.0), (0.1, "50"), (0.1, 50, lrs.constant(0.9))):
        with pytest.raises(lrs.ScheduleError, match=r"noise_scale: (rate|batch|momentum) must be"):
            noise_scale(*arguments)


def test_the_gradient_noise_scale_is_found_again():
    signal, spread, b, B = 3.0, 240.0, 8, 64
    assert gradient_noise_scale(signal + spread / b, signal + spread / B, b, B) == pytest.approx(80.0, rel=1e-12)
    for arguments, told in (
        ((5.0, 2.0, 64, 8), "gradient_noise_scale: b must be below B, 8, got 64"),
        ((5.0, 2.0, 8, 8), "b must be below B"),
        ((2.0, 5.0, 8, 64), "gradient_noise_scale: small and large must be of means that are less noisy"),
        ((80.0, 1.0, 8, 64), "less noisy"),
        ((0.0, 1.0, 8, 64), "small must be a number > 0"),
    ):
        with pytest.raises(lrs.ScheduleError, match=told):
            gradient_noise_scale(*arguments)
