"""Costs that are counted, not timed: memory of sampling, temporaries in generated code, modules imported, sizes."""

from __future__ import annotations

import contextlib
import gc
import math
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
from lrsched import cosine, hold, linear, rex, warmup

RUN = 3e-4 * (warmup(500) >> cosine().over(99_500, end=0.1))
SAMPLED = [
    RUN,
    rex().sampled(times=20).over(100_000),
    cosine().over(10**6).sampled(every=3),
    (warmup(10) >> cosine().over(8_000)).restarted(gamma=0.999),
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
    """Half a byte for each step more would be seen; restarts keep tables for some lengths, whatever their number."""
    small, large = np.empty(200_000), np.empty(2_000_000)
    first = peak(lambda: schedule.sample(len(small), out=small))
    second = peak(lambda: schedule.sample(len(large), out=large))
    assert second < first + 300_000 and first < 2_000_000, (first, second)


@pytest.mark.parametrize("schedule", SAMPLED, ids=repr)
def test_float32_is_sampled_without_a_float64_copy(schedule: Any) -> None:
    n = 2_000_000
    used = peak(lambda: schedule.sample(n, dtype=np.float32))
    assert 4 * n <= used < 4 * n + 2_000_000, "the result, and blocks of a fixed size"


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


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """No garbage collection, whose callbacks would be counted."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def opcodes(call: Callable[..., Any], *arguments: Any) -> int:
    """How many instructions of Python a call runs, those of what it calls included."""
    call(*arguments)
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    with uncollected():
        sys.settrace(trace)
        try:
            call(*arguments)
        finally:
            sys.settrace(before)
    return count


def calls(run: Callable[[], Any], names: set[str] | None = None) -> int:
    """How many functions, those written in C included, a call calls; ``names`` gathers those of the latter."""
    count = 0

    def note(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")
        if names is not None and event == "c_call":
            names.add(arg.__qualname__)

    before = sys.getprofile()
    with uncollected():
        sys.setprofile(note)
        try:
            run()
        finally:
            sys.setprofile(before)
    return count - 1  # the one that takes the profile away


def pieces(count: int) -> Any:
    """Straight pieces of ten steps."""
    first, *rest = (linear().over(10, 1 + i % 7, 0.5) for i in range(count))
    return first.then(*rest)


SLOW_AT_FIRST = {"ufunc.reduce", "_abc_instancecheck"}  # tens of microseconds each, once in a process

FIRST: list[tuple[Callable[[], Any], int]] = [
    (lambda: 3e-4 * (warmup(500) >> cosine().over(9_500, end=0.1)), 1_900),
    (lambda: 0.1 * warmup(100) * cosine().over(1_000).restarted(t_mult=2, gamma=0.9), 2_150),
    (lambda: 3e-4 * lrs.plan(10_000, warmup(500), (0.3, cosine(), 0.5), (None, lrs.one_minus_power(), 0.01)), 3_350),
    (lambda: 0.1 * rex().sampled(times=20).over(10_000), 1_300),
    (lambda: pieces(100), 1_650),
]


@pytest.mark.parametrize("jax", [None, SimpleNamespace(Array=SimpleNamespace)], ids=["alone", "beside JAX"])
@pytest.mark.parametrize(("make", "allowed"), FIRST)
def test_a_first_call_is_few_calls_and_no_regular_expression(make: Callable[[], Any], allowed: int, jax: Any) -> None:
    """Where JAX is imported, leaves are asked whether they are its arrays; what earlier tests imported must not count."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "jax", jax)
        make()(600)
        schedule = make()
        patch.setattr(re, "_compile", None)
        names: set[str] = set()
        count = calls(lambda: schedule(600), names)
    assert count <= (allowed if jax is None else 1.02 * allowed), count
    assert not names & SLOW_AT_FIRST


def spread(count: int) -> tuple[list[float], list[float]]:
    """Points from (0, 1) to (1, 0), at distances that differ."""
    return [(i / (count - 1)) ** 1.5 for i in range(count)], [1 - (i / (count - 1)) ** 2 for i in range(count)]


PLAIN = 0.1 * (warmup(100) >> cosine().over(900, end=0.1))

SHAPES: dict[str, tuple[Callable[[], Any], int]] = {
    "knots of 5 points": (lambda: lrs.knots(*spread(5)).over(1_000), 4_960),
    "knots of 100 points": (lambda: lrs.knots(*spread(100)).over(1_000), 46_240),
    "pchip of 5 points": (lambda: lrs.pchip(*spread(5)).over(1_000), 10_020),
    "pchip of 100 points": (lambda: lrs.pchip(*spread(100)).over(1_000), 88_280),
    "staircase of 30": (lambda: lrs.staircase(spread(31)[0][1:-1], spread(31)[1][:-1]).over(1_000), 3_470),
    "sampled": (lambda: cosine().sampled(at=(0.1, 0.5, 0.75)).over(1_000), 3_160),
    "sampled every few steps": (lambda: PLAIN.sampled(every=7), 2_940),
    "per epoch": (lambda: (warmup(5) >> cosine().over(90)).per_epoch(391), 2_030),
    "extended": (lambda: PLAIN.extended(500, 2_000), 3_940),
    "cooled down": (lambda: PLAIN.cooldown(500, 200), 2_220),
    "plan of ten": (lambda: lrs.plan(1_000, *((0.1, p, 0.1) for p in 5 * (cosine(), linear()))), 2_330),
    "phases": (lambda: lrs.phases((1, linear().reversed()), (2, cosine()), (3, rex())).over(1_000), 3_970),
    "restarts that shrink": (lambda: PLAIN.restarted(times=5, t_mult=0.5) + 0.01, 9_790),
    "clipped sum": (lambda: (PLAIN + 0.1 * linear().over(500)).clipped(0.01, 0.08), 2_790),
    "mirrored and delayed": (lambda: linear().over(300).mirrored().delayed(50).restarted(), 1_960),
    "milestones": (lambda: 0.1 * warmup(5) * lrs.multi_step((30, 60, 90), 0.2), 860),
    "table": (lambda: lrs.table(spread(100)[1], interpolate=True).stretched(4), 2_390),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_first_call_of_an_ordinary_expression_is_few_calls(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted, and a tenth more."""
    make, allowed = SHAPES[name]
    monkeypatch.setitem(sys.modules, "jax", None)
    make()(600)
    schedule = make()
    monkeypatch.setattr(re, "_compile", None)
    count = calls(lambda: schedule(600))
    assert count <= allowed, count


BUILT = [95, 216, 192, 71, 2_990]


@pytest.mark.parametrize(
    ("make", "allowed"), [(make, allowed) for (make, _), allowed in zip(FIRST, BUILT, strict=True)]
)
def test_building_is_few_calls(make: Callable[[], Any], allowed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted, and a tenth more."""
    monkeypatch.setitem(sys.modules, "jax", None)
    make()
    count = calls(make)
    assert count <= allowed, count


def closure(t: int, peak: float = 3e-4, start: int = 500, total: int = 100_000, end: float = 3e-5) -> float:
    if t < start:
        return peak * t / start
    if t < total:
        return end + 0.5 * (peak - end) * (1.0 + math.cos(math.pi / (total - start) * (t - start)))
    return end


@pytest.mark.parametrize("t", [3, 700, 90_000, 200_000])
def test_a_value_costs_hardly_more_instructions_than_by_hand(t: int) -> None:
    allowed = opcodes(closure, t) + 20
    assert opcodes(RUN, t) <= allowed
    assert opcodes(lrs.compile(RUN, "python"), t) <= allowed


@pytest.mark.parametrize("t", [3, 700, 90_000, 200_000])
def test_a_value_is_one_function_and_at_most_one_of_mathematics(t: int) -> None:
    """``type`` and ``sin``, and the caller's lambda."""
    RUN(t)
    assert calls(lambda: RUN(t)) <= 4


FAR = [
    0.1 * cosine().over(10).restarted(t_mult=2),
    lrs.step_decay(30, 0.9),
    lrs.inverse_sqrt(100),
    rex().over(5).restarted(),
    linear().over(100).sampled(every=7).restarted(gamma=0.999),
]


@pytest.mark.parametrize("schedule", FAR, ids=repr)
def test_a_value_costs_the_same_at_any_step(schedule: Any) -> None:
    near, far = (max(opcodes(schedule, t + i) for i in range(12)) for t in (200, 10**9))
    assert abs(far - near) <= 4, (near, far)


def test_a_value_costs_the_same_in_many_pieces() -> None:
    few, many = (opcodes(pieces(n), 10 * n - 35) for n in (10, 5_000))
    assert many <= few + 4


def test_compiling_is_linear_in_the_number_of_pieces() -> None:
    def work(n: int, use: Callable[[Any], Any]) -> int:
        schedule = pieces(n)
        return calls(lambda: use(schedule))

    for use in (lambda s: s(3), lambda s: lrs.compile(s, "python"), lambda s: lrs.compile(s, "numpy")):
        few, many = work(300, use), work(3_000, use)
        assert many <= 11 * few, (few, many)
    few, many = (calls(lambda n=n: pieces(n)) for n in (300, 3_000))
    assert many <= 11 * few, (few, many)


def test_memory_is_linear_in_the_number_of_pieces() -> None:
    def held(n: int) -> int:
        """The least of three: when garbage is collected changes it by a tenth."""
        return min(peak(lambda: (schedule := pieces(n), schedule(3))) for _ in range(3))

    few, many = held(300), held(3_000)
    assert many <= 11 * few and many < 3_000 * 10_000, (few, many)


@pytest.mark.heavy
def test_a_hundred_thousand_pieces() -> None:
    def work(n: int) -> int:
        def run() -> None:
            schedule = pieces(n)
            assert schedule(10 * n - 1) == pytest.approx(0.5 + 0.1 * (0.5 + (n - 1) % 7))
            lrs.compile(schedule, "numpy")

        return calls(run)

    work(1_000)
    few, many = work(10_000), work(100_000)
    assert many <= 11 * few, (few, many)


def test_very_deep_expressions_are_refused_clearly() -> None:
    def nested(n: int) -> Any:
        schedule = cosine().over(100)
        for _ in range(n):
            schedule = schedule * 1.5 + linear().over(100)
        return schedule

    assert nested(40)(3) > 0
    with pytest.raises(lrs.ScheduleError, match="expressions nest at most 100 deep"):
        nested(10_000)


def test_long_chains_of_one_operator_are_flat() -> None:
    schedule = cosine().over(100)
    for _ in range(500):
        schedule = schedule * 1.001
    assert schedule(0) == pytest.approx(1.001**500)
    assert schedule == lrs.parse(repr(schedule)) and schedule.to_dict() == lrs.from_dict(schedule.to_dict()).to_dict()
    joined = hold(1)
    for i in range(500):
        joined = joined >> hold(1, 0.5 + i)
    assert joined(500) == 499.5 and joined.duration == 501


def test_ten_thousand_operators_one_after_another() -> None:
    schedule = cosine().over(100)
    for _ in range(10_000):
        schedule = schedule * 1.0001
    for value in (schedule(0), schedule.sample(1)[0], lrs.compile(schedule, "numpy")(np.arange(2))[0]):
        assert value == pytest.approx(1.0001**10_000)
    added = 1.0 + cosine().over(100)
    more = [calls(lambda: added + 1.0), calls(lambda: schedule * 1.0001)]
    assert max(more) <= min(more) + 5, "one more costs the same after two as after ten thousand"
    joined = two = hold(1) >> hold(2)
    for i in range(2_000):
        joined = joined >> hold(1, 0.5 + i)
    more = [calls(lambda: two >> hold(1)), calls(lambda: joined >> hold(1))]
    assert max(more) <= min(more) + 5


def test_a_longer_chain_is_as_deep_as_its_deepest_part() -> None:
    """What is added to a chain is checked like what it was begun with."""
    deep = linear().over(5)
    for _ in range(48):
        deep = (deep * 2.0) / (1.0 + linear().over(5))
    short = linear().over(5) * 2.0
    ends = linear().over(5) >> linear().over(5)
    for chain, part in ((ends, deep), (ends, linear().over(5)), (deep * 2.0 >> ends, short), (ends >> ends, hold(1))):
        longer = chain >> part
        assert longer._depth == max(chain._depth, part._depth + 1)
        assert longer == type(longer)((*chain.parts, part)) and longer.duration == chain.duration + part.duration
    with pytest.raises(lrs.ScheduleError, match="finite duration"):
        ends >> lrs.constant(0.5) >> ends >> hold(1)
    with pytest.raises(lrs.ScheduleError, match="finite duration"):
        ends >> lrs.constant(0.5) >> hold(1)
    for chain, part in ((short, deep), (deep * 2.0, short), (short, linear().over(5))):
        longer = chain * part
        assert longer._depth == max(chain._depth, part._depth + 1)
        assert longer == type(longer)((*chain.parts, part))
    with pytest.raises(lrs.ScheduleError, match="expressions nest at most 100 deep"):
        for _ in range(100):
            deep = short * deep / 2.0
    with pytest.raises(TypeError):
        short * "x"


def test_import_loads_little_beyond_numpy() -> None:
    program = (
        "import sys, numpy; before = set(sys.modules); import lrsched as s; s.warmup; after = set(sys.modules); "
        "x = 0.1 * (s.warmup(5) >> s.cosine().over(50)); x(3); called = set(sys.modules); "
        "print(*sorted(after - before), '|', *sorted(called - after))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    imported, called = (set(half.split()) for half in found.split("|"))
    heavy = {"asyncio", "concurrent", "ctypes", "email", "http", "logging", "multiprocessing", "socket", "ssl"}
    heavy |= {"sqlite3", "unittest", "xml", "numpy.testing", "numpy.f2py", "numpy.polynomial"}
    optional = {
        "cli",
        "cli.demo",
        "display.plotting",
        "display.svg",
        "inspection.identify",
        "inspection.describe",
        "discovery",
        "inspection.checks",
    }
    assert not (heavy | {f"lrsched.{name}" for name in optional}) & (imported | called)
    assert all(name.startswith("lrsched") for name in called), called


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
    pytest.importorskip("jax.extend")
    import jax

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

    def count(schedule: Any) -> int:
        return instructions(jax.make_jaxpr(schedule)(3).jaxpr)

    def pieces(n: int) -> Any:
        return hold(1).then(*(linear().over(i + 5, start=1 / (i + 1)) for i in range(n)))

    assert count(lrs.constant(0.1)) <= 12
    assert count(RUN) <= 60, count(RUN)
    assert count(pieces(1000)) <= count(pieces(100)) + 40


def even(n: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """n + 1 points of a profile at equal distances."""
    return tuple(i / n for i in range(n + 1)), tuple(1 + (i * 7919 % 13) / 13 for i in range(n + 1))


SHAPED: list[Callable[[int], Any]] = [
    lambda n: lrs.knots(*even(n)).over(10_007),
    lambda n: lrs.pchip(*even(n)).over(10_007),
    lambda n: lrs.staircase(even(n)[0][1:-1], even(n)[1][1:]).over(10_007),
    lambda n: cosine().sampled(at=even(n)[0][1:]).over(10_007),
]


@pytest.mark.parametrize("make", SHAPED)
def test_segments_of_a_profile_are_rows_of_a_table(make: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    few, many = (calls(lambda n=n: make(n)(5_000)) for n in (10, 160))
    assert many <= few + 150 * 700, "hundreds for each, for numbers that are exact"
    few, many = (max(opcodes(make(n), t) for t in range(3, 10_000, 997)) for n in (10, 160))
    assert many <= few + 40
    monkeypatch.undo()
    jax = pytest.importorskip("jax")
    few, many = (instructions(jax.make_jaxpr(make(n))(3).jaxpr) for n in (10, 300))
    assert many <= few + 12


def test_many_kinds_of_pieces_are_groups_of_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [linear(), cosine(), rex(), lrs.polynomial(2.0), lrs.exponential(3.0), lrs.tanh(), lrs.inverse_time(3.0)]
    kinds.append(lrs.one_minus_power())

    def make(n: int) -> Any:
        first, *rest = (kinds[i % 8].over(100, 1 + (i * 7919 % 13) / 13, 1 + (i * 31 % 17) / 13) for i in range(n))
        return first.then(*rest)

    monkeypatch.setitem(sys.modules, "jax", None)
    few, many = (calls(lambda n=n: make(n)(777)) for n in (40, 400))
    assert many <= few + 360 * 150
    monkeypatch.undo()
    jax = pytest.importorskip("jax")
    few, many = (instructions(jax.make_jaxpr(make(n))(3).jaxpr) for n in (40, 400))
    assert many <= few + 12


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
