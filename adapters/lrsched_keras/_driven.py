"""The numbers that a callback sets: one of each optimizer, with the schedule that it follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lrsched as lrs
from lrsched import grouping
from lrsched.adapting import fail
from lrsched_keras._base import rate_of
from lrsched_keras._optimizers import MultiOptimizer, check_hyperparameter, innermost, members
from lrsched_keras._written import Written

__all__ = ["Driven", "driven"]

SMALLEST = 1e-38  # PyTorch's optimizers leave their buffers behind at a momentum of exactly 0


class Driven:
    """A number of one optimizer, by its attribute's name, its name in the logs and its schedule."""

    def __init__(self, optimizer: Any, attribute: str, label: str | None, schedule: lrs.Schedule) -> None:
        self.optimizer, self.attribute, self.schedule = optimizer, attribute, schedule
        self.name = attribute if label is None else f"{attribute}/{label}"
        self._own = Written(attribute)

    @property
    def written(self) -> Written:
        """What the number was last set to, by this callback or another one of its rate."""
        return rate_of(self.optimizer).written if self.attribute == "learning_rate" else self._own

    def set(self, value: float, count: int) -> float:
        """Set the number after a count of batches; the value that is in force, which other callbacks may scale."""
        if self.attribute == "learning_rate":
            rate = rate_of(self.optimizer)
            rate.base, rate.scheduled = value, True
            rate.assign(self.optimizer, count)
            value *= rate.factor
        else:
            tiny = value == 0.0 and self.attribute == "momentum"
            setattr(self.optimizer, self.attribute, SMALLEST if tiny else value)
            self._own.keep(self.optimizer, value, count)
        return value


def driven(where: str, schedule: Any, attribute: str, model: Any) -> list[Driven]:
    """The numbers that a schedule, or a dictionary of them by group or pattern, sets in a model's optimizers."""
    found, optimizer = members(model), innermost(model.optimizer)
    for one in found:
        check_hyperparameter(where, attribute, one)
    if not isinstance(schedule, dict):
        return [Driven(one, attribute, None, schedule) for one in found]
    if not isinstance(optimizer, MultiOptimizer):
        allowed = "one schedule, as the model has one optimizer (GroupedOptimizer has one for each group)"
        fail(where, "schedule", allowed, list(schedule))
    labels = getattr(optimizer, "labels", None)
    if labels is None:
        return _by_pattern(where, schedule, attribute, optimizer)
    if set(labels) != set(schedule):
        fail(where, "schedule", f"a dictionary by the groups of the optimizer ({', '.join(labels)})", list(schedule))
    return [Driven(one, attribute, label, schedule[label]) for label, one in zip(labels, found, strict=True)]


def _by_pattern(where: str, schedule: Mapping[Any, lrs.Schedule], attribute: str, optimizer: Any) -> list[Driven]:
    """Each optimizer that has variables, with the one schedule whose pattern all of them match first."""
    paths = [[variable.path for variable in one._trainable_variables] for one in optimizer.optimizers]
    if not any(paths):
        raise lrs.ScheduleError(
            f"{where}: the variables of {optimizer.name!r} are not known before the model is built: give it an Input,"
            " or call build"
        )
    labels = iter(
        grouping.assign([path for its in paths for path in its], list(schedule), where=where, argument="schedule")
    )
    by_label = {grouping.label_of(pattern): one for pattern, one in schedule.items()}
    found = []
    for one, its in zip(optimizer.optimizers, paths, strict=True):
        chosen = list(dict.fromkeys(next(labels) for _ in its))
        if len(chosen) > 1:
            allowed = f"patterns of which one takes all variables of {one.name!r} ({', '.join(its)})"
            fail(where, "schedule", allowed, chosen)
        found += [Driven(one, attribute, label, by_label[label]) for label in chosen]
    return found
