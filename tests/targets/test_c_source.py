"""C source: every kind, compiled with the system's compiler, against Python at many steps."""

from __future__ import annotations

import collections
import ctypes
import math
import os
import random
import shutil
import subprocess

import numpy as np
import pytest

import lrsched as lrs
import matrix
import strategies
from lrsched.algebra import node as _node
from lrsched.algebra import registry
from lrsched.compiler import source
from lrsched.ir import folding
from lrsched.targets import _c

COMPILER = shutil.which("cc") or shutil.which("gcc")
SEEDS = 240
COMPOSED = range(400 if os.environ.get("THOROUGH") else 4)  # each 25 expressions of three methods

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


def python_value(expression, t):
    try:
        return float(expression(t))
    except lrs.ScheduleError:
        return math.nan


def compiled(folder, expressions):
    """The C functions of expressions, loaded."""
    for name, text in expressions.items():
        (folder / f"{name}.c").write_text(text, encoding="utf-8")
    library = folder / "all.so"
    flags = [
        "-std=c99",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-unused-parameter",
        "-ffp-contract=off",
        "-shared",
        "-fPIC",
    ]
    files = sorted(str(f) for f in folder.glob("*.c"))
    subprocess.run([COMPILER, *flags, "-o", str(library), *files, "-lm"], check=True)
    return ctypes.CDLL(str(library))


def close(a, b):
    if a == b or (a != a and b != b):
        return True
    return math.isfinite(a - b) and abs(a - b) <= 1e-12 * max(abs(a), abs(b))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_c_agrees_with_python_for_all_kinds(tmp_path):
    expressions, texts, refused = {}, {}, []
    seen = collections.Counter()
    for seed in range(SEEDS):
        base = "Schedule" if seed % 3 else "Profile"
        expression = strategies.seeded(seed, base)
        if any(node.kind_name == "custom" for node in _node.walk(expression)):
            continue
        try:
            texts[f"f{seed}"] = source(expression, "c").replace("double schedule(", f"double f{seed}(")
        except lrs.ScheduleError as error:
            refused.append(str(error))
            continue
        expressions[f"f{seed}"] = expression
        seen.update(node.kind_name for node in _node.walk(expression))
    kinds = {name for name in registry.KINDS if name != "custom" and not name.startswith("test")}
    assert kinds <= set(seen), f"no expression has {kinds - set(seen)}"
    assert len(refused) < SEEDS // 20 and all("C's integers" in message for message in refused)
    library = compiled(tmp_path, texts)
    for name, expression in expressions.items():
        profile = isinstance(expression, lrs.Profile)
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double if profile else ctypes.c_int64]
        rnd = random.Random(name)
        steps = [0.0, 1.0, 0.5, *(rnd.random() for _ in range(9))] if profile else strategies.steps_of(expression, rnd)
        for t in steps:
            assert close(function(t), python_value(expression, t)), (t, expression)
        assert math.isnan(function(-1))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", COMPOSED)
def test_composed_expressions_in_c(tmp_path, seed):
    """What Python's values are held against is elsewhere: the clocks of both are one."""
    expressions, refused = {}, 0
    for i, (_, schedule) in enumerate(matrix.composed(3, random.Random(seed), 25)):
        try:
            text = source(schedule, "c").replace("double schedule(", f"double f{i}(")
            (tmp_path / f"f{i}.c").write_text(text, encoding="utf-8")
            expressions[f"f{i}"] = schedule
        except lrs.ScheduleError as error:
            assert "C's integers" in str(error)
            refused += 1
    assert refused <= 3
    library = compiled(tmp_path, {})
    for name, schedule in expressions.items():
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_int64]
        for t in matrix.steps_of(schedule, random.Random(seed)):
            assert close(function(t), python_value(schedule, t)), (t, schedule)


def real(value):
    """A division as IEEE has it, where the divisor may be 0."""
    return math.inf if value else math.nan


WIDE, LINE = 2**53 - 111, (2**52 + 12345, 2**53 - 111, 2**53 - 112)
PLACES = np.array([3, 5, 8, 13, 21, 10**10])
EACH = {
    "add": (lambda b, t: b.add(t, b.mul(t, 3)), lambda t: 4 * t),
    "sub": (lambda b, t: b.sub(b.mul(t, 3), t), lambda t: 2 * t),
    "mul": (lambda b, t: b.mul(b.add(t, 3), t), lambda t: ((t + 3) * t + 2**63) % 2**64 - 2**63),
    "neg": (lambda b, t: b.neg(t), lambda t: -t),
    "minimum": (lambda b, t: b.minimum(t, b.sub(40, t)), lambda t: min(t, 40 - t)),
    "maximum": (lambda b, t: b.maximum(t, b.sub(40, t)), lambda t: max(t, 40 - t)),
    "minimum of NaN": (lambda b, t: b.minimum(b.floats(t) / 0.0, 5.0), lambda t: 5 if t else math.nan),
    "maximum of NaN": (lambda b, t: b.maximum(b.floats(t) / 0.0, 5.0), lambda t: real(t)),
    "floordiv": (lambda b, t: b.floordiv(t, 7), lambda t: t // 7),
    "floordiv below 0": (lambda b, t: b.floordiv(b.sub(t, 50), 7), lambda t: (t - 50) // 7),
    "mod": (lambda b, t: b.mod(t, 7), lambda t: t % 7),
    "mod below 0": (lambda b, t: b.mod(b.sub(t, 50), 7), lambda t: (t - 50) % 7),
    "muldiv": (lambda b, t: b.muldiv(t, *LINE), lambda t: (t * LINE[0] + LINE[2]) // WIDE),
    "mulmod": (lambda b, t: b.mulmod(t, *LINE), lambda t: (t * LINE[0] + LINE[2]) % WIDE),
    "floor": (lambda b, t: b.floor(b.floats(t) / 3.0), lambda t: math.floor(t / 3)),
    "floor below 0": (lambda b, t: b.floor(b.floats(b.sub(t, 50)) / 3.0), lambda t: math.floor((t - 50) / 3)),
    "real": (lambda b, t: b.floats(t) * 0.5, lambda t: t * 0.5),
    "div": (lambda b, t: 1.0 / b.floats(b.add(t, 1)), lambda t: 1 / (t + 1)),
    "sqrt": (lambda b, t: b.sqrt(b.floats(t)), math.sqrt),
    "exp": (lambda b, t: b.exp(-1.0 / b.floats(b.add(t, 1))), lambda t: math.exp(-1 / (t + 1))),
    "expm1": (lambda b, t: b.expm1(-1.0 / b.floats(b.add(t, 1))), lambda t: math.expm1(-1 / (t + 1))),
    "log": (lambda b, t: b.log(b.floats(b.add(t, 1))), lambda t: math.log(t + 1)),
    "log1p": (lambda b, t: b.log1p(b.floats(t)), math.log1p),
    "sin": (lambda b, t: b.sin(1.0 / b.floats(b.add(t, 1))), lambda t: math.sin(1 / (t + 1))),
    "pow": (lambda b, t: b.pow(b.floats(t), 0.3), lambda t: t**0.3),
    "ipow": (lambda b, t: b.ipow(0.75, b.minimum(t, 100)), lambda t: 0.75 ** min(t, 100)),
    "lt": (lambda b, t: b.where(b.lt(t, 5), 1.0, 2.0), lambda t: 1 if t < 5 else 2),
    "le": (lambda b, t: b.where(b.le(t, 5), 1.0, 2.0), lambda t: 1 if t <= 5 else 2),
    "eq": (lambda b, t: b.where(b.eq(t, 5), 1.0, 2.0), lambda t: 1 if t == 5 else 2),
    "where": (lambda b, t: b.where(b.lt(t, 5), b.mul(t, 2), b.mul(t, 3)), lambda t: t * 2 if t < 5 else t * 3),
    "search": (lambda b, t: b.search(PLACES, t), lambda t: int(np.searchsorted(PLACES, t, side="right"))),
    "search of two": (lambda b, t: b.search(PLACES[:2], t), lambda t: (t >= 3) + (t >= 5)),
    "gather": (lambda b, t: b.gather(PLACES / 7, b.minimum(t, 5)), lambda t: PLACES[min(t, 5)] / 7),
    "gather of integers": (lambda b, t: b.gather(PLACES, b.minimum(t, 5), "i"), lambda t: PLACES[min(t, 5)]),
    "noise": (lambda b, t: b.noise(2**63 + 2**40 + 3, t), lambda t: folding.noise(2**63 + 2**40 + 3, t)),
    "valuation": (lambda b, t: b.valuation(b.add(t, 1)), lambda t: ((t + 1) & -(t + 1)).bit_length() - 1),
    "share": (lambda b, t: b.share(0.25, b.minimum(t, 999)), lambda t: round(0.25 * min(t, 999))),
    "checked": (lambda b, t: b.checked(b.lt(5, t), b.floats(t)), lambda t: t if t <= 5 else math.nan),
    "infinite": (lambda b, t: b.where(b.lt(t, 5), math.inf, -math.inf), lambda t: math.inf if t < 5 else -math.inf),
    "undefined": (lambda b, t: b.where(b.lt(t, 5), math.nan, 1.0), lambda t: math.nan if t < 5 else 1),
}


def test_each_operation_in_c(tmp_path):
    """Every row of the table by itself, with the arguments that it is there for."""
    assert {name.split()[0] for name in EACH} >= set(_c.TEMPLATES) - {"call"}
    texts = {}
    for i, (make, _) in enumerate(EACH.values()):
        builder = _c.TARGET.builder()
        root = builder.floats(make(builder, builder.step()))
        texts[f"each{i}"] = _c.source(root, "", 2**53).replace("double schedule(", f"double each{i}(")
    library = compiled(tmp_path, texts)
    for i, (name, (_, expected)) in enumerate(EACH.items()):
        function = getattr(library, f"each{i}")
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_int64]
        for t in (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 37, 49, 50, 51, 10**6, 2**32 + 17, 10**10, 2**53 - 1):
            assert close(function(t), float(expected(t))), (name, t)


def test_c_source_names_what_it_cannot_write():
    with pytest.raises(lrs.ScheduleError, match="source: a custom schedule is a Python function"):
        source(lrs.custom("tests_endless") * 2.0, "c")
    with pytest.raises(lrs.ScheduleError, match="source: language must be one of 'python', 'c', got 'rust'"):
        source(lrs.warmup(5), "rust")
    with pytest.raises(TypeError, match="is text only"):
        lrs.compile(lrs.warmup(5), "c")


def test_the_c_table_is_complete():
    from lrsched.ir.operations import OPERATIONS

    assert set(_c.TEMPLATES) == set(OPERATIONS)
