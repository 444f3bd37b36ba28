"""Which parameter group is which: by its name, else by its parameters' names, else by its place among the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from lrsched_torch._keys import Group

__all__ = ["Known", "Match", "described", "matched", "recognised"]


@dataclasses.dataclass(eq=False)
class Known:
    """A group that was seen, or that a state tells of.

    Attributes:
        optimizer: the name of its optimizer, None where there is but one.
        row: its rank in the order in which the groups of its optimizer were first seen.
        name: its name, if it has one.
        params: the names of its parameters, where it has no name and they are known.
        bases: by key, what relative schedules multiply.
        first: by key, the value that it had when it was first seen here, of which the bases are made.
        awaited: a state tells of it, and it has not been seen yet.
    """

    optimizer: Any
    row: int
    name: str | None = None
    params: tuple[str, ...] = ()
    bases: dict[str, float] = dataclasses.field(default_factory=dict)
    first: dict[str, float] = dataclasses.field(default_factory=dict)
    awaited: bool = False

    @property
    def label(self) -> Hashable:
        """What tells it from others: groups without a name of any kind share one."""
        return self.optimizer, self.name, frozenset(self.params)

    @property
    def has_name(self) -> bool:
        """Whether it can be told from others by more than its place."""
        return self.name is not None or bool(self.params)


def _seen(owner: Any, row: int, group: Group) -> Known:
    """A group that was not known before."""
    name = group.get("name")
    if isinstance(name, str):
        return Known(owner, row, name)
    params = group.get("param_names")
    return Known(owner, row, None, tuple(map(str, params)) if isinstance(params, list | tuple) else ())


def described(known: Known) -> str:
    """A group, for a message."""
    whose = "" if known.optimizer is None else f" of optimizer {known.optimizer!r}"
    if known.name is not None:
        return f"group {known.name!r}{whose}"
    if known.params:
        more = ", ..." if len(known.params) > 2 else ""
        return f"the group of {', '.join(known.params[:2])}{more}{whose}"
    return f"group {known.row} (without a name){whose}"


def recognised(
    known: Sequence[Known], here: Sequence[Known], seen: Sequence[Group], groups: Sequence[Group], owners: Sequence[Any]
) -> list[Known]:
    """What each of the groups is, new ones included.

    A group is known by identity (``here`` are what the groups ``seen`` last were). Others are new dictionaries, made by
    loading a state or added: they are known by their names; by their places, if all of an optimizer's are new and as
    many as were there; else they are those that a state told of, in order.
    """
    by_id = {id(group): k for group, k in zip(seen, here, strict=True)}
    found: list[Known | None] = [by_id.get(id(group)) for group in groups]
    before = list(zip(here, seen, strict=True))
    for owner in dict.fromkeys(owners):
        mine = [i for i, other in enumerate(owners) if other == owner]
        _fill(found, mine, groups, owner, [k for k in known if k.optimizer == owner], before)
    return [k for k in found if k is not None]


def _fill(
    found: list[Known | None],
    mine: list[int],
    groups: Sequence[Group],
    owner: Any,
    known: list[Known],
    before: list[tuple[Known, Group]],
) -> None:
    """Find what the groups of one optimizer are that are not known by identity."""
    all_new = not any(found[i] for i in mine)
    row = max((k.row for k in known), default=-1) + 1
    made = {i: _seen(owner, row, groups[i]) for i in mine if found[i] is None}
    taken = {id(found[i]) for i in mine}
    free = [k for k in known if id(k) not in taken]
    for i, new in made.items():
        if new.has_name:
            _take(found, i, next((k for k in free if k.label == new.label), None), free)
    rest = [i for i in made if found[i] is None]
    left = [(k, group) for k, group in before if k in free]
    if all_new and len(left) == len(rest):
        for i, (k, group) in zip(rest, left, strict=True):
            if not (k.has_name and made[i].has_name) or _same_parameters(group, groups[i]):
                _take(found, i, k, free)
    else:
        awaited = [k for k in free if k.awaited and not k.has_name]
        for i, k in zip([i for i in rest if not made[i].has_name], awaited, strict=False):
            _take(found, i, k, free)
    for i in [i for i in made if found[i] is None]:
        found[i] = dataclasses.replace(made[i], row=row)
        row += 1


def _take(found: list[Known | None], i: int, k: Known | None, free: list[Known]) -> None:
    if k is not None:
        found[i] = k
        free.remove(k)


def _same_parameters(a: Group, b: Group) -> bool:
    """Whether two dictionaries hold the same parameters, as those do that loading a state replaces."""
    return [id(p) for p in a.get("params", ())] == [id(p) for p in b.get("params", ())]


@dataclasses.dataclass
class Match:
    """Pairs of groups of a state and groups here, and the groups of which it cannot be told which they are."""

    pairs: list[tuple[Known, Known]]
    doubtful: list[Known]


def matched(saved: Sequence[Known], present: Sequence[Known], here: Sequence[Known], nameless: bool) -> Match:
    """Which group of a state is which group here; those that the state does not know are in no pair.

    Args:
        saved: all groups that the state tells of.
        present: those of them that were there when it was saved.
        here: the groups that are here.
        nameless: whether the state holds no names, so that all go by their places.
    """
    if nameless:
        alike = len(present) == len(here)
        return Match(list(zip(present, here, strict=True)) if alike else [], [] if alike else list(here))
    theirs: dict[Hashable, list[Known]] = {}
    for k in saved:
        if k.has_name or k in present:
            theirs.setdefault(k.label, []).append(k)
    match = Match([], [])
    for label, mine in _by_label(here).items():
        found = theirs.get(label, [])
        if len(found) == len(mine):
            match.pairs += zip(found, mine, strict=True)
        elif found or _overlaps(mine[0], saved):
            match.doubtful += mine
    return match


def _by_label(groups: Iterable[Known]) -> dict[Hashable, list[Known]]:
    found: dict[Hashable, list[Known]] = {}
    for k in groups:
        found.setdefault(k.label, []).append(k)
    return found


def _overlaps(mine: Known, saved: Sequence[Known]) -> bool:
    """Whether some of a group's parameters were in a group of the state, but not all or not alone."""
    return any(k.optimizer == mine.optimizer and not set(k.params).isdisjoint(mine.params) for k in saved)
