"""The range test's suggestions, its smoothing and stop rule, and trust ratios, on NumPy alone."""

from __future__ import annotations

import dataclasses
import doctest
import math

import numpy as np
import pytest

import lrsched.discovery
from lrsched.discovery import Suggestions, diverged, smooth, suggest, trust_ratio
from lrsched.foundation.errors import ScheduleError

NAN, INF = math.nan, math.inf
NAMES = ("steepest", "valley", "slide", "minimum", "base", "max")
NONE = Suggestions(None, None, None, None, None, None)


def range_test(seed=0, n=100, noise=0.05):
    """Rates and losses of the usual shape: flat, falling, noisy, diverging."""
    rng = np.random.default_rng(seed)
    rates = np.geomspace(1e-7, 10.0, n)
    u = np.log10(rates)
    losses = 2.3 - 1.5 / (1 + np.exp(-2.0 * (u + 2.5))) + np.exp(3.0 * (u - 0.3)) + noise * rng.standard_normal(n)
    return rates, losses


def valley_by_loops(rates, losses):
    """The published rule with its loops written out."""
    lengths, stop, start = [1] * len(losses), 0, 0
    for i in range(1, len(losses)):
        for j in range(i):
            if losses[i] < losses[j] and lengths[i] < lengths[j] + 1:
                lengths[i] = lengths[j] + 1
            if lengths[stop] < lengths[i]:
                stop, start = i, i - lengths[i]
    third = (stop - start) / 3
    return rates[start + int(third) + int(third / 2)]


def slide_by_loops(rates, losses):
    gradient = np.gradient(losses)
    right, left = -1, -16
    found = rates[left]
    while left >= -len(losses) and abs(gradient[right] - gradient[left]) > 0.005:
        found = rates[left]
        right, left = right - 1, left - 1
    return found


def test_examples_run():
    result = doctest.testmod(lrsched.discovery)
    assert result.attempted > 0
    assert result.failed == 0


def test_smoothing_is_the_debiased_average():
    rng = np.random.default_rng(1)
    for beta in (0.0, 0.5, 0.9, 0.98):
        losses = rng.standard_normal(40)
        weights = [beta ** np.arange(i, -1, -1) for i in range(40)]
        expected = [w @ losses[: i + 1] / w.sum() for i, w in enumerate(weights)]
        np.testing.assert_allclose(smooth(losses, beta), expected, rtol=1e-12)
    assert smooth([3.0] * 5, 0.98) == pytest.approx(np.full(5, 3.0))
    assert np.isnan(smooth([1.0, NAN, 1.0])[1:]).all()
    assert smooth([]).shape == (0,)


def test_smoothing_leaves_its_input_alone():
    losses = np.ones(3)
    smooth(losses, 0.0)[0] = 5.0
    assert losses[0] == 1.0


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([2.0, 1.0, 3.0, 4.5], 3),
        ([2.0, 1.0, 4.0], None),
        ([1.0, NAN], 1),
        ([NAN], 0),
        ([1.0, INF], 1),
        ([], None),
        ([-1.0, -1.0, 1.0], None),
        ([-1.0, -1.0, 2.5], 2),
        ([5.0, 1.0, 4.0, 0.5, 3.0], 4),
    ],
)
def test_stop_rule(losses, expected):
    assert diverged(losses) == expected


def test_stop_rule_reads_the_best_so_far():
    for seed in range(50):
        losses = np.random.default_rng(seed).exponential(size=30)
        expected = next((i for i in range(30) if losses[i] > 3.0 * losses[: i + 1].min()), None)
        assert diverged(losses, 3.0) == expected


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("smoothing", [0.0, 0.9, 0.98])
def test_suggestions_are_the_published_rules(seed, smoothing):
    rates, losses = range_test(seed, noise=0.02)
    curve = smooth(losses, smoothing)
    run = next((i + 1 for i in range(100) if curve[i] > 4.0 * curve[: i + 1].min()), 100)
    r, y = rates[10 : run - 5], curve[10 : run - 5]
    got = suggest(rates, losses, smoothing=smoothing)
    assert got.steepest == r[np.argmin((y[1:] - y[:-1]) / (np.log(r[1:]) - np.log(r[:-1])))]
    assert got.valley == valley_by_loops(r, y)
    assert got.slide == slide_by_loops(r, y)
    assert got.minimum == r[np.argmin(y)] / 10
    done = (y[0] - y) / (y[0] - y.min())
    assert got.base == r[np.flatnonzero(done >= 0.1)[0]]
    assert got.max == r[np.flatnonzero(done >= 0.9)[0]]


def test_suggestions_lie_where_the_curve_says():
    rates, losses = range_test(noise=0.0)
    got = suggest(rates, losses, smoothing=0.0)
    assert 1e-4 < got.base < got.steepest < got.max < 1.0
    assert 10**-3.5 < got.steepest < 10**-1.5
    assert got.minimum < got.max
    assert all(1e-7 < value < 10.0 for value in dataclasses.asdict(got).values())


def test_what_is_skipped_does_not_count():
    rates, losses = range_test()
    spiked = losses.copy()
    spiked[:10] = -50.0
    plain = suggest(rates, losses, smoothing=0.0, divergence=1e9)
    assert suggest(rates, spiked, smoothing=0.0, divergence=1e9) == plain
    spiked = losses.copy()
    spiked[-5:] = -50.0
    assert suggest(rates, spiked, smoothing=0.0, divergence=1e9) == plain
    assert suggest(rates, spiked, smoothing=0.0, divergence=1e9, skip_end=0) != plain
    assert suggest(rates[10:], losses[10:], smoothing=0.0, divergence=1e9, skip_start=0) == plain


def test_nan_cuts_the_series():
    rates, losses = range_test()
    broken = losses.copy()
    broken[60:] = NAN
    assert suggest(rates, broken) == suggest(rates[:60], losses[:60], skip_start=10, skip_end=0)
    assert suggest(rates, broken) != NONE
    late = losses.copy()
    late[-1] = NAN
    assert suggest(rates, late, divergence=1e9) == suggest(rates, losses, divergence=1e9)
    infinite = losses.copy()
    infinite[60] = INF
    assert suggest(rates, infinite) == suggest(rates[:61], losses[:61], skip_start=10, skip_end=5)


@pytest.mark.parametrize(
    "losses",
    [[NAN] * 40, [INF] * 40, [-INF] * 40, [1.0] * 40, list(range(40)), [0.0] * 40, [1e308] * 40, [-1e308, 1e308] * 20],
    ids=["nan", "inf", "-inf", "flat", "rising", "zero", "huge", "wild"],
)
@pytest.mark.parametrize("smoothing", [0.0, 0.98])
@pytest.mark.parametrize("skip_end", [0, 5, 100])
def test_what_cannot_be_suggested_is_none(losses, smoothing, skip_end):
    with np.errstate(all="raise"):
        got = suggest(np.geomspace(1e-5, 1.0, 40), losses, smoothing=smoothing, skip_end=skip_end)
    assert all(value is None or (type(value) is float and value > 0) for value in dataclasses.asdict(got).values())
    if not np.isfinite(losses).all() or skip_end == 100:
        assert got == NONE


def test_flat_and_rising_losses_support_no_descent():
    for losses in ([1.0] * 40, np.linspace(1.0, 1.5, 40)):
        rates = np.geomspace(1e-5, 1.0, 40)
        got = suggest(rates, losses, smoothing=0.0)
        assert got.slide == slide_by_loops(rates[4:-5], np.asarray(losses)[4:-5])
        assert (got.steepest, got.valley, got.base, got.max) == (None, None, None, None)


@pytest.mark.parametrize("n", range(2, 25))
def test_short_series_give_what_they_can(n):
    got = suggest(np.geomspace(1e-5, 1.0, n), np.linspace(2.0, 1.0, n), smoothing=0.0, skip_start=0, skip_end=0)
    assert got.steepest is not None
    assert got.valley is not None
    assert (got.slide is None) == (n < 16)
    assert suggest(np.geomspace(1e-5, 1.0, n), np.linspace(2.0, 1.0, n)) is not None


def test_suggestions_are_frozen_and_named():
    assert tuple(dataclasses.asdict(suggest([1e-3, 1e-2], [2.0, 1.0]))) == NAMES
    with pytest.raises(AttributeError):
        NONE.valley = 1.0


@pytest.mark.parametrize(
    ("rates", "losses", "options", "message"),
    [
        ([1e-3], [1.0], {}, r"suggest: rates must be at least 2 points, got 1"),
        ([], [], {}, r"suggest: rates must be at least 2 points, got 0"),
        ([1e-3, 1e-2], [1.0], {}, r"suggest: losses must be as many as rates \(2\), got 1"),
        ([1e-2, 1e-3], [1.0, 1.0], {}, r"suggest: rates\[1\] must be above rates\[0\] \(0.01\), got 0.001"),
        ([1e-3, 1e-3], [1.0, 1.0], {}, r"suggest: rates\[1\] must be above"),
        ([-1e-3, 1e-3], [1.0, 1.0], {}, r"suggest: rates\[0\] must be a finite number > 0, got -0.001"),
        ([0.0, 1e-3], [1.0, 1.0], {}, r"suggest: rates\[0\] must be"),
        ([1e-3, NAN], [1.0, 1.0], {}, r"suggest: rates\[1\] must be a finite number > 0, got nan"),
        ([1e-3, INF], [1.0, 1.0], {}, r"suggest: rates\[1\] must be a finite number > 0, got inf"),
        (["a", "b"], [1.0, 1.0], {}, r"suggest: rates must be a vector of real numbers"),
        (None, [1.0, 1.0], {}, r"suggest: rates must be a vector of real numbers"),
        ([1e-3, 1e-2], [1.0, None], {}, r"suggest: losses must be a vector of real numbers"),
        ([1e-3, 1e-2], [1.0, 1j], {}, r"suggest: losses must be a vector of real numbers"),
        ([1e-3, 1e-2], [True, False], {}, r"suggest: losses must be a vector of real numbers"),
        ([1e-3, 1e-2], [[1.0], [1.0, 2.0]], {}, r"suggest: losses must be a vector of real numbers"),
        ([1e-3, 1e-2], [[1.0, 2.0]], {}, r"suggest: losses must be of shape \(n,\), got \(1, 2\)"),
        ([1e-3, 1e-2], [1.0, 1.0], {"smoothing": 1.0}, r"suggest: smoothing must be a number in \[0, 1\), got 1.0"),
        ([1e-3, 1e-2], [1.0, 1.0], {"divergence": 1.0}, r"suggest: divergence must be a number > 1, got 1.0"),
        ([1e-3, 1e-2], [1.0, 1.0], {"skip_start": -1}, r"suggest: skip_start must be an integer >= 0, got -1"),
        ([1e-3, 1e-2], [1.0, 1.0], {"skip_end": 0.5}, r"suggest: skip_end must be an integer >= 0, got 0.5"),
    ],
)
def test_bad_arguments_are_named(rates, losses, options, message):
    with pytest.raises(ScheduleError, match=message):
        suggest(rates, losses, **options)


def test_bad_arguments_of_the_parts_are_named():
    with pytest.raises(ScheduleError, match=r"smooth: beta must be a number in \[0, 1\), got -0.1"):
        smooth([1.0], -0.1)
    with pytest.raises(ScheduleError, match="diverged: divergence must be a number > 1, got 0"):
        diverged([1.0], 0)


def test_trust_ratio_is_the_papers():
    assert trust_ratio(3.0, 4.0) == pytest.approx(0.001 * 3 / 4)
    assert trust_ratio(3.0, 4.0, 0.5, 0.01, 0.25) == pytest.approx(0.01 * 3 / (4 + 1.5 + 0.25))
    assert type(trust_ratio(3, 4)) is float
    assert trust_ratio(0.0, 4.0) == trust_ratio(3.0, 0.0) == trust_ratio(0.0, 0.0, 0.0, 0.0) == 1.0
    assert math.isnan(trust_ratio(NAN, 1.0))


def test_trust_ratio_of_many_layers():
    weights, gradients = np.array([3.0, 0.0, 2.0], np.float32), np.array([4.0, 1.0, 0.0], np.float32)
    ratios = trust_ratio(weights, gradients, weight_decay=0.1)
    assert ratios.dtype == np.float32
    np.testing.assert_allclose(ratios, [0.001 * 3 / 4.3, 1.0, 1.0], rtol=1e-6)
    assert trust_ratio(weights[:, None], gradients).shape == (3, 3)
    np.testing.assert_allclose(trust_ratio([1.0, 2.0], 2.0), [0.0005, 0.001])


@pytest.mark.parametrize("name", ["weight_norm", "gradient_norm", "weight_decay", "coefficient", "eps"])
@pytest.mark.parametrize("value", [-1.0, None, "1", True, 1j, np.array([1.0, -1.0])])
def test_bad_norms_are_named(name, value):
    arguments = {"weight_norm": 1.0, "gradient_norm": 1.0} | {name: value}
    with pytest.raises(ScheduleError, match=rf"trust_ratio: {name} must be a real number >= 0"):
        trust_ratio(**arguments)
