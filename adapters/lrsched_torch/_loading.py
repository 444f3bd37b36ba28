"""What a scheduler goes on with when it loads a state: which group is which, and whose schedules and initial values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import lrsched as lrs
from lrsched_torch._groups import Known, Match, described, matched
from lrsched_torch._optimizers import defaults_of
from lrsched_torch._rules import Plan, Rule, check_plan, completed, goes_by_place, moved, same
from lrsched_torch._state import Moment, Past, Saved, SavedGroup, read

if TYPE_CHECKING:
    from lrsched_torch._scheduler import Scheduler

__all__ = ["Settled", "settled"]

CHOICE = "a scheduler with on_mismatch='mine' goes on with its own, with 'saved' with the state's"


@dataclasses.dataclass
class Settled:
    """All that a scheduler takes over; ``here`` are some of the ``known``, in the order of its groups."""

    last_epoch: Any
    relative: bool
    plan: Plan
    past: Past
    known: list[Known]
    here: list[Known]


def settled(scheduler: Scheduler, where: str, state: Mapping[str, Any]) -> Settled:
    """Read a state, or refuse it, before anything is changed."""
    s = scheduler
    saved = read(s, where, state)
    if isinstance(saved, Moment):
        found = Settled(saved.last_epoch, s.relative, s._plan, s._past, s._known, s._here)
    else:
        found = _chosen(s, where, saved)
    places = list(zip(found.here, s._groups, strict=True))
    check_plan(where, found.plan, places, defaults_of(s._optimizers))
    if found.last_epoch >= 0:
        s._check_values(found.plan, places, found.last_epoch)  # an error of a schedule comes before any change
    return found


def _chosen(s: Scheduler, where: str, saved: Saved) -> Settled:
    """The schedules and initial values to go on with; an error if the saved ones belong to another run."""
    theirs, match = _found(s, where, saved)
    rows, known = _placed(s, theirs, match)
    paired = {id(mine) for _, mine in match.pairs}
    others = [k for k in s._here if id(k) not in paired]  # they keep what they follow
    plan = completed(moved(saved.schedules, rows), s._plan, others)
    past = tuple((until, completed(moved(before, rows), s._plan, others)) for until, before in saved.history)
    difference = _difference(s, saved, plan, past, match)
    if difference is not None and s.on_mismatch == "error":
        name, its, mine = difference
        raise lrs.ScheduleError(f"{where}: {name} must be that of the saved state, {its!r}, got {mine!r}; {CHOICE}")
    if difference is not None and s.on_mismatch == "mine":
        alike = saved.relative == s.relative and not match.doubtful
        past = _extended(past, saved.last_epoch, plan, s._plan) if alike else ()
        return Settled(saved.last_epoch, s.relative, s._plan, past, [*s._here, *known], s._here)
    bases = {id(mine): its.bases for its, mine in match.pairs}
    here = [dataclasses.replace(k, bases={**k.bases, **bases.get(id(k), {})}) for k in s._here]
    return Settled(saved.last_epoch, saved.relative, plan, past, [*here, *known], here)


def _found(s: Scheduler, where: str, saved: Saved) -> tuple[list[Known], Match]:
    """The groups of a state, and which of them are here; an error if that matters and cannot be told."""
    theirs = [_known(group) for group in saved.groups]
    present = [k for k, group in zip(theirs, saved.groups, strict=True) if group.here]
    match = matched(theirs, present, s._here, saved.nameless)
    plans = [saved.schedules, *(plan for _, plan in saved.history), s._plan]
    matters = saved.relative or s.relative or any(map(goes_by_place, plans))
    if not matters:
        match.doubtful = []
    if match.doubtful and s.on_mismatch != "mine":
        groups = ", ".join(map(described, match.doubtful[:4])) + (", ..." if len(match.doubtful) > 4 else "")
        its = ", ".join(map(described, present[:4])) + (", ..." if len(present) > 4 else "")
        raise lrs.ScheduleError(
            f"{where}: it cannot be told which groups of the saved state ({its or 'none'}) these are: {groups}; "
            "give each group a 'name' from the beginning of a run, or load by a scheduler with on_mismatch='mine'"
        )
    return theirs, match


def _known(group: SavedGroup) -> Known:
    """A group of a state, which may come yet: by its name, or if it was there when the state was saved."""
    known = Known(group.optimizer, group.row, group.name, group.params, dict(group.initial))
    return dataclasses.replace(known, awaited=group.here or known.has_name)


def _placed(s: Scheduler, theirs: list[Known], match: Match) -> tuple[dict[tuple[Any, int], int], list[Known]]:
    """The rows here of the rows of a state, and the groups of the state that are not here, under new rows."""
    rows = {(its.optimizer, its.row): mine.row for its, mine in match.pairs}
    taken: dict[Any, int] = {}
    for k in s._here:
        taken[k.optimizer] = max(taken.get(k.optimizer, -1), k.row)
    absent = []
    for k in theirs:
        if (k.optimizer, k.row) not in rows:
            rows[k.optimizer, k.row] = taken[k.optimizer] = taken.get(k.optimizer, -1) + 1
            absent.append(dataclasses.replace(k, row=taken[k.optimizer]))
    return rows, absent


def _difference(s: Scheduler, saved: Saved, plan: Plan, past: Past, match: Match) -> tuple[str, Any, Any] | None:
    """The first thing in which a saved run differs from this one, and what it is in either; None if they are alike."""
    if saved.relative != s.relative:
        return "relative", saved.relative, s.relative
    if match.doubtful:
        return "what each group is", [described(k) for k in match.doubtful], [described(k) for k in s._here]
    began, begun = past[0][1] if past else plan, s._past[0][1] if s._past else s._plan
    if _unlike(plan, s._plan, s._here) is not None and (key := _unlike(began, begun, s._here)) is not None:
        a, b = (rules[key].given if key in rules else None for rules in (began, begun))
        return key, a, b
    for its, mine in match.pairs if s.relative else ():
        for key, base in mine.bases.items():
            if its.bases.get(key, base) != base:
                return f"the initial {key} of {described(mine)}", its.bases[key], base
    return None


def _unlike(a: Plan, b: Plan, here: list[Known]) -> str | None:
    """The first hyperparameter that does not follow the same in every group, None if there is none."""
    rules: list[tuple[str, Rule | None, Rule | None]] = [(key, a.get(key), b.get(key)) for key in {**a, **b}]
    return next((key for key, its, mine in rules if not same(its, mine, here)), None)


def _extended(past: Past, step: Any, plan: Plan, now: Plan) -> Past:
    """What was followed before, with the plan that ends at a step, if another follows."""
    began = past[-1][0] if past else 0
    return (*past, (step, plan)) if step > began and plan != now else past
