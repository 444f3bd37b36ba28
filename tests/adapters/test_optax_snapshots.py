"""Snapshots where cycles end, in Python loops, in scans, after a restart, and what their ensemble gains."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import lrsched as lrs

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

from lrsched_optax import Snapshots  # noqa: E402

CYCLES = 0.1 * lrs.cosine().over(4).restarted(t_mult=2)


def params_after(t):
    return {"w": jnp.full((2, 3), 1.0 + t), "b": jnp.asarray(t, jnp.bfloat16)}


@pytest.mark.parametrize(
    "schedule",
    [CYCLES, lrs.recipes.triangular(0.1, 1.0, 3), lrs.cosine().over(5).restarted(times=3), lrs.warmup(9)],
    ids=repr,
)
def test_snapshots_are_taken_at_the_ends_of_cycles_and_nowhere_else(schedule):
    snapshots = Snapshots(schedule, 30)
    kept = snapshots.init(params_after(0))
    update, due = jax.jit(snapshots.update), jax.jit(snapshots.due)
    for t in range(30):
        assert snapshots.due(t) == (t in schedule.cycle_ends(30)) == bool(due(t))
        kept = update(kept, t, params_after(t))
        assert kept.taken.tolist() == [end <= t for end in snapshots.ends]
    assert kept.params["w"][:, 0, 0].tolist() == [1.0 + t for t in snapshots.ends]
    assert kept.params["b"].dtype == jnp.bfloat16


def test_a_whole_run_in_one_scan():
    snapshots = Snapshots(CYCLES, 40)

    def step(kept, t):
        return snapshots.update(kept, t, params_after(t)), None

    kept, _ = jax.jit(lambda kept: jax.lax.scan(step, kept, jnp.arange(40)))(snapshots.init(params_after(0)))
    assert kept.params["w"][:, 1, 2].tolist() == [4.0, 12.0, 28.0] and kept.taken.all()


def test_predictions_are_averaged_over_the_snapshots_taken():
    snapshots = Snapshots(CYCLES, 40)
    kept = snapshots.init(jnp.zeros(()))
    assert np.isnan(snapshots.predict(kept, lambda w: w))
    for t in (3, 4, 11, 19):
        kept = snapshots.update(kept, t, jnp.float32(t))
    found = snapshots.predict(kept, lambda w: {"a": 1 / w, "b": jnp.stack([w, 2 * w])})
    assert float(found["a"]) == pytest.approx((1 / 3 + 1 / 11) / 2) and found["b"].tolist() == [7.0, 14.0]


def test_a_run_that_is_resumed_keeps_what_it_has():
    snapshots = Snapshots(CYCLES, 40)
    kept = snapshots.init(jnp.zeros(()))
    for t in (13, 26, 27, 28, 39):
        kept = snapshots.update(kept, t, jnp.float32(t))
    assert kept.taken.tolist() == [False, False, True] and float(snapshots.predict(kept, lambda w: w)) == 27.0


def test_what_has_no_cycle_is_an_error():
    with pytest.raises(lrs.ScheduleError, match="a cycle that ends within 3 steps"):
        Snapshots(CYCLES, 3)
    with pytest.raises(TypeError, match="schedule must be a schedule"):
        Snapshots(lrs.cosine(), 3)


def test_the_ensemble_gains_over_its_last_snapshot_on_digits_with_wrong_labels():
    pytest.importorskip("sklearn")
    file = Path(__file__).parents[2] / "examples" / "snapshot_ensemble.py"
    if not file.exists():
        pytest.skip("the examples are not part of this copy")
    spec = importlib.util.spec_from_file_location("snapshot_ensemble", file)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    found = example.study(steps=600, cycles=3, seeds=6, decay=0.003)
    gain = found["single"][:, -1] - found["ensemble"][:, -1]
    assert gain.mean() > 2 * gain.std(ddof=1) / len(gain) ** 0.5 and gain.mean() > 0.005
    np.testing.assert_allclose(found["single"][:, -1], found["ensemble"][:, 0])
    table = example.report(found, 600)
    assert table.count("±") == 8 and "average of the last 3" in table
