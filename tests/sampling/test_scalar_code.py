"""What generated code for one step looks like, and that its short cuts keep the values."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from lrsched import constant, cosine, hold, linear, multi_step, warmup

FAR = (2**31, 2**52, 2**53 - 1)


def body(schedule: Any) -> str:
    """The code that computes whole steps."""
    text: str = lrs.compile(schedule, "python").source
    return text.split("def schedule")[1]


def crowded(rnd: random.Random) -> list[int]:
    return sorted(rnd.randrange(1, 40) for _ in range(60))


def even(rnd: random.Random) -> list[int]:
    return [7 * (i + 1) for i in range(rnd.randrange(4, 50))]


def uneven(rnd: random.Random) -> list[int]:
    return np.cumsum([rnd.randrange(1, 30) for _ in range(rnd.randrange(4, 200))]).tolist()


def growing(rnd: random.Random) -> list[int]:
    return [rnd.randrange(1, 9) * 3**i for i in range(2, 12)]


@pytest.mark.parametrize("make", [crowded, even, uneven, growing], ids=lambda make: make.__name__)
@pytest.mark.parametrize("seed", range(5))
def test_a_place_among_thresholds_is_found_at_every_step(make: Callable[[random.Random], list[int]], seed: int) -> None:
    milestones = sorted(make(random.Random(seed)))
    schedule = multi_step(milestones, gamma=0.5)
    near = {t + d for t in milestones for d in (-1, 0, 1)} | {0, *range(200), milestones[-1] + 1, *FAR}
    for t in sorted(near):
        assert schedule(t) == 0.5 ** sum(m <= t for m in milestones), t
        assert schedule(t + 0.5 if t < 2**40 else t) == schedule(t)


def test_even_thresholds_are_looked_up_and_crowded_ones_searched() -> None:
    assert "while" in body(multi_step(range(7, 700, 7))) and "passed" not in body(multi_step(range(7, 700, 7)))
    assert "passed" in body(multi_step([3**i for i in range(30)]))


def test_pieces_of_both_directions_read_their_levels_from_tables() -> None:
    pieces = hold(1).then(*(linear().over(10, 1 + i % 3, 1 + (i + 1) % 3) for i in range(60)))
    returned = [line for line in body(pieces).splitlines() if "return" in line and "between" not in line]
    assert len(returned) == 4, "one for each direction, the first piece and what comes after"
    assert [pieces(t) for t in range(620)] == pieces(np.arange(620)).tolist()


@pytest.mark.parametrize(("start", "end"), [(1.0, 0.1), (0.1, 1.0), (3e-4, 0.0), (0.0, 1.0), (-1.0, -0.5), (1.0, -1.0)])
@pytest.mark.parametrize("n", [2, 7, 1000, 10**9])
def test_a_wave_meets_its_ends_and_never_turns_back(start: float, end: float, n: int) -> None:
    schedule = cosine().over(n, start=start, end=end)
    assert schedule(0) == start and schedule(n) == end
    places = sorted({min(n, abs(c + d)) for c in (0, n // 2, n) for d in range(-40, 41)})
    found = np.array([schedule(t) for t in places])
    slack = np.spacing(np.maximum(np.abs(found[1:]), np.abs(found[:-1])))
    assert np.all(np.diff(found) * math.copysign(1, end - start) >= -slack)


def test_steps_are_found_by_few_comparisons() -> None:
    """Eight stages: three comparisons each, and one for steps below 0 in the first."""
    parts = [f(100, 1.0 + i, 2.0) for i, f in enumerate([linear().over, cosine().over, lrs.rex().over] * 2)]
    schedule = hold(100, 3.0).then(*parts, constant(0.5))
    lines = body(schedule).splitlines()
    assert max((len(line) - len(line.lstrip())) // 4 for line in lines if "return" in line) <= 6
    for t in (-1, -(10**9)):
        with pytest.raises(lrs.ScheduleError, match="step must be"):
            schedule(t)


@pytest.mark.parametrize("factor", [3e-4, 0.3, 1 / 3, -2.5, 7])
def test_an_outer_factor_goes_into_the_numbers_of_a_blend(factor: float) -> None:
    cost = len(re.findall(r"[*+]", body(cosine().over(100, end=0.1))))
    rnd = random.Random(str(factor))
    for _ in range(300):
        n, start, end = rnd.randrange(1, 10**4), rnd.uniform(0.5, 2), rnd.uniform(0, 0.5)
        inner = cosine().over(n, start, end)
        whole = factor * inner
        assert whole(0) == factor * start and whole(n) == factor * end, (n, start, end)
        for t in rnd.sample(range(n + 1), k=min(n, 5)):
            assert whole(t) == pytest.approx(factor * inner(t), rel=4 * 2.0**-53), (n, start, end, t)
    assert len(re.findall(r"[*+]", body(factor * cosine().over(100, end=0.1)))) == cost


def test_waves_between_the_largest_levels_give_no_warning() -> None:
    parts = cosine().over(13, 1e300), linear().over(13, 0, 1e300), cosine().over(13, 1e300, 1e299), cosine().over(13)
    schedule = parts[0] >> parts[1] >> parts[2] >> parts[0] >> parts[3]
    assert [schedule(t) for t in range(70)] == pytest.approx(schedule.sample(70), rel=1e-14)


@pytest.mark.parametrize("s", [cosine().over(100, 1.0, -0.1), cosine().over(100, 0.1, -1.0)])
def test_an_outer_factor_stays_outside_where_levels_cancel(s: lrs.Schedule) -> None:
    assert body(0.3 * s).count("0.3 * ") == 2, body(0.3 * s)


def test_conditions_that_are_known_are_not_asked_again() -> None:
    schedule = hold(5000) >> lrs.one_minus_power().over(5000, end=0.01)
    lines = [line.strip() for line in body(schedule).splitlines() if line.strip().startswith("if t ")]
    assert len(lines) == len(set(lines)) <= 5, lines
    steps = [0, 4999, 5000, 5001, 7499, 7500, 7501, 9999, 10_000, 10**9]
    assert [schedule(t) for t in steps] == pytest.approx(schedule(np.array(steps)).tolist(), rel=1e-15)


def test_parts_are_added_to_a_long_expression_without_looking_at_all_of_it() -> None:
    product, joined = cosine().over(100) * 2.0, hold(3) >> linear().over(5)
    for i in range(5):
        product, joined = product * (1.0 + i), joined >> warmup(3 + i)
    assert product == lrs.parse(repr(product)) and joined == lrs.parse(repr(joined))
    with pytest.raises(lrs.ScheduleError, match=r"the left side \(part 7\)"):
        (joined >> constant(1.0)) >> hold(2)
    with pytest.raises(lrs.ScheduleError, match="left side"):
        joined.then(constant(1.0), hold(2))
    deep = hold(1)
    with pytest.raises(lrs.ScheduleError, match="nest at most"):
        for _ in range(200):
            deep = hold(1, 2.0) * 3.0 * (deep + 1.0)


def test_nothing_is_computed_before_the_condition_that_makes_it_safe() -> None:
    """The logarithm of what is left, which the next condition needs on one side alone, would fail on the other."""
    shape = -cosine().warped(1.5)
    assert [shape(u) for u in (0.0, 1.0)] == [-1.0, 0.0]
    assert "logarithm_rest(" not in lrs.compile(shape, "python").source.split("def schedule")[1]


def test_neighbouring_stretches_of_one_value_are_one() -> None:
    levels = hold(10, 0.2) >> hold(10, 0.5) >> hold(10, 0.7) >> hold(5, 0.1)
    source = lrs.compile(lrs.minimum(levels, 0.5), "python").source.split("def schedule")[1]
    assert re.findall(r"t < (\d\d)", source) == ["10", "30"]
