"""lrs.presets.optax against optax.schedules at every step of three lengths, and under Optax's own tests of its schedules."""

import unittest
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

import lrsched as lrs

pytest.importorskip("jax")
originals = pytest.importorskip("optax").schedules
presets = lrs.presets.optax

EXAMPLES = settings(max_examples=200, phases=[Phase.explicit, Phase.reuse, Phase.generate])
RATES = st.floats(1e-2, 10.0)
SHARES = st.floats(0.0, 1.0)
POWERS = st.one_of(st.sampled_from([1, 2, 0.5]), st.floats(0.5, 3.0))
COUNTS = st.integers(0, 9)
LENGTHS = st.integers(1, 14)
SCALES = st.dictionaries(COUNTS, st.floats(0.0, 2.0), max_size=5)
STEPS = {"sgdr_schedule": 3 * 60 + 2}
LENGTH = 9 + 9 + 14


def options(**strategies: Any) -> Any:
    return st.fixed_dictionaries(strategies)


COURSE = {
    "init_value": RATES,
    "end_value": RATES,
    "transition_steps": st.integers(-1, 14),
    "transition_begin": st.integers(-2, 9),
}
DECAY = {
    "transition_steps": st.integers(-1, 14),
    "decay_rate": st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0.2, 1.1)),
    "transition_begin": st.integers(-2, 9),
    "staircase": st.booleans(),
    "end_value": st.one_of(st.none(), st.floats(0.01, 2.0)),
}
WARM = {"init_value": SHARES, "peak_value": RATES, "warmup_steps": COUNTS}
CYCLE = options(**WARM, decay_steps=st.integers(10, 20), end_value=SHARES, exponent=POWERS)
CYCLES = {
    "transition_steps": st.integers(1, 20),
    "peak_value": RATES,
    "pct_start": SHARES,
    "div_factor": st.floats(1.0, 30.0),
    "final_div_factor": st.floats(1.0, 1e4),
}
CASES = {
    "constant_schedule": options(value=RATES),
    "polynomial_schedule": options(power=POWERS, **COURSE),
    "linear_schedule": options(**COURSE),
    "piecewise_constant_schedule": options(init_value=RATES, boundaries_and_scales=st.one_of(st.none(), SCALES)),
    "exponential_decay": options(init_value=RATES, **DECAY),
    "cosine_decay_schedule": options(init_value=RATES, decay_steps=LENGTHS, alpha=SHARES, exponent=POWERS),
    "warmup_constant_schedule": options(**WARM),
    "warmup_cosine_decay_schedule": CYCLE,
    "warmup_exponential_decay_schedule": options(**WARM, **DECAY),
    "sgdr_schedule": options(cosine_kwargs=st.lists(CYCLE, min_size=1, max_size=3)),
    "piecewise_interpolate_schedule": options(interpolate_type=st.sampled_from(["linear", "cosine"]), init_value=RATES, boundaries_and_scales=SCALES),
    "linear_onecycle_schedule": options(pct_final=SHARES, **CYCLES),
    "cosine_onecycle_schedule": options(**CYCLES),
}  # fmt: skip
SCALAR = {"piecewise_interpolate_schedule", "linear_onecycle_schedule", "cosine_onecycle_schedule"}


def theirs(original: Any, vector: bool, steps: int) -> np.ndarray:
    import jax

    count = np.arange(steps)
    return np.broadcast_to(np.asarray(original(count) if vector else jax.vmap(original)(count), dtype=float), (steps,))


@pytest.mark.parametrize("name", CASES)
def test_presets_give_what_optax_computes(name):
    import jax

    @EXAMPLES
    @given(CASES[name])
    def check(arguments):
        ours, steps = getattr(presets, name)(**arguments), STEPS.get(name, 3 * LENGTH + 2)
        assert lrs.parse(repr(ours)) == ours
        with jax.enable_x64(True):
            expected = theirs(getattr(originals, name)(**arguments), name not in SCALAR, steps)
        found = ours.sample(steps)
        worst = np.abs(found - expected).max() / np.abs(expected).max(initial=1e-30)
        assert worst <= 1e-12, (worst, ours, found, expected)

    check()


PARTS = st.one_of(*(CASES[n].map(lambda a, n=n: (n, a)) for n in CASES if n not in SCALAR | {"sgdr_schedule"}))


@st.composite
def joined(draw):
    parts = draw(st.lists(PARTS, min_size=1, max_size=4))
    return parts, sorted(draw(st.lists(st.integers(0, 30), min_size=len(parts) - 1, max_size=len(parts) - 1)))


@EXAMPLES
@given(joined())
def test_joined_schedules(drawn):
    import jax

    parts, boundaries = drawn
    ours, steps = presets.join_schedules([getattr(presets, n)(**a) for n, a in parts], boundaries), 30 + 2 * LENGTH
    with jax.enable_x64(True):
        original = originals.join_schedules([getattr(originals, n)(**a) for n, a in parts], boundaries)
        expected = theirs(original, True, steps)
    assert np.abs(ours.sample(steps) - expected).max() <= 1e-12 * np.abs(expected).max(initial=1e-30)


OWN = pytest.importorskip("optax.schedules._schedule_test")
SUITES = ["ConstantTest", "PolynomialTest", "PiecewiseConstantTest", "ExponentialTest", "CosineDecayTest", "WarmupCosineDecayTest", "SGDRTest", "PiecewiseInterpolateTest", "OneCycleTest"]  # fmt: skip


@pytest.mark.parametrize("suite", SUITES)
def test_optax_own_tests_hold(suite, monkeypatch):
    """Every test that Optax has of its schedules, with the presets in the place of its module."""
    monkeypatch.setattr(OWN, "_schedule", presets)
    result = unittest.TestResult()
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(getattr(OWN, suite))
    tests.run(result)
    assert result.testsRun == tests.countTestCases() > 0
    assert not result.failures + result.errors, result.failures + result.errors


def test_all_of_optax_own_tests_are_named():
    others = {"ScheduleAsLearningRateTest"}  # of optimizers
    found = {n for n, c in vars(OWN).items() if isinstance(c, type) and issubclass(c, unittest.TestCase)}
    assert found - others == set(SUITES)


@EXAMPLES
@given(CYCLE)
def test_what_is_refused(arguments):
    assume(arguments["warmup_steps"] > 0)
    with pytest.raises(lrs.ScheduleError, match="decay_steps must be more than warmup_steps"):
        presets.warmup_cosine_decay_schedule(**{**arguments, "decay_steps": arguments["warmup_steps"]})
