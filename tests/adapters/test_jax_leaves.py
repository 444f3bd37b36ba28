"""Schedules in trees whose leaves are not numbers: placeholders, shardings, specs, and what maps over trees make."""

from __future__ import annotations

import random

import numpy as np
import pytest

import lrsched as lrs
import strategies
from lrsched.algebra import registry

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402
from jax.sharding import PartitionSpec, SingleDeviceSharding  # noqa: E402

LR = 0.1 * (lrs.warmup(10) >> lrs.cosine().over(90))
PLACEHOLDERS = {
    "None": None,
    "object": object(),
    "text": "a",
    "True": True,
    "zero": 0,
    "below zero": -7,
    "a million": 10**6,
    "not a number": float("nan"),
    "half": 0.5,
    "infinity": float("inf"),
    "tuple": (1, 2),
    "pair with text": (3.0, "s"),
    "empty tuple": (),
    "list": [1.0],
    "dictionary": {"a": 1},
    "spec": PartitionSpec("x"),
    "shape": jax.ShapeDtypeStruct((), jnp.float32),
    "sharding": SingleDeviceSharding(jax.devices()[0]),
    "NumPy bool": np.bool_(True),
    "NumPy row": np.arange(3.0),
    "NumPy objects": np.array([None, "a"], dtype=object),
    "array": np.float32(1.5) * jnp.ones((2,)),
    "key": jax.random.key(0),
}
KINDS = sorted(strategies.PLACES)


def same(first, second):
    if isinstance(first, float) and first != first:
        return second != second
    return first is second or (type(first) is type(second) and bool(np.all(np.asarray(first == second))))


def is_leaf_of(placeholder):
    """What stops JAX from looking into a placeholder that is a container."""
    return lambda x: x is placeholder


def check_holds(expression, placeholder):
    """All that JAX and its libraries do with a tree of placeholders, and the way back."""
    leaves, structure = jax.tree.flatten(expression)
    skeleton = jax.tree.map(lambda leaf: placeholder, expression)
    stops = is_leaf_of(placeholder)
    assert [same(x, placeholder) for x in structure.flatten_up_to(skeleton)] == [True] * len(leaves)
    found, own = jax.tree.flatten(skeleton, is_leaf=stops)
    assert all(same(x, placeholder) for x in found) and len(found) == len(leaves)
    assert own == structure and hash(own) == hash(structure) and repr(own) == repr(structure)
    other = jax.tree.structure(jax.tree.map(lambda leaf: placeholder, expression))
    assert jax.tree.structure(skeleton) == other and hash(jax.tree.structure(skeleton)) == hash(other)
    assert repr(skeleton) and str(skeleton) and repr(jax.tree.structure(skeleton))
    paths = jax.tree_util.tree_flatten_with_path(skeleton, is_leaf=stops)[0]
    assert [path for path, _ in paths] == [path for path, _ in jax.tree_util.tree_flatten_with_path(expression)[0]]
    again = jax.tree.map(lambda x, leaf: leaf, skeleton, expression, is_leaf=stops)
    assert again == expression and repr(again) == repr(expression)
    assert [type(x) for x in jax.tree.leaves(again)] == [type(x) for x in leaves]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_holds_every_placeholder(name):
    expression = strategies.Maker(random.Random(1), big=False).one_of(registry.KINDS[name], 3)
    for placeholder in PLACEHOLDERS.values():
        check_holds(expression, placeholder)


@pytest.mark.parametrize("seed", range(40))
def test_every_nesting_holds_any_mixture_of_placeholders(seed):
    """Equal pieces that are stacked, stacks in stacks, and leaves of which some are numbers."""
    rnd = random.Random(seed)
    expression = strategies.seeded(seed, depth=4, big=False)
    if seed % 4 == 0:
        expression = lrs.plan(35, *[(lrs.warmup(2) >> lrs.linear().over(3, 1.0 + i)) * (0.5 + i) for i in range(7)])
    leaves, structure = jax.tree.flatten(expression)
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_flatten_with_path(expression)[0]]
    assert len(set(paths)) == len(paths)
    for _ in range(10):
        given = [rnd.choice([*PLACEHOLDERS.values(), leaf]) for leaf in leaves]
        mixed = jax.tree.unflatten(structure, given)
        assert all(x is y or same(x, y) for x, y in zip(structure.flatten_up_to(mixed), given, strict=True))
        back = jax.tree.unflatten(structure, leaves)
        assert jax.tree.structure(back) == structure and repr(mixed) and back == expression


@pytest.mark.parametrize(
    "name", ["None", "object", "text", "True", "half", "tuple", "spec", "shape", "sharding", "key"]
)
def test_a_skeleton_has_no_value_and_says_why(name):
    skeleton = jax.tree.map(lambda leaf: PLACEHOLDERS[name], LR)
    assert "that holds placeholders (" in repr(skeleton)
    for use in (lambda: skeleton(3), lambda: skeleton(jnp.int32(3)), lambda: lrs.compile(skeleton, "jax")):
        with pytest.raises(lrs.ScheduleError, match=r"must be (a number|an integer), or an array of them"):
            use()
    for use in (lambda: hash(skeleton), lambda: skeleton == LR, lambda: skeleton.to_json()):
        with pytest.raises(TypeError, match=r"holds placeholders \(.*\), which are no numbers, and cannot be"):
            use()


# ---- numbers that a map over a tree makes


def mean(tree, other, share=0.5):
    return jax.tree.map(lambda x, y: share * x + (1 - share) * y, tree, other)


@pytest.mark.parametrize("share", [0.5, 0.999, 0.1, 1 / 3])
def test_the_mean_of_equal_schedules_is_that_schedule(share):
    for seed in range(40):
        schedule = strategies.seeded(seed, depth=4, big=False)
        found = mean(schedule, schedule, share)
        assert [type(x) for x in jax.tree.leaves(found)] == [type(x) for x in jax.tree.leaves(schedule)]
        assert found.duration == schedule.duration
    assert mean(LR, LR, share) == LR or share != 0.5


def test_a_mean_of_other_lengths_is_whole_or_refused():
    longer = 0.3 * (lrs.warmup(20) >> lrs.cosine().over(110))
    assert mean(LR, longer) == 0.2 * (lrs.warmup(15) >> lrs.cosine().over(100))
    strange = mean(LR, longer, 0.75)
    assert "placeholders (12.5)" in repr(strange)
    for step in (3, jnp.int32(3), np.arange(4)):
        with pytest.raises(lrs.ScheduleError, match=r"warmup: steps must be an integer, .* got 12\.5"):
            strange(step)


def test_a_moving_average_of_a_whole_state():
    optax = pytest.importorskip("optax")
    state = {"lr": LR, "w": jnp.ones(2)}
    for _ in range(3):
        state = optax.incremental_update({"lr": LR, "w": jnp.zeros(2)}, state, 0.1)
    assert jax.tree.leaves(state["lr"]) == pytest.approx(jax.tree.leaves(LR)) and state["lr"].duration == 100


def test_a_mean_of_stacked_pieces():
    few, many = (lrs.plan(10 * n, *(lrs.linear().over(n, 1.0 + i) for i in range(10))) for n in (10, 30))
    assert mean(few, few) == few and mean(few, many).duration == 200
    with pytest.raises(lrs.ScheduleError, match="over: steps must be an integer"):
        mean(few, lrs.plan(110, *(lrs.linear().over(11, 1.0 + i) for i in range(10))))(3)


def test_a_mean_inside_a_program_is_refused_as_it_is_traced():
    """There the numbers are not known, but their types are."""
    average = jax.jit(mean)(LR, LR)
    for use in (
        lambda: average(3),
        lambda: jax.jit(lambda s: s(3))(average),
        lambda: jax.jit(lambda s: mean(s, s)(3))(LR),
    ):
        with pytest.raises(lrs.ScheduleError, match=r"warmup: steps must be an integer, .*float32"):
            use()
    floats = jax.tree.map(lambda x: 2 * x if isinstance(x, float) else x, LR)
    assert floats == 0.2 * (lrs.warmup(10, end=2.0) >> lrs.cosine().over(90, 2.0))


@pytest.mark.parametrize("seed", range(20))
def test_arrays_of_the_host_go_in_as_plain_numbers(seed):
    """What a checkpoint gives back."""
    schedule = strategies.seeded(seed, depth=4, big=False)
    assert jax.tree.map(np.asarray, schedule) == schedule
    assert jax.tree.map(lambda leaf: np.asarray(leaf)[()], schedule) == schedule


def test_a_batch_of_the_host_stays_a_batch():
    """As many rows as a sequence has pieces, or not."""
    pieces = [lrs.plan(30, *(lrs.linear().over(10, 1.0 + i + j) for i in range(3))) for j in range(3)]
    batch = jax.tree.map(lambda *rows: np.stack(rows), *pieces)
    found = jax.vmap(lambda s: s(12))(batch)
    np.testing.assert_allclose(found, [s(12) for s in pieces], rtol=1e-6)


def test_counts_too_large_are_refused_beside_arrays_too():
    leaves, structure = jax.tree.flatten(lrs.linear().over(5))
    some = jax.tree.unflatten(structure, [3 * 10**9, jnp.float32(1.0), *leaves[2:]])
    with pytest.raises(lrs.ScheduleError, match=r"over\.steps must fit JAX's int32"):
        jax.tree.flatten(some)


def test_a_number_after_the_end_is_a_leaf() -> None:
    """No other trace for another number, stacks, gradients, and a number that only the run knows."""
    traces = 0

    @jax.jit
    def value(s, t):
        nonlocal traces
        traces += 1
        return s(t)

    makers = [(a * lrs.cosine().over(n)).after(b) for a, n, b in ((0.5, 10, 0.25), (0.1, 7, 0.0), (2.0, 30, -1.0))]
    assert [float(value(s, 99)) for s in makers] == [0.25, 0.0, -1.0] and traces == 1
    stacked = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(x) for x in leaves]), *makers)
    assert jax.vmap(lambda s: s(99))(stacked).tolist() == [0.25, 0.0, -1.0]
    late = lambda x, t: lrs.linear().over(5).after(x)(t)  # noqa: E731
    assert float(jax.jit(late)(0.5, 7)) == 0.5 and float(jax.jit(late)(0.5, 0)) == 1.0
    assert float(jax.grad(late)(0.5, 7)) == 1.0 and float(jax.grad(late)(0.5, 3)) == 0.0
    parts = [lrs.hold(2).then(lrs.linear().over(3).after(b)) for b in (0.5, 0.75)]
    assert [float(value(s, 9)) for s in parts] == [0.5, 0.75] and traces == 2


@pytest.mark.parametrize("leaf", [None, "a", 10.5, PartitionSpec("x")], ids=repr)
def test_a_count_that_is_none_adds_up_to_no_duration(leaf):
    """Neither to an infinite one, nor to an error of Python's own."""
    skeleton = jax.tree.map(lambda x: leaf if isinstance(x, int) else x, LR)
    for use in (lambda: skeleton.duration, lambda: skeleton >> LR, skeleton.restarted, skeleton.mirrored):
        with pytest.raises(lrs.ScheduleError, match=r"^warmup: steps must be an integer, or an array of them, to be"):
            use()
