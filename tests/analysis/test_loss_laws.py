"""Laws of the loss: their formulas, where those are delicate, and what they refuse."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import tracemalloc

import numpy as np
import pytest
from published_runs import FITTED_ON, curve_rates, curves, needs_runs

import lrsched as lrs
from lrsched import analysis
from lrsched.analysis import AnnealingLaw, MultiPowerLaw, SignalNoiseLaw, published, read_law
from lrsched.analysis.annealing import annealed
from lrsched.analysis.signal_noise import signal_and_noise

PEAKS = (3e-4, 3e-3)
SIGNAL = SignalNoiseLaw(2.5, 0.6, 0.45, 40.0, PEAKS)
MULTI = MultiPowerLaw(2.6, 0.6, 0.45, 430.0, 2.1, 0.6, 0.65, PEAKS)
ANNEALING = AnnealingLaw(2.8, 0.6, 0.45, 0.5, 0.99, 3, peaks=PEAKS)
LAWS = pytest.mark.parametrize("law", [SIGNAL, MULTI, ANNEALING], ids=lambda law: law.name)
RUN = 1e-3 * (lrs.warmup(20) >> lrs.cosine().over(180, end=0.1))
RANDOM = np.random.default_rng(0).uniform(0, 1e-3, 60)


def multi_power(law, e, t):
    """The published formula, term by term."""
    total = math.fsum(e[: t + 1])
    saved = 0.0
    for k in range(1, t + 1):
        between = math.fsum(e[k : t + 1])
        if between == 0:
            factor = 0.0
        elif e[k] == 0:
            factor = 1.0
        else:
            factor = 1 - (1 + law.C * e[k] ** -law.gamma * between) ** -law.beta
        saved += (e[k - 1] - e[k]) * factor
    return law.loss + law.A * total**-law.alpha - law.B * saved


def annealing(law, e, t):
    """The published recurrence."""
    m = area = 0.0
    for k in range(1, t + 1):
        m = law.decay * m + (e[k - 1] - e[k]) if k > law.warmup else 0.0
        area += m
    return law.loss + law.A * math.fsum(e[: t + 1]) ** -law.alpha - law.C * area


def signal_noise(law, e, t):
    """The bound's noise term, each sum anew."""
    e = np.trim_zeros(e[: t + 1], "b")
    noise = e[-1] + math.fsum(x * x / math.fsum(e[k + 1 :]) for k, x in enumerate(e[:-1]))
    return law.loss + law.signal * math.fsum(e) ** -law.exponent + law.noise * noise


FORMULAS = [(SIGNAL, signal_noise), (MULTI, multi_power), (ANNEALING, annealing)]
BY_NAME = {law.name: formula for law, formula in FORMULAS}
SHAPES = {
    "random": RANDOM,
    "rises and falls": RUN.sample(200),
    "zeros in the middle": np.r_[RANDOM[:20], np.zeros(7), RANDOM[20:]],
    "zeros at both ends": np.r_[np.zeros(4), RANDOM, np.zeros(9)],
    "steps": np.repeat([1e-3, 1e-4, 5e-4, 0.0, 2e-4], 12),
}


@pytest.mark.parametrize(("law", "formula"), FORMULAS, ids=lambda x: getattr(x, "name", ""))
@pytest.mark.parametrize("shape", SHAPES)
def test_predictions_are_the_formula(law, formula, shape):
    e = SHAPES[shape]
    first = int(np.argmax(e > 0))
    at = np.unique([first + 1, first + 2, 17, 40, len(e) - 3, len(e)])
    expected = [formula(law, e, t - 1) for t in at]
    np.testing.assert_allclose(law.predict(e, at=at), expected, rtol=1e-12)
    assert law.predict(e) == law.predict(e, at=len(e)) == pytest.approx(expected[-1], rel=1e-12)
    assert type(law.predict(e)) is float


@LAWS
def test_a_prediction_at_a_step_is_that_of_the_run_cut_there(law):
    e = RUN.sample(200)
    at = [21, 50, 199]
    np.testing.assert_allclose(law.predict(RUN, at=at), [law.predict(e[:t]) for t in at], rtol=1e-13)
    np.testing.assert_allclose(law.predict(RUN, at=at[::-1]), law.predict(RUN, 200, at)[::-1], rtol=0)
    assert law.predict(RUN, 100) == law.predict(e[:100]) == law.predict(RUN, at=[1e2])[0]
    assert law.predict(RUN, at=[]).shape == (0,)


@LAWS
def test_before_the_first_rate_the_loss_is_inf_without_a_warning(law):
    e = np.r_[np.zeros(5), RANDOM]
    assert law.predict(e, at=[1, 5]).tolist() == [math.inf, math.inf] and math.isfinite(law.predict(e, at=6))
    without = dataclasses.replace(law, **{law.POSITIVE[0]: 0.0})
    assert without.predict(e, at=5) == math.inf and math.isfinite(without.predict(e))


@LAWS
def test_one_update(law):
    e = np.array([1e-3])
    assert law.predict(e) == pytest.approx(BY_NAME[law.name](law, e, 0), rel=1e-13)


def test_steps_without_a_rate_at_the_end_move_nothing():
    for law in (SIGNAL, MULTI):
        full = law.predict(np.r_[RANDOM, np.zeros(1)])
        assert law.predict(np.r_[RANDOM, np.zeros(10)]) == pytest.approx(full, rel=1e-14)
    assert SIGNAL.predict(np.r_[RANDOM, np.zeros(10)]) == pytest.approx(SIGNAL.predict(RANDOM), rel=1e-14)


def test_a_last_rate_that_is_nothing_is_no_step_of_the_noise_term():
    e = np.r_[np.full(999, 1e-3), 1e-15]
    assert SIGNAL.predict(e) == pytest.approx(SIGNAL.predict(e[:-1]), rel=1e-9)
    kept = np.r_[np.full(999, 1e-3), 2e-12]  # above 1e-9 of the peak: it is one, and costs what it costs
    assert SIGNAL.predict(kept) > SIGNAL.predict(e) + 1e3


@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1e200])
def test_signal_and_noise_are_of_degree_one_in_the_rates(scale):
    e, at = RUN.sample(200), np.array([30, 200])
    for one, other in zip(signal_and_noise(scale * e, at), signal_and_noise(e, at), strict=True):
        np.testing.assert_allclose(one, scale * other, rtol=1e-12)


def test_a_tail_that_falls_without_end_has_finite_predictions():
    e = 1e-3 * 10.0 ** (-300 * np.arange(1000) / 1000)
    for law in (SIGNAL, MULTI, ANNEALING):
        assert math.isfinite(law.predict(e))
        assert law.predict(e) == pytest.approx(law.predict(e[:60]), rel=1e-3)


def test_the_sums_of_the_annealing_law_are_its_recurrence_for_any_decay():
    e = np.random.default_rng(1).uniform(0, 1, 400)
    for decay in (0.0, 0.5, 0.99, 0.9999, 1.0):
        m = area = 0.0
        expected = np.zeros(400)
        for t in range(1, 400):
            m = decay * m + (e[t - 1] - e[t]) if t > 7 else 0.0
            area += m
            expected[t] = area
        np.testing.assert_allclose(annealed(e, decay, 7), expected, atol=1e-11)
    assert not annealed(e, 0.9, 400).any() and not annealed(e, 0.9, 1000).any()


def test_the_best_peak_is_where_the_prediction_is_least():
    shape = lrs.minimum(1, 5 * lrs.linear().over(2000))
    best = SIGNAL.best_peak(shape)
    assert best == pytest.approx(SIGNAL.best_peak(7.0 * shape), rel=1e-12) and type(best) is float
    here, less, more = (SIGNAL.predict(best * c * shape) for c in (1.0, 0.99, 1.01))
    assert here < min(less, more)
    longer = SIGNAL.best_peak(lrs.minimum(1, 5 * lrs.linear().over(200_000)))
    a = SIGNAL.exponent
    assert longer / best == pytest.approx(100 ** -(a / (1 + a)), rel=0.05)


@pytest.mark.parametrize(
    ("law", "said"),
    [
        (
            dataclasses.replace(SIGNAL, peaks=(1e-3, 1e-3)),
            "SignalNoiseLaw.best_peak: the law was fitted at one peak, 0.001",
        ),
        (dataclasses.replace(SIGNAL, signal=0.0), "signal is 0"),
        (dataclasses.replace(SIGNAL, noise=0.0), "noise is 0"),
        (dataclasses.replace(SIGNAL, exponent=0.0), "exponent is 0"),
    ],
)
def test_a_law_that_cannot_choose_a_peak_says_so(law, said):
    with pytest.raises(lrs.ScheduleError, match=said):
        law.best_peak(RUN)


def test_only_the_law_that_can_has_a_best_peak():
    assert not hasattr(MultiPowerLaw, "best_peak") and not hasattr(AnnealingLaw, "best_peak")


def test_a_law_covers_the_peaks_around_those_it_was_fitted_at():
    assert SIGNAL.covers(2e-4) and SIGNAL.covers(4.5e-3) and not SIGNAL.covers(1.99e-4) and not SIGNAL.covers(4.51e-3)


# ---- published constants and curves


def test_the_multi_power_law_of_100m_gives_its_published_values():
    law = published["mpl-100m"]
    expected = {"cosine_24000": [3.774888, 3.106403, 2.990025], "constant_24000": [3.774888, 3.132755, 3.033051]}
    for name, losses in expected.items():
        np.testing.assert_allclose(law.predict(curve_rates(name), at=[2161, 12_001, 24_000]), losses, atol=5e-7)
    assert law.predict(curve_rates("wsd_20000_24000")) == pytest.approx(2.935197, abs=5e-7)


def test_the_published_laws_are_five():
    assert list(published) == ["mpl-25m", "mpl-100m", "mpl-400m", "annealing-25m", "annealing-100m"]
    assert all(law.peaks == (3e-4, 3e-4) and law.name == name for name, law in published.items())


@needs_runs
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mpl-25m", (0.9988, 0.00376, 0.00465, 0.00110, 0.00409)),
        ("mpl-100m", (0.9983, 0.00435, 0.00592, 0.00142, 0.00583)),
        ("annealing-25m", (0.9976,)),
        ("annealing-100m", (0.9976,)),
    ],
)
def test_published_laws_explain_the_published_curves(name, expected):
    found = []
    for curve, (at, losses) in curves(name.partition("-")[2]).items():
        if curve not in FITTED_ON:
            off = published[name].predict(curve_rates(curve), at=at) - losses
            r2 = 1 - (off @ off) / ((losses - losses.mean()) ** 2).sum()
            share = np.abs(off / losses)
            found.append((r2, np.abs(off).mean(), np.sqrt((off**2).mean()), share.mean(), share.max()))
    assert len(found) == 6
    means = np.mean(found, axis=0)[: len(expected)]
    np.testing.assert_allclose(means, expected, atol=0.6e-4, rtol=2e-3)


# ---- values


@LAWS
def test_a_law_is_a_record_that_says_what_it_assumes(law):
    text = str(law)
    assert text.startswith(law.name) and "assumes:\n  - the loss depends on the rates alone" in text
    assert "peaks from 0.0003 to 0.003" in text and "0.0002 to 0.0045" in text
    assert all(field.name in text for field in dataclasses.fields(law) if field.type in ("float", "int"))
    assert pickle.loads(pickle.dumps(law)) == law == copy.deepcopy(law) and hash(law) == hash(copy.deepcopy(law))
    assert law != dataclasses.replace(law, loss=1.0) and "<table>" in law._repr_html_()


@LAWS
def test_a_law_is_kept_in_a_file(law, tmp_path):
    kept = dataclasses.replace(law, remarks=("known for this", "and that"))
    (tmp_path / "law.json").write_text(kept.to_json(indent=2))
    assert read_law(tmp_path / "law.json") == read_law(str(tmp_path / "law.json")) == kept
    assert "  - known for this\n  - and that\n\nassumes:" in str(kept)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "this is no JSON"),
        ("[1]", "kind is one of"),
        ('{"kind": "Fit"}', "kind is one of SignalNoiseLaw, MultiPowerLaw, AnnealingLaw"),
        ('{"kind": "SignalNoiseLaw", "loss": 1}', "SignalNoiseLaw with loss, signal"),
        (SIGNAL.to_json().replace("2.5", "NaN"), "SignalNoiseLaw: loss must be a finite number, got nan"),
        (SIGNAL.to_json().replace("0.6", "-0.6"), "signal must be a number >= 0, got -0.6"),
        (SIGNAL.to_json().replace("0.0003", "0"), "peaks must be two numbers, 0 < least <= largest"),
        (SIGNAL.to_json().replace("[0.0003, 0.003]", "7"), "peaks must be two numbers"),
        (SIGNAL.to_json().replace('"signal-noise"', "5"), "name and remarks must be printable texts"),
        (SIGNAL.to_json().replace("signal-noise", "\\u001b[2J"), "name and remarks must be printable texts"),
        (ANNEALING.to_json().replace("0.99", "1.01"), "decay must be from 0 to 1, got 1.01"),
        (ANNEALING.to_json().replace('"warmup": 3', '"warmup": -3'), "warmup must be an integer >= 0, got -3"),
    ],
)
def test_a_file_that_is_no_law_is_refused(text, said, tmp_path):
    (tmp_path / "law.json").write_text(text)
    with pytest.raises(lrs.ScheduleError, match=said.replace("[", r"\[")):
        read_law(tmp_path / "law.json")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("mpl-1m", "read_law: source must be one of mpl-25m, .*, or the name of a .json file, got 'mpl-1m'"),
        ("no\0name", "read_law: source must be one of"),
        (".", "directory"),
        (3, "the name of a law or of a file, got 3"),
    ],
)
def test_a_law_that_is_nowhere_is_refused(source, said):
    with pytest.raises(lrs.ScheduleError, match=said):
        read_law(source)


@LAWS
@pytest.mark.parametrize(
    ("rates", "steps", "at", "said"),
    [
        ([1e-3, -1e-3], None, None, "predict: rates.1. must be a finite rate >= 0, got -0.001"),
        ([1e-3, math.nan], None, None, "predict: rates.1. must be"),
        ([0.0, 0.0], None, None, "predict: rates must be rates of which one is > 0"),
        ([[1e-3]], None, None, "predict: rates must be a schedule, or a vector"),
        ([1e-3], 2, None, "predict: steps must be None, or 1"),
        (lrs.cosine(), 5, None, "predict: rates must be a schedule; a profile needs .over"),
        (lrs.constant(1e-3), None, None, "predict: steps must be given"),
        (RUN, None, 0, "predict: at must be an integer >= 1, got 0"),
        (RUN, None, [1, 201], "predict: at must be from 1 to 200, the updates of the run, got 201"),
        (RUN, None, [1.5], "predict: at must be numbers of updates made"),
        (RUN, None, [1, math.inf], "predict: at must be numbers of updates made"),
        (RUN, None, [math.nan], "predict: at must be numbers of updates made"),
        (RUN, None, [[1], [1, 2]], "predict: at must be numbers of updates made"),
        (RUN, None, [True], "predict: at must be numbers of updates made"),
        (RUN, None, [[1]], "predict: at must be numbers of updates made"),
        (RUN, None, "x", "predict: at must be an integer >= 1, got 'x'"),
    ],
)
def test_bad_arguments_are_named(law, rates, steps, at, said):
    with pytest.raises(lrs.ScheduleError, match=f"^{type(law).__name__}.{said}"):
        law.predict(rates, steps, at)


def test_a_loss_that_is_not_finite_is_an_error():
    law = dataclasses.replace(SIGNAL, noise=1e300)
    with pytest.raises(lrs.ScheduleError, match=r"SignalNoiseLaw.predict: the law has no finite loss after 3 updates"):
        law.predict(np.full(3, 1e10))


def test_a_long_run_takes_a_few_vectors():
    e = np.random.default_rng(0).uniform(0.1, 1, 200_000)
    for law in (SIGNAL, MULTI, ANNEALING):
        law.predict(e)
        tracemalloc.start()
        law.predict(e)
        assert tracemalloc.get_traced_memory()[1] < 10 * e.nbytes, law.name
        tracemalloc.stop()


@pytest.mark.parametrize("law", [SIGNAL, published["mpl-25m"]], ids=lambda law: law.name)
def test_a_law_draws_itself(law):
    mpl = pytest.importorskip("matplotlib")
    mpl.use("Agg")
    ax = law.plot()
    lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    assert list(lines) == ["constant", "cooldown over 20 %", "linear"]
    assert (
        np.isfinite(np.concatenate(list(lines.values()))).all()
        and lines["constant"][-1] > lines["cooldown over 20 %"][-1]
    )
    assert law.plot(ax) is ax
    import matplotlib.pyplot as plt

    plt.close("all")


def test_all_names_are_there():
    assert {analysis.SignalNoiseLaw, analysis.fit, analysis.published["mpl-25m"].__class__} <= {
        getattr(analysis, name) for name in analysis.__all__ if name != "published"
    }
