"""Schedules that are read at some steps only, and held between them."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.fields import check_increasing
from lrsched.algebra.rescaling import Scale, rescale, stretch
from lrsched.algebra.schedule import Part, Schedule, among, multiples
from lrsched.combinators.wrapper import _Wrapper
from lrsched.foundation.errors import LIMIT
from lrsched.foundation.numbers import is_jax
from lrsched.ir.clock import Clock
from lrsched.schedules.endless import index_at, index_of

if TYPE_CHECKING:
    from lrsched.ir.term import Term


@kind("sampled_every", method="sampled")
class SampledEvery(_Wrapper):
    """See :meth:`Schedule.sampled`."""

    schedule: Schedule = fields.node("Schedule")
    every: int = fields.count(low=1)
    counts_phases = True

    @property
    def stretches(self) -> bool:
        """Where times are beyond the integers of a target they are counted in samples."""
        n = self.schedule.duration
        return self.schedule.stretches or (isinstance(n, int | float) and 2**31 <= n < math.inf)

    def place(self, step: int) -> int:
        return -(-step // self.every) * self.every

    def come(self, t: int) -> int:
        return t // self.every * self.every

    def reached(self, inner: float) -> float:
        return min(LIMIT, inner)

    def formula(self, clock: Clock) -> Term:
        return self.held(clock, self._read)

    def _read(self, clock: Clock) -> Term:
        b = clock.b
        every = b.lift(self.every)
        most = b.limit // every.args[0] if every.op == "const" else b.limit
        own, at = index_of(clock, every), index_at(clock, every)
        beyond = b.single and every.op == "const" and at.hi > most
        if beyond and own is at:  # times beyond the integers, counted in samples
            return self.schedule.formula(Clock(b, own, at).stretched(Fraction(1, every.args[0])))
        own, at = (b.mul(b.minimum(i, most), every) for i in (own, at))
        return self.schedule.formula(_read_at(b, own, at))

    def changes(self, first: int, last: int) -> NDArray[np.int64]:
        return multiples(self.every, first, last)

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        every = self.every * scale.ratio
        if every.denominator == 1:
            return SampledEvery(rescale(self.schedule, scale), every.numerator)
        return stretch(self, scale, steps)


def _read_at(b: Any, own: Term, at: Term) -> Clock:
    """The clock of a sample (or an epoch); one taken at the end of the whole belongs to the step before it."""
    return Clock(b, own if own is at else b.maximum(own, b.sub(at, 1)), at)


@kind("sampled_at", method="sampled")
class SampledAt(_Wrapper):
    """See :meth:`Schedule.sampled`."""

    schedule: Schedule = fields.node("Schedule")
    at: tuple[int, ...] = fields.counts(least=1)
    counts_phases = True

    @property
    def milestones(self) -> Any:
        return self.at

    def validate(self) -> None:
        check_increasing(self.where(), "at", self.at)

    def place(self, step: int) -> float:
        i = bisect.bisect_left(self.at, step)
        return self.at[i] if i < len(self.at) else math.inf

    def come(self, t: int) -> int:
        i = bisect.bisect_right(self.at, t)
        return self.at[i - 1] if i else 0

    def reached(self, inner: float) -> float:
        return min(LIMIT, inner)

    def formula(self, clock: Clock) -> Term:
        return self.held(clock, self._read)

    def _read(self, clock: Clock) -> Term:
        b = clock.b
        if is_jax(self.at) or any(map(is_jax, self.at)):
            import jax.numpy as jnp

            starts: Any = jnp.concatenate([jnp.zeros(1, int), jnp.asarray(self.at, int)])
        else:
            starts = np.array([0, *self.at], dtype=np.int64)
        own, at = (b.gather(starts, b.search(starts[1:], i), "i") for i in (index_of(clock), index_at(clock)))
        return self.schedule.formula(_read_at(b, own, at))

    def changes(self, first: int, last: int) -> NDArray[np.int64]:
        return among(self.at, first, last)

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        return SampledAt(rescale(self.schedule, scale), tuple(sorted({*map(scale, self.at)})))


@kind("per_epoch", method="per_epoch")
class PerEpoch(_Wrapper):
    """See :meth:`Schedule.per_epoch`."""

    schedule: Schedule = fields.node("Schedule")
    steps_per_epoch: int = fields.count(low=1)
    counts_phases = True
    adds_up = True

    @property
    def duration(self) -> Any:
        n = self.schedule.duration
        return n if isinstance(n, float) else n * self.steps_per_epoch

    def reached(self, inner: float) -> float:
        return min(LIMIT, inner * self.steps_per_epoch)

    def formula(self, clock: Clock) -> Term:
        b = clock.b
        own, at = index_of(clock, self.steps_per_epoch), index_at(clock, self.steps_per_epoch)
        return self.schedule.formula(Clock(b, own, at) if clock.plain else _read_at(b, own, at))

    def parts_in_time(self, stop: Any = None) -> Iterable[Part]:
        return (Part(self.schedule, pace=self.steps_per_epoch),)

    def place(self, step: int) -> int:
        return step * self.steps_per_epoch

    def come(self, t: int) -> int:
        return t // self.steps_per_epoch

    def changes(self, first: int, last: int) -> NDArray[np.int64]:
        return multiples(self.steps_per_epoch, first, last)

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        per_epoch = self.steps_per_epoch * scale.ratio
        if per_epoch.denominator == 1:
            return PerEpoch(self.schedule, per_epoch.numerator)
        return stretch(self, scale, steps)
