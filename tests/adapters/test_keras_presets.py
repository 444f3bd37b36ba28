"""lrs.presets.keras against keras.optimizers.schedules, at every step of three lengths, for random arguments."""

import contextlib
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import lrsched as lrs

keras = pytest.importorskip("keras")
originals = keras.optimizers.schedules
presets = lrs.presets.keras

EXAMPLES = settings(max_examples=200, phases=[Phase.explicit, Phase.reuse, Phase.generate])
RATES = st.floats(1e-3, 10.0)
POWERS = st.one_of(st.just(0.0), st.just(1.0), st.floats(0.5, 4.0))
SHARES = st.floats(0.0, 1.0)
LENGTHS = st.integers(1, 14)
WHOLE_OR_NOT = st.one_of(LENGTHS, st.floats(0.5, 14.0))
FLOAT32 = 2.0**-23
STEPS = 3 * (9 + 14) + 2


def chosen(condition: Any, yes: Any, no: Any) -> Any:
    """``cond`` also of a batch, without a compilation for each pair of branches."""
    if not keras.ops.shape(condition):
        return yes() if condition else no()
    return keras.ops.where(condition, yes(), no())


@pytest.fixture(scope="module", autouse=True)
def double_precision():
    """Wherever Keras has it; some of its operations round to float32 all the same."""
    patch = pytest.MonkeyPatch()
    patch.setattr("keras.src.ops.cond", chosen)
    keras.config.set_floatx("float64")
    with contextlib.ExitStack() as stack:
        if keras.backend.backend() == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        yield
    keras.config.set_floatx("float32")
    patch.undo()


def theirs(name: str, initial: Any, steps: int, **arguments: Any) -> np.ndarray:
    """What Keras computes for a vector of steps."""
    schedule = getattr(originals, name)(np.float64(initial), **arguments)
    return keras.ops.convert_to_numpy(schedule(keras.ops.arange(steps)))


def options(**strategies: Any) -> Any:
    return st.fixed_dictionaries(strategies)


STAIRS = {"decay_steps": WHOLE_OR_NOT, "staircase": st.booleans()}
CASES = {
    "ExponentialDecay": options(decay_rate=st.one_of(st.just(0.0), st.floats(0.1, 1.2)), **STAIRS),
    "InverseTimeDecay": options(decay_rate=st.floats(0.0, 3.0), **STAIRS),
    "PolynomialDecay": st.one_of(
        options(decay_steps=WHOLE_OR_NOT, end_learning_rate=SHARES, power=POWERS),
        options(decay_steps=LENGTHS, end_learning_rate=SHARES, power=POWERS, cycle=st.just(True)),
    ),
    "CosineDecay": st.one_of(
        options(decay_steps=WHOLE_OR_NOT, alpha=st.floats(0.0, 1.5), warmup_steps=LENGTHS),
        options(decay_steps=LENGTHS, alpha=SHARES, warmup_target=RATES, warmup_steps=st.integers(0, 9)),
    ),
    "CosineDecayRestarts": options(
        first_decay_steps=WHOLE_OR_NOT,
        t_mul=st.one_of(st.sampled_from([1.0, 1.5, 2.0, 3.0]), st.floats(1.3, 2.5)),
        m_mul=st.floats(0.3, 1.2),
        alpha=SHARES,
    ),
}


def doubtful(name: str, arguments: dict[str, Any], steps: int) -> np.ndarray:
    """The steps at which a cycle or a stair begins or almost does: there Keras rounds to this side or that."""
    if name == "CosineDecayRestarts":
        places, length = [0.0], float(arguments["first_decay_steps"])
        while places[-1] < steps:
            places.append(places[-1] + length)
            length *= arguments["t_mul"]
    elif arguments.get("staircase") and not float(arguments["decay_steps"]).is_integer():
        places = list(np.arange(0, steps + 1, arguments["decay_steps"]))
    else:
        return np.zeros(steps, dtype=bool)
    return np.abs(np.arange(steps)[:, None] - np.array(places)).min(axis=1) < 1e-5


def rounding(name: str, initial: float, given: dict[str, Any], values: np.ndarray) -> Any:
    """How far Keras's own float32 takes it where a power makes more of it: of the rate, or of what is left near 0."""
    t = np.arange(len(values))
    if name == "ExponentialDecay":
        return t * FLOAT32 * np.abs(values)
    if name != "PolynomialDecay" or not given["power"]:
        return 0.0
    left = 1 - np.minimum(t / given["decay_steps"], 1)
    most, least = left + 2 * FLOAT32, np.maximum(left - 2 * FLOAT32, 0)
    return abs(initial - given["end_learning_rate"]) * (most ** given["power"] - least ** given["power"])


@pytest.mark.parametrize("name", CASES)
def test_presets_give_what_keras_computes(name):
    @EXAMPLES
    @given(RATES, CASES[name])
    def check(initial, arguments):
        if name == "CosineDecayRestarts" and keras.backend.backend() != "jax":
            whole = {key: float(max(1, round(arguments[key]))) for key in ("t_mul", "first_decay_steps")}
            arguments = {**arguments, **whole}  # in float32 it loses the cycles otherwise
        ours = getattr(presets, name)(initial, **arguments)
        assert lrs.parse(repr(ours)) == ours
        expected = theirs(name, initial, STEPS, **arguments)
        found = ours.sample(STEPS)
        peak = max(np.abs(expected).max(), initial, arguments.get("end_learning_rate", 0.0))
        wrong = np.abs(found - expected) > 1e-6 * peak + rounding(name, initial, arguments, expected)
        wrong &= ~doubtful(name, arguments, STEPS)
        assert not wrong.any(), (ours, np.flatnonzero(wrong), found[wrong], expected[wrong])

    check()


@EXAMPLES
@given(st.lists(st.integers(0, 20), min_size=1, max_size=5), st.lists(RATES, min_size=6, max_size=6))
def test_piecewise_constants(boundaries, values):
    arguments = (sorted(boundaries), values[: len(boundaries) + 1])
    ours = presets.PiecewiseConstantDecay(*arguments)
    original = originals.PiecewiseConstantDecay(*arguments)
    if keras.backend.backend() == "torch":  # adds a vector into a number, in place, which PyTorch refuses
        expected = [float(original(t)) for t in range(STEPS)]
    else:
        expected = keras.ops.convert_to_numpy(original(keras.ops.arange(STEPS)))
    np.testing.assert_allclose(ours.sample(STEPS), expected, rtol=1e-7)
    assert lrs.parse(repr(ours)) == ours


def test_what_keras_gets_wrong_comes_out_right():
    with pytest.raises(IndexError):
        originals.PiecewiseConstantDecay([], [0.5])(3)
    assert presets.PiecewiseConstantDecay([], [0.5])(3) == 0.5
    restarts = presets.CosineDecayRestarts(1.0, 3, t_mul=2.0)
    assert [restarts(t) for t in (3, 9, 21, 45, 93, 3 * (2**20 - 1))] == [1.0] * 6


def test_restarts_of_whole_cycles_are_exact_everywhere():
    arguments = {"first_decay_steps": 7, "t_mul": 2.0, "m_mul": 0.8, "alpha": 0.1}
    ours = presets.CosineDecayRestarts(1.0, **arguments)
    expected = theirs("CosineDecayRestarts", 1.0, 200, **arguments)
    inner = ~doubtful("CosineDecayRestarts", arguments, 200)
    np.testing.assert_allclose(ours.sample(200)[inner], expected[inner], rtol=0, atol=1e-6)


def test_the_tests_run_on_the_backend_asked_for():
    assert keras.backend.backend() == os.environ["KERAS_BACKEND"]
