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
