"""Findings: the classic mistakes are found where they are made, sound schedules and all recipes are left alone."""

from __future__ import annotations

import inspect
import random
import time

import pytest

import lrsched as lrs
import strategies
from lrsched import cosine, exponential, hold, knots, linear, multi_step, plan, recipes, warmup
from lrsched.algebra import constructor, fields, registry
from lrsched.algebra.schedule import Part
from lrsched.inspection import findings as _findings
from lrsched.inspection import joint_rules, value_rules
from lrsched.recipes._examples import examples

PEAK = 3e-4

MISTAKES = [
    ("zero-first", "note", 0, PEAK * (warmup(500) >> cosine().over(9_500)), 10_000, {}),
    ("warmup-too-long", "error", 0, PEAK * warmup(500), 499, {}),
    ("warmup-too-long", "error", 0, PEAK * (warmup(500) >> cosine().over(9_500)), 500, {}),
    ("warmup-too-long", "error", 0, PEAK * (warmup(500) * cosine().over(500)), 500, {}),
    ("warmup-too-long", "error", 0, PEAK * (warmup(500) >> lrs.constant(1.0)), 500, {}),
    ("warmup-too-long", "error", 0, PEAK * warmup(100_000), 99_999, {}),
    ("warmup-too-long", "error", 0, (PEAK * warmup(500) / 2.0).advanced(100), 300, {}),
    ("only-warmup", "note", 0, PEAK * warmup(500), 500, {}),
    ("only-warmup", "note", 10, PEAK * (hold(10, 0.0) >> warmup(490)), 500, {}),
    ("warmup-too-long", "error", 20, hold(20) >> warmup(500, start=1.0, end=2.0), 300, {}),
    ("warmup-too-long", "error", 0, PEAK * (warmup(500) * cosine().over(9_500)), 90, {}),
    ("warmup-too-long", "error", 0, warmup(300, 0.85, 0.95), 200, {}),
    ("jump", "warning", 1, hold(1) >> linear().over(20, start=0.8), 21, {}),
    ("run-too-short", "warning", 7_999, PEAK * cosine().over(10_000, end=0.1), 8_000, {}),
    ("run-too-long", "warning", 8_000, PEAK * cosine().over(8_000, end=0.1), 10_000, {}),
    ("run-too-long", "warning", 9_900, PEAK * cosine().over(9_900), 10_000, {}),
    ("run-too-long", "error", 10, linear().over(10).after("error"), 20, {}),
    ("end-never-reached", "warning", 7_999, PEAK * cosine().over(10_000, end=0.1).lasting(8_000), 8_000, {}),
    ("end-never-reached", "warning", 9_999, exponential(1.0).over(10_000, end=0.1), 10_000, {}),
    ("jump", "warning", 500, hold(500) >> linear().over(500, start=0.5), 1_000, {}),
    ("jump", "warning", 100, linear().over(100, end=0.1) >> hold(100, 0.5), 200, {}),
    ("jump", "error", 500, PEAK * hold(500) >> cosine().over(500), 1_000, {}),
    ("warmup-jump", "error", 500, PEAK * warmup(500) >> cosine().over(9_500), 10_000, {}),
    ("warmup-jump", "error", 500, warmup(500, end=PEAK) >> cosine().over(9_500), 10_000, {}),
    ("warmup-jump", "error", 510, hold(10, 0.0) >> PEAK * (warmup(500, end=0.5) >> cosine().over(490)), 1_000, {}),
    ("rises-in-decay", "warning", 300, 0.1 * multi_step([300, 600], gamma=10.0), 900, {}),
    ("rises-in-decay", "warning", 30, 0.1 * lrs.step_decay(30, gamma=1.1), 90, {}),
    ("rises-in-decay", "warning", 500, knots([0, 0.5, 0.7, 1], [1, 0.2, 0.4, 0]).over(1_000), 1_000, {}),
    ("rises-in-decay", "warning", 1, exponential(-1.0).over(1_000), 1_000, {}),
    ("rises-in-decay", "warning", 20, lrs.piecewise([10, 20], [0.1, 0.01, 0.05]), 30, {}),
    ("milestone-beyond", "warning", 799, 0.1 * multi_step([300, 600, 900]), 800, {}),
    ("milestone-beyond", "warning", 799, 0.1 * lrs.piecewise([300, 800], [1.0, 0.1, 0.01]), 800, {}),
    ("epochs-for-steps", "warning", 80, 0.1 * multi_step([30, 60, 80]), 100_000, {}),
    ("epochs-for-steps", "warning", 90, 0.1 * (warmup(5) >> cosine().over(85)), 35_190, {}),
    ("epochs-for-steps", "error", 90, 0.1 * (warmup(5) >> cosine().over(85)), 35_190, {"steps_per_epoch": 391}),
    ("epochs-for-steps", "warning", 30, 0.1 * lrs.step_decay(30), 35_190, {}),
    ("epochs-for-steps", "warning", 0, 0.1 * plan(100_000, warmup(5), cosine()), 100_000, {}),
    ("above-limit", "error", 26, 0.1 * (warmup(50) >> cosine().over(850)), 900, {"limit": 0.05}),
    ("not-a-number", "error", 0, (lrs.constant(0.0) * 1.0) / hold(5, 0.0), 5, {}),
    ("infinite", "error", 5, 1.0 / (hold(5) >> hold(5, 0.0)), 10, {}),
    ("negative", "error", 91, linear().over(100, end=-0.1), 100, {}),
    ("short-last-cycle", "warning", 700, 0.1 * cosine().over(100).restarted(t_mult=2), 1_000, {}),
    ("short-last-cycle", "warning", 800, recipes.triangular(0.1, 0.3, 200), 1_000, {}),
    ("short-last-cycle", "warning", 750, warmup(50) >> cosine().over(100).restarted(t_mult=2), 1_000, {}),
    ("short-last-cycle", "warning", 50, warmup(50) >> cosine().over(1_000).restarted(), 500, {}),
    ("short-last-cycle", "warning", 700, cosine().over(100).restarted(t_mult=2).lasting(1_000), 1_000, {}),
]

SOUND = [
    (PEAK * (warmup(500) >> cosine().over(9_500, end=0.1)), 10_000),
    (PEAK * (warmup(500) * cosine().over(10_000)), 10_000),
    (PEAK * warmup(500), 100_000),
    (PEAK * (warmup(500) >> lrs.inverse_sqrt(500)), 100_000),
    (PEAK * (warmup(500) >> lrs.constant(1.0)), 1_000_000),
    (PEAK * cosine().over(10_000, end=0.1), 10_500),
    (0.1 * (hold(50) >> hold(50, 0.1) >> hold(50, 0.01)), 150),
    (0.1 * multi_step([300, 600]), 900),
    (0.1 * multi_step([30, 60, 80]).per_epoch(391), 90 * 391),
    ((0.1 * (warmup(5) >> cosine().over(85))).per_epoch(391), 90 * 391),
    (cosine().over(100) >> cosine().over(200) >> cosine().over(400), 700),
    (warmup(10) >> cosine().over(90) >> warmup(10) >> cosine().over(90), 200),
    (0.1 * cosine().over(100).restarted(t_mult=2), 1_500),
    (0.1 * cosine().over(100).restarted(t_mult=2).cooldown(1_000, 100), 1_100),
    (lrs.constant(0.1).cooldown(900, 100), 1_000),
    (recipes.triangular(0.1, 0.3, 200), 1_200),
    (lrs.piecewise([100, 800], [0.01, 0.1, 0.01]), 1_000),
    (hold(400, 0.01) >> 0.1 * cosine().over(600), 1_000),
    ((0.1 * cosine().over(1_000)).perturbed(0.1, seed=3), 1_000),
    (0.1 * cosine().over(1_000).sampled(every=100), 1_000),
    (cosine().mirrored().over(1_000), 1_000),
    (linear().over(10).after("repeat"), 1_000),
    (lrs.geometric(100, 1e-6, 1.0), 100),
    (lrs.silver_steps(63), 63),
    (warmup(300, 0.85, 0.95), 300),
    (hold(1) >> linear().over(20, start=0.95), 21),
    (recipes.polynomial_cycles(0.1, 20), 80),
    (lrs.minimum(0.001 * lrs.exponential_decay(1.01), 0.1), 1_000),
    (hold(300) >> linear().over(100) >> hold(200) >> linear().over(100), 700),
    (cosine().over(200).mirrored().restarted(), 1_000),
    (recipes.radam_rectification(0.99), 1_000),
    (1.0 - 0.1 / (1.0 + warmup(10_000, end=1e6)), 5_000),
]


def serious(findings):
    return [f for f in findings if f.severity != "note"]


@pytest.mark.parametrize(("name", "severity", "step", "schedule", "steps", "more"), MISTAKES)
def test_a_classic_mistake_is_found_where_it_is_made(name, severity, step, schedule, steps, more):
    found = [f for f in schedule.check(steps, **more) if f.name == name]
    assert (severity, step) in [(f.severity, f.step) for f in found]
    assert all(f.sentence.endswith((".", ":")) and f.remedy.endswith(".") for f in found)


@pytest.mark.parametrize(("schedule", "steps"), SOUND, ids=lambda x: str(x)[:60])
def test_a_sound_schedule_gives_no_warning(schedule, steps):
    assert serious(schedule.check(steps)) == []


def test_the_parentheses_are_said():
    (error,) = serious((PEAK * warmup(500) >> cosine().over(9_500)).check(10_000))
    assert "parentheses" in error.remedy and "0.0003 * (" in error.remedy
    assert serious((PEAK * (warmup(500) >> cosine().over(9_500))).check(10_000)) == []


def test_every_name_of_a_finding_has_a_mistake_here():
    source = "".join(inspect.getsource(m) for m in (value_rules, joint_rules))
    named = {name for name, *_ in MISTAKES}
    assert all(f'"{name}"' in source for name in named)
    words = {w for w in source.split('"') if w.count("-") >= 1 and w.replace("-", "").isalpha() and w.islower()}
    assert words <= named, f"no classic mistake for {words - named}"


RUNS = [
    pytest.param(schedule, example.steps(schedule), id=f"{name}-{part}" if part else name)
    for name, example in examples().items()
    for part, schedule in example.schedules().items()
]


def test_every_recipe_has_an_example():
    assert list(examples()) == list(recipes.__all__)


@pytest.mark.parametrize(("schedule", "steps"), RUNS)
def test_every_recipe_run_for_its_own_length_gives_no_warning(schedule, steps):
    assert serious(schedule.check(steps)) == []


OWN = [
    pytest.param(schedule, id=f"{name}-{part}" if part else name)
    for name, example in examples().items()
    for part, schedule in example.schedules().items()
    if schedule.duration < float("inf")
]


@pytest.mark.parametrize("schedule", OWN)
def test_every_recipe_that_ends_may_run_until_then(schedule):
    assert serious(schedule.check(int(schedule.duration))) == []


def test_a_run_that_counts_tokens_is_described_and_checked_without_visiting_each():
    billion = 10**9
    lr = warmup(25 * billion) >> hold(9_975 * billion) >> linear().over(4_300 * billion) >> hold(500 * billion, -0.1)
    found = lr.describe()
    exact = 12.5 * billion + 9_975 * billion + 2_150 * billion - 50 * billion
    assert found.total == pytest.approx(exact, rel=1e-6) and found.mean == pytest.approx(exact / lr.duration, rel=1e-6)
    assert (found.peak, found.peak_step) == (1.0, 25 * billion)
    assert (found.floor, found.floor_step) == (-0.1, 14_300 * billion)
    assert [f.step for f in lr.check(14_800 * billion) if f.name == "negative"] == [14_300 * billion]


def test_a_schedule_of_any_length_is_checked():
    assert [f.name for f in (PEAK * cosine().over(10**15)).check(100)] == ["run-too-short"]


def test_findings_come_most_severe_first_and_read_as_sentences():
    found = (PEAK * warmup(500) >> cosine().over(9_500)).check(20_000)
    ranks = [_findings.SEVERITIES.index(f.severity) for f in found]
    assert ranks == sorted(ranks, reverse=True) and len(found) == 3
    assert str(found[-1]).startswith("note at step 0: The first update")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"steps": 0}, "check: steps must be an integer >= 1, got 0"),
        ({"steps": 10, "limit": -1.0}, "check: limit must be a number > 0, or None, got -1.0"),
        ({"steps": 10, "steps_per_epoch": 0}, "check: steps_per_epoch must be an integer >= 1, got 0"),
    ],
)
def test_wrong_arguments_are_named(arguments, said):
    with pytest.raises(lrs.ScheduleError) as error:
        warmup(5).check(**arguments)
    assert str(error.value) == said


@pytest.mark.parametrize("seed", range(150))
def test_any_expression_can_be_described_and_checked(seed):
    schedule = strategies.seeded(seed, depth=1 + seed % 4)
    steps = random.Random(seed).choice((1, 2, 50, 5_000))
    for finding in schedule.check(steps):
        assert finding.severity in _findings.SEVERITIES and 0 <= finding.step < max(steps, 1) + 1
    assert schedule.describe(steps).steps == steps


BASES = [
    "3e-4 * (warmup(500) >> cosine().over(9_500, end=0.1))",
    "plan(10_000, warmup(500), (None, cosine(), 0.1))",
    "rex().sampled(times=20).over(10_000)",
    "0.1 * cosine().over(1_000).restarted(t_mult=2, gamma=0.9)",
    "multi_step([30, 60], gamma=0.1) * warmup(5) + 1e-5",
    "maximum(linear().over(100), 0.3).clipped(0.1, 0.9).perturbed(0.1, 7)",
    "table([0.1, 0.2, 0.3], interpolate=True).mirrored().after('repeat')",
    "phases((1, cosine()), (2, linear().bent(0.5))).over(100).stretched(1.5)",
]
SCRAPS = [
    *"()[]{}.,*/+->=_'\"\\ \n\t0159eE",
    ">>",
    "**",
    "1e999",
    "-1",
    "10**40",
    "None",
    "True",
    "lambda",
    "over",
    "\0",
    "é",
    "∞",
    "nan",
]


def corrupted(rnd):
    text = rnd.choice(BASES)
    for _ in range(rnd.choice((1, 1, 2, 4, 8))):
        i, j = sorted((rnd.randrange(len(text) + 1), rnd.randrange(len(text) + 1)))
        action = rnd.randrange(6)
        if action == 0:
            text = text[:i] + rnd.choice(SCRAPS) + text[i:]
        elif action == 1:
            text = text[:i] + text[i + rnd.choice((1, 1, 3)) :]
        elif action == 2:
            text = text[:i] + text[i:j] * 2 + text[j:]
        elif action == 3:
            text = text[:i] + rnd.choice(SCRAPS) + text[i + 1 :]
        else:
            digits = [k for k, c in enumerate(text) if c.isdigit()] or [0]
            k = rnd.choice(digits)
            text = text[:k] + rnd.choice(("0", "7", "13", "1_000", "2.5", "9" * 12)) + text[k + 1 :]
    return text[:400]


def test_ten_thousand_corrupted_expressions_neither_crash_nor_hang():
    rnd = random.Random(8)
    read, slowest = 0, (0.0, "")
    places: list[tuple[int, int]] = []
    refused: list[str] = []
    for _ in range(10_000):
        text = corrupted(rnd)
        start = time.process_time()
        try:
            found = lrs.parse(text)
        except lrs.ParseError as error:
            places.append((error.position, len(text)))
        else:
            read += 1
            if isinstance(found, lrs.Schedule):
                try:
                    found.check(1_000)
                except lrs.ScheduleError as error:
                    refused.append(str(error))
        slowest = max(slowest, (time.process_time() - start, text))
    assert read > 1_000 and all(0 <= at <= size for at, size in places)
    assert all("policy" in message or "nest" in message for message in refused)
    assert slowest[0] < 5.0, slowest


# ---- kinds that the library does not know


@pytest.fixture
def made_up():
    """Two combinators of one's own: one that says nothing of what is inside, one that lays two schedules end to end."""

    @constructor.kind("tests_quiet")
    class Quiet(lrs.Schedule):
        schedule: lrs.Schedule = fields.node("Schedule")

        @property
        def duration(self):
            return self.schedule.duration

        def formula(self, clock):
            return self.schedule.formula(clock)

    @constructor.kind("tests_laid")
    class Laid(lrs.Schedule):
        first: lrs.Schedule = fields.node("Schedule")
        second: lrs.Schedule = fields.node("Schedule")
        shows_parts = True

        @property
        def duration(self):
            return self.first.duration + self.second.duration

        def formula(self, clock):
            return (self.first >> self.second).formula(clock)

        def parts_in_time(self, stop=None):
            return Part(self.first), Part(self.second, self.first.duration)

    yield Quiet, Laid
    del registry.KINDS["tests_quiet"], registry.KINDS["tests_laid"]


def test_what_is_inside_an_unknown_kind_is_checked_and_described(made_up):
    quiet, _ = made_up
    rules = {
        "warmup-too-long": (quiet(warmup(500)) * 1.0, 400),
        "milestone-beyond": (0.1 * quiet(multi_step([30, 900])), 100),
        "end-never-reached": (quiet(cosine().over(100).lasting(60)), 60),
        "run-too-short": (quiet(warmup(5) >> cosine().over(95)), 50),
    }
    for name, (schedule, steps) in rules.items():
        assert name in {finding.name for finding in schedule.check(steps)}, name
    whole = quiet(warmup(5) >> cosine().over(95))
    assert [(s.start, s.stop, s.expression) for s in whole.describe().segments] == [(0, 100, repr(whole))]
    assert whole.describe().total == pytest.approx(whole.sum(100))
    assert "after('repeat')" in quiet(warmup(5).after("repeat")).describe(9).segments[-1].expression
    assert quiet(warmup(5).after("error")).goes_on and quiet(warmup(5).after("error")).describe(9).total == 2.0
    with pytest.raises(lrs.ScheduleError, match="never ends"):
        quiet(lrs.step_decay(3)).boundaries()


def test_the_boundaries_of_an_unknown_kind_fit_jax(made_up):
    jax = pytest.importorskip("jax")
    with pytest.raises(lrs.ScheduleError, match="the duration of tests_laid must fit"):
        jax.tree.leaves(made_up[1](hold(2**52), made_up[1](hold(2**51), lrs.constant(1.0))))


def test_the_parts_of_an_unknown_kind_that_are_said_have_their_place(made_up):
    _, laid = made_up
    whole = laid(3e-4 * warmup(500), cosine().over(9_500))
    assert [(f.name, f.step) for f in serious(whole.check(10_000))] == [("warmup-jump", 500)]
    assert serious((PEAK * laid(warmup(500), cosine().over(9_500))).check(10_000)) == []
    assert [(s.start, s.stop, s.expression) for s in (2 * whole).describe(10_100).segments] == [
        (0, 500, "2.0 * (0.0003 * warmup(500))"),
        (500, 10_000, "2.0 * cosine().over(9500)"),
        (10_000, 10_100, "held"),
    ]
