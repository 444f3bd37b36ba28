"""What a snapshot ensemble gains: one run with restarts against one run without, of the same length.

Trains a small network on scikit-learn's digits, of whose training labels some are wrong, after Huang et al., "Snapshot
Ensembles: Train 1, Get M for Free" (2017). All seeds are trained in one compiled program.

    python examples/snapshot_ensemble.py

prints the test error of the last weights without restarts, of the single snapshots, and of the average of the
predictions of the last 1, 2, ... snapshots: mean over seeds, and the standard error of the mean.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

import lrsched as lrs
from lrsched_optax import Snapshots, SnapshotState

PEAK, BATCH, HIDDEN, WRONG = 0.3, 32, 64, 0.3
Data = tuple[Any, Any]


def data(seed: Any) -> tuple[Data, Data]:
    """Training digits, a share of whose labels is wrong, and test digits; another split for every seed."""
    x, y = (jnp.asarray(part) for part in load_digits(return_X_y=True))
    keys = jax.random.split(jax.random.fold_in(jax.random.key(7), seed), 3)
    order = jax.random.permutation(keys[0], len(x))
    x, y = x[order].astype(jnp.float32) / 16.0, y[order]
    wrong = jax.random.bernoulli(keys[1], WRONG, y.shape)
    noisy = jnp.where(wrong, jax.random.randint(keys[2], y.shape, 0, 10), y)
    return (x[:900], noisy[:900]), (x[900:], y[900:])


def probabilities(params: Any, x: Any) -> Any:
    """What a network of one hidden layer says."""
    return jax.nn.softmax(logits(params, x))


def logits(params: Any, x: Any) -> Any:
    """The network before the softmax."""
    return jnp.tanh(x @ params["a"] + params["c"]) @ params["b"]


def start(key: Any) -> dict[str, Any]:
    """Weights to begin with."""
    first, second = jax.random.split(key)
    return {
        "a": jax.random.normal(first, (64, HIDDEN)) / 8,
        "c": jnp.zeros(HIDDEN),
        "b": jax.random.normal(second, (HIDDEN, 10)) / HIDDEN**0.5,
    }


def train(schedule: lrs.Schedule, snapshots: Snapshots, steps: int, decay: float, seed: Any) -> SnapshotState:
    """The snapshots of a run of SGD with momentum and weight decay."""
    (x, y), _ = data(seed)
    keys = jax.random.split(jax.random.key(seed), 2)
    params, tx = start(keys[0]), optax.chain(optax.add_decayed_weights(decay), optax.sgd(schedule, momentum=0.9))

    def loss(params: Any, chosen: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(logits(params, x[chosen]), y[chosen]).mean()

    def step(carry: Any, t: Any) -> Any:
        params, state, kept = carry
        chosen = jax.random.randint(jax.random.fold_in(keys[1], t), (BATCH,), 0, len(x))
        updates, state = tx.update(jax.grad(loss)(params, chosen), state, params)
        params = optax.apply_updates(params, updates)
        return (params, state, snapshots.update(kept, t, params)), None

    (_, _, kept), _ = jax.lax.scan(step, (params, tx.init(params), snapshots.init(params)), jnp.arange(steps))
    return kept


def errors(snapshots: Snapshots, kept: SnapshotState, seed: Any) -> tuple[Any, Any]:
    """The test error of each snapshot, and that of the average of the last 1, 2, ... of them."""
    _, (x, y) = data(seed)
    n = len(snapshots.ends)

    def error(said: Any) -> Any:
        return jnp.mean(said.argmax(-1) != y)

    single = jax.vmap(lambda params: error(probabilities(params, x)))(kept.params)
    last = [kept._replace(taken=kept.taken & (jnp.arange(n) >= n - m)) for m in range(1, n + 1)]
    return single, jnp.stack([error(snapshots.predict(k, lambda params: probabilities(params, x))) for k in last])


def study(steps: int, cycles: int, seeds: int, decay: float) -> dict[str, np.ndarray]:
    """Test errors: ``plain`` of shape (seeds,), ``single`` and ``ensemble`` of shape (seeds, cycles)."""
    whole = PEAK * lrs.cosine().over(steps)
    cyclic = PEAK * lrs.cosine().over(steps // cycles).restarted(times=cycles)

    def one(schedule: lrs.Schedule, seed: Any) -> tuple[Any, Any]:
        snapshots = Snapshots(schedule, steps)
        return errors(snapshots, train(schedule, snapshots, steps, decay, seed), seed)

    run = jax.jit(lambda numbers: (jax.lax.map(lambda s: one(whole, s), numbers)[0][:, 0],
                                   jax.lax.map(lambda s: one(cyclic, s), numbers)))  # fmt: skip
    plain, (single, ensemble) = run(jnp.arange(seeds))
    return {"plain": np.asarray(plain), "single": np.asarray(single), "ensemble": np.asarray(ensemble)}


def row(name: str, found: np.ndarray) -> str:
    """Mean and standard error in percent."""
    deviation = found.std(ddof=1) / len(found) ** 0.5
    return f"{name:<44}{100 * found.mean():7.2f} ± {100 * deviation:4.2f}"


def report(found: dict[str, np.ndarray], steps: int) -> str:
    """The table, and the gain of the ensemble, paired by seed."""
    plain, single, ensemble = found["plain"], found["single"], found["ensemble"]
    cycles = single.shape[1]
    lines = [
        f"{steps} updates, {100 * WRONG:.0f} % of the training labels redrawn, {len(plain)} seeds: test error in %"
    ]
    lines.append(row("no restarts, last weights", plain))
    lines += [row(f"{cycles} cycles, snapshot {i + 1} alone", single[:, i]) for i in range(cycles)]
    lines += [row(f"{cycles} cycles, average of the last {m + 1}", ensemble[:, m]) for m in range(1, cycles)]
    lines.append(row("the ensemble gains over its last snapshot", single[:, -1] - ensemble[:, -1]))
    lines.append(row("the ensemble gains over no restarts", plain - ensemble[:, -1]))
    return "\n".join(lines)


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=2_000, help="updates of each run")
    parser.add_argument("--cycles", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--decay", type=float, default=0.003, help="weight decay")
    chosen = parser.parse_args()
    begun = time.perf_counter()
    found = study(chosen.steps, chosen.cycles, chosen.seeds, chosen.decay)
    sys.stdout.write(report(found, chosen.steps) + "\n")
    sys.stdout.write(f"{time.perf_counter() - begun:.0f} s\n")


if __name__ == "__main__":
    main()
