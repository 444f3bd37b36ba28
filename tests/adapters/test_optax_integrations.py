"""Training programs around Optax: Flax NNX, Equinox, Orbax, the examples."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import lrsched as lrs

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")
import jax.numpy as jnp  # noqa: E402

from lrsched_optax import at, current, inject, reduce_on_plateau, stack  # noqa: E402

LR = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(9, end=0.1))
DECAY = lrs.linear().over(10, 0.1, 0.01)
X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
Y = X @ np.asarray([[1.0], [-2.0], [0.5], [3.0]], np.float32)


def shown(state):
    return {name: float(value) for name, value in current(state).items()}


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_flax_nnx():
    nnx = pytest.importorskip("flax.nnx")
    model = nnx.Linear(4, 1, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, inject(optax.adamw, learning_rate=LR, weight_decay=DECAY), wrt=nnx.Param)

    @nnx.jit
    def step(model, optimizer):
        loss, gradients = nnx.value_and_grad(lambda m: jnp.mean((m(X) - Y) ** 2))(model)
        optimizer.update(model, gradients)
        return loss

    losses = []
    for t in range(12):
        losses.append(float(step(model, optimizer)))
        state = nnx.pure(optimizer.opt_state)
        assert shown(state) == pytest.approx({"learning_rate": LR(t), "weight_decay": DECAY(t)}, rel=2e-6)
        assert int(at(state)) == t + 1
    assert losses[-1] < losses[0]


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_equinox_takes_schedules_as_arguments_without_retracing():
    eqx = pytest.importorskip("equinox")
    traces = []

    @eqx.filter_jit
    def step(model, state, schedule):
        traces.append(1)
        tx = inject(optax.adam, learning_rate=schedule)
        loss, gradients = eqx.filter_value_and_grad(lambda m: jnp.mean((jax.vmap(m)(X) - Y) ** 2))(model)
        updates, state = tx.update(gradients, state, eqx.filter(model, eqx.is_inexact_array))
        return eqx.apply_updates(model, updates), state, loss

    for scale in (1.0, 0.5):
        schedule = jax.tree.map(jnp.asarray, scale * LR)
        model = eqx.nn.Linear(4, 1, key=jax.random.key(0))
        state = inject(optax.adam, learning_rate=schedule).init(eqx.filter(model, eqx.is_inexact_array))
        losses = []
        for t in range(12):
            model, state, loss = step(model, state, schedule)
            losses.append(float(loss))
            assert float(current(state)["learning_rate"]) == pytest.approx(scale * LR(t), rel=5e-6, abs=1e-9)
        assert losses[-1] < losses[0]
    assert len(traces) == 1


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_equinox_holds_a_schedule_as_a_module_field():
    eqx = pytest.importorskip("equinox")

    class Trainer(eqx.Module):
        schedule: lrs.Schedule

        def __call__(self, t):
            return self.schedule(t)

    assert float(eqx.filter_jit(Trainer(LR))(jnp.int32(5))) == pytest.approx(LR(5), rel=1e-6)
    assert eqx.tree_equal(Trainer(LR), Trainer(0.1 * (lrs.warmup(3) >> lrs.cosine().over(9, end=0.1))))


def optimizer(schedule):
    rule = lrs.Plateau(factor=0.5, patience=1)
    tx = inject(optax.adamw, learning_rate=schedule, weight_decay={"bias": 0.0, "*": DECAY})
    return optax.chain(tx, reduce_on_plateau(rule))


def trained(tx, params, state, steps):
    """The run after some more updates."""

    @jax.jit
    def update(params, state):
        loss, gradients = jax.value_and_grad(lambda p: jnp.mean((X @ p["w"] + p["bias"] - Y) ** 2))(params)
        updates, state = tx.update(gradients, state, params, value=loss)
        return optax.apply_updates(params, updates), state

    for _ in range(steps):
        params, state = update(params, state)
    return params, state


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_orbax_restores_the_run_with_the_schedule_and_the_step(tmp_path):
    ocp = pytest.importorskip("orbax.checkpoint")
    tx, start = optimizer(LR), {"w": jnp.zeros((4, 1)), "bias": jnp.zeros(1)}
    params, state = trained(tx, start, tx.init(start), 7)
    with ocp.CheckpointManager(tmp_path / "run") as manager:
        kept = {"params": params, "state": state}
        schedule = {"text": repr(LR), "data": LR.to_dict(), "fingerprint": LR.fingerprint()}
        arguments = ocp.args.Composite(run=ocp.args.StandardSave(kept), schedule=ocp.args.JsonSave(schedule))
        manager.save(int(at(state)), args=arguments)
    with ocp.CheckpointManager(tmp_path / "run") as manager:
        step = manager.latest_step()
        asked = ocp.args.Composite(schedule=ocp.args.JsonRestore())
        stored = manager.restore(step, args=asked)["schedule"]
        read = lrs.parse(stored["text"])
        assert read == LR == lrs.from_dict(stored["data"]) and read.fingerprint() == stored["fingerprint"]
        again = optimizer(read)
        empty = {"params": start, "state": again.init(start)}
        restored = manager.restore(step, args=ocp.args.Composite(run=ocp.args.StandardRestore(empty)))["run"]
    assert step == 7 == int(at(restored["state"]))
    went_on = trained(tx, params, state, 6)
    resumed = trained(again, restored["params"], restored["state"], 6)
    for x, y in zip(jax.tree.leaves(went_on), jax.tree.leaves(resumed), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_orbax_saves_a_batch_of_schedules(tmp_path):
    ocp = pytest.importorskip("orbax.checkpoint")
    batch = stack([0.1 * k * lrs.cosine().over(10 + k) for k in (1, 2, 3)])
    leaves, structure = jax.tree.flatten(batch)
    with ocp.StandardCheckpointer() as saver:
        saver.save(tmp_path / "batch", {"leaves": leaves})
        saver.wait_until_finished()
        restored = saver.restore(tmp_path / "batch", {"leaves": leaves})["leaves"]
    again = jax.tree.unflatten(structure, restored)
    np.testing.assert_array_equal(jax.vmap(lambda s: s(7))(again), jax.vmap(lambda s: s(7))(batch))


def test_the_budget_study_prints_its_table():
    pytest.importorskip("sklearn")
    from pathlib import Path

    script = Path(__file__).parents[2] / "examples" / "budget_study.py"
    if not script.exists():
        pytest.skip("the examples are not part of this copy")
    command = [sys.executable, str(script), "--budgets", "5", "9", "--seeds", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("every step") == 2 and "112 runs in one program" in done.stdout
