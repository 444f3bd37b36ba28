"""The state of a scheduler as plain data, and what to do with one that was saved under other schedules."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import lrsched as lrs
from lrsched.adapting import check_real, fail
from lrsched_torch._rules import Plan, plan_from_data, plan_to_data

if TYPE_CHECKING:
    from lrsched_torch._scheduler import Scheduler

__all__ = ["Loaded", "Past", "pack", "unpack"]

FORMAT = 1
Past = tuple[tuple[Any, Plan], ...]  # the steps at which plans ended, and the plans
FIELDS = ("format", "last_epoch", "relative", "schedules", "history", "rows", "initial")
BOOKKEEPING = ("_step_count", "_last_lr", "base_lrs", "_is_initial", "_get_lr_called_within_step")


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What a state says, the schedules settled."""

    step: Any
    plan: Plan
    past: Past
    relative: bool
    rows: list[int] | None
    bases: dict[tuple[int, str], float]


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
        "initial": [[row, key, base] for (row, key), base in sorted(s._bases.items())],
    }


def unpack(scheduler: Scheduler, where: str, state: Mapping[str, Any]) -> Loaded:
    """Read a state, or refuse it, before anything is changed."""
    if not isinstance(state, Mapping) or "last_epoch" not in state:
        fail(where, "state_dict", "the state of a scheduler, with a last_epoch", state, wrong_type=True)
    step = _step(where, state["last_epoch"])
    allowed = f"the state of a {type(scheduler).__name__}, or last_epoch alone"
    foreign = [key for key in state if key not in (*FIELDS, *BOOKKEEPING)]
    if foreign and ("schedules" not in state or scheduler.on_mismatch != "mine"):
        fail(where, "state_dict", allowed, f"a state with {', '.join(map(str, foreign))}")
    if "schedules" not in state:
        return Loaded(step, scheduler._plan, scheduler._past, scheduler.relative, None, {})
    if state.get("format") != FORMAT:
        fail(where, "format", f"{FORMAT}, the one that this version reads", state.get("format"))
    missing = [key for key in FIELDS if key not in state]
    if missing:
        fail(where, "state_dict", allowed, f"a state without {', '.join(missing)}")
    saved = plan_from_data(state["schedules"])
    past: Past = tuple((until, plan_from_data(plan)) for until, plan in state["history"])
    bases = {(row, key): base for row, key, base in state["initial"]}
    loaded = Loaded(step, saved, past, bool(state["relative"]), list(state["rows"]), bases)
    return _settled(scheduler, where, loaded)


def _step(where: str, step: Any) -> Any:
    if isinstance(step, int) and not isinstance(step, bool) and step >= 0:
        return step
    number = check_real(where, "last_epoch", step, "a step >= 0")
    if number < 0:
        fail(where, "last_epoch", "a step >= 0", step)
    return number


def _settled(scheduler: Scheduler, where: str, saved: Loaded) -> Loaded:
    """The plan to go on with and those before it; an error if the saved ones belong to another run."""
    s = scheduler
    began, begun = _first(saved.past, saved.plan), _first(s._past, s._plan)
    same = saved.relative == s.relative and (saved.plan == s._plan or began == begun)
    if same or s.on_mismatch == "saved":
        return saved
    if s.on_mismatch == "mine":
        past = _extended(saved.past, saved.step, saved.plan) if saved.relative == s.relative else ()
        return dataclasses.replace(saved, plan=s._plan, past=past, relative=s.relative)
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
