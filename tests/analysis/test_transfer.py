"""Peaks moved to other shapes and horizons."""

from __future__ import annotations

import numpy as np
import pytest

import lrsched as lrs
from lrsched.analysis import convex_bound, transfer

COSINE, WSD = (
    lrs.plan(20_000, lrs.warmup(500), lrs.cosine()),
    lrs.plan(60_000, lrs.warmup(500), lrs.flat(), (0.2, lrs.linear())),
)


def test_from_a_tuned_cosine_to_a_run_of_three_times_the_length():
    found = transfer(3e-4, COSINE, WSD)
    assert f"{found.peak:.3g} {found.low:.2g} {found.high:.2g}" == "0.000115 9.2e-05 0.00014"
    assert found.peak == 3e-4 * found.shape_factor * found.horizon_factor
    assert (found.horizon_factor, found.low / found.peak, found.high / found.peak) == pytest.approx(
        (3**-0.3, 3**-0.2, 3**0.15), rel=1e-12
    )
    back = transfer(found.peak, WSD, COSINE)
    assert back.peak == pytest.approx(3e-4, rel=1e-12) and back.low <= back.peak <= back.high


@pytest.mark.parametrize("last", ["own", "free"])
def test_with_the_exponent_of_the_theory_it_is_the_quotient_of_the_best_multiples(last):
    a, b = convex_bound(COSINE, last=last), convex_bound(5.0 * WSD, last=last)
    assert transfer(1.0, COSINE, 5.0 * WSD, exponent=0.5, last=last).peak == pytest.approx(b.peak / a.peak, rel=1e-12)


def test_scales_of_both_do_not_matter_and_equal_lengths_leave_no_range():
    found = transfer(1e-3, 7.0 * COSINE, 1e-9 * WSD, target_steps=60_000)
    assert found.peak == pytest.approx(transfer(1e-3, COSINE, WSD).peak, rel=1e-9)
    same = transfer(1e-3, COSINE, COSINE)
    assert same.peak == same.low == same.high == 1e-3 and same.notes == ()
    vectors = transfer(1e-3, COSINE.sample(20_000), WSD.sample(60_000))
    assert vectors.peak == pytest.approx(transfer(1e-3, COSINE, WSD).peak, rel=1e-12)


def test_notes_on_what_is_far_and_on_other_exponents():
    far = transfer(1.0, lrs.linear().over(10), lrs.linear().over(10**6), exponent=0.5)
    assert "further than any" in far.notes[0] and "note:" in str(far)
    outside = transfer(1.0, COSINE, WSD, exponent=0.0)
    assert "exponent" in outside.notes[0] and outside.peak > outside.high
    assert transfer(1.0, COSINE, WSD, exponent=0.15).notes == transfer(1.0, COSINE, WSD, exponent=0.5).notes == ()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [({"peak": 0.0}, "transfer: peak must be a number > 0, got 0.0"), ({"peak": "3e-4"}, "transfer: peak must be"),
     ({"exponent": 1.5}, r"transfer: exponent must be a number in \[0, 1\]"), ({"exponent": None}, "exponent must be"),
     ({"exponent": convex_bound([1.0])}, "or a law with an exponent of its own"),
     ({"tuned": lrs.constant(1.0)}, "transfer: tuned_steps must be given, since tuned is a schedule that never ends"),
     ({"target": lrs.constant(1.0)}, "transfer: target_steps must be given"),
     ({"target": lrs.linear()}, r"transfer: target must be a schedule; a profile needs .over\(steps\)"),
     ({"tuned": np.zeros(3)}, "transfer: tuned must be rates of which one is > 0"), ({"last": "x"}, "last must be one of")],
)  # fmt: skip
def test_bad_arguments_are_named(arguments, told):
    with pytest.raises(lrs.ScheduleError, match=told):
        transfer(**({"peak": 1.0, "tuned": COSINE, "target": WSD} | arguments))


def test_it_is_drawn():
    pytest.importorskip("matplotlib").use("Agg")
    found = transfer(3e-4, COSINE, WSD)
    assert found.plot().lines[0].get_xdata()[-1] == found.peak
