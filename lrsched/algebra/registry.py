"""The kinds that there are, by name, and who is told of new ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lrsched.algebra.node import Node

__all__ = ["KINDS"]


KINDS: dict[str, type[Node]] = {}
ON_NEW_KIND: list[Callable[[type[Node]], None]] = []
