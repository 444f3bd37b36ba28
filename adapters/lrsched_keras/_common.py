"""What the parts of this package share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lrsched as lrs
from lrsched.adapting import fail, given_schedule

__all__ = ["by_group", "concrete_schedule", "concrete_schedules"]


def concrete_schedule(
    where: str, given: Any, argument: str = "schedule", names: Mapping[str, Any] | None = None
) -> lrs.Schedule:
    """The schedule that was given, or a number, a text or data as one; it must hold plain numbers only."""
    found: lrs.Schedule = given_schedule(where, argument, given, names)
    return found


def concrete_schedules(where: str, given: Any, names: Mapping[str, Any]) -> Any:
    """One schedule, or a dictionary of them by group; each text takes those of the numbers that it names."""
    if not by_group(given):
        return concrete_schedule(where, given, names=names)
    found: dict[Any, lrs.Schedule] = {}
    used: set[str] = set()
    for label, one in given.items():
        its = {name: value for name, value in names.items() if name in _names_in(one)}
        found[label] = concrete_schedule(where, one, f"schedule[{label!r}]", its)
        used |= its.keys()
    for name in names:
        if name not in used:
            fail(where, "schedule", f"texts that use {name}", list(given.values()))
    return found


def by_group(given: Any) -> bool:
    """Whether values are given by group: a dictionary that is not the data of a schedule."""
    return isinstance(given, Mapping) and "kind" not in given


def _names_in(given: Any) -> frozenset[str]:
    """The free names of a text; of one that has mistakes none, which reading it tells."""
    try:
        return frozenset(lrs.names(given)) if isinstance(given, str) else frozenset()
    except lrs.ScheduleError:
        return frozenset()
