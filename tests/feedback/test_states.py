"""Damaged states of Plateau and Greedy: they are read or refused, and the scale never leaves its range."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest

import lrsched as lrs
from lrsched.feedback import GreedyState, PlateauState
from mutants import mutants, shown

RULES = [
    lrs.Plateau(0.5, 1, smallest=0.01),
    lrs.Plateau(0.5, 1, dialect="keras", average=2),
    lrs.Greedy(0.5, 1, smallest=0.25, largest=4.0),
    lrs.Greedy(0.5, 1, window=3),
]


def trained(rule: Any, seed: int = 0) -> Any:
    rng, state = random.Random(seed), rule.init()
    for _ in range(12):
        state = rule.update(state, rng.random())
    return state


@pytest.mark.parametrize("kind", [list, tuple, None])
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_damaged_state_is_refused_or_keeps_the_promise(rule: Any, kind: Any) -> None:
    state = trained(rule)
    read, low, high = 0, *rule.bounds
    for mutant in mutants(state if kind is None else kind(state), 150):
        try:
            scale = rule.scale(mutant)
            after = rule.update(mutant, 0.5)
        except lrs.ScheduleError as error:
            assert "state" in str(error)
            continue
        read += 1
        assert low <= scale <= high and low <= rule.scale(after) <= high, shown(mutant)
        assert type(scale) is float and type(after) is type(state)
        assert all(type(x) is int and x >= 0 for x in (after.seen, after.cooldown)), shown(mutant)
    assert 0 < read < 100


@pytest.mark.parametrize("value", ["3", 3.0, -1.0, 0.001, math.nan, math.inf, 1j, None, {}, (), True, b"1", 10**400])
def test_a_scale_outside_its_range_is_named(value: Any) -> None:
    plateau = lrs.Plateau(smallest=0.01)
    state = plateau.init()._replace(scale=value)
    for use in (plateau.scale, lambda s: plateau.update(s, 1.0)):
        for known in (state, list(state)):
            with pytest.raises(lrs.ScheduleError, match="scale in the state must be"):
                use(known)
    assert plateau.scale(PlateauState(0.01, *state[1:])) == 0.01
    with pytest.raises(lrs.ScheduleError, match=r"scale in the state must be a number in \[0.1, 10\], got -1"):
        lrs.Greedy().scale(GreedyState(-1, *lrs.Greedy().init()[1:]))


@pytest.mark.parametrize(
    "rule", [*RULES, lrs.Plateau(0.7, 0, smallest=0.7), lrs.Greedy(0.9, 0, smallest=0.7)], ids=repr
)
def test_states_of_a_run_are_read_from_float32_and_json_too(rule: Any) -> None:
    jax = pytest.importorskip("jax")
    state, traced = rule.init(), rule.init("float32")
    for metric in [math.inf, *[1.0] * 40, math.nan, -math.inf, 1.0]:
        state, traced = rule.update(state, metric), rule.update(traced, metric)
        again = json.loads(json.dumps(state))
        assert rule.scale(again) == state.scale
        assert repr(rule.update(again, 0.5)) == repr(rule.update(state, 0.5))
        host = jax.tree.map(lambda x: x.item(), traced)
        assert rule.scale(list(host)) == host.scale
