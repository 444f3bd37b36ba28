"""The rate of an optimizer as a product: a schedule or a number, times the factors that feedback asks for."""

from __future__ import annotations

import math
import weakref
from typing import Any

from lrsched_keras._optimizers import has_schedule, number
from lrsched_keras._rate import LearningRate
from lrsched_keras._written import Written

__all__ = ["Rate", "forget_rate", "rate_of"]


class Rate:
    """What the callbacks of a run make one optimizer's learning rate.

    ``base`` is a number or a :class:`LearningRate`; ``scheduled`` says that a callback sets it; ``factors`` has one
    number for each callback that scales it; ``written`` is what it was last set to.
    """

    def __init__(self, optimizer: Any) -> None:
        self.base: Any = optimizer._learning_rate if has_schedule(optimizer) else number(optimizer.learning_rate)
        self.scheduled = False
        self.factors: dict[int, float] = {}
        self.written = Written("learning_rate")

    @property
    def factor(self) -> float:
        """The product of the factors."""
        return math.prod(self.factors.values())

    def assign(self, optimizer: Any, count: int) -> bool:
        """Set the optimizer's rate after a count of batches; True if a compiled train step holds the old one."""
        if not has_schedule(optimizer):
            value = optimizer.learning_rate = self.base * self.factor
            self.written.keep(optimizer, value, count)
            return False
        schedule = self.base.schedule if self.factor == 1.0 else self.base.schedule * self.factor
        scaled = LearningRate(schedule, self.base.accumulation)
        changed = scaled != optimizer._learning_rate
        if changed:
            optimizer.learning_rate = scaled
        self.written.keep(optimizer, scaled, count)
        return changed


_RATES: weakref.WeakKeyDictionary[Any, Rate] = weakref.WeakKeyDictionary()


def rate_of(optimizer: Any) -> Rate:
    """The one rate of an optimizer that all its callbacks share."""
    if optimizer not in _RATES:
        _RATES[optimizer] = Rate(optimizer)
    return _RATES[optimizer]


def forget_rate(optimizer: Any) -> None:
    """Begin anew: callbacks join at the start of a run's first epoch, and this comes before it."""
    _RATES.pop(optimizer, None)
