"""How many pieces of a sequence become one formula over columns."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.algebra.batching import column_structure, stacked
from lrsched.algebra.node import leaves_of, walk
from lrsched.algebra.schedule import Schedule
from lrsched.combinators.shared_blends import blend_of, of_columns
from lrsched.foundation.numbers import is_jax
from lrsched.ir import folding
from lrsched.ir.clock import Clock
from lrsched.ir.term import Term
from lrsched.schedules.endless import count_passed

if TYPE_CHECKING:
    from lrsched.ir.term import Builder


CHAIN = 4
FEW = 32


class Pieces:
    """Parts laid end to end, lowered as a chain, a tree of halves, or one formula over columns."""

    def __init__(self, parts: list[Schedule], lengths: list[Any]) -> None:
        self.parts = parts
        self.starts: list[Any] = [*itertools.accumulate(lengths[:-1], initial=0)]

    def formula(self, clock: Clock) -> Term:
        """The value on a clock; what the last part gives, it gives past its end too."""
        count = len(self.parts)
        last = self.parts[-1]
        if is_jax(last.duration) and not last.goes_on:  # perhaps empty: then the part before it is the last
            return self._perhaps_shorter(clock, self.starts[-1] + last.duration)
        if count <= CHAIN or set(map(type, self.starts)) != {int} or any(map(_holds_columns, self.parts)):
            return self._chain(clock, 0, count)
        if clock.b.weighed and not all(map(_has_structure, self.parts)):
            return self._chain(clock, 0, count)
        if self._joins(last):
            return clock.finite(self.starts[-1] + last.duration, lambda c: self._body(c, 0, count), self._stretches)
        return clock.split(
            self.starts[-1],
            lambda c: self._body(c, 0, count - 1),
            lambda c: last.formula(c.since(self.starts[-1])),
        )

    def _perhaps_shorter(self, clock: Clock, end: Any) -> Term:
        """The value where only the run knows which part is the last that has steps."""
        import jax.numpy as jnp

        starts = jnp.stack([jnp.asarray(start) for start in self.starts])
        empty = (starts >= end) & (end > 0)
        begun = jnp.where(empty, 0, starts).max()
        return clock.finite(end, lambda c: self._chain(c, 0, len(self.parts), empty), self._stretches, begun)

    @property
    def _stretches(self) -> bool:
        return True in [part.stretches for part in self.parts]

    def _joins(self, last: Schedule) -> bool:
        """Whether the last part can be one of the columns: finite, of a known structure, without a policy."""
        if isinstance(last.duration, float) or last.goes_on:
            return False
        return column_structure(last) in map(column_structure, self.parts[:-1])

    def _part(self, clock: Clock, i: int) -> Term:
        return self.parts[i].formula(clock.since(self.starts[i]).within(clock.inside or i + 1 < len(self.parts)))

    def _chain(self, clock: Clock, first: int, stop: int, empty: Any = None) -> Term:
        """The value on a clock known to lie in these parts; ``empty`` says, in the run, at which no step is left."""
        if stop - first == 1:
            return self._part(clock, first)
        return clock.split(
            self.starts[first + 1],
            lambda c: self._part(c, first),
            lambda c: self._chain(c.within(clock.inside), first + 1, stop, empty),
            never=False if empty is None else empty[first + 1],
        )

    def _body(self, clock: Clock, first: int, stop: int) -> Term:
        """The value on a clock known to lie in parts ``first`` to ``stop - 1``."""
        clock = clock.within(True)
        if stop - first <= CHAIN:
            return self._chain(clock, first, stop)
        kinds = list(dict.fromkeys(map(column_structure, self.parts[first:stop])))
        if len(kinds) <= FEW and 2 * len(kinds) <= stop - first:
            return self._columns(clock, first, stop, kinds)
        middle = (first + stop) // 2
        return clock.split(
            self.starts[middle],
            lambda c: self._body(c, first, middle),
            lambda c: self._body(c, middle, stop),
        )

    def _columns(self, clock: Clock, first: int, stop: int, kinds: list[Any]) -> Term:
        b = clock.b
        index = count_passed(clock, self.starts[first + 1 : stop])
        if index.op == "const":
            return self._part(clock, first + index.args[0])
        local = clock.since(b.column(_array(self.starts[first:stop]), index))
        parts = self.parts[first:stop]
        families = _families(b, parts)
        kinds = list(dict.fromkeys(families))
        which = [*map(kinds.index, families)]
        group = b.gather(np.array(which, dtype=np.int64), index, "i")
        value: Term | None = None
        for i, family in enumerate(kinds):
            if group.op == "const" and group.args[0] != i:
                continue
            some = parts[which.index(i)]
            rows = [p if w == i else some for p, w in zip(parts, which, strict=True)] if len(kinds) > 1 else parts
            node = _of_family(family, rows, b, index)
            single = b.branching or len(kinds) == 1
            mine = b.floats(b.settled(node.formula(local.within(single))))
            value = mine if value is None else b.where(b.eq(group, i), mine, value)
        assert value is not None
        return value


def _has_structure(part: Schedule) -> bool:
    """Whether what columns of like parts have in common is known: no table or the like of JAX values."""
    try:
        hash(column_structure(part))
    except TypeError:
        return False
    return True


def _holds_columns(part: Schedule) -> bool:
    """Whether a number of the part is a column already, over the parts of a sequence that this one is inside of."""
    return part._arrays and any(type(x) is Term for node in walk(part) for x in leaves_of(node))


def _families(b: Builder, parts: list[Schedule]) -> list[Any]:
    """For each part, what must be equal for one formula: its structure, or that it is a blend where kinds are many."""
    structures = list(map(column_structure, parts))
    if b.branching or len(set(structures)) == 1:
        return structures
    blends = [blend_of(part) is not None for part in parts]
    return [None if is_blend else s for s, is_blend in zip(structures, blends, strict=True)]


def _of_family(family: Any, rows: list[Any], b: Builder, index: Term) -> Any:
    """The part at an index of one family."""
    if family is None:
        return of_columns(b, rows, index, _array)
    return stacked(rows, lambda values: values[0] if _alike(values) else b.column(_array(values), index))


def _alike(values: list[Any]) -> bool:
    """Whether a number is the same in all parts."""
    first = type(values[0])
    return (
        (first is float or first is int)
        and {first} == set(map(type, values))
        and values.count(values[0]) == len(values)
    )


def _array(values: list[Any]) -> Any:
    kinds = set(map(type, values))
    if kinds == {int}:
        return folding.narrowed(values)
    if not kinds <= {int, float} and any(map(is_jax, values)):
        import jax.numpy as jnp

        return jnp.stack([jnp.asarray(v) for v in values])
    if all(isinstance(v, int) for v in values):
        return np.array(values, dtype=object)
    return np.array(values, dtype=np.float64)
