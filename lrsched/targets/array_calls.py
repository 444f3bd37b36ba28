"""Targets whose operations are functions of arrays: every operation is a call, both sides of a condition run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lrsched.ir.operations import OPERATIONS
from lrsched.ir.term import Term
from lrsched.targets.emit import Dialect, Target, Template, emit, plain_number


class CallTarget(Target):
    """Generates a function that calls the operations of a table by name, but for those that are ``written``."""

    def __init__(self, name: str, table: dict[str, Callable[..., Any]], **written: Template) -> None:
        self.operations = table
        calls = {op: f"{op}({', '.join(f'{{{i}}}' for i in range(len(OPERATIONS[op][0])))})" for op in table}
        calls["call"] = "call({0}({2}), {1})"
        super().__init__(name, Dialect(calls | written, number=plain_number))
        self.helpers: dict[str, Callable[..., Any]] = {}

    def function(self, root: Term) -> tuple[str, dict[str, Any]]:
        """The source of a function that returns ``root``, and the objects it needs from outside the source."""
        objects: dict[str, Any] = {}
        return "\n".join(["def schedule(t):", *self.written(root, objects)]) + "\n", objects

    def written(self, root: Term, objects: dict[str, Any]) -> list[str]:
        """The lines that compute ``root``; what they name is added to the objects."""
        return emit(root, self.dialect, objects)

    def load(self, source: str, objects: Mapping[str, Any]) -> Callable[[Any], Any]:
        """The function that the source defines."""
        called = {name: _with_builtins(function) for name, function in (self.operations | self.helpers).items()}
        space: dict[str, Any] = {**called, **objects, "__builtins__": {}}
        space |= {"inf": float("inf"), "nan": float("nan")}
        exec(compile(source, f"<lrsched {self.name}>", "exec"), space)  # noqa: S102 - text generated above
        loaded: Callable[[Any], Any] = space["schedule"]
        return loaded


@functools.cache
def _with_builtins(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that code without builtins may call: compiled code that imports, as JAX's does, asks its caller's."""
    if inspect.isfunction(function) or isinstance(function, np.ufunc):
        return function

    def call(*operands: Any) -> Any:
        return function(*operands)

    return call
