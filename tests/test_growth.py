"""Work that is counted, not timed: nesting and chaining cost in proportion, not more with every level."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from lrsched import cosine, exponential, hold, linear, phases, tanh
from test_costs import calls


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where JAX is imported, leaves are asked whether they are its arrays."""
    monkeypatch.setitem(sys.modules, "jax", None)


def nested(grow: Callable[[Any], Any], seed: Any, levels: int) -> Any:
    """An expression changed again and again."""
    for _ in range(levels):
        seed = grow(seed)
    return seed


def uses(expression: Any) -> list[Callable[[], Any]]:
    """What an expression is first used for."""
    profile = isinstance(expression, lrs.Profile)
    step: Any = 0.37 if profile else 30
    schedule = expression.over(1000) if profile else expression
    return [
        lambda: expression(step),
        lambda: schedule(370),
        lambda: schedule.sample(1000),
        lambda: lrs.compile(expression, "python"),
        lambda: lrs.compile(schedule, "numpy"),
    ]


PROFILES: list[tuple[Callable[[Any], Any], Any]] = [
    (lambda p: p.normalised(), exponential()),
    (lambda p: p.bent(0.1).normalised(), tanh()),
    (lambda p: (p * cosine()).normalised(), linear()),
    (lambda p: phases((1, p), (1, linear())), cosine()),
    (lambda p: phases((1, cosine()), (3, p.normalised())), linear()),
    (lambda p: p.delayed(0.1).warped(1.1).mirrored(), cosine()),
]


@pytest.mark.parametrize(("grow", "seed"), PROFILES)
def test_profiles_in_profiles_cost_in_proportion(grow: Callable[[Any], Any], seed: Any) -> None:
    for few, many in zip(uses(nested(grow, seed, 4)), uses(nested(grow, seed, 12)), strict=True):
        less, more = calls(few), calls(many)
        assert more <= 4.5 * less, (less, more)


def test_lines_after_lines_cost_in_proportion() -> None:
    """The two values that a line goes through are lowered once, however many lines ask for them."""

    def lines(s: Any) -> Any:
        return s.after("extrapolate").lasting(s.duration + 3)

    for few, many in zip(*(uses(nested(lines, cosine().over(64, end=0.1), n)) for n in (4, 12)), strict=True):
        less, more = calls(few), calls(many)
        assert more <= 4.5 * less, (less, more)


HALVED: list[Callable[[Any], Any]] = [
    lambda s: s.stretched(1.1).mirrored(),
    lambda s: s.extended(7, s.duration + 5).mirrored(),
    lambda s: s.restarted(times=2).extended(17, s.duration + 9),
]


@pytest.mark.parametrize("halve", HALVED)
def test_clocks_that_double_at_each_level_are_refused_clearly(halve: Callable[[Any], Any]) -> None:
    assert nested(halve, cosine().over(64), 4)(30) > 0
    with pytest.raises(lrs.ScheduleError, match=r"nest so deep .* more than 256 clocks|too finely"):
        nested(halve, cosine().over(64), 20)(30)


def test_extensions_of_one_run_are_not_refused() -> None:
    """Each is computed once for each that is later, not twice as often as the one before."""

    def extended(s: Any) -> Any:
        return s.extended(s.duration - 5, s.duration + 9)

    few, many = (calls(partial(nested(extended, cosine().over(64), n), 30)) for n in (10, 30))
    assert many <= 10 * few, (few, many)


def test_boundaries_of_a_range_are_found_in_it_alone() -> None:
    """Nested restarts have more boundaries than can be listed, but few of them are early."""
    for grow, most in (
        (lambda s: s.restarted(times=2), 49),
        (lambda s: s.mirrored(), 49),
        (lambda s: s.restarted(times=2, t_mult=2), 14),
    ):
        found = [nested(grow, cosine().over(8), n).boundaries(100) for n in (8, most)]
        assert found[0] == found[1] and found[0][0] == 8
    empty = linear().over(1).restarted(times=5, t_mult=2.164)
    assert empty.lasting(0).boundaries(5) == () and list(empty.walk_edges(0)) == []


def test_normalised_profiles_are_built_without_being_compiled_again() -> None:
    """Each level looks once at what it is made of, which is at most the square of the levels."""
    for (grow, seed), growth in zip(PROFILES[:3], (4.5, 18, 18), strict=True):
        few, many = (calls(partial(nested, grow, seed, n)) for n in (3, 12))
        assert many <= growth * few, (few, many)


PREPENDED: list[Callable[[Any], Any]] = [
    lambda s: hold(1, 0.5) >> s,
    lambda s: (linear() ** 2).over(3) >> s,
    lambda s: s.warmup(3),
    lambda s: hold(2).then(hold(3), s),
]


@pytest.mark.parametrize("prepend", PREPENDED)
def test_what_is_put_before_a_sequence_is_all_that_is_looked_at(prepend: Callable[[Any], Any]) -> None:
    few, many = (nested(prepend, hold(1) >> hold(2, 0.5), n) for n in (2, 2_000))
    more = [calls(lambda: prepend(few)), calls(lambda: prepend(many))]
    assert max(more) <= min(more) + 5, more


@pytest.mark.parametrize("prepend", PREPENDED)
def test_what_is_put_before_a_sequence_is_checked(prepend: Callable[[Any], Any]) -> None:
    short = linear().over(5, 0.7) >> cosine().over(7)
    made = prepend(short)
    assert made == lrs.parse(repr(made)) == type(made)(made.parts) and made.parts[-2:] == short.parts
    assert made._depth == type(made)(made.parts)._depth and made.duration == sum(part.duration for part in made.parts)
    assert lrs.from_json(made.to_json()).sample(20).tobytes() == made.sample(20).tobytes()
    for wrong in (lrs.constant(0.5), lrs.inverse_sqrt(5), hold(3) >> lrs.constant(1)):
        with pytest.raises(lrs.ScheduleError, match="finite duration"):
            wrong >> short


def test_the_first_value_of_a_sequence_is_that_of_what_it_begins_with() -> None:
    rest = hold(3, 0.5) >> linear().over(5)
    for begun in (
        *(profile.over(7, start=0.3, end=end) for profile in (linear(), tanh(), exponential()) for end in (0.0, 0.7)),
        lrs.warmup(5, start=0.1), lrs.warmup(5, skip_zero=True), hold(2, 0.7), hold(0, 0.7), linear().over(0),
        linear().over(5, endpoint=True), 0.3 * linear().over(5), lrs.warmup(1).delayed(3),
    ):  # fmt: skip
        s = begun >> rest
        assert s.warmup(4) == lrs.warmup(4, end=s(0)) >> s, begun


def test_a_chain_that_is_nested_from_the_right_is_refused_with_advice() -> None:
    with pytest.raises(lrs.ScheduleError, match=r"long sum comes first: s \+ c; or use lrsched.sum"):
        nested(lambda s: 0.1 + s, linear().over(5), 200)
    with pytest.raises(lrs.ScheduleError, match=r"long product comes first: s \* c"):
        nested(lambda s: hold(3) * s, linear().over(5), 200)
    flat = nested(lambda s: s + 0.1, linear().over(5), 200)
    assert np.array_equal(flat.sample(9), lrs.sum(linear().over(5), *[0.1] * 200).sample(9))
