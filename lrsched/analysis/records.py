"""Results as records: frozen dataclasses that print with what they assume, and are pytrees once JAX is imported."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import textwrap
from _thread import allocate_lock
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, dataclass_transform

import numpy as np

from lrsched.algebra.node import Node, holds_arrays
from lrsched.algebra.pytree import when_imported
from lrsched.foundation.errors import ScheduleError, ScheduleTypeError, fail, listed
from lrsched.foundation.numbers import is_jax

__all__ = ["Result", "axes", "columns", "number", "plain", "read_record", "record"]

WIDTH = 100
DASH: Any = {"initial_indent": "  - ", "subsequent_indent": "    ", "break_on_hyphens": False}
NUMERIC = re.compile(r"(?:[-+~<>]? ?(?:[\d.,]+(?:e[-+]?\d+)?|inf|nan)(?: ?%)?)?")
STRUCTURE = ("int", "str", "bool", "tuple[str, ...]")  # annotations of fields that are no leaves of the pytree


class Result:
    """The base of all records; a record declares its fields, ``assumes``, ``table`` and ``plot``.

    ``assumes`` and ``notes`` are class variables, properties, or the last fields.

    Fields annotated ``int``, ``str``, ``bool`` or ``tuple[str, ...]`` are the structure of the pytree; the others hold
    its leaves. Equality and hash go by value, vectors included. What holds JAX values is neither printed nor compared.
    """

    assumes: ClassVar[Any] = ()  # sentences
    notes: ClassVar[Any] = ()  # sentences about these numbers in particular, printed before what is assumed

    def table(self) -> list[tuple[str, ...]]:
        """The table, a row of texts each; the first one is its head."""
        raise NotImplementedError

    def plot(self, ax: Any = None) -> Any:
        """Draw the record on axes, new ones by default, and return them."""
        raise NotImplementedError

    def _values(self) -> tuple[Any, ...]:
        """The fields' values, in the order of their declaration."""
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self))  # type: ignore[arg-type]

    def concrete(self, purpose: str) -> None:
        """Refuse what only numbers can be used for, if this holds JAX values."""
        if _is_traced(self._values()):
            raise ScheduleTypeError(
                f"this {type(self).__name__} holds JAX values, so it cannot be {purpose}; "
                "take its fields, or make it from plain numbers"
            )

    def __str__(self) -> str:
        self.concrete("printed")
        return "\n".join([*columns(self.table()), *_listed("note", self.notes), *_listed("assumes", self.assumes)])

    def __repr__(self) -> str:
        if _is_traced(self._values()):
            return f"<{type(self).__name__} that holds JAX values>"
        pairs = zip(dataclasses.fields(self), self._values(), strict=True)  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(f'{field.name}={value!r}' for field, value in pairs)})"

    def _repr_html_(self) -> str:
        self.concrete("shown")
        head, *body = ([html.escape(cell) for cell in row] for row in self.table())
        said = [*(f"note: {note}" for note in self.notes), *(f"assumes: {said}" for said in self.assumes)]
        lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in body)
        top = f"<thead><tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr></thead>"
        return f"<table>{top}<tbody>{lines}</tbody></table>" + "".join(f"<p>{html.escape(one)}</p>" for one in said)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not isinstance(other, Result):
            return NotImplemented
        self.concrete("compared")
        other.concrete("compared")
        return all(_equal(a, b) for a, b in zip(self._values(), other._values(), strict=True))

    def __hash__(self) -> int:
        self.concrete("hashed")
        return hash((type(self).__name__, *map(_key, self._values())))

    def to_dict(self) -> dict[str, Any]:
        """The record as plain data: its kind and its fields."""
        self.concrete("saved")
        pairs = zip(dataclasses.fields(self), self._values(), strict=True)  # type: ignore[arg-type]
        return {"kind": type(self).__name__, **{field.name: plain(value) for field, value in pairs}}

    def to_json(self, indent: int | None = None) -> str:
        """The plain data as JSON; :func:`read_record` reads it back."""
        return json.dumps(self.to_dict(), indent=indent)


Some = TypeVar("Some", bound=Result)
RECORDS: list[type[Result]] = []
ON_NEW_RECORD: list[Callable[[type[Result]], None]] = []  # filled when JAX has been imported
REGISTERED: set[type[Result]] = set()
REGISTERING = allocate_lock()


@dataclass_transform(frozen_default=True, eq_default=False)
def record(kind: type[Some]) -> type[Some]:
    """Make a subclass of :class:`Result` a frozen dataclass and a pytree."""
    made = dataclasses.dataclass(frozen=True, eq=False, repr=False)(kind)
    RECORDS.append(made)
    for act in ON_NEW_RECORD:
        act(made)
    return made


def _register_all() -> None:
    ON_NEW_RECORD.append(_register)
    for kind in (*RECORDS,):
        _register(kind)


def _register(kind: type[Result]) -> None:
    import jax

    names = [(field.name, field.type in STRUCTURE) for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    leaves = [name for name, fixed in names if not fixed]
    structure = [name for name, fixed in names if fixed]

    def flatten(record: Any) -> tuple[list[Any], Any]:
        return [getattr(record, name) for name in leaves], tuple(getattr(record, name) for name in structure)

    def with_keys(record: Any) -> tuple[list[Any], Any]:
        values, fixed = flatten(record)
        keys = [jax.tree_util.GetAttrKey(name) for name in leaves]
        return list(zip(keys, values, strict=True)), fixed

    def unflatten(fixed: Any, values: Any) -> Any:
        made = object.__new__(kind)
        made.__dict__.update(zip(leaves, values, strict=True), **dict(zip(structure, fixed, strict=True)))
        return made

    with REGISTERING:
        if kind not in REGISTERED:
            jax.tree_util.register_pytree_with_keys(kind, with_keys, unflatten, flatten)
            REGISTERED.add(kind)


when_imported(_register_all)


# ---- values


def _is_traced(value: Any) -> bool:
    """Whether there is a JAX value in a field's value."""
    if isinstance(value, Result):
        return _is_traced(value._values())
    if isinstance(value, Node):
        return holds_arrays(value)
    return any(map(_is_traced, value)) if isinstance(value, tuple) else is_jax(value)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, np.ndarray | float) and isinstance(b, np.ndarray | float):
        return bool(np.array_equal(a, b, equal_nan=True))
    return bool(a == b)


def _key(value: Any) -> Any:
    """What is hashed of a value: the same for equal ones."""
    if isinstance(value, tuple):
        return tuple(map(_key, value))
    if isinstance(value, np.ndarray):
        return value.shape, np.where(np.isnan(value), np.nan, value + 0.0).tobytes()
    return None if value != value else value


def plain(value: Any) -> Any:
    """A field's value as plain data: numbers, texts, lists and dicts."""
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, Node):
        return repr(value)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def read_record(where: str, text: str, kinds: Mapping[str, type[Result]]) -> Any:
    """The record that a JSON text holds, one of ``kinds`` by its name; its constructor checks the values.

    Raises:
        ScheduleError: the text is no JSON, or holds another kind, or other fields than the kind has.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScheduleError(f"{where}: this is no JSON: {error}") from None
    name = data.get("kind") if isinstance(data, dict) else None
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        fail(where, "the record", f"an object whose kind is one of {', '.join(kinds)}", data)
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    if set(data) != {"kind", *names}:
        fail(where, "the record", f"a {name} with {listed(names)}", f"one with {listed(k for k in data)}")
    given = {name: tuple(data[name]) if isinstance(data[name], list) else data[name] for name in names}
    return kind(**given)


# ---- tables and pictures


def number(value: float, digits: int = 4) -> str:
    """A number of a table in a few significant digits; zeros at its end stay, so that columns align."""
    if value == 0 or not np.isfinite(value):
        return f"{value:g}"
    text = f"{value:#.{digits}g}"
    return f"{value:,.0f}" if 10 ** (digits - 1) <= abs(value) < 1e9 else text.rstrip(".").replace("e-0", "e-")


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table: columns of numbers end on the right, others begin on the left."""
    made = []
    for column in zip(*rows, strict=True):
        wide = max(map(len, column))
        is_right = all(NUMERIC.fullmatch(cell) for cell in column[1:]) and any(column[1:])
        made.append([cell.rjust(wide) if is_right else cell.ljust(wide) for cell in column])
    return ["  ".join(cells).rstrip() for cells in zip(*made, strict=True)]


def _listed(head: str, sentences: Sequence[str]) -> list[str]:
    """Sentences under a head, each a line that is wrapped."""
    lines = [line for one in sentences for line in textwrap.wrap(one, WIDTH, **DASH)]
    return ["", f"{head}:", *lines] if lines else []


def axes(ax: Any, height: float = 3.6) -> Any:
    """The axes that are given, or new ones, without a frame above and to the right."""
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(8.0, height), layout="constrained")[1]
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
