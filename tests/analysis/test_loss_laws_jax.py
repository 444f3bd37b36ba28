"""Laws and the quadratic on JAX values: the same numbers, gradients that are right, and nothing that waits for the host."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import lrsched as lrs
from lrsched.analysis import AnnealingLaw, MultiPowerLaw, SignalNoiseLaw, fit, power_spectrum, published, quadratic_risk
from lrsched.analysis.searching import double_precision

jax = pytest.importorskip("jax")
jnp = jax.numpy

LAWS = [
    SignalNoiseLaw(2.5, 0.6, 0.45, 40.0, (3e-4, 3e-3)),
    MultiPowerLaw(2.6, 0.6, 0.45, 430.0, 2.1, 0.6, 0.65, (3e-4, 3e-3)),
    AnnealingLaw(2.8, 0.6, 0.45, 0.5, 0.99, 3, peaks=(3e-4, 3e-3)),
]
EACH = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
RANDOM = np.random.default_rng(0).uniform(1e-4, 1e-3, 40)
HOSTILE = {
    "zeros in front and behind": np.r_[np.zeros(3), RANDOM, np.zeros(4)],
    "zeros in the middle": np.r_[RANDOM[:10], np.zeros(5), RANDOM[10:]],
    "a last rate that is nothing": np.r_[RANDOM, 1e-14],
    "one rate": RANDOM[:1],
}


@pytest.fixture(autouse=True)
def precise():
    with double_precision():
        yield


def differences(function, e):
    """Central differences at the rates that are not 0."""
    found = np.full(len(e), np.nan)
    for i in np.flatnonzero(e > 1e-9):
        h = 1e-5 * e[i]
        up, down = e.copy(), e.copy()
        up[i], down[i] = e[i] + h, e[i] - h
        found[i] = (function(up) - function(down)) / (2 * h)
    return found


@EACH
@pytest.mark.parametrize("shape", ["random", *HOSTILE])
def test_values_are_the_same_and_gradients_are_finite_and_right(law, shape):
    e = HOSTILE.get(shape, RANDOM)
    value, slope = jax.jit(jax.value_and_grad(law.predict))(jnp.asarray(e))
    assert float(value) == pytest.approx(law.predict(e), rel=1e-12)
    expected = differences(law.predict, e)
    known = np.isfinite(expected)
    np.testing.assert_allclose(
        np.asarray(slope)[known], expected[known], rtol=2e-5, atol=2e-5 * np.abs(expected[known]).max()
    )
    assert np.isfinite(slope).all()


@EACH
def test_predictions_at_steps_are_the_same(law):
    e = HOSTILE["zeros in front and behind"]
    at = [1, 3, 4, 20, 43, 47]
    found = jax.jit(lambda rates: law.predict(rates, at=at))(jnp.asarray(e))
    np.testing.assert_allclose(found, law.predict(e, at=at), rtol=1e-12)
    assert math.isinf(found[1])
    slopes = jax.jacobian(lambda rates: law.predict(rates, at=at[2:]))(jnp.asarray(e))
    assert np.isfinite(slopes).all()


@EACH
def test_a_law_is_differentiated_in_its_parameters_and_passed_to_programs(law):
    name = law.POSITIVE[0]
    changed = lambda x: dataclasses.replace(law, **{name: x}).predict(RANDOM)  # noqa: E731
    h = 1e-6
    slope = (changed(getattr(law, name) + h) - changed(getattr(law, name) - h)) / (2 * h)
    assert float(jax.grad(changed)(getattr(law, name))) == pytest.approx(slope, rel=1e-6)
    assert float(jax.jit(lambda law, e: law.predict(e))(law, jnp.asarray(RANDOM))) == pytest.approx(law.predict(RANDOM))
    slopes = jax.grad(lambda law: law.predict(RANDOM))(law)
    assert type(slopes) is type(law) and float(getattr(slopes, name)) == pytest.approx(slope, rel=1e-6)
    assert "holds JAX values" in repr(slopes)
    with pytest.raises(lrs.ScheduleError, match="holds JAX values"):
        str(slopes)


def test_the_best_peak_is_traced_and_differentiated():
    law = LAWS[0]
    shape = lrs.rex().over(300).sample(300)
    assert float(jax.jit(law.best_peak)(jnp.asarray(shape))) == pytest.approx(law.best_peak(shape), rel=1e-12)
    changed = lambda s: dataclasses.replace(law, signal=s).best_peak(shape)  # noqa: E731
    assert float(jax.grad(changed)(0.6)) == pytest.approx((changed(0.6 + 1e-6) - changed(0.6 - 1e-6)) / 2e-6, rel=1e-6)


@EACH
def test_a_schedule_with_traced_leaves_is_predicted(law):
    value, slope = jax.value_and_grad(lambda peak: law.predict(peak * lrs.cosine().over(100, end=0.1)))(1e-3)
    plain = lambda peak: law.predict(peak * lrs.cosine().over(100, end=0.1))  # noqa: E731
    assert float(value) == pytest.approx(plain(1e-3), rel=1e-12)
    assert float(slope) == pytest.approx((plain(1.0001e-3) - plain(0.9999e-3)) / 2e-7, rel=1e-5)


@EACH
def test_what_is_held_is_what_is_repeated(law):
    levels, counts = np.array([3e-4, 1e-3, 5e-4, 0.0, 2e-4]), np.array([3, 10, 7, 2, 5])
    expected = law.predict(np.repeat(levels, counts))
    assert float(law.held(levels, counts)) == pytest.approx(expected, rel=1e-12)
    assert float(jax.jit(lambda e: law.held(e, counts))(jnp.asarray(levels))) == pytest.approx(expected, rel=1e-12)


@EACH
def test_single_precision_is_near(law):
    e = (1e-3 * lrs.cosine().over(2000, end=0.1)).sample(2000)
    assert float(law.predict(jnp.asarray(e, jnp.float32))) == pytest.approx(law.predict(e), rel=2e-6)


def test_a_batch_of_schedules_is_mapped():
    peaks = jnp.array([3e-4, 1e-3])
    law = published["annealing-25m"]
    run = lambda peak: law.predict(peak * (lrs.warmup(50) >> lrs.linear().over(3000)))  # noqa: E731
    np.testing.assert_allclose(jax.vmap(run)(peaks), [run(3e-4), run(1e-3)], rtol=1e-9)


def test_runs_of_jax_arrays_are_fitted_as_those_of_numbers():
    law = LAWS[0]
    runs = [
        (p * s.sample(100), None, law.predict(p * s, 100))
        for p in (3e-4, 3e-3)
        for s in (lrs.rex().over(100), lrs.constant(1))
    ]
    assert fit([(jnp.asarray(e), n, jnp.asarray(loss)) for e, n, loss in runs]) == fit(runs)
    with pytest.raises(lrs.ScheduleError, match=r"fit: the rates of runs\[0\]\[0\] must be a finite rate >= 0, got -1"):
        fit([(jnp.array([-1.0]), None, 1.0)])


# ---- the quadratic

SPECTRUM, START = power_spectrum(0.5, 1.5, 12)


def risk(rates, **more):
    return quadratic_risk(rates, SPECTRUM, START, **({"noise": 0.1} | more))


def test_the_risk_is_the_same_and_so_is_its_gradient():
    rates = np.r_[0.3 * lrs.rex().over(30).sample(30), 0.0]
    value, slope = jax.jit(jax.value_and_grad(lambda e: risk(e).value))(jnp.asarray(rates))
    assert float(value) == pytest.approx(risk(rates).value, rel=1e-12)
    expected = differences(lambda e: risk(e).value, rates)
    np.testing.assert_allclose(np.asarray(slope)[:-1], expected[:-1], rtol=1e-5, atol=1e-9)
    assert np.isfinite(slope).all()
    two = jnp.stack([jnp.asarray(rates), 2 * jnp.asarray(rates)])
    np.testing.assert_allclose(risk(two).value, [risk(rates).value, risk(2 * rates).value], rtol=1e-12)
    noise = jax.grad(lambda noise: risk(rates, noise=noise).value)(0.1)
    assert float(noise) == pytest.approx(
        (risk(rates, noise=0.11).value - risk(rates, noise=0.09).value) / 0.02, rel=1e-8
    )


def test_an_unstable_risk_is_inf_and_its_gradient_finite():
    value, slope = jax.value_and_grad(lambda e: risk(e).value)(jnp.full(200, 9.0))
    assert math.isinf(value) and np.isfinite(slope).all()
    falling = np.r_[np.full(60, 9.0), np.full(2000, 0.5)]
    assert math.isinf(risk(jnp.asarray(falling)).value) and math.isinf(risk(falling).value)
