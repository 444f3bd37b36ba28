"""The base of every expression: a frozen value made of declared fields.

A kind is one class with typed fields and one formula (``formula``). The decorator :func:`kind` freezes it, registers
it by name, and from its fields follow construction, checks, equality, hashing, text, JSON, the pytree, the
catalogue and the generated test data.
"""

from __future__ import annotations

import gc
import inspect
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeVar, dataclass_transform

from lrsched import _fields
from lrsched._errors import ScheduleError, ScheduleTypeError, fail
from lrsched._fields import BASES, CHECKS, REQUIRED, Field, all_plain, is_opaque

if TYPE_CHECKING:
    from lrsched._clock import Clock, Progress
    from lrsched._term import Term

__all__ = ["BASES", "KINDS", "MAX_DEPTH", "NO_NUMBERS", "Node", "children", "kind", "leaves_of", "names_of", "walk"]

KINDS: dict[str, type[Node]] = {}
ON_NEW_KIND: list[Callable[[type[Node]], None]] = []
LATER: dict[str, Callable[[Node], Any]] = {"_memo": lambda node: {}}  # what is made when it is first asked for
MAX_DEPTH = 100

T = TypeVar("T", bound="type[Node]")
set_field = object.__setattr__


class Node:
    """An immutable expression; see :class:`lrsched.Schedule` and :class:`lrsched.Profile`."""

    __slots__ = ("__call__", "__weakref__", "_arrays", "_depth", "_memo", "_structure")

    kind_name: ClassVar[str]
    method: ClassVar[str]
    _declared: ClassVar[dict[str, Field]]
    __array_ufunc__ = None
    _depth: int
    if TYPE_CHECKING:
        _arrays: bool
        _memo: dict[Any, Any]
        _structure: Any
    else:

        def __getattr__(self, name: str) -> Any:
            make = LATER.get(name)
            if make is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            value = make(self)
            set_field(self, name, value)
            return value

    def __init_subclass__(cls) -> None:
        if "__init__" in vars(cls) and "_declared" not in vars(cls):
            raise ScheduleTypeError(f"{cls.__name__}: the constructor of a kind follows from its fields")

    def __init__(self, *args: Any, **values: Any) -> None:
        name = type(self).__name__
        raise ScheduleTypeError(f"{name} is the base of all kinds: build one of them, such as constant(1.0)")

    def __setattr__(self, name: str, value: Any) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"a {base_name(self)} never changes: cannot set {name!r}; build another one")

    def __delattr__(self, name: str) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"a {base_name(self)} never changes: cannot delete {name!r}")

    def validate(self) -> None:
        """Check what concerns several fields at once."""

    @classmethod
    def where(cls) -> str:
        """The name that errors give to this kind's constructor."""
        return cls.method or cls.kind_name.rpartition(".")[2]

    def fixed_length(self) -> Any:
        """A length on which more than single numbers of the compiled form depend, or None."""
        return None

    def fixed_counts(self) -> bool:
        """Whether the counts below are part of the structure under JAX."""
        return False

    @property
    def key(self) -> tuple[Any, ...]:
        """Structure and numbers as a nested tuple: equal keys are equal expressions."""
        memo = self._memo
        if "key" not in memo:
            memo["key"] = (self.kind_name, *(_key_of(getattr(self, name)) for name in names_of(type(self))))
        found: tuple[Any, ...] = memo["key"]
        return found

    def concrete(self, purpose: str) -> Self:
        """This expression, or an error if it holds arrays or tracers."""
        if holds_arrays(self):
            raise ScheduleTypeError(
                f"this {base_name(self)} holds JAX arrays, so it evaluates on JAX only and cannot be {purpose}; "
                "rebuild it from plain numbers first"
            )
        return self

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Node):
            return NotImplemented
        return self.concrete("compared").key == other.concrete("compared").key

    def __hash__(self) -> int:
        memo = self._memo
        if "hash" not in memo:
            memo["hash"] = hash(self.concrete("hashed").key)
        found: int = memo["hash"]
        return found

    def __repr__(self) -> str:
        from lrsched.text import spell

        if holds_arrays(self):
            return f"<{base_name(self)} '{self.kind_name}' that holds JAX arrays: it evaluates on JAX only>"
        return spell(self)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        from lrsched.serial import from_dict, to_dict

        return from_dict, (to_dict(self.concrete("saved")),)

    def __bool__(self) -> bool:
        raise ScheduleTypeError(f"a {base_name(self)} has no truth value; compare values, such as {_value(self)} > 0")

    def __iter__(self) -> Iterator[Any]:
        values = (
            "s.sample(n) for its first n values" if base_name(self) == "schedule" else "p(u) for an array of progress"
        )
        raise ScheduleTypeError(f"a {base_name(self)} is not iterable; use {values}")

    def _unordered(self, other: object) -> bool:
        advice = ", or use lrsched.minimum(a, b)" if base_name(self) == "schedule" else f", such as {_value(self)} < 1"
        raise ScheduleTypeError(f"{base_name(self)}s have no order; compare values{advice}")

    __lt__ = __le__ = __gt__ = __ge__ = _unordered

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :func:`lrsched.from_dict` reads back: ``{"format": 1, "kind": ..., fields...}``."""
        from lrsched.serial import to_dict

        return to_dict(self)

    def to_json(self, indent: int | None = None) -> str:
        """The JSON text of :meth:`to_dict`, read back by :func:`lrsched.from_json`."""
        from lrsched.serial import to_json

        return to_json(self, indent=indent)

    def fingerprint(self) -> str:
        """The SHA-256 of the canonical JSON, as 64 hexadecimal digits: stable across processes and versions."""
        from lrsched.serial import fingerprint

        return fingerprint(self)


def prepare(node: Node, depth: int) -> None:
    """Give a node whose fields are set what it needs to be called."""
    set_depth(node, depth)
    set_call(node, _FirstCall(node))


NO_NUMBERS = (Node, str, bytes, list, tuple, dict, set, type(None))  # operands that an operator leaves to the other one
set_arrays, set_call, set_depth = (vars(Node)[name].__set__ for name in ("_arrays", "__call__", "_depth"))


class _FirstCall(weakref.ref["Node"]):
    """What a node is called through until it has been called."""

    __slots__ = ()

    def __call__(self, t: Any = None, /) -> Any:
        from lrsched.compiler import calling

        node: Any = super().__call__()
        assert node is not None, "a node lives while it is called"
        call = calling(node)
        set_call(node, call)
        return call(t)


def forget(concerned: Callable[[Node], bool]) -> None:
    """Drop what was computed for every living expression with a part that is ``concerned``."""
    for node in gc.get_objects():
        if issubclass(type(node), Node) and any(map(concerned, walk(node))):
            node._memo.clear()
            set_call(node, _FirstCall(node))


def names_of(kind: type[Node]) -> tuple[str, ...]:
    """The names of a kind's fields, in order."""
    found: tuple[str, ...] = kind.__match_args__  # type: ignore[attr-defined]
    return found


def base_name(node: Node) -> str:
    """The word "schedule" or "profile"."""
    return next(name for name, base in BASES.items() if isinstance(node, base)).lower()


def _value(node: Node) -> str:
    """How the value of an expression is written."""
    return "s(t)" if base_name(node) == "schedule" else "p(u)"


def _key_of(value: Any) -> Any:
    if isinstance(value, Node):
        return value.key
    if isinstance(value, tuple):
        return tuple(map(_key_of, value))
    return value


def children(node: Node) -> Iterator[Node]:
    """The expressions that a node is directly made of."""
    for name, spec in type(node)._declared.items():
        if spec.form == "node":
            yield getattr(node, name)
        elif spec.form == "nodes":
            yield from getattr(node, name)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, outermost first."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(tuple(children(current))))


def leaves_of(node: Node) -> Iterator[Any]:
    """The numbers (and tuples of numbers) of a node's own fields that JAX may trace."""
    for name, spec in type(node)._declared.items():
        if spec.is_leaf:
            yield getattr(node, name)
        elif spec.form == "numbers":
            yield from (x for _, x in getattr(node, name))


def _is_array(value: Any) -> bool:
    if isinstance(value, tuple):
        return not all_plain(value) and any(map(is_opaque, value))
    return not isinstance(value, int | float | None)


def holds_arrays(node: Node) -> bool:
    """Whether some number in the expression is an array or a tracer."""
    return node._arrays


def _finds_arrays(node: Node) -> bool:
    return any(map(_is_array, leaves_of(node))) or any(map(holds_arrays, children(node)))


LATER["_arrays"] = _finds_arrays


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


@dataclass_transform(
    frozen_default=True,
    field_specifiers=(
        _fields.real,
        _fields.positive,
        _fields.count,
        _fields.reals,
        _fields.counts,
        _fields.static,
        _fields.node,
        _fields.nodes,
        _fields.numbers,
    ),
)
def kind(name: str, *, method: str = "") -> Callable[[T], T]:
    """Freeze a class into a kind of expression and register it under ``name``, for ever.

    ``method`` names the method of its first field that makes it: ``child.method(...)``.
    """

    def register(cls: T) -> T:
        if cls.__module__.partition(".")[0] != "lrsched":
            from lrsched import _core  # noqa: F401 (whose names are taken)
        frozen = _frozen(cls)
        if name in KINDS:
            fail("kind", "name", "a name that no other kind has", name)
        frozen.kind_name, frozen.method = name, method
        if frozen.fixed_length is Node.fixed_length and all(f.form in NUMBERS for f in frozen._declared.values()):
            frozen._structure = (name, (), None)  # type: ignore[misc]  # that of every node
        KINDS[name] = frozen
        for hook in ON_NEW_KIND:
            hook(frozen)
        return frozen

    return register


if TYPE_CHECKING:
    _ = (Clock, Progress, Term)
