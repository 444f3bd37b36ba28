"""Schedules side by side, and the notes on one."""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import ClassVar

import numpy as np
import pytest

import lrsched as lrs
from lrsched.analysis import advise, convex_bound, transfer
from lrsched.analysis.records import Result, number, record

T = 10_000
SHAPES = [
    3e-4 * (lrs.warmup(500) >> lrs.linear().over(9500)),
    3e-4 * (lrs.warmup(500) >> lrs.rex().over(9500)),
    3e-4 * lrs.plan(T, lrs.warmup(500), lrs.hold(7500), lrs.one_minus_power()),
    3e-4 * (lrs.warmup(500) >> lrs.cosine().over(9500, end=0.1)),
    3e-4 * (lrs.warmup(500) >> lrs.constant(1)),
]
COSINE, WSD = (
    lrs.plan(20_000, lrs.warmup(500), lrs.cosine()),
    lrs.plan(60_000, lrs.warmup(500), lrs.flat(), (0.2, lrs.linear())),
)


@record
class Sums(Result):
    """A law that likes rates: its loss falls with their sum."""

    name: str
    peaks: tuple[float, float]

    assumes: ClassVar = ("that rates help",)

    @property
    def notes(self):
        return ("fitted by hand",)

    def predict(self, rates, steps=None, at=None):
        return 3.0 - float(np.sum(rates)) / 10

    def covers(self, peak):
        return self.peaks[0] / 1.5 <= peak <= self.peaks[1] * 1.5


LAW = Sums("sums", (3e-4, 3e-4))


def test_the_numbers_of_five_shapes():
    found = lrs.compare(SHAPES, T, weight_decay=0.1)
    assert [round(row.total) for row in found.rows] == [5000, 6080, 8417, 5475, 9750]
    assert [round(row.shape, 3) for row in found.rows] == [2.018, 2.038, 2.147, 2.225, 3.303]
    assert [row.rank for row in found.rows] == ["best", "tie", "weak", "worse", "worse"]
    assert [round(row.times, 2) for row in found.rows] == [1.0, 0.81, 0.56, 0.83, 0.31]
    assert [round(row.window) for row in found.rows] == [7696, 8436, 8882, 7695, 9742]
    assert [round(row.init, 3) for row in found.rows] == [0.861, 0.833, 0.777, 0.849, 0.746]
    assert all(row.findings[0].name == "frozen-init" for row in found.rows[:4])
    assert found.rows[4].findings[0].name == "no-cooldown"
    assert [row.name for row in found.order()] == [row.name for row in found.rows]
    assert found.order("total")[0] is found.rows[0] and found.order("window")[0] is found.rows[3]
    text = str(found)
    assert (
        "tie" in text
        and "row 1, and 2, 3, 4 alike" in text
        and "no loss" in text
        and all(len(x) < 130 for x in text.splitlines())
    )


def test_ties_are_told_by_two_per_cent():
    a, b = convex_bound(lrs.linear().over(400)).shape, convex_bound(lrs.rex().over(400)).shape
    assert 1 < b / a < 1.02
    rows = lrs.compare([lrs.linear().over(400), lrs.rex().over(400), lrs.linear().over(400)]).rows
    assert [row.rank for row in rows] == ["best", "tie", "best"]


def test_the_peak_to_use_is_that_of_transfer():
    found = lrs.compare({"wsd": WSD, "rex": 5 * lrs.rex().over(60_000)}, tuned=(COSINE, 3e-4, None), weight_decay=0.1)
    for row in found.rows:
        assert row.transfer == transfer(3e-4, COSINE, row.schedule)
        assert row.window == pytest.approx(
            lrs.analysis.averaging(row.transfer.peak / row.peak * row.schedule, 0.1).window, rel=1e-9
        )
    assert found.tuned == (COSINE, 3e-4, 20_000)
    own = lrs.compare(WSD, tuned=(3e-4 * COSINE, None, None))
    assert own.rows[0].transfer.peak == pytest.approx(found.rows[0].transfer.peak, rel=1e-12)
    assert "1.15e-4" in str(own) and "9.2e-5" in str(own) and "1.4e-4" in str(own)
    assert "so write 0.000115 * (warmup(500) >> flat().over(47500) >> linear().over(12000))" in " ".join(
        str(own).split()
    )
    fitted = lrs.analysis.SignalNoiseLaw(2.5, 0.6, 0.45, 40.0, (3e-4, 3e-4))
    said = " ".join(str(lrs.compare(WSD, laws=[LAW, fitted], tuned=(COSINE, 3e-4, None))).split())
    assert "(signal-noise says 0.31: analysis.transfer(..., exponent=law) takes that)" in said
    held = lrs.compare(WSD, tuned=(lrs.constant(1.0), 3e-4, 100))
    assert held.tuned[2] == 100


def test_laws_predict_at_the_peaks_as_given_and_say_when_they_do_not_know_them():
    found = lrs.compare([*SHAPES[:2], lrs.linear().over(T)], T, laws=LAW)
    assert found.rows[0].losses == (3.0 - float(SHAPES[0].sample(T).sum()) / 10,)
    lines = str(found).splitlines()
    assert lines[0].split()[-3:] == ["x", "loss,", "sums"]
    assert [line.split()[-1] for line in lines[1:4]] == ["2.8500", "2.8176", "-497.0500*"]
    text = " ".join(str(found).split())
    assert "*: the peak is too far from there, so that sums predicts nothing" in text
    assert "sums: that rates help" in text and "fitted by hand" in text
    assert "law-disagrees" not in text  # linear and REX are a tie
    other = " ".join(str(lrs.compare([SHAPES[0], SHAPES[4]], T, laws=[LAW])).split())
    assert "law-disagrees: sums puts row 2 first, and the bound row 1; the law speaks of the peaks" in other
    assert found.order("sums")[0] is found.rows[2]
    two = " ".join(str(lrs.compare(SHAPES[0], T, laws=[LAW, Sums("other", (1.0, 2.0))])).split())
    assert "sums, other: that rates help" in two and "so that other predicts nothing" in two


def test_a_law_that_can_choose_a_peak_does():
    law = lrs.analysis.SignalNoiseLaw(2.5, 0.6, 0.45, 40.0, peaks=(3e-4, 2e-3))
    shapes = [3e-4 * lrs.linear().over(60_000), 3e-4 * lrs.linear().over(100)]
    found = lrs.compare(shapes, 60_000, laws=law)
    best = [law.best_peak(shape, 60_000) for shape in shapes]
    assert law.covers(best[0]) and not law.covers(best[1])
    said = f"the best peak by signal-noise, row by row: {number(best[0], 3)}, {number(best[1], 3)}*"
    assert said in " ".join(str(found).split())
    for other in (dataclasses.replace(law, peaks=(3e-4, 3e-4)), dataclasses.replace(law, noise=0.0), LAW):
        assert "the best peak by" not in str(lrs.compare(shapes, 60_000, laws=other))


def test_what_is_no_law_is_refused():
    class Model:
        def predict(self, rates):
            return 0.0

    with pytest.raises(lrs.ScheduleError, match="compare: laws must be a law"):
        lrs.compare(WSD, laws=[Model()])


def test_a_comparison_is_a_value():
    made = [lrs.compare(SHAPES[:2], T, weight_decay=0.1, laws=LAW, tuned=(COSINE, 1e-3, None)) for _ in range(2)]
    assert made[0] == made[1] and pickle.loads(pickle.dumps(made[0])) == made[0] and hash(made[0]) == hash(made[1])
    assert made[0] != lrs.compare(SHAPES[:2], T)
    data = json.loads(made[0].to_json())
    assert [row["schedule"] for row in data["rows"]] == [repr(s) for s in SHAPES[:2]] and data["steps"] == T
    assert data["rows"][0]["findings"][0]["severity"] == "note" and data["rows"][0]["transfer"]["kind"] == "Transfer"
    html = made[0]._repr_html_()
    assert html.startswith("<table>") and "&gt;&gt;" in html and ">>" not in html


def test_the_picture_has_rates_bounds_and_shares():
    pytest.importorskip("matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    panels = lrs.compare(SHAPES[:3], T, weight_decay=0.1).plot()
    assert [len(axis.lines) for axis in panels] == [3, 3, 3]
    panels = lrs.compare([WSD], tuned=(COSINE, 3e-4, None)).plot(plt.subplots(2)[1])
    assert [len(axis.lines) for axis in panels] == [2, 1]
    assert max(panels[0].lines[0].get_ydata()) == pytest.approx(1.15e-4, rel=1e-2)
    with pytest.raises(lrs.ScheduleError, match="plot: ax must be 2 axes"):
        lrs.compare([WSD]).plot(plt.subplots()[1])
    plt.close("all")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [({"schedules": []}, "compare: schedules must be a schedule, or a list or a dict"), ({"schedules": 3}, "a list or a dict"),
     ({"schedules": [lrs.linear()]}, r"compare: schedules\['linear\(\)'\] must be a schedule; a profile needs"),
     ({"schedules": {"a": np.ones(3)}}, r"compare: schedules\['a'\] must be a schedule"),
     ({"schedules": lrs.constant(1.0)}, "compare: steps must be given, since no schedule ends"),
     ({"schedules": lrs.constant(0.0), "steps": 5}, r"compare: schedules\['constant\(0.0\)'\] must be rates of which one is > 0"),
     ({"steps": 0}, "compare: steps must be an integer >= 1"), ({"laws": "mpl-100m"}, "compare: laws must be a law, or a list"),
     ({"laws": 3}, "compare: laws must be a law"), ({"tuned": COSINE}, r"compare: tuned must be \(schedule, peak, steps\)"),
     ({"tuned": (COSINE, -1.0, None)}, r"compare: tuned\[1\] must be a peak > 0, got -1.0"),
     ({"tuned": (lrs.constant(1.0), 1.0, None)}, r"compare: tuned\[2\] must be given"),
     ({"tuned": (lrs.cosine(), 1.0, None)}, r"compare: tuned\[0\] must be a schedule; a profile"),
     ({"weight_decay": -1.0}, "averaging: weight_decay must be a number >= 0")],
)  # fmt: skip
def test_bad_arguments_are_named(arguments, told):
    with pytest.raises(lrs.ScheduleError, match=told):
        lrs.compare(**({"schedules": WSD} | arguments))


def test_columns_that_are_none_are_refused():
    found = lrs.compare(WSD)
    for by in ("window", "loss", "sums", None):
        with pytest.raises(lrs.ScheduleError, match="order: by must be one of total, shape, times"):
            found.order(by)


def test_schedules_of_jax_values_are_refused():
    jax = pytest.importorskip("jax")
    with pytest.raises(lrs.ScheduleError, match="holds JAX arrays"):
        lrs.compare(jax.numpy.float32(1.0) * lrs.linear().over(5))


# ---- notes on one schedule


def notes(schedule, steps=None, **known):
    found = advise(schedule, steps, **known)
    assert all(note.severity == "note" for note in found)
    return {note.name: note for note in found}


def test_a_run_without_a_cooldown_is_told_what_one_would_give():
    note = notes(lrs.hold(400))["no-cooldown"]
    assert "the shape is 2.73, and 2.16 with a linear cooldown over the last 80 updates" in note.sentence
    assert note.remedy == "Write .cooldown(320, 80)."
    assert not notes(lrs.linear().over(400)) and not notes(lrs.linear().over(400, end=0.19)) and not notes(lrs.hold(1))


def test_a_tail_that_moves_nothing():
    s = lrs.linear().over(100) >> lrs.hold(10, 1e-4)
    assert (
        "The last 10 updates, 9.1% of the run" in notes(s)["wasted-tail"].sentence
        and notes(s)["wasted-tail"].step == 100
    )
    assert "wasted-tail" not in notes(lrs.linear().over(100) >> lrs.hold(2, 0.0))
    sharp = notes(lrs.table([1.0, 1.0, 1e-7, 0.0]))["sharp-last"]
    assert "1.0e-07 of the one before" in sharp.sentence and sharp.step == 2
    assert "sharp-last" not in notes(lrs.table([1.0, 5e-6])) and "sharp-last" not in notes(lrs.hold(1))


def test_a_warmup_that_is_short_for_the_second_moment():
    s = lrs.warmup(50) >> lrs.linear().over(9950)
    note = notes(s, beta2=0.99)["short-warmup"]
    assert "after 50 updates" in note.sentence and "200" in note.sentence
    assert not notes(s, beta2=0.9) and not notes(s)
    assert "after 0 updates" in notes(lrs.linear().over(100), beta2=0.9)["short-warmup"].sentence
    for length, beta2 in ((2000, 0.999), (40, 0.95)):  # as long as the rule says, which is what the remedy names
        assert "short-warmup" in notes(lrs.warmup(length - 1) >> lrs.hold(9000), beta2=beta2)
        for rise in (lrs.linear(), lrs.cosine()):
            assert "short-warmup" not in notes(lrs.warmup(length, profile=rise) >> lrs.hold(9000), beta2=beta2)
    for beta2 in (0.0, 1.0, "0.9"):
        with pytest.raises(lrs.ScheduleError, match="advise: beta2 must be a number in"):
            advise(s, beta2=beta2)


def test_what_weight_decay_leaves():
    assert "86% of the last ones" in notes(SHAPES[0], weight_decay=0.1)["frozen-init"].sentence
    assert (
        "average over 499 updates, 4.0% of the run"
        in notes(lrs.hold(12_500, 0.04), weight_decay=0.1)["short-memory"].sentence
    )
    assert (
        notes(1e-2 * lrs.linear().over(T), weight_decay=0.1) == notes(1e-2 * lrs.linear().over(T), weight_decay=0) == {}
    )


def test_a_tuned_peak_is_moved():
    note = notes(WSD, tuned=(COSINE, 3e-4, None))["peak-transfer"]
    assert "becomes 1.15e-4 here (9.2e-5 to 1.4e-4), and this schedule has 1.00" in note.sentence
    assert note.step == 500 and note.remedy == "Multiply it by 1.15e-4."


@pytest.mark.parametrize("schedule", [lrs.linear(), np.ones(3), None])
def test_advice_is_for_schedules(schedule):
    with pytest.raises(lrs.ScheduleError, match="advise: schedule must be a schedule"):
        advise(schedule, 3)
