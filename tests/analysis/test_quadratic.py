"""The noisy quadratic: its published optima, and the recurrence itself by another way."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import lrsched as lrs
from lrsched.analysis import power_spectrum, quadratic_risk

STEPS, NOISE = 6000, 0.25
PEAKS = np.geomspace(0.01, 0.6, 11)
SHAPES = {
    "poly1.5": lrs.polynomial(1.5).over(STEPS),
    "linear": lrs.linear().over(STEPS),
    "cosine": lrs.cosine().over(STEPS),
    "rex": lrs.rex().over(STEPS),
    "wsd": lrs.minimum(1, 5 * lrs.linear().over(STEPS)),
    "constant": lrs.constant(1.0),
}
BEST = {
    "poly1.5": (0.006716, 8),
    "linear": (0.006781, 7),
    "cosine": (0.006742, 7),
    "rex": (0.007113, None),
    "wsd": (0.00793, None),
    "constant": (0.013063, 3),
}


def test_an_easy_task_likes_a_decay_over_the_whole_run():
    spectrum, start = power_spectrum(0.667, 1.5)
    near = {name: [k - 1, k, k + 1] if k else range(4, 8) for name, (_, k) in BEST.items()}
    rates = [PEAKS[i] * shape.sample(STEPS) for name, shape in SHAPES.items() for i in near[name]]
    values = iter(quadratic_risk(np.stack(rates), spectrum, start, noise=NOISE).value.tolist())
    for name, (best, k) in BEST.items():
        found = {i: next(values) for i in near[name]}
        assert min(found.values()) == pytest.approx(best, abs=6e-7), name
        assert k is None or min(found, key=found.get) == k, name


def exact(rates, spectrum, start, noise, batch):
    """The second moments of all weights, as a matrix that each update maps to the next."""
    size = len(spectrum)
    moments = np.array(start, float)
    for e in rates:
        step = np.diag(1 - 2 * e * spectrum + (1 + 1 / batch) * (e * spectrum) ** 2)
        step += e**2 / batch * np.outer(spectrum, spectrum)
        moments = step @ moments + e**2 / batch * spectrum * noise
        assert moments.shape == (size,)
    return float(spectrum @ moments) / 2


@pytest.mark.parametrize("batch", [1.0, 4.0])
def test_the_risk_is_that_of_the_linear_map_of_the_moments(batch):
    spectrum, start = power_spectrum(0.4, 1.3, 7)
    rates = 0.3 * lrs.cosine().over(50).sample(50)
    found = quadratic_risk(rates, spectrum, start, noise=0.3, batch=batch)
    assert found.value == pytest.approx(exact(rates, spectrum, start, 0.3, batch), rel=1e-12)
    assert found.contraction == pytest.approx(found.value / (spectrum @ start / 2), rel=1e-12)
    assert type(found.value) is type(found.contraction) is float


def test_the_risk_is_what_gradient_descent_makes_on_average():
    rng = np.random.default_rng(0)
    spectrum, start = np.array([1.0, 0.3]), np.array([2.0, 1.0])
    rates, batch, runs = 0.2 * lrs.linear().over(12).sample(12), 2, 40_000
    weights = np.tile(np.sqrt(start), (runs, 1))
    for e in rates:
        x = rng.normal(size=(runs, batch, 2)) * np.sqrt(spectrum)
        off = np.einsum("rbi,ri->rb", x, weights) + 0.5 * rng.normal(size=(runs, batch))
        weights = weights - e * np.einsum("rbi,rb->ri", x, off) / batch
    risks = (weights**2 @ spectrum) / 2
    found = quadratic_risk(rates, spectrum, start, noise=0.25, batch=batch).value
    assert found == pytest.approx(risks.mean(), abs=4 * risks.std() / runs**0.5)


def test_several_schedules_at_once_are_each_as_alone():
    spectrum, start = power_spectrum(0.5, 2.0, 30)
    rates = np.stack([c * lrs.rex().over(200).sample(200) for c in (0.1, 0.3, 5.0)])
    found = quadratic_risk(rates, spectrum, start, noise=0.1)
    alone = [quadratic_risk(row, spectrum, start, noise=0.1) for row in rates]
    np.testing.assert_allclose(found.value, [one.value for one in alone], rtol=1e-13)
    np.testing.assert_allclose(found.contraction, [one.contraction for one in alone], rtol=1e-13)
    assert found.value[2] == math.inf == alone[2].value and "inf" in str(found) and found.value.shape == (3,)


@pytest.mark.parametrize("scale", [3.0, 1e6, 1e150, 1e300])
def test_what_is_unstable_is_inf_without_a_warning(scale):
    spectrum, start = power_spectrum(0.5, 2.0, 30)
    found = quadratic_risk(np.full(300, scale), spectrum, start, noise=0.1)
    assert found.value == found.contraction == math.inf


def test_what_was_unstable_on_the_way_is_inf_though_the_rates_fall():
    spectrum, start = power_spectrum(0.667, 1.5)
    found = quadratic_risk(np.stack([2.0 * SHAPES["linear"].sample(6000)] * 2), spectrum, start, noise=NOISE)
    assert found.value.tolist() == [math.inf, math.inf]


def test_without_noise_and_with_a_large_batch_it_is_the_plain_contraction():
    found = quadratic_risk(np.full(20, 0.5), [1.0], [3.0], noise=0.0, batch=1e12)
    assert found.contraction == pytest.approx(0.5**40, rel=1e-9)


def test_the_spectrum_is_a_power():
    spectrum, start = power_spectrum(0.667, 1.5, 600)
    assert spectrum[1] == pytest.approx(2**-1.5) and spectrum[-1] == pytest.approx(600**-1.5) and len(start) == 600
    assert spectrum[9] * start[9] == pytest.approx(10 ** (-0.667 * 1.5 - 1))
    assert len(power_spectrum(0.5, 2.0)[0]) == 600


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rates": [[[0.1]]]}, "quadratic_risk: rates must be"),
        ({"rates": [-0.1]}, r"quadratic_risk: rates\[0\] must be a finite rate >= 0, got -0.1"),
        ({"rates": [[0.1, 0.1], [0.1, math.nan]]}, r"quadratic_risk: rates\[1, 1\] must be a finite rate"),
        ({"spectrum": [1.0, 0.0]}, r"quadratic_risk: spectrum\[1\] must be a vector of finite numbers > 0, got 0.0"),
        ({"spectrum": "x"}, "quadratic_risk: spectrum must be a vector of finite numbers > 0, got 'x'"),
        ({"spectrum": [[1.0, 2.0]]}, "quadratic_risk: spectrum must be a vector"),
        ({"start": [1.0, -1.0]}, r"quadratic_risk: start\[1\] must be a vector of finite numbers >= 0, got -1"),
        ({"start": [1.0]}, r"quadratic_risk: start must be of 2 numbers, one of each eigenvalue, got \(1,\)"),
        ({"start": [0.0, 0.0]}, "quadratic_risk: start must be a start with a risk above 0, got 0.0"),
        ({"noise": -1}, "quadratic_risk: noise must be a finite number >= 0, got -1"),
        ({"noise": math.inf}, "quadratic_risk: noise must be a finite number >= 0, got inf"),
        ({"batch": 0}, "quadratic_risk: batch must be a finite number > 0, got 0"),
        ({"steps": 3}, "quadratic_risk: steps must be None, or 1"),
    ],
)
def test_bad_arguments_are_named(changes, said):
    given = {"rates": [0.1], "spectrum": [1.0, 0.5], "start": [1.0, 1.0], "noise": 0.1} | changes
    with pytest.raises(lrs.ScheduleError, match=said):
        quadratic_risk(given.pop("rates"), given.pop("spectrum"), given.pop("start"), **given)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((-1, 2.0), "power_spectrum: source must be a finite number >= 0, got -1"),
        ((1, 0), "power_spectrum: capacity must be a finite number > 0, got 0"),
        ((0.5, 500.0), r"power_spectrum: capacity must be such that 600\*\*-capacity is > 0, got 500"),
        ((1, 2, 0), "power_spectrum: dimension must be an integer >= 1, got 0"),
        ((1, 2, 10**9), "power_spectrum: dimension must be an integer >= 1 and below"),
        ((1, 1e4), "power_spectrum: capacity must be such that 600..-capacity is > 0, got 10000"),
        ((1, math.nan), "power_spectrum: capacity must be a finite number > 0, got nan"),
    ],
)
def test_bad_spectra_are_named(arguments, said):
    with pytest.raises(lrs.ScheduleError, match=said):
        power_spectrum(*arguments)


def test_a_risk_is_a_record():
    spectrum, start = power_spectrum(0.5, 2.0, 3)
    found = quadratic_risk(np.array([[0.1, 0.1], [9.0, 9e40]]), spectrum, start, noise=0.1)
    assert pickle.loads(pickle.dumps(found)) == found and "plain SGD without momentum" in str(found)
    mpl = pytest.importorskip("matplotlib")
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    assert [text.get_text() for text in found.plot().texts] == ["unstable"]
    plt.close("all")
