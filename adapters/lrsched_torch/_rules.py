"""Which schedule drives a hyperparameter in which group: one for all, one per group, or some by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import lrsched as lrs
from lrsched.adapting import (
    fail,
    given_schedule,
    list_of,
    mapping_of,
    none_or,
    saved_schedule,
    text,
    tuple_of,
    whole,
)
from lrsched_torch._keys import Group, available, has

__all__ = ["Plan", "Rule", "check_plan", "saved_plan", "plan_to_data", "read_plan"]


@dataclasses.dataclass(frozen=True)
class Rule:
    """The schedules of one hyperparameter.

    ``kind`` "all": one schedule for every group, later ones too. "each": one entry per group, by position. "named":
    pairs of a name (or position) and a schedule. An entry of None leaves its group alone.
    """

    kind: Literal["all", "each", "named"]
    entries: tuple[Any, ...]

    def of(self, row: int, group: Group) -> lrs.Schedule | None:
        """The schedule of the group that was the ``row``-th to be seen."""
        if self.kind == "all":
            return self.entries[0]
        if self.kind == "each":
            return self.entries[row] if row < len(self.entries) else None
        known = dict(self.entries)
        return known.get(group.get("name"), known.get(row))

    @property
    def given(self) -> Any:
        """What the caller gave: a schedule, a list or a dictionary."""
        if self.kind == "all":
            return self.entries[0]
        return list(self.entries) if self.kind == "each" else dict(self.entries)

    def to_data(self) -> dict[str, Any]:
        """Plain data: dictionaries, lists, strings and numbers."""
        if self.kind == "named":
            return {"named": [[name, _data(s)] for name, s in self.entries]}
        return {self.kind: [_data(s) for s in self.entries]}


Plan = dict[str, Rule]


def _data(schedule: lrs.Schedule | None) -> Any:
    return None if schedule is None else schedule.to_dict()


def plan_to_data(plan: Plan) -> dict[str, Any]:
    """A plan as plain data."""
    return {key: rule.to_data() for key, rule in plan.items()}


def _label(where: str, name: str, value: Any) -> Any:
    """The name of a group, or its position."""
    return value if isinstance(value, str) else whole()(where, name, value)


RULES = {
    "all": list_of(saved_schedule, 1),
    "each": list_of(none_or(saved_schedule)),
    "named": list_of(tuple_of(_label, none_or(saved_schedule))),
}


def _rule_of_state(where: str, name: str, data: Any) -> Rule:
    kind: Any = next(iter(data), None) if isinstance(data, Mapping) and len(data) == 1 else None
    if kind not in RULES:
        fail(where, name, f"schedules under one of {', '.join(RULES)}", data)
    entries = RULES[kind](where, f"{name}.{kind}", data[kind])
    if kind == "named" and len(dict(entries)) < len(entries):
        fail(where, name, "schedules by different names", [label for label, _ in entries])
    return Rule(kind, entries)


saved_plan: Any = mapping_of(text, _rule_of_state)  # the reader of what ``plan_to_data`` wrote


def read_plan(where: str, given: Mapping[str, Any], groups: list[Group], defaults: Group) -> Plan:
    """The arguments of a caller as rules, checked against the groups of an optimizer."""
    plan = {key: _rule(where, key, value, groups) for key, value in given.items() if value is not None}
    check_plan(where, plan, groups, defaults)
    for key, value in given.items():
        if value is None and key != "lr":
            check_plan(where, {key: Rule("all", (None,))}, groups, defaults)
    return plan


def check_plan(where: str, plan: Plan, groups: list[Group], defaults: Group) -> None:
    """Every hyperparameter exists, in every group that is to follow a schedule of its own."""
    for key, rule in plan.items():
        if not any(has(group, key) for group in (groups or [defaults])):
            names = ", ".join(available(groups or [defaults])) or "(none)"
            fail(where, "hyperparameter", f"one that a parameter group holds as a number ({names})", key)
        for i, group in enumerate(groups):
            if rule.kind != "all" and rule.of(i, group) is not None and not has(group, key):
                fail(where, key, f"None for group {i}, which holds {', '.join(available([group]))}", rule.given)


def _rule(where: str, key: str, value: Any, groups: list[Group]) -> Rule:
    if isinstance(value, Mapping) and not isinstance(value.get("kind"), str):  # a name of a kind: a schedule as data
        if not value:
            fail(where, key, "a schedule for at least one group", value)
        pairs = ((_name(where, key, name, groups), _lifted(where, key, s)) for name, s in value.items())
        return Rule("named", tuple(pairs))
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != len(groups):
            fail(where, key, f"one schedule for each of the {len(groups)} parameter groups", f"a list of {len(value)}")
        return Rule("each", tuple(_lifted(where, key, s) for s in value))
    return Rule("all", (_lifted(where, key, value),))


def _name(where: str, key: str, name: Any, groups: list[Group]) -> Any:
    names = [group["name"] for group in groups if "name" in group]
    positions = range(len(groups))
    if name not in names and not (type(name) is int and name in positions):
        known = ", ".join(map(repr, names)) or "none has a name"
        fail(where, key, f"a dictionary by group names ({known}) or positions 0 to {len(groups) - 1}", name)
    return name


def _lifted(where: str, key: str, value: Any) -> lrs.Schedule | None:
    """A schedule as it is, a number as a constant one, text and data as what they say, None as None."""
    return None if value is None else given_schedule(where, key, value)
