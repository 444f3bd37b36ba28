"""The doors that lead up: what reports on a schedule lies above the algebra and is reached by name, from here alone."""

from __future__ import annotations

from importlib import import_module
from typing import Any

DOORS = {
    "describe": "lrsched.inspection.describe:describe",
    "check": "lrsched.inspection.checks:check",
    "plot": "lrsched.display.plotting:plot",
    "picture": "lrsched.display.svg:document",
}


def report(name: str, *args: Any, **values: Any) -> Any:
    """What the function behind a door returns; its module is loaded when it is first asked for."""
    module, _, function = DOORS[name].partition(":")
    return getattr(import_module(module), function)(*args, **values)
