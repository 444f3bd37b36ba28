"""C source: every kind, compiled with the system's compiler, against Python at many steps."""

from __future__ import annotations

import collections
import ctypes
import math
import random
import shutil
import subprocess

import pytest

import lrsched as lrs
import strategies
from lrsched import _node
from lrsched.compiler import source
from lrsched.targets import _c

COMPILER = shutil.which("cc") or shutil.which("gcc")
SEEDS = 240

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
            texts[f"f{seed}"] = _c.source(expression, f"f{seed}")
        except lrs.ScheduleError as error:
            refused.append(str(error))
            continue
        expressions[f"f{seed}"] = expression
        seen.update(node.kind_name for node in _node.walk(expression))
    kinds = {name for name in _node.KINDS if name != "custom" and not name.startswith("test")}
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


def test_c_source_names_what_it_cannot_write():
    with pytest.raises(lrs.ScheduleError, match="source: a custom schedule is a Python function"):
        source(lrs.custom("tests_endless") * 2.0, "c")
    with pytest.raises(lrs.ScheduleError, match="source: language must be one of 'python', 'c', got 'rust'"):
        source(lrs.warmup(5), "rust")
    with pytest.raises(TypeError, match="is text only"):
        lrs.compile(lrs.warmup(5), "c")
    with pytest.raises(lrs.ScheduleError, match="name must be an identifier"):
        _c.source(lrs.warmup(5), "2 fast")


def test_the_c_table_is_complete():
    from lrsched._term import OPERATIONS

    assert set(_c.TEMPLATES) == set(OPERATIONS)
