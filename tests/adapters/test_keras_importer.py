"""Keras's own schedules, read as expressions: the formula to the last digits, the real objects within float32."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest

import lrsched as lrs

keras = pytest.importorskip("keras")
mpmath = pytest.importorskip("mpmath")

from lrsched_keras import LearningRate, from_schedule  # noqa: E402

K = keras.optimizers.schedules
FAR = [100, 999, 1000, 12345, 10**6, 2**24 + 1, 10**9, 2**31 - 2]


def real(x):
    x = Fraction(x)
    return mpmath.mpf(x.numerator) / x.denominator


def cosine_at(u):
    return (1 + mpmath.cos(mpmath.pi * real(u))) / 2


def exponential(t, g):
    u = Fraction(t) / Fraction(g["decay_steps"])
    u = math.floor(u) if g["staircase"] else u
    return g["initial_learning_rate"] * mpmath.mpf(g["decay_rate"]) ** real(u)


def inverse_time(t, g):
    u = Fraction(t) / Fraction(g["decay_steps"])
    u = math.floor(u) if g["staircase"] else u
    return g["initial_learning_rate"] / (1 + mpmath.mpf(g["decay_rate"]) * real(u))


def polynomial(t, g):
    steps = Fraction(g["decay_steps"])
    u = t / (steps * max(1, math.ceil(t / steps))) if g["cycle"] else min(Fraction(t), steps) / steps
    start, end = mpmath.mpf(g["initial_learning_rate"]), mpmath.mpf(g["end_learning_rate"])
    return (start - end) * real(1 - u) ** g["power"] + end


def piecewise(t, g):
    return g["values"][sum(t > math.floor(m) for m in g["boundaries"])]


def cosine(t, g):
    alpha, rate, steps = mpmath.mpf(g["alpha"]), g["initial_learning_rate"], Fraction(g["decay_steps"])
    if g["warmup_target"] is not None:
        if t < g["warmup_steps"]:
            return rate + (mpmath.mpf(g["warmup_target"]) - rate) * t / g["warmup_steps"]
        t, rate = t - g["warmup_steps"], g["warmup_target"]
    return rate * ((1 - alpha) * cosine_at(min(Fraction(t), steps) / steps) + alpha)


def restarts(t, g):
    start, length, cycle = Fraction(0), Fraction(g["first_decay_steps"]), 0
    growth = Fraction(g["t_mul"])
    if growth == 1:
        cycle, start = int(t // length), t // length * length
    else:
        while start + length <= t:
            start, length, cycle = start + length, length * growth, cycle + 1
    alpha = mpmath.mpf(g["alpha"])
    return g["initial_learning_rate"] * (
        (1 - alpha) * mpmath.mpf(g["m_mul"]) ** cycle * cosine_at((t - start) / length) + alpha
    )


FORMULAS = {
    K.ExponentialDecay: exponential,
    K.InverseTimeDecay: inverse_time,
    K.PolynomialDecay: polynomial,
    K.PiecewiseConstantDecay: piecewise,
    K.CosineDecay: cosine,
    K.CosineDecayRestarts: restarts,
}

CASES = [
    K.ExponentialDecay(0.1, 30, 0.5),
    K.ExponentialDecay(0.1, 1, 0.999),
    K.ExponentialDecay(0.1, 7, 0.9, staircase=True),
    K.ExponentialDecay(0.1, 2.5, 0.9, staircase=True),
    K.InverseTimeDecay(0.1, 3, 0.5),
    K.InverseTimeDecay(1.0, 3, 0.5, staircase=True),
    K.InverseTimeDecay(0.1, 2.5, 0.5, staircase=True),
    K.PolynomialDecay(0.1, 20),
    K.PolynomialDecay(0.1, 20, 0.01, power=2.0),
    K.PolynomialDecay(0.1, 33.3, 0.01, power=0.5),
    K.PolynomialDecay(1.0, 4, 0.1, cycle=True),
    K.PolynomialDecay(0.1, 49, 0.0, power=2.0, cycle=True),
    K.PiecewiseConstantDecay([2, 4], [1.0, 0.5, 0.1]),
    K.PiecewiseConstantDecay([-1, 0, 7], [1.0, 0.5, 0.1, 0.2]),
    K.CosineDecay(0.1, 10),
    K.CosineDecay(0.1, 10.5, 0.1),
    K.CosineDecay(0.0, 4, 0.1, warmup_target=1.0, warmup_steps=3),
    K.CosineDecay(0.5, 90, warmup_target=0.1, warmup_steps=0),
    K.CosineDecay(0.5, 90, warmup_steps=5),
    K.CosineDecayRestarts(1.0, 3),
    K.CosineDecayRestarts(0.1, 3, t_mul=3.0, m_mul=0.5, alpha=0.1),
    K.CosineDecayRestarts(0.1, 10, t_mul=1.0, m_mul=0.9),
    K.CosineDecayRestarts(0.1, 10, t_mul=1.5, m_mul=0.9, alpha=0.05),
    K.CosineDecayRestarts(0.1, 7.5, t_mul=1.1),
    K.CosineDecayRestarts(0.1, 7.5, t_mul=1.0, m_mul=0.999, alpha=0.01),
]


def name(schedule):
    return f"{type(schedule).__name__}-{CASES.index(schedule)}" if schedule in CASES else str(schedule)


@pytest.mark.parametrize("theirs", CASES, ids=name)
def test_the_values_are_those_of_the_formula(theirs):
    ours, given, formula = from_schedule(theirs), theirs.get_config(), FORMULAS[type(theirs)]
    peak = max(abs(v) for k, v in given.items() if k in ("initial_learning_rate", "warmup_target") and v) if "values" not in given else 1  # fmt: skip
    with mpmath.workdps(40):
        for t in [*range(60), *FAR]:
            assert abs(ours(t) - formula(t, given)) <= 4e-15 * peak, t
    assert lrs.parse(repr(ours)) == ours and lrs.from_dict(ours.to_dict()) == ours


@pytest.mark.parametrize("theirs", CASES, ids=name)
def test_the_values_are_those_of_the_real_object(theirs):
    """Within its float32, and wherever that does not put a restart at another step."""
    ours = from_schedule(theirs)
    alone = isinstance(theirs, K.CosineDecay) and theirs.warmup_target is not None
    if alone or isinstance(theirs, K.PiecewiseConstantDecay):
        steps = list(range(12))
        found = [float(keras.ops.convert_to_numpy(theirs(keras.ops.convert_to_tensor(t)))) for t in steps]
    else:
        steps = list(range(50))
        found = keras.ops.convert_to_numpy(theirs(keras.ops.convert_to_tensor(steps)))
    wrong = ~np.isclose(found, ours.sample(len(steps)), rtol=2e-5, atol=2e-7)
    assert wrong.sum() <= (3 if isinstance(theirs, K.CosineDecayRestarts) else 0)


def test_random_restarts_of_real_lengths():
    rnd = random.Random(5)
    for _ in range(10):
        theirs = K.CosineDecayRestarts(1.0, rnd.uniform(1, 20), rnd.uniform(1.1, 3.0), rnd.uniform(0.5, 1.0))
        ours, given = from_schedule(theirs), theirs.get_config()
        with mpmath.workdps(40):
            expected = [float(restarts(t, given)) for t in FAR]
        for t, value in zip(FAR, expected, strict=True):
            assert ours(t) == pytest.approx(value, abs=1e-12)


def test_an_endless_schedule_stays_endless():
    assert all(from_schedule(s).duration == math.inf for s in (CASES[0], CASES[2], CASES[10], CASES[12], CASES[19]))
    assert [from_schedule(s).duration for s in (CASES[7], CASES[14], CASES[16])] == [20, 10, 7]


def test_it_trains_as_the_original_does():
    from keras_models import line, moves

    for theirs in (CASES[2], CASES[10], CASES[12], CASES[16]):
        found = [moves(line(keras.optimizers.SGD(rate)), 8) for rate in (theirs, LearningRate(from_schedule(theirs)))]
        np.testing.assert_allclose(*found, atol=3e-7)


def test_the_rate_of_this_package_is_read_too():
    schedule = lrs.linear().over(5)
    assert from_schedule(LearningRate(schedule)) == schedule
    found, rate = from_schedule(LearningRate(schedule, 3)), LearningRate(schedule, 3)
    assert [found(t) for t in range(20)] == [pytest.approx(float(rate(t)), rel=1e-6) for t in range(20)]


def test_what_cannot_be_read_is_named():
    class Own(K.CosineDecay):
        pass

    for wrong in (Own(0.1, 10), lambda step: 0.1, 0.1):
        with pytest.raises(TypeError, match=r"the schedule must be one of CosineDecay, .*LearningRate, got"):
            from_schedule(wrong)
    with pytest.raises(lrs.ScheduleError, match="CosineDecayRestarts: t_mul must be >= 1"):
        from_schedule(K.CosineDecayRestarts(0.1, 10, t_mul=0.5))
    with pytest.raises(lrs.ScheduleError, match="t_mul must be a number that lets at most 20000 cycles begin"):
        from_schedule(K.CosineDecayRestarts(0.1, 1.5, t_mul=1.0 + 1e-9))
    with pytest.raises(lrs.ScheduleError, match="PolynomialDecay: decay_steps must be an integer"):
        from_schedule(K.PolynomialDecay(0.1, 2.5, cycle=True))
    with pytest.raises(lrs.ScheduleError, match="ExponentialDecay: decay_rate must be a finite number"):
        from_schedule(K.ExponentialDecay(0.1, 5, math.nan))
