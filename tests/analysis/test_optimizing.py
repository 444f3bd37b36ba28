"""Schedules that are searched for: published optima, with and without gradients, and what is refused."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import lrsched as lrs
from lrsched.analysis import SignalNoiseLaw, convex_bound, optimize, optimize_shape, optimizing, published
from lrsched.analysis.searching import nelder_mead

LAW = published["mpl-100m"]
STEPS, WARM = 24_000, 2160
SIGNAL = SignalNoiseLaw(2.5, 0.6, 0.45, 40.0, (3e-4, 3e-3))
NARROW = SignalNoiseLaw(2.5, 0.6, 0.45, 40.0, (3e-4, 1e-3))


def bent(p):
    return 3e-4 * (lrs.warmup(WARM) >> lrs.linear().bent(p[0]).over(STEPS - WARM))


@pytest.fixture(params=["gradients", "simplex"])
def way(request, monkeypatch):
    """Both ways down."""
    if request.param == "simplex":
        monkeypatch.setattr(optimizing, "has_gradients", lambda: False)
    else:
        pytest.importorskip("jax")
        pytest.importorskip("optax")
    return request.param


def test_the_best_bend_is_found(way):
    found = optimize(bent, [0.5], LAW, STEPS, bounds=[(0.0, 0.99)])
    assert found.value == pytest.approx(2.935326, abs=2e-5) and found.held == pytest.approx(found.value, abs=2e-3)
    assert found.value == LAW.predict(found.schedule, STEPS) < found.before == LAW.predict(bent([0.5]), STEPS)
    assert lrs.parse(repr(found.schedule)) == found.schedule and found.start == bent([0.5])
    assert 5 < found.evaluations < 300


def test_ten_crowded_knots_come_near_the_published_optimum():
    pytest.importorskip("jax")
    pytest.importorskip("optax")
    found = optimize_shape(LAW, STEPS, 3e-4, warmup=WARM)
    assert found.value == pytest.approx(2.92489, abs=1e-5) and found.value > 2.924519
    assert lrs.parse(repr(found.schedule)) == found.schedule and found.schedule(STEPS - 1) < 0.01 * 3e-4
    rates = found.schedule.sample(STEPS)
    assert (np.diff(rates[WARM:]) <= 1e-18).all() and rates.max() == pytest.approx(3e-4)
    held = np.flatnonzero(rates >= 0.999 * 3e-4)[-1] / STEPS
    assert 0.8 < held < 0.9


def test_a_few_knots_do_without_gradients(monkeypatch):
    monkeypatch.setattr(optimizing, "has_gradients", lambda: False)
    found = optimize_shape(LAW, STEPS, 3e-4, warmup=WARM, knots=2)
    assert 2.924519 < found.value < 2.94
    with pytest.raises(lrs.ScheduleError, match="optimize_shape: 10 parameters take gradients: install jax and optax"):
        optimize_shape(LAW, STEPS, 3e-4, warmup=WARM)


def test_the_bound_likes_little_more_than_linear_decay(way):
    found = optimize_shape("bound", 100, 1.0, knots=3)
    linear = convex_bound(lrs.linear().over(100)).shape
    assert 0.995 * linear < found.value < 1.003 * linear
    assert found.value == pytest.approx(convex_bound(found.schedule).shape, rel=1e-12)


@pytest.mark.parametrize(("steps", "gain"), [(100, 0.0047), (1000, 0.0005)])
def test_by_how_little_the_best_shape_for_the_bound_beats_linear_decay(steps, gain):
    pytest.importorskip("jax")
    pytest.importorskip("optax")
    linear = convex_bound(lrs.linear().over(steps)).shape
    assert linear / optimize_shape("bound", steps, 1.0).value - 1 == pytest.approx(gain, rel=0.06)


def test_a_law_with_a_range_of_peaks_finds_its_best_peak(way):
    shape = lrs.minimum(1, 5 * lrs.linear().over(2000))
    found = optimize(lambda p: p[0] * shape, [1e-3], SIGNAL, 2000, resolution=4000)
    assert found.schedule.sample(1)[0] == pytest.approx(SIGNAL.best_peak(shape), rel=1e-4)


@pytest.mark.parametrize(
    ("family", "start", "objective", "said"),
    [
        (lambda p: p[0] * lrs.linear().over(2000), [1e-4], SIGNAL, "the start has a peak of 0.0001, beyond those that signal-noise"),
        (lambda p: p[0] * lrs.linear().over(2000), [3e-4], NARROW, "the search leads to a peak of 0.00.*, beyond .* 0.0003 to 0.001"),
        (lambda p: p[0] * lrs.linear().over(2000), [3e-4], LAW, "optimize: the search leads to a peak of .*, beyond .* mpl-100m"),
    ],
)  # fmt: skip
def test_a_law_is_not_used_beyond_its_peaks(family, start, objective, said, way):
    with pytest.raises(lrs.ScheduleError, match=said):
        optimize(family, start, objective, family([1.0]).duration)


def test_a_shape_at_a_peak_the_law_does_not_know_is_refused():
    with pytest.raises(lrs.ScheduleError, match=r"optimize_shape: the start has a peak of 0.001, beyond those that"):
        optimize_shape(LAW, STEPS, 1e-3, warmup=WARM, knots=4)


@pytest.mark.parametrize("objective", [lambda rates: -(rates.sum() ** 3), lambda rates: -1 / (rates[0] - 1)])
def test_an_objective_without_a_bottom_is_an_error_or_a_number(objective, way):
    try:
        found = optimize(lambda p: lrs.constant(1) * p[0], [0.5], objective, 5)
    except lrs.ScheduleError as error:
        assert str(error).startswith("optimize: ")
    else:
        assert math.isfinite(found.value)


def test_any_function_of_rates_is_an_objective(way):
    def energy(rates):
        return ((rates - 0.5) ** 2).sum()

    found = optimize(lambda p: lrs.constant(1) * (p[0] + p[1] ** 2), [0.1, 0.4], energy, 50)
    assert found.value == pytest.approx(0.0, abs=1e-8) and found.schedule(0) == pytest.approx(0.5, abs=1e-4)


def test_what_jax_cannot_trace_is_searched_without_gradients():
    def energy(rates):
        return float(np.square(np.asarray(rates, float) - 0.5).sum())

    family = lambda p: lrs.hold(max(1, int(40 * p[0])), 1.0) >> lrs.constant(p[1])  # noqa: E731
    found = optimize(family, [0.5, 0.9], energy, 50, bounds=[(0, 1), (0, 1)])
    assert found.value < 0.6
    with pytest.raises(lrs.ScheduleError, match="7 parameters take gradients"):
        optimize(lambda p: lrs.constant(float(p[0])), [0.5] * 7, energy, 50)


def test_the_search_looks_at_a_schedule_that_is_held():
    seen = []

    def objective(rates):
        seen.append(np.array(rates))
        return float((np.asarray(rates) ** 2).sum())

    family = lambda p: float(p[0]) * lrs.linear().over(1000)  # noqa: E731
    optimize(family, [0.5], objective, 1000, resolution=100, bounds=[(0.1, 1.0)])
    assert all(len(rates) == 1000 for rates in seen) and len(np.unique(seen[0])) == 1000
    held = seen[1].reshape(100, 10)
    assert (held == held[:, :1]).all() and held[0, 0] == pytest.approx(seen[0][5], rel=2e-2)


def test_six_parameters_do_without_gradients(monkeypatch):
    monkeypatch.setattr(optimizing, "has_gradients", lambda: False)
    goal = np.linspace(1.0, 0.5, 6)
    family = lambda p: lrs.table(tuple(map(float, p)))  # noqa: E731
    found = optimize(family, [0.8] * 6, lambda rates: float(((rates - goal) ** 2).sum()), 6, bounds=[(0, 2)] * 6)
    np.testing.assert_allclose(found.schedule.sample(6), goal, atol=1e-3)


def test_what_only_the_held_schedule_likes_is_not_returned():
    def spiky(rates):
        steps = np.abs(np.diff(np.asarray(rates)))
        return float(-np.max(steps)) if (steps == 0).sum() > 800 else float(np.max(steps))

    found = optimize(
        lambda p: float(p[0]) * lrs.linear().over(1000), [0.5], spiky, 1000, resolution=100, bounds=[(0.1, 1)]
    )
    assert found.schedule == found.start and found.value == found.before


@pytest.mark.parametrize("size", [1, 2, 6])
def test_the_simplex_finds_the_bottom_of_a_bowl(size):
    middle = np.arange(1.0, size + 1)
    found = nelder_mead(lambda x: 1.0 + ((x - middle) ** 2 * middle).sum(), np.zeros(size))
    np.testing.assert_allclose(found.place, middle, atol=1e-3)
    assert found.value == pytest.approx(1.0, abs=1e-6)
    walled = nelder_mead(lambda x: math.nan if x[0] < 0.5 else float(x @ x), np.full(size, 2.0))
    assert 0.5 <= walled.place[0] < 0.51


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"family": 3}, "optimize: family must be a function from parameters to a schedule, got 3"),
        ({"family": lambda p: p[0]}, "optimize: family must be a function that returns a schedule, got 0.5"),
        ({"start": []}, r"optimize: start must be a sequence of numbers, got \[\]"),
        ({"start": "1"}, "optimize: start must be a sequence of numbers, got '1'"),
        ({"start": [math.nan]}, r"optimize: start\[0\] must be a finite number, got nan"),
        ({"bounds": [(0, 1), (0, 1)]}, "optimize: bounds must be .least, largest. of each of 1 parameters"),
        ({"bounds": [(1, 0)]}, "optimize: bounds must be pairs of which the first is less than the second"),
        ({"bounds": [(0.6, 1)]}, "optimize: start must be within the bounds"),
        ({"bounds": 3}, "optimize: bounds must be"),
        ({"objective": "bond"}, 'optimize: objective must be a law, "bound", or a function of rates'),
        ({"objective": lambda rates: math.nan}, "optimize: the objective of .* must be a finite number, got nan"),
        ({"objective": lambda rates: "x"}, "optimize: the objective of 0.0003 .* must be a finite number, got 'x'"),
        ({"steps": 0}, "optimize: steps must be an integer >= 1, got 0"),
        ({"resolution": 1}, "optimize: resolution must be an integer >= 2, got 1"),
    ],
)
def test_bad_arguments_are_named(changes, said):
    given = {"family": bent, "start": [0.5], "objective": LAW, "steps": STEPS} | changes
    with pytest.raises(lrs.ScheduleError, match=said):
        optimize(given.pop("family"), given.pop("start"), given.pop("objective"), given.pop("steps"), **given)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"peak": 0}, "optimize_shape: peak must be a finite number > 0, got 0"),
        ({"peak": math.inf}, "optimize_shape: peak must be a finite number > 0, got inf"),
        ({"warmup": 100}, "optimize_shape: warmup must be below 100, the updates of the run, got 100"),
        ({"knots": 0}, "optimize_shape: knots must be an integer >= 1, got 0"),
        ({"steps": 0}, "optimize_shape: steps must be an integer >= 1, got 0"),
        ({"objective": None}, "optimize_shape: objective must be a law"),
    ],
)
def test_bad_shapes_are_named(changes, said):
    given = {"objective": "bound", "steps": 100, "peak": 1.0} | changes
    with pytest.raises(lrs.ScheduleError, match=said):
        optimize_shape(given.pop("objective"), given.pop("steps"), given.pop("peak"), **given)


def test_what_was_found_is_a_record(monkeypatch):
    monkeypatch.setattr(optimizing, "has_gradients", lambda: False)
    found = optimize(bent, [0.5], LAW, STEPS, bounds=[(0.0, 0.99)])
    assert pickle.loads(pickle.dumps(found)) == found
    text = str(found)
    assert "found 0.0003 * (warmup(2160) >> linear().bent(0.95" in text and "0.05 % in 1,000" in " ".join(text.split())
    mpl = pytest.importorskip("matplotlib")
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    assert [line.get_label() for line in found.plot().get_lines()] == ["start, 2.9671", "found, 2.9353"]
    plt.close("all")
