"""Descriptions: segments tile the run and have the schedule's values, readings are those of the sampled vector."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import lrsched as lrs
import strategies
from lrsched import cosine, linear, multi_step, warmup
from lrsched.inspection.describe import horizon

LR = 0.1 * (warmup(10) >> cosine().over(90, end=0.1))


def test_segments_have_steps_expression_and_values_at_both_ends():
    first, second = LR.describe().segments
    assert (first.start, first.stop, first.expression) == (0, 10, "0.1 * warmup(10)")
    assert (second.start, second.stop, second.expression) == (10, 100, "0.1 * cosine().over(90, end=0.1)")
    assert (first.first, first.last, second.first, second.last) == (LR(0), LR(9), LR(10), LR(99))


def test_readings_are_those_of_the_vector():
    found, values = LR.describe(200), LR.sample(200)
    assert (found.steps, found.duration, found.expression) == (200, 100, repr(LR))
    assert (found.peak, found.peak_step) == (0.1, 10) and (found.floor, found.floor_step) == (0.0, 0)
    assert math.isclose(found.total, values.sum(), rel_tol=1e-12) and math.isclose(found.mean, values.mean())
    assert found.segments[-1].expression == "held" and found.segments[-1].start == 100


def test_cycles_are_counted_and_named():
    found = (0.1 * cosine().over(100).restarted(t_mult=2)).describe(1_500)
    assert found.cycles == 4
    assert [s.expression.split(" of ")[0] for s in found.segments] == [f"cycle {i}" for i in (1, 2, 3, 4)]
    assert [s.start for s in found.segments] == [0, 100, 300, 700]
    assert LR.describe().cycles == 0


def test_an_endless_schedule_is_shown_far_enough():
    assert horizon(multi_step([30, 60, 80])) == 100
    assert horizon(cosine().over(100).restarted(t_mult=2)) == 1_500
    assert horizon(lrs.inverse_sqrt(4_000)) == 40_000
    assert horizon(lrs.constant(0.1)) == 1_000
    assert lrs.inverse_sqrt(2**52).describe().steps == horizon(lrs.inverse_sqrt(2**52)) == 2**53 - 1
    assert horizon(warmup(500) >> lrs.constant(1.0)) == 625


def test_many_segments_are_cut_and_say_so():
    found = lrs.step_decay(1).describe(10**7)
    assert len(found.segments) == 1_000 and not found.complete
    assert str(found).count("\n") < 25 and "..." in str(found)
    assert len(lrs.hold(10).restarted(times=10**6).describe(10**7).segments) == 1_000


def test_what_has_no_value_is_left_out():
    found = linear().over(4).after("error").describe(10)
    assert (found.total, found.peak) == (2.5, 1.0)
    assert found.segments[-1].expression == "after('error')" and math.isnan(found.segments[-1].first)


def test_a_notebook_gets_the_same_numbers():
    page = LR.describe()._repr_html_()
    assert "0.1 * warmup(10)" in page and "10..99" in page and "peak 0.1 at step 10" in page


@pytest.mark.parametrize("steps", [0, -3, 2.5, "many"])
def test_wrong_steps_are_named(steps):
    with pytest.raises(lrs.ScheduleError, match="describe: steps must be an integer >= 1, got"):
        LR.describe(steps)


@pytest.mark.parametrize("seed", range(120))
def test_segments_tile_the_run_for_any_expression(seed):
    schedule = strategies.seeded(seed, big=False)
    if not 0 < schedule.duration < 10**5:
        schedule = schedule.lasting(300)
    found = schedule.describe()
    starts, stops = [s.start for s in found.segments], [s.stop for s in found.segments]
    assert starts[0] == 0 and starts[1:] == stops[:-1]
    assert not found.complete or stops[-1] == found.steps
    values = schedule.sample(found.steps)
    for segment in itertools.islice(found.segments, 20):
        pair = [segment.first, segment.last], values[[segment.start, segment.stop - 1]]
        assert np.allclose(*pair, rtol=1e-6, atol=1e-9, equal_nan=True)
    with np.errstate(invalid="ignore"):
        assert np.array_equal(found.peak, np.nanmax(values) if not np.isnan(values).all() else math.nan, equal_nan=True)


def test_a_constant_in_a_negated_sequence_is_a_negative_constant():
    found = (-(lrs.hold(3) >> lrs.constant(10.0))).describe(5)
    assert [(s.start, s.stop, s.expression) for s in found.segments] == [(0, 3, "-hold(3)"), (3, 5, "constant(-10.0)")]
