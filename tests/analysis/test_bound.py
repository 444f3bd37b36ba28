"""The convex bound: golden numbers, invariances, and what is numerically treacherous."""

from __future__ import annotations

import math
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrsched as lrs
from lrsched.analysis import convex_bound, convex_bound_curve, worst_case

T = 400
WSD = lrs.phases((0.8, lrs.flat()), (0.2, lrs.linear())).over(T)
SHAPES = {
    "linear": (lrs.linear().over(T), 0.0495631307, 0.1006298654, 0.04978013, 0.10018234),
    "1-sqrt": (lrs.one_minus_power().over(T), 0.0737970562, 0.1012425969, 0.07403876, 0.10090527),
    "rex": (lrs.rex().over(T), 0.0399790832, 0.1016866503, 0.04024920, 0.10099037),
    "poly2": (lrs.polynomial(2.0).over(T), 0.0702239713, 0.1064017981, 0.07024158, 0.10637423),
    "wsd": (WSD, 0.0253736614, 0.1093230125, 0.02563267, 0.10819239),
    "step": (lrs.multi_step([200, 300]), 0.0378742168, 0.1251335840, 0.03789479, 0.12505575),
    "1/sqrt": ((np.arange(T) + 1) ** -0.5, 0.2120855816, 0.1222642733, 0.21310778, 0.12144905),
}
FIELDS = ("value", "best", "multiple", "peak", "total", "noise", "shape", "base", "last_step")


@pytest.mark.parametrize("name", SHAPES)
def test_golden_numbers(name):
    rates, multiple, best, free_multiple, free_best = SHAPES[name]
    own, free = convex_bound(rates, T, last="own"), convex_bound(rates, T)
    assert (own.multiple, own.best) == pytest.approx((multiple, best), abs=6e-11)
    assert (free.multiple, free.best) == pytest.approx((free_multiple, free_best), abs=6e-9)
    assert own.peak == own.multiple * max(np.asarray(rates.sample(T) if isinstance(rates, lrs.Schedule) else rates))


@pytest.mark.parametrize("steps", [1, 2, 3, 400, 10_000])
def test_closed_forms(steps):
    harmonic = math.fsum(1 / k for k in range(1, steps))
    assert convex_bound(np.ones(steps), last="own").best == pytest.approx(math.sqrt((1 + harmonic) / steps), rel=1e-13)


def test_more_numbers_that_are_known():
    assert convex_bound(lrs.linear().over(400)).best * 20 == pytest.approx(2.00364674, abs=6e-9)
    long = convex_bound(lrs.linear().over(100_000))
    assert long.best * math.sqrt(1e5) == pytest.approx(2.00006986, abs=6e-9) and long.shape == pytest.approx(
        2.0, rel=1e-4
    )
    one = convex_bound([1.0], last="own")
    assert (one.total, one.noise, one.best, one.value) == (1.0, 1.0, 1.0, 1.0)
    assert convex_bound([3.0], last="own").noise == 3.0
    assert convex_bound([1.0]).best == pytest.approx(math.sqrt(2 * (math.sqrt(2) - 1)), rel=1e-12)
    assert convex_bound([1.0, 0.5]).best == pytest.approx(0.84804, abs=6e-6)
    rises = np.r_[np.full(99, 0.1), 10.0]
    assert convex_bound(rises).best == pytest.approx(0.7878, abs=6e-5)
    assert convex_bound(rises, last="own").best == pytest.approx(0.7113, abs=6e-5)
    norms = (1 + np.arange(T) / 50) ** -0.5
    falling = [convex_bound(r, norms=norms, last="own") for r in (lrs.linear().over(T), np.ones(T))]
    assert (falling[0].multiple, falling[0].best) == pytest.approx((0.0946999947, 0.0526666468), abs=6e-11)
    assert (falling[1].multiple, falling[1].best) == pytest.approx((0.0479325917, 0.0521565788), abs=6e-11)


def published(rates, norms=1.0):
    """The bound in its published form of three terms, at D = 1, summed in the plain way."""
    rates, size = np.asarray(rates, float), len(rates)
    squares = (rates * norms) ** 2
    after = [rates[k:].sum() for k in range(size + 1)]
    found = 1 / (2 * after[0]) + squares.sum() / (2 * after[0])
    for k in range(size - 1):
        found += 0.5 * rates[k] / after[k + 1] * squares[k:].sum() / after[k]
    return found


rates_of_runs = st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=30)


@given(rates_of_runs)
@settings(max_examples=30, deadline=None)
def test_the_value_is_the_published_bound(rates):
    assert convex_bound(rates, last="own").value == pytest.approx(published(rates), rel=1e-12)
    norms = np.linspace(2.0, 0.5, len(rates))
    assert convex_bound(rates, norms=norms, last="own").value == pytest.approx(published(rates, norms), rel=1e-12)


@given(rates_of_runs, st.floats(0.1, 10.0), st.floats(0.1, 10.0))
@settings(max_examples=30, deadline=None)
def test_the_free_step_is_the_best_of_all(rates, distance, norm):
    """Against all steps of a fine grid; a step after the last is a run with one more rate."""
    free = convex_bound(rates, distance=distance, norms=norm)
    longer = [
        convex_bound([*rates, v], distance=distance, norms=norm, last="own") for v in np.geomspace(1e-5, 1e4, 400)
    ]
    best, value = min(b.best for b in longer), min(b.value for b in longer)
    assert best * (1 - 1e-2) <= free.best <= best * (1 + 1e-12)
    assert value * (1 - 1e-2) <= free.value <= value * (1 + 1e-12)
    here = convex_bound([*rates, free.last_step], distance=distance, norms=norm, last="own")
    assert (here.best, here.multiple, here.noise) == pytest.approx((free.best, free.multiple, free.noise), rel=1e-9)


@given(rates_of_runs, st.sampled_from([1e-200, 1e-9, 0.3, 7.0, 1e200]), st.sampled_from(["own", "free"]))
@settings(max_examples=30, deadline=None)
def test_scaling_the_rates_scales_the_multiple_alone(rates, factor, last):
    one, other = convex_bound(rates, last=last), convex_bound(np.array(rates) * factor, last=last)
    assert other.multiple * factor == pytest.approx(one.multiple, rel=1e-9)
    for name in ("best", "peak", "shape", "base"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-9), name
    for name in ("total", "noise", "last_step"):
        assert getattr(other, name) == pytest.approx(getattr(one, name) * factor, rel=1e-6), name
    assert other.value >= other.best * (1 - 1e-12)
    best = convex_bound(np.array(rates) * one.multiple, last=last)
    assert best.value == pytest.approx(one.best, rel=1e-9) and best.multiple == pytest.approx(1.0, rel=1e-9)


@given(rates_of_runs, st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
@settings(max_examples=40, deadline=None)
def test_units_of_distance_and_norms(rates, distance, norm):
    one, other = convex_bound(rates), convex_bound(rates, distance=distance, norms=norm)
    assert other.best == pytest.approx(one.best * distance * norm, rel=1e-9)
    assert other.peak == pytest.approx(one.peak * distance / norm, rel=1e-9)
    assert (other.shape, other.base) == pytest.approx((one.shape, one.base), rel=1e-9)
    assert convex_bound(rates, norms=np.full(len(rates), norm)).best == pytest.approx(one.best * norm, rel=1e-9)


@given(rates_of_runs, st.sampled_from(["own", "free"]))
@settings(max_examples=40, deadline=None)
def test_zeros_at_the_end_change_nothing_and_free_is_no_worse_than_own_where_rates_fall(rates, last):
    plain, trailing = convex_bound(rates, last=last), convex_bound([*rates, *[0.0] * 10], last=last)
    for name in ("value", "best", "multiple", "peak", "total", "noise", "last_step"):
        assert getattr(trailing, name) == pytest.approx(getattr(plain, name), rel=1e-9), name
    falls = sorted(rates, reverse=True)
    assert convex_bound(falls).best <= convex_bound(falls, last="own").best * (1 + 1e-12)


@pytest.mark.parametrize("end", [1e-12, 1e-30, 1e-300, 5e-324, 0.0])
def test_a_tiny_last_rate_explodes_as_published_and_not_where_the_last_step_is_free(end):
    rates = np.r_[np.ones(999), end]
    assert convex_bound(rates).best == pytest.approx(convex_bound(np.ones(999)).best, rel=1e-3)
    if end == 1e-12:
        assert convex_bound(rates, last="own").best == pytest.approx(31638.6, rel=1e-5)
        assert convex_bound(rates).best == pytest.approx(0.09146114648675126, rel=1e-9)


@pytest.mark.parametrize("last", ["own", "free"])
def test_rates_that_are_hard_to_add_up(last):
    for steps in (400, 20_000):
        steep = convex_bound(10.0 ** (-300 * np.arange(steps) / steps), last=last)
        assert all(map(math.isfinite, (getattr(steep, name) for name in FIELDS)))
    gaps = np.r_[0.0, 0.0, np.linspace(0, 1, 50), np.zeros(5), np.linspace(1, 0, 50)]
    kept = gaps[gaps > 0]
    assert convex_bound(gaps, last=last).best == pytest.approx(convex_bound(kept, last=last).best, rel=1e-12)
    late = np.r_[1.0, np.full(999, 1e-12)]  # what is left after the first update is lost in differences from 1
    assert convex_bound(late, last="own").noise == pytest.approx(
        1 / math.fsum([1e-12] * 999) + 1e-12 * (1 + math.fsum(1 / k for k in range(1, 999))), rel=1e-12
    )


def test_tails_are_added_up_from_the_end():
    rates = np.r_[1.0, np.full(5, 1e-20)]
    assert worst_case.tails(np, rates).tolist() == pytest.approx([5e-20, 4e-20, 3e-20, 2e-20, 1e-20, 0.0], rel=1e-15)


def test_few_vectors_are_made():
    rates = lrs.linear().over(200_000).sample(200_000)
    for judge in (convex_bound, lambda r: convex_bound(r, last="own")):
        tracemalloc.start()
        judge(rates)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 6 * rates.nbytes


@pytest.mark.parametrize(
    ("arguments", "told"),
    [({"last": "published"}, "convex_bound: last must be one of 'free', 'own', got 'published'"),
     ({"distance": 0.0}, "convex_bound: distance must be a number > 0, got 0.0"),
     ({"distance": math.inf}, "convex_bound: distance must be a number > 0"),
     ({"distance": "far"}, "convex_bound: distance must be a number > 0"),
     ({"norms": -1.0}, "convex_bound: norms must be a number >= 0, or 2 of them, not all 0, got -1.0"),
     ({"norms": [1.0, math.nan]}, "convex_bound: norms must be a number >= 0, or 2"),
     ({"norms": [1.0] * 3}, r"convex_bound: norms must be a number >= 0, or 2 of them, got 'an array of shape \(3,\)'"),
     ({"norms": "large"}, "convex_bound: norms must be a number"), ({"norms": [0.0, 0.0]}, "not all 0"),
     ({"norms": [1.0, 0.0]}, "convex_bound: norms must be > 0 at the end"),
     ({"norms": [0.0, 1.0], "rates": [1.0, 0.0]}, "convex_bound: norms must be > 0 where a rate is"),
     ({"distance": 1e300, "norms": 1e300}, "of sizes for which a float holds the value, got inf")],
)  # fmt: skip
def test_bad_arguments_are_named(arguments, told):
    with pytest.raises(lrs.ScheduleError, match=told):
        convex_bound(**({"rates": [1.0, 0.5]} | arguments))


def test_the_record_prints_with_its_assumptions_and_is_drawn():
    pytest.importorskip("matplotlib").use("Agg")
    found = convex_bound(3e-4 * lrs.linear().over(T))
    assert str(found).splitlines()[7].split()[:2] == ["shape", "2.004"] and "no loss" in str(found)
    assert pickle.loads(pickle.dumps(found)) == found == convex_bound(3e-4 * lrs.linear().over(T))
    line = found.plot().lines[0]
    assert min(line.get_ydata()) == pytest.approx(found.best, rel=1e-3)
    curve = convex_bound_curve(lrs.warmup(5) >> lrs.linear().over(95))
    assert len(str(curve).partition("\n\n")[0].splitlines()) == 10 and curve.plot().lines


# ---- along the run


def test_the_curve_is_the_bound_of_shorter_runs():
    best = convex_bound(WSD, last="own").multiple
    found = convex_bound_curve(best * WSD, at=[40, 100, 200, 300, 321])
    assert found.values == pytest.approx([0.55928764, 0.27542607, 0.18572435, 0.15803654, 0.15459916], abs=6e-9)
    norms = np.linspace(2, 1, T)
    found = convex_bound_curve(WSD, at=[1, 7, T], distance=3.0, norms=norms)
    each = [convex_bound(WSD.sample(t), distance=3.0, norms=norms[:t], last="own").value for t in (1, 7, T)]
    assert found.values == pytest.approx(each, rel=1e-12)


def test_points_of_the_curve():
    s = lrs.warmup(33) >> lrs.linear().over(967)
    assert convex_bound_curve(s).steps.tolist() == sorted({*range(5, 1001, 5), 33})
    assert convex_bound_curve(lrs.linear().over(20).restarted(), 2**16).steps.size == 200  # too many boundaries
    assert convex_bound_curve(np.ones(3)).steps.tolist() == [1, 2, 3]
    assert convex_bound_curve(s, at="all").steps.tolist() == list(range(1, 1001))
    assert convex_bound_curve(s, at=np.array([3, 5])).steps.tolist() == [3, 5]
    silent = convex_bound_curve(s, at=[1, 2])
    assert silent.values[0] == math.inf and math.isfinite(silent.values[1])
    assert convex_bound_curve([0.0, 0.0, 1.0, 0.0]).values.tolist() == [math.inf, math.inf, 1.0, 1.0]


@pytest.mark.parametrize(
    ("at", "told"),
    [([], "at must be increasing"), ([0], r"at\[0\] must be an integer >= 1"), ([11], "below 11"), ([3, 2], "at must be increasing"),
     ([3, 3], "at must be increasing"), ([2.5], r"at\[0\] must be"), ("each", "at must be one of 'all'"), (3, "at must be incr")],
)  # fmt: skip
def test_points_that_are_none(at, told):
    with pytest.raises(lrs.ScheduleError, match=f"convex_bound_curve: {told}" if told != "below 11" else told):
        convex_bound_curve(np.ones(10), at=at)


def test_all_points_of_a_long_run_are_refused_with_their_cost():
    with pytest.raises(lrs.ScheduleError, match="all of 30,000 would take 15,000 passes"):
        convex_bound_curve(lrs.linear().over(30_000), at="all")
