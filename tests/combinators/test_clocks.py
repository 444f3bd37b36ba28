"""Which piece a changed clock means, and no further than its cut: composed expressions against the contract."""

from __future__ import annotations

import os
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
import matrix
import oracle
import strategies
from lrsched import cosine, hold, linear, rex, table
from lrsched.ir.term import Builder

THOROUGH = bool(os.environ.get("THOROUGH"))  # ten thousand expressions at each depth instead of a few hundred
SEEDS = range(400 if THOROUGH else 8)


def values(schedule: Any, steps: list[int]) -> dict[str, list[float]]:
    """The values at steps in each of the ways that a host computes them."""
    return {
        "python": [schedule(t) for t in steps],
        "numpy": schedule(np.array(steps)).tolist(),
        "sample": [float(schedule.sample(t, t + 1)[0]) for t in steps] if len(steps) < 4 else
        schedule.sample(max(steps) + 1)[steps].tolist(),
    }  # fmt: skip


def check(schedule: Any, steps: list[int], slack: float = 0.0) -> None:
    """Each value is within the bound, or within a share of the largest of them of the exact value."""
    data = schedule.to_dict()
    for target, found in values(schedule, steps).items():
        near = slack * max(abs(value) for value in found)
        for t, value in zip(steps, found, strict=True):
            complaint = oracle.complaint(data, t, value)
            if complaint and near and abs(value - float(oracle.value(data, t).x)) <= near:
                continue
            assert not complaint, f"{target}: {complaint}\n{schedule!r}"


@pytest.mark.parametrize("base", matrix.BASES)
def test_every_method_of_every_base(base: str) -> None:
    rnd = random.Random(base)
    for method in matrix.METHODS:
        schedule = matrix.made(base, method)
        if schedule is not None:
            check(schedule, matrix.steps_of(schedule, rnd))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("depth", [2, 3])
def test_composed_expressions(depth: int, seed: int) -> None:
    rnd = random.Random(seed)
    for _, schedule in matrix.composed(depth, rnd, 25):
        check(schedule, matrix.steps_of(schedule, rnd), slack=1e-14)  # roundings of a clock show where it turns at 0


@pytest.mark.parametrize("seed", range(100 if THOROUGH else 4))
def test_composed_expressions_in_jax(seed: int) -> None:
    jax = pytest.importorskip("jax")
    x64 = bool(jax.config.jax_enable_x64)
    kind, step = (oracle.FLOAT64, np.int64) if x64 else (oracle.FLOAT32, np.int32)
    schedules = [s for _, s in matrix.composed(2, random.Random(100 + seed), 10)]
    steps = np.array([*range(24), 100, 199], dtype=step)
    found = jax.jit(lambda t: [lrs.compile(s, "jax")(t) for s in schedules])(steps)
    for schedule, row in zip(schedules, found, strict=True):
        for t, value in zip(steps.tolist(), np.asarray(row, dtype=np.float64).tolist(), strict=True):
            complaint = oracle.complaint(schedule.to_dict(), t, value, kind)
            assert not complaint, f"{complaint}\n{schedule!r}"


@pytest.mark.parametrize("k", [0.1, 0.3, 0.5, 1.1])
def test_a_stretched_schedule_begins_as_it_is(k: float) -> None:
    """``s.stretched(k)(0) == s(0)`` for every schedule, for each way back and in cycles too."""
    drawn = [strategies.seeded(seed, "Schedule", 3, big=False) for seed in range(12)]
    for schedule in [*(lrs.parse(text) for text in matrix.BASES), *drawn]:
        if not 0 < schedule.duration < lrs.constant(1).duration:
            continue
        for changed in (schedule, schedule.reversed(), schedule.mirrored(), schedule.reversed().restarted(times=3)):
            if round(changed.duration * k) == 0:
                continue
            first = changed(0)
            stretched = changed.stretched(k)
            for value in (stretched(0), stretched(np.array([0]))[0]):
                assert value == pytest.approx(first, rel=1e-14, nan_ok=True), repr(changed)


@pytest.mark.parametrize("times", [2, 3, 20])
def test_the_first_cycle_is_the_schedule(times: int) -> None:
    """However long the cycles grow: whether they end or not, at every sample of it."""
    for profile in (rex(), cosine()):
        for n, rest in ((1, 1), (7, 5), (900, 100)):
            s = profile.sampled(times=times).over(n, end=0.125) >> hold(rest, 0.05)
            steps = sorted(random.Random(n).sample(range(n + rest), min(n + rest, 12)))
            later = [t + n + rest for t in steps]
            exact = values(s, steps)["python"]
            for t_mult in (1.1, 1.4, 1.75, 3.308):
                endless, twice = s.restarted(t_mult=t_mult), s.restarted(times=3, t_mult=t_mult)
                assert values(endless, steps)["python"] == exact, repr(endless)
                assert values(endless, steps + later) == values(twice, steps + later), repr(endless)
                check(endless, later)


@pytest.mark.parametrize("squeeze", [0.1, 0.3, 0.9])
def test_a_cut_piece_is_read_up_to_its_cut(squeeze: float) -> None:
    profiles = (
        cosine().sampled(times=4), linear().sampled(times=7), rex().sampled(at=(0.2, 0.5, 0.6, 0.9)),
        lrs.staircase((0.25, 0.4, 0.6, 0.8), (1.0, 0.7, 0.5, 0.3, 0.1)),
        lrs.staircase((0.1, 0.2, 0.3, 0.5, 0.7, 0.9), (1.0, 0.9, 0.8, 0.6, 0.4, 0.2, 0.1)),
        lrs.phases((1.0, linear()), (2.0, cosine().sampled(times=3))), lrs.knots((0.0, 0.3, 1.0), (1.0, 0.4, 0.1)),
    )  # fmt: skip
    for profile in profiles:
        s = profile.over(11, end=0.125)
        for cut in (2, 4, 5, 9):
            for changed in (s.lasting(cut) >> hold(9, 3.0), s.cooldown(cut, 4)):
                check(changed.stretched(squeeze), [*range(10)])


def test_cycles_in_cycles_that_grow_for_ever() -> None:
    """Far cycles, which no step reaches the end of, are longer than the integers."""
    jointed = cosine().sampled(times=4).over(7, end=0.125) >> cosine().over(5)
    for schedule in (
        cosine().over(12, end=0.125).restarted().cooldown(2, 3).restarted(t_mult=2),
        jointed.restarted(times=2, gamma=0.5).extended(2, 3).restarted(t_mult=2),
        jointed.restarted().lasting(50).restarted(t_mult=3),
    ):
        for steps in ([*range(60)], [10**6, 2**40 + 1, 2**53 - 1]):
            check(schedule, steps)


@pytest.mark.parametrize("pieces", [2, 3, 6, 30])
def test_joints_just_after_a_step_in_cycles_under_a_stretch(pieces: int) -> None:
    """1.1 is a little more than 11 / 10, so that joints at tenths of it fall just after a step."""
    for shape in (lambda i: hold(1 + i % 3, 1.0 + i), lambda i: linear().over(1 + i % 3, start=1.0 + i)):
        inner = shape(0).then(*map(shape, range(1, pieces)))
        for schedule in (
            inner.stretched(2.5).restarted(times=2).stretched(1.1),
            inner.restarted(times=3, gamma=0.5).stretched(1.1),
            (hold(3) >> inner.stretched(2.5)).restarted(times=2).stretched(1.1),
        ):
            check(schedule, [*range(int(min(schedule.duration, 90)))])


def test_values_that_were_wrong() -> None:
    r = (hold(2) >> hold(2, 0.5) >> hold(1, 0.25)).reversed()
    m = (hold(1) >> hold(1, 0.5) >> hold(1, 0.25) >> hold(1, 0.1)).mirrored()
    s = rex().sampled(times=20).over(900) >> hold(100, 0.05)
    q = cosine().sampled(times=4).over(7, end=0.125) >> cosine().over(5)
    for schedule, t, value in (
        (s.restarted(t_mult=1.4), 45, s(45)),
        ((linear().sampled(times=2).over(1) >> hold(1, 0.0)).restarted(t_mult=1.3), 3, 0.5),
        ((linear().sampled(times=3).over(1) >> hold(2, 0.0)).restarted(t_mult=1.7), 3, 1.0),
        (q.restarted(t_mult=1.3), 14, 1.0),
        (r.stretched(0.5), 0, 0.25),
        (r.stretched(0.25), 0, 0.25),
        (table((0.5, 0.25, 1, 0.75, 0.1)).reversed().restarted(times=3, t_mult=0.5), 5, 0.1),
        (m.stretched(0.5), 2, 0.1),
        (cosine().sampled(times=4).over(7, end=0.125).cooldown(4, 3).stretched(0.3), 2, 0.5625),
    ):
        for target, found in values(schedule, [t]).items():
            assert found[0] == pytest.approx(value, rel=1e-15), (target, schedule)


def test_whole_growth_is_never_too_fine() -> None:
    """Cycles that double, whatever is in them, though the last one ends beyond the integers of a target."""
    for text in matrix.BASES:
        s = lrs.parse(text)
        for changed in (
            s,
            s.lasting(25).cooldown(1, 2),
            s.restarted(times=2),
            s.mirrored(),
            s.reversed(),
            s.per_epoch(2),
        ):
            for t_mult in (2, 3):
                check(changed.restarted(t_mult=t_mult), [0, 1, 5, 40, 199])


def test_a_section_that_has_not_begun_is_at_its_start() -> None:
    """Where a piece begins between steps and a phase of its profile on one."""
    for profile in (linear().delayed(0.4), lrs.phases((1.0, linear()), (2.0, cosine())), linear().delayed(1 / 3)):
        for n in (3, 5, 6, 12):
            for k in (0.5, 1.5, 2.5):
                check((hold(1) >> profile.over(n)).stretched(k), [*range(3 * n)])
            check(profile.over(n).warmup(2).restarted(times=3, t_mult=0.5), [*range(2 * n + 8)])
    steps = lrs.staircase((0.0, 0.25, 0.5, 0.75), (3.0, 5.0, 1.0, 4.0, 6.0)).delayed(0.25).over(100)  # a step at once
    for schedule in (steps.stretched(2), steps.stretched(1.5), steps.restarted(t_mult=1.5, times=2)):
        check(schedule, [*range(260)])


def test_an_index_is_never_counted_in_reals() -> None:
    """Integers beyond those of a target are refused where a piece or a sample is chosen by them."""
    b = Builder(branching=False, limit=2**31 - 1)
    t = b.step()
    index = b.floordiv(t, 2)
    beyond = b.column(np.array([0, 2**40], dtype=np.int64), b.search(np.array([5]), t))
    for use in (
        lambda: b.floordiv(b.add(t, beyond), 3),
        lambda: b.muldiv(b.add(t, beyond), 2, 3),
        lambda: b.gather(np.array([1.0, 2.0]), b.add(t, beyond)),
        lambda: b.mod(b.add(index, 2**40), 3),
    ):
        with pytest.raises(lrs.ScheduleError, match="too finely"):
            use()


@pytest.mark.parametrize("k", [2, 3, 7])
def test_cycles_are_rescaled_with_their_edges(k: int) -> None:
    """By a whole number every boundary, every value and the duration; by another ratio each cycle rounded once."""
    joint = hold(3) >> linear().over(4)
    for s in (linear().over(7), linear().over(3), cosine().sampled(times=3).over(5), joint):
        for t_mult in (0.5, 0.7, 1.5, 2.0, 2.5):
            r = s.restarted(times=3, t_mult=t_mult, gamma=0.5)
            far = r.rescaled(r.duration * k)
            assert far.duration == r.duration * k
            cycles = [t + 1 for t in r.cycle_ends(10**6)][:-1]
            assert {t * k for t in cycles} <= set(far.boundaries()), repr(far)
            if s is not joint:
                assert far.boundaries() == tuple(t * k for t in r.boundaries()), repr(far)
            np.testing.assert_allclose(far.sample(r.duration * k + 9)[::k][: r.duration], r.sample(r.duration), 1e-12)
            other = r.rescaled(r.duration + 5)
            starts = {round(Fraction(t * other.duration, r.duration)) for t in cycles}
            assert starts - {0, other.duration} <= set(other.boundaries()), repr(other)


ANEW = "phases", "delayed(0", "sampled(at=(0", "silver", "skip_zero"  # rounded again, or built anew
SQUEEZED = "extended(2", "stretched(0", "t_mult=0"  # what they leave at their end is that of another last step
TURNED = "reversed", "mirrored", "extended", "t_mult", "stretched(0", "stretched(1.1", "stretched(2"
COUNTED = "step_decay", "sampled(", "per_epoch", "restarted()", "after("  # every so many steps


def test_every_boundary_of_a_rescaled_run_is_where_it_belongs() -> None:
    """By a whole ratio exactly, and the values with them; by another one rounded, or at the next step by a stretch."""
    single = ((matrix.text_of(b, m), matrix.made(b, m)) for b in matrix.BASES for m in matrix.METHODS)
    for text, s in [*single, *matrix.composed(2, random.Random(11), 150)]:
        if s is None or not 0 < s.duration < np.inf:
            continue
        for k in (2, 3):
            far = s.rescaled(s.duration * k)
            assert far.duration == s.duration * k
            assert far.boundaries() == tuple(b * k for b in s.boundaries()), text
            if not any(word in text for word in (*ANEW, *SQUEEZED)):
                steps = np.arange(min(s.duration, 60))
                np.testing.assert_allclose(far(steps * k), s(steps), 1e-9, 1e-12, err_msg=text)
        for total in (s.duration + s.duration // 2, max(1, s.duration * 7 // 10)):
            exact = [Fraction(b * total, s.duration) for b in s.boundaries()]
            found = s.rescaled(total).boundaries()
            if not any(word in text for word in (*TURNED, *COUNTED)):
                assert found == tuple(sorted({*map(round, exact)} - {0, total})), text
            for b in found if "sampled(" not in text else ():  # where the next sample may be another one
                assert min(abs(b - x) for x in (0, *exact)) < 2, text


def test_rescaled_runs_stay_short() -> None:
    """A shape without boundaries has none in another run, and what is told by its cycle is no list of cycles."""
    assert cosine().over(7).stretched(2.5).rescaled(36).boundaries() == ()
    assert linear().over(7).restarted(times=3, t_mult=0.5).rescaled(26).boundaries() == (14, 22)
    assert cosine().over(9).stretched(3).rescaled(40) == cosine().over(40)
    assert cosine().over(7).restarted(times=10**12).rescaled(14 * 10**12) == cosine().over(14).restarted(times=10**12)
    drifting = cosine().over(10).restarted().lasting(1000).rescaled(1050)
    assert len(drifting.boundaries()) == 99 and drifting.boundaries()[-1] == 1040
    assert cosine().over(7).restarted(times=10**6).rescaled(7 * 10**6 + 3).edge(0) == 8


@pytest.mark.parametrize("n", [1000, 2**31 - 2])
def test_profiles_through_points_are_exact_from_both_ends(n: int) -> None:
    """Near the end where a rise begins they keep their digits in float64, and their sign in float32 too."""
    points = (0.0, 0.5, 1.0), (1.0, 0.25, 0.0)
    profiles = lrs.knots(*points), lrs.knots((0, 0.25, 1), (1, 0.5, 0)), lrs.pchip(*points)
    rises = [p.over(n, start=0.0, end=1.0) for p in profiles] + [lrs.warmup(n, profile=p) for p in profiles]
    schedules = [*rises, *(p.reversed().over(n) for p in profiles), *(p.over(n) for p in profiles)]
    steps = [0, 1, 2, n - 2, n - 1, n]
    for s in schedules:
        for t in steps:
            assert not oracle.complaint(s.to_dict(), t, s(t)), repr(s)
    jax = pytest.importorskip("jax")
    kind = oracle.FLOAT64 if jax.config.jax_enable_x64 else oracle.FLOAT32
    rows = jax.jit(lambda t: [lrs.compile(s, "jax")(t) for s in schedules])(np.array(steps, dtype=np.int32))
    for s, row in zip(schedules, rows, strict=True):
        for t, value in zip(steps, np.asarray(row, dtype=np.float64).tolist(), strict=True):
            assert not oracle.complaint(s.to_dict(), t, value, kind), repr(s)
            assert (value > 0) == (s(t) > 0)


def test_whole_factors_do_not_count_as_stretches() -> None:
    """Above, inside or between cycles that never end, they compose with one that is a fraction."""
    jointed = hold(2) >> cosine().sampled(times=3).over(5)
    for schedule in (
        jointed.stretched(3).restarted().stretched(1.1),
        jointed.restarted(times=3, t_mult=2).restarted().stretched(1.3),
        jointed.stretched(2.0).after("mirror").stretched(0.7),
        jointed.restarted().stretched(1.1).stretched(3.0),
        jointed.restarted(times=2).reversed().stretched(1.3),
    ):
        check(schedule, [*range(60), 1000, 12345, 10**6 + 1])


def test_a_fraction_of_endless_cycles_that_stretch_by_one_is_refused_when_built() -> None:
    fine = cosine().over(12).stretched(1.5)
    for cycles in (fine.restarted(), fine.restarted(times=10**6), fine.after("mirror"), fine.restarted(t_mult=1.3)):
        assert cycles.stretched(3.0)(40) > 0, "by a whole number each joint is known"
        assert cycles.sampled(every=2).stretched(1.1)(40) > 0, "and so it is of samples"
    for cycles in (fine.restarted(), fine.restarted(times=10**6), fine.after("mirror"), fine.after("repeat") + 1):
        with pytest.raises(lrs.ScheduleError, match="stretched: this schedule changes its pieces too finely"):
            cycles.stretched(1.1)
    with pytest.raises(lrs.ScheduleError, match="restarted: this schedule changes its pieces too finely"):
        fine.restarted(times=10**6).restarted(t_mult=1.3)
    many = hold(3, 2.0) >> linear().over(5).restarted(times=90_000, t_mult=1.0001)
    with pytest.raises(lrs.ScheduleError, match="restarted: this schedule changes its pieces too finely"):
        many.restarted(times=3, t_mult=1.1)
    assert fine.restarted(times=900).stretched(1.1)(40) > 0, "few cycles begin at known times"


@pytest.mark.parametrize(("times", "n", "k"), [(100, 10**6, 1.1), (50, 10**4, 0.3), (7, 10**6, 2.5)])
def test_samples_under_a_stretch_of_the_run_begin_at_their_step(times: int, n: int, k: float) -> None:
    """As an argument of a program: at the joints and the steps beside them, by the number that the program is given."""
    jax = pytest.importorskip("jax")
    real = np.float64 if jax.config.jax_enable_x64 else np.float32
    begun, schedule = cosine().sampled(times=times).over(n), cosine().sampled(times=times).over(n).stretched(k)
    exact = Fraction(float(real(k))) * n / times
    steps = np.array([round(exact * i) + d for i in range(1, times) for d in (-1, 0, 1)], dtype=np.int32)
    found = jax.jit(lambda s, t: s(t))(schedule, steps)
    np.testing.assert_allclose(found, begun.stretched(float(real(k)))(steps), atol=2e-6)


def test_stretches_inside_one_another_need_known_numbers_in_jax() -> None:
    jax = pytest.importorskip("jax")
    run = jax.jit(lambda s, t: s(t))
    jointed = hold(2) >> linear().over(5)
    for schedule in (jointed.stretched(1.5), jointed.restarted(t_mult=2), jointed.restarted().stretched(0.7)):
        values = [float(run(schedule, np.int32(t))) for t in range(30)]
        assert values == pytest.approx(schedule.sample(30).tolist(), rel=1e-5, abs=1e-6)
    for schedule in (jointed.stretched(1.5).restarted(t_mult=2), jointed.stretched(1.5).stretched(1.1)):
        with pytest.raises(lrs.ScheduleError, match="known before the run"):
            run(schedule, np.int32(3))
        assert float(jax.jit(schedule)(np.int32(3))) == pytest.approx(schedule(3), rel=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "cosine().over(9).sampled(every=2).stretched(0.25)",
        "(cosine().over(10).sampled(every=3) >> hold(2, value=0.25)).stretched(0.25)",
        "(cosine().over(10).sampled(at=(2, 11)) >> hold(2, value=0.25)).extended(2, 3)",
        "cosine().over(9).per_epoch(2).stretched(0.25)",
        "cosine().over(13).lasting(3).stretched(0.5)",
        "staircase((0.1, 0.3, 0.5), (1.0, 0.8, 0.6, 0.4)).over(13).lasting(3).stretched(0.5)",
        "(cosine().over(13).lasting(3) >> hold(1, 0.25)).extended(2, 3)",
        "cosine().sampled(times=5).over(13).lasting(3).stretched(0.5)",
    ],
)
def test_a_piece_ends_where_it_does_at_an_end_that_only_the_run_knows(text: str) -> None:
    """A squeezed clock is beyond the end at its last step; the piece that the step before is in is not."""
    jax = pytest.importorskip("jax")
    schedule = lrs.parse(text)
    steps = np.arange(6, dtype=np.int32)
    assert jax.jit(lambda s, t: s(t))(schedule, steps).tolist() == pytest.approx(schedule(steps).tolist(), abs=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "cosine().sampled(times=2000).over(10**6).restarted().stretched(1.1)",
        "linear().sampled(times=20000).over(2**41).restarted().stretched(1.1)",
        "(hold(3) >> linear().sampled(times=5000).over(10**6)).after('mirror').stretched(1.7)",
        "linear().sampled(times=10**6).over(10**7).restarted(times=3).reversed().stretched(1.3)",
        "linear().sampled(times=7).over(10**9).restarted().stretched(0.3)",
    ],
)
def test_samples_of_long_cycles_under_a_stretch(text: str) -> None:
    """Their number times the length of a cycle is no integer of a target; 32 bits may refuse it."""
    schedule, rnd = lrs.parse(text), random.Random(text)
    steps = [0, 1, 5, 1000, 10**6, 10**6 + 1, 2**31 - 2, *(rnd.randrange(2**31 - 1) for _ in range(17))]
    for t in [*steps, 2**51 + 7]:
        for value in (schedule(t), schedule(np.array([t]))[0], schedule.sample(t, t + 1)[0]):
            assert not oracle.complaint(schedule.to_dict(), t, float(value))
    jax = pytest.importorskip("jax")
    kind = oracle.FLOAT64 if jax.config.jax_enable_x64 else oracle.FLOAT32
    try:
        found = jax.jit(lrs.compile(schedule, "jax"))(np.array(steps, dtype=np.int32))
    except lrs.ScheduleError as error:
        assert "10**9" in text and "too finely" in str(error)
        return
    for t, value in zip(steps, np.asarray(found, dtype=np.float64).tolist(), strict=True):
        assert not oracle.complaint(schedule.to_dict(), t, value, kind), text
