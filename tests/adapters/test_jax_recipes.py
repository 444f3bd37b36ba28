"""Every recipe under jit: the values of the host, to the digits of float32."""

from __future__ import annotations

import numpy as np
import pytest

import lrsched as lrs
from lrsched.recipes._examples import examples

jax = pytest.importorskip("jax")

X64 = bool(jax.config.jax_enable_x64)
COUNT = 24
RUNS = [
    (f"{name} {part}".strip(), schedule, example.steps(schedule))
    for name, example in examples().items()
    for part, schedule in example.schedules().items()
]
BLOCKS = 8


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_recipe_has_the_values_of_the_host(block: int) -> None:
    """In programs of several recipes: at both ends and between; of a run that counts tokens, the first 2**31."""
    runs = RUNS[block::BLOCKS]
    steps = [
        np.resize(np.unique(np.linspace(0, min(n + 9, 2**31 - 1), COUNT).astype(np.int64)), COUNT) for *_, n in runs
    ]
    functions = [lrs.compile(schedule, "jax") for _, schedule, _ in runs]
    program = jax.jit(lambda rows: [f(row) for f, row in zip(functions, rows, strict=True)])
    found = program([row.astype(np.int64 if X64 else np.int32) for row in steps])
    for (name, schedule, _), row, values in zip(runs, steps, found, strict=True):
        exact = schedule(row)
        np.testing.assert_allclose(values, exact, rtol=0, atol=2e-6 * np.abs(exact).max(), err_msg=name)


def test_traced_numbers_pass_where_a_recipe_takes_one() -> None:
    """A share of the run needs a run that is known when the recipe is built."""
    recipe = lrs.recipes.warmup_cosine
    rate = jax.jit(lambda peak, steps, warmup, end: recipe(peak, steps, warmup, end)(40))(0.1, 100, 20, 0.5)
    np.testing.assert_allclose(rate, recipe(0.1, 100, 0.2, 0.5)(40), rtol=1e-6)
    with pytest.raises(lrs.ScheduleError, match=r"^warmup_cosine: warmup must be an integer >= 0, got 0.2"):
        jax.jit(lambda steps: recipe(0.1, steps, 0.2)(40))(100)
    with pytest.raises(lrs.ScheduleError, match=r"^one_cycle: steps must be a plain number"):
        jax.jit(lambda steps: lrs.recipes.one_cycle(0.1, steps)(40))(100)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.15, 0.25, 0.3])
def test_a_plan_takes_shares_and_lengths_that_only_the_run_knows(share: float) -> None:
    """They give the lengths that the numbers as they are stored give; one trace serves all."""
    traces: list[object] = []

    def planned(share: object, steps: object, warm: object, t: object) -> object:
        traces.append(share)
        return lrs.plan(steps, lrs.warmup(warm), (share, lrs.linear()), (None, lrs.cosine(), 0.5))(t)

    jitted, steps = jax.jit(planned), np.arange(24)
    for total, warm in ((20, 0), (26, 6)):
        stored = float(jax.numpy.asarray(share))
        plain = lrs.plan(total, lrs.warmup(warm), (stored, lrs.linear()), (None, lrs.cosine(), 0.5))
        np.testing.assert_allclose(jitted(share, total, warm, steps), plain(steps), atol=1e-6)
    assert len(traces) == 1
    rows = jax.vmap(lambda share: lrs.plan(10, (share, lrs.linear()), lrs.cosine())(5))(jax.numpy.array([0.5, 0.75]))
    np.testing.assert_allclose(rows, [1.0, 0.375], atol=0.01)
