"""Every recipe is an expression of the algebra, says what it computes and where it comes from, and refuses nonsense."""

from __future__ import annotations

import inspect
import math
import re
import subprocess
import sys
from typing import Any

import pytest

import lrsched as lrs
from lrsched import combinators, profiles, recipes, schedules, text
from lrsched.recipes._examples import Example, examples

ALGEBRA = {*profiles.__all__, *schedules.__all__, "minimum", "maximum"}
METHODS = text.methods(lrs.Schedule) | text.methods(lrs.Profile)
KEYWORDS = {"end", "start", "steps", "profile", "skip_zero", "power", "rate", "gamma", "t_mult", "times", "every", "at",
            "endpoint", "bend", "lower", "upper", "value", "interpolate", "fractal", "smallest", "largest", "True",
            "False", "None"}  # fmt: skip
MADE = {
    f"{name}-{part}" if part else name: made
    for name, example in examples().items()
    for part, made in (
        {"": example.made()} if not hasattr(example.made(), "_asdict") else example.made()._asdict()
    ).items()
    if isinstance(made, lrs.Schedule | lrs.Profile)
}


@pytest.mark.parametrize("name", MADE)
def test_a_recipe_is_an_expression_of_the_algebra(name: str) -> None:
    made = MADE[name]
    words = set(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", re.sub(r"\d[\d.]*e[-+]?\d+", "", repr(made))))
    assert words <= ALGEBRA | METHODS | KEYWORDS, words - ALGEBRA - METHODS - KEYWORDS
    assert not words & (set(recipes.__all__) - ALGEBRA)


@pytest.mark.parametrize("name", MADE)
def test_a_recipe_reads_back_equal(name: str) -> None:
    made = MADE[name]
    assert lrs.parse(repr(made)) == made == lrs.from_json(made.to_json())
    assert eval(repr(made), {**vars(lrs), **vars(schedules), **vars(combinators)}) == made


@pytest.mark.parametrize("example", examples().values(), ids=lambda e: e.name)
def test_the_text_of_an_example_makes_it(example: Example) -> None:
    made, again = example.made(), eval(str(example), {**vars(lrs), "recipes": recipes})
    assert (made == again) if not hasattr(made, "tolist") else made.tolist() == again.tolist()
    if isinstance(made, lrs.Schedule | lrs.Profile):
        assert lrs.parse(str(example)) == made


@pytest.mark.parametrize("name", recipes.__all__)
def test_a_docstring_says_everything(name: str) -> None:
    function = getattr(recipes, name)
    doc = inspect.getdoc(function) or ""
    for heading in ("Formula: ", "Elsewhere: ", "Source: ", "Example:\n"):
        assert heading in doc, heading
    assert ("Args:\n" in doc) == bool(inspect.signature(function).parameters)
    assert re.search(r"\(\d{4}\)|code|documentation|folklore", doc.split("Source: ")[1].split("\n")[0])
    described = re.findall(r"^    ([a-z_0-9, ]+): ", doc.partition("Args:\n")[2].partition("\n\n")[0], re.MULTILINE)
    assert [n for names in described for n in names.split(", ")] == list(inspect.signature(function).parameters)
    assert f"recipes.{name}(" in doc or f"rate, batch = recipes.{name}" in doc


REFUSED = [
    (
        lambda: recipes.warmup_cosine(0.1, steps=10, warmup=11),
        "warmup_cosine: warmup must be at most steps, 10, got 11",
    ),
    (lambda: recipes.warmup_cosine(0.1, steps=-1, warmup=0), "warmup_cosine: steps must be an integer >= 0, got -1"),
    (lambda: recipes.trapezoid(0.1, 10, 6, 6), "trapezoid: warmup + decay must be at most steps, 10, got 12"),
    (lambda: recipes.one_cycle(0.1, 100, rise=1.5), "one_cycle: rise must be a share in"),
    (lambda: recipes.sampling_rate(lrs.linear(), "3%"), "sampling_rate: rate must be one of '50-75'"),
    (lambda: recipes.logarithmic_warmup(0.1, steps=1), "logarithmic_warmup: steps must be an integer >= 2, got 1"),
    (lambda: recipes.cosine_periods(0.1, [3, 4], [1.0]), "cosine_periods: peaks must be as many as the 2 periods"),
    (lambda: recipes.cosine_periods(0.1, [3], None, [1, 2]), "cosine_periods: ends must be as many as the 1 periods"),
    (lambda: recipes.wsd_s(0.1, [], 0, 0), "wsd_s: peaks must be as many as the 0 periods"),
    (lambda: recipes.piecewise_linear([(0, 1.0)]), "piecewise_linear: points must be at least two"),
    (lambda: recipes.piecewise_linear([(5, 1.0), (5, 0.0)]), "piecewise_linear: points must be at increasing updates"),
    (lambda: recipes.hyperbolic_decay(0.1, 10, bound=5), "hyperbolic_decay: bound must be at least steps, 10, got 5"),
    (lambda: recipes.untuned_linear(0.1, beta2=1.0), "untuned_linear: beta2 must be a number in"),
    (lambda: recipes.exponential_cooldown(1.0), "exponential_cooldown: ratio must be a number in"),
    (lambda: recipes.saturating_warmup(0.1, timescale=0.0), "saturating_warmup: timescale must be a finite number > 0"),
    (lambda: recipes.noam(512, warmup=0), "noam: warmup must be a finite number > 0, got 0"),
    (lambda: recipes.multi_period_cosine(0.1, math.nan), "multi_period_cosine: steps must be a finite number > 0, got"),
    (lambda: recipes.grimmer_long_steps(1.0, length=4), "grimmer_long_steps: length must be 2, 3 or 7, got 4"),
    (lambda: recipes.merge_weights(lrs.linear().reversed(), 4), "merge_weights: profile must be one that falls from 1"),
    (lambda: recipes.bias_corrected_decay(1.0), "bias_corrected_decay: decay must be a number in"),
    (lambda: recipes.refined_decay(0.1, [1.0, 0.0]), "refined_decay: norms must be finite numbers > 0, at least one"),
    (lambda: recipes.radam_rectification(0.5), "radam_rectification: beta2 must be a number in (2/3, 1), got 0.5"),
    (lambda: recipes.seesaw(0.1, 256, 100, end=0.0), "seesaw: end must be a finite number > 0, got 0"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=lambda x: x[:40] if isinstance(x, str) else "")
def test_what_is_refused(make: Any, message: str) -> None:
    with pytest.raises(lrs.ScheduleError) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_the_parts_of_a_schedule_with_given_steps_fill_them() -> None:
    """A recipe that is told the length of the run has that length."""
    for name, example in examples().items():
        steps = example.options.get("steps")
        made = example.made()
        if (
            steps
            and isinstance(made, lrs.Schedule)
            and example.run is None
            and name not in ("linear_ramp", "budgeted_linear")
        ):
            assert made.duration == steps, name


def test_recipes_are_loaded_when_they_are_asked_for() -> None:
    program = "import sys, lrsched; print('lrsched.recipes' in sys.modules, lrsched.recipes.sgdr(1.0, 4)(4))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "1.0"]
