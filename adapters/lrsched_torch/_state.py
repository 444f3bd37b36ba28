"""The state of a scheduler as plain data, and what to do with one that was saved under other schedules."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import lrsched as lrs
from lrsched.adapting import (
    State,
    entry,
    fail,
    list_of,
    one_of,
    read_state,
    real,
    replaced,
    step,
    text,
    tuple_of,
    whole,
)
from lrsched_torch._rules import Plan, plan_to_data, saved_plan

if TYPE_CHECKING:
    from lrsched_torch._scheduler import Scheduler

__all__ = ["Saved", "Past", "pack", "unpack"]

FORMAT = 1
Past = tuple[tuple[Any, Plan], ...]  # the steps at which plans ended, and the plans
BOOKKEEPING = ("_step_count", "_last_lr", "base_lrs", "_is_initial", "_get_lr_called_within_step")


def _format(where: str, name: str, value: Any) -> int:
    """The number of the format that this version reads."""
    if type(value) is not int or value != FORMAT:
        fail(where, name, f"{FORMAT}, the one that this version reads", value)
    return FORMAT


def _plans(where: str, name: str, data: Any) -> Past:
    """What was followed before, by the steps at which it ended, which increase."""
    past: Past = list_of(tuple_of(step, saved_plan))(where, name, data)
    if not all(before < after for before, after in pairwise((0, *(until for until, _ in past)))):
        fail(where, name, "plans that end at increasing steps > 0", [until for until, _ in past])
    return past


def _rows(where: str, name: str, data: Any) -> tuple[int, ...]:
    """The rows of the groups, each of which is of one group."""
    found: tuple[int, ...] = list_of(whole())(where, name, data)
    if len(set(found)) < len(found):
        fail(where, name, "different numbers", data)
    return found


class Saved(State):
    """What a state says."""

    format: int = entry(_format)
    last_epoch: Any = entry(step)
    relative: bool = one_of(True, False)
    schedules: Plan = saved_plan
    history: Past = entry(_plans)
    rows: tuple[int, ...] | None = entry(_rows)
    initial: tuple[tuple[int, str, float], ...] = list_of(tuple_of(whole(), text, real()))


FIELDS = ("format", "last_epoch", "relative", "schedules", "history", "rows", "initial")


class Moment(State):
    """A state that says no more than the step."""

    last_epoch: Any = entry(step)


def pack(scheduler: Scheduler) -> dict[str, Any]:
    """The state as plain data."""
    s = scheduler
    return {
        "format": FORMAT,
        "last_epoch": s.last_epoch,
        "relative": s.relative,
        "schedules": plan_to_data(s._plan),
        "history": [[until, plan_to_data(plan)] for until, plan in s._past],
        "rows": list(s._rows),
        "initial": [[rank, key, base] for (rank, key), base in sorted(s._bases.items())],
    }


def unpack(scheduler: Scheduler, where: str, state: Mapping[str, Any]) -> Saved:
    """Read a state, or refuse it, before anything is changed."""
    s = scheduler
    if not isinstance(state, Mapping) or "last_epoch" not in state:
        fail(where, "state_dict", "the state of a scheduler, with a last_epoch", state, wrong_type=True)
    known = {key: value for key, value in state.items() if key not in BOOKKEEPING}
    if "schedules" in known and s.on_mismatch == "mine":
        known = {key: value for key, value in known.items() if key in FIELDS}
    allowed = f"the state of a {type(s).__name__}, or last_epoch alone"
    if "schedules" in known:
        return _settled(s, where, read_state(where, Saved, known, what=allowed))
    now = read_state(where, Moment, known, what=allowed).last_epoch
    return Saved(FORMAT, now, s.relative, s._plan, s._past, None, ())


def _settled(scheduler: Scheduler, where: str, saved: Saved) -> Saved:
    """The plan to go on with and those before it; an error if the saved ones belong to another run."""
    s = scheduler
    began, begun = _first(saved.history, saved.schedules), _first(s._past, s._plan)
    same = saved.relative == s.relative and (saved.schedules == s._plan or began == begun)
    if same or s.on_mismatch == "saved":
        return saved
    if s.on_mismatch == "mine":
        past = _extended(saved.history, saved.last_epoch, saved.schedules) if saved.relative == s.relative else ()
        return replaced(saved, schedules=s._plan, history=past, relative=s.relative)
    key, theirs, mine = _difference(saved.relative, s.relative, began, begun)
    raise lrs.ScheduleError(
        f"{where}: {key} must be that of the saved state, {theirs!r}, got {mine!r}; "
        "a scheduler with on_mismatch='mine' goes on with its own, with 'saved' with the state's"
    )


def _difference(theirs: bool, mine: bool, began: Plan, begun: Plan) -> tuple[str, Any, Any]:
    """The first thing in which a saved run differs from this one, and what it is in either."""
    if theirs != mine:
        return "relative", theirs, mine
    key = next(key for key in [*began, *begun] if began.get(key) != begun.get(key))
    a, b = (plan[key].given if key in plan else None for plan in (began, begun))
    return key, a, b


def _first(past: Past, plan: Plan) -> Plan:
    return past[0][1] if past else plan


def _extended(past: Past, step: Any, plan: Plan) -> Past:
    return (*past, (step, plan)) if step > (past[-1][0] if past else 0) else past
