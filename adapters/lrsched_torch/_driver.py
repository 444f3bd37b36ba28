"""Writing the values of a plan into the parameter groups of an optimizer, whatever happens to the groups."""

from __future__ import annotations

import functools
import weakref
from operator import is_
from typing import Any

import torch

import lrsched as lrs
from lrsched.adapting import fail
from lrsched_torch._keys import Group, has, number, own, raw
from lrsched_torch._rules import Plan
from lrsched_torch._writes import NUMBERS, Function, Own, Write

__all__ = ["Driver", "copied", "groups_of"]


class Driver:
    """An optimizer, a plan and a step, and the groups as they were when last looked at.

    Each group has a row, its rank in the order in which groups were first seen: lists of schedules go by it, so that
    the removal of a group does not shift the others.
    """

    optimizer: Any
    last_epoch: Any
    relative: bool
    _plan: Plan
    _bases: dict[tuple[int, str], float]
    _rows: list[int]
    _groups: list[Group]
    _list: Any  # the list of groups itself, which loading a state replaces; None when nothing is known
    _size: int
    _common: list[tuple[Function, str]]  # keys that hold a plain number, driven alike in every group
    _own: Own | None  # all others
    _tensors: bool  # whether anything driven is a tensor

    def _start(self, optimizer: Any, plan: Plan) -> None:
        self.optimizer, self._plan = optimizer, plan
        self._bases, self._rows, self._groups = {}, [], []
        self._forget()
        self._attach()

    def _forget(self) -> None:
        """Have the groups looked at before anything is written again."""
        self._list, self._size = None, -1
        self._common, self._own, self._tensors = [], None, False

    def _attach(self) -> None:
        """Ask the optimizer to tell when its state was loaded, and before each update, in which groups may be new.

        The hooks hold the scheduler weakly, and go when it goes.
        """
        me = weakref.ref(self)

        def before_update(*_: Any) -> None:
            if not torch.compiler.is_compiling() and (driver := me()) is not None and driver._has_changed():
                driver._write()

        def after_loading(*_: Any) -> None:
            if (driver := me()) is not None:
                driver._forget()
                driver._write()

        hooks = {"register_step_pre_hook": before_update, "register_load_state_dict_post_hook": after_loading}
        for name, hook in hooks.items():
            for optimizer in (self.optimizer, getattr(self.optimizer, "optimizer", None)):
                try:
                    handle = getattr(optimizer, name)(hook)
                except AttributeError:  # a wrapper of an optimizer, which need not have hooks
                    continue
                weakref.finalize(self, handle.remove).atexit = False
                break

    def _has_changed(self) -> bool:
        groups = self.optimizer.param_groups
        if groups is not self._list or len(groups) != self._size or not all(map(is_, groups, self._groups)):
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
        t = self.last_epoch
        for function, key in self._common:
            value = function(t)
            for group in self._groups:
                group[key] = value
        if self._own is not None:
            self._own.write(t, anyway=True)

    def _refresh(self) -> None:
        """Look at the groups: which are new, what each follows, and which can be written without looking again."""
        groups = self.optimizer.param_groups
        self._rows = self._recognised(groups)
        self._list, self._size, self._groups = groups, len(groups), list(groups)
        own(groups, self._plan, self.optimizer.defaults)
        self._common, self._own = [], None
        for key, rule in self._plan.items():
            found: dict[lrs.Schedule, list[Write]] = {}
            for row, group in zip(self._rows, groups, strict=True):
                schedule = self._schedule_of(self._plan, row, group, key)
                if schedule is not None:
                    found.setdefault(schedule, []).append((group, key, self._base(row, group, key)))
            for schedule, writes in found.items():
                function = _scaled(compiled(schedule), self._factor(key))
                if rule.kind == "all" and len(writes) == len(groups) and all(map(_is_plain, writes)):
                    self._common.append((function, key))
                else:
                    self._own = self._own or Own()
                    self._own.add(function, writes)
        self._tensors = any(isinstance(raw(group, key), torch.Tensor) for key in self._plan for group in groups)

    def _factor(self, key: str) -> float:
        """What every schedule of a key is multiplied by at present."""
        return 1.0

    def _recognised(self, groups: list[Group]) -> list[int]:
        """The rows of the groups: by identity, or by position when all have been replaced by loaded ones."""
        known = {id(group): row for group, row in zip(self._groups, self._rows, strict=True)}
        if len(groups) == len(known) and not any(id(group) in known for group in groups):
            return self._rows
        rows, free = [], max(self._rows, default=-1) + 1
        for group in groups:
            row = known.get(id(group), free)
            free += row == free
            rows.append(row)
        return rows

    def _rows_now(self, saved: tuple[int, ...] | None) -> list[int]:
        """The rows of the groups, those of a saved state if it has as many."""
        if self._has_changed():
            self._refresh()
        return list(saved) if saved is not None and len(saved) == len(self._groups) else self._rows

    def _values_of(self, plan: Plan, rows: list[int], t: Any) -> list[Any]:
        """What the schedules of a plan give at a step."""
        followed = [self._schedule_of(plan, *of, key) for key in plan for of in zip(rows, self._groups, strict=True)]
        return [compiled(schedule)(t) for schedule in followed if schedule is not None]

    def _restore(self, rows: list[int], bases: dict[tuple[int, str], float]) -> None:
        """Take over which group is which, and the initial values, from a saved state."""
        self._rows = rows
        self._bases |= bases
        for row, group in zip(rows, self._groups, strict=True):
            group |= {f"initial_{key}": bases[row, key] for key in self._plan if (row, key) in bases}

    def _schedule_of(self, plan: Plan, row: int, group: Group, key: str) -> lrs.Schedule | None:
        return plan[key].of(row, group) if key in plan and has(group, key) else None

    def _base(self, row: int, group: Group, key: str) -> float | None:
        """What a schedule is multiplied by in this group: if relative, the value when it was first seen."""
        if not self.relative:
            return None
        name = f"initial_{key}"
        if name not in group:
            known = self._bases.get((row, key))
            group[name] = number(group, key) if known is None else known
        self._bases[row, key] = base = float(group[name])
        return base

    def _values(self, plan: Plan, t: Any) -> dict[str, list[Any]]:
        """The values of a step by key, one per group; what nothing drives is what the group holds."""
        if self._has_changed():
            self._refresh()
        return {key: [self._value(plan, i, key, t) for i in range(len(self._groups))] for key in plan}

    def _value(self, plan: Plan, i: int, key: str, t: Any) -> Any:
        row, group = self._rows[i], self._groups[i]
        schedule = self._schedule_of(plan, row, group, key)
        if schedule is None:
            return copied(raw(group, key))
        base, value = self._base(row, group, key), _scaled(compiled(schedule), self._factor(key))(t)
        return value if base is None else base * value


def groups_of(where: str, optimizer: Any) -> list[Group]:
    """The parameter groups of an optimizer or of a wrapper."""
    groups = getattr(optimizer, "param_groups", None)
    if not isinstance(groups, list) or not hasattr(optimizer, "defaults"):
        allowed = "an optimizer of PyTorch, or a wrapper with its param_groups and defaults"
        fail(where, "optimizer", allowed, optimizer, wrong_type=True)
    return groups


@functools.lru_cache(maxsize=1024)
def compiled(schedule: lrs.Schedule) -> Function:
    """The bare function of a schedule, made once."""
    return lrs.compile(schedule, "python")


def _scaled(function: Function, factor: float) -> Function:
    return function if factor == 1.0 else lambda t: factor * function(t)


def copied(value: Any) -> Any:
    """A tensor as a copy, a number as it is."""
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _is_plain(write: Write) -> bool:
    group, key, base = write
    return base is None and key in group and not isinstance(group[key], torch.Tensor)
