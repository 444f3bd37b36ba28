"""Two devices: values in sight on both, samples counted together, one decision about a plateau."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("jax")
pytest.importorskip("optax")

INJECTED = """
import jax, jax.numpy as jnp, numpy as np, optax, lrsched as lrs
from functools import partial
from jax.sharding import Mesh, PartitionSpec as P
from lrsched_optax import at, current, inject
LR = 0.1 * (lrs.warmup(3) >> lrs.cosine().over(9, end=0.1))
tx = inject(optax.adam, learning_rate=LR)
x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 3)), jnp.float32)

def update(params, state, x, mean):
    gradients = mean(jax.grad(lambda w: jnp.mean((x @ w - 1) ** 2))(params))
    updates, state = tx.update(gradients, state, params)
    return optax.apply_updates(params, updates), state

alone = jax.jit(partial(update, mean=lambda g: g))
pmean = lambda g: jax.lax.pmean(g, "x")
mesh = Mesh(np.array(jax.devices()), ("x",))
local = partial(update, mean=pmean)
sharded = jax.jit(jax.shard_map(local, mesh=mesh, in_specs=(P(), P(), P("x")), out_specs=P(), check_vma=False))
mapped = jax.pmap(local, axis_name="x")
w = jnp.ones(3)
one = two = (w, tx.init(w))
copies = jax.tree.map(lambda v: jnp.stack([v, v]), one)
for t in range(8):
    one, two = alone(*one, x), sharded(*two, x)
    copies = mapped(*copies, x.reshape(2, 4, 3))
    for state in (one[1], two[1], jax.tree.map(lambda v: v[0], copies[1]), jax.tree.map(lambda v: v[1], copies[1])):
        np.testing.assert_allclose(current(state)["learning_rate"], LR(t), rtol=2e-6, atol=1e-9)
        assert int(at(state)) == t + 1
np.testing.assert_allclose(one[0], two[0], rtol=1e-5)
np.testing.assert_allclose(one[0], copies[0][1], rtol=1e-5)
print(len(jax.devices()), "devices")
"""

SAMPLES = """
import jax, jax.numpy as jnp, numpy as np, optax, lrsched as lrs
from jax.sharding import Mesh, PartitionSpec as P
from lrsched_optax import at, current, inject
LR = 0.1 * (lrs.warmup(300) >> lrs.cosine().over(3_000, end=0.1))
BATCH = lrs.piecewise([4, 8], [100, 251, 777])
tx = inject(optax.sgd, learning_rate=LR)
seen = lrs.units.seen(BATCH, 12)

def curve(world):
    mesh = Mesh(np.array(jax.devices()[:world]), ("x",))

    def local(state, mine):
        count = jax.lax.psum(mine[0], "x")
        return tx.update(jnp.ones(()), state, jnp.ones(()), count=count)[1]

    step = jax.jit(jax.shard_map(local, mesh=mesh, in_specs=(P(), P("x")), out_specs=P(), check_vma=False))
    state, rates, counts = tx.init(jnp.ones(())), [], []
    for t in range(12):
        total = lrs.units.size(BATCH, t)
        mine = jnp.asarray([lrs.units.share(total, world, rank) for rank in range(world)])
        counts.append(int(at(state)))
        state = step(state, mine)
        rates.append(float(current(state)["learning_rate"]))
    return rates, counts

one, two = curve(1), curve(2)
assert one == two, (one, two)
assert one[1] == seen[:-1].tolist()
np.testing.assert_allclose(one[0], [LR(int(n)) for n in seen[:-1]], rtol=2e-6, atol=1e-9)
table = jax.jit(lrs.units.in_updates(LR, BATCH, 12))
np.testing.assert_allclose(one[0], [float(table(t)) for t in range(12)], rtol=2e-6, atol=1e-9)
size = jax.jit(lambda t: lrs.units.size(BATCH, t, 8))
for t in range(12):
    assert int(size(t)) == lrs.units.size(BATCH, t, 8)
print(len(jax.devices()), "devices")
"""

PLATEAU = """
import jax, jax.numpy as jnp, numpy as np, optax, lrsched as lrs
from jax.sharding import Mesh, PartitionSpec as P
from lrsched_optax import reduce_on_plateau
RULE = lrs.Plateau(factor=0.5, patience=1, cooldown=1)
metrics = np.float32(np.round(np.random.default_rng(3).normal(size=(30, 2)) + 5, 2))
metrics[11, 0] = metrics[17] = np.nan
mesh = Mesh(np.array(jax.devices()), ("x",))

def run(metrics, **options):
    tx = reduce_on_plateau(RULE, **options)

    def local(state, value):
        state = jax.tree.map(lambda x: x[0], state)
        updates, state = tx.update(jnp.ones(()), state, value=value[0])
        return jax.tree.map(lambda x: x[None], (updates, state))

    spec = P("x")
    step = jax.jit(jax.shard_map(local, mesh=mesh, in_specs=spec, out_specs=spec))
    mapped = jax.pmap(lambda s, v: tx.update(jnp.ones(()), s, value=v), axis_name="x")
    state = other = jax.tree.map(lambda x: jnp.stack([x, x]), tx.init(jnp.ones(())))
    found = []
    for row in metrics:
        updates, state = step(state, jnp.asarray(row))
        again, other = mapped(other, jnp.asarray(row))
        np.testing.assert_array_equal(updates, again)
        jax.tree.map(np.testing.assert_array_equal, state, other)
        if "axis_name" in options:
            jax.tree.map(lambda x: np.testing.assert_array_equal(x[0], x[1]), state)
        found.append(np.asarray(updates))
    return np.array(found)

alone = run(metrics)
assert (alone[:, 0] != alone[:, 1]).any(), "the metrics must lead to different decisions without an agreement"
for rank in (0, 1):
    assert alone[:, rank].tolist() == RULE.replay(metrics[:, rank].tolist())
together = run(metrics, axis_name="x")
gathered = [lrs.agreed(row.tolist(), differ="mean") for row in metrics]
assert together[:, 0].tolist() == RULE.replay(gathered) == together[:, 1].tolist()
assert len(set(together[:, 0].tolist())) > 3

same = np.repeat(metrics[:, :1], 2, axis=1)
strict = run(same, axis_name="x", differ="error")
assert strict[:, 0].tolist() == RULE.replay(metrics[:, 0].tolist())
same[9, 1] += 1e-3
strict = run(same, axis_name="x", differ="error")
assert np.isfinite(strict[:9]).all() and np.isnan(strict[9:]).all(), strict
print(len(jax.devices()), "devices")
"""


@pytest.mark.parametrize("program", [INJECTED, SAMPLES, PLATEAU], ids=["injected", "samples", "plateau"])
def test_two_devices(program):
    env = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=False)
    assert done.stdout.strip() == "2 devices", done.stderr[-3000:]
