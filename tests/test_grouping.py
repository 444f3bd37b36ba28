"""Patterns that route values to parameters, and schedules for layers."""

from __future__ import annotations

import fnmatch
import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrsched as lrs
from lrsched import grouping

TORCH = [
    "embed.weight",
    *(f"blocks.{i}.{name}" for i in range(12) for name in ("attn.weight", "attn.bias", "norm.weight")),
    "norm.weight",
    "head.weight",
    "head.bias",
]
JAX = [path.replace(".", "/") for path in TORCH]


# ---- what a pattern matches


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*", "a/b", True),
        ("a", "a/b", False),
        ("b", "a/b", False),
        ("a/*", "a/b/c", True),
        ("a/*", "ab/c", False),
        ("*b", "a/b", True),
        ("*/b", "b", False),
        ("a.*", "a/b", True),
        ("a/*", "a.b", True),
        ("a?b", "a.b", True),
        ("a?b", "ab", False),
        ("layer[0-3]/*", "layer2/w", True),
        ("layer[0-3]/*", "layer4/w", False),
        ("layer[!0-3]/*", "layer4/w", True),
        ("A/*", "a/b", False),
        ("{a,b}/w", "b/w", True),
        ("{a,b}/w", "c/w", False),
        ("{a,b{1..2}}/w", "b2/w", True),
        ("{,x}a", "a", True),
        ("l{0..11}/w", "l11/w", True),
        ("l{0..11}/w", "l12/w", False),
        ("l{1..2}", "l12", False),
        ("l{08..10}/w", "l09/w", True),
        ("l{08..10}/w", "l9/w", False),
        ("a+(b)/w", "a+(b)/w", True),
        ("a|b", "a", False),
        ("[{]a", "{a", True),
        ("a", "a\n", False),
    ],
)
def test_what_a_pattern_matches(pattern, path, expected):
    assert grouping.matches(pattern, path) is expected


@given(st.text("ab*?/", max_size=6), st.text("ab/", max_size=6))
def test_without_braces_a_pattern_is_a_glob(pattern, path):
    assert grouping.matches(pattern, path) == fnmatch.fnmatchcase(path, pattern)
    assert grouping.matches(pattern.replace("/", "."), path) == grouping.matches(pattern, path.replace("/", "."))


def test_a_regular_expression_is_searched_for_in_the_path_as_it_is():
    pattern = re.compile(r"blocks\.[0-3]\.")
    assert [path for path in TORCH if grouping.matches(pattern, path)] == TORCH[1:13]
    assert not any(grouping.matches(pattern, path) for path in JAX)
    assert grouping.assign(TORCH[:2], [pattern, "*"]) == ("*", pattern.pattern)


@pytest.mark.parametrize("pattern", ["{a}", "{}", "x{3..1}", "{a..b}"])
def test_braces_that_say_nothing_are_an_error(pattern):
    with pytest.raises(lrs.ScheduleError, match=r"braces must be \{a,b\} or \{0..11\}"):
        grouping.matches(pattern, "a")
    with pytest.raises(lrs.ScheduleError, match="braces"):
        grouping.assign(["a"], [pattern, "*"])


# ---- groups


def test_the_first_pattern_that_matches_counts():
    groups = ["*.bias", "head.*", "*"]
    assert grouping.assign(["head.bias", "head.weight", "body.weight"], groups) == ("*.bias", "head.*", "*")
    by_label = {"rest": ["embed*", "blocks.{0..11}.*"], "top": ("norm.*", "head.*")}
    assert grouping.assign(TORCH, by_label) == ("rest",) * 37 + ("top",) * 3
    assert grouping.assign(JAX, by_label) == grouping.assign(TORCH, by_label)
    assert grouping.members(TORCH, by_label)["top"] == TORCH[-3:]


@given(st.lists(st.text("ab/", min_size=1, max_size=5), min_size=1, max_size=6, unique=True))
def test_every_parameter_is_in_one_group_and_order_decides(paths):
    groups = ["a*", "*a", "*"]
    possible = [g for g in groups if any(grouping.matches(g, p) for p in paths)]
    try:
        labels = grouping.assign(paths, possible)
    except lrs.ScheduleError as error:
        assert "an earlier one takes" in str(error)
        return
    for path, label in zip(paths, labels, strict=True):
        assert label == next(g for g in possible if fnmatch.fnmatchcase(path, g))
    found = grouping.members(paths, possible)
    assert sorted(path for its in found.values() for path in its) == sorted(paths) and list(found) == possible


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["head.*"], r"lr must be patterns that match every parameter .* got embed.weight, blocks.0.attn.weight"),
        (["head.*"], r"and 26 more$"),
        (["tail.*", "*"], r"decides? for one of the parameters embed.weight, .*got 'tail.\*' \(it matches none"),
        (["head", "*"], r"did you mean 'head/\*'"),
        (["bias", "*"], r"did you mean '\*/bias'"),
        (["attn", "*"], r"did you mean '\*/attn/\*'"),
        (["*", "head.*"], r"such as 'head.weight', an earlier one takes: '\*'"),
        (["*.bias", "*.bias", "*"], r"patterns that differ"),
        ("*", r"several patterns"),
        ([3, "*"], r"a string or a compiled regular expression"),
        ({"a": "*", "b": [None]}, r"a string or a compiled regular expression"),
    ],
)
def test_what_does_not_fit_says_what_there_is(groups, message):
    with pytest.raises(lrs.ScheduleError, match=message) as caught:
        grouping.assign(TORCH, groups, where="here", argument="lr")
    assert str(caught.value).startswith("here: lr must be") and len(str(caught.value)) < 600


def test_hyperparameters_may_be_grouped_differently():
    labels, found = grouping.joint(TORCH, {"lr": ["head.*", "*"], "weight_decay": ["*.bias", "*norm*", "*"]})
    assert set(labels) == set(found) == {"*", "* & *.bias", "* & *norm*", "head.* & *", "head.* & *.bias"}
    assert found[labels[TORCH.index("head.bias")]] == {"lr": "head.*", "weight_decay": "*.bias"}
    for path, label in zip(TORCH, labels, strict=True):
        for name, patterns in (("lr", ["head.*", "*"]), ("weight_decay", ["*.bias", "*norm*", "*"])):
            assert found[label][name] == grouping.assign([*TORCH], patterns)[TORCH.index(path)]
    with pytest.raises(lrs.ScheduleError, match="step: weight_decay must be"):
        grouping.joint(TORCH, {"lr": ["*"], "weight_decay": ["head.*"]}, where="step")


def test_joint_groups_that_would_share_a_name_stay_apart():
    paths = ["x", "y"]
    labels, found = grouping.joint(paths, {"a": ["x", "*"], "b": ["x & *", "*"][1:], "c": ["x", "*"]})
    assert labels[0] != labels[1]
    labels, found = grouping.joint(paths, {"a": ["[x]", "*"], "b": ["*"], "c": ["*"], "d": ["y", "*"]})
    assert len(found) == 2
    labels, found = grouping.joint(["p", "q"], {"a": ["p", "[q]"], "b": ["[q]", "p"], "c": ["*"]})
    assert len(set(labels)) == 2
    labels, found = grouping.joint(
        ["xz", "yz"], {"a": ["x*", "y*"], "b": ["y*", "x*"], "c": [re.compile("x"), re.compile("y")]}
    )
    assert [found[label]["a"] for label in labels] == ["x*", "y*"]


def test_no_hyperparameter_is_one_group():
    assert grouping.joint(["a", "b"], {}) == (("", ""), {"": {}})


# ---- layers


def test_layers_by_number_and_by_what_there_is():
    by_range = grouping.layer_patterns("embed*", "blocks.{0..11}.*", "{norm,head}.*")
    assert by_range == grouping.layer_patterns("embed*", "blocks.{}.*", "{norm,head}.*", paths=TORCH)
    assert len(by_range) == 14 and by_range[11] == "blocks.10.*"
    for paths in (TORCH, JAX):
        found = grouping.members(paths, by_range)
        assert [len(names) for names in found.values()] == [1, *[3] * 12, 3]


@pytest.mark.parametrize(
    ("patterns", "options", "message"),
    [
        (["blocks.{}.*"], {}, "paths must be given"),
        (["stages.{}.*"], {"paths": TORCH}, r"names with a number for 'stages.\{\}.\*'"),
        (["a{0..1}.{0..1}"], {}, "at most one"),
        ([3], {}, "a string"),
    ],
)
def test_layers_that_are_not_there(patterns, options, message):
    with pytest.raises(lrs.ScheduleError, match=message):
        grouping.layer_patterns(*patterns, **options)


LR = 0.1 * (lrs.warmup(5) >> lrs.cosine().over(20, end=0.1))


@pytest.mark.parametrize(("blocks", "decay"), [(12, 0.75), (24, 0.65), (4, 0.9)])
def test_layerwise_gives_the_rates_of_electra_and_beit(blocks, decay):
    """Both scale layer i of n blocks, embedding 0 and head n + 1, by decay ** (n + 1 - i)."""
    layers = lrs.layerwise(LR, blocks + 2, decay)
    for i, layer in enumerate(layers):
        for t in (0, 3, 5, 17, 25, 400):
            assert layer(t) == pytest.approx(decay ** (blocks + 1 - i) * LR(t), rel=1e-15)
        assert layer.duration == LR.duration
    assert [layers[-1](t) for t in range(30)] == [LR(t) for t in range(30)]


def test_layerwise_gives_the_rates_of_ulmfit_and_fastai():
    layers = lrs.layerwise(0.01, 5, 1 / 2.6)
    for lower, upper in pairwise(layers):
        assert lower(0) == pytest.approx(upper(0) / 2.6, rel=1e-15)
    low, high, depth = 1e-5, 1e-3, 4
    spread = [s(0) for s in lrs.layerwise(high, depth, (low / high) ** (1 / (depth - 1)))]
    assert spread == pytest.approx([1e-5, 10 ** (-13 / 3), 10 ** (-11 / 3), 1e-3], rel=1e-12)


def test_layers_are_plain_expressions():
    for layer in lrs.layerwise(LR, 3, 0.5) + lrs.unfreezing(lrs.layerwise(LR, 3, 0.5), 4):
        assert lrs.parse(repr(layer)) == layer


def test_discriminative_rates():
    rates = lrs.discriminative(LR, {"head.*": 1, "norm.*": 0, "*": 0.1})
    assert list(rates) == ["head.*", "norm.*", "*"] and rates["norm.*"](7) == 0.0
    assert rates["*"](7) == 0.1 * LR(7)
    assert [s(3) for s in lrs.discriminative(LR, [0.5, 1.0])] == [0.5 * LR(3), LR(3)]


def test_unfreezing_starts_each_layer_at_its_step_on_its_own_clock():
    layers = lrs.layerwise(LR, 4, 0.5)
    for i, (layer, frozen) in enumerate(zip(layers, lrs.unfreezing(layers, 6), strict=True)):
        start = 6 * (3 - i)
        assert [frozen(t) for t in range(start)] == [0.0] * start
        assert [frozen(start + t) for t in range(40)] == [layer(t) for t in range(40)]
        assert frozen.duration == start + 25


def test_unfreezing_on_the_common_clock_joins_the_others():
    layers = lrs.layerwise(LR, 4, 0.5)
    starts = [11, 7, 7, 0]
    for start, layer, frozen in zip(starts, layers, lrs.unfreezing(layers, starts, clock="common"), strict=True):
        assert [frozen(t) for t in range(start)] == [0.0] * start
        assert [frozen(t) for t in range(start, 40)] == [layer(t) for t in range(start, 40)]
        assert frozen.duration == 25
    endless = lrs.unfreezing([lrs.inverse_sqrt(10)], [100], clock="common")[0]
    assert endless(99) == 0.0 and endless(100) == lrs.inverse_sqrt(10)(100) and endless.duration == math.inf


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: lrs.layerwise(LR, 0, 0.5), "layerwise: depth must be an integer >= 1"),
        (lambda: lrs.layerwise(LR, 2, 0.0), "layerwise: decay must be a number > 0"),
        (lambda: lrs.layerwise(LR, 2, math.nan), "layerwise: decay"),
        (lambda: lrs.layerwise(lrs.cosine(), 2, 0.5), "layerwise: schedule must be a schedule or a finite number"),
        (lambda: lrs.discriminative(LR, {"a": -1.0}), r"factors\['a'\] must be a finite number >= 0"),
        (lambda: lrs.discriminative(LR, 0.5), "a dictionary or a sequence"),
        (lambda: lrs.discriminative(LR, "ab"), "a dictionary or a sequence"),
        (lambda: lrs.unfreezing(LR, 3), "a sequence of schedules"),
        (lambda: lrs.unfreezing([LR, "x"], 3), r"schedules\[1\] must be a schedule"),
        (lambda: lrs.unfreezing([LR, LR], [3]), r"starts must be as many as schedules \(2\), got 1"),
        (lambda: lrs.unfreezing([LR, LR], [3, -1]), r"starts\[1\] must be an integer >= 0"),
        (lambda: lrs.unfreezing([LR, LR], 3, clock="mine"), "clock must be one of 'own', 'common'"),
        (lambda: lrs.unfreezing([LR, LR], 30, clock="common"), r"starts\[0\] must be before the end .*\(25\), got 30"),
    ],
)
def test_what_makes_no_sense_is_an_error(made, message):
    with pytest.raises(lrs.ScheduleError, match=message):
        made()
