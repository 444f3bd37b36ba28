"""Plateau and Greedy on plain floats: the rules, the state, the arguments. Neither JAX nor a framework is needed."""

from __future__ import annotations

import doctest
import fractions
import itertools
import json
import math
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest

import lrsched.feedback.greedy
import lrsched.feedback.plateau
from lrsched.feedback import Greedy, GreedyState, Plateau, PlateauState, agreed
from lrsched.foundation.errors import ScheduleError

NAN, INF = math.nan, math.inf
DIALECTS = (None, "torch", "keras", "optax")


def same(a, b):
    """Equal bit for bit, NaN included."""
    return repr(tuple(a)) == repr(tuple(b))


def noisy(seed, length=60):
    """A metric that falls, stalls and breaks now and then."""
    rng = random.Random(seed)
    level, series = 3.0, []
    for _ in range(length):
        level *= rng.choice((1.0, 1.0, 0.9, 1.05))
        series.append(rng.choice((level,) * 12 + (NAN, INF)))
    return series


def random_plateau(rng):
    dialect = rng.choice(DIALECTS)
    return Plateau(
        factor=rng.choice((0.1, 0.5, 0.9)),
        patience=rng.randrange(4),
        threshold=rng.choice((0.0, 1e-4, 0.1, 1.0)),
        mode="min" if dialect == "optax" else rng.choice(("min", "max")),
        threshold_mode=rng.choice(("rel", "abs")),
        cooldown=rng.randrange(4),
        smallest=rng.choice((0.0, 1e-3, 0.3, 1.0)),
        dialect=dialect,
        average=rng.choice((1, 1, 2, 3)),
    )


@pytest.mark.parametrize("module", [lrsched.feedback.plateau, lrsched.feedback.greedy], ids=lambda m: m.__name__)
def test_examples_run(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("plateau", "expected"),
    [
        (Plateau(0.5, 2), [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
        (Plateau(0.5, 1, cooldown=2), [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]),
        (Plateau(0.5, 0), [1, 0.5, 0.25, 0.125]),
        (Plateau(0.5, 2, dialect="torch"), [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
        (Plateau(0.5, 1, cooldown=2, dialect="torch"), [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]),
        (Plateau(0.5, 2, dialect="keras"), [1, 1, 0.5, 0.5, 0.25]),
        (Plateau(0.5, 0, dialect="keras"), [1, 0.5, 0.25, 0.125]),
        (Plateau(0.5, 1, cooldown=1, dialect="keras"), [1, 0.5, 0.25, 0.125]),
        (Plateau(0.5, 1, cooldown=2, dialect="keras"), [1, 0.5, 0.5, 0.25, 0.25]),
        (Plateau(0.5, 2, dialect="optax"), [1, 1, 0.5, 0.5, 0.25]),
        (Plateau(0.5, 1, cooldown=2, dialect="optax"), [1, 0.5, 0.5, 0.5, 0.25]),
        (Plateau(0.5, 0, dialect="optax"), [0.5, 0.5, 0.5, 0.5]),
        (Plateau(0.5, 0, smallest=0.3), [1, 0.5, 0.3, 0.3]),
        (Plateau(0.5, 0, average=2), [1, 1, 1, 0.5, 0.5, 0.25]),
    ],
    ids=repr,
)
def test_constant_metric_by_hand(plateau, expected):
    assert plateau.replay([2.0] * len(expected)) == expected


@pytest.mark.parametrize("level", [-1e9, -1.0, -1e-300, -0.0, 0.0, 1e-300, 1.0, 1e9, math.inf, -math.inf])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("threshold", [0.0, 1e-4, 1.0, 2.0])
@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_constant_metric_of_any_sign_is_no_improvement(level, threshold_mode, threshold, mode):
    plateau = Plateau(0.5, 1, threshold, mode, threshold_mode)
    never_better = math.isinf(level) and (level > 0) == (mode == "min")
    expected = [1, 0.5, 0.5, 0.25, 0.25] if never_better else [1, 1, 0.5, 0.5, 0.25]
    assert plateau.replay([level] * 5) == expected


def test_torch_takes_equal_negative_values_for_better_and_the_default_does_not():
    assert Plateau(0.5, 1, dialect="torch").replay([-1.0] * 6) == [1.0] * 6
    assert Plateau(0.5, 1).replay([-1.0] * 6)[-1] < 1.0


def test_relative_threshold_is_a_share_of_the_absolute_best():
    assert Plateau(0.5, 0, 0.1).replay([-10.0, -10.9, -11.1]) == [1, 0.5, 0.5]
    assert Plateau(0.5, 0, 0.1, mode="max").replay([-10.0, -9.1, -8.9]) == [1, 0.5, 0.5]


@pytest.mark.parametrize("average", [1, 3])
def test_the_default_ignores_nan(average):
    plateau = Plateau(0.5, 1, cooldown=2, average=average)
    clean = [3.0, 3.0, 2.0, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5]
    broken = [x for value in clean for x in (NAN, value, NAN)]
    assert plateau.replay(broken)[1::3] == plateau.replay(clean)
    assert plateau.replay(broken)[0::3] == [1.0, *plateau.replay(clean)[:-1]]


def test_nan_is_bad_for_the_libraries():
    assert Plateau(0.5, 1, dialect="torch").replay([NAN] * 3) == [1, 0.5, 0.5]
    assert Plateau(0.5, 1, dialect="optax").replay([NAN] * 3) == [0.5, 0.25, 0.125]
    assert Plateau(0.5, 1, dialect="keras").replay([NAN, 1.0, 0.5]) == [1, 0.5, 0.25]


def test_mean_of_k_metrics_is_what_one_metric_was():
    rng = random.Random(4)
    for _ in range(50):
        plateau = random_plateau(rng)
        k = rng.randrange(2, 5)
        single = Plateau(**plateau.to_dict() | {"average": 1})
        averaged = Plateau(**plateau.to_dict() | {"average": k})
        blocks = [[rng.randrange(-64, 64) / 4 for _ in range(k)] for _ in range(30)]
        means = []
        for block in blocks:
            mean = 0.0
            for i, value in enumerate(block):
                mean = (i * mean + value) / (i + 1)
            means.append(mean)
        scales = averaged.replay([value for block in blocks for value in block])
        assert scales[k - 1 :: k] == single.replay(means)
        assert scales[: k - 1] == [1.0] * (k - 1)


def test_optax_averages_in_float32():
    plateau, means = Plateau(dialect="optax", average=3), []
    state = plateau.init()
    for metric in (0.1, 0.7):
        state = plateau.update(state, metric)
        means.append(state.mean)
    tenth = np.float32(0.1)
    assert means == [float(tenth), float((tenth + np.float32(0.7)) / np.float32(2))]


def test_scale_falls_from_one_to_smallest_and_lands_on_it():
    rng = random.Random(5)
    for seed in range(200):
        plateau = random_plateau(rng)
        scales = [1.0, *plateau.replay(noisy(seed))]
        assert all(a >= b >= plateau.smallest for a, b in itertools.pairwise(scales))
    for factor, smallest in ((0.1, 1e-3), (0.3, 1e-5), (0.7, 0.2)):
        for dialect in DIALECTS:
            scales = Plateau(factor, 1, smallest=smallest, dialect=dialect).replay([1.0] * 200)
            assert scales[-1] == (pytest.approx(smallest) if dialect == "torch" else smallest)


def test_eps_drops_cuts_that_change_nearly_nothing():
    torch_scale = Plateau(0.1, 0, dialect="torch").replay([1.0] * 30)[-1]
    assert torch_scale == pytest.approx(1e-8)
    assert Plateau(0.1, 0).replay([1.0] * 30)[-1] < 1e-20
    assert Plateau(0.1, 0, eps=1e-3).replay([1.0] * 30)[-1] == pytest.approx(1e-3)
    assert Plateau(0.5, 0, eps=0.6).replay([1.0] * 3) == [1.0] * 3
    assert Plateau(0.5, 0, smallest=0.2499, eps=1e-3).replay([1.0] * 5)[-1] == 0.25


def test_state_is_plain_json_from_the_first_moment():
    strict = json.dumps(Plateau().init(), allow_nan=False)
    assert PlateauState(*json.loads(strict)) == Plateau().init()
    assert [type(x) for x in Plateau().init()] == [float, float, int, int, int, int, float, int]
    assert all(isinstance(x, (int, float)) for x in Plateau().update(Plateau().init(), np.float32(2.0)))


def test_a_run_restored_at_any_point_continues_bit_for_bit():
    rng = random.Random(6)
    seen_waiting = 0
    for seed in range(40):
        plateau, series = random_plateau(rng), noisy(seed)
        state = plateau.init()
        for at, metric in enumerate(series):
            restored = json.loads(json.dumps(state))
            assert same(PlateauState(*restored), state)
            assert same(plateau.update(restored, metric), plateau.update(state, metric)), at
            state = plateau.update(restored, metric)
            seen_waiting += state.bad > 0 or state.cooldown > 0
            assert plateau.scale(list(state)) == state.scale
        assert plateau.replay(series)[-1] == state.scale
    assert seen_waiting > 500


def test_updates_do_not_depend_on_what_else_was_updated():
    plateau = Plateau(0.5, 1)
    start = plateau.init()
    first = plateau.update(start, 1.0)
    plateau.update(first, 5.0)
    assert start == plateau.init()
    assert first == plateau.update(start, 1.0)


def test_several_metrics_are_several_states():
    loss, error = Plateau(0.5, 0), Plateau(0.1, 1, mode="max")
    scales = [a * b for a, b in zip(loss.replay([1.0] * 3), error.replay([0.5] * 3), strict=True)]
    assert scales == [1.0, 0.5, 0.25 * 0.1]


@pytest.mark.parametrize("value", [2, 2.0, fractions.Fraction(2), np.float32(2), np.int8(2), np.array(2.0)])
def test_metrics_of_every_real_kind(value):
    assert same(Plateau().update(Plateau().init(), value), Plateau().update(Plateau().init(), 2.0))


@pytest.mark.parametrize("reducer", [Plateau(), Greedy()], ids=["Plateau", "Greedy"])
@pytest.mark.parametrize("value", [None, "1.0", True, 1j, [1.0], np.array([1.0]), np.bool_(True), np.array("a")])
def test_bad_metrics_are_named(reducer, value):
    with pytest.raises(ScheduleError, match=r"update: metric must be a real number") as caught:
        reducer.update(reducer.init(), value)
    assert isinstance(caught.value, TypeError)


def test_a_metric_beyond_floats_is_refused():
    with pytest.raises(ScheduleError, match="metric must be within the range of a float"):
        Plateau().update(Plateau().init(), 10**400)


@pytest.mark.parametrize("state", [None, 1.0, [1.0], (1.0,) * 7, ["x"] * 8, [None] * 8, Greedy().init()])
def test_states_of_another_kind_are_refused(state):
    for use in (lambda: Plateau().update(state, 1.0), lambda: Plateau().scale(state)):
        with pytest.raises(ScheduleError, match="state must be"):
            use()


def test_a_state_of_another_window_is_refused():
    with pytest.raises(ScheduleError, match="recent holds 3 metrics"):
        Greedy(window=3).update(Greedy(window=4).init(), 1.0)


@pytest.mark.parametrize("metrics", [1.0, None, "123"])
def test_replay_needs_a_series(metrics):
    with pytest.raises(ScheduleError, match=r"Plateau\.replay: metrics must be an iterable"):
        Plateau().replay(metrics)


PLATEAU_ERRORS = [
    ("factor", (0.0, 1.0, -0.5, 2.0, NAN, INF, "0.1", None, True, 1j)),
    ("patience", (-1, 2.5, "3", None, True, 2**31)),
    ("threshold", (-1e-9, NAN, INF, "a", None, False)),
    ("mode", ("auto", None, 1, "MIN")),
    ("threshold_mode", ("relative", None, 0)),
    ("cooldown", (-1, 1.5, None, False, 2**31)),
    ("smallest", (-0.1, 1.1, NAN, "0", None)),
]
GREEDY_ERRORS = [
    ("warmup", (-1, 1.5, None)),
    ("largest", (0.5, INF, NAN, None)),
    ("window", (0, 1.5, None)),
    ("reset", (0, 1.5, True)),
]
OWN_ERRORS = [
    ("dialect", ("pytorch", 0, "Torch")),
    ("average", (0, -1, 1.5, None, True)),
    ("eps", (-1.0, NAN, INF, "a", True)),
]
BAD_ARGUMENTS = [
    (kind, name, value)
    for kind, table in ((Plateau, PLATEAU_ERRORS + OWN_ERRORS), (Greedy, PLATEAU_ERRORS + GREEDY_ERRORS))
    for name, values in table
    for value in values
]


@pytest.mark.parametrize(("kind", "name", "value"), BAD_ARGUMENTS)
def test_bad_arguments_are_named(kind, name, value):
    with pytest.raises(ScheduleError, match=rf"^{kind.__name__}: {name} must be .*, got "):
        kind(**{name: value})


def test_optax_knows_no_maximum():
    with pytest.raises(ScheduleError, match="Plateau: mode must be 'min' in the optax dialect"):
        Plateau(mode="max", dialect="optax")


def test_every_argument_is_tried_with_bad_values():
    for kind in (Plateau, Greedy):
        assert {name for tried, name, _ in BAD_ARGUMENTS if tried is kind} == set(kind().to_dict())


VALUES = [
    Plateau(),
    Plateau(0.5, 2, dialect="keras"),
    Plateau(0.5, dialect="torch", eps=1e-5),
    Plateau(np.float64(0.5), np.int64(2), smallest=1, average=3, mode="max", threshold_mode="abs"),
    Greedy(),
    Greedy(0.5, 2, window=3, reset=None, largest=4),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_are_immutable_plain_data(value):
    assert eval(repr(value)) == value
    assert type(value).from_dict(json.loads(json.dumps(value.to_dict()))) == value
    assert pickle.loads(pickle.dumps(value)) == value
    assert hash(eval(repr(value))) == hash(value)
    with pytest.raises(AttributeError):
        value.factor = 0.3


def test_values_are_normalised():
    assert Plateau(smallest=0) == Plateau(smallest=0.0) == Plateau(smallest=-0.0)
    assert Plateau(dialect="keras") == Plateau(dialect="keras", threshold_mode="abs")
    assert Plateau(dialect="torch") == Plateau(dialect="torch", eps=1e-8) != Plateau()
    assert repr(Plateau()) == "Plateau()"
    assert repr(Plateau(dialect="torch")) == "Plateau(dialect='torch')"


def test_from_dict_refuses_names_it_does_not_know():
    with pytest.raises(ScheduleError, match=r"Plateau\.from_dict: name must be one of factor, .*, got 'gamma'"):
        Plateau.from_dict({"gamma": 0.1})


def greedy_by_hand(rule, metrics):
    """The published rule, written as a class with counters would have it, for a base rate of 1."""
    fresh = {"scale": 1.0, "best": None, "good": 0, "bad": 0, "cool": 0, "warm": 0, "floored": 0}
    s, recent, scales = dict(fresh), [], []
    sign = 1 if rule.mode == "min" else -1
    for metric in metrics:
        if math.isnan(metric):
            scales.append(s["scale"])
            continue
        recent = [*recent, metric][-rule.window :]
        value = sum(recent) / len(recent)
        if s["cool"] or s["warm"]:
            name = "cool" if s["cool"] else "warm"
            s |= {name: s[name] - 1, "good": 0, "bad": 0}
            scales.append(s["scale"])
            continue
        gap = rule.threshold * (abs(s["best"] or 0.0) if rule.threshold_mode == "rel" else 1.0)
        better = sign * value < INF if s["best"] is None else sign * value < sign * s["best"] - gap
        if better:
            s |= {"best": value, "good": s["good"] + 1, "bad": 0}
        else:
            s |= {"good": 0, "bad": s["bad"] + 1}
        if s["good"] > rule.patience:
            s |= {"scale": min(s["scale"] / rule.factor, rule.largest), "good": 0, "warm": rule.warmup, "floored": 0}
        elif s["bad"] > rule.patience:
            s |= {"scale": max(s["scale"] * rule.factor, rule.smallest), "bad": 0, "cool": rule.cooldown}
            s["floored"] += s["scale"] <= rule.smallest
            if rule.reset is not None and s["floored"] >= rule.reset:
                s, recent = dict(fresh), []
        scales.append(s["scale"])
    return scales


def random_greedy(rng):
    return Greedy(
        factor=rng.choice((0.5, 0.75)),
        patience=rng.randrange(3),
        threshold=rng.choice((0.0, 0.125)),
        mode=rng.choice(("min", "max")),
        threshold_mode=rng.choice(("abs", "rel")),
        cooldown=rng.randrange(3),
        warmup=rng.randrange(3),
        smallest=rng.choice((0.0, 0.25, 0.5, 1.0)),
        largest=rng.choice((1.0, 2.0, 8.0)),
        window=rng.choice((1, 2, 4)),
        reset=rng.choice((None, 1, 3)),
    )


def test_greedy_follows_the_published_rule():
    rng = random.Random(8)
    seen = set()
    for _ in range(1000):
        greedy = random_greedy(rng)
        drift = rng.choice((-0.25, 0.0, 0.25))
        series = [rng.choice((NAN, INF, -INF) if rng.random() < 0.03 else (i * drift + rng.randrange(-4, 5) / 4,))
                  for i in range(50)]  # fmt: skip
        scales = greedy.replay(series)
        assert scales == greedy_by_hand(greedy, series), greedy
        seen.update(scales)
    assert len(seen) > 10


def test_greedy_raises_cuts_and_starts_again():
    assert Greedy(0.5, 1, largest=4.0).replay([5.0, 4.0, 3.0, 2.0, 1.0, 0.0]) == [1, 2, 2, 4, 4, 4]
    assert Greedy(0.5, 0, smallest=0.25, reset=2).replay([1.0] + [2.0] * 3) == [2, 1, 0.5, 0.25]
    assert Greedy(0.5, 0, smallest=0.5, largest=1.0, reset=2).replay([1.0] + [2.0] * 4) == [1, 0.5, 1, 1, 0.5]


def test_greedy_restored_at_any_point_continues_bit_for_bit():
    rng = random.Random(9)
    for seed in range(20):
        greedy, state = random_greedy(rng), None
        state = greedy.init()
        for metric in noisy(seed):
            restored = json.loads(json.dumps(state))
            assert same(greedy.update(restored, metric), greedy.update(state, metric))
            state = greedy.update(restored, metric)
            assert isinstance(state, GreedyState)


def test_floats_need_no_framework():
    code = (
        "import sys; from lrsched.feedback import Greedy, Plateau; "
        "Plateau(0.5, 1).replay([1.0] * 5); Greedy(window=3).replay([1.0] * 5); "
        "assert not {'jax', 'torch', 'keras', 'optax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- several processes


@pytest.mark.parametrize(
    ("metrics", "differ", "expected"),
    [
        ([0.1, 0.1, 0.1], "error", 0.1),
        ([0.1, 0.1, 0.1], "mean", 0.1),
        ([1, np.float32(2.0)], "mean", 1.5),
        ([1e16, 1.0, -1e16], "mean", 1 / 3),
        ([math.inf, 1.0], "mean", math.inf),
        ([math.inf, math.inf], "error", math.inf),
        ([0.0, -0.0], "error", 0.0),
    ],
)
def test_ranks_agree_on_a_metric(metrics, differ, expected):
    assert agreed(metrics, differ) == expected
    assert agreed(iter(metrics), differ=differ) == expected


def test_nan_on_every_rank_is_agreed_on_and_on_one_it_is_not():
    assert math.isnan(agreed([math.nan, math.nan]))
    assert math.isnan(agreed([math.nan, 1.0], differ="mean"))
    with pytest.raises(ScheduleError, match=r"nan on rank 0, 1\.0 on rank 1"):
        agreed([math.nan, 1.0])


@pytest.mark.parametrize(
    ("metrics", "options", "message"),
    [
        ([0.5, 0.5, 0.25, 0.125], {}, "0.5 on rank 0, 0.25 on rank 2"),
        ([], {}, "those of at least one rank"),
        ([0.5, "x"], {}, r"metrics\[1\] must be a real number"),
        ([0.5], {"differ": "min"}, "differ must be one of 'error', 'mean'"),
    ],
)
def test_metrics_that_differ_are_an_error_that_names_the_ranks(metrics, options, message):
    with pytest.raises(ScheduleError, match=message):
        agreed(metrics, **options)


def test_ranks_that_agree_on_their_metrics_take_the_same_decisions():
    rule = Plateau(factor=0.5, patience=1)
    series = np.random.default_rng(4).normal(size=(50, 3)).tolist()
    assert len({tuple(rule.replay(rank)) for rank in zip(*series, strict=True)}) == 3
    states = [rule.init()] * 3
    for metrics in series:
        states = [rule.update(state, agreed(metrics, differ="mean")) for state in states]
        assert states[0] == states[1] == states[2]
