"""The kinds that there are, by name: methods make a kind by its name, so that no base imports what is built on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lrsched.foundation.after_import import after_import

if TYPE_CHECKING:
    from lrsched.algebra.node import Node


MAX_DEPTH = 100  # levels that expressions nest at most
KINDS: dict[str, type[Node]] = {}
BASES: dict[str, type[Node]] = {}  # "Schedule" and "Profile"
ON_NEW_KIND: list[Callable[[type[Node]], None]] = []


def for_every_kind(package: str, register: Callable[[type[Node]], None]) -> None:
    """Call ``register`` with each kind, now and as kinds are added, once a package has been imported."""

    def begin() -> None:
        ON_NEW_KIND.append(register)
        for kind in list(KINDS.values()):
            register(kind)

    after_import(package, begin)


def class_named(package: str, name: str) -> type[Node]:
    """The class of a kind of a package by its own name, as pickles of classes name it."""
    for kind in KINDS.values():
        if kind.__name__ == name and kind.__module__.startswith(f"{package}."):
            return kind
    raise AttributeError(f"module {package!r} has no attribute {name!r}")


def built(name: str, *args: Any) -> Any:
    """An expression of the kind called ``name``."""
    return KINDS[name](*args)
