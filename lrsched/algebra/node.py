"""The base of every expression: a frozen value made of declared fields.

A kind is one class with typed fields and one formula (``formula``). The decorator :func:`kind` freezes it, registers
it by name, and from its fields follow construction, checks, equality, hashing, text, JSON, the pytree, the
catalogue and the generated test data.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lrsched.algebra.fields import Field, names_of
from lrsched.algebra.registry import BASES
from lrsched.foundation.errors import ScheduleError, ScheduleTypeError, fail, listed, show
from lrsched.foundation.numbers import all_plain, is_opaque
from lrsched.ir.expression import Expression

ON_DEMAND: dict[str, Callable[[Node], Any]] = {  # what is made when it is first asked for
    "_memo": lambda node: {},
    "_given": lambda node: None,
}

set_field = object.__setattr__


# what authors of kinds write and callers never need: not shown, see _Kind.__dir__
INTERNAL = frozenset(
    {"adds_up", "after_policy", "as_power", "begun", "between_ends", "changes", "come", "concrete"}
    | {"counts_phases", "edge", "endless_edges", "evaluable", "first", "fixed_counts"}
    | {"fixed_length", "formula"}
    | {"goes_on", "in_cycle", "is_level", "joints", "key", "kind_name", "laid", "last", "lasts", "lift", "method"}
    | {"milestones", "nearer", "operands", "parts", "parts_from", "parts_in_time", "place", "ramp", "reach"}
    | {"reached", "scaled", "shows_parts", "side", "sided", "steady", "stored_as", "stretches", "takes_progress"}
    | {"twin", "validate", "varying", "walk_edges", "where"}
)


class _Kind(type):
    """The type of the classes of expressions: shows what users call, on classes as on values."""

    def __dir__(cls) -> list[str]:
        shown: set[str] = set()
        for base in cls.__mro__[:-1]:
            if base.__module__.partition(".")[0] != "lrsched" or base.__module__.startswith("lrsched.algebra."):
                shown |= {name for name in vars(base) if not name.startswith("_")} - {*vars(base).get("_declared", ())}
        return sorted(shown - INTERNAL)


class Node(Expression, metaclass=_Kind):
    """An immutable expression; see :class:`lrsched.Schedule` and :class:`lrsched.Profile`."""

    __slots__ = ("__call__", "__weakref__", "_arrays", "_depth", "_given", "_memo", "_structure")

    kind_name: ClassVar[str]
    stored_as: ClassVar[str] = ""  # the kind that its data name, if another
    method: ClassVar[str]
    adds_up: ClassVar[bool] = False  # it may last longer than any length that it was given
    _declared: ClassVar[dict[str, Field]]
    __array_ufunc__ = None
    _depth: int
    if TYPE_CHECKING:
        _arrays: bool
        _given: Any  # the leaves and the layout that JAX made it of, where they are not plain numbers
        _memo: dict[Any, Any]
        _structure: Any
    else:

        def __getattr__(self, name: str) -> Any:
            if name not in ON_DEMAND:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            value = ON_DEMAND[name](self)
            set_field(self, name, value)
            return value

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls) and "_declared" not in vars(cls):
            raise ScheduleTypeError(f"{cls.__name__}: the constructor of a kind follows from its fields")

    def __init__(self, *args: Any, **values: Any) -> None:
        name = type(self).__name__
        raise ScheduleTypeError(f"{name} is the base of all kinds: build one of them, such as constant(1.0)")

    def __dir__(self) -> list[str]:
        return dir(type(self))

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

    def twin(self) -> Self:
        """The same expression as another object, so that a function may hold it without a reference cycle."""
        twin: Self = make(type(self), {name: getattr(self, name) for name in names_of(type(self))})
        set_arrays(twin, self._arrays)
        return twin

    def concrete(self, purpose: str) -> Self:
        """This expression, or an error if it holds arrays, tracers or placeholders."""
        if holds_arrays(self):
            only = "which are no numbers, and" if placeholders(self) else "so it evaluates on JAX only and"
            raise ScheduleTypeError(
                f"this {base_name(self)} holds {_held(self)}, {only} cannot be {purpose}; "
                "rebuild it from plain numbers first"
            )
        return self

    def evaluable(self) -> Self:
        """This expression, or an error if some field holds neither a number nor an array of its type."""
        if holds_arrays(self):
            refuse_placeholders(self, "evaluated")
        return self

    def __eq__(self, other: object) -> bool:
        if self is other and not self._arrays:
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
        from lrsched.algebra.spelling import spell

        if holds_arrays(self):
            only = "" if placeholders(self) else ": it evaluates on JAX only"
            return f"<{base_name(self)} '{self.kind_name}' that holds {_held(self)}{only}>"
        return spell(self)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    @property
    def __dict__(self) -> dict[str, str]:  # type: ignore[override]
        """What distinguishes this expression, for programs that save the attributes of the functions they call."""
        return _Definition({base_name(self): repr(self)})

    def __reduce__(self) -> tuple[Any, ...]:
        from lrsched.algebra.serial import from_dict, to_dict

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
        from lrsched.algebra.serial import to_dict

        return to_dict(self)

    def to_json(self, indent: int | None = None) -> str:
        """The JSON text of :meth:`to_dict`, read back by :func:`lrsched.from_json`."""
        from lrsched.algebra.serial import to_json

        return to_json(self, indent=indent)

    def fingerprint(self) -> str:
        """The SHA-256 of the canonical JSON, as 64 hexadecimal digits: stable across processes and versions."""
        from lrsched.algebra.serial import fingerprint

        return fingerprint(self)


class _Definition(dict[str, str]):
    """The text of an expression by the word for what it is; what was saved of another one is refused."""

    def update(self, *saved: Any, **more: Any) -> None:
        """Take over what was saved, which changes nothing, or raise an error."""
        ((word, text),) = self.items()
        theirs = dict(*saved, **more)
        if theirs != self:
            fail("load_state_dict", word, f"that of the saved state, {show(theirs.get(word))}", text)


def prepare(node: Node, depth: int) -> None:
    """Give a node whose fields are set what it needs to be called."""
    set_depth(node, depth)
    set_call(node, _FirstCall(node))


NO_NUMBERS = (Node, str, bytes, list, tuple, dict, set, type(None))  # operands that an operator leaves to the other one
set_arrays, set_call, set_depth, set_given = (
    vars(Node)[name].__set__ for name in ("_arrays", "__call__", "_depth", "_given")
)


class _FirstCall(weakref.ref["Node"]):
    """What a node is called through until it has been called."""

    __slots__ = ()

    def __call__(self, t: Any = None, /) -> Any:
        from lrsched.compiler import calling

        node: Any = super().__call__()
        assert node is not None, "a node lives while it is called"
        try:
            call = calling(node)
        except RecursionError:
            raise ScheduleError(f"this {base_name(node)} is nested deeper than Python may recurse") from None
        set_call(node, call)
        return call(t)


def make(kind: type[Node], values: dict[str, Any]) -> Any:
    """A node with the given fields, unchecked."""
    node = object.__new__(kind)
    for name, value in values.items():
        set_field(node, name, value)
    prepare(node, 1)
    return node


def forget(concerned: Callable[[Node], bool]) -> None:
    """Drop what was computed for every living expression with a part that is ``concerned``."""
    for node in gc.get_objects():
        if issubclass(type(node), Node) and hasattr(node, "_memo") and any(map(concerned, walk(node))):
            node._memo.clear()
            set_call(node, _FirstCall(node))


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
    return not isinstance(value, int | float)


def holds_arrays(node: Node) -> bool:
    """Whether some number in the expression is an array or a tracer, or a placeholder stands for it."""
    return node._arrays


def placeholders(node: Node) -> list[tuple[Node, str, Any]]:
    """What JAX or a map over a tree put where a number belongs, and what is none: the part, the field, the value."""
    fields = ((part, name, spec) for part in walk(node) for name, spec in part._declared.items())
    found = ((part, name, spec, getattr(part, name)) for part, name, spec in fields)
    return [(part, name, strange) for part, name, spec, value in found for strange in spec.strangers(value)]


def refuse_placeholders(node: Node, purpose: str) -> None:
    """Raise for the first placeholder in the expression, if there is one."""
    for part, name, value in placeholders(node):
        spec = part._declared[name]
        allowed = "an integer" if spec.form in ("count", "counts") else "a number"
        allowed += f", or an array of them, to be {purpose} (a map that changes every leaf must leave schedules out)"
        fail(part.where(), spec.label or name, allowed, value, wrong_type=True)


def _held(node: Node) -> str:
    """What an expression holds that is no plain number, in words."""
    found = dict.fromkeys(show(value) for _, _, value in placeholders(node))
    return f"placeholders ({listed(found)})" if found else "JAX arrays"


def _finds_arrays(node: Node) -> bool:
    return any(map(_is_array, leaves_of(node))) or any(map(holds_arrays, children(node)))


ON_DEMAND["_arrays"] = _finds_arrays


def flatten_left(self: Any) -> None:
    """As ``validate``, take apart a first operand of the same kind: ``(a + b) + c`` is evaluated as ``a + b + c``."""
    parts = self.parts
    if len(parts) < 2:
        fail(self.where(), "parts", "at least two", parts)
    if isinstance(parts[0], type(self)):
        set_field(self, "parts", (*parts[0].parts, *parts[1:]))
