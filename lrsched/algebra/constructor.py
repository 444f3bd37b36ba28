"""Kinds: a class is frozen and registered, and its constructor is one loop over the declared fields."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, dataclass_transform, get_type_hints

from lrsched.algebra import fields
from lrsched.algebra.fields import NUMBERS, REQUIRED, Field
from lrsched.algebra.node import Node, prepare, set_arrays
from lrsched.algebra.registry import KINDS, MAX_DEPTH, ON_NEW_KIND
from lrsched.foundation.errors import ScheduleError, ScheduleTypeError, check_duration, fail

T = TypeVar("T", bound="type[Node]")
FLAT = {  # how operators that are evaluated from the left are written without nesting
    "sum": " (a chain of + is flat where the long sum comes first: s + c; or use lrsched.sum(...))",
    "product": " (a chain of * is flat where the long product comes first: s * c)",
}
PLAIN = (float, int)
NUMBER, NODE, NODES, STATIC, SEVERAL = range(5)  # how the loop treats a field
TREATED = {"real": NUMBER, "count": NUMBER, "node": NODE, "nodes": NODES, "static": STATIC}


@dataclass_transform(
    frozen_default=True,
    field_specifiers=(
        fields.real,
        fields.positive,
        fields.count,
        fields.reals,
        fields.counts,
        fields.static,
        fields.node,
        fields.nodes,
        fields.numbers,
    ),
)
def kind(name: str, *, method: str = "") -> Callable[[T], T]:
    """Freeze a class into a kind of expression and register it under ``name``, for ever.

    ``method`` names the method of its first field that makes it: ``child.method(...)``.
    """

    def register(cls: T) -> T:
        made = _frozen(cls)
        if name in KINDS:
            fail("kind", "name", "a name that no other kind has", name)
        made.kind_name, made.method = name, method
        if made.fixed_length is Node.fixed_length and all(f.form in NUMBERS for f in made._declared.values()):
            made._structure = (name, (), None)  # type: ignore[misc]  # that of every node
        KINDS[name] = made
        for hook in ON_NEW_KIND:
            hook(made)
        return made

    return register


def _frozen(cls: T) -> T:
    """The class with a slot for each declared field, and the constructor that follows from them."""
    declared = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
    space = {k: v for k, v in vars(cls).items() if k not in declared and k not in ("__dict__", "__weakref__")}
    space |= {"__slots__": tuple(declared), "__match_args__": tuple(declared), "_declared": declared}
    space |= {"__qualname__": cls.__qualname__, "__signature__": _Signature()}
    made: Any = type(cls)(cls.__name__, cls.__bases__, space)  # type: ignore[misc]
    made.__init__ = _constructor(made)
    return made


class _Signature:
    """The signature of a kind's constructor, made when somebody asks for it."""

    def __get__(self, node: Node | None, cls: type[Node]) -> inspect.Signature:
        if node is not None:  # what the value itself is called with
            argument = inspect.Parameter("u" if cls.takes_progress else "t", inspect.Parameter.POSITIONAL_ONLY)
            return inspect.Signature([argument])
        try:
            hints = get_type_hints(cls)
        except Exception:  # noqa: BLE001 - names that only type checkers know, or that are local to a function
            hints = inspect.get_annotations(cls)
        empty, way = inspect.Parameter.empty, inspect.Parameter.POSITIONAL_OR_KEYWORD
        made = inspect.Signature(
            [
                inspect.Parameter(
                    name, way, default=empty if value is REQUIRED else value, annotation=hints.get(name, empty)
                )
                for name, value in zip(cls._declared, _defaults(cls), strict=True)
            ]
        )
        cls.__signature__ = made  # type: ignore[attr-defined]
        return made


def _defaults(cls: type[Node]) -> tuple[Any, ...]:
    """The defaults of a kind's fields, normalised; REQUIRED where there is none."""
    return tuple(
        REQUIRED if spec.default is REQUIRED else spec.check(cls.where(), spec.label or name, spec.default)
        for name, spec in cls._declared.items()
    )


def _constructor(cls: type[Node]) -> Callable[..., None]:
    """``__init__`` with a parameter for each field: checks it, sets it, and counts how deep the expression is."""
    rows: tuple[tuple[Any, ...], ...] | None = None
    defaults: tuple[Any, ...] = ()

    def construct(self: Any, /, *args: Any, **values: Any) -> None:
        nonlocal rows, defaults
        if rows is None:  # not before the first value is made: defaults may be expressions
            defaults = _defaults(cls)
            rows = tuple(map(_row, [cls] * len(defaults), cls._declared.items(), defaults))
        if values or len(args) != len(rows):
            args = _bound(cls, defaults, args, values)
        depth, plain = 0, True
        for (put, default, sound, low, high, treated, check), value in zip(rows, args):  # noqa: B905
            if value is not default and not (type(value) is sound and low < value < high and value):
                value = check(value)
            put(self, value)
            if treated == NUMBER:
                plain = plain and type(value) in PLAIN
            elif treated == NODE:
                plain = plain and not value._arrays
                depth = max(depth, value._depth)
            elif treated != STATIC:
                plain = plain and treated == NODES and True not in [part._arrays for part in value]
                depth = max([depth, *[part._depth for part in value]]) if treated == NODES else depth
        if depth >= MAX_DEPTH:
            _too_deep(cls.where())
        if plain:
            set_arrays(self, False)
        self.validate()
        if plain and self.adds_up:
            check_duration(cls.where(), self.duration)
        prepare(self, depth + 1)

    construct.__name__, construct.__qualname__ = "__init__", f"{cls.__qualname__}.__init__"
    return construct


def _row(cls: type[Node], field: tuple[str, Field], default: Any) -> tuple[Any, ...]:
    """What the loop needs of a field: numbers of the ``sound`` type between two others are not looked at closer."""
    name, spec = field
    check = functools.partial(spec.checker(), cls.where(), spec.label or name)
    sound = {"real": float, "count": int}.get(spec.form)
    low = max(spec.low, 0) - 1 if spec.form == "count" else spec.low
    return vars(cls)[name].__set__, default, sound, low, spec.high, TREATED.get(spec.form, SEVERAL), check


def _bound(
    cls: type[Node], defaults: tuple[Any, ...], args: tuple[Any, ...], values: dict[str, Any]
) -> tuple[Any, ...]:
    """The arguments in the order of the fields, defaults included."""
    rest = defaults[len(args) :]
    if values:
        names = [*cls._declared][len(args) :]
        rest = tuple(map(values.get, names, rest))
        if not values.keys() <= set(names):
            _misfit(cls, args, values)
    bound = args + rest
    if len(bound) > len(defaults) or True in [value is REQUIRED for value in rest]:
        _misfit(cls, args, values)
    return bound


def _misfit(cls: type[Node], args: tuple[Any, ...], values: dict[str, Any]) -> NoReturn:
    """Refuse arguments that are missing, too many, given twice or unknown."""
    try:
        inspect.signature(cls).bind(*args, **values)
    except TypeError as error:
        raise ScheduleTypeError(f"{cls.where()}: {error}") from None
    raise AssertionError(cls)


def _too_deep(where: str) -> NoReturn:
    advice = FLAT.get(where, "")
    raise ScheduleError(f"{where}: expressions nest at most {MAX_DEPTH} deep; this one would be deeper{advice}")
