"""Snapshot ensembles: save the model at the end of each cycle, and average what the saved models predict."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras

from lrsched.adapting import check_choice, drafted, fail
from lrsched_keras._clock import Clock
from lrsched_keras._common import concrete_schedule
from lrsched_keras._optimizers import batches_per_update, members
from lrsched_keras._samples import Known, check_batch

__all__ = ["SnapshotCallback", "snapshot_ensemble"]

WEIGHTS = ".weights.h5"


class SnapshotCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the model after the last update of each cycle of a schedule: the steps ``schedule.cycle_ends(stop)``.

    The callback sets no rate; give it the schedule that the rate follows. It counts updates (or epochs) as
    :class:`ScheduleCallback` does, so a run that is restored goes on saving under the same names.

    Args:
        path: a folder, or a file name with ``{cycle}`` (from 1) or ``{step}`` in it; one that ends in ``.weights.h5``
            saves weights only, any other the whole model as ``.keras``.
        schedule: a schedule that has cycles, or an end.
        unit: what the schedule counts, "step" (updates), "epoch", or "sample" (samples or tokens).
        batch: with the unit "sample", how many an update sees, as for :class:`ScheduleCallback`; the snapshot is of the
            update that reaches the end of the cycle.

    Raises:
        ScheduleError: the schedule neither has cycles nor ends, the name would be the same for each snapshot, or
            ``batch`` does not go with the unit; when ``fit`` starts, several steps are one execution.

    Source: Huang et al., "Snapshot Ensembles: Train 1, Get M for Free" (2017).

    Example:
        >>> import lrsched as lrs, numpy as np, tempfile
        >>> schedule = 0.1 * lrs.cosine().over(2).restarted()
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(0.1), loss="mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     snapshots = SnapshotCallback(folder, schedule)
        ...     _ = model.fit(np.ones((5, 1)), np.ones((5, 1)), batch_size=1, verbose=0, callbacks=[snapshots])
        ...     ensemble = snapshot_ensemble(snapshots.paths)
        >>> [path.name for path in snapshots.paths], ensemble.predict(np.ones((3, 1)), verbose=0).shape
        (['cycle-1.keras', 'cycle-2.keras'], (3, 1))
    """

    def __init__(self, path: str | Path, schedule: Any, unit: str = "step", *, batch: Any = None) -> None:
        super().__init__()
        self.schedule = concrete_schedule("SnapshotCallback", schedule)
        if self.schedule.duration == float("inf") and self.schedule.edge(0, ends=True) is None:
            fail("SnapshotCallback", "schedule", "one that has cycles, or ends", self.schedule)
        self.unit: str = check_choice("SnapshotCallback", "unit", unit, ("step", "epoch", "sample"))
        self.batch = check_batch("SnapshotCallback", batch)
        if (batch is not None) != (unit == "sample"):
            fail("SnapshotCallback", "batch", "given with the unit 'sample', and None with the others", batch)
        self.template = _template(str(path))
        self.paths: list[Path] = []
        self._clock = Clock()
        self._seen = Known(self.batch, 1)
        self._new_run = False
        self._known: tuple[int, tuple[int, ...]] = (0, ())
        self._last = -1

    # ---- what Keras calls

    def on_train_begin(self, logs: Any = None) -> None:
        """Say what does not fit."""
        several = getattr(self.model, "steps_per_execution", 1)
        if self.unit != "epoch" and several > 1:
            fail("SnapshotCallback", "steps_per_execution", "1, or the unit 'epoch'", several)
        self._new_run = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Settle where the schedule is."""
        if self._new_run and self.unit != "epoch":
            model = self.model
            self._clock.begin("SnapshotCallback", model, self.params, epoch)
            self._last = self._clock.step(model) - 1
            self._seen = Known(self.batch, batches_per_update(members(model)[0]))
        self._new_run = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save if the batch completed the last update of a cycle."""
        if self.unit != "epoch":
            self._reached(self._clock.step(self.model) - 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save if the epoch was the last of a cycle."""
        if self.unit == "epoch":
            self._reached(epoch)

    # ---- parts

    def _reached(self, step: int) -> None:
        """Save after a step that ends a cycle; batches that complete no update are of the step before."""
        if step == self._last:
            return
        self._last = step
        first, last = step, step
        if self.unit == "sample":
            first, last = self._seen.before(step), self._seen.before(step + 1) - 1
        ends = self._ends(last)
        reached = [i for i in range(bisect_left(ends, first), len(ends)) if ends[i] <= last]
        if reached:
            self._save(reached[-1] + 1, ends[reached[-1]])

    def _ends(self, step: int) -> tuple[int, ...]:
        """Ends of cycles, up to the step at least."""
        stop, ends = self._known
        if step >= stop:
            stop = max(1024, 2 * (step + 1))
            ends = self.schedule.cycle_ends(stop)
            self._known = (stop, ends)
        return ends

    def _save(self, cycle: int, step: int) -> None:
        path = Path(self.template.format(cycle=cycle, step=step))
        path.parent.mkdir(parents=True, exist_ok=True)
        model: Any = self.model
        with drafted(path) as draft:
            if path.name.endswith(WEIGHTS):
                model.save_weights(draft)
            else:
                model.save(draft)
        if path in self.paths:
            self.paths.remove(path)
        self.paths.append(path)


def _template(path: str) -> str:
    """The file name with a place for the cycle or the step."""
    if not path.endswith((".keras", ".h5")):
        return str(Path(path) / "cycle-{cycle}.keras")
    try:
        distinct = path.format(cycle=1, step=1) != path.format(cycle=2, step=2)
    except (KeyError, IndexError, ValueError):
        distinct = False
    if not distinct:
        fail("SnapshotCallback", "path", "a folder, or a file name with {cycle} or {step}", path)
    return path


def snapshot_ensemble(models: Sequence[Any]) -> Any:
    """A model whose predictions are the mean of those of some models, such as the snapshots of one run.

    y(x) = (y1(x) + ... + yn(x)) / n. Models that give logits are averaged as logits; let them end in a softmax to
    average probabilities. Compile it to ``evaluate`` it.

    Args:
        models: models of one input and output structure, or paths of saved ones.

    Returns:
        A ``keras.Model``.

    Raises:
        ScheduleError: there are none, or one is neither a model nor a path.
    """
    if isinstance(models, str | Path) or not isinstance(models, Sequence) or not models:
        fail("snapshot_ensemble", "models", "a list of at least one model or path", models)
    return _Mean([_model(model) for model in models])


def _model(given: Any) -> Any:
    if isinstance(given, str | Path):
        try:
            return keras.models.load_model(given, compile=False)
        except (OSError, ValueError, BadZipFile) as error:
            fail("snapshot_ensemble", "models", f"models or files that Keras reads ({error})", str(given))
    if not isinstance(given, keras.Model):
        fail("snapshot_ensemble", "models", "models or paths", given, wrong_type=True)
    return given


class _Mean(keras.Model):  # type: ignore[misc]
    """The mean of what several models give."""

    def __init__(self, models: list[Any]) -> None:
        super().__init__(name="snapshot_ensemble", trainable=False)
        self.members = models

    def call(self, inputs: Any) -> Any:
        """The mean, output by output."""
        outputs = [member(inputs, training=False) for member in self.members]
        return keras.tree.map_structure(lambda *rows: sum(rows[1:], rows[0]) / len(rows), *outputs)
