"""Schedules and profiles as JAX pytrees.

Real numbers are float leaves and counts integer leaves; the equal pieces of a sequence share one stacked leaf per
field; everything else (kinds, names, number of pieces, ``times``, ``t_mult``) is the structure. Kinds are registered
when they are made or when JAX is imported, whichever is later: both bases of kinds import this module, so that there
is none that it has not seen.
"""

from __future__ import annotations

import math
from _thread import allocate_lock
from collections.abc import Iterable
from typing import Any

import numpy as np

from lrsched.algebra.batching import Stack
from lrsched.algebra.fields import Field
from lrsched.algebra.node import Node, holds_arrays, make, set_arrays, set_given, walk
from lrsched.algebra.registry import BASES, KINDS, for_every_kind
from lrsched.foundation.errors import LIMIT, ScheduleError
from lrsched.foundation.numbers import is_jax


class Layout:
    """The structure of an expression: everything but its leaves, hashable."""

    __slots__ = ("_hash", "body", "names")

    def __init__(self, body: Any, names: tuple[str, ...]) -> None:
        self.body, self.names = body, names
        self._hash = hash(body)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Layout) and self._hash == other._hash and self.body == other.body)

    def __repr__(self) -> str:
        return f"Layout({self.body[0]!r}, {len(self.names)} leaves)"


def _largest() -> int:
    import jax.numpy as jnp

    return 2**63 - 1 if jnp.result_type(int) == jnp.int64 else 2**31 - 1


def flatten(node: Node) -> tuple[list[Any], Layout]:
    """The leaves of an expression and its layout."""
    largest = _largest()
    memo = node._memo
    if ("flat", largest) not in memo:
        memo["flat", largest] = _flattened(node, largest)
    leaves, layout = memo["flat", largest]
    return list(leaves), layout


def _flattened(node: Node, largest: int) -> tuple[list[Any], Layout]:
    if node._given is None:
        _check_durations(node, largest)
        body, leaves, names = _encode(node, False)
        layout = Layout(body, tuple(names))
    else:
        leaves, layout = node._given
    for name, leaf in zip(layout.names, leaves, strict=True):
        _check_fits(name, leaf, largest)
    return leaves, layout


def _check_durations(node: Node, largest: int) -> None:
    """Refuse boundaries that are sums of counts and do not fit either."""
    schedules: Any = (part for part in walk(node) if isinstance(part, BASES["Schedule"]) and not holds_arrays(part))
    for whole in schedules:
        _check_fits(f"the duration of {whole.where()}", _last_boundary(whole), largest)


def _last_boundary(schedule: Any) -> Any:
    """The duration, or where the last part begins; 0 where a map over a tree gave numbers that are no schedule's."""
    try:
        endless = schedule.duration == math.inf
        return max((0, *(part.start for part in schedule.parts_in_time()))) if endless else schedule.duration
    except (ArithmeticError, LookupError, ValueError):
        return 0


def _check_fits(name: str, leaf: Any, largest: int) -> None:
    if isinstance(leaf, int) and not isinstance(leaf, bool):
        worst = leaf
    elif isinstance(leaf, np.ndarray) and leaf.dtype.kind in "iu" and leaf.size:
        worst = int(leaf.max())
    elif isinstance(leaf, np.ndarray) and leaf.dtype.kind == "O":  # integers of any size, or anything
        worst = max((x for x in leaf.flat if isinstance(x, int)), default=0)
    else:
        return
    if worst > largest:
        kind = "int32" if largest < 2**32 else "int64"
        raise ScheduleError(
            f"{name} must fit JAX's {kind} to be passed to a compiled function, got {worst}; "
            "enable x64, count in larger units, or make the schedule a constant of the program"
        )


def _encode(node: Node, fixed: bool) -> tuple[Any, list[Any], list[str]]:
    """(structure, leaves, names of leaves); ``fixed`` makes what durations depend on part of the structure."""
    fixed = fixed or node.fixed_counts()
    parts: list[Any] = []
    leaves: list[Any] = []
    names: list[str] = []
    for name, spec in node._declared.items():
        part, found, labels = _encode_field(spec, getattr(node, name), fixed, node.kind_name == "sequence")
        parts.append(part)
        leaves.extend(found)
        names.extend(f"{node.where()}.{spec.label or name}{label}" for label in labels)
    return (node.kind_name, *parts), leaves, names


def _encode_field(spec: Field, value: Any, fixed: bool, pieces: bool) -> tuple[Any, list[Any], list[str]]:
    if spec.form in ("real", "count") and not (fixed and (spec.form == "count" or spec.lengthens)):
        return "leaf", [value], [""]
    if spec.form in ("reals", "counts") and not (fixed and spec.form == "counts"):
        return "leaf", [_stacked(value, spec.form) if isinstance(value, tuple) else value], [""]
    if spec.form == "numbers":
        return tuple(k for k, _ in value), [x for _, x in value], [f".{k}" for k, _ in value]
    if spec.form == "node":
        body, leaves, names = _encode(value, fixed)
        return body, leaves, [f".{n}" for n in names]
    if spec.form == "nodes":
        return _encode_nodes(value, fixed, pieces)
    return ("static", type(value).__name__, value), [], []


def _encode_nodes(value: Any, fixed: bool, pieces: bool) -> tuple[Any, list[Any], list[str]]:
    """The parts of an n-ary node; the equal pieces of a sequence stacked."""
    if isinstance(value, Stack):
        encoded = [(_encode(node, fixed), places) for node, places in value.entries]
    else:
        groups: dict[Any, list[int]] = {}
        every = [_encode(node, fixed) for node in value]
        for i, (body, leaves, _) in enumerate(every):
            shapes = tuple(np.shape(leaf) for leaf in leaves)
            groups.setdefault((body, shapes) if pieces else i, []).append(i)
        encoded = [(_merged([every[i] for i in places]), tuple(places)) for places in groups.values()]
    leaves = [leaf for (_, found, _), _ in encoded for leaf in found]
    names = [f"[{places[0]}].{n}" for (_, _, found), places in encoded for n in found]
    return ("parts", len(value), *((body, places) for (body, _, _), places in encoded)), leaves, names


def _merged(rows: list[tuple[Any, list[Any], list[str]]]) -> tuple[Any, list[Any], list[str]]:
    if len(rows) == 1:
        return rows[0]
    columns = zip(*(leaves for _, leaves, _ in rows), strict=True)
    return rows[0][0], [_stacked(column, "") for column in columns], rows[0][2]


def _stacked(values: Iterable[Any], form: str) -> Any:
    values = tuple(values)
    if any(map(is_jax, values)):
        import jax.numpy as jnp

        return jnp.stack([jnp.asarray(v) for v in values])
    if form == "reals" or (values and isinstance(values[0], float)):
        return np.asarray(values, dtype=np.float64)
    if all(isinstance(v, int) for v in values):
        small = all(abs(v) < 2**63 for v in values)
        return np.asarray(values, dtype=np.int64 if small else object)
    return np.stack([np.asarray(v) for v in values]) if values else np.zeros(0)


def unflatten(layout: Layout, leaves: Any) -> Any:
    """The expression with other leaves; nothing is checked.

    Any leaf goes in and comes out again: one with leaves that are not plain numbers keeps them as they were given.
    """
    given = list(leaves)
    found = _Leaves(given)
    node = _decode(layout.body, found, ())
    if found.guests:
        set_given(node, (given, layout))
        set_arrays(node, True)
    return node


class _Leaves:
    """Leaves one by one, as fields hold them; those that are not plain numbers are ``guests``."""

    def __init__(self, leaves: Iterable[Any]) -> None:
        self.rest, self.guests = iter(leaves), 0

    def take(self, spec: Field, rows: tuple[int, ...]) -> Any:
        """The next leaf, for a field, in a stack with a row for each of its places.

        JAX hands whole numbers that are not differentiated over as a subclass of ``int``.
        """
        leaf = next(self.rest)
        is_host = isinstance(leaf, np.ndarray | np.generic | int | float) and not isinstance(leaf, bool)
        found = _array(np.asarray(leaf), spec, rows) if is_host else None
        self.guests += found is None
        return leaf if found is None else found


def _array(leaf: Any, spec: Field, rows: tuple[int, ...]) -> Any:
    """A host array of the shape that belongs to a field, as the field holds it; else None."""
    several = spec.form in ("reals", "counts")
    if leaf.dtype.kind not in "iuf" or leaf.ndim != len(rows) + several or leaf.shape[: len(rows)] != rows:
        return None
    if spec.form in ("count", "counts") and leaf.dtype.kind == "f":  # the mean of two equal counts is that one
        whole = np.rint(leaf)
        if not np.all((np.abs(leaf) < LIMIT) & np.isclose(leaf, whole, rtol=1e-15, atol=0)):
            return None
        leaf = whole.astype(np.int64)
    if rows:
        return leaf
    return tuple(leaf.tolist()) if several else leaf.item()


def _decode(body: Any, leaves: _Leaves, rows: tuple[int, ...]) -> Any:
    kind = KINDS[body[0]]
    fields = zip(kind._declared.items(), body[1:], strict=True)
    return make(kind, {name: _decode_field(spec, part, leaves, rows) for (name, spec), part in fields})


def _decode_field(spec: Field, part: Any, leaves: _Leaves, rows: tuple[int, ...]) -> Any:
    if part == "leaf":
        return leaves.take(spec, rows)
    if spec.form == "numbers":
        return tuple((key, leaves.take(spec, rows)) for key in part)
    if spec.form == "node":
        return _decode(part, leaves, rows)
    if spec.form == "nodes":
        entries, rests = [], bool(rows)
        for body, places in part[2:]:
            before, inner = leaves.guests, rows if len(places) == 1 else (*rows, len(places))
            entries.append((_decode(body, leaves, inner), places))
            rests = rests or (inner != rows and leaves.guests > before)
        stack = Stack(tuple(entries), part[1])
        return stack if rests else stack.plain()
    return part[2]


# ---- registration


REGISTERED: set[type[Node]] = set()
REGISTERING = allocate_lock()  # one thread may load kinds while another imports JAX


def _register(kind: type[Node]) -> None:
    import jax

    def with_keys(node: Node) -> tuple[list[Any], Layout]:
        leaves, layout = flatten(node)
        names = layout.names
        return [(jax.tree_util.GetAttrKey(n), leaf) for n, leaf in zip(names, leaves, strict=True)], layout

    with REGISTERING:
        if kind not in REGISTERED:
            jax.tree_util.register_pytree_with_keys(kind, with_keys, unflatten, flatten)
            REGISTERED.add(kind)


for_every_kind("jax", _register)
