"""Costs that are counted, not timed: memory of sampling, temporaries in generated code, modules imported, sizes."""

from __future__ import annotations

import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from lrsched import cosine, hold, linear, rex, warmup

RUN = 3e-4 * (warmup(500) >> cosine().over(99_500, end=0.1))
SAMPLED = [
    RUN,
    rex().sampled(times=20).over(100_000),
    cosine().over(1000).restarted(t_mult=2, gamma=0.5),
    (warmup(100) >> hold(900)).restarted() * linear().over(10**6),
    lrs.exponential_decay(0.9999),
    lrs.constant(1.0).perturbed(0.1, 3),
    linear().over(100).mirrored().restarted(),
]


def peak(run: Callable[[], Any]) -> int:
    """The most memory that a call holds at once, in bytes."""
    run()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("schedule", SAMPLED, ids=repr)
def test_sampling_into_an_array_allocates_nothing_that_grows(schedule: Any) -> None:
    small, large = np.empty(50_000), np.empty(800_000)
    first = peak(lambda: schedule.sample(len(small), out=small))
    second = peak(lambda: schedule.sample(len(large), out=large))
    assert second < first + 2_000_000 and second < large.nbytes / 2, (first, second)


@pytest.mark.parametrize("schedule", SAMPLED, ids=repr)
def test_float32_is_sampled_without_a_float64_copy(schedule: Any) -> None:
    n = 1_000_000
    used = peak(lambda: schedule.sample(n, dtype=np.float32))
    assert 4 * n <= used < 6 * n


def test_one_temporary_for_each_shared_term() -> None:
    """A term that is used twice is computed once, and every name is used."""
    shared = cosine().over(1000)
    source = lrs.compile(shared * shared + shared, "python").source
    assert len(re.findall(r"\bsin\(", source.split("def schedule")[1])) <= 2, "one for each half of the wave"
    for schedule in (RUN, *SAMPLED):
        for target in ("python", "numpy"):
            for body in lrs.compile(schedule, target).source.split("def ")[1:]:
                lines = re.findall(r"^ +(x\d+) = (.*)$", body, re.MULTILINE)
                computed = [right for _, right in lines if "(" in right]
                assert len(computed) == len(set(computed)), f"computed twice in\n{body}"
                for name, _ in lines:
                    assert len(re.findall(rf"\b{name}\b(?! = )", body)) >= 1, f"{name} is never used in\n{body}"


def test_source_of_the_main_example_is_short() -> None:
    body = lrs.compile(RUN, "python").source.split("def schedule")[1]
    assert len(body.strip().splitlines()) <= 14, body


def test_code_does_not_grow_with_pieces_of_one_kind() -> None:
    def source(n: int, target: str) -> str:
        pieces = hold(1).then(*(linear().over(i + 5, start=1 / (i + 1)) for i in range(n)))
        text = lrs.compile(pieces, target).source
        return re.sub(r"^\w*table.*$", "", text, flags=re.MULTILINE)

    for target in ("python", "numpy"):
        assert abs(len(source(400, target)) - len(source(40, target))) < 400


def test_one_compilation_for_each_target() -> None:
    from lrsched import compiler

    made: list[str] = []
    original = compiler.compile

    def counting(node: Any, target: str, dtype: Any = None) -> Any:
        made.append(target)
        return original(node, target, dtype)

    schedule = 0.123 * cosine().over(1234)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "compile", counting)
        for t in (*range(50), 1.5, 2.5, np.int64(3), np.float32(4)):
            schedule(t)
        for _ in range(20):
            schedule(np.arange(5))
    assert sorted(made) in (["numpy"], ["numpy", "python"])


def test_what_is_imported() -> None:
    program = (
        "import sys; before = set(sys.modules); import lrsched as s; "
        "x = 0.1 * (s.warmup(5) >> s.cosine().over(50)); x(3); x.sample(10); s.parse(repr(x)); s.from_json(x.to_json()); "
        "print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    heavy = {
        "jax",
        "jaxlib",
        "torch",
        "keras",
        "tensorflow",
        "matplotlib",
        "scipy",
        "pandas",
        "optax",
        "rich",
        "mpmath",
    }
    assert not heavy & set(found)
    allowed = set(sys.stdlib_module_names) | {"lrsched", "numpy"}
    installed = {m for m in found if m not in allowed and not m.startswith("_") and "editable" not in m}
    assert installed <= {"sitecustomize", "usercustomize"}, installed


def test_expressions_are_small() -> None:
    """A piece of a long sequence costs its fields, not a compiled function."""
    used = peak(lambda: [hold(i, 0.5) for i in range(2000)])
    assert used < 2000 * 1500


# ---- JAX


def instructions(program: Any) -> int:
    """How many operations a jaxpr holds, those inside others included."""
    jax = pytest.importorskip("jax")
    total = 0
    for equation in program.eqns:
        total += 1
        for value in equation.params.values():
            for inner in value if isinstance(value, list | tuple) else (value,):
                if isinstance(inner, jax.extend.core.ClosedJaxpr):
                    total += instructions(inner.jaxpr)
                elif isinstance(inner, jax.extend.core.Jaxpr):
                    total += instructions(inner)
    return total


def test_instructions_in_jax_are_few_and_do_not_grow() -> None:
    jax = pytest.importorskip("jax")
    import jax.extend  # noqa: F811

    def count(schedule: Any) -> int:
        return instructions(jax.make_jaxpr(schedule)(3).jaxpr)

    def pieces(n: int) -> Any:
        return hold(1).then(*(linear().over(i + 5, start=1 / (i + 1)) for i in range(n)))

    assert count(lrs.constant(0.1)) <= 12
    assert count(RUN) <= 60, count(RUN)
    assert count(pieces(1000)) <= count(pieces(100)) + 40


def test_a_train_step_is_traced_once() -> None:
    jax = pytest.importorskip("jax")
    traces: list[int] = []

    @jax.jit
    def step(schedule: Any, t: Any) -> Any:
        traces.append(1)
        return schedule(t)

    for i in range(5):
        step(0.1 * (warmup(5 + i) >> cosine().over(100 + i, end=0.01 * i)), i)
    assert len(traces) == 1
