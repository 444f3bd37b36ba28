"""Schedules made of schedules: sequences, arithmetic, restarts, and changes of the clock."""

from __future__ import annotations

import builtins
import itertools
import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from lrsched import _fields
from lrsched._clock import Clock, exact_constant, forked, lowered, multiple, number_of, words
from lrsched._errors import ScheduleError, check_count, fail
from lrsched._fields import is_jax
from lrsched._node import Node, children, kind, set_field, walk
from lrsched._pace import Pace, Ratio, pace_of
from lrsched._record import replaced
from lrsched._schedule import Schedule, lift, longest
from lrsched._sequence import Sequence, sequence
from lrsched._tree import longer
from lrsched.schedules import Constant, Custom, count_passed, index_at, index_of, powers, time_of, whole_time

if TYPE_CHECKING:
    from lrsched._term import Term

__all__ = ["Sequence", "joined", "maximum", "minimum", "negated", "rescaled", "rescaled_fields", "sequence", "sum"]


MOST_CYCLES = 100_000

# ---- arithmetic


class _Operator(Schedule):
    """What value-by-value combinations share."""

    __slots__ = ()

    def operands(self) -> tuple[Schedule, ...]:
        """The schedules combined."""
        return self.parts  # type: ignore[attr-defined]

    @property
    def duration(self) -> Any:
        lengths = [part.duration for part in self.operands() if not isinstance(part, Constant)]
        return longest(lengths) if lengths else math.inf

    def values(self, clock: Clock) -> list[Term]:
        """Each operand's value on the same clock."""
        varying = builtins.sum(not isinstance(part, Constant) for part in self.operands())
        inner = clock if varying == 1 else clock.within(False)
        return [clock.b.floats(part.formula(inner)) for part in self.operands()]

    def edges(self, stop: Any) -> Iterable[int]:
        return {edge for part in self.operands() for edge in inner_edges(part, stop)}

    def cycles(self, stop: int) -> list[int] | None:
        return next((c for c in (part.cycles(stop) for part in self.operands()) if c is not None), None)

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        return type(self)(tuple(rescale(part, ratio) for part in self.operands()))


def flatten_left(operator: Any) -> None:
    """Take apart a first operand of the same kind: ``(a + b) + c`` is evaluated as ``a + b + c``."""
    parts = operator.parts
    if len(parts) < 2:
        fail(operator.where(), "parts", "at least two", parts)
    if isinstance(parts[0], type(operator)):
        set_field(operator, "parts", (*parts[0].parts, *parts[1:]))


def inner_edges(part: Schedule, stop: Any) -> list[int]:
    """The boundaries of a part inside its own duration."""
    end = min(stop, part.duration)
    return [edge for edge in part.edges(end) if 0 < edge < end]


@kind("sum")
class Sum(_Operator):
    """The sum of schedules, added from left to right."""

    parts: tuple[Schedule, ...] = _fields.nodes("Schedule")

    def validate(self) -> None:
        flatten_left(self)

    def formula(self, clock: Clock) -> Term:
        return _left(clock.b.add, self.values(clock))


@kind("product")
class Product(_Operator):
    """The product of schedules, multiplied from left to right."""

    parts: tuple[Schedule, ...] = _fields.nodes("Schedule")

    def validate(self) -> None:
        flatten_left(self)

    def formula(self, clock: Clock) -> Term:
        return _left(clock.b.mul, self.values(clock))


@kind("minimum")
class Minimum(_Operator):
    """The smallest of schedules; made by :func:`minimum`."""

    parts: tuple[Schedule, ...] = _fields.nodes("Schedule")

    def formula(self, clock: Clock) -> Term:
        return _left(clock.b.minimum, self.values(clock))


@kind("maximum")
class Maximum(_Operator):
    """The largest of schedules; made by :func:`maximum`."""

    parts: tuple[Schedule, ...] = _fields.nodes("Schedule")

    def formula(self, clock: Clock) -> Term:
        return _left(clock.b.maximum, self.values(clock))


@kind("quotient")
class Quotient(_Operator):
    """One schedule divided by another."""

    left: Schedule = _fields.node("Schedule")
    right: Schedule = _fields.node("Schedule")

    def operands(self) -> tuple[Schedule, ...]:
        return (self.left, self.right)

    def formula(self, clock: Clock) -> Term:
        left, right = self.values(clock)
        return clock.b.div(left, right)

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        return Quotient(rescale(self.left, ratio), rescale(self.right, ratio))


def _left(operation: Callable[[Any, Any], Term], values: list[Term]) -> Term:
    total = values[0]
    for value in values[1:]:
        total = operation(total, value)
    return total


def joined(operator: type[Any], a: Any, b: Any) -> Schedule:
    """``a`` and ``b`` under an n-ary operator, flattened on the left, as it is evaluated."""
    first: Any = lift(a)
    second = lift(b)
    if first is None or second is None:
        return NotImplemented
    return longer(first, (second,)) if isinstance(first, operator) else operator((first, second))


def minimum(*schedules: Any) -> Schedule:
    """The smallest value of schedules and numbers, step by step.

    Example:
        >>> from lrsched import linear, minimum
        >>> minimum(linear().over(4), 0.6).sample(4).tolist()
        [0.6, 0.6, 0.5, 0.25]
    """
    return _extreme("minimum", Minimum, schedules)


def maximum(*schedules: Any) -> Schedule:
    """The largest value of schedules and numbers, step by step.

    Example:
        >>> from lrsched import linear, maximum
        >>> maximum(linear().over(4), 0.3).sample(5).tolist()
        [1.0, 0.75, 0.5, 0.3, 0.3]
    """
    return _extreme("maximum", Maximum, schedules)


def sum(*schedules: Any) -> Schedule:
    """The sum of schedules and numbers, step by step, added from left to right.

    Example:
        >>> import lrsched as lrs
        >>> lrs.sum(lrs.linear().over(2), lrs.hold(2), 0.5).sample(2).tolist()
        [2.5, 2.0]
    """
    return _extreme("sum", Sum, schedules)


def _extreme(name: str, operator: Any, schedules: tuple[Any, ...]) -> Schedule:
    if not schedules:
        raise ScheduleError(f"{name}: give at least one schedule")
    parts = []
    for i, value in enumerate(schedules):
        part = lift(value)
        if part is None:
            fail(name, f"argument {i}", "a schedule or a number", value, kind=True)
        parts.append(part)
    combined: Schedule = operator(tuple(parts))
    return combined


class _Wrapper(Schedule):
    """What changes of a single schedule share."""

    __slots__ = ()

    @property
    def inner(self) -> Schedule:
        """The schedule that is changed."""
        return self.schedule  # type: ignore[attr-defined]

    @property
    def duration(self) -> Any:
        return self.inner.duration

    def edges(self, stop: Any) -> Iterable[int]:
        return self.inner.edges(stop)

    def cycles(self, stop: int) -> list[int] | None:
        return self.inner.cycles(stop)

    def held(self, clock: Clock, formula: Callable[[Clock], Term]) -> Term:
        """``formula``, held after the duration unless a policy inside says what comes then."""
        duration = self.duration
        if isinstance(duration, float) or goes_on(self.inner):
            return formula(clock)
        return clock.finite(duration, formula)

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        fields = {name: getattr(self, name) for name in self.__match_args__}  # type: ignore[attr-defined]
        fields["schedule"] = rescale(self.inner, ratio, least=1)
        return type(self)(**fields)


def goes_on(schedule: Schedule) -> bool:
    """Whether a policy inside decides what comes after the schedule's duration."""
    if isinstance(schedule, After):
        return schedule.policy != "hold"
    if isinstance(schedule, Sequence):
        parts = schedule.parts
        return goes_on(parts[-1] if isinstance(parts, tuple) else parts.last)
    if isinstance(schedule, Restarted | Lasting | Reversed | Mirrored | Extended):
        return False
    return any(goes_on(child) for child in children(schedule) if isinstance(child, Schedule))


def check_finite(where: str, schedule: Schedule) -> None:
    """Refuse a schedule whose duration is infinite or 0."""
    if not is_jax(schedule.duration) and not 0 < schedule.duration < math.inf:
        fail(where, "the schedule's duration", "finite and positive", schedule.duration)


@kind("power")
class Power(_Wrapper):
    """A schedule raised to a number."""

    schedule: Schedule = _fields.node("Schedule")
    power: float = _fields.real()

    def formula(self, clock: Clock) -> Term:
        from lrsched.profiles import raised

        return raised(clock.b, clock.b.floats(clock.b.settled(self.schedule.formula(clock))), self.power)


@kind("raised")
class Raised(_Wrapper):
    """A positive number raised to a schedule, ``base ** s``: what is linear in s becomes geometric."""

    base: float = _fields.positive()
    schedule: Schedule = _fields.node("Schedule")

    def formula(self, clock: Clock) -> Term:
        b = clock.b
        return b.pow(b.floats(self.base), b.floats(b.settled(self.schedule.formula(clock))))


@kind("negative")
class Negative(_Wrapper):
    """Minus a schedule."""

    schedule: Schedule = _fields.node("Schedule")

    def validate(self) -> None:
        if isinstance(self.schedule, Constant) and not is_jax(self.schedule.value):
            fail("-", "the schedule", "no constant: negate its value", self.schedule)

    def formula(self, clock: Clock) -> Term:
        return clock.b.neg(self.schedule.formula(clock))


def negated(schedule: Schedule) -> Schedule:
    """Minus the schedule; of a constant, a constant."""
    if isinstance(schedule, Constant) and not is_jax(schedule.value):
        return Constant(-schedule.value)
    return Negative(schedule)


@kind("clipped", method="clipped")
class Clipped(_Wrapper):
    """See :meth:`Schedule.clipped`."""

    schedule: Schedule = _fields.node("Schedule")
    low: float = _fields.real()
    high: float = _fields.real()

    def validate(self) -> None:
        if not is_jax(self.low) and not is_jax(self.high) and self.low > self.high:
            fail(self.where(), "low", f"at most high, {self.high!r}", self.low)

    def formula(self, clock: Clock) -> Term:
        b = clock.b
        return b.minimum(b.maximum(self.schedule.formula(clock), b.floats(self.low)), b.floats(self.high))


@kind("perturbed", method="perturbed")
class Perturbed(_Wrapper):
    """See :meth:`Schedule.perturbed`."""

    schedule: Schedule = _fields.node("Schedule")
    scale: float = _fields.real()
    seed: int = _fields.count()

    def validate(self) -> None:
        if not is_jax(self.seed) and self.seed >= 2**64:
            fail(self.where(), "seed", "an integer in [0, 2**64)", self.seed)

    def formula(self, clock: Clock) -> Term:
        return self.held(clock, self._noisy)

    def _noisy(self, clock: Clock) -> Term:
        b = clock.b
        step = whole_time(clock)
        step = index_at(clock) if step.kind == "f" else step
        factor = b.add(b.mul(b.floats(self.scale), b.noise(self.seed, *words(clock, step))), 1.0)
        return b.mul(self.schedule.formula(clock), factor)


# ---- the clock


@kind("restarted", method="restarted")
class Restarted(_Wrapper):
    """See :meth:`Schedule.restarted`."""

    schedule: Schedule = _fields.node("Schedule")
    times: int | None = _fields.static("count", default=None, optional=True, low=1)
    t_mult: float = _fields.static("real", default=1.0, low=0.0, open_low=True)
    gamma: float = _fields.positive(default=1.0)

    def validate(self) -> None:
        check_finite(self.where(), self.schedule)
        if self.times is None and self.t_mult < 1:
            fail(self.where(), "t_mult", ">= 1 when times is None", self.t_mult)
        if self.t_mult != 1.0 and not is_jax(self.schedule.duration):
            cycle_lengths(self.schedule.duration, self.t_mult, self.times, 2**53)

    def fixed_length(self) -> Any:
        """Cycle lengths that are no constant factor of the first are part of the structure."""
        return self.schedule.duration if self.t_mult != 1.0 else None

    def fixed_counts(self) -> bool:
        return not float(self.t_mult).is_integer()

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
        return builtins.sum(cycle_lengths(first, self.t_mult, self.times, math.inf))

    def formula(self, clock: Clock) -> Term:
        if self.times is None:
            return self._cycle(clock)
        return clock.finite(self.duration, self._cycle)

    def _cycle(self, clock: Clock) -> Term:
        b = clock.b
        if self.t_mult == 1.0:
            index, inner = periodic(clock, self.schedule.duration)
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
            over, local = b.column(scales, index), clock.since(b.column(starts, index))
            return index, local.stretched(b.floats(over), Pace(b, b.lift(1), b.lift(1), over))
        horizon = math.inf if self.times is not None else _farthest(clock)
        lengths = cycle_lengths(first, self.t_mult, self.times, horizon)
        starts = [*itertools.accumulate(lengths[:-1], initial=0)]
        index = count_passed(clock, starts[1:])
        begun = index.hi + 1
        starts, lengths = starts[:begun], lengths[:begun]
        scale = b.column([Fraction(n, first) if n % first else n // first for n in lengths], index)
        return index, clock.since(b.column(starts, index)).stretched(scale)

    def edges(self, stop: Any) -> Iterable[int]:
        found: list[int] = []
        first = self.schedule.duration
        edges = list(self.schedule.edges(first if self.t_mult < 1 else min(first, stop)))
        for start, length in self._spans(stop):
            found.append(start)
            inner = (math.ceil(Fraction(edge * length, first)) for edge in edges)
            found.extend(start + edge for edge in inner if edge < length)
        return found

    def _spans(self, stop: Any) -> list[tuple[int, int]]:
        first = self.schedule.duration
        if self.t_mult == 1.0:
            number: Any = math.ceil(stop / first) if self.times is None else min(self.times, math.ceil(stop / first))
            return [(i * first, first) for i in range(int(number))]
        lengths = cycle_lengths(first, self.t_mult, self.times, stop)
        starts = [*itertools.accumulate(lengths[:-1], initial=0)]
        return [(s, n) for s, n in zip(starts, lengths, strict=False) if s < stop]

    def cycles(self, stop: int) -> list[int]:
        return [start + length - 1 for start, length in self._spans(stop)]

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        if self.times is None or self.t_mult != 1.0:
            return Restarted(rescale(self.schedule, ratio, least=1), self.times, self.t_mult, self.gamma)
        first = self.schedule.duration
        places = [round(i * first * ratio) for i in range(self.times + 1)]
        lengths = [b - a for a, b in itertools.pairwise(places)]
        if len(set(lengths)) == 1:
            return Restarted(rescale_to(self.schedule, lengths[0]), self.times, 1, self.gamma)
        cycles = [rescale_to(self.schedule, n) * self.gamma**i for i, n in enumerate(lengths)]
        return sequence(*cycles)


def cycle_lengths(first: int, t_mult: float, times: int | None, stop: Any) -> list[int]:
    """``round(first * t_mult**i)``, at least 1, until ``times`` of them, or until they pass ``stop`` steps."""
    if (times or 0) > MOST_CYCLES or (times is None and _cycles_within(first, t_mult, stop) > MOST_CYCLES):
        fail("restarted", "t_mult", f"1, or such that at most {MOST_CYCLES} cycles fill the clock", t_mult)
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
    ends = clock.b.div(clock.b.sub(clock.b.limit, clock.offset), clock.scale)
    return math.floor(ends.args[0]) + 1 if ends.op == "const" else clock.b.limit + 1


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


def periodic(clock: Clock, length: Any) -> tuple[Term, Clock]:
    """The index of the cycle of ``length`` local steps that the clock is in, and the clock of that cycle."""
    b = clock.b
    period, offset = b.lift(clock.scale) * length, b.lift(clock.offset)
    if offset.equals(0) and period.kind == "i":
        index = b.floordiv(clock.own, period)
        start = b.mul(index, period)
        moved = clock.moved(b.sub(clock.own, start), b.sub(clock.at, start))
        past = b.add(clock.past, b.mul(index, length))
        return index, moved if clock.plain else replaced(
            moved, gone=b.add(clock.gone, start), past=past, least=None, most=_stop(clock, index, length)
        )
    index = index_of(clock, length)
    step, later = b.lift(clock.scale) * length, index
    if offset.op == step.op == "const" and abs(offset.args[0]) > b.limit:  # counted from a cycle within the integers
        passed = math.floor(-offset.args[0] / Fraction(step.args[0]))
        later, offset = b.sub(index, passed), offset + step * passed
        clock = replaced(clock, offset=number_of(offset), root=number_of(b.lift(clock.root) + step * passed))
    if exact_constant(step):
        known = exact_constant(offset)
        whole, place = multiple(b, later, step, offset if known else b.lift(0))
        part = place.part if known else place.part + b.floats(offset)
    else:
        start = b.mul(b.floats(later), b.floats(step)) + b.floats(offset)
        whole = b.floor(start)
        part = start - b.floats(whole)
    moved = clock.moved(b.sub(clock.own, whole), b.sub(clock.at, whole))
    gone, past = b.add(clock.gone, whole), b.add(clock.past, b.mul(later, length))
    least, most = None, _stop(clock, index, length)
    if clock.least is not None and later is index:
        least = number_of(b.sub(clock.least, b.mul(index, length)))
    moved = replaced(moved, most=most, least=least)
    return index, replaced(moved, offset=0 if part.equals(0) else part, gone=gone, past=past)


def _stop(clock: Clock, index: Term, length: Any) -> Any:
    """Where a cycle stops whose clock stops within one; None where the clock does not, or stops with a cycle."""
    b = clock.b
    if clock.most is None:
        return None
    cycles = b.div(clock.most, length)
    return None if cycles.kind == "i" and cycles.is_const else number_of(b.sub(clock.most, b.mul(index, length)))


def backwards(clock: Clock, length: Any) -> Clock:
    """The clock that runs from local step ``length`` down."""
    b, wide = clock.b, b_number(clock, length)
    if clock.plain and not (isinstance(wide, int) and wide > b.limit):
        at = b.sub(length, clock.at)
        own = b.minimum(b.floor(at), b.lift(length) - 1)
        return replaced(clock, own=own, at=at, inside=True)
    begun, pace, past = b.lift(clock.offset), None, b.lift(0)
    if clock.pace is not None and clock.pace.grows:
        pace = clock.pace
        whole, past = pace.last(b.add(length, clock.past))
        whole, part = clock._since_root(whole), b.floats(past) * clock.scale
    else:
        end, place = b.lift(clock.scale) * length, b.places.get(begun)
        if place is None or not exact_constant(end):
            whole, part = _up(b, end, begun)
        else:
            whole, place = place.later(end)
            part = place.turned.part
    at = b.sub(whole, clock.at)
    last = b.sub(whole, b.where(b.lt(begun, 0), 0, 1))  # a clock that is ahead has no step at the end
    own = b.minimum(b.floor(at), last)
    offset = number_of(part)
    least = 0 if clock.most is None else number_of(b.maximum(b.sub(length, clock.most), 0))
    moved = replaced(clock, own=own, at=at, offset=offset, inside=True, most=None, least=least, gone=0)
    return replaced(moved, past=number_of(past), root=0 if pace is not None else offset, pace=pace)


def _up(b: Any, length: Term, offset: Term) -> tuple[Term, Term]:
    """The first step at or after ``length + offset``, within the integers, and how far it is beyond."""
    if exact_constant(length) and not offset.is_const:  # a sum of reals would lose what is left of a step
        near = b.floor(length + Fraction(1, 2))
        rest = b.add(b.floats(length - near), b.floats(offset))
        up = b.neg(b.floor(b.neg(rest)))
        return b.add(near, up), b.sub(b.floats(up), rest)
    end = length + offset
    whole = b.minimum(b.neg(b.floor(-end)), b.limit)
    return whole, whole - end


@kind("reversed", method="reversed")
class Reversed(_Wrapper):
    """See :meth:`Schedule.reversed`."""

    schedule: Schedule = _fields.node("Schedule")

    def validate(self) -> None:
        check_finite(self.where(), self.schedule)

    def formula(self, clock: Clock) -> Term:
        n = self.schedule.duration
        return clock.finite(n, lambda c: self.schedule.formula(backwards(c, n)))

    def edges(self, stop: Any) -> Iterable[int]:
        n = self.schedule.duration
        return [n - edge + 1 for edge in self.schedule.edges(n)]

    def cycles(self, stop: int) -> list[int] | None:
        n = self.schedule.duration
        ends = self.schedule.cycles(n)
        return None if ends is None else sorted({*(n - end - 1 for end in ends[:-1]), n - 1})


@kind("mirrored", method="mirrored")
class Mirrored(_Wrapper):
    """See :meth:`Schedule.mirrored`."""

    schedule: Schedule = _fields.node("Schedule")

    def validate(self) -> None:
        check_finite(self.where(), self.schedule)

    @property
    def duration(self) -> Any:
        return 2 * self.schedule.duration

    def formula(self, clock: Clock) -> Term:
        return clock.finite(self.duration, self._both)

    def _both(self, clock: Clock) -> Term:
        b, n = clock.b, self.schedule.duration
        if clock.plain:
            if b.le(clock.at, n).value is True and b.lt(clock.own, n).value is True:
                return self.schedule.formula(clock)
            at = b.minimum(clock.at, b.sub(b.lift(n) * 2, clock.at))
            if b.lift(n).op == "const" and 2 * n > b.limit:  # twice the length is no integer of the target
                past = b.sub(clock.at, n)
                at = b.sub(n, b.maximum(past, b.neg(past)))
            own = b.minimum(clock.own, b.minimum(b.floor(at), b.lift(n) - 1))
            return self.schedule.formula(replaced(clock, own=own, at=at, inside=True))
        inner = self.schedule.formula
        return forked(self, clock, lambda: clock.split(n, inner, lambda c: inner(_back(c, n))))

    def edges(self, stop: Any) -> Iterable[int]:
        n = self.schedule.duration
        inner = list(self.schedule.edges(min(n, stop)))
        return inner if stop <= n else [*inner, n, *(2 * n - edge + 1 for edge in inner)]

    def cycles(self, stop: int) -> list[int] | None:
        return None


def _back(clock: Clock, n: Any) -> Clock:
    """The clock on its way back from local step ``n`` at ``n``; the last step before the turn owns the turn."""
    turned = backwards(clock, 2 * n)
    last = clock.b.lift(turned.edge(n)) - 1
    return replaced(turned, own=clock.b.minimum(turned.own, last))


@kind("stretched", method="stretched")
class Stretched(_Wrapper):
    """See :meth:`Schedule.stretched`."""

    schedule: Schedule = _fields.node("Schedule")
    k: float = _fields.positive(lengthens=True)

    @property
    def duration(self) -> Any:
        n = self.schedule.duration
        if isinstance(n, float):
            return n
        if is_jax(n) or is_jax(self.k):
            from lrsched.targets._jax import OPERATIONS

            return OPERATIONS["share"](self.k, n)
        column: Any = next((x for x in (n, self.k) if hasattr(x, "b")), None)
        return round(n * Fraction(self.k)) if column is None else column.b.share(_exact(self.k), n)

    def formula(self, clock: Clock) -> Term:
        b, n = clock.b, self.duration
        k: Any = Fraction(self.k) if isinstance(self.k, int | float) else _exact(self.k)
        perhaps = is_jax(n) and goes_on(self.schedule)  # whether all of it is the first step, only the run knows
        if is_jax(n) and is_jax(k) and any(isinstance(node, Advanced) for node in walk(self.schedule)):
            k = b.where(b.eq(n, 0), 1.0, k)  # where nothing is left, the last step before is a whole one
        pace = pace_of(b, k)
        if not perhaps and not (isinstance(n, int) and n == 0):
            return self.held(clock, lambda c: self.schedule.formula(c.stretched(k, pace)))
        first = self.schedule.formula(Clock(b, b.lift(0), b.lift(0)))
        return b.where(b.eq(n, 0), first, self.schedule.formula(clock.stretched(k, pace))) if perhaps else first

    def edges(self, stop: Any) -> Iterable[int]:
        k = Fraction(self.k)
        return [math.ceil(edge * k) for edge in self.schedule.edges(_over(stop, k))]

    def cycles(self, stop: int) -> list[int] | None:
        k = Fraction(self.k)
        ends = self.schedule.cycles(math.ceil(_over(stop, k)))
        return None if ends is None else [math.ceil((end + 1) * k) - 1 for end in ends]


def _exact(k: Any) -> Any:
    """A column of real numbers as the fractions that they are; anything else unchanged."""
    if getattr(k, "op", "") != "column" or is_jax(k.args[0]):
        return k
    values, index = k.args
    return k.b.column(np.array([Fraction(v) for v in values.tolist()], dtype=object), index)


def _over(stop: Any, k: Fraction) -> Any:
    return stop if stop == math.inf else Fraction(stop) / k


@kind("extended", method="extended")
class Extended(_Wrapper):
    """See :meth:`Schedule.extended`."""

    schedule: Schedule = _fields.node("Schedule")
    at: int = _fields.count()
    total: int = _fields.count(low=1)

    def validate(self) -> None:
        check_finite(self.where(), self.schedule)
        if any(map(is_jax, (self.at, self.total, self.schedule.duration))):
            return
        if self.at >= self.schedule.duration:
            fail(self.where(), "at", f"below the duration, {self.schedule.duration}", self.at)
        if self.total <= self.at:
            fail(self.where(), "total", f"above at, {self.at}", self.total)

    @property
    def duration(self) -> Any:
        return self.total

    def _scale(self, b: Any) -> Any:
        return number_of(b.div(b.lift(self.total) - self.at, b.lift(self.schedule.duration) - self.at))

    def formula(self, clock: Clock) -> Term:
        return clock.finite(self.total, self._both)

    def _both(self, clock: Clock) -> Term:
        b, scale, inner = clock.b, self._scale(clock.b), self.schedule.formula
        over, times = b.lift(self.total) - self.at, b.lift(self.schedule.duration) - self.at
        pace = Ratio(b, b.lift(1), times, over) if b.lift(scale).op == "bound" else None

        def after(late: Clock) -> Term:
            return inner(late.since(self.at).stretched(scale, pace).since(b.neg(self.at)))

        return forked(self, clock, lambda: clock.split(self.at, inner, after))

    def edges(self, stop: Any) -> Iterable[int]:
        n = self.schedule.duration
        ratio = Fraction(self.total - self.at, n - self.at)
        for edge in self.schedule.edges(n):
            yield edge if edge <= self.at else self.at + math.ceil((edge - self.at) * ratio)
        yield self.at

    def cycles(self, stop: int) -> list[int] | None:
        ends = self.schedule.cycles(self.schedule.duration)
        ratio = Fraction(self.total - self.at, self.schedule.duration - self.at)
        if ends is None:
            return None
        return [e if e < self.at else self.at + math.ceil((e + 1 - self.at) * ratio) - 1 for e in ends]

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        inner = rescale(self.schedule, ratio, least=1)
        at = min(round(self.at * ratio), inner.duration - 1)
        return Extended(inner, at, max(steps or 1, at + 1))


COUNTING = (
    *("advanced", "exponential_decay", "per_epoch"),
    *("sampled_at", "sampled_every", "silver_steps", "step_decay"),
)


def _counts_phases(node: Node) -> bool:
    """Whether a kind counts cycles, samples or steps for ever, so that the clock may not begin beyond the integers."""
    if isinstance(node, Restarted):
        return node.t_mult == 1.0
    if isinstance(node, After):
        return node.policy in ("repeat", "mirror", "extrapolate")
    return node.kind_name in COUNTING


@kind("advanced", method="advanced")
class Advanced(_Wrapper):
    """See :meth:`Schedule.advanced`."""

    schedule: Schedule = _fields.node("Schedule")
    k: int = _fields.count()

    def validate(self) -> None:
        if not is_jax(self.k) and not is_jax(self.schedule.duration) and self.k > self.schedule.duration:
            fail(self.where(), "k", f"at most the duration, {self.schedule.duration}", self.k)

    @property
    def duration(self) -> Any:
        n = self.schedule.duration
        return n if isinstance(n, float) else n - self.k

    def formula(self, clock: Clock) -> Term:
        return self.held(clock, self._later)

    def _later(self, clock: Clock) -> Term:
        b = clock.b
        self._refuse_beyond(b.limit)
        if clock.plain and clock.own.hi + b.lift(self.k).hi > b.limit and b.single:
            back = number_of(b.neg(self.k))
            return self.schedule.formula(replaced(clock, offset=back, past=back, inside=False, most=None))
        return self.schedule.formula(clock.since(b.neg(self.k)))

    def _refuse_beyond(self, limit: int) -> None:
        """An error where phases would be counted from a step that is no integer of the target: it has no way to."""
        k, inner = self.k, self.schedule
        while isinstance(inner, Advanced):
            k, inner = k + inner.k, inner.schedule
        if isinstance(k, int) and k > limit and any(map(_counts_phases, walk(inner))):
            fail(self.where(), "k", f"at most {limit}, the last step that JAX counts here (enable x64)", k)

    def edges(self, stop: Any) -> Iterable[int]:
        return [edge - self.k for edge in self.schedule.edges(stop + self.k)]

    def cycles(self, stop: int) -> list[int] | None:
        ends = self.schedule.cycles(stop + self.k)
        return None if ends is None else [end - self.k for end in ends if end >= self.k]

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        return Advanced(rescale(self.schedule, ratio), round(self.k * ratio))


@kind("delayed", method="delayed")
class Delayed(_Wrapper):
    """See :meth:`Schedule.delayed`."""

    schedule: Schedule = _fields.node("Schedule")
    k: int = _fields.count()

    @property
    def duration(self) -> Any:
        n = self.schedule.duration
        return n if isinstance(n, float) else n + self.k

    def formula(self, clock: Clock) -> Term:
        b = clock.b
        start = Clock(b, b.lift(0), b.lift(0), inside=False)
        return clock.split(
            self.k, lambda c: self.schedule.formula(start), lambda c: self.schedule.formula(c.since(self.k))
        )

    def edges(self, stop: Any) -> Iterable[int]:
        return [self.k, *(edge + self.k for edge in self.schedule.edges(stop))]

    def cycles(self, stop: int) -> list[int] | None:
        ends = self.schedule.cycles(max(0, stop - self.k))
        return None if ends is None else [end + self.k for end in ends]

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        k = round(self.k * ratio)
        inner = rescale(self.schedule, ratio) if steps is None else rescale_to(self.schedule, steps - k)
        return Delayed(inner, k)


@kind("lasting", method="lasting")
class Lasting(_Wrapper):
    """See :meth:`Schedule.lasting`."""

    schedule: Schedule = _fields.node("Schedule")
    n: int = _fields.count()

    @property
    def duration(self) -> Any:
        return self.n

    def formula(self, clock: Clock) -> Term:
        b, n = clock.b, b_number(clock, self.n)
        inner = self.schedule.duration
        enough = isinstance(inner, int | float) and isinstance(n, int) and inner >= n
        if isinstance(n, int) and n == 0:
            return self.schedule.formula(Clock(b, b.lift(0), b.lift(0)))
        return clock.finite(self.n, lambda c: self.schedule.formula(c.within(enough)))

    def edges(self, stop: Any) -> Iterable[int]:
        end = min(stop, self.n)
        inner = self.schedule.duration
        return [*(e for e in self.schedule.edges(end) if e < end), *([inner] if inner < end else [])]

    def cycles(self, stop: int) -> list[int] | None:
        ends = self.schedule.cycles(min(stop, self.n))
        return None if ends is None else sorted({min(end, self.n - 1) for end in ends})

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        return Lasting(rescale(self.schedule, ratio), round(self.n * ratio) if steps is None else steps)


def b_number(clock: Clock, value: Any) -> Any:
    """The plain number of a field, or its term."""
    term = clock.b.lift(value)
    return term.args[0] if term.op == "const" else term


@kind("after", method="after")
class After(_Wrapper):
    """See :meth:`Schedule.after`."""

    schedule: Schedule = _fields.node("Schedule")
    policy: Any = _fields.static("policy")

    def validate(self) -> None:
        check_finite(self.where(), self.schedule)
        if isinstance(self.schedule, After):
            object.__setattr__(self, "schedule", self.schedule.schedule)

    def formula(self, clock: Clock) -> Term:  # noqa: PLR0911 - one return a policy
        if clock.inside:
            return self.schedule.formula(clock)
        b, n, inner = clock.b, self.schedule.duration, self.schedule.formula
        if isinstance(self.policy, float):
            return clock.split(n, inner, lambda c: b.lift(self.policy))
        if self.policy == "hold":
            return clock.finite(n, inner)
        if self.policy == "error":
            beyond = b.lt(b.lift(clock.edge(n)) - 1, clock.own)
            return b.checked(beyond, clock.finite(n, inner))
        if self.policy == "extrapolate":
            return self._line(clock)
        index, cycle = periodic(clock, n)
        if self.policy == "mirror":
            back, odd = backwards(cycle, n), b.eq(b.mod(index, 2), 1)
            if not clock.plain:
                return forked(self, clock, lambda: b.where(odd, inner(back), inner(cycle.within(True))))
            cycle = cycle.moved(b.where(odd, back.own, cycle.own), b.where(odd, back.at, cycle.at))
        return inner(cycle.within(True))

    def _line(self, clock: Clock) -> Term:
        b, n = clock.b, b_number(clock, self.schedule.duration)
        last = b.lift(n) - 1
        end, before = (lowered(self.schedule, Clock(b, last, at, inside=True)) for at in (b.lift(n), last))

        def beyond(late: Clock) -> Term:
            return b.floats(time_of(late.since(n))) * (b.floats(end) - before) + end

        return clock.split(n, self.schedule.formula, beyond)

    def cycles(self, stop: int) -> list[int] | None:
        return self.schedule.cycles(min(stop, self.schedule.duration))

    def edges(self, stop: Any) -> Iterable[int]:
        return self.schedule.edges(min(stop, self.schedule.duration))


# ---- sampling


@kind("sampled_every", method="sampled")
class SampledEvery(_Wrapper):
    """See :meth:`Schedule.sampled`."""

    schedule: Schedule = _fields.node("Schedule")
    every: int = _fields.count(low=1)

    def formula(self, clock: Clock) -> Term:
        return self.held(clock, self._read)

    def _read(self, clock: Clock) -> Term:
        b = clock.b
        every = b.lift(self.every)
        most = b.limit // every.args[0] if every.op == "const" else b.limit
        own, at = index_of(clock, every), index_at(clock, every)
        if b.single and every.op == "const" and at.hi > most:  # times beyond the integers, counted in samples
            return self.schedule.formula(Clock(b, own, at).stretched(Fraction(1, every.args[0])))
        own, at = (b.mul(b.minimum(i, most), every) for i in (own, at))
        return self.schedule.formula(_read_at(b, own, at))

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        return SampledEvery(rescale(self.schedule, ratio), max(1, round(self.every * ratio)))


def _read_at(b: Any, own: Term, at: Term) -> Clock:
    """The clock of a sample (or an epoch); one taken at the end of the whole belongs to the step before it."""
    return Clock(b, own if own is at else b.maximum(own, b.sub(at, 1)), at)


@kind("sampled_at", method="sampled")
class SampledAt(_Wrapper):
    """See :meth:`Schedule.sampled`."""

    schedule: Schedule = _fields.node("Schedule")
    at: tuple[int, ...] = _fields.counts(least=1)

    def validate(self) -> None:
        from lrsched.profiles import check_increasing

        check_increasing(self.where(), "at", self.at)

    def formula(self, clock: Clock) -> Term:
        return self.held(clock, self._read)

    def _read(self, clock: Clock) -> Term:
        b = clock.b
        if is_jax(self.at) or any(map(is_jax, self.at)):
            import jax.numpy as jnp

            places: Any = jnp.concatenate([jnp.zeros(1, int), jnp.asarray(self.at, int)])
        else:
            places = np.array([0, *self.at], dtype=np.int64)
        own, at = (b.gather(places, b.search(places[1:], i), "i") for i in (index_of(clock), index_at(clock)))
        return self.schedule.formula(_read_at(b, own, at))

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        return SampledAt(rescale(self.schedule, ratio), tuple(sorted({round(a * ratio) for a in self.at})))


@kind("per_epoch", method="per_epoch")
class PerEpoch(_Wrapper):
    """See :meth:`Schedule.per_epoch`."""

    schedule: Schedule = _fields.node("Schedule")
    steps_per_epoch: int = _fields.count(low=1)

    @property
    def duration(self) -> Any:
        n = self.schedule.duration
        return n if isinstance(n, float) else n * self.steps_per_epoch

    def formula(self, clock: Clock) -> Term:
        b = clock.b
        own, at = index_of(clock, self.steps_per_epoch), index_at(clock, self.steps_per_epoch)
        return self.schedule.formula(Clock(b, own, at) if clock.plain else _read_at(b, own, at))

    def edges(self, stop: Any) -> Iterable[int]:
        return [edge * self.steps_per_epoch for edge in self.schedule.edges(stop / self.steps_per_epoch)]

    def cycles(self, stop: int) -> list[int] | None:
        ends = self.schedule.cycles(math.ceil(stop / self.steps_per_epoch))
        return None if ends is None else [(end + 1) * self.steps_per_epoch - 1 for end in ends]

    def _rescaled(self, ratio: Fraction, steps: int | None) -> Schedule:
        per_epoch = self.steps_per_epoch * ratio
        if per_epoch.denominator == 1:
            return PerEpoch(self.schedule, per_epoch.numerator)
        return Stretched(self, float(ratio))


# ---- re-laying


def rescaled(schedule: Schedule, total: Any) -> Schedule:
    """See :meth:`Schedule.rescaled`."""
    check_finite("rescaled", schedule)
    schedule.concrete("rescaled")
    return rescale_to(schedule, check_count("rescaled", "total", total))


def rescale_to(schedule: Schedule, steps: int) -> Schedule:
    """The schedule with every boundary scaled so that it lasts ``steps`` steps."""
    if schedule.duration == steps:
        return schedule
    if schedule.duration == 0:
        return schedule.lasting(steps)
    return rescale(schedule, Fraction(steps, schedule.duration))


def rescale(schedule: Schedule, ratio: Fraction, least: int = 0) -> Schedule:
    """The schedule with every length times ``ratio``."""
    if schedule.duration == math.inf:
        return schedule._rescaled(ratio, None)
    steps = max(least, round(schedule.duration * ratio))
    if schedule.duration == 0:
        return schedule
    if steps == 0:
        return Advanced(schedule, schedule.duration)
    result = schedule._rescaled(ratio, steps)
    return result if result.duration == steps else Lasting(result, steps)


def rescaled_fields(schedule: Schedule, ratio: Fraction, steps: int | None) -> Schedule:
    """The rule for schedules whose only length is a field called ``steps``, or that have none."""
    fields = {name: getattr(schedule, name) for name in schedule.__match_args__}  # type: ignore[attr-defined]
    if "steps" in fields and steps is not None:
        return type(schedule)(**{**fields, "steps": steps})
    if isinstance(schedule, Custom):
        return Stretched(schedule, float(ratio))
    return schedule


if TYPE_CHECKING:
    _ = Node
