"""Laws fitted to runs: what was put in comes out, and what cannot be learned is said."""

from __future__ import annotations

import json
import math
import pickle
import re

import numpy as np
import pytest

import lrsched as lrs
from lrsched import cli
from lrsched.analysis import AnnealingLaw, MultiPowerLaw, SignalNoiseLaw, fit, read_law, runs
from lrsched.analysis.fitting import _nonnegative

TRUE = SignalNoiseLaw(2.5, 0.6, 0.45, 40.0, (3e-4, 3e-3))
LINEAR, COSINE = lrs.linear().over(2000), lrs.cosine().over(2000)
WSD = lrs.minimum(1, 5 * lrs.linear().over(2000))
PEAKS = (3e-4, 1e-3, 3e-3)
SCHEDULES = [
    *(peak * shape for shape in (LINEAR, COSINE, WSD) for peak in PEAKS),
    *(1e-3 * lrs.linear().over(n) for n in (500, 1000) for _ in range(3)),
]
FINAL = [(s, None, TRUE.predict(s)) for s in SCHEDULES]
AT = [400, 800, 1200, 1600, 2000]


def logged(law, schedules=SCHEDULES[:9], at=AT):
    return [(s, None, (at, law.predict(s, at=at))) for s in schedules]


def parameters(law):
    return [law.loss, law.signal, law.exponent, law.noise]


def test_a_law_is_recovered_from_final_losses():
    found = fit(FINAL)
    np.testing.assert_allclose(parameters(found.law), [2.5, 0.6, 0.45, 40.0], rtol=1e-7)
    assert found.identified and found.runs == 15 and found.r2 == pytest.approx(1.0) and abs(found.errors).max() < 1e-9
    assert found.law.peaks == (3e-4, 3e-3) and found.law.remarks == ()
    assert found.losses.tolist() == [loss for _, _, loss in FINAL]


def test_noise_in_the_losses_moves_it_little():
    rng = np.random.default_rng(0)
    found = fit([(s, n, loss + rng.normal(0, 1e-3)) for s, n, loss in FINAL])
    np.testing.assert_allclose(parameters(found.law), [2.5, 0.6, 0.45, 40.0], rtol=0.15)
    losses = found.losses
    assert found.r2 == pytest.approx(1 - (found.errors**2).sum() / ((losses - losses.mean()) ** 2).sum(), abs=1e-14)
    np.testing.assert_allclose(found.errors, [found.law.predict(s) for s in SCHEDULES] - losses, rtol=1e-12)
    assert found.law.best_peak(LINEAR) == pytest.approx(TRUE.best_peak(LINEAR), rel=0.1)


def test_one_loss_that_is_wrong_moves_it_little():
    wrong = [(s, n, loss + (0.5 if i == 4 else 0.0)) for i, (s, n, loss) in enumerate(FINAL)]
    found = fit(wrong)
    np.testing.assert_allclose(parameters(found.law), [2.5, 0.6, 0.45, 40.0], rtol=1e-3)
    assert np.argmax(abs(found.errors)) == 4 and found.errors[4] == pytest.approx(-0.5, abs=1e-3)


def test_scaling_the_rates_scales_the_law():
    scaled = fit([(10 * s, n, loss) for s, n, loss in FINAL]).law
    a = scaled.exponent
    np.testing.assert_allclose([scaled.loss, scaled.signal, a, scaled.noise], [2.5, 0.6 * 10**a, 0.45, 4.0], rtol=1e-5)
    assert scaled.best_peak(LINEAR) == pytest.approx(10 * TRUE.best_peak(LINEAR), rel=1e-5)


def test_the_annealing_law_is_recovered_with_its_decay_and_warmup():
    true = AnnealingLaw(2.8, 0.6, 0.45, 0.4, 0.995, 100, peaks=(1e-3, 1e-3))
    runs = [1e-3 * (lrs.warmup(100) >> shape) for shape in (LINEAR, WSD, lrs.constant(1).lasting(2000))]
    found = fit(logged(true, runs, [500, 1000, 1500, 2100]), AnnealingLaw)
    got = found.law
    assert (got.decay, got.warmup) == (0.995, 100) and got.name == "annealing"
    np.testing.assert_allclose([got.loss, got.A, got.alpha, got.C], [2.8, 0.6, 0.45, 0.4], rtol=1e-5)
    assert found.identified and "1 peak only: it cannot tell noise from progress" in str(found)


def test_losses_that_are_no_number_are_dropped_and_counted():
    runs = [(s, n, (at, [math.nan, *losses[1:]])) for s, n, (at, losses) in logged(TRUE)]
    runs += [(SCHEDULES[0], None, math.nan), (lrs.warmup(2000), None, ([1], [9.0]))]
    found = fit(runs)
    assert "losses dropped: 11 (NaN, or from before the first rate above 0)." in found.law.remarks
    assert found.runs == 9 and len(found.errors) == 36
    np.testing.assert_allclose(parameters(found.law), [2.5, 0.6, 0.45, 40.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([s for s in FINAL if s[0] in SCHEDULES[:3]][:3] * 2, "1 shape only"),
        (FINAL[1:9:3] * 2, "1 peak only"),
        ([(1e-3 * lrs.linear().over(n), None, TRUE.predict(1e-3 * lrs.linear().over(n))) for n in (500, 1000, 2000, 3000)],
         "fitted to 1 shape and 1 peak only: it cannot tell noise from progress"),
    ],
)  # fmt: skip
def test_too_few_shapes_or_peaks_are_a_note(runs, said):
    assert any(said in remark for remark in fit(runs).law.remarks)


def test_a_fit_that_does_not_know_its_floor_says_so():
    flat = SignalNoiseLaw(0.0, 3.0, 0.04, 25.0, (3e-4, 3e-3))
    found = fit(logged(flat))
    assert not found.identified and any("not identified" in remark for remark in found.law.remarks)
    assert re.search(r"identified +no\n", str(found))
    steep = SignalNoiseLaw(3.0, 0.1, 1.95, 25.0, (3e-4, 3e-3))
    assert not fit(logged(steep)).identified
    assert fit(logged(SignalNoiseLaw(1.0, 0.1, 1.85, 25.0, (3e-4, 3e-3)))).identified


def test_without_noise_its_factor_is_zero():
    found = fit(logged(SignalNoiseLaw(2.5, 0.6, 0.45, 0.0, (3e-4, 3e-3))))
    assert found.law.noise == pytest.approx(0.0, abs=1e-9) and found.law.signal == pytest.approx(0.6, rel=1e-6)
    constant = fit(
        logged(AnnealingLaw(2.5, 0.6, 0.45, 0.0, 0.99, peaks=(1, 1)), [1e-3 * lrs.constant(1).lasting(2000)]),
        AnnealingLaw,
    )
    assert constant.law.C == 0.0


def test_nonnegative_least_squares_is_the_best_of_all_nonnegative_factors():
    rng = np.random.default_rng(3)
    for _ in range(200):
        columns, y = rng.normal(size=(8, 3)), rng.normal(size=8)
        x = _nonnegative(columns, y)
        slope = columns.T @ (columns @ x - y)
        assert (x >= 0).all() and (slope > -1e-9).all() and abs(slope @ x) < 1e-9
    zero = np.c_[np.ones(5), np.arange(5.0), np.zeros(5)]
    np.testing.assert_allclose(_nonnegative(zero, 1 + 2 * np.arange(5.0)), [1, 2, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("runs", "law", "robust", "said"),
    [
        (
            FINAL[:3],
            SignalNoiseLaw,
            1e-3,
            "fit: runs must be runs with at least 4 losses, got '3, after 0 were dropped'",
        ),
        ([], SignalNoiseLaw, 1e-3, "at least 4 losses, got '0, after 0 were dropped'"),
        ([(s, n, math.nan) for s, n, _ in FINAL], SignalNoiseLaw, 1e-3, "got '0, after 15 were dropped'"),
        (
            FINAL[:1] * 4,
            SignalNoiseLaw,
            1e-3,
            "fit: runs must be runs that differ in the sum of their rates, got 'a sum of 0.3",
        ),
        (
            FINAL,
            MultiPowerLaw,
            1e-3,
            "fit: law must be SignalNoiseLaw or AnnealingLaw, which can be fitted, got <class",
        ),
        (FINAL, "signal-noise", 1e-3, "fit: law must be SignalNoiseLaw or AnnealingLaw"),
        (FINAL, SignalNoiseLaw, 0, "fit: robust must be a number > 0, got 0"),
        (FINAL, SignalNoiseLaw, math.nan, "fit: robust must be a number > 0, got nan"),
        (7, SignalNoiseLaw, 1e-3, "fit: runs must be a list of .rates, steps, losses., or the name of a CSV, got 7"),
        ([(LINEAR, None)], SignalNoiseLaw, 1e-3, r"fit: runs\[0\] must be \(rates or a schedule, steps, losses\)"),
        ([(LINEAR, None, "x")], SignalNoiseLaw, 1e-3, r"fit: the loss of runs\[0\] must be a finite number, got 'x'"),
        (
            [(LINEAR, None, math.inf)],
            SignalNoiseLaw,
            1e-3,
            r"fit: the loss of runs\[0\] must be a finite number, got inf",
        ),
        (
            [(LINEAR, None, ([1], [math.inf]))],
            SignalNoiseLaw,
            1e-3,
            r"fit: the losses of runs\[0\] must be finite, or NaN",
        ),
        (
            [(LINEAR, None, ([1, 2], [3.0]))],
            SignalNoiseLaw,
            1e-3,
            r"the losses of runs\[0\] must be a number, or \(at, losses\)",
        ),
        (
            [(LINEAR, None, ([0], [3.0]))],
            SignalNoiseLaw,
            1e-3,
            r"fit: the losses of runs\[0\]: at must be from 1 to 2,000",
        ),
        (
            [(LINEAR, None, ([2001], [3.0]))],
            SignalNoiseLaw,
            1e-3,
            "at must be from 1 to 2,000, the updates of the run, got 2001",
        ),
        (
            [(lrs.cosine(), 5, 3.0)],
            SignalNoiseLaw,
            1e-3,
            r"fit: the rates of runs\[0\] must be a schedule; a profile needs",
        ),
        (
            [([-1.0], None, 3.0)],
            SignalNoiseLaw,
            1e-3,
            r"fit: the rates of runs\[0\]\[0\] must be a finite rate >= 0, got -1",
        ),
        ("no/such/file.csv", SignalNoiseLaw, 1e-3, "fit: no/such/file.csv: no such file"),
        (".", SignalNoiseLaw, 1e-3, "fit: .: .*directory"),
        ("a\0b", SignalNoiseLaw, 1e-3, r"fit: a\\x00b: "),
        ("/dev/zero", SignalNoiseLaw, 1e-3, "fit: /dev/zero: this is no regular file"),
    ],
)
def test_what_cannot_be_fitted_is_refused(runs, law, robust, said):
    with pytest.raises(lrs.ScheduleError, match=said):
        fit(runs, law, robust=robust)


def test_runs_that_are_too_long_in_all_are_refused_before_they_fill_the_memory(monkeypatch):
    monkeypatch.setattr(runs, "MOST_STEPS", 5000)
    with pytest.raises(
        lrs.ScheduleError, match=r"fit: runs must be runs of at most 5,000 updates in all, got .more, up to runs\[2\]"
    ):
        fit(FINAL)


def test_a_fit_is_a_record():
    found = fit(FINAL)
    assert pickle.loads(pickle.dumps(found)) == found and "assumes:\n  - the runs differ" in str(found)
    assert [line.split()[0] for line in str(found).splitlines()[:6]] == [
        "signal-noise",
        "loss",
        "signal",
        "exponent",
        "noise",
        "runs",
    ]
    mpl = pytest.importorskip("matplotlib")
    mpl.use("Agg")
    ax = found.plot()
    assert len(ax.get_lines()[1].get_xdata()) == 15 and ax.get_xlabel() == "measured loss"
    import matplotlib.pyplot as plt

    plt.close("all")


# ---- files and the command

TABLE = "run,expression,steps,step,loss\n" + "".join(
    f'{i},"{s!r}",,{t},{TRUE.predict(s, at=t)!r}\n' for i, s in enumerate(SCHEDULES[:9]) for t in AT
)


def test_a_csv_is_read_as_the_list_it_means(tmp_path):
    (tmp_path / "runs.csv").write_text(TABLE)
    assert fit(tmp_path / "runs.csv") == fit(str(tmp_path / "runs.csv")) == fit(logged(TRUE))
    rows = [f'"{s!r}",{s.duration},{loss!r}' for s, _, loss in FINAL[:9]]
    (tmp_path / "final.csv").write_text("\ufeffexpression, steps, loss\n\n" + "\n".join(rows) + "\n")
    assert fit(tmp_path / "final.csv") == fit(FINAL[:9])
    gaps = TABLE + f'0,"{SCHEDULES[0]!r}",,,\n0,"{SCHEDULES[0]!r}",,7,NaN\n'
    (tmp_path / "gaps.csv").write_text(gaps)
    assert "losses dropped: 2" in fit(tmp_path / "gaps.csv").law.remarks[0]


ROW = '"0.1 * linear().over(9)",9,3,2.0\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the titles of runs.csv lack expression, loss; columns are run, expression, steps, step, loss"),
        ("expression,loss,lr\n", "the titles of runs.csv are expression, loss, lr; columns are"),
        ("expression,loss,loss\n", "each at most once"),
        ("expression,steps,step,loss\n1,2\n", "row 2 of runs.csv has 2 cells, not 4"),
        ("expression,steps,step,loss\n" + ROW.replace("2.0", "x"), "row 2 of runs.csv: loss must be a number, or empty, got 'x'"),
        ("expression,steps,step,loss\n" + ROW.replace(",3,", ",3.5,"), "row 2 of runs.csv: step must be a number of updates"),
        ("expression,steps,step,loss\n" + ROW.replace(",3,", ",0,"), "step must be a number of updates >= 1, or empty, got '0'"),
        ("expression,steps,step,loss\n" + ROW.replace(",9,", ",-9,"), "row 2 of runs.csv: steps must be a number of updates"),
        ("expression,steps,step,loss\n" + ROW.replace("linear", "lineal"), "row 2 of runs.csv: .*did you mean 'linear'"),
        ("expression,steps,step,loss\n" + ROW.replace(".over(9)", ""), "row 2 of runs.csv: .*say how long"),
        ("expression,loss\n__import__('os').system('x'),2\n", "row 2 of runs.csv: "),
        ("run,expression,steps,loss\na,linear().over(9),9,2\na,rex().over(9),9,2\n", "the run 'a' of runs.csv has two expressions"),
        ('expression,loss\n"linear().over(9)\n', "fit: runs.csv is no CSV"),
        ("expression,steps,step,loss\n" + ROW.replace("2.0", "1_0"), "loss must be a number"),
        ("expression,steps,step,loss\n" + ROW.replace("2.0", "inf"), "must be finite, or NaN where none was measured, got inf"),
        ("expression,loss\nconstant(0.1),2.0\n", "steps must be given"),
    ],
)  # fmt: skip
def test_a_csv_that_is_none_is_refused_with_its_row(text, said, tmp_path):
    (tmp_path / "runs.csv").write_text(text)
    with pytest.raises(lrs.ScheduleError, match=said):
        fit(tmp_path / "runs.csv")


def test_the_command_writes_a_law_that_is_read_back(tmp_path, capsys, monkeypatch):
    import io

    (tmp_path / "runs.csv").write_text(TABLE)
    assert cli.main(["fit", str(tmp_path / "runs.csv")]) == 0
    out, err = capsys.readouterr()
    (tmp_path / "law.json").write_text(out)
    assert read_law(tmp_path / "law.json") == fit(logged(TRUE)).law and json.loads(out)["kind"] == "SignalNoiseLaw"
    assert err.startswith("signal-noise") and "R2" in err and "assumes:" in err
    monkeypatch.setattr("sys.stdin", io.StringIO(TABLE))
    assert cli.main(["fit", "--law", "annealing"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "AnnealingLaw"
    with pytest.raises(SystemExit) as stopped:
        cli.main(["fit", "--help"])
    assert stopped.value.code == 0 and "lrsched fit runs.csv > law.json" in capsys.readouterr().out
    assert cli.main(["fit", "missing.csv"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", "lrsched: fit: missing.csv: no such file or directory\n")
