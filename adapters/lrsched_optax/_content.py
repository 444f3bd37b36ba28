"""What arguments are, as keys that are equal where the arguments are."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import jax

from lrsched.adapting import Node, holds_arrays

__all__ = ["content"]


class _Itself:
    """What cannot be compared by content, such as an array: equal to itself alone."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def content(value: Any) -> Hashable:
    """A key for an argument: numbers with their types, schedules by their structure, functions as they are.

    Dictionaries keep their order, in which patterns are tried.
    """
    if isinstance(value, Node):
        return _Itself(value) if holds_arrays(value) else value
    if isinstance(value, Mapping):
        return ("mapping", *((content(key), content(item)) for key, item in value.items()))
    if isinstance(value, tuple | list):
        return (type(value), *map(content, value))
    if not jax.tree_util.all_leaves([value]):
        leaves, structure = jax.tree.flatten(value)
        return (structure, *map(content, leaves))
    try:
        hash(value)
    except TypeError:
        return _Itself(value)
    return type(value), value
