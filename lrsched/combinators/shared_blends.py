"""Pieces that are no more than a profile between two values: kinds of them share their clock and their blend."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.algebra.batching import column_structure, map_every_leaf, stack_into
from lrsched.algebra.profile import Profile
from lrsched.foundation.records import Record
from lrsched.ir.clock import Clock
from lrsched.schedules.blend import LINEAR, Choice, blend
from lrsched.schedules.spans import Hold, Over, Warmup

if TYPE_CHECKING:
    from lrsched.algebra.schedule import Schedule
    from lrsched.ir.term import Builder, Term


class Blend(Record):
    """``end + (start - end) * p(t / steps)``."""

    profile: Profile | Choice
    steps: Any
    start: Any
    end: Any

    def formula(self, clock: Clock) -> Term:
        """The value on a clock, held after the steps."""
        return clock.finite(self.steps, lambda c: blend(c.progress(self.steps), self.profile, self.start, self.end))


def blend_of(schedule: Schedule) -> Blend | None:
    """A schedule as a blend, if it is no more than one."""
    s: Any = schedule
    if isinstance(s, Hold):
        return Blend(LINEAR, s.steps, s.value, s.value)
    plain = (isinstance(s, Over) and not s.endpoint) or (isinstance(s, Warmup) and not s.skip_zero)
    return Blend(s.profile, s.steps, s.start, s.end) if plain else None


def chosen(b: Builder, group: Term, values: Sequence[Term]) -> Term:
    """The value whose number in the list the group is."""
    value = values[0]
    for i, other in enumerate(values[1:], 1):
        value = b.where(b.eq(group, i), other, value)
    return value


def of_columns(b: Builder, parts: Sequence[Schedule], index: Term, array: Callable[[list[Any]], Any]) -> Blend:
    """The blend of the part at an index; what is no blend takes the numbers of some other."""
    found = [blend_of(part) for part in parts]
    some = next(x for x in found if x is not None)
    blends = [x or some for x in found]
    profiles: list[Any] = [x.profile for x in blends]
    kinds = list(dict.fromkeys(map(column_structure, profiles)))
    which = [kinds.index(column_structure(p)) for p in profiles]
    group = b.gather(np.array(which, dtype=np.int64), index, "i")
    stacked = [
        stack_into(
            [p if w == i else None for p, w in zip(profiles, which, strict=True)], lambda c: b.column(array(c), index)
        )
        for i in range(len(kinds))
    ]
    steps, start, end = (
        b.column(array([getattr(x, name) for x in blends]), index) for name in ("steps", "start", "end")
    )
    return Blend(Choice(stacked, lambda values: chosen(b, group, values)), steps, start, end)


def _reader(b: Builder, row: Term) -> Callable[[Any], Term]:
    return lambda leaf: b.column(leaf, row)


def of_stacks(b: Builder, entries: Sequence[tuple[Any, tuple[int, ...]]], size: int, index: Term, steps: Any) -> Blend:
    """The blend of the piece at an index, of stacks of blends and the pieces that are their members."""
    import jax.numpy as jnp

    blends: list[Any] = [blend_of(node) for node, _ in entries]
    members = [np.array(p) for _, p in entries]
    offsets = [0, *itertools.accumulate(map(len, members))]
    rows = np.zeros(size, dtype=np.int64)
    rows[np.concatenate(members)] = np.arange(offsets[-1])
    row = b.gather(rows, index, "i")

    def column(leaves: list[Any]) -> Term:
        flat = [jnp.broadcast_to(jnp.asarray(v, float), p.shape) for v, p in zip(leaves, members, strict=True)]
        return b.column(jnp.concatenate(flat), row)

    def choose(values: Sequence[Term]) -> Term:
        value = values[-1]
        for offset, earlier in zip(offsets[-2:0:-1], values[-2::-1], strict=True):
            value = b.where(b.lt(row, offset), earlier, value)
        return value

    ends = (column([x.start for x in blends]), column([x.end for x in blends]))
    profiles = [
        x.profile if len(p) == 1 else map_every_leaf(x.profile, _reader(b, b.sub(row, o)))
        for x, p, o in zip(blends, members, offsets, strict=False)
    ]
    return Blend(Choice(profiles, choose), b.column(steps, index), *ends)
