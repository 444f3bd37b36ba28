"""Pictures: what is drawn is the schedule, phases are shaded and labelled, notebooks get well-formed SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import lrsched as lrs
import strategies
from lrsched import cosine, multi_step, recipes, rex, warmup
from lrsched.display import svg

LR = 0.1 * (warmup(10) >> lrs.hold(40) >> cosine().over(50))


@pytest.fixture
def mpl():
    mpl = pytest.importorskip("matplotlib")
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    yield mpl
    plt.close("all")


def test_the_line_is_the_schedule(mpl):
    axes = LR.plot(120)
    (line,) = axes.lines
    assert np.array_equal(line.get_ydata(), LR.sample(120)) and axes.get_xlim() == (0, 120)


def test_phases_are_shaded_and_labelled(mpl):
    axes = LR.plot()
    assert [text.get_text() for text in axes.texts] == ["warmup(10)", "0.1", "cosine().over(50)"]
    (shaded,) = axes.patches
    assert shaded.get_x() == 10 and shaded.get_width() == 40


def boxes(axes):
    axes.figure.canvas.draw()
    return [text.get_window_extent() for text in axes.texts]


@pytest.mark.parametrize(
    ("schedule", "labels"),
    [
        (0.1 * multi_step([30, 60, 80]), ["0.1", "0.01", "0.001", "0.0001"]),
        (
            0.1 * (warmup(5) >> lrs.hold(70) >> lrs.linear().over(10) >> cosine().over(15, start=0.0, end=0.5)),
            ["warmup(5)", "0.1", "linear().over(10)", "cosine().over(15, start=0.0, end=0.5)"],
        ),
        (
            lrs.hold(5).then(*(rex().over(14 + i % 3) for i in range(9)), cosine().over(400)),
            list(map(str, range(1, 12))),
        ),
    ],
)
def test_labels_do_not_meet_and_are_numbers_where_words_do_not_fit(mpl, schedule, labels):
    axes = schedule.plot(100 if schedule.duration == float("inf") else None)
    assert [text.get_text() for text in axes.texts] == labels
    found = boxes(axes)
    assert not any(a.overlaps(b) for i, a in enumerate(found) for b in found[i + 1 :])


def test_small_jumps_go_straight_down_too(mpl):
    (line,) = multi_step([30, 60, 80]).plot(90).lines
    x = line.get_xdata().tolist()
    assert [x.count(t) for t in (30, 60, 80)] == [2, 2, 2]


def test_cycles_are_numbered_once(mpl):
    axes = recipes.triangular(0.1, 0.3, 50).plot(300)
    assert [text.get_text() for text in axes.texts] == ["cycle 1", "cycle 2", "cycle 3"]


def test_jumps_go_straight_down(mpl):
    (line,) = multi_step([5]).plot(10).lines
    x, y = line.get_data()
    assert [(a, b) for a, b in zip(x, y, strict=True) if a == 5] == [(5, 1.0), (5, 0.1)]


def test_several_schedules_on_a_logarithmic_scale(mpl):
    axes = lrs.plot({"REX": rex().over(100), "cosine": cosine().over(100)}, 90, log=True)
    assert [line.get_label() for line in axes.lines] == ["REX", "cosine"] and axes.get_yscale() == "log"
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["REX", "cosine"]
    assert len(lrs.plot([LR, LR * 2]).lines) == 2


def test_hyperparameters_get_a_panel_each(mpl):
    panels = {"rate": {"a": recipes.one_cycle(0.1, 100)}, "momentum": {"b": recipes.one_cycle_momentum(100)}}
    axes = lrs.plot(panels)
    assert [a.get_ylabel() for a in axes] == ["rate", "momentum"]
    assert lrs.plot(panels, ax=axes) == axes


def test_given_axes_are_drawn_on(mpl):
    import matplotlib.pyplot as plt

    _, axes = plt.subplots()
    assert LR.plot(50, ax=axes) is axes


def test_long_runs_keep_their_extremes(mpl):
    spike = lrs.hold(500_000) >> lrs.hold(1, 7.0) >> lrs.hold(499_999)
    (line,) = spike.plot().lines
    assert line.get_ydata().max() == 7.0 and len(line.get_ydata()) == 2_000


@pytest.mark.parametrize(
    ("given", "more", "said"),
    [
        ({}, {}, "plot: schedules must be a schedule, a list or a dict of schedules"),
        ({"a": rex()}, {}, "plot: schedules['a'] must be a schedule; a profile needs .over(steps), got rex()"),
        (LR, {"steps": 0}, "plot: steps must be an integer >= 1, got 0"),
        (LR, {"ax": [1, 2]}, "plot: ax must be 1 axes, one for each panel, got 2"),
    ],
)
def test_wrong_arguments_are_named(given, more, said):
    with pytest.raises(lrs.ScheduleError) as error:
        lrs.plot(given, **more)
    assert str(error.value).startswith(said)


# ---- notebooks, without matplotlib


def points(text):
    root = ET.fromstring(text)
    return [
        tuple(map(float, pair.split(",")))
        for line in root.iter("{http://www.w3.org/2000/svg}polyline")
        for pair in line.get("points").split()
    ]


def test_the_svg_curve_goes_where_the_schedule_goes():
    found = points(svg.curve(LR, LR.describe()))
    xs = [x for x, _ in found]
    assert xs == sorted(xs) and xs[0] == svg.LEFT and xs[-1] == svg.WIDTH - svg.RIGHT
    top, base = svg.TOP, svg.HEIGHT - svg.BOTTOM
    assert min(y for _, y in found) == top and found[0][1] == base
    for x, y in found[:-1]:
        t = (x - svg.LEFT) / (svg.WIDTH - svg.LEFT - svg.RIGHT) * 100
        values = [LR(int(s)) for s in (max(0, np.floor(t - 0.01)), np.floor(t + 0.01))]
        wanted = [base - v / 0.1 * (base - top) for v in values]
        assert min(abs(y - w) for w in wanted) < 0.06


def test_a_notebook_shows_curve_description_and_expression():
    page = LR._repr_html_()
    assert "<svg" in page and "<table>" in page and "0.1 * (warmup(10) &gt;&gt; hold(40)" in page
    ET.fromstring(page)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_any_expression_has_a_page(seed):
    page = strategies.seeded(seed, depth=1 + seed % 3, big=False)._repr_html_()
    ET.fromstring(page)
    assert "nan" not in page.partition("</svg>")[0].replace("nan</td>", "")
