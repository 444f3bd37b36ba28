"""How much a schedule is worth under a small budget: profiles x sampling rates x budgets x seeds in one program.

Trains a small classifier on scikit-learn's digits under every combination, after Chen, Wolfe and Kyrillidis, "REX:
Revisiting Budgeted Training with an Improved Schedule" (2022). All runs are one ``jax.vmap`` over schedules in their
common form, compiled once; a run of a smaller budget stops learning when its schedule ends.

    python examples/budget_study.py

prints, for each budget, the test error of every profile at every sampling rate: mean and deviation over seeds.
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
from lrsched_optax import tabulate

PROFILES = {
    "step": lrs.staircase((0.5, 0.75), (1.0, 0.1, 0.01)),
    "linear": lrs.linear(),
    "cosine": lrs.cosine(),
    "REX": lrs.rex(),
}
RATES: dict[str, dict[str, Any] | None] = {
    "50-75": {"at": (0.5, 0.75)},
    "33-66": {"at": (1 / 3, 2 / 3)},
    "25-50-75": {"at": (0.25, 0.5, 0.75)},
    "5 times": {"times": 5},
    "10 times": {"times": 10},
    "20 times": {"times": 20},
    "every step": None,
}
PEAK, BATCH, HIDDEN = 0.2, 32, 48


def schedules(budgets: list[int]) -> list[lrs.Schedule]:
    """Every profile at every sampling rate over every budget; 0 once the budget is spent."""
    shapes = [p if how is None else p.sampled(**how) for p in PROFILES.values() for how in RATES.values()]
    return [(PEAK * shape.over(n)).after(0.0) for n in budgets for shape in shapes]


def data() -> tuple[Any, Any]:
    """Training and test digits, the same split every time."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = jnp.asarray(x[order] / 16.0, jnp.float32), jnp.asarray(y[order])
    return (x[:1200], y[:1200]), (x[1200:], y[1200:])


def logits(params: Any, x: Any) -> Any:
    """A network of one hidden layer."""
    return jnp.tanh(x @ params["a"] + params["c"]) @ params["b"]


def train(schedule: Any, seed: Any, steps: int) -> Any:
    """The test error after training on ``schedule``."""
    (x, y), (test_x, test_y) = data()
    keys = jax.random.split(jax.random.key(seed), 3)
    params = {
        "a": jax.random.normal(keys[0], (64, HIDDEN)) / 8,
        "c": jnp.zeros(HIDDEN),
        "b": jax.random.normal(keys[1], (HIDDEN, 10)) / HIDDEN**0.5,
    }
    tx = optax.sgd(schedule, momentum=0.9)

    def loss(params: Any, chosen: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(logits(params, x[chosen]), y[chosen]).mean()

    def step(carry: Any, t: Any) -> Any:
        params, state = carry
        chosen = jax.random.randint(jax.random.fold_in(keys[2], t), (BATCH,), 0, len(x))
        updates, state = tx.update(jax.grad(loss)(params, chosen), state, params)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (params, tx.init(params)), jnp.arange(steps))
    return jnp.mean(logits(params, test_x).argmax(-1) != test_y)


def study(budgets: list[int], seeds: int) -> np.ndarray:
    """Test errors of shape (budgets, profiles, sampling rates, seeds), from one compiled call."""
    steps = max(budgets)
    batch = tabulate(schedules(budgets), steps + 1)
    inner = jax.vmap(lambda s, seed: train(s, seed, steps), in_axes=(None, 0))
    errors = jax.jit(jax.vmap(inner, in_axes=(0, None)))(batch, jnp.arange(seeds))
    return np.asarray(errors).reshape(len(budgets), len(PROFILES), len(RATES), seeds)


def tables(errors: np.ndarray, budgets: list[int]) -> str:
    """The errors in percent, one table for each budget."""
    lines = []
    for budget, rows in zip(budgets, errors, strict=True):
        best = rows.mean(-1).min()
        lines += [f"\n{budget} updates: test error in %", " " * 12 + "".join(f"{name:>14}" for name in PROFILES)]
        for j, rate in enumerate(RATES):
            cells = []
            for i in range(len(PROFILES)):
                mean, deviation = rows[i, j].mean(), rows[i, j].std()
                cells.append(f"{100 * mean:6.2f} ± {100 * deviation:4.2f}" + ("*" if mean == best else " "))
            lines.append(f"{rate:<12}" + "".join(cells))
    return "\n".join(lines)


def main() -> None:
    """Run the study and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--budgets", type=int, nargs="+", default=[25, 100, 400], help="updates of each budget")
    parser.add_argument("--seeds", type=int, default=8)
    chosen = parser.parse_args()
    begun = time.perf_counter()
    errors = study(chosen.budgets, chosen.seeds)
    sys.stdout.write(tables(errors, chosen.budgets) + "\n")
    sys.stdout.write(f"\n* lowest mean. {errors.size} runs in one program, {time.perf_counter() - begun:.0f} s.\n")


if __name__ == "__main__":
    main()
