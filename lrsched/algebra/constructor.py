"""Constructors of kinds: code that follows from the declared fields, written when it is first used."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NoReturn

from lrsched.algebra.fields import BASES, CHECKS, REQUIRED, Field
from lrsched.algebra.node import MAX_DEPTH, Node, T, prepare, set_arrays
from lrsched.foundation.errors import ScheduleError


class _Signature:
    """The signature of a kind's constructor, made when somebody asks for it."""

    def __get__(self, node: Node | None, cls: type[Node]) -> inspect.Signature:
        _, *others = inspect.signature(_constructor(cls)).parameters.values()
        made = inspect.Signature(others)
        cls.__signature__ = made  # type: ignore[attr-defined]
        return made


def _frozen(cls: T) -> T:
    """The class with a slot for each declared field, and a constructor that is written when it is first used."""
    declared = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
    space = {k: v for k, v in vars(cls).items() if k not in declared and k not in ("__dict__", "__weakref__")}
    space |= {"__slots__": tuple(declared), "__match_args__": tuple(declared), "_declared": declared}
    space |= {"__init__": _first_init, "__signature__": _Signature()}
    made: Any = type(cls)(cls.__name__, cls.__bases__, {**space, "__qualname__": cls.__qualname__})  # type: ignore[misc]
    return made


def _first_init(self: Any, /, *args: Any, **values: Any) -> None:
    cls = type(self)
    cls.__init__ = _constructor(cls)
    cls.__init__(self, *args, **values)


FLAT = {  # how operators that are evaluated from the left are written without nesting
    "sum": " (a chain of + is flat where the long sum comes first: s + c; or use lrsched.sum(...))",
    "product": " (a chain of * is flat where the long product comes first: s * c)",
}
NUMBERS = ("real", "count")  # forms of single numbers
SOUND = {  # what tells a constructor without a closer look that an argument stays as it is
    "real": "type({0}) is float and low_{0} < {0} < high_{0} and {0}",  # 0 may be -0.0
    "count": "type({0}) is int and {0} >= low_{0}",
    "node": "isinstance({0}, base_{0})",
}
PLAIN = {  # what tells a constructor without a closer look that a field holds no array
    "real": "type({}) is float",
    "count": "type({}) is int",
    "node": "not {}._arrays",
    "nodes": "True not in [part._arrays for part in {}]",
    "reals": "False",
    "counts": "False",
    "numbers": "False",
}


def _constructor(cls: type[Node]) -> Callable[..., None]:
    """``__init__`` with a parameter for each field: checks it, sets it, and counts how deep the expression is."""
    where = cls.where()
    space: dict[str, Any] = {"prepare": prepare, "where": where, "too_deep": _too_deep, "MAX_DEPTH": MAX_DEPTH}
    space["set_arrays"] = set_arrays
    arguments: list[str] = []
    lines = ["    depth = 0"]
    plain: list[str] = []
    for name, spec in cls._declared.items():
        label = spec.label or name
        space |= {f"check_{name}": CHECKS[spec.form], f"spec_{name}": spec, f"set_{name}": vars(cls)[name].__set__}
        space |= {f"low_{name}": spec.low, f"high_{name}": spec.high, f"base_{name}": BASES.get(spec.base)}
        sound = [SOUND[spec.form].format(name)] if spec.form in SOUND else []
        if spec.default is not REQUIRED:
            space[f"default_{name}"] = spec.check(where, label, spec.default)
            sound.insert(0, f"{name} is default_{name}")
        arguments.append(name if spec.default is REQUIRED else f"{name}=default_{name}")
        closer = f"{name} = check_{name}(spec_{name}, where, {label!r}, {name})"
        lines.append(f"    if not ({' or '.join(sound)}): {closer}" if sound else f"    {closer}")
        lines.append(f"    set_{name}(self, {name})")
        if spec.form in PLAIN:
            plain.append(PLAIN[spec.form].format(name))
        if spec.form == "node":
            lines.append(f"    if {name}._depth > depth: depth = {name}._depth")
        elif spec.form == "nodes":
            lines.append(f"    depth = max([depth, *[part._depth for part in {name}]])")
    lines.append("    if depth >= MAX_DEPTH: too_deep(where)")
    lines.append(f"    if {' and '.join(plain) or 'True'}: set_arrays(self, False)")
    lines += ["    self.validate()"] * (cls.validate is not Node.validate)
    text = "\n".join([f"def __init__(self, {', '.join(arguments)}):", *lines, "    prepare(self, depth + 1)"])
    exec(text, space)  # noqa: S102 - names of declared fields alone
    made: Callable[..., None] = space["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__annotations__ = {name: cls.__annotations__[name] for name in cls._declared}
    return made


def _too_deep(where: str) -> NoReturn:
    advice = FLAT.get(where, "")
    raise ScheduleError(f"{where}: expressions nest at most {MAX_DEPTH} deep; this one would be deeper{advice}")
