"""Targets: how each operation is written or run, one table each, imported when it is asked for.

A target makes the builder that an expression is lowered with (its integers, whether one side of a condition runs or
both), and of the term a function: ``clamp_elimination`` first, where every operation counts, then ``emit``, which
writes it in the target's dialect. ``array_calls`` is for targets whose operations are functions of arrays, as NumPy's
and JAX's are; ``threshold_search`` finds steps among thresholds in JAX.

May import ``foundation`` and ``ir``. To add a target from outside, :func:`register_target` takes a table of functions;
to add one here, write ``_name.py`` with a ``TARGET`` and put its name into ``BUILTIN``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from lrsched.foundation.errors import ScheduleError, fail
from lrsched.ir.operations import OPERATIONS

__all__ = ["BUILTIN", "names", "register_target", "table"]

BUILTIN = ("python", "numpy", "jax", "c")
REGISTERED: dict[str, Any] = {}


def names() -> list[str]:
    """The targets there are."""
    return [*BUILTIN, *REGISTERED]


def table(name: str) -> Any:
    """The target of that name."""
    if name in REGISTERED:
        return REGISTERED[name]
    if name not in BUILTIN:
        fail("compile", "target", "one of " + ", ".join(map(repr, names())), name)
    try:
        return importlib.import_module(f"lrsched.targets._{name}").TARGET
    except ImportError as error:
        raise ScheduleError(f"compile: the target {name!r} needs a package that is not installed ({error})") from error


def register_target(name: str, table: Mapping[str, Callable[..., Any]]) -> None:
    """Add a target for :func:`lrsched.compile`: a function of arrays for every operation.

    Args:
        name: the new target's name.
        table: a callable for each name in ``lrsched.targets.OPERATIONS``.

    Raises:
        ScheduleError: another table has the name, an operation is missing, or there are others; names those that are.
    """
    from lrsched.targets.array_calls import CallTarget

    if not isinstance(name, str) or not name:
        fail("register_target", "name", "a non-empty string", name, wrong_type=True)
    if name in BUILTIN:
        fail("register_target", "name", "a name that is not built in", name)
    if not isinstance(table, Mapping):
        fail("register_target", "table", "a mapping of operations to functions", table, wrong_type=True)
    missing = sorted(set(OPERATIONS) - set(table))
    if missing:
        raise ScheduleError(f"register_target: the table of {name!r} lacks {', '.join(missing)}")
    for operation, function in table.items():
        if operation not in OPERATIONS:
            fail("register_target", "table", "of the operations in lrsched.targets.OPERATIONS alone", operation)
        if not callable(function):
            fail("register_target", f"table[{operation!r}]", "callable", function, wrong_type=True)
    if name in REGISTERED and REGISTERED[name].operations != dict(table):
        fail("register_target", "name", "a name that no other table has", name)
    REGISTERED.setdefault(name, CallTarget(name, dict(table)))
