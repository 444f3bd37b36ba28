"""Names, suffixes and comments in texts: a text with its numbers given is the text with the numbers put in."""

from __future__ import annotations

import contextlib
import math
import random
import re
import sys
import time
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import lrsched as lrs
import strategies
from lrsched import cosine, hold, linear, plan, rise, warmup
from lrsched.algebra import fields
from lrsched.algebra import node as _node
from lrsched.text import numbers, vocabulary

NUMBER = re.compile(r"(?<![\w.'])\d[\d.]*(?:e[-+]?\d+)?(?![\w.'])")


def template(text: str, rnd: random.Random) -> tuple[str, dict[str, Any]]:
    """A text with some of its numbers replaced by names, and what the names stand for."""
    given: dict[str, Any] = {}

    def named(found: re.Match[str]) -> str:
        if rnd.random() < 0.4:
            return found[0]
        value = int(found[0]) if found[0].isdigit() else float(found[0])
        name = f"n{len(given)}" if rnd.random() < 0.7 or not given else rnd.choice(sorted(given))
        if given.setdefault(name, value) != value or type(given[name]) is not type(value):
            return found[0]
        return name

    return NUMBER.sub(named, text), given


def put_in(text: str, given: dict[str, Any]) -> str:
    """The text with the numbers in the place of their names."""
    return re.sub(r"\b[a-z]\w*\b(?!\s*[(=])", lambda m: f"({given[m[0]]!r})" if m[0] in given else m[0], text)


def is_same(text: str, given: dict[str, Any]) -> bool:
    """Whether a text with numbers given is what the text with the numbers put in is; both may be refused."""
    try:
        expected = lrs.parse(put_in(text, given))
    except lrs.ScheduleError:
        with pytest.raises(lrs.ScheduleError):
            lrs.parse(text, **given)
        return False
    found = lrs.parse(text, **given)
    assert found == expected and repr(found) == repr(expected) and found.fingerprint() == expected.fingerprint()
    assert lrs.names(text) == set(given)
    assert all(type(x) in (int, float, str, bool, type(None)) for x in leaves(found))
    return True


def leaves(node: Any) -> list[Any]:
    """The plain values in an expression."""
    values = [getattr(inner, name) for inner in _node.walk(node) for name in _node.names_of(type(inner))]
    flat = []
    while values:
        value = values.pop()
        if isinstance(value, tuple):
            values.extend(value)
        elif not isinstance(value, lrs.Schedule | lrs.Profile):
            flat.append(value)
    return flat


@pytest.mark.parametrize("seed", range(200))
def test_numbers_given_are_numbers_put_in(seed: int) -> None:
    text, given = template(repr(strategies.seeded(seed, "Schedule" if seed % 4 else "Profile")), random.Random(seed))
    assert is_same(text, given)


class Arithmetic:
    """Random arithmetic on names and numbers, in the places of lengths and of real numbers."""

    def __init__(self, rnd: random.Random) -> None:
        self.rnd, self.given = rnd, dict[str, Any]()

    def value(self) -> Any:
        whole = self.rnd.choice((1, 2, 3, 7, 10, 100, 1001, 10_000, 12_345, 10**6))
        real = self.rnd.choice((0.03, 0.05, 0.15, 0.1, 0.5, 2.5, 1e-3, 1e4, 3e-4, -0.25, self.rnd.random()))
        return self.rnd.choice((whole, real))

    def term(self, depth: int) -> str:
        rnd = self.rnd
        if depth == 0 or rnd.random() < 0.25:
            name = rnd.choice("abcdefg")
            return repr(abs(self.value())) if rnd.random() < 0.4 else self.known(name)
        if rnd.random() < 0.15:
            return f"({self.term(depth - 1)}) ** {rnd.choice((2, 3, -1, 0.5))}"
        if rnd.random() < 0.1:
            return f"-{self.term(0)}"
        return f"({self.term(depth - 1)} {rnd.choice('+-**/') if depth else '+'} {self.term(depth - 1)})"

    def known(self, name: str) -> str:
        self.given.setdefault(name, self.value())
        return name

    def text(self) -> str:
        return self.rnd.choice(
            (
                "{0} * (warmup({1}) >> hold({2}, {3}))",
                "plan({1}, (0.15, rise()), cosine(), warmup({2}))",
                "hold(10 + {2}) >> linear().over({1}, end={0})",
                "multi_step((5, 10 + {1}), {3}) + {0}",
            )
        ).format(*(self.term(self.rnd.randrange(4)) for _ in range(4)))


def test_arithmetic_on_names_is_arithmetic_on_numbers() -> None:
    same = 0
    for seed in range(600):
        made = Arithmetic(random.Random(seed))
        text = made.text()
        same += is_same(text, {name: value for name, value in made.given.items() if name in lrs.names(text)})
    assert same >= 200


def exact(text: str, given: dict[str, Any]) -> Fraction:
    """The exact value of an arithmetic text."""
    spelled = re.sub(r"\d[\d.]*(?:e[-+]?\d+)?|\b[a-z]\w*\b", lambda m: f"F({m[0]})", text)
    return eval(spelled, {"F": Fraction, **given})


LENGTHS = (
    "s * n",
    "n * s",
    "s * n + m",
    "n - s * n",
    "(n + m) * s",
    "n * s / 3",
    "n / 7 * 3",
    "s * n - s * m",
    "s * 3 * n",
)


def rounds_exactly() -> int:
    """How many lengths differ from what Python's floats give; an error where one is not the exact number rounded."""
    rnd, apart = random.Random(5), 0
    for _ in range(3_000):
        text = rnd.choice(LENGTHS)
        given = {"s": rnd.choice((0.03, 0.05, 0.15, 0.35, rnd.random())), "n": rnd.randrange(1, 2_000), "m": 7}
        given = {name: value for name, value in given.items() if name in text}
        right = exact(text, given)
        if right < 0:
            continue
        found = lrs.parse(f"hold({text})", **given).duration
        assert found == round(right), (text, given)
        apart += found != round(eval(text, dict(given)))
    return apart


def test_a_length_is_the_exact_number_rounded_once() -> None:
    assert rounds_exactly() > 0  # of these, Python's floats would have given another length
    assert lrs.parse("warmup(0.15 * total)", total=10) == warmup(1)  # 0.15 is below 0.15, and 1.5 would be 2
    assert lrs.parse("hold(n / 2) >> hold(m / 2)", n=5, m=7) == hold(2) >> hold(4)


@pytest.mark.parametrize("share", [0.03, 0.05, 0.15, 0.35, 0.5, 1 / 3])
def test_a_share_and_a_length_agree(share: float) -> None:
    for total in (1, 2, 10, 11, 30, 1_000, 1_001, 12_345, 10**7 + 1, 2**52 + 1):
        shared = plan(total, (share, rise()), cosine())
        named = lrs.parse("plan(total, warmup(share * total), cosine())", total=total, share=share)
        assert shared.parts[0].duration == named.parts[0].duration and shared.duration == named.duration == total
        if total < 10**5:
            assert shared.sample(total).tolist() == named.sample(total).tolist()


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("__index__", lambda self: round(float(self))),  # lengths from Python's floats
        ("__index__", lambda self: math.floor(self.exact + Fraction(1, 2))),  # ties upward
    ],
)
def test_a_planted_fault_in_rounding_is_noticed(
    place: str, wrong: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers.Computed, place, wrong)
    with pytest.raises(AssertionError):
        rounds_exactly()
        test_a_length_is_the_exact_number_rounded_once()


def test_a_planted_fault_in_what_is_given_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = numbers.given
    monkeypatch.setattr("lrsched.text.reading.given", lambda name, value: before(name, np.float32(value)))
    with pytest.raises((AssertionError, lrs.ScheduleError)):
        for seed in range(20):
            test_numbers_given_are_numbers_put_in(seed)


# ---- arithmetic on real numbers stays Python's


@pytest.mark.parametrize(
    "text",
    [
        "1/3",
        "0.1+0.2-0.3",
        "1/3*3",
        "0.1*3",
        "2**0.5",
        "10**-2",
        "7//2",
        "7.5//2",
        "-2**2",
        "1-1/10**3",
        "3*0.1**2",
        "1e16+1-1e16",
    ],
)
def test_real_numbers_are_what_python_gives(text: str) -> None:
    assert lrs.parse(f"constant({text})").value == eval(text)
    assert lrs.parse(f"({text}) * linear().over(3)") == eval(text) * linear().over(3)


# ---- values and names


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, hold(3)), (3.0, hold(3)), (np.int32(3), hold(3)), (np.float32(3), hold(3)), (np.array(3), hold(3)), (Fraction(3), hold(3)),
     (Fraction(7, 2), hold(4)), (Fraction(5, 2), hold(2))],
)  # fmt: skip
def test_values(value: Any, expected: Any) -> None:
    assert lrs.parse("hold(total)", total=value) == expected


@pytest.mark.parametrize(
    "value", ["3", None, True, 1j, math.nan, np.array([3]), np.bool_(True), [3], 10**41, hold(3)], ids=str
)
def test_what_is_no_number(value: Any) -> None:
    with pytest.raises(lrs.ScheduleError, match="parse: total must be a "):
        lrs.parse("hold(total)", total=value)


def test_no_name_of_the_library_stands_for_a_number() -> None:
    own = {*lrs.__all__, *vocabulary.functions(), *vocabulary.methods(lrs.Schedule), *vocabulary.methods(lrs.Profile)}
    own |= {"inf", "lrs", "lrsched", "recipes", "presets", "compile", "sum", "rise"}
    for name in sorted(own):
        assert not vocabulary.can_be_given(name), name
        with pytest.raises(lrs.ScheduleError, match=f"no name of this library, got '{name}'"):
            lrs.parse(f"hold(3) * {name}", **{name: 3})
        assert lrs.names(name) == frozenset()
    for name in ("lambda", "None", "True", "a b", "é", "1a", "", "a.b"):
        with pytest.raises(lrs.ScheduleError, match="the name of a number must be"):
            lrs.parse("hold(3)", **{name: 3})
    for name in ("total", "epoch", "batch", "world", "steps", "peak", "k", "M", "e", "_"):
        assert lrs.parse(f"hold({name})", **{name: 3}) == hold(3)


def test_names() -> None:
    found = lrs.names("3e-4 * plan(total, lrs.warmup(steps=2 * epoch), cosine()).after(low) # and a comment")
    assert found == {"total", "epoch", "low"} and isinstance(found, frozenset)
    assert lrs.names("table([a, b], interpolate=True) >> hold(1k, -inf)") == {"a", "b"}
    assert lrs.names("cosine().over(10)") == lrs.names("") == frozenset()
    for wrong in ("a b", "hold(3) hold(n)", "hold(3)$", "'open"):
        with pytest.raises(lrs.ParseError):
            lrs.names(wrong)


def test_one_kind() -> None:
    assert lrs.schedule("warmup(2 * epoch)", epoch=100) == warmup(200)
    assert lrs.profile("cosine() ** k", k=2) == cosine() ** 2
    with pytest.raises(TypeError, match=r"schedule: the text must be a schedule, got the profile cosine\(\)"):
        lrs.schedule("cosine()")
    with pytest.raises(TypeError, match=r"profile: the text must be a profile, got the schedule hold\(3\)"):
        lrs.profile("hold(3)")
    with pytest.raises(lrs.ParseError, match="bare number"):
        lrs.schedule("3")


@pytest.mark.parametrize(
    ("text", "given", "said", "position"),
    [
        ("warmup(totl)", {"total": 3, "epoch": 2}, "unknown name 'totl'; did you mean 'total'?", 7),
        ("warmup(totl)", {"total": 3, "epoch": 2}, "numbers are given for epoch, total", 7),
        ("warmup(w)", {}, "a number is given by its name, as in parse(text, w=1000)", 7),
        ("hold(3).restarted(times=n)", {}, "unknown name 'n'", 24),
        ("hold(3).after(mode)", {}, "unknown name 'mode'", 14),
        ("hold(3) >> tail", {}, "unknown name 'tail'", 11),
        ("hold(3) >> tail", {"tail": 3}, "'>>' joins schedules, not a number", 8),
        ("hold(total / n)", {"total": 5, "n": 0}, "5 / 0 has no value", 11),
        ("hold(5 // n)", {"n": 0.0}, "5 // 0.0 has no value", 7),
        ("hold(n ** -1)", {"n": 0}, "0 ** -1 has no value", 7),
        ("hold((-n) ** 0.5)", {"n": 2}, "has no value", 10),
        ("hold(2 ** n)", {"n": 10**6}, "this power is too large", 7),
        ("hold(1e300 * n)", {"n": 1e300}, "no value", 11),
        ("warmup(total)", {"total": math.inf}, "steps must be an integer >= 0, got inf", 7),
        ("warmup(total)", {"total": -5}, "steps must be an integer >= 0, got -5", 7),
        ("warmup(total)", {"total": 2.5}, "steps must be an integer >= 0, got 2.5", 7),
        ("warmup(0.1 * total)", {"total": -1}, "steps must be an integer >= 0, got -0.1", 7),
        ("warmup(total - 5)", {"total": 3}, "steps must be an integer >= 0, got -2", 7),
        ("plan(total, cosine())", {"total": 0}, "total must be an integer >= 1, got 0", 5),
        ("total(3)", {"total": 3}, "'total' is a number here; it is not called", 0),
        ("total.over(3)", {"total": 3}, "a number has no method 'over'", 6),
        ("lrs.n * hold(3)", {"n": 3}, "unknown name 'n'", 4),
        ("n", {"n": 3}, "a bare number is no schedule", 0),
        ("hold(3)\n  >> hold(m)", {"n": 3}, "unknown name 'm'", 18),
        ("hold(10K)", {}, "'10K' is no number; one may end in k, M, B, T", 5),
        ("hold(0x10)", {}, "'0x10' is no number", 5),
        ("hold(1.5kg)", {}, "'1.5kg' is no number", 5),
        ("hold(2 k)", {}, "expected ')', found 'k'", 7),
        ("# hold(3)", {}, "the text is empty", 9),
    ],
)
def test_what_is_refused_is_placed(text: str, given: dict[str, Any], said: str, position: int) -> None:
    with pytest.raises(lrs.ParseError) as caught:
        lrs.parse(text, **given)
    assert said in str(caught.value) and caught.value.position == position, str(caught.value)


def test_a_number_that_is_not_used_is_refused() -> None:
    with pytest.raises(
        lrs.ScheduleError, match="the text does not use epochs; did you mean 'epoch'\\?; its names are epoch"
    ):
        lrs.parse("hold(epoch)", epoch=3, epochs=4)
    with pytest.raises(lrs.ScheduleError, match="the text does not use a, b; no name in it stands for a number"):
        lrs.parse("hold(3)", a=3, b=4)


def test_names_where_arguments_are_called_alike() -> None:
    assert lrs.parse("warmup(steps=steps, start = start)", steps=5, start=0.5) == warmup(5, start=0.5)
    assert lrs.parse("hold(3).restarted(times=times, gamma=g ** 2)", times=2, g=0.5) == hold(3).restarted(2, gamma=0.25)


# ---- suffixes, whole floats, comments, the largest numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [("250B", 250 * 10**9), ("1.5k", 1500), ("0.3k", 300), ("1.1M", 1_100_000), ("10_000k", 10**7), ("2T", 2 * 10**12), ("1e4", 10**4),
     ("250e9", 250 * 10**9), ("1e3k", 10**6), (".5M", 500_000), ("5.k", 5000), ("0.07M", 70_000), ("3k * 2", 6000)],
)  # fmt: skip
def test_suffixes_and_whole_floats_are_lengths(text: str, value: int) -> None:
    assert lrs.parse(f"hold({text})") == hold(value)
    assert lrs.parse(f"constant({text})") == lrs.constant(value)


def test_whole_floats_are_lengths_in_python_too() -> None:
    assert warmup(1e4) == warmup(10_000) and plan(1e4, warmup(5e2), cosine()).duration == 10_000
    assert lrs.multi_step((1e1, np.float32(20))) == lrs.multi_step((10, 20)) and type(hold(1e4).steps) is int
    assert hold(3).restarted(times=2.0) == hold(3).restarted(times=2) and hold(3).sample(3.0).tolist() == [1.0] * 3
    for wrong in (1.5, -1.0, math.inf, math.nan, 2.0**53, 1e300, np.float32(0.5)):
        with pytest.raises(lrs.ScheduleError, match="steps must be an integer >= 0, got"):
            hold(wrong)


def test_comments() -> None:
    assert lrs.parse("# the rate\n0.1 * (  # peak\n warmup(5)#rise\n >> hold(3))\n# end") == 0.1 * (
        warmup(5) >> hold(3)
    )
    with pytest.raises(lrs.ParseError, match="line 2, column 1"):
        lrs.parse("# a comment\ncosin()")


@pytest.mark.parametrize("value", [sys.float_info.max, 1.797e308, 1.7e308, sys.float_info.min, 5e-324, 1e22, 1e-7])
def test_every_number_of_a_constructor_reads_back(value: float) -> None:
    for made in (lrs.constant(value), lrs.constant(-value), hold(3).clipped(-value, value), linear() * value):
        assert lrs.parse(repr(made)) == made
    assert lrs.parse("constant(x)", x=value) == lrs.constant(value)


def test_the_largest_number_of_every_field_reads_back() -> None:
    reals = list(strategies.kinds_of("Schedule") + strategies.kinds_of("Profile"))
    tried = 0
    for kind in reals:
        for name in _node.names_of(kind):
            if fields.field_of(kind, name).form == "real":
                made = strategies.Maker(random.Random(3)).one_of(kind, 2)
                values = {n: getattr(made, n) for n in _node.names_of(kind)}
                try:
                    made = kind(**(values | {name: sys.float_info.max}))
                except lrs.ScheduleError:
                    continue
                assert lrs.parse(repr(made)) == made
                tried += 1
    assert tried > 10


# ---- rise


def test_rise_is_the_profile_reversed() -> None:
    assert rise() == linear().reversed() and rise(cosine()) == cosine().reversed() and rise()(0.25) == 0.25
    assert lrs.parse("plan(2000, (0.03, lrs.rise()), cosine())") == plan(2000, (0.03, rise()), cosine())
    with pytest.raises(TypeError, match="rise: profile must be a Profile, got 3"):
        rise(3)  # type: ignore[arg-type]


# ---- cost


def calls(text: str, **given: Any) -> int:
    """How many functions a parse calls."""
    count = 0

    def counted(frame: Any, event: str, _: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    lrs.parse(text, **given)
    sys.setprofile(counted)
    try:
        lrs.parse(text, **given)
    finally:
        sys.setprofile(None)
    return count


def test_names_cost_little() -> None:
    given = {"total": 10_000, "epoch": 100, "peak": 3e-4}
    for text in (
        "peak * plan(total, warmup(0.03 * total), cosine())",
        "warmup(2 * epoch) >> hold(3 * epoch, 0.5) >> linear().over(4 * epoch)",
        " >> ".join(["hold(epoch, peak * 2)"] * 100),
    ):
        used = {name: given[name] for name in lrs.names(text)}
        assert calls(text, **used) <= 1.2 * calls(put_in(text, used))


def test_names_are_read_in_linear_time() -> None:
    def text(n: int) -> str:
        return "table([" + "a + b * 0.5, " * n + "])"

    few, many = (calls(text(n), a=1, b=0.1) for n in (100, 1000))
    assert many < 11 * few


@pytest.mark.parametrize(
    "text",
    ["hold(" + "x * " * 50_000 + "0)", "hold(" + "x + " * 50_000 + "x$)", "hold(0.1 + " + "x * 0.3 + " * 20_000 + "0.5)", "a" * 100_000,
     "#" * 1_000_000, "# \n" * 100_000, "9" * 100_000 + "x", "1e" + "9" * 100_000 + "k", "x." * 50_000, "hold(" + "_1" * 50_000 + ")",
     "hold(9.9e99k)", "- " * 20_000 + "x", "hold(x ** 1.0000001 ** 1000)"],
    ids=lambda t: t[:16],
)  # fmt: skip
def test_hostile_texts_with_names(text: str) -> None:
    for value in (0.999, 3):
        begin = time.process_time()
        with contextlib.suppress(lrs.ScheduleError):
            lrs.parse(text, x=value)
        with contextlib.suppress(lrs.ScheduleError):
            lrs.names(text)
        assert time.process_time() - begin < 5
    tracemalloc.start()
    with pytest.raises(lrs.ScheduleError) as caught:
        lrs.parse(text[: len(text) // 10], x=0.999)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24 + 100 * len(text) and len(str(caught.value)) < 2000


def test_a_computed_length_is_no_share_of_a_recipe():
    text = "recipes.warmup_cosine(3e-4, total, 0.03 * total)"
    assert lrs.parse(text, total=1000) == lrs.recipes.warmup_cosine(3e-4, 1000, 30)
    assert lrs.parse("recipes.warmup_cosine(3e-4, total, x)", total=1000, x=0.03) == lrs.recipes.warmup_cosine(
        3e-4, 1000, 0.03
    )
    for other in (text, "recipes.warmup_cosine(1, total, 3/100)", "recipes.warmup_constant(total, 1/20)"):
        with pytest.raises(
            lrs.ParseError, match="warmup must be at least one step, or a share of the run that is one number"
        ):
            lrs.parse(other, total=10)


def test_jax_integers_are_real_numbers_in_arithmetic():
    jnp = pytest.importorskip("jax.numpy")
    big = lrs.parse("hold(10, i * 2B)", i=jnp.int32(2))
    assert float(big(3)) == 4e9
    assert float(lrs.parse("hold(10, 2 ** (i * 20))", i=jnp.int32(2))(3)) == 2.0**40
    assert float(lrs.parse("hold(10, 3B * p)", p=jnp.float32(0.5))(3)) == 1.5e9
    assert lrs.parse("hold(n)", n=jnp.int32(7)).duration == 7
    for text in ("hold(2 * n)", "recipes.warmup_cosine(1, 100, 0.5 * n)"):
        with pytest.raises(lrs.ParseError, match="integer"):
            lrs.parse(text, n=jnp.int32(7))


def test_a_jax_share_is_no_length():
    jnp = pytest.importorskip("jax.numpy")
    with pytest.raises(lrs.ScheduleError, match="warmup must be an integer"):
        lrs.recipes.warmup_cosine(1, 100, jnp.float32(0.05))
    with pytest.raises(lrs.ScheduleError, match="steps must be an integer"):
        lrs.warmup(jnp.float32(5.0))


def test_names_that_could_be_given_are_all_told():
    with pytest.raises(lrs.ParseError, match=r"the names in this text are a, b, c"):
        lrs.parse("hold(a, b) >> hold(c)")
