"""Readings cost what they show: boundaries, cycles, descriptions, sums and crossings of runs of any length."""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from lrsched import constant, cosine, hold, linear, rex, warmup
from lrsched.sampling import readings
from strategies import Maker
from test_costs import calls

CYCLE = warmup(2) >> cosine().over(3)


@pytest.mark.parametrize("times", [10**6, 10**12, None])
def test_showing_costs_what_is_shown(times: int | None) -> None:
    lr = CYCLE.restarted(times=times)
    run = 5 * times if times else 5 * 10**9
    few = calls(lambda: CYCLE.restarted(times=10**5 if times else None).describe(5 * 10**5))
    assert calls(lambda: lr.describe(run)) < 3 * few
    shown = lr.describe(run)
    assert shown.cycles == run // 5 and not shown.complete
    assert [s.stop for s in shown.segments][-1] == run and shown.segments[-1].start == run - 3
    assert f"and {run // 5 - 6:,} more cycles" in str(shown)
    assert "more cycles" in shown._repr_html_() and "<svg" in lr._repr_html_()
    assert isinstance(lr.check(100), tuple) and isinstance(lr.check(run), tuple)


def test_all_boundaries_are_told_or_none() -> None:
    lr = CYCLE.restarted()
    assert lr.boundaries(12) == (2, 5, 7, 10) and lr.cycle_ends(12) == (4, 9)
    for found in (lr.boundaries, lr.cycle_ends):
        with pytest.raises(lrs.ScheduleError, match="stop must be so small that there are no more than 1,000,000"):
            found(10**9)
    with pytest.raises(lrs.ScheduleError, match="boundaries: stop must be so small"):
        linear().over(1).restarted(times=10**12).boundaries()
    assert len(lrs.step_decay(10).boundaries(10**5)) == 9_999


GROWN: dict[str, Callable[[Any], Any]] = {
    "restarted": lambda s: s.restarted(times=2),
    "mirrored": lambda s: s.mirrored(),
    "reversed": lambda s: s.reversed(),
    "sampled": lambda s: s.sampled(every=2),
    "after": lambda s: s.after("hold"),
    "delayed": lambda s: s.delayed(3),
    "advanced": lambda s: s.delayed(3).advanced(2),
    "lasting": lambda s: s.lasting(s.duration + 1),
    "stretched": lambda s: s.stretched(1.25),
    "extended": lambda s: s.extended(1, s.duration + 2),
    "sum": lambda s: s + hold(3),
    "product": lambda s: 2.0 * s,
    "sequence": lambda s: (hold(1) >> s) * 1.5,
    "clipped": lambda s: s.clipped(0.0, 9.0),
}


@pytest.mark.parametrize("name", GROWN)
def test_a_boundary_is_a_question_to_each_node(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 49 nested operators each is asked a few times for one boundary, forwards and back."""
    monkeypatch.setitem(__import__("sys").modules, "jax", None)
    start = CYCLE.restarted(times=2)
    few, many = (functools.reduce(lambda s, _: GROWN[name](s), range(n), start) for n in (12, 48))

    def ask(s: Any) -> Any:
        for back, ends in itertools.product((False, True), repeat=2):
            s.edge(s.lasts // 2, back, ends)
        return s.boundaries(20), s.cycle_ends(20)

    ask(few), ask(many)
    assert calls(lambda: ask(many)) <= 6 * calls(lambda: ask(few))


@pytest.mark.parametrize("seed", range(60))
def test_boundaries_are_the_same_from_both_ends(seed: int) -> None:
    """Walking back from the end finds what walking on finds, and all lies inside."""
    schedule = Maker(random.Random(seed), big=False).expression("Schedule", 4)
    for ends in (False, True):
        end = min(schedule.duration, 300)
        forwards = list(itertools.islice(schedule.walk_edges(end, ends), 2000))
        assert forwards == sorted(set(forwards))
        assert all(0 < e < schedule.duration + ends for e in forwards)
        past = 7 if end == schedule.duration else 0  # however far past its end it is asked
        backwards, found = [], schedule.edge(int(end) + ends + past, True, ends)
        while found is not None and len(backwards) < 2000:
            backwards.append(found)
            found = schedule.edge(found, True, ends)
        assert backwards[::-1] == forwards, schedule


@pytest.mark.parametrize(
    "text",
    [
        "(hold(1) >> hold(4, value=2.0) >> hold(3, value=3.0)).restarted(times=3, t_mult=0.5)",
        "(hold(1) >> hold(5, value=2.0) >> hold(6, value=3.0) >> hold(1, value=4.0)).mirrored()",
        "(hold(1) >> hold(6, value=2.0) >> hold(5, value=3.0)).restarted(times=2, t_mult=0.7).mirrored()",
    ],
)
def test_boundaries_are_found_from_far_behind_the_end(text: str) -> None:
    schedule, found = lrs.parse(text), []
    last = schedule.edge(schedule.duration + 7, True)
    while last is not None:
        found.append(last)
        last = schedule.edge(last, True)
    assert tuple(found[::-1]) == schedule.boundaries() and len(found) > 4


def test_boundaries_and_cycles_of_a_sampled_schedule_are_its_samples() -> None:
    """A sampled schedule hands over where it is next read."""
    q = (warmup(10) >> cosine().over(90)).sampled(every=20)
    assert q.boundaries() == (20,)
    assert [(s.start, s.stop) for s in q.describe().segments] == [(0, 20), (20, 100)]
    cycles = linear().over(4).restarted().sampled(every=3)
    assert cycles.cycle_ends(20) == (5, 8, 11, 17) and cycles.boundaries(20) == (6, 9, 12, 18)
    assert cycles.sample(13).tolist() == [1, 1, 1, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 0.75, 0.75, 0.75, 1]
    assert (hold(3) >> hold(4, 2.0) >> hold(9)).sampled(at=(0, 5, 8)).boundaries() == (5, 8)


def test_the_cycles_of_a_product_are_those_of_all_its_operands() -> None:
    assert (linear().over(4).restarted() * cosine().over(6).restarted()).cycle_ends(12) == (3, 5, 7, 11)


def test_long_sums_are_of_what_repeats_and_what_stays() -> None:
    lr, n = CYCLE.restarted(), 5 * 10**15
    assert lr.sum(n) == pytest.approx(lr.sum(5) * 10**15)
    held = 0.1 * (warmup(100) >> hold(10**12) >> cosine().over(1000, end=0.1)) + 0.5
    assert held.sum(10**15) == pytest.approx(0.6 * 10**12 + 0.51 * (10**15 - 10**12), rel=1e-9)
    assert constant(2.0).sum(2**53 - 1) == 2.0 * (2**53 - 1)
    assert lr.first_below(-1, 2**53 - 1) is None
    assert (hold(10**12) >> linear().over(1000)).first_below(0.5, 2**53 - 1) == 10**12 + 501
    for read in (lambda s: s.sum(10**12), lambda s: s.first_below(-1, 10**12)):
        with pytest.raises(lrs.ScheduleError, match="so small that at most 1,000,000,000 values are to be read"):
            read(cosine().over(10**12))


def test_a_long_sum_ends_within_a_cycle() -> None:
    for s in (cosine().over(10).restarted(t_mult=2), rex().over(2**25).restarted(gamma=0.5)):
        n = 2**24 + 12_345
        assert s.sum(n) == pytest.approx(s.sample(n).sum(), rel=1e-12)
    s = linear().over(5).restarted(t_mult=2)
    assert s.first_below(-1.0, 2**25) is None and s.first_below(1e-6, 2**25) == next(
        t for t in s.cycle_ends(2**25) if s(t) < 1e-6
    )


def test_long_sums_of_values_that_change_at_given_steps() -> None:
    for s in (lrs.multi_step((100, 10**6)), lrs.piecewise((100, 10**6), (1.0, 0.1, 0.01))):
        wanted = 100 + 0.1 * (10**6 - 100) + 0.01 * (10**12 - 10**6)
        assert s.sum(10**12) == pytest.approx(wanted, rel=1e-12)
        assert s.first_below(0.1, 10**12) == 10**6 and s.first_below(0.001, 10**12) is None
    sampled = 2 * cosine().over(10**9).sampled(at=(5, 10**8)).lasting(10**12)
    values = [sampled(0), sampled(5), sampled(10**8), sampled(10**9)]
    wanted = values[0] * 5 + values[1] * (10**8 - 5) + values[2] * (10**9 - 10**8) + values[3] * (10**12 - 10**9)
    assert sampled.sum(10**12) == pytest.approx(wanted, rel=1e-12)
    halved = 0.1 * lrs.step_decay(10**9, 0.5)
    assert halved.sum(10**12) == pytest.approx(2e8, rel=1e-12) and halved.first_below(0.02, 10**12) == 3 * 10**9
    assert linear().over(10**12).sampled(every=10**9).sum(10**12) == pytest.approx(500.5e9, rel=1e-12)
    for every in (1025, 5000, 10**6):
        slow = lrs.step_decay(every, 0.999)
        assert slow.sum(2**24 + 7) == pytest.approx(slow.sample(2**24 + 7).sum(), rel=1e-12)


@pytest.mark.parametrize("n", [5, 2**21 + 5, 2**25])
def test_a_sum_is_what_floats_make_of_it(n: int) -> None:
    """Infinite or NaN where numbers are, or go beyond the doubles; nothing is raised or printed."""
    largest, poles = hold(n, 1.7e308), (1 / warmup(1)).lasting(n - 1) >> (-1 / warmup(1))
    with np.errstate(all="raise"):
        assert largest.sum(n) == math.inf and (-1 * largest).sum(n) == -math.inf
        assert poles.sum(n - 1) == math.inf and math.isnan(poles.sum(n))
        assert (linear().over(n, 1.7e308, 1.6e308)).sum(n) == math.inf


def test_sums_of_stretches_are_those_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = (hold(2) >> linear().over(4)).restarted(times=3)
    z = (warmup(3) >> inner >> hold(5, 0.3) >> linear().over(6).restarted(times=2).lasting(15)) * 2 + 1
    monkeypatch.setattr(readings, "SHORT", 0)
    monkeypatch.setattr(readings, "BLOCK", 0)
    values = z.sample(80)
    for n in range(80):
        assert z.sum(n) == pytest.approx(math.fsum(values[:n])), n
        for bound in (1.1, 1.5, 1.6, 2.1):
            assert z.first_below(bound, n) == next((t for t in range(n) if z(t) < bound), None), (n, bound)


def test_deep_sums_are_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jax", None)
    few, many = (functools.reduce(lambda s, _: s.restarted(times=2), range(n), cosine().over(5)) for n in (24, 48))
    for s in (few, many):
        s.sum(int(s.duration)), s.sum(int(s.duration) // 2 + 3), s.first_below(-1.0, int(s.duration))
    count = [calls(lambda s=s: s.sum(int(s.duration) - 7)) for s in (few, many)]
    assert count[1] <= 3 * count[0], count
    assert many.sum(5 * 2**47) == pytest.approx(3.0 * 2**47)


def test_a_crossing_is_that_of_the_values_of_calls() -> None:
    """Where the vector is a rounding away from ``s(t)``, the latter decides."""
    assert rex().over(7, end=0.125).restarted(t_mult=1.3).first_below(0.3, 50) == 27
    assert (3e-4 * lrs.one_minus_power().over(10_000)).first_below(8.999999999999999e-05, 10_001) == 4901
    rnd = random.Random(3)
    for shape in (rex(), cosine(), lrs.one_minus_power(), lrs.exponential(), lrs.tanh(), lrs.polynomial(1.7)):
        lr = 3e-4 * (warmup(20) >> shape.over(500, end=0.1))
        for t in [rnd.randrange(520) for _ in range(20)]:
            for x in (lr(t), math.nextafter(lr(t), 1.0), math.nextafter(lr(t), 0.0)):
                assert lr.first_below(x, 600) == next((i for i in range(600) if lr(i) < x), None), (lr, t, x)
