"""The kinds that there are, by name: methods make a kind by its name, so that no base imports what is built on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrsched.algebra.node import Node

__all__ = ["BASES", "KINDS", "MAX_DEPTH", "ON_NEW_KIND", "built"]

MAX_DEPTH = 100  # levels that expressions nest at most
KINDS: dict[str, type[Node]] = {}
BASES: dict[str, type[Node]] = {}  # "Schedule" and "Profile"
ON_NEW_KIND: list[Callable[[type[Node]], None]] = []


def built(name: str, *args: Any) -> Any:
    """An expression of the kind called ``name``."""
    return KINDS[name](*args)
