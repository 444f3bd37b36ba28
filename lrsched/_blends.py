"""Pieces that are no more than a profile between two values: kinds of them share their clock and their blend."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched._clock import Clock, Progress
from lrsched._record import Record, replaced
from lrsched._tree import column_structure, map_every_leaf, stack_into
from lrsched.profiles import Profile, power_of, power_rest
from lrsched.schedules import LINEAR, Hold, Over, Warmup, blend

if TYPE_CHECKING:
    from lrsched._schedule import Schedule
    from lrsched._term import Builder, Term

__all__ = ["Blend", "Choice", "blend_of", "chosen", "of_columns", "of_stacks"]


class Choice:
    """One of several profiles, for targets that compute them all."""

    sided, steady, first, last = True, False, None, None

    def __init__(self, profiles: Sequence[Profile], choose: Callable[[Sequence[Term]], Term]) -> None:
        self.profiles, self.choose = profiles, choose

    def nearer(self, x: Progress) -> tuple[Term, Term]:
        """See :meth:`Profile.nearer`."""
        powers = {i: found for i, p in enumerate(self.profiles) if (found := p.as_power()) is not None}
        if len(powers) > 1:
            one = self._power(x, powers)
            pairs = [one if i in powers else p.nearer(x) for i, p in enumerate(self.profiles)]
        else:
            pairs = [p.nearer(x) for p in self.profiles]
        later, weights = zip(*pairs, strict=True)
        return self.choose(later), self.choose(weights)

    def _power(self, x: Progress, powers: Mapping[int, tuple[Any, bool]]) -> tuple[Term, Term]:
        """All powers as one: of what is left or of what is done, with the exponent of the group."""
        b, some = x.b, next(iter(powers.values()))
        all_ = [powers.get(i, some) for i in range(len(self.profiles))]
        power, turned = (self.choose([b.lift(v) for v in values]) for values in zip(*all_, strict=True))
        done, left = b.where(turned, x.left, x.done), b.where(turned, x.done, x.left)
        y = replaced(x, done=done, left=left, raw=None)
        p, q = power_of(y, y.z, y.left, power), power_rest(y, power)
        return b.le(b.where(turned, q, p), b.where(turned, p, q)), b.minimum(p, q)

    def formula(self, x: Progress) -> tuple[Term, Term]:
        """See :meth:`Profile.formula`."""
        shapes, rests = zip(*(profile.formula(x) for profile in self.profiles), strict=True)
        return self.choose(shapes), self.choose(rests)

    def side(self, x: Progress, rest: bool) -> Term:
        """See :meth:`Profile.side`."""
        return self.choose([profile.side(x, rest) for profile in self.profiles])


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
    """The value whose place in the list the group is."""
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
    """The blend of the piece at an index, of stacks of blends and the places of their rows."""
    import jax.numpy as jnp

    blends: list[Any] = [blend_of(node) for node, _ in entries]
    places = [np.array(p) for _, p in entries]
    offsets = [0, *itertools.accumulate(map(len, places))]
    rows = np.zeros(size, dtype=np.int64)
    rows[np.concatenate(places)] = np.arange(offsets[-1])
    row = b.gather(rows, index, "i")

    def column(leaves: list[Any]) -> Term:
        flat = [jnp.broadcast_to(jnp.asarray(v, float), p.shape) for v, p in zip(leaves, places, strict=True)]
        return b.column(jnp.concatenate(flat), row)

    def choose(values: Sequence[Term]) -> Term:
        value = values[-1]
        for offset, earlier in zip(offsets[-2:0:-1], values[-2::-1], strict=True):
            value = b.where(b.lt(row, offset), earlier, value)
        return value

    ends = (column([x.start for x in blends]), column([x.end for x in blends]))
    profiles = [
        x.profile if len(p) == 1 else map_every_leaf(x.profile, _reader(b, b.sub(row, o)))
        for x, p, o in zip(blends, places, offsets, strict=False)
    ]
    return Blend(Choice(profiles, choose), b.column(steps, index), *ends)
