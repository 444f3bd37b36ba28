"""Errors: raised where the mistake is made, naming the argument, the value and what is allowed.

The wrong values come from the declared fields of every kind, so a new kind is covered by being registered.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
import strategies
from lrsched import constant, cosine, hold, linear, warmup
from lrsched.algebra import fields as _fields
from lrsched.algebra import node as _node
from lrsched.algebra import registry

NO_NUMBERS: list[Any] = [
    "3",
    None,
    1j,
    [1.0],
    (1.0,),
    {"a": 1},
    b"1",
    object(),
    True,
    np.bool_(True),
    np.array([1.0, 2.0]),
]
NO_COUNTS: list[Any] = [*NO_NUMBERS, 2.5, np.float64(3.5), np.float32(0.5), Fraction(3), np.array(2.0)]
NOT_FINITE: list[Any] = [math.nan, math.inf, -math.inf, np.float32("nan"), 10**400]


def wrong_values(spec: _fields.Field) -> Iterator[Any]:
    """Values that a field must refuse."""
    yield from getattr(Wrong, spec.form)(spec)


class Wrong:
    """Wrong values by the form of a field."""

    @staticmethod
    def real(spec: _fields.Field) -> Iterator[Any]:
        yield from NO_NUMBERS + NOT_FINITE
        for edge, is_open, beyond in ((spec.low, spec.open_low, -1.0), (spec.high, spec.open_high, 1.0)):
            if math.isfinite(edge):
                yield edge + beyond
                if is_open:
                    yield edge

    @staticmethod
    def count(spec: _fields.Field) -> Iterator[Any]:
        yield from (v for v in NO_COUNTS + NOT_FINITE[:3] if not (v is None and spec.optional))
        yield from (-1, int(spec.low) - 1 if spec.low > 0 else -5)

    @staticmethod
    def reals(spec: _fields.Field) -> Iterator[Any]:
        yield from (3.0, "123", None, {1.0: 2}, {1.0})
        for value in Wrong.real(spec):
            if not isinstance(value, list | tuple):
                yield (0.0, value, 1.0)

    @staticmethod
    def counts(spec: _fields.Field) -> Iterator[Any]:
        yield from (3, "123", None)
        for value in Wrong.count(spec):
            yield (value,)
        yield (5, 2)

    @staticmethod
    def static(spec: _fields.Field) -> Iterator[Any]:
        if spec.choices:
            yield from (value for value in (1, 0, "yes", None, [], 2.5) if not any(value is c for c in spec.choices))
        elif spec.base == "policy":
            yield from ("holdd", None, [], math.nan, True, 1j)
        elif spec.base == "count":
            yield from Wrong.count(spec)
        elif spec.base == "str":
            yield from (3, None, b"x")
        else:
            yield from Wrong.real(spec)

    @staticmethod
    def node(spec: _fields.Field) -> Iterator[Any]:
        yield from (3, "linear()", None, linear() if spec.base == "Schedule" else hold(3))

    @staticmethod
    def nodes(spec: _fields.Field) -> Iterator[Any]:
        yield from (3, "linear()", None, (3, 4), (hold(3), linear()))

    @staticmethod
    def numbers(spec: _fields.Field) -> Iterator[Any]:
        yield from ((("a", v),) for v in NO_NUMBERS + NOT_FINITE)


CASES = [(kind.kind_name, name) for kind in registry.KINDS.values() for name in _node.names_of(kind)]


@pytest.mark.parametrize(("kind_name", "field"), CASES, ids=lambda x: x)
def test_every_field_of_every_kind(kind_name: str, field: str) -> None:
    kind = registry.KINDS[kind_name]
    good = strategies.Maker(random.Random(2)).one_of(kind, 2)
    fields = {n: getattr(good, n) for n in _node.names_of(kind)}
    spec = _fields.field_of(kind, field)
    shown = spec.label or field
    for value in wrong_values(spec):
        with pytest.raises(lrs.ScheduleError) as caught:
            kind(**(fields | {field: value}))
        message = str(caught.value)
        assert message.startswith(kind.where()) or " " in message
        named = shown if spec.form != "numbers" else "a"
        assert named in message or kind.kind_name == "sequence", (value, message)
        assert len(message) < 500


PUBLIC = [
    getattr(lrs, name)
    for name in lrs.__all__
    if callable(getattr(lrs, name)) and not inspect.isclass(getattr(lrs, name))
] + [k for k in registry.KINDS.values() if "." not in k.kind_name and not k.method]


@pytest.mark.parametrize("constructor", PUBLIC, ids=lambda f: getattr(f, "__name__", repr(f)))
def test_nonsense_for_every_public_callable(constructor: Any) -> None:
    """Wrong values in the first argument give an error of ours (or TypeError from Python's own call)."""
    if constructor in (lrs.register, lrs.maximum, lrs.minimum) or inspect.signature(constructor).parameters == {}:
        return
    for value in (object(), 1j, math.nan, -1, "no such thing", True):
        with pytest.raises((lrs.ScheduleError, TypeError)):
            constructor(value)
            raise (
                lrs.ScheduleError("was accepted, which a real number may be")
                if isinstance(value, int)
                else AssertionError(value)
            )


METHODS: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("over", (-1,), {}, "over: steps must be an integer >= 0, got -1"),
    ("over", (2.5,), {}, "over: steps must be an integer >= 0, got 2.5"),
    ("over", (5,), {"start": math.nan}, "over: start must be a finite number, got nan"),
    ("over", (5,), {"end": "0"}, "over: end must be a finite number, got '0'"),
    ("over", (5,), {"endpoint": 1}, "over: endpoint must be one of False, True, got 1"),
    ("bent", (1.0,), {}, "bent: d must be a finite number < 1, got 1.0"),
    ("warped", (0,), {}, "warped: k must be a finite number > 0, got 0"),
    ("delayed", (1.5,), {}, r"delayed: share must be a number in \[0, 1\], got 1.5"),
    ("sampled", (), {}, "sampled: give exactly one of times and at"),
    ("sampled", (3,), {"at": (0.5,)}, "sampled: give exactly one of times and at"),
    ("sampled", (0,), {}, "sampled: times must be an integer >= 1, got 0"),
    ("sampled", (), {"at": (0.5, 0.25)}, "sampled: at must be increasing"),
    ("sampled", (), {"at": ()}, "sampled: at must be"),
]


@pytest.mark.parametrize(("method", "positional", "named", "message"), METHODS, ids=lambda x: str(x)[:30])
def test_methods_of_profiles(method: str, positional: Any, named: Any, message: str) -> None:
    with pytest.raises(lrs.ScheduleError, match=message):
        getattr(cosine(), method)(*positional, **named)


SCHEDULE_METHODS: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("then", (3,), {}, "then: argument 1 must be a schedule, got 3"),
    ("warmup", (-1,), {}, "warmup: steps must be an integer >= 0, got -1"),
    ("restarted", (0,), {}, "restarted: times must be an integer >= 1, got 0"),
    ("restarted", (), {"t_mult": 0.5}, "restarted: t_mult must be >= 1 when times is None, got 0.5"),
    ("restarted", (3,), {"t_mult": 0}, "restarted: t_mult"),
    ("restarted", (), {"gamma": 0}, "restarted: gamma must be a finite number > 0, got 0"),
    ("stretched", (0,), {}, "stretched: k must be a finite number > 0, got 0"),
    ("rescaled", (-3,), {}, "rescaled: total must be an integer >= 0, got -3"),
    ("extended", (10, 20), {}, "extended: at must be below the duration, 10, got 10"),
    ("extended", (5, 5), {}, "extended: total must be above at, 5, got 5"),
    ("advanced", (11,), {}, "advanced: k must be at most the duration, 10, got 11"),
    ("delayed", (-1,), {}, "delayed: k must be an integer >= 0, got -1"),
    ("lasting", (1.5,), {}, "lasting: n must be an integer >= 0, got 1.5"),
    ("cooldown", (2, -5), {}, "steps must be an integer >= 0, got -5"),
    ("after", ("for ever",), {}, "after: policy must be one of 'hold', .*got 'for ever'"),
    ("after", (math.inf,), {}, "after: policy"),
    ("sampled", (), {}, "sampled: give exactly one of every and at"),
    ("sampled", (0,), {}, "sampled: every must be an integer >= 1, got 0"),
    ("per_epoch", (0,), {}, "per_epoch: steps_per_epoch must be an integer >= 1, got 0"),
    ("clipped", (1, 0), {}, "clipped: low must be at most high, 0.0, got 1.0"),
    ("perturbed", (0.1, -1), {}, "perturbed: seed must be an integer >= 0, got -1"),
    ("perturbed", (0.1, 2**64), {}, "perturbed: seed"),
    ("sample", (-1,), {}, "sample: n must be an integer >= 0, got -1"),
    ("sample", (2.5,), {}, "sample: n must be an integer >= 0, got 2.5"),
    ("sample", (5, 3), {}, "sample: stop must be an integer >= start, 5, got 3"),
    ("sample", (3,), {"out": np.zeros(4)}, "sample: out must be a vector of 3 floats"),
    ("sample", (3,), {"out": np.zeros(3, int)}, "sample: out"),
    ("sample", (3,), {"out": [0, 0, 0]}, "sample: out"),
    ("sample", (3,), {"dtype": int}, "sample: dtype must be a floating type"),
    ("boundaries", (-1,), {}, "boundaries: stop must be an integer >= 0, got -1"),
    ("cycle_ends", (None,), {}, "cycle_ends: stop must be an integer >= 0, got None"),
    ("sum", (-2,), {}, "sum: n must be an integer >= 0, got -2"),
    ("first_below", ("x", 3), {}, "first_below: x must be a finite number, got 'x'"),
    ("first_below", (1.0, -3), {}, "first_below: stop must be an integer >= 0, got -3"),
]


@pytest.mark.parametrize(("method", "positional", "named", "message"), SCHEDULE_METHODS, ids=lambda x: str(x)[:30])
def test_methods_of_schedules(method: str, positional: Any, named: Any, message: str) -> None:
    with pytest.raises(lrs.ScheduleError, match=message):
        getattr(cosine().over(10), method)(*positional, **named)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda x: cosine().over(7, x, -x),
            "over: end must be so near start, 1.7e+308, that start - end is finite, got",
        ),
        (lambda x: warmup(7, -x, x), "warmup: end must be so near start, -1.7e+308, that start - end is finite, got"),
        (lambda x: constant(x).cooldown(3, 4, end=-x), "cooldown: end must be so near start"),
        (lambda x: lrs.range_sweep(-x, x, 7, "linear"), "range_sweep: largest must be so near start"),
    ],
)
def test_ends_that_no_number_lies_between(make: Any, message: str) -> None:
    """Of a range that is finite every target gives finite values; of any other none would."""
    with pytest.raises(lrs.ScheduleError) as caught:
        make(1.7e308)
    assert str(caught.value).startswith(message)
    wide = make(8e307)
    found = [wide(np.arange(9)), wide.sample(9), [wide(t) for t in range(9)]]
    assert np.all(np.isfinite(found)) and np.ptp(found, axis=0).max() < 1e294


NO_STEPS = [-1, -0.5, -1e300, math.nan, math.inf, -math.inf, True, False, "3", b"3", 1j, None, [1], (1,), {1}, object(),
            np.int64(-1), np.float32(-2), np.float64("nan"), np.bool_(True), np.complex64(1)]  # fmt: skip
NO_STEP_ARRAYS = [[-1], [0, -1], [0.5, math.nan], [math.inf], [True, False], ["3"], [1j], [object()], [None]]


@pytest.mark.parametrize("schedule", [cosine().over(10), constant(1.0), warmup(3) >> constant(1), constant(1).perturbed(0.1, 2),
                                      linear().over(3).restarted(t_mult=2)], ids=repr)  # fmt: skip
def test_steps_that_are_none(schedule: Any) -> None:
    for t in NO_STEPS:
        with pytest.raises(lrs.ScheduleError, match="step"):
            schedule(t)
        with pytest.raises((ValueError, TypeError), match="step"):
            lrs.compile(schedule, "python")(t)
    for values in NO_STEP_ARRAYS:
        with pytest.raises(lrs.ScheduleError, match="step"):
            schedule(np.array(values))
        with pytest.raises(lrs.ScheduleError, match="step"):
            lrs.compile(schedule, "numpy")(np.array(values))
    assert schedule(np.array([], dtype=int)).shape == (0,)


def test_kinds_of_wrong_steps_are_type_errors() -> None:
    for t in ("3", 1j, None, True, [1]):
        with pytest.raises(TypeError):
            cosine().over(10)(t)
    for t in (-1, math.nan):
        with pytest.raises(ValueError, match="step") as caught:
            cosine().over(10)(t)
        assert not isinstance(caught.value, TypeError)


def test_progress_that_is_none() -> None:
    for u in (-0.1, 1.1, math.nan, "0.5", True, None, 1j, np.array([0.5, 2.0]), np.array(["x"])):
        with pytest.raises(lrs.ScheduleError, match="progress"):
            cosine()(u)


def test_operators_with_what_they_cannot_combine() -> None:
    s, p = hold(3), linear()
    for wrong in ("3", None, [1], (1,), {}):
        for combine in (lambda x: s + x, lambda x: x * s, lambda x: s - x, lambda x: s / x, lambda x: s**x,
                        lambda x: p + x, lambda x: p * x, lambda x: s >> x):  # fmt: skip
            with pytest.raises(TypeError):
                combine(wrong)
    for nonsense in (lambda: s + p, lambda: p >> s, lambda: s**s, lambda: p**p, lambda: s < s, lambda: bool(s), lambda: list(s),
                     lambda: s + math.nan, lambda: s * math.inf, lambda: p + True if False else s + True):  # fmt: skip
        with pytest.raises((TypeError, lrs.ScheduleError)):
            nonsense()


def test_registration() -> None:
    with pytest.raises(lrs.ScheduleError, match="registered"):
        lrs.custom("never registered")
    for name in ("", None, 3):
        with pytest.raises(lrs.ScheduleError, match="register: name"):
            lrs.register(name)  # type: ignore[arg-type]
    with pytest.raises(lrs.ScheduleError, match="duration"):
        lrs.register("tests_wrong", duration=-1)
    with pytest.raises(lrs.ScheduleError, match="function"):
        lrs.register("tests_wrong")(3)  # type: ignore[arg-type]


def test_messages_are_short_and_errors_are_values() -> None:
    with pytest.raises(lrs.ScheduleError) as caught:
        lrs.table(["x" * 10_000])
    assert len(str(caught.value)) < 300
    assert issubclass(lrs.ScheduleError, ValueError)
    with pytest.raises(dataclasses.FrozenInstanceError, match="a schedule never changes: cannot set 'steps'"):
        warmup(5).steps = 6  # type: ignore[misc]
