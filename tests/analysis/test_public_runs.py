"""Laws on public runs of language models: what they choose and rank on runs that they were not fitted to."""

from __future__ import annotations

import numpy as np
import pytest
from published_runs import FITTED_ON, cells, curve_rates, curves, final_runs, needs_runs, run_rates, spearman

from lrsched.analysis import AnnealingLaw, fit, published

pytestmark = needs_runs


def fitted(rows):
    return fit([(run_rates(row), None, float(row["loss"])) for row in rows])


def ranked(law, steps):
    """How the law ranks the runs of a horizon."""
    rows = [row for row in final_runs() if row["steps"] == steps]
    return spearman([law.predict(run_rates(row)) for row in rows], [float(row["loss"]) for row in rows])


def regrets(law, steps):
    """What the law's peak costs in each cell of a horizon, by a parabola through the peaks that were measured."""
    found = []
    for key, rows in cells(final_runs()).items():
        if key[0] == steps and len(rows) >= 3:
            x = np.log([float(row["lr"]) for row in rows])
            curve = np.polyfit(x, [float(row["loss"]) for row in rows], 2)
            peak = np.clip(np.log(law.best_peak(run_rates(rows[0]))), x[0], x[-1])
            found.append(np.polyval(curve, peak) - np.polyval(curve, np.linspace(x[0], x[-1], 1000)).min())
    return found


def test_a_law_of_short_runs_ranks_longer_ones_and_chooses_their_peaks():
    rows = [row for row in final_runs() if row["steps"] in ("15000", "25000")]
    found = fitted(rows)
    assert found.runs == 47
    assert not found.identified, "final losses alone do not tell the floor"
    for steps in ("35000", "50000"):
        assert ranked(found.law, steps) >= 0.82
        assert np.mean(regrets(found.law, steps)) <= (0.00015 if steps == "35000" else 0.00045)


@pytest.mark.parametrize("shares", [("0.1", "0.2"), ("0.1", "0.4"), ("0.1", "0.8"), ("0.2", "0.6"), ("0.2", "0.8")])
def test_six_short_runs_are_enough_to_choose_peaks_at_twice_the_horizon(shares):
    rows = [r for r in final_runs() if r["steps"] == "25000" and r["decay"] == "linear" and r["share"] in shares]
    found = fitted(rows)
    cost = regrets(found.law, "50000")
    assert found.runs == 6 and np.mean(cost) <= 0.00115 and max(cost) <= 0.0062


@pytest.mark.parametrize(
    ("size", "expected", "r2", "share"),
    [("25m", (2.969, 0.578, 0.482, 44.0), 0.9963, 0.00151), ("100m", (2.560, 0.674, 0.427, 51.8), 0.9962, 0.00159)],
)
def test_three_curves_give_a_law_that_predicts_six_others(size, expected, r2, share):
    known = curves(size)
    found = fit([(curve_rates(name), None, known[name]) for name in FITTED_ON])
    law = found.law
    assert found.identified and law.peaks == (3e-4, 3e-4)
    np.testing.assert_allclose([law.loss, law.signal, law.exponent, law.noise], expected, rtol=1.5e-3)
    scores = []
    for name, (at, losses) in known.items():
        if name not in FITTED_ON:
            off = law.predict(curve_rates(name), at=at) - losses
            scores.append((1 - (off @ off) / ((losses - losses.mean()) ** 2).sum(), np.abs(off / losses).mean()))
    np.testing.assert_allclose(np.mean(scores, axis=0), [r2, share], rtol=0.01, atol=1e-4)


@pytest.mark.parametrize("size", ["25m", "100m"])
def test_the_annealing_constants_are_its_fit_to_the_same_curves(size):
    known = curves(size)
    law = fit([(curve_rates(name), None, known[name]) for name in FITTED_ON], AnnealingLaw).law
    wanted = published[f"annealing-{size}"]
    assert law.decay == wanted.decay == 0.999 and abs(law.warmup - wanted.warmup) <= 1
    np.testing.assert_allclose(
        [law.loss, law.A, law.alpha, law.C], [wanted.loss, wanted.A, wanted.alpha, wanted.C], rtol=0.015
    )
