"""Judgements on JAX values: the same numbers, without a sync, and gradients that central differences confirm."""

from __future__ import annotations

import numpy as np
import pytest

import lrsched as lrs
from lrsched import analysis

jax = pytest.importorskip("jax")
jnp = jax.numpy

RATES = (lrs.warmup(20) >> lrs.cosine().over(180) >> lrs.hold(5, 0.0)).sample(205)
ROUGH = np.r_[0.0, 0.0, np.random.default_rng(3).random(60), 0.0, 1e-8, 0.3]
BOUND = ("value", "best", "multiple", "peak", "total", "noise", "shape", "base", "last_step")
AVERAGE = ("init", "window", "age", "timescale")


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def judged(rates, last):
    return analysis.convex_bound(rates, distance=2.0, norms=1.5, last=last)


@pytest.mark.parametrize("last", ["own", "free"])
@pytest.mark.parametrize("rates", [RATES, ROUGH, np.array([0.7])], ids=["smooth", "rough", "one"])
def test_the_bound_in_jax_is_the_one_of_numpy(rates, last):
    host, traced = judged(rates, last), jax.jit(lambda r: judged(r, last))(jnp.asarray(rates))
    for name in BOUND:
        assert float(getattr(traced, name)) == pytest.approx(
            getattr(host, name), rel=1e-4 if name == "last_step" else 3e-6
        ), name
    assert traced.steps == len(rates)


@pytest.mark.parametrize("last", ["own", "free"])
@pytest.mark.parametrize("rates", [RATES[:200], ROUGH], ids=["smooth", "rough"])
def test_gradients_of_the_bound(x64, rates, last):
    slopes = jax.jit(jax.jacrev(lambda r: jnp.stack([getattr(judged(r, last), name) for name in BOUND])))(rates)
    way, h = np.random.default_rng(0).random(rates.size) * rates, 1e-6
    ahead, back = (judged(rates + sign * h * way, last) for sign in (1, -1))
    assert np.isfinite(np.asarray(slopes)).all()
    for name, slope in zip(BOUND, np.asarray(slopes), strict=True):
        change = (getattr(ahead, name) - getattr(back, name)) / (2 * h)
        assert slope @ way == pytest.approx(change, rel=1e-5, abs=1e-7), name


@pytest.mark.parametrize("last", ["own", "free"])
def test_gradients_are_finite_where_rates_are_0_or_tiny(last):
    for rates in (RATES, np.r_[np.zeros(3), 1.0, np.zeros(3)], 10.0 ** (-30 * np.arange(50) / 50)):
        slope = jax.jit(jax.grad(lambda r: judged(r, last).best))(jnp.asarray(rates))
        assert np.isfinite(np.asarray(slope)).all()


def test_a_schedule_with_a_traced_number_is_judged_inside_jit():
    def best(peak, rest):
        return analysis.convex_bound(peak * (lrs.warmup(20) >> lrs.linear().over(180, end=rest))).best

    host = best(0.3, 0.1)
    assert float(jax.jit(best)(0.3, 0.1)) == pytest.approx(host, rel=1e-6)
    slope = float(jax.jit(jax.grad(best, argnums=1))(0.3, 0.1))
    assert slope == pytest.approx((best(0.3, 0.11) - best(0.3, 0.09)) / 0.02, rel=1e-2)
    many = jax.jit(jax.vmap(best, (None, 0)))(0.3, jnp.array([0.1, 0.5]))
    assert many.tolist() == pytest.approx([host, best(0.3, 0.5)], rel=1e-5)


def test_distance_and_norms_may_be_traced():
    found = jax.jit(lambda d, g: analysis.convex_bound(RATES, distance=d, norms=g))(2.0, 3.0)
    assert float(found.best) == pytest.approx(analysis.convex_bound(RATES, distance=2.0, norms=3.0).best, rel=1e-5)
    norms = jnp.linspace(2.0, 1.0, RATES.size)
    found = jax.jit(lambda g: analysis.convex_bound(RATES, norms=g, last="own"))(norms)
    assert float(found.best) == pytest.approx(
        analysis.convex_bound(RATES, norms=np.asarray(norms), last="own").best, rel=1e-5
    )


def test_the_curve_in_jax(x64):
    host = analysis.convex_bound_curve(RATES)
    traced = jax.jit(lambda r: analysis.convex_bound_curve(r).values)(jnp.asarray(RATES))
    assert np.asarray(traced) == pytest.approx(host.values, rel=1e-9)


def test_averaging_in_jax(x64):
    def judge(scale, rates):
        return analysis.averaging(scale * rates, 0.4)

    host, traced = judge(0.5, RATES), jax.jit(judge)(0.5, jnp.asarray(RATES))
    for name in (*AVERAGE, "half_life"):
        assert float(getattr(traced, name)) == pytest.approx(getattr(host, name), rel=1e-9), name
    assert np.asarray(traced.weights) == pytest.approx(host.weights, rel=1e-9)
    slopes = jax.jit(jax.jacfwd(lambda s: [getattr(judge(s, jnp.asarray(RATES)), name) for name in AVERAGE]))(0.5)
    ahead, back = (judge(0.5 + sign * 1e-6, RATES) for sign in (1, -1))
    for name, slope in zip(AVERAGE, slopes, strict=True):
        assert float(slope) == pytest.approx((getattr(ahead, name) - getattr(back, name)) / 2e-6, rel=1e-5)


def test_a_transfer_of_a_traced_peak():
    a, b = lrs.cosine().over(100), lrs.linear().over(300)
    host = analysis.transfer(0.5, a, b)
    traced = jax.jit(lambda p, e: analysis.transfer(p, a, b, exponent=e))(0.5, 0.3)
    for name in ("peak", "shape_factor", "horizon_factor", "low", "high"):
        assert float(getattr(traced, name)) == pytest.approx(getattr(host, name), rel=1e-6), name


def test_records_pass_through_jit_and_refuse_to_print_while_traced():
    told = []

    def use(rates):
        found = analysis.convex_bound(rates)
        with pytest.raises(lrs.ScheduleError, match="holds JAX values"):
            str(found)
        told.append(repr(found))
        return found

    found = jax.jit(use)(jnp.asarray(RATES))
    assert told == ["<ConvexBound that holds JAX values>"] and isinstance(found, analysis.ConvexBound)
