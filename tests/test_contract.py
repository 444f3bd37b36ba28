"""Sentences of the contract that no other test would notice to be broken, one test each, with numbers worked by hand."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from lrsched import constant, cosine, flat, hold, linear, multi_step, piecewise, step_decay, table, warmup

FOUR = linear().over(4)


def values(schedule: Any, n: int) -> list[float]:
    """The first n values, the same from Python, NumPy and ``sample``."""
    found = [schedule(t) for t in range(n)]
    assert schedule(np.arange(n)).tolist() == schedule.sample(n).tolist() == found
    return found


# ---- meaning, 2: terminal values and policies


def test_a_policy_is_consulted_alone_as_the_last_part_and_as_the_shorter_operand() -> None:
    repeated = FOUR.after("repeat")
    assert values(repeated, 6) == [1, 0.75, 0.5, 0.25, 1, 0.75]
    assert values(hold(1, 7.0) >> repeated, 7) == [7, 1, 0.75, 0.5, 0.25, 1, 0.75]
    assert values(linear().over(2).after(9.0) + hold(4, 0.0), 6) == [1, 0.5, 9, 9, 9, 9]


def test_a_policy_is_not_consulted_where_another_piece_owns_the_step() -> None:
    for policy in ("hold", "error", "repeat", "mirror", "extrapolate", 5.0):
        assert values(FOUR.after(policy) >> hold(2, 7.0), 7) == [1, 0.75, 0.5, 0.25, 7, 7, 7]
        assert FOUR.after(policy).duration == 4
        assert values(FOUR.after(policy).lasting(3), 5) == [1, 0.75, 0.5, 0.25, 0.25]


def test_the_last_policy_set_wins() -> None:
    assert FOUR.after("repeat").after("error").after(2.0) == FOUR.after(2.0)
    assert values(FOUR.after("error").after(2.0), 6) == [1, 0.75, 0.5, 0.25, 2, 2]


def test_what_comes_after_by_each_policy() -> None:
    short = linear().over(4, 1.0, 0.5)
    assert values(short.after("hold"), 7)[4:] == [0.5, 0.5, 0.5]
    assert values(short.after("mirror"), 10) == [1, 0.875, 0.75, 0.625, 0.5, 0.625, 0.75, 0.875, 1, 0.875]
    assert values(short.after("extrapolate"), 8)[4:] == [0.5, 0.375, 0.25, 0.125]
    for t in (4, 5, 10**9):
        with pytest.raises(lrs.ScheduleError, match="policy"):
            short.after("error")(t)


def test_a_cycle_that_ends_gives_its_end() -> None:
    cycles = FOUR.restarted(times=2)
    assert values(cycles, 10) == [1, 0.75, 0.5, 0.25, 1, 0.75, 0.5, 0.25, 0, 0]
    assert values(FOUR.restarted().lasting(8), 10)[-2:] == [0, 0]
    assert values(linear().sampled(times=2).over(4), 6) == [1, 1, 0.5, 0.5, 0, 0]
    assert values(linear().sampled(at=(0.5,)).over(4), 6) == [1, 1, 0.5, 0.5, 0.5, 0.5]
    assert values(table([3, 1, 2]), 5) == [3, 1, 2, 2, 2]
    assert values(piecewise([2], [1, 5]).lasting(2), 4) == [1, 1, 1, 1]
    assert values(multi_step([2]).lasting(2), 4) == [1, 1, 1, 1]
    assert values(step_decay(2, 0.5).lasting(4), 6) == [1, 1, 0.5, 0.5, 0.5, 0.5]


def test_a_piece_of_no_steps_is_its_terminal_value() -> None:
    for schedule, value in ((warmup(0, end=3.0), 3), (linear().over(0, end=0.25), 0.25), (hold(0, 7.0), 7)):
        assert schedule.duration == 0 and values(schedule, 3) == [value] * 3
        assert values(hold(2) >> schedule, 4) == [1, 1, 1, 1]
        assert values(schedule >> FOUR, 5) == values(FOUR, 5)


# ---- meaning, 3: arithmetic

IEEE: list[tuple[Any, float]] = [
    (constant(1) / constant(0), math.inf),
    (constant(-1) / 0, -math.inf),
    (constant(0) / 0, math.nan),
    (constant(-8) ** (1 / 3), math.nan),
    (constant(0) ** -1, math.inf),
    (hold(2, -2.0) ** 0.5, math.nan),
    ((linear().over(4) - 2) ** 0.5, math.nan),
    (1 / (1 - linear().over(4)), math.inf),
    ((linear().over(4) - 1) / (linear().over(4) - 1), math.nan),
    (lrs.exponential_decay(10.0)(1) * constant(1e308) * 10 ** hold(4, 2.0), math.inf),
]


@pytest.mark.parametrize("i", range(len(IEEE)))
def test_ieee_on_every_target(i: int) -> None:
    schedule, expected = IEEE[i]
    found = [schedule(0), schedule(np.array([0]))[0], schedule.sample(1)[0]]
    for value in map(float, found):
        assert value == expected or (value != value and expected != expected)


def test_ieee_in_jax() -> None:
    jax = pytest.importorskip("jax")
    for schedule, expected in IEEE[:-1]:
        value = float(jax.jit(schedule)(np.int32(0)))
        assert value == expected or (value != value and expected != expected), schedule


def test_an_error_by_policy_is_nan_in_jax() -> None:
    jax = pytest.importorskip("jax")
    found = np.asarray(jax.jit(FOUR.after("error"))(np.array([0, 3, 4, 9], dtype=np.int32)))
    assert found[:2].tolist() == [1.0, 0.25] and np.isnan(found[2:]).all()


# ---- meaning, 6, 7: integers


def test_cycles_are_counted_exactly_up_to_two_to_the_53_on_the_host() -> None:
    for length in (3, 7, 10, 10**6 + 3):
        schedule = linear().over(length).restarted()
        for cycle in (1, 12_345, 2**53 // length):
            start = cycle * length
            assert schedule(start) == schedule(np.array([start]))[0] == 1.0
            assert schedule(start - 1) == schedule(np.array([start - 1]))[0] == pytest.approx(1 / length, rel=1e-14)


def test_cycles_of_a_fractional_stretch_are_counted_exactly() -> None:
    """The i-th cycle of 10 steps, 1.7 times as long: it begins with the first step at or after i * 10 * 1.7."""
    from fractions import Fraction

    schedule = linear().sampled(times=2).over(10).restarted(gamma=0.5).stretched(1.7)
    for cycle in (1, 2, 9, 40):
        start = math.ceil(cycle * 10 * Fraction(1.7))
        assert schedule(start) == 0.5**cycle and schedule(start - 1) == 0.5**cycle


@pytest.mark.parametrize(
    ("lengths", "total", "joint"), [((5, 5), 5, 2), ((3, 1), 2, 2), ((1, 3), 2, 0), ((7, 7), 7, 4)]
)
def test_rescaled_boundaries_tie_to_even(lengths: tuple[int, int], total: int, joint: int) -> None:
    first, second = lengths
    run = (hold(first, 3.0) >> hold(second, 4.0)).rescaled(total)
    assert run.duration == total
    assert values(run, total) == [3.0] * joint + [4.0] * (total - joint)


def test_shares_that_do_not_fill_a_plan_say_what_they_add_up_to() -> None:
    with pytest.raises(lrs.ScheduleError, match=r"total=5, got 4"):
        lrs.plan(5, (0.5, linear()), (0.5, cosine()))
    with pytest.raises(lrs.ScheduleError, match=r"total=100, got 150"):
        lrs.plan(100, warmup(150), linear())
    assert lrs.plan(7, (0.5, flat()), linear()).boundaries() == (4,)


# ---- meaning, 8, 9: no state; every type of step


def test_threads_share_a_schedule() -> None:
    schedule = pickle.loads(pickle.dumps((warmup(5) >> cosine().over(200)).perturbed(0.1, 3)))
    expected = [schedule(t) for t in range(200)]
    fresh = lrs.from_dict(schedule.to_dict())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: [fresh(t) for t in range(200)], range(16)))
    assert all(one == expected for one in found)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int32", "uint32", "int64", "uint64", "float32", "float64"])
def test_steps_of_every_type_of_array(kind: str) -> None:
    schedule = 3e-4 * (warmup(5) >> cosine().over(60, end=0.1))
    steps = np.array([0, 4, 5, 64, 65, 100], dtype=kind)
    found = schedule(steps)
    assert found.dtype == np.float64 and found.tolist() == [schedule(int(t)) for t in steps]
    assert schedule(steps.reshape(2, 3)).tolist() == found.reshape(2, 3).tolist()
    assert schedule(steps[2]) == schedule(5) == schedule(5.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: table([1, 2, 3]),
        lambda: constant(1).perturbed(0.5, 9),
        lambda: step_decay(2, 0.5),
        lambda: multi_step([1, 2]),
        lambda: piecewise([1, 2], [3, 4, 5]),
        lambda: FOUR.sampled(every=1),
        lambda: FOUR.sampled(at=(1, 2)),
        lambda: FOUR.per_epoch(1),
        lambda: lrs.silver_steps(3),
        lambda: lrs.chebyshev_steps(4, 0.1, 1.0),
    ],
)
def test_what_is_read_at_whole_steps_between_them(make: Callable[[], Any]) -> None:
    schedule = make()
    for t in (0.25, 1.5, 2.999):
        assert schedule(t) == schedule(math.floor(t)) == schedule(np.array([t]))[0]


def test_a_stretch_between_two_steps_never_passes_its_end() -> None:
    for k in (1.5, 1.7, 0.3, 2.25):
        schedule = linear().over(3).stretched(k)
        steps = np.linspace(0, 3 * k + 3, 301)
        assert np.all(schedule(steps) >= 0.0) and all(schedule(t) >= 0.0 for t in steps.tolist())
        assert np.all(np.diff(schedule(steps[steps < schedule.duration])) <= 1e-15)


# ---- changes of the clock, together


def test_changes_of_the_clock_by_hand() -> None:
    assert values((hold(2, 5.0) >> FOUR).reversed(), 7) == [0, 0.25, 0.5, 0.75, 1, 5, 5]
    assert values(FOUR.reversed().reversed(), 5) == [1, 0.75, 0.5, 0.25, 0]
    assert values((hold(2, 5.0) >> hold(2, 1.0)).mirrored(), 9) == [5, 5, 1, 1, 1, 1, 1, 5, 5]
    assert values(FOUR.mirrored().stretched(0.5), 5) == [1, 0.5, 0, 0.5, 1]
    assert values(FOUR.extended(2, 4), 5) == values(FOUR, 5)
    assert values(FOUR.extended(2, 6), 7) == [1, 0.75, 0.5, 0.375, 0.25, 0.125, 0]
    assert values(FOUR.advanced(2).delayed(1), 5) == [0.5, 0.5, 0.25, 0, 0]
    assert values(FOUR.per_epoch(2).lasting(3) >> hold(1, 9.0), 4) == [1, 1, 0.75, 9]
    assert values(hold(4).cooldown(2, 2), 5) == [1, 1, 1, 0.5, 0]
    assert values(hold(4).cooldown(2, 0), 4) == [1, 1, 1, 1]
    assert values(FOUR.sampled(every=3), 6) == [1, 1, 1, 0.25, 0.25, 0.25]
    assert values((linear().over(3) >> linear().over(5, 3.0, 4.0)).sampled(every=8), 9)[-1] == 4.0


def test_readings_by_hand() -> None:
    assert (warmup(2) >> FOUR >> hold(3)).boundaries() == (2, 6)
    assert (FOUR >> FOUR).boundaries(4) == () and (FOUR >> FOUR).boundaries(5) == (4,)
    assert FOUR.delayed(3).boundaries() == (3,) and (FOUR >> FOUR).advanced(1).boundaries() == (3,)
    assert (FOUR >> FOUR).stretched(1.5).boundaries() == (6,)
    assert FOUR.cycle_ends(4) == (3,) and FOUR.cycle_ends(3) == ()
    assert FOUR.restarted(times=2).restarted(times=2).cycle_ends(100) == (7, 15)
    assert (hold(2) >> FOUR.restarted(times=2)).cycle_ends(100) == (5, 9)
    assert constant(1).cycle_ends(100) == ()
    assert FOUR.sum(0) == 0 and FOUR.sum(4) == 2.5 == FOUR.sum(10)
    assert FOUR.first_below(0.5, 10) == 3 and FOUR.first_below(0.5, 3) is None and FOUR.first_below(2, 5) == 0


# ---- what fresh eyes found


def test_a_cooldown_takes_over_at_the_end_and_past_it_too() -> None:
    assert values(FOUR.cooldown(4, 2), 7) == [1, 0.75, 0.5, 0.25, 0, 0, 0]
    assert values(hold(2, 0.5).cooldown(3, 2), 7) == [0.5, 0.5, 0.5, 0.5, 0.25, 0, 0]
    assert hold(2, 0.5).cooldown(3, 2).duration == 5


def test_a_value_is_a_float_at_every_step() -> None:
    whole = linear().over(1)
    for schedule in (whole, warmup(1), whole * whole, -whole, lrs.minimum(whole, 0.5), whole.restarted()):
        assert {type(schedule(t)) for t in (0, 1, 2, 0.5, np.int32(0))} == {float}, schedule


def test_errors_survive_pickling() -> None:
    for build in (lambda: warmup(-1), lambda: lrs.parse("hodl(3)"), lambda: warmup(lambda: 3)):  # type: ignore[arg-type]
        with pytest.raises(lrs.ScheduleError) as caught:
            build()
        again = pickle.loads(pickle.dumps(caught.value))
        assert type(again) is type(caught.value)
        assert str(again) == str(caught.value)


@lrs.register("contract_line")
def _line(xp: Any, t: Any, *, slope: float = 1.0) -> Any:
    return xp.asarray(t) * slope


MISNAMED = {
    "range_sweep: smallest must be": lambda: lrs.range_sweep(-1.0, 1.0, 5),
    "range_sweep: largest must be": lambda: lrs.range_sweep(1.0, math.nan, 5, "linear"),
    "cooldown: profile must be a Profile, got 'cosine'": lambda: hold(4).cooldown(2, 2, "cosine"),  # type: ignore[arg-type]
    "cooldown: steps must be an integer >= 0, got -2": lambda: hold(4).cooldown(2, -2),
    "after: policy must be one of 'hold', 'error', 'repeat', 'mirror', 'extrapolate', or a finite number": lambda: hold(
        4
    ).after("held"),
    "knots: xs must be a sequence of numbers, got array": lambda: lrs.knots(np.array(2.0), (1.0, 0.0)),  # type: ignore[arg-type]
    "knots: ys must be a sequence of numbers, got hold": lambda: lrs.knots((0.0, 1.0), hold(3)),  # type: ignore[arg-type]
    "register_target: table must be a mapping": lambda: lrs.register_target("other", None),  # type: ignore[arg-type]
    "sample: n must be at most": lambda: hold(4).sample(10**400),
    "step must be below the duration: it is past the end of the schedule": lambda: hold(4).after("error")(4),
    "one_cycle: peak must be a finite number, got 'abc'": lambda: lrs.recipes.one_cycle("abc", 100),
    "sgdr: first must be finite and positive, got 0": lambda: lrs.recipes.sgdr(1.0, 0),
    "sgdr: first must be an integer >= 0, got -5": lambda: lrs.recipes.sgdr(1.0, -5),
    "triangular: high must be a finite number, got nan": lambda: lrs.recipes.triangular(0.0, math.nan, 5),
    "warmup_stable_decay: cooldown must be a Profile": lambda: lrs.recipes.warmup_stable_decay(1.0, 9, 1, 2, 0.0, 3),  # type: ignore[arg-type]
    "sample: dtype must be a floating type, got 'abc'": lambda: FOUR.sample(3, dtype="abc"),
    "sample: out must be a vector of 3 floats": lambda: FOUR.sample(3, out=[1.0, 2.0, 3.0], dtype="float32"),
    "compile: dtype must be a floating type, got 'abc'": lambda: lrs.compile(FOUR, "python", "abc"),
    "compile: dtype must be a floating type, got 'int32'": lambda: lrs.compile(FOUR, "numpy", "int32"),
    "custom: numbers must be those that 'contract_line' takes": lambda: lrs.custom("contract_line", slop=1.0),
    "register: name must be a string that is read back": lambda: lrs.register("a\\b"),
    "pchip: xs must be so far apart": lambda: lrs.pchip((0.0, 5e-324, 1.0), (4.0, 2.0, 2.0)),
    "Schedule is the base of all kinds": lrs.Schedule,
    "Profile is the base of all kinds": lrs.Profile,
}


@pytest.mark.parametrize("message", MISNAMED)
def test_an_error_names_the_argument_of_what_was_called(message: str) -> None:
    with pytest.raises(lrs.ScheduleError) as caught:
        MISNAMED[message]()
    assert str(caught.value).startswith(message)


def test_a_class_that_is_no_kind_is_refused() -> None:
    class Undeclared(lrs.Schedule):
        pass

    with pytest.raises(lrs.ScheduleError, match="Undeclared is the base of all kinds: build one of them"):
        Undeclared()
    with pytest.raises(lrs.ScheduleError, match="Own: the constructor of a kind follows from its fields"):
        type("Own", (lrs.Schedule,), {"__init__": lambda self: None})


def test_a_flag_or_a_choice_of_the_wrong_kind_is_a_type_error() -> None:
    for build in (lambda: warmup(3, skip_zero=None), lambda: linear().over(3, endpoint="yes")):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="must be one of False, True"):
            build()
    with pytest.raises(lrs.ScheduleError) as caught:
        lrs.Plateau(mode="least")
    assert not isinstance(caught.value, TypeError)
