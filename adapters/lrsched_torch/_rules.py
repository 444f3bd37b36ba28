"""Which schedule drives a hyperparameter in which group: one for all, one per group, some by name, or by optimizer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
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
from lrsched_torch._groups import Known
from lrsched_torch._keys import Group, available, has
from lrsched_torch._optimizers import defaults_of

__all__ = [
    "is_by_name",
    "Place",
    "Plan",
    "Rule",
    "check_plan",
    "completed",
    "goes_by_place",
    "moved",
    "plan_to_data",
    "read_plan",
    "same",
    "saved_plan",
]

Place = tuple[Known, Group]  # a group that is there, and what is known of it
Rows = Mapping[tuple[Any, int], int]  # rows that become others, by optimizer


@dataclasses.dataclass(frozen=True)
class Rule:
    """The schedules of one hyperparameter.

    ``kind`` "all": one schedule for every group, later ones too. "each": one entry per group, by its row. "named":
    pairs of a name (or row) and a schedule. "split": pairs of an optimizer's name and a rule for its groups. An entry
    of None leaves its group alone.
    """

    kind: Literal["all", "each", "named", "split"]
    entries: tuple[Any, ...]

    def of(self, known: Known) -> lrs.Schedule | None:
        """The schedule of a group."""
        if self.kind == "all":
            return self.entries[0]
        if self.kind == "each":
            return self.entries[known.row] if known.row < len(self.entries) else None
        entries = dict(self.entries)
        if self.kind == "split":
            rule = entries.get(known.optimizer)
            return None if rule is None else rule.of(known)
        return entries.get(known.name, entries.get(known.row))

    def of_later(self, optimizer: Any) -> lrs.Schedule | None:
        """The schedule of whatever group of an optimizer may come later."""
        if self.kind == "split":
            rule = dict(self.entries).get(optimizer)
            return None if rule is None else rule.of_later(optimizer)
        return self.entries[0] if self.kind == "all" else None

    def moved(self, rows: Rows, optimizer: Any = None) -> Rule:
        """The same where groups have other rows."""
        if self.kind == "all":
            return self
        if self.kind == "split":
            return Rule("split", tuple((name, rule and rule.moved(rows, name)) for name, rule in self.entries))
        if self.kind == "named":
            to = {(o, row): new for (o, row), new in rows.items() if o == optimizer}
            return Rule("named", tuple((to.get((optimizer, name), name), entry) for name, entry in self.entries))
        found = {rows.get((optimizer, row), row): entry for row, entry in enumerate(self.entries)}
        return Rule("each", tuple(found.get(row) for row in range(max(found, default=-1) + 1)))

    def completed(self, known: Known, mine: Rule) -> Rule:
        """The same, with what another rule says of one group, and of it alone, if this one says nothing of it."""
        schedule = None if mine.of_later(known.optimizer) is not None else mine.of(known)
        if self.kind == "all" or self.of(known) is not None or schedule is None:
            return self
        if self.kind == "split":
            rules = {known.optimizer: Rule("each", ())} | {
                name: rule for name, rule in self.entries if rule is not None
            }
            return Rule(
                "split", tuple({**rules, known.optimizer: rules[known.optimizer].completed(known, mine)}.items())
            )
        if self.kind == "named":
            return Rule("named", (*self.entries, (known.row if known.name is None else known.name, schedule)))
        entries = (*self.entries, *[None] * (known.row + 1 - len(self.entries)))
        return Rule("each", (*entries[: known.row], schedule, *entries[known.row + 1 :]))

    @property
    def goes_by_place(self) -> bool:
        """Whether some schedule belongs to a group by its place."""
        if self.kind == "split":
            return any(rule is not None and rule.goes_by_place for _, rule in self.entries)
        return self.kind == "each" or (self.kind == "named" and any(isinstance(name, int) for name, _ in self.entries))

    @property
    def schedules(self) -> list[lrs.Schedule]:
        """All of them."""
        if self.kind == "split":
            return [schedule for _, rule in self.entries if rule is not None for schedule in rule.schedules]
        found = [entry for _, entry in self.entries] if self.kind == "named" else self.entries
        return [schedule for schedule in found if schedule is not None]

    @property
    def given(self) -> Any:
        """What the caller gave: a schedule, a list or a dictionary."""
        if self.kind == "all":
            return self.entries[0]
        if self.kind == "split":
            return {name: rule and rule.given for name, rule in self.entries}
        return list(self.entries) if self.kind == "each" else dict(self.entries)

    def to_data(self) -> dict[str, Any]:
        """Plain data: dictionaries, lists, strings and numbers."""
        if self.kind == "split":
            return {"split": [[name, rule and rule.to_data()] for name, rule in self.entries]}
        if self.kind == "named":
            return {"named": [[name, _data(s)] for name, s in self.entries]}
        return {self.kind: [_data(s) for s in self.entries]}


Plan = dict[str, Rule]


def _data(schedule: lrs.Schedule | None) -> Any:
    return None if schedule is None else schedule.to_dict()


def plan_to_data(plan: Plan) -> dict[str, Any]:
    """A plan as plain data."""
    return {key: rule.to_data() for key, rule in plan.items()}


def moved(plan: Plan, rows: Rows) -> Plan:
    """A plan where groups have other rows."""
    return {key: rule.moved(rows) for key, rule in plan.items()}


def completed(plan: Plan, mine: Plan, groups: Iterable[Known]) -> Plan:
    """A plan, with what another says of some groups, each for itself, where this one says nothing."""
    found = dict(plan)
    for known in groups:
        found |= {key: rule.completed(known, mine[key]) for key, rule in found.items() if key in mine}
    return found


def goes_by_place(plan: Plan) -> bool:
    """Whether a plan says of some group by its place what it follows."""
    return any(rule.goes_by_place for rule in plan.values())


def same(a: Rule | None, b: Rule | None, here: Iterable[Known]) -> bool:
    """Whether the groups that are here, and whichever come later, follow the same by two rules."""
    if a is None or b is None:
        return a is b
    groups = list(here)
    later = {k.optimizer: None for k in groups} or {None: None}
    return all(a.of(k) == b.of(k) for k in groups) and all(a.of_later(o) == b.of_later(o) for o in later)


def _label(where: str, name: str, value: Any) -> Any:
    """The name of a group or of an optimizer, or its position."""
    return value if isinstance(value, str) else whole()(where, name, value)


RULES = {
    "all": list_of(saved_schedule, 1),
    "each": list_of(none_or(saved_schedule)),
    "named": list_of(tuple_of(_label, none_or(saved_schedule))),
}


def _rule_of_state(where: str, name: str, data: Any, kinds: Mapping[str, Any] = RULES) -> Rule:
    kind: Any = next(iter(data), None) if isinstance(data, Mapping) and len(data) == 1 else None
    if kind not in kinds:
        fail(where, name, f"schedules under one of {', '.join(kinds)}", data)
    entries = kinds[kind](where, f"{name}.{kind}", data[kind])
    if kind in ("named", "split") and len(dict(entries)) < len(entries):
        fail(where, name, "schedules by different names", [label for label, _ in entries])
    return Rule(kind, entries)


def _any_rule_of_state(where: str, name: str, data: Any) -> Rule:
    return _rule_of_state(where, name, data, {**RULES, "split": list_of(tuple_of(_label, none_or(_rule_of_state)))})


saved_plan: Any = mapping_of(text, _any_rule_of_state)  # the reader of what ``plan_to_data`` wrote


def read_plan(where: str, given: Mapping[str, Any], places: list[Place], optimizers: Mapping[Any, Any]) -> Plan:
    """The arguments of a caller as rules, checked against the groups of the optimizers."""
    plan = {key: _rule(where, key, value, places, optimizers) for key, value in given.items() if value is not None}
    defaults = defaults_of(optimizers)
    check_plan(where, plan, places, defaults)
    for key, value in given.items():
        if value is None and key != "lr":
            check_plan(where, {key: Rule("all", (None,))}, places, defaults)
    return plan


def check_plan(where: str, plan: Plan, places: Sequence[Place], defaults: Sequence[Group]) -> None:
    """Every hyperparameter exists, in every group that is to follow a schedule of its own."""
    groups = [group for _, group in places] or list(defaults)
    for key, rule in plan.items():
        if rule.kind == "split":
            for name, one in rule.entries:
                theirs = [place for place in places if place[0].optimizer == name]
                check_plan(where, {} if one is None else {key: one}, theirs, defaults)
            continue
        if not any(has(group, key) for group in groups):
            names = ", ".join(available(groups)) or "(none)"
            fail(where, "hyperparameter", f"one that a parameter group holds as a number ({names})", key)
        for i, (known, group) in enumerate(places):
            if rule.of_later(known.optimizer) is None and rule.of(known) is not None and not has(group, key):
                fail(where, key, f"None for group {i}, which holds {', '.join(available([group]))}", rule.given)


def _rule(where: str, key: str, value: Any, places: list[Place], optimizers: Mapping[Any, Any]) -> Rule:
    """What one or several optimizers take."""
    if None in optimizers:
        return _rule_of_one(where, key, value, places)
    if _is_sequence(value) and 0 in optimizers:
        if len(value) != len(optimizers):
            fail(where, key, f"one entry for each of the {len(optimizers)} optimizers", f"a list of {len(value)}")
        value = dict(enumerate(value))
    if not _is_sequence(value) and not is_by_name(value):
        return _rule_of_one(where, key, value, [])
    if _is_sequence(value) or not value or any(name not in optimizers for name in value):
        fail(where, key, f"a schedule, or a dictionary by the optimizers ({', '.join(map(repr, optimizers))})", value)
    rules = []
    for name, entry in dict(value).items():
        theirs = [place for place in places if place[0].optimizer == name]
        rule = None if entry is None else _rule_of_one(where, f"{key}[{name!r}]", entry, theirs)
        rules.append((name, rule))
    return Rule("split", tuple(rules))


def is_by_name(value: Any) -> bool:
    """Whether a value is a dictionary by names, and not a schedule as data, which has the name of a kind."""
    return isinstance(value, Mapping) and not isinstance(value.get("kind"), str)


def _is_sequence(value: Any) -> bool:
    """Whether a value is a list of schedules; Hydra hands on sequences of its own."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def _rule_of_one(where: str, key: str, value: Any, places: list[Place]) -> Rule:
    if is_by_name(value):
        if not value:
            fail(where, key, "a schedule for at least one group", value)
        pairs = ((_name(where, key, name, places), _lifted(where, key, s)) for name, s in value.items())
        return Rule("named", tuple(pairs))
    if _is_sequence(value):
        if len(value) != len(places):
            fail(where, key, f"one schedule for each of the {len(places)} parameter groups", f"a list of {len(value)}")
        rows = {known.row: _lifted(where, key, s) for (known, _), s in zip(places, value, strict=True)}
        return Rule("each", tuple(rows.get(row) for row in range(max(rows, default=-1) + 1)))
    return Rule("all", (_lifted(where, key, value),))


def _name(where: str, key: str, name: Any, places: list[Place]) -> Any:
    names = [known.name for known, _ in places if known.name is not None]
    if name in names:
        return name
    if type(name) is not int or name not in range(len(places)):
        known = ", ".join(map(repr, names)) or "none has a name"
        fail(where, key, f"a dictionary by group names ({known}) or positions 0 to {len(places) - 1}", name)
    return places[name][0].row


def _lifted(where: str, key: str, value: Any) -> lrs.Schedule | None:
    """A schedule as it is, a number as a constant one, text and data as what they say, None as None."""
    return None if value is None else given_schedule(where, key, value)
