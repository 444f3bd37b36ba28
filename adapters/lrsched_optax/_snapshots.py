"""Snapshots at the ends of a schedule's cycles, and the ensemble that they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import lrsched as lrs
from lrsched.adapting import fail

__all__ = ["SnapshotState", "Snapshots"]


class SnapshotState(NamedTuple):
    """What :class:`Snapshots` keeps: ``params`` with one row for each cycle, and which rows are ``taken``."""

    params: Any
    taken: jax.Array


class Snapshots:
    """The parameters at the end of each cycle of a schedule, where the rate is lowest: a snapshot ensemble.

    ``schedule.cycle_ends(steps)`` says when. In a loop of Python, ask:

        for t in range(steps):
            params, state = update(params, state, batch)
            if snapshots.due(t):
                saved.append(params)

    Inside ``jax.jit`` and ``lax.scan`` the snapshots are a value, all of one shape from the start:

        kept = snapshots.init(params)
        kept = snapshots.update(kept, t, params)    # after update t; keeps the parameters if a cycle ends with it
        probabilities = snapshots.predict(kept, lambda params: jax.nn.softmax(logits(params, x)))

    Args:
        schedule: a schedule with cycles; one without has its last step alone.
        steps: length of the run in updates, an integer >= 1.

    Attributes:
        ends: the steps after whose update a snapshot is taken, an increasing tuple of n.

    Raises:
        ScheduleError: no schedule, or no cycle that ends within the run.

    Source: Huang et al., "Snapshot Ensembles: Train 1, Get M for Free" (2017).

    Example:
        >>> import jax.numpy as jnp, lrsched as lrs
        >>> snapshots = Snapshots(lrs.cosine().over(3).restarted(), steps=7)
        >>> snapshots.ends
        (2, 5)
        >>> kept = snapshots.init(jnp.zeros(()))
        >>> for t in range(7):
        ...     kept = snapshots.update(kept, t, jnp.float32(t))
        >>> kept.params.tolist(), float(snapshots.predict(kept, lambda w: 10 * w))
        ([2.0, 5.0], 35.0)
    """

    def __init__(self, schedule: lrs.Schedule, steps: int) -> None:
        if not isinstance(schedule, lrs.Schedule):
            fail("Snapshots", "schedule", "a schedule", schedule, wrong_type=True)
        self.ends = tuple(int(t) for t in schedule.cycle_ends(steps))
        if not self.ends:
            fail("Snapshots", "schedule", f"one with a cycle that ends within {steps} steps", schedule)

    def due(self, step: Any) -> Any:
        """Whether a snapshot is taken after the update of this step: a bool, or a JAX value for a traced step."""
        return step in self.ends if isinstance(step, int | np.integer) else self._row(step) < len(self.ends)

    def init(self, params: Any) -> SnapshotState:
        """Room for every snapshot of parameters like these."""
        n = len(self.ends)
        rows = jax.tree.map(lambda x: jnp.zeros((n, *jnp.shape(x)), jnp.result_type(x)), params)
        return SnapshotState(rows, jnp.zeros(n, bool))

    def update(self, state: SnapshotState, step: Any, params: Any) -> SnapshotState:
        """The snapshots after the update of a step, which gave these parameters; the step may be traced."""
        row = self._row(step)
        kept = jax.tree.map(lambda rows, x: rows.at[row].set(x, mode="drop"), state.params, params)
        return SnapshotState(kept, state.taken.at[row].set(True, mode="drop"))

    def predict(self, state: SnapshotState, predict: Callable[[Any], Any]) -> Any:
        """The mean of ``predict(params)`` over the snapshots taken so far; NaN when there is none.

        Average probabilities, not logits. What ``predict`` gives may be a pytree of arrays.
        """
        every = jax.vmap(predict)(state.params)

        def mean(rows: Any) -> Any:
            taken = state.taken.reshape(-1, *[1] * (rows.ndim - 1))
            return jnp.where(taken, rows, 0).sum(0) / state.taken.sum()

        return jax.tree.map(mean, every)

    def _row(self, step: Any) -> Any:
        """The row of the snapshot of a step, or a row beyond the last where there is none."""
        ends = jnp.asarray(np.asarray(self.ends), jnp.result_type(int))
        row = jnp.searchsorted(ends, step)
        return jnp.where(ends.at[row].get(mode="fill", fill_value=-1) == step, row, len(self.ends))
