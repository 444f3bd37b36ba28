"""Schedules that come back: restarted, mirrored, reversed."""

from __future__ import annotations

import bisect
import builtins
import itertools
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched.algebra import fields
from lrsched.algebra.constructor import kind
from lrsched.algebra.rescaling import Scale, check_finite, rescale, rescale_to, stretch
from lrsched.algebra.schedule import Laid, Part, Schedule
from lrsched.combinators.sequence import sequence
from lrsched.combinators.shared_blends import blend_of
from lrsched.combinators.wrapper import _Ending, _Slower
from lrsched.foundation.errors import LIMIT, fail
from lrsched.foundation.numbers import is_jax
from lrsched.foundation.records import replaced
from lrsched.ir.clock import Clock, forked, lowered
from lrsched.ir.exact_steps import exact_constant, number_of, reached
from lrsched.ir.runtime_scale import Pace
from lrsched.schedules.endless import count_passed, index_of, powers

if TYPE_CHECKING:
    from lrsched.ir.term import Term


MOST_CYCLES = 100_000
MOST_GROWTH = 1_000_000
SAME = Scale(Fraction(1))


@kind("restarted", method="restarted")
class Restarted(_Ending, _Slower):
    """See :meth:`Schedule.restarted`."""

    schedule: Schedule = fields.node("Schedule")
    times: int | None = fields.static("count", default=None, optional=True, low=1)
    t_mult: float = fields.static("real", default=1.0, low=0.0, open_low=True)
    gamma: float = fields.positive(default=1.0)
    shows_parts = True
    adds_up = True

    def validate(self) -> None:
        check_finite(self.where(), self.schedule)
        if self.times is None and self.t_mult < 1:
            fail(self.where(), "t_mult", ">= 1 when times is None", self.t_mult)
        if self.t_mult > MOST_GROWTH:
            fail(self.where(), "t_mult", f"at most {MOST_GROWTH}", self.t_mult)
        if self.t_mult != 1.0 and not is_jax(self.schedule.duration):
            self._lengths()
        self.refuse_too_fine()

    def fixed_length(self) -> Any:
        """Cycle lengths that are no constant factor of the first are part of the structure."""
        return self.schedule.duration if self.t_mult != 1.0 else None

    def fixed_counts(self) -> bool:
        return not float(self.t_mult).is_integer()

    @property
    def stretches(self) -> bool:  # type: ignore[override]
        return self.t_mult != 1.0 or self.schedule.stretches

    @property
    def _first(self) -> Any:
        """The length of the first cycle: a plain number where it is the same in every column."""
        n = self.schedule.duration
        same = getattr(n, "op", "") == "column" and not is_jax(n.args[0]) and n.lo == n.hi
        return n.lo if same else n

    @property
    def duration(self) -> Any:
        if self.times is None:
            return math.inf
        first = self._first
        if self.t_mult == 1.0:
            return first * self.times
        if is_jax(first):
            return first * builtins.sum(int(self.t_mult) ** i for i in range(self.times))
        return builtins.sum(self._lengths())

    def _lengths(self) -> list[int]:
        """The lengths of growing cycles, up to the last step that there is."""
        memo = self._memo
        if "lengths" not in memo:
            memo["lengths"] = cycle_lengths(self._first, self.t_mult, self.times, LIMIT)
        found: list[int] = memo["lengths"]
        return found

    def formula(self, clock: Clock) -> Term:
        if self.times is None:
            return self._cycle(clock)
        return clock.finite(self.duration, self._cycle, self.stretches)

    @property
    def reach(self) -> float:
        return LIMIT if self.times is None else math.inf

    def _cycle(self, clock: Clock) -> Term:
        b = clock.b
        if self.t_mult == 1.0:
            few = self.times is not None and self.times <= MOST_CYCLES and self.schedule.stretches
            index, inner = periodic(clock, self.schedule.duration, self.times if few else None)
        else:
            index, inner = self._growing(clock)
        value = self.schedule.formula(inner.within(True))
        gamma = b.lift(self.gamma)
        if gamma.equals(1):
            return value
        if gamma.op == "const" and self.t_mult != 1.0:
            return b.mul(value, b.column(powers(gamma.args[0], index.hi + 1), index))
        return b.mul(value, b.ipow(gamma, index))

    def _growing(self, clock: Clock) -> tuple[Term, Clock]:
        b, first = clock.b, self._first
        if b.lift(first).op == "bound":
            if not float(self.t_mult).is_integer():
                fail(self.where(), "t_mult", "a whole number where only the run knows the first length", self.t_mult)
            starts, scales = _traced_cycles(b, first, int(self.t_mult), self.times)
            index = b.search(starts[1:], b.minimum(index_of(clock), b.limit - 1))
            over, local = b.settled(b.column(scales, index)), clock.since(b.column(starts, index))
            return index, local.stretched(b.floats(over), Pace(b, b.floats(over), b.lift(1), b.lift(1), over))
        horizon = math.inf if self.times is not None else _farthest(clock)
        lengths = cycle_lengths(first, self.t_mult, self.times, horizon)
        starts = [*itertools.accumulate(lengths[:-1], initial=0)]
        index = count_passed(clock, starts[1:])
        begun = index.hi + 1
        starts, lengths = starts[:begun], lengths[:begun]
        scale = b.column([Fraction(n, first) if n % first else n // first for n in lengths], index)
        return index, clock.since(b.column(starts, index)).stretched(scale)

    @property
    def counts_phases(self) -> bool:
        return self.t_mult == 1.0

    @property
    def endless_edges(self) -> bool:
        return self.times is None or self.schedule.endless_edges

    def parts_in_time(self, stop: Any = None) -> Iterable[Part]:
        return self.parts_from(0, 0 if stop is None else stop)

    def parts_from(self, start: int, stop: Any) -> Iterable[Part]:
        first, i = self.schedule.duration, self._index(start)
        while i < self._many:
            begin, length = self._span(i)
            if i and begin >= stop:
                return
            i += 1
            yield Part(self.schedule, begin, Fraction(length, first), last=False, cycle=i)

    def in_cycle(self, t: int) -> bool:
        return bool(t < self.lasts)

    def laid(self, first: int, last: int) -> Iterable[Laid] | None:
        n = self.schedule.lasts
        if self.t_mult == self.gamma == 1.0:
            times, rest = divmod(last, n)
            rows = Laid(self.schedule, 0, n, times), Laid(self.schedule, times * n, rest)
            return [row for row in rows if row.length * row.times]
        ramp, begun = self.schedule.ramp(), self.begun(last)
        stretched = self.t_mult == 1.0 or (ramp is not None and ramp.steps == n and not ramp.ahead)
        if not stretched or self._span(begun - 1)[1] >= LIMIT:  # the last cycle that there is may end beyond all steps
            return None
        return (self._cycle_at(i, last) for i in range(self._index(first), begun))

    def _cycle_at(self, i: int, stop: int) -> Laid:
        """One cycle up to ``stop``, of a schedule that is a line or a wave where cycles grow."""
        start, length = self._span(i)
        part = self.schedule if length == self.schedule.lasts else rescale_to(self.schedule, length)
        with np.errstate(all="ignore"):
            return Laid(part, start, min(length, stop - start), factor=float(np.float64(self.gamma) ** i))

    @property
    def _many(self) -> float:
        """How many cycles begin before the last step that there is."""
        if self.t_mult != 1.0:
            return len(self._lengths())
        return math.inf if self.times is None else self.times

    def _starts(self) -> list[int]:
        memo = self._memo
        if "starts" not in memo:
            memo["starts"] = [*itertools.accumulate(self._lengths(), initial=0)]
        found: list[int] = memo["starts"]
        return found

    def _index(self, t: int) -> int:
        """The cycle that step t is in; the last where t is past all."""
        i = t // self.schedule.lasts if self.t_mult == 1.0 else bisect.bisect_right(self._starts(), t) - 1
        return int(min(i, self._many - 1))

    def _span(self, i: int) -> tuple[int, int]:
        """Start and length of a cycle."""
        first = self.schedule.lasts
        return (i * first, first) if self.t_mult == 1.0 else (self._starts()[i], self._lengths()[i])

    def begun(self, stop: int) -> int:
        """How many cycles begin below ``stop``."""
        return self._index(stop - 1) + 1

    def edge(self, t: int, back: bool = False, ends: bool = False) -> int | None:
        end = self.lasts
        if back and ends and t > end:
            return int(end)
        if t >= end and not back:
            return None
        t = min(t, end) if back else max(t, 0)
        i = self._index(max(t - back, 0))
        start, length = self._span(i)
        if not ends:
            first, come = self.schedule.lasts, t - back - start
            come = come if length == first else come * first // length
            found = self.schedule.edge(come + 1, True) if back else self.schedule.edge(come)
            step = length if found is None else found if length == first else -(-found * length // first)
            if step < length:
                return start + step
        if back:
            return start or None
        return start + length if i + 1 < self._many or ends else None

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        first, times, growth, ratio = self.schedule.lasts, self.times, self.t_mult, scale.ratio
        again = Restarted(rescale(self.schedule, scale, least=1), times, growth, self.gamma)
        whole = growth == 1.0 or (growth.is_integer() and (ratio.denominator == 1 or self.schedule.edge(0) is None))
        whole = whole and (first * ratio).denominator == 1  # all cycles are alike, but for ties every second time
        if times is None or times > MOST_CYCLES:
            return again if whole else stretch(self, scale, steps)
        if all(self._laid(i, scale) == again._laid(i, SAME) for i in range(min(times, 2) if whole else times)):
            return again
        if ratio.denominator == 1:
            return stretch(self, scale, steps)
        cycles = (self._laid(i, scale) for i in range(times))
        return sequence(*(cycles if self.gamma == 1.0 else (s * self.gamma**i for i, s in enumerate(cycles))))

    def _laid(self, i: int, scale: Scale) -> Schedule:
        """One cycle where ``scale`` says, without the factor on its values."""
        start, length = self._span(i)
        part = self.schedule
        if length != part.lasts:
            part = rescale_to(part, length) if blend_of(part) else stretch(part, SAME, length)
        return rescale(part, scale.since(start))


def cycle_lengths(first: int, t_mult: float, times: int | None, stop: Any) -> list[int]:
    """``round(first * t_mult**i)``, at least 1, until ``times`` of them, or until they pass ``stop`` steps."""
    if times is not None and times > MOST_CYCLES:
        fail(
            "restarted",
            "times",
            f"at most {MOST_CYCLES}, the limit of cycles of growing length (t_mult other than 1)",
            times,
        )
    if times is None and _cycles_within(first, t_mult, stop) > MOST_CYCLES:
        allowed = f"1, or so large that no more than {MOST_CYCLES} cycles, the limit, fill the clock of 2**53 steps"
        fail("restarted", "t_mult", allowed, t_mult)
    whole = isinstance(first, int) and float(t_mult).is_integer()
    ratio: Any = int(t_mult) if whole else Fraction(t_mult)
    power: Any = first if whole else Fraction(first)
    total, most = 0, math.inf if times is None else times
    lengths: list[int] = []
    while total < stop and len(lengths) < most:
        length = power if whole else max(1, round(power))
        lengths.append(length)
        total += length
        power = power * ratio if whole else _shortened(power * ratio)
    return lengths


def _cycles_within(first: int, t_mult: float, stop: Any) -> float:
    """About how many growing cycles ``stop`` steps hold."""
    growth = math.log(t_mult)
    return math.log1p(stop / first * math.expm1(growth)) / growth if growth > 0 else math.inf


def _shortened(x: Fraction) -> Fraction:
    """The fraction itself, or its first 400 bits where it has grown beyond them."""
    if x.denominator.bit_length() < 1200:
        return x
    shift = max(0, 400 - max(0, x.numerator.bit_length() - x.denominator.bit_length()))
    return Fraction((x.numerator << shift) // x.denominator, 1 << shift)


def _farthest(clock: Clock) -> Any:
    """A number of local steps that no step of the target reaches the end of."""
    b, stretch = clock.b, clock.stretch
    if stretch is None or not stretch.fixed:
        return b.limit + 1
    ends = b.div(b.sub(b.limit, stretch.offset), stretch.scale)
    return math.floor(ends.args[0]) + 1 if ends.op == "const" else b.limit + 1


def _traced_cycles(b: Any, first: Any, t_mult: int, times: int | None) -> tuple[Any, Any]:
    """The starts of cycles of a traced first length, kept within the integers, and their scales."""
    import jax.numpy as jnp

    sums: list[int] = []
    scales: list[int] = []
    total, scale = 0, 1
    while total <= b.limit and (times is None or len(sums) < times):
        sums.append(total)
        scales.append(min(scale, b.limit))
        total, scale = total + scale, scale * t_mult
    starts = [jnp.where(first > b.limit // max(s, 1), b.limit, first * s) for s in sums]
    return jnp.stack(starts), np.array(scales, dtype=np.int64)


def periodic(clock: Clock, length: Any, times: Any = None) -> tuple[Term, Clock]:
    """The index of the cycle of ``length`` local steps that the clock is in, and the clock of that cycle.

    ``times`` are the cycles where there are few enough to know where each begins: what is in them stretches again.
    """
    b, stretch = clock.b, clock.stretch
    if stretch is not None and clock.single and stretch.fixed:
        period, offset = b.lift(stretch.scale) * length, b.lift(stretch.offset)
        most = offset.hi if stretch.back else clock.own.hi - offset.lo
        if exact_constant(period) and period.dtype == offset.dtype == "i" and most <= b.limit:
            return _whole_cycles(clock, reached(b, period), offset)
    index = index_of(clock, length)
    if stretch is None:
        start = b.mul(index, length)
        return index, Clock(b, b.sub(clock.own, start), b.sub(clock.at, start))
    if index.op == "const":
        return index, clock.since(number_of(b.mul(index, length)))
    if times is not None and isinstance(length, int):
        start = b.column([i * length for i in range(times)], b.minimum(index, times - 1))
        return index, clock.since(start)
    at = clock.at if clock.at is None else b.sub(clock.at, b.mul(index, length))
    return index, replaced(clock, at=at, stretch=stretch.cycle(index, length), inside=False)


def _whole_cycles(clock: Clock, period: Term, offset: Term) -> tuple[Term, Clock]:
    """Cycles each of which takes a whole number of steps: all as the first."""
    b, back = clock.b, clock.stretch is not None and clock.stretch.back
    index = b.floordiv(b.maximum(b.sub(offset, clock.own) if back else b.sub(clock.own, offset), 0), period)
    done = b.mul(index, period)
    own = b.add(clock.own, done) if back else b.sub(clock.own, done)
    return index, replaced(clock, own=b.known(own, lo=0 if back else offset.lo))


def turned(schedule: Schedule, clock: Clock, length: Any) -> Term:
    """The schedule on a clock that runs back from ``length``, where it gives what its last step leaves.

    Which piece that is depends on the schedule alone, not on how long a step of the clock takes.
    """
    b, back = clock.b, clock.turned(length)
    if back.plain and not schedule.stretches:
        return schedule.formula(replaced(back, own=b.minimum(back.own, b.lift(length) - 1), inside=True))
    return back.split(length, schedule.formula, lambda c: lowered(schedule, c.stopped(length)))


@kind("reversed", method="reversed")
class Reversed(_Ending):
    """See :meth:`Schedule.reversed`."""

    schedule: Schedule = fields.node("Schedule")

    def validate(self) -> None:
        check_finite(self.where(), self.schedule)

    def formula(self, clock: Clock) -> Term:
        n = self.schedule.duration
        return clock.finite(n, lambda c: turned(self.schedule, c, n), self.stretches)

    def parts_in_time(self, stop: Any = None) -> Iterable[Part]:
        return ()

    def edge(self, t: int, back: bool = False, ends: bool = False) -> int | None:
        n, inner = self.schedule.lasts, self.schedule
        found = inner.edge(max(n + 1 - t, 1), ends=ends) if back else inner.edge(min(n + 1 - t, n), True, ends)
        if ends and (t > n if back else (found or 1) == 1 and t < n) and self._has_cycles():
            return int(n)
        return n - found + 1 if found is not None and 1 < found < n else None

    def _has_cycles(self) -> bool:
        memo = self._memo
        if "cyclic" not in memo:
            memo["cyclic"] = self.schedule.edge(self.duration + 1, True, True) is not None
        found: bool = memo["cyclic"]
        return found

    def _rescaled(self, scale: Scale, steps: Any) -> Schedule:
        return stretch(self, scale, steps) if self.schedule.edge(0) else _Ending._rescaled(self, scale, steps)


@kind("mirrored", method="mirrored")
class Mirrored(_Ending):
    """See :meth:`Schedule.mirrored`."""

    schedule: Schedule = fields.node("Schedule")
    adds_up = True

    def validate(self) -> None:
        check_finite(self.where(), self.schedule)

    @property
    def duration(self) -> Any:
        return 2 * self.schedule.duration

    def formula(self, clock: Clock) -> Term:
        return clock.finite(self.duration, self._both, self.stretches)

    def _both(self, clock: Clock) -> Term:
        b, n = clock.b, self.schedule.duration
        if clock.plain and not self.stretches:
            if b.le(clock.at, n).value is True and b.lt(clock.own, n).value is True:
                return self.schedule.formula(clock)
            at = b.minimum(clock.at, b.sub(b.lift(n) * 2, clock.at))
            if b.lift(n).op == "const" and 2 * n > b.limit:  # twice the length is no integer of the target
                past = b.sub(clock.at, n)
                at = b.sub(n, b.maximum(past, b.neg(past)))
            own = b.minimum(clock.own, b.minimum(b.floor(at), b.lift(n) - 1))
            return self.schedule.formula(replaced(clock, own=own, at=at, inside=True))
        inner = self.schedule.formula
        return forked(self, clock, lambda: clock.split(n, inner, lambda c: turned(self.schedule, c.since(n), n)))

    def in_cycle(self, t: int) -> bool:
        return False

    def edge(self, t: int, back: bool = False, ends: bool = False) -> int | None:
        n, inner = self.schedule.lasts, self.schedule
        if ends or (t >= 2 * n and not back):
            return None
        if (t < n and not back) or (t <= n and back):
            found = inner.edge(t, back)
            return found if found is not None or back else n
        found = inner.edge(2 * n + 1 - min(t, 2 * n), not back)
        turned = 0 if found is None else 2 * n - found + 1
        if n < turned < 2 * n:
            return turned
        return n if back else None

    def _rescaled(self, scale: Scale, steps: int | None) -> Schedule:
        there, back = rescale(self.schedule, scale), rescale(Reversed(self.schedule), scale.since(self.schedule.lasts))
        return Mirrored(there) if there.lasts and back == Reversed(there) else sequence(there, back)
