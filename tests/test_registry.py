"""Nothing forgotten: every operation in every table, every kind in every form, every public name of the contract."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
import oracle
import strategies
from lrsched import profiles, recipes, schedules, targets, text
from lrsched.algebra import constructor, fields, node, registry
from lrsched.ir import operations
from lrsched.ir import term as _term

PROFILES = "rise flat linear cosine polynomial exponential inverse_time logarithmic rex tanh one_minus_power knots pchip staircase phases"
SCHEDULES = (
    "warmup constant hold multi_step step_decay piecewise exponential_decay inverse_time_decay inverse_sqrt power_decay "
    "geometric table silver_steps chebyshev_steps range_sweep custom register"
)
OTHERS = "Schedule Profile minimum maximum plan recipes parse names schedule profile from_dict from_json register_target ScheduleError Plateau"
OF_PROFILES = "bent warped reversed mirrored delayed normalised sampled over to_dict to_json fingerprint"
OF_SCHEDULES = (
    "then warmup restarted mirrored reversed stretched rescaled extended advanced delayed lasting cooldown after sampled "
    "per_epoch clipped perturbed sample duration boundaries cycle_ends sum first_below to_dict to_json fingerprint"
)
RECIPES = "warmup_cosine warmup_linear warmup_stable_decay one_cycle one_cycle_momentum sgdr triangular"


def test_public_names() -> None:
    for name in f"{PROFILES} {SCHEDULES} {OTHERS}".split():
        assert hasattr(lrs, name), name
        assert name in lrs.__all__, name
    for name in ("compile", "sum"):
        assert name not in lrs.__all__
    assert callable(lrs.compile)
    for name in OF_PROFILES.split():
        assert hasattr(lrs.Profile, name), name
    for name in OF_SCHEDULES.split():
        assert hasattr(lrs.Schedule, name), name
    for name in RECIPES.split():
        assert callable(getattr(lrs.recipes, name)), name


def not_public() -> list[str]:
    """What has a place in a list of kinds, or is read by ``parse``, and is no public name."""
    read = {name for name, made in text.functions().items() if made.__module__.startswith("lrsched.")}
    names = {*profiles.__all__, *schedules.__all__, *(read - {*recipes.__all__})}
    return sorted(name for name in names if name not in lrs.__all__ or not hasattr(lrs, name))


def test_every_kind_that_is_made_by_its_name_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not_public() == []
    monkeypatch.setattr(schedules, "__all__", [*schedules.__all__, "sawtooth"])
    monkeypatch.setattr(schedules, "sawtooth", lrs.hold, raising=False)
    monkeypatch.setitem(registry.KINDS, "smoothstep", registry.KINDS["linear"])
    text.vocabulary._forget(None)
    found = not_public()
    text.vocabulary._forget(None)
    assert found == ["sawtooth", "smoothstep"]


SIGNATURES = {
    "polynomial": "(power=2.0)",
    "exponential": "(rate=4.0)",
    "inverse_time": "(rate)",
    "logarithmic": "(rate)",
    "rex": "(bend=0.5)",
    "tanh": "(lower=-6.0, upper=3.0)",
    "one_minus_power": "(power=0.5)",
    "knots": "(xs, ys)",
    "pchip": "(xs, ys)",
    "staircase": "(at, levels)",
    "warmup": "(steps, start=0.0, end=1.0, profile=linear(), skip_zero=False)",
    "constant": "(value)",
    "hold": "(steps, value=1.0)",
    "multi_step": "(milestones, gamma=0.1)",
    "step_decay": "(every, gamma=0.1)",
    "piecewise": "(boundaries, values)",
    "exponential_decay": "(gamma)",
    "inverse_time_decay": "(rate)",
    "inverse_sqrt": "(timescale)",
    "power_decay": "(timescale, power)",
    "geometric": "(steps, start, end)",
    "table": "(values, interpolate=False)",
    "silver_steps": "(steps)",
    "chebyshev_steps": "(steps, smallest, largest, fractal=True)",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_arguments_of_constructors(name: str) -> None:
    parameters = inspect.signature(getattr(lrs, name)).parameters.values()
    text = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters)
    assert f"({text})" == SIGNATURES[name]


# ---- tables


@pytest.mark.parametrize("name", ["python", "numpy", "jax", "c"])
def test_every_table_is_complete(name: str) -> None:
    if name == "jax":
        pytest.importorskip("jax")
    try:
        table = targets.table(name).dialect.templates
    except lrs.ScheduleError:
        pytest.skip(f"{name} is not there")
    assert set(table) >= set(operations.OPERATIONS), set(operations.OPERATIONS) - set(table)


def test_operations_are_known_on_constants() -> None:
    """What folds at compile time covers every operation of numbers."""
    from lrsched.ir import folding

    assert set(folding.FOLD) == set(operations.OPERATIONS) - {"search", "gather", "checked", "call"}


def test_every_operation_is_used() -> None:
    """No row of the tables is dead: some expression lowers to it on the host."""
    from lrsched.ir.lower import lower

    seen: set[str] = set()
    expressions = [strategies.seeded(seed, base, 3) for seed in range(400) for base in ("Schedule", "Profile")]
    for expression in (*expressions, lrs.linear().over(10).restarted().stretched(1.7)):
        profile = isinstance(expression, lrs.Profile)
        for target in ("python", "numpy"):
            for real in (False, True):
                waiting = [lower(expression, targets.table(target).builder(real or profile))]
                while waiting:
                    term = waiting.pop()
                    seen.add(term.op)
                    waiting.extend(a for a in term.args if isinstance(a, _term.Term))
    assert set(operations.OPERATIONS) - seen <= {"share"}, "shares are constants unless JAX traces them"


def test_registering_a_target() -> None:
    from lrsched.targets import _numpy

    counted: list[str] = []

    def counting(name: str) -> Any:
        def run(*arguments: Any, **more: Any) -> Any:
            counted.append(name)
            return _numpy.OPERATIONS[name](*arguments, **more)

        return run

    lrs.register_target("tests_counting", {name: counting(name) for name in _numpy.OPERATIONS})
    schedule = lrs.warmup(5) >> lrs.cosine().over(100)
    steps = np.arange(110.0)
    np.testing.assert_array_equal(lrs.compile(schedule, "tests_counting")(steps), schedule(steps))
    assert {"sin", "where"} <= set(counted)
    incomplete = {name: f for name, f in _numpy.OPERATIONS.items() if name not in ("sin", "exp")}
    with pytest.raises(lrs.ScheduleError, match="lacks exp, sin"):
        lrs.register_target("tests_incomplete", incomplete)
    with pytest.raises(lrs.ScheduleError, match="target must be one of"):
        lrs.compile(schedule, "tests_incomplete")
    with pytest.raises(lrs.ScheduleError, match="built in"):
        lrs.register_target("numpy", _numpy.OPERATIONS)


# ---- kinds


@pytest.mark.parametrize("name", sorted(registry.KINDS))
def test_every_kind_is_everywhere(name: str) -> None:
    kind = registry.KINDS[name]
    assert name in oracle.PROFILES or name in oracle.SCHEDULES, "write its formula in tests/oracle.py"
    expression = strategies.Maker(random.Random(1)).one_of(kind, 3)
    assert type(expression) is kind
    assert lrs.parse(repr(expression)) == expression == lrs.from_json(expression.to_json())
    assert len(expression.fingerprint()) == 64 and hash(expression) == hash(lrs.parse(repr(expression)))
    for target in ("python", "numpy"):
        assert "def schedule" in lrs.compile(expression, target).source
    assert kind.__doc__ and all(fields.field_of(kind, n).form for n in node.names_of(kind))


MADE_UP = '''
"""A profile of one's own, in one file."""

from lrsched import Profile
from lrsched.algebra.fields import positive
from lrsched.algebra.constructor import kind


@kind("tests_gauss")
class Gauss(Profile):
    """``p(u) = exp(-width * u**2)``."""

    width: float = positive(default=3.0)
    last = None

    def formula(self, x):
        exponent = x.b.floats(self.width) * x.u * x.u
        return x.b.exp(-exponent), -x.b.expm1(-exponent)
'''


@pytest.fixture
def gauss(tmp_path: Path) -> Any:
    """The made-up kind, registered for the time of a test."""
    path = tmp_path / "tests_gauss.py"
    path.write_text(MADE_UP)
    spec = importlib.util.spec_from_file_location("tests_gauss", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["tests_gauss"] = module
    spec.loader.exec_module(module)
    yield module.Gauss
    del registry.KINDS["tests_gauss"], sys.modules["tests_gauss"]
    text.vocabulary._forget(None)


def test_a_made_up_profile_in_one_file_appears_everywhere(gauss: Any) -> None:
    shape = gauss(2.5)
    schedule = 0.5 * (lrs.warmup(10) >> shape.over(1000, end=0.1).restarted(times=2, t_mult=2))
    exact = [0.5 * (0.1 + 0.9 * np.exp(-2.5 * (t / 1000) ** 2)) for t in range(1000)]
    # targets
    np.testing.assert_allclose([schedule(t + 10) for t in range(1000)], exact, rtol=1e-14)
    np.testing.assert_allclose(schedule(np.arange(10, 1010)), exact, rtol=1e-14)
    np.testing.assert_allclose(schedule.sample(10, 1010), exact, rtol=1e-12)
    assert schedule(10) == 0.5 and shape(0) == 1.0
    assert (2 * shape - 1)(0) == 1.0 and shape.sampled(times=2)(0.4) == 1.0
    # text, data, identity
    assert repr(shape) == "tests_gauss(2.5)" or repr(shape) == "tests_gauss(width=2.5)"
    assert lrs.parse(repr(schedule)) == schedule == lrs.from_json(schedule.to_json())
    assert hash(lrs.parse(repr(schedule))) == hash(schedule) and schedule.fingerprint() != (schedule * 2).fingerprint()
    assert shape != gauss() and gauss() == gauss(3)
    with pytest.raises(lrs.ScheduleError, match="tests_gauss: width must be a finite number > 0, got -1"):
        gauss(-1)
    with pytest.raises(lrs.ScheduleError, match="tests_gauss"):
        lrs.parse("tests_gaus()")
    # the generated test data
    assert gauss in strategies.kinds_of("Profile")
    found = {type(strategies.Maker(random.Random(seed)).expression("Profile", 1)) for seed in range(400)}
    assert gauss in found
    # the guard
    with pytest.raises(AssertionError, match="oracle"):
        test_every_kind_is_everywhere("tests_gauss")


def test_a_made_up_profile_in_jax(gauss: Any) -> None:
    jax = pytest.importorskip("jax")
    schedule = 0.5 * gauss(2.5).over(1000, end=0.1)
    steps = np.arange(1000, dtype=np.int32)
    exact = 0.5 * (0.1 + 0.9 * np.exp(-2.5 * (steps / 1000) ** 2))
    np.testing.assert_allclose(jax.jit(schedule)(steps), exact, rtol=2e-6)
    np.testing.assert_allclose(jax.jit(lambda s, t: s(t))(schedule, steps), exact, rtol=2e-6)
    assert len(jax.tree.leaves(schedule)) >= 4


def test_a_name_is_taken_once() -> None:
    with pytest.raises(lrs.ScheduleError, match="no other kind"):
        constructor.kind("linear")(type("Other", (lrs.Profile,), {"__annotations__": {}}))
