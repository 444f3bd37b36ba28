"""The laws of the algebra: what every schedule keeps to, as properties of any expression and as small examples."""

from __future__ import annotations

import copy
import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import lrsched as lrs
import strategies
from lrsched import (
    chebyshev_steps,
    constant,
    cosine,
    exponential_decay,
    flat,
    geometric,
    hold,
    linear,
    multi_step,
    phases,
    piecewise,
    plan,
    silver_steps,
    step_decay,
    table,
    warmup,
)

schedules = strategies.expressions(depth=3, big=False)
profiles = strategies.expressions("Profile", depth=3)
STEPS = [0, 1, 2, 3, 5, 8, 13, 40, 100, 10_000]


def finite(schedule: Any, n: int = 12) -> Any:
    return schedule if 0 < schedule.duration < math.inf else schedule.lasting(n)


def values(schedule: Any, steps: Any = STEPS) -> list[float]:
    found = []
    for t in steps:
        try:
            found.append(schedule(t))
        except lrs.ScheduleError as error:
            if "policy" not in str(error):
                raise
            found.append(math.nan)
    return found


def same(a: Any, b: Any, steps: Any = STEPS) -> None:
    """Equal values; where pieces were laid out otherwise, within rounding."""
    np.testing.assert_allclose(values(a, steps), values(b, steps), rtol=1e-11, atol=1e-300)


def identical(a: Any, b: Any, steps: Any = STEPS) -> None:
    """Equal bits, the sign of zero aside."""
    assert (np.array(values(a, steps)) + 0.0).tobytes() == (np.array(values(b, steps)) + 0.0).tobytes()


def around(schedule: Any, extra: int = 5) -> list[int]:
    n = int(min(schedule.duration, 60))
    return sorted({*range(n + extra), int(min(schedule.duration, 2**31)) + 7})


# ---- 1 and 2: pieces, terminal values, policies


@given(schedules, schedules)
def test_the_later_piece_owns_the_joint(a: Any, b: Any) -> None:
    a = finite(a)
    both = a >> b
    assert both.duration == a.duration + b.duration
    n = int(min(a.duration, 200))
    identical(both, a, range(n))
    if n == a.duration and b.duration > 0:
        for t in range(n, n + 20):
            assert values(both, [t]) == pytest.approx(values(b, [t - n]), rel=1e-12, nan_ok=True)


TERMINAL = [
    (linear().over(4), 0.0),
    (cosine().over(4, start=0.3, end=0.1), 0.1),
    (linear().over(4, endpoint=True), 0.0),
    (warmup(4), 1.0),
    (warmup(4, end=0.3, skip_zero=True), 0.3),
    (hold(4, 0.7), 0.7),
    (geometric(4, 1.0, 0.3), 0.3),
    (table([3, 1, 2]), 2.0),
    (linear().sampled(times=4).over(8), 0.0),
    (linear().sampled(at=(0.25, 0.75)).over(8), 0.25),
    (linear().over(4).restarted(times=3), 0.0),
    (linear().over(4).restarted(times=3, gamma=0.5), 0.0),
    (linear().over(4, end=0.2).restarted(times=2, t_mult=2, gamma=0.5), 0.1),
    (linear().over(4).mirrored(), 1.0),
    (linear().over(4).reversed(), 1.0),
    (linear().over(8).lasting(2), 0.75),
    (linear().over(4).restarted().lasting(8), 0.0),
    (step_decay(4, gamma=0.5).lasting(4), 1.0),
    (multi_step([4]).lasting(4), 1.0),
    (linear().over(4).extended(2, 10), 0.0),
    (linear().over(4).delayed(3), 0.0),
    (linear().over(4).advanced(3), 0.0),
    (linear().over(4).stretched(2.5), 0.0),
    (cosine().over(4).per_epoch(10), 0.0),
    (linear().over(0, end=0.25), 0.25),
    (linear().over(0, end=0.25, endpoint=True), 0.25),
    (linear().over(1, end=0.25, endpoint=True), 0.25),
    (warmup(0, end=0.7), 0.7),
    (linear().over(4) * 2 + 1, 1.0),
    (phases((3, flat()), (1, linear())).over(8), 0.0),
    (silver_steps(3), 1 + (1 + math.sqrt(2)) ** 1),
    (plan(10, warmup(2), (None, cosine(), 0.5)), 0.5),
]


@pytest.mark.parametrize(("schedule", "expected"), TERMINAL, ids=lambda x: repr(x)[:60])
def test_terminal_values(schedule: Any, expected: float) -> None:
    n = schedule.duration
    assert values(schedule, [n, n + 1, 10 * n + 1, 2**31 - 1]) == pytest.approx([expected] * 4, rel=1e-15, abs=1e-300)


@given(schedules)
def test_held_past_the_duration(schedule: Any) -> None:
    schedule = finite(schedule).lasting(9)
    assert len({np.float64(v).tobytes() for v in values(schedule, [9, 10, 11, 1000, 2**31 - 1])}) == 1


def test_policies() -> None:
    ramp = linear().over(4)
    assert values(ramp.after("hold"), [3, 4, 9]) == [0.25, 0, 0]
    assert values(ramp.after(0.125), [3, 4, 9]) == [0.25, 0.125, 0.125]
    assert values(ramp.after("repeat"), [3, 4, 5, 9]) == [0.25, 1, 0.75, 0.75]
    assert values(ramp.after("mirror"), [3, 4, 5, 7, 8, 9]) == [0.25, 0, 0.25, 0.75, 1, 0.75]
    assert values(ramp.after("extrapolate"), [3, 4, 6]) == [0.25, 0, -0.5]
    with pytest.raises(lrs.ScheduleError, match="past the end"):
        ramp.after("error")(4)
    assert ramp.after("error")(3) == 0.25
    ends = warmup(12).after("error")
    among = hold(40).then(2 * ends, hold(40), 3 * ends, hold(40), 4 * ends)
    assert np.array_equal(among(np.arange(156)), values(among, range(156))), "checked where its piece is read"
    with pytest.raises(lrs.ScheduleError):
        among(np.arange(157))
    assert ramp.after("repeat").after(0.5) == ramp.after(0.5), "the last one set wins"
    assert ramp.after("repeat").duration == 4
    assert values(ramp.after("repeat") >> hold(2, 9.0), [4, 5]) == [9, 9], "nobody asks for a value past it"
    assert values(hold(2) >> ramp.after("repeat"), [6, 7]) == [1, 0.75]
    assert values(ramp.after("repeat") + hold(10, 1.0), [4, 5]) == [2, 1.75]
    assert values(ramp.after("hold").perturbed(0.5, 1), [4, 5, 6]) == [0, 0, 0]


# ---- 3: value by value


@given(schedules, schedules)
def test_addition_and_multiplication_commute_in_value(a: Any, b: Any) -> None:
    identical(a * b, b * a)
    identical(a + b, b + a)
    lengths = [s.duration for s in (a, b) if s.kind_name != "constant"]
    assert (a * b).duration == max(lengths, default=math.inf)


@given(schedules, st.sampled_from([2.0, 0.5, -3.0, 0.0, 1e-3]))
def test_numbers_are_lifted(s: Any, x: float) -> None:
    for lifted, spelled in (
        (x * s, constant(x) * s),
        (s + x, s + constant(x)),
        (s - x, s + -x),
        (x / s, constant(x) / s),
    ):
        assert lifted == spelled or lifted.duration == spelled.duration
        assert lifted.duration == s.duration
        identical(lifted, spelled, STEPS[:5])


@given(schedules, schedules)
def test_values_are_combined_one_by_one(a: Any, b: Any) -> None:
    at = [0, 1, 4, 11]
    for x, y, total, least in zip(
        values(a, at), values(b, at), values(a - b, at), values(lrs.minimum(a, b), at), strict=True
    ):
        assert np.float64(x - y).tobytes() == np.float64(total).tobytes() or total == x - y or math.isnan(x - y)
        assert math.isnan(least) or least == min(x, y)
    identical(-(-a), a, at)
    assert values(lrs.maximum(a, b), at) == [
        v if v == v else pytest.approx(v, nan_ok=True) for v in values(lrs.maximum(b, a), at)
    ]


def test_arithmetic_is_ieee_on_the_host() -> None:
    zero, one = constant(0.0), hold(3)
    for schedule, expected in (
        (one / zero, math.inf),
        (zero / zero, math.nan),
        (-one / zero, -math.inf),
        ((one - 2) ** 0.5, math.nan),
        (zero**-1, math.inf),
        (constant(1e300) * 1e300, math.inf),
        (constant(10.0) ** 400, math.inf),
        (zero**0, 1.0),
    ):
        for result in (schedule(1), schedule(np.array([1]))[0], schedule.sample(2)[1]):
            assert np.array_equal(result, expected, equal_nan=True), schedule


def test_two_kinds_of_warmup() -> None:
    s = cosine().over(100)
    after, overlapping = warmup(10) >> s, warmup(10) * s
    assert after.duration == 110 and after(10) == 1.0 == s(0)
    assert overlapping.duration == 100 and overlapping(10) == s(10) < 1.0
    assert repr(3 * (warmup(2) >> s)) == "3.0 * (warmup(2) >> cosine().over(100))"


# ---- 4: durations


FINITE = [
    (linear().over(7), 7), (warmup(7), 7), (hold(7), 7), (geometric(7, 1, 2), 7), (table([1, 2]), 2),
    (silver_steps(7), 7), (chebyshev_steps(8, 0.1, 1), 8), (plan(9, linear()), 9),
    (linear().over(7).restarted(times=3), 21), (linear().over(2).restarted(times=3, t_mult=2), 14),
    (linear().over(3).restarted(times=3, t_mult=0.5), 3 + 2 + 1), (linear().over(7).mirrored(), 14),
    (linear().over(7).stretched(0.5), 4), (linear().over(5).stretched(0.5), 2), (linear().over(7).extended(3, 11), 11),
    (linear().over(7).per_epoch(3), 21), (linear().over(7).delayed(3), 10), (linear().over(7).advanced(3), 4),
    (constant(1).lasting(4), 4), (constant(1) * hold(3), 3), (hold(3) + hold(8), 8), (-hold(3), 3), (hold(3) ** 2, 3),
]  # fmt: skip
INFINITE = [
    constant(1), multi_step([5]), piecewise([5], [1, 2]), step_decay(5), exponential_decay(0.5), constant(1) * multi_step([1]),
    lrs.inverse_time_decay(0.1), lrs.inverse_sqrt(3), lrs.power_decay(3, 1), linear().over(7).restarted(),
    hold(3) + multi_step([1]), hold(3) >> constant(1),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "n"), FINITE, ids=lambda x: repr(x)[:50])
def test_finite_durations(schedule: Any, n: int) -> None:
    assert schedule.duration == n and isinstance(schedule.duration, int)


@pytest.mark.parametrize("schedule", INFINITE, ids=lambda x: repr(x)[:50])
def test_infinite_durations(schedule: Any) -> None:
    assert schedule.duration == math.inf
    for refused in (
        lambda: schedule >> hold(1), schedule.reversed, schedule.mirrored, schedule.restarted,
        lambda: schedule.rescaled(5), lambda: schedule.after("repeat"),
    ):  # fmt: skip
        with pytest.raises(lrs.ScheduleError, match=r"finite|duration"):
            refused()


def test_what_must_be_positive() -> None:
    for refused in (
        hold(0).reversed,
        hold(0).mirrored,
        hold(0).restarted,
        lambda: hold(0).rescaled(5),
        lambda: hold(0).after(1.0),
    ):
        with pytest.raises(lrs.ScheduleError, match=r"positive|duration"):
            refused()


@given(schedules)
def test_pieces_of_no_steps_own_no_step(s: Any) -> None:
    identical(warmup(0) >> s, s)
    identical(hold(0, 7.0) >> linear().over(0) >> s, s)


# ---- 5: structure


@given(schedules, schedules, schedules)
def test_sequences_are_associative(a: Any, b: Any, c: Any) -> None:
    a, b = finite(a), finite(b)
    assert (a >> b) >> c == a >> (b >> c) == a.then(b, c) == a.then(b >> c)
    assert hash((a >> b) >> c) == hash(a >> (b >> c))
    assert ((a >> b) >> c).fingerprint() == (a >> (b >> c)).fingerprint()


@given(schedules, schedules)
def test_a_nested_sequence_gives_the_numbers_of_its_flat_form(a: Any, b: Any) -> None:
    a, b = finite(a), finite(b)
    n = int(min(a.duration + b.duration, 50))
    flat_form = a >> b >> a >> b
    same((a >> b).restarted(times=2), flat_form, range(2 * n))
    same((a >> (b >> a)) * 0.5 >> b * 0.5, 0.5 * flat_form, range(2 * n))


@given(strategies.expressions())
def test_equality_is_structure(expression: Any) -> None:
    again = lrs.from_dict(expression.to_dict())
    assert again == expression and hash(again) == hash(expression) and again is not expression
    assert expression != expression * 2
    assert expression != "text" and expression != 1
    assert copy.copy(expression) == expression == copy.deepcopy(expression)


def test_numbers_are_normalised() -> None:
    assert constant(1) == constant(1.0) == constant(np.float32(1)) and constant(-0.0) == constant(0)
    assert warmup(np.int64(5)) == warmup(5) and hash(warmup(np.int64(5))) == hash(warmup(5))
    assert table((1, 2)) == table([1.0, 2.0]) == table(np.array([1, 2]))
    assert 2 * hold(3) != hold(3) * 2
    assert math.copysign(1, constant(-0.0).value) == 1


# ---- 6, 7: indices and shares


@pytest.mark.parametrize("n", [3, 7, 10, 20, 100, 1000, 10**9])
def test_samples_are_read_at_exact_steps(n: int) -> None:
    """k equal intervals of n steps: the j-th begins at the first step t with t*k >= j*n."""
    for k in (2, 3, 7, 20, 22, 999):
        schedule = linear().sampled(times=k).over(n)
        for j in {1, 2, k // 2, k - 1} - {0}:
            first = -(-j * n // k)
            if 0 < first < n and first * k // n == j:
                assert schedule(first) == pytest.approx(1 - j / k, rel=1e-14, abs=1e-15)
                assert schedule(first - 1) > schedule(first)


def test_shares_are_whole_steps_ties_to_even() -> None:
    for n, share, step in ((10, 0.25, 2), (10, 0.35, 3), (14, 0.25, 4), (5, 0.5, 2), (7, 0.5, 4), (1000, 0.1, 100)):
        assert round(Fraction(share) * n) == step
        assert plan(n, (share, flat()), (None, linear())).parts[0].duration == step
        held = linear().delayed(share).over(n)
        assert held(step) == 1.0 and held(step + 1) < 1.0
        sampled = linear().sampled(at=(share,)).over(n)
        assert (sampled(step - 1), sampled(step)) == (1.0, pytest.approx(1 - step / n, rel=1e-15))
    two = phases((1, flat(0.75)), (3, flat(0.25)))
    assert values(two.over(10), [1, 2]) == [0.75, 0.25]


# ---- 8, 9: state and real steps


@given(schedules, st.randoms(use_true_random=False))
def test_no_call_order_changes_a_result(schedule: Any, rnd: random.Random) -> None:
    first = values(schedule)
    shuffled = rnd.sample(STEPS, len(STEPS))
    assert (
        np.array(values(schedule, shuffled)).tobytes() == np.array([first[STEPS.index(t)] for t in shuffled]).tobytes()
    )


def test_real_steps() -> None:
    assert linear().over(4)(1.5) == 0.625 and warmup(4)(0.5) == 0.125
    assert table([1, 2, 3])(1.75) == 2.0 and table([1, 2, 3], interpolate=True)(1.75) == 2.75
    assert linear().sampled(times=2).over(4)(1.75) == 1.0
    assert linear().over(4).restarted()(5.5) == 0.625
    assert constant(1).perturbed(0.5, 3)(7.9) == constant(1).perturbed(0.5, 3)(7)


# ---- readings


@given(schedules)
def test_boundaries_increase_inside_the_duration(s: Any) -> None:
    found = s.boundaries(200)
    assert list(found) == sorted(set(found))
    assert all(0 < b < min(200, s.duration) for b in found)


def test_boundaries_and_cycles() -> None:
    run = warmup(5) >> hold(3) >> cosine().over(10).restarted(times=3)
    assert run.boundaries() == (5, 8, 18, 28)
    assert run.boundaries(10) == (5, 8)
    assert run.cycle_ends(100) == (17, 27, 37)
    assert cosine().over(10).restarted(t_mult=2).boundaries(100) == (10, 30, 70)
    assert cosine().over(10).restarted().cycle_ends(35) == (9, 19, 29)
    assert linear().over(10).cycle_ends(100) == (9,)
    assert linear().over(10).cycle_ends(5) == ()
    assert (0.5 * cosine().over(10).restarted(times=2)).cycle_ends(99) == (9, 19)
    assert multi_step([3, 6]).boundaries() == (3, 6)
    for endless in (step_decay(5), linear().over(5).restarted()):
        with pytest.raises(lrs.ScheduleError, match="stop"):
            endless.boundaries()


@given(schedules, st.integers(0, 60))
def test_sum_and_first_below(s: Any, n: int) -> None:
    found = values(s, range(n))
    assume(all(map(math.isfinite, found)))
    assert s.sum(n) == pytest.approx(math.fsum(found), rel=1e-9, abs=1e-9)
    level = (found or [0.0])[-1]
    expected = next((t for t, v in enumerate(s.sample(n)) if v < level), None)
    assert s.first_below(level, n) == expected


@pytest.mark.parametrize("over", [0.0, hold(5, 0.0), hold(5, 0.0) * linear().over(5)], ids=repr)
def test_a_division_by_zero_is_that_of_ieee(over: Any) -> None:
    for value, quotient in ((1.0, math.inf), (-2.0, -math.inf), (0.0, math.nan)):
        schedule = hold(5, value) / over
        np.testing.assert_array_equal([schedule(2), *schedule.sample(5)], quotient)
