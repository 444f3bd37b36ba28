"""Sequences, and how many pieces become one formula over columns."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched import _fields
from lrsched._clock import Clock
from lrsched._errors import fail
from lrsched._fields import is_jax
from lrsched._node import kind
from lrsched._schedule import Schedule
from lrsched._tree import Stack, column_structure, map_every_leaf, stack_into

if TYPE_CHECKING:
    from lrsched._term import Term

__all__ = ["Sequence", "sequence"]

CHAIN = 4
FEW = 6


def sequence(*schedules: Any) -> Schedule:
    """The schedules one after the other, flattened; a single one is itself."""
    parts: list[Schedule] = []
    for i, schedule in enumerate(schedules):
        if not isinstance(schedule, Schedule):
            fail("then", f"argument {i}", "a schedule", schedule, kind=True)
        parts.extend(schedule.parts if isinstance(schedule, Sequence) else (schedule,))
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


@kind("sequence")
class Sequence(Schedule):
    """Schedules one after the other, each on its own clock: ``a >> b``."""

    parts: tuple[Schedule, ...] = _fields.nodes("Schedule")

    def validate(self) -> None:
        for i, part in enumerate(self.parts[:-1]):
            if isinstance(part.duration, float):
                fail(">>", f"the left side (part {i})", "a schedule of finite duration", part)

    @property
    def duration(self) -> Any:
        memo = self._memo
        if "duration" not in memo:
            stacked = isinstance(self.parts, Stack)
            memo["duration"] = StackedPieces(self.parts).total if stacked else sum(p.duration for p in self.parts)
        return memo["duration"]

    def formula(self, clock: Clock) -> Term:
        if isinstance(self.parts, Stack):
            return StackedPieces(self.parts).formula(clock)
        parts = [part for part in self.parts if is_jax(part.duration) or part.duration != 0] or [self.parts[-1]]
        return Pieces(parts).formula(clock)

    def edges(self, stop: Any) -> Iterable[int]:
        start = 0
        for part in self.parts:
            if start >= stop:
                break
            if start:
                yield start
            end = min(stop - start, part.duration)
            yield from (start + edge for edge in part.edges(end) if 0 < edge < end)
            start += part.duration

    def cycles(self, stop: int) -> list[int] | None:
        found: list[int] = []
        start = 0
        for part in self.parts:
            if start >= stop:
                break
            ends = part.cycles(stop - start)
            found.extend(start + end for end in ends or ())
            start += part.duration
        return found or None

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        from lrsched.combinators import rescale, rescale_to

        parts: list[Schedule] = []
        start = 0
        for part in self.parts:
            if part.duration == math.inf:
                parts.append(rescale(part, ratio))
                break
            end = start + part.duration
            parts.append(rescale_to(part, round(end * ratio) - round(start * ratio)))
            start = end
        return Sequence(tuple(parts))


class Pieces:
    """Parts laid end to end, lowered as a chain, a tree of halves, or one formula over columns."""

    def __init__(self, parts: list[Schedule]) -> None:
        self.parts = parts
        self.starts: list[Any] = [0]
        for part in parts[:-1]:
            self.starts.append(self.starts[-1] + part.duration)

    def formula(self, clock: Clock) -> Term:
        """The value on a clock; what the last part gives, it gives past its end too."""
        count = len(self.parts)
        if count <= CHAIN or any(map(is_jax, self.starts)):
            return self._chain(clock, 0, count)
        last = self.parts[-1]
        if self._joins(last):
            return clock.finite(self.starts[-1] + last.duration, lambda c: self._body(c, 0, count))
        return clock.split(
            self.starts[-1],
            lambda c: self._body(c, 0, count - 1),
            lambda c: last.formula(c.since(self.starts[-1])),
        )

    def _joins(self, last: Schedule) -> bool:
        """Whether the last part can be one of the columns: finite, of a known structure, without a policy."""
        from lrsched.combinators import goes_on

        if isinstance(last.duration, float) or goes_on(last):
            return False
        return any(column_structure(part) == column_structure(last) for part in self.parts[:-1])

    def _part(self, clock: Clock, i: int) -> Term:
        return self.parts[i].formula(clock.since(self.starts[i]).within(clock.inside or i + 1 < len(self.parts)))

    def _chain(self, clock: Clock, first: int, stop: int) -> Term:
        if stop - first == 1:
            return self._part(clock, first)
        return clock.split(
            self.starts[first + 1],
            lambda c: self._part(c, first),
            lambda c: self._chain(c.within(clock.inside), first + 1, stop),
        )

    def _body(self, clock: Clock, first: int, stop: int) -> Term:
        """The value on a clock known to lie in parts ``first`` to ``stop - 1``."""
        clock = clock.within(True)
        if stop - first <= CHAIN:
            return self._chain(clock, first, stop)
        kinds = list(dict.fromkeys(column_structure(part) for part in self.parts[first:stop]))
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
        edges = [clock.edge(start) for start in self.starts[first:stop]]
        thresholds = np.array([min(edge, 2**62) for edge in edges[1:]], dtype=np.int64)
        index = b.search(thresholds, clock.own)
        if index.op == "const":
            return self._part(clock, first + index.args[0])
        local = clock.since(b.column(np.array(self.starts[first:stop], dtype=object), index))
        places = {structure: i for i, structure in enumerate(kinds)}
        which = [places[column_structure(part)] for part in self.parts[first:stop]]
        group = b.gather(np.array(which, dtype=np.int64), index, "i")
        value: Term | None = None
        for i in range(len(kinds)):
            if group.op == "const" and group.args[0] != i:
                continue
            rows = [p if w == i else None for p, w in zip(self.parts[first:stop], which, strict=True)]
            node = stack_into(rows, lambda column: b.column(_array(column), index))
            single = b.branching or len(kinds) == 1
            mine = b.floats(b.settled(node.formula(local.within(single))))
            value = mine if value is None else b.where(b.eq(group, i), mine, value)
        assert value is not None
        return value


def _array(values: list[Any]) -> Any:
    if any(map(is_jax, values)):
        import jax.numpy as jnp

        return jnp.stack([jnp.asarray(v) for v in values])
    if all(isinstance(v, int) for v in values):
        return np.array(values, dtype=object)
    return np.array(values, dtype=np.float64)


class StackedPieces:
    """Parts whose numbers are JAX values, the equal ones stacked: one formula per group."""

    def __init__(self, stack: Any) -> None:
        import jax.numpy as jnp

        self.stack, self.size = stack, stack.size
        order = [place for _, places in stack.entries for place in places]
        lengths = [node.duration for node, _ in stack.entries]
        self.endless = any(isinstance(n, float) for n in lengths)
        flat = [
            jnp.zeros(1, int) if isinstance(n, float) else jnp.broadcast_to(jnp.asarray(n, int), (len(places),))
            for n, (_, places) in zip(lengths, stack.entries, strict=True)
        ]
        joined = jnp.concatenate(flat) if len(flat) > 1 else flat[0]
        self.lengths = joined if order == sorted(order) else joined[np.argsort(order)]

    @property
    def total(self) -> Any:
        """The duration."""
        return math.inf if self.endless else self.lengths.sum()

    def formula(self, clock: Clock) -> Term:
        """The value on a clock."""
        if self.size <= CHAIN or any(map(_has_rows, self.stack)):
            pieces = Pieces([self.stack.part(i) for i in range(self.size)])
            return pieces.formula(clock)
        if not self.endless and not clock.inside:
            clock = clock.clamped(self.total)
        return self._groups(clock)

    def _groups(self, clock: Clock) -> Term:
        b = clock.b
        if not clock.plain:
            return Pieces([self.stack.part(i) for i in range(self.size)]).formula(clock)
        sums = RunningSums(self.lengths)
        index = b.search(sums, clock.own)
        local = clock.since(b.gather(sums, index, "i")).within(len(self.stack.entries) == 1)
        group, rank = np.zeros(self.size, dtype=np.int64), np.zeros(self.size, dtype=np.int64)
        for i, (_, places) in enumerate(self.stack.entries):
            group[list(places)], rank[list(places)] = i, np.arange(len(places))
        which = b.gather(group, index, "i")
        value: Term | None = None
        for i, (node, places) in enumerate(self.stack.entries):
            mine = b.floats(b.settled(self._columns(clock, node, places, index, rank).formula(local)))
            value = mine if value is None else b.where(b.eq(which, i), mine, value)
        assert value is not None
        return value

    def _columns(self, clock: Clock, node: Any, places: tuple[int, ...], index: Term, rank: Any) -> Any:
        """The group's node, its leaves read at the piece that the clock is in."""
        b = clock.b
        if len(places) == 1:
            return node
        row = index if len(self.stack.entries) == 1 else b.gather(rank, index, "i")
        return map_every_leaf(node, lambda leaf: b.column(leaf, row))


def _has_rows(node: Any) -> bool:
    """Whether a part holds vectors of its own, or sequences, so that it cannot be read as columns."""
    from lrsched._fields import field_of
    from lrsched._node import names_of, walk

    forms = {field_of(type(n), name).form for n in walk(node) for name in names_of(type(n))}
    return bool(forms & {"reals", "counts"}) or any(isinstance(n, Sequence) for n in walk(node))


class RunningSums:
    """The ends of pieces of given lengths, summed only as far as a search needs: rows first, then one row."""

    def __init__(self, lengths: Any) -> None:
        import jax.numpy as jnp

        self.lengths, self.size = lengths, lengths.shape[0]
        self.width = self.size if self.size <= 32 else math.isqrt(self.size - 1) + 1
        rows = -(-self.size // self.width)
        self.square = jnp.pad(lengths, (0, rows * self.width - self.size)).reshape(rows, self.width)

    def __len__(self) -> int:
        return self.size

    def count(self, t: Any) -> Any:
        """The index of the piece that step t lies in."""
        import jax.numpy as jnp

        if len(self.square) == 1:
            return jnp.minimum(_passed(self.square[0], t, 0), self.size - 1)
        sums = self.square.sum(1)
        row = jnp.minimum(_passed(sums, t, 0), len(sums) - 1)
        before = _sum_below(sums, row)
        inside = self.square.at[row.astype(jnp.uint32)].get(mode="promise_in_bounds")
        return jnp.minimum(row * self.width + _passed(inside, t, before[..., None]), self.size - 1)

    def before(self, index: Any) -> Any:
        """The sum of the lengths before piece ``index``."""
        return _sum_below(self.lengths, index)


def _passed(lengths: Any, t: Any, start: Any) -> Any:
    """How many of the pieces of these lengths, laid from ``start`` on, end at or before t."""
    import jax.numpy as jnp

    lower = jnp.asarray(np.tri(lengths.shape[-1], dtype=lengths.dtype))
    ends = (lengths[..., None, :] * lower).sum(-1) + start
    return (ends <= jnp.asarray(t)[..., None]).sum(-1, dtype=lengths.dtype)


def _sum_below(lengths: Any, index: Any) -> Any:
    import jax.numpy as jnp

    below = jnp.arange(lengths.shape[0]) < jnp.asarray(index)[..., None]
    return jnp.where(below, lengths, 0).sum(-1, dtype=lengths.dtype)
