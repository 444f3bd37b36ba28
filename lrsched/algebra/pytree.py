"""Schedules and profiles as JAX pytrees.

Real numbers are float leaves and counts integer leaves; the equal pieces of a sequence share one stacked leaf per
field; everything else (kinds, names, number of pieces, ``times``, ``t_mult``) is the structure. Kinds are registered
when they are made or when JAX is imported, whichever is later: both bases of kinds import this module, so that there
is none that it has not seen.
"""

from __future__ import annotations

import math
import sys
from _thread import allocate_lock, get_ident
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.algebra.batching import Stack
from lrsched.algebra.fields import Field, field_of, names_of
from lrsched.algebra.node import Node, holds_arrays, make, walk
from lrsched.algebra.registry import BASES, KINDS, ON_NEW_KIND
from lrsched.foundation.errors import ScheduleError
from lrsched.foundation.numbers import is_jax

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["Layout", "flatten", "register_all", "unflatten", "when_imported"]


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
        _check_durations(node, largest)
        body, leaves, names = _encode(node, False)
        for name, leaf in zip(names, leaves, strict=True):
            _check_fits(name, leaf, largest)
        memo["flat", largest] = (leaves, Layout(body, tuple(names)))
    leaves, layout = memo["flat", largest]
    return list(leaves), layout


def _check_durations(node: Node, largest: int) -> None:
    """Refuse boundaries that are sums of counts and do not fit either."""
    schedules: Any = (part for part in walk(node) if isinstance(part, BASES["Schedule"]) and not holds_arrays(part))
    for whole in schedules:
        endless = whole.duration == math.inf
        worst = max((0, *(part.start for part in whole.parts_in_time()))) if endless else whole.duration
        _check_fits(f"the duration of {whole.where()}", worst, largest)


def _check_fits(name: str, leaf: Any, largest: int) -> None:
    if isinstance(leaf, int) and not isinstance(leaf, bool):
        worst = leaf
    elif isinstance(leaf, np.ndarray) and leaf.dtype.kind in "iuO" and leaf.size:
        worst = int(leaf.max())
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
    for name in names_of(type(node)):
        spec, value = field_of(type(node), name), getattr(node, name)
        part, found, labels = _encode_field(spec, value, fixed, node.kind_name == "sequence")
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
    """The expression with other leaves; nothing is checked."""
    return _decode(layout.body, iter(leaves), ())


def _decode(body: Any, leaves: Iterator[Any], rows: tuple[int, ...]) -> Any:
    kind = KINDS[body[0]]
    values = {}
    for name, part in zip(names_of(kind), body[1:], strict=True):
        values[name] = _decode_field(field_of(kind, name), part, leaves, rows)
    return make(kind, values)


def _decode_field(spec: Field, part: Any, leaves: Iterator[Any], rows: tuple[int, ...]) -> Any:
    if part == "leaf":
        return _plain(next(leaves), spec, rows)
    if spec.form == "numbers":
        return tuple((key, _plain(next(leaves), spec, rows)) for key in part)
    if spec.form == "node":
        return _decode(part, leaves, rows)
    if spec.form == "nodes":
        entries = []
        for body, places in part[2:]:
            inner = rows if len(places) == 1 else (*rows, len(places))
            entries.append((_decode(body, leaves, inner), places))
        stack = Stack(tuple(entries), part[1])
        return stack if rows else stack.plain()
    return part[2]


def _plain(leaf: Any, spec: Field, rows: tuple[int, ...]) -> Any:
    """A host number of the expected shape as a plain number; anything else as it is.

    JAX hands whole numbers that are not differentiated over as a subclass of ``int``.
    """
    if isinstance(leaf, int | float) and type(leaf) not in (int, float, bool):
        return int(leaf) if isinstance(leaf, int) else float(leaf)
    if isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind in "biuf" and not rows:
        if spec.form in ("reals", "counts") and leaf.ndim == 1:
            return tuple(leaf.tolist())
        if spec.form not in ("reals", "counts") and leaf.ndim == 0:
            return leaf.item()
    return leaf


# ---- registration


REGISTERED: set[type[Node]] = set()
REGISTERING = allocate_lock()  # one thread may load kinds while another imports JAX


def register_all() -> None:
    """Make every kind a pytree, now and as kinds are added."""
    ON_NEW_KIND.append(_register)
    for kind in list(KINDS.values()):
        _register(kind)


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


WAITING: list[Callable[[], None]] = []  # what is to be done when JAX has been imported


class _AfterImport:
    """Does what waits for JAX as soon as it has been imported; the base classes of finders take long to import."""

    def __init__(self) -> None:
        self.asking: set[int] = set()  # the threads that ask the other finders

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        thread = get_ident()
        if fullname != "jax" or thread in self.asking:
            return None
        from importlib.util import find_spec

        self.asking.add(thread)
        try:
            spec = find_spec(fullname)
        finally:
            self.asking.remove(thread)
        if spec is not None and spec.loader is not None:
            loader: Any = _Loader(spec.loader, self)
            spec.loader = loader
        return spec


class _Loader:
    def __init__(self, loader: Any, finder: Any) -> None:
        self.loader, self.finder = loader, finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self.loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        if self.finder in sys.meta_path:
            sys.meta_path.remove(self.finder)
            for act in WAITING:
                act()


def when_imported(act: Callable[[], None]) -> None:
    """Call a function now if JAX has been imported, else as soon as it is."""
    if sys.modules.get("jax") is not None:
        import jax  # waits for a thread that is importing it

        if hasattr(jax, "tree_util"):
            act()
            return
    WAITING.append(act)
    if len(WAITING) == 1:
        sys.meta_path.insert(0, _AfterImport())


when_imported(register_all)
