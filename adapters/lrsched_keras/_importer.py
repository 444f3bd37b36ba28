"""Keras's own schedules as expressions of the algebra."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import keras

import lrsched as lrs
from lrsched.adapting import check_count, check_real, fail
from lrsched_keras._rate import LearningRate

__all__ = ["from_schedule"]

WHERE = "from_schedule"
FINE = 2**52  # steps of a clock on which real numbers are whole
HORIZON = 2**31
DIGITS = 2**128  # what exact lengths are rounded to, so that their fractions do not grow
MOST_CYCLES = 10_000


def from_schedule(keras_schedule: Any) -> lrs.Schedule:
    """A schedule of Keras as an expression with the same values: its formula, without its float32 step.

    Reads ``ExponentialDecay``, ``InverseTimeDecay``, ``PolynomialDecay``, ``PiecewiseConstantDecay``, ``CosineDecay``,
    ``CosineDecayRestarts`` and :class:`LearningRate`. Restarts whose cycles are no whole numbers of steps are written
    out, up to 2**31 steps.

    Args:
        keras_schedule: the schedule; its step is Keras's, the count of batches.

    Raises:
        ScheduleError: a schedule of another class (a subclass included), or one whose formula is no number from some
            step on.

    Example:
        >>> theirs = keras.optimizers.schedules.CosineDecay(0.0, 90, 0.1, warmup_target=0.5, warmup_steps=10)
        >>> from_schedule(theirs)
        warmup(10, end=0.5) >> 0.5 * cosine().over(90, end=0.1)
        >>> from_schedule(keras.optimizers.schedules.PiecewiseConstantDecay([30], [1.0, 0.1]))
        piecewise((31,), (1.0, 0.1))
    """
    read = READERS.get(type(keras_schedule))
    if read is None:
        known = ", ".join(kind.__name__ for kind in READERS)
        fail(WHERE, "the schedule", f"one of {known}", type(keras_schedule).__name__, kind=True)
    if isinstance(keras_schedule, LearningRate):
        return read(keras_schedule)
    return read(_Arguments(keras_schedule))


class _Arguments:
    """What a schedule of Keras was made with, as checked numbers."""

    def __init__(self, schedule: Any) -> None:
        self.values: dict[str, Any] = schedule.get_config()
        self.name = type(schedule).__name__

    def real(self, name: str) -> float:
        """A real number."""
        return check_real(f"{WHERE}: {self.name}", name, self.values[name])

    def length(self, name: str) -> float:
        """A length in steps, > 0."""
        value = self.real(name)
        if value <= 0:
            fail(f"{WHERE}: {self.name}", name, "> 0", value)
        return value

    def count(self, name: str, smallest: int = 1) -> int:
        """A whole number of steps."""
        value = self.real(name)
        return check_count(f"{WHERE}: {self.name}", name, int(value) if value.is_integer() else value, smallest)


def _over(profile: lrs.Profile, steps: float, start: float = 1.0, end: float = 0.0) -> lrs.Schedule:
    """The profile over a number of steps that may be no whole number."""
    if steps.is_integer():
        return profile.over(int(steps), start, end)
    return profile.over(FINE, start, end).stretched(steps / FINE).lasting(math.ceil(steps)) >> lrs.constant(end)


def _times(factor: float, schedule: lrs.Schedule) -> lrs.Schedule:
    return schedule if factor == 1 else factor * schedule


def _every(schedule: lrs.Schedule, steps: float, staircase: bool) -> lrs.Schedule:
    """The schedule of ``t / steps``, or of the whole number below it."""
    if staircase and steps.is_integer():
        return schedule.per_epoch(int(steps))
    schedule = schedule.sampled(every=1) if staircase else schedule
    return schedule if steps == 1 else schedule.stretched(steps)


def _exponential(given: _Arguments) -> lrs.Schedule:
    steps, gamma = given.length("decay_steps"), given.real("decay_rate")
    if given.values["staircase"] and steps.is_integer():
        return _times(given.real("initial_learning_rate"), lrs.step_decay(int(steps), gamma))
    shape = _every(lrs.exponential_decay(gamma), steps, given.values["staircase"])
    return _times(given.real("initial_learning_rate"), shape)


def _inverse_time(given: _Arguments) -> lrs.Schedule:
    decay = lrs.inverse_time_decay(given.real("decay_rate"))
    shape = _every(decay, given.length("decay_steps"), given.values["staircase"])
    return _times(given.real("initial_learning_rate"), shape)


def _polynomial(given: _Arguments) -> lrs.Schedule:
    start, end = given.real("initial_learning_rate"), given.real("end_learning_rate")
    power = given.real("power")
    if not given.values["cycle"]:
        profile = lrs.linear() if power == 1 else lrs.polynomial(power)
        return _over(profile, given.length("decay_steps"), start, end)
    steps = given.count("decay_steps")
    passed = lrs.warmup(1).after("extrapolate").per_epoch(steps).delayed(1)
    left = 1.0 - lrs.warmup(steps).after("extrapolate") / (1.0 + passed)
    shape = (left if power == 1 else left**power) * lrs.exponential_decay(1.0)  # 1, but without an end
    return end + (start - end) * shape


def _piecewise(given: _Arguments) -> lrs.Schedule:
    where = f"{WHERE}: {given.name}"
    last = [math.floor(check_real(where, "boundaries", m)) for m in given.values["boundaries"]]
    values = [check_real(where, "values", value) for value in given.values["values"]]
    begun = sum(m < 0 for m in last)
    last, values = last[begun:], values[begun:]
    return lrs.piecewise([m + 1 for m in last], values) if last else lrs.constant(values[0])


def _cosine(given: _Arguments) -> lrs.Schedule:
    start, decay = given.real("initial_learning_rate"), given.length("decay_steps")
    shape = _over(lrs.cosine(), decay, 1.0, given.real("alpha"))
    if given.values["warmup_target"] is None:
        return _times(start, shape)
    steps, target = given.count("warmup_steps", 0), given.real("warmup_target")
    return lrs.warmup(steps, start, target) >> _times(target, shape) if steps else _times(target, shape)


def _restarts(given: _Arguments) -> lrs.Schedule:
    first, growth = given.length("first_decay_steps"), given.real("t_mul")
    factor, alpha = given.real("m_mul"), given.real("alpha")
    if growth < 1:
        fail(f"{WHERE}: {given.name}", "t_mul", ">= 1, since below it Keras gives NaN when the cycles end", growth)
    if first.is_integer() and growth.is_integer():
        cycles = lrs.cosine().over(int(first)).restarted(t_mult=int(growth), gamma=factor)
    else:
        cycles = _written_out(Fraction(first), Fraction(growth), factor)
    shape = cycles if alpha == 0 else alpha + (1.0 - alpha) * cycles
    return _times(given.real("initial_learning_rate"), shape)


def _written_out(length: Fraction, growth: Fraction, factor: float) -> lrs.Schedule:
    """Cycles of real lengths, each from its first whole step on."""
    parts: list[lrs.Schedule] = []
    start, cycle = Fraction(0), 0
    while start < HORIZON:
        begin, end = math.ceil(start), math.ceil(start + length)
        if end > begin:
            into = round((begin - start) / length * FINE)
            whole = lrs.cosine().over(FINE)
            piece = (whole.advanced(into) if into else whole).stretched(float(length / FINE)).lasting(end - begin)
            parts.append(_times(factor**cycle, piece))
        if len(parts) > MOST_CYCLES:
            fail(WHERE, "CosineDecayRestarts", f"of at most {MOST_CYCLES} cycles in 2**31 steps", "more")
        start, length, cycle = start + length, Fraction(round(length * growth * DIGITS), DIGITS), cycle + 1
    return parts[0].then(*parts[1:])


def _own(given: Any) -> lrs.Schedule:
    return given.schedule if given.accumulation == 1 else given.schedule.per_epoch(given.accumulation)


_of = keras.optimizers.schedules
READERS: dict[type, Callable[[Any], lrs.Schedule]] = {
    _of.ExponentialDecay: _exponential,
    _of.InverseTimeDecay: _inverse_time,
    _of.PolynomialDecay: _polynomial,
    _of.PiecewiseConstantDecay: _piecewise,
    _of.CosineDecay: _cosine,
    _of.CosineDecayRestarts: _restarts,
    LearningRate: _own,
}
