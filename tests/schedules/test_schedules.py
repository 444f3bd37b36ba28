"""Laws of schedules that are no shape stretched over a run: where they step, where they rise, how they are stored."""

from __future__ import annotations

import pickle
from itertools import pairwise

import lrsched as lrs
from lrsched import cosine, multi_step, piecewise, step_decay, warmup
from test_laws import values


def test_milestones_and_drops_take_effect_at_their_step() -> None:
    assert values(multi_step([3, 5]), range(7)) == [1, 1, 1, 0.1, 0.1, 0.1**2, 0.1**2]
    assert values(multi_step([3, 3], gamma=0.5), [2, 3]) == [1, 0.25]
    assert values(piecewise([2], [1, 0.5]), [1, 2]) == [1, 0.5]
    assert values(step_decay(4, gamma=0.5), [3, 4, 7, 8]) == [1, 0.5, 0.5, 0.25]


def test_increasing_warmup() -> None:
    for a, b in pairwise(values(warmup(97, profile=cosine()), range(100))):
        assert a <= b


def test_registered_functions_are_stored_by_name() -> None:
    schedule = lrs.custom("tests_endless", b=2, a=1)
    assert schedule == lrs.custom("tests_endless", a=1.0, b=2.0)
    assert (
        lrs.from_json(schedule.to_json())
        == schedule
        == lrs.parse(repr(schedule))
        == pickle.loads(pickle.dumps(schedule))
    )
