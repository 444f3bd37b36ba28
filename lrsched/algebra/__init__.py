"""Expressions as frozen values of declared fields: bases, registry, text, JSON and pytree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrsched.algebra import fields
    from lrsched.algebra.node import kind
    from lrsched.algebra.profile import Profile
    from lrsched.algebra.schedule import Schedule

__all__ = ["Profile", "Schedule", "fields", "kind"]

FILES = {"Profile": "profile", "Schedule": "schedule", "kind": "node"}


def __getattr__(name: str) -> Any:
    if name not in FILES:
        raise AttributeError(f"module 'lrsched.algebra' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"lrsched.algebra.{FILES[name]}"), name)
