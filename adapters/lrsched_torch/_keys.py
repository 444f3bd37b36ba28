"""One hyperparameter of one parameter group: whether it is there, reading it and writing it."""

from __future__ import annotations

import functools
import numbers
import re
from collections.abc import Iterable
from typing import Any

import torch

__all__ = ["Group", "available", "copied", "has", "number", "own", "place_of", "put", "raw"]

Group = dict[str, Any]

BETA = re.compile(r"beta([1-9])")


@functools.cache
def place_of(key: str) -> int | None:
    """Which member of ``betas`` a key means, from 0; None if it means none."""
    match = BETA.fullmatch(key)
    return None if match is None else int(match[1]) - 1


def raw(group: Group, key: str) -> Any:
    """The number or tensor that a group holds under ``key`` (``beta1`` is the first of ``betas``); None if none."""
    if key in group:
        value = group[key]
    else:
        place, betas = place_of(key), group.get("betas")
        if place is None or not isinstance(betas, tuple | list) or place >= len(betas):
            return None
        value = betas[place]
    if isinstance(value, torch.Tensor):
        return value if value.numel() == 1 and value.is_floating_point() else None
    return None if isinstance(value, bool) or not isinstance(value, numbers.Real) else value


def has(group: Group, key: str) -> bool:
    """Whether a group holds a number under ``key``."""
    return raw(group, key) is not None


def number(group: Group, key: str) -> float:
    """The value under ``key`` as a float."""
    return float(raw(group, key))


def copied(value: Any) -> Any:
    """A tensor as a copy, a number as it is."""
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def plain(value: Any) -> Any:
    """A tensor of one element as its number, anything else as it is."""
    return value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value


def put(group: Group, key: str, value: float) -> None:
    """Write a value: into the tensor where there is one, whatever its dtype, else in its place."""
    old = group[key] if key in group else raw(group, key)
    if isinstance(old, torch.Tensor):
        with torch.no_grad():
            old.fill_(value)
    else:
        _replace(group, key, value)


def _replace(group: Group, key: str, value: Any) -> None:
    if key in group:
        group[key] = value
    else:
        betas, i = group["betas"], int(key[4:]) - 1
        group["betas"] = type(betas)((*betas[:i], value, *betas[i + 1 :]))


def available(groups: Iterable[Group]) -> list[str]:
    """The names of the numbers that the groups hold, ``beta1`` and ``beta2`` for a pair of ``betas``."""
    names: dict[str, None] = {}
    for group in groups:
        for key in group:
            found = [f"beta{i + 1}" for i in range(len(group[key]))] if key == "betas" else [key]
            names |= {name: None for name in found if has(group, name) and not name.startswith("initial_")}
    return list(names)


def own(groups: Iterable[Group], keys: Iterable[str], defaults: Iterable[Group]) -> None:
    """Give each group a tensor of its own wherever several share one, with each other or with the defaults."""
    held = [raw(values, key) for values in defaults for key in keys]
    taken = {id(value) for value in held if isinstance(value, torch.Tensor)}
    for group in groups:
        for key in keys:
            value = raw(group, key)
            if isinstance(value, torch.Tensor):
                if id(value) in taken:
                    value = value.detach().clone()
                    _replace(group, key, value)
                taken.add(id(value))
