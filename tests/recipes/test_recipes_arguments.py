"""What recipes take: nonsense is refused in the caller's words or gives finite rates; a share of the run is its steps."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from lrsched import recipes
from lrsched.algebra.arguments import _declared
from lrsched.algebra.node import children
from lrsched.recipes._examples import Example, examples

NONSENSE = (
    math.nan, math.inf, -math.inf, -1, 0, 0.5, 1e12, 10**12, True, "x", None, 2**53, 1e308, 1e-308, 1.5, -0.5, 10**400, 1 - 2**-53, [], [0.5],
)  # fmt: skip
MOST = 100_000  # nodes that one call may build


def given(example: Example) -> dict[str, Any]:
    """The arguments of an example by name."""
    bound = inspect.signature(getattr(recipes, example.name)).bind(*example.arguments, **example.options)
    bound.apply_defaults()
    return bound.arguments


def nodes(*waiting: Any) -> int:
    """How many nodes expressions have."""
    left, count = list(waiting), 0
    while left:
        count += 1
        left.extend(children(left.pop()))
    return count


def is_in_the_callers_words(name: str, arguments: Iterable[str], error: Exception) -> bool:
    """Whether an error names the recipe, and of its arguments one, or several that only together make no sense."""
    where, _, told = str(error).partition(": ")
    return where == name and {re.sub(r"\[.*", "", word) for word in told.split(" must be ")[0].split(" + ")} <= {
        *arguments
    }


def check(made: Any) -> None:
    if isinstance(made, np.ndarray):
        assert made.size <= 1_000_000 and np.isfinite(made).all()
        return
    for part in made if isinstance(made, tuple) else (made,):
        assert nodes(part) <= MOST
        schedule = part.over(1_000) if isinstance(part, lrs.Profile) else part
        length = schedule.duration if schedule.duration < 2**53 else 1_000
        for t in {0, 1, 2, 7, 99, 1_000, length // 2, length}:
            assert math.isfinite(schedule(t)), (t, schedule(t))


@pytest.mark.parametrize("name", recipes.__all__)
def test_nonsense_is_refused_in_the_callers_words_or_gives_finite_rates(name: str) -> None:
    values = given(examples()[name])
    for argument in values:
        for nonsense in NONSENSE:
            try:
                made = getattr(recipes, name)(**{**values, argument: nonsense})
            except lrs.ScheduleError as error:
                assert is_in_the_callers_words(name, values, error), (argument, nonsense, error)
            except Exception as error:
                raise AssertionError((argument, nonsense)) from error
            else:
                try:
                    check(made)
                except Exception as error:
                    raise AssertionError((argument, nonsense, made)) from error


LENGTHS = [
    (name, argument, declared[1])
    for name in recipes.__all__
    for argument, declared in _declared(getattr(recipes, name).__wrapped__).items()
    if len(declared) > 1
]


@pytest.mark.parametrize(("name", "argument", "run"), LENGTHS)
def test_a_share_of_the_run_is_its_steps(name: str, argument: str, run: str) -> None:
    values = given(examples()[name])
    recipe, steps = getattr(recipes, name), values[run]
    for x in (0.001, 0.0125, 0.03, 1 / 3, 0.3, 0.5, np.float32(0.1), np.float64(0.25)):
        whole = round(Fraction(float(x)) * steps)
        assert recipe(**{**values, argument: x}) == recipe(**{**values, argument: whole}), x
    values[run] = 10**15 + 1  # where a product of floats would be another step
    assert recipe(**{**values, argument: 0.3}) == recipe(**{**values, argument: round(Fraction(0.3) * values[run])})


def test_every_length_of_a_recipe_that_knows_its_steps_may_be_a_share() -> None:
    """All counts but the run itself, and those that are named here with the reason why they are none."""
    no_lengths = {
        "linear_ramp": "begin",
        "hyperbolic_decay": "bound",
        "exp_hyperbolic_decay": "bound",
    }  # beside the run
    for name in recipes.__all__:
        declared = _declared(getattr(recipes, name).__wrapped__)
        counts = {argument for argument, (field, *_) in declared.items() if field.form == "count"}
        if {"steps", "tokens"} & {*declared}:
            lengths = {argument for recipe, argument, _ in LENGTHS if recipe == name}
            assert counts - lengths - {no_lengths.get(name)} <= {"steps", "tokens"}, name


@pytest.mark.parametrize("share", [0.5, 1e-9])
def test_a_share_of_an_unknown_run_is_refused(share: float) -> None:
    for name in recipes.__all__:
        for argument, (field, *run) in _declared(getattr(recipes, name).__wrapped__).items():
            if field.form == "count" and not run:
                with pytest.raises(
                    lrs.ScheduleError, match=rf"{name}: {argument} must be an integer >= \d, got {share}"
                ):
                    getattr(recipes, name)(**{**given(examples()[name]), argument: share})


def test_a_signature_says_what_an_argument_is() -> None:
    assert str(inspect.signature(recipes.warmup_cosine)) == (
        "(peak: 'Rate', steps: 'Count', warmup: 'Length', end: 'Real' = 0.0) -> 'Schedule'"
    )
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'warmup'"):
        recipes.warmup_cosine(0.1, 100)  # type: ignore[call-arg]
    for name in recipes.__all__:
        recipe = getattr(recipes, name)
        assert {*_declared(recipe.__wrapped__)} == {*inspect.signature(recipe).parameters} - {"points"}, name


def test_shares_that_do_not_fit_say_what_they_are() -> None:
    with pytest.raises(lrs.ScheduleError, match=r"^trapezoid: warmup \+ decay must be at most steps, 100, got 120$"):
        recipes.trapezoid(0.1, 100, 0.6, 0.6)
