"""What a step writes: pairs of a group and a factor, found out once and written without looking at them again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch

from lrsched_torch._keys import Group, place_of, put, raw

__all__ = ["NUMBERS", "Function", "Own", "Write"]

NUMBERS = frozenset((float, int))
Function = Callable[[Any], Any]
Write = tuple[Group, str, float | None]  # a group, a key and what the schedule is multiplied by, if anything


@dataclasses.dataclass(slots=True)
class Own:
    """What is not the same number in every group, by how much of the work groups share.

    Attributes:
        shared: a schedule, a key and the groups that hold its value.
        products: a schedule, a key, and the groups with what each multiplies the value by.
        single: a schedule, a key, the one group that follows it, and its factor.
        members: a schedule, a place in ``betas``, and the groups with their factors.
        careful: schedules of tensors.
    """

    shared: list[tuple[Function, str, list[Group]]] = dataclasses.field(default_factory=list)
    products: list[tuple[Function, str, list[tuple[Group, float]]]] = dataclasses.field(default_factory=list)
    single: list[tuple[Function, str, Group, float]] = dataclasses.field(default_factory=list)
    members: list[tuple[Function, int, list[tuple[Group, float]]]] = dataclasses.field(default_factory=list)
    careful: list[tuple[Function, list[Write]]] = dataclasses.field(default_factory=list)

    def add(self, function: Function, writes: list[Write]) -> None:
        """One schedule of a key, and its groups."""
        _, key, base = writes[0]
        pairs = [(group, 1.0 if base is None else base) for group, _, base in writes]
        place = None if any(key in group for group, _ in pairs) else place_of(key)
        if any(isinstance(raw(group, key), torch.Tensor) for group, _ in pairs):
            self.careful.append((function, writes))
        elif place is not None:
            self.members.append((function, place, pairs))
        elif not all(key in group for group, _ in pairs):
            self.careful.append((function, writes))
        elif len(writes) == 1:
            self.single.append((function, key, *pairs[0]))
        elif base is None:
            self.shared.append((function, key, [group for group, _ in pairs]))
        else:
            self.products.append((function, key, pairs))

    def write(self, t: Any, anyway: bool = False) -> bool:
        """Write the values of a step; False, and not all is written, if a value was replaced by what is no float.

        Of groups that share a schedule the first is looked at, and all of them before each update.
        """
        for function, key, group, base in self.single:
            if type(group[key]) is not float and not anyway:
                return False
            group[key] = base * function(t)
        for function, key, pairs in self.products:
            if type(pairs[0][0][key]) is not float and not anyway:
                return False
            value = function(t)
            for group, base in pairs:
                group[key] = base * value
        for function, key, groups in self.shared:
            if type(groups[0][key]) is not float and not anyway:
                return False
            value = function(t)
            for group in groups:
                group[key] = value
        return not (self.members or self.careful) or self._write_rest(t, anyway)

    def _write_rest(self, t: Any, anyway: bool) -> bool:
        for function, place, pairs in self.members:
            value = function(t)
            for group, base in pairs:
                betas = group["betas"]
                if type(betas[place]) is not float and not anyway:
                    return False
                group["betas"] = type(betas)((*betas[:place], base * value, *betas[place + 1 :]))
        for function, writes in self.careful:
            value = function(t)
            for group, key, factor in writes:
                put(group, key, value if factor is None else factor * value)
        return True

    def plain(self) -> bool:
        """Whether every group holds a number still where tensors are not looked for at each step."""
        kinds = {type(group[key]) for _, key, group, _ in self.single}
        for _, key, pairs in self.products:
            kinds.update([type(group[key]) for group, _ in pairs])
        for _, key, groups in self.shared:
            kinds.update([type(group[key]) for group in groups])
        for _, place, pairs in self.members:
            kinds.update([type(group["betas"][place]) for group, _ in pairs])
        return kinds <= NUMBERS
