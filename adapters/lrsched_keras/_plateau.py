"""Rates that follow a metric."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, NoReturn

import keras

import lrsched as lrs
from lrsched.adapting import (
    State,
    check_choice,
    entry,
    fail,
    list_of,
    read_state,
    real,
    replacing,
    saved_rule,
    text,
    tuple_of,
    whole,
)
from lrsched_keras._base import forget_rate, rate_of
from lrsched_keras._fit import is_validated
from lrsched_keras._optimizers import batches_seen, has_schedule, members, number
from lrsched_keras._processes import gathered
from lrsched_keras._rate import LearningRate
from lrsched_keras._written import check_writers

__all__ = ["PlateauCallback"]


class PlateauCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Scales the learning rate by what a plateau rule makes of a metric: after each epoch, rate = base * scale.

    The base is what a :class:`ScheduleCallback` in the same ``fit`` sets, or the optimizer's :class:`LearningRate`, or
    the number that the rate is when the run starts. Several callbacks, each with its own metric, multiply.

    An epoch that is not validated (``validation_freq``) has no ``val_*`` metric and is passed over: it counts neither
    for patience nor for cooldown. So is one that lacks another metric, from a callback that reports every few epochs,
    once the metric has come.

    A run that starts at epoch 0 starts anew. One that starts later (``initial_epoch``, ``BackupAndRestore``) goes on
    where it was, in the middle of patience or cooldown too: the state at an epoch is the rule applied to the metrics
    before it, which this object keeps, and writes to ``path`` after every epoch for runs in other processes. Without
    either, a rule that begins at a later epoch begins anew there.

    ``lrs.Plateau(dialect="keras", ...)`` cuts where ``keras.callbacks.ReduceLROnPlateau`` does.

    Args:
        plateau: a ``lrs.Plateau`` or ``lrs.Greedy``.
        monitor: the name of the metric in the logs of an epoch.
        path: a JSON file for the metrics so far. List this callback before ``BackupAndRestore``, so that the file is
            never behind the backup.
        ranks: what to do where several processes train: "same", they must report the same metric, and each is told if
            they differ; "mean", all take the mean of theirs; "alone", each for itself.

    Raises:
        ScheduleError: an argument is wrong; when ``fit`` starts, the rate is one of Keras's own schedules, or the file
            belongs to another rule or lacks an epoch, or another callback sets the rate; after an epoch, its logs lack
            the metric although it was due, or something else has set the rate.

    Warns:
        ScheduleWarning: the run is over, and the metric never came.

    Example:
        >>> import lrsched as lrs, numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(0.5), loss="mse")
        >>> plateau = PlateauCallback(lrs.Plateau(factor=0.5, patience=1, threshold=10.0), monitor="loss")
        >>> history = model.fit(np.ones((2, 1)), np.ones((2, 1)), epochs=4, verbose=0, callbacks=[plateau])
        >>> history.history["learning_rate"], plateau.scale
        ([0.5, 0.5, 0.5, 0.25], 0.5)
    """

    def __init__(
        self, plateau: Any, monitor: str = "val_loss", *, path: str | Path | None = None, ranks: str = "same"
    ) -> None:
        super().__init__()
        if not isinstance(plateau, lrs.Plateau | lrs.Greedy):
            fail("PlateauCallback", "plateau", "a lrsched.Plateau or lrsched.Greedy", plateau, wrong_type=True)
        if not isinstance(monitor, str) or not monitor:
            fail("PlateauCallback", "monitor", "the name of a metric", monitor, wrong_type=True)
        self.plateau: Any = plateau
        self.monitor = monitor
        self.path = None if path is None else Path(path)
        self.ranks: str = check_choice("PlateauCallback", "ranks", ranks, ("same", "mean", "alone"))
        self.metrics: dict[int, float | None] = {}
        self.state: Any = plateau.init()
        self._bases: list[Any] = []
        self._new_run = False

    @property
    def scale(self) -> float:
        """What the rate is multiplied by at present."""
        return float(self.plateau.scale(self.state))

    # ---- what Keras calls

    def on_train_begin(self, logs: Any = None) -> None:
        """Find the optimizer, and say what does not fit."""
        check_writers("PlateauCallback", "learning_rate")
        for optimizer in members(self.model):
            if has_schedule(optimizer) and not isinstance(optimizer._learning_rate, LearningRate):
                allowed = "a number or a LearningRate (lrsched_keras.from_schedule reads Keras's schedules)"
                fail("PlateauCallback", f"the learning rate of {optimizer.name!r}", allowed, optimizer._learning_rate)
            forget_rate(optimizer)
        self._new_run = True

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Scale the rate of the epoch; at the start of a run, by the state that belongs to the epoch."""
        if self._new_run:
            self._new_run = False
            self._take_up(epoch)
            self._join()
        self._assign()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Judge the metric of the epoch, if it is due, and scale the rate of the next one."""
        logs = {} if logs is None else logs
        if self.monitor not in logs and self._is_due(logs):
            self._missing(logs)
        logs.setdefault("learning_rate", number(members(self.model)[0].learning_rate))
        self.metrics[epoch] = self._agreed(logs[self.monitor]) if self.monitor in logs else None
        self._judge(self.metrics[epoch])
        self._assign()
        if self.path is not None:
            self._write(self.path)

    def on_train_end(self, logs: Any = None) -> None:
        """Warn if the metric never came."""
        if self.metrics and all(metric is None for metric in self.metrics.values()):
            had = ", ".join(logs or ()) or "nothing"
            told = f"PlateauCallback: {self.monitor!r} never came, so that nothing was judged; the last epoch had {had}"
            warnings.warn(told, lrs.ScheduleWarning, stacklevel=2)

    # ---- parts

    def _take_up(self, epoch: int) -> None:
        if epoch == 0:
            self.metrics, self._bases = {}, []
        elif self.path is not None:
            self._read(self.path, epoch)
        self.metrics = {e: metric for e, metric in self.metrics.items() if e < epoch}
        self._check_complete(epoch)
        self.state = self.plateau.init()
        for e in sorted(self.metrics):
            self._judge(self.metrics[e])

    def _judge(self, metric: float | None) -> None:
        if metric is not None:
            self.state = self.plateau.update(self.state, metric)

    def _is_due(self, logs: Any) -> bool:
        """Whether logs without the metric should have it: it never came, or is one of a validation that was."""
        if any(metric is not None for metric in self.metrics.values()):
            return False  # it is known to come, in some epochs
        validated = any(name.startswith("val_") for name in logs)
        return validated or not self.monitor.startswith("val_") or not is_validated(self.model)

    def _missing(self, logs: Any) -> NoReturn:
        fail("PlateauCallback", "monitor", f"one of the metrics {', '.join(logs) or '(there are none)'}", self.monitor)

    def _join(self) -> None:
        """Take part in the optimizers' rates, whose bases are those of the epoch at which the rule began."""
        rates = [rate_of(optimizer) for optimizer in members(self.model)]
        self._bases = self._bases or [rate.base for rate in rates]
        for rate, base in zip(rates, self._bases, strict=True):
            if not rate.scheduled:
                rate.base = base

    def _assign(self) -> None:
        model: Any = self.model
        changed, count = [], batches_seen(model)
        for optimizer in members(model):
            rate = rate_of(optimizer)
            rate.written.check("PlateauCallback", optimizer, count)
            rate.factors[id(self)] = self.scale
            changed.append(rate.assign(optimizer, count))
        if any(changed) and getattr(model, "train_function", None) is not None:
            model.make_train_function(force=True)

    def _agreed(self, metric: Any) -> float:
        """The metric that every process takes."""
        value = float(metric)
        if self.ranks == "alone":
            return value
        return lrs.agreed(gathered(value), "mean" if self.ranks == "mean" else "error")

    def _check_complete(self, epoch: int) -> None:
        missing = [e for e in range(min(self.metrics, default=epoch), epoch) if e not in self.metrics]
        if missing:
            raise lrs.ScheduleError(
                f"PlateauCallback: the run goes on at epoch {epoch}, but the metric of epoch {missing[0]} is not known;"
                " list PlateauCallback before BackupAndRestore, or give it a path"
            )

    def _write(self, path: Path) -> None:
        bases = [base.get_config() if isinstance(base, LearningRate) else base for base in self._bases]
        record = {
            "plateau": self.plateau.to_dict(),
            "monitor": self.monitor,
            "rates": bases,
            "metrics": [[e, self.metrics[e]] for e in sorted(self.metrics)],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(json.dumps(record).encode("utf-8"))

    def _read(self, path: Path, epoch: int) -> None:
        if not path.exists():
            fail("PlateauCallback", "path", f"the file of a run that goes on at epoch {epoch}", str(path))
        record = read_state(f"PlateauCallback: {path}", _Record, _loaded(path), "it", "the record of a run")
        for name, mine in (("plateau", self.plateau), ("monitor", self.monitor)):
            if (its := getattr(record, name)) != mine:
                raise lrs.ScheduleError(
                    f"PlateauCallback: {path} belongs to another rule: its {name} is {its}, not {mine}"
                )
        count = len(members(self.model))
        if len(record.rates) != count:
            fail("PlateauCallback", f"rates in {path}", f"{count}, as the model has optimizers", record.rates)
        self._bases, self.metrics = list(record.rates), dict(record.metrics)


def _loaded(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise lrs.ScheduleError(f"PlateauCallback: {path} is no JSON: {error}") from None


def _rate(where: str, name: str, value: Any) -> Any:
    """The reader of a rate that is scaled: a number, or a schedule."""
    return LearningRate.from_config(value) if isinstance(value, dict) else real()(where, name, value)


def _metric(where: str, name: str, value: Any) -> float | None:
    """The reader of a metric, which may be infinite or NaN, or None for an epoch in which it was not due."""
    return value if value is None or isinstance(value, float) else real()(where, name, value)


class _Record(State):
    """What the file of a run says."""

    plateau: Any = entry(saved_rule)
    monitor: str = entry(text)
    rates: tuple[Any, ...] = list_of(_rate)
    metrics: tuple[tuple[int, float | None], ...] = list_of(tuple_of(whole(), _metric))
