"""The state of a scheduler as plain data of one shape: written, and read, that of the format before too.

Its names and types are the same whatever the schedules are, since a distributed checkpoint is read into the state of a
scheduler that may have others: what depends on them is JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lrsched.adapting import (
    State,
    entry,
    fail,
    list_of,
    mapping_of,
    none_or,
    one_of,
    read_state,
    real,
    step,
    text,
    tuple_of,
    whole,
)
from lrsched_torch._groups import Known
from lrsched_torch._rules import Plan, plan_to_data, saved_plan

if TYPE_CHECKING:
    from lrsched_torch._scheduler import Scheduler

__all__ = ["Past", "Saved", "SavedGroup", "json_text", "pack", "read"]

FORMAT = 2
Past = tuple[tuple[Any, Plan], ...]  # the steps at which plans ended, and the plans
BOOKKEEPING = ("_step_count", "_last_lr", "base_lrs", "_is_initial", "_get_lr_called_within_step")


def json_text(read: Callable[[str, str, Any], Any]) -> Any:
    """The reader of JSON text that holds what another reader takes."""

    def parsed(where: str, name: str, value: Any) -> Any:
        try:
            data = json.loads(text(where, name, value))
        except (json.JSONDecodeError, ValueError, RecursionError) as error:
            if not isinstance(value, str):
                raise
            fail(where, name, f"JSON text ({type(error).__name__})", value)
        return read(where, name, data)

    return parsed


def _format(where: str, name: str, value: Any) -> int:
    """The number of the format; states of format 1 go by ``SavedBefore``."""
    if type(value) is not int or value != FORMAT:
        fail(where, name, "1 or 2, those that this version reads", value)
    return FORMAT


def _moment(where: str, name: str, value: Any) -> Any:
    """A step, or -1 before the beginning, where a scheduler waits in a sequence for its turn."""
    return -1 if type(value) is int and value == -1 else step(where, name, value)


def _plans(where: str, name: str, data: Any) -> Past:
    """What was followed before, by the steps at which it ended, which increase."""
    past: Past = list_of(tuple_of(step, saved_plan))(where, name, data)
    if not all(before < after for before, after in pairwise((0, *(until for until, _ in past)))):
        fail(where, name, "plans that end at increasing steps > 0", [until for until, _ in past])
    return past


def _name(where: str, name: str, value: Any) -> Any:
    """The name of an optimizer, or its position."""
    return value if isinstance(value, str) else whole()(where, name, value)


class SavedGroup(State):
    """What a state says of a group."""

    optimizer: Any = none_or(_name)
    row: int = entry(whole())
    name: str | None = none_or(text)
    params: tuple[str, ...] = list_of(text)
    here: bool = one_of(True, False)
    initial: dict[str, float] = mapping_of(text, real())


def _groups(where: str, name: str, data: Any) -> tuple[SavedGroup, ...]:
    """The groups, each with a row of its own among those of its optimizer."""

    def group(where: str, name: str, value: Any) -> SavedGroup:
        return read_state(f"{where}: {name}", SavedGroup, value, "it", "a group")

    found: tuple[SavedGroup, ...] = list_of(group)(where, name, data)
    if len({(g.optimizer, g.row) for g in found}) < len(found):
        fail(where, name, "groups with different rows", [g.row for g in found])
    return found


class Saved(State):
    """What a state says.

    ``nameless``: its format holds no names of groups.
    """

    format: int = entry(_format)
    last_epoch: Any = entry(_moment)
    relative: bool = one_of(True, False)
    schedules: Plan = json_text(saved_plan)
    history: Past = json_text(_plans)
    groups: tuple[SavedGroup, ...] = json_text(_groups)

    @property
    def nameless(self) -> bool:
        return self.format == 1


class Moment(State):
    """A state that says no more than the step."""

    last_epoch: Any = entry(step)


def _rows(where: str, name: str, data: Any) -> tuple[int, ...]:
    """The rows of the groups, each of which is of one group."""
    found: tuple[int, ...] = list_of(whole())(where, name, data)
    if len(set(found)) < len(found):
        fail(where, name, "different numbers", data)
    return found


class SavedBefore(State):
    """What a state of format 1 says: nested data in place of text, and groups by rows alone."""

    format: int = one_of(1)
    last_epoch: Any = entry(step)
    relative: bool = one_of(True, False)
    schedules: Plan = saved_plan
    history: Past = entry(_plans)
    rows: tuple[int, ...] = entry(_rows)
    initial: tuple[tuple[int, str, float], ...] = list_of(tuple_of(whole(), text, real()))

    def upgraded(self) -> Saved:
        """The same as the format of today says it."""
        rows = [*self.rows, *sorted({row for row, _, _ in self.initial} - set(self.rows))]
        groups = []
        for i, row in enumerate(rows):
            bases = {key: base for other, key, base in self.initial if other == row}
            groups.append(SavedGroup(None, row, None, (), i < len(self.rows), bases))
        return Saved(1, self.last_epoch, self.relative, self.schedules, self.history, tuple(groups))


FIELDS = {*Saved._defaults, *SavedBefore._defaults}


def pack(scheduler: Scheduler) -> dict[str, Any]:
    """The state as plain data."""
    s = scheduler
    here = {id(known) for known in s._here}
    groups = [*s._here, *(known for known in s._known if id(known) not in here)]
    return {
        "format": FORMAT,
        "last_epoch": s.last_epoch,
        "relative": s.relative,
        "schedules": json.dumps(plan_to_data(s._plan)),
        "history": json.dumps([[until, plan_to_data(plan)] for until, plan in s._past]),
        "groups": json.dumps([_group_to_data(known, id(known) in here) for known in groups]),
    }


def _group_to_data(known: Known, here: bool) -> dict[str, Any]:
    return {
        "optimizer": known.optimizer,
        "row": known.row,
        "name": known.name,
        "params": list(known.params),
        "here": here,
        "initial": known.bases,
    }


def read(scheduler: Scheduler, where: str, state: Mapping[str, Any]) -> Saved | Moment:
    """What a state says; an error if it is none."""
    s = scheduler
    if not isinstance(state, Mapping) or "last_epoch" not in state:
        fail(where, "state_dict", "the state of a scheduler, with a last_epoch", state, wrong_type=True)
    known = {key: value for key, value in state.items() if key not in BOOKKEEPING}
    if "schedules" not in known:
        return read_state(where, Moment, known, what=f"the state of a {type(s).__name__}, or last_epoch alone")
    if s.on_mismatch == "mine":
        known = {key: value for key, value in known.items() if key in FIELDS}
    allowed = f"the state of a {type(s).__name__}, or last_epoch alone"
    before = type(known.get("format")) is int and known["format"] == 1
    return (
        read_state(where, SavedBefore, known, what=allowed).upgraded()
        if before
        else read_state(where, Saved, known, what=allowed)
    )
