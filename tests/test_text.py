"""Expressions as text: what is written reads back equal, and what is no expression is refused at once."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrsched as lrs
import strategies
from lrsched import cosine, linear, warmup


@given(strategies.expressions())
def test_what_is_written_reads_back_equal(expression: Any) -> None:
    assert lrs.parse(repr(expression)) == expression
    assert lrs.parse(str(expression)) == expression


@given(strategies.expressions("Profile"))
def test_profiles_too(expression: Any) -> None:
    assert lrs.parse(repr(expression)) == expression


@given(strategies.expressions(depth=4))
def test_text_is_python_in_the_names_of_the_library(expression: Any) -> None:
    names = {name: getattr(lrs, name) for name in lrs.__all__}
    assert eval(repr(expression), {"__builtins__": {}}, names) == expression


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3e-4 * (warmup(500) >> cosine().over(9_500, end=0.1))", 3e-4 * (warmup(500) >> cosine().over(9500, end=0.1))),
        ("constant(1/3)", lrs.constant(1 / 3)),
        ("hold(10**6)", lrs.hold(10**6)),
        ("lrs.hold(2) >> lrsched.constant(-2)", lrs.hold(2) >> lrs.constant(-2)),
        ("1 - linear().over(4)", 1 - linear().over(4)),
        ("-linear().over(4) ** 2", -(linear().over(4) ** 2)),
        ("2 ** -1 * hold(3)", 0.5 * lrs.hold(3)),
        ("(\n  hold(1)\n  >> hold(2)\n)", lrs.hold(1) >> lrs.hold(2)),
        ("table([1, 2, 3,])", lrs.table([1, 2, 3])),
        ("phases((3, flat()), (1, linear()))", lrs.phases((3, lrs.flat()), (1, linear()))),
        ("minimum(hold(2), 0.5)", lrs.minimum(lrs.hold(2), 0.5)),
        ("plan(100, warmup(10), (None, cosine(), 0.1))", warmup(10) >> cosine().over(90, end=0.1)),
        ("linear().over(4).after('repeat')", linear().over(4).after("repeat")),
        ("hold(3).restarted(times=None)", lrs.hold(3).restarted()),
        ("hold(2 * (3 + 4) // 2 - 1)", lrs.hold(6)),
    ],
)
def test_ways_to_write(text: str, expected: Any) -> None:
    assert lrs.parse(text) == expected


REFUSED = [
    ("", "empty"),
    ("   ", "empty"),
    ("3", "bare number"),
    ("1 + 2", "bare number"),
    ("cosin().over(3)", "cosine"),
    ("warmup(5).ovr(3)", "unknown name 'ovr'"),
    ("cosine().overr(3)", "over"),
    ("cosine", "must be called"),
    ("cosine()", None),
    ("warmup(-5)", r"warmup: steps must be an integer >= 0, got -5 \(at column 8\)"),
    ("warmup(5) >> ", "end of the text"),
    ("warmup(5", "expected '\\)', found the end"),
    ("(warmup(5)", "expected '\\)', found the end"),
    ("warmup(5,", "never closed"),
    ("warmup(5))", "unexpected"),
    ("warmup(5) warmup(6)", "unexpected"),
    ("warmup(stepz=5)", "no argument 'stepz'; did you mean 'steps'"),
    ("warmup(steps=5, steps=6)", "twice"),
    ("warmup(steps=5, 6)", "positional"),
    ("warmup('5')", "steps must be an integer"),
    ("'text", "string does not end"),
    ("'text'", "no schedule"),
    ("[1, 2]", "no schedule"),
    ("warmup(5) >> 3", "joins schedules"),
    ("3 >> warmup(5)", "joins"),
    ("warmup(5) // 2", "numbers only"),
    ("warmup(5) % 2", "unexpected character"),
    ("1/0 * warmup(5)", "no value"),
    ("warmup(5) @ warmup(6)", "unexpected character"),
    ("constant(nan)", "unknown name 'nan'"),
    ("constant(inf)", "finite"),
    ("hold(3) + None", None),
    ("custom('never registered')", "registered"),
    ("hold(2)\n  >> cosin()", "line 2"),
    # nothing is run
    ("__import__('os').system('true')", "unknown name"),
    ("warmup.__init__(5)", "must be called"),
    ("warmup(5).__class__", "unknown name"),
    ("warmup(5).__reduce__()", "unknown name"),
    ("warmup(5).sample(10)", "unknown name"),
    ("warmup(5).to_json()", "unknown name"),
    ("warmup(5).duration", "unknown name"),
    ("warmup(5)._memo", "unknown name"),
    ("(lambda: 1)()", None),
    ("[x for x in (1,)]", None),
    ("warmup(5) if 1 else warmup(6)", None),
    ("eval('1')", "unknown name"),
    ("open('f')", "unknown name"),
    ("register('x')", "unknown name"),
    ("compile(hold(1), 'python')", "unknown name"),
    ("f'{1}'", None),
    ("warmup(*[5])", None),
    ("warmup(**{})", None),
    ("warmup(5); warmup(6)", None),
    ("x = warmup(5)", None),
    ("\u212aold(3)", None),
    ("hold(3)\x00", None),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=lambda x: repr(x)[:40])
def test_what_is_refused(text: str, message: str | None) -> None:
    if text == "cosine()":
        assert lrs.parse(text) == cosine()
        return
    with pytest.raises(lrs.ScheduleError, match=message):
        lrs.parse(text)


def refused_soon(text: str, seconds: float = 5.0) -> None:
    begin = time.perf_counter()
    with pytest.raises(lrs.ScheduleError) as caught:
        lrs.parse(text)
    assert time.perf_counter() - begin < seconds
    assert len(str(caught.value)) < 2000


def test_refusal_takes_little_memory() -> None:
    for text in (
        "9**9**9**9 * hold(1)",
        "hold(10**100000)",
        "(" * 100_000,
        "x" * 1_000_000,
        "hold((10**40)**(10**40))",
    ):
        tracemalloc.start()
        refused_soon(text)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 * 2**20 + 10 * len(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "(" * 5000 + "hold(1)" + ")" * 5000,
        "-" * 100_000 + "hold(1)",
        "[" * 50_000,
        "hold(1)" + ".delayed(1)" * 100_000,
        "hold(" * 20_000,
        "hold(1) ** 2 ** 2 ** 2 ** 2 ** 2 ** 2 ** 2 ** 2" * 50,
        "9**9**9**9 * hold(1)",
        "hold(10**100000)",
        "hold((10**40)**(10**40))",
        "constant(2.0**100000)",
        "constant(" + "9" * 100_000 + ")",
        "constant(1e999)",
        "hold(" + "7*" * 50_000 + "7)",
        "x" * 1_000_000,
        "hold(1) >> " * 50_000,
        "'" + "a" * 1_000_000,
        "table([" + "1," * 10_000 + "x])",
        "1.." * 10_000,
        "_" * 100_000 + "(",
        " " * 1_000_000 + "$",
        "chebyshev_steps(2**62, 0.1, 1)",
        "silver_steps(10**39).restarted(10**30, 1.5)",
        "hold(1).restarted(t_mult=1.0000000001)",
    ],
    ids=lambda t: t[:24],
)
def test_hostile_text_costs_little(text: str) -> None:
    refused_soon(text)


def test_a_chain_of_ten_thousand_pieces() -> None:
    text = " >> ".join(f"hold({i % 7 + 1}, {i}.5)" for i in range(10_000))
    begin = time.perf_counter()
    schedule = lrs.parse(text)
    assert len(schedule.parts) == 10_000 and time.perf_counter() - begin < 20
    assert lrs.parse(repr(schedule)) == schedule
    assert schedule(0) == 0.5 and schedule(10**9) == 9999.5
    total = lrs.parse(" + ".join(["hold(1)"] * 3000))
    assert total(0) == 3000.0 and lrs.parse(repr(total)) == total


@given(strategies.expressions(depth=3), st.randoms(use_true_random=False))
def test_corrupted_text_is_another_expression_or_a_clear_error(expression: Any, rnd: Any) -> None:
    text = repr(expression)
    for _ in range(6):
        i = rnd.randrange(len(text))
        change = rnd.choice(["", "(", ")", "_", ".", "9", "__", ">", "*", "'", ",", "é", "None", text[: i // 2]])
        broken = text[:i] + change + text[i + rnd.choice((0, 1, 3)) :]
        try:
            found = lrs.parse(broken)
        except lrs.ScheduleError as error:
            assert str(error)
        else:
            assert isinstance(found, lrs.Schedule | lrs.Profile)


@given(st.text(max_size=60))
def test_any_text_at_all(text: str) -> None:
    try:
        lrs.parse(text)
    except lrs.ScheduleError:
        return


def test_the_place_of_a_mistake() -> None:
    with pytest.raises(lrs.ParseError) as caught:
        lrs.parse("hold(3) >> holdd(4)")
    assert caught.value.position == 11 and "'hold'" in str(caught.value)
    for wrong in (None, 3, b"hold(3)", ["hold(3)"]):
        with pytest.raises(TypeError, match="parse: text must be a string"):
            lrs.parse(wrong)  # type: ignore[arg-type]


def test_a_long_sum_or_product_is_read_in_linear_time() -> None:
    for sign in "+-*":
        read = lrs.parse(sign.join(["hold(3)"] * 3_000))
        assert len(read.parts) == 3_000
        assert read.parts[1].kind_name == ("negative" if sign == "-" else "hold")
    assert lrs.parse("hold(3) + 1 - hold(2) - 2 + 3") == lrs.hold(3) + 1 - lrs.hold(2) - 2 + 3
    assert lrs.parse("cosine() * 2 * linear() * 3") == lrs.cosine() * 2 * lrs.linear() * 3
    assert lrs.parse("hold(3) * 2 * 3 / 4 * 5 + 1 + 2 >> hold(1)") == (
        lrs.hold(3) * 2 * 3 / 4 * 5 + 1 + 2 >> lrs.hold(1)
    )
