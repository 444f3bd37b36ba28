"""Writing the values of a plan into the parameter groups of an optimizer, whatever happens to the groups."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from operator import is_
from typing import Any

import torch

import lrsched as lrs
from lrsched_torch._groups import Known, described, recognised
from lrsched_torch._keys import Group, copied, has, number, own, raw
from lrsched_torch._optimizers import (
    Several,
    defaults_of,
    everything,
    given_optimizers,
    groups_of,
    hooked,
    owners_of,
    registered,
    source_of,
    unread,
)
from lrsched_torch._rules import Place, Plan
from lrsched_torch._writers import Writer
from lrsched_torch._writes import NUMBERS, Function, Own, Write

__all__ = ["Driver", "compiled", "groups_of"]


class Driver(Writer):
    """Optimizers, a plan and a step, and the groups as they were when last looked at.

    What is known of a group (``_here``, in the order of the groups) stays with it, however groups come, go and move.
    """

    last_epoch: Any
    relative: bool
    on_mismatch: str
    _optimizers: dict[Any, Any]  # as given, by name; under None where there is one
    _source: Any  # whose groups the updates read
    _own_source: list[Any]  # the optimizers that hold their groups themselves
    _plan: Plan
    _known: list[Known]  # of every group that was seen, and of those that a state tells of
    _here: list[Known]  # of the groups that are there
    _groups: list[Group]
    _list: Any  # the list of groups itself, which loading a state replaces; None when nothing is known
    _size: int
    _common: list[tuple[Function, str]]  # keys that hold a plain number, driven alike in every group
    _own: Own | None  # all others
    _hooks: list[Any]
    _seen: list[list[int]]  # how many updates each of the watched optimizers made

    def _start(self, where: str, optimizer: Any) -> list[Place]:
        """Take over optimizers, and look at their groups; the plan comes later."""
        self._look(where, given_optimizers(where, optimizer))
        self._known, self._here, self._groups, self._plan = [], [], [], {}
        self._hooks, self._seen = [], []
        self._forget()
        self._here = recognised([], [], [], self._source.param_groups, owners_of(self._source))
        self._known, self._groups = list(self._here), list(self._source.param_groups)
        return self._places()

    def _look(self, where: str, optimizers: dict[Any, Any]) -> None:
        """Find whose groups the updates of some optimizers read, and drive them."""
        parts = {name: source_of(optimizer) for name, optimizer in optimizers.items()}
        own_source = [optimizer for name, optimizer in optimizers.items() if parts[name] is optimizer]
        for optimizer in own_source:
            unread(where, optimizer)
        self._optimizers, self._own_source = optimizers, own_source
        self._source = parts[None] if None in parts else Several(parts)

    def _places(self) -> list[Place]:
        return list(zip(self._here, self._groups, strict=True))

    def _forget(self) -> None:
        """Have the groups looked at before anything is written again."""
        self._list, self._size = None, -1
        self._common, self._own, self._tensors = [], None, False
        self._careful = True

    def _attach(self) -> None:
        """Ask the optimizers to tell when a state was loaded, and before each update, in which groups may be new.

        The hooks hold the scheduler weakly, and go when it goes.
        """
        me, seen = weakref.ref(self), self._seen

        def look(updates: list[int] | None) -> None:
            driver = me()
            if updates is not None:
                updates[0] += 1
            if driver is not None and driver._writes():
                if updates is None:
                    driver._forget()
                if driver._has_changed():
                    driver._write()

        look_uncompiled: Any = torch.compiler.disable(look)  # type: ignore[no-untyped-call]

        def before_update() -> Callable[..., None]:
            updates = [0]
            seen.append(updates)
            return lambda *_: (look_uncompiled if torch.compiler.is_compiling() else look)(updates)

        self._hooks = hooked(self._source, "register_step_pre_hook", before_update)
        for optimizer in everything(self._optimizers):  # a wrapper may load what is in it without its knowing
            self._hooks += registered([optimizer], "register_load_state_dict_post_hook", lambda *_: look(None))
        for handle in self._hooks:
            weakref.finalize(self, handle.remove).atexit = False

    @property
    def _updates(self) -> int:
        """How many updates were made since this was built, as far as they were seen."""
        return min((updates[0] for updates in self._seen), default=0)

    def _let_go(self) -> None:
        for handle in self._hooks:
            handle.remove()
        self._hooks, self._seen = [], []

    def _writes(self) -> bool:
        """Whether this is the scheduler that writes its numbers, as far as anyone stepped."""
        return self.last_epoch >= 0 and self._passed() is None

    def _has_changed(self) -> bool:
        groups = self._source.param_groups
        if len(groups) != self._size or not all(map(is_, groups, self._groups)):
            return True
        for _, key in self._common:
            for group in groups:
                if type(group[key]) not in NUMBERS:
                    return True
        return self._own is not None and not self._own.plain()

    def _write(self) -> None:
        """Write the values of the present step."""
        if self._has_changed():
            self._refresh()
        self._list, t = self._source.param_groups, self.last_epoch
        for function, key in self._common:
            value = function(t)
            for group in self._groups:
                group[key] = value
        if self._own is not None:
            self._own.write(t, anyway=True)

    def _refresh(self) -> None:
        """Look at the groups: which are new, what each follows, and which can be written without looking again."""
        for optimizer in self._own_source:
            unread(type(self).__name__, optimizer)
        groups, owners = self._source.param_groups, owners_of(self._source)
        here = recognised(self._known, self._here, self._groups, groups, owners)
        for known, group in zip(here, groups, strict=True):
            self._arrived(known, group)
        before = set(map(id, self._known))
        self._known += [known for known in here if id(known) not in before]
        self._here, self._list, self._size, self._groups = here, groups, len(groups), list(groups)
        own(groups, self._plan, defaults_of(self._optimizers))
        self._common, self._own = [], None
        for key in self._plan:
            self._sort(key)
        self._numbers = self._driven()
        self._tensors = any(isinstance(raw(group, key), torch.Tensor) for key in self._plan for group in groups)
        self._careful = self._tensors or self._joined or not self._sole

    def _driven(self) -> set[tuple[int, str]]:
        return {
            (next(map(id, group.get("params", ())), id(group)), key)
            for key in self._plan
            for known, group in self._places()
            if self._schedule_of(self._plan, known, group, key) is not None
        }

    def _sort(self, key: str) -> None:
        """How each group's number is written."""
        found: dict[lrs.Schedule, list[Write]] = {}
        for known, group in self._places():
            schedule = self._schedule_of(self._plan, known, group, key)
            if schedule is not None:
                found.setdefault(schedule, []).append((group, key, self._base(known, group, key)))
        for schedule, writes in found.items():
            function = _scaled(compiled(schedule), self._factor(key))
            alike = self._plan[key].kind == "all" and len(writes) == len(self._groups)
            if alike and all(map(_is_plain, writes)):
                self._common.append((function, key))
            else:
                self._own = self._own or Own()
                self._own.add(function, writes)

    def _factor(self, key: str) -> float:
        """What every schedule of a key is multiplied by at present."""
        return 1.0

    def _schedule_of(self, plan: Plan, known: Known, group: Group, key: str) -> lrs.Schedule | None:
        return plan[key].of(known) if key in plan and has(group, key) else None

    # -- initial values

    def _base(self, known: Known, group: Group, key: str) -> float | None:
        """What a schedule is multiplied by in this group: if relative, the value when it was first seen."""
        if key not in known.first:
            known.first[key] = _initial(group, key)
        if not self.relative:
            return None
        name, base = f"initial_{key}", known.bases.setdefault(key, known.first[key])
        if name not in group or float(group[name]) != base:
            group[name] = base
        return base

    def _arrived(self, known: Known, group: Group) -> None:
        """A group that a state told of is there: with the initial values of the state, or its own."""
        if not known.awaited:
            return
        for key, base in list(known.bases.items()) if self.relative else ():
            mine = _initial(group, key) if has(group, key) else base
            if mine != base and self.on_mismatch == "error":
                raise lrs.ScheduleError(
                    f"{type(self).__name__}: the initial {key} of {described(known)} must be that of the saved state, "
                    f"{base!r}, got {mine!r}"
                )
            known.bases[key] = mine if self.on_mismatch == "mine" else base
        known.awaited = False

    # -- reading

    def _values(self, plan: Plan, t: Any) -> dict[str, list[Any]]:
        """The values of a step by key, one per group; what nothing drives is what the group holds."""
        if self._has_changed():
            self._refresh()
        return {key: [self._value(plan, known, group, key, t) for known, group in self._places()] for key in plan}

    def _check_values(self, plan: Plan, places: list[Place], t: Any) -> None:
        """Have the schedules of a plan raise the errors that they raise at a step."""
        for key in plan:
            for known, group in places:
                schedule = self._schedule_of(plan, known, group, key)
                if schedule is not None:
                    compiled(schedule)(t)

    def _value(self, plan: Plan, known: Known, group: Group, key: str, t: Any) -> Any:
        schedule = self._schedule_of(plan, known, group, key)
        if schedule is None:
            return copied(raw(group, key))
        base, value = self._base(known, group, key), _scaled(compiled(schedule), self._factor(key))(t)
        return value if base is None else base * value


def _initial(group: Group, key: str) -> float:
    """The value that a group began with: what it was when a scheduler first saw it, else what it is."""
    name = f"initial_{key}"
    return float(group[name]) if name in group else number(group, key)


@functools.lru_cache(maxsize=1024)
def compiled(schedule: lrs.Schedule) -> Function:
    """The bare function of a schedule, made once."""
    return lrs.compile(schedule, "python")


def _scaled(function: Function, factor: float) -> Function:
    return function if factor == 1.0 else lambda t: factor * function(t)


def _is_plain(write: Write) -> bool:
    group, key, base = write
    return base is None and key in group and not isinstance(group[key], torch.Tensor)
