"""The bound on public runs of a language model: which shape ends lower, and what a peak tuned for another one costs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lrsched.analysis import convex_bound, transfer

runs = pytest.importorskip("published_runs")
pytestmark = runs.needs_runs


def cells(steps):
    """Shapes of one horizon with three peaks or more: rates, logarithms of the peaks, losses."""
    found = {}
    for key, rows in runs.cells(runs.final_runs()).items():
        if key[0] == steps and len(rows) >= 3:
            peaks = np.log([float(row["lr"]) for row in rows])
            found[key[1:]] = runs.run_rates(rows[0]), peaks, np.array([float(row["loss"]) for row in rows])
    return found


def is_to_a_tenth(shape):
    return shape[0] == "cos" and shape[-1] == "-1"


def tuned(peaks, losses):
    """The best peak by a parabola through the runs, its loss, the parabola, and whether it lies inside the peaks."""
    curve = np.polyfit(peaks, losses, 2)
    best = -curve[1] / (2 * curve[0]) if curve[0] > 0 else np.inf
    inside = bool(peaks[0] < best < peaks[-1])
    return (best, np.polyval(curve, best), curve, True) if inside else (best, np.nan, curve, False)


@pytest.mark.parametrize("steps", ["25000", "50000"])
def test_the_bound_ranks_shapes_at_long_horizons(steps):
    for tenths in (False, True):
        known = {shape: cell for shape, cell in cells(steps).items() if tenths or not is_to_a_tenth(shape)}
        assert len(known) >= 8
        bounds = [convex_bound(rates, last="own").best for rates, _, _ in known.values()]
        assert runs.spearman(bounds, [losses.min() for _, _, losses in known.values()]) >= 0.75


@pytest.mark.parametrize("steps", ["15000", "25000", "35000", "50000"])
def test_a_peak_moved_to_another_shape_is_better_than_one_left_alone(steps):
    """Over all ordered pairs of shapes whose best peak lies inside the peaks that were run."""
    known = [(rates, *tuned(peaks, losses)) for rates, peaks, losses in cells(steps).values()]
    known = [cell for cell in known if cell[-1]]
    assert len(known) >= 4
    moved, alone = [], []
    for (rates, best, *_), (others, _, lowest, curve, _) in itertools.permutations(known, 2):
        peak = transfer(np.exp(best), rates, others, last="own").peak
        moved.append(np.polyval(curve, np.log(peak)) - lowest)
        alone.append(np.polyval(curve, best) - lowest)
    assert np.mean(moved) <= 0.5 * np.mean(alone)
    assert steps == "50000" or np.mean(moved) <= 0.0005


def test_a_horizon_of_the_theory_moves_a_peak_too_far():
    """From 15,000 to 50,000 updates of one shape, the default exponent costs less than that of the theory."""
    short, long = cells("15000"), cells("50000")
    regrets = {0.3: [], 0.5: []}
    for shape in short.keys() & long.keys():
        (rates, *one), (others, *other) = short[shape], long[shape]
        best, _, curve, inside = tuned(*one)
        _, lowest, curve, is_known = tuned(*other)
        if inside and is_known:
            for exponent, found in regrets.items():
                peak = transfer(np.exp(best), rates, others, exponent=exponent).peak
                found.append(np.polyval(curve, np.log(peak)) - lowest)
    assert len(regrets[0.3]) >= 3 and np.mean(regrets[0.3]) < np.mean(regrets[0.5]) / 2
