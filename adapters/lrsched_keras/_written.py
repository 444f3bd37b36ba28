"""Noticing that something else sets a number that is set here."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

import lrsched as lrs
from lrsched_keras._fit import other_writers
from lrsched_keras._optimizers import has_schedule, number

__all__ = ["Written", "check_writers"]

WAY_OUT = {
    "learning_rate": "PlateauCallback follows a metric beside a schedule, and ScheduleCallback.replace changes the"
    " schedule in mid-run",
}


class Written:
    """What a number of an optimizer was last set to here, as the optimizer stores it, to float32.

    A checkpoint that is restored sets the rate too, and is no writer. It is told by what else it does: Keras has the
    optimizer load its variables, or (``set_state_tree``, Orbax) the count of batches falls. From then on there is
    nothing to compare with until the number is set again.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.held: Any = None
        self.before: Any = None
        self.given: Any = None
        self.loads = self.count = 0

    def keep(self, optimizer: Any, given: Any, count: int) -> None:
        """Keep what was just set to ``given``, after a count of batches.

        A variable is read back only where it is shorter than float32.
        """
        rate = optimizer._learning_rate
        wide = self.name == "learning_rate" and not has_schedule(optimizer) and rate.dtype in ("float32", "float64")
        held = _single(given) if wide else self._read(optimizer)
        if held != self.held:
            self.held, self.before = held, self.held
        self.given, self.loads, self.count = given, _loads(optimizer), count

    def check(self, where: str, optimizer: Any, count: int) -> None:
        """Raise if something else has set the number, now that the count of batches is ``count``."""
        if self.held is None or self._is_restored(optimizer, count):
            return
        its = self._read(optimizer)
        if count == self.count and its == self.before:
            return  # set for a batch that did not come: on JAX, Keras takes that back when the data end
        if its != self.held and (its == its or self.held == self.held):
            self._refuse(where, optimizer, its)

    def _is_restored(self, optimizer: Any, count: int) -> bool:
        if self.name != "learning_rate":
            return False  # what is no variable is in no checkpoint
        return _loads(optimizer) != self.loads or count < self.count

    def _read(self, optimizer: Any) -> Any:
        if self.name != "learning_rate":
            return getattr(optimizer, self.name)
        return optimizer._learning_rate if has_schedule(optimizer) else _single(number(optimizer._learning_rate))

    def _refuse(self, where: str, optimizer: Any, its: Any) -> NoReturn:
        known = other_writers() if self.name == "learning_rate" else []
        how = f", {_told(its)} in the place of {_told(self.given)}"
        _refuse(where, f"{self.name} of {optimizer.name!r}", known, how, self.name)


class _Loading:
    """``optimizer.load_own_variables``, counted; it stands in the optimizer in the place of its method."""

    def __init__(self, load: Any) -> None:
        self.load, self.times = load, 0

    def __call__(self, store: Any) -> None:
        self.times += 1
        self.load(store)


def _loads(optimizer: Any) -> int:
    """How often the optimizer has loaded its variables since this was first asked."""
    found = optimizer.load_own_variables
    if not isinstance(found, _Loading):
        found = optimizer.load_own_variables = _Loading(found)
    return found.times


def _single(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def _told(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else repr(value)


def check_writers(where: str, name: str) -> None:
    """Raise if a callback of Keras in the same ``fit`` sets the number too."""
    known = other_writers() if name == "learning_rate" else []
    if known:
        _refuse(where, name, known, " in the same fit", name)


def _refuse(where: str, what: str, known: list[str], how: str, name: str) -> NoReturn:
    who = " and ".join(known) or "something else (another callback, or an assignment)"
    out = WAY_OUT.get(name, "ScheduleCallback.replace changes the schedule in mid-run")
    raise lrs.ScheduleError(f"{where}: {what} must have one writer, but {who} sets it too{how}; leave one out ({out})")
