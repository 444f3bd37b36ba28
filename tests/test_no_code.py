"""Data never becomes code: what comes from outside reaches no source text, by whichever door it comes in."""

import builtins
import json
import pickle

import numpy as np
import pytest

import lrsched as lrs
from hostile import NAMES, data, is_allowed
from lrsched import compiler, targets
from lrsched.serial import from_dict
from lrsched.targets import _numpy, _python

SEEN: dict[str, float] = {}


@lrs.register("hostile_names")
def saw(xp, t, /, **numbers):
    SEEN.clear()
    SEEN.update({name: float(x) if isinstance(x, float) else 0.0 for name, x in numbers.items()})
    return xp.asarray(t) * 0.0 + 1.0


TARGETS = ("python", "numpy")


class Reduced:
    """What a pickle of a schedule is, with data of one's own."""

    def __init__(self, made: dict) -> None:
        self.made = made

    def __reduce__(self):
        return from_dict, (self.made,)


DOORS = {
    "custom": lambda name: lrs.custom("hostile_names", **{name: 1.0}),
    "class": lambda name: type(lrs.custom("hostile_names"))("hostile_names", ((name, 1.0),)),
    "text": lambda name: lrs.parse(f"custom('hostile_names', {name}=1.0)"),
    "dict": lambda name: lrs.from_dict(data(name)),
    "json": lambda name: lrs.from_json(json.dumps(data(name))),
    "pickle": lambda name: pickle.loads(pickle.dumps(Reduced(data(name)))),
    "inside": lambda name: lrs.from_dict(
        {"format": 1, "kind": "sum", "parts": [{k: v for k, v in data(name).items() if k != "format"}] * 2}
    ),
}


def no_effect() -> None:
    assert not hasattr(builtins, "lrsched_broken_into") and not hasattr(np, "lrsched_broken_into")


@pytest.mark.parametrize("door", DOORS)
def test_hostile_names_are_refused_at_every_door(door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        with pytest.raises(lrs.ScheduleError) as caught:
            made = DOORS[door](name)
            assert door == "text" and all(is_allowed(key) for key, _ in made.numbers)  # blanks, and several numbers
            raise lrs.ScheduleError
        assert door == "text" or "must be an ASCII identifier that is no keyword" in str(caught.value)
        assert door == "text" or "\x1b" not in str(caught.value)
    no_effect()
    assert not list(tmp_path.iterdir())


def unchecked(name: str) -> lrs.Schedule:
    """A schedule with a name that no door lets in, as code that skips the check would make it."""
    made = lrs.custom("hostile_names", a=1.0)
    object.__setattr__(made, "numbers", ((name, 1.0),))
    return made


@pytest.mark.parametrize(
    "outer", [lambda s: s, lambda s: 2.0 * s.restarted(times=3) if s.duration != float("inf") else 2.0 * s]
)
def test_a_name_that_got_in_is_only_ever_a_key(outer, tmp_path, monkeypatch):
    """The second wall: even a node that was never checked has its names in no source text, on any target."""
    monkeypatch.chdir(tmp_path)
    lrs.register_target("hostile_target", _numpy.OPERATIONS)
    for name in NAMES[::20]:
        made = outer(unchecked(name))
        for target in (*TARGETS, "hostile_target"):
            function = lrs.compile(made, target)
            assert len(name) < 4 or name not in function.source
            function(np.arange(3.0) if target != "python" else 3)
            assert {name: 1.0} == SEEN
        made(3), made(2.5), made(np.arange(4))
        SEEN.clear()
        made.sample(5)
        assert {name: 1.0} == SEEN
        with pytest.raises(lrs.ScheduleError):
            compiler.source(made, "c")
    no_effect()
    assert not list(tmp_path.iterdir())


def test_layouts_of_pytrees_with_hostile_names_do_nothing():
    jax = pytest.importorskip("jax")
    for name in NAMES[::50]:
        leaves, structure = jax.tree_util.tree_flatten(unchecked(name))
        rebuilt = jax.tree_util.tree_unflatten(structure, leaves)
        assert float(jax.jit(rebuilt)(3)) == 1.0
        assert float(jax.jit(lambda s: s(3))(rebuilt)) == 1.0
    no_effect()


@pytest.mark.parametrize(
    "name", ["function", "xp", "t", "self", "numpy", "call", "custom0", "x1", "print", "match", "_"]
)
def test_a_number_may_bear_any_identifier(name):
    made = lrs.custom("hostile_names", **{name: 2.0})
    assert made(1) == 1.0 and {name: 2.0} == SEEN
    made.sample(3)
    assert {name: 2.0} == SEEN
    assert lrs.parse(repr(made)) == made and lrs.from_json(made.to_json()) == made


def test_a_name_that_the_function_has_for_itself_is_refused():
    @lrs.register("hostile_takes_t")
    def takes(xp, t, **numbers):
        return t * 1.0

    with pytest.raises(lrs.ScheduleError, match="multiple values"):
        lrs.custom("hostile_takes_t", t=1.0)


def test_numbers_have_different_names():
    with pytest.raises(lrs.ScheduleError, match="numbers of different names"):
        lrs.from_dict(data("a") | {"numbers": [["a", 1.0], ["a", 2.0]]})
    with pytest.raises(lrs.ScheduleError, match="ASCII identifier"):
        lrs.from_dict(data(3))


def codes(code):
    yield code
    for inner in code.co_consts:
        if hasattr(inner, "co_names"):
            yield from codes(inner)


def test_generated_code_runs_without_builtins():
    for target in TARGETS:
        function = lrs.compile(lrs.warmup(5) >> lrs.cosine().over(9), target)
        inner = (
            function
            if target == "python"
            else function.__closure__[[*function.__code__.co_freevars].index("whole")].cell_contents
        )
        assert inner.__globals__["__builtins__"] == {}
    assert "__import__" not in _python.SPACE and "open" not in _python.SPACE
    for name, text in _python.HELPERS.items():
        space = dict(_python.SPACE)
        for code in codes(compile(text.replace("raise ", ""), name, "exec")):
            attributes = {"__name__", "startswith"}
            missing = {n for n in code.co_names if n not in space and n not in _python.HELPERS} - attributes
            assert not missing, (name, missing)


def test_the_emitter_refuses_text_from_outside():
    from lrsched.targets import emit

    writer = emit._Writer(_python.DIALECT, {}, {})
    with pytest.raises(AssertionError):
        writer.object("a=1, b", object())
    with pytest.raises(AssertionError):
        emit.plain_number("__import__('os')", "f")


# ---- what is registered


def test_results_are_checked_and_the_function_is_named():
    wrong = {
        "text": (lambda xp, t: "x", "array of numbers"),
        "none": (lambda xp, t: None, "array of numbers"),
        "list": (lambda xp, t: [1.0], "array of numbers"),
        "shape": (lambda xp, t: np.zeros(7), "shape of t"),
        "complex": (lambda xp, t: t * 1j, "array of numbers"),
    }
    for name, (function, words) in wrong.items():
        lrs.register(f"hostile_{name}")(function)
        made = lrs.custom(f"hostile_{name}")
        compiled = lrs.compile(made, "python")
        for read, step in ((made, 3), (made.sample, 5), (made, np.arange(3)), (compiled, 2)):
            with pytest.raises(lrs.ScheduleError, match=rf"hostile_{name}.*{words}"):
                read(step)
    lrs.register("hostile_raises")(lambda xp, t: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        lrs.custom("hostile_raises")(3)
    assert "hostile_raises" in caught.value.__notes__[0]


def test_a_scalar_result_serves_every_step():
    lrs.register("hostile_scalar")(lambda xp, t: 0.5)
    assert lrs.custom("hostile_scalar").sample(3).tolist() == [0.5] * 3 and lrs.custom("hostile_scalar")(7) == 0.5


def test_another_function_under_a_known_name():
    def first(factor):
        def line(xp, t):
            return t * factor

        return line

    lrs.register("hostile_line")(first(1.0))
    lrs.register("hostile_line")(first(1.0))  # the same definition again
    made = lrs.custom("hostile_line")
    whole = 2.0 * made >> lrs.hold(1) if made.duration != float("inf") else 2.0 * made
    assert (made(3), whole(3), whole.sample(4)[3]) == (3.0, 6.0, 6.0)
    with pytest.raises(lrs.ScheduleError, match="replace=True"):
        lrs.register("hostile_line")(first(2.0))
    with pytest.raises(lrs.ScheduleError, match="replace=True"):
        lrs.register("hostile_line", duration=5)(first(1.0))
    assert made(3) == 3.0
    lrs.register("hostile_line", duration=5, replace=True)(first(10.0))
    again = lrs.custom("hostile_line")
    assert made == again and made.duration == again.duration == 5
    for each in (made, again):
        assert (each(3), each(np.arange(4))[3], each.sample(4)[3], each(9)) == (30.0, 30.0, 30.0, 50.0)
    assert (whole(3), whole.sample(4)[3]) == (60.0, 60.0)


def test_tables_are_checked():
    table = dict(_numpy.OPERATIONS)
    with pytest.raises(lrs.ScheduleError, match="alone, got 'zzz'"):
        lrs.register_target("hostile_surplus", table | {"zzz": np.add})
    with pytest.raises(lrs.ScheduleError, match=r"table\['add'\] must be callable"):
        lrs.register_target("hostile_uncallable", table | {"add": 3})
    lrs.register_target("hostile_table", table)
    lrs.register_target("hostile_table", dict(table))
    with pytest.raises(lrs.ScheduleError, match="no other table"):
        lrs.register_target("hostile_table", table | {"add": np.subtract})
    assert targets.table("hostile_table").operations["add"] is np.add
