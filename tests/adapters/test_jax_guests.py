"""Schedules as guests: in the trees of Flax NNX, Equinox, Orbax and Flax's serialization, and under shardings."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import lrsched as lrs

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning"),
]

LR = 0.1 * (lrs.warmup(10) >> lrs.cosine().over(90))
SCHEDULES = {
    "sequence": LR,
    "restarts": 0.1 * lrs.cosine().over(90).restarted(),
    "minimum": lrs.minimum(0.1 * lrs.warmup(10), lrs.inverse_sqrt(4.0)),
    "table": lrs.table([0.1, 0.5, 0.25, 0.125]),
    "many alike": lrs.plan(60, *(lrs.linear().over(10, 1.0 + i) for i in range(6))),
}
each = pytest.mark.parametrize("s", SCHEDULES.values(), ids=SCHEDULES)
T = jnp.int32(3)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=3e-6, atol=1e-9)


# ---- Flax NNX


@each
def test_nnx_transforms_take_a_schedule_as_an_argument(s):
    nnx = pytest.importorskip("flax.nnx")
    call = lambda schedule, t: schedule(t)  # noqa: E731
    for transform in (nnx.jit, nnx.remat, lambda f: nnx.jit(nnx.remat(f))):
        close(transform(call)(s, T), s(3))
    close(nnx.vmap(call, in_axes=(None, 0))(s, jnp.arange(4)), s.sample(4))
    close(nnx.cond(True, call, lambda schedule, t: 0.0 * schedule(t), s, T), s(3))
    total = nnx.scan(lambda carry, schedule, t: carry + schedule(t), in_axes=(nnx.Carry, None, 0), out_axes=nnx.Carry)
    close(total(0.0, s, jnp.arange(4)), s.sample(4).sum())
    close(nnx.grad(lambda w, schedule: w * schedule(T))(jnp.float32(2.0), s), s(3))


@each
def test_nnx_modules_hold_a_schedule(s):
    nnx = pytest.importorskip("flax.nnx")

    class Model(nnx.Module):
        def __init__(self):
            self.schedule = nnx.data(s)
            self.layer = nnx.Linear(2, 2, rngs=nnx.Rngs(0))

        def __call__(self, t):
            return self.schedule(t)

    model = Model()
    close(nnx.jit(lambda m, t: m(t))(model, T), s(3))
    close(nnx.remat(lambda m, t: m(t))(model, T), s(3))
    close(nnx.vmap(lambda m, t: m(t), in_axes=(None, 0))(model, jnp.arange(4)), s.sample(4))
    close(nnx.cond(True, lambda m, t: m(t), lambda m, t: 0.0 * m(t), model, T), s(3))
    total = nnx.scan(lambda carry, m, t: carry + m(t), in_axes=(nnx.Carry, None, 0), out_axes=nnx.Carry)
    close(total(0.0, model, jnp.arange(4)), s.sample(4).sum())
    graph, state = nnx.split(model)
    close(nnx.merge(graph, state).schedule(T), s(3))
    gradients = nnx.grad(lambda m: (m.layer.kernel.get_value() * m(T)).sum())(model)
    close(gradients["layer"]["kernel"].get_value(), np.full((2, 2), s(3)))


def test_nnx_does_not_retrace_for_other_numbers():
    nnx = pytest.importorskip("flax.nnx")
    traces = []

    @nnx.jit
    def call(schedule, t):
        traces.append(1)
        return schedule(t)

    for schedule in (LR, 2.0 * (lrs.warmup(20) >> lrs.cosine().over(30, end=0.5))):
        close(call(schedule, T), schedule(3))
    assert len(traces) == 1


# ---- Equinox


@each
def test_equinox_filters_and_combines(s):
    eqx = pytest.importorskip("equinox")
    optax = pytest.importorskip("optax")

    class Model(eqx.Module):
        schedule: lrs.Schedule
        weight: jax.Array

    model = Model(s, jnp.arange(3.0))
    for test in (eqx.is_array, eqx.is_inexact_array, eqx.is_inexact_array_like, lambda x: isinstance(x, int)):
        some, rest = eqx.partition(model, test)
        assert repr(some) and repr(rest) and str(jax.tree.structure(some))
        assert eqx.tree_equal(eqx.combine(some, rest), model)
    gradient = eqx.filter_grad(lambda m: (m.schedule(T) * m.weight).sum())(model)
    close(gradient.weight, np.full(3, s(3)))
    value, _ = eqx.filter_value_and_grad(lambda m: (m.schedule(T) * m.weight).sum())(model)
    close(value, 3 * s(3))
    close(eqx.filter_jit(lambda m, t: m.schedule(t))(model, T), s(3))
    close(eqx.filter_vmap(lambda m, t: m.schedule(t), in_axes=(None, 0))(model, jnp.arange(4)), s.sample(4))
    assert optax.adam(0.1).init(eqx.filter(model, eqx.is_inexact_array))
    changed = eqx.tree_at(lambda m: m.weight, model, jnp.ones(3))
    assert changed.schedule == s
    shapes = eqx.filter_eval_shape(lambda m: m, model)
    assert jax.tree.structure(shapes) == jax.tree.structure(model)


def test_traces_of_a_model_that_holds_a_schedule():
    """The table of docs/jax.md."""
    eqx = pytest.importorskip("equinox")

    class Plain(eqx.Module):
        schedule: lrs.Schedule

    class Static(eqx.Module):
        schedule: lrs.Schedule = eqx.field(static=True)

    def traces(make):
        found = []

        @eqx.filter_jit
        def call(model, t):
            found.append(1)
            return model.schedule(t)

        for peak in (0.1, 0.2, 0.3, 0.1):
            schedule = peak * (lrs.warmup(10) >> lrs.cosine().over(90))
            close(call(make(schedule), T), schedule(3))
        return len(found)

    assert traces(Plain) == traces(Static) == 3
    assert traces(lambda schedule: Plain(jax.tree.map(jnp.asarray, schedule))) == 1


@each
def test_equinox_serialises_leaves(s, tmp_path):
    eqx = pytest.importorskip("equinox")
    tree = {"lr": s, "w": jnp.arange(3.0)}
    eqx.tree_serialise_leaves(tmp_path / "run.eqx", tree)
    empty = jax.tree.map(lambda leaf: 0 * leaf, tree)
    assert eqx.tree_deserialise_leaves(tmp_path / "run.eqx", empty)["lr"] == s


# ---- checkpoints


@each
def test_orbax_saves_and_restores_a_tree_with_a_schedule(s, tmp_path):
    ocp = pytest.importorskip("orbax.checkpoint")
    tree = {"lr": s, "w": jnp.arange(3.0)}
    with ocp.StandardCheckpointer() as saver:
        saver.save(tmp_path / "run", tree)
        saver.wait_until_finished()
        restored = saver.restore(tmp_path / "run", jax.tree.map(lambda leaf: 0 * leaf, tree))
        assert restored["lr"] == s
        abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), jnp.result_type(x)), tree)
        close(saver.restore(tmp_path / "run", abstract)["lr"](T), s(3))


@each
def test_flax_serialization_saves_and_restores_the_numbers(s):
    serialization = pytest.importorskip("flax.serialization")
    tree = {"lr": s, "w": jnp.arange(3.0)}
    saved = serialization.to_bytes(tree)
    empty = jax.tree.map(lambda leaf: 0 * leaf, tree)
    restored = serialization.from_bytes(empty, saved)
    assert restored["lr"] == s and repr(restored["lr"]) == repr(s)
    batch = jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * 2), s)
    again = serialization.from_bytes(batch, serialization.to_bytes(batch))
    close(jax.vmap(lambda schedule: schedule(T))(again), [s(3)] * 2)


def test_flax_serialization_refuses_what_is_no_state_of_the_schedule():
    serialization = pytest.importorskip("flax.serialization")
    state = serialization.to_state_dict(LR)
    name = next(name for name, value in state.items() if value == 10)
    with pytest.raises(lrs.ScheduleError, match=r"the state of 0\.1 .* must be its numbers"):
        serialization.from_state_dict(LR, serialization.to_state_dict(lrs.warmup(5)))
    for wrong, message in ((-5, "steps must be an integer >= 0"), ("a", "steps must be"), (None, "steps must be")):
        with pytest.raises(lrs.ScheduleError, match=message):
            serialization.from_state_dict(LR, {**state, name: wrong})
    assert serialization.from_state_dict(lrs.cosine(), serialization.to_state_dict(lrs.cosine())) == lrs.cosine()


@pytest.mark.parametrize("order", ["import flax.serialization, lrsched", "import lrsched, flax.serialization"])
def test_flax_knows_schedules_in_every_order_of_imports(order):
    pytest.importorskip("flax")
    code = f"{order}; from lrsched import warmup; from flax import serialization as s; print(s.from_bytes(warmup(9), s.to_bytes(warmup(5))))"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "warmup(5)", done.stderr[-2000:]


# ---- shardings

SHARDED = """
import jax, jax.numpy as jnp, numpy as np, lrsched as lrs
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
lr = 0.1 * (lrs.warmup(10) >> lrs.cosine().over(90))
mesh = Mesh(np.array(jax.devices()), ("x",))
everywhere, rows = NamedSharding(mesh, P()), NamedSharding(mesh, P("x"))
over = jax.tree.map(lambda _: everywhere, lr)
call = jax.jit(lambda s, t: s(t), in_shardings=(over, everywhere))
assert abs(call(lr, 3) - 0.03) < 1e-8
state = {"lr": lr, "w": jnp.arange(4.0)}
shardings = {"lr": over, "w": rows}
for f in (
    jax.jit(lambda s: s, out_shardings=shardings),
    jax.jit(lambda s: s, in_shardings=(shardings,), out_shardings=shardings),
    jax.jit(lambda s: jax.lax.with_sharding_constraint(s, shardings)),
    lambda s: jax.device_put(s, shardings),
):
    found = f(state)
    assert found["w"].sharding == rows and abs(found["lr"](3) - 0.03) < 1e-8
    assert jax.tree.structure(found) == jax.tree.structure(state)
specs = jax.tree.map(lambda _: P(), lr)
inside = jax.shard_map(lambda s, t: s(t), mesh=mesh, in_specs=(specs, P("x")), out_specs=P("x"))
np.testing.assert_allclose(inside(lr, jnp.arange(4)), lr.sample(4), rtol=1e-6)
shapes = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, lr))
assert jax.tree.structure(shapes) == jax.tree.structure(lr) and "ShapeDtypeStruct" in repr(shapes)
print(len(jax.devices()))
"""


def test_full_trees_of_shardings_on_two_devices():
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", SHARDED], capture_output=True, text=True, env=env, check=False)
    assert done.stdout.strip() == "2", done.stderr[-2000:]


@each
def test_axes_of_a_batch_as_a_tree(s):
    steps = jnp.arange(4)
    for axes in (jax.tree.map(lambda leaf: None, s), None):
        close(jax.vmap(lambda schedule, t: schedule(t), in_axes=(axes, 0))(s, steps), s.sample(4))
    batch = jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * 3), s)
    for axes in (jax.tree.map(lambda leaf: 0, s), 0):
        close(jax.vmap(lambda schedule: schedule(T), in_axes=(axes,))(batch), [s(3)] * 3)
        same = jax.vmap(lambda schedule: schedule, in_axes=(axes,), out_axes=axes)(batch)
        close(jax.vmap(lambda schedule: schedule(T))(same), [s(3)] * 3)


def test_trees_are_transposed():
    outer, inner = jax.tree.structure(LR), jax.tree.structure((0, 0))
    pairs = jax.tree.map(lambda leaf: (leaf, leaf * 2), LR)
    first, second = jax.tree.transpose(outer, inner, pairs)
    assert first == LR and second.parts[1].parts[0].steps == 20
