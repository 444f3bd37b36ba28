"""The rates argument: a schedule or a vector, checked where it is given."""

from __future__ import annotations

import numpy as np
import pytest

import lrsched as lrs
from lrsched.analysis.rates import MOST_STEPS, rates_of, scaled


def test_a_schedule_gives_what_it_samples():
    s = 3e-4 * (lrs.warmup(3) >> lrs.cosine().over(7))
    assert rates_of("f", s).tolist() == rates_of("f", s, 10).tolist() == s.sample(10).tolist()
    assert rates_of("f", s, 4).tolist() == s.sample(4).tolist()
    assert rates_of("f", lrs.constant(0.5), 2).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("vector", [[1, 2], (1.0, 2.0), np.array([1, 2], np.int32), np.array([1, 2], np.float32)])
def test_a_vector_is_its_floats(vector):
    for steps in (None, 2):
        found = rates_of("f", vector, steps)
        assert found.dtype == np.float64 and found.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("rates", "steps", "told"),
    [(lrs.linear(), 5, r"f: rates must be a schedule; a profile needs .over\(steps\), got linear\(\)"),
     (lrs.constant(1.0), None, "f: steps must be given, since rates is a schedule that never ends"),
     (lrs.linear().over(5), 0, "f: steps must be an integer >= 1, got 0"),
     (lrs.linear().over(5), -3, "f: steps must be an integer >= 1"), (lrs.linear().over(5), 2.5, "f: steps must be"),
     (lrs.constant(1.0), MOST_STEPS + 1, "f: steps must be at most 134,217,728"),
     ([1.0, 2.0], 3, "f: steps must be None, or 2, the number of rates, got 3"),
     ([1.0, -2.0], None, r"f: rates\[1\] must be a finite rate >= 0, got -2.0"),
     ([1.0, np.nan], None, r"f: rates\[1\] must be a finite rate >= 0, got nan"),
     ([np.inf, 1.0], None, r"f: rates\[0\] must be a finite rate"),
     (lrs.linear().over(5, end=-1.0), None, r"f: rates\[3\] must be a finite rate >= 0, got -0.1999"),
     ([1e-310, 0.0], None, r"f: rates must be rates whose largest lies between 1e-300 and 1e\+300, got 1e-310"),
     (1e305 * lrs.linear().over(9), None, "f: rates must be rates whose largest lies between"),
     ([0.0, 0.0], None, "f: rates must be rates of which one is > 0"), ([], None, "one is > 0, got 'none'"),
     ([[1.0, 2.0]], None, r"f: rates must be a schedule, or a vector .* got 'an array of shape \(1, 2\)'"),
     ([[1.0], [1.0, 2.0]], None, "f: rates must be a schedule, or a vector"), ("cosine", None, "or a vector"),
     ([1j], None, "or a vector"), ([True], None, "or a vector"), (None, None, "or a vector"), (0.5, None, "or a vector")],
)  # fmt: skip
def test_what_is_no_rates_is_refused(rates, steps, told):
    with pytest.raises(lrs.ScheduleError, match=told):
        rates_of("f", rates, steps)


@pytest.mark.parametrize("peak", [1e-300, 1e300])
def test_the_largest_and_the_least_peak_are_judged_without_a_warning(peak):
    found = lrs.analysis.convex_bound(peak * lrs.linear().over(400))
    assert found.best == pytest.approx(0.10018234, abs=6e-9) and np.isfinite(found.value)


def test_rows_of_rates_where_they_are_asked_for():
    assert rates_of("f", [[1.0, 2.0]], dimensions=(1, 2)).shape == (1, 2)
    with pytest.raises(lrs.ScheduleError, match=r"f: rates\[0, 1\] must be"):
        rates_of("f", [[1.0, -2.0]], dimensions=(1, 2))


def test_scaling_neither_overflows_nor_vanishes():
    for peak in (1e200, 1e-200, 5e-324):
        found, shares = scaled(np.array([peak, 0.0]))
        assert found == peak and shares.tolist() == [1.0, 0.0]


def test_jax_rates_are_taken_unchecked_and_traced():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    s = jnp.float32(0.5) * lrs.linear().over(4)
    assert np.allclose(rates_of("f", s), [0.5, 0.375, 0.25, 0.125])
    total = jax.jit(lambda peak: rates_of("f", peak * lrs.linear().over(4)).sum())
    assert float(total(2.0)) == 5.0
    assert rates_of("f", jnp.array([-1.0])).tolist() == [-1.0]
    assert rates_of("f", jnp.ones(2, jnp.bfloat16)).dtype == rates_of("f", jnp.ones(2, int)).dtype == jnp.float32
    with pytest.raises(lrs.ScheduleError, match="a vector"):
        rates_of("f", jnp.ones((2, 2)))
