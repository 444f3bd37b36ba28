"""What nests as deep as expressions may, and operations that are defined for integers alone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from lrsched import cosine, hold, linear

SHAPED: dict[str, Callable[[Any], Any]] = {
    "warped": lambda p: p.warped(1.5),
    "warped less": lambda p: p.warped(0.9),
    "bent": lambda p: p.bent(0.1),
    "reversed": lambda p: p.reversed(),
    "mirrored": lambda p: p.mirrored(),
    "delayed": lambda p: p.delayed(0.01),
    "normalised": lambda p: p.normalised(),
    "sampled": lambda p: p.sampled(times=50),
    "power": lambda p: p**1.01,
    "negative": lambda p: -p,
}


@pytest.mark.parametrize("name", SHAPED)
def test_every_method_of_profiles_nests_99_deep(name: str) -> None:
    p: Any = cosine()
    for _ in range(98):
        p = SHAPED[name](p)
    places = (0.0, 0.25, 0.5, 0.9, 1.0)
    alone = [p(u) for u in places]
    assert np.allclose(alone, p(np.array(places)), rtol=1e-9, atol=1e-9, equal_nan=True)
    s = p.over(8)
    assert np.allclose([s(t) for t in range(10)], s.sample(10), rtol=1e-9, atol=1e-9, equal_nan=True)


WHOLE: dict[str, Callable[[], Any]] = {
    "valuation": lambda: lrs.silver_steps(1).lasting(28) >> hold(1),
    "noise": lambda: hold(28).perturbed(0.1, 5) >> hold(1),
    "mirror": lambda: linear().over(5).after("mirror").lasting(28),
    "samples": lambda: linear().over(28).sampled(every=3) >> hold(2),
}
CLOCKS: dict[str, Callable[[Any], Any]] = {
    "stretched": lambda s: s.stretched(1 / 3),
    "grown": lambda s: s.restarted(times=4, t_mult=1.5, gamma=0.5),
    "endless": lambda s: s.restarted(t_mult=1.5, gamma=0.5),
    "shrunk": lambda s: s.restarted(times=3, t_mult=0.6),
    "extended": lambda s: s.extended(2, s.duration + 7),
    "reversed": lambda s: s.reversed(),
    "mirrored": lambda s: s.mirrored(),
    "advanced": lambda s: s.advanced(3),
    "epochs": lambda s: s.per_epoch(3),
    "repeated": lambda s: s.after("repeat"),
    "joined": lambda s: hold(2) >> s,
}


@pytest.mark.parametrize("name", WHOLE)
def test_operations_on_integers_never_meet_a_float(name: str) -> None:
    for first, second in itertools.product(CLOCKS, CLOCKS):
        try:
            schedule = CLOCKS[second](CLOCKS[first](WHOLE[name]()))
        except lrs.ScheduleError:
            continue
        values = [schedule(t) for t in range(60)]
        assert all(map(math.isfinite, values)), (first, second)
        assert np.allclose(values, schedule(np.arange(60)), rtol=1e-12), (first, second)
        assert np.allclose(values, schedule.sample(60), rtol=1e-12), (first, second)
