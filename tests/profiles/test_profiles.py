"""Laws of profiles: exact ends, nothing beyond them, and what their methods compute."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import lrsched as lrs
from lrsched import cosine, exponential, linear, one_minus_power, polynomial, rex
from test_laws import profiles, values

SHAPES = [cosine(), linear(), polynomial(0.9), polynomial(3), rex(), rex(0.9), one_minus_power(), one_minus_power(2),
          cosine().warped(1.5), linear().bent(0.7), (cosine() * linear()), exponential().normalised()]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
@pytest.mark.parametrize(
    ("start", "end"), [(1.0, 0.0), (3e-4, 3e-5), (0.1, 0.3), (0.7, 0.7), (1e-8, 1e3), (-0.5, 0.25)]
)
def test_ends_are_exact_and_nothing_passes_them(shape: Any, start: float, end: float) -> None:
    for n in (1, 2, 3, 11, 101, 997):
        schedule = shape.over(n, start=start, end=end)
        assert schedule(0) == start and schedule(n) == end == schedule(n + 1)
        for result in (np.array(values(schedule, range(n + 1))), schedule.sample(n + 1), schedule(np.arange(n + 1))):
            assert result[0] == start and result[n] == end
            assert np.all(result >= min(start, end)) and np.all(result <= max(start, end))
            rises = np.diff(result) * math.copysign(1, start - end)
            slack = np.spacing(np.abs(result[:-1])) * 2
            assert np.all(rises <= slack)


@pytest.mark.parametrize("n", [1000, 10**6, 2**24 + 3, 10**9, 2**31 - 2])
def test_zero_only_at_the_end(n: int) -> None:
    for shape in (cosine(), linear(), polynomial(0.9), polynomial(2), rex(), one_minus_power()):
        schedule = shape.over(n)
        last = (
            values(schedule, range(n - 20, n))
            + schedule(np.arange(n - 20, n)).tolist()
            + schedule.sample(n - 20, n).tolist()
        )
        assert all(0 < v < 1 for v in last) and schedule(n) == 0.0


@given(profiles, st.sampled_from([4, 8, 64, 1024]))
def test_over_reads_the_profile(p: Any, n: int) -> None:
    """At steps whose progress is a float, a profile without shares gives over() its own values."""
    assume("sampled(at" not in repr(p) and "phases" not in repr(p) and "delayed" not in repr(p))
    schedule = p.over(n)
    for t in (0, n // 4, n // 2, n):
        assert schedule(t) == pytest.approx(p(t / n), rel=1e-9, abs=1e-9, nan_ok=True)
        assert p.reversed()(t / n) == pytest.approx(p(1 - t / n), rel=1e-9, abs=1e-9, nan_ok=True)


def test_profile_methods() -> None:
    us = np.linspace(0, 1, 33)
    np.testing.assert_allclose(linear().bent(0.7)(us), rex(0.7)(us), rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(cosine().warped(2)(us), cosine()(us**2), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(
        cosine().mirrored()(us), cosine()(np.minimum(2 * us, 2 - 2 * us)), rtol=1e-12, atol=1e-15
    )
    np.testing.assert_allclose(
        (cosine() * linear() + 1 - rex() ** 2)(us), cosine()(us) * linear()(us) + 1 - rex()(us) ** 2, rtol=1e-12
    )
    shape = exponential(4).normalised()
    assert shape(0) == 1 and shape(1) == 0
    assert linear().sampled(times=4)(np.array([0, 0.24, 0.25, 0.99, 1])).tolist() == [1, 1, 0.75, 0.25, 0]
    assert np.linspace(1, 0, 7) == pytest.approx(linear().over(7, endpoint=True).sample(7))


def test_profiles_on_every_kind_of_number() -> None:
    shape = lrs.cosine() * lrs.linear()
    for half in (0.5, np.float64(0.5), np.array(0.5)):
        assert float(shape(half)) == pytest.approx(0.25, rel=1e-15)
    assert shape(0) == 1.0 and shape(1) == 0.0
    assert shape(np.array([[0.0, 1.0]])).tolist() == [[1.0, 0.0]]


def test_arrays_keep_the_smallest_progress() -> None:
    """A floor that keeps gradients finite lies below every number that counts."""
    schedule = lrs.one_minus_power(0.25).warped(10.0).over(30_000, 0.0, 1.0)
    for value in (schedule(np.arange(4)), schedule.sample(4)):
        np.testing.assert_allclose(value, [schedule(t) for t in range(4)], rtol=1e-12)
