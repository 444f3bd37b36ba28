"""Sequences whose numbers are JAX values: one formula per group of equal pieces, and a search by rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.algebra.batching import FIXED, map_every_leaf
from lrsched.algebra.fields import field_of, names_of
from lrsched.algebra.node import walk
from lrsched.combinators.pieces import CHAIN, Pieces
from lrsched.combinators.shared_blends import blend_of, chosen, of_stacks
from lrsched.ir.clock import Clock

if TYPE_CHECKING:
    from lrsched.ir.term import Term


AT_ONCE = 1024


class StackedPieces:
    """Parts whose numbers are JAX values, the equal ones stacked: one formula per group."""

    def __init__(self, stack: Any) -> None:
        import jax.numpy as jnp

        self.stack, self.size = stack, stack.size
        self.parts = [stack.part(i) for i in range(self.size)] if any(map(_has_rows, stack)) else None
        if self.parts is not None:
            lengths = [part.duration for part in self.parts]
            self.known = sum(lengths) if set(map(type, lengths)) == {int} else None
            self.endless = any(isinstance(n, float) for n in lengths)
            self.lengths = jnp.stack([jnp.asarray(0 if isinstance(n, float) else n, int) for n in lengths])
            return
        order = [i for _, members in stack.entries for i in members]
        lengths = [node.duration for node, _ in stack.entries]
        sums = [n * len(members) for n, (_, members) in zip(lengths, stack.entries, strict=True)]
        self.known = sum(sums) if set(map(type, sums)) == {int} else None
        self.endless = any(isinstance(n, float) for n in lengths)
        flat = [
            jnp.zeros(1, int) if isinstance(n, float) else jnp.broadcast_to(jnp.asarray(n, int), (len(members),))
            for n, (_, members) in zip(lengths, stack.entries, strict=True)
        ]
        joined = jnp.concatenate(flat) if len(flat) > 1 else flat[0]
        self.lengths = joined if order == sorted(order) else joined[np.argsort(order)]

    @property
    def total(self) -> Any:
        """The duration: a plain number where every length is part of the structure."""
        if self.known is not None:
            return self.known
        return math.inf if self.endless else self.lengths.sum()

    def formula(self, clock: Clock) -> Term:
        """The value on a clock."""
        if self.size <= CHAIN or self.parts is not None or not clock.plain:
            parts = self.parts or [self.stack.part(i) for i in range(self.size)]
            return Pieces(parts, [part.duration for part in parts]).formula(clock)
        return self._groups(clock)

    def _groups(self, clock: Clock) -> Term:
        b = clock.b
        sums = RunningSums(self.lengths, self.endless)
        index = b.search(sums, clock.own)
        local = clock.since(b.gather(sums, index, "i"))
        families = self._families()
        group, rank = np.zeros(self.size, dtype=np.int64), np.zeros(self.size, dtype=np.int64)
        for i, family in enumerate(families):
            for _, members in family:
                group[list(members)], rank[list(members)] = i, np.arange(len(members))
        which = b.gather(group, index, "i")
        nodes = [self._columns(clock, family, index, rank) for family in families]
        return chosen(b, which, [b.floats(b.settled(node.formula(local))) for node in nodes])

    def _families(self) -> list[list[Any]]:
        """The entries, those together that are blends."""
        blends = [entry for entry in self.stack.entries if blend_of(entry[0]) is not None]
        others = [[entry] for entry in self.stack.entries if blend_of(entry[0]) is None]
        return [blends, *others] if blends else others

    def _columns(self, clock: Clock, family: list[Any], index: Term, rank: Any) -> Any:
        """The family's node, its leaves read at the piece that the clock is in."""
        b = clock.b
        if len(family) > 1:
            return of_stacks(b, family, self.size, index, self.lengths)
        ((node, members),) = family
        if len(members) == 1:
            return node
        row = index if len(self.stack.entries) == 1 else b.gather(rank, index, "i")
        return map_every_leaf(node, lambda leaf: leaf if isinstance(leaf, FIXED) else b.column(leaf, row))


def _has_rows(node: Any) -> bool:
    """Whether a part holds vectors of its own, or sequences, so that it cannot be read as columns."""
    forms = {field_of(type(n), name).form for n in walk(node) for name in names_of(type(n))}
    return bool(forms & {"reals", "counts"}) or any(n.kind_name == "sequence" for n in walk(node))


class RunningSums:
    """The ends of pieces of given lengths: all of them for up to 1024 pieces, else of rows and then of one row.

    The piece that a step lies in is the first that ends after it, so empty pieces are passed; a step after the end
    belongs to the last that is not empty. Empty pieces behind fill the rows; an endless one lasts to the last integer.
    """

    def __init__(self, lengths: Any, endless: bool) -> None:
        import jax.numpy as jnp

        self.size = lengths.shape[0]
        if endless:
            longest = np.iinfo(lengths.dtype).max - lengths.sum()
            lengths = lengths + longest * np.eye(1, self.size, self.size - 1, dtype=lengths.dtype)[0]
        width = min(self.size, 32) if self.size <= AT_ONCE else math.isqrt(self.size - 1) + 1
        rows = -(-self.size // width)
        self.square = jnp.pad(lengths, (0, rows * width - self.size)).reshape(rows, width)
        self.found: dict[int, tuple[Any, Any]] = {}

    def __len__(self) -> int:
        return self.size

    def count(self, t: Any) -> Any:
        """The index of the piece that step t lies in."""
        import jax.numpy as jnp

        from lrsched.targets.threshold_search import read

        t = jnp.asarray(t)
        if self.size <= AT_ONCE:
            ends = _ends(self.square)
            index, start = _ended(ends, jnp.minimum(t, ends[-1, -1] - 1), 2)
        else:
            ends = self.square.sum(1) @ _upper(self.square.shape[0], self.square)
            t = jnp.minimum(t, ends[-1] - 1)
            row, before = _ended(ends, t)
            lengths = read(self.square, row)
            inside, start = _ended(lengths @ _upper(lengths.shape[-1], lengths), t - before)
            index, start = row * self.square.shape[1] + inside, before + start
        self.found[id(index)] = (index, start)
        return index

    def before(self, index: Any) -> Any:
        """The sum of the lengths before the piece that a search has found."""
        return self.found[id(index)][1]


def _upper(count: int, like: Any) -> Any:
    return np.tri(count, dtype=like.dtype).T


def _ends(square: Any) -> Any:
    """The sum of the lengths up to each, row after row: two products of matrices stay single instructions."""
    import jax.numpy as jnp

    rows, width = square.shape
    whole, part = np.ones((width, width), square.dtype), _upper(width, square)
    sums = (square @ np.concatenate([whole, part], 1)).reshape(rows, 2, width)
    above, same = np.tri(rows, k=-1, dtype=square.dtype), np.eye(rows, dtype=square.dtype)
    return jnp.tensordot(np.stack([above, same], 2), sums, 2)


def _ended(ends: Any, t: Any, dims: int = 1) -> tuple[Any, Any]:
    """How many end at or before t over the last axes, and where the last of these does."""
    import jax.numpy as jnp
    from jax import lax

    axes, ones = tuple(range(t.ndim, t.ndim + dims)), (1,) * dims
    zero = ends.dtype.type(0)
    last = lax.reduce(jnp.where(ends <= t.reshape(t.shape + ones), ends, zero), zero, lax.max, axes)
    return (ends <= last.reshape(t.shape + ones)).sum(axes, dtype=ends.dtype), last
